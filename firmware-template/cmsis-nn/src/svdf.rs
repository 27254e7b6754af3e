//! SVDF of int8 with a state of int8 or of int16, whose zero point is 0.

use kernels::{Element, Svdf, SvdfSizes, view, view_mut};

use crate::check::{product, require, success};
use crate::shim::{Scratch, SvdfCall, shim_svdf_s8, shim_svdf_state_s16_s8};

/// A state of int8: `arm_svdf_s8`.
pub fn svdf_s8(p: &Svdf, inputs: &[&[i8]], outputs: &mut [&mut [i8]], scratch: &mut [i8]) {
    let [output, state] = outputs else { kernels::wrong_operands() };
    let (call, input, time) = operands(p, Element::I8, inputs, output.len());
    lengths(&p.sizes, time.len(), state.len());
    let scratch = Scratch::of(scratch);
    // SAFETY: the slices hold what the sizes say (checked above); the shim compares the scratch buffer, of which the library
    // gets three parts, with the sizes that it needs.
    success(unsafe {
        shim_svdf_s8(&call, input.as_ptr(), time.as_ptr(), output.as_mut_ptr(), state.as_mut_ptr(), scratch)
    });
}

/// A state of int16: `arm_svdf_state_s16_s8`.
pub fn svdf_state_s16_s8(p: &Svdf, inputs: &[&[i8]], outputs: &mut [&mut [i8]], scratch: &mut [i8]) {
    let [output, state] = outputs else { kernels::wrong_operands() };
    let (call, input, time) = operands(p, Element::I16, inputs, output.len());
    let (time, state) = (view::<i16>(time), view_mut::<i16>(state));
    lengths(&p.sizes, time.len(), state.len());
    let scratch = Scratch::of(scratch);
    // SAFETY: as for `svdf_s8`.
    success(unsafe {
        shim_svdf_state_s16_s8(&call, input.as_ptr(), time.as_ptr(), output.as_mut_ptr(), state.as_mut_ptr(), scratch)
    });
}

fn operands<'a>(p: &Svdf, state: Element, inputs: &[&'a [i8]], output: usize) -> (SvdfCall, &'a [i8], &'a [i8]) {
    let (input, feature, time, bias) = match *inputs {
        [input, feature, time] => (input, feature, time, None),
        [input, feature, time, bias] => (input, feature, time, Some(view::<i32>(bias))),
        _ => kernels::wrong_operands(),
    };
    let SvdfSizes { batches, depth, units, rank, .. } = p.sizes;
    require(p.state == state && p.state_offset == 0 && rank > 0 && rank <= i16::MAX as usize);
    product(input.len(), &[batches, depth]);
    product(feature.len(), &[units, rank, depth]);
    product(output, &[batches, units]);
    require(bias.is_none_or(|bias| bias.len() >= units));
    (SvdfCall::of(p, feature, bias), input, time)
}

fn lengths(p: &SvdfSizes, time: usize, state: usize) {
    product(time, &[p.units, p.rank, p.memory]);
    product(state, &[p.batches, p.units, p.rank, p.memory]);
    require(p.memory > 0 && p.batches > 0);
}
