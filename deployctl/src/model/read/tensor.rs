//! Tensors: types, shapes and quantization.

use tflite_flatbuffers as format;

use super::{ReadError, elements};
use crate::model::{Quantization, Tensor, TensorType};

/// No tensor may be larger: LiteRT counts in 32-bit signed numbers.
const MAX_BYTES: u64 = i32::MAX as u64;
const FIXED: &str = "fix the shape before converting (a concrete input signature with batch 1)";

/// All tensors of the subgraph, constants not yet attached.
pub(super) fn tensors(subgraph: &format::SubGraph<'_>) -> Result<Vec<Tensor>, ReadError> {
    elements(subgraph.tensors()).enumerate().map(|(index, tensor)| one(index, &tensor)).collect()
}

fn one(index: usize, tensor: &format::Tensor<'_>) -> Result<Tensor, ReadError> {
    let field = |name: &str| format!("model.subgraphs[0].tensors[{index}].{name}");
    let Some(dtype) = tensor_type(tensor.type_()) else {
        let what = format!("is type {}", tensor.type_().0);
        return Err(ReadError::unsupported(field("type"), what, "quantize the model to int8"));
    };
    let mut shape = Vec::new();
    for (axis, dimension) in elements(tensor.shape()).enumerate() {
        let Ok(dimension) = usize::try_from(dimension) else {
            let what = format!("is {dimension}: a dynamic shape");
            return Err(ReadError::unsupported(field(&format!("shape[{axis}]")), what, FIXED));
        };
        shape.push(dimension);
    }
    if size(&shape, dtype).is_none() {
        let problem = format!("({shape:?} of {}) is more than 2 GiB", dtype.name());
        return Err(ReadError::inconsistent(field("shape"), problem));
    }
    let quantization = match tensor.quantization() {
        Some(quantization) => read_quantization(&quantization, &shape, &field)?,
        None => None,
    };
    Ok(Tensor {
        name: tensor.name().unwrap_or_default().to_owned(),
        dtype,
        shape,
        signature: elements(tensor.shape_signature()).collect(),
        variable: tensor.is_variable(),
        unpacked_from: None,
        quantization,
        constant: None,
    })
}

/// Bytes of a tensor, where they are few enough to count. Zero dimensions do not hide large ones.
fn size(shape: &[usize], dtype: TensorType) -> Option<u64> {
    let bits = shape.iter().try_fold(dtype.bits() as u64, |product, &dimension| {
        product.checked_mul(dimension.max(1) as u64).filter(|&bits| bits <= MAX_BYTES * 8)
    })?;
    Some(bits.div_ceil(8))
}

fn read_quantization(
    quantization: &format::QuantizationParameters<'_>,
    shape: &[usize],
    field: &impl Fn(&str) -> String,
) -> Result<Option<Quantization>, ReadError> {
    let scales: Vec<f32> = elements(quantization.scale()).collect();
    let zero_points: Vec<i64> = elements(quantization.zero_point()).collect();
    if quantization.details_type() != 0 {
        let what = format!("is {} (custom, blockwise or multi-axis quantization)", quantization.details_type());
        return Err(ReadError::unsupported(
            field("quantization.details_type"),
            what,
            "quantize per tensor or per channel",
        ));
    }
    if scales.is_empty() {
        return Ok(None);
    }
    if let Some(position) = scales.iter().position(|scale| !scale.is_finite()) {
        let problem = format!("is {}", scales[position]);
        return Err(ReadError::inconsistent(field(&format!("quantization.scale[{position}]")), problem));
    }
    if zero_points.len() != scales.len() {
        let problem = format!("has {} values for {} scales", zero_points.len(), scales.len());
        return Err(ReadError::inconsistent(field("quantization.zero_point"), problem));
    }
    let wrong = |problem: String| Err(ReadError::inconsistent(field("quantization.quantized_dimension"), problem));
    let Ok(dimension) = usize::try_from(quantization.quantized_dimension()) else {
        return wrong(format!("is {}", quantization.quantized_dimension()));
    };
    if scales.len() > 1 && shape.get(dimension) != Some(&scales.len()) {
        return wrong(format!("is {dimension}, but {} scales do not fit shape {shape:?} there", scales.len()));
    }
    Ok(Some(Quantization { scales, zero_points, dimension }))
}

fn tensor_type(code: format::TensorType) -> Option<TensorType> {
    Some(match code {
        format::TensorType::FLOAT32 => TensorType::Float32,
        format::TensorType::FLOAT16 => TensorType::Float16,
        format::TensorType::INT32 => TensorType::Int32,
        format::TensorType::UINT8 => TensorType::Uint8,
        format::TensorType::INT64 => TensorType::Int64,
        format::TensorType::STRING => TensorType::String,
        format::TensorType::BOOL => TensorType::Bool,
        format::TensorType::INT16 => TensorType::Int16,
        format::TensorType::COMPLEX64 => TensorType::Complex64,
        format::TensorType::INT8 => TensorType::Int8,
        format::TensorType::FLOAT64 => TensorType::Float64,
        format::TensorType::COMPLEX128 => TensorType::Complex128,
        format::TensorType::UINT64 => TensorType::Uint64,
        format::TensorType::RESOURCE => TensorType::Resource,
        format::TensorType::VARIANT => TensorType::Variant,
        format::TensorType::UINT32 => TensorType::Uint32,
        format::TensorType::UINT16 => TensorType::Uint16,
        format::TensorType::INT4 => TensorType::Int4,
        format::TensorType::BFLOAT16 => TensorType::Bfloat16,
        format::TensorType::INT2 => TensorType::Int2,
        format::TensorType::UINT4 => TensorType::Uint4,
        format::TensorType::FLOAT8_E4M3FN => TensorType::Float8E4m3fn,
        format::TensorType::FLOAT8_E5M2 => TensorType::Float8E5m2,
        _ => return None,
    })
}
