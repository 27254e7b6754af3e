//! `build`: manifests → plan → stages → `out/` → verdict. A straight line.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use camino::Utf8Path;
use deployctl_cache::{Engine, Failure, Options, Outcome, StageId, Status, TreeInput};

use super::gather::gather;
use super::workshop::{Workshop, store_error};
use super::{Done, lock};
use crate::cli::Build;
use crate::error::{Error, Kind};
use crate::gate::{Judgement, Verdict};
use crate::manifest::Manifest;
use crate::plan::{self, Materials, Plan, Planned};
use crate::render::grouped;
use crate::stage::{Runtime, artifact};
use crate::ui::{Event, StageStatus, Ui, Working};

pub(super) fn run(args: &Build, workshop: &Workshop) -> Result<Done, Error> {
    let done = build(args, workshop);
    workshop.remember();
    done.map(Done::Verdict)
}

fn build(args: &Build, workshop: &Workshop) -> Result<Verdict, Error> {
    let manifests = workshop.around.manifests(&args.manifests)?;
    if args.install {
        super::doctor::install(&manifests, workshop)?;
    }
    if args.check {
        workshop.store.forget_files().map_err(|error| store_error(&error))?;
    }
    let materials: Vec<Materials> =
        manifests.iter().map(|manifest| gather(manifest, workshop)).collect::<Result<_, _>>()?;
    let used: Vec<_> = manifests.iter().zip(&materials).map(|(manifest, found)| lock::used(manifest, found)).collect();
    if args.locked {
        manifests.iter().zip(&used).try_for_each(|(manifest, used)| lock::refuse_differences(manifest, used))?;
    }
    let options = options(args, &manifests, workshop);
    let plan = plan::plan(&manifests, &materials, &runtime(args, options.jobs, workshop));
    let watcher = Watcher { ui: workshop.ui, plan: &plan, working: Mutex::default() };
    let hear = |event: deployctl_cache::Event| watcher.hear(&event);
    let engine = Engine::new(&workshop.store, options);
    let delivery = Delivery { engine, plan: &plan, hear: &hear, manifests: &manifests, materials: &materials, workshop };
    let verdict = delivery.build_and_deliver()?;
    if !args.locked {
        manifests.iter().zip(&used).try_for_each(|(manifest, used)| lock::record(manifest, used))?;
    }
    Ok(verdict)
}

fn options(args: &Build, manifests: &[Manifest], workshop: &Workshop) -> Options {
    let mut options =
        Options { verify: args.verify, check: args.check, scope: plan::scope(manifests), ..Options::default() };
    options.cancel = workshop.around.engine_cancel.clone();
    if let Some(jobs) = args.jobs {
        options.jobs = jobs.get();
    }
    options
}

fn runtime(args: &Build, jobs: usize, workshop: &Workshop) -> Runtime {
    let mut runtime = Runtime { jobs, ..workshop.runtime() };
    if let Some(limit) = args.time_limit {
        runtime.target_limit = Duration::from_secs(limit.get().into());
    }
    runtime
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
                Ok(error) => stage_error(&error),
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

/// The engine's own error about a stage. A stage whose bytes differ from one run to the next has a tool to blame.
fn stage_error(error: &deployctl_cache::Error) -> Error {
    match error {
        deployctl_cache::Error::NotReproducible { .. } => {
            Error::caused(Kind::Tool, error, "a tool that this stage starts writes something of its own: time, path, counter")
        }
        other => store_error(other),
    }
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

/// Builds a plan and brings its results to `out/`.
struct Delivery<'a> {
    engine: Engine<'a>,
    plan: &'a Plan,
    hear: &'a (dyn Fn(deployctl_cache::Event) + Sync),
    manifests: &'a [Manifest],
    materials: &'a [Materials],
    workshop: &'a Workshop<'a>,
}

impl Delivery<'_> {
    /// The worst verdict. Where stages failed, targets that do not need them are delivered before the error is given; of
    /// the others `out/` keeps what it had.
    fn build_and_deliver(&self) -> Result<Verdict, Error> {
        let (mut built, failure) = match self.engine.build(&self.plan.graph, self.hear) {
            Ok(built) => (built, None),
            Err(Failure::Stages { failed, skipped, finished }) => {
                ((*finished).clone(), Some(Failure::Stages { failed, skipped, finished }))
            }
            Err(failure) => return Err(failed(failure, self.workshop.ui)),
        };
        let mut worst = Verdict::NotApplicable;
        for target in self.plan.targets.iter().filter(|target| is_whole(target, &built)).collect::<Vec<_>>() {
            worst = worst.max(self.deliver(target, &mut built)?);
        }
        failure.map_or(Ok(worst), |failure| Err(failed(failure, self.workshop.ui)))
    }

    /// Puts a target's results in place and shows its verdict.
    fn deliver(&self, target: &Planned, built: &mut Outcome) -> Result<Verdict, Error> {
        let judgement: Judgement = self.read_json(built, target.gate, artifact::VERDICT)?;
        // What a blocked stage did not make is not there to be copied.
        let is_made = |id, path| built.placements(id, path, Utf8Path::new(path)).is_ok();
        let wanted: Vec<_> =
            target.results.iter().filter(|(id, path)| is_made(*id, path)).map(|(id, path)| (*id, *path, *path)).collect();
        let delivered = self
            .engine
            .materialize(&self.plan.graph, built, &target.out, &wanted, self.hear)
            .map_err(|failure| failed(failure, self.workshop.ui))?;
        for kept in delivered.kept {
            let text = format!("`{}/{}` was changed by hand: kept as `{}`", target.out, kept.path, kept.kept_as);
            self.workshop.ui.show(&Event::Note { text });
        }
        share(target, self.manifests, self.materials, self.workshop)?;
        let report = self.read_json(built, target.report, artifact::REPORT_JSON)?;
        show(target, &judgement, &report, self.workshop);
        Ok(judgement.verdict)
    }

    fn read_json<T: serde::de::DeserializeOwned>(
        &self,
        built: &mut Outcome,
        id: StageId,
        path: &str,
    ) -> Result<T, Error> {
        let bytes = self.engine.artifact(&self.plan.graph, built, id, path, self.hear);
        let bytes = bytes.map_err(|failure| failed(failure, self.workshop.ui))?;
        serde_json::from_slice(&bytes)
            .map_err(|error| Error::caused(Kind::Internal, &error, format!("`{path}` cannot be read")))
    }
}

/// Whether all stages that make a target's results ended well.
fn is_whole(target: &Planned, built: &Outcome) -> bool {
    let stages = target.results.iter().map(|(id, _)| *id).chain([target.gate, target.report]);
    stages.into_iter().all(|id| built.status(id).is_some())
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

/// One target's verdict in a few lines: what a person wants to see first.
fn show(target: &Planned, judgement: &Judgement, report: &serde_json::Value, workshop: &Workshop) {
    let out = target.out.strip_prefix(&workshop.around.cwd).unwrap_or(&target.out);
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
            let value = report["metrics"][*name]["value"].as_f64()?;
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
}
