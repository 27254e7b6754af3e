//! The host as a target: the harness is a process, and only its results count.

use camino::Utf8PathBuf;

use super::Command;

/// How the harness built for the host is started.
pub fn command(harness: impl Into<Utf8PathBuf>) -> Command {
    Command { program: harness.into(), args: Vec::new(), cwd: None }
}
