//! CMSIS-NN, compiled for this machine (its scalar path), against the reference kernels, over seeded random shapes.

#![cfg(cmsis_nn_library)]

use kernels::{
    Activation, Add, AddOperand, Broadcast, Combination, Combine, Conv2d, DepthwiseConv2d, Dims, Element, Extent,
    FullyConnected, Multiply, Pool2d, Requant, Side, Softmax, Weights, words_as_i8, words_as_i8_mut,
};

mod shapes;

use shapes::testing::{Data, Random};
use shapes::{ONE, input, scratch, window};

/// Weights with a bias, or without one in every fourth round.
fn weights(data: &Data, round: usize) -> Weights<'_> {
    let weights = data.weights();
    if round % 4 == 3 { Weights { bias: None, ..weights } } else { weights }
}

/// Both kernels on the same arguments into outputs poisoned differently.
fn assert_same(what: &str, data: &Data, reference: impl FnOnce(&mut [i8]), library: impl FnOnce(&mut [i8])) {
    let mut expected = data.output();
    let mut got = vec![-0x55; expected.len()];
    reference(&mut expected);
    library(&mut got);
    assert_eq!(got, expected, "{what}");
}

fn conv(
    random: &mut Random,
    input: Dims,
    taps: Extent,
    stride: Extent,
    dilation: Extent,
    channels: usize,
) -> (Conv2d, Data) {
    let (output, padding) = window(random, input, taps, stride, dilation, channels);
    let p = Conv2d {
        input,
        filter: Dims { n: channels, h: taps.h, w: taps.w, c: input.c },
        output,
        stride,
        padding,
        dilation,
        input_offset: random.between(-127, 128),
        output_offset: random.between(-128, 127),
        activation: random.activation(),
    };
    let data = random.data(input.len(), p.filter.len(), channels, p.output.len(), false);
    (p, data)
}

/// What the host asks before it chooses the one-row function: its padding rule holds, and no window is cut at both ends.
fn one_row_is_cut_once(p: &Conv2d) -> bool {
    let [input, taps, stride, output, padding] =
        [p.input.w, p.filter.w, p.stride.w, p.output.w, p.padding.w].map(usize::cast_signed);
    let total = (output - 1) * stride + taps - input;
    let asymmetric = total % 2;
    let positions = |padded: isize| if padded == 0 { 0 } else { ((padded + stride - 1) / stride).max(1) };
    let (left, right) = (positions(padding), positions(padding + asymmetric));
    let uncut = output - right;
    padding * 2 + asymmetric == total && left <= uncut && (uncut == 0 || (uncut - 1) * stride + taps <= input + padding)
}

#[test]
fn conv_2d() {
    let mut random = Random::new(11);
    for round in 0..1500 {
        let input = input(&mut random, 9, 20);
        let (taps, stride, dilation) = (random.extent(5), random.extent(3), random.extent(2));
        let channels = 1 + random.below(20);
        let (p, data) = conv(&mut random, input, taps, stride, dilation, channels);
        let w = weights(&data, round);
        assert_same(
            &format!("{p:?}"),
            &data,
            |out| kernels::conv_2d(&p, &w, &data.input, out),
            |out| cmsis_nn::conv_2d(&p, &w, &data.input, out, &mut scratch().0),
        );
    }
}

#[test]
fn conv_2d_1_x_n() {
    let mut random = Random::new(12);
    let mut ran = 0;
    for round in 0..3000 {
        let input = Dims { n: 1 + random.below(2), h: 1, w: 1 + random.below(30), c: 1 + random.below(12) };
        let taps = Extent { h: 1, w: 1 + random.below(6) };
        let stride = Extent { h: 1, w: 1 + random.below(4) };
        let channels = 1 + random.below(12);
        let (p, data) = conv(&mut random, input, taps, stride, ONE, channels);
        if !(stride.w * input.c).is_multiple_of(4) || !one_row_is_cut_once(&p) {
            continue;
        }
        ran += 1;
        let w = weights(&data, round);
        assert_same(
            &format!("{p:?}"),
            &data,
            |out| kernels::conv_2d(&p, &w, &data.input, out),
            |out| cmsis_nn::conv_2d_1_x_n(&p, &w, &data.input, out, &mut scratch().0),
        );
    }
    assert!(ran > 300, "{ran}");
}

#[test]
fn conv_2d_1x1_with_and_without_strides() {
    let mut random = Random::new(13);
    for round in 0..1500 {
        let input = input(&mut random, 8, 70);
        let stride = if round % 2 == 0 { ONE } else { random.extent(3) };
        let channels = 1 + random.below(30);
        let (p, data) = conv(&mut random, input, ONE, stride, ONE, channels);
        let w = weights(&data, round);
        let reference = |out: &mut [i8]| kernels::conv_2d(&p, &w, &data.input, out);
        let what = format!("{p:?}");
        assert_same(&what, &data, reference, |out| cmsis_nn::conv_2d_1x1(&p, &w, &data.input, out));
        if stride == ONE {
            assert_same(&what, &data, reference, |out| cmsis_nn::conv_2d_1x1_fast(&p, &w, &data.input, out));
        }
    }
}

fn depthwise(conv: &Conv2d, depth_multiplier: usize) -> DepthwiseConv2d {
    let c = conv.input.c * depth_multiplier;
    DepthwiseConv2d {
        input: conv.input,
        filter: Dims { n: 1, c, ..conv.filter },
        output: Dims { c, ..conv.output },
        depth_multiplier,
        stride: conv.stride,
        padding: conv.padding,
        dilation: conv.dilation,
        input_offset: conv.input_offset,
        output_offset: conv.output_offset,
        activation: conv.activation,
    }
}

#[test]
fn depthwise_conv_2d() {
    let mut random = Random::new(14);
    for round in 0..1500 {
        let input = input(&mut random, 9, 12);
        let (taps, stride, dilation) = (random.extent(5), random.extent(3), random.extent(3));
        // Multiples of four have code of their own.
        let depth_multiplier = [1, 2, 3, 4, 8][random.below(5)];
        let (shape, _) = conv(&mut random, input, taps, stride, dilation, 1);
        let p = depthwise(&shape, depth_multiplier);
        let data = random.data(input.len(), p.filter.len(), p.output.c, p.output.len(), false);
        let w = weights(&data, round);
        assert_same(
            &format!("{p:?}"),
            &data,
            |out| kernels::depthwise_conv_2d(&p, &w, &data.input, out),
            |out| cmsis_nn::depthwise_conv_2d(&p, &w, &data.input, out),
        );
    }
}

#[test]
fn depthwise_conv_2d_3x3_and_opt() {
    let mut random = Random::new(15);
    let mut three_by_three = 0;
    for round in 0..2000 {
        let input = Dims { n: 1, ..input(&mut random, 10, 20) };
        let taps = if round % 2 == 0 { Extent { h: 3, w: 3 } } else { random.extent(5) };
        let stride = random.extent(5);
        let (shape, _) = conv(&mut random, input, taps, stride, ONE, 1);
        let p = depthwise(&shape, 1);
        let data = random.data(input.len(), p.filter.len(), p.output.c, p.output.len(), false);
        let w = weights(&data, round);
        let what = format!("{p:?}");
        let reference = |out: &mut [i8]| kernels::depthwise_conv_2d(&p, &w, &data.input, out);
        assert_same(&what, &data, reference, |out| {
            cmsis_nn::depthwise_conv_2d_opt(&p, &w, &data.input, out, &mut scratch().0);
        });
        if taps == (Extent { h: 3, w: 3 }) && p.padding.h <= 1 && p.padding.w <= 1 {
            three_by_three += 1;
            assert_same(&what, &data, reference, |out| {
                cmsis_nn::depthwise_conv_2d_3x3(&p, &w, &data.input, out);
            });
        }
    }
    assert!(three_by_three > 900, "{three_by_three}");
}

#[test]
fn fully_connected_per_tensor_and_per_channel() {
    let mut random = Random::new(16);
    for round in 0..3000 {
        let per_tensor = round % 2 == 0;
        let p = FullyConnected {
            batches: 1 + random.below(5),
            depth: 1 + random.below(300),
            units: 1 + random.below(40),
            input_offset: random.between(-127, 128),
            filter_offset: 0,
            output_offset: random.between(-128, 127),
            activation: random.activation(),
        };
        let data = random.data(p.batches * p.depth, p.units * p.depth, p.units, p.batches * p.units, per_tensor);
        let w = weights(&data, round / 2);
        assert_same(
            &format!("{p:?}"),
            &data,
            |out| kernels::fully_connected(&p, &w, &data.input, out),
            |out| {
                if per_tensor {
                    cmsis_nn::fully_connected(&p, &w, &data.input, out, &mut []);
                } else {
                    cmsis_nn::fully_connected_per_channel(&p, &w, &data.input, out);
                }
            },
        );
    }
}

#[test]
fn pools() {
    let mut random = Random::new(17);
    for _ in 0..2000 {
        let input = input(&mut random, 12, 20);
        let (window, stride) = (random.extent(7), random.extent(4));
        let (h, top) = random.geometry(input.h, window.h, stride.h, 1);
        let (w, left) = random.geometry(input.w, window.w, stride.w, 1);
        let p = Pool2d {
            input,
            output: Dims { h, w, ..input },
            window,
            stride,
            padding: Extent { h: top, w: left },
            activation: random.activation(),
        };
        let data = random.data(input.len(), 0, 0, p.output.len(), true);
        let what = format!("{p:?}");
        assert_same(
            &what,
            &data,
            |out| kernels::average_pool_2d(&p, &data.input, out),
            |out| cmsis_nn::average_pool_2d(&p, &data.input, out, &mut []),
        );
        assert_same(
            &what,
            &data,
            |out| kernels::max_pool_2d(&p, &data.input, out),
            |out| cmsis_nn::max_pool_2d(&p, &data.input, out),
        );
    }
}

#[test]
fn add() {
    let mut random = Random::new(18);
    let every_value: Vec<i8> = (i8::MIN..=i8::MAX).collect();
    let first: Vec<i8> = every_value.iter().flat_map(|&a| [a; 256]).collect();
    let second: Vec<i8> = every_value.repeat(256);
    let dims = Dims { n: 1, h: 1, w: 256, c: 256 };
    for _ in 0..30 {
        let mut operand = |low| AddOperand {
            dims,
            offset: random.between(-127, 128),
            requant: Requant { multiplier: random.between(1 << 30, i32::MAX), shift: random.between(low, 0) },
        };
        let (a, b, sum) = (operand(-8), operand(-1), operand(-20));
        let p = Add {
            a,
            b,
            output: dims,
            left_shift: 20,
            requant: Requant { shift: sum.requant.shift.min(-15), ..sum.requant },
            output_offset: random.between(-128, 127),
            activation: random.activation(),
        };
        let data = random.data(0, 0, 0, dims.len(), true);
        assert_same(
            &format!("{p:?}"),
            &data,
            |out| kernels::add(&p, &first, &second, out),
            |out| cmsis_nn::add(&p, &first, &second, out),
        );
    }
}

/// Shapes without broadcasting, as the host normalizes them.
fn row(len: usize) -> Broadcast {
    let one = [0, 0, 0, 0, 0, 1];
    Broadcast { shape: [1, 1, 1, 1, 1, len], a: one, b: one }
}

/// At least `len` random int16 values, in words where such values may start.
fn words(random: &mut Random, len: usize) -> Vec<u64> {
    let half = |random: &mut Random| random.between(0, i32::MAX - 1).cast_unsigned().wrapping_mul(3);
    (0..len.div_ceil(4)).map(|_| u64::from(half(random)) << 32 | u64::from(half(random))).collect()
}

#[test]
fn multiply() {
    let mut random = Random::new(20);
    let every_value: Vec<i8> = (i8::MIN..=i8::MAX).collect();
    let first: Vec<i8> = every_value.iter().flat_map(|&a| [a; 256]).collect();
    let second: Vec<i8> = every_value.repeat(256);
    for round in 0..30 {
        let len = first.len() - round;
        let p = Multiply {
            element: Element::I8,
            at: row(len),
            a_offset: random.between(-127, 128),
            b_offset: random.between(-127, 128),
            requant: Requant { multiplier: random.between(1 << 30, i32::MAX), shift: random.between(-12, 1) },
            output_offset: random.between(-128, 127),
            activation: random.activation(),
        };
        let data = random.data(0, 0, 0, len, true);
        let inputs = [&first[..len], &second[..len]];
        assert_same(
            &format!("{p:?}"),
            &data,
            |out| kernels::multiply(&p, &inputs, &mut [out]),
            |out| cmsis_nn::multiply(&p, &inputs, &mut [out]),
        );
    }
}

#[test]
fn add_and_multiply_int16() {
    let mut random = Random::new(21);
    for _ in 0..300 {
        let len = 2 + random.below(300);
        let (a, b) = (words(&mut random, len), words(&mut random, len));
        let inputs = [&words_as_i8(&a)[..2 * len], &words_as_i8(&b)[..2 * len]];
        let factor = |random: &mut Random, low, high| Requant {
            multiplier: random.between(1 << 30, i32::MAX),
            shift: random.between(low, high),
        };
        let low = random.between(-32_768, 0);
        let activation = Activation { min: low, max: random.between(low, 32_767) };
        let p = Multiply {
            element: Element::I16,
            at: row(len),
            a_offset: 0,
            b_offset: 0,
            requant: factor(&mut random, -18, -10),
            output_offset: 0,
            activation,
        };
        let (mut expected, mut got) = (vec![0; len.div_ceil(4)], vec![0; len.div_ceil(4)]);
        kernels::multiply(&p, &inputs, &mut [&mut words_as_i8_mut(&mut expected)[..2 * len]]);
        cmsis_nn::multiply_s16(&p, &inputs, &mut [&mut words_as_i8_mut(&mut got)[..2 * len]]);
        assert_eq!(got, expected, "{p:?}");

        let p = Combine {
            combination: Combination::Sum,
            element: Element::I16,
            at: row(len),
            a: Side { offset: 0, requant: factor(&mut random, -8, 0) },
            b: Side { offset: 0, requant: factor(&mut random, -2, 0) },
            left_shift: 15,
            requant: factor(&mut random, -17, -12),
            output_offset: 0,
            activation,
        };
        kernels::combine(&p, &inputs, &mut [&mut words_as_i8_mut(&mut expected)[..2 * len]]);
        cmsis_nn::add_s16(&p, &inputs, &mut [&mut words_as_i8_mut(&mut got)[..2 * len]]);
        assert_eq!(got, expected, "{p:?}");
    }
}

#[test]
fn softmax() {
    let mut random = Random::new(19);
    for _ in 0..3000 {
        let shift = random.between(16, 26);
        let p = Softmax {
            rows: 1 + random.below(4),
            depth: 1 + random.below(200),
            requant: Requant { multiplier: random.between(1 << 30, i32::MAX), shift },
            // LiteRT's input radius: what still fits five integer bits.
            diff_min: -((31_i64 << 26) >> shift) as i32,
        };
        let data = random.data(p.rows * p.depth, 0, 0, p.rows * p.depth, true);
        assert_same(
            &format!("{p:?}"),
            &data,
            |out| kernels::softmax(&p, &data.input, out),
            |out| cmsis_nn::softmax(&p, &data.input, out),
        );
    }
}

#[test]
#[should_panic(expected = "arguments do not fit")]
fn too_little_scratch_is_refused() {
    let mut random = Random::new(20);
    let (p, data) = conv(&mut random, Dims { n: 1, h: 3, w: 3, c: 3 }, ONE, ONE, ONE, 2);
    cmsis_nn::conv_2d(&p, &data.weights(), &data.input, &mut data.output(), &mut scratch().0[..11]);
}

#[test]
#[should_panic(expected = "arguments do not fit")]
fn a_short_output_is_refused() {
    let mut random = Random::new(21);
    let (p, data) = conv(&mut random, Dims { n: 1, h: 3, w: 3, c: 3 }, ONE, ONE, ONE, 2);
    cmsis_nn::conv_2d_1x1_fast(&p, &data.weights(), &data.input, &mut data.output()[1..]);
}

#[test]
#[should_panic(expected = "arguments do not fit")]
fn a_window_beyond_the_input_is_refused() {
    let mut random = Random::new(22);
    let (mut p, data) = conv(&mut random, Dims { n: 1, h: 9, w: 9, c: 1 }, ONE, ONE, ONE, 1);
    p.output = Dims { n: 1, h: 3, w: 3, c: 1 };
    p.stride = Extent { h: 5, w: 1 };
    cmsis_nn::conv_2d_1x1(&p, &data.weights(), &data.input, &mut data.output());
}
