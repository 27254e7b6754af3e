//! Stage `committed`: the model file in the project against the one that the declared command made. A difference is a result;
//! the gate decides.

use deployctl_cache::{BoxError, Fields, FileInput, Job, Stage};
use serde::Serialize;

use super::artifact;
use crate::gate::evidence;
use crate::model;

/// The file in the project.
#[derive(Debug, Serialize)]
pub struct Committed {
    /// Its content.
    pub file: FileInput,
    /// As the manifest writes it.
    pub written: String,
}

impl Stage for Committed {
    fn name(&self) -> &'static str {
        "committed"
    }

    fn version(&self) -> u32 {
        1
    }

    fn fields(&self) -> Fields {
        Fields::of(self)
    }

    fn run(&self, job: &Job) -> Result<(), BoxError> {
        let made = job.read("tflite")?;
        let found = model::compare(&self.file.bytes()?, &made);
        let mut differences = found.differences.clone();
        if !differences.is_empty() {
            differences.extend(found.text().lines().last().map(|line| line.trim().to_owned()));
        }
        let committed = evidence::Committed {
            file: self.written.clone(),
            digest: self.file.digest().to_string(),
            same: found.differences.is_empty(),
            differences,
        };
        job.write_json(artifact::COMMITTED, &committed)?;
        Ok(())
    }
}
