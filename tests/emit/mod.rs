//! Emitted projects of real models, built and run: on the host every operator's output equals the reference's; for firmware
//! with CMSIS-NN they build without deployctl.
#![expect(clippy::print_stdout, reason = "a test that is skipped says so")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use deployctl::emit::{Board, Left, Library};
use deployctl::library::{Build, Features, reference, select};
use deployctl::manifest::{Bytes, Region, RegionKind};

use planned::{Planned, cargo, literal, runs, write};

#[expect(dead_code, clippy::unwrap_used, reason = "the conformance test's, which uses all of it")]
#[path = "../conformance/archive.rs"]
mod archive;
mod batch;
mod planned;

const MODELS: [&str; 6] = [
    "kws_ref_model",
    "vww_96_int8",
    "pretrainedResnet_quant",
    "ad01_int8",
    "hello_world_int8",
    "micro_speech_quantized",
];

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

/// x86-64 takes the library's scalar path.
const SCALAR: Features = Features { dsp: false, mve: false };
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
        timers: vec![],
        left: Left::default(),
        boot_block: None,
        clock: "instructions".to_owned(),
        machine: target.map(|_| "mps2-an386".to_owned()),
        chip: None,
    }
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

/// Emits a model for the host into `folder`, and runs the check there.
fn run_on_host(planned: &Planned, library: Option<Library<'_>>, vectors: &[Vec<Vec<u8>>], folder: &Path) {
    let mut files = planned.project(&board(None), library);
    let wanted = literal(&planned.expected(vectors));
    files.insert("model/tests/check.rs".into(), format!("const WANTED: &[&[u64]] = {wanted};\n{CHECK}").into_bytes());
    files.insert("model/tests/inputs.bin".into(), vectors.concat().concat());
    let _ = fs::remove_dir_all(folder.join("model"));
    write(&files, folder);
    cargo(folder, &["test", "--locked", "--release", "-p", "model"]);
}

/// The crates that are the same for all models are compiled once: one folder for all of them.
#[test]
fn every_operator_of_every_model_computes_the_reference_on_the_host() {
    let folder = tempfile::tempdir().expect("a folder");
    loops_and_branches_compute_the_reference(folder.path());
    for name in MODELS {
        let Some(bytes) = model(name) else { return };
        let planned = Planned::new(&bytes, SCALAR, reference);
        run_on_host(&planned, None, &planned.seeded(2), folder.path());
        is_formatted(name, folder.path());
    }
}

/// A loop with a branch in it, and a branch with state in it.
fn loops_and_branches_compute_the_reference(folder: &Path) {
    let planned = Planned::new(include_bytes!("../golden/control.tflite"), SCALAR, reference);
    run_on_host(&planned, None, &planned.seeded(8), folder);
    let text = fs::read_to_string(folder.join("model/src/lib.rs")).expect("text");
    for lines in [
        "(arena);\n    loop {\n        op_3_cond_0_less(arena);\n",
        "    } else {\n        op_3_body_3_else_0_maximum(arena);\n",
    ] {
        assert!(text.contains(lines), "{text}");
    }
    is_formatted("control", folder);
}

fn is_formatted(name: &str, folder: &Path) {
    let sources = ["model/src/lib.rs", "model/src/parameters.rs"].map(|path| folder.join(path));
    let formatted = Command::new("rustfmt").args(["--edition", "2024", "--check"]).args(sources).output();
    let formatted = formatted.expect("rustfmt starts");
    assert!(formatted.status.success(), "{name}: {}", String::from_utf8_lossy(&formatted.stdout));
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
        let planned = Planned::new(&bytes, SCALAR, |step| select(step, SCALAR).expect("a kernel"));
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
#[ignore = "`image` builds such firmware in the plain run, and compares it; `tests/all --full` has both"]
fn firmware_with_cmsis_nn_builds_without_deployctl() {
    let (Some(root), Some(bytes)) = (std::env::var("DEPLOYCTL_CMSIS_NN").ok(), model(MODELS[0])) else {
        println!("SKIPPED: DEPLOYCTL_CMSIS_NN does not name a CMSIS-NN folder");
        return;
    };
    let planned = Planned::new(&bytes, CORTEX_M4, |step| select(step, CORTEX_M4).expect("a kernel"));
    let flags = ["-mcpu=cortex-m4", "-mthumb", "-mfloat-abi=hard", "-mfpu=fpv4-sp-d16", "-O2"];
    let folder = tempfile::tempdir().expect("a folder");
    std::os::unix::fs::symlink(&root, folder.path().join("cmsis-nn-sources")).expect("a link");
    let description = cmsis_nn(&flags).description("../cmsis-nn-sources");
    let library = Library { name: "cmsis-nn", root: "cmsis-nn-sources", description: &description };
    write(&planned.project(&board(Some("thumbv7em-none-eabihf")), Some(library)), folder.path());
    cargo(folder.path(), &["build", "--locked", "--release"]);
}

/// A sample of the generated models that are compared with LiteRT Micro: all operators and types in turn.
#[test]
#[ignore = "compiles 50 crates"]
fn generated_models_compute_the_reference_on_the_host() {
    const COUNT: usize = 50;
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/conformance/corpus.tar.gz");
    let mut cases = archive::read(&path);
    cases.retain(|case| case.data.is_some() && runs(&case.model));
    assert!(cases.len() > COUNT);
    let folder = tempfile::tempdir().expect("a folder");
    for case in cases.iter().step_by(cases.len() / COUNT) {
        println!("{}", case.name);
        let planned = Planned::new(&case.model, SCALAR, reference);
        let vectors = planned.recorded(case.data.as_ref().expect("data"));
        run_on_host(&planned, None, &vectors, folder.path());
    }
}
