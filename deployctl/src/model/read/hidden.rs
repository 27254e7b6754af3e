//! State that custom operators of LiteRT Micro keep without saying so in the file.

use crate::model::{Graph, Operator, Options, Quantization, Tensor, TensorId, TensorType, builtin, lower};

/// Marks what such operators keep in their outputs, and appends variables for what they keep elsewhere.
pub(super) fn declare(tensors: &mut Vec<Tensor>, operators: &mut [Operator]) {
    for operator in operators.iter_mut().filter(|operator| operator.code == builtin::CUSTOM) {
        let Options::Custom { state, .. } = &mut operator.options else { continue };
        if let ("CIRCULAR_BUFFER", Some(&kept)) = (operator.name.as_str(), operator.outputs.first()) {
            let plain = tensors[kept.0].constant.is_none();
            tensors[kept.0].variable |= plain;
            if operator.outputs.len() == 2 {
                let name = format!("{}/count", tensors[kept.0].name);
                state.push(append(tensors, name, TensorType::Int32, vec![1], None));
            }
        }
    }
}

/// Appends variables for what operators keep whose size follows from their options and shapes.
pub(super) fn declare_sized(graph: &mut Graph, weights: &[u8]) {
    let found = lower::state_bytes(graph, weights);
    let Graph { tensors, operators, .. } = graph;
    for (operator, bytes) in operators.iter_mut().zip(found) {
        if let (Some(bytes), Options::Custom { state, .. }) = (bytes, &mut operator.options) {
            let of = operator.outputs.first().map(|output| tensors[output.0].name.clone()).unwrap_or_default();
            state.push(append(tensors, format!("{of}/state"), TensorType::Int8, vec![bytes], None));
        }
    }
}

/// A variable of its own.
fn append(
    tensors: &mut Vec<Tensor>,
    name: String,
    dtype: TensorType,
    shape: Vec<usize>,
    quantization: Option<Quantization>,
) -> TensorId {
    let signature = Vec::new();
    tensors.push(Tensor {
        name,
        dtype,
        shape,
        signature,
        variable: true,
        unpacked_from: None,
        quantization,
        constant: None,
    });
    TensorId(tensors.len() - 1)
}
