//! What keeps a project from being written. All but the first two mean that a stage before this one is at fault.

use thiserror::Error;

/// Why there is no project.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum EmitError {
    /// The firmware template lacks a file.
    #[error("the firmware template has no `{path}`: install deployctl again, or restore the file in the checkout")]
    Template {
        /// Path in the template.
        path: String,
    },
    /// A name would break the syntax of a generated file.
    #[error("{what} `{text}` cannot stand in a generated file: use letters, digits, `_`, `-`, `.` and spaces")]
    Unprintable {
        /// What it is: `memory region`.
        what: &'static str,
        /// The text.
        text: String,
    },
    /// A tensor's bytes are not where the artifacts say.
    #[error("op:{operator}: tensor `{tensor}` {problem}: this is a fault of deployctl, report it with the model")]
    Tensor {
        /// What people call the operator; the number of steps for model inputs and outputs.
        operator: String,
        /// The tensor's name.
        tensor: String,
        /// What is wrong.
        problem: &'static str,
    },
    /// A kernel's parameters cannot be written as Rust.
    #[error(
        "op:{operator}: its parameters cannot be written: {problem}: this is a fault of deployctl, report it with the model"
    )]
    Parameters {
        /// What people call the operator.
        operator: String,
        /// What is wrong.
        problem: String,
    },
    /// Steps, kernels and scratch do not go together.
    #[error(
        "{steps} steps, but {kernels} kernels and {scratch} scratch entries: this is a fault of deployctl, report it"
    )]
    Counts {
        /// Number of steps.
        steps: usize,
        /// Number of kernels.
        kernels: usize,
        /// Number of scratch entries.
        scratch: usize,
    },
}
