//! Shapes as values.

use kernels::{BroadcastArgs, Op, Shape};

use super::site::{EXPORT, Site, agree};
use super::{Fault, Lowered};
use crate::model::TensorType;

/// `SHAPE`, as int32. The shape is a constant of the program, but written like any other tensor.
pub(super) fn shape(site: &Site) -> Result<Lowered, Fault> {
    site.counts(1..=1, 1)?;
    let (input, output) = (site.operand(0)?, site.result(0)?);
    output.one_of(&[TensorType::Int32])?;
    let rank = input.shape().len();
    output.expect_elements(rank)?;
    let mut op = Shape { rank, shape: [0; 8] };
    agree(rank <= op.shape.len(), input.id, || format!("has a tensor of {rank} dimensions"))?;
    for (slot, &size) in op.shape.iter_mut().zip(input.shape()) {
        *slot = i32::try_from(size)
            .map_err(|_| Fault::at(input.id, format!("has a dimension of {size}"), "use a smaller tensor"))?;
    }
    Ok(Lowered::op(Op::Shape(op), vec![input.id], vec![output.id]))
}

/// `BROADCAST_ARGS`.
pub(super) fn broadcast_args(site: &Site) -> Result<Lowered, Fault> {
    site.counts(2..=2, 1)?;
    let (a, b, output) = (site.operand(0)?, site.operand(1)?, site.result(0)?);
    a.one_of(&[TensorType::Int32, TensorType::Int64])?;
    b.same_type(&a)?;
    output.same_type(&a)?;
    let expected = a.elements().max(b.elements());
    agree(a.shape().len() == 1 && b.shape().len() == 1, a.id, || "has shapes that are not lists".to_owned())?;
    if output.shape() != [expected] {
        return Err(Fault::at(output.id, format!("has an output of shape {:?}", output.shape()), EXPORT));
    }
    let op = Op::BroadcastArgs(BroadcastArgs { element: a.element()? });
    Ok(Lowered::op(op, vec![a.id, b.id], vec![output.id]))
}
