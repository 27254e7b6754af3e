//! The tensors of an operator of the common form: any type, activation or constant.

use kernels::Element;

use super::Fault;
use super::axes::no_options;
use super::site::{EXPORT, INT8, Site, agree, settled};
use crate::model::{Options, Tensor, TensorId, TensorType};

const TYPES: &str = "cast or quantize to a type that LiteRT Micro has this operator for";

/// A tensor that an operator reads or writes: a settled shape that is not empty.
#[derive(Clone, Copy)]
pub(super) struct Operand<'a> {
    pub(super) id: TensorId,
    tensor: &'a Tensor,
}

impl<'a> Site<'a> {
    /// The input at `position`, which must be there.
    pub(super) fn operand(&self, position: usize) -> Result<Operand<'a>, Fault> {
        let id = self.operator.inputs.get(position).copied().flatten();
        let id = id.ok_or_else(|| Fault::new(format!("has no input {position}"), EXPORT))?;
        let tensor = self.graph.tensor(id);
        settled(id, tensor)?;
        Ok(Operand { id, tensor })
    }

    /// The variable at `position` of the inputs: state that the operator reads and writes.
    pub(super) fn state(&self, position: usize) -> Result<Operand<'a>, Fault> {
        let id = self.operator.inputs.get(position).copied().flatten();
        self.variable(id.ok_or_else(|| Fault::new(format!("has no input {position}"), EXPORT))?)
    }

    /// A variable.
    pub(super) fn variable(&self, id: TensorId) -> Result<Operand<'a>, Fault> {
        let tensor = self.graph.tensors.get(id.0).filter(|tensor| tensor.variable && tensor.constant.is_none());
        let tensor = tensor.ok_or_else(|| Fault::new("has a state that is no variable".to_owned(), EXPORT))?;
        settled(id, tensor)?;
        Ok(Operand { id, tensor })
    }

    /// The output at `position`, which keeps its contents from one inference to the next.
    pub(super) fn state_written(&self, position: usize) -> Result<Operand<'a>, Fault> {
        let id = self.operator.outputs.get(position).copied();
        self.variable(id.ok_or_else(|| Fault::new(format!("has no output {position}"), EXPORT))?)
    }

    /// State of a custom operator, or memory for it to work in, that is no tensor of the model file; the reader appends it.
    pub(super) fn own(&self, position: usize) -> Result<Operand<'a>, Fault> {
        let Options::Custom { own, .. } = &self.operator.options else { return Err(no_options()) };
        let id = *own.get(position).ok_or_else(no_options)?;
        let tensor = self.graph.tensors.get(id.0).ok_or_else(no_options)?;
        Ok(Operand { id, tensor })
    }

    /// The output at `position`.
    pub(super) fn result(&self, position: usize) -> Result<Operand<'a>, Fault> {
        let id = self.operator.outputs.get(position).copied();
        let id = id.ok_or_else(|| Fault::new(format!("has no output {position}"), EXPORT))?;
        let tensor = self.graph.tensor(id);
        settled(id, tensor)?;
        Ok(Operand { id, tensor })
    }

    /// The values of input `position`, an int32 or int64 constant that says what the operator does: `what` names it.
    pub(super) fn settings(&self, position: usize, what: &str) -> Result<Vec<i64>, Fault> {
        let operand = self.operand(position)?;
        let Some(constant) = operand.tensor.constant else {
            let reason = format!("computes its {what} at run time");
            return Err(Fault::at(operand.id, reason, "use a value that is known when the model is converted"));
        };
        let bytes = self.weights.get(constant.offset..).and_then(|rest| rest.get(..constant.len)).unwrap_or_default();
        match operand.tensor.dtype {
            TensorType::Int32 => {
                Ok(bytes.as_chunks().0.iter().map(|&word| i64::from(i32::from_le_bytes(word))).collect())
            }
            TensorType::Int64 => Ok(bytes.as_chunks().0.iter().map(|&word| i64::from_le_bytes(word)).collect()),
            other => Err(Fault::at(operand.id, format!("has its {what} as {}", other.name()), EXPORT)),
        }
    }
}

impl<'a> Operand<'a> {
    pub(super) fn shape(&self) -> &'a [usize] {
        &self.tensor.shape
    }

    pub(super) fn elements(&self) -> usize {
        self.tensor.elements()
    }

    /// Size in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.tensor.bytes()
    }

    pub(super) fn dtype(&self) -> TensorType {
        self.tensor.dtype
    }

    /// The type in the file, where weights are unpacked.
    pub(super) fn stored(&self) -> TensorType {
        self.tensor.unpacked_from.unwrap_or(self.tensor.dtype)
    }

    pub(super) fn is_constant(&self) -> bool {
        self.tensor.constant.is_some()
    }

    /// Whether it keeps its contents from one inference to the next.
    pub(super) fn is_variable(&self) -> bool {
        self.tensor.variable
    }

    /// Whether the file states a scale and a zero point.
    pub(super) fn is_quantized(&self) -> bool {
        self.tensor.quantization.is_some()
    }

    /// The element type as kernels name it.
    pub(super) fn element(&self) -> Result<Element, Fault> {
        Ok(match self.tensor.dtype {
            TensorType::Int8 => Element::I8,
            TensorType::Uint8 => Element::U8,
            TensorType::Bool => Element::Bool,
            TensorType::Int16 => Element::I16,
            TensorType::Int32 => Element::I32,
            TensorType::Uint32 => Element::U32,
            TensorType::Int64 => Element::I64,
            TensorType::Float32 => Element::F32,
            other => return Err(Fault::at(self.id, format!("has a tensor of type {}", other.name()), TYPES)),
        })
    }

    /// Refuses other types than these.
    pub(super) fn one_of(&self, types: &[TensorType]) -> Result<(), Fault> {
        if types.contains(&self.tensor.dtype) {
            return Ok(());
        }
        let names: Vec<&str> = types.iter().map(|dtype| dtype.name()).collect();
        let reason = format!("has a tensor of type {}, not {}", self.tensor.dtype.name(), names.join(" or "));
        Err(Fault::at(self.id, reason, TYPES))
    }

    pub(super) fn same_type(&self, other: &Operand) -> Result<(), Fault> {
        agree(self.tensor.dtype == other.tensor.dtype, self.id, || {
            format!("has tensors of types {} and {}", other.tensor.dtype.name(), self.tensor.dtype.name())
        })
    }

    pub(super) fn same_shape(&self, other: &Operand) -> Result<(), Fault> {
        agree(self.shape() == other.shape(), self.id, || {
            format!("has tensors of shapes {:?} and {:?}", other.shape(), self.shape())
        })
    }

    /// Scale and zero point as LiteRT Micro has them for an operator that does not compute with them: the first of each,
    /// or zero.
    pub(super) fn scale_and_zero_point(&self) -> (f32, i64) {
        let first = |quantization: &crate::model::Quantization| {
            let scale = quantization.scales.first().copied().unwrap_or_default();
            (scale, quantization.zero_points.first().copied().unwrap_or_default())
        };
        self.tensor.quantization.as_ref().map_or((0.0, 0), first)
    }

    /// Scale and zero point: one of each, the scale positive, the zero point a value of the type.
    pub(super) fn quantization(&self) -> Result<(f32, i32), Fault> {
        let range = match self.tensor.dtype {
            TensorType::Int8 => -128..=127,
            TensorType::Uint8 => 0..=255,
            TensorType::Int16 => -32_768..=32_767,
            // Kernels take the negative of it.
            _ => i64::from(-i32::MAX)..=i64::from(i32::MAX),
        };
        let Some(quantization) = &self.tensor.quantization else {
            return Err(Fault::at(self.id, "has a tensor without quantization".to_owned(), INT8));
        };
        match (quantization.scales.as_slice(), quantization.zero_points.as_slice()) {
            (&[scale], &[zero_point]) if scale > 0.0 && range.contains(&zero_point) => {
                Ok((scale, i32::try_from(zero_point).unwrap_or_default()))
            }
            (scales, zero_points) => {
                let reason = format!("has a tensor with scales {scales:?} and zero points {zero_points:?}");
                Err(Fault::at(self.id, reason, EXPORT))
            }
        }
    }
}
