//! Borders: `PAD`, `PADV2`, `MIRROR_PAD`, and blocks moved between space and batch.

use kernels::{BatchToSpace, Dims, Extent, MirrorPad, Op, Pad, SpaceToBatch};

use super::operand::Operand;
use super::site::{EXPORT, Site, agree};
use super::{Fault, Lowered, axes};
use crate::model::{Options, TensorType};

/// Dimensions that the kernels have.
const RANK: usize = 5;

/// Input, elements added before and elements added after, along each dimension.
#[derive(Clone, Copy)]
struct Border([(usize, usize, usize); RANK]);

/// `PAD` and `PADV2`.
pub(super) fn pad(site: &Site) -> Result<Lowered, Fault> {
    use TensorType::{Float32, Int8, Int16, Int32};
    site.counts(2..=3, 1)?;
    let (input, output) = (site.operand(0)?, site.result(0)?);
    input.one_of(&[Float32, Int8, Int16, Int32])?;
    output.same_type(&input)?;
    input.rank_up_to(RANK)?;
    site.operand(1)?.one_of(&[Int32])?;
    let border = joined(border(site, &input, &output)?);
    let mut inputs = vec![input.id];
    let mut fill = 0;
    if site.operator.inputs.len() == 3 {
        let value = site.operand(2)?;
        value.same_type(&output)?;
        agree(value.elements() == 1, value.id, || format!("pads with a tensor of shape {:?}", value.shape()))?;
        if value.dtype() == Int8 {
            output.same_quantization(&value)?;
        }
        inputs.push(value.id);
    } else if input.dtype() == Int8 {
        fill = zero_point(&output)?;
    }
    let Border(along) = border;
    let op = Pad {
        element: input.width()?,
        input: along.map(|(size, _, _)| size),
        before: along.map(|(_, before, _)| before),
        after: along.map(|(_, _, after)| after),
        fill,
    };
    Ok(Lowered::op(Op::Pad(op), inputs, vec![output.id]))
}

/// `MIRROR_PAD`.
pub(super) fn mirror_pad(site: &Site) -> Result<Lowered, Fault> {
    let Options::MirrorPad { symmetric } = site.operator.options else { return Err(axes::no_options()) };
    site.counts(2..=2, 1)?;
    let (input, output) = (site.operand(0)?, site.result(0)?);
    input.one_of(&[TensorType::Float32, TensorType::Int8])?;
    output.same_type(&input)?;
    input.rank_up_to(RANK)?;
    let Border(along) = border(site, &input, &output)?;
    for (size, before, after) in along {
        let most = if symmetric { size } else { size - 1 };
        agree(before.max(after) <= most, input.id, || {
            format!("mirrors {before} and {after} elements of a dimension of {size}")
        })?;
    }
    let op = MirrorPad {
        element: input.width()?,
        input: along.map(|(size, _, _)| size),
        before: along.map(|(_, before, _)| before),
        after: along.map(|(_, _, after)| after),
        repeat_edge: symmetric,
    };
    Ok(Lowered::op(Op::MirrorPad(op), vec![input.id], vec![output.id]))
}

/// The paddings at input 1, checked against both shapes, right-aligned.
fn border(site: &Site, input: &Operand, output: &Operand) -> Result<Border, Fault> {
    let paddings = site.settings(1, "paddings")?;
    let rank = input.shape().len();
    let sizes: Vec<usize> = paddings.iter().filter_map(|&size| usize::try_from(size).ok()).collect();
    agree(sizes.len() == 2 * rank && paddings.len() == 2 * rank, input.id, || {
        format!("has paddings {paddings:?} for a tensor of {rank} dimensions")
    })?;
    let mut along = [(1, 0, 0); RANK];
    let mut expected = Vec::with_capacity(rank);
    for ((slot, &size), pair) in along[RANK - rank..].iter_mut().zip(input.shape()).zip(sizes.chunks_exact(2)) {
        *slot = (size, pair[0], pair[1]);
        expected.push(size.saturating_add(pair[0]).saturating_add(pair[1]));
    }
    output.expect_shape(&expected)?;
    Ok(Border(along))
}

/// Dimensions without a border become part of the one before, so that rows are long.
fn joined(Border(along): Border) -> Border {
    let mut found: Vec<(usize, usize, usize)> = Vec::new();
    for (size, before, after) in along {
        match found.last_mut() {
            Some(outer) if (before, after) == (0, 0) => {
                *outer = (outer.0 * size, outer.1 * size, outer.2 * size);
            }
            _ => found.push((size, before, after)),
        }
    }
    let mut joined = [(1, 0, 0); RANK];
    joined[RANK - found.len()..].copy_from_slice(&found);
    Border(joined)
}

/// `SPACE_TO_BATCH_ND`, of three or four dimensions.
pub(super) fn space_to_batch(site: &Site) -> Result<Lowered, Fault> {
    let (input, output, block, before) = batches(site)?;
    let (space, batch) = (pixels(&input)?, pixels(&output)?);
    agree(batch.n == space.n * block.h * block.w && batch.c == space.c, output.id, || shapes(&input, &output))?;
    let fill = if input.dtype() == TensorType::Int8 { zero_point(&output)? } else { 0 };
    let op = SpaceToBatch { space, batch, block, before, fill };
    Ok(Lowered::op(Op::SpaceToBatch(op), vec![input.id], vec![output.id]))
}

/// `BATCH_TO_SPACE_ND`, of three or four dimensions.
pub(super) fn batch_to_space(site: &Site) -> Result<Lowered, Fault> {
    let (input, output, block, before) = batches(site)?;
    let (batch, space) = (pixels(&input)?, pixels(&output)?);
    let covers = |batch: usize, block: usize, space: usize, before: usize| space + before <= batch * block;
    let fits = batch.n == space.n * block.h * block.w
        && batch.c == space.c
        && covers(batch.h, block.h, space.h, before.h)
        && covers(batch.w, block.w, space.w, before.w);
    agree(fits, output.id, || shapes(&input, &output))?;
    let op = BatchToSpace { space, batch, block, before };
    Ok(Lowered::op(Op::BatchToSpace(op), vec![input.id], vec![output.id]))
}

fn shapes(input: &Operand, output: &Operand) -> String {
    format!("moves blocks from shape {:?} to {:?}", input.shape(), output.shape())
}

/// Input, output, block, and the first paddings or crops of rows and columns.
fn batches<'a>(site: &Site<'a>) -> Result<(Operand<'a>, Operand<'a>, Extent, Extent), Fault> {
    site.counts(3..=3, 1)?;
    let (input, output) = (site.operand(0)?, site.result(0)?);
    input.one_of(&[TensorType::Float32, TensorType::Int8])?;
    output.same_type(&input)?;
    let rank = input.shape().len();
    agree((3..=4).contains(&rank) && output.shape().len() == rank, input.id, || shapes(&input, &output))?;
    let block = site.settings_i32(1, "block shape", rank - 2)?;
    let borders = site.settings_i32(2, "paddings or crops", 2 * (rank - 2))?;
    // Larger ones have no use, and their products are sizes.
    let small = |value: i64| usize::try_from(value).ok().filter(|&value| value <= 0x7fff);
    let wrong = || Fault::at(input.id, format!("has blocks of {block:?} with borders {borders:?}"), EXPORT);
    let of = |values: &[i64], position: usize, missing: usize| {
        values.get(position).map_or(Some(missing), |&value| small(value)).ok_or_else(wrong)
    };
    let block = Extent { h: of(&block, 0, 1)?, w: of(&block, 1, 1)? };
    let before = Extent { h: of(&borders, 0, 0)?, w: of(&borders, 2, 0)? };
    agree(block.h > 0 && block.w > 0, input.id, || format!("has blocks of {} by {}", block.h, block.w))?;
    Ok((input, output, block, before))
}

/// A shape with channels in bytes; one of three dimensions has one column.
fn pixels(operand: &Operand) -> Result<Dims, Fault> {
    let width = operand.width()?;
    match *operand.shape() {
        [n, h, w, c] => Ok(Dims { n, h, w, c: c * width }),
        [n, h, c] => Ok(Dims { n, h, w: 1, c: c * width }),
        ref shape => Err(Fault::at(operand.id, format!("has a tensor of shape {shape:?}"), EXPORT)),
    }
}

/// The zero point of an int8 tensor, zero where it has none.
fn zero_point(output: &Operand) -> Result<i8, Fault> {
    let (_, zero_point) = output.scale_and_zero_point();
    i8::try_from(zero_point).map_err(|_| Fault::at(output.id, format!("has zero point {zero_point}"), EXPORT))
}
