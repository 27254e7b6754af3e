//! ADD and SOFTMAX: tensors as rows of elements, without geometry.

use kernels::{Add, Softmax};

use crate::check::{product, require, success};
use crate::shim::{shim_elementwise_add_s8, shim_softmax_s8};

/// Operands of the same shape: `arm_elementwise_add_s8`.
pub fn add(p: &Add, a: &[i8], b: &[i8], output: &mut [i8]) {
    let dims = p.output;
    require(p.a.dims == dims && p.b.dims == dims && (16..=30).contains(&p.left_shift));
    for len in [a.len(), b.len(), output.len()] {
        product(len, &[dims.n, dims.h, dims.w, dims.c]);
    }
    // SAFETY: all three slices hold as many elements as the shape (checked above), and the library touches that many.
    success(unsafe { shim_elementwise_add_s8(p, a.as_ptr(), b.as_ptr(), output.as_mut_ptr()) });
}

/// `arm_softmax_s8`.
pub fn softmax(p: &Softmax, input: &[i8], output: &mut [i8]) {
    product(input.len(), &[p.rows, p.depth]);
    product(output.len(), &[p.rows, p.depth]);
    require((0..=30).contains(&p.requant.shift) && p.depth > 0);
    // SAFETY: both slices hold `rows` rows of `depth` elements (checked above), and the library touches that many.
    success(unsafe { shim_softmax_s8(p, input.as_ptr(), output.as_mut_ptr()) });
}
