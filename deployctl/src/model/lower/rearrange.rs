//! Operators that read a tensor in equal steps along each dimension of their output.

use kernels::{Op, Rearrange, Transfer};

use super::axes::count;
use super::operand::Operand;
use super::site::{EXPORT, Site, agree};
use super::{Call, Fault, Lowered, axes};
use crate::model::{Options, TensorType};

/// The way through the input that gives the output: for each dimension of the output how many elements, and how far
/// from one to the next in the input, in elements.
struct Way {
    start: i64,
    along: Vec<(usize, i64)>,
}

impl Way {
    /// The call, with dimensions joined where that makes no difference.
    fn lowered(self, input: &Operand, output: &Operand) -> Result<Lowered, Fault> {
        let width = input.width()?;
        let mut joined: Vec<(usize, i64)> = Vec::new();
        let mut run = width;
        for (size, step) in self.along.into_iter().rev().filter(|&(size, _)| size != 1) {
            let step = step * count(width);
            match joined.last_mut() {
                None if step == count(run) => run *= size,
                Some((inner, inner_step)) if step == *inner_step * count(*inner) => *inner *= size,
                _ => joined.push((size, step)),
            }
        }
        let mut op = Rearrange {
            run,
            shape: [1; 6],
            step: [0; 6],
            start: usize::try_from(self.start).unwrap_or_default() * width,
        };
        agree(joined.len() <= op.shape.len(), input.id, || {
            format!("goes through a tensor of shape {:?} in more than six dimensions", input.shape())
        })?;
        for ((size, step), slot) in joined.into_iter().zip((0..op.shape.len()).rev()) {
            op.shape[slot] = size;
            op.step[slot] = i32::try_from(step)
                .map_err(|_| Fault::at(input.id, format!("has steps of {step} bytes"), "use a smaller tensor"))?;
        }
        Ok(Lowered::op(Op::Rearrange(op), vec![input.id], vec![output.id]))
    }
}

/// `TRANSPOSE`.
pub(super) fn transpose(site: &Site) -> Result<Lowered, Fault> {
    use TensorType::{Float32, Int8, Int16};
    site.counts(2..=2, 1)?;
    let (input, output) = (site.operand(0)?, site.result(0)?);
    input.one_of(&[Float32, Int8, Int16])?;
    output.same_type(&input)?;
    input.rank_up_to(5)?;
    let rank = input.shape().len();
    let order = site.settings_i32(1, "order of dimensions", rank)?;
    let order: Vec<usize> = order.iter().filter_map(|&axis| usize::try_from(axis).ok()).collect();
    agree((0..rank).all(|axis| order.contains(&axis)), input.id, || {
        format!("puts {rank} dimensions in the order {order:?}")
    })?;
    let expected: Vec<usize> = order.iter().map(|&axis| input.shape()[axis]).collect();
    output.expect_shape(&expected)?;
    let strides = input.strides();
    let along = order.iter().map(|&axis| (input.shape()[axis], strides[axis])).collect();
    Way { start: 0, along }.lowered(&input, &output)
}

/// `SLICE`: from `begin`, `size` elements or, where that is -1, all there are.
pub(super) fn slice(site: &Site) -> Result<Lowered, Fault> {
    use TensorType::{Bool, Float32, Int8, Int16, Int32};
    site.counts(3..=3, 1)?;
    let (input, output) = (site.operand(0)?, site.result(0)?);
    input.one_of(&[Float32, Int8, Int16, Int32, Bool])?;
    output.same_type(&input)?;
    input.rank_up_to(5)?;
    let (begin, taken) = (site.settings(1, "begin")?, site.settings(2, "size")?);
    let rank = input.shape().len();
    agree(begin.len() == rank && taken.len() == rank, input.id, || {
        format!("begins at {begin:?} with size {taken:?} in a tensor of {rank} dimensions")
    })?;
    let mut way = Way { start: 0, along: Vec::new() };
    for (((&length, stride), begin), taken) in input.shape().iter().zip(input.strides()).zip(begin).zip(taken) {
        let rest = count(length).saturating_sub(begin);
        let taken = if taken == -1 { rest } else { taken };
        agree(begin >= 0 && (1..=rest).contains(&taken), input.id, || {
            format!("takes {taken} elements from {begin} on of a dimension of {length}")
        })?;
        way.start += begin * stride;
        way.along.push((usize::try_from(taken).unwrap_or_default(), stride));
    }
    output.expect_elements(way.along.iter().map(|&(taken, _)| taken).product())?;
    way.lowered(&input, &output)
}

/// `STRIDED_SLICE`, with LiteRT's masks. LiteRT Micro does not look at the ellipsis and the new-axis mask.
pub(super) fn strided_slice(site: &Site) -> Result<Lowered, Fault> {
    use TensorType::{Bool, Float32, Int8, Int16, Int32};
    let Options::StridedSlice { begin_mask, end_mask, shrink_axis_mask } = site.operator.options else {
        return Err(axes::no_options());
    };
    site.counts(4..=4, 1)?;
    let (input, output) = (site.operand(0)?, site.result(0)?);
    input.one_of(&[Float32, Int8, Int16, Int32, Bool])?;
    output.same_type(&input)?;
    input.rank_up_to(4)?;
    let rank = input.shape().len();
    let numbers = |position, what| site.settings_i32(position, what, rank);
    let (begin, end, step) = (numbers(1, "begin")?, numbers(2, "end")?, numbers(3, "strides")?);
    let mut way = Way { start: 0, along: Vec::new() };
    let mut expected = Vec::new();
    for (axis, (&size, stride)) in input.shape().iter().zip(input.strides()).enumerate() {
        let masked = |mask: i32| mask >> axis & 1 == 1;
        let range = Range {
            begin: (!masked(begin_mask)).then_some(begin[axis]),
            end: (!masked(end_mask)).then_some(end[axis]),
            step: step[axis],
        };
        let shrink = masked(shrink_axis_mask);
        let Some((first, found)) = range.resolve(count(size), shrink) else {
            let Range { begin, end, step } = range;
            let reason = format!("takes nothing from {begin:?} to {end:?} by {step} of a dimension of {size}");
            return Err(Fault::at(input.id, reason, EXPORT));
        };
        way.start += first * stride;
        way.along.push((found, step[axis] * stride));
        if !shrink {
            expected.push(found);
        }
    }
    output.expect_shape(&expected)?;
    way.lowered(&input, &output)
}

/// A range along one dimension; no bound is the whole of it.
struct Range {
    begin: Option<i64>,
    end: Option<i64>,
    step: i64,
}

impl Range {
    /// First position and number of positions, none being refused: `StridedSliceStartForAxis` and `…EndForAxis`.
    fn resolve(&self, size: i64, shrink: bool) -> Option<(i64, usize)> {
        let forward = self.step > 0;
        let (low, high) = if forward { (0, size) } else { (-1, size - 1) };
        let within = |bound: i64| if bound < 0 { bound + size } else { bound }.clamp(low, high);
        let begin = self.begin.map_or(if forward { 0 } else { size - 1 }, within);
        if shrink {
            return (forward && begin < size).then_some((begin, 1));
        }
        let end = self.end.map_or(if forward { size } else { -1 }, within);
        let distance = if forward { end - begin } else { begin - end };
        let found = distance.checked_add(self.step.abs() - 1)?.checked_div(self.step.abs())?;
        usize::try_from(found).ok().filter(|&found| found > 0).map(|found| (begin, found))
    }
}

/// `REVERSE_V2`, over one axis or adjacent ones.
pub(super) fn reverse(site: &Site) -> Result<Lowered, Fault> {
    use TensorType::{Bool, Float32, Int8, Int16, Int32, Int64, Uint8};
    site.counts(2..=2, 1)?;
    let (input, output) = (site.operand(0)?, site.result(0)?);
    input.one_of(&[Float32, Int8, Uint8, Int16, Int32, Int64, Bool])?;
    output.same_type(&input)?;
    output.same_shape(&input)?;
    input.rank_up_to(6)?;
    let rank = input.shape().len();
    site.operand(1)?.one_of(&[TensorType::Int32])?;
    let axes = site.settings(1, "axes")?.into_iter().map(|axis| input.axis(axis, rank));
    let mut axes = axes.collect::<Result<Vec<usize>, Fault>>()?;
    axes.sort_unstable();
    if axes.is_empty() || axes.windows(2).any(|pair| pair[0] + 1 != pair[1]) {
        let advice = "reverse adjacent axes at once, others in layers of their own";
        return Err(Fault::at(input.id, format!("reverses the axes {axes:?}"), advice));
    }
    let mut way = Way { start: 0, along: Vec::new() };
    for (axis, (&size, stride)) in input.shape().iter().zip(input.strides()).enumerate() {
        let reversed = axes.contains(&axis);
        way.along.push((size, if reversed { -stride } else { stride }));
        way.start += if reversed { (count(size) - 1) * stride } else { 0 };
    }
    way.lowered(&input, &output)
}

/// `BROADCAST_TO`.
pub(super) fn broadcast_to(site: &Site) -> Result<Lowered, Fault> {
    site.counts(2..=2, 1)?;
    let (input, output) = (site.operand(0)?, site.result(0)?);
    output.same_type(&input)?;
    output.rank_up_to(5)?;
    let shape: Vec<usize> =
        site.settings(1, "shape")?.into_iter().filter_map(|size| usize::try_from(size).ok()).collect();
    output.expect_shape(&shape)?;
    let missing = output.shape().len().checked_sub(input.shape().len());
    let shapes = || format!("broadcasts a tensor of shape {:?} to {:?}", input.shape(), output.shape());
    let missing = missing.ok_or_else(|| Fault::at(output.id, shapes(), EXPORT))?;
    let mut way = Way { start: 0, along: output.shape()[..missing].iter().map(|&size| (size, 0)).collect() };
    for ((&from, &to), stride) in input.shape().iter().zip(&output.shape()[missing..]).zip(input.strides()) {
        agree(from == 1 || from == to, output.id, shapes)?;
        way.along.push((to, if from == 1 { 0 } else { stride }));
    }
    way.lowered(&input, &output)
}

/// `SPACE_TO_DEPTH`: the pixels of a block become one pixel.
pub(super) fn space_to_depth(site: &Site) -> Result<Lowered, Fault> {
    let (input, output, block) = blocks(site)?;
    let ([n, h, w, c], [_, rows, columns, _]) = (image(&input)?, image(&output)?);
    output.expect_shape(&[n, h / block, w / block, c * block * block])?;
    agree(h % block == 0 && w % block == 0, input.id, || format!("parts {h} by {w} pixels into blocks of {block}"))?;
    let (row, pixel) = (count(w * c), count(c));
    let along = vec![
        (n, count(h) * row),
        (rows, row * count(block)),
        (columns, pixel * count(block)),
        (block, row),
        (block, pixel),
        (c, 1),
    ];
    Way { start: 0, along }.lowered(&input, &output)
}

/// `DEPTH_TO_SPACE`: a pixel becomes the pixels of a block.
pub(super) fn depth_to_space(site: &Site) -> Result<Lowered, Fault> {
    let (input, output, block) = blocks(site)?;
    let ([n, h, w, depth], [_, _, _, c]) = (image(&input)?, image(&output)?);
    agree(depth == c * block * block, input.id, || format!("parts {depth} channels into blocks of {block}"))?;
    output.expect_shape(&[n, h * block, w * block, c])?;
    let (row, pixel) = (count(w * depth), count(depth));
    let along = vec![(n, count(h) * row), (h, row), (block, count(block * c)), (w, pixel), (block, count(c)), (c, 1)];
    Way { start: 0, along }.lowered(&input, &output)
}

fn blocks<'a>(site: &Site<'a>) -> Result<(Operand<'a>, Operand<'a>, usize), Fault> {
    let Options::Blocks { block_size } = site.operator.options else { return Err(axes::no_options()) };
    site.counts(1..=1, 1)?;
    let (input, output) = (site.operand(0)?, site.result(0)?);
    input.one_of(&[TensorType::Float32, TensorType::Int8])?;
    output.same_type(&input)?;
    match usize::try_from(block_size) {
        // Larger ones have no use, and their square is a size.
        Ok(block @ 1..=0x7fff) => Ok((input, output, block)),
        _ => Err(Fault::at(input.id, format!("has blocks of {block_size} pixels"), EXPORT)),
    }
}

/// A shape of four dimensions.
pub(super) fn image(operand: &Operand) -> Result<[usize; 4], Fault> {
    operand.shape().try_into().map_err(|_| {
        let reason = format!("has a tensor of shape {:?} where four dimensions are needed", operand.shape());
        Fault::at(operand.id, reason, "reshape to batch, height, width, channels before this layer")
    })
}

/// `RESHAPE`, `SQUEEZE` and `EXPAND_DIMS`, whose output has its input's bytes.
pub(super) fn same_bytes(site: &Site) -> Result<Lowered, Fault> {
    let (input, output) = (site.operand(0)?, site.result(0)?);
    site.counts(1..=2, 1)?;
    if site.operator.name == "EXPAND_DIMS" {
        input.one_of(&[TensorType::Float32, TensorType::Int8, TensorType::Int16])?;
        let axis = output.axis(site.setting(1, "axis")?, output.shape().len())?;
        let mut expected = input.shape().to_vec();
        agree(axis <= expected.len(), output.id, || format!("has axis {axis} in a tensor of {:?}", input.shape()))?;
        expected.insert(axis, 1);
        output.expect_shape(&expected)?;
    }
    if let Options::Squeeze { squeeze_dims } = &site.operator.options {
        let rank = input.shape().len();
        let axes = squeeze_dims.iter().map(|&axis| input.axis(i64::from(axis), rank));
        let axes = axes.collect::<Result<Vec<usize>, Fault>>()?;
        let gone = |axis: usize| input.shape()[axis] == 1 && (axes.is_empty() || axes.contains(&axis));
        agree(axes.iter().all(|&axis| gone(axis)), input.id, || {
            format!("squeezes the axes {axes:?} of a tensor of shape {:?}", input.shape())
        })?;
        let expected: Vec<usize> = (0..rank).filter(|&axis| !gone(axis)).map(|axis| input.shape()[axis]).collect();
        output.expect_shape(&expected)?;
    }
    output.same_type(&input)?;
    output.expect_elements(input.elements())?;
    if input.is_constant() {
        return Way { start: 0, along: vec![(input.elements(), 1)] }.lowered(&input, &output);
    }
    if input.is_variable() {
        // What is in it may change before the output is read.
        let op = Op::Transfer(Transfer { len: input.bytes() });
        return Ok(Lowered::op(op, vec![input.id], vec![output.id]));
    }
    Ok(Lowered::plain(Call::Reshape, vec![input.id], vec![output.id]))
}

#[cfg(test)]
mod tests {
    use super::Range;

    fn range(begin: Option<i64>, end: Option<i64>, step: i64, shrink: bool) -> Option<(i64, usize)> {
        Range { begin, end, step }.resolve(5, shrink)
    }

    #[test]
    fn ranges_are_litert() {
        assert_eq!(range(Some(1), Some(4), 1, false), Some((1, 3)));
        assert_eq!(range(Some(-4), Some(-1), 2, false), Some((1, 2)), "from the end");
        assert_eq!(range(Some(0), Some(99), 3, false), Some((0, 2)), "cut at the end");
        assert_eq!(range(None, None, -1, false), Some((4, 5)), "backwards through everything");
        assert_eq!(range(Some(3), Some(0), -2, false), Some((3, 2)));
        assert_eq!(range(Some(-2), Some(0), 1, true), Some((3, 1)), "the end does not matter");
        assert_eq!(range(Some(3), Some(3), 1, false), None);
        assert_eq!(range(Some(3), Some(1), 1, false), None);
        assert_eq!(range(Some(0), Some(4), 0, false), None);
        assert_eq!(range(Some(5), None, 1, true), None, "behind the last");
        assert_eq!(range(Some(2), None, i64::from(i32::MIN), false), Some((2, 1)));
    }
}
