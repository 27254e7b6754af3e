//! How a stage starts its tools: under the supervisor, with a cleared environment. In no key; the tools' identities are.

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use crate::error::{Error, Kind};
use crate::runner::{Command, Ended, Start};
use crate::tool::{Invocation, Output, SearchPath, Stdin, Supervisor, ToolError};

/// What starting a tool takes.
#[derive(Clone, Debug)]
pub struct Runtime {
    /// Starts and ends processes.
    pub supervisor: Supervisor,
    /// Where a tool finds its own helpers (`as`, `ld`).
    pub path: SearchPath,
    /// Processes that one tool may use at a time.
    pub jobs: usize,
    /// Longest that a target may take for all vectors, or for the app's first inferences.
    pub target_limit: Duration,
}

impl Runtime {
    /// Runs a tool whose failure is the failure of a stage.
    pub fn run(&self, invocation: &Invocation, help: &str) -> Result<Output, Error> {
        invocation.run(&self.supervisor).map_err(|error| Error::caused(Kind::Tool, &error, help))
    }
}

impl Start for Runtime {
    fn start(&self, command: &Command, stdin: &[u8], limit: Duration) -> io::Result<Ended> {
        self.start_in(&BTreeMap::new(), command, stdin, limit)
    }
}

impl Runtime {
    /// As [`Start::start`], with an environment: for what is observed, and not derived.
    pub fn start_in(
        &self,
        env: &BTreeMap<String, String>,
        command: &Command,
        stdin: &[u8],
        limit: Duration,
    ) -> io::Result<Ended> {
        let mut invocation = Invocation::new(command.program.clone()).args(command.args.iter().map(String::as_str));
        invocation = invocation.envs(env).stdin(Stdin::Bytes(stdin.to_vec())).time_limit(limit);
        if let Some(folder) = &command.cwd {
            invocation = invocation.cwd(folder.clone());
        }
        let ended = |output: &Output, code: Option<i32>, timed_out: bool| Ended {
            code,
            stdout: output.stdout.bytes.clone(),
            stderr: output.stderr.bytes.clone(),
            timed_out,
        };
        match invocation.run_any_code(&self.supervisor) {
            Ok(output) => Ok(ended(&output, Some(output.code), false)),
            Err(ToolError::Signalled { output, .. }) => Ok(ended(&output, None, false)),
            Err(ToolError::TimedOut { output, .. }) => Ok(ended(&output, None, true)),
            Err(other) => Err(io::Error::other(other)),
        }
    }
}
