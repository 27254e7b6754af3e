//! The same function with less work: an operator becomes another one whose output is the same in every bit.
//!
//! Every operator keeps its place, its name, its inputs but for the filter, and its outputs, so that each output tensor can
//! still be compared with that of the model as it was. What is done here is only what integer arithmetic allows whatever the
//! numbers are: the same products with the same factors, added in another order.
//!
//! Knows graphs; does not know cores or kernel libraries, for which one of two equal operators is faster.

use super::graph::{Constant, Options};
use super::{Graph, Operator, OperatorId, Read, Tensor, TensorId, TensorType, builtin, lower};

/// `CONV_2D` in as many groups as there are input channels as the `DEPTHWISE_CONV_2D` that it is, from `filter`, in which the
/// first and the last dimension have changed places; nothing for other operators.
fn as_depthwise(graph: &Graph, operator: &Operator, filter: TensorId) -> Option<Operator> {
    let Options::Conv2d { padding, stride, dilation, activation } = operator.options else { return None };
    let [Some(input), Some(old), ..] = operator.inputs[..] else { return None };
    let (input, old) = (graph.tensor(input), graph.tensor(old));
    let int8 = |tensor: &Tensor| tensor.dtype == TensorType::Int8;
    let (&[_, _, _, channels], &[outputs, _, _, 1]) = (&input.shape[..], &old.shape[..]) else { return None };
    old.constant.filter(|_| int8(input) && int8(old) && channels > 1 && outputs.is_multiple_of(channels))?;
    let depth_multiplier = i32::try_from(outputs / channels).ok()?;
    let options = Options::DepthwiseConv2d { padding, stride, dilation, depth_multiplier, activation };
    let mut inputs = operator.inputs.clone();
    inputs[1] = Some(filter);
    Some(Operator { code: builtin::DEPTHWISE_CONV_2D, inputs, options, ..operator.clone() })
}

/// The model with every operator rewritten that allows it and can be computed.
pub fn optimize(read: Read) -> Read {
    optimize_but(read, &|_, _| false)
}

/// [`optimize`], but for the operators that are to be kept.
pub fn optimize_but(mut read: Read, kept: &dyn Fn(&Graph, OperatorId) -> bool) -> Read {
    for index in 0..read.graph.operators.len() {
        let id = OperatorId(index);
        if kept(&read.graph, id) {
            continue;
        }
        let operator = &read.graph.operators[index];
        let Some(rewritten) = as_depthwise(&read.graph, operator, TensorId(read.graph.tensors.len())) else { continue };
        if lower::operator(&read.graph, &read.weights, id).is_err() {
            continue;
        }
        let (tensors, bytes) = (read.graph.tensors.len(), read.weights.len());
        let filter = operator.inputs[1].and_then(|filter| transposed(&mut read, filter));
        let Some(filter) = filter else { continue };
        read.graph.tensors.push(filter);
        let before = std::mem::replace(&mut read.graph.operators[index], rewritten);
        if lower::operator(&read.graph, &read.weights, id).is_err() {
            read.graph.operators[index] = before;
            read.graph.tensors.truncate(tensors);
            read.weights.truncate(bytes);
        }
    }
    read
}

/// A filter with its first and last dimension changed, its bytes behind all other constants.
fn transposed(read: &mut Read, filter: TensorId) -> Option<Tensor> {
    let old = read.graph.tensor(filter);
    let constant = old.constant?;
    let bytes = &read.weights[constant.offset..][..constant.len];
    // The last dimension is 1: the first one's rows become columns.
    let rows = *old.shape.first()?;
    let columns = constant.len.checked_div(rows)?;
    let moved: Vec<u8> =
        (0..columns).flat_map(|column| (0..rows).map(move |row| bytes[row * columns + column])).collect();
    let mut new = old.clone();
    new.shape.swap(0, 3);
    if let Some(quantization) = new.quantization.as_mut().filter(|quantization| quantization.scales.len() > 1) {
        quantization.dimension = 3;
    }
    new.constant = Some(Constant::append(&mut read.weights, &moved));
    Some(new)
}
