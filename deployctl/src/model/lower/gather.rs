//! Parts of a tensor picked by another tensor.

use kernels::{BasicClassifier, EmbeddingLookup, Gather, GatherNd, Op};

use super::axes::{Around, count};
use super::operand::Operand;
use super::site::{EXPORT, Site, agree};
use super::{Fault, Lowered, axes};
use crate::model::{Options, TensorType};

/// Coordinates that LiteRT Micro has room for.
const MAX_COORDINATES: usize = 5;

/// `GATHER`.
pub(super) fn gather(site: &Site) -> Result<Lowered, Fault> {
    let Options::Gather { axis, batch_dims } = site.operator.options else { return Err(axes::no_options()) };
    site.counts(2..=2, 1)?;
    let (data, indices, output) = (site.operand(0)?, site.operand(1)?, site.result(0)?);
    data.one_of(&[TensorType::Float32, TensorType::Int8])?;
    indices.one_of(&[TensorType::Int32])?;
    output.same_type(&data)?;
    let (shape, index_shape) = (data.shape(), indices.shape());
    let axis = data.axis(i64::from(axis), shape.len())?;
    let batch_dims = i64::from(batch_dims) + if batch_dims < 0 { count(index_shape.len()) } else { 0 };
    let batch_dims = usize::try_from(batch_dims).unwrap_or(usize::MAX);
    let fits = batch_dims <= axis && batch_dims <= index_shape.len();
    agree(fits && shape[..batch_dims] == index_shape[..batch_dims], data.id, || {
        format!("has {batch_dims} batch dimensions in shapes {shape:?} and {index_shape:?}, axis {axis}")
    })?;
    let around = Around::new(shape, axis);
    let op = Gather {
        batches: shape[..batch_dims].iter().product(),
        outer: shape[batch_dims..axis].iter().product(),
        axis: around.length,
        slice: around.inner * data.width()?,
        indices: index_shape[batch_dims..].iter().product(),
    };
    output.expect_elements(op.batches * op.outer * op.indices * around.inner)?;
    in_range(site, 1, &indices, around.length)?;
    Ok(Lowered::op(Op::Gather(op), vec![data.id, indices.id], vec![output.id]))
}

/// `BasicClassifier`, a custom operator: scores, classes, thresholds.
pub(super) fn basic_classifier(site: &Site) -> Result<Lowered, Fault> {
    site.counts(3..=3, 2)?;
    let (scores, classes, thresholds) = (site.operand(0)?, site.operand(1)?, site.operand(2)?);
    let (detected, found) = (site.result(0)?, site.result(1)?);
    for operand in [&scores, &classes, &thresholds, &found] {
        operand.one_of(&[TensorType::Int32])?;
    }
    detected.one_of(&[TensorType::Bool])?;
    agree(scores.shape().len() == 1 && classes.shape().len() == 1, scores.id, || {
        format!("looks for classes of shape {:?} in scores of {:?}", classes.shape(), scores.shape())
    })?;
    for operand in [&thresholds, &detected, &found] {
        operand.expect(classes.shape())?;
    }
    in_range(site, 1, &classes, scores.elements())?;
    let op = Op::BasicClassifier(BasicClassifier { targets: classes.elements() });
    Ok(Lowered::op(op, vec![scores.id, classes.id, thresholds.id], vec![detected.id, found.id]))
}

/// `EMBEDDING_LOOKUP`: rows of a table, as they are or, from int8 to float32, as real values.
pub(super) fn embedding_lookup(site: &Site) -> Result<Lowered, Fault> {
    site.counts(2..=2, 1)?;
    let (indices, table, output) = (site.operand(0)?, site.operand(1)?, site.result(0)?);
    indices.one_of(&[TensorType::Int32])?;
    table.one_of(&[TensorType::Float32, TensorType::Int8])?;
    agree(indices.shape().len() == 1 && table.shape().len() >= 2, table.id, || {
        format!("looks up a tensor of shape {:?} in one of {:?}", indices.shape(), table.shape())
    })?;
    let Around { length: rows, inner: columns, .. } = Around::new(table.shape(), 0);
    output.expect_elements(indices.elements() * columns)?;
    in_range(site, 0, &indices, rows)?;
    if output.dtype() == TensorType::Float32 && table.dtype() == TensorType::Int8 {
        let (scale, zero_point) = table.quantization()?;
        agree(zero_point == 0, table.id, || format!("has a table with zero point {zero_point}, not 0"))?;
        let op = Op::EmbeddingLookup(EmbeddingLookup { rows, columns, scale });
        return Ok(Lowered::op(op, vec![indices.id, table.id], vec![output.id]));
    }
    output.same_type(&table)?;
    let slice = columns * table.width()?;
    let op = Gather { batches: 1, outer: 1, axis: rows, slice, indices: indices.elements() };
    Ok(Lowered::op(Op::Gather(op), vec![table.id, indices.id], vec![output.id]))
}

/// `GATHER_ND`.
pub(super) fn gather_nd(site: &Site) -> Result<Lowered, Fault> {
    site.counts(2..=2, 1)?;
    let (data, indices, output) = (site.operand(0)?, site.operand(1)?, site.result(0)?);
    data.one_of(&[TensorType::Float32, TensorType::Int8])?;
    indices.one_of(&[TensorType::Int32])?;
    output.same_type(&data)?;
    let (shape, index_shape) = (data.shape(), indices.shape());
    let coordinates = index_shape.last().copied().unwrap_or(usize::MAX);
    agree(coordinates <= shape.len().min(MAX_COORDINATES), indices.id, || {
        format!("has indices of shape {index_shape:?} into a tensor of {shape:?}")
    })?;
    let slices = index_shape[..index_shape.len() - 1].iter().product();
    let (leading, slice) = shape.split_at(coordinates);
    let slice: usize = slice.iter().product();
    let mut op =
        GatherNd { coordinates, step: [0; 5], size: leading.iter().product(), slice: slice * data.width()?, slices };
    for (axis, step) in op.step[..coordinates].iter_mut().enumerate() {
        let inner: usize = leading[axis + 1..].iter().product();
        *step = i32::try_from(inner).map_err(|_| Fault::at(data.id, format!("has steps of {inner}"), EXPORT))?;
    }
    output.expect_elements(slices * slice)?;
    if indices.is_constant() {
        for index in site.settings(1, "indices")?.chunks_exact(coordinates.max(1)) {
            let flat = index.iter().zip(op.step).map(|(&index, step)| index.saturating_mul(i64::from(step))).sum();
            agree((0..count(op.size)).contains(&flat), indices.id, || {
                format!("picks {index:?} of a tensor of shape {shape:?}")
            })?;
        }
    }
    Ok(Lowered::op(Op::GatherNd(op), vec![data.id, indices.id], vec![output.id]))
}

/// Refuses constant indices that are outside of `length`.
fn in_range(site: &Site, position: usize, indices: &Operand, length: usize) -> Result<(), Fault> {
    if !indices.is_constant() {
        return Ok(());
    }
    let indices_found = site.settings(position, "indices")?;
    match indices_found.iter().find(|index| !(0..count(length)).contains(index)) {
        Some(index) => Err(Fault::at(indices.id, format!("picks element {index} of {length}"), EXPORT)),
        None => Ok(()),
    }
}
