//! What a board has said, as a file: evidence that was observed once and is read from then on.
//!
//! A recording holds the sessions of one measurement on one board, each by the digest of its script, which names every vector
//! and the build. [`Recorded`] answers a stage from it as a board would; what nobody has recorded yet is wanted.

use std::io;
use std::sync::Mutex;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Command, Ended, Start};

/// The format's name and version.
pub const SCHEMA: &str = "deployctl/evidence/1";

/// Sessions of one measurement on one board.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recording {
    /// [`SCHEMA`].
    pub schema: String,
    /// When the measurement began, in UTC: `2026-11-23T04:05:06Z`.
    pub taken: String,
    /// The deployment.
    pub deployment: String,
    /// The board.
    pub board: String,
    /// Digest of what the board's file says.
    pub board_file: String,
    /// The chip.
    pub chip: String,
    /// Serial number of the debug probe.
    pub probe: String,
    /// The program that reached the board, where it was not deployctl itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub via: Option<String>,
    /// Digest of the harness's loadable image.
    pub harness: String,
    /// In the order in which they were played.
    pub sessions: Vec<Played>,
}

/// One session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Played {
    /// Digest of the script.
    pub script: String,
    /// What it ended with.
    pub code: i32,
    /// What came back, a line each, without the newline.
    pub transcript: Vec<String>,
}

/// Digest of a session's script.
pub fn script_digest(script: &[u8]) -> String {
    blake3::hash(script).to_hex().to_string()
}

impl Played {
    /// A session as it was played. Bytes that are no text are replaced: no harness sends any, and garbage they stay.
    pub fn new(script: &[u8], code: i32, transcript: &[u8]) -> Self {
        let text = String::from_utf8_lossy(transcript);
        let transcript = text.split_terminator('\n').map(str::to_owned).collect();
        Self { script: script_digest(script), code, transcript }
    }
}

impl Recording {
    /// Reads a file; a message where it is no recording.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        let recording: Self = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        if recording.schema == SCHEMA {
            return Ok(recording);
        }
        Err(format!("it is `{}`, and this version reads `{SCHEMA}`", recording.schema))
    }

    /// As a file.
    pub fn to_json(&self) -> Vec<u8> {
        // Strings and numbers always serialize.
        let mut text = serde_json::to_vec_pretty(self).unwrap_or_default();
        text.push(b'\n');
        text
    }

    fn find(&self, script: &[u8]) -> Option<&Played> {
        let digest = script_digest(script);
        self.sessions.iter().find(|session| session.script == digest)
    }
}

/// Plays sessions from a recording.
#[derive(Debug, Default)]
pub struct Recorded {
    /// The newest first.
    recordings: Vec<Recording>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The one that answered first answers all.
    chosen: Option<usize>,
    wanted: Option<Vec<u8>>,
}

impl Recorded {
    /// From recordings of one image on one board, the newest first.
    pub fn new(recordings: Vec<Recording>) -> Self {
        Self { recordings, state: Mutex::default() }
    }

    /// The script that was asked for and that nobody has recorded.
    pub fn wanted(&self) -> Option<Vec<u8>> {
        self.lock().wanted.clone()
    }

    /// The recording that answered.
    pub fn source(&self) -> Option<&Recording> {
        self.recordings.get(self.lock().chosen?)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Start for Recorded {
    fn start(&self, _: &Command, stdin: &[u8], _: Duration) -> io::Result<Ended> {
        let mut state = self.lock();
        let able = || self.recordings.iter().position(|recording| recording.find(stdin).is_some());
        let chosen = state.chosen.or_else(able);
        let found = chosen.and_then(|index| self.recordings.get(index)?.find(stdin));
        let Some(session) = found else {
            state.wanted = Some(stdin.to_vec());
            return Err(io::Error::new(io::ErrorKind::NotFound, "nobody has played this session on the board yet"));
        };
        state.chosen = chosen;
        let mut stdout = session.transcript.join("\n").into_bytes();
        if !stdout.is_empty() {
            stdout.push(b'\n');
        }
        Ok(Ended { code: Some(session.code), stdout, ..Ended::default() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recording(taken: &str, scripts: &[&str]) -> Recording {
        let played = |script: &&str| Played::new(script.as_bytes(), 0, format!("boot\n{script} {taken}\n").as_bytes());
        Recording {
            schema: SCHEMA.into(),
            taken: taken.into(),
            deployment: "kws".into(),
            board: "bench".into(),
            board_file: "00".into(),
            chip: "STM32F446RETx".into(),
            probe: "066EFF".into(),
            via: None,
            harness: "11".into(),
            sessions: scripts.iter().map(played).collect(),
        }
    }

    fn ask(recorded: &Recorded, script: &str) -> io::Result<String> {
        let command = Command { program: "deployctl".into(), args: vec![], cwd: None };
        let ended = recorded.start(&command, script.as_bytes(), Duration::ZERO)?;
        assert_eq!(ended.code, Some(0));
        Ok(String::from_utf8(ended.stdout).unwrap())
    }

    #[test]
    fn the_newest_that_can_answers_and_then_answers_all() {
        let recorded = Recorded::new(vec![recording("new", &["b"]), recording("old", &["a", "b"])]);
        assert_eq!(ask(&recorded, "a").unwrap(), "boot\na old\n");
        assert_eq!(ask(&recorded, "b").unwrap(), "boot\nb old\n");
        assert_eq!(recorded.source().unwrap().taken, "old");
        assert_eq!(recorded.wanted(), None);
        assert!(ask(&recorded, "c").is_err());
        assert_eq!(recorded.wanted().unwrap(), b"c");

        let recorded = Recorded::new(vec![recording("new", &["b"]), recording("old", &["a", "b"])]);
        assert_eq!(ask(&recorded, "b").unwrap(), "boot\nb new\n");
        assert!(ask(&recorded, "a").is_err());
    }

    #[test]
    fn a_file_is_read_as_it_was_written_and_others_are_refused() {
        let one = recording("2026-11-23T04:05:06Z", &["a"]);
        assert_eq!(Recording::parse(&one.to_json()), Ok(one.clone()));
        let other = Recording { schema: "deployctl/evidence/9".into(), ..one };
        assert!(Recording::parse(&other.to_json()).unwrap_err().contains("this version reads"));
        assert!(Recording::parse(b"{}").is_err());
    }

    #[test]
    fn bytes_that_are_no_text_stay_garbage() {
        let played = Played::new(b"x", 1, b"boot\n\xff\xfe\x1b[31m\n\nrest");
        assert_eq!(played.transcript, ["boot", "\u{fffd}\u{fffd}\u{1b}[31m", "", "rest"]);
    }
}
