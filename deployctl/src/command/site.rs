//! `site`: what is built and released, as a folder of pages that is put in place whole.

use std::collections::BTreeMap;
use std::fs;
use std::io;

use camino::{Utf8Path, Utf8PathBuf};
use serde::Deserialize;

use super::{Done, Surroundings};
use crate::builtin;
use crate::cli;
use crate::error::{Error, Kind};
use crate::frame::Frame;
use crate::site::{self, Project, SiteError, Templates};
use crate::ui::Event;

pub(super) fn run(args: &cli::Site, around: &Surroundings) -> Result<Done, Error> {
    let root = around.root();
    let to = args.to.as_ref().map_or_else(|| root.join("site"), |to| around.path(to));
    refuse_strangers(&to)?;
    let project = Project::read(&root).map_err(|error| unreadable(&error))?;
    for remark in &project.remarks {
        around.ui.show(&Event::Note { text: remark.clone() });
    }
    if project.deployments.is_empty() {
        let message = format!("nothing is built or released in `{root}`");
        return Err(Error::plain(Kind::Usage, message, "run `deployctl build` first"));
    }
    let pages = site::pages(&project, &templates())
        .map_err(|error| Error::caused(Kind::Internal, &error, "the site could not be written"))?;
    put_in_place(&pages, &to).map_err(|error| {
        Error::caused(Kind::Store, &error, format!("`{to}` could not be written; what was there is as it was"))
    })?;
    let targets: usize = project.deployments.iter().map(|deployment| deployment.targets.len()).sum();
    let releases: usize = project.deployments.iter().map(|deployment| deployment.releases.len()).sum();
    let shown = to.strip_prefix(&around.cwd).unwrap_or(&to);
    around.ui.show(&Event::Line {
        fields: serde_json::json!({
            "site": shown, "deployments": project.deployments.len(), "targets": targets, "releases": releases,
        }),
        text: format!(
            "{shown}/index.html: deployments {}, targets {targets}, releases {releases}",
            project.deployments.len()
        ),
    });
    Ok(Done::Ok)
}

fn unreadable(error: &SiteError) -> Error {
    let help = match error {
        SiteError::Unreadable { .. } => "make it readable, or remove it",
        SiteError::Damaged { .. } => "restore the file, or remove its folder and make it again",
    };
    Error::plain(Kind::Store, error.to_string(), help)
}

fn templates() -> Templates {
    let packed = |path: &str| {
        let file = builtin::get(path);
        file.map_or_else(String::new, |file| String::from_utf8_lossy(file.bytes).into_owned())
    };
    Templates {
        frame: Frame { layout: packed("templates/page.html"), style: packed("templates/page.css") },
        index: packed("templates/site.md"),
        deployment: packed("templates/site-deployment.md"),
        script: packed("templates/site.js"),
    }
}

/// The list of an earlier site's files.
#[derive(Deserialize)]
struct List {
    schema: String,
    files: Vec<Utf8PathBuf>,
}

/// A folder is replaced only where all that is in it is an earlier site's.
fn refuse_strangers(to: &Utf8Path) -> Result<(), Error> {
    let wrong =
        |what: String| Error::plain(Kind::Usage, what, "name a new folder with `--to`, or one that has a site in it");
    if !to.exists() {
        return Ok(());
    }
    let mut found = Vec::new();
    files(to, Utf8Path::new(""), &mut found)
        .map_err(|error| wrong(format!("`{to}` is no folder of a site: {error}")))?;
    let list = fs::read(to.join(site::LIST)).ok().and_then(|bytes| serde_json::from_slice::<List>(&bytes).ok());
    let ours = list.filter(|list| list.schema == site::SCHEMA).map(|list| list.files).unwrap_or_default();
    match found.iter().find(|file| *file != site::LIST && !ours.contains(file)) {
        Some(stranger) => Err(wrong(format!("`{}` is not of a site", to.join(stranger)))),
        None => Ok(()),
    }
}

fn files(folder: &Utf8Path, below: &Utf8Path, found: &mut Vec<Utf8PathBuf>) -> io::Result<()> {
    for entry in folder.read_dir_utf8()? {
        let entry = entry?;
        let path = below.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            files(entry.path(), &path, found)?;
        } else {
            found.push(path);
        }
    }
    Ok(())
}

/// Writes the pages beside their place, syncs them, and exchanges the folders.
fn put_in_place(pages: &BTreeMap<String, Vec<u8>>, to: &Utf8Path) -> io::Result<()> {
    let parent = to.parent().ok_or_else(|| io::Error::other("it is the root of the file system"))?;
    fs::create_dir_all(parent)?;
    // In the same folder, so that it is a rename; gone where anything fails.
    let fresh = tempfile::Builder::new().prefix(".deployctl-site-").tempdir_in(parent)?;
    let (new, old) = (fresh.path().join("new"), fresh.path().join("old"));
    for (path, bytes) in pages {
        let path = new.join(path);
        fs::create_dir_all(path.parent().unwrap_or(&new))?;
        fs::write(&path, bytes)?;
        fs::File::open(&path)?.sync_all()?;
    }
    if !to.exists() {
        fs::rename(&new, to)?;
    } else if exchange(&new, to.as_std_path()).is_err() {
        // A file system that cannot exchange two folders has a moment without either.
        fs::rename(to, &old)?;
        if let Err(error) = fs::rename(&new, to) {
            fs::rename(&old, to)?;
            return Err(error);
        }
    }
    fs::File::open(parent)?.sync_all()
}

#[cfg(any(target_os = "linux", target_os = "macos"))]
fn exchange(one: &std::path::Path, other: &std::path::Path) -> io::Result<()> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    Ok(renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE)?)
}

#[cfg(not(any(target_os = "linux", target_os = "macos")))]
fn exchange(_: &std::path::Path, _: &std::path::Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}
