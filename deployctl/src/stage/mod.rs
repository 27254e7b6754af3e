//! The stages, in the order of a bring-up. One file each: the struct of its own inputs (that struct is its key), its
//! version, and what it does. What a stage reads of earlier ones comes through the engine, by artifact name.

mod audit;
mod bench;
mod bringup;
mod c_library;
mod cargo;
mod committed;
mod compile;
mod convert;
mod crates;
mod decoder;
mod difference;
mod dossier;
mod emit;
mod expect;
mod expected;
mod facts;
mod features;
mod gate;
mod given;
mod header;
mod inject;
mod interface;
mod kernels;
mod library_file;
mod load;
mod located;
pub mod measure;
mod memory;
mod model;
mod observed;
mod optimize;
mod overflow;
mod own;
mod parity;
mod player;
mod preprocess;
mod recordings;
mod report;
mod roster;
mod runbook;
mod runtime;
#[cfg(test)]
mod sample;
mod sizes;
mod wording;

pub use audit::Audit;
pub use bench::Rig;
pub use cargo::Vendored;
pub use committed::Committed;
pub use compile::Compile;
pub use convert::{Content, Convert, ConvertSource, Surroundings};
pub use crates::Crates;
pub use decoder::{Called, decoder, expected};
pub use dossier::{Deployment, Named, Subject, Target as TargetName};
pub use emit::{Emit, Project, ProjectLibrary, Template};
pub use expect::{Expect, VectorSource};
pub use gate::{Gate, LastRelease};
pub use given::{Given, Written};
pub use header::Header;
pub use inject::Inject;
pub use interface::Interface;
pub use kernels::Kernels;
pub use library_file::LibraryFile;
pub use load::{Load, Taken};
pub use measure::Measure;
pub use memory::Memory;
pub use model::{Model, unreadable};
pub use observed::Observed;
pub use optimize::Optimize;
pub use own::{Own, OwnSource, Place};
pub use parity::{Features, Parity};
pub use player::OwnProgram;
pub use preprocess::Preprocess;
pub use recordings::Recordings;
pub use report::{Mistake, Report, of_mistakes as sarif_of_mistakes};
pub use runbook::Runbook;
pub use runtime::Runtime;
pub use sizes::{SizeTool, Sizes};
pub use wording::{kind as kind_of_field, kinds as kinds_of_fields};

use deployctl_cache::BoxError;

use crate::error::{Error, Kind};

/// Names of artifacts, as stages write and read them.
pub mod artifact {
    /// The `.tflite` file that a declared command made.
    pub const MODEL: &str = "model.tflite";
    /// [`crate::gate::evidence::Conversion`].
    pub const CONVERSION: &str = "conversion.json";
    /// [`crate::gate::evidence::Committed`].
    pub const COMMITTED: &str = "committed.json";
    /// What the model file says of how it was made: names and values.
    pub const ORIGIN: &str = "origin.json";
    /// Structure of the model ([`crate::model::Graph`]).
    pub const GRAPH: &str = "graph.json";
    /// Constants of the model.
    pub const WEIGHTS: &str = "weights.bin";
    /// Operators as kernel calls, or why not ([`crate::model::lower::Lowered`]).
    pub const STEPS: &str = "steps.json";
    /// [`crate::gate::evidence::Interface`].
    pub const INTERFACE: &str = "interface.json";
    /// [`crate::gate::evidence::Audit`].
    pub const AUDIT: &str = "audit.json";
    /// Scratch bytes of each operator.
    pub const SIZES: &str = "sizes.json";
    /// [`crate::memory::MemoryPlan`], absent fields where blocked.
    pub const MEMORY: &str = "memory.json";
    /// The memory map as a picture.
    pub const PICTURE: &str = "memory.svg";
    /// [`crate::gate::evidence::Expectation`].
    pub const EXPECTATION: &str = "expectation.json";
    /// Input tensors of all vectors, one after another.
    pub const INPUTS: &str = "inputs.bin";
    /// Programs for the host that run the deployment's own kernels.
    pub const OWN: &str = "kernels/";
    /// Names of these kernels: they compile.
    pub const ACCEPTED: &str = "accepted.json";
    /// The firmware project.
    pub const PROJECT: &str = "firmware/";
    /// [`super::Emission`].
    pub const EMISSION: &str = "emission.json";
    /// What Cargo compiled of crates that are not the firmware's own, as its target folder.
    pub const TARGET: &str = "target/";
    /// The kernel library.
    pub const ARCHIVE: &str = "libcmsis_nn.a";
    /// Production firmware.
    pub const APP: &str = "app.elf";
    /// Measuring firmware.
    pub const HARNESS: &str = "harness.elf";
    /// Why there is no C header; null where there is one.
    pub const HEADER: &str = "header.json";
    /// The model for C and C++: header and static library.
    pub const C: &str = "c/";
    /// [`crate::gate::evidence::Footprint`].
    pub const FOOTPRINT: &str = "footprint.json";
    /// [`crate::gate::evidence::Measurement`].
    pub const MEASUREMENT: &str = "measurement.json";
    /// [`crate::gate::evidence::Load`].
    pub const LOAD: &str = "load.json";
    /// The recording that a measurement was read from, where a board was measured.
    pub const OBSERVED: &str = "observed.json";
    /// A session that a stage needs and nobody has played on the board yet.
    pub const WANTED: &str = "wanted.session";
    /// [`crate::runner::Injection`].
    pub const INJECTED: &str = "injected.json";
    /// What the harness said to each mistake.
    pub const INJECTED_TRANSCRIPTS: &str = "injected/";
    /// The script that the harness is driven with for one vector.
    pub const SESSION: &str = "bringup.session";
    /// What the harness answers to it.
    pub const TRANSCRIPT: &str = "bringup.transcript";
    /// What the training side's features came to, and golden elements of every step.
    pub const PARITY: &str = "parity.json";
    /// Where features differ, as a picture.
    pub const PARITY_PICTURE: &str = "parity.svg";
    /// [`crate::gate::Judgement`].
    pub const VERDICT: &str = "verdict.json";
    /// The gate report for programs.
    pub const REPORT_JSON: &str = "gate-report.json";
    /// The gate report for people.
    pub const REPORT: &str = "gate-report.md";
    /// The same as a page.
    pub const REPORT_PAGE: &str = "gate-report.html";
    /// The gates as tests, for continuous integration.
    pub const JUNIT: &str = "gate-report.junit.xml";
    /// What is not well, at lines of the manifest.
    pub const SARIF: &str = "gate-report.sarif";
    /// The bring-up runbook.
    pub const RUNBOOK: &str = "runbook.md";
    /// The same as a page.
    pub const RUNBOOK_PAGE: &str = "runbook.html";
    /// All that stage `report` makes.
    pub const REPORTS: [&str; 5] = [REPORT, REPORT_PAGE, REPORT_JSON, JUNIT, SARIF];
    /// All that stage `runbook` makes.
    pub const RUNBOOKS: [&str; 2] = [RUNBOOK, RUNBOOK_PAGE];

    /// What of a stage's results leaves the store, by the stage's name; a trailing `/` means a folder.
    pub fn delivered(stage: &str) -> &'static [&'static str] {
        match stage {
            "convert" => &[MODEL, CONVERSION],
            "interface" => &[INTERFACE],
            "audit" => &[AUDIT],
            "memory" => &[MEMORY, PICTURE],
            "expect" => &[EXPECTATION],
            "parity" => &[PARITY, PARITY_PICTURE],
            "emit" => &[PROJECT],
            "compile" => &[APP, HARNESS, FOOTPRINT, C],
            "header" => &[C],
            "measure" => &[SESSION, TRANSCRIPT, MEASUREMENT, OBSERVED],
            "load" => &[LOAD],
            "inject" => &[INJECTED, INJECTED_TRANSCRIPTS],
            "gate" => &[VERDICT],
            "report" => &REPORTS,
            "runbook" => &RUNBOOKS,
            _ => &[],
        }
    }
}

/// A stage's failure, boxed for the engine; [`crate::error::Error`] comes out again at the other end.
fn fail(kind: Kind, message: impl Into<String>, help: impl Into<String>) -> BoxError {
    Box::new(Error::plain(kind, message, help))
}
