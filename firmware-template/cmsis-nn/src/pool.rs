//! AVERAGE_POOL_2D and MAX_POOL_2D.

use kernels::Pool2d;

use crate::check::{holds, int, require, success, windows_touch};
use crate::shim::{shim_avgpool_s8, shim_max_pool_s8};

/// `arm_avgpool_s8`.
pub fn average_pool_2d(p: &Pool2d, input: &[i8], output: &mut [i8], scratch: &mut [i8]) {
    tensors(p, input, output);
    // SAFETY: the slices hold what the shapes say (checked below); the library cuts each window to the elements that lie
    // inside the input; the shim compares the scratch buffer with the size that the library needs.
    success(unsafe {
        shim_avgpool_s8(
            scratch.as_mut_ptr(),
            int(scratch.len()),
            int(p.input.n),
            int(p.input.h),
            int(p.input.w),
            int(p.input.c),
            int(p.window.h),
            int(p.window.w),
            int(p.output.h),
            int(p.output.w),
            int(p.stride.h),
            int(p.stride.w),
            int(p.padding.h),
            int(p.padding.w),
            p.activation.min,
            p.activation.max,
            input.as_ptr(),
            output.as_mut_ptr(),
        )
    });
}

/// `arm_max_pool_s8`.
pub fn max_pool_2d(p: &Pool2d, input: &[i8], output: &mut [i8]) {
    tensors(p, input, output);
    // SAFETY: the slices hold what the shapes say (checked below); the library cuts each window to the elements that lie
    // inside the input.
    success(unsafe {
        shim_max_pool_s8(
            int(p.input.n),
            int(p.input.h),
            int(p.input.w),
            int(p.input.c),
            int(p.window.h),
            int(p.window.w),
            int(p.output.h),
            int(p.output.w),
            int(p.stride.h),
            int(p.stride.w),
            int(p.padding.h),
            int(p.padding.w),
            p.activation.min,
            p.activation.max,
            input.as_ptr(),
            output.as_mut_ptr(),
        )
    });
}

/// Requires slices as long as the shapes, shapes that belong together, and no window without elements.
fn tensors(p: &Pool2d, input: &[i8], output: &[i8]) {
    holds(input, p.input);
    holds(output, p.output);
    require(p.input.n == p.output.n && p.input.c == p.output.c);
    windows_touch(p.input, p.window, p.stride, p.padding, p.output);
}
