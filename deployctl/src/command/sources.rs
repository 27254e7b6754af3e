//! The files of a project that a deployment is made of, and the built-in ones, as a bundle holds them.

use camino::{Utf8Path, Utf8PathBuf};
use deployctl_cache::{FileInput, TreeInput};

use super::lock;
use super::workshop::{Workshop, store_error};
use crate::builtin;
use crate::error::{Error, Kind};
use crate::lockfile::{FILE_NAME, Lockfile};
use crate::manifest::{Catalog, Manifest, Source, plain};
use crate::plan::{Materials, VectorMaterials};
use crate::release::{self, Files};
use crate::stage::Content;

/// Approvals of governed values, in the project's root.
const APPROVALS: &str = "approvals.kdl";
const KNOWN_BAD: &str = "manifests/kernels/known-bad";

/// Files by where they are.
pub(super) struct Sources<'a> {
    manifest: &'a Manifest,
    workshop: &'a Workshop<'a>,
    found: Vec<(Utf8PathBuf, Vec<u8>)>,
    built_in: Files,
}

/// What a bundle holds of a project.
pub(super) struct Project {
    /// By their path below `sources/`.
    pub(super) files: Files,
    /// By their path in the program.
    pub(super) built_in: Files,
    /// Where the manifest is in `files`.
    pub(super) manifest_at: String,
}

impl<'a> Sources<'a> {
    /// Everything that a build of this manifest read, tools and fetched sources aside. `made` is the model that a command made.
    pub(super) fn of(
        manifest: &'a Manifest,
        materials: &Materials,
        made: Option<Vec<u8>>,
        workshop: &'a Workshop<'a>,
    ) -> Result<Project, Error> {
        let mut all = Self { manifest, workshop, found: Vec::new(), built_in: Files::new() };
        all.put(&manifest.path, manifest.text.clone().into_bytes());
        all.lock(materials)?;
        let approvals = manifest.root.join(APPROVALS);
        if approvals.is_file() {
            all.read(&approvals)?;
        }
        if let Some(model) = &materials.model {
            all.file(model)?;
        } else if let Some(made) = made {
            all.put(&manifest.model.path, made);
        }
        manifest.model.label_files.iter().try_for_each(|path| all.read(path))?;
        all.recorded(materials)?;
        let earlier = materials.release.as_ref().and_then(|last| last.file.as_ref());
        earlier.iter().try_for_each(|file| all.file(file))?;
        for own in materials.own.iter().flat_map(|own| &own.crates) {
            all.tree(&own.files)?;
        }
        for input in materials.convert.iter().flat_map(|convert| &convert.inputs) {
            match &input.content {
                Content::File(file) => all.file(file)?,
                Content::Folder(tree) => all.tree(tree)?,
            }
        }
        all.descriptions()?;
        all.library()?;
        all.placed()
    }

    fn put(&mut self, path: &Utf8Path, bytes: Vec<u8>) {
        self.found.push((plain(path), bytes));
    }

    fn read(&mut self, path: &Utf8Path) -> Result<(), Error> {
        let file = self.workshop.store.file(path).map_err(|error| store_error(&error))?;
        self.file(&file)
    }

    fn file(&mut self, file: &FileInput) -> Result<(), Error> {
        let bytes = file.bytes().map_err(|error| store_error(&error))?;
        self.put(file.path(), bytes);
        Ok(())
    }

    fn tree(&mut self, tree: &TreeInput) -> Result<(), Error> {
        for (path, _) in tree.files() {
            let bytes = tree.bytes(path).map_err(|error| store_error(&error))?;
            self.put(&tree.root().join(path), bytes);
        }
        Ok(())
    }

    /// What `deploy.lock` records for this deployment, and of no other.
    fn lock(&mut self, materials: &Materials) -> Result<(), Error> {
        let mut lock = Lockfile::default();
        lock.set_group(&self.manifest.name.value, lock::group(self.manifest, materials)?);
        self.put(&self.manifest.root.join(FILE_NAME), lock.to_text().into_bytes());
        Ok(())
    }

    /// Vectors, labels and features.
    fn recorded(&mut self, materials: &Materials) -> Result<(), Error> {
        match &materials.vectors {
            Some(VectorMaterials::File(file)) => self.file(file)?,
            Some(VectorMaterials::Recordings { files, labels }) => {
                self.tree(files)?;
                labels.iter().try_for_each(|labels| self.file(labels))?;
            }
            None => {}
        }
        if let Some(parity) = &materials.parity {
            self.file(&parity.features)?;
            parity.inputs.iter().try_for_each(|inputs| self.tree(inputs))?;
        }
        Ok(())
    }

    /// Boards, kernel libraries and known-bad tables, of the project or built in.
    fn descriptions(&mut self) -> Result<(), Error> {
        let catalog = Catalog::open(&self.manifest.root).map_err(|errors| Error::new(Kind::Manifest, errors))?;
        let boards = self.manifest.targets.iter().map(|target| ("boards", target.board.name.clone()));
        let named: Vec<_> = boards.chain([("kernels", self.manifest.kernels.source.name.clone())]).collect();
        for (folder, name) in named {
            let entry = if folder == "boards" { catalog.board_file(&name) } else { catalog.library_file(&name) };
            let Some(entry) = entry else { continue };
            match &entry.path {
                Some(path) => self.put(path, entry.bytes.clone()),
                None => drop(self.built_in.insert(format!("manifests/{folder}/{name}.kdl"), entry.bytes.clone())),
            }
        }
        for table in builtin::under(KNOWN_BAD) {
            self.built_in.insert(table.path.to_owned(), table.bytes.to_vec());
        }
        let own = self.manifest.root.join(KNOWN_BAD);
        let tables = own.read_dir_utf8().into_iter().flatten().flatten().map(camino::Utf8DirEntry::into_path);
        let tables: Vec<_> = tables.filter(|path| path.extension() == Some("kdl")).collect();
        tables.iter().try_for_each(|path| self.read(path))
    }

    /// Sources of a kernel library that nobody else has.
    fn library(&mut self) -> Result<(), Error> {
        match &self.manifest.kernels.source.source {
            Source::Path { path } => {
                let tree =
                    self.workshop.store.tree(path, |path| path != ".git").map_err(|error| store_error(&error))?;
                self.tree(&tree)
            }
            Source::Archive { path, .. } => self.read(path),
            _ => Ok(()),
        }
    }

    /// Files by their path in the bundle. Where some lie above the project's root, that is as many folders deeper.
    fn placed(self) -> Result<Project, Error> {
        let root = plain(&self.manifest.root);
        let outside = |path: &Utf8Path| {
            let message = format!(
                "`{path}` lies outside of the project `{root}`, and a release must hold all that it is made of"
            );
            Error::plain(Kind::Manifest, message, "copy it into the project, and let the manifest name the copy")
        };
        let levels =
            |path: &Utf8Path| release::above(&root, path).map(|(levels, _)| levels).ok_or_else(|| outside(path));
        let depth = self.found.iter().map(|(path, _)| levels(path));
        let depth = depth.collect::<Result<Vec<_>, Error>>()?.into_iter().max().unwrap_or_default();
        let entry = |path: &Utf8Path| release::place(&root, path, depth).ok_or_else(|| outside(path));
        let manifest_at = entry(&plain(&self.manifest.path))?;
        let mut files = Files::new();
        for (path, bytes) in self.found {
            files.insert(entry(&path)?, bytes);
        }
        Ok(Project { files, built_in: self.built_in, manifest_at })
    }
}
