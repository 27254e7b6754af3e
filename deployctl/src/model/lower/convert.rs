//! From one type to another: QUANTIZE, DEQUANTIZE, CAST.

use kernels::{Activation, Cast, Dequantize, Element, Op, Quantize, Requant, Rescale};

use super::operand::Operand;
use super::scaled::{factor, range, scale, zero_point};
use super::site::Site;
use super::{Fault, Lowered, table};
use crate::model::TensorType::{Bool, Float32, Int8, Int16, Int32, Uint8, Uint32};

const PAIR: &str = "convert by way of int8 or float32, which LiteRT Micro has kernels for";

/// QUANTIZE, from float32 or from one quantization to another.
pub(super) fn quantize(site: &Site) -> Result<Lowered, Fault> {
    let (input, output) = shaped(site)?;
    let to = output.element()?;
    let pairs = [
        (Int8, Int8),
        (Int8, Uint8),
        (Int8, Int16),
        (Int8, Int32),
        (Uint8, Int8),
        (Int16, Int8),
        (Int16, Int16),
        (Int16, Int32),
        (Int32, Int8),
        (Int32, Int16),
    ];
    if input.dtype() == Float32 {
        output.one_of(&[Int8, Int16])?;
        let (scale, zero_point) = output.quantization()?;
        let op = Op::Quantize(Quantize { len: output.elements(), to, scale, zero_point });
        return Ok(Lowered::op(op, vec![input.id], vec![output.id]));
    }
    if !pairs.contains(&(input.dtype(), output.dtype())) {
        let reason = format!("goes from {} to {}", input.dtype().name(), output.dtype().name());
        return Err(Fault::at(output.id, reason, PAIR));
    }
    rescale(&input, &output, range(to))
}

/// A change of scale, bounded.
pub(super) fn rescale(input: &Operand, output: &Operand, activation: Activation) -> Result<Lowered, Fault> {
    let real = f64::from(scale(input)?) / f64::from(scale(output)?);
    let op = Rescale {
        len: output.elements(),
        from: input.element()?,
        to: output.element()?,
        input_offset: -zero_point(input)?,
        requant: factor(real, output)?,
        output_offset: zero_point(output)?,
        activation,
    };
    if op.from.bytes() == 1 && op.to.bytes() == 1 {
        return Ok(table::lookup(input, output, |value| rescaled(&op, value)));
    }
    Ok(Lowered::op(Op::Rescale(op), vec![input.id], vec![output.id]))
}

/// What the kernel makes of one byte.
fn rescaled(op: &Rescale, value: i8) -> i8 {
    let value = if op.from == Element::U8 { i32::from(value.cast_unsigned()) } else { i32::from(value) };
    let output = op.activation.bound(op.requant.apply(value + op.input_offset).wrapping_add(op.output_offset));
    #[expect(clippy::cast_possible_truncation, reason = "a byte of either sign")]
    let byte = output as i8;
    byte
}

/// Whether a factor leaves every number as it is.
pub(super) fn is_identity(requant: Requant) -> bool {
    requant == Requant { multiplier: 1 << 30, shift: 1 }
}

/// DEQUANTIZE to float32.
pub(super) fn dequantize(site: &Site) -> Result<Lowered, Fault> {
    let (input, output) = shaped(site)?;
    input.one_of(&[Int8, Uint8, Int16])?;
    output.one_of(&[Float32])?;
    let (scale, zero_point) = input.quantization()?;
    let op = Op::Dequantize(Dequantize { len: output.elements(), from: input.element()?, scale, zero_point });
    Ok(Lowered::op(op, vec![input.id], vec![output.id]))
}

/// CAST: of the numbers as they are stored.
pub(super) fn cast(site: &Site) -> Result<Lowered, Fault> {
    let types = [Int8, Int16, Int32, Uint32, Float32, Bool];
    let (input, output) = shaped(site)?;
    input.one_of(&types)?;
    output.one_of(&types)?;
    let op = Op::Cast(Cast { len: output.elements(), from: input.element()?, to: output.element()? });
    Ok(Lowered::op(op, vec![input.id], vec![output.id]))
}

/// One input and one output of its shape.
fn shaped<'a>(site: &Site<'a>) -> Result<(Operand<'a>, Operand<'a>), Fault> {
    site.arity(1..=1)?;
    let (input, output) = (site.operand(0)?, site.result(0)?);
    output.same_shape(&input)?;
    Ok((input, output))
}
