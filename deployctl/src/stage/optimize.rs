//! Stage `optimize`: the graph to one of the same function whose operators have faster kernels. In plans of manifests that ask
//! for it.

use deployctl_cache::{BoxError, Fields, Job, Stage};
use serde::Serialize;

use super::model;
use crate::model::lower::{Choice, own_kernel};
use crate::model::{Graph, OperatorId, Read, optimize_but};

/// The model as it was read.
#[derive(Debug, Serialize)]
pub struct Optimize {
    /// Digest of the code that rewrites and lowers it.
    pub reference: &'static str,
    /// Which operators get which kernels, where some are the deployment's own: these are told of the operator as it was read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub choices: Vec<Choice>,
}

impl Stage for Optimize {
    fn name(&self) -> &'static str {
        "optimize"
    }

    fn version(&self) -> u32 {
        1
    }

    fn fields(&self) -> Fields {
        Fields::of(self)
    }

    fn run(&self, job: &Job) -> Result<(), BoxError> {
        let read = Read { graph: job.read_json("graph")?, weights: job.read("weights")? };
        let kept = |graph: &Graph, id: OperatorId| own_kernel(graph, id, &self.choices).is_some();
        let Read { graph, weights } = optimize_but(read, &kept);
        model::write(job, &graph, &weights, &self.choices)
    }
}
