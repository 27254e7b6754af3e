//! A manifest's materials: contents of its files, identities of its tools, sources as `deploy.lock` wants them.

use std::cell::RefCell;
use std::rc::Rc;

use camino::{Utf8Path, Utf8PathBuf};
use deployctl_cache::TreeInput;
use globset::{Glob, GlobSet, GlobSetBuilder};

use super::governance::{self, Records};
use super::workshop::{Workshop, store_error};
use super::{conversion, evidence};
use crate::builtin;
use crate::error::{Error, Kind};
use crate::fetch::{FetchError, Tree, Want};
use crate::library::{Build, revision};
use crate::lockfile::{self, Group, Lockfile};
use crate::manifest::{Board, Library, Manifest, Recordings, Runner, Target, Vectors};
use crate::plan::{LibraryMaterials, Materials, OwnMaterials, ParityMaterials, TargetMaterials, VectorMaterials};
use crate::stage::{LibraryFile, OwnSource, Place, Vendored};
use crate::tool::{Binutils, Gcc, HostLinker, Qemu, Rustc, ToolError, Toolbox};

/// Name of the firmware crates in `deploy.lock`.
pub(super) const FIRMWARE_CRATES: &str = "firmware-crates";

/// The lock file of the firmware template, packed into the binary.
pub(super) fn firmware_lock() -> &'static str {
    builtin::get("firmware-template/Cargo.lock").map_or("", |file| std::str::from_utf8(file.bytes).unwrap_or(""))
}

/// What `deploy.lock` records for a deployment.
pub(super) fn recorded(manifest: &Manifest) -> Result<Group, Error> {
    Ok(lockfile(&manifest.root)?.group(&manifest.name.value))
}

fn lockfile(root: &Utf8Path) -> Result<Lockfile, Error> {
    Lockfile::read(&root.join("deploy.lock"))
        .map_err(|error| Error::caused(Kind::Manifest, &error, "`deploy.lock` is written by `fetch` and `build` alone"))
}

/// Gathers everything that manifests need. What is missing is an error that names the command that brings it.
pub(super) fn gather(manifests: &[Manifest], workshop: &Workshop) -> Result<Vec<Materials>, Error> {
    let gathering = Gathering {
        workshop,
        locks: Once::default(),
        records: Once::default(),
        crates: Once::default(),
        rustcs: Once::default(),
        linker: Once::default(),
        binutils: Once::default(),
        qemu: Once::default(),
        gccs: Once::default(),
        libraries: Once::default(),
    };
    manifests.iter().map(|manifest| gathering.materials(manifest)).collect()
}

/// What manifests share is looked for once a command.
struct Gathering<'w> {
    workshop: &'w Workshop<'w>,
    /// By project root.
    locks: Once<Utf8PathBuf, Rc<Lockfile>>,
    /// By project root.
    records: Once<Utf8PathBuf, Rc<Records>>,
    /// By the recorded digest.
    crates: Once<Option<String>, Tree>,
    /// By target triple.
    rustcs: Once<Option<String>, Rustc>,
    linker: Once<(), HostLinker>,
    /// By C driver.
    binutils: Once<&'static str, Binutils>,
    qemu: Once<(), Qemu>,
    /// By prefix and flags.
    gccs: Once<(&'static str, Vec<String>), Gcc>,
    /// By description and recorded digest.
    libraries: Once<(Library, Option<String>), Sources>,
}

/// A kernel library's sources that were found.
#[derive(Clone)]
struct Sources {
    tree: TreeInput,
    digest: String,
    /// The version that the shim is told.
    define: String,
}

/// Answers by question; there are few of them.
struct Once<K, V>(RefCell<Vec<(K, V)>>);

impl<K, V> Default for Once<K, V> {
    fn default() -> Self {
        Self(RefCell::default())
    }
}

impl<K: PartialEq, V: Clone> Once<K, V> {
    fn get(&self, question: K, find: impl FnOnce() -> Result<V, Error>) -> Result<V, Error> {
        let known = self.0.borrow().iter().find(|(asked, _)| *asked == question).map(|(_, answer)| answer.clone());
        if let Some(answer) = known {
            return Ok(answer);
        }
        let answer = find()?;
        self.0.borrow_mut().push((question, answer.clone()));
        Ok(answer)
    }
}

impl Gathering<'_> {
    fn materials(&self, manifest: &Manifest) -> Result<Materials, Error> {
        let file = |path: &Utf8Path| self.workshop.store.file(path).map_err(|error| store_error(&error));
        let tree = |wanted: &Recordings| {
            let is_wanted = |path: &Utf8Path| wanted.names.iter().any(|name| path == name);
            self.workshop.store.tree(&wanted.folder, is_wanted).map_err(|error| store_error(&error))
        };
        let vectors = match &manifest.regression.vectors.value {
            Vectors::File(path) => Some(VectorMaterials::File(file(path)?)),
            Vectors::Recordings { files, labels, .. } => {
                let labels = labels.as_ref().map(|path| file(path)).transpose()?;
                Some(VectorMaterials::Recordings { files: tree(files)?, labels })
            }
            Vectors::Random { .. } => None,
        };
        let parity = match manifest.preprocess.as_ref().and_then(|steps| steps.parity.as_ref()) {
            Some(declared) => {
                let inputs = declared.inputs.as_ref().map(tree).transpose()?;
                Some(ParityMaterials { features: file(&declared.features)?, inputs })
            }
            None => None,
        };
        let lock = self.locks.get(manifest.root.clone(), || lockfile(&manifest.root).map(Rc::new))?;
        let lock = lock.group(&manifest.name.value);
        let targets = manifest.targets.iter().map(|target| self.target(manifest, target, &lock));
        let own = self.own(manifest, &lock)?;
        let targets = targets.collect::<Result<_, Error>>()?;
        let convert = conversion::materials(manifest, self.workshop)?;
        // A command that makes the model may be the only place that it comes from.
        let absent = manifest.convert.is_some() && !manifest.model.path.is_file();
        let model = (!absent).then(|| file(&manifest.model.path)).transpose()?;
        let records = self
            .records
            .get(manifest.root.clone(), || Records::read(&manifest.root, self.workshop.around).map(Rc::new))?;
        let governance = records.governance(manifest, self.workshop.around)?;
        let expired = governance::expired(manifest, self.workshop.around);
        let release = governance::last_release(manifest, file)?;
        let reissued = governance::reissued(manifest, file)?;
        Ok(Materials {
            model,
            convert,
            vectors,
            parity,
            own,
            budget: None,
            inject: false,
            expired,
            governance,
            release,
            reissued,
            reproduced: false,
            targets,
        })
    }

    fn target(&self, manifest: &Manifest, target: &Target, lock: &Group) -> Result<TargetMaterials, Error> {
        let board = &target.board;
        let emulated = matches!(board.runner, Runner::Qemu { .. });
        let library_runs = board.runner != Runner::Host;
        let crates = self.crates(lock)?;
        let library = library_runs.then(|| self.library(&manifest.kernels.source, board, lock)).transpose()?;
        let triple = board.rust_target.as_deref();
        let driver = if triple.is_some() { "arm-none-eabi-gcc" } else { "cc" };
        Ok(TargetMaterials {
            rustc: self.rustcs.get(board.rust_target.clone(), || self.tool(|tools| Rustc::find(&tools, triple)))?,
            linker: self.linker.get((), || self.tool(|tools| HostLinker::find(&tools)))?,
            binutils: self.binutils.get(driver, || self.tool(|tools| Binutils::find(&tools, driver)))?,
            crates: Vendored { digest: crates.digest, vendor: crates.root },
            library,
            observed: evidence::observed(manifest, board, &evidence::folder(manifest, board), self.workshop)?,
            qemu: emulated.then(|| self.qemu.get((), || self.tool(|tools| Qemu::find(&tools)))).transpose()?,
        })
    }

    /// Kernels of the deployment's own. What Cargo leaves in their folders, and what only their authors run, is no part of them.
    fn own(&self, manifest: &Manifest, lock: &Group) -> Result<Option<OwnMaterials>, Error> {
        const NO_PART: [&str; 5] = ["target", "tests", "benches", "examples", "Cargo.lock"];
        let wanted = |path: &Utf8Path| {
            let hidden = path.file_name().is_some_and(|name| name.starts_with('.'));
            !hidden && !NO_PART.contains(&path.as_str())
        };
        let mut crates: Vec<OwnSource> = Vec::new();
        for found in &manifest.kernels.overrides {
            let Some(own) = &found.value.own else { continue };
            if crates.iter().any(|known| known.name == own.name) {
                continue;
            }
            let line = manifest.text[..found.span.start.min(manifest.text.len())].matches('\n').count() + 1;
            let shown = manifest.path.strip_prefix(&manifest.root).unwrap_or(&manifest.path);
            crates.push(OwnSource {
                name: own.name.clone(),
                version: own.version.clone(),
                edition: own.edition.clone(),
                licence: own.licence.clone(),
                files: self.workshop.store.tree(&own.folder, wanted).map_err(|error| store_error(&error))?,
                place: Place { line: format!("`{shown}` line {line}"), folder: own.written.clone() },
            });
        }
        if crates.is_empty() {
            return Ok(None);
        }
        let vendored = self.crates(lock)?;
        Ok(Some(OwnMaterials {
            crates,
            rustc: self.rustcs.get(None, || self.tool(|tools| Rustc::find(&tools, None)))?,
            linker: self.linker.get((), || self.tool(|tools| HostLinker::find(&tools)))?,
            vendored: Vendored { digest: vendored.digest, vendor: vendored.root },
        }))
    }

    fn tool<T>(&self, find: impl FnOnce(Toolbox) -> Result<T, ToolError>) -> Result<T, Error> {
        self.workshop.with_tools(find).map_err(|error| missing(&error))
    }

    fn gcc(&self, prefix: &'static str, flags: &[String]) -> Result<Gcc, Error> {
        self.gccs.get((prefix, flags.to_vec()), || self.tool(|tools| Gcc::find(&tools, prefix, flags)))
    }

    fn crates(&self, lock: &Group) -> Result<Tree, Error> {
        let wanted = want(lock, FIRMWARE_CRATES);
        self.crates.get(recorded_digest(wanted), || {
            let found = self.workshop.with_sources(|fetcher| fetcher.locate_firmware(firmware_lock(), wanted));
            located(found, "the firmware crates")
        })
    }

    fn library(&self, library: &Library, board: &Board, lock: &Group) -> Result<LibraryMaterials, Error> {
        let wanted = want(lock, &library.name);
        let question = (library.clone(), recorded_digest(wanted));
        let found = self.libraries.get(question, || sources(library, wanted, self.workshop))?;
        let mut define: Vec<String> = library
            .defines
            .iter()
            .map(|(name, value)| value.as_ref().map_or_else(|| name.clone(), |value| format!("{name}={value}")))
            .collect();
        define.push(found.define);
        let files = found.tree.files().iter().map(|(path, _)| path);
        let build = Build {
            include: library.include_dirs.clone(),
            define,
            flag: board.c_flags.iter().chain(&library.flags).cloned().collect(),
            source: files.filter(|path| path.extension() == Some("c")).map(ToString::to_string).collect(),
            libc: library.libc.clone(),
        };
        Ok(LibraryMaterials {
            file: LibraryFile::of(library),
            cross: self.gcc("arm-none-eabi-", &board.c_flags)?,
            host: self.gcc("", &[])?,
            sources: found.tree,
            source_digest: found.digest,
            build,
        })
    }
}

fn recorded_digest(wanted: Want) -> Option<String> {
    match wanted {
        Want::Recorded(digest) => Some(digest.to_owned()),
        Want::Any | Want::Newest => None,
    }
}

fn missing(error: &ToolError) -> Error {
    Error::caused(Kind::Tool, error, "`deployctl doctor` lists everything that is missing, and what installs it")
}

/// The tree that `deploy.lock` records, or any that the description gives.
pub(super) fn want<'l>(lock: &'l Group, name: &str) -> Want<'l> {
    lock.get(lockfile::Kind::Source, name).map_or(Want::Any, |pin| Want::Recorded(&pin.digest))
}

fn located(found: Result<Option<Tree>, FetchError>, what: &str) -> Result<Tree, Error> {
    let found = found.map_err(|error| {
        let help = match error {
            FetchError::Digest { .. } => "another version of deployctl or of the source is in use than was recorded",
            _ => "`deployctl fetch` brings it again",
        };
        Error::caused(Kind::Tool, &error, help)
    })?;
    found.ok_or_else(|| {
        Error::plain(
            Kind::Tool,
            format!("{what} are not on this machine"),
            "run `deployctl fetch`, or build with `--install`",
        )
    })
}

/// The sources of a kernel library, and which version they are.
fn sources(library: &Library, wanted: Want, workshop: &Workshop) -> Result<Sources, Error> {
    let found = workshop.with_sources(|fetcher| fetcher.locate(&library.name, &library.source, wanted));
    let found = located(found, &format!("the sources of kernel library `{}`", library.name))?;
    let header = found.root.join("Include/arm_nnfunctions.h");
    let header = std::fs::read_to_string(&header)
        .map_err(|error| Error::caused(Kind::Tool, &error, format!("`{header}` should say which version this is")))?;
    let version = revision(&header).ok_or_else(|| {
        let message = format!("the sources of `{}` do not state their `$Revision`", library.name);
        Error::plain(Kind::Tool, message, "is this CMSIS-NN? see its file in `manifests/kernels`")
    })?;
    let tree = selected(library, &found, workshop)?;
    Ok(Sources { tree, digest: found.digest, define: format!("CMSIS_NN_REVISION={version}") })
}

/// The C files that the library's file selects, and all headers of its include folders.
fn selected(library: &Library, tree: &Tree, workshop: &Workshop) -> Result<TreeInput, Error> {
    let (include, exclude) = (globs(&library.include)?, globs(&library.exclude)?);
    let wanted = |path: &Utf8Path| {
        let is_header =
            path.extension() == Some("h") && library.include_dirs.iter().any(|folder| path.starts_with(folder));
        let is_folder = path.extension().is_none();
        is_folder || is_header || (include.is_match(path) && !exclude.is_match(path))
    };
    workshop.store.tree(&tree.root, wanted).map_err(|error| store_error(&error))
}

fn globs(patterns: &[String]) -> Result<GlobSet, Error> {
    let mut set = GlobSetBuilder::new();
    for pattern in patterns {
        let glob = Glob::new(pattern).map_err(|error| {
            Error::caused(Kind::Manifest, &error, "patterns in a kernel library's file are like `Source/**/*_s8.c`")
        })?;
        set.add(glob);
    }
    set.build().map_err(|error| Error::caused(Kind::Manifest, &error, "use fewer patterns"))
}
