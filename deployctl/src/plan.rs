//! Manifests and materials to a build plan. Pure: it starts nothing and reads nothing.
//!
//! What a build does, for one deployment:
//!
//! 1. Where the manifest declares a command, `convert` runs it and makes the `.tflite`, and `committed` holds the project's file
//!    against it. `model` reads the `.tflite` into a graph, constants and kernel calls; `interface` holds it against the manifest;
//!    where the manifest declares any, `preprocess` puts steps around the model's operators; `expect` runs the vectors through the
//!    host reference, and through kernels of the deployment's own, which `own` has compiled for the host; `parity` holds features
//!    of the training side against the steps'. Where the manifest asks for it, `optimize` rewrites what targets run. These are the same for
//!    all targets.
//! 2. For each target `audit` chooses kernels, `sizes` asks the kernel library for scratch sizes, `memory` places tensors.
//! 3. `emit` writes the firmware project, `kernels` compiles the library (once a core and compiler), `crates` the crates of
//!    others, `compile` links them all, and `header` says to C programs what is in the library that it packs.
//! 4. `measure` runs the harness, and `load` runs it again while timers interrupt it as the manifest's services would; where it is asked
//!    for, `inject` runs firmware with known mistakes; `gate` judges; `report` and `runbook` write it down.
//!
//! Every edge below is a field of the later stage's key, by the content of the artifact that it names.

mod conversion;
mod fields;
mod limits;
mod materials;
mod papers;

use std::collections::{BTreeMap, BTreeSet};

use camino::Utf8PathBuf;
use deployctl_cache::{Graph, Input, StageId};

use self::conversion::Made;
pub use self::limits::declared_limits;
pub use self::materials::*;
pub use self::papers::papers;
use crate::manifest::{Board, Manifest};
use crate::stage::{self, Runtime, artifact};

/// A build plan.
#[derive(Default)]
pub struct Plan {
    /// Stages and edges.
    pub graph: Graph,
    /// What each stage belongs to.
    pub places: BTreeMap<String, Place>,
    /// The targets, in order.
    pub targets: Vec<Planned>,
    /// Stages that run commands of manifests, with the manifest's index.
    pub converts: Vec<(usize, StageId)>,
    /// Stages that no deployment owns, by all that they are made of.
    common: BTreeMap<String, StageId>,
}

/// What a stage belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The deployment; absent where deployments share the stage.
    pub deployment: Option<String>,
    /// The board; absent where targets share the stage.
    pub target: Option<String>,
}

/// A target's stages whose results leave the store.
#[derive(Clone, Debug)]
pub struct Planned {
    /// Index of the manifest.
    pub manifest: usize,
    /// Deployment.
    pub deployment: String,
    /// Board.
    pub board: String,
    /// Where results go.
    pub out: Utf8PathBuf,
    /// Stage and artifact path (a trailing `/` means a folder), in the order of the stages.
    pub results: Vec<(StageId, &'static str)>,
    /// The gate.
    pub gate: StageId,
    /// What it allows.
    pub judge: stage::Gate,
    /// The report.
    pub report: StageId,
}

/// Names the projects whose history is compared: the answer to "what changed since the last time". In no key.
pub fn scope(manifests: &[Manifest]) -> String {
    let roots: BTreeSet<&str> = manifests.iter().map(|manifest| manifest.root.as_str()).collect();
    roots.into_iter().collect::<Vec<_>>().join("\n")
}

/// Makes one plan for all manifests.
pub fn plan(manifests: &[Manifest], materials: &[Materials], runtime: &Runtime) -> Plan {
    let mut plan = Plan::default();
    for (index, (manifest, materials)) in manifests.iter().zip(materials).enumerate() {
        let shared = plan.deployment(index, manifest, materials, runtime);
        for (target, found) in manifest.targets.iter().zip(&materials.targets) {
            let site = Site { index, manifest, board: &target.board, materials, found, runtime };
            let planned = plan.target(&site, &shared);
            plan.targets.push(planned);
        }
    }
    plan
}

/// A target with everything that its stages are made from.
struct Site<'a> {
    index: usize,
    manifest: &'a Manifest,
    board: &'a Board,
    materials: &'a Materials,
    found: &'a TargetMaterials,
    runtime: &'a Runtime,
}

impl<'a> Site<'a> {
    /// Deployment and board.
    fn names(&self) -> (Option<&'a str>, Option<&'a str>) {
        (Some(self.manifest.name.value.as_str()), Some(self.board.name.as_str()))
    }
}

/// Stages that make a target's firmware.
struct Built {
    audit: StageId,
    memory: StageId,
    emit: StageId,
    compile: StageId,
    header: StageId,
    crates: StageId,
    /// The kernel library, where firmware is linked with one.
    kernels: Option<StageId>,
}

/// Stages that run a target.
struct Measured {
    measure: StageId,
    /// Where services interrupt the model.
    load: Option<StageId>,
    /// Where known mistakes are made.
    inject: Option<StageId>,
}

/// Stages that all targets of a deployment share.
struct Shared {
    /// The model as it was read.
    read: StageId,
    /// Where a command makes it.
    made: Option<Made>,
    /// The model that targets run: as it was read, or rewritten.
    model: StageId,
    interface: StageId,
    expect: StageId,
    /// Where there are steps around the model.
    parity: Option<StageId>,
    /// Where the deployment has kernels of its own.
    own: Option<StageId>,
}

fn input(name: &'static str, from: StageId, path: &str) -> Input {
    Input { name, from, path: path.to_owned() }
}

impl Plan {
    fn add(
        &mut self,
        deployment: Option<&str>,
        target: Option<&str>,
        stage: impl deployctl_cache::Stage + 'static,
        inputs: Vec<Input>,
    ) -> StageId {
        let parts: Vec<&str> = [deployment, target, Some(stage.name())].into_iter().flatten().collect();
        let node = parts.join("/");
        let place = Place { deployment: deployment.map(str::to_owned), target: target.map(str::to_owned) };
        self.places.insert(node.clone(), place);
        self.graph.add(node, Box::new(stage), inputs)
    }

    fn deployment(&mut self, index: usize, manifest: &Manifest, materials: &Materials, runtime: &Runtime) -> Shared {
        let name = Some(manifest.name.value.as_str());
        let made = self.conversion(index, manifest, materials, runtime);
        let tflite = made.as_ref().map(|made| input("tflite", made.convert, artifact::MODEL));
        let read = self.add(name, None, fields::model(manifest, materials), tflite.into_iter().collect());
        let model = read;
        let graph = || input("graph", model, artifact::GRAPH);
        let ports = |ports: &[crate::manifest::Spanned<crate::manifest::Port>]| {
            ports.iter().map(|port| port.value.clone()).collect()
        };
        let declared =
            stage::Interface { inputs: ports(&manifest.model.inputs), outputs: ports(&manifest.model.outputs) };
        let interface = self.add(name, None, declared, vec![graph()]);
        let inputs = vec![graph(), input("weights", model, artifact::WEIGHTS)];
        let around = fields::preprocess(manifest, materials);
        let model = around.map_or(model, |stage| self.add(name, None, stage, inputs));
        let graph = || input("graph", model, artifact::GRAPH);
        let vectors = fields::vectors(manifest, materials);
        let steps = || input("steps", model, artifact::STEPS);
        let mut inputs = vec![graph(), steps(), input("weights", model, artifact::WEIGHTS)];
        let own = materials.own.as_ref();
        let own = own.map(|own| self.add(name, None, fields::own(own, runtime), vec![graph(), steps()]));
        inputs.extend(own.map(|own| input("own", own, "/")));
        // What is expected comes from the model as it was read: so every build proves that a rewrite changed no output.
        let expect = self.add(name, None, fields::expect(manifest, materials, vectors, runtime), inputs);
        let inputs = vec![
            graph(),
            steps(),
            input("weights", model, artifact::WEIGHTS),
            input("inputs", expect, artifact::INPUTS),
        ];
        let parity = manifest.preprocess.is_some().then(|| fields::parity(manifest, materials));
        let parity = parity.map(|stage| self.add(name, None, stage, inputs));
        let inputs = vec![graph(), input("weights", model, artifact::WEIGHTS)];
        let optimized = manifest.model.optimize.then(|| fields::optimize(manifest, materials));
        let model = optimized.map_or(model, |stage| self.add(name, None, stage, inputs));
        Shared { read, made, model, interface, expect, parity, own }
    }

    fn target(&mut self, site: &Site, shared: &Shared) -> Planned {
        let built = self.firmware(site, shared);
        let measured = self.measurements(site, shared, &built);
        self.papers(site, shared, &built, &measured)
    }

    /// From kernels to firmware.
    fn firmware(&mut self, site: &Site, shared: &Shared) -> Built {
        let Site { manifest, board, materials, found, runtime, .. } = *site;
        let (name, place) = site.names();
        let graph = || input("graph", shared.model, artifact::GRAPH);
        let steps = || input("steps", shared.model, artifact::STEPS);
        let weights = || input("weights", shared.model, artifact::WEIGHTS);

        let audit = self.add(name, place, fields::audit(manifest, board, found), vec![graph(), steps()]);
        let chosen = || input("audit", audit, artifact::AUDIT);
        let sizes = self.add(name, place, fields::sizes(board, found, runtime), vec![steps(), chosen()]);
        let scratch = input("sizes", sizes, artifact::SIZES);
        let memory = self.add(name, place, stage::Memory {}, vec![graph(), steps(), scratch]);
        let placed = || input("memory", memory, artifact::MEMORY);
        let inputs = vec![graph(), steps(), weights(), chosen(), placed()];
        let emit = self.add(name, place, fields::project(manifest, board, materials, found), inputs);

        let crates = self.crates(board, found, runtime);
        let mut inputs = vec![input("project", emit, "/"), input("crates", crates, "/")];
        // What does not compile for the host is not tried for the target: one message, at the manifest's line.
        inputs.extend(shared.own.map(|own| input("own", own, artifact::ACCEPTED)));
        let library = found.library.as_ref();
        let kernels = library.map(|library| self.kernels(&manifest.kernels.library.value, board, library, runtime));
        inputs.extend(kernels.map(|kernels| input("kernels", kernels, artifact::ARCHIVE)));
        let compile = self.add(name, place, fields::compile(manifest, board, found, runtime), inputs);
        let emission = input("emission", emit, artifact::EMISSION);
        let inputs = vec![graph(), placed(), emission, input("footprint", compile, artifact::FOOTPRINT)];
        let header = self.add(name, place, fields::header(manifest, board), inputs);
        Built { audit, memory, emit, compile, header, crates, kernels }
    }

    /// Runs of the target.
    fn measurements(&mut self, site: &Site, shared: &Shared, built: &Built) -> Measured {
        let Site { manifest, board, materials, found, runtime, .. } = *site;
        let (name, place) = site.names();
        let inputs = || {
            vec![
                input("firmware", built.compile, "/"),
                input("emission", built.emit, artifact::EMISSION),
                input("graph", shared.model, artifact::GRAPH),
                input("steps", shared.model, artifact::STEPS),
                input("weights", shared.model, artifact::WEIGHTS),
                input("memory", built.memory, artifact::MEMORY),
                input("expectation", shared.expect, artifact::EXPECTATION),
                input("inputs", shared.expect, artifact::INPUTS),
            ]
        };
        let measure = self.add(name, place, fields::measure(manifest, board, found, runtime), inputs());
        let load = fields::load(manifest, board, materials, found, runtime);
        let load = load.map(|stage| self.add(name, place, stage, inputs()));
        let mut inputs = inputs();
        inputs.extend([
            input("project", built.emit, "/"),
            input("crates", built.crates, "/"),
            input("audit", built.audit, artifact::AUDIT),
            input("measurement", measure, artifact::MEASUREMENT),
        ]);
        inputs.extend(built.kernels.map(|kernels| input("kernels", kernels, artifact::ARCHIVE)));
        let inject = fields::inject(manifest, board, materials, found, runtime);
        let inject = inject.map(|stage| self.add(name, place, stage, inputs));
        Measured { measure, load, inject }
    }

    /// The verdict, and what people read.
    fn papers(&mut self, site: &Site, shared: &Shared, built: &Built, measured: &Measured) -> Planned {
        let Site { index, manifest, board, materials, found, .. } = *site;
        let (name, place) = site.names();
        let evidence = || {
            let mut evidence = vec![
                input("audit", built.audit, artifact::AUDIT),
                input("memory", built.memory, artifact::MEMORY),
                input("expectation", shared.expect, artifact::EXPECTATION),
                input("footprint", built.compile, artifact::FOOTPRINT),
                input("measurement", measured.measure, artifact::MEASUREMENT),
            ];
            evidence.extend(measured.load.map(|load| input("load", load, artifact::LOAD)));
            evidence.extend(shared.parity.map(|parity| input("parity", parity, artifact::PARITY)));
            evidence
        };
        let made = || shared.made.iter().flat_map(Made::evidence);
        let mut inputs = evidence();
        inputs.push(input("interface", shared.interface, artifact::INTERFACE));
        inputs.extend(made());
        let judge = limits::gate(manifest, board, materials);
        let gate = self.add(name, place, judge.clone(), inputs);

        let mut inputs = evidence();
        let emission = input("emission", built.emit, artifact::EMISSION);
        let origin = input("origin", shared.read, artifact::ORIGIN);
        inputs.extend([emission, input("verdict", gate, artifact::VERDICT), origin]);
        inputs.extend(made().filter(|input| input.name == "conversion"));
        let subject = papers::subject(manifest, board, materials, found);
        inputs.push(input("plan", built.memory, "/"));
        inputs.extend(shared.parity.map(|parity| input("features", parity, "/")));
        let report = self.add(name, place, papers::report(manifest, board, subject.clone()), inputs.clone());
        inputs.extend([
            input("graph", shared.model, artifact::GRAPH),
            input("firmware", built.compile, "/"),
            input("session", measured.measure, artifact::SESSION),
            input("transcript", measured.measure, artifact::TRANSCRIPT),
        ]);
        inputs.extend(measured.inject.map(|inject| input("injected", inject, artifact::INJECTED)));
        let runbook = self.add(name, place, papers::runbook(manifest, board, found.library.is_some(), subject), inputs);
        Planned {
            manifest: index,
            deployment: manifest.name.value.clone(),
            board: board.name.clone(),
            out: manifest.root.join("out").join(&manifest.name.value).join(&board.name),
            results: results(shared, built, measured, report, runbook),
            gate,
            judge,
            report,
        }
    }

    /// The crates, once for each set of crates, Rust target and toolchain.
    fn crates(&mut self, board: &Board, found: &TargetMaterials, runtime: &Runtime) -> StageId {
        let name = board.rust_target.as_deref().unwrap_or("host");
        self.common(name, fields::crates(board, found, runtime))
    }

    /// The static library, once for each library, core and compiler.
    fn kernels(&mut self, library: &str, board: &Board, found: &LibraryMaterials, runtime: &Runtime) -> StageId {
        let stage = stage::Kernels::new(
            found.sources.clone(),
            found.build.clone(),
            found.cross.clone(),
            found.file.clone(),
            runtime.clone(),
        );
        let name = format!("{library}/{}", board.core);
        // Boards with the same core may have other flags, such as another floating-point unit.
        let taken = self.graph.find(&format!("{name}/{}", deployctl_cache::Stage::name(&stage))).is_some();
        let known = self.common.contains_key(&identity(&name, &stage));
        self.common(&if taken && !known { format!("{name}/{}", board.name) } else { name }, stage)
    }

    /// A stage without inputs that deployments share.
    fn common(&mut self, name: &str, stage: impl deployctl_cache::Stage + 'static) -> StageId {
        let identity = identity(name, &stage);
        if let Some(known) = self.common.get(&identity) {
            return *known;
        }
        let id = self.add(None, Some(name), stage, vec![]);
        self.common.insert(identity, id);
        id
    }
}

/// What leaves the store, in the order of the stages.
fn results(
    shared: &Shared,
    built: &Built,
    measured: &Measured,
    report: StageId,
    runbook: StageId,
) -> Vec<(StageId, &'static str)> {
    let Built { audit, memory, emit, compile, header, .. } = *built;
    let made = shared.made.iter().map(|made| ("convert", made.convert));
    let stages = [
        ("interface", shared.interface),
        ("audit", audit),
        ("memory", memory),
        ("expect", shared.expect),
        ("emit", emit),
        ("compile", compile),
        ("header", header),
        ("measure", measured.measure),
        ("report", report),
        ("runbook", runbook),
    ];
    let more = [("parity", shared.parity), ("load", measured.load), ("inject", measured.inject)];
    let more = more.into_iter().filter_map(|(name, id)| Some((name, id?)));
    let all = made.chain(stages).chain(more);
    all.flat_map(|(name, id)| artifact::delivered(name).iter().map(move |path| (id, *path))).collect()
}

/// All that a shared stage is made of.
fn identity(name: &str, stage: &impl deployctl_cache::Stage) -> String {
    format!("{name} {} {:?}", stage.name(), stage.fields())
}
