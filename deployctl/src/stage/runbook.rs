//! Stage `runbook`: what the people need who were not there. Commands are exact, outputs are the harness's own.

use deployctl_cache::{BoxError, Fields, Job, Stage};
use serde::Serialize;
use serde_json::json;

use super::artifact;
use super::dossier::{Dossier, Subject};
use crate::manifest;
use crate::render;

/// Who, what, and how it is run.
#[derive(Debug, Serialize)]
pub struct Runbook {
    /// Deployment, board, tools.
    pub subject: Subject,
    /// Owners of the governed values, by manifest node.
    pub owners: Vec<super::dossier::Named>,
    /// The `runbook` node.
    pub contacts: manifest::Runbook,
    /// Command that plays a session on the target, typed in the output folder.
    pub run_command: String,
    /// Command that rebuilds the firmware from its project, typed in the project's folder.
    pub build_command: String,
    /// Arena budget and limits, for the table of peaks.
    pub budget: manifest::Bytes,
    /// Limit of the stack, where one is declared.
    pub stack_limit: Option<manifest::Bytes>,
    /// The template's text.
    pub template: String,
}

impl Stage for Runbook {
    fn name(&self) -> &'static str {
        "runbook"
    }

    fn version(&self) -> u32 {
        1
    }

    fn fields(&self) -> Fields {
        Fields::of(self)
    }

    fn run(&self, job: &Job) -> Result<(), BoxError> {
        let dossier = Dossier::read(&self.subject, job)?;
        let mut values = serde_json::to_value(&dossier)?;
        let transcript = String::from_utf8_lossy(&job.read("transcript")?).into_owned();
        let expected = Expected::of(&transcript);
        values["owners"] = json!(self.owners);
        values["contacts"] = json!(self.contacts);
        values["run_command"] = json!(self.run_command);
        values["build_command"] = json!(self.build_command);
        values["budget"] = json!(self.budget);
        values["stack_limit"] = json!(self.stack_limit);
        values["expected"] = json!(expected);
        let text = render::markdown("runbook.md", &self.template, &values)?;
        job.write(artifact::RUNBOOK, text.as_bytes())?;
        Ok(())
    }
}

/// Lines of the recorded bring-up session, by the step of the bring-up at which a person looks for them.
#[derive(Debug, Serialize)]
struct Expected {
    interface: Vec<String>,
    operators: Vec<String>,
    memory: Vec<String>,
    outputs: Vec<String>,
}

impl Expected {
    fn of(transcript: &str) -> Self {
        let starting = |words: &[&str]| -> Vec<String> {
            let wanted = |line: &&str| words.iter().any(|word| line.split(' ').next() == Some(word));
            transcript.lines().filter(wanted).map(str::to_owned).collect()
        };
        Self {
            interface: starting(&["boot", "ready"]),
            operators: starting(&["op"]),
            memory: starting(&["arena", "stack", "stack-total"]),
            outputs: starting(&["output"]),
        }
    }
}
