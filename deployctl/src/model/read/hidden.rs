//! What custom operators of LiteRT Micro use without saying so in the file: state, and memory to work in.

use kernels::DETECTION_WORDS;

use crate::model::{Graph, Operator, Options, Tensor, TensorId, TensorType, builtin, lower};

/// Boxes for which there is memory.
const MOST_BOXES: usize = 1 << 20;

/// Marks what such operators keep in their outputs, and appends tensors for what they use beside those.
pub(super) fn declare(tensors: &mut Vec<Tensor>, operators: &mut [Operator]) {
    for operator in operators.iter_mut().filter(|operator| operator.code == builtin::CUSTOM) {
        let Options::Custom { own, .. } = &mut operator.options else { continue };
        let Some(&TensorId(output)) = operator.outputs.first() else { continue };
        let name = tensors[output].name.clone();
        match operator.name.as_str() {
            "CIRCULAR_BUFFER" => {
                let plain = tensors[output].constant.is_none();
                tensors[output].variable |= plain;
                if operator.outputs.len() == 2 {
                    let count = tensor(format!("{name}/count"), TensorType::Int32, vec![1]);
                    own.push(append(tensors, Tensor { variable: true, ..count }));
                }
            }
            "TFLite_Detection_PostProcess" => {
                let encodings = operator.inputs.first().copied().flatten();
                let boxes = encodings.and_then(|id| tensors[id.0].shape.get(1).copied()).unwrap_or_default();
                if (1..MOST_BOXES).contains(&boxes) {
                    let shape = vec![boxes, DETECTION_WORDS];
                    own.push(append(tensors, tensor(format!("{name}/memory"), TensorType::Float32, shape)));
                }
            }
            _ => {}
        }
    }
}

/// Appends variables for what operators keep whose size follows from their options and shapes.
pub(super) fn declare_sized(graph: &mut Graph, weights: &[u8]) {
    let found = lower::state_bytes(graph, weights);
    let Graph { tensors, operators, .. } = graph;
    for (operator, bytes) in operators.iter_mut().zip(found) {
        if let (Some(bytes), Options::Custom { own, .. }) = (bytes, &mut operator.options) {
            let of = operator.outputs.first().map(|output| tensors[output.0].name.clone()).unwrap_or_default();
            let state = tensor(format!("{of}/state"), TensorType::Int8, vec![bytes]);
            own.push(append(tensors, Tensor { variable: true, ..state }));
        }
    }
}

fn append(tensors: &mut Vec<Tensor>, tensor: Tensor) -> TensorId {
    tensors.push(tensor);
    TensorId(tensors.len() - 1)
}

fn tensor(name: String, dtype: TensorType, shape: Vec<usize>) -> Tensor {
    let (signature, quantization) = (Vec::new(), None);
    Tensor { name, dtype, shape, signature, variable: false, unpacked_from: None, quantization, constant: None }
}
