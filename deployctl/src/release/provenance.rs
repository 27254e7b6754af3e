//! What the firmware was made from: an in-toto statement (v1) with SLSA provenance (v1). Subjects are the ELF files; materials
//! are the project's files, the built-in ones, and the sources and tools of `deploy.lock`.
//!
//! It names no machine and no time: what was built does not depend on either, and `verify --rebuild` shows it.

use serde_json::{Value, json};

use super::about::Release;
use super::archive::Files;
use super::checksums::sha256;
use super::make::Tool;
use super::{BUILT_IN, SOURCES, TARGETS};
use crate::stage::artifact;

/// What kind of build this is.
const BUILD_TYPE: &str = "urn:deployctl:build:1";
/// Who built: the program, wherever it ran.
const BUILDER: &str = "urn:deployctl:builder:1";

/// The statement; `files` has what is named by its path.
pub(super) fn statement(release: &Release, files: &Files, tools: &[Tool]) -> Value {
    let is_material = |path: &&String| path.starts_with(SOURCES) || path.starts_with(BUILT_IN);
    let file = |path: &String| json!({ "name": path, "digest": { "sha256": sha256(&files[path]) } });
    let pinned = |tool: &Tool| {
        let about = json!({ "version": tool.version });
        json!({ "name": tool.name, "digest": { "deployctlBlake3": tool.digest }, "annotations": about })
    };
    let materials: Vec<Value> = files.keys().filter(is_material).map(file).chain(tools.iter().map(pinned)).collect();
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
                    "version": { "deployctl": env!("CARGO_PKG_VERSION"), "built-in": crate::builtin::digest() },
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
