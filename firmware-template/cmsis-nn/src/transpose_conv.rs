//! TRANSPOSE_CONV of int8.

use kernels::{Dims, Element, TransposeConv, Weights, view};

use crate::check::{extents, one_output, product, require, success, weights};
use crate::shim::{Constants, Scratch, Transposed, shim_transpose_conv_s8};

/// `arm_transpose_conv_s8`.
pub fn transpose_conv_s8(p: &TransposeConv, inputs: &[&[i8]], outputs: &mut [&mut [i8]], scratch: &mut [i8]) {
    let (input, filter, bias, multipliers, shifts) = match (p.bias, inputs) {
        (None, &[input, filter, multipliers, shifts]) => (input, filter, None, multipliers, shifts),
        (Some(Element::I32), &[input, filter, bias, multipliers, shifts]) => {
            (input, filter, Some(view::<i32>(bias)), multipliers, shifts)
        }
        _ => kernels::wrong_operands(),
    };
    let output = one_output(outputs);
    let at = &p.at;
    let w = Weights { filter, bias, multipliers: view::<i32>(multipliers), shifts: view::<i32>(shifts) };
    let elements = |dims: Dims| [dims.n, dims.h, dims.w, dims.c];
    product(input.len(), &elements(at.input));
    product(output.len(), &elements(at.output));
    weights(&w, at.filter, at.output.c);
    extents(&[at.stride, at.padding]);
    require(p.element == Element::I8 && at.filter.n == at.output.c && at.filter.c == at.input.c);
    require(at.input.n == at.output.n && at.input.h > 0 && at.input.w > 0 && at.stride.h > 0 && at.stride.w > 0);
    require(at.filter.h <= usize::from(u16::MAX) && at.filter.w <= usize::from(u16::MAX));
    // Behind the image of accumulators lie the columns: every input pixel times every filter.
    product(scratch.len() / 4, &[at.input.h, at.input.w, at.filter.n, at.filter.h, at.filter.w]);
    product(scratch.len() / 4, &[at.output.h, at.output.w, at.output.c]);
    let (p, w) = (Transposed::of(p), Constants::of(&w));
    // SAFETY: the slices hold what the shapes say (checked above); the shim compares the scratch buffer with the sizes that
    // the library needs for both of its parts, and gives a padding from which the library gets the input's own size back;
    // the library adds to an element of the image only after comparing its row and column with the output's.
    success(unsafe { shim_transpose_conv_s8(&p, &w, input.as_ptr(), output.as_mut_ptr(), Scratch::of(scratch)) });
}
