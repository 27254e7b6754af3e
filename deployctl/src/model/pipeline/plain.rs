//! Steps that every source may have.

use kernels::{Element, Op, Quantize};

use super::builder::{Builder, Value};
use super::spec::{Form, Wrong};
use super::{StepOp, image};
use crate::model::TensorType;

/// To the model's type. Nothing happens where the value has it already.
pub(super) fn quantize(builder: &mut Builder, value: Value) -> Result<Value, Wrong> {
    if value.form.dtype == TensorType::Uint8 {
        return image::quantize(builder, value);
    }
    let port = builder.port().clone();
    if value.form.dtype == port.dtype {
        return Ok(value);
    }
    let numbers = port.quantization.as_ref().and_then(|q| Some((*q.scales.first()?, *q.zero_points.first()?)));
    let to = match port.dtype {
        TensorType::Int8 => Some(Element::I8),
        TensorType::Int16 => Some(Element::I16),
        _ => None,
    };
    let (TensorType::Float32, Some(to), Some((scale, zero_point))) = (value.form.dtype, to, numbers) else {
        let reason = format!("{} does not become {} here", value.form.dtype.name(), port.dtype.name());
        return Err(Wrong::new(reason, "quantized are float32 values, to int8 or int16 with one scale and zero point"));
    };
    let zero_point = i32::try_from(zero_point).unwrap_or_default();
    let p = Quantize { len: value.form.elements(), to, scale, zero_point };
    let form = Form { shape: value.form.shape, ..port };
    Ok(builder.append("quantize", StepOp::Kernel(Op::Quantize(p)), vec![value.id], form, vec![]))
}
