//! Steps around a model, in the model's graph.

use super::builder::{Built, BuiltHops};
use super::{Form, Hops, Pipeline, Spec, Wrong, build};
use crate::model::flow::Block;
use crate::model::{Graph, Operator, Options, Read, Tensor, TensorId};

/// Builds the steps of `spec` for the model, and puts them around its operators.
///
/// # Errors
///
/// As [`build`]; and where the model has no such input.
pub fn join(spec: &Spec, read: &Read) -> Result<Read, Wrong> {
    let port = port(spec, &read.graph)?;
    let tensor = read.graph.tensor(port);
    let form = Form { dtype: tensor.dtype, shape: tensor.shape.clone(), quantization: tensor.quantization.clone() };
    let built = build(spec, &form)?;
    Ok(put(built, read.clone(), port))
}

/// The model input that is fed.
fn port(spec: &Spec, graph: &Graph) -> Result<TensorId, Wrong> {
    let named = |name: &str| graph.inputs.iter().copied().find(|id| graph.tensor(*id).name == name);
    let known: Vec<&str> = graph.inputs.iter().map(|id| graph.tensor(*id).name.as_str()).collect();
    match (&spec.input, &graph.inputs[..]) {
        (Some(name), _) => named(name)
            .ok_or_else(|| Wrong::new(format!("the model has no input `{name}`"), format!("its inputs are {known:?}"))),
        (None, &[only]) => Ok(only),
        (None, _) => {
            let reason = format!("the model has {} inputs", known.len());
            Err(Wrong::new(reason, format!("say which one: `input=\"…\"`, one of {known:?}")))
        }
    }
}

fn put(built: Built, mut read: Read, port: TensorId) -> Read {
    let Built { tensors, weights, source, hops, before } = built;
    let adopted = Adopted::new(tensors, weights, &mut read, port);
    let (id, place) = (|id| adopted.id(id), |operator| adopted.operator(operator));
    let graph = &mut read.graph;
    let shift = before.len();
    graph.operators.iter_mut().for_each(|operator| shift_blocks(operator, shift));
    graph.operators.splice(0..0, before.into_iter().map(place));
    let hops = hops.map(|BuiltHops { operators, ready, due, first, frames }| {
        let block = Block { first: graph.operators.len(), end: graph.operators.len() + operators.len() };
        graph.operators.extend(operators.into_iter().map(place));
        Hops { input: id(source), block, ready: id(ready), due: id(due), first, frames }
    });
    let fed = graph.inputs.iter().position(|input| *input == port);
    match (fed, &hops) {
        (Some(at), Some(_)) => drop(graph.inputs.remove(at)),
        (Some(at), None) => graph.inputs[at] = id(source),
        (None, _) => {}
    }
    graph.pipeline = Some(Pipeline { before: shift, after: 0, hops });
    read
}

/// What became of the tensors of steps.
pub(super) struct Adopted {
    port: TensorId,
    base: usize,
}

impl Adopted {
    /// Adds tensors and constants of steps to a model. The first tensor stands for `port`.
    pub(super) fn new(mut tensors: Vec<Tensor>, weights: Vec<u8>, read: &mut Read, port: TensorId) -> Self {
        let (base, constants) = (read.graph.tensors.len(), read.weights.len());
        read.graph.tensors[port.0].variable |= tensors[0].variable;
        for constant in tensors.iter_mut().filter_map(|tensor| tensor.constant.as_mut()) {
            constant.offset += constants;
        }
        read.graph.tensors.extend(tensors.into_iter().skip(1));
        read.weights.extend(weights);
        Self { port, base }
    }

    /// The tensor in the model's graph.
    pub(super) fn id(&self, id: TensorId) -> TensorId {
        if id.0 == 0 { self.port } else { TensorId(self.base + id.0 - 1) }
    }

    /// The operator with tensors of the model's graph.
    pub(super) fn operator(&self, mut operator: Operator) -> Operator {
        operator.inputs.iter_mut().flatten().for_each(|input| *input = self.id(*input));
        operator.outputs.iter_mut().for_each(|output| *output = self.id(*output));
        operator
    }
}

/// Operators of blocks have moved by `by`.
pub(super) fn shift_blocks(operator: &mut Operator, by: usize) {
    let moved = |block: &mut Block| *block = Block { first: block.first + by, end: block.end + by };
    match &mut operator.options {
        Options::If { then, otherwise, .. } => [then, otherwise].into_iter().for_each(moved),
        Options::While { start, condition, body, .. } => [start, condition, body].into_iter().for_each(moved),
        _ => {}
    }
}
