//! A manifest's materials: contents of its files, identities of its tools, sources as `deploy.lock` wants them.

use deployctl_cache::TreeInput;
use globset::{Glob, GlobSet, GlobSetBuilder};

use super::workshop::{Workshop, store_error};
use crate::builtin;
use crate::error::{Error, Kind};
use crate::fetch::{Tree, Want};
use crate::library::{Build, revision};
use crate::lockfile::{self, Group, Lockfile};
use crate::manifest::{Board, Library, Manifest, Runner, Target, Vectors};
use crate::plan::{LibraryMaterials, Materials, TargetMaterials};
use crate::stage::Crates;
use crate::tool::{Gcc, HostLinker, Qemu, Rustc, ToolError};

/// Name of the firmware crates in `deploy.lock`.
pub(super) const FIRMWARE_CRATES: &str = "firmware-crates";

/// The lock file of the firmware template, packed into the binary.
pub(super) fn firmware_lock() -> &'static str {
    builtin::get("firmware-template/Cargo.lock").map_or("", |file| std::str::from_utf8(file.bytes).unwrap_or(""))
}

/// What `deploy.lock` records for a deployment.
pub(super) fn recorded(manifest: &Manifest) -> Result<Group, Error> {
    let lock = Lockfile::read(&manifest.root.join("deploy.lock")).map_err(|error| {
        Error::caused(Kind::Manifest, &error, "`deploy.lock` is written by `fetch` and `build` alone")
    })?;
    Ok(lock.group(&manifest.name.value))
}

/// Gathers everything that a manifest needs. What is missing is an error that names the command that brings it.
pub(super) fn gather(manifest: &Manifest, workshop: &Workshop) -> Result<Materials, Error> {
    let file = |path| workshop.store.file(path).map_err(|error| store_error(&error));
    let vectors = match &manifest.regression.vectors.value {
        Vectors::File(path) => Some(file(path)?),
        Vectors::Random { .. } => None,
    };
    let lock = recorded(manifest)?;
    let crates = firmware_crates(&lock, workshop)?;
    let targets = manifest.targets.iter().map(|target| {
        let found = target_materials(manifest, target, &lock, &crates, workshop)?;
        Ok(found)
    });
    Ok(Materials { model: file(&manifest.model.path)?, vectors, targets: targets.collect::<Result<_, Error>>()? })
}

fn missing(error: &ToolError) -> Error {
    Error::caused(Kind::Tool, error, "`deployctl doctor` lists everything that is missing, and what installs it")
}

fn target_materials(
    manifest: &Manifest,
    target: &Target,
    lock: &Group,
    crates: &Tree,
    workshop: &Workshop,
) -> Result<TargetMaterials, Error> {
    let board = &target.board;
    let library = match board.runner {
        Runner::Host => None,
        Runner::Qemu { .. } => Some(library_materials(&manifest.kernels.source, board, lock, workshop)?),
    };
    workshop.with_tools(|tools| {
        let emulated = matches!(board.runner, Runner::Qemu { .. });
        Ok(TargetMaterials {
            rustc: Rustc::find(&tools, board.rust_target.as_deref()).map_err(|error| missing(&error))?,
            linker: match board.rust_target {
                Some(_) => None,
                None => Some(HostLinker::find(&tools).map_err(|error| missing(&error))?),
            },
            crates: Crates { digest: crates.digest.clone(), vendor: crates.root.clone() },
            library,
            qemu: emulated.then(|| Qemu::find(&tools)).transpose().map_err(|error| missing(&error))?,
        })
    })
}

fn firmware_crates(lock: &Group, workshop: &Workshop) -> Result<Tree, Error> {
    workshop.with_sources(|fetcher| {
        let found = fetcher.locate_firmware(firmware_lock(), want(lock, FIRMWARE_CRATES));
        located(found, "the firmware crates")
    })
}

/// The tree that `deploy.lock` records, or any that the description gives.
pub(super) fn want<'l>(lock: &'l Group, name: &str) -> Want<'l> {
    lock.get(lockfile::Kind::Source, name).map_or(Want::Any, |pin| Want::Recorded(&pin.digest))
}

fn located(found: Result<Option<Tree>, crate::fetch::FetchError>, what: &str) -> Result<Tree, Error> {
    let found = found.map_err(|error| Error::caused(Kind::Tool, &error, "`deployctl fetch` brings it again"))?;
    found.ok_or_else(|| {
        Error::plain(
            Kind::Tool,
            format!("{what} are not on this machine"),
            "run `deployctl fetch`, or build with `--install`",
        )
    })
}

fn library_materials(
    library: &Library,
    board: &Board,
    lock: &Group,
    workshop: &Workshop,
) -> Result<LibraryMaterials, Error> {
    let tree = workshop.with_sources(|fetcher| {
        let found = fetcher.locate(&library.name, &library.source, want(lock, &library.name));
        located(found, &format!("the sources of kernel library `{}`", library.name))
    })?;
    let sources = sources(library, &tree, workshop)?;
    let compiled = || sources.files().iter().map(|(path, _)| path).filter(|path| path.extension() == Some("c"));
    let header = tree.root.join("Include/arm_nnfunctions.h");
    let header = std::fs::read_to_string(&header)
        .map_err(|error| Error::caused(Kind::Tool, &error, format!("`{header}` should say which version this is")))?;
    let version = revision(&header).ok_or_else(|| {
        let message = format!("the sources of `{}` do not state their `$Revision`", library.name);
        Error::plain(Kind::Tool, message, "is this CMSIS-NN? see its file in `manifests/kernels`")
    })?;
    let mut define: Vec<String> = library
        .defines
        .iter()
        .map(|(name, value)| value.as_ref().map_or_else(|| name.clone(), |value| format!("{name}={value}")))
        .collect();
    define.push(format!("CMSIS_NN_REVISION={version}"));
    let build = Build {
        include: library.include_dirs.clone(),
        define,
        flag: board.c_flags.iter().chain(&library.flags).cloned().collect(),
        source: compiled().map(ToString::to_string).collect(),
        libc: library.libc.clone(),
    };
    workshop.with_tools(|tools| {
        Ok(LibraryMaterials {
            cross: Gcc::find(&tools, "arm-none-eabi-", &board.c_flags).map_err(|error| missing(&error))?,
            host: Gcc::find(&tools, "", &[]).map_err(|error| missing(&error))?,
            sources,
            source_digest: tree.digest.clone(),
            build,
        })
    })
}

/// The C files that the library's file selects, and all headers of its include folders.
fn sources(library: &Library, tree: &Tree, workshop: &Workshop) -> Result<TreeInput, Error> {
    let (include, exclude) = (globs(&library.include)?, globs(&library.exclude)?);
    let wanted = |path: &camino::Utf8Path| {
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
