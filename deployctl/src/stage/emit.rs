//! Stage `emit`: the firmware project, all files of it. Its digest is the build's identity, which firmware carries and a
//! session must name.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use camino::Utf8PathBuf;
use deployctl_cache::{BoxError, Digest, Fields, Job, Stage};
use serde::{Deserialize, Serialize};

use super::crates::FIXED;
use super::memory::Planned;
use super::own::OwnSource;
use super::{artifact, expect, fail};
use crate::emit::{self, Entry, Files, Input, Library as LibraryText, Model};
use crate::error::Kind;
use crate::gate::evidence::Audit;
use crate::library::Build;
use crate::model::Graph;
use crate::model::lower::{Refusal, Step};

/// What the project is made from besides model, kernels and memory plan.
#[derive(Debug, Serialize)]
pub struct Emit {
    /// The deployment.
    pub project: Project,
    /// What the project says about the board.
    pub board: emit::Board,
    /// The firmware crates.
    pub template: Template,
    /// Digest of the vendored crates, which names their folder.
    pub crates: String,
    /// The kernel library, where the target can run it.
    pub library: Option<ProjectLibrary>,
    /// Crates with kernels of the deployment's own.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub own: Vec<OwnSource>,
}

/// A deployment's name and version.
#[derive(Clone, Debug, Serialize)]
#[expect(missing_docs, reason = "as in the manifest")]
pub struct Project {
    pub name: String,
    pub version: String,
}

/// The packed firmware crates.
#[derive(Clone, Debug, Serialize)]
pub struct Template {
    /// Digest of paths and contents.
    pub digest: String,
    #[serde(skip)]
    files: Arc<Files>,
}

impl Template {
    /// As packed into the binary.
    pub fn builtin() -> Self {
        const ROOT: &str = "firmware-template/";
        static PACKED: OnceLock<Template> = OnceLock::new();
        let unpack = || {
            let files: Files = crate::builtin::under(ROOT)
                .map(|file| (Utf8PathBuf::from(&file.path[ROOT.len()..]), file.bytes.to_vec()))
                .collect();
            Self { digest: digest(&files), files: Arc::new(files) }
        };
        PACKED.get_or_init(unpack).clone()
    }

    /// What a program for the host needs that runs kernels: their interface, and the manifests of the workspace.
    pub fn host() -> Self {
        let mut files: Files = Self::builtin().files.as_ref().clone();
        let members: Vec<Utf8PathBuf> = files
            .keys()
            .filter(|path| path.file_name() == Some("Cargo.toml"))
            .filter_map(|path| path.parent())
            .map(Into::into)
            .collect();
        files.retain(|path, _| {
            path.starts_with("kernels") || matches!(path.file_name(), Some("Cargo.toml" | "Cargo.lock"))
        });
        for member in members.iter().filter(|member| !member.as_str().is_empty()) {
            files.entry(member.join("src/lib.rs")).or_insert_with(|| b"#![no_std]\n".to_vec());
        }
        Self { digest: digest(&files), files: Arc::new(files) }
    }

    /// The firmware's own crates that are the same in every project.
    pub(super) fn fixed() -> Self {
        let mut files: Files = Self::builtin().files.as_ref().clone();
        files.retain(|path, _| FIXED.iter().any(|member| path.starts_with(member)));
        Self { digest: digest(&files), files: Arc::new(files) }
    }

    pub(super) fn files(&self) -> &Files {
        &self.files
    }
}

/// How the project names the kernel library's sources.
#[derive(Clone, Debug, Serialize)]
#[expect(missing_docs, reason = "as in the library's file")]
pub struct ProjectLibrary {
    pub name: String,
    /// Digest of the sources, which names their folder.
    pub digest: String,
    pub build: Build,
}

/// Folder of what deployments share, seen from a project in `out/DEPLOYMENT/BOARD/firmware`.
const SHARED: &str = "../../../.shared";

/// What the stage made.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Emission {
    /// Why there is no project.
    pub blocked: Option<String>,
    /// Identity of the build; empty where there is none.
    pub digest: String,
    /// Number of operators.
    pub operators: usize,
    /// Whether the model has a stream.
    #[serde(default)]
    pub stream: bool,
}

impl Stage for Emit {
    fn name(&self) -> &'static str {
        "emit"
    }

    fn version(&self) -> u32 {
        5
    }

    fn fields(&self) -> Fields {
        Fields::of(self)
    }

    fn run(&self, job: &Job) -> Result<(), BoxError> {
        let graph: Graph = job.read_json("graph")?;
        let lowered: Vec<Result<Step, Refusal>> = job.read_json("steps")?;
        let planned: Planned = job.read_json("memory")?;
        let blocked =
            |reason: String| Emission { blocked: Some(reason), digest: String::new(), operators: 0, stream: false };
        let (steps, plan) = match (expect::steps(&lowered), planned.plan) {
            (Ok(steps), Some(plan)) => (steps, plan),
            (Err(reason), _) => return Ok(job.write_json(artifact::EMISSION, &blocked(reason))?),
            (_, None) => {
                let reason = planned.blocked.unwrap_or_else(|| "there is no memory plan".to_owned());
                return Ok(job.write_json(artifact::EMISSION, &blocked(reason))?);
            }
        };
        let audit: Audit = job.read_json("audit")?;
        let weights = job.read("weights")?;
        let kernels: Vec<_> = audit.rows.iter().filter_map(|row| row.kernel.as_ref()).collect();
        let entries: Vec<Entry> = kernels
            .iter()
            .map(|kernel| Entry { function: &kernel.entry, symbol: &kernel.symbol, scratch: kernel.takes_scratch() })
            .collect();
        let model = Model {
            deployment: &self.project.name,
            version: &self.project.version,
            digest: "",
            graph: &graph,
            weights: &weights,
            steps: &steps,
            kernels: &entries,
            arena: plan.peak,
            tensors: &plan.tensors,
            scratch: &plan.scratch,
        };
        let identity = digest(&self.files(model)?);
        for (path, bytes) in self.files(Model { digest: &identity, ..model })? {
            job.write(&format!("{}{path}", artifact::PROJECT), &bytes)?;
        }
        let (operators, stream) = (graph.main().end, graph.hops().is_some());
        job.write_json(artifact::EMISSION, &Emission { blocked: None, digest: identity, operators, stream })?;
        Ok(())
    }
}

impl Emit {
    fn files(&self, model: Model) -> Result<Files, BoxError> {
        let vendor = format!("{SHARED}/{}", self.crates);
        let root = self.library.as_ref().map(|library| format!("{SHARED}/{}", library.digest)).unwrap_or_default();
        let description = self.library.as_ref().map(|library| library.build.description(&format!("../{root}")));
        let library = self.library.as_ref().zip(description.as_ref()).map(|(library, description)| LibraryText {
            name: &library.name,
            root: &root,
            description,
        });
        let input = Input { model, board: &self.board, template: &self.template.files, vendor: Some(&vendor), library };
        let own: Vec<emit::OwnCrate> = self.own.iter().map(OwnSource::read).collect::<Result<_, _>>()?;
        emit::project(&input)
            .and_then(|mut files| emit::add_crates(&mut files, &own).map(|()| files))
            .map_err(|error| fail(Kind::Internal, error.to_string(), "please report this with the manifest"))
    }
}

/// Digest of files: path and content of each, after their lengths.
fn digest(files: &BTreeMap<Utf8PathBuf, Vec<u8>>) -> String {
    let mut all = Vec::new();
    for (path, bytes) in files {
        for part in [path.as_str().as_bytes(), bytes] {
            all.extend_from_slice(&(part.len() as u64).to_le_bytes());
            all.extend_from_slice(part);
        }
    }
    Digest::of(&all).to_string()
}
