//! Evidence from a real board, as stages read it: recordings in the project, of which the newest that is of this image and this board
//! answers.
//!
//! A stage starts no board: what it asks and nobody has recorded, it leaves as [`artifact::WANTED`], and whoever measures plays that
//! and runs the stage again. So stages stay pure, and the digest of the recordings is in their key.

use std::io;
use std::time::Duration;

use deployctl_cache::{BoxError, Job, TreeInput};
use serde::Serialize;

use super::bench::Bench;
use super::{artifact, fail};
use crate::error::Kind;
use crate::gate::evidence::Witness;
use crate::runner::{Command, Ended, Recorded, Recording, Start};

/// Where recordings come from.
#[derive(Clone, Debug, Serialize)]
pub struct Observed {
    /// Files of recordings, where there are any.
    pub files: Option<TreeInput>,
    /// Digest of what the board's file says.
    pub board_file: String,
    /// The command that makes a recording.
    pub command: String,
}

impl Observed {
    /// The recordings of this image on this board, the newest first.
    pub(super) fn recorded(&self, harness: &str) -> Result<Recorded, BoxError> {
        let mut found: Vec<Recording> = Vec::new();
        for (path, _) in self.files.iter().flat_map(TreeInput::files) {
            let Some(files) = self.files.as_ref().filter(|_| path.extension() == Some("json")) else { continue };
            let recording = Recording::parse(&files.bytes(path)?).map_err(|problem| {
                let help = "files of evidence are written by `--measure` alone: restore it, or remove it";
                fail(Kind::Manifest, format!("`{path}` in the evidence of this board is no recording: {problem}"), help)
            })?;
            if recording.harness == harness && recording.board_file == self.board_file {
                found.push(recording);
            }
        }
        // The tree's order is that of file names, and stays where two were taken in one second.
        found.sort_by(|one, other| other.taken.cmp(&one.taken));
        Ok(Recorded::new(found))
    }

    fn missing(&self) -> String {
        format!(
            "not measured: there is no evidence of this firmware from this board; connect it, then `{}`",
            self.command
        )
    }
}

/// What answers the sessions of a stage.
pub(super) enum Starter<'a> {
    /// Processes.
    Live(&'a dyn Start),
    /// Recordings.
    Recorded(Recorded, &'a Observed),
}

impl Start for Starter<'_> {
    fn start(&self, command: &Command, stdin: &[u8], limit: Duration) -> io::Result<Ended> {
        match self {
            Self::Live(starter) => starter.start(command, stdin, limit),
            Self::Recorded(recorded, _) => recorded.start(command, stdin, limit),
        }
    }
}

impl Bench<'_> {
    /// Where a session was asked for that nobody has recorded: leaves it for whoever measures, and says why there is no result.
    pub(super) fn unrecorded(&self, job: &Job) -> Result<Option<String>, BoxError> {
        let Starter::Recorded(recorded, observed) = &self.starter else { return Ok(None) };
        let Some(script) = recorded.wanted() else { return Ok(None) };
        job.write(artifact::WANTED, &script)?;
        Ok(Some(observed.missing()))
    }

    /// Keeps the recording that answered beside what was read from it.
    pub(super) fn keep(&self, job: &Job) -> Result<(), BoxError> {
        let Starter::Recorded(recorded, _) = &self.starter else { return Ok(()) };
        Ok(recorded.source().map_or(Ok(()), |source| job.write(artifact::OBSERVED, &source.to_json()))?)
    }

    /// Who has seen what was measured, where it was a board.
    pub(super) fn witness(&self) -> Option<Witness> {
        let Starter::Recorded(recorded, _) = &self.starter else { return None };
        let source = recorded.source()?;
        Some(Witness { taken: source.taken.clone(), probe: source.probe.clone(), via: source.via.clone() })
    }
}
