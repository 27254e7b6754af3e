//! `diff`: what differs between two releases, or what would be between manifests or git revisions.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};
use deployctl_cache::Options;

use super::pack::{Work, refused};
use super::test::BUDGET;
use super::workshop::Workshop;
use super::{Done, conversion, verify};
use crate::cli;
use crate::error::{Error, Kind};
use crate::fetch::{Limits, unpack};
use crate::manifest::Manifest;
use crate::release::about::Release;
use crate::release::{self, Difference, Files, RELEASE, difference};
use crate::tool::Invocation;
use crate::ui::Event;

/// What an argument names.
enum Named {
    /// A release.
    Release(Files),
    /// A manifest, as it is now.
    Manifest(Utf8PathBuf),
    /// A revision of the project, unpacked.
    Revision(tempfile::TempDir),
}

pub(super) fn run(args: &cli::Diff, workshop: &Workshop) -> Result<Done, Error> {
    let done = compare(args, workshop);
    workshop.remember();
    done.map(|()| Done::Ok)
}

fn compare(args: &cli::Diff, workshop: &Workshop) -> Result<(), Error> {
    let old = named(&args.old, workshop)?;
    let new = args.new.as_deref().map(|new| named(new, workshop)).transpose()?;
    for (old, new) in pairs(old, new, workshop)? {
        let found = difference(&old, &new).map_err(|error| refused(&error))?;
        show(&found, args.markdown, workshop);
    }
    Ok(())
}

/// A file or folder that is there, else a git revision.
fn named(argument: &str, workshop: &Workshop) -> Result<Named, Error> {
    let path = workshop.around.path(Utf8Path::new(argument));
    if !path.exists() {
        return revision(argument, workshop).map(Named::Revision);
    }
    if path.extension() == Some("kdl") {
        return Ok(Named::Manifest(path));
    }
    let found = verify::open(&path)?;
    // Whole is enough: one that another version of the program made is not judged again here.
    release::whole(&found.files).map_err(|error| refused(&error.into()))?;
    Ok(Named::Release(found.files))
}

/// What is held against what. Where one side is not said, it is the project's manifest of the other's deployment.
fn pairs(old: Named, new: Option<Named>, workshop: &Workshop) -> Result<Vec<(Files, Files)>, Error> {
    let project = || workshop.around.manifests(&cli::Manifests { manifests: Vec::new() });
    let now = |manifest: Manifest| built(manifest, workshop);
    match (old, new) {
        (Named::Revision(folder), new) => {
            let news = match new {
                None => project()?,
                Some(Named::Manifest(path)) => workshop.around.manifests(&cli::Manifests { manifests: vec![path] })?,
                Some(other) => return Ok(vec![(revised(&folder, &other, workshop)?, files(other, workshop)?)]),
            };
            let of_revision = |manifest: &Manifest| at_revision(&folder, &manifest.path, &manifest.root, workshop);
            news.into_iter().map(|manifest| Ok((of_revision(&manifest)?, now(manifest)?))).collect()
        }
        (old, Some(Named::Revision(folder))) => {
            let new = revised(&folder, &old, workshop)?;
            Ok(vec![(files(old, workshop)?, new)])
        }
        (old, Some(new)) => Ok(vec![(files(old, workshop)?, files(new, workshop)?)]),
        (old, None) => {
            let old = files(old, workshop)?;
            let about = about(&old)?;
            let same = project()?.into_iter().find(|manifest| manifest.name.value == about.deployment);
            let same = same.ok_or_else(|| {
                let message = format!("no manifest of this project is of deployment `{}`", about.deployment);
                Error::plain(Kind::Usage, message, "name what it is held against: `deployctl diff A B`")
            })?;
            Ok(vec![(old, now(same)?)])
        }
    }
}

fn files(named: Named, workshop: &Workshop) -> Result<Files, Error> {
    match named {
        Named::Release(files) => Ok(files),
        Named::Manifest(path) => {
            let mut found = workshop.around.manifests(&cli::Manifests { manifests: vec![path.clone()] })?;
            found.pop().map_or_else(|| Err(no_manifest(&path)), |manifest| built(manifest, workshop))
        }
        Named::Revision(_) => Err(two_revisions()),
    }
}

fn two_revisions() -> Error {
    let message = "two git revisions are not held against each other";
    Error::plain(Kind::Usage, message, "check one of them out, and name its manifest as B")
}

/// The revision's state of what `other` is.
fn revised(folder: &tempfile::TempDir, other: &Named, workshop: &Workshop) -> Result<Files, Error> {
    let root = workshop.around.root();
    match other {
        Named::Manifest(path) => at_revision(folder, path, &root, workshop),
        Named::Release(files) => at_revision(folder, &root.join(about(files)?.manifest.path), &root, workshop),
        Named::Revision(_) => Err(two_revisions()),
    }
}

fn about(files: &Files) -> Result<Release, Error> {
    let bytes = files.get(RELEASE).map_or(&[][..], Vec::as_slice);
    serde_json::from_slice(bytes).map_err(|error| Error::caused(Kind::Gate, &error, "is this a release?"))
}

/// A manifest of the project as it was, built.
fn at_revision(
    folder: &tempfile::TempDir,
    path: &Utf8Path,
    root: &Utf8Path,
    workshop: &Workshop,
) -> Result<Files, Error> {
    let then = Utf8Path::from_path(folder.path()).ok_or_else(|| no_manifest(path))?.join("project");
    let path = then.join(path.strip_prefix(root).unwrap_or(path));
    if !path.is_file() {
        return Err(no_manifest(path.strip_prefix(&then).unwrap_or(&path)));
    }
    let mut found = workshop.around.manifests(&cli::Manifests { manifests: vec![path.clone()] })?;
    // What an earlier revision declares is not run.
    conversion::forbid(&mut found);
    found.pop().map_or_else(|| Err(no_manifest(&path)), |manifest| built(manifest, workshop))
}

fn no_manifest(path: &Utf8Path) -> Error {
    let help = "name one that both sides have";
    Error::plain(Kind::Usage, format!("there is no manifest `{path}`"), help)
}

/// The files that a release of this manifest would have now.
fn built(manifest: Manifest, workshop: &Workshop) -> Result<Files, Error> {
    let work = Work::plan(manifest, Some(BUDGET), workshop)?.for_release(workshop);
    let outcome = work.build(Options { scope: "diff".to_owned(), ..workshop.options(&work.manifests) }, workshop)?;
    work.pack(&outcome, workshop).map(|(_, files)| files)
}

/// The project's folder as it was in a revision.
fn revision(name: &str, workshop: &Workshop) -> Result<tempfile::TempDir, Error> {
    let unknown = |error: &dyn std::error::Error| {
        let help = "name a release's folder, a manifest, or a revision as `git rev-parse` knows it";
        let message = format!("`{name}` is neither a file nor a git revision here: {error}");
        Error::plain(Kind::Usage, message, help)
    };
    if name.starts_with('-') {
        return Err(unknown(&std::io::Error::other("it begins with a dash")));
    }
    let folder = tempfile::tempdir().map_err(|error| unknown(&error))?;
    let to = Utf8Path::from_path(folder.path()).ok_or_else(|| unknown(&std::io::Error::other("no name in UTF-8")))?;
    let (project, archive) = (to.join("project"), to.join("revision.tar"));
    let env: BTreeMap<String, String> = ["HOME", "PATH"]
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), workshop.around.env.get(*name)?.clone())))
        .collect();
    // In a folder below the repository's, git packs that folder alone.
    let git = workshop.path.find("git").map_err(|error| Error::caused(Kind::Tool, &error, "`git` reads revisions"))?;
    let args = ["archive", "--format=tar", "-o", archive.as_str(), name];
    let git = Invocation::new(git).args(args).envs(&env).cwd(workshop.around.root());
    git.run(&workshop.supervisor).map_err(|error| unknown(&error))?;
    std::fs::create_dir(&project).map_err(|error| unknown(&error))?;
    unpack(&archive, &project, Limits::default()).map_err(|error| unknown(&error))?;
    Ok(folder)
}

fn show(found: &Difference, markdown: bool, workshop: &Workshop) {
    let text = if markdown { release::markdown(found) } else { release::text(found).join("\n") };
    let sections: BTreeMap<&str, Vec<serde_json::Value>> = found
        .sections
        .iter()
        .map(|(section, changes)| {
            let change = |change: &release::Change| {
                serde_json::json!({ "what": change.what, "old": change.old, "new": change.new, "by": change.by })
            };
            (*section, changes.iter().map(change).collect())
        })
        .collect();
    workshop.ui.show(&Event::Line {
        fields: serde_json::json!({ "old": found.old, "new": found.new, "differences": sections }),
        text: text.trim_end().to_owned(),
    });
}
