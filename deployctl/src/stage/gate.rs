//! Stage `gate`: the verdict. Budget, headroom and limits are inputs of this stage and of nothing before it.

use deployctl_cache::{BoxError, Fields, FileInput, Job, Stage};
use serde::Serialize;

use super::memory::Planned;
use super::{artifact, fail, optional, parity};
use crate::error::Kind;
use crate::gate::evidence::Parity;
use crate::gate::{Evidence, Limits, Present, Release, judge};

/// What is allowed.
#[derive(Debug, Serialize)]
pub struct Gate {
    /// Limits of manifest and board.
    pub limits: Limits,
    /// Whether there are steps around the model, so that stage `parity` has run.
    pub parity: bool,
    /// The last release, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub release: Option<LastRelease>,
    /// The release of the present version, where the build would make another.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reissued: Option<LastRelease>,
    /// What is held against them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub present: Option<Present>,
}

/// The `release.json` of a release in the project.
#[derive(Clone, Debug, Serialize)]
pub struct LastRelease {
    /// Its version.
    pub version: String,
    /// The file.
    pub file: FileInput,
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
        let (release, reissued) = (self.read(self.release.as_ref())?, self.read(self.reissued.as_ref())?);
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
                past: self.present.as_ref().zip(release.as_ref()),
                reissued: self.present.as_ref().zip(reissued.as_ref()),
                load: load.as_ref(),
            },
        );
        job.write_json(artifact::VERDICT, &judgement)?;
        Ok(())
    }
}

impl Gate {
    /// What a release says of itself.
    fn read(&self, release: Option<&LastRelease>) -> Result<Option<Release>, BoxError> {
        let (Some(last), Some(present)) = (release, &self.present) else { return Ok(None) };
        let refuse = |reason: String| {
            let place = format!("releases/{}-{}/release.json", present.deployment, last.version);
            let help =
                "take the file as the release was made from version control; builds are compared with the last release";
            fail(Kind::Manifest, format!("`{place}` cannot be used: {reason}"), help)
        };
        let release = Release::read(&last.file.bytes()?, &present.deployment, &last.version).map_err(refuse)?;
        Ok(Some(release))
    }
}
