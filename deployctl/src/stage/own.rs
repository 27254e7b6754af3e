//! Stage `own`: the deployment's own kernels compiled for the host, a program for each. Stage `expect` asks these programs what
//! operators give that no reference kernel runs.
//!
//! The project's own code is compiled and run because its manifest names it: as a process, by Cargo in the same small world as
//! firmware, without build scripts, macros and crates of others. What it includes must lie in its folder, which is in the key.

use camino::{Utf8Path, Utf8PathBuf};
use deployctl_cache::{BoxError, Fields, Job, Stage, TreeInput};
use serde::Serialize;

use super::cargo::{Cargo, Vendored};
use super::emit::Template;
use super::{Runtime, artifact, fail};
use crate::emit::{self, HOST_PROGRAM};
use crate::error::Kind;
use crate::manifest::plain;
use crate::model::Graph;
use crate::model::lower::{Refusal, Step};
use crate::tool::{HostLinker, Rustc, ToolError};

/// Lines of a compiler's message that are shown.
const LINES: usize = 60;
/// What a crate's manifest and lock file are not copied as.
const UNCOPIED: [&str; 2] = ["Cargo.toml", "Cargo.lock"];

/// Crates and toolchain.
#[derive(Debug, Serialize)]
pub struct Own {
    /// The crates.
    pub own: Vec<OwnSource>,
    /// The crate that they depend on, and what its workspace needs.
    pub template: Template,
    /// What every program has.
    pub program: String,
    /// The toolchain.
    pub rustc: Rustc,
    /// What links for the host.
    pub linker: HostLinker,
    /// Vendored crates.
    pub crates: Vendored,
    /// Starts tools.
    #[serde(skip)]
    pub runtime: Runtime,
}

/// A crate with a kernel, as the manifest names it.
#[derive(Clone, Debug, Serialize)]
pub struct OwnSource {
    /// Name of the crate and of its kernel.
    pub name: String,
    /// Version.
    pub version: String,
    /// Rust edition.
    pub edition: String,
    /// SPDX licence expression.
    pub licence: Option<String>,
    /// Its files.
    pub files: TreeInput,
    /// Where the manifest names it, for messages.
    #[serde(skip)]
    pub place: Place,
}

/// A `use` node, for messages.
#[derive(Clone, Debug, Default)]
pub struct Place {
    /// The manifest and the line.
    pub line: String,
    /// The crate's folder as the node writes it.
    pub folder: String,
}

impl OwnSource {
    /// The crate with its contents.
    pub(super) fn read(&self) -> Result<emit::OwnCrate, deployctl_cache::Error> {
        let paths = self.files.files().iter().map(|(path, _)| path).filter(|path| !UNCOPIED.contains(&path.as_str()));
        Ok(emit::OwnCrate {
            name: self.name.clone(),
            version: self.version.clone(),
            edition: self.edition.clone(),
            licence: self.licence.clone(),
            files: paths.map(|path| Ok((path.clone(), self.files.bytes(path)?))).collect::<Result<_, _>>()?,
        })
    }
}

impl Stage for Own {
    fn name(&self) -> &'static str {
        "own"
    }

    fn version(&self) -> u32 {
        1
    }

    fn fields(&self) -> Fields {
        Fields::of(self)
    }

    fn run(&self, job: &Job) -> Result<(), BoxError> {
        let graph: Graph = job.read_json("graph")?;
        let lowered: Vec<Result<Step, Refusal>> = job.read_json("steps")?;
        let steps: Vec<Step> = lowered.into_iter().filter_map(Result::ok).collect();
        let project = job.work_dir().join(artifact::PROJECT.trim_end_matches('/'));
        let crates: Vec<emit::OwnCrate> = self.own.iter().map(OwnSource::read).collect::<Result<_, _>>()?;
        let files = emit::host_program(self.template.files(), &crates, &self.program, &graph, &steps);
        let files = files.map_err(|error| fail(Kind::Internal, error.to_string(), "please report this"))?;
        for (path, bytes) in files {
            let path = project.join(path);
            std::fs::create_dir_all(path.parent().unwrap_or(&project))?;
            std::fs::write(path, bytes)?;
        }
        let cargo = Cargo {
            rustc: &self.rustc,
            rust_target: None,
            vendored: &self.crates,
            runtime: &self.runtime,
            work: job.work_dir(),
            project: &project,
        };
        for own in &self.own {
            own.compile(&cargo, &["-p", &own.name])?;
            own.refuse_other_files(&cargo)?;
        }
        std::fs::create_dir_all(job.out_dir().join(artifact::OWN))?;
        for own in &self.own {
            own.compile(&cargo, &["-p", HOST_PROGRAM, "--bin", &own.name])?;
            // Copied, not written: it keeps its executable bit.
            std::fs::copy(
                cargo.target().join("release").join(&own.name),
                job.out_dir().join(artifact::OWN).join(&own.name),
            )?;
        }
        let names: Vec<&str> = self.own.iter().map(|own| own.name.as_str()).collect();
        job.write_json(artifact::ACCEPTED, &names)?;
        Ok(())
    }
}

impl OwnSource {
    fn compile(&self, cargo: &Cargo, what: &[&str]) -> Result<(), BoxError> {
        let command = cargo.command("build")?.args(["--release", "--quiet"]).args(what.iter().copied());
        let output = match command.run(&cargo.runtime.supervisor) {
            Ok(_) => return Ok(()),
            Err(ToolError::Failed { output, .. }) => output,
            Err(other) => return Err(fail(Kind::Tool, other.to_string(), "`deployctl doctor` looks at the toolchain")),
        };
        let text = output.stderr.text();
        let text = text.replace(&format!("{}/", cargo.project), "").replace("/fw/", "");
        let text =
            text.replace(&format!("own/{}/", self.name), &format!("{}/", self.place.folder.trim_end_matches('/')));
        let from = text.lines().skip_while(|line| !line.starts_with("error"));
        let shown: Vec<&str> = from.take(LINES).map(str::trim_end).collect();
        let help = format!(
            "the kernel is `pub fn {}(op: &CustomOperator, inputs: &[&[i8]], outputs: &mut [&mut [i8]], scratch: &mut [i8])` \
             in `src/lib.rs`, with types of the crate `kernels`; reference/operators has an example",
            self.name
        );
        let message = format!(
            "{}: the kernel `{}` in `{}` does not compile:\n{}",
            self.place.line,
            self.name,
            self.place.folder,
            if shown.is_empty() { text.trim_end().to_owned() } else { shown.join("\n") }
        );
        Err(fail(Kind::Tool, message, help))
    }

    /// Files that the compiler has read are inputs: those outside the crate's folder are not known to be.
    fn refuse_other_files(&self, cargo: &Cargo) -> Result<(), BoxError> {
        let folder = cargo.project.join("own").join(&self.name);
        let about = cargo.target().join("release/deps");
        let prefix = format!("{}-", self.name);
        for entry in about.read_dir_utf8()? {
            let path = entry?.into_path();
            if path.extension() != Some("d") || !path.file_name().is_some_and(|name| name.starts_with(&prefix)) {
                continue;
            }
            let read = files_read(&std::fs::read_to_string(&path)?);
            let other = read.iter().map(|file| plain(&cargo.project.join(file))).find(|file| !is_below(file, &folder));
            if let Some(file) = other {
                return Err(fail(
                    Kind::Manifest,
                    format!(
                        "{}: the kernel `{}` includes a file from outside `{}`, which would go unnoticed when it changes: \
                         {}",
                        self.place.line,
                        self.name,
                        self.place.folder,
                        file.file_name().unwrap_or_default()
                    ),
                    "move the file into the crate's folder",
                ));
            }
        }
        Ok(())
    }
}

fn is_below(file: &Utf8Path, folder: &Utf8Path) -> bool {
    file.starts_with(folder) || file.strip_prefix("/fw").is_ok()
}

/// The files behind the colons of a compiler's dependency file.
fn files_read(text: &str) -> Vec<Utf8PathBuf> {
    let mut files = Vec::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let Some((_, list)) = line.split_once(": ") else { continue };
        // A blank in a name is escaped.
        let list = list.replace("\\ ", "\0");
        files.extend(list.split(' ').filter(|file| !file.is_empty()).map(|file| file.replace('\0', " ").into()));
    }
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_the_compiler_read_are_found() {
        let text = "/t/libmy_op.rlib: own/my_op/src/lib.rs own/my_op/src/a\\ b.rs\n\nown/my_op/src/lib.rs:\n# env-dep:X=1: 2\n";
        assert_eq!(files_read(text), ["own/my_op/src/lib.rs", "own/my_op/src/a b.rs"]);
        let folder = Utf8Path::new("/w/firmware/own/my_op");
        let within = |file: &str| is_below(&plain(&Utf8Path::new("/w/firmware").join(file)), folder);
        assert!(within("own/my_op/src/lib.rs") && within("own/my_op/src/../table.bin"));
        assert!(!within("own/my_op/src/../../secret") && !within("/etc/passwd") && !within("own/my_op2/src/lib.rs"));
    }
}
