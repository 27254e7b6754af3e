//! `diff`: what differs between two releases, or what would be between manifests or git revisions.

use std::collections::{BTreeMap, BTreeSet};

use camino::{Utf8Path, Utf8PathBuf};
use deployctl_cache::Options;

use super::pack::{Work, refused};
use super::test::BUDGET;
use super::workshop::Workshop;
use super::{Done, conversion, verify};
use crate::cli;
use crate::error::{Error, Kind};
use crate::fetch::{Limits, unpack};
use crate::manifest::{self, Manifest};
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
    /// A revision of the project by its name, unpacked.
    Revision(String, tempfile::TempDir),
}

/// One side of a comparison.
struct Side {
    files: Files,
    /// What of a project this is, besides its version; nothing of a release.
    state: Option<String>,
}

/// What a project's state is called that nobody has committed.
const NOW: &str = "as it is here";

pub(super) fn run(args: &cli::Diff, workshop: &Workshop) -> Result<Done, Error> {
    let done = compare(args, workshop);
    workshop.remember();
    done.map(|()| Done::Ok)
}

fn compare(args: &cli::Diff, workshop: &Workshop) -> Result<(), Error> {
    let old = named(&args.old, workshop)?;
    let new = args.new.as_deref().map(|new| named(new, workshop)).transpose()?;
    for (old, new) in pairs(&old, new.as_ref(), workshop)? {
        let mut found = difference(&old.files, &new.files).map_err(|error| refused(&error))?;
        for (name, side) in [(&mut found.old, &old), (&mut found.new, &new)] {
            name.extend(side.state.iter().flat_map(|state| [" (", state, ")"]));
        }
        show(&found, args.markdown, workshop);
    }
    Ok(())
}

/// A file or folder that is there, else a git revision.
fn named(argument: &str, workshop: &Workshop) -> Result<Named, Error> {
    let path = workshop.around.path(Utf8Path::new(argument));
    if !path.exists() {
        return revision(argument, workshop).map(|folder| Named::Revision(argument.to_owned(), folder));
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
fn pairs(old: &Named, new: Option<&Named>, workshop: &Workshop) -> Result<Vec<(Side, Side)>, Error> {
    let Some(new) = new else { return with_now(old, workshop) };
    match (old, new) {
        (Named::Revision(then, before), Named::Revision(now, after)) => {
            revisions((then.as_str(), before), (now.as_str(), after), workshop)
        }
        (Named::Revision(name, folder), other) => {
            Ok(vec![(revised(name, folder, other, workshop)?, side(other, workshop)?)])
        }
        (other, Named::Revision(name, folder)) => {
            Ok(vec![(side(other, workshop)?, revised(name, folder, other, workshop)?)])
        }
        (old, new) => Ok(vec![(side(old, workshop)?, side(new, workshop)?)]),
    }
}

/// A release or a revision against the project as it is here.
fn with_now(old: &Named, workshop: &Workshop) -> Result<Vec<(Side, Side)>, Error> {
    let project = || workshop.around.manifests(&cli::Manifests { manifests: Vec::new() });
    let now =
        |manifest: Manifest| Ok::<_, Error>(Side { files: built(manifest, workshop)?, state: Some(NOW.to_owned()) });
    match old {
        Named::Revision(name, folder) => {
            let then = |manifest: &Manifest| at_revision(name, folder, &manifest.path, &manifest.root, workshop);
            project()?.into_iter().map(|manifest| Ok((then(&manifest)?, now(manifest)?))).collect()
        }
        other => {
            let old = side(other, workshop)?;
            let about = about(&old.files)?;
            let same = project()?.into_iter().find(|manifest| manifest.name.value == about.deployment);
            let same = same.ok_or_else(|| {
                let message = format!("no manifest of this project is of deployment `{}`", about.deployment);
                Error::plain(Kind::Usage, message, "name what it is held against: `deployctl diff A B`")
            })?;
            Ok(vec![(old, now(same)?)])
        }
    }
}

/// Every manifest that both revisions have; one that only one has is said.
fn revisions(
    old: (&str, &tempfile::TempDir),
    new: (&str, &tempfile::TempDir),
    workshop: &Workshop,
) -> Result<Vec<(Side, Side)>, Error> {
    let found = |folder: &tempfile::TempDir| -> Result<(Utf8PathBuf, BTreeSet<Utf8PathBuf>), Error> {
        let root = unpacked(folder)?;
        let paths = manifest::discover(&root);
        let below = paths.iter().filter_map(|path| path.strip_prefix(&root).ok().map(Utf8Path::to_owned)).collect();
        Ok((root, below))
    };
    let ((before, had), (_, has)) = (found(old.1)?, found(new.1)?);
    for (path, name) in
        had.difference(&has).map(|path| (path, old.0)).chain(has.difference(&had).map(|path| (path, new.0)))
    {
        workshop.ui.show(&Event::Note { text: format!("`{path}` is in `{name}` alone") });
    }
    let both: Vec<&Utf8PathBuf> = had.intersection(&has).collect();
    if both.is_empty() {
        let message = format!("`{}` and `{}` have no manifest in common", old.0, new.0);
        return Err(Error::plain(Kind::Usage, message, "manifests lie in the folder `manifests` of the project"));
    }
    let at = |(name, folder): (&str, &tempfile::TempDir), path: &Utf8PathBuf| {
        at_revision(name, folder, &before.join(path), &before, workshop)
    };
    both.into_iter().map(|path| Ok((at(old, path)?, at(new, path)?))).collect()
}

fn side(named: &Named, workshop: &Workshop) -> Result<Side, Error> {
    match named {
        Named::Release(files) => Ok(Side { files: files.clone(), state: None }),
        Named::Manifest(path) => {
            let mut found = workshop.around.manifests(&cli::Manifests { manifests: vec![path.clone()] })?;
            let manifest = found.pop().ok_or_else(|| no_manifest(path, NOW))?;
            Ok(Side { files: built(manifest, workshop)?, state: Some(NOW.to_owned()) })
        }
        Named::Revision(name, _) => Err(no_manifest(Utf8Path::new(name), name)),
    }
}

/// The revision's state of what `other` is.
fn revised(name: &str, folder: &tempfile::TempDir, other: &Named, workshop: &Workshop) -> Result<Side, Error> {
    let root = workshop.around.root();
    match other {
        Named::Manifest(path) => at_revision(name, folder, path, &root, workshop),
        Named::Release(files) => at_revision(name, folder, &root.join(about(files)?.manifest.path), &root, workshop),
        Named::Revision(other, _) => Err(no_manifest(Utf8Path::new(other), name)),
    }
}

fn about(files: &Files) -> Result<Release, Error> {
    let bytes = files.get(RELEASE).map_or(&[][..], Vec::as_slice);
    serde_json::from_slice(bytes).map_err(|error| Error::caused(Kind::Gate, &error, "is this a release?"))
}

/// Where a revision lies.
fn unpacked(folder: &tempfile::TempDir) -> Result<Utf8PathBuf, Error> {
    let folder = Utf8Path::from_path(folder.path()).map(|folder| folder.join("project"));
    folder.ok_or_else(|| {
        Error::plain(Kind::Store, "the folder for temporary files has no name in UTF-8", "`TMPDIR` says where it is")
    })
}

/// A manifest of the project as it was, built.
fn at_revision(
    name: &str,
    folder: &tempfile::TempDir,
    path: &Utf8Path,
    root: &Utf8Path,
    workshop: &Workshop,
) -> Result<Side, Error> {
    let then = unpacked(folder)?;
    let below = path.strip_prefix(root).unwrap_or(path);
    let path = then.join(below);
    if !path.is_file() {
        return Err(no_manifest(below, name));
    }
    let mut found = workshop.around.manifests(&cli::Manifests { manifests: vec![path] })?;
    // What an earlier revision declares is not run.
    conversion::forbid(&mut found);
    let manifest = found.pop().ok_or_else(|| no_manifest(below, name))?;
    Ok(Side { files: built(manifest, workshop)?, state: Some(name.to_owned()) })
}

fn no_manifest(path: &Utf8Path, state: &str) -> Error {
    let message = format!("there is no manifest `{path}` in the project's state `{state}`");
    Error::plain(Kind::Usage, message, "name a manifest that both sides have")
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
