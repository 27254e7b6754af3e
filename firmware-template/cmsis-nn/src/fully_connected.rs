//! FULLY_CONNECTED: per tensor by the library's own kernel, per channel by its 1×1 convolution.

use kernels::{Dims, FullyConnected, Weights};

use crate::check::{holds, product, require, success, weights};
use crate::shim::{Constants, Scratch, shim_fully_connected_per_channel_s8, shim_fully_connected_s8};

/// One multiplier for the whole tensor, filter zero point zero: `arm_fully_connected_s8`.
pub fn fully_connected(p: &FullyConnected, w: &Weights, input: &[i8], output: &mut [i8], scratch: &mut [i8]) {
    rows(p, input, output);
    holds(w.filter, filter(p));
    require(w.bias.is_none_or(|bias| bias.len() >= p.units));
    require(w.multipliers.len() == 1 && w.shifts.len() == 1);
    // SAFETY: the slices hold `batches` rows of `depth` and of `units` elements, and `units` filters of `depth` with their
    // biases (checked above); the shim compares the scratch buffer with the size that the library needs.
    success(unsafe {
        shim_fully_connected_s8(p, &Constants::of(w), input.as_ptr(), output.as_mut_ptr(), Scratch::of(scratch))
    });
}

/// One multiplier a unit, filter zero point zero: `arm_convolve_1x1_s8_fast` with the batches as pixels.
pub fn fully_connected_per_channel(p: &FullyConnected, w: &Weights, input: &[i8], output: &mut [i8]) {
    rows(p, input, output);
    weights(w, filter(p), p.units);
    // SAFETY: the slices hold `batches` rows of `depth` and of `units` elements, and `units` filters of `depth` with their
    // biases, multipliers and shifts (checked above). The library touches nothing else.
    success(unsafe {
        shim_fully_connected_per_channel_s8(p, &Constants::of(w), input.as_ptr(), output.as_mut_ptr(), Scratch::NONE)
    });
}

fn filter(p: &FullyConnected) -> Dims {
    Dims { n: p.units, h: 1, w: 1, c: p.depth }
}

/// Requires slices of as many rows as there are batches, and a filter without an offset.
fn rows(p: &FullyConnected, input: &[i8], output: &[i8]) {
    product(input.len(), &[p.batches, p.depth]);
    product(output.len(), &[p.batches, p.units]);
    require(p.filter_offset == 0);
}
