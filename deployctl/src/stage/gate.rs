//! Stage `gate`: the verdict. Budget, headroom and limits are inputs of this stage and of nothing before it.

use deployctl_cache::{BoxError, Fields, Job, Record, Section, Stage};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::memory::Planned;
use super::{artifact, parity};
use crate::gate::evidence::Parity;
use crate::gate::{Evidence, Judgement, Limits, judge};

/// What is allowed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Gate {
    /// Limits of manifest and board.
    pub limits: Limits,
    /// Whether there are steps around the model, so that stage `parity` has run.
    pub parity: bool,
}

/// The evidence of a name, where there is any.
type Papers<'a> = dyn Fn(&str) -> Result<Option<Vec<u8>>, BoxError> + 'a;

impl Stage for Gate {
    fn name(&self) -> &'static str {
        "gate"
    }

    fn version(&self) -> u32 {
        5
    }

    fn fields(&self) -> Fields {
        Fields::of(self)
    }

    fn run(&self, job: &Job) -> Result<(), BoxError> {
        let judgement = self.judge(&|name| match job.read(name) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(deployctl_cache::Error::NoInput { .. }) => Ok(None),
            Err(other) => Err(other.into()),
        })?;
        job.write_json(artifact::VERDICT, &judgement)?;
        Ok(())
    }
}

impl Gate {
    /// Whether these are the fields that a record has of its stage.
    pub fn is_in(&self, record: &Record) -> bool {
        let own = record.fields.iter().filter(|field| field.section == Section::Own);
        own.eq(&self.fields().printed())
    }

    /// The verdict over evidence from wherever: of a build, or of a release that is checked again.
    pub fn judge(&self, papers: &Papers<'_>) -> Result<Judgement, BoxError> {
        let memory: Planned = needed(papers, "memory")?;
        let (conversion, committed) = (found(papers, "conversion")?, found(papers, "committed")?);
        let parity = if self.parity {
            needed::<parity::Papers>(papers, "parity")?.evidence()
        } else {
            let absent = Some("no `preprocess` is declared: what feeds the model is not known here".to_owned());
            Parity { absent, ..Parity::default() }
        };
        let evidence = Evidence {
            conversion: conversion.as_ref(),
            committed: committed.as_ref(),
            interface: &needed(papers, "interface")?,
            audit: &needed(papers, "audit")?,
            arena_peak: memory.peak(),
            expectation: &needed(papers, "expectation")?,
            parity: &parity,
            footprint: &needed(papers, "footprint")?,
            measurement: &needed(papers, "measurement")?,
        };
        Ok(judge(&self.limits, evidence))
    }
}

fn found<T: DeserializeOwned>(papers: &Papers<'_>, name: &str) -> Result<Option<T>, BoxError> {
    let read = |bytes: Vec<u8>| serde_json::from_slice(&bytes).map_err(|error| format!("`{name}`: {error}").into());
    papers(name)?.map(read).transpose()
}

fn needed<T: DeserializeOwned>(papers: &Papers<'_>, name: &str) -> Result<T, BoxError> {
    found(papers, name)?.ok_or_else(|| format!("there is no evidence `{name}`").into())
}
