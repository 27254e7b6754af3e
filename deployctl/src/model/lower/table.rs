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
