//! What the model reader promises about any bytes: an answer, bounded memory, and steps that stay within their tensors.
//!
//! Shared by the fuzz target of this name and by the seeded mutations in the plain test run.

use deployctl::library::macs;
use deployctl::memory::plan;
use deployctl::model::{Call, EvaluateError, Graph, Step, TensorId, evaluate, lower, read, vectors};

/// Work that a run may take in here; models that are larger are read and lowered but not run.
const MAX_WORK: usize = 1 << 22;

/// Reads, lowers and runs whatever `bytes` are. Returns true where they were a model.
pub(crate) fn body(bytes: &[u8]) -> bool {
    let Ok(model) = read(bytes) else { return false };
    let graph = &model.graph;
    assert!(model.weights.len() <= bytes.len() * 2 + 4096, "{} bytes of weights", model.weights.len());
    for constant in graph.tensors.iter().filter_map(|tensor| tensor.constant) {
        assert!(constant.offset.is_multiple_of(16) && constant.offset + constant.len <= model.weights.len());
    }
    let stored = serde_json::to_string(graph).expect("a graph can be stored");
    assert_eq!(*graph, serde_json::from_str::<Graph>(&stored).expect("and read again"));

    let lowered = lower(graph, &model.weights);
    assert_eq!(lowered.len(), graph.operators.len());
    let steps: Vec<Step> = lowered.into_iter().filter_map(Result::ok).collect();
    // A loop may run its body until it is given up.
    let loops = steps.iter().any(|step| matches!(step.call, Call::While { .. }));
    let most = if loops { MAX_WORK >> 16 } else { MAX_WORK };
    if steps.len() == graph.operators.len() && steps.iter().all(|step| work(graph, step) < most) {
        let inputs: Vec<_> =
            (0..).zip(&graph.inputs).map(|(n, &id)| vectors::random_tensor(1, 0, n, graph.tensor(id))).collect();
        match evaluate(graph, &steps, &model.weights, &inputs) {
            Ok(outputs) => assert_eq!(outputs.len(), graph.main().end),
            Err(error) => assert!(loops && matches!(error, EvaluateError::Endless { .. }), "{error}"),
        }
        plan(graph, &steps, &[]).expect("an accepted model has a memory plan");
    }
    true
}

/// Multiplications, elements of all windows, or bytes, whichever is most.
fn work(graph: &Graph, step: &Step) -> usize {
    let bytes = |ids: &[TensorId]| ids.iter().map(|&id| graph.tensor(id).bytes()).max().unwrap_or(0);
    let window = match &step.call {
        Call::AveragePool2d(p) | Call::MaxPool2d(p) => p.window.h * p.window.w,
        _ => 1,
    };
    let multiplied = usize::try_from(macs(step)).unwrap_or(usize::MAX);
    multiplied.max(bytes(&step.outputs).saturating_mul(window)).max(bytes(&step.inputs))
}
