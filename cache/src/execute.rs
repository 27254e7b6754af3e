//! One stage, from its key to its record: lock, look again, run in a fresh folder, keep the outputs, write the record.
//! Knows nothing of the rest of the graph.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use camino::Utf8PathBuf;

use crate::graph::Node;
use crate::io::Io;
use crate::job::{Notes, Resolved};
use crate::key::KeyFields;
use crate::lock::Lock;
use crate::outcome::Events;
use crate::{BoxError, Digest, Error, Event, Job, Options, Output, Record, StageId, Status, Store};

/// A stage that is to run.
pub(crate) struct Task<'a> {
    pub(crate) store: &'a Store,
    pub(crate) options: &'a Options,
    pub(crate) events: Events<'a>,
    pub(crate) node: &'a Node,
    pub(crate) fields: KeyFields,
    pub(crate) key: Digest,
    pub(crate) inputs: Vec<Resolved>,
    /// Use no record.
    pub(crate) afresh: bool,
}

/// How it ended.
pub(crate) enum Ended {
    /// Its outputs are in the store.
    Made { outputs: Arc<[Output]>, status: Status, duration: Duration },
    /// These stages' artifacts were damaged.
    Damaged(Vec<StageId>),
    /// The build was cancelled.
    Cancelled,
    /// It failed.
    Failed(BoxError),
}

impl From<Error> for Ended {
    fn from(error: Error) -> Self {
        Self::Failed(error.into())
    }
}

/// A finished run whose outputs still lie in its folder, which goes when this does.
struct Finished {
    io: Io,
    scratch: Utf8PathBuf,
    out: Utf8PathBuf,
    outputs: Vec<Output>,
    lines: Vec<String>,
    duration: Duration,
}

impl Drop for Finished {
    fn drop(&mut self) {
        let _swept_later_otherwise = self.io.remove_folder(&self.scratch);
    }
}

impl Task<'_> {
    /// Makes the stage's outputs.
    pub(crate) fn execute(&self) -> Ended {
        match self.make() {
            Ok(ended) | Err(ended) => ended,
        }
    }

    fn make(&self) -> Result<Ended, Ended> {
        let waiting = || {
            (self.events)(Event::Waiting { node: &self.node.name, stage: self.node.stage.name() });
        };
        let path = self.store.lock_path(self.key);
        let lock = Lock::take(self.store.io(), &path, &self.options.cancel, waiting)?;
        let Some(_lock) = lock else { return Err(Ended::Cancelled) };
        let recorded = self.store.read_record(self.key)?;
        if let Some(record) = recorded.as_ref().filter(|_| !self.afresh)
            && (!self.options.check || self.store.are_sound(&record.outputs)?)
        {
            let outputs = record.outputs.clone().into();
            return Ok(Ended::Made { outputs, status: Status::Reused, duration: Duration::ZERO });
        }
        (self.events)(Event::Started { node: &self.node.name, stage: self.node.stage.name() });
        let finished = self.run_once()?;
        if self.options.verify {
            self.compare(&finished.outputs, &self.run_once()?.outputs, "two runs")?;
            if let Some(record) = &recorded {
                self.compare(&record.outputs, &finished.outputs, "this run and the recorded one")?;
            }
        }
        self.store.keep(&finished.out, &finished.outputs)?;
        let record = Record { fields: self.fields.print(), outputs: finished.outputs.clone() };
        if recorded.as_ref() != Some(&record) {
            self.store.write_record(self.key, &record)?;
        }
        self.write_journal(&finished);
        Ok(Ended::Made { outputs: record.outputs.into(), status: Status::Ran, duration: finished.duration })
    }

    fn run_once(&self) -> Result<Finished, Ended> {
        let io = self.store.io().clone();
        let scratch = self.store.scratch()?;
        let (out, work) = (scratch.join("out"), scratch.join("work"));
        let (outputs, lines) = (Vec::new(), Vec::new());
        let mut finished = Finished { io, scratch, out, outputs, lines, duration: Duration::ZERO };
        self.store.io().create_folder(&finished.out)?;
        self.store.io().create_folder(&work)?;
        let job = Job {
            node: &self.node.name,
            store: self.store,
            inputs: &self.inputs,
            cancel: &self.options.cancel,
            events: self.events,
            scratch: finished.scratch.clone(),
            out: finished.out.clone(),
            work,
            notes: Mutex::default(),
        };
        let begun = Instant::now();
        let result = catch_unwind(AssertUnwindSafe(|| self.node.stage.run(&job)));
        finished.duration = begun.elapsed();
        let notes = job.notes.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        finished.lines.clone_from(&notes.lines);
        if let Err(ended) = self.judge(result, &notes) {
            // What a stage said before it failed is what people look for.
            if !finished.lines.is_empty() {
                self.write_journal(&finished);
            }
            return Err(ended);
        }
        finished.outputs = self.store.collect(&finished.out)?;
        if finished.outputs.is_empty() {
            return Err(Error::NoOutput(self.node.name.clone()).into());
        }
        Ok(finished)
    }

    /// A damaged input explains any failure, and spoils any success.
    fn judge(&self, result: Result<Result<(), BoxError>, Box<dyn Any + Send>>, notes: &Notes) -> Result<(), Ended> {
        if !notes.damaged.is_empty() {
            return Err(Ended::Damaged(notes.damaged.iter().copied().collect()));
        }
        match result {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) if self.options.cancel.is_cancelled() => Err(Ended::Cancelled),
            Ok(Err(error)) => Err(Ended::Failed(error)),
            Err(panic) => Err(Error::Panicked { node: self.node.name.clone(), message: message_of(&*panic) }.into()),
        }
    }

    fn compare(&self, one: &[Output], two: &[Output], between: &'static str) -> Result<(), Error> {
        let differing = one.iter().find(|output| !two.contains(output));
        match differing.or_else(|| two.iter().find(|output| !one.contains(output))) {
            None => Ok(()),
            Some(output) => {
                Err(Error::NotReproducible { node: self.node.name.clone(), path: output.path.clone(), between })
            }
        }
    }

    /// Times and log lines, beside the record. Losing them loses nothing that is needed.
    fn write_journal(&self, finished: &Finished) {
        let line = serde_json::json!({
            "node": self.node.name,
            "ended_ns": Io::now(),
            "duration_ms": u64::try_from(finished.duration.as_millis()).unwrap_or(u64::MAX),
            "process": std::process::id(),
            "log": finished.lines,
        });
        if let Err(error) = self.store.append_journal(self.key, &format!("{line}\n")) {
            (self.events)(Event::Warning { error: &error });
        }
    }
}

fn message_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "without a message".to_owned())
}
