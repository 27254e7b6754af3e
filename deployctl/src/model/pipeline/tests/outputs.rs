//! From outputs to labels.

use super::*;

fn after(steps: &[AfterStep]) -> After {
    After { output: "out".to_owned(), steps: steps.to_vec() }
}

/// A model whose only output, of `len` scores, is `form`: a dequantized one by a model of its own, another as it is.
fn concluded(steps: &[AfterStep], len: usize) -> Chain {
    Chain::new(conclude(&after(steps), model(&form(TensorType::Float32, &[1, len], None))).unwrap())
}

fn scores(values: &[f32]) -> Vec<Vec<u8>> {
    vec![values.iter().flat_map(|value| value.to_le_bytes()).collect()]
}

#[test]
fn scores_are_smoothed_and_the_best_come_out() {
    let mut chain = concluded(&[AfterStep::Average { over: 2 }, AfterStep::Top { count: 2, least: Some(0.3) }], 3);
    assert_eq!(chain.names(), ["RELU", "smooth", "top"]);
    let graph = &chain.read.graph;
    let labels: Vec<String> = graph.order().into_iter().map(|id| graph.label(id)).collect();
    assert_eq!(labels, ["0", "post.0", "post.1"]);
    let outputs: Vec<&str> = graph.outputs.iter().map(|id| graph.tensor(*id).name.as_str()).collect();
    assert_eq!(outputs, ["out", "postprocess/top", "postprocess/top/score"]);
    let mut next = |values: &[f32]| {
        let written = chain.infer(&scores(values));
        let labels = integers(of(&written, "postprocess/top"));
        (labels, floats(of(&written, "postprocess/top/score")))
    };
    assert_eq!(next(&[0.5, 0.25, 0.25]), (vec![0, -1], vec![0.5, 0.25]));
    assert_eq!(next(&[0.0, 0.75, 0.25]), (vec![1, -1], vec![0.5, 0.25]));
    assert_eq!(next(&[0.5, 0.5, 0.0]), (vec![1, -1], vec![0.625, 0.25]), "the first is forgotten");
}

#[test]
fn quantized_outputs_become_real_numbers_first() {
    let port = form(TensorType::Int8, &[1, 3], Some((0.5, -1)));
    let built = build_after(&after(&[AfterStep::Softmax]), &port).unwrap();
    let names: Vec<&str> = built.operators.iter().map(|operator| operator.name.as_str()).collect();
    assert_eq!((names, built.outputs.len()), (vec!["dequantize", "softmax"], 1));
    // A model that passes its int8 input on.
    let mut read = model(&port);
    let out = tensor("out", &port);
    read.graph.tensors[1] = out;
    read.graph.operators[0] = Operator { code: RELU, name: "RELU".to_owned(), ..read.graph.operators[0].clone() };
    let mut chain = Chain::new(conclude(&after(&[AfterStep::Softmax]), read).unwrap());
    let written = chain.infer(&[vec![1, 3, 0]]);
    assert_eq!(floats(of(&written, "postprocess/dequantize")), [1.0, 2.0, 0.5]);
    close(&floats(of(&written, "postprocess/softmax")), &[0.231_223_9, 0.628_531_7, 0.140_244_4]);
}

#[test]
fn a_label_is_held_from_one_inference_to_the_next() {
    let steps = [AfterStep::Exponential { alpha: 0.5 }, AfterStep::Threshold { on: 0.6, off: 0.4 }];
    let mut chain = concluded(&steps, 2);
    let mut next = |values: &[f32]| {
        let written = chain.infer(&scores(values));
        (integers(of(&written, "postprocess/threshold"))[0], floats(of(&written, "postprocess/threshold/score"))[0])
    };
    assert_eq!(next(&[0.5, 0.25]), (-1, 0.5));
    assert_eq!(next(&[1.0, 0.25]), (0, 0.75));
    assert_eq!(next(&[0.125, 0.5]), (0, 0.4375));
    assert_eq!(next(&[0.0, 0.375]), (-1, 0.375));
    chain.state = State::default();
    let written = chain.infer(&scores(&[0.5, 0.25]));
    assert_eq!(integers(of(&written, "postprocess/threshold")), [-1], "as at the beginning");
}

#[test]
fn a_label_is_told_once() {
    let steps = [AfterStep::Threshold { on: 0.6, off: 0.4 }, AfterStep::Suppress { inferences: 2 }];
    let mut chain = concluded(&steps, 2);
    assert_eq!(chain.names(), ["RELU", "threshold", "suppress"]);
    let graph = &chain.read.graph;
    let outputs: Vec<&str> = graph.outputs.iter().map(|id| graph.tensor(*id).name.as_str()).collect();
    assert_eq!(outputs, ["out", "postprocess/suppress", "postprocess/threshold/score"]);
    let mut next = |values: &[f32]| {
        let written = chain.infer(&scores(values));
        (integers(of(&written, "postprocess/suppress"))[0], floats(of(&written, "postprocess/threshold/score"))[0])
    };
    assert_eq!(next(&[0.75, 0.25]), (0, 0.75));
    assert_eq!(next(&[0.5, 0.25]), (-1, 0.5), "held, and told already");
    assert_eq!(next(&[0.5, 0.875]), (1, 0.875), "another one");
    assert_eq!(next(&[0.5, 0.875]), (-1, 0.875));
    assert_eq!(next(&[0.0, 0.0]), (-1, 0.0));
    assert_eq!(next(&[0.0, 1.0]), (1, 1.0), "after two inferences");
}

#[test]
fn steps_stand_on_both_sides() {
    let cut = StepSpec::Sensor(sensor::Step::Window { samples: 2, stride: 2 });
    let samples = sensor::Samples { rate_millihertz: 1000, channels: 1, dtype: TensorType::Int16, scale: 1.0 };
    let spec = Spec { input: None, source: Source::Sensor(samples), steps: vec![cut] };
    let port = form(TensorType::Float32, &[1, 2], None);
    let read = join(&spec, &model(&port)).unwrap();
    let read = conclude(&after(&[AfterStep::Top { count: 1, least: None }]), read).unwrap();
    let mut chain = Chain::new(read);
    let graph = &chain.read.graph;
    let labels: Vec<String> = graph.order().into_iter().map(|id| graph.label(id)).collect();
    assert_eq!(labels, ["hop.0", "hop.1", "hop.2", "0", "post.0"]);
    chain.hop(&[1, 0, 5, 0]);
    assert_eq!(integers(of(&chain.infer(&[]), "postprocess/top")), [1]);
    // A second node behind the same model: other names, behind the first.
    let read = conclude(&after(&[AfterStep::Top { count: 1, least: None }]), chain.read).unwrap();
    let names: Vec<&str> = read.graph.outputs.iter().map(|id| read.graph.tensor(*id).name.as_str()).collect();
    assert_eq!(names[3..], ["postprocess/top-2", "postprocess/top/score-2"]);
    assert_eq!(read.graph.pipeline.as_ref().unwrap().after, 2);
}

#[test]
fn steps_that_do_not_go_together_are_refused() {
    let port = form(TensorType::Float32, &[1, 3], None);
    let top = |count| AfterStep::Top { count, least: None };
    let wrong = |steps: &[AfterStep], port: &Form| build_after(&after(steps), port).unwrap_err();
    let many = wrong(&[AfterStep::Sigmoid, top(4)], &port);
    assert_eq!((many.step, &many.advice[..]), (Some(1), "take `top` of at most 3"));
    let twice = wrong(&[top(1), AfterStep::Threshold { on: 1.0, off: 1.0 }], &port);
    assert_eq!((twice.step, &twice.reason[..]), (Some(1), "`top` has given labels already"));
    let quiet = AfterStep::Suppress { inferences: 2 };
    for steps in [vec![quiet.clone()], vec![top(2), quiet.clone()], vec![top(1), quiet.clone(), quiet.clone()]] {
        let wrong = wrong(&steps, &port);
        assert_eq!((wrong.step, &wrong.reason[..]), (Some(steps.len() - 1), "`suppress` takes one label"));
    }
    let behind = wrong(&[top(1), quiet, top(1)], &port);
    assert_eq!((behind.step, &behind.reason[..]), (Some(2), "`suppress` has given labels already"));
    let bounds = wrong(&[AfterStep::Threshold { on: 0.5, off: 0.75 }], &port);
    assert_eq!(bounds.advice, "take `off` of at most 0.5");
    let rows = form(TensorType::Float32, &[2, 3], None);
    assert_eq!(wrong(&[top(1)], &rows).step, Some(0));
    assert_eq!(wrong(&[AfterStep::Softmax], &form(TensorType::Float32, &[3, 1], None)).advice, "take `sigmoid`");
    assert_eq!(wrong(&[], &port).reason, "there is no step");
    assert_eq!(wrong(&[AfterStep::Dequantize], &port).step, None);
    let bare = wrong(&[AfterStep::Dequantize], &form(TensorType::Int32, &[3], None));
    assert_eq!((bare.step, &bare.reason[..]), (Some(0), "the output is int32 without a scale"));
    let other = After { output: "scores".to_owned(), steps: vec![top(1)] };
    let wrong = conclude(&other, model(&port)).unwrap_err();
    assert_eq!(wrong.to_string(), "the model has no output `scores`; its outputs are [\"out\"]");
}
