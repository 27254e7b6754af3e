//! Features against the training side's, as tables print them: words and numbers that are ready to be read.

use serde::Serialize;

use super::parity::Papers;
use crate::parity::{Compared, Drift, StepError, Worst};

/// Everything about the features of a target.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Features {
    /// Why nothing is compared.
    pub absent: Option<String>,
    /// The file of features; empty where none is declared.
    pub source: String,
    /// What to know of the raw inputs.
    pub remarks: Vec<String>,
    /// Vectors that were compared.
    pub vectors: usize,
    /// Relative errors up to this are no drift.
    pub tolerance: String,
    /// One row a step; none where nothing is compared.
    pub rows: Vec<Row>,
    /// The first step that drifts.
    pub drift: Option<Drift>,
    /// Elements of each step for vector 0.
    pub golden: Vec<Element>,
}

/// One step.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Row {
    pub name: String,
    pub label: String,
    pub recorded: bool,
    pub max: String,
    pub mean: String,
    pub relative: String,
    pub place: String,
    pub drifts: bool,
}

/// One element with its bits.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Element {
    pub step: String,
    pub label: String,
    pub dtype: String,
    pub place: String,
    pub number: String,
    pub bits: String,
}

impl Features {
    pub(super) fn of(papers: &Papers) -> Self {
        let report = papers.report.as_ref();
        let bits = papers.golden.iter().flat_map(|step| {
            step.elements.iter().map(|element| Element {
                step: step.name.clone(),
                label: step.label.clone(),
                dtype: step.dtype.clone(),
                place: place(element.frame, &element.coordinate),
                number: element.number.clone(),
                bits: element.bits.clone(),
            })
        });
        Self {
            absent: papers.absent.clone(),
            source: papers.source.clone(),
            remarks: papers.remarks.clone(),
            vectors: report.map_or(0, |report| report.vectors),
            tolerance: report.map_or_else(String::new, |report| format!("{:e}", report.tolerance)),
            rows: report.map(|report| report.steps.iter().map(row).collect()).unwrap_or_default(),
            drift: report.and_then(|report| report.drift.clone()),
            golden: bits.collect(),
        }
    }
}

fn row(step: &Compared) -> Row {
    let shown = |number: &dyn Fn(&StepError) -> String| step.error.as_ref().map_or_else(|| "–".to_owned(), number);
    let scientific = |value: f64| if value == 0.0 { "0".to_owned() } else { format!("{value:.2e}") };
    let whole = step.error.as_ref().is_some_and(|error| error.allowed.is_some());
    Row {
        name: step.name.clone(),
        label: step.label.clone(),
        recorded: step.error.is_some(),
        max: shown(&|error| if whole { error.max.to_string() } else { scientific(error.max) }),
        mean: shown(&|error| scientific(error.mean)),
        relative: shown(&|error| scientific(error.relative)),
        place: shown(&|error| if error.max == 0.0 { "–".to_owned() } else { worst(&error.worst) }),
        drifts: step.error.as_ref().is_some_and(|error| error.drifts),
    }
}

fn worst(found: &Worst) -> String {
    let Worst { vector, ours, theirs, .. } = found;
    format!("vector {vector}, {}: ours {ours}, theirs {theirs}", place(found.frame, &found.coordinate))
}

/// Where an element is, in words.
fn place(frame: Option<usize>, coordinate: &[usize]) -> String {
    let at = coordinate.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    frame.map_or_else(|| format!("[{at}]"), |frame| format!("frame {frame}, [{at}]"))
}
