//! AVERAGE_POOL_2D, MAX_POOL_2D and L2_POOL_2D. Quantized inputs and outputs have the same quantization.

use crate::arithmetic::{bound, settled};
use crate::bytes::{view, view_mut, wrong_operands};
use crate::window::Window;
use crate::{Activation, Dims, Extent, Pool2d};

/// What becomes of a window's elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum PoolFunction {
    /// Their mean.
    Average,
    /// The largest.
    Max,
    /// The square root of the mean of their squares; not for int16.
    L2,
}

/// Shapes and steps of a pooling window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Pooling {
    /// Input shape.
    pub input: Dims,
    /// Output shape.
    pub output: Dims,
    /// Pooling window.
    pub window: Extent,
    /// Step of the window.
    pub stride: Extent,
    /// Rows above and columns to the left that lie outside the input.
    pub padding: Extent,
}

/// AVERAGE_POOL_2D and MAX_POOL_2D, int16: one input, one output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct PoolI16 {
    /// What is computed.
    pub function: PoolFunction,
    /// Shapes and steps.
    pub at: Pooling,
    /// Bounds of the output.
    pub activation: Activation,
}

/// AVERAGE_POOL_2D, MAX_POOL_2D and L2_POOL_2D, float32: one input, one output.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct PoolF32 {
    /// What is computed.
    pub function: PoolFunction,
    /// Shapes and steps.
    pub at: Pooling,
    /// Smallest output value.
    pub min: f32,
    /// Largest output value.
    pub max: f32,
}

/// The mean of each window's elements that lie inside the input, rounded half away from zero.
pub fn average_pool_2d(p: &Pool2d, input: &[i8], output: &mut [i8]) {
    let add = |sum: i32, value: i8| sum + i32::from(value);
    pool(&p.pooling(), input, output, 0, add, |sum, count| p.activation.clamp(mean(sum, count)));
}

/// The largest of each window's elements that lie inside the input.
pub fn max_pool_2d(p: &Pool2d, input: &[i8], output: &mut [i8]) {
    pool(&p.pooling(), input, output, i8::MIN, i8::max, |max, _| p.activation.clamp(i32::from(max)));
}

/// As [`average_pool_2d`] and [`max_pool_2d`].
#[inline]
pub fn pool_i16(p: &PoolI16, inputs: &[&[i8]], outputs: &mut [&mut [i8]]) {
    let ([input], [output]) = (inputs, outputs) else { wrong_operands() };
    let (input, output) = (view::<i16>(input), view_mut::<i16>(output));
    match p.function {
        PoolFunction::Average => {
            let add = |sum: i32, value: i16| sum.wrapping_add(i32::from(value));
            pool(&p.at, input, output, 0, add, |sum, count| p.activation.bound(mean(sum, count)) as i16);
        }
        PoolFunction::Max => {
            pool(&p.at, input, output, i16::MIN, i16::max, |max, _| p.activation.bound(i32::from(max)) as i16);
        }
        PoolFunction::L2 => wrong_operands(),
    }
}

/// Means divide by the number of a window's elements that lie inside the input.
#[inline]
pub fn pool_f32(p: &PoolF32, inputs: &[&[i8]], outputs: &mut [&mut [i8]]) {
    let ([input], [output]) = (inputs, outputs) else { wrong_operands() };
    let (input, output) = (view::<f32>(input), view_mut::<f32>(output));
    let last = |value: f32| settled(bound(value, p.min, p.max));
    match p.function {
        PoolFunction::Average => {
            pool(&p.at, input, output, 0.0, |sum, value| sum + value, |sum, count| last(sum / count as f32));
        }
        PoolFunction::Max => {
            let larger = |max: f32, value: f32| if max < value { value } else { max };
            pool(&p.at, input, output, f32::MIN, larger, |max, _| last(max));
        }
        PoolFunction::L2 => {
            let add = |sum: f32, value: f32| sum + value * value;
            pool(&p.at, input, output, 0.0, add, |sum, count| last(libm::sqrtf(sum / count as f32)));
        }
    }
}

impl Pool2d {
    fn pooling(&self) -> Pooling {
        let Self { input, output, window, stride, padding, activation: _ } = *self;
        Pooling { input, output, window, stride, padding }
    }
}

/// Rounded half away from zero.
fn mean(sum: i32, count: i32) -> i32 {
    let half = if sum > 0 { count / 2 } else { -(count / 2) };
    // No window of a LiteRT model lies wholly outside its input; such a one would give zero.
    sum.wrapping_add(half).checked_div(count).unwrap_or(0)
}

/// Folds the elements of every window that lie inside the input, rows first, and writes what `done` makes of the result
/// and their number.
#[inline]
fn pool<T: Copy, A: Copy>(
    p: &Pooling,
    input: &[T],
    output: &mut [T],
    start: A,
    add: impl Fn(A, T) -> A,
    done: impl Fn(A, i32) -> T,
) {
    let along = |input, taps, stride, padding| Window { input, taps, stride, dilation: 1, padding };
    let rows = along(p.input.h, p.window.h, p.stride.h, p.padding.h);
    let columns = along(p.input.w, p.window.w, p.stride.w, p.padding.w);
    let mut pixels = output[..p.output.len()].chunks_exact_mut(p.output.c);
    for batch in input[..p.input.len()].chunks_exact(p.input.h * p.input.w * p.input.c) {
        for y in 0..p.output.h {
            for (x, pixel) in (0..p.output.w).zip(&mut pixels) {
                let count = rows.inside(y).len() * columns.inside(x).len();
                for (channel, out) in pixel.iter_mut().enumerate() {
                    let mut folded = start;
                    for tap_y in rows.inside(y) {
                        let row = rows.element(y, tap_y) * p.input.w;
                        for tap_x in columns.inside(x) {
                            folded = add(folded, batch[(row + columns.element(x, tap_x)) * p.input.c + channel]);
                        }
                    }
                    *out = done(folded, count as i32);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{PoolF32, PoolFunction, PoolI16, Pooling, average_pool_2d, max_pool_2d, pool_f32, pool_i16};
    use crate::bytes::{view, view_mut, words_as_i8, words_as_i8_mut};
    use crate::testing::{Random, at};
    use crate::{Activation, Dims, Extent, Pool2d};

    const TWO_WINDOWS: Pooling = Pooling {
        input: Dims { n: 1, h: 2, w: 3, c: 1 },
        output: Dims { n: 1, h: 1, w: 2, c: 1 },
        window: Extent { h: 2, w: 2 },
        stride: Extent { h: 2, w: 2 },
        padding: Extent { h: 0, w: 0 },
    };

    #[test]
    fn padding_does_not_count_among_real_numbers() {
        let (mut input, mut output) = ([0; 3], [0; 1]);
        view_mut::<f32>(words_as_i8_mut(&mut input)).copy_from_slice(&[1.0, -1.0, 5.0, 3.0, 5.0, 5.0]);
        let expected =
            [(PoolFunction::L2, [3.0, 4.5]), (PoolFunction::Average, [2.0, 4.5]), (PoolFunction::Max, [4.5, 4.5])];
        for (function, expected) in expected {
            let p = PoolF32 { function, at: TWO_WINDOWS, min: 0.0, max: 4.5 };
            pool_f32(&p, &[words_as_i8(&input)], &mut [words_as_i8_mut(&mut output)]);
            assert_eq!(view::<f32>(words_as_i8(&output)), expected, "{function:?}");
        }
    }

    #[test]
    fn int16_rounds_as_int8_does() {
        let (mut input, mut output) = ([0; 2], [0; 1]);
        view_mut::<i16>(words_as_i8_mut(&mut input))[..6].copy_from_slice(&[1, 2, -30_000, 3, 4, -30_001]);
        for (function, expected) in [(PoolFunction::Average, [3, -29_999]), (PoolFunction::Max, [4, -29_999])] {
            let p = PoolI16 { function, at: TWO_WINDOWS, activation: Activation { min: -29_999, max: 7 } };
            pool_i16(&p, &[&words_as_i8(&input)[..12]], &mut [&mut words_as_i8_mut(&mut output)[..4]]);
            assert_eq!(view::<i16>(words_as_i8(&output))[..2], expected, "{function:?}");
        }
    }

    #[test]
    fn by_hand() {
        let p = Pool2d {
            input: Dims { n: 1, h: 2, w: 3, c: 1 },
            output: Dims { n: 1, h: 1, w: 2, c: 1 },
            window: Extent { h: 2, w: 2 },
            stride: Extent { h: 2, w: 2 },
            padding: Extent { h: 0, w: 0 },
            activation: Activation { min: -128, max: 127 },
        };
        let input = [1, 2, -3, 3, 4, -4];
        let mut output = [0; 2];
        average_pool_2d(&p, &input, &mut output);
        assert_eq!(output, [3, -4], "10/4 is 2.5 and -7/2 is -3.5, both away from zero; padding does not count");
        max_pool_2d(&p, &input, &mut output);
        assert_eq!(output, [4, -3]);
        max_pool_2d(&Pool2d { activation: Activation { min: -1, max: 3 }, ..p }, &input, &mut output);
        assert_eq!(output, [3, -1]);
    }

    #[test]
    fn random_shapes_agree_with_the_definition() {
        let mut random = Random::new(5);
        for round in 0..300 {
            let (p, data) = random.pool_2d();
            let (mut averages, mut maxima) = (data.output(), data.output());
            average_pool_2d(&p, &data.input, &mut averages);
            max_pool_2d(&p, &data.input, &mut maxima);
            for index in 0..averages.len() {
                let [n, y, x, c] = at(p.output, index);
                let (mut sum, mut count, mut max) = (0.0, 0.0, -128);
                for wy in 0..p.window.h {
                    for wx in 0..p.window.w {
                        let row = (y * p.stride.h + wy) as isize - p.padding.h as isize;
                        let column = (x * p.stride.w + wx) as isize - p.padding.w as isize;
                        if let Some(value) = data.input_at(p.input, n, row, column, c) {
                            sum += value as f64;
                            count += 1.0;
                            max = max.max(value as i32);
                        }
                    }
                }
                let average: f64 = sum / count;
                // No rounding function without std: half away from zero is truncation after adding a signed half.
                let rounded = (average + if average > 0.0 { 0.5 } else { -0.5 }) as i32;
                assert_eq!(averages[index], p.activation.clamp(rounded), "round {round}, {p:?}, element {index}");
                assert_eq!(maxima[index], p.activation.clamp(max), "round {round}, {p:?}, element {index}");
            }
        }
    }
}
