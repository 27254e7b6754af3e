//! BATCH_MATMUL: int8, int16 and float32, either operand transposed or not, batches broadcast.

use crate::arithmetic::settled;
use crate::bytes::{Element, view, view_mut, wrong_operands};
use crate::{Activation, Requant};

/// One operand, in elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Matrices {
    /// From one matrix to the next along each batch dimension; zero where it is broadcast.
    pub batch: [usize; 3],
    /// From one row of the product to the next, for the left operand; for the right, from one column to the next.
    pub line: usize,
    /// From one summand to the next.
    pub depth: usize,
}

/// Shapes and steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Product {
    /// Products along each batch dimension, the innermost last.
    pub batches: [usize; 3],
    /// Rows of a product.
    pub rows: usize,
    /// Columns of a product.
    pub columns: usize,
    /// Summands of an element.
    pub depth: usize,
    /// The left operand.
    pub left: Matrices,
    /// The right operand.
    pub right: Matrices,
}

/// BATCH_MATMUL of int8 or int16.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct BatchMatMul {
    /// Type of operands and product.
    pub element: Element,
    /// Shapes and steps.
    pub at: Product,
    /// Minus the left operand's zero point.
    pub left_offset: i32,
    /// Minus the right operand's zero point.
    pub right_offset: i32,
    /// Factor from the product of the scales to the output's.
    pub requant: Requant,
    /// The output's zero point.
    pub output_offset: i32,
    /// Bounds of the output.
    pub activation: Activation,
}

/// BATCH_MATMUL of float32.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct BatchMatMulF32 {
    /// Shapes and steps.
    pub at: Product,
}

/// Accumulates in 32 bits for int8, which wrap, and in 64 for int16.
#[inline]
pub fn batch_mat_mul(p: &BatchMatMul, inputs: &[&[i8]], outputs: &mut [&mut [i8]]) {
    let ([left, right], [output]) = (inputs, outputs) else { wrong_operands() };
    let last = |scaled: i32| scaled.wrapping_add(p.output_offset).max(p.activation.min).min(p.activation.max);
    match p.element {
        Element::I8 => {
            let add = |sum: i32, a: i8, b: i8| {
                let (a, b) = (i32::from(a) + p.left_offset, i32::from(b) + p.right_offset);
                sum.wrapping_add(a.wrapping_mul(b))
            };
            each(&p.at, view::<i8>(left), view::<i8>(right), output, add, |sum| last(p.requant.apply(sum)) as i8);
        }
        Element::I16 => {
            let add = |sum: i64, a: i16, b: i16| {
                let (a, b) = (i64::from(a) + i64::from(p.left_offset), i64::from(b) + i64::from(p.right_offset));
                sum.wrapping_add(a * b)
            };
            let (left, right, output) = (view::<i16>(left), view::<i16>(right), view_mut::<i16>(output));
            each(&p.at, left, right, output, add, |sum| last(p.requant.apply_wide(sum)) as i16);
        }
        _ => wrong_operands(),
    }
}

/// Accumulates in float32, in LiteRT's order.
#[inline]
pub fn batch_mat_mul_f32(p: &BatchMatMulF32, inputs: &[&[i8]], outputs: &mut [&mut [i8]]) {
    let ([left, right], [output]) = (inputs, outputs) else { wrong_operands() };
    let add = |sum: f32, a: f32, b: f32| sum + a * b;
    each(&p.at, view::<f32>(left), view::<f32>(right), view_mut::<f32>(output), add, settled);
}

fn each<T: Copy, A: Copy + Default>(
    p: &Product,
    left: &[T],
    right: &[T],
    output: &mut [T],
    add: impl Fn(A, T, T) -> A,
    last: impl Fn(A) -> T,
) {
    let [_, second, third] = p.batches;
    let products = output[..p.batches.iter().product::<usize>() * p.rows * p.columns].chunks_exact_mut(p.columns);
    for (line, row) in products.enumerate() {
        let batch = line / p.rows;
        let index = [batch / (second * third), batch / third % second, batch % third];
        let start = |of: &Matrices| index.iter().zip(of.batch).map(|(index, step)| index * step).sum::<usize>();
        let (left_start, right_start) = (start(&p.left) + line % p.rows * p.left.line, start(&p.right));
        for (column, place) in row.iter_mut().enumerate() {
            let right_start = right_start + column * p.right.line;
            *place = last((0..p.depth).fold(A::default(), |sum, at| {
                add(sum, left[left_start + at * p.left.depth], right[right_start + at * p.right.depth])
            }));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{BatchMatMul, BatchMatMulF32, Matrices, Product, batch_mat_mul, batch_mat_mul_f32};
    use crate::bytes::{Element, view, view_mut, words_as_i8, words_as_i8_mut};
    use crate::{Activation, Requant};

    /// Two matrices of 2 × 2 on the left, one of 2 × 2, transposed, on the right.
    const AT: Product = Product {
        batches: [1, 1, 2],
        rows: 2,
        columns: 2,
        depth: 2,
        left: Matrices { batch: [0, 0, 4], line: 2, depth: 1 },
        right: Matrices { batch: [0, 0, 0], line: 2, depth: 1 },
    };

    #[test]
    fn real_numbers() {
        let (mut left, mut right, mut output) = ([0; 4], [0; 2], [0; 4]);
        view_mut::<f32>(words_as_i8_mut(&mut left)).copy_from_slice(&[1.0, 2.0, 3.0, 4.0, 1.0, 0.0, 0.0, 1.0]);
        view_mut::<f32>(words_as_i8_mut(&mut right)).copy_from_slice(&[5.0, 6.0, 7.0, 8.0]);
        let mut run = |at| {
            let inputs = [words_as_i8(&left), words_as_i8(&right)];
            batch_mat_mul_f32(&BatchMatMulF32 { at }, &inputs, &mut [words_as_i8_mut(&mut output)]);
            <[f32; 8]>::try_from(view::<f32>(words_as_i8(&output))).expect("four words are eight numbers")
        };
        assert_eq!(run(AT), [17.0, 23.0, 39.0, 53.0, 5.0, 7.0, 6.0, 8.0]);
        let plain = Matrices { batch: [0, 0, 0], line: 1, depth: 2 };
        assert_eq!(run(Product { right: plain, ..AT }), [19.0, 22.0, 43.0, 50.0, 5.0, 6.0, 7.0, 8.0]);
    }

    #[test]
    fn quantized() {
        let p = BatchMatMul {
            element: Element::I8,
            at: AT,
            left_offset: -1,
            right_offset: 2,
            requant: Requant { multiplier: 1 << 30, shift: 0 },
            output_offset: -3,
            activation: Activation { min: -128, max: 20 },
        };
        let mut output = [0; 8];
        batch_mat_mul(&p, &[&[1, 2, 3, 4, 1, 0, 0, 1], &[5, 6, 7, 8]], &mut [&mut output]);
        // (0 1; 2 3) and (0 -1; -1 0) by (7 8; 9 10), transposed, halved, halves up, less 3.
        assert_eq!(output, [1, 2, 16, 20, -7, -8, -6, -7]);
        let (mut left, mut right, mut wide) = ([0; 2], [0; 1], [0; 2]);
        view_mut::<i16>(words_as_i8_mut(&mut left)).copy_from_slice(&[1, 2, 3, 4, 1, 0, 0, 1]);
        view_mut::<i16>(words_as_i8_mut(&mut right)).copy_from_slice(&[50, 60, 70, 80]);
        let activation = Activation { min: -32_768, max: 32_767 };
        let p =
            BatchMatMul { element: Element::I16, left_offset: 0, right_offset: 0, output_offset: 0, activation, ..p };
        let inputs = [words_as_i8(&left), words_as_i8(&right)];
        batch_mat_mul(&p, &inputs, &mut [words_as_i8_mut(&mut wide)]);
        assert_eq!(view::<i16>(words_as_i8(&wide)), [85, 115, 195, 265, 25, 35, 30, 40]);
    }
}
