//! Int8 functions of one int8 value, as a table that the host made; and what the host fills such tables with.
//!
//! LiteRT Micro computes most of these in fixed point for every element. There are 256 values, so the host computes them
//! all, with the same arithmetic.

#[cfg(feature = "serde")]
use serde::{Deserialize, Serialize};

use crate::fixed_point::{self, inverse_square_root};
use crate::requant::divide_by_power_of_two;
use crate::{Requant, wrong_operands};

/// Any function of one int8 value: RELU, LOGISTIC, TANH, ELU, `HARD_SWISH`, ABS, ...
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct Lookup {
    /// Elements of input and output.
    pub len: usize,
}

/// Replaces every value by the table's: the tensor, and a table of 256 values, those of 0 to 127 first, then -128 to -1.
#[inline]
pub fn lookup(p: &Lookup, inputs: &[&[i8]], outputs: &mut [&mut [i8]]) {
    let ([input, table], [output]) = (inputs, outputs) else { wrong_operands() };
    let Some(table) = table.first_chunk::<256>() else { wrong_operands() };
    for (out, &value) in output[..p.len].iter_mut().zip(&input[..p.len]) {
        *out = table[usize::from(value as u8)];
    }
}

/// An input as LOGISTIC and TANH see it: LiteRT's `input_range_radius`, and the factor to Q4.27.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Curve {
    /// The input's zero point.
    pub zero_point: i32,
    /// Distances from the zero point that are this large, or larger, give the limit of the function.
    pub radius: i32,
    /// Factor from steps of the input to Q4.27.
    pub requant: Requant,
}

impl Curve {
    /// LOGISTIC, int8: output scale 1/256, zero point -128.
    pub fn logistic(&self, value: i8) -> i8 {
        self.limited(value, |x| divide_by_power_of_two(fixed_point::logistic(x), 23) - 128)
    }

    /// TANH, int8: output scale 1/128, zero point 0.
    pub fn tanh(&self, value: i8) -> i8 {
        self.limited(value, |x| divide_by_power_of_two(fixed_point::tanh(x), 24))
    }

    fn limited(&self, value: i8, f: impl Fn(i32) -> i32) -> i8 {
        let steps = i32::from(value) - self.zero_point;
        if steps <= -self.radius {
            i8::MIN
        } else if steps >= self.radius {
            i8::MAX
        } else {
            f(self.requant.apply(steps)).clamp(-128, 127) as i8
        }
    }
}

/// `HARD_SWISH`, int8: LiteRT's `HardSwishParams`, in 16-bit fixed point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HardSwish {
    /// The input's zero point.
    pub input_zero_point: i32,
    /// The output's zero point.
    pub output_zero_point: i32,
    /// Mantissa, 15 bits, of the factor from 1/128 of the input's scale to the output's.
    pub output_multiplier: i16,
    /// Its exponent, not positive.
    pub output_exponent: i32,
    /// Mantissa of the factor that brings 3 to 2^15.
    pub reluish_multiplier: i16,
    /// Its exponent.
    pub reluish_exponent: i32,
}

impl HardSwish {
    /// `x * min(6, max(0, x + 3)) / 6`.
    pub fn apply(&self, value: i8) -> i8 {
        let high = (i32::from(value) - self.input_zero_point).wrapping_mul(1 << 7) as i16;
        let preshift = rounding_high_multiply(high, self.output_multiplier);
        let mut reluish = high;
        if self.reluish_exponent > 0 {
            reluish = shift_left(reluish, self.reluish_exponent - 1);
        }
        reluish = rounding_high_multiply(reluish, self.reluish_multiplier);
        if self.reluish_exponent > 0 {
            reluish = shift_left(reluish, 1);
        }
        if self.reluish_exponent < 0 {
            reluish = divide_by_power_of_two(i32::from(reluish), -self.reluish_exponent) as i16;
        }
        let reluish = (i32::from(reluish) + (1 << 15)) >> 1;
        // Never -1 times -1: the first factor is not negative. Rounds towards zero.
        let product = (reluish * i32::from(preshift) / (1 << 15)) as i16;
        let output = divide_by_power_of_two(i32::from(product), -self.output_exponent) as i16;
        i32::from(output.wrapping_add(self.output_zero_point as i16)).clamp(-128, 127) as i8
    }
}

/// ELU, int8: in 32-bit floating point, as LiteRT fills its own table.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Elu {
    /// The input's scale.
    pub input_scale: f32,
    /// The input's zero point.
    pub input_zero_point: i32,
    /// The output's scale.
    pub output_scale: f32,
    /// The output's zero point.
    pub output_zero_point: i32,
}

impl Elu {
    /// `e^x - 1` below zero, else `x`. The exponential is rounded once, from 64 bits, as good C libraries do.
    pub fn apply(&self, value: i8) -> i8 {
        let x = self.input_scale * (i32::from(value) - self.input_zero_point) as f32;
        let y = if x < 0.0 { libm::exp(f64::from(x)) as f32 - 1.0 } else { x };
        let steps = libm::roundf(y * (1.0 / self.output_scale));
        (steps + self.output_zero_point as f32).clamp(-128.0, 127.0) as i8
    }
}

/// RSQRT of a number of steps above the zero point, in steps of the output, before its zero point is added. `None` at zero,
/// which stands for anything close to it, and below, where LiteRT Micro ends the inference.
pub fn reciprocal_square_root(steps: i32, requant: Requant) -> Option<i32> {
    /// Keeps the intermediate value an integer.
    const SHIFT: i32 = 20;
    if steps <= 0 {
        return None;
    }
    let inverse = inverse_square_root(steps);
    let root = Requant { shift: inverse.shift + SHIFT, ..inverse }.apply(1);
    Some(Requant { shift: requant.shift - SHIFT, ..requant }.apply(root))
}

/// gemmlowp's `SaturatingRoundingDoublingHighMul` of 16 bits, for a factor that is not negative.
fn rounding_high_multiply(a: i16, b: i16) -> i16 {
    let product = i32::from(a) * i32::from(b);
    let nudge = if product >= 0 { 1 << 14 } else { 1 - (1 << 14) };
    ((product + nudge) / (1 << 15)) as i16
}

fn shift_left(value: i16, bits: i32) -> i16 {
    (i64::from(value) << bits).clamp(i64::from(i16::MIN), i64::from(i16::MAX)) as i16
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::*;
    use crate::testing::exp;

    #[test]
    fn every_value_has_its_place() {
        let mut table = [0; 256];
        for value in i8::MIN..=i8::MAX {
            table[usize::from(value as u8)] = value.wrapping_neg();
        }
        let input: [i8; 5] = [0, 1, -1, 127, -128];
        let mut output = [9; 6];
        lookup(&Lookup { len: 5 }, &[&input, &table], &mut [&mut output]);
        assert_eq!(output, [0, -1, 1, -127, -128, 9]);
    }

    /// Scale 0.05: 0.05 * 2^27 = 0.8 * 2^23.
    const CURVE: Curve =
        Curve { zero_point: 3, radius: 239, requant: Requant { multiplier: 1_717_986_918, shift: 23 } };

    #[test]
    fn curves_are_within_one_step_of_the_real_ones() {
        for value in i8::MIN..=i8::MAX {
            let x = 0.05 * f64::from(i32::from(value) - 3);
            let logistic = 256.0 / (1.0 + exp(-x)) - 128.0;
            assert!((f64::from(CURVE.logistic(value)) - logistic.min(127.0)).abs() <= 0.51, "{value}");
            let tanh = 128.0 * (1.0 - 2.0 / (exp(2.0 * x) + 1.0));
            assert!((f64::from(CURVE.tanh(value)) - tanh.min(127.0)).abs() <= 0.51, "{value}");
        }
        let narrow = Curve { radius: 100, ..CURVE };
        assert_eq!((narrow.logistic(103), narrow.logistic(-97)), (127, -128));
    }

    #[test]
    fn hard_swish_is_near_the_real_one() {
        // Input scale 6/128, output scale 6/128: the output's factor is 1/128 = 0.5 * 2^-6, the other 4 = 0.5 * 2^3.
        let p = HardSwish {
            input_zero_point: 0,
            output_zero_point: -1,
            output_multiplier: 1 << 14,
            output_exponent: -6,
            reluish_multiplier: 1 << 14,
            reluish_exponent: 3,
        };
        for value in i8::MIN..=i8::MAX {
            let x = f64::from(value) * 6.0 / 128.0;
            let real = x * (x + 3.0).clamp(0.0, 6.0) / 6.0 * 128.0 / 6.0 - 1.0;
            assert!((f64::from(p.apply(value)) - real.min(127.0)).abs() <= 1.0, "{value}");
        }
    }

    #[test]
    fn elu_by_hand() {
        let p = Elu { input_scale: 0.1, input_zero_point: 10, output_scale: 0.05, output_zero_point: -5 };
        assert_eq!([20, 127, 10, -128].map(|value| p.apply(value)), [15, 127, -5, -25]);
        assert_eq!(p.apply(0), -18, "e^-1 - 1 = -0.632 is 12.6 steps");
    }

    #[test]
    fn reciprocal_roots_are_near_the_real_ones() {
        // Scales 0.04 and 0.05: 1 / (0.2 * 0.05) = 100 = 0.78125 * 2^7.
        let requant = Requant { multiplier: 1_677_721_600, shift: 7 };
        for value in -99..=127 {
            let real = 100.0 / (f64::from(value) + 100.0).sqrt() - 10.0;
            let output = f64::from(reciprocal_square_root(value + 100, requant).unwrap() - 10);
            assert!((output - real).abs() <= 0.51, "{value} {output} {real}");
        }
        assert_eq!(reciprocal_square_root(0, requant), None);
        assert_eq!(reciprocal_square_root(-1, requant), None);
    }
}
