//! Whether a bundle is what it says: that its files are whole, that the evidence is of its firmware and its boards, and that the
//! verdict follows from the evidence.

use std::collections::BTreeMap;

use serde_json::Value;

use super::about::{self, Release};
use super::archive::Files;
use super::keys::{self, Keys};
use super::licences::{self, Listing};
use super::make::{Parts, flashable, parse, reproduction};
use super::project::{Project, read_manifest};
use super::provenance::{self, Maker};
use super::{
    BUILT_IN, CHECKSUMS, CheckError, KEYS, LICENCES, LIMITS, LISTINGS, PROVENANCE, RELEASE, REPRODUCED, SBOM, SOURCES,
    TARGETS, checksums, json, make, sha256,
};
use crate::elf;
use crate::gate::Judgement;
use crate::gate::evidence::Footprint;
use crate::manifest::Manifest;
use crate::stage::{self, artifact};

/// A bundle that is what it says.
#[derive(Clone, Debug)]
pub struct Checked {
    /// What it is.
    pub release: Release,
    /// Checks of all gates that were judged again.
    pub judged: usize,
    /// The program that made it.
    pub maker: Maker,
    /// Its manifest; the files that it names are no longer where it says.
    pub manifest: Manifest,
}

/// Checks a bundle's files against each other: what follows from others is made again, and must be the same.
pub fn check(files: &Files) -> Result<Checked, CheckError> {
    checksums::check(files)?;
    let release: Release = parse(RELEASE, find(files, RELEASE)?)?;
    let wrong = |what: String| Err(CheckError::Evidence { place: RELEASE.to_owned(), what });
    if release.schema != about::SCHEMA {
        let why = format!("it has schema `{}`, and this program reads `{}`", release.schema, about::SCHEMA);
        return Err(CheckError::Unreadable { path: RELEASE.to_owned(), why });
    }
    let path = format!("{SOURCES}{}", release.manifest.path);
    if sha256(find(files, &path)?) != release.manifest.digest {
        return wrong(format!("it was made from another manifest than `{path}`"));
    }
    if release.targets.is_empty() {
        return wrong("it has no target".to_owned());
    }
    check_places(&release, files)?;
    let mut judged = 0;
    for target in &release.targets {
        judged += check_target(&release, &target.board, files)?;
    }
    let manifest = read_manifest(&release.manifest.path, files)?;
    let boards = manifest.targets.iter().map(|target| target.board.name.as_str());
    let derived = make::about(&manifest, &release.manifest.path, boards, files)?;
    same(RELEASE, &derived.to_bytes(), files)?;
    let maker = check_papers(&release, &manifest, files)?;
    same(REPRODUCED, &json(&reproduction(&release)), files)?;
    Ok(Checked { release, judged, maker, manifest })
}

/// That every file lies where files of a bundle lie.
fn check_places(release: &Release, files: &Files) -> Result<(), CheckError> {
    let folders: Vec<String> = release.targets.iter().map(|target| format!("{TARGETS}{}/", target.board)).collect();
    for path in files.keys() {
        let is_known = [CHECKSUMS, RELEASE, SBOM, PROVENANCE, REPRODUCED].contains(&path.as_str())
            || [SOURCES, BUILT_IN, LICENCES, LISTINGS].iter().any(|folder| path.starts_with(folder))
            || folders.iter().any(|folder| path.starts_with(folder));
        if !is_known {
            let what = if path.starts_with(TARGETS) {
                format!("it belongs to none of the targets in `{RELEASE}`")
            } else {
                "it does not belong here: no bundle has such a file".to_owned()
            };
            return Err(CheckError::Evidence { place: path.clone(), what });
        }
    }
    Ok(())
}

/// The project, the licences, the bill and the provenance. Gives who made them.
fn check_papers(release: &Release, manifest: &Manifest, files: &Files) -> Result<Maker, CheckError> {
    let project = Project::new(manifest, &release.manifest.path);
    let (mut targets, mut earlier) = (Vec::new(), Vec::new());
    for target in &release.targets {
        let path = |name: &str| format!("{TARGETS}{}/{name}", target.board);
        targets.push(parse::<Keys>(&path(KEYS), find(files, &path(KEYS))?)?);
        let gate: stage::Gate = parse(&path(LIMITS), find(files, &path(LIMITS))?)?;
        earlier.extend(gate.release.map(|last| last.version));
    }
    project.check_known(files, &earlier)?;
    project.check_built_in(files)?;
    check_model(&project, &targets, files)?;
    let statement: Value = parse(PROVENANCE, find(files, PROVENANCE)?)?;
    let Some(maker) = Maker::of(&statement) else {
        let what = "it does not say which version of deployctl made the bundle".to_owned();
        return Err(CheckError::Evidence { place: PROVENANCE.to_owned(), what });
    };
    check_materials(&statement, files)?;
    let lock = project.lock(files)?;
    let parts = Parts { release, manifest, project: &project, files, lock: &lock, targets: &targets, maker: &maker };
    let mut listings: BTreeMap<String, Listing> = BTreeMap::new();
    for tree in parts.trees() {
        listings.insert(tree.to_owned(), licences::listing(tree, &lock, files)?);
    }
    let is_known = |path: &str| listings.keys().any(|name| path == format!("{LISTINGS}{name}.txt"));
    if let Some(stray) = files.keys().find(|path| path.starts_with(LISTINGS) && !is_known(path)) {
        let what = "it does not belong here: firmware is made from no such source".to_owned();
        return Err(CheckError::Evidence { place: stray.clone(), what });
    }
    let texts = parts.licences(&listings)?.into_iter().flat_map(|(_, texts)| texts).collect();
    licences::check(&texts, &parts.toolchain(), files)?;
    for (name, bytes) in parts.papers()? {
        same(&name, &bytes, files)?;
    }
    Ok(maker)
}

/// That the model among the sources is the one that stages read.
fn check_model(project: &Project<'_>, targets: &[Keys], files: &Files) -> Result<(), CheckError> {
    let (path, model) = project.model(files)?;
    let mut read = targets.iter().filter_map(|keys| keys.stage("model")?.field("file"));
    let found = deployctl_cache::Digest::of(model).to_hex();
    match read.find(|field| field.value != found) {
        Some(field) => {
            let what = format!("stage `model` read one with BLAKE3 {}, and this has {found}", field.value);
            Err(CheckError::Evidence { place: path, what })
        }
        None => Ok(()),
    }
}

/// That the provenance names the files that are there: before all of it is compared, since this can be said in words.
fn check_materials(statement: &Value, files: &Files) -> Result<(), CheckError> {
    let named = statement.pointer("/predicate/buildDefinition/resolvedDependencies").and_then(Value::as_array);
    let named: BTreeMap<&str, &str> = named
        .into_iter()
        .flatten()
        .filter_map(|one| Some((one["name"].as_str()?, one["digest"]["sha256"].as_str()?)))
        .collect();
    for (name, digest) in &named {
        let found = sha256(find(files, name)?);
        if found != *digest {
            let what = format!(
                "`{PROVENANCE}` says that firmware was made from one with SHA-256 {digest}, and this has {found}"
            );
            return Err(CheckError::Evidence { place: (*name).to_owned(), what });
        }
    }
    match provenance::materials(files).find(|path| !named.contains_key(path.as_str())) {
        Some(stray) => {
            let what = format!("`{PROVENANCE}` does not say that firmware was made from it");
            Err(CheckError::Evidence { place: stray.clone(), what })
        }
        None => Ok(()),
    }
}

/// That a file is what the rest of the bundle makes it; the first value that is another is named.
fn same(path: &str, expected: &[u8], files: &Files) -> Result<(), CheckError> {
    let found = find(files, path)?;
    if found == expected {
        return Ok(());
    }
    let (found, expected): (Value, Value) = (parse(path, found)?, parse(path, expected)?);
    let what = match unlike("", &expected, &found) {
        Some((at, expected, found)) => format!("`{at}` is {found}, and the rest of the bundle makes it {expected}"),
        None => "it is written otherwise than `deployctl promote` writes it".to_owned(),
    };
    Err(CheckError::Evidence { place: path.to_owned(), what })
}

/// Where two values differ first, as a JSON pointer, and both in few words.
fn unlike(at: &str, expected: &Value, found: &Value) -> Option<(String, String, String)> {
    let below = |name: &str| format!("{at}/{name}");
    match (expected, found) {
        (Value::Object(a), Value::Object(b)) => {
            let names: std::collections::BTreeSet<&String> = a.keys().chain(b.keys()).collect();
            names.into_iter().find_map(|name| {
                let (a, b) = (a.get(name).unwrap_or(&Value::Null), b.get(name).unwrap_or(&Value::Null));
                unlike(&below(name), a, b)
            })
        }
        (Value::Array(a), Value::Array(b)) => (0..a.len().max(b.len())).find_map(|index| {
            let (a, b) = (a.get(index).unwrap_or(&Value::Null), b.get(index).unwrap_or(&Value::Null));
            unlike(&below(&index.to_string()), a, b)
        }),
        (a, b) if a == b => None,
        (a, b) => Some((at.to_owned(), few_words(a), few_words(b))),
    }
}

fn few_words(value: &Value) -> String {
    match value {
        Value::Null => "not there".to_owned(),
        Value::Object(fields) => match fields.get("name").and_then(Value::as_str) {
            Some(name) => format!("an entry `{name}`"),
            None => "an object".to_owned(),
        },
        Value::Array(_) => "a list".to_owned(),
        Value::String(text) => format!("`{text}`"),
        other => format!("`{other}`"),
    }
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
    check_whole(&folder, &keys, &made)?;
    check_images(&folder, &made)?;
    check_report(release, board, &path(artifact::REPORT_JSON), find(files, &path(artifact::REPORT_JSON))?)?;
    check_verdict(&folder, &keys, &limits, &made, files)
}

/// That every file is there that stages make for people and for programs, and all that the gate and papers were made from.
fn check_whole(folder: &str, keys: &Keys, made: &Files) -> Result<(), CheckError> {
    for stage in &keys.stages {
        let delivered = artifact::delivered(&stage.stage);
        let is_delivered =
            |path: &str| delivered.iter().any(|one| path == *one || one.ends_with('/') && path.starts_with(one));
        for output in stage.record.outputs.iter().filter(|output| is_delivered(output.path.as_str())) {
            if !made.contains_key(output.path.as_str()) {
                return Err(CheckError::Missing { path: format!("{folder}{}", output.path) });
            }
        }
        if ["gate", "report", "runbook"].contains(&stage.stage.as_str()) {
            let given = stage.inputs.iter().filter(|given| !given.path.ends_with('/'));
            if let Some(given) = given.into_iter().find(|given| !made.contains_key(&given.path)) {
                return Err(CheckError::Missing { path: format!("{folder}{}", given.path) });
            }
        }
    }
    Ok(())
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
    if !gate.reproduced {
        return wrong(LIMITS, "the verdict was given without a second build, and a release is built twice".to_owned());
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

fn find<'f>(files: &'f Files, path: &str) -> Result<&'f Vec<u8>, CheckError> {
    files.get(path).ok_or_else(|| CheckError::Missing { path: path.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_first_value_that_is_another_is_named() {
        let expected = json!({ "a": [1, { "b": "x" }], "c": null, "n": { "name": "cc" } });
        let found = |change: Value| unlike("", &expected, &change);
        assert_eq!(found(expected.clone()), None);
        let other = found(json!({ "a": [1, { "b": "y" }], "c": null, "n": { "name": "cc" } })).unwrap();
        assert_eq!(other, ("/a/1/b".to_owned(), "`x`".to_owned(), "`y`".to_owned()));
        let gone = found(json!({ "a": [1, { "b": "x" }], "c": null })).unwrap();
        assert_eq!(gone, ("/n".to_owned(), "an entry `cc`".to_owned(), "not there".to_owned()));
        let more = found(json!({ "a": [1, { "b": "x" }, 3], "c": null, "n": { "name": "cc" } })).unwrap();
        assert_eq!(more, ("/a/2".to_owned(), "not there".to_owned(), "`3`".to_owned()));
    }
}
