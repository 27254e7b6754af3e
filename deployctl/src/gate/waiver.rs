//! Waivers over checks. What day it is was asked elsewhere: here a waiver holds or has expired.

use serde::{Deserialize, Serialize};

use super::{Check, Verdict};
use crate::manifest::Waiver;

/// A waiver, and whether its last day has passed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waived {
    /// The manifest's words.
    #[serde(flatten)]
    pub waiver: Waiver,
    /// Whether it is void.
    pub expired: bool,
}

/// Applies waivers: what one of them names and did not pass is waived, or fails where the waiver has expired.
pub(super) fn apply(waivers: &[Waived], checks: &mut [Check]) {
    for Waived { waiver, expired } in waivers {
        let Waiver { gate, owner, reason, until } = waiver;
        for check in checks.iter_mut().filter(|check| check.name == *gate) {
            let (was, detail) = (check.verdict, check.detail.trim_end_matches('.'));
            (check.verdict, check.detail) = match (was.is_good(), expired) {
                (true, true) => (was, format!("{detail}; the waiver of {owner} expired after {until}: remove it")),
                (true, false) => (was, format!("{detail}; the waiver of {owner} until {until} is not needed")),
                (false, true) => (
                    Verdict::Fail,
                    format!(
                        "the waiver expired: {owner} waived this until {until} ({reason}); mend it, or renew the waiver with its \
                         owner. Without a waiver this is {}: {detail}",
                        was.name()
                    ),
                ),
                (false, false) => (
                    Verdict::Waived,
                    format!(
                        "waived by {owner} until {until} ({reason}). Without a waiver this is {}: {detail}",
                        was.name()
                    ),
                ),
            };
            if !was.is_good() && *expired {
                check.manifest = Some(format!("gates.waive.{gate}"));
            }
        }
    }
}
