//! CMSIS-NN's int16 functions and SVDF, compiled for this machine (its scalar path), against the
//! reference kernels, over seeded random shapes.

#![cfg(cmsis_nn_library)]

use kernels::{
    Activation, Conv2d, Convolution, ConvolveI16, DepthwiseConv2d, Dims, Element, Extent, FullyConnected, Layer,
    Pool2d, PoolFunction, PoolI16, Pooling, Requant, SoftmaxI16, Svdf, SvdfSizes, Weights, words_as_i8,
    words_as_i8_mut,
};

mod shapes;

use shapes::testing::Random;
use shapes::{ONE, input, scratch, window};

/// At least `len` random int16 values, in words where such values may start.
fn words(random: &mut Random, len: usize) -> Vec<u64> {
    let half = |random: &mut Random| random.between(0, i32::MAX - 1).cast_unsigned().wrapping_mul(3);
    (0..len.div_ceil(4)).map(|_| u64::from(half(random)) << 32 | u64::from(half(random))).collect()
}

/// Tensors of the common form, in words where any element may start.
struct Common {
    input: Vec<u64>,
    filter: Vec<i8>,
    bias: Option<Vec<u64>>,
    tables: [Vec<u64>; 2],
    channels: usize,
    factors: usize,
    inputs: usize,
}

impl Common {
    fn of(random: &mut Random, inputs: usize, filter: usize, channels: usize, factors: usize, bias: bool) -> Self {
        let mut data = vec![0; filter];
        random.fill(&mut data);
        let bias = bias.then(|| (0..channels).map(|_| i64::from(random.between(-1 << 24, 1 << 24)) as u64).collect());
        let pair = |values: Vec<i32>| values.chunks(2).map(packed).collect();
        let multipliers = (0..factors).map(|_| random.between(1 << 30, i32::MAX)).collect();
        let shifts = (0..factors).map(|_| random.between(-20, -4)).collect();
        let tables = [pair(multipliers), pair(shifts)];
        Self { input: words(random, inputs), filter: data, bias, tables, channels, factors, inputs }
    }

    fn operands(&self) -> Vec<&[i8]> {
        let mut operands = vec![&words_as_i8(&self.input)[..2 * self.inputs], &self.filter[..]];
        operands.extend(self.bias.as_ref().map(|bias| &words_as_i8(bias)[..8 * self.channels]));
        operands.extend(self.tables.iter().map(|table| &words_as_i8(table)[..4 * self.factors]));
        operands
    }
}

fn packed(pair: &[i32]) -> u64 {
    pair.iter().rev().fold(0, |word, &value| word << 32 | u64::from(value.cast_unsigned()))
}

/// Both kernels on int16 outputs of `len` elements.
fn assert_same_wide(
    what: &str,
    len: usize,
    reference: impl FnOnce(&mut [&mut [i8]]),
    library: impl FnOnce(&mut [&mut [i8]]),
) {
    let (mut expected, mut got) = (vec![0; len.div_ceil(4)], vec![u64::MAX; len.div_ceil(4)]);
    reference(&mut [&mut words_as_i8_mut(&mut expected)[..2 * len]]);
    library(&mut [&mut words_as_i8_mut(&mut got)[..2 * len]]);
    assert_eq!(words_as_i8(&got)[..2 * len], words_as_i8(&expected)[..2 * len], "{what}");
}

fn wide_bounds(random: &mut Random) -> Activation {
    let min = random.between(-32_768, 0);
    Activation { min, max: random.between(min, 32_767) }
}

fn wide(random: &mut Random, at: Convolution, bias: bool) -> ConvolveI16 {
    let bias = bias.then_some(Element::I64);
    ConvolveI16 { at, bias, filter_offset: 0, narrow: true, activation: wide_bounds(random) }
}

#[test]
fn convolutions_int16() {
    let mut random = Random::new(31);
    for round in 0..1500 {
        let input = input(&mut random, 9, 20);
        let (taps, stride, dilation) = (random.extent(5), random.extent(3), random.extent(2));
        let channels = 1 + random.below(20);
        let (output, padding) = window(&mut random, input, taps, stride, dilation, channels);
        let at = Convolution {
            layer: Layer::Conv2d,
            input,
            output,
            taps,
            stride,
            padding,
            dilation,
            depth: input.c,
            group: channels,
            channel_step: taps.h * taps.w * input.c,
            tap_step: input.c,
        };
        let p = wide(&mut random, at, round % 3 > 0);
        let filter = channels * at.channel_step;
        let data = Common::of(&mut random, input.len(), filter, channels, channels, p.bias.is_some());
        let inputs = data.operands();
        assert_same_wide(
            &format!("{p:?}"),
            at.output.len(),
            |out| kernels::convolve_i16(&p, &inputs, out),
            |out| cmsis_nn::convolve_s16(&p, &inputs, out),
        );
    }
}

#[test]
fn depthwise_convolutions_int16() {
    let mut random = Random::new(32);
    for round in 0..1500 {
        let input = input(&mut random, 9, 12);
        let (taps, stride) = (random.extent(5), random.extent(3));
        let dilation = if round % 2 == 0 { ONE } else { random.extent(3) };
        let group = [1, 2, 3, 4, 8][random.below(5)];
        let (output, padding) = window(&mut random, input, taps, stride, dilation, 1);
        let output = Dims { c: input.c * group, ..output };
        let at = Convolution {
            layer: Layer::DepthwiseConv2d,
            input,
            output,
            taps,
            stride,
            padding,
            dilation,
            depth: 1,
            group,
            channel_step: 1,
            tap_step: output.c,
        };
        let p = wide(&mut random, at, round % 3 > 0);
        let filter = taps.h * taps.w * output.c;
        let data = Common::of(&mut random, input.len(), filter, output.c, output.c, p.bias.is_some());
        let (inputs, what) = (data.operands(), format!("{p:?}"));
        let reference = |out: &mut [&mut [i8]]| kernels::convolve_i16(&p, &inputs, out);
        assert_same_wide(&what, output.len(), reference, |out| cmsis_nn::depthwise_conv_s16(&p, &inputs, out));
        if group == 1 && dilation == ONE {
            // Without extensions the library passes it on.
            assert_same_wide(&what, output.len(), reference, |out| {
                cmsis_nn::depthwise_conv_fast_s16(&p, &inputs, out, &mut []);
            });
        }
    }
}

#[test]
fn fully_connected_int16_per_tensor_and_per_channel() {
    let mut random = Random::new(33);
    for round in 0..600 {
        let (rows, depth, units) = (1 + random.below(4), 1 + random.below(700), 1 + random.below(20));
        let at = Convolution {
            layer: Layer::FullyConnected,
            input: Dims { n: rows, h: 1, w: 1, c: depth },
            output: Dims { n: rows, h: 1, w: 1, c: units },
            taps: ONE,
            stride: ONE,
            padding: Extent { h: 0, w: 0 },
            dilation: ONE,
            depth,
            group: units,
            channel_step: depth,
            tap_step: depth,
        };
        let p = wide(&mut random, at, round % 3 > 0);
        let per_tensor = round % 2 == 0;
        let factors = if per_tensor { 1 } else { units };
        let data = Common::of(&mut random, rows * depth, units * depth, units, factors, p.bias.is_some());
        let inputs = data.operands();
        assert_same_wide(
            &format!("{p:?}"),
            at.output.len(),
            |out| kernels::convolve_i16(&p, &inputs, out),
            |out| {
                if per_tensor {
                    cmsis_nn::fully_connected_s16(&p, &inputs, out);
                } else {
                    cmsis_nn::convolve_s16(&p, &inputs, out);
                }
            },
        );
    }
}

#[test]
fn pools_int16() {
    let mut random = Random::new(34);
    for round in 0..1500 {
        let input = input(&mut random, 12, 20);
        let (window, stride) = (random.extent(7), random.extent(4));
        let (h, top) = random.geometry(input.h, window.h, stride.h, 1);
        let (w, left) = random.geometry(input.w, window.w, stride.w, 1);
        let output = Dims { h, w, ..input };
        let at = Pooling { input, output, window, stride, padding: Extent { h: top, w: left } };
        let function = if round % 2 == 0 { PoolFunction::Average } else { PoolFunction::Max };
        let p = PoolI16 { function, at, activation: wide_bounds(&mut random) };
        let data = words(&mut random, input.len());
        let inputs = [&words_as_i8(&data)[..2 * input.len()]];
        assert_same_wide(
            &format!("{p:?}"),
            output.len(),
            |out| kernels::pool_i16(&p, &inputs, out),
            |out| match function {
                PoolFunction::Max => cmsis_nn::max_pool_s16(&p, &inputs, out),
                _ => cmsis_nn::average_pool_s16(&p, &inputs, out, &mut []),
            },
        );
    }
}

/// The tables of int16 softmax in words.
fn softmax_tables() -> [Vec<u64>; 2] {
    [kernels::exponential_table(), kernels::reciprocal_table()].map(|table| {
        let word =
            |four: &[i16]| four.iter().rev().fold(0, |word, &value| word << 16 | u64::from(value.cast_unsigned()));
        table.chunks(4).map(word).collect()
    })
}

#[test]
fn softmax_int16() {
    let mut random = Random::new(35);
    let tables = softmax_tables();
    let [exponentials, reciprocals] = tables.each_ref().map(|table| &words_as_i8(table)[..2 * kernels::SOFTMAX_TABLE]);
    for round in 0..6000 {
        let (rows, depth) = (1 + random.below(3), 2 + round % 7);
        let multiplier = random.between(1 << 30, i32::MAX);
        // Small factors make rows of nearly equal exponentials, whose sums are the largest.
        let shift = if round % 2 == 0 { random.between(-14, 2) } else { random.between(-24, 15) };
        let p = SoftmaxI16 { rows, depth, requant: Requant { multiplier, shift } };
        let data = words(&mut random, rows * depth);
        let inputs = [&words_as_i8(&data)[..2 * rows * depth], exponentials, reciprocals];
        assert_same_wide(
            &format!("{p:?}"),
            rows * depth,
            |out| kernels::softmax_i16(&p, &inputs, out),
            |out| cmsis_nn::softmax_s16(&p, &inputs, out),
        );
    }
}

/// Every sum that the exponentials of two to eight elements can have, with the largest result for it: nothing wraps, as it
/// does for one element and can for nine.
#[test]
fn sums_of_two_to_eight_exponentials_do_not_wrap() {
    let [exponentials, reciprocals] = [kernels::exponential_table(), kernels::reciprocal_table()];
    let at = |table: &[i16], x: i32| {
        let (base, next) = (i32::from(table[(256 + (x >> 7)) as usize]), i32::from(table[(257 + (x >> 7)) as usize]));
        base + (((next - base) * (x & 0x7f) + 64) >> 7)
    };
    let (least, most) = (at(&exponentials, -32_768), at(&exponentials, 32_767));
    let result = |sum: i32| {
        let headroom = sum.leading_zeros();
        let shifted = (sum << (headroom - 1)).checked_add(1 << 13)? >> 14;
        let reciprocal = at(&reciprocals, i32::from((shifted - 98_304) as i16));
        i16::try_from((((most * reciprocal) >> (30 - headroom)) + 1) >> 1).ok()
    };
    assert!((-32_768..32_767).all(|x| at(&exponentials, x) >= least && at(&exponentials, x) <= most));
    assert!((most + least..=8 * most).all(|sum| result(sum).is_some()));
    assert!(result(most).is_none(), "one element");
    assert!((8 * most..=9 * most).any(|sum| result(sum).is_none()), "nine elements");
}

#[test]
fn svdf_with_either_state() {
    let mut random = Random::new(37);
    for round in 0..400 {
        let element = if round % 2 == 0 { Element::I8 } else { Element::I16 };
        let sizes = SvdfSizes {
            batches: 1 + random.below(3),
            depth: 1 + random.below(40),
            units: 1 + random.below(9),
            rank: 1 + random.below(3),
            memory: 1 + random.below(12),
        };
        let filters = sizes.units * sizes.rank;
        let factor = |random: &mut Random, shift: i32| Requant { multiplier: random.between(1 << 30, i32::MAX), shift };
        let wide = element == Element::I16;
        let p = Svdf {
            state: element,
            sizes,
            input_offset: random.between(-127, 128),
            feature: factor(&mut random, if wide { -3 } else { -10 }),
            state_offset: 0,
            time: factor(&mut random, if wide { -23 } else { -8 }),
            output_offset: random.between(-128, 127),
            activation: Activation { min: -128, max: 127 },
        };
        let mut feature = vec![0; filters * sizes.depth];
        random.fill(&mut feature);
        let (time, first) =
            (words(&mut random, filters * sizes.memory), words(&mut random, sizes.batches * filters * sizes.memory));
        let bias: Vec<u64> = (0..sizes.units).map(|_| packed(&[random.between(-9000, 9000); 2])).collect();
        let state_bytes = sizes.batches * filters * sizes.memory * element.bytes();
        let (mut states, mut results) =
            ([first.clone(), first], [vec![0; sizes.batches * sizes.units], vec![9; sizes.batches * sizes.units]]);
        for _ in 0..3 {
            let mut input = vec![0; sizes.batches * sizes.depth];
            random.fill(&mut input);
            let mut inputs =
                vec![&input[..], &feature, &words_as_i8(&time)[..filters * sizes.memory * element.bytes()]];
            if round % 3 > 0 {
                inputs.push(&words_as_i8(&bias)[..4 * sizes.units]);
            }
            for (library, (state, result)) in states.iter_mut().zip(&mut results).enumerate() {
                let outputs: &mut [&mut [i8]] = &mut [result, &mut words_as_i8_mut(state)[..state_bytes]];
                match (library, element) {
                    (0, _) => kernels::svdf(&p, &inputs, outputs),
                    (_, Element::I8) => cmsis_nn::svdf_s8(&p, &inputs, outputs, &mut scratch().0),
                    _ => cmsis_nn::svdf_state_s16_s8(&p, &inputs, outputs, &mut scratch().0),
                }
            }
            assert_eq!(results[0], results[1], "{p:?}");
            assert_eq!(states[0], states[1], "{p:?}");
        }
    }
}
