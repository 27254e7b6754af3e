//! The firmware project of one target: every file of it, as bytes. Pure and deterministic.
//!
//! Crates of the firmware template are copied; the `model` crate, the linker's memory map, Cargo's configuration and the
//! README are written here. Numbers come from steps and the memory plan; nothing is computed twice.
//!
//! Knows graphs, steps and boards; does not know the engine, the planner's or the kernel table's insides, or the file system.

mod board;
mod control;
mod data;
mod error;
mod header;
mod literal;
pub mod mistake;
mod model;
mod own;
mod project;
mod readme;
mod source;
mod stream;
mod told;

use std::collections::BTreeMap;
use std::ops::Range;

use camino::Utf8PathBuf;

use serde::Serialize;

use crate::manifest::{self, BootBlock, Region, Runner};
use crate::model::lower::Step;
use crate::model::{Graph, OperatorId, TensorId};

pub use error::EmitError;
pub use header::{EXPORTS, Header, STREAM_EXPORTS, c_name, header};
pub use own::{HOST_PROGRAM, OwnCrate, add_crates, host_program, lock};

/// The files of a project by their path in it.
pub type Files = BTreeMap<Utf8PathBuf, Vec<u8>>;

/// The `model` crate's content.
#[derive(Clone, Copy, Debug)]
pub struct Model<'a> {
    /// The deployment's name.
    pub deployment: &'a str,
    /// The deployment's version.
    pub version: &'a str,
    /// Identity of the build in hex: what a harness session must name.
    pub digest: &'a str,
    /// Names and shapes.
    pub graph: &'a Graph,
    /// The blob in which the graph's constants lie.
    pub weights: &'a [u8],
    /// Every operator in the graph's order.
    pub steps: &'a [Step],
    /// One kernel a step.
    pub kernels: &'a [Entry<'a>],
    /// Bytes of the arena.
    pub arena: usize,
    /// Bytes of the arena that every activation has.
    pub tensors: &'a BTreeMap<TensorId, Range<usize>>,
    /// Bytes of the arena that every step's kernel may use as scratch memory, where it needs any.
    pub scratch: &'a [Option<Range<usize>>],
}

/// The kernel of a step, as firmware calls it.
///
/// The function takes parameters, weights (where the operator has any), inputs, the output and scratch (where it has a
/// use for it), in this order: `conv_2d(&PARAMS, &WEIGHTS, input, output, scratch)`. One of the common form takes lists:
/// `pad(&PARAMS, &[input], &mut [output])`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// Path of the Rust function: `cmsis_nn::conv_2d_1x1_fast`.
    pub function: &'a str,
    /// The library's own symbol, for people.
    pub symbol: &'a str,
    /// Whether the function's last argument is a scratch slice, be it empty for this step.
    pub scratch: bool,
}

/// What a project says about its board: these fields and no others, so that a change of any other leaves it as it is.
#[derive(Clone, Debug, Serialize)]
pub struct Board {
    /// Name.
    pub name: String,
    /// Core, for people.
    pub core: String,
    /// Rust target triple; absent for the host's own.
    pub rust_target: Option<String>,
    /// Memory regions.
    pub memory: Vec<Region>,
    /// What the chip's boot code wants to find in the image.
    pub boot_block: Option<BootBlock>,
    /// Timers that the harness can set up.
    pub timers: Vec<manifest::Timer>,
    /// Bytes of flash and RAM that are left to other firmware, at the end of the regions in use.
    pub left: Left,
    /// What the harness says of its clock ([`manifest::Board::clock_word`]).
    pub clock: String,
    /// The emulator's machine, where the board is emulated.
    pub machine: Option<String>,
    /// The chip as probe-rs calls it, where the board is reached through a probe.
    pub chip: Option<String>,
}

/// What is left to other firmware, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "kinds of memory")]
pub struct Left {
    pub flash: u64,
    pub ram: u64,
}

impl Board {
    /// The board beside the services that a manifest leaves room for.
    pub fn new(board: &manifest::Board, services: Option<&manifest::Services>) -> Self {
        let left = services.map(|services| Left { flash: services.flash.0, ram: services.ram.0.next_multiple_of(8) });
        Self {
            timers: board.timers.clone(),
            left: left.unwrap_or_default(),
            name: board.name.clone(),
            core: board.core.clone(),
            rust_target: board.rust_target.clone(),
            memory: board.memory.clone(),
            boot_block: board.boot_block,
            clock: board.clock_word(),
            machine: match &board.runner {
                Runner::Qemu { machine, .. } => Some(machine.clone()),
                Runner::Host | Runner::Probe { .. } => None,
            },
            chip: match &board.runner {
                Runner::Probe { chip } => Some(chip.clone()),
                Runner::Host | Runner::Qemu { .. } => None,
            },
        }
    }
}

/// Everything that a project is made of.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// The model crate's content.
    pub model: Model<'a>,
    /// The board that the project is for.
    pub board: &'a Board,
    /// The files of the firmware template.
    pub template: &'a Files,
    /// Folder of vendored crates, relative to the project (`../../../.shared/DIGEST/vendor`); none where Cargo's own
    /// registry is to be used.
    pub vendor: Option<&'a str>,
    /// The kernel library, for builds without deployctl.
    pub library: Option<Library<'a>>,
}

/// A kernel library whose sources the project's `cmsis-nn` crate compiles when deployctl does not.
#[derive(Clone, Copy, Debug)]
pub struct Library<'a> {
    /// Its name.
    pub name: &'a str,
    /// Folder of its sources, relative to the project.
    pub root: &'a str,
    /// Text of `cmsis-nn/cmsis-nn.sources`: how it is compiled. Its root is `../` and `root`.
    pub description: &'a str,
}

/// All files of a project.
pub fn project(input: &Input<'_>) -> Result<Files, EmitError> {
    project::project(input)
}

/// What an operator is called in names of functions and files: `op_3`, `op_3_body_0`, `hop_2`.
fn stem(model: &Model<'_>, position: usize) -> String {
    let id = OperatorId(position);
    let label = source::identifier(&model.graph.label(id));
    if model.graph.is_step(id) { label } else { format!("op_{label}") }
}

/// What an operator is called in comments: `op:3`, `hop.2`.
fn called(model: &Model<'_>, position: usize) -> String {
    model.graph.called(OperatorId(position))
}

/// The name of an operator's function.
fn function_name(model: &Model<'_>, position: usize) -> String {
    let operator = &model.graph.operators[model.steps[position].operator.0].name;
    format!("{}_{}", stem(model, position), source::identifier(operator))
}

/// The files of the `model` crate alone, by their path in the project. The template's sample is made by this, too.
pub fn model_crate(model: &Model<'_>) -> Result<Files, EmitError> {
    project::model_crate(model)
}

#[cfg(test)]
mod tests;
