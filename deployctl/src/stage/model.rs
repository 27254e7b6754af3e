//! Stage `model`: the bytes of a `.tflite` file to graph, constants and kernel calls.

use deployctl_cache::{BoxError, Fields, FileInput, Job, Stage};
use serde::Serialize;

use super::artifact;
use crate::error::{Error, Kind};
use crate::model::lower::{Choice, give};
use crate::model::{self, Graph, lower};

/// The model file.
#[derive(Debug, Serialize)]
pub struct Model {
    /// Its content; absent where a command makes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<FileInput>,
    /// Its path, for messages.
    #[serde(skip)]
    pub path: String,
    /// Digest of the code that reads and lowers it.
    pub reference: &'static str,
    /// Which operators get which kernels, where some are the deployment's own.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub choices: Vec<Choice>,
}

impl Stage for Model {
    fn name(&self) -> &'static str {
        "model"
    }

    fn version(&self) -> u32 {
        4
    }

    fn fields(&self) -> Fields {
        Fields::of(self)
    }

    fn run(&self, job: &Job) -> Result<(), BoxError> {
        let bytes = match &self.file {
            Some(file) => file.bytes()?,
            None => job.read("tflite")?,
        };
        let model::Read { graph, weights } = model::read(&bytes).map_err(|error| unreadable(&self.path, &error))?;
        job.write_json(artifact::ORIGIN, &model::origin(&bytes, &graph))?;
        write(job, &graph, &weights, &self.choices)
    }
}

/// Lowers a graph, and writes what all later stages read of it.
pub(super) fn write(job: &Job, graph: &Graph, weights: &[u8], choices: &[Choice]) -> Result<(), BoxError> {
    let mut steps = lower(graph, weights);
    give(graph, &mut steps, choices);
    job.write_json(artifact::STEPS, &steps)?;
    job.write_json(artifact::GRAPH, graph)?;
    job.write(artifact::WEIGHTS, weights)?;
    Ok(())
}

/// The error for a model that cannot be read, wherever it is read.
pub fn unreadable(path: &str, error: &dyn std::error::Error) -> Error {
    Error::plain(
        Kind::Model,
        format!("`{path}` is not a model that can be deployed: {error}"),
        "is it the `.tflite` that the converter wrote: copied whole, in binary mode, and no Git LFS pointer?",
    )
}
