//! `UNIDIRECTIONAL_SEQUENCE_LSTM`: LiteRT Micro's `UnidirectionalSequenceLstmPrepare`.

use kernels::{Lstm, LstmF32, LstmGate, LstmSizes, Op, Requant};

use super::operand::Operand;
use super::scaled::{RESCALE, factor, symmetric};
use super::site::{EXPORT, Site, agree};
use super::{Fault, Lowered, axes};
use crate::model::TensorType::{Float32, Int8, Int16, Int32, Int64};
use crate::model::graph::FusedActivation;
use crate::model::{Options, TensorId};

const PLAIN: &str = "use a plain LSTM, such as `tf.keras.layers.LSTM` converts to; LiteRT Micro has no other";
/// Larger shifts would leave nothing to round for a 64-bit accumulator.
const MAX_WIDE_SHIFT: i32 = 14;

/// An LSTM's tensors; lists are of the input, forget, cell and output gate.
struct Tensors<'a> {
    input: Operand<'a>,
    weights: [Operand<'a>; 4],
    recurrent: [Operand<'a>; 4],
    biases: [Operand<'a>; 4],
    hidden: Operand<'a>,
    cell: Operand<'a>,
    output: Operand<'a>,
}

/// `UNIDIRECTIONAL_SEQUENCE_LSTM`.
pub(super) fn lstm(site: &Site) -> Result<Lowered, Fault> {
    let Options::Lstm { activation, cell_clip, time_major } = site.operator.options else {
        return Err(axes::no_options());
    };
    site.counts(24..=24, 1)?;
    plain(site)?;
    if activation != FusedActivation::Tanh {
        return Err(Fault::new(format!("has the cell activation {activation:?}, not tanh"), PLAIN));
    }
    if cell_clip < 0.0 {
        return Err(Fault::new(format!("has its cell state clipped to {cell_clip}"), EXPORT));
    }
    let four = |first: usize| -> Result<[Operand; 4], Fault> {
        Ok([site.operand(first)?, site.operand(first + 1)?, site.operand(first + 2)?, site.operand(first + 3)?])
    };
    let tensors = Tensors {
        input: site.operand(0)?,
        weights: four(1)?,
        recurrent: four(5)?,
        biases: four(12)?,
        hidden: site.state(18)?,
        cell: site.state(19)?,
        output: site.result(0)?,
    };
    types(&tensors)?;
    let sizes = sizes(&tensors, time_major)?;
    let op = if tensors.input.dtype() == Float32 {
        Op::LstmF32(LstmF32 { sizes, clip: (cell_clip > 0.0).then_some(cell_clip) })
    } else {
        Op::Lstm(integer(&tensors, sizes, cell_clip)?)
    };
    let Tensors { input, weights, recurrent, biases, hidden, cell, output } = tensors;
    let constants = weights.iter().chain(&recurrent).chain(&biases).map(|operand| operand.id);
    let inputs: Vec<TensorId> = std::iter::once(input.id).chain(constants).collect();
    Ok(Lowered::op(op, inputs, vec![output.id, hidden.id, cell.id]))
}

/// Refuses the kinds of LSTM that LiteRT Micro refuses.
fn plain(site: &Site) -> Result<(), Fault> {
    let there = |position: usize| site.operator.inputs[position].is_some();
    let kinds = [(9..12, "peephole connections"), (16..18, "a projection"), (20..24, "layer normalization")];
    for (mut positions, kind) in kinds {
        if positions.any(there) {
            return Err(Fault::new(format!("has {kind}"), PLAIN));
        }
    }
    if !there(1) && !there(5) {
        return Err(Fault::new("has its input and forget gates coupled".to_owned(), PLAIN));
    }
    Ok(())
}

fn types(tensors: &Tensors) -> Result<(), Fault> {
    let Tensors { input, weights, recurrent, biases, hidden, cell, output } = tensors;
    input.one_of(&[Float32, Int8, Int16])?;
    let (weight, bias, kept) = match input.dtype() {
        Float32 => (Float32, Float32, Float32),
        Int8 => (Int8, Int32, Int16),
        _ => (Int8, Int64, Int16),
    };
    weights.iter().chain(recurrent).try_for_each(|operand| operand.one_of(&[weight]))?;
    biases.iter().try_for_each(|operand| operand.one_of(&[bias]))?;
    cell.one_of(&[kept])?;
    hidden.same_type(input)?;
    output.same_type(input)
}

fn sizes(tensors: &Tensors, time_major: bool) -> Result<LstmSizes, Fault> {
    let Tensors { input, weights, recurrent, biases, hidden, cell, output } = tensors;
    let (&[first, second, depth], &[_, units]) = (input.shape(), hidden.shape()) else {
        let reason = format!("has an input of shape {:?} and a state of {:?}", input.shape(), hidden.shape());
        return Err(Fault::at(input.id, reason, EXPORT));
    };
    let (steps, batches) = if time_major { (first, second) } else { (second, first) };
    let fits = |operands: &[Operand; 4], shape: &[usize]| operands.iter().try_for_each(|operand| operand.expect(shape));
    fits(weights, &[units, depth])?;
    fits(recurrent, &[units, units])?;
    fits(biases, &[units])?;
    for state in [hidden, cell] {
        agree(state.elements() == batches * units, state.id, || {
            format!("has a state of shape {:?} for {batches} sequences and {units} units", state.shape())
        })?;
    }
    output.expect_shape(&[first, second, units])?;
    Ok(LstmSizes { batches, steps, depth, units, time_major })
}

/// All factors are of 64-bit floats.
fn integer(tensors: &Tensors, sizes: LstmSizes, cell_clip: f32) -> Result<Lstm, Fault> {
    /// Scale of what a gate's function takes, and of what it gives.
    const BEFORE: f64 = 1.0 / 4096.0;
    const AFTER: f64 = 1.0 / 32_768.0;
    let Tensors { input, hidden, cell, .. } = tensors;
    if input.dtype() == Int16 {
        symmetric(&[input, hidden])?;
    }
    let wide = input.dtype() == Int16;
    let weighed = |x: &Operand, w: &Operand| -> Result<(Requant, i32), Fault> {
        let ((scale, _), (own, zero_point)) = (x.quantization()?, w.quantization()?);
        let found = factor(f64::from(scale) * f64::from(own) / BEFORE, w)?;
        agree(!wide || found.shift <= MAX_WIDE_SHIFT, w.id, || {
            format!("has scales that make a factor of 2^{}, more than kernels can apply", found.shift)
        })?;
        Ok((found, -zero_point))
    };
    let mut gates = Vec::new();
    for (weights, recurrent) in tensors.weights.iter().zip(&tensors.recurrent) {
        let ((input, input_offset), (hidden, hidden_offset)) = (weighed(input, weights)?, weighed(hidden, recurrent)?);
        gates.push(LstmGate { input, input_offset, hidden, hidden_offset });
    }
    let cell_scale = f64::from(cell.quantization()?.0);
    let (hidden_scale, hidden_offset) = hidden.quantization()?;
    let (cell_multiplier, cell_shift) = cell_factor(cell)?;
    #[expect(clippy::cast_possible_truncation, reason = "the cast is LiteRT's")]
    let clip = (f64::from(cell_clip) / cell_scale).min(32_767.0) as i16;
    Ok(Lstm {
        element: input.element()?,
        sizes,
        input_offset: -input.quantization()?.1,
        hidden_offset,
        gates: gates.try_into().map_err(|_| axes::no_options())?,
        forget: factor(AFTER * cell_scale / cell_scale, cell)?,
        update: factor(AFTER * AFTER / cell_scale, cell)?,
        output: factor(AFTER * AFTER / f64::from(hidden_scale), hidden)?,
        clip: (cell_clip > 0.0).then_some(clip),
        cell_multiplier,
        cell_shift,
    })
}

/// Factor and right shift from the cell state's scale, which LiteRT takes for the next power of two, to 1/12288.
fn cell_factor(cell: &Operand) -> Result<(i32, i32), Fault> {
    /// Powers for which 32 bits suffice; and how near the middle between two of them logarithms may differ.
    const POWERS: std::ops::RangeInclusive<f64> = -42.0..=2.0;
    const MIDDLE: f64 = 1.0e-3;
    let scale = cell.quantization()?.0;
    let power = f64::from(scale).log2();
    if !POWERS.contains(&power.round()) || ((power - power.floor()) - 0.5).abs() < MIDDLE {
        return Err(Fault::at(cell.id, format!("has a cell state of scale {scale}"), RESCALE));
    }
    #[expect(clippy::cast_possible_truncation, reason = "a small whole number")]
    let left = power.round() as i32 + 12;
    Ok(if left >= 0 { (3 << left, 0) } else { (3, -left) })
}
