//! The key of stage `gate`: what is allowed on a board, from manifest and materials.

use super::Materials;
use crate::gate::{Limits, Making, Present, Scores, Services, Waived};
use crate::manifest::{self, Board, Manifest, Runner};
use crate::stage;

pub(super) fn gate(manifest: &Manifest, board: &Board, materials: &Materials) -> stage::Gate {
    let (release, reissued) = (materials.release.clone(), materials.reissued.clone());
    let is_held = release.is_some() || reissued.is_some();
    stage::Gate {
        limits: limits(manifest, board, materials),
        parity: manifest.preprocess.is_some(),
        present: is_held.then(|| Present::of(manifest, &board.name)),
        release,
        reissued,
        reproduced: materials.reproduced,
    }
}

fn limits(manifest: &Manifest, board: &Board, materials: &Materials) -> Limits {
    let making = if materials.convert.is_some() { Making::Made } else { Making::Forbidden };
    Limits {
        conversion: manifest.convert.is_some().then_some(making),
        waivers: waivers(manifest, board, &materials.expired),
        governance: materials.governance.clone(),
        ..declared_limits(manifest, board)
    }
}

/// Limits as the manifest alone has them, without what a day and a machine add to them.
pub fn declared_limits(manifest: &Manifest, board: &Board) -> Limits {
    let (arena, gates) = (manifest.arena_on(&board.name), manifest.gates_on(&board.name));
    Limits {
        budget: arena.budget.value,
        headroom: arena.headroom,
        policy: (board.runner != Runner::Host).then_some(manifest.kernels.policy),
        max_mac_share: manifest.kernels.max_mac_share,
        flash: gates.flash.as_ref().map(|limit| limit.value),
        ram: gates.ram.as_ref().map(|limit| limit.value),
        stack: gates.stack.as_ref().map(|limit| limit.value),
        latency: gates.latency.as_ref().map(|limit| limit.value),
        services: services(manifest, board),
        hop: gates.hop.as_ref().map(|limit| limit.value),
        startup: gates.startup.as_ref().map(|limit| limit.value),
        accuracy: gates.accuracy.as_ref().and_then(|asked| scores(manifest, &asked.value)),
        max_lsb: manifest.preprocess.as_ref().and_then(|steps| Some(steps.parity.as_ref()?.max_lsb.value)),
        conversion: None,
        runner: board.runner.name(),
        waivers: waivers(manifest, board, &[]),
        own: manifest.own_paths(&board.name),
        governance: None,
    }
}

fn services(manifest: &Manifest, board: &Board) -> Services {
    match &manifest.services {
        None => Services::Undeclared,
        Some(_) if board.runner == Runner::Host => Services::NotInterrupted,
        Some(services) if services.cpu.0 <= 0.0 => Services::Idle,
        Some(_) => Services::Interrupt,
    }
}

/// Waivers; that one has expired was found out by whoever knows what day it is.
fn waivers(manifest: &Manifest, board: &Board, expired: &[String]) -> Vec<Waived> {
    let waivers = manifest.waivers_on(&board.name).into_iter();
    waivers.map(|(path, waiver)| Waived { waiver: waiver.clone(), expired: expired.contains(&path) }).collect()
}

/// The output that accuracy is asked of.
fn scores(manifest: &Manifest, asked: &manifest::Accuracy) -> Option<Scores> {
    let outputs = &manifest.model.outputs;
    let is_meant = |output: &manifest::Port| asked.output.as_ref().is_none_or(|name| output.name == *name);
    let position = outputs.iter().position(|output| is_meant(&output.value))?;
    Some(Scores { asked: asked.clone(), position, dtype: outputs[position].value.dtype })
}
