//! What people see while a build runs, and what they are told when it fails.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use deployctl_cache::{Failure, Status};

use super::workshop::store_error;
use crate::error::{Error, Kind};
use crate::plan::Plan;
use crate::ui::{Event, StageStatus, Ui, Working};

/// Turns the engine's events into what people see.
pub(super) struct Watcher<'a> {
    ui: &'a Ui,
    plan: &'a Plan,
    progress: Mutex<Option<Working>>,
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

impl<'a> Watcher<'a> {
    /// Watches a build of `plan`.
    pub(super) fn new(ui: &'a Ui, plan: &'a Plan) -> Self {
        let progress = Mutex::new(Some(ui.progress(plan.graph.len())));
        Self { ui, plan, progress, working: Mutex::default(), tally: Mutex::default() }
    }

    /// Shows one event.
    pub(super) fn hear(&self, event: &deployctl_cache::Event) {
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
                if *stage == "convert" {
                    let text = format!("`deployctl why {node} --log` prints what the command printed");
                    self.ui.show(&Event::Note { text });
                }
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
        if let Some(progress) = &*held(&self.progress) {
            progress.advance();
        }
        let place = self.plan.places.get(node);
        self.ui.show(&Event::Stage {
            deployment: place.and_then(|place| place.deployment.clone()),
            target: place.and_then(|place| place.target.clone()),
            stage: stage.to_owned(),
            status,
            duration,
        });
    }

    /// Takes the bars away and says what ran and what was not reached.
    pub(super) fn end(&self) {
        held(&self.progress).take();
        held(&self.working).clear();
        let Tally { ran, reused, skipped } = std::mem::take(&mut *held(&self.tally));
        if skipped.is_empty() {
            self.ui.tally(ran, reused);
        } else {
            self.ui.show(&Event::Note { text: format!("not reached: {}", skipped.join(", ")) });
        }
    }
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The first failed stage's own error; the others are shown before it.
pub(super) fn failed(failure: Failure, ui: &Ui) -> Error {
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
        deployctl_cache::Error::NotReproducible { .. } => Error::caused(
            Kind::Tool,
            error,
            "a tool that this stage starts writes something of its own: time, path, counter",
        ),
        other => store_error(other),
    }
}
