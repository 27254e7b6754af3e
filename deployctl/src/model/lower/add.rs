//! Int8 `ADD`, where it has a call of its own.

use kernels::{Add, AddOperand, Dims};

use super::site::{Quantized, Site, agree, bounds};
use super::{Call, Fault, Lowered, quantize};
use crate::model::graph::FusedActivation;

const RESCALE: &str = "check the calibration data: the scales of this layer are far apart";
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
