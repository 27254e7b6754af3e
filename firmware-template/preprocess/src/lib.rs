//! What stands before and behind a model: from samples and pixels to its input, from its output to a decision.
//!
//! The one implementation: the host computes features, expected outputs and parity with these functions, firmware runs them,
//! and their results are the same bits on both. So they are `no_std`, do not allocate, take every function that is not exact
//! from `libm`, and never fuse or reorder a sum. They have the common form of kernels (`fn name(p: &Name, inputs: &[&[i8]],
//! outputs: &mut [&mut [i8]])`): tables that the host computes come behind the inputs, state that is kept behind the outputs.
#![no_std]
#![deny(unsafe_code)]

mod affine;
mod dct;
mod decision;
mod detrend;
mod feature;
mod frame;
mod logarithm;
mod lookup_channels;
mod mel;
mod normalize;
mod number;
mod op;
mod pcen;
mod picture;
mod pixel;
mod pre_emphasis;
mod rows;
mod smoothing;
mod spectrum;
mod standardize;
mod statistics;
mod window;

/// What parameters of steps name.
pub use kernels::{Element, Extent, ResizeBilinear, ResizeNearest};
pub use logarithm::LogBase;
pub use op::*;
pub use pixel::PixelFormat;
pub use statistics::Statistic;
