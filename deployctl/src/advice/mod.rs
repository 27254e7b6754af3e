//! Why an operator runs slowly, wrongly or not at all on a core, and the ways out of it, best first.
//!
//! Knows graphs, steps and kernels; does not know manifests or boards. What is advised is decided in `rules` and nowhere
//! else; this module says what advice is and in which order it is given.

mod rules;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use crate::library::{Defect, Features, Kernel};
use crate::model::lower::{Refusal, Step};
use crate::model::{Graph, OperatorId};

pub use rules::{core, find};

/// An operator, what runs it, and where.
#[derive(Clone, Copy, Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Site<'a> {
    pub graph: &'a Graph,
    pub operator: OperatorId,
    pub lowered: &'a Result<Step, Refusal>,
    /// Absent where nothing runs it.
    pub kernel: Option<&'a Kernel>,
    /// Why the kernel is not the library's.
    pub reason: Option<&'a str>,
    /// A published defect that the kernel hits.
    pub defect: Option<&'a Defect>,
    pub macs: u64,
    pub features: Features,
}

/// How an operator stands where it does not stand well. Ordered from bad to worse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// It runs, on code that does not use what the core has.
    Slow,
    /// Its kernel has a published defect that this call hits.
    KnownBad,
    /// Nothing runs it.
    Unsupported,
}

impl Standing {
    /// As tables print it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Slow => "slow",
            Self::KnownBad => "known bad",
            Self::Unsupported => "not supported",
        }
    }
}

/// An operator that does not stand well.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// How.
    pub standing: Standing,
    /// Why: a clause without a full stop.
    pub why: String,
    /// Ways out, best first.
    pub ways: Vec<Way>,
}

/// A way out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Way {
    /// Of which kind.
    pub kind: WayKind,
    /// What to do: clauses without a full stop, for a reader who knows the exporting side or the firmware, not both.
    pub what: String,
    /// To do it.
    pub effort: Level,
    /// That it changes results, or does not work out.
    pub risk: Level,
    /// From then on, with every new model or version.
    pub upkeep: Level,
}

/// Kinds of ways out. The order breaks ties.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WayKind {
    /// A setting of the manifest, the library's version or the board.
    Setting,
    /// The code that exports or converts the model.
    Export,
    /// The `.tflite` file, into one that gives the same bytes for every input.
    Rewrite,
    /// Another layer in its place, and training again.
    Architecture,
    /// A kernel of one's own.
    Kernel,
}

impl WayKind {
    /// As people read it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Setting => "setting",
            Self::Export => "export",
            Self::Rewrite => "bit-exact rewrite",
            Self::Architecture => "other architecture",
            Self::Kernel => "custom kernel",
        }
    }
}

/// How much of something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Level {
    Low,
    Medium,
    High,
}

impl Level {
    /// As people read it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}

/// Best first. Upkeep and risk weigh twice as much as effort, since they last as long as the product: a change of the
/// exporting code stands before a rewrite that every export needs again, and both before a kernel of one's own.
fn rank(ways: &mut [Way]) {
    let weight = |level: Level| level as usize;
    ways.sort_by_key(|way| (2 * (weight(way.upkeep) + weight(way.risk)) + weight(way.effort), way.kind));
}
