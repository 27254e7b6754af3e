//! Stage `gate`: the verdict. Budget, headroom and limits are inputs of this stage and of nothing before it.

use deployctl_cache::{BoxError, Digest, Fields, FileInput, Job, Record, Section, Stage};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::memory::Planned;
use super::{artifact, fail, parity};
use crate::error::Kind;
use crate::gate::evidence::Parity;
use crate::gate::{Evidence, Judgement, Limits, Present, Release, judge};

/// What is allowed.
#[derive(Clone, Debug, Serialize, Deserialize)]
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
    /// Whether a second build gave the same firmware. A release is put in its place only if it did.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub reproduced: bool,
    /// What is held against them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub present: Option<Present>,
}

/// The `release.json` of a release in the project.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LastRelease {
    /// Its version.
    pub version: String,
    /// Digest of the file.
    #[serde(rename = "file")]
    pub digest: Digest,
    /// The file, where it is in the project.
    #[serde(skip)]
    pub file: Option<FileInput>,
}

/// The evidence of a name, where there is any.
type Papers<'a> = dyn Fn(&str) -> Result<Option<Vec<u8>>, BoxError> + 'a;

impl Stage for Gate {
    fn name(&self) -> &'static str {
        "gate"
    }

    fn version(&self) -> u32 {
        10
    }

    fn fields(&self) -> Fields {
        Fields::of(self)
    }

    fn run(&self, job: &Job) -> Result<(), BoxError> {
        let judgement = self.judge(&|name| {
            let earlier = [&self.release, &self.reissued].into_iter().flatten().find(|one| one.paper() == name);
            if let Some(file) = earlier.and_then(|one| one.file.as_ref()) {
                return Ok(Some(file.bytes()?));
            }
            match job.read(name) {
                Ok(bytes) => Ok(Some(bytes)),
                Err(deployctl_cache::Error::NoInput { .. }) => Ok(None),
                Err(other) => Err(other.into()),
            }
        })?;
        job.write_json(artifact::VERDICT, &judgement)?;
        Ok(())
    }
}

impl LastRelease {
    /// A release in the project.
    pub fn new(version: String, file: FileInput) -> Self {
        Self { version, digest: file.digest(), file: Some(file) }
    }

    /// What the gate asks for it by.
    pub fn paper(&self) -> String {
        format!("release {}", self.version)
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
        let load = found(papers, "load")?;
        let parity = if self.parity {
            needed::<parity::Papers>(papers, "parity")?.evidence()
        } else {
            let absent = Some("no `preprocess` is declared: what feeds the model is not known here".to_owned());
            Parity { absent, ..Parity::default() }
        };
        let earlier = |release: &Option<LastRelease>| self.read(release.as_ref(), papers);
        let (release, reissued) = (earlier(&self.release)?, earlier(&self.reissued)?);
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
            load: load.as_ref(),
            past: self.present.as_ref().zip(release.as_ref()),
            reissued: self.present.as_ref().zip(reissued.as_ref()),
            reproduced: self.reproduced,
        };
        Ok(judge(&self.limits, evidence))
    }

    /// What a release says of itself.
    fn read(&self, release: Option<&LastRelease>, papers: &Papers<'_>) -> Result<Option<Release>, BoxError> {
        let (Some(last), Some(present)) = (release, &self.present) else { return Ok(None) };
        let refuse = |reason: String| {
            let place = format!("releases/{}-{}/release.json", present.deployment, last.version);
            let help =
                "take the file as the release was made from version control; builds are compared with the last release";
            fail(Kind::Manifest, format!("`{place}` cannot be used: {reason}"), help)
        };
        let bytes = papers(&last.paper())?.filter(|bytes| Digest::of(bytes) == last.digest);
        let bytes = bytes.ok_or_else(|| refuse("it is not the one that was judged by".to_owned()))?;
        Ok(Some(Release::read(&bytes, &present.deployment, &last.version).map_err(refuse)?))
    }
}

fn found<T: DeserializeOwned>(papers: &Papers<'_>, name: &str) -> Result<Option<T>, BoxError> {
    let read = |bytes: Vec<u8>| serde_json::from_slice(&bytes).map_err(|error| format!("`{name}`: {error}").into());
    papers(name)?.map(read).transpose()
}

fn needed<T: DeserializeOwned>(papers: &Papers<'_>, name: &str) -> Result<T, BoxError> {
    found(papers, name)?.ok_or_else(|| format!("there is no evidence `{name}`").into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::{Making, Services};
    use crate::manifest::{Bytes, Ratio};

    /// A release carries the fields as JSON: they must come back as they were.
    #[test]
    fn limits_come_back_from_their_file() {
        let limits = Limits {
            budget: Bytes(800),
            headroom: Ratio(0.1),
            policy: None,
            max_mac_share: Ratio(1.0 / 3.0),
            flash: None,
            ram: None,
            stack: None,
            latency: None,
            hop: None,
            startup: None,
            accuracy: None,
            runner: "host".into(),
            waivers: vec![],
            own: [("gates.flash".to_owned(), "target.host.gates.flash".to_owned())].into(),
            governance: None,
            max_lsb: Some(1),
            conversion: Some(Making::Made),
            services: Services::Undeclared,
        };
        let release = LastRelease { version: "1.0.0".into(), digest: Digest::of(b"{}"), file: None };
        let gate =
            Gate { limits, parity: false, release: Some(release), reissued: None, reproduced: false, present: None };
        let back: Gate = serde_json::from_slice(&serde_json::to_vec_pretty(&gate).unwrap()).unwrap();
        let record = Record { fields: gate.fields().printed(), outputs: vec![] };
        assert!(back.is_in(&record));
        let other = Gate { parity: true, ..back };
        assert!(!other.is_in(&record));
    }

    #[test]
    fn an_earlier_release_is_the_one_that_was_judged_by() {
        let release = LastRelease { version: "1.0.0".into(), digest: Digest::of(b"{}"), file: None };
        let papers = |name: &str| -> Result<Option<Vec<u8>>, BoxError> {
            Ok((name == "release 1.0.0").then(|| b"{ }".to_vec()))
        };
        let text = serde_json::json!({
            "limits": { "budget": 1, "headroom": 0.0, "policy": null, "max_mac_share": 0.0, "flash": null, "stack": null,
                "latency": null, "services": "undeclared", "runner": "host", "max_lsb": null },
            "parity": false,
            "present": { "deployment": "kws", "version": "1.1.0", "board": "host",
                "interface": { "inputs": [], "outputs": [] }, "governed": {} },
        });
        let gate = Gate { release: Some(release), ..serde_json::from_value(text).unwrap() };
        let error = gate.read(gate.release.as_ref(), &papers).unwrap_err().to_string();
        assert!(error.contains("`releases/kws-1.0.0/release.json` cannot be used: it is not the one"), "{error}");
    }
}
