//! Steps of a stream: what is made of them, and where they stand in a graph.

use crate::model::pipeline::builder::tensor;
use crate::model::pipeline::{Form, Source, Spec, StepSpec, WindowShape, build, join};
use crate::model::{Graph, Operator, OperatorId, Options, Quantization, Read, Tensor, TensorId, TensorType};

fn window(size: usize, stride: usize) -> StepSpec {
    StepSpec::Window { shape: WindowShape::Hann, symmetric: false, size, stride }
}

fn spec(steps: Vec<StepSpec>) -> Spec {
    Spec { input: None, source: Source::Audio { rate: 16_000 }, steps }
}

fn port(shape: &[usize]) -> Form {
    let quantization = Some(Quantization { scales: vec![0.5], zero_points: vec![3], dimension: 0 });
    Form { dtype: TensorType::Int8, shape: shape.to_vec(), quantization }
}

fn frames(count: usize) -> StepSpec {
    StepSpec::Frames { count, advance: 1 }
}

#[test]
fn frames_arrive_in_the_models_input_quantized() {
    let built = build(&spec(vec![window(8, 4), frames(3)]), &port(&[1, 3, 8, 1])).unwrap();
    let hops = built.hops.as_ref().unwrap();
    let names: Vec<&str> = hops.operators.iter().map(|operator| operator.name.as_str()).collect();
    assert_eq!(names, ["frame", "window", "quantize", "frames"]);
    assert_eq!((hops.first, hops.frames), (2, 3));
    assert!(built.before.is_empty() && built.tensors[0].variable);
    assert_eq!(built.tensors[built.source.0].shape, [4]);
    assert!(build(&spec(vec![window(8, 4), frames(3)]), &port(&[1, 24])).is_ok(), "a flat input");
}

#[test]
fn what_does_not_fit_names_the_step_and_the_way_out() {
    let wrong = build(&spec(vec![window(8, 4)]), &port(&[1, 3, 8, 1])).unwrap_err();
    assert_eq!(wrong.advice, "add `frames 3`: so many rows of 8 are one input");
    let wrong = build(&spec(vec![window(8, 4), frames(4)]), &port(&[1, 3, 8, 1])).unwrap_err();
    assert_eq!(
        (wrong.step, &wrong.reason[..]),
        (Some(1), "the steps give int8 [4, 8], and the model's input is int8 [1, 3, 8, 1]")
    );
    let wrong = build(&spec(vec![window(8, 4), window(8, 4)]), &port(&[8])).unwrap_err();
    assert_eq!(wrong.step, Some(1));
}

#[test]
fn steps_stand_around_the_model_in_one_graph() {
    let form = port(&[1, 3, 8, 1]);
    let input = Tensor { quantization: form.quantization.clone(), ..tensor("in", form.dtype, form.shape.clone()) };
    let operator = Operator {
        code: 0,
        name: "RELU".to_owned(),
        version: 1,
        inputs: vec![Some(TensorId(0))],
        outputs: vec![TensorId(1)],
        options: Options::Other,
    };
    let graph = Graph {
        tensors: vec![input.clone(), Tensor { name: "out".to_owned(), ..input }],
        operators: vec![operator],
        inputs: vec![TensorId(0)],
        outputs: vec![TensorId(1)],
        pipeline: None,
    };
    let read = join(&spec(vec![window(8, 4), frames(3)]), &Read { graph, weights: vec![1; 16] }).unwrap();
    let labels: Vec<String> = read.graph.order().into_iter().map(|id| read.graph.label(id)).collect();
    assert_eq!(labels, ["hop.0", "hop.1", "hop.2", "hop.3", "0"]);
    assert!(read.graph.inputs.is_empty() && read.graph.tensors[0].variable);
    assert_eq!(read.graph.operators[4].outputs[1], TensorId(0), "rows are the model's input");
    assert_eq!(read.graph.main().operators().collect::<Vec<_>>(), [OperatorId(0)]);
    let window = read.graph.tensors.iter().find(|tensor| tensor.constant.is_some()).unwrap();
    assert_eq!(window.constant.unwrap().offset, 16, "behind the model's constants");
}
