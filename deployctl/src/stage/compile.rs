//! Stage `compile`: the project, the crates and the kernel library to linked firmware and the library for C: app, harness and
//! library in one call of Cargo.

use cargo_metadata::Metadata;
use deployctl_cache::{BoxError, Fields, Job, Stage};
use serde::Serialize;

use super::c_library;
use super::cargo::{Cargo, Vendored};
use super::emit::Emission;
use super::overflow::overflow;
use super::{LibraryFile, Runtime, artifact, crates, fail};
use crate::elf;
use crate::error::{Error, Kind};
use crate::gate::evidence::{FirmwareCrate, Footprint};
use crate::manifest::Region;
use crate::model::BLOCKS;
use crate::tool::{Binutils, HostLinker, Rustc};

/// Tells the `cmsis-nn` crate where `libcmsis_nn.a` lies.
pub(super) const LIBRARY: &str = "DEPLOYCTL_CMSIS_NN_LIBRARY";

/// Toolchain, crates and target.
#[derive(Debug, Serialize)]
pub struct Compile {
    /// Target triple; absent for the host.
    pub rust_target: Option<String>,
    /// The toolchain.
    pub rustc: Rustc,
    /// What links for the host.
    pub linker: Option<HostLinker>,
    /// What packs the library for C.
    pub binutils: Binutils,
    /// What that library is called.
    pub c_name: String,
    /// Vendored crates.
    pub crates: Vendored,
    /// Whether the kernel library is an input.
    pub links_library: bool,
    /// The memory that firmware lies in.
    pub regions: Vec<Region>,
    /// The file that selects what is in the kernel library, for messages; absent where none is an input.
    #[serde(skip)]
    pub file: Option<LibraryFile>,
    /// Starts tools.
    #[serde(skip)]
    pub runtime: Runtime,
}

impl Stage for Compile {
    fn name(&self) -> &'static str {
        "compile"
    }

    fn version(&self) -> u32 {
        7
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
        let work = job.work_dir();
        job.copy_tree("project", work)?;
        let project = work.join(artifact::PROJECT.trim_end_matches('/'));
        let cargo = Cargo {
            rustc: &self.rustc,
            rust_target: self.rust_target.as_deref(),
            vendored: &self.crates,
            runtime: &self.runtime,
            work,
            project: &project,
        };
        job.copy_tree("crates", work)?;
        crates::freshen(&cargo.target())?;
        let library = work.join("lib");
        let mut variables = Vec::new();
        if self.links_library {
            job.copy("kernels", &library.join(artifact::ARCHIVE))?;
            // Told to the build script, and not by a `links` override: that would change the names that Cargo gives to
            // symbols, and with them their order in the image.
            variables.push((LIBRARY, library.as_str()));
        }
        let built = match cargo.build(&["-p", "app", "-p", "harness", "-p", c_library::CRATE], &variables) {
            Ok(built) => built,
            Err(error) => {
                let words = error.to_string();
                if let Some(lacking) = self.file.as_ref().and_then(|file| file.lacking("the firmware", &words)) {
                    return Err(lacking.into());
                }
                let reason = overflow(&words, &self.regions).ok_or(error)?;
                let too_large = Footprint { blocked: Some(reason), does_not_fit: true, ..Footprint::default() };
                job.write_json(artifact::FOOTPRINT, &too_large)?;
                return Ok(());
            }
        };
        if !built.compiled.is_empty() {
            let crates: Vec<&str> = built.compiled.iter().map(String::as_str).collect();
            job.log(format!("{}: compiled again, since its sources have moved: {}", job.node(), crates.join(", ")));
        }
        let program = |name: &str| {
            let missing = || fail(Kind::Internal, format!("Cargo made no program `{name}`"), "please report this");
            built.programs.get(name).ok_or_else(missing)
        };
        let (app, harness) = (program("app")?, program("harness")?);
        let footprint = self.footprint(&std::fs::read(app)?, &std::fs::read(harness)?, &cargo.metadata()?)?;
        job.write_json(artifact::FOOTPRINT, &footprint)?;
        let missing = || fail(Kind::Internal, "Cargo made no library for C", "please report this");
        let library = built.libraries.get(c_library::CRATE).ok_or_else(missing)?;
        c_library::Packing {
            name: &self.c_name,
            stream: emission.stream,
            binutils: &self.binutils,
            runtime: &self.runtime,
            work,
        }
        .pack(library, &job.out_dir().join(artifact::C))?;
        // Copied, not written: a host's firmware is a program and keeps its executable bit.
        std::fs::copy(app, job.out_dir().join(artifact::APP))?;
        std::fs::copy(harness, job.out_dir().join(artifact::HARNESS))?;
        Ok(())
    }
}

impl Compile {
    /// Which crates are in the firmware, from Cargo's own account.
    fn crates(metadata: &Metadata) -> Vec<FirmwareCrate> {
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
        crates
    }

    fn footprint(&self, app: &[u8], harness: &[u8], metadata: &Metadata) -> Result<Footprint, Error> {
        let unreadable = |error: elf::ElfError| Error::caused(Kind::Internal, &error, "please report this");
        let (app, harness) = (elf::read(app).map_err(unreadable)?, elf::read(harness).map_err(unreadable)?);
        let bare = self.rust_target.is_some();
        let mut footprint = Footprint {
            blocked: None,
            flash_bytes: bare.then_some(app.flash_bytes),
            ram_bytes: bare.then_some(app.ram_bytes),
            app_image: app.digest.clone(),
            harness_image: harness.digest,
            crates: Self::crates(metadata),
            ..Footprint::default()
        };
        for (symbol, &size) in &app.symbols {
            if symbol.starts_with("model::parameters::") {
                footprint.weights_bytes += size;
            } else if let Some(operator) = operator_of(symbol) {
                *footprint.operator_code.entry(operator.clone()).or_default() += size;
                // What IF and WHILE run is their own.
                let reached = app.reached(symbol, |name| operator_of(name).is_some());
                let kernels = reached.into_iter().filter(|function| is_of_library(function));
                footprint.operator_kernels.entry(operator).or_default().extend(kernels.map(str::to_owned));
            } else if is_of_library(symbol) {
                footprint.kernel_code.insert(symbol.clone(), size);
            }
        }
        Ok(footprint)
    }
}

fn is_of_library(symbol: &str) -> bool {
    symbol.starts_with("arm_")
}

/// What people call the operator that a function of the model crate runs: of `model::op_3_conv_2d` 3, of
/// `model::op_3_body_0_add` 3.body.0, of `model::hop_2_mel` hop.2.
fn operator_of(symbol: &str) -> Option<String> {
    let (kind, rest) = symbol.strip_prefix("model::")?.split_once('_')?;
    let mut words = rest.split('_');
    let is_index = |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit());
    let index = words.next().filter(|word| is_index(word))?;
    let mut label = match kind {
        "op" => index.to_owned(),
        "hop" | "pre" | "post" => return Some(format!("{kind}.{index}")),
        _ => return None,
    };
    while let (Some(block), Some(index)) = (words.next(), words.next()) {
        if !BLOCKS.contains(&block) || !is_index(index) {
            break;
        }
        label = format!("{label}.{block}.{index}");
    }
    Some(label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn symbols_name_their_operator() {
        let of = |symbol| operator_of(symbol).unwrap();
        assert_eq!(of("model::op_12_softmax"), "12");
        assert_eq!(of("model::op_12_conv_2d"), "12");
        assert_eq!(of("model::op_12_body_3_then_0_copy"), "12.body.3.then.0");
        assert_eq!(of("model::hop_3_mel"), "hop.3");
        assert_eq!(of("model::post_0_body_1_x"), "post.0");
        assert_eq!(["model::invoke", "model::hop", "model::pre_x"].map(operator_of), [None, None, None]);
    }
}
