//! What a build says while it runs and what it leaves. Knows nothing of how it runs.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use camino::Utf8Path;

use crate::graph::{Selection, no_artifact, select};
use crate::{BoxError, Digest, Error, Output, Placement, Record, StageId, Store};

/// Who hears the events; called from any thread.
pub(crate) type Events<'e> = &'e (dyn Fn(Event<'_>) + Sync);

/// How a stage came to its outputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// It ran.
    Ran,
    /// Its record was there.
    Reused,
}

/// What happens in a build.
#[derive(Debug)]
pub enum Event<'a> {
    /// A stage begins to run.
    Started {
        /// The node's name.
        node: &'a str,
        /// The stage's name.
        stage: &'static str,
    },
    /// A stage's outputs are there.
    Finished {
        /// The node's name.
        node: &'a str,
        /// The stage's name.
        stage: &'static str,
        /// How.
        status: Status,
        /// How long it ran; zero if it was reused.
        duration: Duration,
    },
    /// A stage failed.
    Failed {
        /// The node's name.
        node: &'a str,
        /// The stage's name.
        stage: &'static str,
        /// Why.
        error: &'a BoxError,
    },
    /// A stage is left out, because one that it needs failed.
    Skipped {
        /// The node's name.
        node: &'a str,
        /// The stage's name.
        stage: &'static str,
        /// The node that failed.
        because: &'a str,
    },
    /// Another build makes the same; its result will be used.
    Waiting {
        /// The node's name.
        node: &'a str,
        /// The stage's name.
        stage: &'static str,
    },
    /// A stored artifact was damaged; the stage that makes it runs again.
    Damaged {
        /// The node whose artifact it is.
        node: &'a str,
        /// Its stage's name.
        stage: &'static str,
    },
    /// A stage says something.
    Log {
        /// The node's name.
        node: &'a str,
        /// What.
        line: &'a str,
    },
    /// Something that only saves time could not be kept.
    Warning {
        /// What.
        error: &'a Error,
    },
}

/// A stage with its outputs.
#[derive(Debug, Clone)]
pub(crate) struct Made {
    pub(crate) key: Digest,
    pub(crate) outputs: Arc<[Output]>,
    pub(crate) status: Status,
}

/// What a build made.
#[derive(Debug, Clone)]
pub struct Outcome {
    pub(crate) store: Store,
    pub(crate) scope: String,
    pub(crate) names: Vec<String>,
    pub(crate) made: Vec<Option<Made>>,
}

impl Outcome {
    /// How a stage came to its outputs; `None` if it has none.
    pub fn status(&self, id: StageId) -> Option<Status> {
        self.made(id).map(|made| made.status)
    }

    /// The stages that ran, in the graph's order.
    pub fn ran(&self) -> Vec<StageId> {
        self.with_status(Status::Ran)
    }

    /// The stages that were reused, in the graph's order.
    pub fn reused(&self) -> Vec<StageId> {
        self.with_status(Status::Reused)
    }

    /// The key of a stage; a sweep is told to keep it.
    pub fn key(&self, id: StageId) -> Option<Digest> {
        self.made(id).map(|made| made.key)
    }

    /// All keys.
    pub fn keys(&self) -> impl Iterator<Item = Digest> {
        self.made.iter().flatten().map(|made| made.key)
    }

    /// The outputs of a stage, sorted by path.
    pub fn outputs(&self, id: StageId) -> &[Output] {
        self.made(id).map_or(&[], |made| &made.outputs)
    }

    /// What the store remembers of a stage: the fields of its key and its outputs; `None` if it has not ended well.
    pub fn record(&self, id: StageId) -> Result<Option<Record>, Error> {
        self.key(id).map_or(Ok(None), |key| self.store.read_record(key))
    }

    /// The content of an artifact. If it is damaged that is an error, and the next build makes it again; see
    /// [`Engine::artifact`](crate::Engine::artifact).
    pub fn artifact(&self, id: StageId, path: &str) -> Result<Vec<u8>, Error> {
        let Some(Selection::File(output)) = select(path, self.outputs(id)) else {
            return Err(self.no_artifact(id, path));
        };
        let read = self.store.read_object(output.digest);
        if matches!(read, Err(Error::Damaged { .. })) {
            self.forget(output.digest)?;
        }
        read
    }

    /// Where artifacts are to be put: one file at `to`, or all files below a folder (`path` ends in `/`) below `to`.
    pub fn placements(&self, id: StageId, path: &str, to: &Utf8Path) -> Result<Vec<Placement>, Error> {
        let place = |output: &Output, path| Placement { path, digest: output.digest, executable: output.executable };
        match select(path, self.outputs(id)) {
            Some(Selection::File(output)) => Ok(vec![place(output, to.to_owned())]),
            Some(Selection::Folder(files)) => {
                Ok(files.into_iter().map(|(path, output)| place(output, to.join(path))).collect())
            }
            None => Err(self.no_artifact(id, path)),
        }
    }

    /// Forgets every record that has an output with this content.
    pub(crate) fn forget(&self, digest: Digest) -> Result<(), Error> {
        for made in self.made.iter().flatten() {
            if made.outputs.iter().any(|output| output.digest == digest) {
                self.store.forget(&self.scope, made.key)?;
            }
        }
        Ok(())
    }

    fn made(&self, id: StageId) -> Option<&Made> {
        self.made.get(id.0).and_then(Option::as_ref)
    }

    fn with_status(&self, status: Status) -> Vec<StageId> {
        (0..self.made.len()).map(StageId).filter(|id| self.status(*id) == Some(status)).collect()
    }

    fn no_artifact(&self, id: StageId, path: &str) -> Error {
        let from = self.names.get(id.0).map_or("?", String::as_str);
        no_artifact("out", path, path, from, self.outputs(id))
    }
}

/// A stage that failed.
#[derive(Debug)]
pub struct FailedStage {
    /// Which.
    pub id: StageId,
    /// Its node's name.
    pub node: String,
    /// Its stage's name.
    pub stage: &'static str,
    /// Why; the engine's own errors are an [`Error`] inside.
    pub error: BoxError,
}

/// Why a build did not make everything.
#[derive(Debug)]
pub enum Failure {
    /// Stages failed; those that do not need them were made.
    Stages {
        /// In the graph's order; at least one.
        failed: Vec<FailedStage>,
        /// The stages that were left out because of them, in the graph's order.
        skipped: Vec<StageId>,
        /// What was made.
        finished: Box<Outcome>,
    },
    /// The build was cancelled; what had ended is recorded.
    Cancelled,
    /// The store or the graph cannot be used.
    Engine(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Engine(error)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stages { failed, skipped, .. } => {
                for (at, failed) in failed.iter().enumerate() {
                    let separator = if at == 0 { "" } else { "\n" };
                    write!(f, "{separator}stage `{}` failed: {}", failed.node, failed.error)?;
                }
                if !skipped.is_empty() {
                    write!(f, "\n{} more could not run", skipped.len())?;
                }
                Ok(())
            }
            Self::Cancelled => f.write_str("cancelled; build again to go on"),
            Self::Engine(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Failure {}
