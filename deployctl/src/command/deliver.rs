//! Results from the store to `out/`, and the verdict in a few lines.

use camino::Utf8Path;
use deployctl_cache::{Engine, Failure, Outcome, StageId, TreeInput};

use super::watch::{Watcher, failed};
use super::workshop::{Workshop, store_error};
use crate::error::{Error, Kind};
use crate::gate::{Judgement, Verdict};
use crate::manifest::Manifest;
use crate::plan::{Materials, Plan, Planned};
use crate::stage::artifact;
use crate::ui::{Event, Figure, Finding, Summary};

/// Builds a plan and brings its results to `out/`.
pub(super) struct Delivery<'a> {
    pub(super) engine: Engine<'a>,
    pub(super) plan: &'a Plan,
    pub(super) watcher: &'a Watcher<'a>,
    pub(super) manifests: &'a [Manifest],
    pub(super) materials: &'a [Materials],
    pub(super) workshop: &'a Workshop<'a>,
}

impl Delivery<'_> {
    /// The worst verdict. Where stages failed, targets that do not need them are delivered before the error is given; of
    /// the others `out/` keeps what it had.
    pub(super) fn build_and_deliver(&self) -> Result<Verdict, Error> {
        let built = self.engine.build(&self.plan.graph, &|event| self.watcher.hear(&event));
        self.watcher.end();
        let (mut built, failure) = match built {
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
        let wanted: Vec<_> = target
            .results
            .iter()
            .filter(|(id, path)| is_made(*id, path))
            .map(|(id, path)| (*id, *path, *path))
            .collect();
        let delivered = self
            .engine
            .materialize(&self.plan.graph, built, &target.out, &wanted, &|event| self.watcher.hear(&event))
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

/// One target's verdict, with what a person wants to see first.
fn show(target: &Planned, judgement: &Judgement, report: &serde_json::Value, workshop: &Workshop) {
    let out = target.out.strip_prefix(&workshop.around.cwd).unwrap_or(&target.out);
    let summary = Summary {
        figures: figures(judgement, report),
        findings: findings(judgement),
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

/// What stands against shipping, worst first; checks that have one reason share a line.
fn findings(judgement: &Judgement) -> Vec<Finding> {
    let mut findings: Vec<Finding> = Vec::new();
    for check in judgement.checks.iter().filter(|check| !check.verdict.is_good()) {
        let same = |found: &&mut Finding| found.verdict == check.verdict && found.detail == check.detail;
        match findings.iter_mut().find(same) {
            Some(found) => found.title = format!("{}, {}", found.title, check.title),
            None => findings.push(Finding {
                verdict: check.verdict,
                title: check.title.clone(),
                detail: check.detail.clone(),
            }),
        }
    }
    findings.sort_by_key(|found| std::cmp::Reverse(found.verdict));
    findings
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
