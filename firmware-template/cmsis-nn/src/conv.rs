//! CONV_2D: the general convolution and the library's special cases of it.

use kernels::{Activation, Conv2d, Dims, Extent, Weights};

use crate::check::{bias, holds, int, product, require, success, weights, windows_touch};
use crate::shim::{shim_convolve_1_x_n_s8, shim_convolve_1x1_s8, shim_convolve_1x1_s8_fast, shim_convolve_s8};

/// Any ungrouped convolution: `arm_convolve_s8`.
pub fn conv_2d(p: &Conv2d, w: &Weights, input: &[i8], output: &mut [i8], scratch: &mut [i8]) {
    tensors(p, w, input, output);
    // SAFETY: the slices hold what the shapes say (checked above); the library reads input elements only after comparing
    // their row and column with the input's; the shim compares the scratch buffer with the size that the library needs.
    success(unsafe {
        shim_convolve_s8(
            scratch.as_mut_ptr(),
            int(scratch.len()),
            int(p.input.n),
            int(p.input.h),
            int(p.input.w),
            int(p.input.c),
            int(p.filter.h),
            int(p.filter.w),
            int(p.output.h),
            int(p.output.w),
            int(p.output.c),
            int(p.stride.h),
            int(p.stride.w),
            int(p.padding.h),
            int(p.padding.w),
            int(p.dilation.h),
            int(p.dilation.w),
            p.input_offset,
            p.output_offset,
            p.activation.min,
            p.activation.max,
            w.filter.as_ptr(),
            bias(w),
            w.multipliers.as_ptr(),
            w.shifts.as_ptr(),
            input.as_ptr(),
            output.as_mut_ptr(),
        )
    });
}

/// One row of input and a filter of one row, undilated, `stride.w * input.c` a multiple of four: `arm_convolve_1_x_n_s8`.
///
/// On a core without the vector extension the library passes this on to `arm_convolve_s8`.
pub fn conv_2d_1_x_n(p: &Conv2d, w: &Weights, input: &[i8], output: &mut [i8], scratch: &mut [i8]) {
    tensors(p, w, input, output);
    require(p.input.h == 1 && p.filter.h == 1 && p.output.h == 1 && p.padding.h == 0);
    windows_touch(p.input, Extent { h: 1, w: p.filter.w }, p.stride, p.padding, p.output);
    require(p.stride.w > 0 && unpadded_positions_end_inside(p));
    // SAFETY: the slices hold what the shapes say (checked above); every window starts before the end of the input, and
    // those that the library does not cut at its end do not leave it (checked above); the shim compares the scratch buffer
    // with the size that the library needs.
    success(unsafe {
        shim_convolve_1_x_n_s8(
            scratch.as_mut_ptr(),
            int(scratch.len()),
            int(p.input.n),
            int(p.input.w),
            int(p.input.c),
            int(p.filter.w),
            int(p.output.w),
            int(p.output.c),
            int(p.stride.w),
            int(p.padding.w),
            p.input_offset,
            p.output_offset,
            p.activation.min,
            p.activation.max,
            w.filter.as_ptr(),
            bias(w),
            w.multipliers.as_ptr(),
            w.shifts.as_ptr(),
            input.as_ptr(),
            output.as_mut_ptr(),
        )
    });
}

/// True where every window that the library takes for unpadded on the right ends inside the input. The count of padded
/// ones is the library's own, for the vector extension.
fn unpadded_positions_end_inside(p: &Conv2d) -> bool {
    let (input, taps, stride) = (i64::from(int(p.input.w)), i64::from(int(p.filter.w)), i64::from(int(p.stride.w)));
    let (output, left) = (i64::from(int(p.output.w)), i64::from(int(p.padding.w)));
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
    success(unsafe {
        shim_convolve_1x1_s8(
            int(p.input.n),
            int(p.input.h),
            int(p.input.w),
            int(p.input.c),
            int(p.output.h),
            int(p.output.w),
            int(p.output.c),
            int(p.stride.h),
            int(p.stride.w),
            p.input_offset,
            p.output_offset,
            p.activation.min,
            p.activation.max,
            w.filter.as_ptr(),
            bias(w),
            w.multipliers.as_ptr(),
            w.shifts.as_ptr(),
            input.as_ptr(),
            output.as_mut_ptr(),
        )
    });
}

/// A filter of one tap without padding and with strides of one: `arm_convolve_1x1_s8_fast`.
pub fn conv_2d_1x1_fast(p: &Conv2d, w: &Weights, input: &[i8], output: &mut [i8]) {
    tensors(p, w, input, output);
    one_tap(p);
    require(p.stride.h == 1 && p.stride.w == 1 && p.output.h == p.input.h && p.output.w == p.input.w);
    let rows = Rows {
        rows: p.input.n * p.input.h * p.input.w,
        depth: p.input.c,
        channels: p.output.c,
        input_offset: p.input_offset,
        output_offset: p.output_offset,
        activation: p.activation,
    };
    multiply(&rows, w, input, output);
}

/// A matrix of input rows times a transposed filter, requantized per channel.
pub(crate) struct Rows {
    pub(crate) rows: usize,
    pub(crate) depth: usize,
    pub(crate) channels: usize,
    pub(crate) input_offset: i32,
    pub(crate) output_offset: i32,
    pub(crate) activation: Activation,
}

/// `arm_convolve_1x1_s8_fast` on rows, whatever they stand for.
pub(crate) fn multiply(p: &Rows, w: &Weights, input: &[i8], output: &mut [i8]) {
    product(input.len(), &[p.rows, p.depth]);
    product(output.len(), &[p.rows, p.channels]);
    weights(w, Dims { n: p.channels, h: 1, w: 1, c: p.depth }, p.channels);
    // SAFETY: the slices hold `rows` rows of `depth` and of `channels` elements, and `channels` filters of `depth` with
    // their biases, multipliers and shifts (checked above). The library touches nothing else.
    success(unsafe {
        shim_convolve_1x1_s8_fast(
            int(p.rows),
            int(p.depth),
            int(p.channels),
            p.input_offset,
            p.output_offset,
            p.activation.min,
            p.activation.max,
            w.filter.as_ptr(),
            bias(w),
            w.multipliers.as_ptr(),
            w.shifts.as_ptr(),
            input.as_ptr(),
            output.as_mut_ptr(),
        )
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
    require(p.filter.n == p.output.c && p.filter.c == p.input.c && p.input.n == p.output.n);
}
