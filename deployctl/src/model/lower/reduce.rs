//! Tensors folded along some of their dimensions, searched or summed along one.

use kernels::{
    Activation, Along, ArgExtreme, Axis, CumulativeSum, CumulativeSumF32, Fold, Op, Reduce, Requant, SumScale,
};

use super::axes::{Around, count};
use super::operand::Operand;
use super::site::{EXPORT, Site, agree};
use super::{Fault, Lowered, axes, quantize};
use crate::model::{Options, TensorType};

const RESCALE: &str = "check the calibration data: the scales of this layer are far apart";

/// `SUM`, `MEAN`, `REDUCE_MAX`, `REDUCE_MIN` and `REDUCE_ALL`.
pub(super) fn reduce(site: &Site, fold: Fold) -> Result<Lowered, Fault> {
    use TensorType::{Bool, Float32, Int8, Int16};
    site.counts(2..=2, 1)?;
    let (input, output) = (site.operand(0)?, site.result(0)?);
    input.one_of(match fold {
        Fold::Sum | Fold::Mean => &[Float32, Int8, Int16],
        Fold::Max | Fold::Min => &[Float32, Int8],
        Fold::All => &[Bool],
    })?;
    output.same_type(&input)?;
    site.operand(1)?.one_of(&[TensorType::Int32])?;
    let rank = input.shape().len();
    let axes = site.settings(1, "axes")?.into_iter().map(|axis| input.axis(axis, rank));
    let axes = axes.collect::<Result<Vec<usize>, Fault>>()?;
    let (kept, folded) = (along(&input, |axis| !axes.contains(&axis))?, along(&input, |axis| axes.contains(&axis))?);
    output.expect_elements(kept.iter().map(|along| along.count).product())?;
    let elements: usize = folded.iter().map(|along| along.count).product();
    let quantized = input.dtype() != Float32 && matches!(fold, Fold::Sum | Fold::Mean);
    let rescale = if quantized { rescale(&input, &output, fold, elements)? } else { None };
    if input.dtype() == Int8 && matches!(fold, Fold::Max | Fold::Min) {
        output.same_quantization(&input)?;
    }
    let op = Reduce { element: input.element()?, fold, kept, folded, rescale };
    Ok(Lowered::op(Op::Reduce(op), vec![input.id], vec![output.id]))
}

/// The dimensions that `chosen` says, adjacent ones joined.
fn along(input: &Operand, chosen: impl Fn(usize) -> bool) -> Result<[Along; 3], Fault> {
    let mut found: Vec<Along> = Vec::new();
    let mut last = None;
    for (axis, (&size, stride)) in input.shape().iter().zip(input.strides()).enumerate() {
        if !chosen(axis) || size == 1 {
            continue;
        }
        let step = usize::try_from(stride).unwrap_or_default();
        match found.last_mut() {
            Some(outer) if outer.step == size * step => *outer = Along { count: outer.count * size, step },
            _ => found.push(Along { count: size, step }),
        }
        last = Some(axis);
    }
    let mut along = [Along { count: 1, step: 0 }; 3];
    agree(found.len() <= along.len(), input.id, || {
        format!("folds a tensor of shape {:?} in turns up to axis {last:?}", input.shape())
    })?;
    let start = along.len() - found.len();
    along[start..].copy_from_slice(&found);
    Ok(along)
}

/// How a sum of quantized elements becomes an output element; `None` where it is a quotient: a mean that keeps its
/// quantization. LiteRT's `QuantizedMeanOrSum`.
fn rescale(input: &Operand, output: &Operand, fold: Fold, elements: usize) -> Result<Option<SumScale>, Fault> {
    let ((scale, zero_point), (output_scale, output_offset)) = (input.quantization()?, output.quantization()?);
    if fold == Fold::Mean && scale.to_bits() == output_scale.to_bits() && zero_point == output_offset {
        return Ok(None);
    }
    let real = f64::from(scale) / f64::from(output_scale);
    let requant = quantize::multiplier(real).ok_or_else(|| {
        Fault::at(output.id, format!("has scales {scale} and {output_scale}, too far apart"), RESCALE)
    })?;
    let requant = if fold == Fold::Mean { divided(requant, count(elements)) } else { requant };
    // As C does it: the lower 32 bits.
    #[expect(clippy::cast_possible_truncation, reason = "the sum that it is subtracted from wraps in the same way")]
    let offset = (i64::from(zero_point).wrapping_mul(count(elements))) as i32;
    Ok(Some(SumScale { offset, requant, output_offset }))
}

/// The factor divided by a number of elements, as much of it as possible in the shift.
fn divided(Requant { multiplier, shift }: Requant, elements: i64) -> Requant {
    let bits = i32::try_from(elements.unsigned_abs().ilog2()).unwrap_or_default().min(32).min(31 + shift);
    let quotient = (i64::from(multiplier) << bits) / elements;
    Requant { multiplier: i32::try_from(quotient).unwrap_or(i32::MAX), shift: shift - bits }
}

/// `ARG_MAX` and `ARG_MIN`, as int32.
pub(super) fn arg_extreme(site: &Site, largest: bool) -> Result<Lowered, Fault> {
    site.counts(2..=2, 1)?;
    let (input, output) = (site.operand(0)?, site.result(0)?);
    input.one_of(&[TensorType::Float32, TensorType::Int8])?;
    output.one_of(&[TensorType::Int32])?;
    let axis = axis(site, &input)?;
    output.expect_elements(axis.outer * axis.inner)?;
    let op = ArgExtreme { element: input.element()?, axis, largest };
    Ok(Lowered::op(Op::ArgExtreme(op), vec![input.id], vec![output.id]))
}

/// `CUMSUM`.
pub(super) fn cumsum(site: &Site) -> Result<Lowered, Fault> {
    /// LiteRT's head room.
    const LEFT_SHIFT: i32 = 20;
    let Options::Cumsum { exclusive, reverse } = site.operator.options else { return Err(axes::no_options()) };
    site.counts(2..=2, 1)?;
    let (input, output) = (site.operand(0)?, site.result(0)?);
    input.one_of(&[TensorType::Float32, TensorType::Int8])?;
    output.same_type(&input)?;
    output.same_shape(&input)?;
    let axis = axis(site, &input)?;
    if input.dtype() == TensorType::Float32 {
        let op = Op::CumulativeSumF32(CumulativeSumF32 { axis, exclusive, reverse });
        return Ok(Lowered::op(op, vec![input.id], vec![output.id]));
    }
    let ((scale, zero_point), (output_scale, output_offset)) = (input.quantization()?, output.quantization()?);
    let twice = 2.0 * f64::from(scale);
    let factor = |real: f64| {
        let reason = || format!("has scales {scale} and {output_scale}, too far apart");
        quantize::multiplier_below_one(real).ok_or_else(|| Fault::at(output.id, reason(), RESCALE))
    };
    let op = CumulativeSum {
        axis,
        exclusive,
        reverse,
        input_offset: -zero_point,
        left_shift: LEFT_SHIFT,
        input: factor(f64::from(scale) / twice)?,
        requant: factor(twice / (f64::from(1 << LEFT_SHIFT) * f64::from(output_scale)))?,
        output_offset,
        activation: Activation { min: i32::from(i8::MIN), max: i32::from(i8::MAX) },
    };
    Ok(Lowered::op(Op::CumulativeSum(op), vec![input.id], vec![output.id]))
}

/// The axis at input 1.
fn axis(site: &Site, input: &Operand) -> Result<Axis, Fault> {
    let rank = input.shape().len();
    if rank == 0 {
        return Err(Fault::at(input.id, "has a scalar as its input".to_owned(), EXPORT));
    }
    let axis = input.axis(site.settings_i32(1, "axis", 1)?[0], rank)?;
    let Around { outer, length, inner } = Around::new(input.shape(), axis);
    Ok(Axis { outer, length, inner })
}

#[cfg(test)]
mod tests {
    use super::divided;
    use kernels::Requant;

    #[test]
    fn a_factor_keeps_its_precision_when_it_is_divided() {
        let half = Requant { multiplier: 1 << 30, shift: 0 };
        assert_eq!(divided(half, 1), half);
        assert_eq!(divided(half, 8), Requant { multiplier: 1 << 30, shift: -3 });
        assert_eq!(
            divided(half, 3),
            Requant { multiplier: (1_i64 << 31).div_euclid(3).try_into().unwrap(), shift: -1 }
        );
        let small = Requant { multiplier: 1 << 30, shift: -30 };
        assert_eq!(divided(small, 8), Requant { multiplier: 1 << 28, shift: -31 }, "no shift beyond 31 bits");
    }
}
