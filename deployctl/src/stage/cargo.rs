//! Cargo in a world of its own, for the stages that compile firmware.
//!
//! Cargo sees the project, the vendored crates and nothing else: a private home, no configuration of a parent folder or of
//! the user, a cleared environment, no network. Paths are mapped to `/fw`, `/build`, `/cargo` and `/rustc`, so that the bytes
//! do not depend on where the build ran. The maps of the project and of the build's own folder go around Cargo
//! ([`crate::tool::wrap`]), so that what one build compiled is fresh for the next.

use std::collections::{BTreeMap, BTreeSet};

use camino::{Utf8Path, Utf8PathBuf};
use cargo_metadata::{Message, Metadata, MetadataCommand};
use serde::Serialize;

use super::Runtime;
use crate::error::{Error, Kind};
use crate::tool::{Invocation, RUSTC_ARGUMENTS, Rustc, SEPARATOR};

/// A folder of vendored crates, known by its digest.
#[derive(Clone, Debug, Serialize)]
pub struct Vendored {
    /// Digest of the tree.
    pub digest: String,
    /// Where it is; in no key.
    #[serde(skip)]
    pub vendor: Utf8PathBuf,
}

/// Where Cargo works, and with what.
pub(super) struct Cargo<'a> {
    pub(super) rustc: &'a Rustc,
    /// Target triple; absent for the host.
    pub(super) rust_target: Option<&'a str>,
    pub(super) vendored: &'a Vendored,
    pub(super) runtime: &'a Runtime,
    /// The stage's own folder.
    pub(super) work: &'a Utf8Path,
    /// The workspace's folder.
    pub(super) project: &'a Utf8Path,
}

/// What a build made.
#[derive(Debug, Default)]
pub(super) struct Built {
    /// Programs by name.
    pub(super) programs: BTreeMap<String, Utf8PathBuf>,
    /// Static libraries by crate.
    pub(super) libraries: BTreeMap<String, Utf8PathBuf>,
    /// Crates from elsewhere than the workspace that were compiled, and not found fresh.
    pub(super) compiled: BTreeSet<String>,
}

impl Cargo<'_> {
    /// Builds the workspace in release mode with further arguments and variables.
    pub(super) fn build(&self, args: &[&str], variables: &[(&str, &str)]) -> Result<Built, Error> {
        let mut cargo = self.command("build")?.args(["--release", "--message-format", "json-render-diagnostics"]);
        cargo = cargo.args(args.iter().copied());
        if let Some(target) = self.rust_target {
            cargo = cargo.args(["--target", target]);
        }
        for (name, value) in variables {
            cargo = cargo.env(*name, *value);
        }
        let output =
            self.runtime.run(&cargo, "open the project in `out/` and build it by hand: its README says how")?;
        let mut built = Built::default();
        for message in Message::parse_stream(output.stdout.bytes.as_slice()) {
            let message = message.map_err(|error| no_answer("build", &error))?;
            let Message::CompilerArtifact(artifact) = message else { continue };
            if let Some(library) = artifact.filenames.iter().find(|file| file.extension() == Some("a")) {
                built.libraries.insert(artifact.target.name.clone(), library.clone());
            }
            if let Some(program) = artifact.executable {
                built.programs.insert(artifact.target.name.clone(), program);
            }
            if !artifact.fresh && !artifact.manifest_path.starts_with(self.project) {
                built.compiled.insert(artifact.target.name);
            }
        }
        Ok(built)
    }

    /// A command of Cargo that compiles.
    pub(super) fn command(&self, command: &str) -> Result<Invocation, Error> {
        let Some(file) = configuration_above(Utf8Path::new("/")) else { return Ok(self.invocation(command)) };
        let message =
            format!("Cargo reads `{file}` in every build on this machine, and firmware must not depend on it");
        let help = "move it into your home (`~/.cargo/config.toml`): builds do not read that";
        Err(Error::plain(Kind::Tool, message, help))
    }

    /// What `cargo metadata` answers.
    pub(super) fn metadata(&self) -> Result<Metadata, Error> {
        let mut ask = self.invocation("metadata").args(["--format-version", "1"]);
        if let Some(target) = self.rust_target {
            ask = ask.args(["--filter-platform", target]);
        }
        let output = self.runtime.run(&ask, "open the project in `out/` and try `cargo metadata` there")?;
        MetadataCommand::parse(output.stdout.text().as_ref()).map_err(|error| no_answer("metadata", &error))
    }

    /// Cargo's target folder.
    pub(super) fn target(&self) -> Utf8PathBuf {
        self.work.join("target")
    }

    /// The vendored crates without symbolic links: a build script sees the real path, and so does Cargo.
    fn vendor(&self) -> Utf8PathBuf {
        self.vendored.vendor.canonicalize_utf8().unwrap_or_else(|_| self.vendored.vendor.clone())
    }

    fn invocation(&self, command: &str) -> Invocation {
        let settings = [
            "source.crates-io.replace-with=\"vendored\"".to_owned(),
            format!("source.vendored.directory={:?}", self.vendor().as_str()),
        ];
        Invocation::new(self.rustc.cargo.clone())
            .args(settings.into_iter().flat_map(|setting| ["--config".to_owned(), setting]))
            .args([command, "--locked", "--offline", "--manifest-path", self.project.join("Cargo.toml").as_str()])
            .envs(&self.environment())
    }

    fn environment(&self) -> BTreeMap<String, String> {
        let commit = self.rustc.field("commit-hash").unwrap_or("unknown");
        let remap = |from: &Utf8Path, to: &str| format!("--remap-path-prefix={from}={to}");
        let mut flags = vec![
            remap(&self.vendor(), "/cargo/vendor"),
            remap(&self.rustc.sysroot.join("lib/rustlib/src/rust"), &format!("/rustc/{commit}")),
        ];
        // Where several maps fit, the last one counts: the project lies in the build's folder.
        let here = [remap(self.work, "/build"), remap(self.project, "/fw")];
        let mut environment = BTreeMap::from([
            ("CARGO_HOME".to_owned(), self.work.join("cargo-home").into_string()),
            ("CARGO_TARGET_DIR".to_owned(), self.target().into_string()),
            ("CARGO_TERM_COLOR".to_owned(), "never".to_owned()),
            ("CARGO_BUILD_JOBS".to_owned(), self.runtime.jobs.max(1).to_string()),
            ("LC_ALL".to_owned(), "C".to_owned()),
            ("PATH".to_owned(), self.runtime.path.as_str().to_owned()),
            ("RUSTC".to_owned(), self.rustc.rustc.to_string()),
        ]);
        match self.runtime.supervisor.helper() {
            Some(wrapper) => {
                environment.insert("RUSTC_WRAPPER".to_owned(), wrapper.to_string());
                environment.insert(RUSTC_ARGUMENTS.to_owned(), here.join(&SEPARATOR.to_string()));
            }
            None => flags.extend(here),
        }
        environment.insert("CARGO_ENCODED_RUSTFLAGS".to_owned(), flags.join(&SEPARATOR.to_string()));
        environment
    }
}

fn no_answer(command: &str, error: &dyn std::error::Error) -> Error {
    let message = format!("`cargo {command}` gave no answer that can be read: {error}");
    Error::plain(Kind::Tool, message, "is this the cargo of the toolchain?")
}

/// Cargo's configuration in the folder that is above every other: no working directory hides it.
fn configuration_above(root: &Utf8Path) -> Option<Utf8PathBuf> {
    [".cargo/config.toml", ".cargo/config"].map(|name| root.join(name)).into_iter().find(|file| file.exists())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn configuration_that_no_working_directory_hides_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(folder.path()).unwrap();
        assert_eq!(configuration_above(root), None);
        std::fs::create_dir(root.join(".cargo")).unwrap();
        std::fs::write(root.join(".cargo/config.toml"), "").unwrap();
        assert_eq!(configuration_above(root), Some(root.join(".cargo/config.toml")));
    }
}
