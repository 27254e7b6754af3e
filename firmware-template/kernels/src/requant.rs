//! Fixed-point arithmetic: how LiteRT Micro brings a 32-bit accumulator to the scale of an 8-bit tensor.
//!
//! LiteRT Micro is built with double rounding (its `TFLITE_SINGLE_ROUNDING` is off, and so is CMSIS-NN's switch of the
//! same kind): a doubling high multiplication rounds, then the right shift rounds again. Both follow gemmlowp.

use crate::{Activation, Requant, Weights};

impl Requant {
    /// `value * multiplier * 2^(shift - 31)`, rounded twice, as LiteRT's `MultiplyByQuantizedMultiplier`.
    pub const fn apply(self, value: i32) -> i32 {
        let (left, right) = if self.shift > 0 { (self.shift, 0) } else { (0, -self.shift) };
        divide_by_power_of_two(doubling_high_multiply(value.wrapping_shl(left as u32), self.multiplier), right)
    }

    /// The same for a 64-bit accumulator, which LiteRT multiplies by the upper half of the multiplier and rounds half up,
    /// once. `shift` is below 15, and `value` within 48 bits.
    pub const fn apply_wide(self, value: i64) -> i32 {
        let upper = if self.multiplier < 0x7fff_0000 { (self.multiplier + (1 << 15)) >> 16 } else { 0x7fff };
        let right = 15 - self.shift;
        (value.wrapping_mul(upper as i64).wrapping_add(1 << (right - 1)) >> right) as i32
    }
}

impl Activation {
    /// `value` within the bounds, as an output element.
    pub fn clamp(self, value: i32) -> i8 {
        self.bound(value) as i8
    }

    /// `value` within the bounds.
    pub fn bound(self, value: i32) -> i32 {
        value.max(self.min).min(self.max)
    }
}

impl Weights<'_> {
    /// The factor of an output channel: its own, or the tensor's where there is only one.
    pub(crate) fn requant(&self, channel: usize) -> Requant {
        let index = if self.multipliers.len() == 1 { 0 } else { channel };
        Requant { multiplier: self.multipliers[index], shift: self.shifts[index] }
    }

    /// The bias of an output channel.
    pub(crate) fn bias(&self, channel: usize) -> i32 {
        self.bias.map_or(0, |bias| bias[channel])
    }
}

/// The high 32 bits of `2 * a * b`, rounded half up and saturated: gemmlowp's `SaturatingRoundingDoublingHighMul`.
pub(crate) const fn doubling_high_multiply(a: i32, b: i32) -> i32 {
    if a == i32::MIN && b == i32::MIN {
        return i32::MAX;
    }
    ((a as i64 * b as i64 + (1 << 30)) >> 31) as i32
}

/// `value / 2^exponent`, rounded half away from zero: gemmlowp's `RoundingDivideByPOT`. `exponent` is in 0..=31.
pub(crate) const fn divide_by_power_of_two(value: i32, exponent: i32) -> i32 {
    let mask = ((1_i64 << exponent) - 1) as i32;
    let remainder = value & mask;
    let threshold = (mask >> 1) + (value < 0) as i32;
    (value >> exponent) + (remainder > threshold) as i32
}

/// `value * 2^bits`, saturated: gemmlowp's `SaturatingRoundingMultiplyByPOT` of a positive exponent.
pub(crate) const fn shift_left_saturating(value: i32, bits: u32) -> i32 {
    let shifted = (value as i64) << bits;
    if shifted > i32::MAX as i64 {
        i32::MAX
    } else if shifted < i32::MIN as i64 {
        i32::MIN
    } else {
        shifted as i32
    }
}

/// Sum of `(x + x_offset) * (y + y_offset)` over two rows of equal length, added to `start`.
pub(crate) fn dot(start: i32, xs: &[i8], x_offset: i32, ys: &[i8], y_offset: i32) -> i32 {
    xs.iter().zip(ys).fold(start, |sum, (&x, &y)| {
        let product = i32::from(x).wrapping_add(x_offset).wrapping_mul(i32::from(y).wrapping_add(y_offset));
        sum.wrapping_add(product)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Random;

    /// gemmlowp's own definitions, in its own terms: a signed nudge and a division that truncates.
    fn gemmlowp_high_multiply(a: i32, b: i32) -> i32 {
        if a == b && a == i32::MIN {
            return i32::MAX;
        }
        let product = i64::from(a) * i64::from(b);
        let nudge = if product >= 0 { 1 << 30 } else { 1 - (1 << 30) };
        ((product + nudge) / (1 << 31)) as i32
    }

    #[test]
    fn high_multiplication_is_gemmlowps() {
        let edges = [i32::MIN, i32::MIN + 1, -(1 << 30), -3, -1, 0, 1, 2, 1 << 30, i32::MAX];
        for a in edges {
            for b in edges {
                assert_eq!(doubling_high_multiply(a, b), gemmlowp_high_multiply(a, b), "{a} {b}");
            }
        }
        let mut random = Random::new(1);
        for _ in 0..100_000 {
            let (a, b) = (random.next() as i32, random.next() as i32);
            assert_eq!(doubling_high_multiply(a, b), gemmlowp_high_multiply(a, b), "{a} {b}");
        }
    }

    #[test]
    fn division_rounds_half_away_from_zero() {
        assert_eq!(divide_by_power_of_two(3, 1), 2);
        assert_eq!(divide_by_power_of_two(-3, 1), -2);
        assert_eq!(divide_by_power_of_two(5, 2), 1);
        assert_eq!(divide_by_power_of_two(-6, 2), -2);
        assert_eq!(divide_by_power_of_two(-5, 2), -1);
        assert_eq!(divide_by_power_of_two(i32::MIN, 31), -1);
        assert_eq!(divide_by_power_of_two(i32::MAX, 31), 1);
        assert_eq!(divide_by_power_of_two(i32::MIN, 0), i32::MIN);
    }

    /// Where single and double rounding differ, ours is the double one.
    #[test]
    fn rounds_twice() {
        let half = Requant { multiplier: 1 << 30, shift: -1 };
        assert_eq!(half.apply(1), 1, "0.25 rounds to 0.5, then to 1");
        assert_eq!(half.apply(-1), 0, "-0.25 rounds up to 0");
        assert_eq!(Requant { multiplier: 1 << 30, shift: 3 }.apply(5), 20);
        assert_eq!(Requant { multiplier: 0, shift: 0 }.apply(i32::MIN), 0);
    }

    #[test]
    fn wide_accumulators_round_once() {
        let half = Requant { multiplier: 1 << 30, shift: -1 };
        assert_eq!([1, 2, 6, -2, -6, -7].map(|value| half.apply_wide(value)), [0, 1, 2, 0, -1, -2]);
        assert_eq!(Requant { multiplier: i32::MAX, shift: 0 }.apply_wide(1 << 30), (1 << 30) - (1 << 15));
    }

    #[test]
    fn clamps_to_both_bounds() {
        let activation = Activation { min: -100, max: 50 };
        assert_eq!([-200, -100, 0, 51].map(|value| activation.clamp(value)), [-100, -100, 0, 50]);
    }
}
