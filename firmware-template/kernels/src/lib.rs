//! Reference int8 kernels, bit-exact with LiteRT Micro, and the parameter types that every kernel library shares.
//!
//! The host computes expected outputs with these functions and firmware falls back to them, so they are `no_std`, do not
//! allocate and do not know manifests, boards or memory plans. Every parameter is plain `Copy` data that can be a `const`
//! in flash; weights, biases and requantization multipliers come beside it as slices.
#![no_std]

mod params;
pub mod model;

pub use params::*;
