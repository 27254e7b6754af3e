//! A neural network as the rest of the program sees it: bytes of a `.tflite` file to a checked [`Graph`].
//!
//! Knows the file format and LiteRT's semantics; does not know manifests, boards or kernel libraries.

pub mod builtin;
pub mod graph;
pub mod lower;
pub mod read;

pub use graph::{Graph, Operator, OperatorId, Options, Quantization, Tensor, TensorId, TensorType};
