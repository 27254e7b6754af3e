//! Stage `crates`: the crates that firmware takes from others and those of its own that no project changes, compiled once for each
//! Rust target and toolchain.
//!
//! They take most of the time of a firmware build and hardly ever change. Cargo compiles them for a workspace with the
//! firmware's own manifests and lock file, and code in [`FIXED`] alone; what it leaves in its target folder is fresh for the real
//! project, because none of Cargo's fingerprints names a folder that is not the same for both. Were one not fresh after all,
//! Cargo would compile it again: slower, with the same bytes.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::time::SystemTime;

use camino::{Utf8Path, Utf8PathBuf};
use deployctl_cache::{BoxError, Fields, Job, Stage};
use serde::Serialize;

use super::cargo::{Cargo, Vendored};
use super::emit::Template;
use super::{Runtime, artifact};
use crate::tool::{HostLinker, Rustc};

/// Where the firmware crates lie in the binary.
const TEMPLATE: &str = "firmware-template/";
/// The firmware's own crates that are the same in every project and take from no other that is not.
pub(super) const FIXED: [&str; 2] = ["kernels", "preprocess"];
/// What Cargo notes of the sources of `libm`, which is from elsewhere: none.
const NO_SOURCES: &str = "dep-lib-libm";
/// Stands for the folder of the build in what build scripts told Cargo; Cargo puts the real one in its place.
const FOLDER: &str = "/build";

/// Manifests, crates, target and toolchain.
#[derive(Debug, Serialize)]
pub struct Crates {
    /// Manifests and lock file of the firmware crates, by path.
    pub manifests: BTreeMap<Utf8PathBuf, String>,
    /// Code of the firmware's own crates that no project changes.
    pub sources: Template,
    /// Target triple; absent for the host.
    pub rust_target: Option<String>,
    /// The toolchain.
    pub rustc: Rustc,
    /// What links build scripts.
    pub linker: HostLinker,
    /// Vendored crates.
    pub crates: Vendored,
    /// Starts tools.
    #[serde(skip)]
    pub runtime: Runtime,
}

impl Crates {
    /// For the firmware crates that are packed into the binary.
    pub fn new(
        rust_target: Option<String>,
        rustc: Rustc,
        linker: HostLinker,
        crates: Vendored,
        runtime: Runtime,
    ) -> Self {
        let manifests = crate::builtin::under(TEMPLATE)
            .filter(|file| file.path.ends_with("/Cargo.toml") || file.path.ends_with("/Cargo.lock"))
            .map(|file| (file.path[TEMPLATE.len()..].into(), String::from_utf8_lossy(file.bytes).into_owned()))
            .collect();
        Self { manifests, sources: Template::fixed(), rust_target, rustc, linker, crates, runtime }
    }

    /// The firmware's own crates, which are folders of their names.
    fn members(&self) -> impl Iterator<Item = &str> {
        self.manifests.keys().filter_map(|path| path.parent()).map(Utf8Path::as_str).filter(|folder| !folder.is_empty())
    }

    /// Those of them that have other code in other projects.
    fn changing(&self) -> impl Iterator<Item = &str> {
        self.members().filter(|member| !FIXED.contains(member))
    }

    /// A workspace with every manifest, and code where it is the same in every project.
    fn write_skeleton(&self, project: &Utf8Path) -> io::Result<()> {
        for (path, text) in &self.manifests {
            let path = project.join(path);
            fs::create_dir_all(path.parent().unwrap_or(project))?;
            fs::write(path, text)?;
        }
        for (path, bytes) in self.sources.files() {
            let path = project.join(path);
            fs::create_dir_all(path.parent().unwrap_or(project))?;
            fs::write(path, bytes)?;
        }
        for member in self.changing() {
            let folder = project.join(member);
            fs::create_dir(folder.join("src"))?;
            fs::write(folder.join("src/lib.rs"), "#![no_std]\n")?;
            fs::write(folder.join("build.rs"), "fn main() {}\n")?;
        }
        Ok(())
    }

    /// Whether a file of Cargo's target folder is kept: all that Cargo needs to find a crate fresh, and nothing of the
    /// crates that have no code here.
    fn keeps(&self, path: &Utf8Path) -> bool {
        let parts: Vec<&str> = path.iter().collect();
        let Some(release) = parts.iter().position(|part| *part == "release") else { return false };
        let [kind @ ("deps" | "build" | ".fingerprint"), unit, ..] = parts[release + 1..] else { return false };
        // `libNAME-HASH.rlib`, `NAME-HASH`: a crate's name has `_` in file names and `-` in those of folders.
        let name = unit.rsplit_once('-').map_or(unit, |(name, _)| name).replace('_', "-");
        let own = |member: &str| name == member || (kind == "deps" && name.strip_prefix("lib") == Some(member));
        path.extension() != Some("d") && !self.changing().any(own)
    }
}

impl Stage for Crates {
    fn name(&self) -> &'static str {
        "crates"
    }

    fn version(&self) -> u32 {
        2
    }

    fn fields(&self) -> Fields {
        Fields::of(self)
    }

    fn run(&self, job: &Job) -> Result<(), BoxError> {
        let work = job.work_dir();
        let project = work.join(artifact::PROJECT.trim_end_matches('/'));
        self.write_skeleton(&project)?;
        let cargo = Cargo {
            rustc: &self.rustc,
            rust_target: self.rust_target.as_deref(),
            vendored: &self.crates,
            runtime: &self.runtime,
            work,
            project: &project,
        };
        // Without code the C library would be no library, and it takes nothing from others.
        cargo.build(&["--workspace", "--exclude", "capi", "--features", "model/cmsis-nn"], &[])?;
        let target = cargo.target();
        let files = files(&target)?;
        let no_sources = files.iter().find(|path| path.file_name() == Some(NO_SOURCES));
        for path in &files {
            let relative = path.strip_prefix(&target)?;
            if self.keeps(relative) {
                let listed = path.file_name().and_then(|name| name.strip_prefix("dep-lib-"));
                // Cargo lists the sources of a workspace's crates in an order that differs from run to run. The key has them.
                let fixed = listed.is_some_and(|name| FIXED.contains(&name));
                let from = no_sources.filter(|_| fixed).unwrap_or(path);
                keep(from, &job.out_dir().join(artifact::TARGET).join(relative), work)?;
            }
        }
        Ok(())
    }
}

/// Copies a file of Cargo's target folder; what a build script printed, and where, names no real folder any more.
fn keep(from: &Utf8Path, to: &Utf8Path, work: &Utf8Path) -> io::Result<()> {
    if let Some(parent) = to.parent() {
        fs::create_dir_all(parent)?;
    }
    if matches!(from.file_name(), Some("output" | "root-output" | "stderr")) {
        return fs::write(to, fs::read_to_string(from)?.replace(work.as_str(), FOLDER));
    }
    fs::copy(from, to).map(drop)
}

/// Gives every file one time, so that no crate looks older than one that it was compiled with.
pub(super) fn freshen(target: &Utf8Path) -> io::Result<()> {
    let now = SystemTime::now();
    files(target)?.iter().try_for_each(|path| File::open(path)?.set_modified(now))
}

/// All files below a folder.
fn files(folder: &Utf8Path) -> io::Result<Vec<Utf8PathBuf>> {
    let mut found = Vec::new();
    for entry in folder.read_dir_utf8()? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            found.extend(files(entry.path())?);
        } else {
            found.push(entry.into_path());
        }
    }
    Ok(found)
}
