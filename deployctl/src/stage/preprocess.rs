//! Stage `preprocess`: the manifest's steps around the model's operators, in one graph. In plans of manifests that declare some.

use deployctl_cache::{BoxError, Fields, Job, Stage};
use serde::Serialize;

use super::{artifact, fail};
use crate::error::Kind;
use crate::model::lower::{Choice, give};
use crate::model::pipeline::{Spec, join};
use crate::model::{Read, lower};

/// The steps.
#[derive(Debug, Serialize)]
pub struct Preprocess {
    /// Source and steps, as the manifest declares them.
    pub spec: Spec,
    /// Digest of the code that builds and lowers them.
    pub reference: &'static str,
    /// Which operators get which kernels, where some are the deployment's own.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub choices: Vec<Choice>,
}

impl Stage for Preprocess {
    fn name(&self) -> &'static str {
        "preprocess"
    }

    fn version(&self) -> u32 {
        1
    }

    fn fields(&self) -> Fields {
        Fields::of(self)
    }

    fn run(&self, job: &Job) -> Result<(), BoxError> {
        let read = Read { graph: job.read_json("graph")?, weights: job.read("weights")? };
        let Read { graph, weights } = join(&self.spec, &read).map_err(|wrong| {
            // The manifest's own input was checked when the manifest was: here it is the model that has another one.
            let step = wrong.step.map(|step| format!("step {} `{}`", step + 1, self.spec.steps[step].name()));
            let place = step.unwrap_or_else(|| "its steps".to_owned());
            fail(
                Kind::Manifest,
                format!("`preprocess` does not go with the model's own input: {place}: {}", wrong.reason),
                wrong.advice,
            )
        })?;
        let mut steps = lower(&graph, &weights);
        give(&graph, &mut steps, &self.choices);
        job.write_json(artifact::STEPS, &steps)?;
        job.write_json(artifact::GRAPH, &graph)?;
        job.write(artifact::WEIGHTS, &weights)?;
        Ok(())
    }
}
