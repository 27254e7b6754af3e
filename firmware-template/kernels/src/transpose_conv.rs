//! TRANSPOSE_CONV: int8, int16 with int8 weights, and float32.
//!
//! LiteRT Micro scatters every input element over a buffer of accumulators. Here every output element gathers the inputs
//! that reach it, in the same order, and so there is no buffer.

use core::ops::Range;

use crate::arithmetic::settled;
use crate::bytes::{Element, view, view_mut, wrong_operands};
use crate::{Activation, Dims, Extent, Requant};

/// Shapes and steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Scatter {
    /// Input shape.
    pub input: Dims,
    /// Filter shape: `n` is the number of output channels.
    pub filter: Dims,
    /// Output shape.
    pub output: Dims,
    /// Output rows and columns an input row and column.
    pub stride: Extent,
    /// Rows and columns that are cut off before the output.
    pub padding: Extent,
}

/// TRANSPOSE_CONV, int8 or int16. Operands: input, filter, bias where there is one, then tables of int32: a multiplier and
/// a shift for each output channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct TransposeConv {
    /// Type of input and output.
    pub element: Element,
    /// Shapes and steps.
    pub at: Scatter,
    /// Type of the bias: int32 for int8, int16 or int64 for int16.
    pub bias: Option<Element>,
    /// Added to every input element: minus the input's zero point.
    pub input_offset: i32,
    /// Added to every output element: the output's zero point.
    pub output_offset: i32,
    /// Bounds of the output.
    pub activation: Activation,
}

/// TRANSPOSE_CONV, float32. Operands: input, filter, bias where there is one.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct TransposeConvF32 {
    /// Shapes and steps.
    pub at: Scatter,
    /// Smallest output value.
    pub min: f32,
    /// Largest output value.
    pub max: f32,
}

/// Accumulates in 32 bits for int8, which wrap, and in 64 for int16.
#[inline]
pub fn transpose_conv(p: &TransposeConv, inputs: &[&[i8]], outputs: &mut [&mut [i8]]) {
    let (input, filter, bias, multipliers, shifts) = match (p.bias, inputs) {
        (None, &[input, filter, multipliers, shifts]) => (input, filter, &[][..], multipliers, shifts),
        (Some(_), &[input, filter, bias, multipliers, shifts]) => (input, filter, bias, multipliers, shifts),
        _ => wrong_operands(),
    };
    let ([output], multipliers, shifts) = (outputs, view::<i32>(multipliers), view::<i32>(shifts)) else {
        wrong_operands()
    };
    let requant = |channel: usize| Requant { multiplier: multipliers[channel], shift: shifts[channel] };
    match (p.element, p.bias) {
        (Element::I8, bias_type) => {
            let bias = if bias_type.is_some() { view::<i32>(bias) } else { &[] };
            let add = |sum: i32, x: i8, w: i8| {
                sum.wrapping_add(i32::from(x).wrapping_add(p.input_offset).wrapping_mul(i32::from(w)))
            };
            gather(&p.at, input, filter, add, |index, channel, sum| {
                let sum = bias.get(channel).map_or(sum, |&bias| sum.wrapping_add(bias));
                output[index] = p.activation.clamp(requant(channel).apply(sum).wrapping_add(p.output_offset));
            });
        }
        (Element::I16, bias_type) => {
            let bias = |channel: usize| match bias_type {
                None => 0,
                Some(Element::I16) => i64::from(view::<i16>(bias)[channel]),
                Some(Element::I64) => view::<i64>(bias)[channel],
                Some(_) => wrong_operands(),
            };
            let output = view_mut::<i16>(output);
            let add = |sum: i64, x: i16, w: i8| sum + i64::from(i32::from(x) * i32::from(w));
            gather(&p.at, view::<i16>(input), filter, add, |index, channel, sum| {
                let scaled = requant(channel).apply_wide(sum.wrapping_add(bias(channel)));
                output[index] = scaled.max(p.activation.min).min(p.activation.max) as i16;
            });
        }
        _ => wrong_operands(),
    }
}

/// Accumulates in float32, in LiteRT's order.
#[inline]
pub fn transpose_conv_f32(p: &TransposeConvF32, inputs: &[&[i8]], outputs: &mut [&mut [i8]]) {
    let (input, filter, bias) = match *inputs {
        [input, filter] => (input, filter, &[][..]),
        [input, filter, bias] => (input, filter, view::<f32>(bias)),
        _ => wrong_operands(),
    };
    let [output] = outputs else { wrong_operands() };
    let output = view_mut::<f32>(output);
    let add = |sum: f32, x: f32, w: f32| sum + x * w;
    gather(&p.at, view::<f32>(input), view::<f32>(filter), add, |index, channel, sum| {
        let sum = bias.get(channel).map_or(sum, |bias| sum + bias);
        let sum = if sum < p.min { p.min } else { sum };
        output[index] = settled(if sum > p.max { p.max } else { sum });
    });
}

/// Calls `done` with position, channel and sum of every output element in turn.
fn gather<T: Copy, W: Copy, A: Copy + Default>(
    p: &Scatter,
    input: &[T],
    filter: &[W],
    add: impl Fn(A, T, W) -> A,
    mut done: impl FnMut(usize, usize, A),
) {
    let depth = p.input.c;
    for pixel in 0..p.output.n * p.output.h * p.output.w {
        let (x, y) = (pixel % p.output.w + p.padding.w, pixel / p.output.w % p.output.h + p.padding.h);
        let batch = pixel / (p.output.w * p.output.h);
        for channel in 0..p.output.c {
            let mut sum = A::default();
            for row in reaching(y, p.filter.h, p.stride.h, p.input.h) {
                for column in reaching(x, p.filter.w, p.stride.w, p.input.w) {
                    let from = ((batch * p.input.h + row) * p.input.w + column) * depth;
                    let tap_row = channel * p.filter.h + y - row * p.stride.h;
                    let tap = (tap_row * p.filter.w + x - column * p.stride.w) * depth;
                    sum = input[from..][..depth]
                        .iter()
                        .zip(&filter[tap..][..depth])
                        .fold(sum, |sum, (&x, &w)| add(sum, x, w));
                }
            }
            done(pixel * p.output.c + channel, channel, sum);
        }
    }
}

/// The input positions whose filter reaches a position of the output, padding included.
fn reaching(at: usize, taps: usize, stride: usize, input: usize) -> Range<usize> {
    (at + 1).saturating_sub(taps).div_ceil(stride)..(at / stride + 1).min(input)
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::{Scatter, TransposeConv, TransposeConvF32, transpose_conv, transpose_conv_f32};
    use crate::bytes::{Element, view, view_mut, words_as_i8, words_as_i8_mut};
    use crate::testing::Random;
    use crate::{Dims, Extent, Requant};
    use std::vec::Vec;

    fn table(values: &[i32]) -> Vec<u64> {
        let mut words = std::vec![0; values.len().div_ceil(2)];
        view_mut::<i32>(words_as_i8_mut(&mut words))[..values.len()].copy_from_slice(values);
        words
    }

    #[test]
    fn real_numbers_by_hand() {
        let at = Scatter {
            input: Dims { n: 1, h: 1, w: 2, c: 1 },
            filter: Dims { n: 1, h: 1, w: 3, c: 1 },
            output: Dims { n: 1, h: 1, w: 4, c: 1 },
            stride: Extent { h: 1, w: 2 },
            padding: Extent { h: 0, w: 1 },
        };
        let (mut input, mut filter, mut bias, mut output) = ([0; 1], [0; 2], [0; 1], [0; 2]);
        view_mut::<f32>(words_as_i8_mut(&mut input)).copy_from_slice(&[1.0, 10.0]);
        view_mut::<f32>(words_as_i8_mut(&mut filter))[..3].copy_from_slice(&[1.0, 2.0, 3.0]);
        view_mut::<f32>(words_as_i8_mut(&mut bias))[0] = 0.5;
        let filter = &words_as_i8(&filter)[..12];
        let p = TransposeConvF32 { at, min: 0.0, max: 25.0 };
        transpose_conv_f32(&p, &[words_as_i8(&input), filter], &mut [words_as_i8_mut(&mut output)]);
        assert_eq!(view::<f32>(words_as_i8(&output)), [2.0, 13.0, 20.0, 25.0]);
        let inputs = [words_as_i8(&input), filter, &words_as_i8(&bias)[..4]];
        transpose_conv_f32(&p, &inputs, &mut [words_as_i8_mut(&mut output)]);
        assert_eq!(view::<f32>(words_as_i8(&output)), [2.5, 13.5, 20.5, 25.0]);
    }

    /// Gathering is scattering: int8 shapes against LiteRT's loops.
    #[test]
    fn random_shapes_agree_with_the_definition() {
        let mut random = Random::new(31);
        for round in 0..200 {
            let mut up_to = |bound| 1 + random.below(bound);
            let input = Dims { n: up_to(2), h: up_to(4), w: up_to(4), c: up_to(3) };
            let filter = Dims { n: up_to(3), h: up_to(4), w: up_to(4), c: input.c };
            let stride = Extent { h: up_to(3), w: up_to(3) };
            let padding = Extent { h: random.below(filter.h), w: random.below(filter.w) };
            let height = (input.h - 1) * stride.h + filter.h;
            let width = (input.w - 1) * stride.w + filter.w;
            let output = Dims { n: input.n, h: height - padding.h, w: width - padding.w, c: filter.n };
            let p = TransposeConv {
                element: Element::I8,
                at: Scatter { input, filter, output, stride, padding },
                bias: Some(Element::I32),
                input_offset: random.between(-127, 128),
                output_offset: random.between(-128, 127),
                activation: random.activation(),
            };
            let (mut data, mut weights) = (std::vec![0; input.len()], std::vec![0; filter.len()]);
            random.fill(&mut data);
            random.fill(&mut weights);
            let bias: Vec<i32> = (0..filter.n).map(|_| random.between(-9000, 9000)).collect();
            let multipliers: Vec<i32> = (0..filter.n).map(|_| random.between(1 << 30, i32::MAX)).collect();
            let shifts: Vec<i32> = (0..filter.n).map(|_| random.between(-12, 0)).collect();
            let mut sums: Vec<i32> = (0..output.len()).map(|at| bias[at % output.c]).collect();
            for (at, &value) in data.iter().enumerate() {
                let [n, y, x, c] = crate::testing::at(input, at);
                for (tap, &weight) in weights.iter().enumerate() {
                    let [channel, tap_y, tap_x, tap_c] = crate::testing::at(filter, tap);
                    let row = (y * stride.h + tap_y).wrapping_sub(padding.h);
                    let column = (x * stride.w + tap_x).wrapping_sub(padding.w);
                    if c == tap_c && row < output.h && column < output.w {
                        sums[((n * output.h + row) * output.w + column) * output.c + channel] +=
                            (i32::from(value) + p.input_offset) * i32::from(weight);
                    }
                }
            }
            let (bias, multipliers_table, shifts_table) = (table(&bias), table(&multipliers), table(&shifts));
            let bytes = filter.n * 4;
            let mut result = std::vec![0; output.len()];
            let tables = [&bias, &multipliers_table, &shifts_table].map(|words| &words_as_i8(words)[..bytes]);
            let inputs = [&data[..], &weights, tables[0], tables[1], tables[2]];
            transpose_conv(&p, &inputs, &mut [&mut result]);
            for (at, &sum) in sums.iter().enumerate() {
                let requant = Requant { multiplier: multipliers[at % output.c], shift: shifts[at % output.c] };
                let expected = p.activation.clamp(requant.apply(sum) + p.output_offset);
                assert_eq!(result[at], expected, "round {round}, {p:?}, element {at}");
            }
        }
    }
}
