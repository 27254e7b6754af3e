//! Quantized arithmetic on int8 and int16: factors and offsets of ADD, SUB, MUL, DIV, `SQUARED_DIFFERENCE`, `ADD_N`.
//!
//! LiteRT computes some factors in 32-bit and some in 64-bit floating point. That changes their last bits, so each is done
//! here as there.

use kernels::{Activation, AddN, Combination, Combine, Divide, Element, Multiply, Op, Requant, Side};

use super::operand::Operand;
use super::site::Site;
use super::{Fault, Lowered, broadcast, quantize};
use crate::model::TensorType;
use crate::model::graph::FusedActivation;

pub(super) const RESCALE: &str = "check the calibration data: the scales of this layer are far apart";
const SYMMETRIC: &str = "convert again: int16 tensors have zero point 0";

/// ADD and SUB: 64-bit factors.
pub(super) fn sum(site: &Site, combination: Combination, activation: FusedActivation) -> Result<Lowered, Fault> {
    let (a, b, output) = operands(site)?;
    let shift = if output.dtype() == TensorType::Int16 { 15 } else { 20 };
    let twice = 2.0 * f64::from(scale(&a)?.max(scale(&b)?));
    let back = twice / (f64::from(1 << shift) * f64::from(scale(&output)?));
    let factors = [f64::from(scale(&a)?) / twice, f64::from(scale(&b)?) / twice, back];
    combine(&Combined { combination, a, b, output, shift, activation }, factors)
}

/// `SQUARED_DIFFERENCE`: 64-bit factors, and another shift, for the square to fit 32 bits.
pub(super) fn squared_difference(site: &Site) -> Result<Lowered, Fault> {
    let (a, b, output) = operands(site)?;
    let shift = if output.dtype() == TensorType::Int16 { 0 } else { 7 };
    if output.dtype() == TensorType::Int16 {
        symmetric(&[&a, &b, &output])?;
    }
    let twice = 2.0 * f64::from(scale(&a)?.max(scale(&b)?));
    let back = twice * twice / (f64::from(1 << (2 * shift)) * f64::from(scale(&output)?));
    let factors = [f64::from(scale(&a)?) / twice, f64::from(scale(&b)?) / twice, back];
    let activation = FusedActivation::None;
    combine(&Combined { combination: Combination::SquaredDifference, a, b, output, shift, activation }, factors)
}

/// MUL: a 64-bit factor.
pub(super) fn mul(site: &Site, activation: FusedActivation) -> Result<Lowered, Fault> {
    let (a, b, output) = operands(site)?;
    if output.dtype() == TensorType::Int16 {
        symmetric(&[&a, &b, &output])?;
    }
    let real = f64::from(scale(&a)?) * f64::from(scale(&b)?) / f64::from(scale(&output)?);
    let op = Op::Multiply(Multiply {
        element: output.element()?,
        at: broadcast::pair(&a, &b, &output)?,
        a_offset: -zero_point(&a)?,
        b_offset: -zero_point(&b)?,
        requant: factor(real, &output)?,
        output_offset: zero_point(&output)?,
        activation: bounds(activation, &output)?,
    });
    Ok(Lowered::op(op, vec![a.id, b.id], vec![output.id]))
}

/// DIV: a 32-bit factor; int8 only.
pub(super) fn div(site: &Site, activation: FusedActivation) -> Result<Lowered, Fault> {
    let (a, b, output) = operands(site)?;
    output.one_of(&[TensorType::Int8])?;
    let real = f64::from(scale(&a)? / (scale(&b)? * scale(&output)?));
    let op = Op::Divide(Divide {
        at: broadcast::pair(&a, &b, &output)?,
        a_offset: -zero_point(&a)?,
        b_offset: -zero_point(&b)?,
        requant: factor(real, &output)?,
        output_offset: zero_point(&output)?,
        activation: bounds(activation, &output)?,
    });
    Ok(Lowered::op(op, vec![a.id, b.id], vec![output.id]))
}

/// `ADD_N`, int8, of operands with one quantization.
pub(super) fn add_n(operands: &[Operand], output: &Operand) -> Result<Lowered, Fault> {
    const LEFT_SHIFT: i32 = 20;
    let first = &operands[0];
    for operand in operands {
        if operand.quantization()? != first.quantization()? {
            let reason = "adds tensors of unequal quantization".to_owned();
            return Err(Fault::at(operand.id, reason, "use ADD, two operands at a time"));
        }
    }
    let twice = 2.0 * f64::from(scale(first)?);
    let op = Op::AddN(AddN {
        len: output.elements(),
        operand: side(first, f64::from(scale(first)?) / twice)?,
        left_shift: LEFT_SHIFT,
        requant: below_one(twice / (f64::from(1 << LEFT_SHIFT) * f64::from(scale(output)?)), output)?,
        output_offset: zero_point(output)?,
        activation: bounds(FusedActivation::None, output)?,
    });
    Ok(Lowered::op(op, operands.iter().map(|operand| operand.id).collect(), vec![output.id]))
}

/// An operator whose operands are brought to one scale.
struct Combined<'a> {
    combination: Combination,
    a: Operand<'a>,
    b: Operand<'a>,
    output: Operand<'a>,
    shift: i32,
    activation: FusedActivation,
}

/// `factors` are those of both operands to the shared scale, and from there to the output's.
fn combine(site: &Combined, [a, b, back]: [f64; 3]) -> Result<Lowered, Fault> {
    let output = &site.output;
    // A square is not always made smaller.
    let square = site.combination == Combination::SquaredDifference;
    let op = Op::Combine(Combine {
        combination: site.combination,
        element: output.element()?,
        at: broadcast::pair(&site.a, &site.b, output)?,
        a: side(&site.a, a)?,
        b: side(&site.b, b)?,
        left_shift: site.shift,
        requant: if square { factor(back, output)? } else { below_one(back, output)? },
        output_offset: zero_point(output)?,
        activation: bounds(site.activation, output)?,
    });
    Ok(Lowered::op(op, vec![site.a.id, site.b.id], vec![output.id]))
}

/// Two operands and an output, all int8 or all int16.
fn operands<'a>(site: &Site<'a>) -> Result<(Operand<'a>, Operand<'a>, Operand<'a>), Fault> {
    site.arity(2..=2)?;
    let (a, b, output) = (site.operand(0)?, site.operand(1)?, site.result(0)?);
    output.one_of(&[TensorType::Int8, TensorType::Int16])?;
    a.same_type(&output)?;
    b.same_type(&output)?;
    Ok((a, b, output))
}

pub(super) fn scale(operand: &Operand) -> Result<f32, Fault> {
    Ok(operand.quantization()?.0)
}

pub(super) fn zero_point(operand: &Operand) -> Result<i32, Fault> {
    Ok(operand.quantization()?.1)
}

/// Refuses zero points other than zero.
pub(super) fn symmetric(operands: &[&Operand]) -> Result<(), Fault> {
    for operand in operands {
        let zero_point = zero_point(operand)?;
        if zero_point != 0 {
            return Err(Fault::at(operand.id, format!("has zero point {zero_point}, not 0"), SYMMETRIC));
        }
    }
    Ok(())
}

/// An operand on its way to a shared scale.
pub(super) fn side(operand: &Operand, real: f64) -> Result<Side, Fault> {
    Ok(Side { offset: -zero_point(operand)?, requant: below_one(real, operand)? })
}

/// A factor to the scale of `output`.
pub(super) fn factor(real: f64, output: &Operand) -> Result<Requant, Fault> {
    quantize::multiplier(real).ok_or_else(|| unusable(real, output))
}

fn below_one(real: f64, operand: &Operand) -> Result<Requant, Fault> {
    quantize::multiplier_below_one(real).ok_or_else(|| unusable(real, operand))
}

fn unusable(real: f64, operand: &Operand) -> Fault {
    Fault::at(operand.id, format!("has a factor of {real} between its scales, which 32 bits cannot apply"), RESCALE)
}

/// The range of the output's type: int8, uint8, int16, else 32 bits.
pub(super) fn range(element: Element) -> Activation {
    let (min, max) = match element {
        Element::I8 => (-128, 127),
        Element::U8 => (0, 255),
        Element::I16 => (-32_768, 32_767),
        _ => (i32::MIN, i32::MAX),
    };
    Activation { min, max }
}

/// The fused activation as bounds on a quantized output.
pub(super) fn bounds(function: FusedActivation, output: &Operand) -> Result<Activation, Fault> {
    let (scale, zero_point) = output.quantization()?;
    quantize::activation_within(function, scale, zero_point, range(output.element()?)).ok_or_else(|| {
        let reason = format!("has the fused activation {function:?} at output scale {scale}");
        Fault::at(output.id, reason, "use RELU, RELU6 or no fused activation")
    })
}
