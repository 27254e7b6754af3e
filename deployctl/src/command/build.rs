//! `build`: manifests → plan → stages → `out/` → verdict. A straight line.

use std::collections::BTreeMap;
use std::sync::Mutex;

use camino::Utf8Path;
use deployctl_cache::{Delivered, Engine, Failure, Options, Outcome, Placement, Status, TreeInput, materialize};

use serde::Deserialize;

use super::gather::gather;
use super::phases::Phases;
use super::workshop::{Workshop, store_error};
use super::{Done, lock, parallel};
use crate::cli::Build;
use crate::error::{Error, Kind};
use crate::gate::{Judgement, Verdict};
use crate::manifest::Manifest;
use crate::plan::{self, Materials, Plan, Planned};
use crate::render::grouped;
use crate::stage::artifact;
use crate::ui::{Event, StageStatus, Ui, Working};

pub(super) fn run(args: &Build, workshop: &Workshop) -> Result<Done, Error> {
    let mut phases = Phases::begin(workshop.ui);
    let manifests = workshop.around.manifests(&args.manifests)?;
    phases.end("manifests: parse and check");
    if args.install {
        super::doctor::install(&manifests, workshop)?;
    }
    let materials = gather(&manifests, workshop)?;
    let used: Vec<_> = manifests.iter().zip(&materials).map(|(manifest, found)| lock::used(manifest, found)).collect();
    if args.locked {
        manifests.iter().zip(&used).try_for_each(|(manifest, used)| lock::refuse_differences(manifest, used))?;
    }
    phases.end("materials: look at files, tools and sources");
    let plan = plan::plan(&manifests, &materials, &workshop.runtime());
    phases.end("plan: make the graph");
    let built = build(&plan, &manifests, args, workshop);
    phases.end("stages: look up records, run what is missing");
    workshop.remember();
    let built = built?;
    let verdict = deliver(&plan, &built, &manifests, &materials, workshop)?;
    phases.end("out: look at results, copy what differs");
    if !args.locked {
        lock::record(&manifests, &used)?;
    }
    workshop.remember();
    phases.end("lock: compare and record");
    if args.timings {
        phases.show();
    }
    Ok(Done::Verdict(verdict))
}

/// Runs the plan.
fn build(plan: &Plan, manifests: &[Manifest], args: &Build, workshop: &Workshop) -> Result<Outcome, Error> {
    let mut options = Options { verify: args.verify, check: args.check, ..workshop.options(manifests) };
    if let Some(jobs) = args.jobs {
        options.jobs = jobs.get();
    }
    let watcher = Watcher { ui: workshop.ui, plan, working: Mutex::default() };
    let result = Engine::new(&workshop.store, options).build(&plan.graph, &|event| watcher.hear(&event));
    drop(watcher);
    result.map_err(|failure| failed(failure, workshop.ui))
}

/// The first failed stage's own error; the others are shown before it.
fn failed(failure: Failure, ui: &Ui) -> Error {
    let stages = match failure {
        Failure::Stages { failed, .. } => failed,
        Failure::Cancelled => {
            return Error::plain(Kind::Tool, "interrupted", "what had ended is kept: run the command again to go on");
        }
        Failure::Engine(error) => return store_error(&error),
    };
    let mut errors = stages.into_iter().map(|stage| {
        let node = stage.node;
        match stage.error.downcast::<Error>() {
            Ok(error) => *error,
            Err(other) => match other.downcast::<deployctl_cache::Error>() {
                Ok(error) => store_error(&error),
                Err(other) => {
                    Error::caused(Kind::Internal, other.as_ref(), format!("stage `{node}`: please report this"))
                }
            },
        }
    });
    let first = errors.next();
    errors.for_each(|error| ui.fail(&error));
    first.unwrap_or_else(|| Error::plain(Kind::Internal, "a build failed without a failed stage", "please report this"))
}

/// Turns the engine's events into what people see.
struct Watcher<'a> {
    ui: &'a Ui,
    plan: &'a Plan,
    working: Mutex<BTreeMap<String, Working>>,
}

impl Watcher<'_> {
    fn hear(&self, event: &deployctl_cache::Event) {
        use deployctl_cache::Event as Heard;
        let working = || self.working.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        match event {
            Heard::Started { node, stage } => {
                let line =
                    self.ui.working(format!("{stage:<10} {}", node.trim_end_matches(stage).trim_end_matches('/')));
                working().insert((*node).to_owned(), line);
            }
            Heard::Finished { node, stage, status, .. } => {
                working().remove(*node);
                let status = if *status == Status::Ran { StageStatus::Ran } else { StageStatus::Reused };
                self.stage(node, stage, status);
            }
            Heard::Failed { node, stage, .. } | Heard::Skipped { node, stage, .. } => {
                working().remove(*node);
                self.stage(node, stage, StageStatus::Failed);
            }
            Heard::Damaged { node, .. } => {
                self.ui.show(&Event::Note { text: format!("an artifact of `{node}` was damaged and is made again") });
            }
            Heard::Waiting { node, .. } => {
                self.ui.show(&Event::Note { text: format!("another build makes `{node}`; its result will be used") });
            }
            Heard::Log { line, .. } => self.ui.show(&Event::Note { text: (*line).to_owned() }),
            Heard::Warning { error } => self.ui.show(&Event::Note { text: error.to_string() }),
        }
    }

    fn stage(&self, node: &str, stage: &str, status: StageStatus) {
        let place = self.plan.places.get(node);
        self.ui.show(&Event::Stage {
            deployment: place.and_then(|place| place.deployment.clone()),
            target: place.and_then(|place| place.target.clone()),
            stage: stage.to_owned(),
            status,
        });
    }
}

/// Puts results in place and shows the verdicts.
fn deliver(
    plan: &Plan,
    built: &Outcome,
    manifests: &[Manifest],
    materials: &[Materials],
    workshop: &Workshop,
) -> Result<Verdict, Error> {
    let delivered = parallel::map(&plan.targets, |target| put_in_place(target, built, workshop));
    let mut worst = Verdict::NotApplicable;
    for (target, delivered) in plan.targets.iter().zip(delivered) {
        let judgement: Judgement = read_json(built, target.gate, artifact::VERDICT)?;
        worst = worst.max(judgement.verdict);
        for kept in delivered?.kept {
            let text = format!("`{}/{}` was changed by hand: kept as `{}`", target.out, kept.path, kept.kept_as);
            workshop.ui.show(&Event::Note { text });
        }
        share(target, manifests, materials, workshop)?;
        show(target, &judgement, built, workshop)?;
    }
    Ok(worst)
}

fn put_in_place(target: &Planned, built: &Outcome, workshop: &Workshop) -> Result<Delivered, Error> {
    let mut placements: Vec<Placement> = Vec::new();
    for (id, path) in &target.results {
        // What a blocked stage did not make is not there to be copied.
        placements.extend(built.placements(*id, path, Utf8Path::new(path)).unwrap_or_default());
    }
    materialize(&workshop.store, &target.out, &placements).map_err(|error| store_error(&error))
}

/// Vendored crates and kernel sources, once for all projects below `out/.shared`. A folder's name is its digest, so one
/// that is there is the right one.
fn share(target: &Planned, manifests: &[Manifest], materials: &[Materials], workshop: &Workshop) -> Result<(), Error> {
    let manifest = &manifests[target.manifest];
    let Some(index) = manifest.targets.iter().position(|one| one.board.name == target.board) else { return Ok(()) };
    let found = &materials[target.manifest].targets[index];
    let shared = manifest.root.join("out/.shared");
    let crates = shared.join(&found.crates.digest);
    if !crates.exists() {
        let tree = workshop.store.tree(&found.crates.vendor, |_| true).map_err(|error| store_error(&error))?;
        place(&tree, &crates)?;
    }
    if let Some(library) = &found.library {
        let sources = shared.join(library.sources.digest().to_string());
        if !sources.exists() {
            place(&library.sources, &sources)?;
        }
    }
    Ok(())
}

/// Copies a tree beside its place and renames it there.
fn place(tree: &TreeInput, to: &Utf8Path) -> Result<(), Error> {
    let io = |error: &std::io::Error| Error::caused(Kind::Store, error, format!("`{to}` could not be put in place"));
    let partial = to.with_extension(format!("partial-{}", std::process::id()));
    tree.copy_into(&partial).map_err(|error| store_error(&error))?;
    match std::fs::rename(&partial, to) {
        Ok(()) => Ok(()),
        // Another build was faster with the same bytes.
        Err(_) if to.exists() => std::fs::remove_dir_all(&partial).map_err(|error| io(&error)),
        Err(error) => Err(io(&error)),
    }
}

fn read_json<T: serde::de::DeserializeOwned>(
    built: &Outcome,
    id: deployctl_cache::StageId,
    path: &str,
) -> Result<T, Error> {
    let bytes = built.artifact(id, path).map_err(|error| store_error(&error))?;
    serde_json::from_slice(&bytes)
        .map_err(|error| Error::caused(Kind::Internal, &error, format!("`{path}` cannot be read")))
}

/// What is shown of a gate report.
#[derive(Deserialize)]
struct Report {
    metrics: BTreeMap<String, Metric>,
}

#[derive(Deserialize)]
struct Metric {
    value: Option<f64>,
}

/// One target's verdict in a few lines: what a person wants to see first.
fn show(target: &Planned, judgement: &Judgement, built: &Outcome, workshop: &Workshop) -> Result<(), Error> {
    let out = target.out.strip_prefix(&workshop.around.cwd).unwrap_or(&target.out);
    let report: Report = read_json(built, target.report, artifact::REPORT_JSON)?;
    let mut summary = vec![format!("{} on {}: {}", target.deployment, target.board, judgement.verdict.name())];
    let figures = [
        ("arena_bytes", "arena", "bytes"),
        ("flash_bytes", "flash", "bytes"),
        ("stack_bytes", "stack", "bytes"),
        ("instructions", "instructions", ""),
    ];
    let shown: Vec<String> = figures
        .iter()
        .filter_map(|(name, title, unit)| {
            let value = report.metrics.get(*name)?.value?;
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "bytes and instructions are whole"
            )]
            let number = grouped(value as u64);
            Some(format!("{title} {number} {unit}").trim_end().to_owned())
        })
        .collect();
    if !shown.is_empty() {
        summary.push(format!("  {}", shown.join(", ")));
    }
    for check in judgement.checks.iter().filter(|check| !check.verdict.is_good()) {
        summary.push(format!("  {} {}: {}", check.verdict.name(), check.title, check.detail));
    }
    summary.push(format!("  report  {out}/{}", artifact::REPORT));
    summary.push(format!("  runbook {out}/{}", artifact::RUNBOOK));
    workshop.ui.show(&Event::Verdict {
        deployment: target.deployment.clone(),
        target: target.board.clone(),
        verdict: judgement.verdict.name().to_owned(),
        out: out.to_string(),
        summary,
    });
    Ok(())
}
