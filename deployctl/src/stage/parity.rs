//! Stage `parity`: features of the training side held against what the pipeline's steps give on the host for the same raw inputs,
//! and golden elements of every step for the first vector. In plans of manifests with a `preprocess` node.
//!
//! The target gives the same bits as the host, which stage `measure` proves: so what is true here is true there.

use deployctl_cache::{BoxError, Fields, FileInput, Job, Stage};
use serde::{Deserialize, Serialize};

use super::recordings::Recordings;
use super::{artifact, fail};
use crate::error::Kind;
use crate::gate::evidence;
use crate::model::Graph;
use crate::model::lower::{Refusal, Step};
use crate::parity::{self, Golden, ParityError, Report, Trace};
use crate::vectors::array::Arrays;
use crate::vectors::recording::{self, Fit, Medium, Port, RecordingError};

/// The array of raw inputs in a file of features.
const SAMPLES: &str = "samples";

/// What is compared with what.
#[derive(Debug, Serialize)]
pub struct Parity {
    /// Features of the training side; where there are none, golden elements alone are made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub features: Option<Features>,
    /// Digest of the code that computes ours.
    pub reference: &'static str,
}

/// Features of the training side.
#[derive(Debug, Serialize)]
pub struct Features {
    /// The `.npz` file.
    pub file: FileInput,
    /// Its name.
    pub name: String,
    /// Raw inputs in files of their own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inputs: Option<Recordings>,
    /// What the source says about files.
    pub medium: Medium,
    /// What happens to raw inputs of another length.
    pub fit: Fit,
}

/// What `parity.json` holds.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Papers {
    /// Why nothing is compared.
    pub absent: Option<String>,
    /// Where the features come from.
    pub source: String,
    /// What to know of the raw inputs.
    pub remarks: Vec<String>,
    /// The comparison.
    pub report: Option<Report>,
    /// A few elements of each step, for vector 0 of the regression.
    pub golden: Vec<Golden>,
}

impl Papers {
    /// What the gate judges.
    pub(super) fn evidence(&self) -> evidence::Parity {
        let Some(report) = &self.report else {
            let absent = self.absent.clone().or(Some("no features are declared".to_owned()));
            return evidence::Parity { absent, ..evidence::Parity::default() };
        };
        let quantized = report.quantized.as_ref();
        evidence::Parity {
            absent: None,
            vectors: report.vectors,
            off: quantized.map(|found| found.max),
            elements_off: quantized.map_or(0, |found| found.off),
            elements: quantized.map_or(0, |found| found.elements),
            drift: report.drift.as_ref().map(ToString::to_string),
        }
    }
}

impl Stage for Parity {
    fn name(&self) -> &'static str {
        "parity"
    }

    fn version(&self) -> u32 {
        2
    }

    fn fields(&self) -> Fields {
        Fields::of(self)
    }

    fn run(&self, job: &Job) -> Result<(), BoxError> {
        let graph: Graph = job.read_json("graph")?;
        let steps: Vec<Result<Step, Refusal>> = job.read_json("steps")?;
        let weights = job.read("weights")?;
        let mut papers = Papers { absent: None, source: String::new(), remarks: vec![], report: None, golden: vec![] };
        let Some(trace) = Trace::of(&graph, &steps, &weights) else {
            papers.absent = Some("a step of the pipeline has no kernel: see the operator table".to_owned());
            job.write_json(artifact::PARITY, &papers)?;
            return Ok(());
        };
        papers.golden = golden(&trace, &graph, &job.read("inputs")?)?;
        if let Some(features) = &self.features {
            let (raw, remarks) = features.raw(&graph)?;
            let bytes = features.file.bytes()?;
            let mut arrays = Arrays::open(&bytes).map_err(|error| features.refused(&error))?;
            let (report, maps) =
                parity::compare(&trace, &mut arrays, &raw).map_err(|error| features.incomparable(&error))?;
            job.write(artifact::PARITY_PICTURE, parity::picture(&report, &maps).as_bytes())?;
            papers = Papers { source: features.name.clone(), remarks, report: Some(report), ..papers };
        }
        job.write_json(artifact::PARITY, &papers)?;
        Ok(())
    }
}

/// Elements of each step for the first vector of `inputs`, whose last part is what the pipeline's source takes.
fn golden(trace: &Trace, graph: &Graph, inputs: &[u8]) -> Result<Vec<Golden>, BoxError> {
    let feeds = graph.feeds();
    let (source, _) = trace.source();
    let at = feeds.iter().take_while(|(id, _)| *id != source).map(|(_, bytes)| bytes).sum::<usize>();
    let size = feeds.iter().find(|(id, _)| *id == source).map_or(0, |(_, bytes)| *bytes);
    let Some(raw) = inputs.get(at..at + size) else { return Ok(Vec::new()) };
    let traced = trace.run(raw).map_err(|error| {
        let help = "please report this with the manifest's `preprocess` node";
        fail(Kind::Internal, format!("the pipeline does not run on the host: {error}"), help)
    })?;
    Ok(traced.iter().map(Golden::of).collect())
}

impl Features {
    /// The raw inputs of all vectors, and what to know of them.
    fn raw(&self, graph: &Graph) -> Result<(Vec<Vec<u8>>, Vec<String>), BoxError> {
        if let Some(inputs) = &self.inputs {
            return recording::raw(&inputs.read()?, graph, self.medium, self.fit)
                .map_err(|error| inputs.refused("parity", &error));
        }
        let bytes = self.file.bytes()?;
        let found = Arrays::open(&bytes).and_then(|mut arrays| arrays.get(SAMPLES));
        let Some(array) = found.map_err(|error| self.refused(&error))? else {
            return Err(self.refused(&format!(
                "it has no array `{SAMPLES}` with the raw inputs; save them there, or name files: `inputs=\"clips/*.wav\"`"
            )));
        };
        let port = Port::of(graph, self.medium).map_err(|error| self.raw_refused(&error))?;
        let raw = recording::vectors(&array, &port, self.fit).map_err(|error| self.raw_refused(&error))?;
        let remark = |(vector, raw): (usize, &Vec<u8>)| {
            Some(format!("vector {vector} of `{SAMPLES}` {}", recording::remark(raw, &port)?))
        };
        let remarks = raw.iter().enumerate().filter_map(remark).collect();
        Ok((raw, remarks))
    }

    fn raw_refused(&self, error: &RecordingError) -> BoxError {
        self.refused(&format!("array `{SAMPLES}`: {error}"))
    }

    fn refused(&self, error: &impl std::fmt::Display) -> BoxError {
        let message = format!("`{}`, named in `parity`, cannot be used: {error}", self.name);
        fail(Kind::Manifest, message, "`deployctl features` writes a Python file that saves what `parity` reads")
    }

    fn incomparable(&self, error: &ParityError) -> BoxError {
        match error {
            ParityError::Evaluate(error) => {
                fail(Kind::Internal, error.to_string(), "please report this with the manifest's `preprocess` node")
            }
            _ => self.refused(error),
        }
    }
}
