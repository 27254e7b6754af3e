//! Operators over rows: `L2_NORMALIZATION`, `LOG_SOFTMAX`.

use kernels::{L2Normalization, L2NormalizationF32, LogSoftmax, LogSoftmaxF32, Op};

use super::operand::Operand;
use super::scaled::{RESCALE, scale, zero_point};
use super::site::{EXPORT, Site};
use super::{Fault, Lowered, arithmetic, quantize};
use crate::model::TensorType::{Float32, Int8};
use crate::model::graph::FusedActivation;

/// Elements of a row whose exponentials surely fit the sum.
const MAX_DEPTH: usize = 4095;

/// `L2_NORMALIZATION`, over the last dimension of at most four.
pub(super) fn l2_normalization(site: &Site) -> Result<Lowered, Fault> {
    let (input, output) = site.same(&[Int8, Float32])?;
    let (rows, depth) = rows(&input)?;
    if arithmetic::fused(site) != FusedActivation::None {
        let reason = format!("has the fused activation {:?}", arithmetic::fused(site));
        return Err(Fault::at(output.id, reason, "put the activation behind the layer"));
    }
    if input.shape().len() > 4 {
        let reason = format!("has an input of shape {:?}", input.shape());
        return Err(Fault::at(input.id, reason, "reshape to at most four dimensions before this layer"));
    }
    let op = if output.dtype() == Float32 {
        Op::L2NormalizationF32(L2NormalizationF32 { rows, depth })
    } else {
        Op::L2Normalization(L2Normalization { rows, depth, zero_point: zero_point(&input)? })
    };
    Ok(Lowered::op(op, vec![input.id], vec![output.id]))
}

/// `LOG_SOFTMAX`, over the last dimension; int8 by LiteRT's `PreprocessLogSoftmaxScalingExp`.
pub(super) fn log_softmax(site: &Site) -> Result<Lowered, Fault> {
    /// The exact value, as the format's rules demand it.
    const OUTPUT: (f32, i32) = (16.0 / 256.0, 127);
    let (input, output) = site.same(&[Int8, Float32])?;
    let (rows, depth) = rows(&input)?;
    if output.dtype() == Float32 {
        let op = Op::LogSoftmaxF32(LogSoftmaxF32 { rows, depth });
        return Ok(Lowered::op(op, vec![input.id], vec![output.id]));
    }
    if output.quantization()? != OUTPUT {
        let reason = format!("has output quantization {:?}, not {OUTPUT:?}", output.quantization()?);
        return Err(Fault::at(output.id, reason, "convert again: LOG_SOFTMAX outputs have scale 1/16, zero point 127"));
    }
    if depth > MAX_DEPTH {
        let reason = format!("has rows of {depth} elements, but {MAX_DEPTH} is the most");
        return Err(Fault::at(input.id, reason, "leave the layer out and take the largest of its inputs"));
    }
    let scale = scale(&input)?;
    let fault = || Fault::at(input.id, format!("has an input of scale {scale}"), RESCALE);
    let exponent = quantize::exponent(f64::from(scale)).ok_or_else(fault)?;
    let back = f64::from(1_u32 << (31 - exponent.requant.shift)) / f64::from(exponent.requant.multiplier);
    let reverse = quantize::multiplier_below_one(back).ok_or_else(fault)?;
    let op = LogSoftmax { rows, depth, requant: exponent.requant, reverse, diff_min: exponent.diff_min };
    Ok(Lowered::op(Op::LogSoftmax(op), vec![input.id], vec![output.id]))
}

/// Number of rows and elements a row.
pub(super) fn rows(input: &Operand) -> Result<(usize, usize), Fault> {
    match input.shape().split_last() {
        Some((&depth, outer)) => Ok((outer.iter().product(), depth)),
        None => Err(Fault::at(input.id, "has a scalar as its input".to_owned(), EXPORT)),
    }
}
