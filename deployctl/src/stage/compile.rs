//! Stage `compile`: the project and the kernel library to linked firmware, app and harness in one call of Cargo.
//!
//! Cargo sees the project, the vendored crates and nothing else: a private home, no configuration of a parent folder or of
//! the user, a cleared environment, no network. Paths are mapped to `/fw`, `/cargo` and `/rustc`, so that the bytes do not
//! depend on where the build ran.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};
use cargo_metadata::MetadataCommand;
use deployctl_cache::{BoxError, Fields, Job, Stage};
use serde::Serialize;

use super::emit::Emission;
use super::{Runtime, artifact, fail};
use crate::elf;
use crate::error::{Error, Kind};
use crate::gate::evidence::{FirmwareCrate, Footprint};
use crate::tool::{HostLinker, Invocation, Rustc};

/// Cargo's configuration in the folder that is above every other: no working directory hides it.
fn configuration_above(root: &Utf8Path) -> Option<Utf8PathBuf> {
    [".cargo/config.toml", ".cargo/config"].map(|name| root.join(name)).into_iter().find(|file| file.exists())
}

/// Tells the `cmsis-nn` crate where `libcmsis_nn.a` lies.
const LIBRARY: &str = "DEPLOYCTL_CMSIS_NN_LIBRARY";

/// Toolchain, crates and target.
#[derive(Debug, Serialize)]
pub struct Compile {
    /// Target triple; absent for the host.
    pub rust_target: Option<String>,
    /// The toolchain.
    pub rustc: Rustc,
    /// What links for the host.
    pub linker: Option<HostLinker>,
    /// Vendored crates.
    pub crates: Crates,
    /// Whether the kernel library is an input.
    pub links_library: bool,
    /// Starts tools.
    #[serde(skip)]
    pub runtime: Runtime,
}

/// A folder of vendored crates, known by its digest.
#[derive(Clone, Debug, Serialize)]
pub struct Crates {
    /// Digest of the tree.
    pub digest: String,
    /// Where it is; in no key.
    #[serde(skip)]
    pub vendor: Utf8PathBuf,
}

impl Stage for Compile {
    fn name(&self) -> &'static str {
        "compile"
    }

    fn version(&self) -> u32 {
        3
    }

    fn fields(&self) -> Fields {
        Fields::of(self)
    }

    fn run(&self, job: &Job) -> Result<(), BoxError> {
        let emission: Emission = job.read_json_at("project", artifact::EMISSION)?;
        if let Some(reason) = emission.blocked {
            job.write_json(artifact::FOOTPRINT, &Footprint { blocked: Some(reason), ..Footprint::default() })?;
            return Ok(());
        }
        if let Some(file) = configuration_above(Utf8Path::new("/")) {
            let message =
                format!("Cargo reads `{file}` in every build on this machine, and firmware must not depend on it");
            return Err(fail(
                Kind::Tool,
                message,
                "move it into your home (`~/.cargo/config.toml`): builds do not read that",
            ));
        }
        let work = job.work_dir();
        job.copy_tree("project", work)?;
        let project = work.join(artifact::PROJECT.trim_end_matches('/'));
        let archive = self.links_library.then(|| work.join("lib"));
        if let Some(folder) = &archive {
            job.copy("kernels", &folder.join(artifact::ARCHIVE))?;
        }
        let cargo = self.cargo(work, &project, archive.as_deref());
        let manifest = project.join("Cargo.toml");
        let build = cargo.args([
            "build",
            "--release",
            "--locked",
            "--offline",
            "--manifest-path",
            manifest.as_str(),
            "-p",
            "app",
            "-p",
            "harness",
        ]);
        let build = self.with_target(build);
        self.runtime.run(&build, "open the project in `out/` and build it by hand: its README says how")?;
        let release = match &self.rust_target {
            Some(target) => work.join("target").join(target).join("release"),
            None => work.join("target/release"),
        };
        let (app, harness) = (std::fs::read(release.join("app"))?, std::fs::read(release.join("harness"))?);
        let crates = self.crates(&project, work)?;
        job.write_json(artifact::FOOTPRINT, &self.footprint(&app, &harness, crates)?)?;
        // Copied, not written: a host's firmware is a program and keeps its executable bit.
        std::fs::copy(release.join("app"), job.out_dir().join(artifact::APP))?;
        std::fs::copy(release.join("harness"), job.out_dir().join(artifact::HARNESS))?;
        Ok(())
    }
}

impl Compile {
    fn with_target(&self, invocation: Invocation) -> Invocation {
        match &self.rust_target {
            Some(target) => invocation.args(["--target", target]),
            None => invocation,
        }
    }

    /// Cargo in its own world.
    fn cargo(&self, work: &Utf8Path, project: &Utf8Path, archive: Option<&Utf8Path>) -> Invocation {
        let settings = [
            "source.crates-io.replace-with=\"vendored\"".to_owned(),
            format!("source.vendored.directory={:?}", self.crates.vendor.as_str()),
        ];
        // Told to the build script, and not by a `links` override: that would change the names that Cargo gives to symbols,
        // and with them their order in the image.
        let library = archive.map(|folder| (LIBRARY.to_owned(), folder.to_string()));
        Invocation::new(self.rustc.cargo.clone())
            .args(settings.into_iter().flat_map(|setting| ["--config".to_owned(), setting]))
            .envs(&self.environment(work, project))
            .envs(library.iter().map(|(name, folder)| (name, folder)))
    }

    fn environment(&self, work: &Utf8Path, project: &Utf8Path) -> BTreeMap<String, String> {
        let commit = self.rustc.field("commit-hash").unwrap_or("unknown");
        let mut flags = vec![
            format!("--remap-path-prefix={project}=/fw"),
            format!("--remap-path-prefix={}=/cargo/vendor", self.crates.vendor),
            format!("--remap-path-prefix={work}=/build"),
            format!("--remap-path-prefix={}/lib/rustlib/src/rust=/rustc/{commit}", self.rustc.sysroot),
        ];
        // A build script sees the real path where this one leads through a symbolic link.
        let real = self.crates.vendor.canonicalize_utf8().ok().filter(|real| *real != self.crates.vendor);
        flags.extend(real.map(|real| format!("--remap-path-prefix={real}=/cargo/vendor")));
        let mut environment = BTreeMap::from([
            ("CARGO_ENCODED_RUSTFLAGS".to_owned(), flags.join("\u{1f}")),
            ("CARGO_HOME".to_owned(), work.join("cargo-home").into_string()),
            ("CARGO_TARGET_DIR".to_owned(), work.join("target").into_string()),
            ("CARGO_TERM_COLOR".to_owned(), "never".to_owned()),
            ("LC_ALL".to_owned(), "C".to_owned()),
            ("PATH".to_owned(), self.runtime.path.as_str().to_owned()),
            ("RUSTC".to_owned(), self.rustc.rustc.to_string()),
        ]);
        environment.insert("CARGO_BUILD_JOBS".to_owned(), self.runtime.jobs.max(1).to_string());
        environment
    }

    /// Which crates are in the firmware, from Cargo's own account.
    fn crates(&self, project: &Utf8Path, work: &Utf8Path) -> Result<Vec<FirmwareCrate>, BoxError> {
        let mut ask = self.cargo(work, project, None).args([
            "metadata",
            "--locked",
            "--offline",
            "--format-version",
            "1",
            "--manifest-path",
            project.join("Cargo.toml").as_str(),
        ]);
        if let Some(target) = &self.rust_target {
            ask = ask.args(["--filter-platform", target]);
        }
        let output = self.runtime.run(&ask, "open the project in `out/` and try `cargo metadata` there")?;
        let text = output.stdout.text();
        let metadata = MetadataCommand::parse(text.as_ref()).map_err(|error| {
            fail(
                Kind::Tool,
                format!("`cargo metadata` gave no metadata: {error}"),
                "is this the cargo of the toolchain?",
            )
        })?;
        let linked =
            metadata.resolve.as_ref().map(|resolve| resolve.nodes.iter().map(|node| &node.id).collect::<Vec<_>>());
        let mut crates: Vec<FirmwareCrate> = metadata
            .packages
            .iter()
            .filter(|package| linked.as_ref().is_none_or(|linked| linked.contains(&&package.id)))
            .map(|package| FirmwareCrate {
                name: package.name.to_string(),
                version: package.version.to_string(),
                licence: package.license.clone(),
            })
            .collect();
        crates.sort_by(|a, b| (&a.name, &a.version).cmp(&(&b.name, &b.version)));
        Ok(crates)
    }

    fn footprint(&self, app: &[u8], harness: &[u8], crates: Vec<FirmwareCrate>) -> Result<Footprint, Error> {
        let unreadable = |error: elf::ElfError| Error::caused(Kind::Internal, &error, "please report this");
        let (app, harness) = (elf::read(app).map_err(unreadable)?, elf::read(harness).map_err(unreadable)?);
        let bare = self.rust_target.is_some();
        let mut footprint = Footprint {
            blocked: None,
            flash_bytes: bare.then_some(app.flash_bytes),
            ram_bytes: bare.then_some(app.ram_bytes),
            app_image: app.digest,
            harness_image: harness.digest,
            crates,
            ..Footprint::default()
        };
        for (symbol, size) in app.symbols {
            if symbol.starts_with("model::parameters::") {
                footprint.weights_bytes += size;
            } else if let Some(operator) = operator_of(&symbol) {
                *footprint.operator_code.entry(operator).or_default() += size;
            } else if symbol.starts_with("arm_") {
                footprint.kernel_code.insert(symbol, size);
            }
        }
        Ok(footprint)
    }
}

/// The operator that a function of the model crate runs: `model::op_3_conv_2d` is 3.
fn operator_of(symbol: &str) -> Option<usize> {
    symbol.strip_prefix("model::op_")?.split('_').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn symbols_name_their_operator() {
        assert_eq!(operator_of("model::op_12_softmax"), Some(12));
        assert_eq!(operator_of("model::invoke"), None);
    }

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
