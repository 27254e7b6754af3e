//! A graph's operators as kernel calls: LiteRT Micro's `Prepare`, done once on the host.
//!
//! A [`Step`] holds everything an operator needs besides its tensors' bytes: shapes, offsets, activation bounds and
//! requantization factors. The host reference executes steps, the memory planner reads their tensors, and the emitter
//! writes them out as constants; there is no second place where such a number is computed.

use kernels::{Add, Conv2d, DepthwiseConv2d, FullyConnected, Pool2d, Softmax};
use serde::{Deserialize, Serialize};

use super::{OperatorId, TensorId};

/// One operator, ready to run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// The operator in the graph.
    pub operator: OperatorId,
    /// The kernel's parameters.
    pub call: Call,
    /// Activations that the kernel reads, in the order of its arguments.
    pub inputs: Vec<TensorId>,
    /// The activation that the kernel writes.
    pub output: TensorId,
    /// Constant data, for operators with weights.
    pub weights: Option<StepWeights>,
}

/// What an operator computes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names are LiteRT's")]
pub enum Call {
    Conv2d(Conv2d),
    DepthwiseConv2d(DepthwiseConv2d),
    FullyConnected(FullyConnected),
    AveragePool2d(Pool2d),
    MaxPool2d(Pool2d),
    Add(Add),
    Softmax(Softmax),
    /// Input and output are the same bytes; the memory plan gives both one place.
    Reshape,
}

/// Weights of a step: where they are, and how its accumulator becomes output.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepWeights {
    /// The filter tensor, a constant.
    pub filter: TensorId,
    /// The bias tensor, a constant, where there is one.
    pub bias: Option<TensorId>,
    /// One an output channel, or a single one.
    pub multipliers: Vec<i32>,
    /// As many as multipliers.
    pub shifts: Vec<i32>,
}
