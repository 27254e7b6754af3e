//! Plays a session with the harness of a target, and reads what it measured.
//!
//! Knows the harness's line protocol (`firmware-template/harness/src/protocol.rs`) and how each kind of target is started;
//! does not start processes itself ([`Start`] does), does not judge what was measured, and knows no manifests.

pub mod app;
pub mod decode;
mod guide;
pub mod host;
pub mod injection;
pub mod log;
mod pass;
pub mod probe;
pub mod qemu;
pub mod session;
mod signature;
mod transcript;

use std::io;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

use crate::manifest::{self, PerTick};

pub use decode::Decoder;
pub use guide::{GUIDES, Guide, Shows};
pub use injection::{Injected, Injection};
pub use log::{Diagnosis, Log};
pub use pass::Fill;
pub use session::{Session, Stream, TimerLoad};
pub use signature::Signature;
pub use transcript::Transcript;

/// A process to start: the whole command line, working directory included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// The program.
    pub program: Utf8PathBuf,
    /// Its arguments.
    pub args: Vec<String>,
    /// Where it runs; the starter's own choice if absent.
    pub cwd: Option<Utf8PathBuf>,
}

/// How a process ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ended {
    /// Exit code; `None` where a signal or the time limit ended it.
    pub code: Option<i32>,
    /// What it wrote, up to its end however that came.
    pub stdout: Vec<u8>,
    /// What it wrote as diagnostics.
    pub stderr: Vec<u8>,
    /// Whether it was ended because its time was up.
    pub timed_out: bool,
}

/// Starts processes on behalf of a runner.
pub trait Start: Sync {
    /// Runs `command` with `stdin` to its end, at most for `limit`. An exit code other than zero is not an error.
    fn start(&self, command: &Command, stdin: &[u8], limit: Duration) -> io::Result<Ended>;
}

/// Why there is no measurement.
#[derive(Debug, thiserror::Error)]
pub enum RunnerError {
    /// The target gave a known sign of failure.
    #[error(transparent)]
    Target(#[from] Signature),
    /// The process could not be started or talked to.
    #[error("`{program}` could not be run: {source}; see `deployctl doctor`")]
    Start {
        /// The program.
        program: Utf8PathBuf,
        /// The system's words.
        source: io::Error,
    },
    /// A firmware image lacks what the runner looks for.
    #[error("`{path}`: {problem}; emit the project again, its `app` crate must keep this symbol")]
    Image {
        /// The ELF file.
        path: Utf8PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The emulator's monitor did not answer as expected.
    #[error("the emulator's monitor: {problem}; see `deployctl doctor` for the versions that are known to work")]
    Monitor {
        /// What went wrong.
        problem: String,
    },
}

impl RunnerError {
    /// Whether the machine failed rather than the product: not to be recorded, worth another try.
    pub fn is_infrastructure(&self) -> bool {
        match self {
            Self::Target(signature) => signature.is_infrastructure(),
            Self::Start { .. } | Self::Monitor { .. } => true,
            Self::Image { .. } => false,
        }
    }
}

/// What a session measured. Holds no times and no paths. That it exists says that the guards on both sides of the arena
/// were whole after every operator, and the stack's end untouched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Measurement {
    /// Operators of the image.
    pub operators: usize,
    /// Bytes of the image's arena.
    pub arena_bytes: usize,
    /// What the start took, where the target can tell.
    pub startup: Option<Startup>,
    /// Every vector as often as the session ran it, in the session's order.
    pub observations: Vec<Observation>,
    /// Most bytes of stack that the harness had in use, where the target can tell.
    pub stack_total: Option<usize>,
}

impl Measurement {
    /// The arena's high-water mark: the maximum over all runs, since one run's noise may hide a byte.
    pub fn arena_high(&self) -> usize {
        self.observations.iter().map(|run| run.arena_high).max().unwrap_or(0)
    }

    /// Every hop of every uninterrupted run.
    pub fn hops(&self) -> impl Iterator<Item = &Hop> {
        self.observations.iter().flat_map(|run| &run.hops)
    }

    /// Most bytes of stack below the call of `invoke`, where the target can tell.
    pub fn stack_invoke(&self) -> Option<usize> {
        self.observations.iter().filter_map(|run| run.stack_invoke).max()
    }

    /// Most instructions of an `invoke`, where the target can tell.
    pub fn instructions(&self) -> Option<u64> {
        self.observations.iter().filter_map(|run| run.instructions).max()
    }
}

/// What a start took.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Startup {
    /// Instructions from reset to where the first inference could begin.
    pub instructions: u64,
    /// Of these, what put the model's state to its beginning.
    pub model: u64,
}

/// One run of one vector: once operator by operator, once uninterrupted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observation {
    /// Position of the vector in the session.
    pub vector: usize,
    /// Which repetition, from zero.
    pub run: u32,
    /// What the arena held before the run, operator by operator.
    pub fill: Option<Fill>,
    /// What it held before the uninterrupted run.
    pub invoke_fill: Option<Fill>,
    /// Instructions of each operator, then of each operator of a hop the most that it took, where the target can tell.
    pub operator_instructions: Vec<Option<u64>>,
    /// 64-bit FNV-1a of each operator's output tensor, taken on the target right after it.
    pub operator_digests: Vec<u64>,
    /// For each operator of a hop, 64-bit FNV-1a of what it has written in all hops.
    pub hop_digests: Vec<u64>,
    /// The hops of the uninterrupted run.
    pub hops: Vec<Hop>,
    /// Bytes of each model output after the last operator.
    pub outputs: Vec<Vec<u8>>,
    /// Bytes of each model output after the uninterrupted run.
    pub invoke_outputs: Vec<Vec<u8>>,
    /// Instructions of the uninterrupted run, to the counter's resolution, where the target can tell.
    pub instructions: Option<u64>,
    /// End of the highest arena byte touched.
    pub arena_high: usize,
    /// Bytes of stack below the call of `invoke`, where the target can tell.
    pub stack_invoke: Option<usize>,
}

/// A hop as an app runs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hop {
    /// Whether an inference was due after it.
    pub due: bool,
    /// Instructions, to the counter's resolution, where the target can tell.
    pub instructions: Option<u64>,
    /// Bytes of stack below the call of `hop`, where the target can tell.
    pub stack: Option<usize>,
    /// Interrupts that came meanwhile, where a load was on.
    pub interrupts: Option<u32>,
}

/// What a sustained run under a load measured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sustained {
    /// In their order.
    pub inferences: Vec<Inference>,
    /// Bytes of other firmware's memory, which was looked after before each of them.
    pub services_bytes: usize,
    /// Most bytes of stack that the harness had in use, interrupts included, where the target can tell.
    pub stack_total: Option<usize>,
}

/// One inference of a sustained run, with the hops that led to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inference {
    /// Position of the vector in the session.
    pub vector: usize,
    /// The hops before it.
    pub hops: Vec<Hop>,
    /// Bytes of each model output.
    pub outputs: Vec<Vec<u8>>,
    /// Instructions of `invoke`, interrupts included, where the target can tell.
    pub instructions: Option<u64>,
    /// Interrupts that came during `invoke`.
    pub interrupts: u32,
    /// End of the highest arena byte touched.
    pub arena_high: usize,
    /// Bytes of stack below the call of `invoke`, interrupts included.
    pub stack: Option<usize>,
}

/// Plays `session` with the target that `command` starts. `instructions_per_tick` is the board's, for targets that count.
pub fn measure(
    starter: &dyn Start,
    command: &Command,
    session: &Session,
    instructions_per_tick: Option<PerTick>,
    limit: Duration,
) -> Result<Measurement, RunnerError> {
    let ended = play(starter, command, &session.script(), limit)?;
    Ok(Transcript::new(&ended).measurement(session, instructions_per_tick)?)
}

/// Has the target run so many inferences under `loads`.
pub fn sustain(
    starter: &dyn Start,
    command: &Command,
    session: &Session,
    (loads, inferences): (&[TimerLoad], usize),
    instructions_per_tick: Option<PerTick>,
    limit: Duration,
) -> Result<Sustained, RunnerError> {
    let ended = play(starter, command, &session.sustained_script(loads, inferences), limit)?;
    Ok(Transcript::new(&ended).sustained(session, inferences, instructions_per_tick)?)
}

/// Has the target run `vector`, after those before it in its sequence, up to operator `operator`, and gives the bytes of its
/// output tensors. Of an operator of a hop, `hop` says of which; there are none where it did not run then.
pub fn dump(
    starter: &dyn Start,
    command: &Command,
    session: &Session,
    (vector, operator, hop): (usize, usize, Option<usize>),
    limit: Duration,
) -> Result<Vec<u8>, RunnerError> {
    let ended = play(starter, command, &session.dump_script(vector, operator, hop), limit)?;
    Ok(Transcript::new(&ended).dump(session, vector, operator, hop)?)
}

/// Has the target run the hops of `vector`, after all vectors before it in its sequence, and gives the digests of a hop's operators
/// after each of them.
pub fn trace(
    starter: &dyn Start,
    command: &Command,
    session: &Session,
    vector: usize,
    limit: Duration,
) -> Result<Vec<Vec<u64>>, RunnerError> {
    let ended = play(starter, command, &session.trace_script(vector), limit)?;
    Ok(Transcript::new(&ended).trace(session, vector)?)
}

/// The command line that plays the session file `session` with `harness`, as a person types it in the folder of both. On a
/// probe it only starts the harness: probe-rs hands a target no standard input.
pub fn run_command(runner: &manifest::Runner, harness: &str, session: &str) -> String {
    let command = match runner {
        manifest::Runner::Host => host::command(format!("./{harness}")),
        manifest::Runner::Qemu { machine, .. } => {
            qemu::harness_command(Utf8Path::new("qemu-system-arm"), machine, Utf8Path::new(harness))
        }
        manifest::Runner::Probe { chip } => probe::command(chip, Utf8Path::new(harness)),
    };
    let words: Vec<&str> =
        std::iter::once(command.program.as_str()).chain(command.args.iter().map(String::as_str)).collect();
    match runner {
        manifest::Runner::Probe { .. } => words.join(" "),
        manifest::Runner::Host | manifest::Runner::Qemu { .. } => format!("{} < {session}", words.join(" ")),
    }
}

/// Plays `script` and gives what the target wrote, as it is. Half a transcript is none: a time-out is an error.
pub fn transcript(
    starter: &dyn Start,
    command: &Command,
    script: &str,
    limit: Duration,
) -> Result<Vec<u8>, RunnerError> {
    let ended = play(starter, command, script, limit)?;
    if ended.timed_out {
        let after = String::from_utf8_lossy(&ended.stdout).lines().last().unwrap_or_default().to_owned();
        return Err(Signature::TimedOut { after }.into());
    }
    Ok(ended.stdout)
}

/// Plays `script`, and gives all that came of it.
pub fn play(starter: &dyn Start, command: &Command, script: &str, limit: Duration) -> Result<Ended, RunnerError> {
    starter
        .start(command, script.as_bytes(), limit)
        .map_err(|source| RunnerError::Start { program: command.program.clone(), source })
}

#[cfg(test)]
mod tests;
