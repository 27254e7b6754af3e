//! Operators without weights: pooling, addition and softmax.

use kernels::{Add, AddOperand, Dims, Extent, Pool2d, Softmax};

use super::quantize::Exponent;
use super::site::{Quantized, Site, agree, bounds, dims};
use super::window::window;
use super::{Call, Fault, Lowered, quantize};
use crate::model::graph::{FusedActivation, Padding};

const RESCALE: &str = "check the calibration data: the scales of this layer are far apart";
const SAME_QUANTIZATION: &str = "convert again: pooling must keep its input's quantization";

/// Elements of a softmax row for which LiteRT's fixed point is defined: at 512 equal ones its last shift reaches 32 bits.
const MAX_SOFTMAX_DEPTH: usize = 511;
/// Elements of a pooling window whose sum surely fits 32 bits.
const MAX_POOL_TAPS: usize = 1 << 20;

/// `AVERAGE_POOL_2D` and `MAX_POOL_2D`.
pub(super) fn pool_2d(
    site: &Site,
    call: fn(Pool2d) -> Call,
    padding: Padding,
    stride: [i32; 2],
    taps: [i32; 2],
    activation: FusedActivation,
) -> Result<Lowered, Fault> {
    site.arity(1..=1)?;
    let (input, output) = (site.input(0)?, site.output()?);
    let (input_dims, output_dims) = (dims(input.id, input.shape)?, dims(output.id, output.shape)?);
    // A negative size becomes zero, which the window refuses.
    let count = |value: i32| usize::try_from(value).unwrap_or_default();
    let taps = Extent { h: count(taps[0]), w: count(taps[1]) };
    let geometry = window(input_dims, taps, padding, stride, [1, 1])?;
    agree(taps.h * taps.w <= MAX_POOL_TAPS, input.id, || format!("has a window of {} by {}", taps.h, taps.w))?;
    let expected = [input_dims.n, geometry.output.h, geometry.output.w, input_dims.c];
    agree(output.shape == expected, output.id, || {
        format!("has an output of shape {:?}, but its window gives {expected:?}", output.shape)
    })?;
    let difference = (f64::from(input.scale) - f64::from(output.scale)).abs();
    if difference > 1.0e-6 || input.zero_point != output.zero_point {
        return Err(Fault::at(output.id, "changes the quantization of its input".to_owned(), SAME_QUANTIZATION));
    }
    let call = call(Pool2d {
        input: input_dims,
        output: output_dims,
        window: taps,
        stride: geometry.stride,
        padding: geometry.padding,
        activation: bounds(activation, &output)?,
    });
    Ok(Lowered::plain(call, vec![input.id], vec![output.id]))
}

/// `ADD`: both operands are brought to twice the larger of their scales, 20 bits up, and from there to the output's.
pub(super) fn add(site: &Site, activation: FusedActivation) -> Result<Lowered, Fault> {
    /// LiteRT's head room for int8.
    const LEFT_SHIFT: i32 = 20;
    site.arity(2..=2)?;
    let (a, b, output) = (site.term(0)?, site.term(1)?, site.output()?);
    let (a_dims, b_dims, output_dims) = broadcast(&a, &b, &output)?;
    let twice_max = 2.0 * f64::from(a.scale.max(b.scale));
    let requant = |real: f64| {
        let reason = || format!("has scales {}, {} and {}, which 32 bits cannot add", a.scale, b.scale, output.scale);
        quantize::multiplier_below_one(real).ok_or_else(|| Fault::at(output.id, reason(), RESCALE))
    };
    let operand = |tensor: &Quantized, dims: Dims| -> Result<AddOperand, Fault> {
        Ok(AddOperand { dims, offset: -tensor.zero_point, requant: requant(f64::from(tensor.scale) / twice_max)? })
    };
    let call = Call::Add(Add {
        a: operand(&a, a_dims)?,
        b: operand(&b, b_dims)?,
        output: output_dims,
        left_shift: LEFT_SHIFT,
        requant: requant(twice_max / (f64::from(1 << LEFT_SHIFT) * f64::from(output.scale)))?,
        output_offset: output.zero_point,
        activation: bounds(activation, &output)?,
    });
    Ok(Lowered::plain(call, vec![a.id, b.id], vec![output.id]))
}

/// Shapes of both operands and the output in four dimensions, one of 1 being broadcast. Equal shapes of any rank are one
/// row.
fn broadcast(a: &Quantized, b: &Quantized, output: &Quantized) -> Result<(Dims, Dims, Dims), Fault> {
    let shapes = || format!("adds shapes {:?} and {:?} to {:?}", a.shape, b.shape, output.shape);
    if a.shape == b.shape && a.shape == output.shape {
        let row = Dims { n: 1, h: 1, w: 1, c: a.shape.iter().product() };
        let dims = aligned(a.shape).unwrap_or(row);
        return Ok((dims, dims, dims));
    }
    let (Some(a_dims), Some(b_dims), Some(output_dims)) = (aligned(a.shape), aligned(b.shape), aligned(output.shape))
    else {
        return Err(Fault::at(output.id, shapes(), "reshape to at most four dimensions before adding"));
    };
    let along = |dims: Dims| [dims.n, dims.h, dims.w, dims.c];
    let fits = along(a_dims).into_iter().zip(along(b_dims)).zip(along(output_dims)).all(|((a, b), output)| {
        let broadcast = if a == 1 { b } else { a };
        output == broadcast && (b == 1 || b == output)
    });
    agree(fits, output.id, shapes)?;
    Ok((a_dims, b_dims, output_dims))
}

/// Shape of an operand with up to four dimensions, aligned at the innermost.
fn aligned(shape: &[usize]) -> Option<Dims> {
    let mut dims = [1; 4];
    let start = 4_usize.checked_sub(shape.len())?;
    dims[start..].copy_from_slice(shape);
    let [n, h, w, c] = dims;
    Some(Dims { n, h, w, c })
}

/// `SOFTMAX` over the last dimension.
pub(super) fn softmax(site: &Site, beta: f32) -> Result<Lowered, Fault> {
    /// The exact value, as the format's rules for softmax demand it.
    const OUTPUT_SCALE: f32 = 1.0 / 256.0;
    site.arity(1..=1)?;
    let (input, output) = (site.input(0)?, site.output()?);
    agree(input.shape == output.shape, output.id, || {
        format!("has an input of shape {:?} and an output of {:?}", input.shape, output.shape)
    })?;
    let Some(&depth) = input.shape.last() else {
        return Err(Fault::at(input.id, "has a scalar as its input".to_owned(), "leave the softmax out"));
    };
    if depth > MAX_SOFTMAX_DEPTH {
        let reason = format!("has rows of {depth} elements, but LiteRT Micro's is defined for {MAX_SOFTMAX_DEPTH}");
        return Err(Fault::at(input.id, reason, "leave the softmax out and take the largest of its inputs"));
    }
    if output.scale.to_bits() != OUTPUT_SCALE.to_bits() || output.zero_point != -128 {
        let reason = format!("has output scale {} and zero point {}", output.scale, output.zero_point);
        return Err(Fault::at(output.id, reason, "convert again: softmax outputs have scale 1/256, zero point -128"));
    }
    let Some(Exponent { requant, diff_min }) = quantize::exponent(f64::from(beta) * f64::from(input.scale)) else {
        let reason = format!("has beta {beta} and input scale {}, whose product is too small", input.scale);
        return Err(Fault::at(input.id, reason, RESCALE));
    };
    let rows = input.shape.iter().product::<usize>() / depth;
    let call = Call::Softmax(Softmax { rows, depth, requant, diff_min });
    Ok(Lowered::plain(call, vec![input.id], vec![output.id]))
}
