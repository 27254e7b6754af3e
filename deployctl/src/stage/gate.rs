//! Stage `gate`: the verdict. Budget, headroom and limits are inputs of this stage and of nothing before it.

use deployctl_cache::{BoxError, Fields, Job, Stage};
use serde::Serialize;

use super::memory::Planned;
use super::{artifact, optional, parity};
use crate::gate::evidence::Parity;
use crate::gate::{Evidence, Limits, judge};

/// What is allowed.
#[derive(Debug, Serialize)]
pub struct Gate {
    /// Limits of manifest and board.
    pub limits: Limits,
    /// Whether there are steps around the model, so that stage `parity` has run.
    pub parity: bool,
}

impl Stage for Gate {
    fn name(&self) -> &'static str {
        "gate"
    }

    fn version(&self) -> u32 {
        6
    }

    fn fields(&self) -> Fields {
        Fields::of(self)
    }

    fn run(&self, job: &Job) -> Result<(), BoxError> {
        let memory: Planned = job.read_json("memory")?;
        let (conversion, committed) = (optional(job, "conversion")?, optional(job, "committed")?);
        let load = optional(job, "load")?;
        let parity = if self.parity {
            job.read_json::<parity::Papers>("parity")?.evidence()
        } else {
            let absent = Some("no `preprocess` is declared: what feeds the model is not known here".to_owned());
            Parity { absent, ..Parity::default() }
        };
        let judgement = judge(
            &self.limits,
            Evidence {
                conversion: conversion.as_ref(),
                committed: committed.as_ref(),
                interface: &job.read_json("interface")?,
                audit: &job.read_json("audit")?,
                arena_peak: memory.peak(),
                expectation: &job.read_json("expectation")?,
                parity: &parity,
                footprint: &job.read_json("footprint")?,
                measurement: &job.read_json("measurement")?,
                load: load.as_ref(),
            },
        );
        job.write_json(artifact::VERDICT, &judgement)?;
        Ok(())
    }
}
