//! Steps without a model, run on samples.

use std::collections::BTreeMap;
use std::io::Cursor;

use deployctl::model::pipeline::{Form, Source, Spec, StepSpec, WindowShape, Wrong, join};
use deployctl::model::{
    Graph, Quantization, Read, State, Step, Tensor, TensorId, TensorType, evaluate_from, evaluate_hop, lower,
};
use npyz::npz::NpzArchive;

pub(crate) const RATE: u32 = 16_000;
pub(crate) const SIZE: usize = 480;
pub(crate) const STRIDE: usize = 320;

/// What each step gave: by name, in order of time.
pub(crate) type Stages = BTreeMap<String, Vec<Vec<f64>>>;

pub(crate) fn window(shape: WindowShape, symmetric: bool) -> StepSpec {
    StepSpec::Window { shape, symmetric, size: SIZE, stride: STRIDE }
}

pub(crate) fn hann() -> StepSpec {
    window(WindowShape::Hann, false)
}

/// A model input of float32.
pub(crate) fn floats(shape: &[usize]) -> Form {
    Form::plain(TensorType::Float32, shape.to_vec())
}

/// A model input of int8.
pub(crate) fn int8(shape: &[usize], scale: f32, zero_point: i64) -> Form {
    let quantization = Quantization { scales: vec![scale], zero_points: vec![zero_point], dimension: 0 };
    Form { dtype: TensorType::Int8, shape: shape.to_vec(), quantization: Some(quantization) }
}

/// The steps in front of a model that has no operators.
pub(crate) fn joined(rate: u32, steps: Vec<StepSpec>, port: Form) -> Result<Read, Wrong> {
    let input = Tensor {
        name: "input".to_owned(),
        dtype: port.dtype,
        shape: port.shape,
        signature: Vec::new(),
        variable: false,
        unpacked_from: None,
        quantization: port.quantization,
        constant: None,
    };
    let graph = Graph {
        tensors: vec![input],
        operators: Vec::new(),
        inputs: vec![TensorId(0)],
        outputs: vec![TensorId(0)],
        pipeline: None,
    };
    join(&Spec { input: None, source: Source::Audio { rate }, steps }, &Read { graph, weights: Vec::new() })
}

/// All steps over all samples, hop by hop.
pub(crate) fn run(rate: u32, steps: Vec<StepSpec>, port: Form, samples: &[i16]) -> Stages {
    let read = joined(rate, steps, port).unwrap();
    let lowered: Vec<Step> = lower(&read.graph, &read.weights).into_iter().map(Result::unwrap).collect();
    let hops = read.graph.hops().unwrap().clone();
    let hop = read.graph.tensor(hops.input).bytes();
    let (mut state, mut stages) = (State::default(), Stages::new());
    let bytes: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
    for samples in bytes.chunks_exact(hop) {
        let written = evaluate_hop(&mut state, &read.graph, &lowered, &read.weights, samples).unwrap();
        let complete = written.len() > 1;
        if complete {
            note(&read.graph, &lowered[hops.block.first..hops.block.end], &written, &mut stages);
        }
        // The last one says whether an inference is due.
        if complete && written.last().unwrap()[0][0] != 0 {
            let written = evaluate_from(&mut state, &read.graph, &lowered, &read.weights, &[]).unwrap();
            note(&read.graph, &lowered, &written, &mut stages);
        }
    }
    stages
}

fn note(graph: &Graph, steps: &[Step], written: &[Vec<Vec<u8>>], stages: &mut Stages) {
    for (step, outputs) in steps.iter().zip(written) {
        let (operator, tensor) = (&graph.operators[step.operator.0], graph.tensor(step.outputs[0]));
        stages.entry(operator.name.clone()).or_default().push(numbers(tensor.dtype, &outputs[0]));
    }
}

fn numbers(dtype: TensorType, bytes: &[u8]) -> Vec<f64> {
    match dtype {
        TensorType::Float32 => bytes.as_chunks().0.iter().map(|&word| f32::from_le_bytes(word).into()).collect(),
        TensorType::Int16 => bytes.as_chunks().0.iter().map(|&word| i16::from_le_bytes(word).into()).collect(),
        _ => bytes.iter().map(|&byte| byte.cast_signed().into()).collect(),
    }
}

/// An array of a recorded file, as rows of its first dimension.
pub(crate) fn recorded(file: &[u8], name: &str) -> Vec<Vec<f64>> {
    let mut archive = NpzArchive::new(Cursor::new(file)).unwrap();
    let array = archive.by_name(name).unwrap().unwrap_or_else(|| panic!("no array {name}"));
    let row: u64 = array.shape()[1..].iter().product();
    let values: Vec<f64> = match array.dtype().descr().as_str() {
        "'<f4'" => array.into_vec::<f32>().unwrap().into_iter().map(f64::from).collect(),
        "'<i2'" => array.into_vec::<i16>().unwrap().into_iter().map(f64::from).collect(),
        "'|i1'" => array.into_vec::<i8>().unwrap().into_iter().map(f64::from).collect(),
        other => panic!("{name} is of type {other}"),
    };
    values.chunks_exact(usize::try_from(row).unwrap()).map(<[f64]>::to_vec).collect()
}

/// The samples of a recorded file.
pub(crate) fn samples(file: &[u8]) -> Vec<i16> {
    let mut archive = NpzArchive::new(Cursor::new(file)).unwrap();
    archive.by_name("signal").unwrap().unwrap().into_vec().unwrap()
}
