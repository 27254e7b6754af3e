//! Whether a model fits a board, region by region. Knows regions and sizes; does not know kernels.
//!
//! RAM is counted: the arena is planned to the byte. Flash is estimated: constants are known, code is not compiled yet.

use serde::Serialize;

use super::super::survey::Survey;
use crate::manifest::{Board, Region, RegionKind};

/// What an app has needed of RAM besides the arena: stack at most, and static data.
pub(super) const STACK: u64 = 3_072;

/// An answer with the doubt that is in it. Ordered from good to bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Fits {
    Yes,
    /// It depends on what is only known after compiling.
    Close,
    /// An operator has no kernel, or a scratch size is not known.
    Unknown,
    No,
}

impl Fits {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::Close => "close",
            Self::Unknown => "unknown",
            Self::No => "no",
        }
    }
}

/// One region that the firmware lies in.
#[derive(Clone, Debug, Serialize)]
pub(super) struct RegionFit {
    pub(super) name: String,
    pub(super) kind: RegionKind,
    pub(super) address: u64,
    /// Bytes that there are.
    pub(super) size: u64,
    /// Bytes that are taken, at least and at most; absent where that is not known.
    pub(super) least: Option<u64>,
    pub(super) most: Option<u64>,
    pub(super) fits: Fits,
}

/// All regions that the firmware lies in; none on the host.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Fit {
    pub(super) fits: Fits,
    pub(super) regions: Vec<RegionFit>,
}

impl Fit {
    pub(super) fn of(board: &Board, survey: &Survey, constants: u64) -> Self {
        let ram = survey.peak.map(|peak| (peak, peak + STACK));
        let flash = (survey.peak.is_some() || survey.audit.unsupported().next().is_none())
            .then_some((constants + survey.code.least, constants + survey.code.most));
        let regions: Vec<RegionFit> = [(RegionKind::Flash, flash), (RegionKind::Ram, ram)]
            .into_iter()
            .filter_map(|(kind, taken)| Some(region_fit(board.used(kind)?, taken)))
            .collect();
        let worst = regions.iter().map(|region| region.fits).max();
        // A host takes what it can run.
        let fits = worst.unwrap_or(if survey.peak.is_some() { Fits::Yes } else { Fits::Unknown });
        Self { fits, regions }
    }

    /// The region of a kind.
    pub(super) fn region(&self, kind: RegionKind) -> Option<&RegionFit> {
        self.regions.iter().find(|region| region.kind == kind)
    }
}

fn region_fit(region: &Region, taken: Option<(u64, u64)>) -> RegionFit {
    let size = region.size.0;
    let fits = match taken {
        None => Fits::Unknown,
        Some((least, _)) if least > size => Fits::No,
        Some((_, most)) if most > size => Fits::Close,
        Some(_) => Fits::Yes,
    };
    RegionFit {
        name: region.name.clone(),
        kind: region.kind,
        address: region.address,
        size,
        least: taken.map(|(least, _)| least),
        most: taken.map(|(_, most)| most),
        fits,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::Bytes;

    #[test]
    fn a_region_is_full_close_or_free() {
        let region = Region {
            name: "RAM".into(),
            kind: RegionKind::Ram,
            address: 0,
            size: Bytes(1_000),
            memory: None,
            used: true,
            off_at_reset: false,
            wait_states: None,
        };
        let fits = |taken| region_fit(&region, taken).fits;
        assert_eq!(fits(Some((500, 1_000))), Fits::Yes);
        assert_eq!(fits(Some((1_000, 1_001))), Fits::Close);
        assert_eq!(fits(Some((1_001, 2_000))), Fits::No);
        assert_eq!(fits(None), Fits::Unknown);
    }
}
