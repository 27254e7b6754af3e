//! Functions of one value: ABS, NEG, CEIL, FLOOR, ROUND, SQRT, RSQRT, SQUARE.

use kernels::{Abs, Op, Rsqrt, Unary, UnaryFunction, reciprocal_square_root};

use super::operand::Operand;
use super::scaled::{RESCALE, factor, range, scale, symmetric, zero_point};
use super::site::Site;
use super::table::lookup;
use super::{Fault, Lowered};
use crate::model::TensorType::{self, Float32, Int8, Int16};

impl<'a> Site<'a> {
    /// The only input and the only output, of one shape and one of `types`.
    pub(super) fn same(&self, types: &[TensorType]) -> Result<(Operand<'a>, Operand<'a>), Fault> {
        self.arity(1..=1)?;
        let (input, output) = (self.operand(0)?, self.result(0)?);
        output.one_of(types)?;
        input.same_type(&output)?;
        input.same_shape(&output)?;
        Ok((input, output))
    }
}

/// A float32 function.
pub(super) fn of(site: &Site, function: UnaryFunction) -> Result<Lowered, Fault> {
    let (input, output) = site.same(&[Float32])?;
    Ok(Lowered::op(Op::Unary(Unary { function, len: output.elements() }), vec![input.id], vec![output.id]))
}

/// ABS.
pub(super) fn abs(site: &Site) -> Result<Lowered, Fault> {
    let (input, output) = site.same(&[Int8, Int16, Float32])?;
    if output.dtype() == Float32 {
        return of(site, UnaryFunction::Abs);
    }
    let len = output.elements();
    let quantized = output.dtype() == Int8 || input.is_quantized();
    if !quantized {
        let op = Op::Abs(Abs { len, quantized, requant: None });
        return Ok(Lowered::op(op, vec![input.id], vec![output.id]));
    }
    let (from, to) = (scale(&input)?, scale(&output)?);
    let rescales = from.to_bits() != to.to_bits();
    let requant = rescales.then(|| factor(f64::from(from) / f64::from(to), &output)).transpose()?;
    if output.dtype() == Int16 {
        symmetric(&[&input, &output])?;
        let op = Op::Abs(Abs { len, quantized, requant });
        return Ok(Lowered::op(op, vec![input.id], vec![output.id]));
    }
    let (from, to) = (zero_point(&input)?, zero_point(&output)?);
    Ok(lookup(&input, &output, |value| {
        let magnitude = (i32::from(value) - from).abs();
        let scaled = requant.map_or(magnitude, |requant| requant.apply(magnitude));
        #[expect(clippy::cast_possible_truncation, reason = "clamped")]
        let byte = scaled.wrapping_add(to).clamp(-128, 127) as i8;
        byte
    }))
}

/// RSQRT.
pub(super) fn rsqrt(site: &Site) -> Result<Lowered, Fault> {
    /// The kernel shifts right by 20 more, and 31 is the most.
    const LEAST_SHIFT: i32 = -11;
    let (input, output) = site.same(&[Int8, Int16, Float32])?;
    if output.dtype() == Float32 {
        return of(site, UnaryFunction::Rsqrt);
    }
    let real = 1.0 / (f64::from(scale(&input)?).sqrt() * f64::from(scale(&output)?));
    let requant = factor(real, &output)?;
    if requant.shift < LEAST_SHIFT {
        return Err(Fault::at(output.id, format!("has a factor of {real} between its scales"), RESCALE));
    }
    if output.dtype() == Int16 {
        symmetric(&[&input, &output])?;
        let op = Op::Rsqrt(Rsqrt { len: output.elements(), requant });
        return Ok(Lowered::op(op, vec![input.id], vec![output.id]));
    }
    let (from, to) = (zero_point(&input)?, zero_point(&output)?);
    let bounds = range(output.element()?);
    Ok(lookup(&input, &output, |value| {
        let root = reciprocal_square_root(i32::from(value) - from, requant);
        bounds.clamp(root.map_or(i32::MAX, |root| root.wrapping_add(to)))
    }))
}
