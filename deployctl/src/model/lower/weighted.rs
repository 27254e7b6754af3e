//! Operators with weights: convolutions and fully connected layers. In int8; in other types they are in `convolve`.

use kernels::{Conv2d, DepthwiseConv2d, Extent, FullyConnected, Requant};

use super::site::{Filter, Quantized, Site, agree, bounds, dims};
use super::window::window;
use super::{Call, Fault, Lowered, StepWeights, convolve, quantize};
use crate::model::TensorId;
use crate::model::graph::{FusedActivation, Padding};

pub(super) const RESCALE: &str = "check the calibration data: the scales of this layer are far apart";

/// Options of both convolutions.
pub(super) struct Convolution {
    pub(super) padding: Padding,
    pub(super) stride: [i32; 2],
    pub(super) dilation: [i32; 2],
    pub(super) activation: FusedActivation,
}

/// `CONV_2D`: filter is output channels × height × width × input channels a group.
pub(super) fn conv_2d(site: &Site, options: &Convolution) -> Result<Lowered, Fault> {
    if convolve::applies(site) {
        return convolve::conv_2d(site, options);
    }
    site.arity(2..=3)?;
    let (input, filter, output) = (site.input(0)?, site.filter(0)?, site.output()?);
    filter.symmetric()?;
    let (input_dims, output_dims) = (dims(input.id, input.shape)?, dims(output.id, output.shape)?);
    let filter_dims = dims(filter.id, filter.shape)?;
    agree(!filter_dims.is_empty() && input_dims.c.is_multiple_of(filter_dims.c), filter.id, || {
        format!("has a filter of shape {:?} for {} input channels", filter.shape, input_dims.c)
    })?;
    let groups = input_dims.c / filter_dims.c;
    agree(filter_dims.n.is_multiple_of(groups), filter.id, || {
        format!("has {} output channels in {groups} groups", filter_dims.n)
    })?;
    let taps = Extent { h: filter_dims.h, w: filter_dims.w };
    let geometry = window(input_dims, taps, options.padding, options.stride, options.dilation)?;
    expect_output(&output, input_dims.n, geometry.output, filter_dims.n)?;
    let call = Call::Conv2d(Conv2d {
        input: input_dims,
        filter: filter_dims,
        output: output_dims,
        stride: geometry.stride,
        padding: geometry.padding,
        dilation: geometry.dilation,
        input_offset: -input.zero_point,
        output_offset: output.zero_point,
        activation: bounds(options.activation, &output)?,
    });
    let bias = site.bias(filter_dims.n)?;
    let weights = weights(&filter, bias, &per_channel(&input, &filter, &output, filter_dims.n)?);
    Ok(Lowered { weights: Some(weights), ..Lowered::plain(call, vec![input.id], vec![output.id]) })
}

/// `DEPTHWISE_CONV_2D`: filter is 1 × height × width × output channels.
pub(super) fn depthwise_conv_2d(site: &Site, options: &Convolution, multiplier: i32) -> Result<Lowered, Fault> {
    if convolve::applies(site) {
        return convolve::depthwise_conv_2d(site, options, multiplier);
    }
    site.arity(2..=3)?;
    let (input, filter, output) = (site.input(0)?, site.filter(3)?, site.output()?);
    filter.symmetric()?;
    let (input_dims, output_dims) = (dims(input.id, input.shape)?, dims(output.id, output.shape)?);
    let filter_dims = dims(filter.id, filter.shape)?;
    let depth_multiplier = usize::try_from(multiplier).unwrap_or_default();
    let channels = input_dims.c.checked_mul(depth_multiplier);
    agree(filter_dims.n == 1 && !filter_dims.is_empty() && channels == Some(filter_dims.c), filter.id, || {
        let channels = input_dims.c;
        format!("has a filter of shape {:?} for {channels} channels times {multiplier}", filter.shape)
    })?;
    let taps = Extent { h: filter_dims.h, w: filter_dims.w };
    let geometry = window(input_dims, taps, options.padding, options.stride, options.dilation)?;
    expect_output(&output, input_dims.n, geometry.output, filter_dims.c)?;
    let call = Call::DepthwiseConv2d(DepthwiseConv2d {
        input: input_dims,
        filter: filter_dims,
        output: output_dims,
        depth_multiplier,
        stride: geometry.stride,
        padding: geometry.padding,
        dilation: geometry.dilation,
        input_offset: -input.zero_point,
        output_offset: output.zero_point,
        activation: bounds(options.activation, &output)?,
    });
    let bias = site.bias(filter_dims.c)?;
    let weights = weights(&filter, bias, &per_channel(&input, &filter, &output, filter_dims.c)?);
    Ok(Lowered { weights: Some(weights), ..Lowered::plain(call, vec![input.id], vec![output.id]) })
}

/// `FULLY_CONNECTED`: filter is units × depth, and the input any shape of rows of `depth` elements.
pub(super) fn fully_connected(site: &Site, activation: FusedActivation, format: i8) -> Result<Lowered, Fault> {
    site.arity(2..=3)?;
    if format != 0 {
        let reason = format!("stores its weights in format {format} (shuffled)");
        return Err(Fault::new(reason, "convert for the default weights format"));
    }
    if convolve::applies(site) {
        return convolve::fully_connected(site, activation);
    }
    let (input, filter, output) = (site.input(0)?, site.filter(0)?, site.output()?);
    let shape = || format!("has a filter of shape {:?} between {:?} and {:?}", filter.shape, input.shape, output.shape);
    let &[units, depth] = filter.shape else { return Err(Fault::at(filter.id, shape(), RESCALE)) };
    agree(units > 0 && depth > 0 && output.shape.last() == Some(&units), filter.id, shape)?;
    let batches = elements(&output) / units;
    agree(batches.checked_mul(depth) == Some(elements(&input)), filter.id, shape)?;
    let bias = site.bias(units)?;
    let stored = site.graph.tensor(filter.id).unpacked_from;
    if let (Some(stored), scales @ 2..) = (stored, filter.scales.len()) {
        let reason =
            format!("has {} weights with {scales} scales, for which LiteRT Micro has no kernel", stored.name());
        return Err(Fault::at(filter.id, reason, "quantize this layer's weights per tensor, or to int8"));
    }
    let factors = if filter.scales.len() > 1 {
        filter.symmetric()?;
        per_channel(&input, &filter, &output, units)?
    } else {
        vec![per_tensor(site, &input, &filter, &output, bias)?]
    };
    let call = Call::FullyConnected(FullyConnected {
        batches,
        depth,
        units,
        input_offset: -input.zero_point,
        filter_offset: filter_offset(&filter)?,
        output_offset: output.zero_point,
        activation: bounds(activation, &output)?,
    });
    let weights = weights(&filter, bias, &factors);
    Ok(Lowered { weights: Some(weights), ..Lowered::plain(call, vec![input.id], vec![output.id]) })
}

/// Minus the zero point of weights that have one.
pub(super) fn filter_offset(filter: &Filter) -> Result<i32, Fault> {
    match filter.zero_points.first().map(|&zero_point| i8::try_from(zero_point)) {
        Some(Ok(zero_point)) => Ok(-i32::from(zero_point)),
        _ => Err(Fault::at(filter.id, format!("has a filter with zero points {:?}", filter.zero_points), RESCALE)),
    }
}

fn elements(tensor: &Quantized) -> usize {
    tensor.shape.iter().product()
}

fn weights(filter: &Filter, bias: Option<TensorId>, factors: &[Requant]) -> StepWeights {
    StepWeights {
        filter: filter.id,
        bias,
        multipliers: factors.iter().map(|factor| factor.multiplier).collect(),
        shifts: factors.iter().map(|factor| factor.shift).collect(),
    }
}

fn expect_output(output: &Quantized, batches: usize, size: Extent, channels: usize) -> Result<(), Fault> {
    let expected = [batches, size.h, size.w, channels];
    agree(output.shape == expected, output.id, || {
        format!("has an output of shape {:?}, but its window gives {expected:?}", output.shape)
    })
}

/// A factor for each output channel, the tensor's own scale repeated where the filter has only one: products and
/// quotients of f64, as LiteRT's `PopulateConvolutionQuantizationParams`.
pub(super) fn per_channel(
    input: &Quantized,
    filter: &Filter,
    output: &Quantized,
    channels: usize,
) -> Result<Vec<Requant>, Fault> {
    agree(filter.scales.len() == 1 || filter.scales.len() == channels, filter.id, || {
        format!("has {} scales for {channels} output channels", filter.scales.len())
    })?;
    (0..channels)
        .map(|channel| {
            let scale = filter.scales[if filter.scales.len() == 1 { 0 } else { channel }];
            let real = f64::from(input.scale) * f64::from(scale) / f64::from(output.scale);
            quantize::multiplier(real).ok_or_else(|| too_large(filter.id, real))
        })
        .collect()
}

/// The factor of a fully connected layer with one scale, from a product in f64 as for several scales. LiteRT asks that the
/// bias have nearly that product as its scale.
pub(super) fn per_tensor(
    site: &Site,
    input: &Quantized,
    filter: &Filter,
    output: &Quantized,
    bias: Option<TensorId>,
) -> Result<Requant, Fault> {
    let scale = filter.scales.first().copied().unwrap_or_default();
    let output_scale = f64::from(output.scale);
    if let Some(bias) = bias {
        let quantization = site.graph.tensor(bias).quantization.as_ref();
        let bias_scale = quantization.and_then(|quantization| quantization.scales.first()).copied().unwrap_or_default();
        let difference = (f64::from(input.scale) * f64::from(scale) - f64::from(bias_scale)).abs();
        if difference / output_scale > 0.02 {
            let reason = format!("has a bias of scale {bias_scale}, not input scale times filter scale");
            return Err(Fault::at(bias, reason, RESCALE));
        }
    }
    let real = f64::from(input.scale) * f64::from(scale) / output_scale;
    quantize::multiplier(real).ok_or_else(|| too_large(filter.id, real))
}

fn too_large(filter: TensorId, real: f64) -> Fault {
    Fault::at(filter, format!("has scales that make a factor of {real:e}, more than 32-bit kernels can apply"), RESCALE)
}
