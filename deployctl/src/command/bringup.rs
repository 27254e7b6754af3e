//! `bringup`: a target in the order in which a board is brought up, until the first thing that is wrong.
//!
//! Interface and operators are looked at before anything is compiled; then everything is built and measured, and memory and
//! kernels are looked at in this order.

use deployctl_cache::{Engine, Outcome, StageId};
use serde::de::DeserializeOwned;
use serde_json::json;

use super::deliver::{Delivery, Shown};
use super::gather::gather;
use super::watch::{Watcher, failed};
use super::workshop::Workshop;
use super::{Done, checked, lock, trust};
use crate::cli::Bringup;
use crate::error::{Error, Kind};
use crate::gate::step::{Step, of_interface, of_operators};
use crate::gate::{Check, Judgement, Verdict};
use crate::manifest::{self, Manifest};
use crate::plan::{self, Materials, Plan};
use crate::stage::artifact;
use crate::ui::Event;

pub(super) fn run(args: &Bringup, workshop: &Workshop) -> Result<Done, Error> {
    let manifests = workshop.around.manifests_with(&args.manifests, &args.commands)?;
    if let Some(board) = &args.board {
        has_board(&manifests, board)?;
    }
    let materials = gather(&manifests, workshop)?;
    let mut worst = Verdict::NotApplicable;
    for (manifest, found) in manifests.iter().zip(&materials) {
        for index in 0..manifest.targets.len() {
            let target = One::of(manifest, found, index);
            if args.board.as_ref().is_none_or(|board| *board == target.board()) {
                worst = worst.max(target.walk(args.allow_commands, workshop)?);
            }
        }
    }
    let used: Vec<_> = manifests.iter().zip(&materials).map(|(manifest, found)| lock::used(manifest, found)).collect();
    lock::record(&manifests, &used)?;
    workshop.remember();
    Ok(Done::Verdict(worst))
}

fn has_board(manifests: &[Manifest], board: &str) -> Result<(), Error> {
    let known: Vec<&str> =
        manifests.iter().flat_map(|manifest| &manifest.targets).map(|target| target.board.name.as_str()).collect();
    if known.contains(&board) {
        return Ok(());
    }
    let message = format!("no manifest here has the target `{board}`");
    Err(Error::plain(Kind::Usage, message, manifest::suggest(board, known)))
}

/// A manifest with one of its targets.
struct One {
    manifests: [Manifest; 1],
    materials: [Materials; 1],
}

impl One {
    fn of(manifest: &Manifest, found: &Materials, index: usize) -> Self {
        let (mut manifest, mut found) = (manifest.clone(), found.clone());
        manifest.targets = vec![manifest.targets.swap_remove(index)];
        found.targets = vec![found.targets.swap_remove(index)];
        Self { manifests: [manifest], materials: [found] }
    }

    fn deployment(&self) -> &str {
        &self.manifests[0].name.value
    }

    fn board(&self) -> &str {
        &self.manifests[0].targets[0].board.name
    }

    fn plan(&self, workshop: &Workshop) -> Plan {
        plan::plan(&self.manifests, &self.materials, &workshop.runtime())
    }

    /// All steps, until one is wrong; gives its verdict.
    fn walk(&self, allowed: bool, workshop: &Workshop) -> Result<Verdict, Error> {
        let (deployment, board) = (self.deployment(), self.board());
        let text = format!("{deployment} on {board}");
        workshop.ui.show(&Event::Line { fields: json!({ "deployment": deployment, "target": board }), text });
        let plan = self.plan(workshop);
        let engine = Engine::new(&workshop.store, workshop.options(&self.manifests));
        trust::ask(&self.manifests, &plan, &engine, allowed, workshop)?;
        let interface = self.look(&format!("{deployment}/interface"), artifact::INTERFACE, workshop)?;
        let early = of_interface(&interface);
        if !early.verdict.is_good() {
            return Ok(stop(Step::Interface, &[&early], workshop));
        }
        let audit = self.look(&format!("{deployment}/{board}/audit"), artifact::AUDIT, workshop)?;
        let operators = of_operators(&audit);
        if !operators.verdict.is_good() {
            pass(Step::Interface, &[&early], workshop);
            return Ok(stop(Step::Operators, &[&operators], workshop));
        }
        let judgement = self.measure(&plan, workshop)?;
        for step in Step::ALL {
            let checks = step.of(&judgement);
            if checks.iter().any(|check| !check.verdict.is_good()) {
                return Ok(stop(step, &checks, workshop));
            }
            pass(step, &checks, workshop);
        }
        Ok(Verdict::Pass)
    }

    /// Makes what leads to a stage, and reads its result.
    fn look<T: DeserializeOwned>(&self, node: &str, path: &str, workshop: &Workshop) -> Result<T, Error> {
        let mut plan = self.plan(workshop);
        let missing = || Error::plain(Kind::Internal, format!("there is no stage `{node}`"), "please report this");
        let last = plan.graph.find(node).ok_or_else(missing)?;
        plan.graph.keep_to(last);
        let engine = Engine::new(&workshop.store, workshop.options(&self.manifests));
        let watcher = Watcher::new(workshop.ui, &plan);
        let built = engine.build(&plan.graph, &|event| watcher.hear(&event));
        watcher.end();
        read(&built.map_err(|failure| failed(failure, workshop.ui))?, last, path)
    }

    /// Builds, measures and judges everything; results go to `out/`.
    fn measure(&self, plan: &Plan, workshop: &Workshop) -> Result<Judgement, Error> {
        let watcher = Watcher::new(workshop.ui, plan);
        let engine = Engine::new(&workshop.store, workshop.options(&self.manifests));
        let (manifests, materials) = (&self.manifests, &self.materials);
        let shown = Shown::Nothing;
        let delivery =
            Delivery { engine, plan, watcher: &watcher, manifests, materials, workshop, shown, annotations: false };
        let built = delivery.build()?;
        let outcome = built.outcome().clone();
        delivery.deliver(built)?;
        read(&outcome, plan.targets[0].gate, artifact::VERDICT)
    }
}

fn read<T: DeserializeOwned>(outcome: &Outcome, stage: StageId, path: &str) -> Result<T, Error> {
    let broken =
        |error: &dyn std::error::Error| Error::caused(Kind::Internal, error, format!("`{path}` cannot be read"));
    let bytes = outcome.artifact(stage, path).map_err(|error| broken(&error))?;
    serde_json::from_slice(&bytes).map_err(|error| broken(&error))
}

/// A step whose checks are good.
fn pass(step: Step, checks: &[&Check], workshop: &Workshop) {
    head(step, workshop);
    for check in checks {
        checked::show(check, workshop.ui);
    }
}

/// The step at which a bring-up ends: what is good in it, the first thing that is not, and what is not looked at.
fn stop(step: Step, checks: &[&Check], workshop: &Workshop) -> Verdict {
    head(step, workshop);
    let end = checks.iter().position(|check| !check.verdict.is_good()).map_or(checks.len(), |at| at + 1);
    for check in &checks[..end] {
        checked::show(check, workshop.ui);
    }
    let left: Vec<&str> = Step::ALL.into_iter().skip_while(|other| *other != step).skip(1).map(Step::name).collect();
    if !left.is_empty() {
        let text = format!("stopped at {}: mend this first; not looked at: {}", step.name(), left.join(", "));
        workshop.ui.show(&Event::Note { text });
    }
    checks.get(end.saturating_sub(1)).map_or(Verdict::Unknown, |check| check.verdict)
}

fn head(step: Step, workshop: &Workshop) {
    let number = Step::ALL.iter().position(|other| *other == step).map_or(0, |at| at + 1);
    let text = format!("{number} {}: {}", step.name(), step.question());
    workshop.ui.show(&Event::Line { fields: json!({ "step": step.name() }), text });
}
