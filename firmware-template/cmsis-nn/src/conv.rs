//! CONV_2D: the general convolution and the library's special cases of it.

use kernels::{Conv2d, Extent, Weights};

use crate::check::{extents, holds, require, success, weights, windows_touch};
use crate::shim::{
    Constants, Scratch, shim_convolve_1_x_n_s8, shim_convolve_1x1_s8, shim_convolve_1x1_s8_fast, shim_convolve_s8,
};

/// Any ungrouped convolution: `arm_convolve_s8`.
pub fn conv_2d(p: &Conv2d, w: &Weights, input: &[i8], output: &mut [i8], scratch: &mut [i8]) {
    tensors(p, w, input, output);
    // SAFETY: the slices hold what the shapes say (checked above); the library reads input elements only after comparing
    // their row and column with the input's; the shim compares the scratch buffer with the size that the library needs.
    success(unsafe {
        shim_convolve_s8(p, &Constants::of(w), input.as_ptr(), output.as_mut_ptr(), Scratch::of(scratch))
    });
}

/// One row of input and a filter of one row, undilated, `stride.w * input.c` a multiple of four: `arm_convolve_1_x_n_s8`.
///
/// On a core without the vector extension the library passes this on to `arm_convolve_s8`.
pub fn conv_2d_1_x_n(p: &Conv2d, w: &Weights, input: &[i8], output: &mut [i8], scratch: &mut [i8]) {
    tensors(p, w, input, output);
    require(p.input.h == 1 && p.filter.h == 1 && p.output.h == 1 && p.padding.h == 0);
    windows_touch(p.input, Extent { h: 1, w: p.filter.w }, p.stride, p.padding, p.output);
    require(p.stride.w > 0 && p.dilation.w == 1 && unpadded_positions_end_inside(p));
    // SAFETY: the slices hold what the shapes say (checked above); every window starts before the end of the input, and
    // those that the library does not cut at its end do not leave it (checked above); the shim compares the scratch buffer
    // with the size that the library needs.
    success(unsafe {
        shim_convolve_1_x_n_s8(p, &Constants::of(w), input.as_ptr(), output.as_mut_ptr(), Scratch::of(scratch))
    });
}

/// True where every window that the library takes for unpadded on the right ends inside the input. The count of padded
/// ones is the library's own, for the vector extension.
fn unpadded_positions_end_inside(p: &Conv2d) -> bool {
    let (input, taps, stride) = (p.input.w as i64, p.filter.w as i64, p.stride.w as i64);
    let (output, left) = (p.output.w as i64, p.padding.w as i64);
    let right = left + ((output - 1) * stride + taps - input) % 2;
    let padded_right = if right == 0 { 0 } else { ((right + stride - 1) / stride).max(1) };
    let unpadded = output - padded_right;
    unpadded <= 0 || (unpadded - 1) * stride + taps <= input + left
}

/// A filter of one tap without padding: `arm_convolve_1x1_s8`.
pub fn conv_2d_1x1(p: &Conv2d, w: &Weights, input: &[i8], output: &mut [i8]) {
    tensors(p, w, input, output);
    one_tap(p);
    windows_touch(p.input, Extent { h: 1, w: 1 }, p.stride, p.padding, p.output);
    // SAFETY: the slices hold what the shapes say, and every output position's only tap lies inside the input (both
    // checked above).
    success(unsafe { shim_convolve_1x1_s8(p, &Constants::of(w), input.as_ptr(), output.as_mut_ptr(), Scratch::NONE) });
}

/// A filter of one tap without padding and with strides of one: `arm_convolve_1x1_s8_fast`.
pub fn conv_2d_1x1_fast(p: &Conv2d, w: &Weights, input: &[i8], output: &mut [i8]) {
    tensors(p, w, input, output);
    one_tap(p);
    require(p.stride.h == 1 && p.stride.w == 1 && p.output.h == p.input.h && p.output.w == p.input.w);
    // SAFETY: the slices hold what the shapes say, and an input of as many pixels as the output (both checked above); the
    // library touches nothing else.
    success(unsafe {
        shim_convolve_1x1_s8_fast(p, &Constants::of(w), input.as_ptr(), output.as_mut_ptr(), Scratch::NONE)
    });
}

fn one_tap(p: &Conv2d) {
    require(p.filter.h == 1 && p.filter.w == 1 && p.padding.h == 0 && p.padding.w == 0);
}

/// Requires slices as long as the shapes, and shapes that belong together.
fn tensors(p: &Conv2d, w: &Weights, input: &[i8], output: &[i8]) {
    holds(input, p.input);
    holds(output, p.output);
    weights(w, p.filter, p.output.c);
    extents(&[p.stride, p.padding, p.dilation]);
    require(p.filter.n == p.output.c && p.filter.c == p.input.c && p.input.n == p.output.n);
}
