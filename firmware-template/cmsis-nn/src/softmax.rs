//! SOFTMAX of int8 and of int16.

use kernels::{SOFTMAX_TABLE, Softmax, SoftmaxI16, view, view_mut};

use crate::check::{one_output, product, require, success};
use crate::shim::{TableSoftmax, shim_softmax_s8, shim_softmax_s16};

/// `arm_softmax_s8`.
pub fn softmax(p: &Softmax, input: &[i8], output: &mut [i8]) {
    product(input.len(), &[p.rows, p.depth]);
    product(output.len(), &[p.rows, p.depth]);
    require((0..=30).contains(&p.requant.shift) && p.depth > 0);
    // SAFETY: both slices hold `rows` rows of `depth` elements (checked above), and the library touches that many.
    success(unsafe { shim_softmax_s8(p, input.as_ptr(), output.as_mut_ptr()) });
}

/// Input and output of int16, rows of two to eight elements: `arm_softmax_s16`.
pub fn softmax_s16(p: &SoftmaxI16, inputs: &[&[i8]], outputs: &mut [&mut [i8]]) {
    require(inputs.len() == 3);
    let [input, exponentials, reciprocals] = [0, 1, 2].map(|at: usize| view::<i16>(inputs[at]));
    let output = view_mut::<i16>(one_output(outputs));
    product(input.len(), &[p.rows, p.depth]);
    product(output.len(), &[p.rows, p.depth]);
    require((2..=8).contains(&p.depth) && p.requant.shift <= 15);
    require(exponentials.len() >= SOFTMAX_TABLE && reciprocals.len() >= SOFTMAX_TABLE);
    let p = TableSoftmax::of(p, exponentials, reciprocals);
    // SAFETY: input and output hold `rows` rows of `depth` elements and both tables 513 (checked above); the library touches
    // that many, since it indexes tables by the upper nine bits of 16 and one more.
    success(unsafe { shim_softmax_s16(&p, input.as_ptr(), output.as_mut_ptr()) });
}
