//! Stage `report`: `gate-report.json` for programs and `gate-report.md` for people. The only stage that knows manifest lines.

use std::collections::BTreeMap;

use deployctl_cache::{BoxError, Fields, Job, Stage};
use serde::Serialize;
use serde_json::json;

use super::artifact;
use super::dossier::{Dossier, Subject, by_name};
use crate::render;

/// Version of the schema of `gate-report.json`.
const SCHEMA: &str = "deployctl/gate-report/1";

/// Who and what the report is about.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Deployment, board, tools.
    pub subject: Subject,
    /// Line of each manifest path that a gate names.
    pub lines: BTreeMap<String, usize>,
    /// The template's text.
    pub template: String,
}

impl Stage for Report {
    fn name(&self) -> &'static str {
        "report"
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
        if let Some(gates) = values.get_mut("gates").and_then(serde_json::Value::as_array_mut) {
            for gate in gates {
                let line = gate["manifest"].as_str().and_then(|path| self.lines.get(path));
                gate["line"] = json!(line);
            }
        }
        let text = render::markdown("gate-report.md", &self.template, &values)?;
        job.write(artifact::REPORT, text.as_bytes())?;
        values["metrics"] = json!(by_name(&dossier.metrics));
        values["schema"] = json!(SCHEMA);
        job.write_json(artifact::REPORT_JSON, &values)?;
        Ok(())
    }
}
