//! What a kernel library can do: which of its functions runs a step on a core, and how much scratch memory that takes.
//!
//! Knows steps and core features; does not know manifests, policies or where a library's sources are.

mod build;
mod code;
mod defect;
mod macs;
mod scratch;
mod select;
#[cfg(test)]
mod tests;
mod variant;

use serde::{Deserialize, Serialize};

pub use build::{Build, revision, version};
pub use code::{CodeEstimate, code_bytes, is_kernel_function, is_linked, may_call};
pub use defect::{Condition, ConditionError, Defect, Effect, FACTS, Facts, KernelCall};
pub use macs::macs;
pub use scratch::{scratch_bytes, size_query};
pub use select::{Unfit, reference, select};

/// Instruction set features of a core, as its board file states them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Features {
    /// DSP extension (Cortex-M4, M7, M33 and up with it).
    pub dsp: bool,
    /// M-profile vector extension (Cortex-M55 and up with it).
    pub mve: bool,
}

/// The instructions that a kernel's inner loops use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InstructionPath {
    /// Portable C or Rust.
    Scalar,
    /// DSP extension: two 16-bit multiply-accumulates an instruction.
    Dsp,
    /// Vector extension.
    Mve,
}

impl InstructionPath {
    /// What reports call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Scalar => "scalar",
            Self::Dsp => "DSP",
            Self::Mve => "MVE",
        }
    }
}

/// Revisions that the shim supports, and for which the tables of this module hold.
pub const SUPPORTED_REVISIONS: std::ops::Range<u32> = 120_500..120_600;

/// The library of kernels that a deployment brings along.
pub const OWN: &str = "own";

/// The kernel that runs a step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kernel {
    /// `cmsis-nn` or `reference`, [`OWN`], or `none` where the step needs no code (RESHAPE).
    pub library: String,
    /// The library's own symbol (`arm_convolve_1x1_s8_fast`), or the Rust function of the reference kernels.
    pub symbol: String,
    /// Path of the Rust function that firmware calls, such as `cmsis_nn::conv_2d_1x1_fast`; empty where there is none.
    pub entry: String,
    /// The instructions that it uses on the core.
    pub path: InstructionPath,
}

impl Kernel {
    /// True where the function takes a scratch buffer as its last argument, even if it is empty on this core.
    pub fn takes_scratch(&self) -> bool {
        variant::Variant::of(self).is_some_and(variant::Variant::takes_scratch)
    }
}
