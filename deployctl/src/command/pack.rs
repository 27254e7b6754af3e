//! From a manifest to the files of a bundle: what a build made, and what it was made from. Nothing is promised of them here.

use deployctl_cache::{Engine, Failure, Options, Outcome, StageId, TreeInput};

use super::gather::gather;
use super::sources::Sources;
use super::watch::{Watcher, failed};
use super::workshop::{Workshop, store_error};
use super::{licences, lock};
use crate::error::{Error, Kind};
use crate::lockfile::Group;
use crate::manifest::Manifest;
use crate::plan::{self, Materials, Plan, Planned};
use crate::release::about::Release;
use crate::release::keys::Keys;
use crate::release::{self, CheckError, Draft, Files, Made};
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
        let project = Sources::of(manifest, materials, convert, workshop)?;
        let targets = self.plan.targets.iter().map(|planned| self.target(planned, outcome));
        let targets = targets.collect::<Result<Vec<_>, Error>>()?;
        let trees = licences::trees(manifest, materials, workshop)?;
        let read = |tree: &str, path: &str| {
            let found = trees.get(tree).ok_or_else(|| format!("there is no source `{tree}`"))?;
            found.bytes(path.into()).map_err(|error| error.to_string())
        };
        let listing =
            |tree: &TreeInput| tree.files().iter().map(|(path, digest)| (path.to_string(), digest.to_hex())).collect();
        let draft = Draft {
            manifest,
            manifest_at: project.manifest_at,
            sources: project.files,
            built_in: project.built_in,
            targets,
            listings: trees.iter().map(|(name, tree)| (name.clone(), listing(tree))).collect(),
            trees: &read,
            toolchain: licences::of_toolchain(materials)?,
        };
        release::make(draft).map_err(|error| Error::caused(Kind::Internal, &error, "please report this"))
    }

    fn target(&self, planned: &Planned, outcome: &Outcome) -> Result<Made, Error> {
        let graph = &self.plan.graph;
        let mut files = Files::new();
        // What the gate judged, and what people's papers were written from.
        let papers = planned.results.iter().filter(|(_, path)| *path == artifact::RUNBOOK).map(|(id, _)| *id);
        let readers = [planned.gate, planned.report].into_iter().chain(papers);
        let evidence = readers.flat_map(|id| graph.inputs(id)).map(|input| (input.from, input.path.as_str()));
        let results = planned.results.iter().map(|(id, path)| (*id, *path));
        for (id, path) in results.chain(evidence).chain([(planned.gate, artifact::VERDICT)]) {
            let is_folder = path.ends_with('/');
            let wanted = |output: &&deployctl_cache::Output| {
                output.path == path || is_folder && (path == "/" || output.path.as_str().starts_with(path))
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
}

/// An artifact; a damaged one is an error, and the next build makes it again.
fn read(outcome: &Outcome, id: StageId, path: &str) -> Result<Vec<u8>, Error> {
    outcome.artifact(id, path).map_err(|error| store_error(&error))
}

/// A bundle that is not to be trusted, with what to do.
pub(super) fn refused(error: &CheckError) -> Error {
    Error::caused(Kind::Gate, error, "`deployctl verify` accepts what `deployctl promote` made, unchanged")
}
