//! Whole chains on the host, around a model of one operator.

mod outputs;
mod pictures;
mod sensors;
mod streams;

use super::*;
use crate::model::evaluate::{NoOwnKernels, State, evaluate_hop, evaluate_with};
use crate::model::{Graph, Operator, Options, Quantization, Read, Tensor, TensorType, lower};

/// LiteRT's codes.
const DEQUANTIZE: i32 = 6;
const RELU: i32 = 19;

fn form(dtype: TensorType, shape: &[usize], numbers: Option<(f32, i64)>) -> Form {
    let quantization = numbers.map(|(scale, zero_point)| Quantization {
        scales: vec![scale],
        zero_points: vec![zero_point],
        dimension: 0,
    });
    Form { dtype, shape: shape.to_vec(), quantization }
}

fn tensor(name: &str, form: &Form) -> Tensor {
    Tensor {
        name: name.to_owned(),
        dtype: form.dtype,
        shape: form.shape.clone(),
        signature: Vec::new(),
        variable: false,
        unpacked_from: None,
        quantization: form.quantization.clone(),
        constant: None,
    }
}

/// A model that makes real numbers of its input, or of real ones what is not negative.
fn model(input: &Form) -> Read {
    let (code, name) = if input.dtype == TensorType::Float32 { (RELU, "RELU") } else { (DEQUANTIZE, "DEQUANTIZE") };
    let output = Form::plain(TensorType::Float32, input.shape.clone());
    let operator = Operator {
        code,
        name: name.to_owned(),
        version: 1,
        inputs: vec![Some(TensorId(0))],
        outputs: vec![TensorId(1)],
        options: Options::Other,
    };
    let graph = Graph {
        tensors: vec![tensor("in", input), tensor("out", &output)],
        operators: vec![operator],
        inputs: vec![TensorId(0)],
        outputs: vec![TensorId(1)],
        pipeline: None,
    };
    Read { graph, weights: Vec::new() }
}

/// A joined model that runs.
struct Chain {
    read: Read,
    steps: Vec<lower::Step>,
    state: State,
}

impl Chain {
    fn new(read: Read) -> Self {
        let steps: Result<Vec<_>, _> = lower(&read.graph, &read.weights).into_iter().collect();
        let steps = steps.unwrap();
        Self { read, steps, state: State::default() }
    }

    /// The operators, in time, by name.
    fn names(&self) -> Vec<&str> {
        let Read { graph, .. } = &self.read;
        graph.order().into_iter().map(|id| graph.operators[id.0].name.as_str()).collect()
    }

    /// One inference; what its operators wrote, by the names of tensors.
    fn infer(&mut self, inputs: &[Vec<u8>]) -> Vec<(String, Vec<u8>)> {
        let Read { graph, weights } = &self.read;
        let written = evaluate_with(&NoOwnKernels, &mut self.state, graph, &self.steps, weights, inputs).unwrap();
        let main = graph.main().operators().map(|id| &self.steps[id.0]);
        named(graph, main, &written)
    }

    /// One hop, likewise.
    fn hop(&mut self, samples: &[u8]) -> Vec<(String, Vec<u8>)> {
        let Read { graph, weights } = &self.read;
        let written = evaluate_hop(&mut self.state, graph, &self.steps, weights, samples).unwrap();
        let block = graph.hops().unwrap().block;
        named(graph, block.operators().map(|id| &self.steps[id.0]), &written)
    }
}

fn named<'a>(
    graph: &Graph,
    steps: impl Iterator<Item = &'a lower::Step>,
    written: &[Vec<Vec<u8>>],
) -> Vec<(String, Vec<u8>)> {
    let pairs = steps.zip(written).flat_map(|(step, outputs)| step.outputs.iter().zip(outputs));
    pairs.map(|(id, bytes)| (graph.tensor(*id).name.clone(), bytes.clone())).collect()
}

/// The bytes of the tensor `name`.
fn of<'a>(written: &'a [(String, Vec<u8>)], name: &str) -> &'a [u8] {
    let found = written.iter().find(|(found, _)| found == name);
    &found.unwrap_or_else(|| panic!("no `{name}` in {:?}", written.iter().map(|(name, _)| name).collect::<Vec<_>>())).1
}

fn floats(bytes: &[u8]) -> Vec<f32> {
    bytes.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
}

fn integers(bytes: &[u8]) -> Vec<i32> {
    bytes.as_chunks().0.iter().map(|bytes| i32::from_le_bytes(*bytes)).collect()
}

fn close(found: &[f32], expected: &[f32]) {
    assert_eq!(found.len(), expected.len());
    let near = |(a, b): (&f32, &f32)| (a - b).abs() <= 1e-5 * b.abs().max(1.0);
    assert!(found.iter().zip(expected).all(near), "{found:?} {expected:?}");
}
