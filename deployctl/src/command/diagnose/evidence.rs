//! What a build left in `out/`, or a release holds, that helps to read a log: digests, memory plan, ELF file, and what known
//! mistakes looked like.

use std::collections::BTreeMap;
use std::fs;

use camino::Utf8PathBuf;
use serde::de::DeserializeOwned;

use crate::gate::evidence::{Audit, Expectation};
use crate::manifest::{Board, Region};
use crate::memory::MemoryPlan;
use crate::release::about::Release;
use crate::release::{Files, TARGETS};
use crate::runner::decode::Decoder;
use crate::runner::log::Expected;
use crate::runner::{Injected, Injection};
use crate::stage::{Called, artifact, decoder, expected};

/// What is used of a release.
const PAPERS: [&str; 6] = [
    artifact::SESSION,
    artifact::EXPECTATION,
    artifact::AUDIT,
    artifact::MEMORY,
    artifact::HARNESS,
    artifact::INJECTED,
];

/// Where evidence lies.
enum Papers {
    /// In a folder.
    Folder(Utf8PathBuf),
    /// In a release: bytes by name.
    Released(BTreeMap<&'static str, Vec<u8>>),
}

impl Papers {
    /// A file that is not there says nothing.
    fn read(&self, name: &str) -> Option<Vec<u8>> {
        match self {
            Self::Folder(folder) => fs::read(folder.join(name)).ok(),
            Self::Released(papers) => papers.get(name).cloned(),
        }
    }
}

/// What is known of a target's build.
pub(super) struct Evidence {
    papers: Papers,
    pub(super) deployment: String,
    /// Version of the release that it is of.
    pub(super) release: Option<String>,
    pub(super) board: String,
    /// The build that it is of.
    pub(super) digest: String,
    regions: Vec<Region>,
    audit: Option<Audit>,
}

impl Evidence {
    /// What is in the folder; none where nothing was built into it.
    pub(super) fn open(folder: Utf8PathBuf, deployment: &str, board: &Board) -> Option<Self> {
        Self::of(Papers::Folder(folder), deployment, (&board.name, board.memory.clone()))
    }

    /// What a release holds of a board.
    pub(super) fn released(release: &Release, files: &Files, board: &str, regions: Vec<Region>) -> Option<Self> {
        let paper = |name: &'static str| Some((name, files.get(&format!("{TARGETS}{board}/{name}"))?.clone()));
        let papers = Papers::Released(PAPERS.into_iter().filter_map(paper).collect());
        let evidence = Self::of(papers, &release.deployment, (board, regions))?;
        Some(Self { release: Some(release.version.clone()), ..evidence })
    }

    fn of(papers: Papers, deployment: &str, (board, regions): (&str, Vec<Region>)) -> Option<Self> {
        let session = String::from_utf8(papers.read(artifact::SESSION)?).ok()?;
        let digest = session.lines().next()?.strip_prefix("hello ")?.split(' ').next()?.to_owned();
        let (deployment, board) = (deployment.to_owned(), board.to_owned());
        let evidence = Self { papers, deployment, release: None, board, digest, regions, audit: None };
        Some(Self { audit: evidence.json(artifact::AUDIT), ..evidence })
    }

    /// What people call it: `kws on mps2-an386`, `kws 1.0.0 on mps2-an386`.
    pub(super) fn name(&self) -> String {
        let version = self.release.as_ref().map_or_else(String::new, |version| format!(" {version}"));
        format!("{}{version} on {}", self.deployment, self.board)
    }

    /// A file that is gone, or another version's, says nothing.
    fn json<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        serde_json::from_slice(&self.papers.read(name)?).ok()
    }

    pub(super) fn expected(&self) -> Option<Expected> {
        let expectation: Expectation = self.json(artifact::EXPECTATION)?;
        let rows = &self.audit.as_ref()?.rows;
        let first_hop = rows.iter().filter(|row| row.label.starts_with("hop.")).map(|row| row.operator.0).min();
        Some(expected(&expectation, first_hop))
    }

    pub(super) fn injected(&self) -> Vec<Injected> {
        let injection: Option<Injection> = self.json(artifact::INJECTED);
        // That of another build is of other addresses.
        let injection = injection.filter(|injection| injection.digest == self.digest).unwrap_or_default();
        injection.injected.into_iter().filter(|one| one.detected).collect()
    }

    pub(super) fn decoder(&self) -> Decoder {
        let harness = self.papers.read(artifact::HARNESS).unwrap_or_default();
        let plan: Option<serde_json::Value> = self.json(artifact::MEMORY);
        let plan: Option<MemoryPlan> = plan.and_then(|mut planned| serde_json::from_value(planned["plan"].take()).ok());
        let rows = self.audit.iter().flat_map(|audit| &audit.rows);
        let mut operators = Vec::new();
        for row in rows {
            let called = |called: String, name: &str| Called { called, name: name.to_owned() };
            while operators.len() < row.operator.0 {
                operators.push(called(format!("op:{}", operators.len()), ""));
            }
            let own = row.label.bytes().next().is_some_and(|first| first.is_ascii_digit());
            operators.push(called(if own { format!("op:{}", row.label) } else { row.label.clone() }, &row.name));
        }
        decoder(&harness, plan.as_ref(), operators, &self.regions)
    }

    /// An operator with the tensor that it writes and its kernel.
    pub(super) fn operator(&self, index: usize) -> Option<String> {
        let row = self.audit.as_ref()?.rows.iter().find(|row| row.operator.0 == index)?;
        let kernel = row.kernel.as_ref().map_or("no kernel", |kernel| kernel.symbol.as_str());
        Some(format!("{} {} on `{kernel}`, writes `{}` {:?}", row.label, row.name, row.output, row.shape))
    }
}
