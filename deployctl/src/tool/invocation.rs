//! One run of a tool: what is started, with what, for how long, and what it gave.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::io::{ErrorKind, Write};
use std::process::Stdio;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};

use super::capture::{Captured, OUTPUT_LIMIT, Reader};
use super::supervise::{End, Report, Started, Supervisor, wait_for_end};
use super::{ToolError, search::install_hint};

/// What a tool reads from standard input.
#[derive(Clone, Debug, Default)]
pub enum Stdin {
    /// Nothing.
    #[default]
    Empty,
    /// These bytes, fed as the tool takes them.
    Bytes(Vec<u8>),
    /// A file's contents.
    File(Utf8PathBuf),
}

/// A tool to start. The environment is exactly `env`: nothing is inherited.
#[derive(Clone, Debug)]
pub struct Invocation {
    /// Absolute path of the program.
    pub program: Utf8PathBuf,
    /// Arguments.
    pub args: Vec<OsString>,
    /// The whole environment.
    pub env: BTreeMap<String, String>,
    /// Working directory; the root folder if not stated, so that no configuration is found on the way up.
    pub cwd: Utf8PathBuf,
    /// Standard input.
    pub stdin: Stdin,
    /// After this the whole group is ended.
    pub time_limit: Duration,
    /// Bytes kept of each output stream.
    pub output_limit: usize,
    /// Bounds beyond which the whole group is ended.
    pub bounds: Bounds,
}

/// How much a tool may write before it is ended. Nothing is bounded where nothing is stated.
#[derive(Clone, Debug, Default)]
pub struct Bounds {
    /// Bytes of both output streams together.
    pub log: Option<u64>,
    /// A folder, and bytes of all files below it.
    pub folder: Option<(Utf8PathBuf, u64)>,
}

/// What a tool gave.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Output {
    /// Standard output.
    pub stdout: Captured,
    /// Standard error.
    pub stderr: Captured,
    /// Exit code; zero unless [`Invocation::run_any_code`] was asked.
    pub code: i32,
}

impl Invocation {
    /// A run of `program` with an empty environment, no input, ten minutes and [`OUTPUT_LIMIT`].
    pub fn new(program: impl Into<Utf8PathBuf>) -> Self {
        Self {
            program: program.into(),
            args: Vec::new(),
            env: BTreeMap::new(),
            cwd: Utf8PathBuf::from("/"),
            stdin: Stdin::Empty,
            time_limit: Duration::from_mins(10),
            output_limit: OUTPUT_LIMIT,
            bounds: Bounds::default(),
        }
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<T: Into<OsString>>(mut self, args: impl IntoIterator<Item = T>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// Adds a variable.
    #[must_use]
    pub fn env(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.env.insert(name.into(), value.into());
        self
    }

    /// Adds variables.
    #[must_use]
    pub fn envs<'a>(mut self, variables: impl IntoIterator<Item = (&'a String, &'a String)>) -> Self {
        self.env.extend(variables.into_iter().map(|(name, value)| (name.clone(), value.clone())));
        self
    }

    /// Sets the working directory.
    #[must_use]
    pub fn cwd(mut self, folder: impl Into<Utf8PathBuf>) -> Self {
        self.cwd = folder.into();
        self
    }

    /// Sets what it reads.
    #[must_use]
    pub fn stdin(mut self, stdin: Stdin) -> Self {
        self.stdin = stdin;
        self
    }

    /// Sets the time limit.
    #[must_use]
    pub fn time_limit(mut self, limit: Duration) -> Self {
        self.time_limit = limit;
        self
    }

    /// Sets how much it may write.
    #[must_use]
    pub fn bounds(mut self, bounds: Bounds) -> Self {
        self.bounds = bounds;
        self
    }

    /// Runs it; an exit code other than zero is an error.
    pub fn run(&self, supervisor: &Supervisor) -> Result<Output, ToolError> {
        let output = self.run_any_code(supervisor)?;
        if output.code == 0 {
            return Ok(output);
        }
        Err(ToolError::Failed { program: self.program.clone(), code: output.code, output: Box::new(output) })
    }

    /// Runs it; every exit code is a result.
    pub fn run_any_code(&self, supervisor: &Supervisor) -> Result<Output, ToolError> {
        if supervisor.cancel.is_cancelled() {
            return Err(ToolError::Cancelled { program: self.program.clone() });
        }
        let mut started = self.start(supervisor)?;
        let child = &mut started.child;
        let stdout = child.stdout.take().map(|stream| Reader::start(stream, self.output_limit));
        let stderr = child.stderr.take().map(|stream| Reader::start(stream, self.output_limit));
        if let (Some(mut stream), Stdin::Bytes(bytes)) = (child.stdin.take(), self.stdin.clone()) {
            // A tool may end, or be ended, without reading all.
            std::thread::spawn(move || drop(stream.write_all(&bytes)));
        }
        let written = || [&stdout, &stderr].into_iter().flatten().map(Reader::seen).sum();
        let stop = self.wait(&started, supervisor, &written);
        let stop = if matches!(stop, Stop::Ended) { self.excess(written(), true).unwrap_or(stop) } else { stop };
        let report = started.reap().map_err(|source| self.io(source))?;
        let mut output = Output {
            stdout: stdout.map(Reader::finish).unwrap_or_default(),
            stderr: stderr.map(Reader::finish).unwrap_or_default(),
            code: 0,
        };
        let program = self.program.clone();
        match (stop, report) {
            (Stop::Cancelled, _) => Err(ToolError::Cancelled { program }),
            (Stop::TimedOut, _) => {
                Err(ToolError::TimedOut { program, limit: self.time_limit, output: Box::new(output) })
            }
            (Stop::TooMuch { what, limit }, _) => {
                Err(ToolError::TooMuch { program, what, limit, output: Box::new(output) })
            }
            (Stop::Ended, Report::Ended(End::Code(code))) => {
                output.code = code;
                Ok(output)
            }
            (Stop::Ended, Report::Ended(End::Signal(signal))) => {
                Err(ToolError::Signalled { program, signal, output: Box::new(output) })
            }
            (Stop::Ended, Report::NotStarted(reason)) => Err(ToolError::Start { program, reason }),
            (Stop::Ended, Report::Nothing) => Err(ToolError::Unsupervised { program }),
        }
    }

    fn start(&self, supervisor: &Supervisor) -> Result<Started, ToolError> {
        if !self.program.is_file() {
            let hint = install_hint(self.program.as_str());
            return Err(ToolError::Missing { program: self.program.to_string(), hint });
        }
        if !self.cwd.is_dir() {
            let reason = format!("its working directory `{}` is not a folder", self.cwd);
            return Err(ToolError::Start { program: self.program.clone(), reason });
        }
        let stdin = match &self.stdin {
            Stdin::Empty => Stdio::null(),
            Stdin::Bytes(_) => Stdio::piped(),
            Stdin::File(path) => Stdio::from(open(path).map_err(|source| self.io(source))?),
        };
        let start = supervisor.start(&self.program, &self.args, |command| {
            command.env_clear().envs(&self.env).current_dir(&self.cwd);
            command.stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped());
        });
        start.map_err(|source| match source.kind() {
            ErrorKind::NotFound | ErrorKind::PermissionDenied => {
                ToolError::Start { program: self.program.clone(), reason: source.to_string() }
            }
            _ => self.io(source),
        })
    }

    /// Until the tool ends, its time is up, it has written too much or the command is cancelled. Nothing is reaped here.
    fn wait(&self, started: &Started, supervisor: &Supervisor, written: &dyn Fn() -> u64) -> Stop {
        const CANCEL_CHECK: Duration = Duration::from_millis(50);
        /// A folder is looked at once in so many checks.
        const FOLDER_CHECK: u32 = 10;
        let mut checks = 0_u32;
        let (ended, end) = mpsc::channel();
        let group = started.group();
        std::thread::spawn(move || {
            wait_for_end(group);
            let _ = ended.send(());
        });
        let begin = Instant::now();
        loop {
            let left = self.time_limit.saturating_sub(begin.elapsed());
            if left.is_zero() {
                return Stop::TimedOut;
            }
            match end.recv_timeout(left.min(CANCEL_CHECK)) {
                Err(RecvTimeoutError::Timeout) if supervisor.cancel.is_cancelled() => return Stop::Cancelled,
                Err(RecvTimeoutError::Timeout) => {
                    checks = checks.wrapping_add(1);
                    if let Some(stop) = self.excess(written(), checks.is_multiple_of(FOLDER_CHECK)) {
                        return stop;
                    }
                }
                Ok(()) | Err(RecvTimeoutError::Disconnected) => return Stop::Ended,
            }
        }
    }

    /// What the tool has written too much of. Folders take time to look at.
    fn excess(&self, log: u64, look_at_folder: bool) -> Option<Stop> {
        if let Some(limit) = self.bounds.log.filter(|limit| log > *limit) {
            return Some(Stop::TooMuch { what: "as its log", limit });
        }
        let (folder, limit) = self.bounds.folder.as_ref().filter(|_| look_at_folder)?;
        (bytes_below(folder) > *limit).then_some(Stop::TooMuch { what: "in files", limit: *limit })
    }

    fn io(&self, source: std::io::Error) -> ToolError {
        ToolError::Io { program: self.program.clone(), source }
    }
}

/// Why waiting stopped.
enum Stop {
    Ended,
    TimedOut,
    TooMuch { what: &'static str, limit: u64 },
    Cancelled,
}

/// Sizes of all files below a folder; what goes while it is looked at counts nothing.
fn bytes_below(folder: &Utf8Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(folder.as_std_path()) else { return 0 };
    let size = |entry: std::fs::DirEntry| match entry.metadata() {
        Ok(about) if about.is_dir() => Utf8PathBuf::try_from(entry.path()).map_or(0, |path| bytes_below(&path)),
        Ok(about) => about.len(),
        Err(_) => 0,
    };
    entries.flatten().map(size).fold(0, u64::saturating_add)
}

fn open(path: &Utf8Path) -> std::io::Result<File> {
    File::open(path).map_err(|error| std::io::Error::new(error.kind(), format!("cannot open `{path}`: {error}")))
}
