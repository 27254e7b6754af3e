//! Stage `optimize`: the graph to one of the same function whose operators have faster kernels. In plans of manifests that ask
//! for it.

use deployctl_cache::{BoxError, Fields, Job, Stage};
use serde::Serialize;

use super::artifact;
use crate::model::{Read, lower, optimize};

/// The model as it was read.
#[derive(Debug, Serialize)]
pub struct Optimize {
    /// Digest of the code that rewrites and lowers it.
    pub reference: &'static str,
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
        let Read { graph, weights } = optimize(Read { graph: job.read_json("graph")?, weights: job.read("weights")? });
        job.write_json(artifact::STEPS, &lower(&graph, &weights))?;
        job.write_json(artifact::GRAPH, &graph)?;
        job.write(artifact::WEIGHTS, &weights)?;
        Ok(())
    }
}
