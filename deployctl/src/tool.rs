//! The only process spawner, and the identity of tools for keys.
//!
//! A tool runs with a cleared environment plus a declared list, in a process group of its own, under a supervisor (this
//! program again, with a hidden first argument). The supervisor ends the whole group when the engine goes, however it goes.
//! Knows processes; does not know stages, manifests or what a tool is for.

mod capture;
mod identity;
mod invocation;
mod memo;
mod program;
mod python;
mod search;
mod supervise;
mod trace;
mod wrap;

use std::time::Duration;

pub use capture::{Captured, OUTPUT_LIMIT};
pub use identity::{Binutils, FileDigest, Gcc, HostLinker, Qemu, Rustc, Toolbox};
pub use invocation::{Bounds, Invocation, Output, Stdin};
pub use memo::Memo;
pub use program::Program;
pub use python::{Package, Python};
pub use search::{SearchPath, install_hint};
pub use supervise::{Cancel, SUPERVISE, Supervisor, supervise};
pub use trace::{Seen, Strace};
pub use wrap::{RUSTC_ARGUMENTS, SEPARATOR, wrap};

use camino::Utf8PathBuf;

/// Why a tool gave no result.
#[derive(Debug, thiserror::Error)]
pub enum ToolError {
    /// The program is nowhere on the search path.
    #[error("`{program}` is not installed: {hint}")]
    Missing {
        /// What was looked for.
        program: String,
        /// The command that installs it.
        hint: String,
    },
    /// The operating system did not start it.
    #[error("`{program}` could not be started: {reason}; check that it is executable and that its folder exists")]
    Start {
        /// The program.
        program: Utf8PathBuf,
        /// The system's words.
        reason: String,
    },
    /// It ended with a code other than zero.
    #[error("`{program}` ended with exit code {code}{}", tail(.output))]
    Failed {
        /// The program.
        program: Utf8PathBuf,
        /// Its exit code.
        code: i32,
        /// What it wrote.
        output: Box<Output>,
    },
    /// A signal ended it.
    #[error("`{program}` was ended by signal {signal}{}", tail(.output))]
    Signalled {
        /// The program.
        program: Utf8PathBuf,
        /// The signal's number.
        signal: i32,
        /// What it wrote.
        output: Box<Output>,
    },
    /// It outlived its time limit and was ended with its whole group. A failure of infrastructure, never of the product.
    #[error("`{program}` was ended after its time limit of {} s: is the machine overloaded, or does it hang?{}",
        .limit.as_secs_f64(), tail(.output))]
    TimedOut {
        /// The program.
        program: Utf8PathBuf,
        /// The limit.
        limit: Duration,
        /// What it wrote until then.
        output: Box<Output>,
    },
    /// It wrote more than it may, and was ended with its whole group.
    #[error("`{program}` was ended because it wrote more than {} MiB {what}{}", .limit >> 20, tail(.output))]
    TooMuch {
        /// The program.
        program: Utf8PathBuf,
        /// Of what.
        what: &'static str,
        /// The limit, in bytes.
        limit: u64,
        /// What it wrote to its output streams until then.
        output: Box<Output>,
    },
    /// The engine was told to stop.
    #[error("`{program}` was ended because the build was interrupted; run the command again to go on")]
    Cancelled {
        /// The program.
        program: Utf8PathBuf,
    },
    /// Its supervisor went away without a word.
    #[error("the supervisor of `{program}` ended without a report; was it killed? run the command again")]
    Unsupervised {
        /// The program.
        program: Utf8PathBuf,
    },
    /// The engine could not talk to it.
    #[error("cannot run `{program}`: {source}")]
    Io {
        /// The program.
        program: Utf8PathBuf,
        /// What failed.
        source: std::io::Error,
    },
    /// A tool's answer makes no sense to us.
    #[error(
        "`{program}` answered {answer:?} to `{question}`; is it the tool that it is called? try `{program} {question}`"
    )]
    Answer {
        /// The program.
        program: Utf8PathBuf,
        /// What was asked.
        question: String,
        /// What it said.
        answer: String,
    },
    /// A file that a tool's identity is made of cannot be read.
    #[error("cannot read `{path}`, part of `{tool}`: {source}; install the tool again")]
    Unreadable {
        /// The tool.
        tool: String,
        /// The file.
        path: Utf8PathBuf,
        /// What failed.
        source: std::io::Error,
    },
}

impl ToolError {
    /// Whether the machine failed rather than what was asked of the tool: such a failure is worth another try.
    pub fn is_infrastructure(&self) -> bool {
        !matches!(self, Self::Failed { .. } | Self::TooMuch { .. })
    }
}

/// The last lines of standard error, for a message; standard output where that is empty.
fn tail(output: &Output) -> String {
    const LINES: usize = 20;
    let text = if output.stderr.bytes.is_empty() { output.stdout.text() } else { output.stderr.text() };
    let lines: Vec<&str> = text.trim_end().lines().collect();
    if lines.is_empty() {
        return String::from("; it wrote nothing");
    }
    let first = lines.len().saturating_sub(LINES);
    lines[first..].iter().fold(String::from("; its last words:"), |all, line| all + "\n    " + line)
}
