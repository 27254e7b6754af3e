//! A neural network as the rest of the program sees it: bytes of a `.tflite` file to a checked [`Graph`].
//!
//! Knows the file format and LiteRT's semantics; does not know manifests, boards or kernel libraries.

pub mod builtin;
mod compare;
pub mod custom;
mod digest;
mod evaluate;
mod flow;
pub mod graph;
pub mod lower;
mod name;
mod number;
mod optimize;
mod origin;
pub mod pipeline;
pub mod read;
mod stream;
pub mod vectors;

pub use compare::{Comparison, compare};
pub use custom::{CustomOptions, CustomValue};
pub use digest::{digest, digest_all};
pub use evaluate::{
    EvaluateError, NoOwnKernels, OwnKernels, State, evaluate, evaluate_from, evaluate_hop, evaluate_with,
};
pub use flow::{BLOCKS, Block};
pub use graph::{Graph, Operator, OperatorId, Options, Quantization, Tensor, TensorId, TensorType};
pub use lower::{Call, Refusal, Step, StepWeights, lower};
pub use name::short_name;
pub use number::{Number, hex};
pub use optimize::{optimize, optimize_but};
pub use origin::origin;
pub use read::{Read, ReadError, read};
pub use stream::{Played, Written, play};
