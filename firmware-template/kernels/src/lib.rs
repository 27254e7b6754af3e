//! Reference kernels, bit-exact with LiteRT Micro, and the parameter types that every kernel library shares.
//!
//! The host computes expected outputs with these functions and firmware falls back to them, so they are `no_std`, do not
//! allocate and do not know manifests, boards or memory plans. Every parameter is plain `Copy` data that can be a `const`
//! in flash; weights, biases and requantization multipliers come beside it as slices.
//!
//! RESHAPE has no kernel: its input and output are the same bytes. Accumulators wrap at 32 bits, as the C code that they
//! follow does in practice. A kernel panics where slices are shorter than its parameters say.
#![no_std]
#![deny(unsafe_code)]

mod activation;
mod add;
mod arithmetic;
mod basic_classifier;
mod batch_matmul;
mod blocks;
mod broadcast;
mod bytes;
mod circular_buffer;
mod compare;
mod conv;
mod convolve;
mod custom;
mod depthwise_conv;
mod detection;
mod fill;
mod fixed_point;
mod fully_connected;
mod gather;
mod join;
mod lstm;
pub mod model;
mod normalize;
mod op;
mod pad;
mod params;
mod pool;
mod quantize;
mod rearrange;
mod reduce;
mod requant;
mod resize;
mod scaled;
mod scan;
mod shape;
pub mod signal;
mod softmax;
mod svdf;
mod table;
#[cfg(test)]
mod testing;
mod transfer;
mod transpose_conv;
mod unary;
mod update;
mod window;

pub use add::add;
pub use arithmetic::{FunctionF32, FunctionI32};
pub use batch_matmul::{Matrices, Product};
pub use broadcast::{BROADCAST_RANK, Broadcast};
pub use bytes::{Element, as_i8, view, view_mut, words_as_i8, words_as_i8_mut, wrong_operands};
pub use compare::Comparison;
pub use conv::conv_2d;
pub use convolve::{Convolution, Layer};
pub use custom::{CustomOperator, CustomTensor, CustomValue};
pub use depthwise_conv::depthwise_conv_2d;
pub use detection::WORDS as DETECTION_WORDS;
pub use fully_connected::fully_connected;
pub use lstm::{LstmGate, LstmSizes};
pub use op::*;
pub use params::*;
pub use pool::{PoolFunction, Pooling, average_pool_2d, max_pool_2d};
pub use reduce::{Along, Fold, SumScale};
pub use resize::Between;
pub use scaled::{Combination, Side};
pub use scan::Axis;
pub use signal::Smoothing;
pub use softmax::{SOFTMAX_TABLE, exponential_table, reciprocal_table, softmax};
pub use svdf::SvdfSizes;
pub use table::{Curve, Elu, HardSwish, reciprocal_square_root};
pub use transpose_conv::Scatter;
pub use unary::UnaryFunction;
