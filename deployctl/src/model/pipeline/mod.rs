//! What stands around a model: the steps from samples or pixels to its input, and from its output to a decision.
//!
//! A manifest declares them as a [`Spec`]. [`build`] checks it from end to end against the tensor that it feeds and makes
//! operators of it, and [`join`] puts these around the model's own, in the same [`Graph`](super::Graph): so expected outputs,
//! memory, emission and the comparison on the target treat a mel filter bank like a convolution. What a stream needs are
//! operators that run for each [hop](Hops), as often as samples arrive; the rest runs with the model.
//!
//! Knows steps; does not know manifests.

pub mod after;
mod audio;
mod builder;
pub mod image;
mod join;
mod plain;
pub mod sensor;
mod sound;
mod spec;
mod table;

#[cfg(test)]
mod tests;

use kernels::Op as Kernel;
use preprocess::Op;
use serde::{Deserialize, Serialize};

pub use after::{After, AfterStep, build_after, conclude};
pub use builder::{Built, build};
pub use join::join;
pub use sound::{
    DctNorm, Emphasized, Energy, FrontEnd, FrontEndOutput, FrontEndTables, LogBase, MelBands, MelNorm, MelScale,
    MelSlopes, Over, Pcan, WindowShape,
};
pub use spec::{Form, Source, Spec, StepSpec, Wrong};

use super::{Block, TensorId};

/// Which operators of a graph stand around the model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pipeline {
    /// So many of the main graph come before the model's first.
    pub before: usize,
    /// So many of the main graph come behind the model's last.
    pub after: usize,
    /// What runs for each hop of a stream.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hops: Option<Hops>,
}

/// What runs for each hop: the samples that arrive at once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Hops {
    /// A hop's samples; an activation that is in no list of inputs.
    pub input: TensorId,
    /// The operators. The first one cuts a frame; where `ready` is 0 then, the others do not run.
    pub block: Block,
    /// One bool: a frame is complete.
    pub ready: TensorId,
    /// One bool, written by the last operator: enough frames are there for an inference.
    pub due: TensorId,
    /// Hops until the first frame is complete.
    pub first: usize,
    /// Frames that one inference looks at.
    pub frames: usize,
}

impl Hops {
    /// Hops from the beginning to the first inference.
    pub fn total(&self) -> usize {
        self.first + self.frames - 1
    }
}

/// What a step computes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepOp {
    /// A step of its own.
    Step(Op),
    /// A kernel that models have, too.
    Kernel(Kernel),
}
