//! Stage `preprocess`: the manifest's steps around the model's operators, in one graph. In plans of manifests that declare some.

use deployctl_cache::{BoxError, Fields, Job, Stage};
use serde::Serialize;

use super::{fail, model};
use crate::error::Kind;
use crate::model::Read;
use crate::model::lower::Choice;
use crate::model::pipeline::{After, Spec, Wrong, conclude, join};

/// The steps.
#[derive(Debug, Serialize)]
pub struct Preprocess {
    /// Source and steps to an input, as the manifest declares them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spec: Option<Spec>,
    /// Steps behind outputs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub after: Vec<After>,
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
        // The manifest's own ports were checked when the manifest was: here it is the model that has others.
        let refused = |wrong: Wrong, node: &str, port: &str, name: &dyn Fn(usize) -> &'static str| {
            let step = wrong.step.map(|step| format!("step {} `{}`", step + 1, name(step)));
            let place = step.unwrap_or_else(|| "its steps".to_owned());
            let message = format!("`{node}` does not go with the model's own {port}: {place}: {}", wrong.reason);
            fail(Kind::Manifest, message, wrong.advice)
        };
        let mut around = match &self.spec {
            Some(spec) => join(spec, &read)
                .map_err(|wrong| refused(wrong, "preprocess", "input", &|step| spec.steps[step].name()))?,
            None => read,
        };
        for after in &self.after {
            around = conclude(after, around)
                .map_err(|wrong| refused(wrong, "postprocess", "output", &|step| after.steps[step].name()))?;
        }
        let Read { graph, weights } = around;
        model::write(job, &graph, &weights, &self.choices)
    }
}
