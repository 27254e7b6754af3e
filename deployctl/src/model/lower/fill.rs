//! Outputs of one value: FILL and `ZEROS_LIKE`.

use kernels::{Fill, Op, ZerosLike};

use super::site::{EXPORT, Site};
use super::{Fault, Lowered};
use crate::model::TensorType;

/// `ZEROS_LIKE`, for the types that LiteRT Micro has: float32, int8, int32 and int64.
pub(super) fn zeros_like(site: &Site) -> Result<Lowered, Fault> {
    site.arity(1..=1)?;
    let (input, output) = (site.operand(0)?, site.result(0)?);
    output.one_of(&[TensorType::Float32, TensorType::Int8, TensorType::Int32, TensorType::Int64])?;
    output.same_type(&input)?;
    output.same_shape(&input)?;
    Ok(Lowered::op(Op::ZerosLike(ZerosLike { bytes: output.bytes() }), vec![input.id], vec![output.id]))
}

/// FILL, of a shape that the model knows. Where that is computed at run time too, LiteRT Micro does not look at it.
pub(super) fn fill(site: &Site) -> Result<Lowered, Fault> {
    site.arity(2..=2)?;
    let (dims, value, output) = (site.operand(0)?, site.operand(1)?, site.result(0)?);
    output.one_of(&[TensorType::Float32, TensorType::Int32, TensorType::Int8])?;
    value.same_type(&output)?;
    if !value.shape().is_empty() {
        return Err(Fault::at(value.id, format!("fills with a tensor of shape {:?}", value.shape()), EXPORT));
    }
    if dims.is_constant() {
        let found = site.settings(0, "shape")?;
        let shape = output.shape().iter().map(|&len| i64::try_from(len).unwrap_or_default());
        if !shape.eq(found.iter().copied()) {
            let reason = format!("fills the shape {found:?}, but its output has {:?}", output.shape());
            return Err(Fault::at(output.id, reason, EXPORT));
        }
    }
    let op = Op::Fill(Fill { size: output.bytes() / output.elements(), len: output.elements() });
    Ok(Lowered::op(op, vec![value.id], vec![output.id]))
}
