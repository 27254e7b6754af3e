//! `fetch`: the sources of kernel libraries and firmware crates onto this machine, and their digests into `deploy.lock`.

use super::Done;
use super::gather::{FIRMWARE_CRATES, firmware_lock, recorded, want};
use super::workshop::Workshop;
use crate::builtin;
use crate::cli;
use crate::error::{Error, Kind};
use crate::fetch::{FetchError, Tree, Want};
use crate::lockfile::{self, Group, Lockfile, Pin};
use crate::manifest::{Manifest, Runner};
use crate::ui::Event;

pub(super) fn run(args: &cli::Fetch, workshop: &Workshop) -> Result<Done, Error> {
    let manifests = workshop.around.manifests(&args.manifests)?;
    for manifest in &manifests {
        fetch(manifest, args.update, workshop)?;
    }
    workshop.remember();
    Ok(Done::Ok)
}

/// Brings what a manifest needs; what is there already costs nothing and needs no network.
pub(super) fn fetch(manifest: &Manifest, update: bool, workshop: &Workshop) -> Result<(), Error> {
    let lock = recorded(manifest)?;
    let mut sources = Group::default();
    let wanted = |name: &str| if update { Want::Newest } else { want(&lock, name) };
    let mut record = |name: &str, tree: &Tree, remark: &str| {
        sources.insert(lockfile::Kind::Source, name, Pin::new(tree.digest.clone(), remark));
        workshop.ui.show(&Event::Line {
            fields: serde_json::json!({ "deployment": manifest.name.value, "source": name, "digest": tree.digest }),
            text: format!("{:<16} {name:<16} {}", manifest.name.value, tree.digest),
        });
    };
    let tree = firmware_crates(wanted(FIRMWARE_CRATES), workshop)?;
    record(FIRMWARE_CRATES, &tree, "");
    if manifest.targets.iter().any(|target| target.board.runner != Runner::Host) {
        let library = &manifest.kernels.source;
        let tree = workshop
            .with_sources(|fetcher| fetcher.fetch(&library.name, &library.source, wanted(&library.name)))
            .map_err(|error| failed(&error))?;
        record(&library.name, &tree, &format!("{} {}", library.name, library.versions));
    }
    let mut group = recorded(manifest)?;
    group.replace(&[lockfile::Kind::Source], &sources);
    Lockfile::write_group(&manifest.root.join("deploy.lock"), &manifest.name.value, &group)
        .map_err(|error| Error::caused(Kind::Store, &error, "the sources themselves are there"))
}

/// The vendored crates of the packed firmware template.
fn firmware_crates(want: Want, workshop: &Workshop) -> Result<Tree, Error> {
    let there = workshop.with_sources(|fetcher| fetcher.locate_firmware(firmware_lock(), want));
    if let Some(tree) = there.map_err(|error| failed(&error))? {
        return Ok(tree);
    }
    let files: Vec<(&str, &[u8])> = builtin::under("firmware-template")
        .map(|file| (file.path.trim_start_matches("firmware-template/"), file.bytes))
        .collect();
    workshop.with_sources(|fetcher| fetcher.fetch_firmware(&files, want)).map_err(|error| failed(&error))
}

fn failed(error: &FetchError) -> Error {
    Error::caused(
        Kind::Tool,
        error,
        "`fetch` is the one command that needs the network; `deployctl doctor` checks its tools",
    )
}
