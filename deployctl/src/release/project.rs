//! The project in a bundle: its manifest, read again as it was, and where the files lie that the manifest names.
//!
//! A manifest is read from a temporary folder with the boards and kernel libraries that the bundle holds, so that what a later
//! version of the program knows of them changes nothing.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};

use super::about;
use super::archive::Files;
use super::{BUILT_IN, CheckError, RELEASE, SOURCES};
use crate::lockfile::{FILE_NAME, Group, Lockfile};
use crate::manifest::{self, APPROVALS, Catalog, Manifest, Source, Vectors, plain};

/// Stands for a folder above the project's root.
const ABOVE: &str = "above";

/// Path below `sources/` of a file of a project at `root`, where `depth` folders above the root belong to it; none for a file
/// that lies further away.
pub fn place(root: &Utf8Path, path: &Utf8Path, depth: usize) -> Option<String> {
    let (levels, rest) = above(root, path).filter(|(levels, _)| *levels <= depth)?;
    Some(format!("{}{rest}", format!("{ABOVE}/").repeat(depth - levels)))
}

/// How many folders above the root a file lies, and its path below that folder.
pub fn above(root: &Utf8Path, path: &Utf8Path) -> Option<(usize, String)> {
    let mut folders = root.ancestors().enumerate().filter(|(_, folder)| folder.parent().is_some());
    folders.find_map(|(levels, folder)| Some((levels, path.strip_prefix(folder).ok()?.to_string())))
}

/// A manifest with the place that it has in a bundle.
#[derive(Clone, Debug)]
pub(super) struct Project<'a> {
    pub(super) manifest: &'a Manifest,
    root: Utf8PathBuf,
    /// Folders above the root that belong to it.
    depth: usize,
}

impl<'a> Project<'a> {
    /// `at` is the manifest's path below `sources/`.
    pub(super) fn new(manifest: &'a Manifest, at: &str) -> Self {
        let (root, path) = (plain(&manifest.root), plain(&manifest.path));
        let below = path.strip_prefix(&root).map_or(1, |path| path.components().count());
        Self { manifest, root, depth: Utf8Path::new(at).components().count().saturating_sub(below) }
    }

    /// Where a file of the project is in the bundle.
    fn at(&self, path: &Utf8Path) -> Option<String> {
        place(&self.root, &plain(path), self.depth).map(|path| format!("{SOURCES}{path}"))
    }

    /// What `deploy.lock` records for the deployment.
    pub(super) fn lock(&self, files: &Files) -> Result<Group, CheckError> {
        let path = self.at(&self.root.join(FILE_NAME)).unwrap_or_default();
        let bytes = files.get(&path).ok_or_else(|| CheckError::Missing { path: path.clone() })?;
        let lock = Lockfile::parse(Utf8Path::new(&path), &String::from_utf8_lossy(bytes));
        let lock = lock.map_err(|error| CheckError::Unreadable { path, why: error.to_string() })?;
        Ok(lock.group(&self.manifest.name.value))
    }

    /// The model with its path.
    pub(super) fn model<'f>(&self, files: &'f Files) -> Result<(String, &'f [u8]), CheckError> {
        let path = self.at(&self.manifest.model.path).unwrap_or_default();
        let bytes = files.get(&path).ok_or_else(|| CheckError::Missing { path: path.clone() })?;
        Ok((path, bytes))
    }

    /// Files at the top of the folders of the deployment's own kernels, by the crates' names as Rust writes them.
    pub(super) fn own(&self, files: &Files) -> BTreeMap<String, Files> {
        let own = self.manifest.kernels.overrides.iter().filter_map(|one| one.value.own.as_ref());
        let top = |own: &manifest::OwnCrate| {
            let folder = format!("{}/", self.at(&own.folder)?);
            let below =
                files.iter().filter_map(|(path, bytes)| Some((path.strip_prefix(&folder)?.to_owned(), bytes.clone())));
            Some((own.name.replace('-', "_"), below.filter(|(path, _)| !path.contains('/')).collect()))
        };
        own.filter_map(top).collect()
    }

    /// That every file of the project is one that the manifest leads to, or a release of one of these versions.
    pub(super) fn check_known(&self, files: &Files, earlier: &[String]) -> Result<(), CheckError> {
        let known: Vec<String> = self.known(earlier).iter().filter_map(|path| self.at(path)).collect();
        let is_known = |path: &&String| {
            known
                .iter()
                .any(|known| path.strip_prefix(known).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')))
        };
        match files.keys().filter(|path| path.starts_with(SOURCES)).find(|path| !is_known(path)) {
            Some(stray) => {
                let what = format!("it does not belong here: nothing in the manifest of `{RELEASE}` leads to it");
                Err(CheckError::Evidence { place: stray.clone(), what })
            }
            None => Ok(()),
        }
    }

    /// Files and folders that the manifest leads to, and releases of these versions.
    fn known(&self, earlier: &[String]) -> Vec<Utf8PathBuf> {
        let Self { manifest, root, .. } = self;
        let mut known = vec![manifest.path.clone(), manifest.model.path.clone()];
        known.extend([FILE_NAME, APPROVALS].map(|name| root.join(name)));
        known.extend(
            earlier
                .iter()
                .map(|version| root.join("releases").join(about::folder(&manifest.name.value, version)).join(RELEASE)),
        );
        known.extend(manifest.model.label_files.iter().cloned());
        known.extend(
            manifest.targets.iter().map(|target| root.join(format!("manifests/boards/{}.kdl", target.board.name))),
        );
        known.push(root.join(format!("manifests/kernels/{}.kdl", manifest.kernels.source.name)));
        known.push(root.join("manifests/kernels/known-bad"));
        let recorded =
            |found: &manifest::Recordings| found.names.iter().map(|name| found.folder.join(name)).collect::<Vec<_>>();
        match &manifest.regression.vectors.value {
            Vectors::File(path) => known.push(path.clone()),
            Vectors::Recordings { files, labels, .. } => {
                known.extend(recorded(files));
                known.extend(labels.clone());
            }
            Vectors::Random { .. } => {}
        }
        if let Some(parity) = manifest.preprocess.as_ref().and_then(|steps| steps.parity.as_ref()) {
            known.push(parity.features.clone());
            known.extend(parity.inputs.iter().flat_map(recorded));
        }
        let own = manifest.kernels.overrides.iter().filter_map(|one| one.value.own.as_ref());
        known.extend(own.map(|own| own.folder.clone()));
        let inputs = manifest.convert.iter().flat_map(|convert| &convert.inputs);
        known.extend(inputs.map(|input| input.value.path.clone()));
        if let Source::Path { path } | Source::Archive { path, .. } = &manifest.kernels.source.source {
            known.push(path.clone());
        }
        known
    }

    /// Paths of the built-in files that a bundle of this manifest holds: those that its project has not got, and known-bad tables.
    pub(super) fn check_built_in(&self, files: &Files) -> Result<(), CheckError> {
        let boards = self.manifest.targets.iter().map(|target| format!("boards/{}.kdl", target.board.name));
        let named: Vec<String> = boards.chain([format!("kernels/{}.kdl", self.manifest.kernels.source.name)]).collect();
        for name in &named {
            let own = self.at(&self.root.join(format!("manifests/{name}"))).unwrap_or_default();
            let packed = format!("{BUILT_IN}manifests/{name}");
            if files.contains_key(&own) == files.contains_key(&packed) {
                let what = format!("it should be there if and only if the project has no `{own}` of its own");
                return Err(CheckError::Evidence { place: packed, what });
            }
        }
        let tables = format!("{BUILT_IN}manifests/kernels/known-bad/");
        let is_known = |path: &&String| {
            path.starts_with(&tables) || named.iter().any(|name| **path == format!("{BUILT_IN}manifests/{name}"))
        };
        match files.keys().filter(|path| path.starts_with(BUILT_IN)).find(|path| !is_known(path)) {
            Some(stray) => {
                let what = "it does not belong here: the manifest names no such board or kernel library".to_owned();
                Err(CheckError::Evidence { place: stray.clone(), what })
            }
            None => Ok(()),
        }
    }
}

/// Reads the manifest at `path` below `sources/`.
pub(super) fn read_manifest(path: &str, files: &Files) -> Result<Manifest, CheckError> {
    let folder = tempfile::tempdir().map_err(|error| CheckError::NoRoom { why: error.to_string() })?;
    let no_name = || CheckError::NoRoom { why: "its name is not UTF-8".to_owned() };
    let folder = Utf8Path::from_path(folder.path()).ok_or_else(no_name)?;
    let folder = folder.canonicalize_utf8().map_err(|error| CheckError::NoRoom { why: error.to_string() })?;
    let lay = |to: &Utf8Path, bytes: &[u8]| {
        let folder = to.parent().map_or(Ok(()), std::fs::create_dir_all);
        folder.and_then(|()| std::fs::write(to, bytes)).map_err(|error| CheckError::NoRoom { why: error.to_string() })
    };
    let manifest = folder.join(SOURCES).join(path);
    for (path, bytes) in files.iter().filter(|(path, _)| path.starts_with(SOURCES)) {
        lay(&folder.join(path), bytes)?;
    }
    let root = manifest::project_root(&manifest);
    for (path, bytes) in files {
        let Some(path) = path.strip_prefix(BUILT_IN) else { continue };
        let to = root.join(path);
        if !to.exists() {
            lay(&to, bytes)?;
        }
    }
    let unreadable =
        |errors: manifest::Errors| CheckError::Unreadable { path: format!("{SOURCES}{path}"), why: errors.to_string() };
    let catalog = Catalog::open(&root).map_err(unreadable)?;
    manifest::load(&manifest, &catalog).map_err(unreadable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_above_the_root_have_a_place_too() {
        let root = Utf8Path::new("/home/a/project");
        let place = |path: &str, depth| place(root, Utf8Path::new(path), depth);
        assert_eq!(place("/home/a/project/m/x.kdl", 0).as_deref(), Some("m/x.kdl"));
        assert_eq!(place("/home/a/project/m/x.kdl", 1).as_deref(), Some("above/m/x.kdl"));
        assert_eq!(place("/home/a/models/x.tflite", 1).as_deref(), Some("models/x.tflite"));
        assert_eq!(place("/home/a/models/x.tflite", 2).as_deref(), Some("above/models/x.tflite"));
        assert_eq!(place("/home/a/models/x.tflite", 0), None);
        assert_eq!(place("/etc/x", 9), None);
    }
}
