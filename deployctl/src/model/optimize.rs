//! The same function with less work: an operator becomes another one whose output is the same in every bit.
//!
//! Every operator keeps its place, its name, its inputs but for the filter, and its outputs, so that each output tensor can
//! still be compared with that of the model as it was. What is done here is only what integer arithmetic allows whatever the
//! numbers are: the same products with the same factors, added in another order.
//!
//! Knows graphs; does not know cores or kernel libraries, for which one of two equal operators is faster.

use super::graph::{Constant, Options};
use super::{Graph, Operator, OperatorId, Read, Tensor, TensorId, TensorType, builtin, lower};

/// Where constants begin in the blob.
const ALIGNMENT: usize = 16;

/// What an operator of the file has become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rewrite {
    /// `DEPTHWISE_CONV_2D` of one input channel is `CONV_2D`.
    DepthwiseToConv,
    /// `CONV_2D` in as many groups as there are input channels is `DEPTHWISE_CONV_2D`.
    ConvToDepthwise,
}

impl Rewrite {
    /// The rewrite that `operator` of `graph` allows.
    pub fn of(graph: &Graph, operator: &Operator) -> Option<Self> {
        let [Some(input), Some(filter), ..] = operator.inputs[..] else { return None };
        let (input, filter) = (graph.tensor(input), graph.tensor(filter));
        let int8 = |tensor: &Tensor| tensor.dtype == TensorType::Int8;
        let (&[_, _, _, channels], &[first, _, _, last]) = (&input.shape[..], &filter.shape[..]) else { return None };
        filter.constant.filter(|_| int8(input) && int8(filter))?;
        match operator.options {
            Options::DepthwiseConv2d { depth_multiplier, .. }
                if channels == 1 && depth_multiplier > 1 && first == 1 =>
            {
                Some(Self::DepthwiseToConv)
            }
            Options::Conv2d { .. } if channels > 1 && last == 1 && first.is_multiple_of(channels) => {
                Some(Self::ConvToDepthwise)
            }
            _ => None,
        }
    }

    /// The operator that computes the same from a filter whose first and last dimension have changed places.
    fn apply(self, graph: &Graph, operator: &Operator, filter: TensorId) -> Option<Operator> {
        let (code, options) = match (self, operator.options.clone()) {
            (Self::DepthwiseToConv, Options::DepthwiseConv2d { padding, stride, dilation, activation, .. }) => {
                (builtin::CONV_2D, Options::Conv2d { padding, stride, dilation, activation })
            }
            (Self::ConvToDepthwise, Options::Conv2d { padding, stride, dilation, activation }) => {
                let [outputs, channels] = [graph.tensor(operator.inputs[1]?), graph.tensor(operator.inputs[0]?)]
                    .map(|tensor| tensor.shape.iter().copied());
                let depth_multiplier = i32::try_from(outputs.clone().next()? / channels.last()?).ok()?;
                (
                    builtin::DEPTHWISE_CONV_2D,
                    Options::DepthwiseConv2d { padding, stride, dilation, depth_multiplier, activation },
                )
            }
            _ => return None,
        };
        let mut inputs = operator.inputs.clone();
        inputs[1] = Some(filter);
        Some(Operator { code, inputs, options, ..operator.clone() })
    }
}

/// The model with every operator rewritten that allows it and can be computed.
pub fn optimize(mut read: Read) -> Read {
    for index in 0..read.graph.operators.len() {
        let id = OperatorId(index);
        let operator = &read.graph.operators[index];
        let Some(rewrite) = Rewrite::of(&read.graph, operator) else { continue };
        if lower::operator(&read.graph, &read.weights, id).is_err() {
            continue;
        }
        let (tensors, bytes) = (read.graph.tensors.len(), read.weights.len());
        let rewritten = rewrite.apply(&read.graph, operator, TensorId(tensors));
        let filter = operator.inputs[1].and_then(|filter| transposed(&mut read, filter));
        let Some((rewritten, filter)) = rewritten.zip(filter) else { continue };
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
    // Of the two dimensions one is 1: rows of the other become columns.
    let (first, last) = (*old.shape.first()?, *old.shape.last()?);
    let (rows, columns) =
        if first == 1 { (constant.len.checked_div(last)?, last) } else { (first, constant.len.checked_div(first)?) };
    let moved: Vec<u8> =
        (0..columns).flat_map(|column| (0..rows).map(move |row| bytes[row * columns + column])).collect();
    let mut new = old.clone();
    new.shape.swap(0, 3);
    if let Some(quantization) = new.quantization.as_mut().filter(|quantization| quantization.scales.len() > 1) {
        quantization.dimension = 3 - quantization.dimension;
    }
    new.constant = Some(Constant { offset: read.weights.len(), len: constant.len });
    read.weights.extend(moved);
    read.weights.resize(read.weights.len().next_multiple_of(ALIGNMENT), 0);
    Some(new)
}
