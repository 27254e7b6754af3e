//! From a manifest to the files of a bundle: what a build made, and what it was made from. Nothing is promised of them here.

use deployctl_cache::{Engine, Failure, Options, Outcome, StageId};

use super::gather::{firmware_lock, gather};
use super::sources::Sources;
use super::watch::{Watcher, failed};
use super::workshop::{Workshop, store_error};
use super::{licences, lock};
use crate::error::{Error, Kind};
use crate::gate::evidence::Footprint;
use crate::lockfile::{self, Group};
use crate::manifest::{Manifest, Source, governed};
use crate::plan::{self, Materials, Plan, Planned};
use crate::release::about::Release;
use crate::release::keys::Keys;
use crate::release::{self, CheckError, Draft, Files, Library, Made, Tool};
use crate::stage::artifact;

/// One deployment, planned.
pub(super) struct Work {
    /// The manifest, alone.
    pub(super) manifests: [Manifest; 1],
    /// Its materials.
    pub(super) materials: Vec<Materials>,
    /// The plan.
    pub(super) plan: Plan,
}

impl Work {
    /// Looks for everything that the manifest needs.
    ///
    /// `budget` is what a scenario may take, as `test` has it.
    pub(super) fn plan(manifest: Manifest, budget: Option<u64>, workshop: &Workshop) -> Result<Self, Error> {
        let manifests = [manifest];
        let mut materials = gather(&manifests, workshop)?;
        for found in &mut materials {
            found.budget = budget;
        }
        let plan = plan::plan(&manifests, &materials, &workshop.runtime());
        Ok(Self { manifests, materials, plan })
    }

    /// The same with the verdict of a release: whoever asks for it builds the firmware twice, or makes no release.
    pub(super) fn for_release(self, workshop: &Workshop) -> Self {
        let Self { manifests, mut materials, .. } = self;
        for one in &mut materials {
            one.reproduced = true;
        }
        let plan = plan::plan(&manifests, &materials, &workshop.runtime());
        Self { manifests, materials, plan }
    }

    /// The manifest.
    pub(super) fn manifest(&self) -> &Manifest {
        &self.manifests[0]
    }

    /// What the build uses, as `deploy.lock` records it.
    pub(super) fn used(&self) -> Group {
        lock::used(self.manifest(), &self.materials[0])
    }

    /// Builds into the store, and nowhere else.
    pub(super) fn build(&self, options: Options, workshop: &Workshop) -> Result<Outcome, Error> {
        let engine = Engine::new(&workshop.store, options);
        let watcher = Watcher::new(workshop.ui, &self.plan);
        let built = engine.build(&self.plan.graph, &|event| watcher.hear(&event));
        watcher.end();
        built.map_err(|failure: Failure| failed(failure, workshop.ui))
    }

    /// The bundle of what was built.
    pub(super) fn pack(&self, outcome: &Outcome, workshop: &Workshop) -> Result<(Release, Files), Error> {
        let (manifest, materials) = (self.manifest(), &self.materials[0]);
        let convert = self.plan.converts.first().map(|(_, id)| read(outcome, *id, artifact::MODEL)).transpose()?;
        let model = match (&convert, &materials.model) {
            (Some(made), _) => made.clone(),
            (None, Some(file)) => file.bytes().map_err(|error| store_error(&error))?,
            (None, None) => Vec::new(),
        };
        let project = Sources::of(manifest, materials, convert, workshop)?;
        let (mut targets, mut licences) = (Vec::new(), Files::new());
        for (planned, found) in self.plan.targets.iter().zip(&materials.targets) {
            let made = self.target(planned, outcome)?;
            let footprint = made.files.get(artifact::FOOTPRINT);
            let footprint: Footprint =
                footprint.and_then(|bytes| serde_json::from_slice(bytes).ok()).unwrap_or_default();
            licences::of_crates(&footprint.crates, &found.crates.vendor, &mut licences)?;
            licences::of_library(&manifest.kernels.source, found, &mut licences)?;
            targets.push(made);
        }
        let draft = Draft {
            manifest,
            manifest_at: project.manifest_at,
            sources: project.files,
            built_in: project.built_in,
            governed: governed(manifest).into_iter().map(|one| (one.param, one.value)).collect(),
            targets,
            licences,
            crates: firmware_lock(),
            library: self.library(),
            model: (manifest.model.path.file_name().unwrap_or_default().to_owned(), model),
            tools: tools(&lock::group(manifest, materials)?),
        };
        release::make(draft).map_err(|error| Error::caused(Kind::Internal, &error, "please report this"))
    }

    fn target(&self, planned: &Planned, outcome: &Outcome) -> Result<Made, Error> {
        let graph = &self.plan.graph;
        let mut files = Files::new();
        let evidence = graph.inputs(planned.gate).iter().map(|input| (input.from, input.path.as_str()));
        let results = planned.results.iter().map(|(id, path)| (*id, *path));
        for (id, path) in results.chain(evidence).chain([(planned.gate, artifact::VERDICT)]) {
            let is_folder = path.ends_with('/');
            let wanted = |output: &&deployctl_cache::Output| {
                output.path == path || is_folder && output.path.as_str().starts_with(path)
            };
            // What a blocked stage did not make is not there to be packed.
            for output in outcome.outputs(id).iter().filter(wanted) {
                files.insert(output.path.to_string(), read(outcome, id, output.path.as_str())?);
            }
        }
        let ends: Vec<StageId> = planned.results.iter().map(|(id, _)| *id).chain([planned.gate]).collect();
        let keys = Keys::of(graph, outcome, &ends).map_err(|error| store_error(&error))?;
        Ok(Made { board: planned.board.clone(), files, keys, gate: planned.judge.clone() })
    }

    /// The kernel library, where a target runs it.
    fn library(&self) -> Option<Library> {
        let about = &self.manifest().kernels.source;
        let found = self.materials[0].targets.iter().find_map(|target| target.library.as_ref())?;
        let purl = match &about.source {
            Source::Pypi { package, version, .. } => Some(format!("pkg:pypi/{package}@{version}")),
            Source::Crate { package, version, .. } => Some(format!("pkg:cargo/{package}@{version}")),
            _ => None,
        };
        let version = about.versions.clone();
        let digest = found.source_digest.clone();
        Some(Library { name: about.name.clone(), version, licence: about.licence.clone(), purl, digest })
    }
}

/// An artifact; a damaged one is an error, and the next build makes it again.
fn read(outcome: &Outcome, id: StageId, path: &str) -> Result<Vec<u8>, Error> {
    outcome.artifact(id, path).map_err(|error| store_error(&error))
}

/// Sources and tools, as `deploy.lock` has them.
fn tools(group: &Group) -> Vec<Tool> {
    let kinds =
        [(lockfile::Kind::Source, "source"), (lockfile::Kind::Tool, "tool"), (lockfile::Kind::Convert, "convert")];
    let tool = |(kind, name, pin): (lockfile::Kind, &str, &lockfile::Pin)| {
        let (_, word) = kinds.iter().find(|(known, _)| *known == kind)?;
        Some(Tool { name: format!("{word} {name}"), version: pin.remark.clone(), digest: pin.digest.clone() })
    };
    group.entries().filter_map(tool).collect()
}

/// A bundle that is not to be trusted, with what to do.
pub(super) fn refused(error: &CheckError) -> Error {
    Error::caused(Kind::Gate, error, "`deployctl verify` accepts what `deployctl promote` made, unchanged")
}
