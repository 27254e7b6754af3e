//! What each stage of a target is told: its fields, from manifest, board and materials.
//!
//! A function a stage. What is not named here is in no key.

use deployctl_cache::TreeInput;

use super::{Materials, OwnMaterials, TargetMaterials, VectorMaterials};
use crate::builtin;
use crate::emit;
use crate::manifest::{self, Board, Manifest, Override, Runner, Vectors};
use crate::model::lower::{Choice, OwnKernel};
use crate::model::pipeline::After;
use crate::stage::{self, Project, ProjectLibrary, Runtime, VectorSource};
use crate::vectors::recording::{Fit, Medium};

pub(super) fn model(manifest: &Manifest, materials: &Materials) -> stage::Model {
    stage::Model {
        file: materials.model.clone().filter(|_| materials.convert.is_none()),
        path: manifest.model.path.to_string(),
        reference: builtin::REFERENCE,
        choices: choices(manifest, materials),
    }
}

/// Steps around the model, where the manifest declares any.
pub(super) fn preprocess(manifest: &Manifest, materials: &Materials) -> Option<stage::Preprocess> {
    let spec = manifest.preprocess.as_ref().map(|found| found.spec.clone());
    let after: Vec<After> = manifest.postprocess.iter().map(|found| found.after.clone()).collect();
    let any = spec.is_some() || !after.is_empty();
    let choices = choices(manifest, materials);
    any.then_some(stage::Preprocess { spec, after, reference: builtin::REFERENCE, choices })
}

/// Where vectors come from.
pub(super) fn vectors(manifest: &Manifest, materials: &Materials) -> VectorSource {
    match (&manifest.regression.vectors.value, &materials.vectors) {
        (Vectors::Random { count, seed }, _) => VectorSource::Random { count: *count, seed: *seed },
        (Vectors::File(_), Some(VectorMaterials::File(file))) => VectorSource::File { file: file.clone() },
        (Vectors::Recordings { files, fit, .. }, Some(VectorMaterials::Recordings { files: found, labels })) => {
            let outputs = manifest.model.outputs.first().and_then(|output| output.value.labels.clone());
            VectorSource::Recordings {
                recordings: recordings(manifest, files, found, *fit),
                labels: labels.clone(),
                names: labels.as_ref().and(outputs).unwrap_or_default(),
            }
        }
        // What is named was gathered.
        _ => VectorSource::Random { count: 0, seed: 0 },
    }
}

fn recordings(manifest: &Manifest, declared: &manifest::Recordings, found: &TreeInput, fit: Fit) -> stage::Recordings {
    stage::Recordings { files: found.clone(), written: declared.written.clone(), medium: medium(manifest), fit }
}

/// What the source says about files.
fn medium(manifest: &Manifest) -> Medium {
    manifest.preprocess.as_ref().map_or_else(Medium::default, |steps| Medium::of(&steps.spec.source))
}

pub(super) fn parity(manifest: &Manifest, materials: &Materials) -> stage::Parity {
    let declared = manifest.preprocess.as_ref().and_then(|steps| steps.parity.as_ref());
    let features = declared.zip(materials.parity.as_ref()).map(|(declared, found)| stage::Features {
        file: found.features.clone(),
        name: declared.features.file_name().unwrap_or_default().to_owned(),
        inputs: declared
            .inputs
            .as_ref()
            .zip(found.inputs.as_ref())
            .map(|(declared_inputs, inputs)| recordings(manifest, declared_inputs, inputs, declared.fit)),
        medium: medium(manifest),
        fit: declared.fit,
    });
    stage::Parity { features, reference: builtin::REFERENCE }
}

pub(super) fn optimize(manifest: &Manifest, materials: &Materials) -> stage::Optimize {
    stage::Optimize { reference: builtin::REFERENCE, choices: choices(manifest, materials) }
}

/// All `use` nodes, where one of them names a kernel of the deployment's own.
fn choices(manifest: &Manifest, materials: &Materials) -> Vec<Choice> {
    let choice = |wanted: &Override| Choice {
        operator: wanted.operator.clone(),
        own: wanted.own.as_ref().map(|own| {
            let scratch = usize::try_from(wanted.scratch.0).unwrap_or(usize::MAX);
            OwnKernel { name: own.name.clone(), scratch }
        }),
    };
    let overrides = manifest.kernels.overrides.iter().map(|found| &found.value);
    if materials.own.is_some() { overrides.map(choice).collect() } else { Vec::new() }
}

pub(super) fn own(own: &OwnMaterials, runtime: &Runtime) -> stage::Own {
    stage::Own {
        own: own.crates.clone(),
        template: stage::Template::host(),
        program: packed("templates/player.rs"),
        rustc: own.rustc.clone(),
        linker: own.linker.clone(),
        crates: own.vendored.clone(),
        runtime: runtime.clone(),
    }
}

pub(super) fn expect(
    manifest: &Manifest,
    materials: &Materials,
    vectors: VectorSource,
    runtime: &Runtime,
) -> stage::Expect {
    let program = |own: &stage::OwnSource| stage::OwnProgram { name: own.name.clone(), place: own.place.clone() };
    stage::Expect {
        vectors,
        steps: manifest.regression.steps,
        reference: builtin::REFERENCE,
        own: own_crates(materials).map(program).collect(),
        runtime: runtime.clone(),
    }
}

pub(super) fn own_crates(materials: &Materials) -> impl Iterator<Item = &stage::OwnSource> {
    materials.own.iter().flat_map(|own| &own.crates)
}

pub(super) fn audit(manifest: &Manifest, board: &Board, found: &TargetMaterials) -> stage::Audit {
    stage::Audit {
        library: manifest.kernels.source.name.clone(),
        library_runs: found.library.is_some(),
        features: board.features,
        policy: manifest.kernels.policy,
        overrides: manifest.kernels.overrides.iter().map(|found| found.value.clone()).collect(),
        revision: found.library.as_ref().and_then(|library| library.build.revision()),
        defects: manifest.kernels.defects.clone(),
    }
}

pub(super) fn sizes(board: &Board, found: &TargetMaterials, runtime: &Runtime) -> stage::Sizes {
    let tool = found.library.as_ref().map(|library| stage::SizeTool {
        program: packed("firmware-template/cmsis-nn/csrc/sizes.c"),
        sources: library.sources.clone(),
        include: library.build.include.clone(),
        define: library.build.define.clone(),
        compiler: library.host.clone(),
        file: library.file.clone(),
        runtime: runtime.clone(),
    });
    stage::Sizes { features: board.features, tool }
}

pub(super) fn project(
    manifest: &Manifest,
    board: &Board,
    materials: &Materials,
    found: &TargetMaterials,
) -> stage::Emit {
    stage::Emit {
        project: Project { name: manifest.name.value.clone(), version: manifest.version.clone() },
        board: emit::Board::new(board, manifest.services.as_ref()),
        template: stage::Template::builtin(),
        crates: found.crates.digest.clone(),
        library: found.library.as_ref().map(|library| ProjectLibrary {
            name: manifest.kernels.library.value.clone(),
            digest: library.sources.digest().to_string(),
            build: library.build.clone(),
        }),
        own: own_crates(materials).cloned().collect(),
    }
}

pub(super) fn crates(board: &Board, found: &TargetMaterials, runtime: &Runtime) -> stage::Crates {
    stage::Crates::new(
        board.rust_target.clone(),
        found.rustc.clone(),
        found.linker.clone(),
        found.crates.clone(),
        runtime.clone(),
    )
}

pub(super) fn compile(
    manifest: &Manifest,
    board: &Board,
    found: &TargetMaterials,
    runtime: &Runtime,
) -> stage::Compile {
    stage::Compile {
        rust_target: board.rust_target.clone(),
        rustc: found.rustc.clone(),
        linker: board.rust_target.is_none().then(|| found.linker.clone()),
        binutils: found.binutils.clone(),
        c_name: emit::c_name(&manifest.name.value),
        crates: found.crates.clone(),
        links_library: found.library.is_some(),
        regions: board.memory.iter().filter(|region| region.used).cloned().collect(),
        file: found.library.as_ref().map(|library| library.file.clone()),
        runtime: runtime.clone(),
    }
}

pub(super) fn header(manifest: &Manifest, board: &Board) -> stage::Header {
    stage::Header {
        project: Project { name: manifest.name.value.clone(), version: manifest.version.clone() },
        board: board.name.clone(),
        flags: board.c_flags.clone(),
        labels: manifest
            .model
            .outputs
            .iter()
            .filter_map(|port| Some((port.value.name.clone(), port.value.labels.clone()?)))
            .collect(),
    }
}

pub(super) fn measure(
    manifest: &Manifest,
    board: &Board,
    found: &TargetMaterials,
    runtime: &Runtime,
) -> stage::Measure {
    stage::Measure { rig: rig(board, found, runtime), runs: manifest.regression.runs }
}

fn rig(board: &Board, found: &TargetMaterials, runtime: &Runtime) -> stage::Rig {
    stage::Rig {
        runner: board.runner.clone(),
        unmeasured: board.unmeasured(),
        qemu: found.qemu.clone(),
        observed: found.observed.clone(),
        clock: board.clock_word(),
        regions: board.memory.clone(),
        runtime: runtime.clone(),
    }
}

/// The run under load, where services take a share of the processor and the target is one that they could interrupt.
pub(super) fn load(
    manifest: &Manifest,
    board: &Board,
    materials: &Materials,
    found: &TargetMaterials,
    runtime: &Runtime,
) -> Option<stage::Load> {
    let services = manifest.services.as_ref().filter(|services| services.cpu.0 > 0.0)?;
    let taken = stage::Taken { cpu: services.cpu, stack: services.stack };
    (board.runner != Runner::Host).then(|| loaded(board, materials, found, runtime, taken))
}

/// Firmware with known mistakes, where that is asked for and the target can be run.
pub(super) fn inject(
    manifest: &Manifest,
    board: &Board,
    materials: &Materials,
    found: &TargetMaterials,
    runtime: &Runtime,
) -> Option<stage::Inject> {
    let services = manifest.services.as_ref().filter(|services| services.cpu.0 > 0.0);
    let default = stage::Taken { cpu: manifest::Ratio(0.2), stack: manifest::Bytes(0) };
    let taken = services.map_or(default, |services| stage::Taken { cpu: services.cpu, stack: services.stack });
    materials.inject.then(|| stage::Inject {
        rig: rig(board, found, runtime),
        project: Project { name: manifest.name.value.clone(), version: manifest.version.clone() },
        compile: compile(manifest, board, found, runtime),
        load: loaded(board, materials, found, runtime, taken),
        services: services.is_some(),
    })
}

fn loaded(
    board: &Board,
    materials: &Materials,
    found: &TargetMaterials,
    runtime: &Runtime,
    taken: stage::Taken,
) -> stage::Load {
    stage::Load {
        rig: rig(board, found, runtime),
        taken,
        timers: board.timers.clone(),
        clock_hz: board.clock.as_ref().map(|clock| clock.hz),
        budget: materials.budget,
    }
}

/// The text of a packed file. `builtin`'s tests know that the ones named here are there.
pub(super) fn packed(path: &str) -> String {
    builtin::get(path).map_or_else(String::new, |file| String::from_utf8_lossy(file.bytes).into_owned())
}
