//! `build`: manifests → plan → stages → `out/` → verdict. A straight line.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use camino::Utf8Path;
use deployctl_cache::{Engine, Failure, Options, Outcome, Placement, Status, TreeInput, materialize};

use super::gather::gather;
use super::workshop::{Workshop, store_error};
use super::{Done, lock};
use crate::cli::Build;
use crate::error::{Error, Kind};
use crate::gate::{Check, Judgement, Verdict};
use crate::manifest::Manifest;
use crate::plan::{self, Materials, Plan, Planned};
use crate::stage::artifact;
use crate::ui::{Event, Figure, Finding, StageStatus, Summary, Ui, Working};

pub(super) fn run(args: &Build, workshop: &Workshop) -> Result<Done, Error> {
    let manifests = workshop.around.manifests(&args.manifests)?;
    if args.install {
        super::doctor::install(&manifests, workshop)?;
    }
    let materials: Vec<Materials> =
        manifests.iter().map(|manifest| gather(manifest, workshop)).collect::<Result<_, _>>()?;
    let used: Vec<_> = manifests.iter().zip(&materials).map(|(manifest, found)| lock::used(manifest, found)).collect();
    if args.locked {
        manifests.iter().zip(&used).try_for_each(|(manifest, used)| lock::refuse_differences(manifest, used))?;
    }
    let plan = plan::plan(&manifests, &materials, &workshop.runtime());
    let built = build(&plan, args, workshop);
    workshop.remember();
    let built = built?;
    let verdict = deliver(&plan, &built, &manifests, &materials, workshop)?;
    if !args.locked {
        manifests.iter().zip(&used).try_for_each(|(manifest, used)| lock::record(manifest, used))?;
    }
    workshop.remember();
    Ok(Done::Verdict(verdict))
}

/// Runs the plan.
fn build(plan: &Plan, args: &Build, workshop: &Workshop) -> Result<Outcome, Error> {
    let mut options = Options { verify: args.verify, check: args.check, ..Options::default() };
    options.cancel = workshop.around.engine_cancel.clone();
    if let Some(jobs) = args.jobs {
        options.jobs = jobs.get();
    }
    let progress = workshop.ui.progress(plan.graph.ids().count());
    let watcher = Watcher { ui: workshop.ui, plan, progress, working: Mutex::default(), tally: Mutex::default() };
    let result = Engine::new(&workshop.store, options).build(&plan.graph, &|event| watcher.hear(&event));
    watcher.end();
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
    progress: Working,
    working: Mutex<BTreeMap<String, Working>>,
    tally: Mutex<Tally>,
}

/// How many stages ended how.
#[derive(Default)]
struct Tally {
    ran: usize,
    reused: usize,
    /// Stages that one before them kept from running.
    skipped: Vec<&'static str>,
}

impl Watcher<'_> {
    fn hear(&self, event: &deployctl_cache::Event) {
        use deployctl_cache::Event as Heard;
        match event {
            Heard::Started { node, stage } => {
                let found = self.plan.places.get(*node).map(|place| [&place.deployment, &place.target]);
                let names: Vec<&str> = found.into_iter().flatten().flatten().map(String::as_str).collect();
                let line = self.ui.working(format!("{stage:<10} {}", names.join(" on ")));
                held(&self.working).insert((*node).to_owned(), line);
            }
            Heard::Finished { node, stage, status: Status::Ran, duration } => {
                held(&self.tally).ran += 1;
                self.stage(node, stage, StageStatus::Ran, *duration);
            }
            Heard::Finished { node, stage, duration, .. } => {
                held(&self.tally).reused += 1;
                self.stage(node, stage, StageStatus::Reused, *duration);
            }
            Heard::Failed { node, stage, .. } => self.stage(node, stage, StageStatus::Failed, Duration::ZERO),
            Heard::Skipped { stage, .. } => {
                let skipped = &mut held(&self.tally).skipped;
                if !skipped.contains(stage) {
                    skipped.push(stage);
                }
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

    fn stage(&self, node: &str, stage: &str, status: StageStatus, duration: Duration) {
        held(&self.working).remove(node);
        self.progress.advance();
        let place = self.plan.places.get(node);
        self.ui.show(&Event::Stage {
            deployment: place.and_then(|place| place.deployment.clone()),
            target: place.and_then(|place| place.target.clone()),
            stage: stage.to_owned(),
            status,
            duration,
        });
    }

    /// Takes the bars away and says what was not reached.
    fn end(self) {
        let Self { ui, progress, working, tally, .. } = self;
        drop((progress, working));
        let Tally { ran, reused, skipped } = tally.into_inner().unwrap_or_else(PoisonError::into_inner);
        ui.tally(ran, reused);
        if !skipped.is_empty() {
            ui.show(&Event::Note { text: format!("not reached: {}", skipped.join(", ")) });
        }
    }
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Puts results in place and shows the verdicts.
fn deliver(
    plan: &Plan,
    built: &Outcome,
    manifests: &[Manifest],
    materials: &[Materials],
    workshop: &Workshop,
) -> Result<Verdict, Error> {
    let mut worst = Verdict::NotApplicable;
    for target in &plan.targets {
        let judgement: Judgement = read_json(built, target.gate, artifact::VERDICT)?;
        worst = worst.max(judgement.verdict);
        let mut placements: Vec<Placement> = Vec::new();
        for (id, path) in &target.results {
            // What a blocked stage did not make is not there to be copied.
            placements.extend(built.placements(*id, path, Utf8Path::new(path)).unwrap_or_default());
        }
        let delivered = materialize(&workshop.store, &target.out, &placements).map_err(|error| store_error(&error))?;
        for kept in delivered.kept {
            let text = format!("`{}/{}` was changed by hand: kept as `{}`", target.out, kept.path, kept.kept_as);
            workshop.ui.show(&Event::Note { text });
        }
        share(target, manifests, materials, workshop)?;
        show(target, &judgement, built, workshop)?;
    }
    Ok(worst)
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

/// One target's verdict, with what a person wants to see first.
fn show(target: &Planned, judgement: &Judgement, built: &Outcome, workshop: &Workshop) -> Result<(), Error> {
    let out = target.out.strip_prefix(&workshop.around.cwd).unwrap_or(&target.out);
    let report: serde_json::Value = read_json(built, target.report, artifact::REPORT_JSON)?;
    let bad = judgement.checks.iter().filter(|check| !check.verdict.is_good());
    let finding =
        |check: &Check| Finding { verdict: check.verdict, title: check.title.clone(), detail: check.detail.clone() };
    let summary = Summary {
        figures: figures(judgement, &report),
        findings: bad.map(finding).collect(),
        files: vec![
            ("report", out.join(artifact::REPORT).to_string()),
            ("runbook", out.join(artifact::RUNBOOK).to_string()),
        ],
    };
    workshop.ui.show(&Event::Verdict {
        deployment: target.deployment.clone(),
        target: target.board.clone(),
        verdict: judgement.verdict,
        out: out.to_string(),
        summary,
    });
    Ok(())
}

/// Figures with the limit and margin of the check that judges them.
fn figures(judgement: &Judgement, report: &serde_json::Value) -> Vec<Figure> {
    let rows = [
        ("arena_bytes", "arena_headroom", "arena", "bytes"),
        ("flash_bytes", "flash", "flash", "bytes"),
        ("stack_bytes", "stack", "stack", "bytes"),
        ("instructions", "latency", "instructions", ""),
    ];
    let figure = |(metric, check, title, unit): (&str, &str, &'static str, &'static str)| {
        let check = judgement.checks.iter().find(|found| found.name == check)?;
        Some(Figure {
            title,
            value: whole(report["metrics"][metric]["value"].as_f64()?),
            limit: check.limit.map(|limit| whole(limit.value)),
            unit,
            margin: check.margin,
            verdict: check.verdict,
        })
    };
    rows.into_iter().filter_map(figure).collect()
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "bytes and instructions are whole")]
fn whole(value: f64) -> u64 {
    value as u64
}
