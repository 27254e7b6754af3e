//! Int8 functions of one value as tables of 256.

use kernels::{Curve, HardSwish, Lookup, Op, Requant};

use super::operand::Operand;
use super::scaled::{RESCALE, scale, zero_point};
use super::{Fault, Lowered, quantize};

/// A step that replaces every byte of `input` by what `f` makes of it.
pub(super) fn lookup(input: &Operand, output: &Operand, f: impl Fn(i8) -> i8) -> Lowered {
    let table = (0..=u8::MAX).map(|byte| f(byte.cast_signed())).collect();
    let op = Op::Lookup(Lookup { len: output.elements() });
    Lowered::op(op, vec![input.id], vec![output.id]).with_table(table)
}

/// LOGISTIC's and TANH's view of an int8 input: steps as Q4.27, up to where that ends.
pub(super) fn curve(input: &Operand) -> Result<Curve, Fault> {
    /// From here on every step is beyond the end.
    const MAX_SHIFT: i32 = 62;
    const INTEGER_BITS: i32 = 4;
    let scale = scale(input)?;
    let requant = quantize::multiplier_up_to(f64::from(scale) * f64::from(1 << (31 - INTEGER_BITS)), MAX_SHIFT)
        .filter(|requant| requant.shift >= 0)
        .ok_or_else(|| Fault::at(input.id, format!("has an input of scale {scale}"), RESCALE))?;
    let reach = i64::from((1 << INTEGER_BITS) - 1) << (31 - INTEGER_BITS);
    let radius = i32::try_from(reach >> requant.shift).unwrap_or(i32::MAX);
    Ok(Curve { zero_point: zero_point(input)?, radius, requant })
}

/// `HARD_SWISH`: LiteRT's parameters, from 32-bit factors.
pub(super) fn hard_swish(input: &Operand, output: &Operand) -> Result<HardSwish, Fault> {
    /// Beyond these LiteRT's 16-bit shifts are undefined.
    const EXPONENTS: std::ops::RangeInclusive<i32> = -15..=30;
    let fault = || {
        let reason = "has scales that 16 bits cannot bring together".to_owned();
        Fault::at(output.id, reason, RESCALE)
    };
    let high = (1.0 / 128.0) * scale(input)?;
    let to_output = quantize::multiplier(f64::from(high / scale(output)?)).ok_or_else(fault)?;
    let to_reluish = quantize::multiplier(f64::from(high / (3.0 / 32_768.0))).ok_or_else(fault)?;
    if !(*EXPONENTS.start()..=0).contains(&to_output.shift) || !EXPONENTS.contains(&to_reluish.shift) {
        return Err(fault());
    }
    Ok(HardSwish {
        input_zero_point: zero_point(input)?,
        output_zero_point: zero_point(output)?,
        output_multiplier: high_half(to_output),
        output_exponent: to_output.shift,
        reluish_multiplier: high_half(to_reluish),
        reluish_exponent: to_reluish.shift,
    })
}

/// LiteRT's `DownScaleInt32ToInt16Multiplier`.
fn high_half(requant: Requant) -> i16 {
    const HALF: i32 = 1 << 15;
    if requant.multiplier >= i32::MAX - HALF {
        return i16::MAX;
    }
    i16::try_from((requant.multiplier + HALF) >> 16).unwrap_or(i16::MAX)
}

/// ELU of a quantized value: in 32-bit floating point, as LiteRT fills its own table.
pub(super) fn elu(value: i8, input: (f32, i32), output: (f32, i32)) -> i8 {
    #[expect(clippy::cast_precision_loss, reason = "at most nine bits")]
    let real = input.0 * (i32::from(value) - input.1) as f32;
    let transformed = if real < 0.0 { exponential(real) - 1.0 } else { real };
    let rescaled = (transformed * (1.0 / output.0)).round();
    #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "zero points are small; bounded")]
    let quantized = (rescaled + output.1 as f32).clamp(-128.0, 127.0) as i8;
    quantized
}

/// `e^x` for `x` < 0, rounded once from 64 bits: what a good 32-bit exponential gives, and the same on every host.
fn exponential(x: f32) -> f32 {
    /// Terms of the series for arguments of at most ln 2 / 2.
    const TERMS: i32 = 16;
    let x = f64::from(x);
    if x < -110.0 {
        return 0.0;
    }
    let power = (x / std::f64::consts::LN_2).round();
    let rest = x - power * std::f64::consts::LN_2;
    let series = (1..=TERMS).rev().fold(1.0, |sum, n| 1.0 + sum * rest / f64::from(n));
    #[expect(clippy::cast_possible_truncation, reason = "the exponent is above -160; the result is rounded to 32 bits")]
    let result = (series * 2_f64.powi(power as i32)) as f32;
    result
}

#[cfg(test)]
mod tests {
    use super::{elu, exponential};

    #[test]
    fn exponentials_are_rounded_once() {
        for step in 0..30_000_i16 {
            let x = -f32::from(step) / 400.0;
            let real = f64::from(x).exp();
            let error = (f64::from(exponential(x)) - real).abs();
            assert!(error <= real * 0.501 * f64::from(f32::EPSILON) + 1e-45, "{x}");
        }
    }

    #[test]
    fn elu_by_hand() {
        let (input, output) = ((0.1, 10), (0.05, -5));
        assert_eq!(elu(20, input, output), 15);
        assert_eq!(elu(127, input, output), 127);
        assert_eq!(elu(10, input, output), -5);
        assert_eq!(elu(0, input, output), -18, "e^-1 - 1 = -0.632 is 12.6 steps");
        assert_eq!(elu(-128, input, output), -25);
    }
}
