//! SOFTMAX in fixed point.
//!
//! Follows LiteRT's quantized softmax, which is gemmlowp's: differences to the row's maximum as Q5.26, exponentials as
//! Q0.31, their sum as Q12.19, and the reciprocal of the sum by three Newton-Raphson steps.

use crate::Softmax;
use crate::requant::{divide_by_power_of_two, doubling_high_multiply};

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
                exponential_of_negative(doubling_high_multiply(shifted, p.requant.multiplier))
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

/// `e^x` for `x` <= 0 in Q5.26, as Q0.31: gemmlowp's `exp_on_negative_values`.
fn exponential_of_negative(x: i32) -> i32 {
    /// `e^(-2^i)` in Q0.31 for i = -2 (a quarter) to 4.
    const FACTORS: [i32; 7] = [1_672_461_947, 1_302_514_674, 790_015_084, 290_630_308, 39_332_535, 720_401, 242];
    const QUARTER: i32 = 1 << 24;
    if x == 0 {
        return i32::MAX;
    }
    // x is minus a multiple of a quarter, plus something in [-1/4, 0).
    let small = (x & (QUARTER - 1)) - QUARTER;
    let quarters = small.wrapping_sub(x);
    let mut result = exponential_near_minus_an_eighth(small << 5);
    for (bit, factor) in FACTORS.into_iter().enumerate() {
        if quarters & (QUARTER << bit) != 0 {
            result = doubling_high_multiply(result, factor);
        }
    }
    result
}

/// `e^x` for `x` in [-1/4, 0) as Q0.31: a Taylor polynomial of degree four around -1/8.
fn exponential_near_minus_an_eighth(x: i32) -> i32 {
    /// `e^(-1/8)` and 1/3.
    const EXP_OF_MINUS_EIGHTH: i32 = 1_895_147_668;
    const THIRD: i32 = 715_827_883;
    let x = x + (1 << 28);
    let x2 = doubling_high_multiply(x, x);
    let x3 = doubling_high_multiply(x2, x);
    let x4_over_4 = divide_by_power_of_two(doubling_high_multiply(x2, x2), 2);
    let series = divide_by_power_of_two(doubling_high_multiply(x4_over_4 + x3, THIRD) + x2, 1);
    EXP_OF_MINUS_EIGHTH + doubling_high_multiply(EXP_OF_MINUS_EIGHTH, x + series)
}

/// `1 / (1 + x)` for `x` in [0, 1) as Q0.31: gemmlowp's `one_over_one_plus_x_for_x_in_0_1`.
fn reciprocal_of_one_plus(x: i32) -> i32 {
    /// 48/17 and -32/17 in Q2.29, the usual start of the iteration.
    const START: i32 = 1_515_870_810;
    const SLOPE: i32 = -1_010_580_540;
    const ONE: i32 = 1 << 29;
    let half_denominator = ((i64::from(x) + i64::from(i32::MAX) + 1) / 2) as i32;
    let mut estimate = START + doubling_high_multiply(half_denominator, SLOPE);
    for _ in 0..3 {
        let error = ONE - doubling_high_multiply(half_denominator, estimate);
        estimate = estimate.wrapping_add(shift_left_saturating(doubling_high_multiply(estimate, error), 2));
    }
    shift_left_saturating(estimate, 1)
}

fn shift_left_saturating(value: i32, bits: u32) -> i32 {
    (i64::from(value) << bits).clamp(i64::from(i32::MIN), i64::from(i32::MAX)) as i32
}

#[cfg(test)]
mod tests {
    use super::{exponential_of_negative, reciprocal_of_one_plus, softmax};
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
    fn exponential_and_reciprocal_are_accurate() {
        assert_eq!(exponential_of_negative(0), i32::MAX);
        for step in 1..4000 {
            let x = -step * ((1 << 29) / 1000);
            let real = exp(f64::from(x) / f64::from(1 << 26)) * 2_147_483_648.0;
            assert!((f64::from(exponential_of_negative(x)) - real).abs() < 700.0, "{x}");
        }
        for x in (0..i32::MAX - 9999).step_by(9999) {
            let real = 2_147_483_648.0 / (1.0 + f64::from(x) / 2_147_483_648.0);
            assert!((f64::from(reciprocal_of_one_plus(x)) - real).abs() < 16.0, "{x}");
        }
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
