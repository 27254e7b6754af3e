//! Every operator's output tensor equals LiteRT Micro's, on seeded inputs.
//!
//! The goldens were made by `tests/oracle/oracle.py` with the real interpreter; no Python is needed here.

use std::path::Path;

use deployctl::model::{Graph, Step, TensorId, digest_all, evaluate, lower, read, vectors};

use crate::{sample, shared, variety};

/// A golden file.
struct Golden {
    seed: u64,
    runs: u64,
    operators: Vec<(usize, Vec<TensorId>, Vec<u64>)>,
}

fn golden(model: &str) -> Golden {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden").join(format!("{model}.txt"));
    let text = std::fs::read_to_string(&path).unwrap();
    let value = |key: &str| text.lines().find_map(|line| line.strip_prefix(key)).unwrap().trim().parse().unwrap();
    let operators = text.lines().filter_map(|line| {
        let mut words = line.strip_prefix("op ")?.split(' ');
        let operator = words.next()?.parse().ok()?;
        let tensors = words.next()?.split(',').map(|id| TensorId(id.parse().unwrap())).collect();
        Some((operator, tensors, words.map(|word| u64::from_str_radix(word, 16).unwrap()).collect()))
    });
    Golden { seed: value("seed"), runs: value("runs"), operators: operators.collect() }
}

fn vector(graph: &Graph, seed: u64, run: u64) -> Vec<Vec<u8>> {
    let input = |(position, &id): (u64, &TensorId)| vectors::random_tensor(seed, run, position, graph.tensor(id));
    (0..).zip(&graph.inputs).map(input).collect()
}

fn compare_shared(model: &str) {
    if let Some(bytes) = shared::model(&format!("{model}.tflite")) {
        compare(model, &bytes);
    }
}

fn compare(model: &str, bytes: &[u8]) {
    let golden = golden(model);
    let model = read(bytes).unwrap();
    let steps: Vec<Step> = lower(&model.graph, &model.weights).into_iter().map(Result::unwrap).collect();
    assert_eq!(golden.operators.len(), steps.len());
    assert!(golden.runs >= 16);
    for run in 0..golden.runs {
        let inputs = vector(&model.graph, golden.seed, run);
        let outputs = evaluate(&model.graph, &steps, &model.weights, &inputs).unwrap();
        for (outputs, (operator, tensors, digests)) in outputs.iter().zip(&golden.operators) {
            let name = &model.graph.operators[*operator].name;
            assert_eq!(model.graph.operators[*operator].outputs, *tensors);
            let expected = digests[usize::try_from(run).unwrap()];
            assert_eq!(
                digest_all(outputs),
                expected,
                "run {run}: operator {operator} `{name}` differs from LiteRT Micro"
            );
        }
    }
}

#[test]
fn ad() {
    compare_shared("ad01_int8");
}

#[test]
fn hello_world() {
    compare_shared("hello_world_int8");
}

#[test]
fn kws() {
    compare_shared("kws_ref_model");
}

#[test]
fn micro_speech() {
    compare_shared("micro_speech_quantized");
}

#[test]
fn resnet() {
    compare_shared("pretrainedResnet_quant");
}

#[test]
fn vww() {
    compare_shared("vww_96_int8");
}

/// The model of the project's own example manifest.
#[test]
fn example() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../manifests/models/kws.tflite");
    compare("kws", &std::fs::read(path).unwrap());
}

#[test]
fn models_made_here() {
    let made = [("sample", sample::model(sample::Flaw::None)), ("variety", variety::model())];
    for (name, bytes) in made {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../tests/golden/{name}.tflite"));
        if std::env::var_os("DEPLOYCTL_BLESS").is_some() {
            std::fs::write(&path, &bytes).unwrap();
            println!("written: {}; now run tests/oracle/oracle.py on it", path.display());
            continue;
        }
        let committed = std::fs::read(&path).unwrap();
        assert!(committed == bytes, "`{}` is not what the test makes; set DEPLOYCTL_BLESS=1", path.display());
        compare(name, &bytes);
    }
}
