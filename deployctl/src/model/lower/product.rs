//! Sums of products: `BATCH_MATMUL` and `TRANSPOSE_CONV`.

use kernels::{
    Activation, BatchMatMul, BatchMatMulF32, Dims, Extent, Matrices, Op, Product, Requant, Scatter, TransposeConv,
    TransposeConvF32,
};

use super::operand::Operand;
use super::rearrange::image;
use super::site::{EXPORT, Site, agree};
use super::window::window;
use super::{Fault, Lowered, axes, quantize};
use crate::model::graph::FusedActivation;
use crate::model::{Options, TensorId, TensorType};

const RESCALE: &str = "check the calibration data: the scales of this layer are far apart";
/// Larger shifts would leave nothing to round for a 64-bit accumulator.
const MAX_WIDE_SHIFT: i32 = 14;

/// `BATCH_MATMUL`.
pub(super) fn batch_matmul(site: &Site) -> Result<Lowered, Fault> {
    use TensorType::{Float32, Int8, Int16};
    let Options::BatchMatMul { adj_x, adj_y } = site.operator.options else { return Err(axes::no_options()) };
    site.counts(2..=2, 1)?;
    let (left, right, output) = (site.operand(0)?, site.operand(1)?, site.result(0)?);
    left.one_of(&[Float32, Int8, Int16])?;
    right.same_type(&left)?;
    output.same_type(&left)?;
    let at = product(&left, &right, &output, adj_x, adj_y)?;
    let (inputs, outputs) = (vec![left.id, right.id], vec![output.id]);
    if left.dtype() == Float32 {
        return Ok(Lowered::op(Op::BatchMatMulF32(BatchMatMulF32 { at }), inputs, outputs));
    }
    let ((scale, zero_point), (right_scale, right_zero_point)) = (left.quantization()?, right.quantization()?);
    let (output_scale, output_offset) = output.quantization()?;
    let wide = left.dtype() == Int16;
    agree(!wide || [zero_point, right_zero_point, output_offset] == [0; 3], output.id, || {
        "has int16 tensors with zero points other than 0".to_owned()
    })?;
    // LiteRT Micro's `GetQuantizedConvolutionMultipler`, which multiplies the two scales in f64.
    let real = f64::from(scale) * f64::from(right_scale) / f64::from(output_scale);
    let op = BatchMatMul {
        element: left.element()?,
        at,
        left_offset: -zero_point,
        right_offset: -right_zero_point,
        requant: factor(real, wide, output.id)?,
        output_offset,
        activation: range(wide),
    };
    Ok(Lowered::op(Op::BatchMatMul(op), inputs, outputs))
}

/// Two tensors of matrices, in five dimensions.
fn product(left: &Operand, right: &Operand, output: &Operand, adj_x: bool, adj_y: bool) -> Result<Product, Fault> {
    let shapes = || format!("multiplies {:?} and {:?} to {:?}", left.shape(), right.shape(), output.shape());
    let five = |operand: &Operand| -> Result<[usize; 5], Fault> {
        operand.rank_up_to(5)?;
        agree(operand.shape().len() >= 2, operand.id, shapes)?;
        let mut shape = [1; 5];
        shape[5 - operand.shape().len()..].copy_from_slice(operand.shape());
        Ok(shape)
    };
    let ([a @ .., left_first, left_second], [b @ .., right_first, right_second]) = (five(left)?, five(right)?);
    let (rows, depth) = if adj_x { (left_second, left_first) } else { (left_first, left_second) };
    let (right_depth, columns) = if adj_y { (right_second, right_first) } else { (right_first, right_second) };
    let mut batches = [1; 3];
    for (batch, (a, b)) in batches.iter_mut().zip(a.into_iter().zip(b)) {
        agree(a == b || a == 1 || b == 1, output.id, shapes)?;
        *batch = a.max(b);
    }
    agree(depth == right_depth, output.id, shapes)?;
    let mut expected = [batches[0], batches[1], batches[2], rows, columns].to_vec();
    expected.drain(..5 - left.shape().len().max(right.shape().len()));
    output.expect_shape(&expected)?;
    let steps = |shape: [usize; 3], matrix: usize| {
        let along = |axis: usize| shape[axis + 1..].iter().product::<usize>() * matrix;
        std::array::from_fn(|axis| if shape[axis] == 1 { 0 } else { along(axis) })
    };
    let lines = |plain: bool, second: usize| if plain { (second, 1) } else { (1, second) };
    let ((line, left_depth), (column, right_depth)) = (lines(!adj_x, left_second), lines(adj_y, right_second));
    Ok(Product {
        batches,
        rows,
        columns,
        depth,
        left: Matrices { batch: steps(a, rows * depth), line, depth: left_depth },
        right: Matrices { batch: steps(b, columns * depth), line: column, depth: right_depth },
    })
}

/// `TRANSPOSE_CONV`. LiteRT Micro does not look at the output shape that is the first input.
pub(super) fn transpose_conv(site: &Site) -> Result<Lowered, Fault> {
    use TensorType::{Float32, Int8, Int16};
    let Options::TransposeConv { padding, stride, activation } = site.operator.options else {
        return Err(axes::no_options());
    };
    site.counts(3..=4, 1)?;
    let (filter, input, output) = (site.operand(1)?, site.operand(2)?, site.result(0)?);
    input.one_of(&[Float32, Int8, Int16])?;
    output.same_type(&input)?;
    filter.one_of(if input.dtype() == Float32 { &[Float32] } else { &[Int8] })?;
    let dims = |operand: &Operand| image(operand).map(|[n, h, w, c]| Dims { n, h, w, c });
    let (input_dims, filter_dims, output_dims) = (dims(&input)?, dims(&filter)?, dims(&output)?);
    let agreed = input_dims.n == output_dims.n && input_dims.c == filter_dims.c && filter_dims.n == output_dims.c;
    agree(agreed, filter.id, || {
        format!("has a filter of shape {:?} between {:?} and {:?}", filter.shape(), input.shape(), output.shape())
    })?;
    // The output is the input of the convolution that this is the transpose of.
    let geometry = window(output_dims, Extent { h: filter_dims.h, w: filter_dims.w }, padding, stride, [1, 1])?;
    let at = Scatter {
        input: input_dims,
        filter: filter_dims,
        output: output_dims,
        stride: geometry.stride,
        padding: geometry.padding,
    };
    let bias = bias(site, &input, output_dims.c)?;
    let mut inputs = vec![input.id, filter.id];
    inputs.extend(bias.map(|bias| bias.id));
    if input.dtype() == Float32 {
        let [min, max] = real_bounds(activation, &output)?;
        let op = Op::TransposeConvF32(TransposeConvF32 { at, min, max });
        return Ok(Lowered::op(op, inputs, vec![output.id]));
    }
    let wide = input.dtype() == Int16;
    let factors = per_channel(site, &input, &output, output_dims.c, wide)?;
    let (output_scale, output_offset) = output.quantization()?;
    let bounds = |scale| quantize::activation_within(activation, scale, output_offset, range(wide));
    let Some(activation) = bounds(output_scale) else {
        return Err(Fault::at(output.id, format!("has the fused activation {activation:?}"), RESCALE));
    };
    let op = TransposeConv {
        element: input.element()?,
        at,
        bias: bias.map(|bias| bias.element()).transpose()?,
        input_offset: -input.quantization()?.1,
        output_offset: if wide { 0 } else { output_offset },
        activation,
    };
    let [multipliers, shifts] = tables(&factors);
    let lowered = Lowered::op(Op::TransposeConv(op), inputs, vec![output.id]);
    Ok(lowered.with_table(multipliers).with_table(shifts))
}

/// The bias at input 3, where there is one.
fn bias<'a>(site: &Site<'a>, input: &Operand, channels: usize) -> Result<Option<Operand<'a>>, Fault> {
    if site.operator.inputs.get(3).copied().flatten().is_none() {
        return Ok(None);
    }
    let bias = site.operand(3)?;
    bias.one_of(match input.dtype() {
        TensorType::Float32 => &[TensorType::Float32],
        TensorType::Int8 => &[TensorType::Int32],
        _ => &[TensorType::Int16, TensorType::Int64],
    })?;
    agree(bias.elements() == channels, bias.id, || {
        format!("has a bias of {} values for {channels} channels", bias.elements())
    })?;
    Ok(Some(bias))
}

/// A factor for each output channel, the filter's own scale repeated where there is only one.
fn per_channel(
    site: &Site,
    input: &Operand,
    output: &Operand,
    channels: usize,
    wide: bool,
) -> Result<Vec<Requant>, Fault> {
    let filter = site.filter(0)?;
    filter.symmetric()?;
    agree(filter.scales.len() == 1 || filter.scales.len() == channels, filter.id, || {
        format!("has {} scales for {channels} output channels", filter.scales.len())
    })?;
    let (scale, output_scale) = (f64::from(input.quantization()?.0), f64::from(output.quantization()?.0));
    let scales = filter.scales.iter().cycle().take(channels);
    scales.map(|&own| factor(scale * f64::from(own) / output_scale, wide, filter.id)).collect()
}

fn factor(real: f64, wide: bool, tensor: TensorId) -> Result<Requant, Fault> {
    let found = quantize::multiplier(real).filter(|factor| !wide || factor.shift <= MAX_WIDE_SHIFT);
    found.ok_or_else(|| {
        Fault::at(tensor, format!("has scales that make a factor of {real:e}, more than kernels can apply"), RESCALE)
    })
}

/// Multipliers and shifts as tables of int32.
pub(super) fn tables(factors: &[Requant]) -> [Vec<i8>; 2] {
    let table = |of: fn(&Requant) -> i32| {
        factors.iter().flat_map(|factor| of(factor).to_le_bytes()).map(u8::cast_signed).collect()
    };
    [table(|factor| factor.multiplier), table(|factor| factor.shift)]
}

/// Every value of int8 or int16.
fn range(wide: bool) -> Activation {
    let (min, max) = if wide { (i16::MIN, i16::MAX) } else { (i16::from(i8::MIN), i16::from(i8::MAX)) };
    Activation { min: i32::from(min), max: i32::from(max) }
}

/// The fused activation as bounds on real numbers.
pub(super) fn real_bounds(function: FusedActivation, output: &Operand) -> Result<[f32; 2], Fault> {
    match function {
        FusedActivation::None => Ok([f32::MIN, f32::MAX]),
        FusedActivation::Relu => Ok([0.0, f32::MAX]),
        FusedActivation::Relu6 => Ok([0.0, 6.0]),
        FusedActivation::ReluN1To1 => Ok([-1.0, 1.0]),
        FusedActivation::Tanh | FusedActivation::SignBit => {
            Err(Fault::at(output.id, format!("has the fused activation {function:?}"), EXPORT))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::range;

    #[test]
    fn ranges_are_the_types() {
        assert_eq!((range(false).min, range(false).max), (-128, 127));
        assert_eq!((range(true).min, range(true).max), (-32_768, 32_767));
    }
}
