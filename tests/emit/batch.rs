//! Models of the conformance corpus on emulated cores: many emitted model crates in one image, with CMSIS-NN's kernels as the
//! core's instructions choose them. Every operator's output is the host reference's, which `tests/conformance` compares
//! with LiteRT Micro's.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use camino::{Utf8Path, Utf8PathBuf};
use deployctl::emit::{Files, Library, model_crate};
use deployctl::library::{Features, reference, select};
use deployctl::manifest::{Board, Catalog, RegionKind, Runner};
use deployctl::runner::qemu::harness_command;

use super::planned::{Planned, cargo, literal, runs, write};
use super::{archive, cmsis_nn};

/// A case that goes into the image.
struct Chosen {
    name: String,
    planned: Planned,
    vectors: Vec<Vec<Vec<u8>>>,
}

impl Chosen {
    fn new(case: &archive::Case, features: Features) -> Option<Self> {
        let data = case.data.as_ref().filter(|_| runs(&case.model))?;
        let planned =
            Planned::new(&case.model, features, |step| select(step, features).unwrap_or_else(|_| reference(step)));
        let vectors = planned.recorded(data);
        Some(Self { name: case.name.clone(), planned, vectors })
    }

    /// Bytes of flash for what is not code.
    fn constants(&self) -> usize {
        self.planned.read.weights.len() + self.vectors.iter().flatten().map(Vec::len).sum::<usize>()
    }

    /// The model crate as `case_INDEX`.
    fn files(&self, index: usize) -> Files {
        let renamed = |bytes: Vec<u8>| {
            let text = String::from_utf8(bytes).expect("UTF-8");
            text.replace("name = \"model\"", &format!("name = \"case_{index}\"")).into_bytes()
        };
        let files = self.planned.emit(|model| model_crate(&model)).expect("a crate");
        let moved = |(path, bytes): (Utf8PathBuf, Vec<u8>)| {
            let path = path.strip_prefix("model").expect("below `model`");
            let bytes = if path == "Cargo.toml" { renamed(bytes) } else { bytes };
            (Utf8PathBuf::from(format!("case_{index}")).join(path), bytes)
        };
        files.into_iter().map(moved).collect()
    }

    /// A call of the image that runs this case.
    fn call(&self, index: usize) -> String {
        let wanted = literal(&self.planned.expected(&self.vectors));
        format!(
            "    wrong += u32::from(!Case {{\n        name: \"{}\",\n        inputs: include_bytes!(\"case_{index}.bin\"),\n        \
             wanted: {wanted},\n        places: &case_{index}::INPUTS,\n        operators: &case_{index}::OPERATORS,\n        \
             reset: case_{index}::reset,\n        invoke: case_{index}::invoke,\n    }}.run(memory));\n",
            self.name
        )
    }
}

/// `count` cases that fit together, arenas in half the RAM, constants in a third of the flash: those that bring in another
/// kernel, then others from all over the corpus.
fn choose(board: &Board, count: usize) -> Vec<Chosen> {
    let size = |kind| -> usize {
        let used = board.memory.iter().filter(|region| region.used && region.kind == kind);
        used.map(|region| usize::try_from(region.size.0).expect("an address")).sum()
    };
    let (ram, flash) = (size(RegionKind::Ram) / 2, size(RegionKind::Flash) / 3);
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/conformance/corpus.tar.gz");
    let cases = archive::read(&corpus);
    let cases = cases.iter().filter_map(|case| Chosen::new(case, board.features));
    let cases = cases.filter(|case| case.planned.plan.peak <= ram && case.constants() <= flash / count);
    let mut symbols = BTreeSet::new();
    let (mut chosen, others): (Vec<Chosen>, Vec<Chosen>) = cases.partition(|case| {
        let known = symbols.len();
        symbols.extend(case.planned.symbols().map(str::to_owned));
        symbols.len() > known
    });
    assert!(chosen.len() + others.len() > count, "{} and {} cases fit", chosen.len(), others.len());
    let step = others.len() / count.saturating_sub(chosen.len()).max(1);
    chosen.extend(others.into_iter().step_by(step.max(1)));
    chosen.truncate(count);
    chosen
}

/// Emits a sample of the corpus for the board, builds it as one image, and runs that.
fn runs_on(name: &str, count: usize) {
    let Ok(root) = std::env::var("DEPLOYCTL_CMSIS_NN") else {
        println!("SKIPPED: DEPLOYCTL_CMSIS_NN does not name a CMSIS-NN folder");
        return;
    };
    let boards = Board::all(&Catalog::builtin()).expect("boards");
    let board = boards.iter().find(|board| board.name == name).expect("a board");
    let cases = choose(board, count);
    let folder = tempfile::tempdir().expect("a folder");
    std::os::unix::fs::symlink(&root, folder.path().join("cmsis-nn-sources")).expect("a link");
    write(&project(board, &cases), folder.path());
    cargo(folder.path(), &["build", "--release", "-p", "batch"]);

    let Runner::Qemu { machine, .. } = &board.runner else { panic!("{name} is not emulated") };
    let image = PathBuf::from_iter(["target", board.rust_target.as_deref().expect("a target"), "release", "batch"]);
    let image = folder.path().join(image);
    let started = harness_command("qemu-system-arm".into(), machine, image.to_str().expect("UTF-8").into());
    let output = Command::new(started.program).args(started.args).output().expect("qemu-system-arm starts");
    let printed = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    let symbols: BTreeSet<&str> = cases.iter().flat_map(|case| case.planned.symbols()).collect();
    let library = symbols.iter().filter(|symbol| symbol.starts_with("arm_")).count();
    println!(
        "{name}: {} models, {library} functions of CMSIS-NN, {} other kernels",
        cases.len(),
        symbols.len() - library
    );
    assert!(output.status.success(), "{name}:\n{printed}");
    assert_eq!(printed.matches(": equal\n").count(), cases.len(), "{name}:\n{printed}");
}

/// The project of the first case, and in it a crate `batch` with all of them.
fn project(board: &Board, cases: &[Chosen]) -> Files {
    let flags: Vec<&str> = board.c_flags.iter().map(String::as_str).chain(["-O2"]).collect();
    let description = cmsis_nn(&flags).description("../cmsis-nn-sources");
    let library = Library { name: "cmsis-nn", root: "cmsis-nn-sources", description: &description };
    let mut files = cases[0].planned.project(&deployctl::emit::Board::new(board, None), Some(library));
    files.insert("cmsis-nn/cmsis-nn.sources".into(), description.into_bytes());
    let members: Vec<String> = (0..cases.len()).map(|index| format!("\"case_{index}\", ")).collect();
    let workspace = String::from_utf8(files[Utf8Path::new("Cargo.toml")].clone()).expect("UTF-8");
    let workspace = workspace.replace("members = [", &format!("members = [\"batch\", {}", members.concat()));
    files.insert("Cargo.toml".into(), workspace.into_bytes());
    files.insert("batch/build.rs".into(), files[Utf8Path::new("harness/build.rs")].clone());
    files.insert("batch/src/main.rs".into(), include_bytes!("batch/main.rs").to_vec());

    let mut manifest = String::from(MANIFEST);
    let arena = cases.iter().map(|case| case.planned.plan.peak).max().unwrap_or(0);
    let mut calls = format!(
        "use super::{{Case, Memory}};\n\npub(crate) const ARENA_BYTES: usize = {};\n\n\
         pub(crate) fn run(memory: &mut Memory) -> u32 {{\n    let mut wrong = 0;\n",
        arena.next_multiple_of(16)
    );
    for (index, case) in cases.iter().enumerate() {
        let _ = writeln!(manifest, "case_{index} = {{ path = \"../case_{index}\" }}");
        calls += &case.call(index);
        files.extend(case.files(index));
        files.insert(format!("batch/src/case_{index}.bin").into(), case.vectors.concat().concat());
    }
    files.insert("batch/Cargo.toml".into(), manifest.into_bytes());
    files.insert("batch/src/cases.rs".into(), (calls + "    wrong\n}\n").into_bytes());
    files
}

const MANIFEST: &str = r#"[package]
name = "batch"
version.workspace = true
edition.workspace = true
license.workspace = true
publish.workspace = true

[dependencies]
cortex-m-rt = "0.7"
kernels = { path = "../kernels" }
semihosting = { version = "0.1", features = ["stdio"] }
"#;

macro_rules! boards {
    ($($name:ident $board:literal $count:literal;)*) => {$(
        #[test]
        #[ignore = "compiles a crate for each model"]
        fn $name() {
            runs_on($board, $count);
        }
    )*};
}
boards! {
    microbit "microbit" 30;
    mps2_an385 "mps2-an385" 120;
    mps2_an386 "mps2-an386" 120;
    mps2_an500 "mps2-an500" 120;
    mps2_an505 "mps2-an505" 120;
    mps3_an547 "mps3-an547" 60;
}
