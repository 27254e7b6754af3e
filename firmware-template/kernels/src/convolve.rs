//! CONV_2D, DEPTHWISE_CONV_2D and FULLY_CONNECTED in float32 and in int16 with int8 weights.
//!
//! The three differ in where a weight lies and which inputs it meets, and are one loop here; a fully connected layer is a
//! convolution of one tap. (In int8 each has a kernel of its own, whose parameters CMSIS-NN's bindings share.)

use crate::arithmetic::{bound, settled};
use crate::bytes::{Element, view, view_mut, wrong_operands};
use crate::window::Window;
use crate::{Activation, Dims, Extent, Requant};

/// The operator that a sum of products stands for; the loop does not ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[expect(missing_docs, reason = "the names are LiteRT's")]
pub enum Layer {
    Conv2d,
    DepthwiseConv2d,
    FullyConnected,
}

/// Shapes and steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Convolution {
    /// What it was made of.
    pub layer: Layer,
    /// Input shape.
    pub input: Dims,
    /// Output shape.
    pub output: Dims,
    /// Rows and columns of the filter.
    pub taps: Extent,
    /// Step of the window.
    pub stride: Extent,
    /// Rows above and columns to the left that lie outside the input.
    pub padding: Extent,
    /// Distance between filter taps.
    pub dilation: Extent,
    /// Input channels that one output channel sums.
    pub depth: usize,
    /// Output channels in a row that sum the same input channels.
    pub group: usize,
    /// Weights from one output channel to the next.
    pub channel_step: usize,
    /// Weights from one tap to the next.
    pub tap_step: usize,
}

/// Float32. Operands: input, filter, bias where there is one.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ConvolveF32 {
    /// Shapes and steps.
    pub at: Convolution,
    /// Smallest output value.
    pub min: f32,
    /// Largest output value.
    pub max: f32,
}

/// Int16 with int8 weights; the zero points of input and output are 0. Operands: input, filter, bias where there is one,
/// then tables of int32: multipliers and shifts, one for each output channel or a single one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ConvolveI16 {
    /// Shapes and steps.
    pub at: Convolution,
    /// Type of the bias: int32 or int64.
    pub bias: Option<Element>,
    /// Added to every weight: minus the filter's zero point.
    pub filter_offset: i32,
    /// Whether, whatever the input, sums of the first 512 products stay within 32 bits and scaled sums within 30. Libraries
    /// rely on it; the loop does not ask.
    pub narrow: bool,
    /// Bounds of the output.
    pub activation: Activation,
}

/// Accumulates in float32, in LiteRT's order.
#[inline]
pub fn convolve_f32(p: &ConvolveF32, inputs: &[&[i8]], outputs: &mut [&mut [i8]]) {
    let (input, filter, bias) = match *inputs {
        [input, filter] => (input, filter, &[][..]),
        [input, filter, bias] => (input, filter, view::<f32>(bias)),
        _ => wrong_operands(),
    };
    let [output] = outputs else { wrong_operands() };
    let add = |sum: f32, x: f32, w: f32| sum + x * w;
    walk(&p.at, view::<f32>(input), view::<f32>(filter), view_mut::<f32>(output), add, |channel, sum| {
        let sum = bias.get(channel).map_or(sum, |bias| sum + bias);
        settled(bound(sum, p.min, p.max))
    });
}

/// With an int32 bias sums are of 32 bits, wrap and are scaled as such; else of 64. LiteRT's accumulators have the type of
/// the bias.
#[inline]
pub fn convolve_i16(p: &ConvolveI16, inputs: &[&[i8]], outputs: &mut [&mut [i8]]) {
    let (input, filter, bias, multipliers, shifts) = match (p.bias, inputs) {
        (None, &[input, filter, multipliers, shifts]) => (input, filter, &[][..], multipliers, shifts),
        (Some(_), &[input, filter, bias, multipliers, shifts]) => (input, filter, bias, multipliers, shifts),
        _ => wrong_operands(),
    };
    let ([output], multipliers, shifts) = (outputs, view::<i32>(multipliers), view::<i32>(shifts)) else {
        wrong_operands()
    };
    let (input, output) = (view::<i16>(input), view_mut::<i16>(output));
    let requant = |channel: usize| {
        let at = if multipliers.len() == 1 { 0 } else { channel };
        Requant { multiplier: multipliers[at], shift: shifts[at] }
    };
    let product = |x: i16, w: i8| i32::from(x).wrapping_mul(i32::from(w).wrapping_add(p.filter_offset));
    if p.bias == Some(Element::I32) {
        let bias = view::<i32>(bias);
        let add = |sum: i32, x: i16, w: i8| sum.wrapping_add(product(x, w));
        walk(&p.at, input, filter, output, add, |channel, sum| {
            p.activation.bound(requant(channel).apply(sum.wrapping_add(bias[channel]))) as i16
        });
    } else {
        let bias = view::<i64>(bias);
        let add = |sum: i64, x: i16, w: i8| sum.wrapping_add(i64::from(product(x, w)));
        walk(&p.at, input, filter, output, add, |channel, sum| {
            let sum = bias.get(channel).map_or(sum, |&bias| sum.wrapping_add(bias));
            p.activation.bound(requant(channel).apply_wide(sum)) as i16
        });
    }
}

/// Sums products over the taps that lie inside the input, rows first, and writes what `done` makes of channel and sum.
#[inline]
fn walk<T: Copy, W: Copy, A: Copy + Default>(
    p: &Convolution,
    input: &[T],
    filter: &[W],
    output: &mut [T],
    add: impl Fn(A, T, W) -> A,
    done: impl Fn(usize, A) -> T,
) {
    let along = |input, taps, stride, dilation, padding| Window { input, taps, stride, dilation, padding };
    let rows = along(p.input.h, p.taps.h, p.stride.h, p.dilation.h, p.padding.h);
    let columns = along(p.input.w, p.taps.w, p.stride.w, p.dilation.w, p.padding.w);
    let mut pixels = output[..p.output.len()].chunks_exact_mut(p.output.c);
    for batch in input[..p.input.len()].chunks_exact(p.input.h * p.input.w * p.input.c) {
        for y in 0..p.output.h {
            for (x, pixel) in (0..p.output.w).zip(&mut pixels) {
                for (channel, out) in pixel.iter_mut().enumerate() {
                    let (from, weights) = (channel / p.group * p.depth, channel * p.channel_step);
                    let mut sum = A::default();
                    for tap_y in rows.inside(y) {
                        let row = rows.element(y, tap_y) * p.input.w;
                        for tap_x in columns.inside(x) {
                            let at = (row + columns.element(x, tap_x)) * p.input.c + from;
                            let tap = weights + (tap_y * p.taps.w + tap_x) * p.tap_step;
                            sum = batch[at..][..p.depth]
                                .iter()
                                .zip(&filter[tap..][..p.depth])
                                .fold(sum, |sum, (&x, &w)| add(sum, x, w));
                        }
                    }
                    *out = done(channel, sum);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::vec::Vec;

    use super::{Convolution, ConvolveF32, ConvolveI16, Layer, convolve_f32, convolve_i16};
    use crate::bytes::{Element, view, view_mut, words_as_i8, words_as_i8_mut};
    use crate::testing::{Random, at};
    use crate::{Activation, Conv2d, DepthwiseConv2d, Dims, Extent, Requant};

    const ONE: Extent = Extent { h: 1, w: 1 };
    const ANY: Activation = Activation { min: -32_768, max: 32_767 };

    fn dense(input: usize, units: usize) -> Convolution {
        Convolution {
            layer: Layer::FullyConnected,
            input: Dims { n: 1, h: 1, w: 1, c: input },
            output: Dims { n: 1, h: 1, w: 1, c: units },
            taps: ONE,
            stride: ONE,
            padding: Extent { h: 0, w: 0 },
            dilation: ONE,
            depth: input,
            group: units,
            channel_step: input,
            tap_step: input,
        }
    }

    #[test]
    fn real_numbers_are_summed_in_order() {
        let (mut input, mut filter, mut bias, mut output) = ([0; 2], [0; 3], [0; 1], [0; 1]);
        view_mut::<f32>(words_as_i8_mut(&mut input))[..3].copy_from_slice(&[1.0e8, 1.0, -1.0e8]);
        view_mut::<f32>(words_as_i8_mut(&mut filter)).copy_from_slice(&[1.0, 1.0, 1.0, 0.0, 9.0, 0.0]);
        view_mut::<f32>(words_as_i8_mut(&mut bias)).copy_from_slice(&[0.5, -1.0]);
        let p = ConvolveF32 { at: dense(3, 2), min: f32::MIN, max: 7.5 };
        let inputs = [&words_as_i8(&input)[..12], words_as_i8(&filter), words_as_i8(&bias)];
        convolve_f32(&p, &inputs[..2], &mut [words_as_i8_mut(&mut output)]);
        assert_eq!(view::<f32>(words_as_i8(&output)), [0.0, 7.5], "1 is lost beside 1e8; 9 is cut");
        convolve_f32(&p, &inputs, &mut [words_as_i8_mut(&mut output)]);
        assert_eq!(view::<f32>(words_as_i8(&output)), [0.5, 7.5]);
    }

    /// 32-bit sums wrap and are rounded twice, 64-bit sums are neither.
    #[test]
    fn accumulators_have_the_type_of_the_bias() {
        let (mut input, mut tables, mut output) = ([0; 1], [0; 1], [0; 1]);
        view_mut::<i16>(words_as_i8_mut(&mut input))[0] = 1;
        // A factor of 1/4.
        view_mut::<i32>(words_as_i8_mut(&mut tables)).copy_from_slice(&[1 << 30, -1]);
        let (multiplier, shift) = words_as_i8(&tables).split_at(4);
        let mut run = |element: Element, bias: i64, weight: i8, filter_offset: i32| {
            let mut words = [0; 1];
            match element {
                Element::I32 => view_mut::<i32>(words_as_i8_mut(&mut words))[0] = bias as i32,
                _ => view_mut::<i64>(words_as_i8_mut(&mut words))[0] = bias,
            }
            let p = ConvolveI16 { at: dense(1, 1), bias: Some(element), filter_offset, narrow: false, activation: ANY };
            let bias = &words_as_i8(&words)[..element.bytes()];
            let inputs = [&words_as_i8(&input)[..2], &[weight], bias, multiplier, shift];
            convolve_i16(&p, &inputs, &mut [&mut words_as_i8_mut(&mut output)[..2]]);
            view::<i16>(words_as_i8(&output))[0]
        };
        let largest = i64::from(i32::MAX);
        assert_eq!(run(Element::I64, largest, 1, 0), 32_767);
        assert_eq!(run(Element::I32, largest, 1, 0), -32_768, "the sum has wrapped");
        assert_eq!(run(Element::I64, 0, 2, -1), 0, "1/4");
        assert_eq!(run(Element::I32, 0, 2, -1), 1, "1/4 is rounded to 1/2 and then to 1");
    }

    fn grouped(p: &Conv2d) -> Convolution {
        let Conv2d { input, filter, output, stride, padding, dilation, .. } = *p;
        Convolution {
            layer: Layer::Conv2d,
            input,
            output,
            taps: Extent { h: filter.h, w: filter.w },
            stride,
            padding,
            dilation,
            depth: filter.c,
            group: output.c / (input.c / filter.c),
            channel_step: filter.h * filter.w * filter.c,
            tap_step: filter.c,
        }
    }

    fn depthwise(p: &DepthwiseConv2d) -> Convolution {
        let DepthwiseConv2d { input, filter, output, depth_multiplier, stride, padding, dilation, .. } = *p;
        Convolution {
            layer: Layer::DepthwiseConv2d,
            input,
            output,
            taps: Extent { h: filter.h, w: filter.w },
            stride,
            padding,
            dilation,
            depth: 1,
            group: depth_multiplier,
            channel_step: 1,
            tap_step: output.c,
        }
    }

    /// The sum of an output element by its definition: filters are OHWI, or 1HWO where a channel meets one input channel.
    fn sum(p: &Convolution, index: usize, input: &[i16], filter: &[i8]) -> i64 {
        let [n, y, x, c] = at(p.output, index);
        let mut sum = 0;
        for tap in 0..p.taps.h * p.taps.w {
            let row = (y * p.stride.h + tap / p.taps.w * p.dilation.h).wrapping_sub(p.padding.h);
            let column = (x * p.stride.w + tap % p.taps.w * p.dilation.w).wrapping_sub(p.padding.w);
            if row >= p.input.h || column >= p.input.w {
                continue;
            }
            for d in 0..p.depth {
                let from = ((n * p.input.h + row) * p.input.w + column) * p.input.c + c / p.group * p.depth + d;
                let weight = match p.layer {
                    Layer::DepthwiseConv2d => tap * p.output.c + c,
                    _ => (c * p.taps.h * p.taps.w + tap) * p.depth + d,
                };
                sum += i64::from(input[from]) * i64::from(filter[weight]);
            }
        }
        sum
    }

    /// Grouped, padded, dilated and depthwise shapes.
    #[test]
    fn random_shapes_agree_with_the_definition() {
        const FACTOR: Requant = Requant { multiplier: 1_500_000_000, shift: -10 };
        let mut random = Random::new(8);
        for round in 0..300 {
            let at =
                if round % 2 == 0 { grouped(&random.conv_2d().0) } else { depthwise(&random.depthwise_conv_2d().0) };
            let (inputs, outputs) = (at.input.len(), at.output.len());
            let mut filter = std::vec![0; at.taps.h * at.taps.w * at.depth * at.output.c];
            random.fill(&mut filter);
            let values: Vec<i16> = (0..inputs).map(|_| random.between(-32_768, 32_767) as i16).collect();
            let mut input = std::vec![0; inputs.div_ceil(4)];
            view_mut::<i16>(words_as_i8_mut(&mut input))[..inputs].copy_from_slice(&values);
            let (mut factor, mut output) = ([0], std::vec![0; outputs.div_ceil(4)]);
            view_mut::<i32>(words_as_i8_mut(&mut factor)).copy_from_slice(&[FACTOR.multiplier, FACTOR.shift]);
            let (multiplier, shift) = words_as_i8(&factor).split_at(4);
            let operands = [&words_as_i8(&input)[..inputs * 2], &filter, multiplier, shift];
            let p = ConvolveI16 { at, bias: None, filter_offset: 0, narrow: true, activation: ANY };
            convolve_i16(&p, &operands, &mut [&mut words_as_i8_mut(&mut output)[..outputs * 2]]);
            let output = view::<i16>(words_as_i8(&output));
            for (index, &found) in output[..outputs].iter().enumerate() {
                let expected = ANY.bound(FACTOR.apply_wide(sum(&at, index, &values, &filter)));
                assert_eq!(i32::from(found), expected, "round {round}, {at:?}, element {index}");
            }
        }
    }
}
