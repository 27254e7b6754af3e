//! The checked manifest, board and kernel library: what the rest of the program reads. Values are in base units, paths are
//! resolved, names are known to exist. Spans are kept beside the values that reports point at and are in no key.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use camino::Utf8PathBuf;
use serde::{Deserialize, Serialize};

use crate::library::Defect;
use crate::model::TensorType;
use crate::model::pipeline::{After, Spec};
use crate::vectors::recording::Fit;

use super::gates::Gates;
use super::hardware::Board;

/// A value with the byte range of the manifest text it came from.
#[derive(Clone, Debug, PartialEq)]
pub struct Spanned<T> {
    /// The value.
    pub value: T,
    /// Start and end, in bytes of the manifest text.
    pub span: std::ops::Range<usize>,
}

/// A number of bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Bytes(pub u64);

/// A ratio; `"10%"` is 0.1.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Ratio(pub f64);

/// One deployment: a model with its interface, targets, limits and owners.
#[derive(Clone, Debug)]
pub struct Manifest {
    /// The manifest file.
    pub path: Utf8PathBuf,
    /// Its text, for diagnostics and reports.
    pub text: String,
    /// The project root (see DESIGN section 3).
    pub root: Utf8PathBuf,
    /// `deployment` node: name, by which outputs are filed.
    pub name: Spanned<String>,
    /// Version of the deployment, such as `1.2.0`.
    pub version: String,
    /// Who answers for it.
    pub owner: String,
    /// One line for people.
    pub summary: Option<String>,
    /// `model` node.
    pub model: Model,
    /// `convert` node: how the model is made, where that is declared.
    pub convert: Option<Convert>,
    /// `preprocess` node.
    pub preprocess: Option<Preprocess>,
    /// `postprocess` nodes, in order.
    pub postprocess: Vec<Postprocess>,
    /// `target` nodes, in order; never empty.
    pub targets: Vec<Target>,
    /// `arena` node.
    pub arena: Arena,
    /// `kernels` node.
    pub kernels: Kernels,
    /// `regression` node.
    pub regression: Regression,
    /// `services` node: what the rest of the firmware takes.
    pub services: Option<Services>,
    /// `gates` node.
    pub gates: Gates,
    /// `runbook` node.
    pub runbook: Runbook,
}

/// The `services` node: what the rest of the product's firmware takes.
#[derive(Clone, Debug, PartialEq)]
pub struct Services {
    /// Static RAM that is left to it.
    pub ram: Bytes,
    /// Flash that is left to it.
    pub flash: Bytes,
    /// Stack that its interrupts use.
    pub stack: Bytes,
    /// Share of the processor that its interrupts take.
    pub cpu: Ratio,
    /// Who answers for these values.
    pub owner: String,
    /// Where it stands.
    pub span: Range<usize>,
}

impl Services {
    /// Whether it takes nothing at all.
    pub fn is_nothing(&self) -> bool {
        [self.ram, self.flash, self.stack].iter().all(|bytes| bytes.0 == 0) && self.cpu.0 <= 0.0
    }
}

/// The `model` node: the file and the interface that both sides agreed on.
#[derive(Clone, Debug)]
pub struct Model {
    /// The `.tflite` file, resolved.
    pub path: Utf8PathBuf,
    /// The path as the manifest writes it, with its place.
    pub written: Spanned<String>,
    /// Declared inputs.
    pub inputs: Vec<Spanned<Port>>,
    /// Declared outputs.
    pub outputs: Vec<Spanned<Port>>,
    /// Files with labels of outputs, resolved.
    pub label_files: Vec<Utf8PathBuf>,
    /// Whether operators may become others with the same output.
    pub optimize: bool,
}

/// The `convert` node: the command that makes the model, and everything that it may read.
#[derive(Clone, Debug)]
pub struct Convert {
    /// Words of the command; the first names the program, and one contains `{output}`.
    pub command: Vec<String>,
    /// The command as the manifest writes it, with its place.
    pub written: Spanned<String>,
    /// What it reads, in the manifest's order.
    pub inputs: Vec<Spanned<ConvertInput>>,
    /// Variables of its environment, besides those that every command has.
    pub environment: BTreeMap<String, String>,
    /// Longest that it may take.
    pub time_limit: Duration,
    /// Whether it is run twice, and must give the same bytes.
    pub reproducible: bool,
    /// What people want to know of the model later.
    pub provenance: Provenance,
    /// Whether the user forbids to run it.
    pub forbidden: bool,
}

/// A file or folder that the command reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConvertInput {
    /// Where it is.
    pub path: Utf8PathBuf,
    /// The same, relative to the project's root.
    pub place: Utf8PathBuf,
    /// As the manifest writes it, relative to the manifest's folder.
    pub written: String,
}

/// Where a model comes from, as the manifest declares it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provenance {
    /// The model before conversion: one of the inputs, as it is written.
    pub source: Option<String>,
    /// Calibration data: one of the inputs, as it is written.
    pub calibration: Option<String>,
    /// The package that converts.
    pub converter: Option<String>,
    /// Quantization settings, in words.
    pub quantization: Option<String>,
}

/// A declared model input or output.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Port {
    /// Tensor name.
    pub name: String,
    /// Element type.
    pub dtype: TensorType,
    /// Dimensions.
    pub shape: Vec<usize>,
    /// Scale and zero point, where declared.
    pub quantization: Option<PortQuantization>,
    /// Labels of the output's elements, in order, read from the file that the manifest names.
    pub labels: Option<Vec<String>>,
}

/// Quantization of a port. A scale agrees with the model's when both are the same `f32`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct PortQuantization {
    /// Real value of one step.
    pub scale: f32,
    /// Quantized value that stands for zero.
    pub zero_point: i64,
}

/// The `preprocess` node: what stands between samples or pixels and a model input. Its steps go together.
#[derive(Clone, Debug)]
pub struct Preprocess {
    /// Source and steps.
    pub spec: Spec,
    /// The `parity` node: features of the training side that steps are held against.
    pub parity: Option<Parity>,
}

/// The `parity` node.
#[derive(Clone, Debug)]
pub struct Parity {
    /// The `.npz` file with features, resolved.
    pub features: Utf8PathBuf,
    /// Where the raw inputs are; in the features' file, as `samples`, where absent.
    pub inputs: Option<Recordings>,
    /// What happens to raw inputs of another length.
    pub fit: Fit,
    /// Most quantized steps that the model's input may be off.
    pub max_lsb: Spanned<u32>,
}

/// Recorded raw inputs: files of one folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recordings {
    /// The folder.
    pub folder: Utf8PathBuf,
    /// File names in it, sorted; never empty.
    pub names: Vec<String>,
    /// As the manifest writes it.
    pub written: String,
}

/// A `postprocess` node: what stands behind a model output. Its steps go together.
#[derive(Clone, Debug)]
pub struct Postprocess {
    /// Output and steps.
    pub after: After,
    /// Where the node stands.
    pub span: std::ops::Range<usize>,
    /// Where each step stands.
    pub spans: Vec<std::ops::Range<usize>>,
}

/// A `target` node with its board.
#[derive(Clone, Debug)]
pub struct Target {
    /// The board's name with its place in the manifest.
    pub name: Spanned<String>,
    /// The board file, checked.
    pub board: Board,
    /// Limits in its braces.
    pub own: OwnLimits,
}

/// Limits that hold on one board in place of the deployment's.
#[derive(Clone, Debug, Default)]
pub struct OwnLimits {
    /// `arena` node.
    pub arena: Option<Arena>,
    /// `gates` node.
    pub gates: Option<Gates>,
}

/// The `arena` node: a governed value.
#[derive(Clone, Debug)]
pub struct Arena {
    /// Most bytes that the arena may take.
    pub budget: Spanned<Bytes>,
    /// Least margin of the peak under the budget.
    pub headroom: Ratio,
    /// Who answers for it.
    pub owner: String,
}

/// Where MACs may run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Policy {
    /// No MACs off the library, except within the fallback's share.
    Require,
    /// Fall back freely; reported.
    Prefer,
    /// Never this library.
    Forbid,
}

/// The `kernels` node: a governed value.
#[derive(Clone, Debug)]
pub struct Kernels {
    /// The kernel library, with its place in the manifest.
    pub library: Spanned<String>,
    /// The library's file, checked.
    pub source: Library,
    /// Published defects of kernel libraries.
    pub defects: Vec<Defect>,
    /// Policy.
    pub policy: Policy,
    /// Most share of MACs on reference kernels under `require`; zero if not stated.
    pub max_mac_share: Ratio,
    /// `use` nodes.
    pub overrides: Vec<Spanned<Override>>,
    /// Who answers for it.
    pub owner: String,
}

/// A `use` node: one operator or several, and the kernel that they get.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Override {
    /// `op:7`, `op:7.body.0` in a loop, an operator's name (`SOFTMAX`), or the name of an output tensor.
    pub operator: String,
    /// `reference`, the library's name, or the folder of a crate, as the manifest writes it.
    pub kernel: String,
    /// Why.
    pub reason: String,
    /// The crate, where it is one. What stages need of it they are told by itself.
    #[serde(skip)]
    pub own: Option<OwnCrate>,
    /// Scratch memory that the crate's kernel is given.
    #[serde(skip)]
    pub scratch: Bytes,
}

/// A crate with a kernel of the deployment's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnCrate {
    /// Its folder.
    pub folder: Utf8PathBuf,
    /// The folder as the manifest writes it.
    pub written: String,
    /// Name of the crate and of its kernel, as Rust writes it.
    pub name: String,
    /// Version.
    pub version: String,
    /// Rust edition.
    pub edition: String,
    /// SPDX licence expression, where stated.
    pub licence: Option<String>,
}

/// The `regression` node: which vectors are run.
#[derive(Clone, Debug)]
pub struct Regression {
    /// Where vectors come from.
    pub vectors: Spanned<Vectors>,
    /// So many vectors are one sequence, the model's state being reset before the first of them; at least 1.
    pub steps: u32,
    /// How often each vector is run for determinism; at least 2.
    pub runs: u32,
}

/// A source of vectors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Vectors {
    /// An `.npz` file, resolved.
    File(Utf8PathBuf),
    /// Recorded raw inputs, one a vector.
    Recordings {
        /// The files.
        files: Recordings,
        /// A CSV file with their labels, resolved.
        labels: Option<Utf8PathBuf>,
        /// What happens to recordings of another length.
        fit: Fit,
    },
    /// Seeded random inputs over the whole range of the input type.
    Random {
        /// How many.
        count: u32,
        /// Seed.
        seed: u64,
    },
}

/// The `runbook` node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Runbook {
    /// Whom to call.
    pub escalate: Option<String>,
    /// When to read it again.
    pub review_every: Option<String>,
}

/// A kernel library file (`manifests/kernels/NAME.kdl`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Library {
    /// Name: the file's stem.
    pub name: String,
    /// One line for people.
    pub summary: String,
    /// Where the sources come from.
    pub source: Source,
    /// Globs of the C files to compile, relative to the source's folder.
    pub include: Vec<String>,
    /// Globs that are left out.
    pub exclude: Vec<String>,
    /// Include folders, relative to the source's folder.
    pub include_dirs: Vec<String>,
    /// Preprocessor definitions.
    pub defines: BTreeMap<String, Option<String>>,
    /// Compiler flags.
    pub flags: Vec<String>,
    /// Functions that are linked from the compiler's C library.
    pub libc: Vec<String>,
    /// Versions that the shim supports, for people: the `$Revision` range in `arm_nnfunctions.h`.
    pub versions: String,
    /// Licence of the sources.
    pub licence: String,
}

/// Where a kernel library's sources come from; `deploy.lock` holds the tree digest that they must have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
#[expect(missing_docs, reason = "fields are what the kind's tool calls them")]
pub enum Source {
    /// A folder on this machine.
    Path { path: Utf8PathBuf },
    /// An archive file on this machine.
    Archive { path: Utf8PathBuf, folder: String },
    /// A git repository.
    Git { url: String, revision: String, folder: String },
    /// A wheel, fetched with `pip download`.
    Pypi { package: String, version: String, folder: String },
    /// A crate, fetched with cargo.
    Crate { package: String, version: String, folder: String },
}
