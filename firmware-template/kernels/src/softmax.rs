//! SOFTMAX: in fixed point, in float32, and of int16 by tables.
//!
//! Of int8 it follows LiteRT's quantized softmax, which is gemmlowp's: differences to the row's maximum as Q5.26,
//! exponentials as Q0.31, their sum as Q12.19, and the reciprocal of the sum by three Newton-Raphson steps.

use crate::arithmetic::settled;
use crate::bytes::{view, view_mut, wrong_operands};
use crate::fixed_point::{exponential_of_negative, reciprocal_of_one_plus};
use crate::normalize::exponential_f32;
use crate::requant::{divide_by_power_of_two, doubling_high_multiply};
use crate::{Requant, Softmax};

/// Integer bits of the scaled differences.
const DIFFERENCE_INTEGER_BITS: i32 = 5;

/// Integer bits of the sum of exponentials.
const SUM_INTEGER_BITS: i32 = 12;

/// Entries of each table of [`softmax_i16`]: 512 sections and the end of the last.
pub const SOFTMAX_TABLE: usize = 513;

/// SOFTMAX of int8 to int16 (zero point -32768, scale 1/65536): one input, one output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct SoftmaxI8I16 {
    /// Number of rows.
    pub rows: usize,
    /// Elements a row.
    pub depth: usize,
    /// Factor from input steps times beta to the fixed-point exponent's input.
    pub requant: Requant,
    /// Differences to the row's maximum below this give zero.
    pub diff_min: i32,
}

/// SOFTMAX of int16 to int16 (zero point 0, scale 1/32768). Operands: the input, then [`exponential_table`] and
/// [`reciprocal_table`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct SoftmaxI16 {
    /// Number of rows.
    pub rows: usize,
    /// Elements a row.
    pub depth: usize,
    /// Factor from input steps times beta to 65,535ths of 10.
    pub requant: Requant,
}

/// SOFTMAX of float32: one input, one output.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct SoftmaxF32 {
    /// Number of rows.
    pub rows: usize,
    /// Elements a row.
    pub depth: usize,
    /// Factor of the differences to the row's maximum.
    pub beta: f32,
}

/// The softmax of each row of `input` (rows × depth) into `output`, whose zero point is -128 and whose scale is 1/256.
pub fn softmax(p: &Softmax, input: &[i8], output: &mut [i8]) {
    quantized(p, input, output, i8::BITS, |value| (value - 128).clamp(-128, 127) as i8);
}

/// As [`softmax`], with an output of 16 bits.
#[inline]
pub fn softmax_i8_i16(p: &SoftmaxI8I16, inputs: &[&[i8]], outputs: &mut [&mut [i8]]) {
    let ([input], [output]) = (inputs, outputs) else { wrong_operands() };
    let SoftmaxI8I16 { rows, depth, requant, diff_min } = *p;
    let last = |value: i32| (value - 32_768).clamp(-32_768, 32_767) as i16;
    quantized(&Softmax { rows, depth, requant, diff_min }, input, view_mut::<i16>(output), i16::BITS, last);
}

/// `last` makes an output element of a fraction of `bits` bits.
#[inline]
fn quantized<T>(p: &Softmax, input: &[i8], output: &mut [T], bits: u32, last: impl Fn(i32) -> T) {
    let len = p.rows * p.depth;
    for (row, out) in input[..len].chunks_exact(p.depth).zip(output[..len].chunks_exact_mut(p.depth)) {
        let max = i32::from(row.iter().copied().fold(i8::MIN, i8::max));
        // The exponential of the difference to the maximum, or nothing where it is too small to count.
        let exponential = |value: i8| {
            let difference = i32::from(value) - max;
            (difference >= p.diff_min).then(|| {
                let shifted = difference.wrapping_shl(p.requant.shift as u32);
                let scaled = doubling_high_multiply(shifted, p.requant.multiplier);
                exponential_of_negative(scaled, DIFFERENCE_INTEGER_BITS)
            })
        };
        let sum = row
            .iter()
            .filter_map(|&value| exponential(value))
            .fold(0_i32, |sum, value| sum.wrapping_add(divide_by_power_of_two(value, SUM_INTEGER_BITS)));
        // The sum is reciprocal * 2^(bits over unit) when scaled to [1, 2).
        let headroom = sum.leading_zeros();
        let bits_over_unit = SUM_INTEGER_BITS - headroom as i32;
        let fraction = ((sum as u32) << headroom).wrapping_sub(1 << 31) as i32;
        let scale = reciprocal_of_one_plus(fraction);
        let shift = bits_over_unit + 31 - bits as i32;
        for (&value, out) in row.iter().zip(out) {
            *out =
                last(exponential(value).map_or(0, |exponential| {
                    divide_by_power_of_two(doubling_high_multiply(scale, exponential), shift)
                }));
        }
    }
}

/// Exponentials and the reciprocal of their sum come from tables, as LiteRT's `SoftmaxInt16` has them.
#[inline]
pub fn softmax_i16(p: &SoftmaxI16, inputs: &[&[i8]], outputs: &mut [&mut [i8]]) {
    let ([input, exponentials, reciprocals], [output]) = (inputs, outputs) else { wrong_operands() };
    let (exponentials, reciprocals) = (view::<i16>(exponentials), view::<i16>(reciprocals));
    let len = p.rows * p.depth;
    let (input, output) = (&view::<i16>(input)[..len], &mut view_mut::<i16>(output)[..len]);
    for (row, out) in input.chunks_exact(p.depth).zip(output.chunks_exact_mut(p.depth)) {
        let max = i32::from(row.iter().copied().fold(i16::MIN, i16::max));
        // The output keeps the exponentials until their sum is known.
        let mut sum = 0_i32;
        for (&value, out) in row.iter().zip(&mut *out) {
            let scaled = p.requant.apply(i32::from(value) - max).wrapping_add(32_767);
            *out = interpolated(exponentials, scaled.clamp(-32_768, 32_767) as i16);
            sum = sum.wrapping_add(i32::from(*out));
        }
        // The sum, scaled to [1, 2); a sum of no bits is one that no sound table gives.
        let headroom = sum.leading_zeros().clamp(1, 30);
        let scaled = ((i64::from(sum) << (headroom - 1)) + (1 << 13)) >> 14;
        let fraction = (scaled - (1 << 15) - (1 << 16)).clamp(-32_768, 32_767) as i16;
        let reciprocal = i32::from(interpolated(reciprocals, fraction));
        let shift = 31 - headroom;
        for out in out {
            let product = i64::from(i32::from(*out) * reciprocal) + (1 << (shift - 1));
            *out = (product >> shift).clamp(0, 32_767) as i16;
        }
    }
}

/// LiteRT's `LUTLookup`: the value at `x`, linear within a section.
#[inline]
fn interpolated(table: &[i16], x: i16) -> i16 {
    let section = (256 + (i32::from(x) >> 7)) as usize;
    let base = table[section];
    let slope = i32::from(table[section + 1].wrapping_sub(base));
    let delta = (slope * i32::from(x & 0x7f) + 64) >> 7;
    i32::from(base).wrapping_add(delta) as i16
}

/// The table of `e^x` from -10 to 0. For the host.
pub fn exponential_table() -> [i16; SOFTMAX_TABLE] {
    populated(10.0 / 65_535.0, 32_767, exponential_f32)
}

/// The table of `1 / (1 + x)` from 0 to 1. For the host.
pub fn reciprocal_table() -> [i16; SOFTMAX_TABLE] {
    populated(1.0 / 65_535.0, -32_768, |x| 1.0 / (1.0 + x))
}

/// LiteRT's `LUTPopulate` for an output of scale 2/65535: halves of the error at the middle of a section are taken off both
/// of its ends.
fn populated(scale: f32, zero_point: i32, f: impl Fn(f32) -> f32) -> [i16; SOFTMAX_TABLE] {
    const SECTIONS: usize = SOFTMAX_TABLE - 1;
    let at = |value: i32| scale * (value - zero_point) as f32;
    let (first, last) = (at(-32_768), at(32_767));
    let output_scale = 2.0_f32 / 65_535.0;
    let steps = 65_536.0 / (output_scale * 32_767.0 - output_scale * -32_768.0);
    let width = (last - first) / SECTIONS as f32;
    let cut = |value: f32| value.clamp(-32_768.0, 32_767.0) as i16;
    core::array::from_fn(|section| {
        if section == SECTIONS {
            return cut(libm::roundf(f(last) * steps));
        }
        let here = first + section as f32 * width;
        let (value, next) = (f(here), f(first + (section + 1) as f32 * width));
        let sample = libm::roundf(value * steps);
        let middle = libm::roundf((next * steps + sample) / 2.0);
        let error = middle - libm::roundf(f(here + width / 2.0) * steps);
        cut(sample - libm::roundf(error / 2.0))
    })
}

/// Sums in order; exponentials are rounded once, from 64 bits, as good C libraries do.
#[inline]
pub fn softmax_f32(p: &SoftmaxF32, inputs: &[&[i8]], outputs: &mut [&mut [i8]]) {
    let ([input], [output]) = (inputs, outputs) else { wrong_operands() };
    let len = p.rows * p.depth;
    let (input, output) = (&view::<f32>(input)[..len], &mut view_mut::<f32>(output)[..len]);
    for (row, out) in input.chunks_exact(p.depth).zip(output.chunks_exact_mut(p.depth)) {
        let max = row.iter().fold(f32::MIN, |max, &value| if max < value { value } else { max });
        let mut sum = 0.0;
        for (&value, out) in row.iter().zip(&mut *out) {
            *out = exponential_f32((value - max) * p.beta);
            sum += *out;
        }
        for out in out {
            *out = settled(*out / sum);
        }
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::*;
    use crate::bytes::{words_as_i8, words_as_i8_mut};
    use crate::testing::{Random, exp};

    /// A step of 0.1 and beta 1: 0.1 * 2^26 = 1.6 * 2^22, which is a multiplier of 0.8 * 2^31 and a shift of 23.
    const STEP: f64 = 0.1;
    const REQUANT: Requant = Requant { multiplier: 1_717_986_918, shift: 23 };
    const DIFF_MIN: i32 = -248;

    #[test]
    fn one_element_is_certain_and_equal_ones_share() {
        let mut output = [0; 4];
        softmax(&Softmax { rows: 1, depth: 1, requant: REQUANT, diff_min: DIFF_MIN }, &[-7], &mut output);
        assert_eq!(output[0], 127, "1.0 is 256 steps, one more than there are");
        softmax(&Softmax { rows: 2, depth: 2, requant: REQUANT, diff_min: DIFF_MIN }, &[3, 3, -128, 127], &mut output);
        assert_eq!(output, [0, 0, -128, 127]);
    }

    #[test]
    fn random_rows_are_within_one_step_of_the_real_softmax() {
        let mut random = Random::new(7);
        let mut input = [0; 300];
        let mut output = [0; 300];
        for _ in 0..50 {
            random.fill(&mut input);
            let depth = 1 + random.below(150);
            softmax(&Softmax { rows: 2, depth, requant: REQUANT, diff_min: DIFF_MIN }, &input, &mut output);
            for (row, out) in input.chunks(depth).zip(output.chunks(depth)).take(2) {
                let sum: f64 = row.iter().map(|&x| exp(STEP * f64::from(x))).sum();
                for (&x, &out) in row.iter().zip(out) {
                    let real = exp(STEP * f64::from(x)) / sum * 256.0 - 128.0;
                    assert!((f64::from(out) - real.min(127.0)).abs() <= 1.0, "{x} {out} {real}");
                }
            }
        }
    }

    #[test]
    fn sixteen_bits_of_eight_are_finer() {
        let p = SoftmaxI8I16 { rows: 2, depth: 2, requant: REQUANT, diff_min: DIFF_MIN };
        let mut output = [0; 1];
        softmax_i8_i16(&p, &[&[3, 3, 0, 10]], &mut [words_as_i8_mut(&mut output)]);
        let output = view::<i16>(words_as_i8(&output));
        assert_eq!(output[..2], [0, 0], "half of 65,536 steps");
        let real = 65_536.0 / (1.0 + exp(1.0)) - 32_768.0;
        assert!((f64::from(output[2]) - real).abs() < 3.0, "{output:?} {real}");
    }

    #[test]
    fn tables_are_the_functions() {
        let (exponentials, reciprocals) = (exponential_table(), reciprocal_table());
        assert_eq!((exponentials[0], exponentials[512], reciprocals[0], reciprocals[512]), (2, 32_767, 32_767, 16_384));
        for section in 0..512 {
            let x = section as f64 / 512.0;
            let (exponential, reciprocal) = (exp(10.0 * (x - 1.0)) * 32_767.5, 32_767.5 / (1.0 + x));
            assert!((f64::from(exponentials[section]) - exponential).abs() < 2.0, "{section}");
            assert!((f64::from(reciprocals[section]) - reciprocal).abs() < 2.0, "{section}");
        }
    }

    #[test]
    fn sixteen_bits_are_near_the_real_softmax() {
        let mut tables = [[0; 129]; 2];
        view_mut::<i16>(words_as_i8_mut(&mut tables[0]))[..SOFTMAX_TABLE].copy_from_slice(&exponential_table());
        view_mut::<i16>(words_as_i8_mut(&mut tables[1]))[..SOFTMAX_TABLE].copy_from_slice(&reciprocal_table());
        let [exponentials, reciprocals] = tables.each_ref().map(|words| &words_as_i8(words)[..SOFTMAX_TABLE * 2]);
        let (mut input, mut output) = ([0; 5], [0; 5]);
        let mut random = Random::new(12);
        for _ in 0..50 {
            view_mut::<i16>(words_as_i8_mut(&mut input)).fill_with(|| random.between(-32_768, 32_767) as i16);
            // One of 65,535ths of 10 a step.
            let p = SoftmaxI16 { rows: 2, depth: 10, requant: Requant { multiplier: 1 << 30, shift: 1 } };
            let inputs = [words_as_i8(&input), exponentials, reciprocals];
            softmax_i16(&p, &inputs, &mut [words_as_i8_mut(&mut output)]);
            let (input, output) = (view::<i16>(words_as_i8(&input)), view::<i16>(words_as_i8(&output)));
            for (row, out) in input.chunks(10).zip(output.chunks(10)) {
                let power = |x: i16| exp(f64::from(x) * 10.0 / 65_535.0);
                let sum: f64 = row.iter().map(|&x| power(x)).sum();
                for (&x, &out) in row.iter().zip(out) {
                    let real = power(x) / sum * 32_768.0;
                    assert!((f64::from(out) - real).abs() < 12.0, "{x} {out} {real}");
                }
            }
        }
    }

    #[test]
    fn real_numbers_share_one() {
        let (mut input, mut output) = ([0; 2], [0; 2]);
        view_mut::<f32>(words_as_i8_mut(&mut input)).copy_from_slice(&[1.0, 2.0, 500.0, f32::NEG_INFINITY]);
        let p = SoftmaxF32 { rows: 2, depth: 2, beta: 0.5 };
        softmax_f32(&p, &[words_as_i8(&input)], &mut [words_as_i8_mut(&mut output)]);
        let output = view::<f32>(words_as_i8(&output));
        assert!((output[1] / output[0] - 0.5_f32.exp()).abs() < 1e-6);
        assert_eq!((output[0] + output[1], output[2], output[3]), (1.0, 1.0, 0.0));
    }
}
