//! Emitted projects of real models, built and run: on the host every operator's output equals the reference's; for firmware
//! with CMSIS-NN they build without deployctl.
#![expect(clippy::print_stdout, reason = "a test that is skipped says so")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use camino::Utf8PathBuf;
use deployctl::emit::{Board, Entry, Files, Input, Library, Model, project};
use deployctl::library::{Build, Features, Kernel, reference, scratch_bytes, select};
use deployctl::manifest::{Bytes, Region, RegionKind};
use deployctl::memory::{MemoryPlan, plan};
use deployctl::model::{Read, TensorId};
use deployctl::model::{State, Step, TensorType, digest_all, evaluate_from, lower, read, vectors};

#[expect(dead_code, clippy::unwrap_used, reason = "the conformance test's, which uses all of it")]
#[path = "../conformance/archive.rs"]
mod archive;

const MODELS: [&str; 6] = [
    "kws_ref_model",
    "vww_96_int8",
    "pretrainedResnet_quant",
    "ad01_int8",
    "hello_world_int8",
    "micro_speech_quantized",
];

/// A model with everything that is known of it before it is emitted.
struct Planned {
    read: Read,
    steps: Vec<Step>,
    kernels: Vec<Kernel>,
    plan: MemoryPlan,
}

impl Planned {
    fn new(bytes: &[u8], kernel: impl Fn(&Step) -> Kernel) -> Self {
        let read = read(bytes).expect("a model");
        let steps: Vec<Step> =
            lower(&read.graph, &read.weights).into_iter().map(|step| step.expect("a step")).collect();
        let kernels: Vec<Kernel> = steps.iter().map(kernel).collect();
        let scratch: Vec<usize> =
            steps.iter().zip(&kernels).map(|(step, kernel)| scratch_bytes(kernel, step, CORTEX_M4)).collect();
        let plan = plan(&read.graph, &steps, &scratch).expect("a plan");
        Self { read, steps, kernels, plan }
    }

    fn project(&self, board: &Board, library: Option<Library<'_>>) -> Files {
        let kernels: Vec<Entry<'_>> = self
            .kernels
            .iter()
            .map(|kernel| Entry { function: &kernel.entry, symbol: &kernel.symbol, scratch: kernel.takes_scratch() })
            .collect();
        let model = Model {
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
        };
        project(&Input { model, board, template: &template(), vendor: None, library }).expect("a project")
    }

    /// A test for the emitted model crate and the bytes of its inputs: for every vector the output of every operator right
    /// after it, vectors following each other in time.
    fn check(&self, vectors: &[Vec<Vec<u8>>]) -> (String, Vec<u8>) {
        let Read { graph, weights } = &self.read;
        let (mut bytes, mut digests) = (Vec::new(), Vec::new());
        let mut state = State::default();
        for inputs in vectors {
            let outputs = evaluate_from(&mut state, graph, &self.steps, weights, inputs).expect("outputs");
            digests.push(outputs.iter().map(|outputs| digest_all(outputs)).collect::<Vec<u64>>());
            bytes.extend(inputs.concat());
        }
        (format!("const WANTED: &[&[u64]] = &{};\n{CHECK}", literal(&digests)), bytes)
    }

    /// Seeded inputs, `count` sets of them.
    fn seeded(&self, count: u64) -> Vec<Vec<Vec<u8>>> {
        let graph = &self.read.graph;
        let tensors = || (0..).zip(graph.inputs.iter().map(|&id| graph.tensor(id)));
        let vector =
            |vector| tensors().map(|(input, tensor)| vectors::random_tensor(1, vector, input, tensor)).collect();
        (0..count).map(vector).collect()
    }

    /// The inputs that a case of the conformance corpus comes with, each set before the outputs that it gives.
    fn recorded(&self, data: &[u8]) -> Vec<Vec<Vec<u8>>> {
        let graph = &self.read.graph;
        let size = |id: &TensorId| graph.tensor(*id).bytes();
        let outputs = graph.operators.iter().flat_map(|operator| &operator.outputs);
        let variables = graph.operators.iter().flat_map(|operator| operator.inputs.iter().flatten());
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

fn literal(digests: &[Vec<u64>]) -> String {
    let rows: Vec<String> = digests.iter().map(|row| format!("&{row:?}")).collect();
    format!("[{}]", rows.join(", "))
}

/// Runs in the emitted project: `WANTED` stands before it.
const CHECK: &str = r#"
fn digest<'a>(bytes: impl Iterator<Item = &'a i8>) -> u64 {
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
        (hash ^ u64::from(byte.cast_unsigned())).wrapping_mul(0x100_0000_01b3)
    })
}

#[test]
fn every_operator() {
    let mut inputs = kernels::as_i8(include_bytes!("inputs.bin"));
    let mut arena = model::Arena([77; model::ARENA_BYTES]);
    model::reset(&mut arena);
    for (vector, wanted) in WANTED.iter().enumerate() {
        for place in &model::INPUTS {
            let (tensor, rest) = inputs.split_at(place.len);
            arena.0[place.offset..][..place.len].copy_from_slice(tensor);
            inputs = rest;
        }
        let mut whole = model::Arena(arena.0);
        model::invoke(&mut whole);
        assert_eq!(model::OPERATORS.len(), wanted.len());
        for (index, (operator, wanted)) in model::OPERATORS.iter().zip(*wanted).enumerate() {
            (operator.run)(&mut arena);
            let outputs = operator.outputs.iter().flat_map(|place| &arena.0[place.offset..][..place.len]);
            let found = digest(outputs);
            assert_eq!(found, *wanted, "vector {vector} op:{index} {}", operator.name);
        }
        assert_eq!(arena.0, whole.0);
    }
}
"#;

const CORTEX_M4: Features = Features { dsp: true, mve: false };

fn board(target: Option<&str>) -> Board {
    let region = |name: &str, kind, address| Region {
        name: name.to_owned(),
        kind,
        address,
        size: Bytes(4_194_304),
        memory: None,
        used: true,
        off_at_reset: false,
        wait_states: None,
    };
    Board {
        name: "mps2-an386".to_owned(),
        core: "cortex-m4f".to_owned(),
        rust_target: target.map(str::to_owned),
        memory: vec![region("FLASH", RegionKind::Flash, 0), region("RAM", RegionKind::Ram, 0x2000_0000)],
        boot_block: None,
        clock: "instructions".to_owned(),
        machine: target.map(|_| "mps2-an386".to_owned()),
        chip: None,
    }
}

/// The firmware template of this checkout.
fn template() -> Files {
    fn collect(folder: &Path, root: &Path, files: &mut Files) {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() && !path.ends_with("target") {
                collect(&path, root, files);
            } else if path.is_file() {
                let name = path.strip_prefix(root).expect("below the root").to_path_buf();
                files.insert(Utf8PathBuf::try_from(name).expect("UTF-8"), fs::read(&path).expect("a file"));
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../firmware-template");
    let mut files = BTreeMap::new();
    collect(&root, &root, &mut files);
    files
}

/// A model to try, or `None` (said aloud) where this machine has none.
fn model(name: &str) -> Option<Vec<u8>> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared");
    let shared = std::env::var_os("DEPLOYCTL_SHARED").map_or(beside, PathBuf::from);
    let path = shared.join("models").join(name).with_extension("tflite");
    let bytes = fs::read(&path).ok();
    if bytes.is_none() {
        println!("SKIPPED: no `{}`; set DEPLOYCTL_SHARED to a folder that has `models`", path.display());
    }
    bytes
}

fn write(files: &Files, folder: &Path) {
    for (path, bytes) in files {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        // What is as it was keeps its time, so that Cargo builds it once for all models.
        if fs::read(&path).ok().as_ref() != Some(bytes) {
            fs::write(path, bytes).expect("a file");
        }
    }
}

fn cargo(folder: &Path, arguments: &[&str]) {
    let mut command = Command::new(env!("CARGO"));
    command.args(arguments).args(["--offline", "--locked", "--quiet"]).env_remove("RUSTFLAGS").current_dir(folder);
    let output = command.output().expect("cargo starts");
    let all = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    assert!(output.status.success(), "{command:?}\n{all}");
}

/// Emits a model for the host into `folder`, and runs the check there.
fn run_on_host(planned: &Planned, library: Option<Library<'_>>, vectors: &[Vec<Vec<u8>>], folder: &Path) {
    let mut files = planned.project(&board(None), library);
    let (test, inputs) = planned.check(vectors);
    files.insert("model/tests/check.rs".into(), test.into_bytes());
    files.insert("model/tests/inputs.bin".into(), inputs);
    let _ = fs::remove_dir_all(folder.join("model"));
    write(&files, folder);
    cargo(folder, &["test", "--release", "-p", "model"]);
}

#[test]
fn every_operator_of_every_model_computes_the_reference_on_the_host() {
    let folder = tempfile::tempdir().expect("a folder");
    for name in MODELS {
        let Some(bytes) = model(name) else { return };
        let planned = Planned::new(&bytes, reference);
        run_on_host(&planned, None, &planned.seeded(2), folder.path());
        let sources = ["model/src/lib.rs", "model/src/parameters.rs"].map(|path| folder.path().join(path));
        let formatted = Command::new("rustfmt").args(["--edition", "2024", "--check"]).args(sources).output();
        let formatted = formatted.expect("rustfmt starts");
        assert!(formatted.status.success(), "{name}: {}", String::from_utf8_lossy(&formatted.stdout));
    }
}

#[test]
fn every_operator_of_every_model_computes_the_reference_through_cmsis_nn_on_the_host() {
    let Ok(root) = std::env::var("DEPLOYCTL_CMSIS_NN") else {
        println!("SKIPPED: DEPLOYCTL_CMSIS_NN does not name a CMSIS-NN folder");
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    std::os::unix::fs::symlink(&root, folder.path().join("cmsis-nn-sources")).expect("a link");
    let description = cmsis_nn(&["-O2", "-fPIC"]).description("../cmsis-nn-sources");
    let library = Library { name: "cmsis-nn", root: "cmsis-nn-sources", description: &description };
    for name in MODELS {
        let Some(bytes) = model(name) else { return };
        // x86-64 takes the library's scalar path.
        let planned = Planned::new(&bytes, |step| select(step, Features { dsp: false, mve: false }).expect("a kernel"));
        run_on_host(&planned, Some(library), &planned.seeded(16), folder.path());
    }
}

fn cmsis_nn(flags: &[&str]) -> Build {
    Build {
        include: vec!["Include".to_owned()],
        define: vec!["CMSIS_NN_REVISION=120501".to_owned()],
        flag: flags.iter().map(|flag| (*flag).to_owned()).collect(),
        source: vec!["Source/**".to_owned()],
        libc: Vec::new(),
    }
}

#[test]
fn firmware_with_cmsis_nn_builds_without_deployctl() {
    let (Some(root), Some(bytes)) = (std::env::var("DEPLOYCTL_CMSIS_NN").ok(), model(MODELS[0])) else {
        println!("SKIPPED: DEPLOYCTL_CMSIS_NN does not name a CMSIS-NN folder");
        return;
    };
    let planned = Planned::new(&bytes, |step| select(step, CORTEX_M4).expect("a kernel"));
    let flags = ["-mcpu=cortex-m4", "-mthumb", "-mfloat-abi=hard", "-mfpu=fpv4-sp-d16", "-O2"];
    let folder = tempfile::tempdir().expect("a folder");
    std::os::unix::fs::symlink(&root, folder.path().join("cmsis-nn-sources")).expect("a link");
    let description = cmsis_nn(&flags).description("../cmsis-nn-sources");
    let library = Library { name: "cmsis-nn", root: "cmsis-nn-sources", description: &description };
    write(&planned.project(&board(Some("thumbv7em-none-eabihf")), Some(library)), folder.path());
    cargo(folder.path(), &["build", "--release"]);
}

/// A sample of the generated models that are compared with LiteRT Micro: all operators and types in turn.
#[test]
#[ignore = "compiles 50 crates"]
fn generated_models_compute_the_reference_on_the_host() {
    const COUNT: usize = 50;
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/conformance/corpus.tar.gz");
    let mut cases = archive::read(&path);
    cases.retain(|case| {
        let lowers = |model: Read| lower(&model.graph, &model.weights).iter().all(Result::is_ok);
        case.data.is_some() && read(&case.model).is_ok_and(lowers)
    });
    assert!(cases.len() > COUNT);
    let folder = tempfile::tempdir().expect("a folder");
    for case in cases.iter().step_by(cases.len() / COUNT) {
        println!("{}", case.name);
        let planned = Planned::new(&case.model, reference);
        let vectors = planned.recorded(case.data.as_ref().expect("data"));
        run_on_host(&planned, None, &vectors, folder.path());
    }
}
