//! Float32 functions that `core` lacks, exactly: rounding and the square root.

/// The next whole number towards zero, with the sign of `x`.
fn truncate(x: f32) -> f32 {
    // From 2^23 on every number is whole; so are infinities, and what is no number stays.
    if x.abs() < 8_388_608.0 { (x as i32 as f32).copysign(x) } else { x }
}

/// The largest whole number that is not above `x`.
pub(crate) fn floor(x: f32) -> f32 {
    let whole = truncate(x);
    if whole > x { whole - 1.0 } else { whole }
}

/// The smallest whole number that is not below `x`.
pub(crate) fn ceil(x: f32) -> f32 {
    let whole = truncate(x);
    if whole < x { (whole + 1.0).copysign(x) } else { whole }
}

/// [`floor`] of 64 bits.
pub(crate) fn floor_f64(x: f64) -> f64 {
    if x.abs() < 4_503_599_627_370_496.0 {
        let whole = (x as i64 as f64).copysign(x);
        if whole > x { whole - 1.0 } else { whole }
    } else {
        x
    }
}

/// The nearest whole number, halves away from zero: C's `round`.
pub(crate) fn round_half_away(x: f32) -> f32 {
    let whole = truncate(x);
    // The difference is exact.
    if (x - whole).abs() >= 0.5 { whole + 1.0_f32.copysign(x) } else { whole }
}

/// The nearest whole number, halves to the even one: LiteRT's `RoundToNearest`.
pub(crate) fn round_half_even(x: f32) -> f32 {
    let below = floor(x);
    let difference = x - below;
    if difference < 0.5 || (difference == 0.5 && below % 2.0 == 0.0) || difference.is_nan() {
        below
    } else {
        below + 1.0
    }
}

/// The square root, correctly rounded, from that of an integer.
pub(crate) fn square_root(x: f32) -> f32 {
    if x == 0.0 || x.is_nan() || x == f32::INFINITY {
        return x;
    }
    if x < 0.0 {
        return f32::NAN;
    }
    let bits = x.to_bits();
    let (mut mantissa, mut exponent) = (bits & 0x7f_ffff, (bits >> 23) as i32);
    if exponent == 0 {
        // Subnormal: x = mantissa * 2^-149, made to have 24 bits like the others.
        let shift = mantissa.leading_zeros() - 8;
        mantissa <<= shift;
        exponent = 1 - shift as i32;
    } else {
        mantissa |= 1 << 23;
    }
    // x = mantissa * 2^power; an even power halves.
    let power = exponent - 150;
    let even = power & !1;
    // 24 or 25 bits and 26 more: a root of 25 or 26 bits, of which 24 count. The rest, and whether the root is exact,
    // decide the rounding; a root of 24 bits is never half-way between two numbers.
    let square = u64::from(mantissa) << (power - even + 26);
    let root = square.isqrt();
    let inexact = u32::from(root * root != square);
    let root = (root as u32) << 1 | inexact;
    // A conversion of at most 27 bits rounds to the nearest; the last bit stands for all that was left out.
    scale(root as f32, even / 2 - 14)
}

/// `x * 2^power` for results in the normal range.
fn scale(x: f32, power: i32) -> f32 {
    f32::from_bits((x.to_bits() as i32 + (power << 23)) as u32)
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::*;
    use crate::testing::Random;

    fn numbers() -> impl Iterator<Item = f32> {
        let special = [0.0, -0.0, 0.5, -0.5, 1.5, 2.5, -2.5, 0.499_999_97, 8_388_607.5, 8_388_609.0, f32::INFINITY];
        let mut random = Random::new(20);
        let mut bits = Random::new(21);
        let near = (0..20_000).map(move |_| random.between(-4_000_000, 4_000_000) as f32 / 128.0);
        let any = (0..200_000).map(move |_| f32::from_bits(bits.next() as u32)).filter(|x| !x.is_nan());
        special.into_iter().chain([f32::NEG_INFINITY, f32::MIN_POSITIVE, 1e-45, f32::MAX]).chain(near).chain(any)
    }

    #[test]
    fn roundings_are_the_standard_librarys() {
        for x in numbers() {
            assert_eq!(floor(x).to_bits(), x.floor().to_bits(), "{x}");
            assert_eq!(ceil(x).to_bits(), x.ceil().to_bits(), "{x}");
            assert_eq!(round_half_away(x).to_bits(), x.round().to_bits(), "{x}");
            assert_eq!(round_half_even(x), x.round_ties_even(), "{x}");
            assert_eq!(floor_f64(f64::from(x) * 1.25).to_bits(), (f64::from(x) * 1.25).floor().to_bits(), "{x}");
        }
        assert!(floor(f32::NAN).is_nan() && round_half_even(f32::NAN).is_nan());
    }

    #[test]
    fn square_roots_are_the_standard_librarys() {
        for x in numbers().filter(|x| x.is_sign_positive()) {
            assert_eq!(square_root(x).to_bits(), x.sqrt().to_bits(), "{x}");
        }
        assert_eq!(square_root(-0.0).to_bits(), (-0.0_f32).to_bits());
        assert!(square_root(-1.0).is_nan() && square_root(f32::NAN).is_nan());
    }
}
