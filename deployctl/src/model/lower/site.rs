//! One operator seen by the code that lowers it: its tensors, checked for what every int8 kernel needs.

use kernels::{Activation, Dims};

use super::{Fault, quantize};
use crate::model::graph::FusedActivation;
use crate::model::{CustomOptions, Graph, Operator, Options, Tensor, TensorId, TensorType};

pub(super) const INT8: &str = "convert with full integer quantization, int8 inputs and outputs included";
pub(super) const EXPORT: &str = "export the model again; if that changes nothing, this is a converter's mistake";

/// An operator and the graph around it.
pub(super) struct Site<'a> {
    pub(super) graph: &'a Graph,
    /// The graph's constants.
    pub(super) weights: &'a [u8],
    pub(super) operator: &'a Operator,
}

/// An int8 activation with one scale.
pub(super) struct Quantized<'a> {
    pub(super) id: TensorId,
    pub(super) shape: &'a [usize],
    pub(super) scale: f32,
    pub(super) zero_point: i32,
}

/// An int8 constant with one scale, or one for each output channel, and zero points.
pub(super) struct Filter<'a> {
    pub(super) id: TensorId,
    pub(super) shape: &'a [usize],
    pub(super) scales: &'a [f32],
    pub(super) zero_points: &'a [i64],
}

impl<'a> Site<'a> {
    /// The options of a custom operator.
    pub(super) fn custom(&self) -> Result<&'a CustomOptions, Fault> {
        match &self.operator.options {
            Options::Custom { values: Some(values), .. } => Ok(values),
            _ => Err(Fault::new(
                "has options that are not a map of numbers, texts and lists (FlexBuffers)".to_owned(),
                EXPORT,
            )),
        }
    }

    /// The option `name` of a custom operator, which must be there: `get` reads it as what it has to be.
    pub(super) fn option<T>(
        &self,
        name: &str,
        get: impl FnOnce(&'a CustomOptions, &str) -> Option<T>,
    ) -> Result<T, Fault> {
        let options = self.custom()?;
        get(options, name).ok_or_else(|| match options.value(name) {
            None => Fault::new(format!("has no option `{name}`"), EXPORT),
            Some(found) => Fault::new(format!("has the option `{name}` as {found:?}"), EXPORT),
        })
    }

    /// Refuses an operator whose tensor lists have another length than its kernel's arguments.
    pub(super) fn arity(&self, inputs: std::ops::RangeInclusive<usize>) -> Result<(), Fault> {
        let (found, outputs) = (self.operator.inputs.len(), self.operator.outputs.len());
        if !inputs.contains(&found) || outputs != 1 {
            return Err(Fault::new(format!("has {found} inputs and {outputs} outputs"), EXPORT));
        }
        Ok(())
    }

    /// The activation at `position` of the inputs.
    pub(super) fn input(&self, position: usize) -> Result<Quantized<'a>, Fault> {
        let input = self.term(position)?;
        if self.graph.tensor(input.id).constant.is_some() {
            let reason = format!("input {position} is a constant, for which this operator has no kernel");
            return Err(Fault::at(input.id, reason, "fold the constant into a neighbouring layer before converting"));
        }
        Ok(input)
    }

    /// The activation or constant at `position` of the inputs.
    pub(super) fn term(&self, position: usize) -> Result<Quantized<'a>, Fault> {
        let id = self.operator.inputs.get(position).copied().flatten();
        let id = id.ok_or_else(|| Fault::new(format!("has no input {position}"), EXPORT))?;
        quantized(id, self.graph.tensor(id))
    }

    /// The only output.
    pub(super) fn output(&self) -> Result<Quantized<'a>, Fault> {
        let id = self.operator.outputs.first().copied();
        let id = id.ok_or_else(|| Fault::new("has no output".to_owned(), EXPORT))?;
        quantized(id, self.graph.tensor(id))
    }

    /// The filter at input 1: an int8 constant whose scales, if several, vary along `dimension`.
    pub(super) fn filter(&self, dimension: usize) -> Result<Filter<'a>, Fault> {
        let id = self.operator.inputs.get(1).copied().flatten();
        let id = id.ok_or_else(|| Fault::new("has no filter".to_owned(), EXPORT))?;
        let tensor = self.graph.tensor(id);
        if tensor.constant.is_none() {
            let advice = "use weights that are known when the model is converted";
            return Err(Fault::at(id, "has a filter that is computed, not constant".to_owned(), advice));
        }
        int8(id, tensor)?;
        let Some(quantization) = &tensor.quantization else {
            return Err(Fault::at(id, "has a filter without quantization".to_owned(), INT8));
        };
        if quantization.scales.iter().any(|&scale| scale < 0.0) {
            return Err(Fault::at(id, "has a filter with a negative scale".to_owned(), EXPORT));
        }
        if quantization.scales.len() > 1 && quantization.dimension != dimension {
            let reason = format!("has a filter quantized along dimension {}, not {dimension}", quantization.dimension);
            return Err(Fault::at(id, reason, EXPORT));
        }
        let (scales, zero_points) = (&quantization.scales, &quantization.zero_points);
        Ok(Filter { id, shape: &tensor.shape, scales, zero_points })
    }

    /// The bias at input 2, where there is one: an int32 constant with a value for each of `channels`.
    pub(super) fn bias(&self, channels: usize) -> Result<Option<TensorId>, Fault> {
        let Some(id) = self.operator.inputs.get(2).copied().flatten() else { return Ok(None) };
        let tensor = self.graph.tensor(id);
        if tensor.constant.is_none() {
            let advice = "use a bias that is known when the model is converted";
            return Err(Fault::at(id, "has a bias that is computed, not constant".to_owned(), advice));
        }
        if tensor.dtype != TensorType::Int32 {
            let reason = format!("has a bias of type {}, not int32", tensor.dtype.name());
            return Err(Fault::at(id, reason, INT8));
        }
        if tensor.elements() != channels {
            let reason = format!("has a bias of {} values for {channels} channels", tensor.elements());
            return Err(Fault::at(id, reason, EXPORT));
        }
        Ok(Some(id))
    }
}

impl Filter<'_> {
    /// Refuses weights with a zero point other than zero, which LiteRT's convolutions ignore.
    pub(super) fn symmetric(&self) -> Result<(), Fault> {
        match self.zero_points.iter().find(|&&zero_point| zero_point != 0) {
            Some(zero_point) => {
                Err(Fault::at(self.id, format!("has a filter with zero point {zero_point}, not 0"), INT8))
            }
            None => Ok(()),
        }
    }
}

/// The fused activation as bounds on `output`.
pub(super) fn bounds(function: FusedActivation, output: &Quantized) -> Result<Activation, Fault> {
    quantize::activation(function, output.scale, output.zero_point).ok_or_else(|| {
        let reason = format!("has the fused activation {function:?} at output scale {}", output.scale);
        Fault::at(output.id, reason, "use RELU, RELU6 or no fused activation")
    })
}

/// A shape of four dimensions.
pub(super) fn dims(id: TensorId, shape: &[usize]) -> Result<Dims, Fault> {
    let &[n, h, w, c] = shape else {
        let reason = format!("has a tensor of shape {shape:?} where four dimensions are needed");
        return Err(Fault::at(id, reason, "reshape to batch, height, width, channels before this layer"));
    };
    Ok(Dims { n, h, w, c })
}

/// Refuses a shape that is not the one `what` says.
pub(super) fn agree(ok: bool, id: TensorId, reason: impl FnOnce() -> String) -> Result<(), Fault> {
    if ok { Ok(()) } else { Err(Fault::at(id, reason(), EXPORT)) }
}

/// Refuses shapes that are open or empty.
pub(super) fn settled(id: TensorId, tensor: &Tensor) -> Result<(), Fault> {
    // An open batch is what converters leave by default, and one inference is one batch.
    if tensor.signature.iter().skip(1).any(|&dimension| dimension < 0) {
        let reason = format!("has a tensor of dynamic shape {:?}", tensor.signature);
        return Err(Fault::at(id, reason, "convert from a function with a fixed input shape"));
    }
    if tensor.elements() == 0 {
        return Err(Fault::at(id, format!("has a tensor of shape {:?}, which is empty", tensor.shape), EXPORT));
    }
    Ok(())
}

fn quantized(id: TensorId, tensor: &Tensor) -> Result<Quantized<'_>, Fault> {
    int8(id, tensor)?;
    settled(id, tensor)?;
    let Some(quantization) = &tensor.quantization else {
        return Err(Fault::at(id, "has an activation without quantization".to_owned(), INT8));
    };
    let (&[scale], &[zero_point]) = (quantization.scales.as_slice(), quantization.zero_points.as_slice()) else {
        let reason = format!("has an activation with {} scales, not one", quantization.scales.len());
        return Err(Fault::at(id, reason, INT8));
    };
    let zero_point = i8::try_from(zero_point);
    match zero_point {
        Ok(zero_point) if scale > 0.0 => {
            Ok(Quantized { id, shape: &tensor.shape, scale, zero_point: i32::from(zero_point) })
        }
        _ => {
            let reason = format!("has an activation with scale {scale} and zero point {:?}", quantization.zero_points);
            Err(Fault::at(id, reason, EXPORT))
        }
    }
}

fn int8(id: TensorId, tensor: &Tensor) -> Result<(), Fault> {
    if tensor.dtype == TensorType::Int8 {
        return Ok(());
    }
    Err(Fault::at(id, format!("has a tensor of type {}; kernels exist for int8", tensor.dtype.name()), INT8))
}
