//! What the stages found out about a target: the evidence that gates judge and reports print.

use std::collections::{BTreeMap, BTreeSet};

mod measured;

pub use measured::*;

use serde::{Deserialize, Serialize};

use crate::advice::{Finding as Advice, Standing};
use crate::library::Kernel;
use crate::model::OperatorId;

/// Result of stage `interface`: the declared interface held against the model's, field by field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interface {
    /// Every comparison made.
    pub findings: Vec<Finding>,
}

/// One comparison.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The manifest path of the declared value, such as `model.input.input_1.shape`.
    pub manifest: String,
    /// What the manifest says.
    pub declared: String,
    /// What the model says.
    pub actual: String,
    /// Whether they are the same.
    pub agrees: bool,
}

/// Result of stage `convert`: how the model came to be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conversion {
    /// The command, as the manifest writes it.
    pub command: String,
    /// Digest of the model that it made.
    pub digest: String,
    /// Runs, all of which gave the same bytes.
    pub runs: u32,
    /// Whether undeclared reads were looked for.
    pub watched: bool,
    /// Declared inputs that no run opened; empty where nobody looked.
    pub unread: Vec<String>,
    /// What the model was made from and with: names and values, for people.
    pub provenance: Vec<(String, String)>,
}

/// Result of stage `committed`: the model in the project against the one that the command made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Committed {
    /// The file, as the manifest writes it.
    pub file: String,
    /// Digest of the file.
    pub digest: String,
    /// Whether it is the model that was made.
    pub same: bool,
    /// Where the two differ, and whether they compute the same.
    pub differences: Vec<String>,
}

/// Result of stage `audit`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Audit {
    /// The kernel library that was asked for.
    pub library: String,
    /// One row an operator, in the graph's order.
    pub rows: Vec<AuditRow>,
}

/// One operator and the kernel that will run it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditRow {
    /// Position in the model.
    pub operator: OperatorId,
    /// What people call it: the position, or `3.body.0` for the first operator in the body of the loop at 3.
    #[serde(default)]
    pub label: String,
    /// LiteRT's name.
    pub name: String,
    /// Name of the first output tensor.
    pub output: String,
    /// Shape of the first output tensor.
    pub shape: Vec<usize>,
    /// Multiply-accumulates each time that it runs.
    pub macs: u64,
    /// The kernel; absent where nothing can run the operator.
    pub kernel: Option<Kernel>,
    /// Why it is not the library's, or why there is none.
    pub reason: Option<String>,
    /// What to do about it.
    pub advice: Option<String>,
    /// What is not well with it, and the ways out.
    pub finding: Option<Advice>,
}

impl Audit {
    /// Multiply-accumulates of the whole model, each operator once: both branches of every IF, one round of every WHILE.
    pub fn macs(&self) -> u64 {
        self.rows.iter().map(|row| row.macs).sum()
    }

    /// Share of the MACs that do not run on the library, in 0..=1.
    pub fn share_off_library(&self) -> f64 {
        let off: u64 = self.rows.iter().filter(|row| !self.on_library(row)).map(|row| row.macs).sum();
        share(off, self.macs())
    }

    /// Whether a row's kernel is the library's.
    pub fn on_library(&self, row: &AuditRow) -> bool {
        row.kernel.as_ref().is_some_and(|kernel| kernel.library == self.library)
    }

    /// Operators that nothing can run.
    pub fn unsupported(&self) -> impl Iterator<Item = &AuditRow> {
        self.rows.iter().filter(|row| row.kernel.is_none())
    }

    /// Operators whose kernel has a published defect that they hit.
    pub fn known_bad(&self) -> impl Iterator<Item = (&AuditRow, &Advice)> {
        let hits = |row: &AuditRow| row.finding.as_ref().is_some_and(|found| found.standing == Standing::KnownBad);
        self.rows.iter().filter(move |row| hits(row)).filter_map(|row| Some((row, row.finding.as_ref()?)))
    }
}

/// `part / whole`, zero where there is nothing.
#[expect(clippy::cast_precision_loss, reason = "counts of operations are far below 2^52")]
pub fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// Result of stage `expect`: what the host reference computes for every vector.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Expectation {
    /// Why there is none, where an operator cannot be run.
    pub blocked: Option<String>,
    /// Where the vectors come from, in words.
    pub source: String,
    /// Whether they are random inputs without recorded truth.
    pub seeded: bool,
    /// So many vectors follow each other in time, the model's state being reset before the first of them.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub steps: usize,
    /// What to know of the vectors, in sentences.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remarks: Vec<String>,
    /// One for each vector.
    pub vectors: Vec<ExpectedVector>,
    /// Recorded outputs against the host reference, where the vectors have any.
    pub recorded: Option<Recorded>,
    /// How many vectors give different outputs.
    pub distinct_outputs: usize,
}

fn one() -> usize {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn is_one(steps: &usize) -> bool {
    *steps == 1
}

/// One vector's expected results.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExpectedVector {
    /// Recorded label.
    pub label: Option<i64>,
    /// FNV-1a 64 of every operator's output tensor, 16 hex digits, in operator order.
    pub operators: Vec<String>,
    /// The same for every operator of a hop, over all hops.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hops: Vec<String>,
    /// Hops after which an inference is due, counted from 0.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub due: Vec<usize>,
    /// Bytes of the output tensors, as signed numbers (which int8 elements are), in the model's order.
    pub outputs: Vec<Vec<i8>>,
}

/// Recorded expected outputs against the host reference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recorded {
    /// Output tensors that had a recorded value.
    pub compared: usize,
    /// How many were equal, element by element.
    pub equal: usize,
    /// The first that was not.
    pub first_difference: Option<Difference>,
}

/// Where two tensors part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// Vector, counted from 0.
    pub vector: usize,
    /// Hop of a stream, counted from 0 in the vector, where the operator runs for each.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hop: Option<usize>,
    /// Operator that wrote the tensor.
    pub operator: Option<OperatorId>,
    /// What people call it: `op:3`, `hop.3`; empty where it is not known.
    #[serde(default)]
    pub called: String,
    /// LiteRT's name of the operator.
    pub operator_name: String,
    /// Name of the tensor.
    pub tensor: String,
    /// Coordinate in the tensor's shape; empty where only digests are known.
    pub coordinate: Vec<usize>,
    /// Value that was expected there.
    pub expected: String,
    /// Value that was found.
    pub found: String,
}

/// Result of stage `parity`: features of the training side against ours.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parity {
    /// Why nothing was compared.
    pub absent: Option<String>,
    /// Vectors that were.
    pub vectors: usize,
    /// Most quantized steps that an element of the model's input is off; absent where the input is not quantized.
    pub off: Option<u64>,
    /// Elements that are off.
    pub elements_off: usize,
    /// Elements compared.
    pub elements: usize,
    /// The first step that drifts, and why, in words.
    pub drift: Option<String>,
}

/// Result of stage `compile`: what the linked firmware takes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Footprint {
    /// Why there is none.
    pub blocked: Option<String>,
    /// Whether that is because it does not fit the board's memory.
    pub does_not_fit: bool,
    /// Flash of the app: every loaded byte that lies in flash, `.data`'s initial values included. Absent on the host.
    pub flash_bytes: Option<u64>,
    /// Of that, the model's constants: filters, biases, requantization factors.
    pub weights_bytes: u64,
    /// Static RAM of the app: `.data`, `.bss` and the arena. Absent on the host.
    pub ram_bytes: Option<u64>,
    /// Code of each operator's function in the model crate, by what the operator is called.
    pub operator_code: BTreeMap<String, u64>,
    /// Functions of the kernel library that each operator's function calls, itself or by way of others that are no operator's,
    /// by what the operator is called.
    pub operator_kernels: BTreeMap<String, BTreeSet<String>>,
    /// Code of the kernel library's functions that were linked, by symbol.
    pub kernel_code: BTreeMap<String, u64>,
    /// Digest of the app's loadable image.
    pub app_image: String,
    /// Digest of the harness's loadable image.
    pub harness_image: String,
    /// Crates in the firmware: name, version, licence.
    pub crates: Vec<FirmwareCrate>,
}

/// A crate that is linked into the firmware.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FirmwareCrate {
    /// Package name.
    pub name: String,
    /// Version.
    pub version: String,
    /// SPDX licence expression, where stated.
    pub licence: Option<String>,
}
