//! Stage `gate`: the verdict. Budget, headroom and limits are inputs of this stage and of nothing before it.

use deployctl_cache::{BoxError, Fields, Job, Stage};
use serde::Serialize;

use super::memory::Planned;
use super::{artifact, optional};
use crate::gate::{Evidence, Limits, judge};

/// What is allowed.
#[derive(Debug, Serialize)]
pub struct Gate {
    /// Limits of manifest and board.
    pub limits: Limits,
}

impl Stage for Gate {
    fn name(&self) -> &'static str {
        "gate"
    }

    fn version(&self) -> u32 {
        3
    }

    fn fields(&self) -> Fields {
        Fields::of(self)
    }

    fn run(&self, job: &Job) -> Result<(), BoxError> {
        let memory: Planned = job.read_json("memory")?;
        let (conversion, committed) = (optional(job, "conversion")?, optional(job, "committed")?);
        let judgement = judge(
            &self.limits,
            Evidence {
                conversion: conversion.as_ref(),
                committed: committed.as_ref(),
                interface: &job.read_json("interface")?,
                audit: &job.read_json("audit")?,
                arena_peak: memory.peak(),
                expectation: &job.read_json("expectation")?,
                footprint: &job.read_json("footprint")?,
                measurement: &job.read_json("measurement")?,
            },
        );
        job.write_json(artifact::VERDICT, &judgement)?;
        Ok(())
    }
}
