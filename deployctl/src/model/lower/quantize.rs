//! Real factors and bounds as the integers that kernels use: LiteRT's `QuantizeMultiplier` and activation ranges.

use kernels::{Activation, Requant};

use crate::model::graph::FusedActivation;

/// Beyond this a kernel's left shift would leave no bit of a 32-bit accumulator; LiteRT leaves it undefined.
const MAX_SHIFT: i32 = 30;

/// `real` as a Q31 mantissa and a power of two, rounded half away from zero. `None` where no 32-bit kernel could apply
/// it: a factor that is negative, not a number, or 2^30 and more.
pub(super) fn multiplier(real: f64) -> Option<Requant> {
    multiplier_up_to(real, MAX_SHIFT)
}

/// [`multiplier`] for a factor whose shift may be as large as `max_shift`.
pub(super) fn multiplier_up_to(real: f64, max_shift: i32) -> Option<Requant> {
    if !real.is_finite() || real < 0.0 {
        return None;
    }
    if real == 0.0 {
        return Some(Requant { multiplier: 0, shift: 0 });
    }
    let (fraction, mut shift) = frexp(real);
    let mut mantissa = (fraction * f64::from(1_u32 << 31)).round();
    if mantissa >= f64::from(1_u32 << 31) {
        mantissa /= 2.0;
        shift += 1;
    }
    if shift < -31 {
        return Some(Requant { multiplier: 0, shift: 0 });
    }
    if shift > max_shift {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, reason = "a whole number in [2^30, 2^31)")]
    Some(Requant { multiplier: mantissa as i32, shift })
}

/// [`multiplier`] for a factor that LiteRT requires to be in (0, 1), also after rounding.
pub(super) fn multiplier_below_one(real: f64) -> Option<Requant> {
    if real > 0.0 && real < 1.0 { multiplier(real).filter(|requant| requant.shift <= 0) } else { None }
}

/// `x` = fraction × 2^exponent with the fraction in [0.5, 1), for positive finite `x`, as C's `frexp`.
fn frexp(x: f64) -> (f64, i32) {
    /// Subnormal numbers are brought into the normal range first.
    const SCALE_BITS: i32 = 54;
    let (normal, offset) = if x < f64::MIN_POSITIVE { (x * 2_f64.powi(SCALE_BITS), -SCALE_BITS) } else { (x, 0) };
    let bits = normal.to_bits();
    let exponent = ((bits >> 52) & 0x7ff) as i32 - 1022;
    let fraction = f64::from_bits((bits & ((1 << 52) - 1)) | (1022 << 52));
    (fraction, exponent + offset)
}

/// The power of two that `scale` is, or nearly is: LiteRT's `CheckedLog2`, which lets a thousandth of a bit pass.
pub(super) fn power_of_two(scale: f32) -> Option<i32> {
    /// 2^0.001.
    const TOLERANCE: f64 = 1.000_693_387_462_580_6;
    if !scale.is_finite() || scale <= 0.0 {
        return None;
    }
    // Within [1/2, 1), near one of both ends.
    let (fraction, exponent) = frexp(f64::from(scale));
    if fraction > 1.0 / TOLERANCE {
        Some(exponent)
    } else if fraction * 2.0 < TOLERANCE {
        Some(exponent - 1)
    } else {
        None
    }
}

/// The input of an exponential in fixed point.
pub(super) struct Exponent {
    /// Factor from differences of the input to Q5.26.
    pub(super) requant: Requant,
    /// The smallest difference that counts.
    pub(super) diff_min: i32,
}

/// LiteRT's `PreprocessSoftmaxScaling` and `CalculateInputRadius`, for an input scale times beta.
pub(super) fn exponent(scale: f64) -> Option<Exponent> {
    /// Integer bits of the difference to the row's maximum.
    const INTEGER_BITS: i32 = 5;
    let fraction_bits = 31 - INTEGER_BITS;
    let largest = f64::from(1_u32 << 31) - 1.0;
    let real = (scale * f64::from(1 << fraction_bits)).min(largest);
    let requant = (real > 1.0).then(|| multiplier_up_to(real, 31)).flatten()?;
    let radius = f64::from((1 << INTEGER_BITS) - 1) * f64::from(1 << fraction_bits) / 2_f64.powi(requant.shift);
    #[expect(clippy::cast_possible_truncation, reason = "at most 31 * 2^26, which is below 2^31")]
    let diff_min = -(radius.floor() as i32);
    Some(Exponent { requant, diff_min })
}

/// Bounds of an int8 output with a fused activation: LiteRT's `CalculateActivationRangeQuantized`. `None` for an
/// activation that LiteRT Micro does not apply, or bounds that do not fit 32 bits.
pub(super) fn activation(activation: FusedActivation, scale: f32, zero_point: i32) -> Option<Activation> {
    let range = Activation { min: i32::from(i8::MIN), max: i32::from(i8::MAX) };
    activation_within(activation, scale, zero_point, range)
}

/// [`activation`] for an output type of another range.
pub(super) fn activation_within(
    activation: FusedActivation,
    scale: f32,
    zero_point: i32,
    range: Activation,
) -> Option<Activation> {
    let (lowest, highest) = (range.min, range.max);
    // In 32-bit floating point, as LiteRT: the quotient of two f32, rounded half away from zero.
    let quantize = |real: f32| {
        let steps = (real / scale).round();
        if steps.is_nan() || steps.abs() >= 2_147_483_648.0 {
            return None;
        }
        #[expect(clippy::cast_possible_truncation, reason = "checked to be within 32 bits")]
        zero_point.checked_add(steps as i32)
    };
    let (min, max) = match activation {
        FusedActivation::None => (lowest, highest),
        FusedActivation::Relu => (lowest.max(quantize(0.0)?), highest),
        FusedActivation::Relu6 => (lowest.max(quantize(0.0)?), highest.min(quantize(6.0)?)),
        FusedActivation::ReluN1To1 => (lowest.max(quantize(-1.0)?), highest.min(quantize(1.0)?)),
        FusedActivation::Tanh | FusedActivation::SignBit => return None,
    };
    Some(Activation { min, max })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Mantissa and shift of a factor.
    fn parts(requant: Option<Requant>) -> Option<(i32, i32)> {
        requant.map(|requant| (requant.multiplier, requant.shift))
    }

    #[test]
    fn multipliers_are_litert() {
        assert_eq!(parts(multiplier(0.0)), Some((0, 0)));
        assert_eq!(parts(multiplier(1.0)), Some((1 << 30, 1)));
        assert_eq!(parts(multiplier(0.5)), Some((1 << 30, 0)));
        assert_eq!(parts(multiplier(0.1)), Some((1_717_986_918, -3)));
        assert_eq!(parts(multiplier(2_f64.powi(-32))), Some((1 << 30, -31)));
        assert_eq!(parts(multiplier(2_f64.powi(-33))), Some((0, 0)), "too small to matter");
        assert_eq!(parts(multiplier(f64::MIN_POSITIVE / 8.0)), Some((0, 0)), "subnormal");
        assert_eq!(parts(multiplier(1.0 - f64::EPSILON)), Some((1 << 30, 1)), "rounds up to the next power");
        assert_eq!(parts(multiplier(2_f64.powi(29))), Some((1 << 30, 30)));
        for real in [2_f64.powi(30), f64::NAN, f64::INFINITY, -0.5] {
            assert_eq!(parts(multiplier(real)), None, "{real}");
        }
    }

    #[test]
    fn below_one_is_strict() {
        assert_eq!(parts(multiplier_below_one(0.5)), Some((1 << 30, 0)));
        for real in [0.0, 1.0, 1.0 - f64::EPSILON] {
            assert_eq!(parts(multiplier_below_one(real)), None, "{real}");
        }
    }

    #[test]
    fn frexp_puts_numbers_together_again() {
        for x in [1.0, 0.75, 3.5e-310, f64::MIN_POSITIVE, f64::MAX, 1e-20, 123.456] {
            let (fraction, exponent) = frexp(x);
            assert!((0.5..1.0).contains(&fraction));
            let halves = (exponent / 2, exponent - exponent / 2);
            assert!((fraction * 2_f64.powi(halves.0) * 2_f64.powi(halves.1) / x - 1.0).abs() < 1e-15, "{x}");
        }
    }

    #[test]
    fn powers_of_two_may_be_a_little_off() {
        assert_eq!(power_of_two(2_f32.powi(-15)), Some(-15));
        assert_eq!(power_of_two(1.0), Some(0));
        assert_eq!(power_of_two(4.002), Some(2));
        assert_eq!(power_of_two(3.998), Some(2));
        for scale in [4.003, 3.997, 3.0, 0.0, -1.0, f32::NAN, f32::INFINITY] {
            assert_eq!(power_of_two(scale), None, "{scale}");
        }
    }

    #[test]
    fn activations_clip_to_the_type_and_the_function() {
        let bounds = |function, scale, zero_point| activation(function, scale, zero_point).map(|a| (a.min, a.max));
        assert_eq!(bounds(FusedActivation::None, 0.1, 3), Some((-128, 127)));
        assert_eq!(bounds(FusedActivation::Relu, 0.1, -5), Some((-5, 127)));
        assert_eq!(bounds(FusedActivation::Relu6, 0.1, -5), Some((-5, 55)));
        assert_eq!(bounds(FusedActivation::Relu6, 0.01, -128), Some((-128, 127)));
        assert_eq!(bounds(FusedActivation::ReluN1To1, 0.1, -5), Some((-15, 5)));
        assert_eq!(bounds(FusedActivation::Relu6, 1e-30, 0), None);
        assert_eq!(bounds(FusedActivation::Tanh, 0.1, 0), None);
    }
}
