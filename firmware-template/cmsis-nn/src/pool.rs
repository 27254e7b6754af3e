//! AVERAGE_POOL_2D and MAX_POOL_2D.

use kernels::Pool2d;

use crate::check::{extents, holds, require, success, windows_touch};
use crate::shim::{Scratch, shim_avgpool_s8, shim_max_pool_s8};

/// `arm_avgpool_s8`.
pub fn average_pool_2d(p: &Pool2d, input: &[i8], output: &mut [i8], scratch: &mut [i8]) {
    tensors(p, input, output);
    // SAFETY: the slices hold what the shapes say (checked below); the library cuts each window to the elements that lie
    // inside the input; the shim compares the scratch buffer with the size that the library needs.
    success(unsafe { shim_avgpool_s8(p, input.as_ptr(), output.as_mut_ptr(), Scratch::of(scratch)) });
}

/// `arm_max_pool_s8`.
pub fn max_pool_2d(p: &Pool2d, input: &[i8], output: &mut [i8]) {
    tensors(p, input, output);
    // SAFETY: the slices hold what the shapes say (checked below); the library cuts each window to the elements that lie
    // inside the input.
    success(unsafe { shim_max_pool_s8(p, input.as_ptr(), output.as_mut_ptr(), Scratch::NONE) });
}

/// Requires slices as long as the shapes, shapes that belong together, and no window without elements.
fn tensors(p: &Pool2d, input: &[i8], output: &[i8]) {
    holds(input, p.input);
    holds(output, p.output);
    extents(&[p.window, p.stride, p.padding]);
    require(p.input.n == p.output.n && p.input.c == p.output.c);
    windows_touch(p.input, p.window, p.stride, p.padding, p.output);
}
