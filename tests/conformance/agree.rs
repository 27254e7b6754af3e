//! Any inputs: the memory plan with CMSIS-NN's kernels makes of them what the host reference makes of them. LiteRT Micro has no
//! say in it, so there is no limit to how many inputs can be tried.
//!
//! Shared by the plain test run, with seeded inputs, and by the fuzz target `kernels`.

use deployctl::model::lower::{Call, Step};
use deployctl::model::{Read, TensorType, lower, read};

use crate::archive::Case;
use crate::compare::{Executor, Inputs, Reference};
use crate::planned::Planned;

/// Inferences in a row.
const INFERENCES: usize = 2;

/// A model of the corpus that runs here.
pub(crate) struct Runnable {
    name: String,
    model: Read,
    steps: Vec<Step>,
}

/// The models of the corpus, but for those with a loop, which need not end.
pub(crate) fn runnable(cases: &[Case]) -> Vec<Runnable> {
    let one = |case: &Case| {
        let model = read(&case.model).ok()?;
        let steps: Vec<Step> = lower(&model.graph, &model.weights).into_iter().collect::<Result<_, _>>().ok()?;
        let loops = steps.iter().any(|step| matches!(step.call, Call::While { .. }));
        (!loops).then(|| Runnable { name: case.name.clone(), model, steps })
    };
    cases.iter().filter_map(one).collect()
}

impl Runnable {
    /// Runs both on inputs made of `noise`, and panics where a byte of any operator's output differs.
    pub(crate) fn agrees(&self, noise: &[u8]) {
        let mut bytes = noise.iter().copied().chain([0]).cycle();
        let graph = &self.model.graph;
        let tensor = |id| {
            let tensor = graph.tensor(id);
            // Other bytes than 0 and 1 are no bool.
            let mask = if tensor.dtype == TensorType::Bool { 1 } else { 0xff };
            bytes.by_ref().take(tensor.bytes()).map(|byte| byte & mask).collect()
        };
        let mut tensors = graph.inputs.iter().copied().cycle().map(tensor);
        let sequence: Vec<Inputs> =
            (0..INFERENCES).map(|_| tensors.by_ref().take(graph.inputs.len()).collect()).collect();
        let run = |executor: &dyn Executor| executor.execute(&self.model, &self.steps, &sequence);
        let (reference, planned) = (run(&Reference).expect("a run"), run(&Planned).expect("a run"));
        for (inference, (reference, planned)) in reference.iter().zip(&planned).enumerate() {
            for (operator, (reference, planned)) in reference.iter().zip(planned).enumerate() {
                assert!(reference == planned, "{}: inference {inference}, op:{operator} differs", self.name);
            }
        }
    }
}
