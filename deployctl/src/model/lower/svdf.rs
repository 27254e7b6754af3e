//! SVDF: a layer with a memory of its own.

use kernels::{Op, Svdf, SvdfF32, SvdfSizes};

use super::operand::Operand;
use super::product;
use super::scaled::{factor, range, scale, zero_point};
use super::site::{EXPORT, Site, agree};
use super::{Fault, Lowered, axes};
use crate::model::graph::FusedActivation;
use crate::model::{Options, TensorType};

/// An SVDF's tensors.
struct Tensors<'a> {
    input: Operand<'a>,
    feature: Operand<'a>,
    time: Operand<'a>,
    bias: Option<Operand<'a>>,
    state: Operand<'a>,
    output: Operand<'a>,
}

/// SVDF: input, feature weights, time weights, bias or none, state.
pub(super) fn svdf(site: &Site) -> Result<Lowered, Fault> {
    let Options::Svdf { rank, activation } = site.operator.options else { return Err(axes::no_options()) };
    site.counts(5..=5, 1)?;
    let bias = site.operator.inputs[3].map(|_| site.operand(3)).transpose()?;
    let tensors = Tensors {
        input: site.operand(0)?,
        feature: site.operand(1)?,
        time: site.operand(2)?,
        bias,
        state: site.state(4)?,
        output: site.result(0)?,
    };
    tensors.output.one_of(&[TensorType::Int8, TensorType::Float32])?;
    let sizes = sizes(&tensors, rank)?;
    let op = if tensors.output.dtype() == TensorType::Float32 {
        float32(&tensors, sizes, activation)?
    } else {
        int8(&tensors, sizes)?
    };
    let Tensors { input, feature, time, bias, state, output } = tensors;
    let inputs = [input, feature, time].into_iter().chain(bias).map(|operand| operand.id).collect();
    Ok(Lowered::op(op, inputs, vec![output.id, state.id]))
}

fn sizes(tensors: &Tensors, rank: i32) -> Result<SvdfSizes, Fault> {
    let Tensors { input, feature, time, bias, state, output } = tensors;
    let two = |operand: &Operand| match *operand.shape() {
        [a, b] => Ok((a, b)),
        _ => Err(Fault::at(
            operand.id,
            format!("has a tensor of shape {:?}, not two dimensions", operand.shape()),
            EXPORT,
        )),
    };
    let ((batches, depth), (filters, width), (_, memory)) = (two(input)?, two(feature)?, two(time)?);
    let whole = usize::try_from(rank).ok().filter(|rank| *rank > 0 && filters.is_multiple_of(*rank));
    let rank = whole.ok_or_else(|| Fault::at(feature.id, format!("has {filters} filters and rank {rank}"), EXPORT))?;
    let units = filters / rank;
    agree(width == depth, feature.id, || format!("has features of {width} elements for inputs of {depth}"))?;
    time.expect(&[filters, memory])?;
    state.expect(&[batches, memory * filters])?;
    output.expect_shape(&[batches, units])?;
    if let Some(bias) = bias {
        bias.expect(&[units])?;
    }
    Ok(SvdfSizes { batches, depth, units, rank, memory })
}

impl Operand<'_> {
    /// Refuses another shape.
    pub(super) fn expect(&self, shape: &[usize]) -> Result<(), Fault> {
        agree(self.shape() == shape, self.id, || {
            format!("has a tensor of shape {:?}, but {shape:?} follows from the others", self.shape())
        })
    }
}

fn float32(tensors: &Tensors, sizes: SvdfSizes, activation: FusedActivation) -> Result<Op, Fault> {
    let Tensors { input, feature, time, bias, state, output } = tensors;
    for operand in [input, feature, time, state].into_iter().chain(bias) {
        operand.same_type(output)?;
    }
    let (min, max) = match (activation, product::real_bounds(activation, output)?) {
        (FusedActivation::None, _) => (f32::NEG_INFINITY, f32::INFINITY),
        (FusedActivation::Relu, _) => (0.0, f32::INFINITY),
        (_, [min, max]) => (min, max),
    };
    Ok(Op::SvdfF32(SvdfF32 { sizes, min, max }))
}

/// LiteRT Micro multiplies and divides these scales in 32 bits, takes both weights for symmetric, and has no use for the
/// fused activation.
fn int8(tensors: &Tensors, sizes: SvdfSizes) -> Result<Op, Fault> {
    /// LiteRT's tolerance for the bias's scale.
    const NEAR: f64 = 1.0e-5;
    let Tensors { input, feature, time, bias, state, output } = tensors;
    input.one_of(&[TensorType::Int8])?;
    feature.one_of(&[TensorType::Int8])?;
    state.one_of(&[TensorType::Int8, TensorType::Int16])?;
    time.same_type(state)?;
    let kept = scale(state)?;
    let sum = kept * scale(time)?;
    if let Some(bias) = bias {
        bias.one_of(&[TensorType::Int32])?;
        let found = bias.scale_and_zero_point().0;
        agree((f64::from(found) - f64::from(sum)).abs() < NEAR, bias.id, || {
            format!("has a bias of scale {found}, not the {sum} of state times time weights")
        })?;
    }
    let first = f64::from(scale(input)? * scale(feature)? / kept);
    let second = f64::from(sum / scale(output)?);
    Ok(Op::Svdf(Svdf {
        state: state.element()?,
        sizes,
        input_offset: -zero_point(input)?,
        feature: factor(first, state)?,
        state_offset: zero_point(state)?,
        time: factor(second, output)?,
        output_offset: zero_point(output)?,
        activation: range(output.element()?),
    }))
}
