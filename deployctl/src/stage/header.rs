//! Stage `header`: the C header of the library that `compile` packs.

use std::collections::BTreeMap;

use deployctl_cache::{BoxError, Fields, Job, Stage};
use serde::Serialize;

use super::artifact;
use super::emit::{Emission, Project};
use super::memory::Planned;
use crate::emit;
use crate::gate::evidence::Footprint;
use crate::model::Graph;

/// What the header says besides the model.
#[derive(Debug, Serialize)]
pub struct Header {
    /// The deployment.
    pub project: Project,
    /// The board's name.
    pub board: String,
    /// The compiler flags that a program must share; none on the host.
    pub flags: Vec<String>,
    /// Labels of elements by the name of the output, where a file has them.
    pub labels: BTreeMap<String, Vec<String>>,
}

impl Stage for Header {
    fn name(&self) -> &'static str {
        "header"
    }

    fn version(&self) -> u32 {
        2
    }

    fn fields(&self) -> Fields {
        Fields::of(self)
    }

    fn run(&self, job: &Job) -> Result<(), BoxError> {
        let emission: Emission = job.read_json("emission")?;
        let planned: Planned = job.read_json("memory")?;
        let footprint: Footprint = job.read_json("footprint")?;
        // Where there is no library, there is nothing to be told of it but why.
        let blocked = emission.blocked.or(footprint.blocked);
        job.write_json(artifact::HEADER, &blocked)?;
        let (None, Some(plan)) = (blocked, planned.plan) else { return Ok(()) };
        let graph: Graph = job.read_json("graph")?;
        let text = emit::header(&emit::Header {
            deployment: &self.project.name,
            version: &self.project.version,
            digest: &emission.digest,
            board: &self.board,
            flags: &self.flags,
            graph: &graph,
            labels: &self.labels,
            arena: plan.peak,
        });
        job.write(&format!("{}{}.h", artifact::C, emit::c_name(&self.project.name)), text.as_bytes())?;
        Ok(())
    }
}
