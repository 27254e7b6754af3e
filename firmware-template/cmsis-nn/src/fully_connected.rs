//! FULLY_CONNECTED: per tensor by the library's own kernel, per channel by its 1×1 convolution.

use kernels::{FullyConnected, Weights};

use crate::check::{bias, holds, int, product, require, success};
use crate::conv::{Rows, multiply};
use crate::shim::shim_fully_connected_s8;

/// One multiplier for the whole tensor, filter zero point zero: `arm_fully_connected_s8`.
pub fn fully_connected(p: &FullyConnected, w: &Weights, input: &[i8], output: &mut [i8], scratch: &mut [i8]) {
    product(input.len(), &[p.batches, p.depth]);
    product(output.len(), &[p.batches, p.units]);
    holds(w.filter, kernels::Dims { n: p.units, h: 1, w: 1, c: p.depth });
    require(p.filter_offset == 0 && w.bias.is_none_or(|bias| bias.len() >= p.units));
    require(w.multipliers.len() == 1 && w.shifts.len() == 1);
    // SAFETY: the slices hold `batches` rows of `depth` and of `units` elements, and `units` filters of `depth` with their
    // biases (checked above); the shim compares the scratch buffer with the size that the library needs.
    success(unsafe {
        shim_fully_connected_s8(
            scratch.as_mut_ptr(),
            int(scratch.len()),
            int(p.batches),
            int(p.depth),
            int(p.units),
            p.input_offset,
            p.output_offset,
            p.activation.min,
            p.activation.max,
            w.filter.as_ptr(),
            bias(w),
            w.multipliers[0],
            w.shifts[0],
            input.as_ptr(),
            output.as_mut_ptr(),
        )
    });
}

/// One multiplier a unit, filter zero point zero: `arm_convolve_1x1_s8_fast` with the batches as pixels.
pub fn fully_connected_per_channel(p: &FullyConnected, w: &Weights, input: &[i8], output: &mut [i8]) {
    require(p.filter_offset == 0);
    let rows = Rows {
        rows: p.batches,
        depth: p.depth,
        channels: p.units,
        input_offset: p.input_offset,
        output_offset: p.output_offset,
        activation: p.activation,
    };
    multiply(&rows, w, input, output);
}
