//! Operators with bool: comparisons, `LOGICAL_AND`, `LOGICAL_OR`, `LOGICAL_NOT` and `SELECT_V2`.

use kernels::{Compare, CompareScaled, Comparison, Logical, LogicalNot, Op, Select};

use super::operand::Operand;
use super::site::Site;
use super::{Fault, Lowered, broadcast, scaled};
use crate::model::TensorType::{self, Bool, Float32, Int8, Int16, Int32, Int64};

/// EQUAL, LESS and so on, for the types that LiteRT Micro has for each. (It has int16 for GREATER, but computes no factors
/// for it.)
pub(super) fn comparison(site: &Site, comparison: Comparison) -> Result<Lowered, Fault> {
    /// LiteRT's head room for the scaled operands.
    const LEFT_SHIFT: i32 = 8;
    let types: &[TensorType] = match comparison {
        Comparison::Equal | Comparison::NotEqual => &[Bool, Float32, Int32, Int64, Int8],
        _ => &[Float32, Int32, Int64, Int8],
    };
    site.arity(2..=2)?;
    let (a, b, output) = (site.operand(0)?, site.operand(1)?, site.result(0)?);
    a.one_of(types)?;
    b.same_type(&a)?;
    output.one_of(&[Bool])?;
    let (element, at) = (a.element()?, broadcast::pair(&a, &b, &output)?);
    let op = if a.dtype() == Int8 {
        let scaled = |operand: &Operand| scaled::side(operand, f64::from(scaled::scale(operand)?));
        let (a, b) = (scaled(&a)?, scaled(&b)?);
        Op::CompareScaled(CompareScaled { comparison, at, a, b, left_shift: LEFT_SHIFT })
    } else {
        Op::Compare(Compare { comparison, element, at })
    };
    Ok(Lowered::op(op, vec![a.id, b.id], vec![output.id]))
}

/// `LOGICAL_AND` and `LOGICAL_OR`.
pub(super) fn logical(site: &Site, and: bool) -> Result<Lowered, Fault> {
    let (a, b, output) = super::arithmetic::operands(site, &[Bool])?;
    let op = Op::Logical(Logical { and, at: broadcast::pair(&a, &b, &output)? });
    Ok(Lowered::op(op, vec![a.id, b.id], vec![output.id]))
}

/// `LOGICAL_NOT`.
pub(super) fn logical_not(site: &Site) -> Result<Lowered, Fault> {
    let (input, output) = site.same(&[Bool])?;
    Ok(Lowered::op(Op::LogicalNot(LogicalNot { len: output.elements() }), vec![input.id], vec![output.id]))
}

/// `SELECT_V2`: of the numbers as they are stored, whatever their scales.
pub(super) fn select(site: &Site) -> Result<Lowered, Fault> {
    site.arity(3..=3)?;
    let (condition, a, b) = (site.operand(0)?, site.operand(1)?, site.operand(2)?);
    let output = site.result(0)?;
    condition.one_of(&[Bool])?;
    output.one_of(&[Int8, Int16, Float32])?;
    a.same_type(&output)?;
    b.same_type(&output)?;
    let (strides, shape) = broadcast::many([&condition, &a, &b], &output)?;
    let op = Select { size: output.element()?.bytes(), shape, condition: strides[0], a: strides[1], b: strides[2] };
    Ok(Lowered::op(Op::Select(op), vec![condition.id, a.id, b.id], vec![output.id]))
}
