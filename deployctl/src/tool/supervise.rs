//! Both ends of supervision: the engine's, and the hidden process that stands between the engine and a tool.
//!
//! The supervisor leads a new process group and starts the tool in it. It holds a *lifeline*, a pipe whose other end only the
//! engine holds: when that ends, the engine is gone, and the whole group, the supervisor with it, is killed. A second pipe
//! carries one line back: how the tool ended, or why it did not start; after that the supervisor kills the group itself, so
//! that nothing a tool left in the background outlives it.

use std::ffi::OsString;
use std::fs::File;
use std::io::{PipeReader, PipeWriter, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use camino::{Utf8Path, Utf8PathBuf};
use rustix::io::FdFlags;
use rustix::process::{Pid, Resource, Rlimit, Signal, WaitId, WaitIdOptions};

/// The hidden first argument that makes this program a supervisor.
pub const SUPERVISE: &str = "__supervise";

/// Tells running tools to stop; shared by everything that one command starts.
#[derive(Clone, Debug, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// Every tool that runs under this is ended, and none is started any more.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    /// Whether that was asked.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

/// Starts tools. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Supervisor {
    program: Option<Utf8PathBuf>,
    /// What stops its tools.
    pub cancel: Cancel,
}

impl Supervisor {
    /// The running program is its own supervisor: its `main` must call [`supervise`] first.
    pub fn current_exe(cancel: Cancel) -> std::io::Result<Self> {
        let program = std::env::current_exe()?;
        let program = Utf8PathBuf::try_from(program).map_err(std::io::Error::other)?;
        Ok(Self::program(program, cancel))
    }

    /// Another program whose `main` calls [`supervise`].
    pub fn program(program: Utf8PathBuf, cancel: Cancel) -> Self {
        Self { program: Some(program), cancel }
    }

    /// No supervisor: tools run in their own group and are ended on time-outs and cancellation, but outlive a killed engine.
    /// For library users and unit tests whose program is not deployctl.
    pub fn absent(cancel: Cancel) -> Self {
        Self { program: None, cancel }
    }

    /// The program that is also [`super::wrap`]'s, if there is one.
    pub fn helper(&self) -> Option<&Utf8Path> {
        self.program.as_deref()
    }

    /// Starts `tool` in a group of its own; `prepare` sets what both kinds of start share.
    pub(super) fn start(
        &self,
        tool: &Utf8PathBuf,
        args: &[OsString],
        prepare: impl FnOnce(&mut Command),
    ) -> std::io::Result<Started> {
        let Some(program) = &self.program else {
            let mut command = Command::new(tool);
            prepare(command.args(args).process_group(0));
            return Ok(Started { child: command.spawn()?, pipes: None });
        };
        let (life_end, lifeline) = std::io::pipe()?;
        let (report, report_end) = std::io::pipe()?;
        rustix::io::fcntl_setfd(&life_end, FdFlags::empty())?;
        rustix::io::fcntl_setfd(&report_end, FdFlags::empty())?;
        rustix::fs::fcntl_setfl(&report, rustix::fs::OFlags::NONBLOCK)?;
        let mut command = Command::new(program);
        command.arg(SUPERVISE).arg(life_end.as_raw_fd().to_string()).arg(report_end.as_raw_fd().to_string());
        prepare(command.arg(tool).args(args).process_group(0));
        Ok(Started { child: command.spawn()?, pipes: Some((lifeline, report)) })
    }
}

/// A tool that was started, or its supervisor. Dropping it ends the group.
pub(super) struct Started {
    pub(super) child: Child,
    pipes: Option<(PipeWriter, PipeReader)>,
}

/// How a tool ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Code(i32),
    Signal(i32),
}

/// What the report pipe said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Report {
    Ended(End),
    NotStarted(String),
    Nothing,
}

impl Started {
    /// The group's id. Valid until [`Started::reap`]: an unreaped child keeps its number.
    pub(super) fn group(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// Kills every process of the group.
    pub(super) fn kill(&self) {
        // The only error is "no such group", which is what is wanted.
        let _ = rustix::process::kill_process_group(self.group(), Signal::KILL);
    }

    /// Collects the child, which must have ended or been killed, and says how the tool ended.
    pub(super) fn reap(&mut self) -> std::io::Result<Report> {
        self.kill();
        let status = self.child.wait()?;
        let Some((_lifeline, mut report)) = self.pipes.take() else {
            return Ok(Report::Ended(End::from(status)));
        };
        let mut line = [0; 4096];
        let length = report.read(&mut line).unwrap_or(0);
        Ok(parse_report(&String::from_utf8_lossy(&line[..length])))
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        if self.pipes.is_some() || matches!(self.child.try_wait(), Ok(None)) {
            drop(self.reap());
        }
    }
}

/// Waits until a child has ended, and leaves it to be reaped.
pub(super) fn wait_for_end(child: Pid) {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
    while rustix::process::waitid(WaitId::Pid(child), options).is_err_and(|error| error == rustix::io::Errno::INTR) {}
}

impl From<ExitStatus> for End {
    fn from(status: ExitStatus) -> Self {
        match (status.code(), status.signal()) {
            (Some(code), _) => Self::Code(code),
            (None, signal) => Self::Signal(signal.unwrap_or_default()),
        }
    }
}

fn parse_report(line: &str) -> Report {
    let number = |text: &str| text.trim().parse().ok();
    match line.split_once(' ') {
        Some(("code", code)) => number(code).map_or(Report::Nothing, |code| Report::Ended(End::Code(code))),
        Some(("signal", signal)) => number(signal).map_or(Report::Nothing, |signal| Report::Ended(End::Signal(signal))),
        Some(("start", reason)) => Report::NotStarted(reason.trim().to_owned()),
        _ => Report::Nothing,
    }
}

/// The supervisor's whole life, where the arguments (the program's own name first) ask for one: the exit code for `main` to
/// return at once. `None` where this is an ordinary start.
pub fn supervise(args: impl IntoIterator<Item = OsString>) -> Option<u8> {
    let mut args = args.into_iter().skip(1);
    (args.next()? == SUPERVISE).then(|| supervise_tool(args).unwrap_or(70))
}

fn supervise_tool(mut args: impl Iterator<Item = OsString>) -> Option<u8> {
    let lifeline = open_inherited(&args.next()?, File::options().read(true))?;
    let mut report = open_inherited(&args.next()?, File::options().write(true))?;
    let tool = args.next()?;
    // A crashing tool leaves no core file in a stage's folder.
    let _ = rustix::process::setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    std::thread::spawn(move || watch(lifeline));
    let line = match Command::new(tool).args(args).status().map(End::from) {
        Ok(End::Code(code)) => format!("code {code}"),
        Ok(End::Signal(signal)) => format!("signal {signal}"),
        Err(error) => format!("start {error}"),
    };
    // What the tool left behind goes now, whether or not the engine is still there to hear of it.
    let _ = report.write_all(line.as_bytes());
    let _ = rustix::process::kill_current_process_group(Signal::KILL);
    Some(0)
}

/// An inherited descriptor cannot be adopted without `unsafe`, but its pipe can be opened once more by name.
fn open_inherited(number: &OsString, options: &std::fs::OpenOptions) -> Option<File> {
    options.open(std::path::Path::new("/dev/fd").join(number)).ok()
}

/// Ends the group, this process with it, when the engine's end of the lifeline closes.
fn watch(mut lifeline: File) {
    let mut byte = [0];
    loop {
        match lifeline.read(&mut byte) {
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Ok(count) if count > 0 => {}
            _ => {
                let _ = rustix::process::kill_current_process_group(Signal::KILL);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_are_read_as_written() {
        assert_eq!(parse_report("code 3"), Report::Ended(End::Code(3)));
        assert_eq!(parse_report("signal 11"), Report::Ended(End::Signal(11)));
        assert_eq!(parse_report("start no such file"), Report::NotStarted("no such file".into()));
        assert_eq!(parse_report(""), Report::Nothing);
        assert_eq!(parse_report("code x"), Report::Nothing);
    }

    #[test]
    fn an_ordinary_start_is_not_a_supervisor() {
        assert_eq!(supervise(["deployctl", "build"].map(OsString::from)), None);
        assert_eq!(supervise(["deployctl"].map(OsString::from)), None);
        assert_eq!(supervise(["deployctl", SUPERVISE].map(OsString::from)), Some(70));
    }
}
