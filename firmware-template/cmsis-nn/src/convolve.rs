//! CONV_2D, DEPTHWISE_CONV_2D and FULLY_CONNECTED of int16 with int8 weights; the bias is int64, or there is none.

use kernels::{
    Conv2d, Convolution, ConvolveI16, DepthwiseConv2d, Dims, Element, Extent, FullyConnected, Layer, view, view_mut,
};

use crate::check::{counts, extents, one_output, product, require, success, windows_touch};
use crate::shim::{
    Scratch, WideConstants, shim_convolve_fast_s16, shim_convolve_s16, shim_depthwise_conv_fast_s16,
    shim_depthwise_conv_s16, shim_fully_connected_s16,
};

/// Any ungrouped convolution, and a fully connected layer with a factor for each unit: `arm_convolve_s16`.
pub fn convolve_s16(p: &ConvolveI16, inputs: &[&[i8]], outputs: &mut [&mut [i8]]) {
    let (input, w) = operands(p, inputs);
    let output = view_mut::<i16>(one_output(outputs));
    let p = convolution(p, output.len());
    // SAFETY: the slices hold what the shapes say (checked above); the library cuts each window to the taps that lie inside
    // the input.
    success(unsafe { shim_convolve_s16(&p, &w, input.as_ptr(), output.as_mut_ptr(), Scratch::NONE) });
}

/// The same undilated, with a bias and fewer than 512 weights a channel, on a core with the DSP extension and without the
/// vector extension: `arm_convolve_fast_s16`.
pub fn convolve_fast_s16(p: &ConvolveI16, inputs: &[&[i8]], outputs: &mut [&mut [i8]], scratch: &mut [i8]) {
    require(p.bias.is_some() && p.at.dilation == ONE);
    let (input, w) = operands(p, inputs);
    let output = view_mut::<i16>(one_output(outputs));
    let p = convolution(p, output.len());
    // SAFETY: the slices hold what the shapes say (checked above); the library reads input elements only after comparing
    // their row and column with the input's; the shim compares the scratch buffer with the size that the library needs.
    success(unsafe { shim_convolve_fast_s16(&p, &w, input.as_ptr(), output.as_mut_ptr(), Scratch::of(scratch)) });
}

/// Any depthwise convolution: `arm_depthwise_conv_s16`.
pub fn depthwise_conv_s16(p: &ConvolveI16, inputs: &[&[i8]], outputs: &mut [&mut [i8]]) {
    let (input, w) = operands(p, inputs);
    let output = view_mut::<i16>(one_output(outputs));
    let p = depthwise(p, output.len());
    // SAFETY: as for `convolve_s16`; dimensions fit the library's 16 bits (checked above).
    success(unsafe { shim_depthwise_conv_s16(&p, &w, input.as_ptr(), output.as_mut_ptr(), Scratch::NONE) });
}

/// A depth multiplier of one, undilated, fewer than 512 taps, on a core with the DSP extension; with the vector extension
/// whole groups of four channels: `arm_depthwise_conv_fast_s16`.
pub fn depthwise_conv_fast_s16(p: &ConvolveI16, inputs: &[&[i8]], outputs: &mut [&mut [i8]], scratch: &mut [i8]) {
    let at = &p.at;
    require(at.dilation == ONE && at.group == 1);
    windows_touch(at.input, at.taps, at.stride, at.padding, at.output);
    let (input, w) = operands(p, inputs);
    let output = view_mut::<i16>(one_output(outputs));
    let p = depthwise(p, output.len());
    // SAFETY: the slices hold what the shapes say (checked above); the library fills the scratch buffer, whose size the shim
    // compares with the one that the library needs, with windows, of which no more rows lie outside the input than a window
    // has (checked above), and reads of the input what lies inside.
    success(unsafe { shim_depthwise_conv_fast_s16(&p, &w, input.as_ptr(), output.as_mut_ptr(), Scratch::of(scratch)) });
}

/// One factor for the whole layer: `arm_fully_connected_s16`.
pub fn fully_connected_s16(p: &ConvolveI16, inputs: &[&[i8]], outputs: &mut [&mut [i8]]) {
    require(p.at.layer == Layer::FullyConnected && p.narrow);
    let (input, w) = operands(p, inputs);
    let output = view_mut::<i16>(one_output(outputs));
    let Convolution { input: Dims { n: batches, c: depth, .. }, output: Dims { c: units, .. }, .. } = p.at;
    product(output.len(), &[batches, units]);
    let (input_offset, filter_offset, output_offset) = (0, 0, 0);
    let activation = p.activation;
    let p = FullyConnected { batches, depth, units, input_offset, filter_offset, output_offset, activation };
    // SAFETY: the slices hold `batches` rows of `depth` and of `units` elements, and `units` filters of `depth` with their
    // biases (checked above).
    success(unsafe { shim_fully_connected_s16(&p, &w, input.as_ptr(), output.as_mut_ptr(), Scratch::NONE) });
}

const ONE: Extent = Extent { h: 1, w: 1 };

/// Input and constants, as long as the shapes; a factor for each channel unless the layer is fully connected.
fn operands<'a>(p: &ConvolveI16, inputs: &[&'a [i8]]) -> (&'a [i16], WideConstants) {
    let (input, filter, bias, multipliers, shifts) = match (p.bias, inputs) {
        (None, &[input, filter, multipliers, shifts]) => (input, filter, None, multipliers, shifts),
        (Some(Element::I64), &[input, filter, bias, multipliers, shifts]) => {
            (input, filter, Some(view::<i64>(bias)), multipliers, shifts)
        }
        _ => kernels::wrong_operands(),
    };
    let (input, multipliers, shifts) = (view::<i16>(input), view::<i32>(multipliers), view::<i32>(shifts));
    let at = &p.at;
    let Dims { n, h, w, c } = at.input;
    product(input.len(), &[n, h, w, c]);
    let filters = if at.layer == Layer::DepthwiseConv2d { 1 } else { at.depth };
    product(filter.len(), &[at.output.c, at.taps.h, at.taps.w, filters]);
    require(bias.is_none_or(|bias| bias.len() >= at.output.c) && p.filter_offset == 0);
    let factors = if at.layer == Layer::FullyConnected && multipliers.len() == 1 { 1 } else { at.output.c };
    require(multipliers.len() >= factors && shifts.len() >= factors && factors > 0);
    (input, WideConstants::of(filter, bias, multipliers, shifts))
}

/// The rows of a fully connected layer are pixels.
fn convolution(p: &ConvolveI16, output: usize) -> Conv2d {
    let at = &p.at;
    let filter = Dims { n: at.output.c, h: at.taps.h, w: at.taps.w, c: at.depth };
    let whole = at.depth == at.input.c && at.group == at.output.c && at.input.n == at.output.n;
    let in_order = at.tap_step == at.depth && at.channel_step == at.taps.h * at.taps.w * at.depth;
    require(whole && in_order && at.layer != Layer::DepthwiseConv2d);
    let pixels = |dims: Dims| match at.layer {
        Layer::FullyConnected => Dims { n: 1, h: 1, w: dims.n, c: dims.c },
        _ => dims,
    };
    let (input, output_dims) = (pixels(at.input), pixels(at.output));
    geometry(at, output);
    let (input_offset, output_offset) = (0, 0);
    let (stride, padding, dilation, activation) = (at.stride, at.padding, at.dilation, p.activation);
    Conv2d { input, filter, output: output_dims, stride, padding, dilation, input_offset, output_offset, activation }
}

fn depthwise(p: &ConvolveI16, len: usize) -> DepthwiseConv2d {
    let at = &p.at;
    require(at.layer == Layer::DepthwiseConv2d && at.input.c.checked_mul(at.group) == Some(at.output.c));
    require(at.tap_step == at.output.c && at.channel_step == 1 && at.depth == 1 && at.input.n == at.output.n);
    let sizes = [at.input.n, at.input.h, at.input.w, at.input.c, at.output.h, at.output.w, at.output.c];
    let steps = [at.stride.h, at.stride.w, at.dilation.h, at.dilation.w, at.taps.h, at.taps.w];
    require(sizes.iter().chain(&steps).all(|&size| size <= i16::MAX as usize));
    geometry(at, len);
    DepthwiseConv2d {
        input: at.input,
        filter: Dims { n: 1, h: at.taps.h, w: at.taps.w, c: at.output.c },
        output: at.output,
        depth_multiplier: at.group,
        stride: at.stride,
        padding: at.padding,
        dilation: at.dilation,
        input_offset: 0,
        output_offset: 0,
        activation: p.activation,
    }
}

/// Requires an output of `len` elements at least, and steps that the library can count.
fn geometry(at: &Convolution, len: usize) {
    let Dims { n, h, w, c } = at.output;
    product(len, &[n, h, w, c]);
    extents(&[at.stride, at.padding, at.dilation]);
    counts(&[at.depth, at.group]);
    require(at.dilation.h > 0 && at.dilation.w > 0);
}
