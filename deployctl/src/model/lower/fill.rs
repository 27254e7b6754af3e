//! Outputs that do not depend on the values of their inputs.

use kernels::{Op, ZerosLike};

use super::site::Site;
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
