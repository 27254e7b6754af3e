//! A release's firmware, built again from the manifest, the lock file and the files in the bundle alone.

use std::fs;

use camino::Utf8Path;
use deployctl_cache::{Options, Outcome};

use super::pack::Work;
use super::workshop::Workshop;
use super::{conversion, gather};
use crate::cli;
use crate::error::{Error, Kind};
use crate::plan::Planned;
use crate::release::about::Release;
use crate::release::{Files, SOURCES, TARGETS};
use crate::stage::artifact;
use crate::ui::Event;

/// Builds the release's firmware in an empty project with an empty store; gives the number of ELF files that are the same.
pub(super) fn rebuild(release: &Release, files: &Files, workshop: &Workshop) -> Result<usize, Error> {
    let failed =
        |error: &std::io::Error| Error::caused(Kind::Store, error, "a release is rebuilt in a temporary folder");
    let folder = tempfile::tempdir().map_err(|error| failed(&error))?;
    let folder =
        Utf8Path::from_path(folder.path()).ok_or_else(|| failed(&std::io::Error::other("no name in UTF-8")))?;
    for (path, bytes) in files.iter().filter(|(path, _)| path.starts_with(SOURCES)) {
        let to = folder.join(path);
        let written = fs::create_dir_all(to.parent().unwrap_or(folder)).and_then(|()| fs::write(&to, bytes));
        written.map_err(|error| failed(&error))?;
    }
    let text = "building again, from the bundle's own files and with an empty store".to_owned();
    workshop.ui.show(&Event::Note { text });
    // Nothing that was ever built is looked at; fetched sources are those of the user, and have the digests that were recorded.
    let apart = Workshop::open(workshop.around, Some(&folder.join("store")))?;
    let named = cli::Manifests { manifests: vec![folder.join(SOURCES).join(&release.manifest.path)] };
    let mut manifests = workshop.around.manifests(&named)?;
    conversion::forbid(&mut manifests);
    let Some(manifest) = manifests.pop() else { return Ok(0) };
    let recorded = gather::recorded(&manifest)?;
    let work = Work::plan(manifest, None, &apart)?;
    let differences: Vec<String> =
        recorded.differences(&work.used()).iter().map(|difference| format!("\n  {difference}")).collect();
    let outcome = work.build(Options { scope: "rebuild".to_owned(), ..apart.options(&work.manifests) }, &apart)?;
    work.plan.targets.iter().try_for_each(|target| same_firmware(target, &outcome, files, &differences))?;
    Ok(2 * work.plan.targets.len())
}

fn same_firmware(target: &Planned, outcome: &Outcome, files: &Files, differences: &[String]) -> Result<(), Error> {
    for name in [artifact::APP, artifact::HARNESS] {
        let found = target.results.iter().find(|(_, path)| *path == name);
        let made = found.and_then(|(id, path)| outcome.artifact(*id, path).ok());
        let path = format!("{TARGETS}{}/{name}", target.board);
        if made.is_none() || made.as_ref() != files.get(&path) {
            return Err(differs(&path, differences));
        }
    }
    Ok(())
}

/// What came out otherwise, and what of the machine is otherwise.
fn differs(path: &str, differences: &[String]) -> Error {
    let message = format!("`{path}` does not come out again: what was built from the release's own manifest differs");
    if differences.is_empty() {
        let help =
            "the tools and sources are those that were recorded; was the release made by another version of deployctl?";
        return Error::plain(Kind::Gate, message, help);
    }
    let message = format!("{message}; this machine differs from `deploy.lock`:{}", differences.concat());
    Error::plain(Kind::Gate, message, "install the recorded versions, and verify again")
}
