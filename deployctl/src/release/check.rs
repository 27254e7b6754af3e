//! Whether a bundle is what it says: that its files are whole, that the evidence is of its firmware and its boards, and that the
//! verdict follows from the evidence.

use serde_json::Value;

use super::about::{self, Release};
use super::archive::Files;
use super::keys::{self, Keys};
use super::make::{about_target, flashable, parse, reproduction};
use super::{
    CheckError, KEYS, LIMITS, PROVENANCE, RELEASE, REPRODUCED, SOURCES, TARGETS, checksums, provenance, sha256,
};
use crate::elf;
use crate::gate::Judgement;
use crate::gate::evidence::Footprint;
use crate::stage::{self, artifact};

/// A bundle that is what it says.
#[derive(Clone, Debug)]
pub struct Checked {
    /// What it is.
    pub release: Release,
    /// Checks of all gates that were judged again.
    pub judged: usize,
    /// Whether a second build gave the same firmware before it was promoted.
    pub reproduced: bool,
}

/// Checks a bundle's files against each other.
pub fn check(files: &Files) -> Result<Checked, CheckError> {
    checksums::check(files)?;
    let release: Release = parse(RELEASE, find(files, RELEASE)?)?;
    let wrong = |what: String| Err(CheckError::Evidence { place: RELEASE.to_owned(), what });
    if release.schema != about::SCHEMA {
        let why = format!("it has schema `{}`, and this program reads `{}`", release.schema, about::SCHEMA);
        return Err(CheckError::Unreadable { path: RELEASE.to_owned(), why });
    }
    let manifest = format!("{SOURCES}{}", release.manifest.path);
    if sha256(find(files, &manifest)?) != release.manifest.digest {
        return wrong(format!("it was made from another manifest than `{manifest}`"));
    }
    if release.targets.is_empty() {
        return wrong("it has no target".to_owned());
    }
    let known =
        |path: &&String| release.targets.iter().any(|target| path.starts_with(&format!("{TARGETS}{}/", target.board)));
    if let Some(other) = files.keys().filter(|path| path.starts_with(TARGETS)).find(|path| !known(path)) {
        return wrong(format!("`{other}` belongs to none of its targets"));
    }
    let mut judged = 0;
    for target in &release.targets {
        judged += check_target(&release, &target.board, files)?;
        let found = about_target(&target.board, files)?;
        if found != *target {
            return wrong(format!("what it says of `{}` is not what the evidence says", target.board));
        }
    }
    if release.evidence != about::origin(&release.targets) {
        return wrong(format!(
            "the evidence is {}, not {}",
            about::origin(&release.targets).name(),
            release.evidence.name()
        ));
    }
    check_provenance(&release, files)?;
    let reproduced = files.get(REPRODUCED).map(|bytes| parse::<Value>(REPRODUCED, bytes)).transpose()?;
    if reproduced.as_ref().is_some_and(|found| *found != reproduction(&release)) {
        let what = "it speaks of other ELF files".to_owned();
        return Err(CheckError::Evidence { place: REPRODUCED.to_owned(), what });
    }
    Ok(Checked { release, judged, reproduced: reproduced.is_some() })
}

/// One target: gives the number of checks that were judged again.
fn check_target(release: &Release, board: &str, files: &Files) -> Result<usize, CheckError> {
    let folder = format!("{TARGETS}{board}/");
    let path = |name: &str| format!("{folder}{name}");
    let wrong = |name: &str, what: String| Err(CheckError::Evidence { place: path(name), what });
    let mut made: Files = files
        .iter()
        .filter_map(|(path, bytes)| Some((path.strip_prefix(&folder)?.to_owned(), bytes.clone())))
        .collect();
    let keys: Keys = parse(&path(KEYS), find(files, &path(KEYS))?)?;
    if keys.schema != keys::SCHEMA {
        let why = format!("it has schema `{}`, and this program reads `{}`", keys.schema, keys::SCHEMA);
        return Err(CheckError::Unreadable { path: path(KEYS), why });
    }
    let measured_at = format!("{}/{board}/measure", release.deployment);
    if !keys.stages.iter().any(|stage| stage.node == measured_at) {
        let other = keys.stage("measure").map_or("nothing", |stage| stage.node.as_str());
        return wrong(KEYS, format!("the evidence is of another target: `{measured_at}` is not in it, but `{other}`"));
    }
    keys.check(&path(KEYS))?;
    made.remove(KEYS);
    let limits = made.remove(LIMITS).ok_or_else(|| CheckError::Missing { path: path(LIMITS) })?;
    for (name, bytes) in flashable(&folder, &made)? {
        if made.remove(&name).as_ref() != Some(&bytes) {
            return wrong(&name, "it is not what the ELF file beside it makes".to_owned());
        }
    }
    keys.check_files(&folder, &made)?;
    check_images(&folder, &made)?;
    check_report(release, board, &path(artifact::REPORT_JSON), find(files, &path(artifact::REPORT_JSON))?)?;
    check_verdict(&folder, &keys, &limits, &made, files)
}

/// That the images are those of which the footprint speaks.
fn check_images(folder: &str, made: &Files) -> Result<(), CheckError> {
    let path = |name: &str| format!("{folder}{name}");
    let find = |name: &str| made.get(name).ok_or_else(|| CheckError::Missing { path: path(name) });
    let footprint: Footprint = parse(&path(artifact::FOOTPRINT), find(artifact::FOOTPRINT)?)?;
    for (name, expected) in [(artifact::APP, &footprint.app_image), (artifact::HARNESS, &footprint.harness_image)] {
        let unreadable = |error: elf::ElfError| CheckError::Unreadable { path: path(name), why: error.to_string() };
        let found = elf::read(find(name)?).map_err(unreadable)?.digest;
        if found != *expected {
            let what =
                format!("the evidence is of another image: `{}` has {expected}, this is {found}", artifact::FOOTPRINT);
            return Err(CheckError::Evidence { place: path(name), what });
        }
    }
    Ok(())
}

/// That the report is of this deployment and board.
fn check_report(release: &Release, board: &str, place: &str, bytes: &[u8]) -> Result<(), CheckError> {
    let report: Value = parse(place, bytes)?;
    let expected = [
        ("/deployment/name", release.deployment.as_str()),
        ("/deployment/version", &release.version),
        ("/target/board", board),
    ];
    for (pointer, expected) in expected {
        let found = report.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        if found != expected {
            let what = format!("it is of `{found}`, and the release is of `{expected}`");
            return Err(CheckError::Evidence { place: place.to_owned(), what });
        }
    }
    Ok(())
}

/// That the verdict follows from the evidence and the limits.
fn check_verdict(folder: &str, keys: &Keys, limits: &[u8], made: &Files, all: &Files) -> Result<usize, CheckError> {
    let path = |name: &str| format!("{folder}{name}");
    let wrong = |name: &str, what: String| Err(CheckError::Evidence { place: path(name), what });
    let gate: stage::Gate = parse(&path(LIMITS), limits)?;
    let stage = keys.stage("gate").ok_or_else(|| CheckError::Missing { path: path("gate") })?;
    if !gate.is_in(&stage.record) {
        return wrong(LIMITS, "these are not the limits that the verdict was given by".to_owned());
    }
    if gate.reproduced && !all.contains_key(REPRODUCED) {
        return wrong(LIMITS, format!("it counts on a second build, and there is no `{REPRODUCED}`"));
    }
    let paper = |name: &str| {
        if gate.release.as_ref().is_some_and(|last| last.paper() == name) {
            return Ok(last_release(&gate, all).cloned());
        }
        let given = stage.inputs.iter().find(|given| given.name == name);
        Ok(given.and_then(|given| made.get(&given.path).cloned()))
    };
    let again = gate
        .judge(&paper)
        .map_err(|error| CheckError::Unreadable { path: path(artifact::VERDICT), why: error.to_string() })?;
    let bytes = made.get(artifact::VERDICT).ok_or_else(|| CheckError::Missing { path: path(artifact::VERDICT) })?;
    let verdict: Judgement = parse(&path(artifact::VERDICT), bytes)?;
    if again == verdict {
        return Ok(verdict.checks.len());
    }
    let differs = verdict.checks.iter().find(|check| !again.checks.contains(check));
    let what = differs.map_or_else(
        || "the verdict does not follow from the evidence".to_owned(),
        |check| {
            let name = &check.name;
            let again = again
                .checks
                .iter()
                .find(|other| other.name == *name)
                .map_or("not judged at all", |other| other.verdict.name());
            format!("check `{name}` is `{}` in it, and the evidence makes it `{again}`", check.verdict.name())
        },
    );
    wrong(artifact::VERDICT, what)
}

/// The earlier release by which the gate judged, among the project's files.
fn last_release<'f>(gate: &stage::Gate, files: &'f Files) -> Option<&'f Vec<u8>> {
    let (last, present) = (gate.release.as_ref()?, gate.present.as_ref()?);
    let name = format!("/releases/{}/{RELEASE}", about::folder(&present.deployment, &last.version));
    files.iter().find(|(path, _)| path.starts_with(SOURCES) && path.ends_with(&name)).map(|(_, bytes)| bytes)
}

/// That the provenance speaks of these files.
fn check_provenance(release: &Release, files: &Files) -> Result<(), CheckError> {
    let statement: Value = parse(PROVENANCE, find(files, PROVENANCE)?)?;
    let wrong = |what: String| Err(CheckError::Evidence { place: PROVENANCE.to_owned(), what });
    if statement["subject"] != provenance::subjects(release) {
        return wrong("its subjects are not the ELF files of the release".to_owned());
    }
    let materials = statement.pointer("/predicate/buildDefinition/resolvedDependencies").and_then(Value::as_array);
    for material in materials.into_iter().flatten() {
        let (name, digest) = (material["name"].as_str().unwrap_or_default(), material["digest"]["sha256"].as_str());
        if let Some(digest) = digest
            && files.get(name).map(|bytes| sha256(bytes)).as_deref() != Some(digest)
        {
            return wrong(format!("its material `{name}` is not the one in the bundle"));
        }
    }
    Ok(())
}

fn find<'f>(files: &'f Files, path: &str) -> Result<&'f Vec<u8>, CheckError> {
    files.get(path).ok_or_else(|| CheckError::Missing { path: path.to_owned() })
}
