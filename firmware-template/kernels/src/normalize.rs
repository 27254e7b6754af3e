//! Operators over rows: `L2_NORMALIZATION` and `LOG_SOFTMAX`.

#[cfg(feature = "serde")]
use serde::{Deserialize, Serialize};

use crate::arithmetic::settled;
use crate::fixed_point::{exponential_of_negative, inverse_square_root, logarithm};
use crate::requant::divide_by_power_of_two;
use crate::{Requant, view, view_mut, wrong_operands};

/// `L2_NORMALIZATION`, int8: output scale 1/128, zero point 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct L2Normalization {
    /// Number of rows.
    pub rows: usize,
    /// Elements a row.
    pub depth: usize,
    /// The input's zero point.
    pub zero_point: i32,
}

/// `L2_NORMALIZATION`, float32.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct L2NormalizationF32 {
    /// Number of rows.
    pub rows: usize,
    /// Elements a row.
    pub depth: usize,
}

/// `LOG_SOFTMAX`, int8: output scale 1/16, zero point 127.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct LogSoftmax {
    /// Number of rows.
    pub rows: usize,
    /// Elements a row.
    pub depth: usize,
    /// Factor from steps of the input to Q5.26.
    pub requant: Requant,
    /// Factor from there to steps of the input: LiteRT's `reverse_scaling`.
    pub reverse: Requant,
    /// Differences to the row's maximum below this do not count.
    pub diff_min: i32,
}

/// `LOG_SOFTMAX`, float32.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct LogSoftmaxF32 {
    /// Number of rows.
    pub rows: usize,
    /// Elements a row.
    pub depth: usize,
}

/// Runs an [`L2Normalization`]: one input, one output.
#[inline]
pub fn l2_normalization(p: &L2Normalization, inputs: &[&[i8]], outputs: &mut [&mut [i8]]) {
    let ([input], [output]) = (inputs, outputs) else { wrong_operands() };
    let len = p.rows * p.depth;
    for (row, out) in input[..len].chunks_exact(p.depth).zip(output[..len].chunks_exact_mut(p.depth)) {
        let steps = |value: i8| i32::from(value) - p.zero_point;
        let squares = row.iter().fold(0_i32, |sum, &value| sum.wrapping_add(steps(value) * steps(value)));
        let inverse = inverse_square_root(squares);
        let factor = Requant { shift: inverse.shift + 7, ..inverse };
        for (out, &value) in out.iter_mut().zip(row) {
            *out = factor.apply(steps(value)).clamp(-128, 127) as i8;
        }
    }
}

/// Runs an [`L2NormalizationF32`]: one input, one output.
#[inline]
pub fn l2_normalization_f32(p: &L2NormalizationF32, inputs: &[&[i8]], outputs: &mut [&mut [i8]]) {
    /// LiteRT's, for rows that are all zero.
    const EPSILON: f32 = 1e-6;
    let ([input], [output]) = (inputs, outputs) else { wrong_operands() };
    let len = p.rows * p.depth;
    let (input, output) = (&view::<f32>(input)[..len], &mut view_mut::<f32>(output)[..len]);
    for (row, out) in input.chunks_exact(p.depth).zip(output.chunks_exact_mut(p.depth)) {
        let norm = libm::sqrtf(row.iter().fold(0.0, |sum, &value| sum + value * value));
        let norm = if norm < EPSILON { EPSILON } else { norm };
        for (out, &value) in out.iter_mut().zip(row) {
            *out = settled(value / norm);
        }
    }
}

/// Runs a [`LogSoftmax`]: one input, one output.
#[inline]
pub fn log_softmax(p: &LogSoftmax, inputs: &[&[i8]], outputs: &mut [&mut [i8]]) {
    let ([input], [output]) = (inputs, outputs) else { wrong_operands() };
    let len = p.rows * p.depth;
    for (row, out) in input[..len].chunks_exact(p.depth).zip(output[..len].chunks_exact_mut(p.depth)) {
        let max = i32::from(row.iter().copied().fold(i8::MIN, i8::max));
        let difference = |value: i8| i32::from(value) - max;
        // Exponentials are Q0.31, their sum is Q12.19, its logarithm Q5.26.
        let sum = row.iter().map(|&value| difference(value)).filter(|&difference| difference >= p.diff_min).fold(
            0_i32,
            |sum, difference| {
                let power = exponential_of_negative(p.requant.apply(difference), 5);
                sum.wrapping_add(divide_by_power_of_two(power, 12))
            },
        );
        let log = logarithm(sum);
        let smallest = (p.diff_min - 1).max(p.reverse.apply(log.wrapping_add(i32::MIN)));
        for (out, &value) in out.iter_mut().zip(row) {
            let difference = difference(value);
            *out = if difference > smallest {
                let scaled = divide_by_power_of_two(p.requant.apply(difference).wrapping_sub(log), 22);
                scaled.wrapping_add(127).clamp(-128, 127) as i8
            } else {
                i8::MIN
            };
        }
    }
}

/// Runs a [`LogSoftmaxF32`]: one input, one output.
///
/// Where one value is by far the largest, its result is small, and a last bit of an exponential is many of the result. So
/// exponentials and logarithm are rounded from 64 bits, as good C libraries do.
#[inline]
pub fn log_softmax_f32(p: &LogSoftmaxF32, inputs: &[&[i8]], outputs: &mut [&mut [i8]]) {
    let ([input], [output]) = (inputs, outputs) else { wrong_operands() };
    let len = p.rows * p.depth;
    let (input, output) = (&view::<f32>(input)[..len], &mut view_mut::<f32>(output)[..len]);
    for (row, out) in input.chunks_exact(p.depth).zip(output.chunks_exact_mut(p.depth)) {
        let max = row.iter().fold(f32::MIN, |max, &value| if max < value { value } else { max });
        let log = logarithm_f32(row.iter().fold(0.0, |sum, &value| sum + exponential_f32(value - max)));
        for (out, &value) in out.iter_mut().zip(row) {
            *out = settled(value - max - log);
        }
    }
}

/// Rounded once, from 64 bits.
pub(crate) fn exponential_f32(x: f32) -> f32 {
    libm::exp(f64::from(x)) as f32
}

fn logarithm_f32(x: f32) -> f32 {
    libm::log(f64::from(x)) as f32
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::*;
    use crate::testing::{Aligned, Random};

    #[test]
    fn rows_have_length_one() {
        let mut output = [9; 6];
        let p = L2Normalization { rows: 2, depth: 3, zero_point: 1 };
        l2_normalization(&p, &[&[4, 5, 1, 1, 1, 1]], &mut [&mut output]);
        assert_eq!(output, [77, 102, 0, 0, 0, 0], "3/5, 4/5");
        let (mut input, mut output) = (Aligned::<16>::zeroed(), Aligned::<16>::zeroed());
        view_mut::<f32>(&mut input.0).copy_from_slice(&[3.0, 4.0, 0.0, 0.0]);
        l2_normalization_f32(&L2NormalizationF32 { rows: 2, depth: 2 }, &[&input.0], &mut [&mut output.0]);
        assert_eq!(view::<f32>(&output.0), [0.6, 0.8, 0.0, 0.0]);
    }

    #[test]
    fn floats_keep_their_differences() {
        let (mut input, mut output) = (Aligned::<16>::zeroed(), Aligned::<16>::zeroed());
        view_mut::<f32>(&mut input.0).copy_from_slice(&[1.0, 3.0, 500.0, 500.0]);
        log_softmax_f32(&LogSoftmaxF32 { rows: 2, depth: 2 }, &[&input.0], &mut [&mut output.0]);
        let output = view::<f32>(&output.0);
        assert!((output[1] - output[0] - 2.0).abs() < 1e-6);
        assert!((output[0].exp() + output[1].exp() - 1.0).abs() < 1e-6);
        assert_eq!(output[2..], [-core::f32::consts::LN_2; 2]);
    }

    #[test]
    fn logarithms_of_softmax_are_within_one_step_of_the_real_ones() {
        // Scale 0.1 to Q5.26: 0.8 * 2^23; the way back: 2^8 / multiplier = 0.625 * 2^-22.
        let p = LogSoftmax {
            rows: 2,
            depth: 20,
            requant: Requant { multiplier: 1_717_986_918, shift: 23 },
            reverse: Requant { multiplier: 1_342_177_280, shift: -22 },
            diff_min: -248,
        };
        let mut random = Random::new(40);
        let (mut input, mut output) = ([0; 40], [0; 40]);
        for _ in 0..50 {
            random.fill(&mut input);
            log_softmax(&p, &[&input], &mut [&mut output]);
            for (row, out) in input.chunks(20).zip(output.chunks(20)) {
                let sum: f64 = row.iter().map(|&x| (0.1 * f64::from(x)).exp()).sum();
                for (&x, &out) in row.iter().zip(out) {
                    let real = ((0.1 * f64::from(x) - sum.ln()) * 16.0 + 127.0).clamp(-128.0, 127.0);
                    assert!((f64::from(out) - real).abs() <= 1.0, "{x} {out} {real}");
                }
            }
        }
    }
}
