//! Manifests and materials to a build plan. Pure: it starts nothing and reads nothing.
//!
//! What a build does, for one deployment:
//!
//! 1. `model` reads the `.tflite` into a graph, constants and kernel calls; `interface` holds it against the manifest;
//!    `expect` runs the vectors through the host reference. These three are the same for all targets.
//! 2. For each target `audit` chooses kernels, `sizes` asks the kernel library for scratch sizes, `memory` places tensors.
//! 3. `emit` writes the firmware project, `kernels` compiles the library (once a core and compiler), `compile` links both.
//! 4. `measure` runs the harness; `gate` judges; `report` and `runbook` write it down.
//!
//! Every edge below is a field of the later stage's key, by the content of the artifact that it names.

use std::collections::{BTreeMap, BTreeSet};

use camino::Utf8PathBuf;
use deployctl_cache::{FileInput, Graph, Input, StageId, TreeInput};

use crate::builtin;
use crate::emit;
use crate::gate::Limits;
use crate::library::Build;
use crate::manifest::{Board, Manifest, Runner, Vectors};
use crate::runner;
use crate::stage::{
    self, Crates, Deployment, Named, Project, ProjectLibrary, Runtime, Subject, VectorSource, artifact,
};
use crate::tool::{Gcc, HostLinker, Qemu, Rustc};

/// What a deployment is made of besides its manifest: contents of files, identities of tools.
#[derive(Clone, Debug)]
pub struct Materials {
    /// The `.tflite` file.
    pub model: FileInput,
    /// The vectors, where they are a file.
    pub vectors: Option<FileInput>,
    /// For each target, in the manifest's order.
    pub targets: Vec<TargetMaterials>,
}

/// What a target needs.
#[derive(Clone, Debug)]
pub struct TargetMaterials {
    /// The Rust toolchain.
    pub rustc: Rustc,
    /// What links for the host; absent for Cortex-M.
    pub linker: Option<HostLinker>,
    /// Vendored firmware crates.
    pub crates: Crates,
    /// Kernel library sources and the compilers that they need; absent where reference kernels run.
    pub library: Option<LibraryMaterials>,
    /// The emulator, where the board's runner is one.
    pub qemu: Option<Qemu>,
}

/// A kernel library and its compilers.
#[derive(Clone, Debug)]
pub struct LibraryMaterials {
    /// The library's sources: compiled files and headers.
    pub sources: TreeInput,
    /// Digest of the whole source, as `deploy.lock` records it.
    pub source_digest: String,
    /// What is compiled for the target, and how.
    pub build: Build,
    /// The cross compiler.
    pub cross: Gcc,
    /// The host's compiler, for questions about scratch sizes.
    pub host: Gcc,
}

/// A build plan.
#[derive(Default)]
pub struct Plan {
    /// Stages and edges.
    pub graph: Graph,
    /// What each stage belongs to.
    pub places: BTreeMap<String, Place>,
    /// The targets, in order.
    pub targets: Vec<Planned>,
    kernels: BTreeMap<String, StageId>,
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
        let shared = plan.deployment(manifest, materials);
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

/// Stages that all targets of a deployment share.
struct Shared {
    model: StageId,
    interface: StageId,
    expect: StageId,
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

    fn deployment(&mut self, manifest: &Manifest, materials: &Materials) -> Shared {
        let name = Some(manifest.name.value.as_str());
        let model =
            self.add(name, None, stage::Model { file: materials.model.clone(), reference: builtin::REFERENCE }, vec![]);
        let graph = || input("graph", model, artifact::GRAPH);
        let ports = |ports: &[crate::manifest::Spanned<crate::manifest::Port>]| {
            ports.iter().map(|port| port.value.clone()).collect()
        };
        let declared =
            stage::Interface { inputs: ports(&manifest.model.inputs), outputs: ports(&manifest.model.outputs) };
        let interface = self.add(name, None, declared, vec![graph()]);
        let vectors = match (&manifest.regression.vectors.value, &materials.vectors) {
            (Vectors::Random { count, seed }, _) => VectorSource::Random { count: *count, seed: *seed },
            (Vectors::File(_), Some(file)) => VectorSource::File { file: file.clone() },
            (Vectors::File(_), None) => VectorSource::Random { count: 0, seed: 0 },
        };
        let inputs = vec![graph(), input("steps", model, artifact::STEPS), input("weights", model, artifact::WEIGHTS)];
        let expect = self.add(name, None, stage::Expect { vectors, reference: builtin::REFERENCE }, inputs);
        Shared { model, interface, expect }
    }

    fn target(&mut self, site: &Site, shared: &Shared) -> Planned {
        let Site { index, manifest, board, materials, found, runtime } = *site;
        let (name, place) = (Some(manifest.name.value.as_str()), Some(board.name.as_str()));
        let graph = || input("graph", shared.model, artifact::GRAPH);
        let steps = || input("steps", shared.model, artifact::STEPS);
        let weights = || input("weights", shared.model, artifact::WEIGHTS);

        let audit = self.add(name, place, audit(manifest, board, found), vec![graph(), steps()]);
        let chosen = || input("audit", audit, artifact::AUDIT);
        let sizes = self.add(name, place, sizes(board, found, runtime), vec![steps(), chosen()]);
        let scratch = input("sizes", sizes, artifact::SIZES);
        let memory = self.add(name, place, stage::Memory {}, vec![graph(), steps(), scratch]);
        let placed = || input("memory", memory, artifact::MEMORY);
        let inputs = vec![graph(), steps(), weights(), chosen(), placed()];
        let emit = self.add(name, place, project(manifest, board, found), inputs);

        let mut inputs = vec![input("project", emit, "/")];
        if let Some(library) = &found.library {
            let kernels = self.kernels(&manifest.kernels.library.value, board, library, runtime);
            inputs.push(input("kernels", kernels, artifact::ARCHIVE));
        }
        let compile = self.add(name, place, compile(board, found, runtime), inputs);
        let expectation = || input("expectation", shared.expect, artifact::EXPECTATION);
        let emission = || input("emission", emit, artifact::EMISSION);
        let inputs = vec![
            input("firmware", compile, "/"),
            emission(),
            graph(),
            steps(),
            weights(),
            expectation(),
            input("inputs", shared.expect, artifact::INPUTS),
        ];
        let measure = self.add(name, place, measure(manifest, board, found, runtime), inputs);

        let evidence = || {
            vec![
                chosen(),
                placed(),
                expectation(),
                input("footprint", compile, artifact::FOOTPRINT),
                input("measurement", measure, artifact::MEASUREMENT),
            ]
        };
        let mut inputs = evidence();
        inputs.push(input("interface", shared.interface, artifact::INTERFACE));
        let gate = self.add(name, place, stage::Gate { limits: limits(manifest, board) }, inputs);

        let mut inputs = evidence();
        inputs.extend([emission(), input("verdict", gate, artifact::VERDICT)]);
        let subject = subject(manifest, board, materials, found);
        let report = self.add(name, place, report(manifest, subject.clone()), inputs.clone());
        inputs.extend([
            graph(),
            input("firmware", compile, "/"),
            input("session", measure, artifact::SESSION),
            input("transcript", measure, artifact::TRANSCRIPT),
        ]);
        let runbook = self.add(name, place, runbook(manifest, board, found, subject), inputs);

        Planned {
            manifest: index,
            deployment: manifest.name.value.clone(),
            board: board.name.clone(),
            out: manifest.root.join("out").join(&manifest.name.value).join(&board.name),
            results: vec![
                (shared.interface, artifact::INTERFACE),
                (audit, artifact::AUDIT),
                (memory, artifact::MEMORY),
                (memory, artifact::PICTURE),
                (shared.expect, artifact::EXPECTATION),
                (emit, artifact::PROJECT),
                (compile, artifact::APP),
                (compile, artifact::HARNESS),
                (compile, artifact::FOOTPRINT),
                (measure, artifact::SESSION),
                (measure, artifact::TRANSCRIPT),
                (measure, artifact::MEASUREMENT),
                (report, artifact::REPORT),
                (report, artifact::REPORT_JSON),
                (runbook, artifact::RUNBOOK),
            ],
            gate,
            report,
        }
    }

    /// The static library, once for each library, core and compiler.
    fn kernels(&mut self, library: &str, board: &Board, found: &LibraryMaterials, runtime: &Runtime) -> StageId {
        let stage =
            stage::Kernels::new(found.sources.clone(), found.build.clone(), found.cross.clone(), runtime.clone());
        let node = format!("{library}/{}/{}", board.core, stage.digest());
        if let Some(known) = self.kernels.get(&node) {
            return *known;
        }
        let name = format!("{library}/{}", board.core);
        let id = self.add(None, Some(&name), stage, vec![]);
        self.kernels.insert(node, id);
        id
    }
}

fn audit(manifest: &Manifest, board: &Board, found: &TargetMaterials) -> stage::Audit {
    stage::Audit {
        library: manifest.kernels.source.name.clone(),
        library_runs: found.library.is_some(),
        features: board.features,
        policy: manifest.kernels.policy,
        overrides: manifest.kernels.overrides.iter().map(|found| found.value.clone()).collect(),
    }
}

fn sizes(board: &Board, found: &TargetMaterials, runtime: &Runtime) -> stage::Sizes {
    let tool = found.library.as_ref().map(|library| stage::SizeTool {
        program: packed("firmware-template/cmsis-nn/csrc/sizes.c"),
        sources: library.sources.clone(),
        include: library.build.include.clone(),
        define: library.build.define.clone(),
        compiler: library.host.clone(),
        runtime: runtime.clone(),
    });
    stage::Sizes { features: board.features, tool }
}

fn project(manifest: &Manifest, board: &Board, found: &TargetMaterials) -> stage::Emit {
    stage::Emit {
        project: Project { name: manifest.name.value.clone(), version: manifest.version.clone() },
        board: emit::Board::from(board),
        template: stage::Template::builtin(),
        crates: found.crates.digest.clone(),
        library: found.library.as_ref().map(|library| ProjectLibrary {
            name: manifest.kernels.library.value.clone(),
            digest: library.sources.digest().to_string(),
            build: library.build.clone(),
        }),
    }
}

fn compile(board: &Board, found: &TargetMaterials, runtime: &Runtime) -> stage::Compile {
    stage::Compile {
        rust_target: board.rust_target.clone(),
        rustc: found.rustc.clone(),
        linker: found.linker.clone(),
        crates: found.crates.clone(),
        links_library: found.library.is_some(),
        runtime: runtime.clone(),
    }
}

fn measure(manifest: &Manifest, board: &Board, found: &TargetMaterials, runtime: &Runtime) -> stage::Measure {
    stage::Measure {
        runner: board.runner.clone(),
        qemu: found.qemu.clone(),
        runs: manifest.regression.runs,
        runtime: runtime.clone(),
    }
}

fn limits(manifest: &Manifest, board: &Board) -> Limits {
    let gates = &manifest.gates;
    Limits {
        budget: manifest.arena.budget.value,
        headroom: manifest.arena.headroom,
        policy: (board.runner != Runner::Host).then_some(manifest.kernels.policy),
        max_mac_share: manifest.kernels.max_mac_share,
        flash: gates.flash.as_ref().map(|limit| limit.value),
        stack: gates.stack.as_ref().map(|limit| limit.value),
        latency: gates.latency.as_ref().map(|limit| limit.value),
    }
}

fn subject(manifest: &Manifest, board: &Board, materials: &Materials, found: &TargetMaterials) -> Subject {
    let named = |name: &str, value: &str| Named { name: name.to_owned(), value: value.to_owned() };
    let mut tools = vec![named("rustc", found.rustc.version.lines().next().unwrap_or_default())];
    tools.push(named("firmware crates", &found.crates.digest));
    if let Some(library) = &found.library {
        let about = &manifest.kernels.source;
        tools.push(named(&format!("{} {}", about.name, about.versions), &library.source_digest));
        tools.push(named("C compiler", &library.cross.version));
    }
    if let Some(qemu) = &found.qemu {
        tools.push(named("emulator", &qemu.version));
    }
    Subject {
        deployment: Deployment {
            name: manifest.name.value.clone(),
            version: manifest.version.clone(),
            owner: manifest.owner.clone(),
            summary: manifest.summary.clone(),
        },
        target: stage::TargetName {
            board: board.name.clone(),
            summary: board.summary.clone(),
            core: board.core.clone(),
            evidence: match &board.runner {
                Runner::Host => "host".to_owned(),
                Runner::Qemu { machine, .. } => format!("emulated (QEMU, {machine})"),
            },
        },
        model: named(
            &format!("model {}", materials.model.path().file_name().unwrap_or_default()),
            &materials.model.digest().to_string(),
        ),
        tools,
    }
}

/// The text of a packed file. `builtin`'s tests know that the ones named here are there.
fn packed(path: &str) -> String {
    builtin::get(path).map_or_else(String::new, |file| String::from_utf8_lossy(file.bytes).into_owned())
}

fn report(manifest: &Manifest, subject: Subject) -> stage::Report {
    let line = |start: usize| manifest.text[..start.min(manifest.text.len())].matches('\n').count() + 1;
    let mut lines = BTreeMap::from([
        ("arena.budget".to_owned(), line(manifest.arena.budget.span.start)),
        ("kernels.policy".to_owned(), line(manifest.kernels.library.span.start)),
        ("model".to_owned(), line(manifest.model.written.span.start)),
        ("regression.vectors".to_owned(), line(manifest.regression.vectors.span.start)),
    ]);
    let gates = &manifest.gates;
    let spans = [
        ("gates.flash", gates.flash.as_ref().map(|limit| limit.span.start)),
        ("gates.stack", gates.stack.as_ref().map(|limit| limit.span.start)),
        ("gates.latency", gates.latency.as_ref().map(|limit| limit.span.start)),
    ];
    lines.extend(spans.into_iter().filter_map(|(path, start)| Some((path.to_owned(), line(start?)))));
    stage::Report { subject, lines, template: packed("templates/gate-report.md") }
}

fn runbook(manifest: &Manifest, board: &Board, found: &TargetMaterials, subject: Subject) -> stage::Runbook {
    let named = |name: &str, value: &str| Named { name: name.to_owned(), value: value.to_owned() };
    stage::Runbook {
        subject,
        manifest: manifest.path.strip_prefix(&manifest.root).unwrap_or(&manifest.path).to_string(),
        owners: vec![
            named("deployment", &manifest.owner),
            named("arena", &manifest.arena.owner),
            named("kernels", &manifest.kernels.owner),
            named("gates", &manifest.gates.owner),
        ],
        contacts: manifest.runbook.clone(),
        runner: board.runner.clone(),
        rust_target: board.rust_target.clone(),
        regions: board.memory.clone(),
        links_library: found.library.is_some(),
        outputs: manifest.model.outputs.iter().map(|port| port.value.clone()).collect(),
        run_command: runner::run_command(&board.runner, artifact::HARNESS, artifact::SESSION),
        build_command: "cargo build --release --locked --offline".to_owned(),
        budget: manifest.arena.budget.value,
        stack_limit: manifest.gates.stack.as_ref().map(|limit| limit.value.max),
        flash_limit: manifest.gates.flash.as_ref().map(|limit| limit.value.max),
        template: packed("templates/runbook.md"),
    }
}
