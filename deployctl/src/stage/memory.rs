//! Stage `memory`: an offset for every activation and scratch buffer, proven, with a picture. It knows no budget.

use deployctl_cache::{BoxError, Fields, Job, Stage};
use serde::{Deserialize, Serialize};

use super::{artifact, expect, fail};
use crate::error::Kind;
use crate::memory::{self, MemoryPlan};
use crate::model::Graph;
use crate::model::lower::{Refusal, Step};

/// The memory plan, or why there is none.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Planned {
    /// The operator that nothing can run.
    pub blocked: Option<String>,
    /// The plan.
    pub plan: Option<MemoryPlan>,
}

impl Planned {
    /// Planned peak in bytes, or why there is none.
    pub(super) fn peak(&self) -> Result<u64, &str> {
        let reason = self.blocked.as_deref().unwrap_or("no memory plan");
        self.plan.as_ref().map(|plan| plan.peak as u64).ok_or(reason)
    }
}

/// Nothing of its own: graph and scratch sizes say it all.
#[derive(Debug, Serialize)]
pub struct Memory {}

impl Stage for Memory {
    fn name(&self) -> &'static str {
        "memory"
    }

    fn version(&self) -> u32 {
        3
    }

    fn fields(&self) -> Fields {
        Fields::of(self)
    }

    fn run(&self, job: &Job) -> Result<(), BoxError> {
        let graph: Graph = job.read_json("graph")?;
        let lowered: Vec<Result<Step, Refusal>> = job.read_json("steps")?;
        let scratch: Vec<usize> = job.read_json("sizes")?;
        let steps = match expect::steps(&lowered) {
            Ok(steps) => steps,
            Err(reason) => {
                job.write_json(artifact::MEMORY, &Planned { blocked: Some(reason), plan: None })?;
                return Ok(());
            }
        };
        let plan = memory::plan(&graph, &steps, &scratch).map_err(|error| {
            fail(
                Kind::Internal,
                format!("the memory plan is not valid: {error}"),
                "please report this with the model's operator list",
            )
        })?;
        let order = graph.order();
        let names: Vec<&str> = order.iter().map(|id| graph.operators[id.0].name.as_str()).collect();
        job.write(artifact::PICTURE, memory::picture(&plan, "the arena", &names).as_bytes())?;
        job.write_json(artifact::MEMORY, &Planned { blocked: None, plan: Some(plan) })?;
        Ok(())
    }
}
