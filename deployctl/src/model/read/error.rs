//! Why a file is not a model that can be deployed.

/// Refusal of a model file. Every message names the table and field at fault, as a path from the model's root.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// The bytes do not hold a readable model.
    #[error("{0}; check that the whole file was copied, or export the model again")]
    Format(#[from] tflite_flatbuffers::Error),
    /// The model contradicts itself.
    #[error("`{field}` {problem}; the file is damaged or its writer is at fault: export the model again")]
    Inconsistent {
        /// Path of the field, such as `model.subgraphs[0].operators[3].inputs[1]`.
        field: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The model is sound but uses something that has no meaning here.
    #[error("`{field}` {what}, which is not supported; {advice}")]
    Unsupported {
        /// Path of the field.
        field: String,
        /// What it asks for.
        what: String,
        /// What to do instead.
        advice: &'static str,
    },
}

impl ReadError {
    pub(super) fn inconsistent(field: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::Inconsistent { field: field.into(), problem: problem.into() }
    }

    /// The same of another subgraph than the first.
    pub(super) fn of_subgraph(mut self, index: usize) -> Self {
        if let Self::Inconsistent { field, .. } | Self::Unsupported { field, .. } = &mut self {
            *field = field.replacen("subgraphs[0]", &format!("subgraphs[{index}]"), 1);
        }
        self
    }

    pub(super) fn unsupported(field: impl Into<String>, what: impl Into<String>, advice: &'static str) -> Self {
        Self::Unsupported { field: field.into(), what: what.into(), advice }
    }
}
