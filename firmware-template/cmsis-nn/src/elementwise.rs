//! ADD and MUL: tensors as rows of elements, without geometry.
//!
//! What has the reference kernels' common form takes its operands as they do: lists of tensors as bytes.

use kernels::{Add, AddOperand, Broadcast, Combination, Combine, Dims, Element, Multiply, Side, view, view_mut};

use crate::check::{product, require, success};
use crate::shim::{
    Product, shim_elementwise_add_s8, shim_elementwise_add_s16, shim_elementwise_mul_s8, shim_elementwise_mul_s16,
};

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

/// Int16 operands of the same shape: `arm_elementwise_add_s16`.
pub fn add_s16(p: &Combine, inputs: &[&[i8]], outputs: &mut [&mut [i8]]) {
    let (a, b, output) = binary(inputs, outputs);
    let (a, b, output) = (view::<i16>(a), view::<i16>(b), view_mut::<i16>(output));
    let len = one_shape(&p.at, [a.len(), b.len(), output.len()]);
    require(p.combination == Combination::Sum && p.element == Element::I16);
    let dims = Dims { n: 1, h: 1, w: 1, c: len };
    let operand = |side: Side| AddOperand { dims, offset: side.offset, requant: side.requant };
    let p = Add {
        a: operand(p.a),
        b: operand(p.b),
        output: dims,
        left_shift: p.left_shift,
        requant: p.requant,
        output_offset: p.output_offset,
        activation: p.activation,
    };
    // SAFETY: all three slices hold `len` elements (checked above), and the library touches that many.
    success(unsafe { shim_elementwise_add_s16(&p, a.as_ptr(), b.as_ptr(), output.as_mut_ptr()) });
}

/// Int8 operands of the same shape: `arm_elementwise_mul_s8`.
pub fn multiply(p: &Multiply, inputs: &[&[i8]], outputs: &mut [&mut [i8]]) {
    let (a, b, output) = binary(inputs, outputs);
    require(p.element == Element::I8);
    let p = factors(p, [a.len(), b.len(), output.len()]);
    // SAFETY: all three slices hold `len` elements (checked above), and the library touches that many.
    success(unsafe { shim_elementwise_mul_s8(&p, a.as_ptr(), b.as_ptr(), output.as_mut_ptr()) });
}

/// Int16 operands of the same shape and zero points of zero: `arm_elementwise_mul_s16`.
pub fn multiply_s16(p: &Multiply, inputs: &[&[i8]], outputs: &mut [&mut [i8]]) {
    let (a, b, output) = binary(inputs, outputs);
    let (a, b, output) = (view::<i16>(a), view::<i16>(b), view_mut::<i16>(output));
    require(p.element == Element::I16 && p.a_offset == 0 && p.b_offset == 0 && p.output_offset == 0);
    let p = factors(p, [a.len(), b.len(), output.len()]);
    // SAFETY: all three slices hold `len` elements (checked above), and the library touches that many.
    success(unsafe { shim_elementwise_mul_s16(&p, a.as_ptr(), b.as_ptr(), output.as_mut_ptr()) });
}

fn factors(p: &Multiply, lengths: [usize; 3]) -> Product {
    let (a_offset, b_offset) = (p.a_offset, p.b_offset);
    let (requant, output_offset, activation) = (p.requant, p.output_offset, p.activation);
    Product { len: one_shape(&p.at, lengths), a_offset, b_offset, requant, output_offset, activation }
}

/// Two operands and an output.
fn binary<'a, 'b>(inputs: &[&'a [i8]], outputs: &'b mut [&mut [i8]]) -> (&'a [i8], &'a [i8], &'b mut [i8]) {
    require(inputs.len() == 2 && outputs.len() == 1);
    (inputs[0], inputs[1], &mut *outputs[0])
}

/// The number of elements, which every tensor must hold; requires that nothing is broadcast.
fn one_shape(at: &Broadcast, lengths: [usize; 3]) -> usize {
    require(!at.repeats());
    lengths.iter().for_each(|&len| product(len, &at.shape));
    at.len()
}
