//! A model with everything that is known of it before it is emitted, what the host reference makes of its inputs, and the
//! files of its project in a folder where Cargo runs.

use std::fs;
use std::path::Path;
use std::process::Command;

use deployctl::builtin;
use deployctl::emit::{Board, Entry, Files, Input, Library, Model, project};
use deployctl::library::{Features, Kernel, scratch_bytes};
use deployctl::memory::{MemoryPlan, plan};
use deployctl::model::{Read, State, Step, TensorId, TensorType, digest_all, evaluate_from, lower, read, vectors};

pub(crate) struct Planned {
    pub(crate) read: Read,
    steps: Vec<Step>,
    kernels: Vec<Kernel>,
    pub(crate) plan: MemoryPlan,
}

impl Planned {
    pub(crate) fn new(bytes: &[u8], features: Features, kernel: impl Fn(&Step) -> Kernel) -> Self {
        let read = read(bytes).expect("a model");
        let steps: Vec<Step> =
            lower(&read.graph, &read.weights).into_iter().map(|step| step.expect("a step")).collect();
        let kernels: Vec<Kernel> = steps.iter().map(kernel).collect();
        let scratch: Vec<usize> =
            steps.iter().zip(&kernels).map(|(step, kernel)| scratch_bytes(kernel, step, features)).collect();
        let plan = plan(&read.graph, &steps, &scratch).expect("a plan");
        Self { read, steps, kernels, plan }
    }

    /// The kernels that were chosen.
    pub(crate) fn symbols(&self) -> impl Iterator<Item = &str> {
        self.kernels.iter().map(|kernel| kernel.symbol.as_str())
    }

    pub(crate) fn project(&self, board: &Board, library: Option<Library<'_>>) -> Files {
        self.emit(|model| project(&Input { model, board, template: &template(), vendor: None, library }))
            .expect("a project")
    }

    /// Hands what the emitter wants to know to `write`.
    pub(crate) fn emit<T>(&self, write: impl FnOnce(Model<'_>) -> T) -> T {
        let kernels: Vec<Entry<'_>> = self
            .kernels
            .iter()
            .map(|kernel| Entry { function: &kernel.entry, symbol: &kernel.symbol, scratch: kernel.takes_scratch() })
            .collect();
        write(Model {
            deployment: "try",
            version: "1.0.0",
            digest: "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
            graph: &self.read.graph,
            weights: &self.read.weights,
            steps: &self.steps,
            kernels: &kernels,
            arena: self.plan.peak,
            tensors: &self.plan.tensors,
            scratch: &self.plan.scratch,
        })
    }

    /// The host reference's digest of every operator's output for every vector, vectors following each other in time.
    pub(crate) fn expected(&self, vectors: &[Vec<Vec<u8>>]) -> Vec<Vec<u64>> {
        let Read { graph, weights } = &self.read;
        let mut state = State::default();
        let mut one = |inputs: &Vec<Vec<u8>>| {
            let outputs = evaluate_from(&mut state, graph, &self.steps, weights, inputs).expect("outputs");
            outputs.iter().map(|outputs| digest_all(outputs)).collect()
        };
        vectors.iter().map(&mut one).collect()
    }

    /// Seeded inputs, `count` sets of them.
    pub(crate) fn seeded(&self, count: u64) -> Vec<Vec<Vec<u8>>> {
        let graph = &self.read.graph;
        let tensors = || (0..).zip(graph.inputs.iter().map(|&id| graph.tensor(id)));
        let vector =
            |vector| tensors().map(|(input, tensor)| vectors::random_tensor(1, vector, input, tensor)).collect();
        (0..count).map(vector).collect()
    }

    /// The inputs that a case of the conformance corpus comes with, each set before the outputs that it gives.
    pub(crate) fn recorded(&self, data: &[u8]) -> Vec<Vec<Vec<u8>>> {
        let graph = &self.read.graph;
        let size = |id: &TensorId| graph.tensor(*id).bytes();
        let main = &graph.operators[..graph.main().end];
        let outputs = main.iter().flat_map(|operator| &operator.outputs);
        let variables = main.iter().flat_map(|operator| operator.inputs.iter().flatten());
        let outputs: usize = outputs
            .filter(|id| graph.tensor(**id).dtype != TensorType::Resource)
            .chain(variables.filter(|id| graph.tensor(**id).variable))
            .map(size)
            .sum();
        let inputs: usize = graph.inputs.iter().map(size).sum();
        let vector = |mut data: &[u8]| {
            graph.inputs.iter().map(|id| data.split_off(..size(id)).expect("an input").to_vec()).collect()
        };
        data.chunks(inputs + outputs).map(vector).collect()
    }
}

/// True for a model that deployctl runs whole.
pub(crate) fn runs(bytes: &[u8]) -> bool {
    let lowers = |model: Read| lower(&model.graph, &model.weights).iter().all(Result::is_ok);
    read(bytes).is_ok_and(lowers)
}

/// Digests as the value of a `&[&[u64]]`.
pub(crate) fn literal(digests: &[Vec<u64>]) -> String {
    let rows: Vec<String> = digests.iter().map(|row| format!("&{row:?}")).collect();
    format!("&[{}]", rows.join(", "))
}

/// The firmware template, as it is packed into the program.
pub(crate) fn template() -> Files {
    let packed = builtin::under("firmware-template");
    packed.map(|file| (file.path["firmware-template/".len()..].into(), file.bytes.to_vec())).collect()
}

pub(crate) fn write(files: &Files, folder: &Path) {
    for (path, bytes) in files {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        // What is as it was keeps its time, so that Cargo builds it once for all models.
        if fs::read(&path).ok().as_ref() != Some(bytes) {
            fs::write(path, bytes).expect("a file");
        }
    }
}

pub(crate) fn cargo(folder: &Path, arguments: &[&str]) {
    let mut command = Command::new(env!("CARGO"));
    command.args(arguments).args(["--offline", "--quiet"]).env_remove("RUSTFLAGS").current_dir(folder);
    let output = command.output().expect("cargo starts");
    let all = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    assert!(output.status.success(), "{command:?}\n{all}");
}
