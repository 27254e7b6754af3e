//! AVERAGE_POOL_2D and MAX_POOL_2D of int8 and of int16.

use kernels::{Pool2d, PoolFunction, PoolI16, Pooling, view, view_mut};

use crate::check::{extents, one_output, product, require, success, windows_touch};
use crate::shim::{Scratch, shim_avgpool_s8, shim_avgpool_s16, shim_max_pool_s8, shim_max_pool_s16};

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

/// `arm_avgpool_s16`.
pub fn average_pool_s16(p: &PoolI16, inputs: &[&[i8]], outputs: &mut [&mut [i8]], scratch: &mut [i8]) {
    require(p.function == PoolFunction::Average);
    let (p, input, output) = (wide(p), one_input(inputs), view_mut::<i16>(one_output(outputs)));
    agree(&p, input.len(), output.len());
    // SAFETY: as for `average_pool_2d`.
    success(unsafe { shim_avgpool_s16(&p, input.as_ptr(), output.as_mut_ptr(), Scratch::of(scratch)) });
}

/// `arm_max_pool_s16`.
pub fn max_pool_s16(p: &PoolI16, inputs: &[&[i8]], outputs: &mut [&mut [i8]]) {
    require(p.function == PoolFunction::Max);
    let (p, input, output) = (wide(p), one_input(inputs), view_mut::<i16>(one_output(outputs)));
    agree(&p, input.len(), output.len());
    // SAFETY: as for `max_pool_2d`.
    success(unsafe { shim_max_pool_s16(&p, input.as_ptr(), output.as_mut_ptr(), Scratch::NONE) });
}

fn wide(p: &PoolI16) -> Pool2d {
    let Pooling { input, output, window, stride, padding } = p.at;
    Pool2d { input, output, window, stride, padding, activation: p.activation }
}

fn one_input<'a>(inputs: &[&'a [i8]]) -> &'a [i16] {
    require(inputs.len() == 1);
    view::<i16>(inputs[0])
}

/// Requires slices as long as the shapes, shapes that belong together, and no window without elements.
fn tensors(p: &Pool2d, input: &[i8], output: &[i8]) {
    agree(p, input.len(), output.len());
}

fn agree(p: &Pool2d, input: usize, output: usize) {
    product(input, &[p.input.n, p.input.h, p.input.w, p.input.c]);
    product(output, &[p.output.n, p.output.h, p.output.w, p.output.c]);
    extents(&[p.window, p.stride, p.padding]);
    require(p.input.n == p.output.n && p.input.c == p.output.c);
    windows_touch(p.input, p.window, p.stride, p.padding, p.output);
}
