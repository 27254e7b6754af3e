//! DEPTHWISE_CONV_2D: the general convolution and the library's special cases of it.

use kernels::{DepthwiseConv2d, Extent, Weights};

use crate::check::{extents, holds, require, success, weights, windows_touch};
use crate::shim::{Constants, Scratch, shim_depthwise_conv_3x3_s8, shim_depthwise_conv_s8, shim_depthwise_conv_s8_opt};

/// Any depthwise convolution: `arm_depthwise_conv_s8`.
pub fn depthwise_conv_2d(p: &DepthwiseConv2d, w: &Weights, input: &[i8], output: &mut [i8]) {
    tensors(p, w, input, output);
    // SAFETY: the slices hold what the shapes say, and input and output channels belong together (both checked above);
    // the library cuts each window to the taps that lie inside the input.
    success(unsafe {
        shim_depthwise_conv_s8(p, &Constants::of(w), input.as_ptr(), output.as_mut_ptr(), Scratch::NONE)
    });
}

/// A 3×3 filter, padding of at most one, one batch, a depth multiplier of one, undilated: `arm_depthwise_conv_3x3_s8`.
///
/// The middle column of every window must lie inside the input.
pub fn depthwise_conv_2d_3x3(p: &DepthwiseConv2d, w: &Weights, input: &[i8], output: &mut [i8]) {
    tensors(p, w, input, output);
    one_filter_a_channel(p);
    require(p.filter.h == 3 && p.filter.w == 3 && p.padding.w <= 1);
    let middle = p.output.w.saturating_sub(1).saturating_mul(p.stride.w).saturating_add(1);
    require(middle < p.input.w.saturating_add(p.padding.w));
    // SAFETY: the slices hold what the shapes say (checked above); the library cuts windows to the input's rows, and of
    // columns it takes the first only where the window starts inside the input, the last only where it ends inside, and
    // the middle one always, which is inside (checked above; the first position's is, with a padding of at most one).
    success(unsafe {
        shim_depthwise_conv_3x3_s8(p, &Constants::of(w), input.as_ptr(), output.as_mut_ptr(), Scratch::NONE)
    });
}

/// One batch, a depth multiplier of one, undilated: `arm_depthwise_conv_s8_opt`.
///
/// On a core without the DSP extension the library passes this on to `arm_depthwise_conv_s8`.
pub fn depthwise_conv_2d_opt(p: &DepthwiseConv2d, w: &Weights, input: &[i8], output: &mut [i8], scratch: &mut [i8]) {
    tensors(p, w, input, output);
    one_filter_a_channel(p);
    windows_touch(p.input, Extent { h: p.filter.h, w: p.filter.w }, p.stride, p.padding, p.output);
    // SAFETY: the slices hold what the shapes say (checked above); the library reads input elements only after comparing
    // their row and column with the input's, and fills the scratch buffer, whose size the shim compares with the one that
    // the library needs, with one window, of which no more rows lie outside the input than it has (checked above).
    success(unsafe {
        shim_depthwise_conv_s8_opt(p, &Constants::of(w), input.as_ptr(), output.as_mut_ptr(), Scratch::of(scratch))
    });
}

fn one_filter_a_channel(p: &DepthwiseConv2d) {
    require(p.depth_multiplier == 1 && p.input.n == 1 && p.dilation.h == 1 && p.dilation.w == 1);
}

/// Requires slices as long as the shapes, and shapes that belong together.
fn tensors(p: &DepthwiseConv2d, w: &Weights, input: &[i8], output: &[i8]) {
    holds(input, p.input);
    holds(output, p.output);
    weights(w, p.filter, p.output.c);
    extents(&[p.stride, p.padding, p.dilation]);
    require(p.filter.c == p.output.c && p.input.n == p.output.n && p.filter.n == 1);
    require(p.input.c.checked_mul(p.depth_multiplier) == Some(p.output.c) && p.dilation.h > 0 && p.dilation.w > 0);
}
