//! Results from the store to `out/`, and the verdict in a few lines.

use std::collections::BTreeMap;

use camino::Utf8Path;
use deployctl_cache::{Delivered, Engine, Failure, Outcome, Placement, StageId, TreeInput, materialize};
use serde::Deserialize;

use super::watch::{Watcher, failed};
use super::workshop::{Workshop, store_error};
use super::{checked, parallel};
use crate::error::{Error, Kind};
use crate::gate::{Judgement, Verdict};
use crate::manifest::{self, Manifest};
use crate::plan::{Materials, Plan, Planned};
use crate::stage::artifact;
use crate::ui::{Event, Figure, Finding, Level, Summary};

/// Builds a plan and brings its results to `out/`.
pub(super) struct Delivery<'a> {
    pub(super) engine: Engine<'a>,
    pub(super) plan: &'a Plan,
    pub(super) watcher: &'a Watcher<'a>,
    pub(super) manifests: &'a [Manifest],
    pub(super) materials: &'a [Materials],
    pub(super) workshop: &'a Workshop<'a>,
    pub(super) shown: Shown,
    /// Whether what is not well is said at the manifest's line, too.
    pub(super) annotations: bool,
}

/// What is shown of a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shown {
    /// Nothing: the command has its own words.
    Nothing,
    /// The verdict, figures, and what stands against shipping.
    Verdict,
    /// That, and every check.
    Checks,
}

/// What a build made, and what kept it from making the rest.
pub(super) struct Built {
    outcome: Outcome,
    failure: Option<Failure>,
}

impl Built {
    /// What was made.
    pub(super) fn outcome(&self) -> &Outcome {
        &self.outcome
    }
}

impl Delivery<'_> {
    /// Runs the plan.
    pub(super) fn build(&self) -> Result<Built, Error> {
        let built = self.engine.build(&self.plan.graph, &|event| self.watcher.hear(&event));
        self.watcher.end();
        match built {
            Ok(outcome) => Ok(Built { outcome, failure: None }),
            Err(Failure::Stages { failed, skipped, finished }) => {
                let outcome = (*finished).clone();
                Ok(Built { outcome, failure: Some(Failure::Stages { failed, skipped, finished }) })
            }
            Err(failure) => Err(failed(failure, self.workshop.ui)),
        }
    }

    /// Brings results to `out/` and gives the worst verdict. Where stages failed, targets that do not need them are
    /// delivered before the error is given; of the others `out/` keeps what it had.
    pub(super) fn deliver(&self, built: Built) -> Result<Verdict, Error> {
        let Built { mut outcome, failure } = built;
        let whole: Vec<&Planned> = self.plan.targets.iter().filter(|target| is_whole(target, &outcome)).collect();
        let placed = parallel::map(&whole, |target| self.put_in_place(target, &outcome));
        let mut worst = Verdict::NotApplicable;
        for (target, placed) in whole.into_iter().zip(placed) {
            worst = worst.max(self.finish(target, placed, &mut outcome)?);
        }
        failure.map_or(Ok(worst), |failure| Err(failed(failure, self.workshop.ui)))
    }

    fn put_in_place(&self, target: &Planned, outcome: &Outcome) -> Result<Delivered, deployctl_cache::Error> {
        let mut placements: Vec<Placement> = Vec::new();
        for (id, path) in &target.results {
            // What a blocked stage did not make is not there to be copied.
            placements.extend(outcome.placements(*id, path, Utf8Path::new(path)).unwrap_or_default());
        }
        materialize(&self.workshop.store, &target.out, &placements)
    }

    /// Mends what was damaged, and shows the target's verdict.
    fn finish(
        &self,
        target: &Planned,
        placed: Result<Delivered, deployctl_cache::Error>,
        outcome: &mut Outcome,
    ) -> Result<Verdict, Error> {
        let delivered = match placed {
            Err(deployctl_cache::Error::Damaged { .. }) => self.mend(target, outcome)?,
            placed => placed.map_err(|error| store_error(&error))?,
        };
        for kept in delivered.kept {
            let out = target.out.strip_prefix(&self.workshop.around.cwd).unwrap_or(&target.out);
            let text = format!("`{out}/{}` was changed by hand: kept as `{}`", kept.path, kept.kept_as);
            self.workshop.ui.show(&Event::Note { text });
        }
        share(target, self.manifests, self.materials, self.workshop)?;
        let judgement: Judgement = self.read_json(outcome, target.gate, artifact::VERDICT)?;
        let report = self.read_json(outcome, target.report, artifact::REPORT_JSON)?;
        if self.shown != Shown::Nothing {
            show(target, &self.manifests[target.manifest], &judgement, &report, self.workshop);
        }
        if self.shown == Shown::Checks {
            for check in &judgement.checks {
                checked::show(check, self.workshop.ui);
            }
        }
        if self.annotations {
            self.annotate(target, &judgement, &report);
        }
        Ok(judgement.verdict)
    }

    /// Makes damaged artifacts again, and puts them in place.
    fn mend(&self, target: &Planned, outcome: &mut Outcome) -> Result<Delivered, Error> {
        let is_made = |id, path| outcome.placements(id, path, Utf8Path::new(path)).is_ok();
        let wanted: Vec<_> = target
            .results
            .iter()
            .filter(|(id, path)| is_made(*id, path))
            .map(|(id, path)| (*id, *path, *path))
            .collect();
        let hear = |event: deployctl_cache::Event| self.watcher.hear(&event);
        self.engine
            .materialize(&self.plan.graph, outcome, &target.out, &wanted, &hear)
            .map_err(|failure| failed(failure, self.workshop.ui))
    }

    /// What stands against shipping or is waived, at its line.
    fn annotate(&self, target: &Planned, judgement: &Judgement, report: &Report) {
        let manifest = &self.manifests[target.manifest];
        let repository = manifest.root.ancestors().find(|folder| folder.join(".git").exists());
        let file = manifest.path.strip_prefix(repository.unwrap_or(&self.workshop.around.cwd));
        let file = file.unwrap_or(&manifest.path).to_string();
        for check in &judgement.checks {
            let level = match check.verdict {
                Verdict::Pass | Verdict::NotApplicable => continue,
                Verdict::Waived => Level::Notice,
                Verdict::Thin => Level::Warning,
                Verdict::Unknown | Verdict::Fail => Level::Error,
            };
            let line = report.gates.iter().find(|gate| gate.name == check.name).and_then(|gate| gate.line);
            self.workshop.ui.show(&Event::Annotation {
                level,
                file: file.clone(),
                line: line.unwrap_or(report.target_line),
                title: format!(
                    "{} on {}: {} is {}",
                    target.deployment,
                    target.board,
                    check.title,
                    check.verdict.name()
                ),
                message: check.detail.clone(),
            });
        }
    }

    fn read_json<T: serde::de::DeserializeOwned>(
        &self,
        built: &mut Outcome,
        id: StageId,
        path: &str,
    ) -> Result<T, Error> {
        let bytes = self.engine.artifact(&self.plan.graph, built, id, path, &|event| self.watcher.hear(&event));
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

/// What is shown of a gate report.
#[derive(Deserialize)]
struct Report {
    metrics: BTreeMap<String, Metric>,
    gates: Vec<Gate>,
    target_line: usize,
}

#[derive(Deserialize)]
struct Gate {
    name: String,
    line: Option<usize>,
}

#[derive(Deserialize)]
struct Metric {
    value: Option<f64>,
}

/// One target's verdict, with what a person wants to see first.
fn show(target: &Planned, manifest: &Manifest, judgement: &Judgement, report: &Report, workshop: &Workshop) {
    let out = target.out.strip_prefix(&workshop.around.cwd).unwrap_or(&target.out);
    let summary = Summary {
        figures: figures(judgement, report),
        findings: findings(judgement, manifest, &workshop.around.cwd),
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
}

/// What stands against shipping or would without a waiver, worst first, each with its line of the manifest; checks that have
/// one reason share a line.
fn findings(judgement: &Judgement, manifest: &Manifest, cwd: &Utf8Path) -> Vec<Finding> {
    let (lines, path) = (manifest::lines(manifest), manifest.path.strip_prefix(cwd).unwrap_or(&manifest.path));
    let mut findings: Vec<Finding> = Vec::new();
    for check in judgement.checks.iter().filter(|check| check.verdict >= Verdict::Waived) {
        let (verdict, title) = (check.verdict, check.title.clone());
        let line = check.manifest.as_ref().and_then(|place| lines.get(place));
        let place = line.map_or_else(String::new, |line| format!(" ({path}:{line})"));
        let detail = format!("{}{place}", check.detail);
        match findings.iter_mut().find(|found| found.verdict == verdict && found.detail == detail) {
            Some(found) => found.title = format!("{}, {title}", found.title),
            None => findings.push(Finding { verdict, title, detail }),
        }
    }
    findings.sort_by_key(|found| std::cmp::Reverse(found.verdict));
    findings
}

/// Figures with the limit and margin of the check that judges them.
fn figures(judgement: &Judgement, report: &Report) -> Vec<Figure> {
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
            value: whole(check.value.map(|value| value.value).or(report.metrics.get(metric)?.value)?),
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
