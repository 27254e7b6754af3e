//! Features of the training side held against ours, step by step, from the same raw inputs.
//!
//! [`Trace`] has what every step of a pipeline gives on the host, which the target equals bit for bit; [`compare`] holds arrays
//! that are named like the steps against it, finds the first step that drifts, and says what usually makes it drift;
//! [`picture`] shows where. [`python`] writes the same steps for the training side to call.
//!
//! Knows pipelines and arrays; does not know manifests, files or limits.

mod cause;
mod compare;
mod golden;
mod picture;
pub mod python;
#[cfg(test)]
mod tests;
mod trace;

pub use compare::{ParityError, compare};
pub use golden::Golden;
pub use picture::picture;
pub use trace::{Trace, Traced};

use serde::{Deserialize, Serialize};

/// A step of real numbers drifts where its relative error is above this. Rounding in float32 stays below 1e-5; the smallest
/// mistake that people make, a symmetric window for a periodic one, is above from 16 to 16,384 samples.
pub const TOLERANCE: f64 = 1e-4;

/// What comparing came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Vectors that were compared.
    pub vectors: usize,
    /// [`TOLERANCE`], at the time.
    pub tolerance: f64,
    /// Every step, in order.
    pub steps: Vec<Compared>,
    /// In steps of the model's quantized input; absent where the input has none.
    pub quantized: Option<Quantized>,
    /// The first recorded step that is not ours.
    pub drift: Option<Drift>,
}

/// One step's error.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Compared {
    /// The step's name, which is the array's.
    pub name: String,
    /// What people call its operator.
    pub label: String,
    /// Absent where the training side has recorded no such array.
    pub error: Option<StepError>,
}

/// How far a step's values are from those of the training side.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepError {
    /// Elements compared.
    pub elements: usize,
    /// Largest absolute error.
    pub max: f64,
    /// Mean absolute error.
    pub mean: f64,
    /// Root of the mean square error, divided by the standard deviation of the training side's values.
    pub relative: f64,
    /// The largest absolute error that is no drift; absent where the relative error decides.
    pub allowed: Option<f64>,
    /// Where the largest error is.
    pub worst: Worst,
    /// Whether this is not the training side's step.
    pub drifts: bool,
}

/// Where two values are furthest apart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Worst {
    /// Vector, from 0.
    pub vector: usize,
    /// Frame of a stream, from 0.
    pub frame: Option<usize>,
    /// Coordinate within the step's value.
    pub coordinate: Vec<usize>,
    /// Our value.
    pub ours: String,
    /// The training side's.
    pub theirs: String,
}

/// Differences at the model's input, in its quantized steps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Quantized {
    /// Most steps that an element is off.
    pub max: u64,
    /// Mean.
    pub mean: f64,
    /// Elements that are off.
    pub off: usize,
    /// Elements compared.
    pub elements: usize,
    /// The array that says it; one of real numbers was quantized as LiteRT does it.
    pub array: String,
}

/// The first step that drifts, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drift {
    /// The step.
    pub step: String,
    /// Steps since the last one that agrees which are not recorded: it may be one of these.
    pub unseen: Vec<String>,
    /// What the numbers themselves say.
    pub found: Option<String>,
    /// What usually causes it.
    pub usual: String,
}

impl std::fmt::Display for Drift {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "step `{}` is the first recorded one that drifts", self.step)?;
        if !self.unseen.is_empty() {
            let names: Vec<String> = self.unseen.iter().map(|name| format!("`{name}`")).collect();
            write!(formatter, " (not recorded before it: {})", names.join(", "))?;
        }
        match &self.found {
            Some(found) => write!(formatter, ": {found}"),
            None => write!(formatter, "; usual causes are: {}", self.usual),
        }
    }
}
