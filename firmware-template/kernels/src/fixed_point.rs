//! Functions in fixed point: exponential, reciprocal, logistic, hyperbolic tangent, logarithm, inverse square root.
//!
//! All follow gemmlowp's `fixedpoint` and what LiteRT builds on it, to the bit. Qm.n is a 32-bit number with m integer and
//! n = 31 - m fraction bits.

use crate::Requant;
use crate::requant::{divide_by_power_of_two, doubling_high_multiply, shift_left_saturating};

/// `e^x` for `x` <= 0 with `integer_bits` integer bits (at most 5), as Q0.31: gemmlowp's `exp_on_negative_values`.
#[inline]
pub(crate) fn exponential_of_negative(x: i32, integer_bits: i32) -> i32 {
    /// `e^(-2^i)` in Q0.31 for i = -2 (a quarter) to 4.
    const FACTORS: [i32; 7] = [1_672_461_947, 1_302_514_674, 790_015_084, 290_630_308, 39_332_535, 720_401, 242];
    if x == 0 {
        return i32::MAX;
    }
    let quarter = 1 << (29 - integer_bits);
    // x is minus a multiple of a quarter, plus something in [-1/4, 0).
    let small = (x & (quarter - 1)) - quarter;
    let quarters = small.wrapping_sub(x);
    let mut result = exponential_near_minus_an_eighth(small << integer_bits);
    for (bit, factor) in FACTORS.into_iter().enumerate().take(integer_bits as usize + 2) {
        if quarters & (quarter << bit) != 0 {
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

/// One in Q2.29.
const ONE: i32 = 1 << 29;

/// `2 / (1 + x)` for `x` in [0, 1) as Q2.29, by three Newton-Raphson steps.
fn twice_reciprocal_of_one_plus(x: i32) -> i32 {
    /// 48/17 and -32/17 in Q2.29, the usual start of the iteration.
    const START: i32 = 1_515_870_810;
    const SLOPE: i32 = -1_010_580_540;
    let half_denominator = ((i64::from(x) + i64::from(i32::MAX) + 1) / 2) as i32;
    let mut estimate = START + doubling_high_multiply(half_denominator, SLOPE);
    for _ in 0..3 {
        let error = ONE - doubling_high_multiply(half_denominator, estimate);
        estimate = estimate.wrapping_add(shift_left_saturating(doubling_high_multiply(estimate, error), 2));
    }
    estimate
}

/// `1 / (1 + x)` for `x` in [0, 1) as Q0.31: gemmlowp's `one_over_one_plus_x_for_x_in_0_1`.
pub(crate) fn reciprocal_of_one_plus(x: i32) -> i32 {
    shift_left_saturating(twice_reciprocal_of_one_plus(x), 1)
}

/// `1 / value` for positive integers as a Q0.31 number and the bits by which it is to be shifted right once more, plus 31:
/// LiteRT's `GetReciprocal` with 31 integer digits.
pub(crate) fn reciprocal(value: i32) -> (i32, i32) {
    let headroom_plus_one = value.leading_zeros();
    let fraction = ((value as u32) << headroom_plus_one).wrapping_sub(1 << 31) as i32;
    (reciprocal_of_one_plus(fraction), 31 - headroom_plus_one as i32)
}

/// `1 / (1 + e^-x)` of Q4.27 as Q0.31: gemmlowp's `logistic`.
pub(crate) fn logistic(x: i32) -> i32 {
    if x == 0 {
        return 1 << 30;
    }
    let positive = reciprocal_of_one_plus(exponential_of_negative(x.wrapping_abs().wrapping_neg(), 4));
    if x > 0 { positive } else { i32::MAX - positive }
}

/// `tanh x` of Q4.27 as Q0.31: gemmlowp's `tanh`.
pub(crate) fn tanh(x: i32) -> i32 {
    if x == 0 {
        return 0;
    }
    // The same bits with one more integer bit are twice the number.
    let power = exponential_of_negative(x.wrapping_abs().wrapping_neg(), 5);
    let positive = shift_left_saturating(twice_reciprocal_of_one_plus(power).wrapping_sub(ONE), 2);
    if x > 0 { positive } else { positive.wrapping_neg() }
}

/// `1 / sqrt(value)` as a factor: LiteRT's `GetInvSqrtQuantizedMultiplierExp`. Zero counts as one.
pub(crate) fn inverse_square_root(value: i32) -> Requant {
    /// `sqrt(1/2)` in Q0.31; three halves in Q3.28.
    const HALF_SQRT_2: i32 = 1_518_500_250;
    const THREE_HALVES: i32 = (1 << 28) + (1 << 27);
    if value <= 1 {
        return Requant { multiplier: i32::MAX, shift: 0 };
    }
    let (mut value, mut right) = (value, 11);
    while value >= 1 << 29 {
        value /= 4;
        right += 1;
    }
    let pairs = (value.leading_zeros() as i32 - 1) / 2 - 1;
    right -= pairs;
    let input = (value << (2 * pairs)) >> 1;
    let half = divide_by_power_of_two(input, 1);
    // Q3.28 products have 9 or 6 integer bits and are brought back, saturating.
    let mut x: i32 = 1 << 28;
    for _ in 0..5 {
        let cube = shift_left_saturating(doubling_high_multiply(doubling_high_multiply(x, x), x), 6);
        let next = doubling_high_multiply(THREE_HALVES, x).wrapping_sub(doubling_high_multiply(half, cube));
        x = shift_left_saturating(next, 3);
    }
    let multiplier = doubling_high_multiply(x, HALF_SQRT_2);
    if right < 0 {
        return Requant { multiplier: multiplier.wrapping_shl(-right as u32), shift: 0 };
    }
    Requant { multiplier, shift: -right }
}

/// `ln x` of Q12.19 for `x` >= 1 as Q5.26: LiteRT's `log_x_for_x_greater_than_or_equal_to_1`.
pub(crate) fn logarithm(x: i32) -> i32 {
    /// In Q0.31: ln 2, the fourth root and the root of a half, a quarter, and the coefficients of the rational function.
    const LN_2: i32 = 1_488_522_236;
    const SQRT_SQRT_HALF: i32 = 1_805_811_301;
    const SQRT_HALF: i32 = 1_518_500_250;
    const ALPHA_N: i32 = 117_049_297;
    const ALPHA_D: i32 = 127_690_142;
    const ALPHA_I: i32 = 1_057_819_769;
    const ALPHA_F: i32 = 638_450_708;
    /// Integer bits of the input and of the accumulator.
    const INPUT_BITS: i32 = 12;
    const BITS: i32 = 6;
    const QUARTER: i32 = 536_870_912 >> BITS;
    let multiply = doubling_high_multiply;
    let power = |bits: i32| shift_left_saturating(bits, (31 - BITS) as u32);

    // Two candidates for the mantissa, the one scaled by the root of a half.
    let a_headroom_plus_1 = x.leading_zeros();
    let a = shift_left_saturating(x, a_headroom_plus_1 - 1);
    let a = shift_left_saturating(multiply(a, SQRT_HALF), 1);
    let a_power = power(INPUT_BITS - a_headroom_plus_1 as i32).saturating_add(QUARTER);
    let b_headroom = multiply(x, SQRT_HALF).leading_zeros() - 1;
    let b = shift_left_saturating(x, b_headroom);
    let b_power = power(INPUT_BITS - b_headroom as i32).saturating_sub(QUARTER);
    let (r, power) = (a.min(b), a_power.max(b_power));

    let p = half_sum(r, SQRT_SQRT_HALF);
    let q = r.wrapping_sub(SQRT_SQRT_HALF);
    let q = q.wrapping_add(q);
    let square = multiply(q, q);
    let numerator = multiply(q, r).wrapping_add(multiply(multiply(q, square), ALPHA_N));
    let sum = ALPHA_I.wrapping_add(q).wrapping_add(multiply(ALPHA_D, square));
    let denominator_minus_one = multiply(p, sum).wrapping_add(multiply(ALPHA_F, q));
    let fraction = multiply(divide_by_power_of_two(numerator, BITS), reciprocal_of_one_plus(denominator_minus_one));
    shift_left_saturating(multiply(power, LN_2).wrapping_add(fraction), 1)
}

/// gemmlowp's `RoundingHalfSum`.
fn half_sum(a: i32, b: i32) -> i32 {
    let sum = i64::from(a) + i64::from(b);
    ((sum + if sum >= 0 { 1 } else { -1 }) / 2) as i32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::exp;

    #[test]
    fn exponential_and_reciprocal_are_accurate() {
        assert_eq!(exponential_of_negative(0, 5), i32::MAX);
        for step in 1..4000 {
            let x = -step * ((1 << 29) / 1000);
            let real = exp(f64::from(x) / f64::from(1 << 26)) * 2_147_483_648.0;
            assert!((f64::from(exponential_of_negative(x, 5)) - real).abs() < 700.0, "{x}");
        }
        for x in (0..i32::MAX - 9999).step_by(9999) {
            let real = 2_147_483_648.0 / (1.0 + f64::from(x) / 2_147_483_648.0);
            assert!((f64::from(reciprocal_of_one_plus(x)) - real).abs() < 16.0, "{x}");
        }
    }

    #[test]
    fn logistic_and_tanh_are_accurate_and_symmetric() {
        assert_eq!((logistic(0), tanh(0)), (1 << 30, 0));
        for step in 1..2000 {
            let x = step * ((1 << 30) / 1000);
            let power = exp(-f64::from(x) / f64::from(1 << 27));
            let real = 2_147_483_648.0 / (1.0 + power);
            assert!((f64::from(logistic(x)) - real).abs() < 1000.0, "{x}");
            assert_eq!(logistic(-x), i32::MAX - logistic(x));
            let real = 2_147_483_648.0 * (1.0 - power * power) / (1.0 + power * power);
            assert!((f64::from(tanh(x)) - real).abs() < 2000.0, "{x}");
            assert_eq!(tanh(-x), -tanh(x));
        }
    }

    #[test]
    fn reciprocals_are_accurate() {
        for value in 1..300 {
            let (inverse, bits) = reciprocal(value);
            let real = f64::from(inverse) / 2_147_483_648.0 / f64::from(1 << bits);
            assert!((real * f64::from(value) - 1.0).abs() < 1e-7, "{value}");
        }
    }

    #[test]
    fn inverse_square_roots_are_accurate() {
        for value in (2..5000).chain((1..400).map(|step| step * 5_300_017)) {
            let factor = inverse_square_root(value);
            let real = f64::from(factor.multiplier) / 2_147_483_648.0 / f64::from(1_u32 << -factor.shift);
            assert!((real * real * f64::from(value) - 1.0).abs() < 1e-4, "{value}");
        }
        assert_eq!(inverse_square_root(0), inverse_square_root(1));
    }

    #[test]
    fn logarithms_undo_exponentials() {
        for step in 0..400 {
            // From 1 to about e^8.
            let real = f64::from(step) / 50.0;
            let x = (exp(real) * f64::from(1 << 19)) as i32;
            let log = f64::from(logarithm(x)) / f64::from(1 << 26);
            assert!((log - real).abs() < 3e-6, "{real} {log}");
        }
    }
}
