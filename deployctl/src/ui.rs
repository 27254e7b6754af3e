//! The only printer. One stream of events, rendered as plain lines, as lines under progress bars, or as JSON.
//!
//! Knows terminals; does not know what a stage does.

use std::io::Write;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use miette::{Diagnostic, GraphicalReportHandler, GraphicalTheme};
use serde::Serialize;

use crate::error::Error;

/// How a stage ended, as it is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum StageStatus {
    /// It ran.
    Ran,
    /// A record with the same key was found.
    Reused,
    /// It failed.
    Failed,
    /// It did not run because a stage before it failed. People see only the one that failed; programs see both as `failed`.
    #[serde(rename = "failed")]
    Blocked,
}

impl StageStatus {
    fn name(self) -> &'static str {
        match self {
            Self::Ran => "ran",
            Self::Reused => "reused",
            Self::Failed | Self::Blocked => "failed",
        }
    }
}

/// What happens, as the user sees it. Under `--json` each is one object on a line of standard output.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "event", rename_all = "lowercase")]
pub enum Event {
    /// A stage ended.
    Stage {
        /// The deployment; absent for stages that deployments share.
        deployment: Option<String>,
        /// The board; absent for stages that targets share.
        target: Option<String>,
        /// The stage.
        stage: String,
        /// How it ended.
        status: StageStatus,
    },
    /// One line of a listing: plan, why, doctor.
    Line {
        /// The command's own fields.
        #[serde(flatten)]
        fields: serde_json::Value,
        /// The line in words.
        #[serde(skip)]
        text: String,
    },
    /// Something worth knowing.
    Note {
        /// The text.
        text: String,
    },
    /// A failure.
    Error {
        /// Exit code.
        code: u8,
        /// The message.
        message: String,
        /// What to do next.
        help: Option<String>,
        /// Each mistake of a file, where the failure is about one.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        problems: Vec<Mistake>,
    },
    /// What a target came to.
    Verdict {
        /// The deployment.
        deployment: String,
        /// The board.
        target: String,
        /// The verdict.
        verdict: String,
        /// Folder with the results.
        out: String,
        /// Lines for people.
        #[serde(skip)]
        summary: Vec<String>,
    },
    /// The last event of a command.
    Result {
        /// The worst verdict; `error` where there is none.
        verdict: String,
    },
}

/// One mistake in a file.
#[derive(Clone, Debug, Serialize)]
pub struct Mistake {
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub help: Option<String>,
    /// Line of the file, from 1; absent where the file itself is the mistake.
    pub line: Option<usize>,
}

impl Mistake {
    fn of(problem: &dyn Diagnostic) -> Self {
        let span = problem.labels().and_then(|mut labels| labels.next()).map(|label| *label.inner());
        let place = span.and_then(|span| problem.source_code()?.read_span(&span, 0, 0).ok());
        Self {
            message: problem.to_string(),
            help: problem.help().map(|help| help.to_string()),
            line: place.map(|place| place.line() + 1),
        }
    }
}

/// Where a command prints to.
pub struct Ui {
    json: bool,
    colour: bool,
    streams: Mutex<Streams>,
    bars: Option<MultiProgress>,
}

/// The process's two output streams, or a test's.
pub struct Streams {
    /// Results.
    pub out: Box<dyn Write + Send>,
    /// Everything else.
    pub err: Box<dyn Write + Send>,
}

impl Ui {
    /// A printer. `terminal` says whether a person is watching standard error.
    pub fn new(streams: Streams, json: bool, terminal: bool) -> Self {
        let bars = (terminal && !json).then(|| MultiProgress::with_draw_target(ProgressDrawTarget::stderr()));
        Self { json, colour: terminal, streams: Mutex::new(streams), bars }
    }

    /// Shows one event.
    pub fn show(&self, event: &Event) {
        if self.json {
            self.out(&serde_json::to_string(event).unwrap_or_default());
            return;
        }
        match event {
            Event::Stage { deployment, target, stage, status } => {
                if !matches!(status, StageStatus::Reused | StageStatus::Blocked) {
                    let place: Vec<&str> = [deployment, target].into_iter().flatten().map(String::as_str).collect();
                    self.err(&format!("{:>8} {:<10} {}", status.name(), stage, place.join(" on ")));
                }
            }
            Event::Line { text, .. } => self.out(text),
            Event::Note { text } => self.err(&format!("    note {text}")),
            Event::Error { .. } | Event::Result { .. } => {}
            Event::Verdict { summary, .. } => summary.iter().for_each(|line| self.out(line)),
        }
    }

    /// Shows a failure with its place and its next step.
    pub fn fail(&self, error: &Error) {
        let help = error.diagnostic.help().map(|help| help.to_string());
        let problems = error.diagnostic.related().into_iter().flatten().map(Mistake::of).collect();
        self.show(&Event::Error { code: error.kind.exit_code(), message: error.to_string(), help, problems });
        if !self.json {
            let theme = if self.colour { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
            let mut text = String::new();
            let handler = GraphicalReportHandler::new_themed(theme).with_width(110);
            if handler.render_report(&mut text, error.diagnostic.as_ref()).is_err() {
                text = error.to_string();
            }
            self.err(text.trim_end());
        }
    }

    /// A line of a stage that is running, on terminals. It goes away when it is dropped.
    pub fn working(&self, text: String) -> Working {
        let bar = self.bars.as_ref().map(|bars| {
            let bar = bars.add(ProgressBar::new_spinner());
            bar.set_style(
                ProgressStyle::with_template("{spinner} {msg} {elapsed}")
                    .unwrap_or_else(|_| ProgressStyle::default_spinner()),
            );
            bar.set_message(text);
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        });
        Working(bar)
    }

    fn out(&self, line: &str) {
        self.print(line, |streams| &mut streams.out);
    }

    fn err(&self, line: &str) {
        self.print(line, |streams| &mut streams.err);
    }

    /// A closed pipe is the reader's wish and no failure.
    fn print(&self, line: &str, stream: impl Fn(&mut Streams) -> &mut Box<dyn Write + Send>) {
        let write = || {
            let mut streams = self.streams.lock().unwrap_or_else(PoisonError::into_inner);
            drop(writeln!(stream(&mut streams), "{line}"));
        };
        match &self.bars {
            Some(bars) => bars.suspend(write),
            None => write(),
        }
    }
}

/// A running stage's line.
pub struct Working(Option<ProgressBar>);

impl Drop for Working {
    fn drop(&mut self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}
