//! The keys of what people read: report and runbook, and what both say of their subject.

use super::fields::{own_crates, packed};
use super::{Materials, TargetMaterials};
use crate::frame::Frame;
use crate::manifest::{self, Board, Manifest, Runner};
use crate::runner;
use crate::stage::{self, Deployment, Named, Subject, artifact};

pub(super) fn subject(manifest: &Manifest, board: &Board, materials: &Materials, found: &TargetMaterials) -> Subject {
    let named = |name: &str, value: &str| Named { name: name.to_owned(), value: value.to_owned() };
    let taken = materials.model.as_ref().filter(|_| materials.convert.is_none());
    let mut tools = vec![named("rustc", found.rustc.version.lines().next().unwrap_or_default())];
    tools.push(named("firmware crates", &found.crates.digest));
    if let Some(library) = &found.library {
        let about = &manifest.kernels.source;
        tools.push(named(&format!("{} {}", about.name, about.versions), &library.source_digest));
        tools.push(named("C compiler", &library.cross.version));
    }
    for own in own_crates(materials) {
        tools.push(named(&format!("own kernel {} ({})", own.name, own.place.folder), &own.files.digest().to_string()));
    }
    if let Some(qemu) = &found.qemu {
        tools.push(named("emulator", &qemu.version));
    }
    // Of a model that is made, its evidence knows the digest.
    let model = taken.map_or_else(String::new, |file| file.digest().to_string());
    subject_of(manifest, board, model, tools)
}

/// The subject of papers, from what a release knows again.
fn subject_of(manifest: &Manifest, board: &Board, model: String, tools: Vec<Named>) -> Subject {
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
            clock: board.clock_text(),
            evidence: match &board.runner {
                Runner::Host => "host".to_owned(),
                Runner::Qemu { machine, .. } => format!("emulated (QEMU, {machine})"),
                Runner::Probe { chip } => format!("none: compiled for {chip}, not measured"),
            },
        },
        model: Named { name: format!("model {}", manifest.model.path.file_name().unwrap_or_default()), value: model },
        tools,
        cautions: board.cautions(),
    }
}

/// How pages look.
pub(super) fn frame() -> Frame {
    Frame { layout: packed("templates/page.html"), style: packed("templates/page.css") }
}

pub(super) fn report(manifest: &Manifest, board: &Board, subject: Subject) -> stage::Report {
    stage::Report {
        subject,
        manifest: relative(manifest),
        target_line: target_line(manifest, board),
        lines: manifest::lines(manifest),
        parity: manifest.preprocess.is_some(),
        template: packed("templates/gate-report.md"),
        frame: frame(),
    }
}

/// The line that names the board, from 1.
fn target_line(manifest: &Manifest, board: &Board) -> usize {
    let target = manifest.targets.iter().find(|target| target.board.name == board.name);
    let start = target.map_or(0, |target| target.name.span.start.min(manifest.text.len()));
    manifest.text[..start].matches('\n').count() + 1
}

/// The manifest's path in its project.
fn relative(manifest: &Manifest) -> String {
    manifest.path.strip_prefix(&manifest.root).unwrap_or(&manifest.path).to_string()
}

/// The papers of a release: `model` is its digest, `tools` are those that its records name.
pub fn papers(
    manifest: &Manifest,
    board: &Board,
    (model, tools): (String, Vec<Named>),
    links_library: bool,
) -> (stage::Report, stage::Runbook) {
    let subject = subject_of(manifest, board, model, tools);
    (report(manifest, board, subject.clone()), runbook(manifest, board, links_library, subject))
}

pub(super) fn runbook(manifest: &Manifest, board: &Board, links_library: bool, subject: Subject) -> stage::Runbook {
    let named = |name: &str, value: &str| Named { name: name.to_owned(), value: value.to_owned() };
    let (arena, gates) = (manifest.arena_on(&board.name), manifest.gates_on(&board.name));
    stage::Runbook {
        subject,
        manifest: relative(manifest),
        owners: vec![
            named("deployment", &manifest.owner),
            named("arena", &arena.owner),
            named("kernels", &manifest.kernels.owner),
            named("gates", &gates.owner),
        ],
        contacts: manifest.runbook.clone(),
        runner: board.runner.clone(),
        rust_target: board.rust_target.clone(),
        regions: board.memory.iter().filter(|region| region.used).cloned().collect(),
        not_bootable: board.not_bootable().map(str::to_owned),
        slow_clock: board.slow_clock(),
        links_library,
        outputs: manifest.model.outputs.iter().map(|port| port.value.clone()).collect(),
        run_command: runner::run_command(&board.runner, artifact::HARNESS, artifact::SESSION),
        build_command: "cargo build --release --locked --offline".to_owned(),
        budget: arena.budget.value,
        stack_limit: gates.stack.as_ref().map(|limit| limit.value.max),
        flash_limit: gates.flash.as_ref().map(|limit| limit.value.max),
        parity: manifest.preprocess.is_some(),
        template: packed("templates/runbook.md"),
        frame: frame(),
    }
}
