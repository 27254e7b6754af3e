//! What a build made, with all that it was made from, as the files of a bundle.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;

use super::about::{self, Elves, Named, Release, Target};
use super::archive::Files;
use super::checksums::{checksums, sha256};
use super::keys::Keys;
use super::{
    BUILT_IN, CHECKSUMS, CheckError, KEYS, LICENCES, LIMITS, PROVENANCE, RELEASE, REPRODUCED, SBOM, SOURCES, TARGETS,
    image, json, provenance, sbom,
};
use crate::elf;
use crate::gate::evidence::{Footprint, Measurement};
use crate::gate::{Interface, Judgement, PortRecord};
use crate::manifest::{Manifest, Port, Spanned};
use crate::stage::{self, artifact};

/// Everything that goes into a bundle.
#[derive(Debug)]
pub struct Draft<'a> {
    /// The manifest.
    pub manifest: &'a Manifest,
    /// Where it lies below `sources/`.
    pub manifest_at: String,
    /// The project's files, by their path below `sources/`.
    pub sources: Files,
    /// Built-in files that were used, by their path in the program.
    pub built_in: Files,
    /// Governed values.
    pub governed: BTreeMap<String, String>,
    /// The targets, in the manifest's order.
    pub targets: Vec<Made>,
    /// Texts of licences, by their path below `licences/`.
    pub licences: Files,
    /// The firmware's `Cargo.lock`.
    pub crates: &'a str,
    /// The kernel library, where a target runs it.
    pub library: Option<Library>,
    /// The model that targets run.
    pub model: (String, Vec<u8>),
    /// Tools with their versions and what identifies them.
    pub tools: Vec<Tool>,
}

/// What a target's stages made.
#[derive(Debug)]
pub struct Made {
    /// The board.
    pub board: String,
    /// Results, by their path in the target's folder.
    pub files: Files,
    /// The records of its stages.
    pub keys: Keys,
    /// What is allowed.
    pub gate: stage::Gate,
}

/// A kernel library.
#[derive(Clone, Debug)]
pub struct Library {
    /// Its name.
    pub name: String,
    /// Its version, in words.
    pub version: String,
    /// Licence expression.
    pub licence: String,
    /// Package URL, where it has one.
    pub purl: Option<String>,
    /// Digest of its sources as `deploy.lock` has it.
    pub digest: String,
}

/// A tool or source that `deploy.lock` records.
#[derive(Clone, Debug)]
pub struct Tool {
    /// `tool rustc/mps2-an386`, as the file has it.
    pub name: String,
    /// Its version.
    pub version: String,
    /// What identifies it.
    pub digest: String,
}

/// Makes the bundle. An error is a result that cannot be read.
pub fn make(draft: Draft<'_>) -> Result<(Release, Files), CheckError> {
    let mut files = Files::new();
    let mut targets = Vec::new();
    for made in &draft.targets {
        targets.push(target(made, &mut files)?);
    }
    let manifest = draft.sources.get(&draft.manifest_at).map(|bytes| sha256(bytes)).unwrap_or_default();
    let release = Release {
        schema: about::SCHEMA.to_owned(),
        deployment: draft.manifest.name.value.clone(),
        version: draft.manifest.version.clone(),
        manifest: Named { path: draft.manifest_at.clone(), digest: manifest },
        evidence: about::origin(&targets),
        interface: Interface {
            inputs: ports(&draft.manifest.model.inputs),
            outputs: ports(&draft.manifest.model.outputs),
        },
        governed: draft.governed.clone(),
        targets,
    };
    let mut footprints = Vec::new();
    for made in &draft.targets {
        footprints.push(read::<Footprint>(made, artifact::FOOTPRINT)?);
    }
    let parts = sbom::Parts { release: &release, draft: &draft, footprints: &footprints, provenance: &origin(&draft) };
    files.insert(SBOM.to_owned(), json(&sbom::sbom(&parts)));
    for (folder, found) in [(SOURCES, draft.sources), (BUILT_IN, draft.built_in), (LICENCES, draft.licences)] {
        files.extend(found.into_iter().map(|(path, bytes)| (format!("{folder}{path}"), bytes)));
    }
    files.insert(RELEASE.to_owned(), release.to_bytes());
    files.insert(PROVENANCE.to_owned(), json(&provenance::statement(&release, &files, &draft.tools)));
    seal(&mut files);
    Ok((release, files))
}

/// Writes down that a second build gave the same ELF files.
pub fn reproduced(release: &Release, files: &mut Files) {
    files.insert(REPRODUCED.to_owned(), json(&reproduction(release)));
    seal(files);
}

/// What a second build gave, where it gave the same.
pub(super) fn reproduction(release: &Release) -> serde_json::Value {
    let elves: BTreeMap<&str, &Elves> =
        release.targets.iter().map(|target| (target.board.as_str(), &target.elf)).collect();
    serde_json::json!({ "schema": "deployctl/reproduced/1", "builds": 2, "elf": elves })
}

/// Writes the checksums of all files.
pub fn seal(files: &mut Files) {
    files.insert(CHECKSUMS.to_owned(), checksums(files).into_bytes());
}

fn ports(ports: &[Spanned<Port>]) -> Vec<PortRecord> {
    ports.iter().map(|port| (&port.value).into()).collect()
}

/// What a release says of a target, from the evidence alone.
pub(super) fn about_target(board: &str, files: &Files) -> Result<Target, CheckError> {
    let path = |name: &str| format!("{TARGETS}{board}/{name}");
    let find = |name: &str| files.get(&path(name)).ok_or_else(|| CheckError::Missing { path: path(name) });
    let judgement: Judgement = parse(&path(artifact::VERDICT), find(artifact::VERDICT)?)?;
    let measured: Measurement = parse(&path(artifact::MEASUREMENT), find(artifact::MEASUREMENT)?)?;
    let elf = Elves { app: sha256(find(artifact::APP)?), harness: sha256(find(artifact::HARNESS)?) };
    Ok(Target::new(board, &judgement, &measured, elf))
}

fn target(made: &Made, files: &mut Files) -> Result<Target, CheckError> {
    let path = |name: &str| format!("{TARGETS}{}/{name}", made.board);
    files.extend(made.files.iter().map(|(name, bytes)| (path(name), bytes.clone())));
    for (name, bytes) in flashable(&path(""), &made.files)? {
        files.insert(path(&name), bytes);
    }
    files.insert(path(KEYS), made.keys.to_bytes());
    files.insert(path(LIMITS), json(&made.gate));
    about_target(&made.board, files)
}

/// `.hex` and `.bin` of both programs, where they are made for a board.
pub(super) fn flashable(folder: &str, files: &Files) -> Result<Files, CheckError> {
    let mut made = Files::new();
    for name in [artifact::APP, artifact::HARNESS] {
        let Some(bytes) = files.get(name) else { continue };
        let unreadable =
            |error: elf::ElfError| CheckError::Unreadable { path: format!("{folder}{name}"), why: error.to_string() };
        let Some(firmware) = elf::loadable(bytes).map_err(unreadable)? else { continue };
        let stem = name.trim_end_matches(".elf");
        made.insert(format!("{stem}.hex"), image::intel_hex(&firmware).into_bytes());
        made.extend(image::binary(&firmware).map(|bytes| (format!("{stem}.bin"), bytes)));
    }
    Ok(made)
}

/// Where the model comes from, as the gate report has it.
fn origin(draft: &Draft<'_>) -> Vec<(String, String)> {
    #[derive(serde::Deserialize)]
    struct Row {
        name: String,
        value: String,
    }
    #[derive(serde::Deserialize)]
    struct Report {
        #[serde(default)]
        provenance: Vec<Row>,
    }
    let report = draft.targets.first().and_then(|made| read::<Report>(made, artifact::REPORT_JSON).ok());
    report.into_iter().flat_map(|report| report.provenance).map(|row| (row.name, row.value)).collect()
}

fn read<T: DeserializeOwned>(made: &Made, name: &str) -> Result<T, CheckError> {
    let path = format!("{TARGETS}{}/{name}", made.board);
    let bytes = made.files.get(name).ok_or_else(|| CheckError::Missing { path: path.clone() })?;
    parse(&path, bytes)
}

pub(super) fn parse<T: DeserializeOwned>(path: &str, bytes: &[u8]) -> Result<T, CheckError> {
    serde_json::from_slice(bytes)
        .map_err(|error| CheckError::Unreadable { path: path.to_owned(), why: error.to_string() })
}
