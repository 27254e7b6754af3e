//! What the firmware was made from: an in-toto statement (v1) with SLSA provenance (v1). Subjects are the ELF files; materials
//! are the project's files, the built-in ones, and the sources and tools of `deploy.lock`.
//!
//! It names no machine and no time: what was built does not depend on either, and `verify --rebuild` shows it.

use serde_json::{Value, json};

use super::about::Release;
use super::archive::Files;
use super::checksums::sha256;
use super::make::Parts;
use super::{BUILT_IN, SOURCES, TARGETS};
use crate::lockfile::{Group, Kind};
use crate::stage::artifact;

/// What kind of build this is.
const BUILD_TYPE: &str = "urn:deployctl:build:1";
/// Who built: the program, wherever it ran.
const BUILDER: &str = "urn:deployctl:builder:1";

/// Which program made a bundle: what cannot be told from the rest of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Maker {
    /// Version of deployctl.
    pub version: String,
    /// Digest of what is built in.
    pub built_in: String,
}

impl Maker {
    /// This program.
    pub fn this() -> Self {
        Self { version: env!("CARGO_PKG_VERSION").to_owned(), built_in: crate::builtin::digest().to_owned() }
    }

    /// The one of whom a statement speaks.
    pub(super) fn of(statement: &Value) -> Option<Self> {
        let text = |name: &str| {
            let found = statement.pointer("/predicate/runDetails/builder/version")?.get(name)?;
            found.as_str().map(str::to_owned)
        };
        Some(Self { version: text("deployctl")?, built_in: text("built-in")? })
    }
}

/// A tool or source that `deploy.lock` records.
pub(super) struct Tool {
    /// `tool rustc/mps2-an386`, as the file has it.
    pub(super) name: String,
    /// Its version.
    pub(super) version: String,
    /// What identifies it.
    pub(super) digest: String,
}

/// Sources and tools, as `deploy.lock` has them.
pub(super) fn tools(lock: &Group) -> Vec<Tool> {
    let kinds = [(Kind::Source, "source"), (Kind::Tool, "tool"), (Kind::Convert, "convert")];
    let entries = lock.entries().filter_map(|(kind, name, pin)| {
        let (_, word) = kinds.iter().find(|(known, _)| *known == kind)?;
        Some(Tool { name: format!("{word} {name}"), version: pin.remark.clone(), digest: pin.digest.clone() })
    });
    entries.collect()
}

/// Files of the bundle that firmware is made from.
pub(super) fn materials(files: &Files) -> impl Iterator<Item = &String> {
    files.keys().filter(|path| path.starts_with(SOURCES) || path.starts_with(BUILT_IN))
}

/// The statement.
pub(super) fn statement(parts: &Parts<'_>) -> Value {
    let Parts { release, files, lock, maker, .. } = parts;
    let file = |path: &String| json!({ "name": path, "digest": { "sha256": sha256(&files[path]) } });
    let pinned = |tool: &Tool| {
        let about = json!({ "version": tool.version });
        json!({ "name": tool.name, "digest": { "deployctlBlake3": tool.digest }, "annotations": about })
    };
    let materials: Vec<Value> = materials(files).map(file).chain(tools(lock).iter().map(pinned)).collect();
    json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": subjects(release),
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {
                "buildType": BUILD_TYPE,
                "externalParameters": {
                    "deployment": release.deployment,
                    "version": release.version,
                    "manifest": format!("{SOURCES}{}", release.manifest.path),
                    "targets": release.targets.iter().map(|target| &target.board).collect::<Vec<_>>(),
                },
                "internalParameters": {},
                "resolvedDependencies": materials,
            },
            "runDetails": {
                "builder": {
                    "id": BUILDER,
                    "version": { "deployctl": maker.version, "built-in": maker.built_in },
                },
                "metadata": {},
            },
        },
    })
}

/// The ELF files of a release, with their digests.
pub(super) fn subjects(release: &Release) -> Value {
    let subject = |board: &str, name: &str, digest: &str| json!({ "name": format!("{TARGETS}{board}/{name}"), "digest": { "sha256": digest } });
    let all = release.targets.iter().flat_map(|target| {
        [(artifact::APP, &target.elf.app), (artifact::HARNESS, &target.elf.harness)]
            .map(|(name, digest)| subject(&target.board, name, digest))
    });
    Value::Array(all.collect())
}
