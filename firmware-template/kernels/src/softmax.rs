//! SOFTMAX in fixed point.
//!
//! Follows LiteRT's quantized softmax, which is gemmlowp's: differences to the row's maximum as Q5.26, exponentials as
//! Q0.31, their sum as Q12.19, and the reciprocal of the sum by three Newton-Raphson steps.

use crate::Softmax;
use crate::fixed_point::{exponential_of_negative, reciprocal_of_one_plus};
use crate::requant::{divide_by_power_of_two, doubling_high_multiply};

/// Integer bits of the scaled differences.
const DIFFERENCE_INTEGER_BITS: i32 = 5;

/// Integer bits of the sum of exponentials.
const SUM_INTEGER_BITS: i32 = 12;

/// The softmax of each row of `input` (rows × depth) into `output`, whose zero point is -128 and whose scale is 1/256.
pub fn softmax(p: &Softmax, input: &[i8], output: &mut [i8]) {
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
        for (&value, out) in row.iter().zip(out) {
            *out = exponential(value).map_or(i8::MIN, |exponential| {
                let scaled = divide_by_power_of_two(doubling_high_multiply(scale, exponential), bits_over_unit + 23);
                (scaled - 128).clamp(-128, 127) as i8
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::softmax;
    use crate::testing::{Random, exp};
    use crate::{Requant, Softmax};

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
}
