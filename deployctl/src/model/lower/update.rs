//! `DYNAMIC_UPDATE_SLICE`.

use kernels::{DynamicUpdateSlice, Op};

use super::operand::Operand;
use super::site::{Site, agree};
use super::{Fault, Lowered};
use crate::model::TensorType::{Float32, Int8, Int16, Int32, Int64};

/// Dimensions that LiteRT Micro has room for.
const RANK: usize = 6;

/// `DYNAMIC_UPDATE_SLICE`: data, part, start.
pub(super) fn slice(site: &Site) -> Result<Lowered, Fault> {
    site.counts(3..=3, 1)?;
    let (data, part, start, output) = (site.operand(0)?, site.operand(1)?, site.operand(2)?, site.result(0)?);
    data.one_of(&[Float32, Int8, Int16, Int32])?;
    start.one_of(&[Int32, Int64])?;
    part.same_type(&data)?;
    output.same_type(&data)?;
    output.same_shape(&data)?;
    data.rank_up_to(RANK)?;
    let (shape, part_shape) = (data.shape(), part.shape());
    let fits = part_shape.len() == shape.len() && part_shape.iter().zip(shape).all(|(part, all)| part <= all);
    agree(fits, part.id, || format!("puts a tensor of shape {part_shape:?} into one of {shape:?}"))?;
    agree(start.shape() == [shape.len()], start.id, || {
        format!("has a start of shape {:?} for {} dimensions", start.shape(), shape.len())
    })?;
    let op = DynamicUpdateSlice {
        width: data.width()?,
        data: filled_up(&data),
        part: filled_up(&part),
        axes: shape.len(),
        wide: start.dtype() == Int64,
    };
    Ok(Lowered::op(Op::DynamicUpdateSlice(op), vec![data.id, part.id, start.id], vec![output.id]))
}

/// The shape behind ones.
fn filled_up(operand: &Operand) -> [usize; RANK] {
    let mut shape = [1; RANK];
    for (place, &dimension) in shape.iter_mut().rev().zip(operand.shape().iter().rev()) {
        *place = dimension;
    }
    shape
}
