//! `CONV_2D`, `DEPTHWISE_CONV_2D` and `FULLY_CONNECTED` in float32, and in int16 with int8 weights.

use kernels::{Convolution, ConvolveF32, ConvolveI16, Dims, Extent, Layer, Op};

use super::operand::Operand;
use super::product::{real_bounds, tables};
use super::rearrange::image;
use super::scaled::{bounds, symmetric};
use super::site::{Quantized, Site, agree};
use super::weighted::{self, Convolution as Options};
use super::window::window;
use super::{Fault, Lowered};
use crate::model::TensorType::{Float32, Int8, Int16, Int32, Int64};
use crate::model::graph::FusedActivation;

const ONE: Extent = Extent { h: 1, w: 1 };
const HYBRID: &str = "convert to float32 for both, or to int8 or int16 activations with int8 weights: LiteRT Micro has \
                      kernels for these";
/// Larger shifts would leave nothing to round for a 64-bit accumulator.
const MAX_WIDE_SHIFT: i32 = 14;
/// Products that kernels of a library sum in 32 bits before they go on in 64.
const SUMMED: usize = 512;
/// Sums for which LiteRT's factors of 16 bits are defined.
const MAX_WIDE_SUM: i64 = 1 << 47;

/// Whether the operator computes in another type than int8, for which there are kernels with calls of their own.
pub(super) fn applies(site: &Site) -> bool {
    site.operand(0).is_ok_and(|input| input.dtype() != Int8)
}

/// `CONV_2D`: filter is output channels × height × width × input channels a group.
pub(super) fn conv_2d(site: &Site, options: &Options) -> Result<Lowered, Fault> {
    let tensors = tensors(site)?;
    let ([_, _, _, channels], [units, h, w, depth]) = (image(&tensors.input)?, image(&tensors.filter)?);
    let groups = channels / depth;
    agree(channels.is_multiple_of(depth) && units.is_multiple_of(groups), tensors.filter.id, || {
        format!("has a filter of shape {:?} for {channels} input channels", tensors.filter.shape())
    })?;
    let weights = Weights { taps: Extent { h, w }, depth, group: units / groups, channel: h * w * depth, tap: depth };
    let at = convolution(Layer::Conv2d, &tensors, options, &weights, units)?;
    lowered(site, &tensors, at, options.activation)
}

/// `DEPTHWISE_CONV_2D`: filter is 1 × height × width × output channels.
pub(super) fn depthwise_conv_2d(site: &Site, options: &Options, multiplier: i32) -> Result<Lowered, Fault> {
    let tensors = tensors(site)?;
    let ([_, _, _, channels], [one, h, w, units]) = (image(&tensors.input)?, image(&tensors.filter)?);
    let group = usize::try_from(multiplier).unwrap_or_default();
    agree(one == 1 && channels.checked_mul(group) == Some(units), tensors.filter.id, || {
        format!("has a filter of shape {:?} for {channels} channels times {multiplier}", tensors.filter.shape())
    })?;
    let weights = Weights { taps: Extent { h, w }, depth: 1, group, channel: 1, tap: units };
    let at = convolution(Layer::DepthwiseConv2d, &tensors, options, &weights, units)?;
    lowered(site, &tensors, at, options.activation)
}

/// `FULLY_CONNECTED`: filter is units × depth, and the input any shape of rows of `depth` elements.
pub(super) fn fully_connected(site: &Site, activation: FusedActivation) -> Result<Lowered, Fault> {
    let tensors = tensors(site)?;
    let Tensors { input, filter, output, bias: _ } = &tensors;
    let (units, depth) = match *filter.shape() {
        [units, depth] => (units, depth),
        _ => (0, 0),
    };
    let rows = output.elements().checked_div(units).unwrap_or_default();
    let agreed = output.shape().last() == Some(&units) && rows.checked_mul(depth) == Some(input.elements());
    agree(agreed, filter.id, || {
        format!("has a filter of shape {:?} between {:?} and {:?}", filter.shape(), input.shape(), output.shape())
    })?;
    let at = Convolution {
        layer: Layer::FullyConnected,
        input: Dims { n: rows, h: 1, w: 1, c: depth },
        output: Dims { n: rows, h: 1, w: 1, c: units },
        taps: ONE,
        stride: ONE,
        padding: Extent { h: 0, w: 0 },
        dilation: ONE,
        depth,
        group: units,
        channel_step: depth,
        tap_step: depth,
    };
    lowered(site, &tensors, at, activation)
}

/// The operands, whose types go together.
struct Tensors<'a> {
    input: Operand<'a>,
    filter: Operand<'a>,
    bias: Option<Operand<'a>>,
    output: Operand<'a>,
}

fn tensors<'a>(site: &Site<'a>) -> Result<Tensors<'a>, Fault> {
    site.arity(2..=3)?;
    let (input, filter, output) = (site.operand(0)?, site.operand(1)?, site.result(0)?);
    input.one_of(&[Float32, Int8, Int16])?;
    output.same_type(&input)?;
    let expected = if input.dtype() == Float32 { Float32 } else { Int8 };
    if filter.stored() != expected {
        let (found, activations) = (filter.stored().name(), input.dtype().name());
        let reason = format!("has weights of type {found} with activations of type {activations}");
        return Err(Fault::at(filter.id, reason, HYBRID));
    }
    let has_bias = site.operator.inputs.get(2).copied().flatten().is_some();
    let bias = has_bias.then(|| site.operand(2)).transpose()?;
    Ok(Tensors { input, filter, bias, output })
}

/// Where the weights of an output channel lie, and which input channels they meet.
struct Weights {
    taps: Extent,
    depth: usize,
    group: usize,
    channel: usize,
    tap: usize,
}

fn convolution(
    layer: Layer,
    tensors: &Tensors,
    options: &Options,
    weights: &Weights,
    channels: usize,
) -> Result<Convolution, Fault> {
    let [n, h, w, c] = image(&tensors.input)?;
    let input = Dims { n, h, w, c };
    let geometry = window(input, weights.taps, options.padding, options.stride, options.dilation)?;
    tensors.output.expect_shape(&[n, geometry.output.h, geometry.output.w, channels])?;
    Ok(Convolution {
        layer,
        input,
        output: Dims { n, h: geometry.output.h, w: geometry.output.w, c: channels },
        taps: weights.taps,
        stride: geometry.stride,
        padding: geometry.padding,
        dilation: geometry.dilation,
        depth: weights.depth,
        group: weights.group,
        channel_step: weights.channel,
        tap_step: weights.tap,
    })
}

fn lowered(site: &Site, tensors: &Tensors, at: Convolution, activation: FusedActivation) -> Result<Lowered, Fault> {
    let Tensors { input, filter, bias, output } = tensors;
    if let Some(bias) = bias {
        bias.one_of(match (input.dtype(), at.layer) {
            (Float32, _) => &[Float32],
            (_, Layer::DepthwiseConv2d) => &[Int64],
            _ => &[Int32, Int64],
        })?;
        agree(bias.elements() == at.output.c, bias.id, || {
            format!("has a bias of {} values for {} channels", bias.elements(), at.output.c)
        })?;
    }
    let mut inputs = vec![input.id, filter.id];
    inputs.extend(bias.as_ref().map(|bias| bias.id));
    if input.dtype() == Float32 {
        let [min, max] = real_bounds(activation, output)?;
        return Ok(Lowered::op(Op::ConvolveF32(ConvolveF32 { at, min, max }), inputs, vec![output.id]));
    }
    symmetric(&[input, output])?;
    let wide = bias.as_ref().is_none_or(|bias| bias.dtype() == Int64);
    let (filter_offset, factors) = factors(site, tensors, &at)?;
    if let Some(factor) = factors.iter().find(|factor| wide && factor.shift > MAX_WIDE_SHIFT) {
        let reason = format!("has scales that make a factor of 2^{}, more than kernels can apply", factor.shift);
        return Err(Fault::at(filter.id, reason, weighted::RESCALE));
    }
    let op = ConvolveI16 {
        at,
        bias: bias.as_ref().map(Operand::element).transpose()?,
        filter_offset,
        narrow: wide && narrow(site, tensors, &at, filter_offset, &factors),
        activation: bounds(activation, output)?,
    };
    let [multipliers, shifts] = tables(&factors);
    let lowered = Lowered::op(Op::ConvolveI16(op), inputs, vec![output.id]);
    Ok(lowered.with_table(multipliers).with_table(shifts))
}

/// Whether [`is_narrow`] holds; it may not where weights or biases are computed.
fn narrow(site: &Site, tensors: &Tensors, at: &Convolution, offset: i32, factors: &[kernels::Requant]) -> bool {
    let Some(filter) = site.constant(&tensors.filter) else { return false };
    let bias = match &tensors.bias {
        None => &[][..],
        Some(bias) => match site.constant(bias) {
            None => return false,
            Some(bytes) => bytes.as_chunks().0,
        },
    };
    is_narrow(at, filter, bias, offset, factors)
}

/// Whether no input makes a sum of [`SUMMED`] products leave 32 bits, or a scaled sum 30, one of which is for rounding.
fn is_narrow(at: &Convolution, filter: &[u8], bias: &[[u8; 8]], offset: i32, factors: &[kernels::Requant]) -> bool {
    let magnitude = |weight: &u8| i64::from(i32::from(weight.cast_signed()) + offset).abs() * -i64::from(i16::MIN);
    (0..at.output.c).all(|channel| {
        let tap = |tap: usize| filter.get(channel * at.channel_step + tap * at.tap_step..)?.get(..at.depth);
        let weights: Option<Vec<&[u8]>> = (0..at.taps.h * at.taps.w).map(tap).collect();
        let Some(weights) = weights else { return false };
        let products = || weights.iter().copied().flatten().map(magnitude);
        let bias = bias.get(channel).map_or(0, |&word| i64::from_le_bytes(word).saturating_abs());
        let sum = products().sum::<i64>().saturating_add(bias);
        let shift = factors.get(channel).or(factors.first()).map_or(0, |factor| factor.shift);
        let scaled = if shift >= 0 { sum.saturating_mul(1 << shift) } else { sum >> -shift };
        products().take(SUMMED).sum::<i64>() <= i64::from(i32::MAX) && sum < MAX_WIDE_SUM && scaled < (1 << 30) - 1
    })
}

/// Minus the weights' zero point, and the factors: one for each output channel, or a single one of a fully connected
/// layer.
fn factors(site: &Site, tensors: &Tensors, at: &Convolution) -> Result<(i32, Vec<kernels::Requant>), Fault> {
    let filter = site.filter(if at.layer == Layer::DepthwiseConv2d { 3 } else { 0 })?;
    let (input, output) = (quantized(&tensors.input)?, quantized(&tensors.output)?);
    if at.layer == Layer::FullyConnected && filter.scales.len() == 1 {
        let bias = tensors.bias.as_ref().map(|bias| bias.id);
        let offset = weighted::filter_offset(&filter)?;
        return Ok((offset, vec![weighted::per_tensor(site, &input, &filter, &output, bias)?]));
    }
    filter.symmetric()?;
    Ok((0, weighted::per_channel(&input, &filter, &output, at.output.c)?))
}

fn quantized<'a>(operand: &Operand<'a>) -> Result<Quantized<'a>, Fault> {
    let (scale, zero_point) = operand.quantization()?;
    Ok(Quantized { id: operand.id, shape: operand.shape(), scale, zero_point })
}

#[cfg(test)]
mod tests {
    use kernels::Requant;

    use super::{Convolution, Dims, Extent, Layer, ONE, is_narrow};

    /// A fully connected layer of one unit.
    fn dense(depth: usize) -> Convolution {
        Convolution {
            layer: Layer::FullyConnected,
            input: Dims { n: 1, h: 1, w: 1, c: depth },
            output: Dims { n: 1, h: 1, w: 1, c: 1 },
            taps: ONE,
            stride: ONE,
            padding: Extent { h: 0, w: 0 },
            dilation: ONE,
            depth,
            group: 1,
            channel_step: depth,
            tap_step: depth,
        }
    }

    fn check(weights: &[i8], bias: i64, shift: i32) -> bool {
        let filter: Vec<u8> = weights.iter().map(|weight| weight.cast_unsigned()).collect();
        is_narrow(&dense(weights.len()), &filter, &[bias.to_le_bytes()], 0, &[Requant { multiplier: 1 << 30, shift }])
    }

    /// 512 products of -2^15 and -2^7 are 2^31, one more than 32 bits hold; those that come later are summed in 64.
    #[test]
    fn sums_of_512_products() {
        assert!(check(&[-128; 511], 0, -8));
        assert!(!check(&[-128; 512], 0, -8));
        assert!(check(&[-127; 512], 0, -8));
        assert!(check(&[127; 516], 0, -8) && !check(&[&[-128; 512][..], &[0; 8]].concat(), 0, -8));
        assert!(check(&[&[0; 8][..], &[-128; 511]].concat(), 0, -8));
    }

    #[test]
    fn scaled_sums_and_biases() {
        assert!(check(&[1], 0, 14), "2^15 times 2^14");
        assert!(!check(&[2], 0, 14), "2^16 times 2^14");
        assert!(check(&[0], (1 << 46) - 1, -18));
        assert!(!check(&[0], (1 << 46) - 1, -16));
        assert!(!check(&[0], 1 << 47, -31));
        assert!(!check(&[0], i64::MIN, -31));
    }
}
