//! `deploy.lock` and a build: local files and tool identities are recorded when it succeeds; `--locked` refuses a difference.

use std::collections::BTreeSet;

use camino::{Utf8Path, Utf8PathBuf};
use serde::Serialize;

use super::conversion;
use super::gather::{FIRMWARE_CRATES, recorded};
use crate::error::{Error, Kind};
use crate::lockfile::{self, Group, Lockfile, Pin};
use crate::manifest::{Manifest, plain};
use crate::plan::{Materials, VectorMaterials};

/// What this build uses.
pub(super) fn used(manifest: &Manifest, materials: &Materials) -> Group {
    let mut group = Group::default();
    let mut file = |path: &Utf8Path, digest: String| {
        let path = plain(path);
        let name = path.strip_prefix(&manifest.root).unwrap_or(&path).to_string();
        group.insert(lockfile::Kind::File, name, Pin::new(digest, ""));
    };
    if let Some(model) = &materials.model {
        file(model.path(), model.digest().to_string());
    }
    match &materials.vectors {
        Some(VectorMaterials::File(vectors)) => file(vectors.path(), vectors.digest().to_string()),
        Some(VectorMaterials::Recordings { files, labels }) => {
            file(files.root(), files.digest().to_string());
            if let Some(labels) = labels {
                file(labels.path(), labels.digest().to_string());
            }
        }
        None => {}
    }
    if let Some(parity) = &materials.parity {
        file(parity.features.path(), parity.features.digest().to_string());
        // Of the same folder as the vectors, they may be other files.
        if let Some(inputs) = &parity.inputs {
            file(&inputs.root().join("parity"), inputs.digest().to_string());
        }
    }
    for own in materials.own.iter().flat_map(|own| &own.crates) {
        file(own.files.root(), own.files.digest().to_string());
    }
    if let (Some(declared), Some(found)) = (&manifest.convert, &materials.convert) {
        conversion::record(&mut group, declared, found);
    }
    for (target, found) in manifest.targets.iter().zip(&materials.targets) {
        let (board, suffix) = (&target.board, format!("/{}", target.board.name));
        group.insert(lockfile::Kind::File, format!("board{suffix}"), Pin::new(digest(board), ""));
        let mut tool = |name: &str, identity: String, version: &str| {
            group.insert(lockfile::Kind::Tool, format!("{name}{suffix}"), Pin::new(identity, version));
        };
        tool("rustc", digest(&found.rustc), found.rustc.version.lines().next().unwrap_or_default());
        if board.rust_target.is_none() {
            tool("linker", digest(&found.linker), &found.linker.version);
        }
        tool("binutils", digest(&found.binutils), &found.binutils.version);
        if let Some(qemu) = &found.qemu {
            tool("qemu", digest(qemu), &qemu.version);
        }
        if let Some(library) = &found.library {
            tool("gcc", digest(&library.cross), &library.cross.version);
            let remark = format!("{} {}", manifest.kernels.source.name, manifest.kernels.source.versions);
            let pin = Pin::new(library.source_digest.clone(), &remark);
            group.insert(lockfile::Kind::Source, manifest.kernels.source.name.clone(), pin);
        }
        let crates = Pin::new(found.crates.digest.clone(), "");
        group.insert(lockfile::Kind::Source, FIRMWARE_CRATES, crates);
    }
    group
}

fn digest(value: &impl Serialize) -> String {
    deployctl_cache::Digest::of(serde_json::to_string(value).unwrap_or_default().as_bytes()).to_string()
}

/// Refuses any difference to what is recorded.
pub(super) fn refuse_differences(manifest: &Manifest, used: &Group) -> Result<(), Error> {
    let mut differences = recorded(manifest)?.differences(used);
    if commands_are_forbidden(manifest) {
        differences.retain(|difference| difference.kind != lockfile::Kind::Convert);
    }
    if differences.is_empty() {
        return Ok(());
    }
    let lines: Vec<String> = differences.iter().map(|difference| format!("  {difference}")).collect();
    Err(Error::plain(
        Kind::Manifest,
        format!(
            "`{}` differs from `deploy.lock`, and `--locked` was asked:\n{}",
            manifest.name.value,
            lines.join("\n")
        ),
        "take the recorded versions, or build without `--locked` to record these; `fetch --update` records new sources",
    ))
}

/// Whoever builds from the project's model file has not looked at what makes it: what is recorded of that stays.
fn commands_are_forbidden(manifest: &Manifest) -> bool {
    manifest.convert.as_ref().is_some_and(|convert| convert.forbidden)
}

/// Records files and tools after a build; sources only where none are recorded, because `fetch` changes those.
pub(super) fn record(manifests: &[Manifest], used: &[Group]) -> Result<(), Error> {
    let roots: BTreeSet<&Utf8PathBuf> = manifests.iter().map(|manifest| &manifest.root).collect();
    for root in roots {
        let of_root = manifests.iter().zip(used).filter(|(manifest, _)| manifest.root == *root);
        let record_all = |all: &mut Lockfile| {
            for (manifest, used) in of_root {
                let group = recorded_with(all.group(&manifest.name.value), used, commands_are_forbidden(manifest));
                all.set_group(&manifest.name.value, group);
            }
        };
        Lockfile::update(&root.join("deploy.lock"), record_all)
            .map_err(|error| Error::caused(Kind::Store, &error, "the build itself is complete"))?;
    }
    Ok(())
}

/// What `deploy.lock` records after a build with these materials.
pub(super) fn group(manifest: &Manifest, materials: &Materials) -> Result<Group, Error> {
    Ok(recorded_with(recorded(manifest)?, &used(manifest, materials), commands_are_forbidden(manifest)))
}

fn recorded_with(mut group: Group, used: &Group, keeps_conversion: bool) -> Group {
    group.replace(&[lockfile::Kind::File, lockfile::Kind::Tool], used);
    if !keeps_conversion {
        group.replace(&[lockfile::Kind::Convert], used);
    }
    for (kind, name, pin) in used.entries() {
        if kind == lockfile::Kind::Source && group.get(kind, name).is_none() {
            group.insert(kind, name, pin.clone());
        }
    }
    group
}
