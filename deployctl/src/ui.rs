//! The only printer. One stream of events, rendered as plain lines, as lines above progress bars, or as JSON.
//!
//! Results go to standard output, everything else to standard error. Colours are written where a person watches; the
//! streams that the process hands in take them out again for pipes, `NO_COLOR` and dumb terminals.
//!
//! Knows terminals; does not know what a stage does.

use std::io::Write;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use camino::Utf8PathBuf;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use miette::{Diagnostic, GraphicalReportHandler, GraphicalTheme};
use serde::Serialize;

use crate::error::Error;
use crate::gate::Verdict;

pub use annotation::Level;
pub(crate) use summary::wrapped;
pub use summary::{Figure, Finding, Summary};

mod annotation;
mod summary;

/// Bounds of the width, in columns.
const NARROWEST: usize = 40;
const WIDEST: usize = 110;

/// How a stage ended, as it is printed. A stage that was not reached, because one before it failed, has no event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum StageStatus {
    /// It ran.
    Ran,
    /// A record with the same key was found.
    Reused,
    /// It failed.
    Failed,
}

impl StageStatus {
    fn name(self) -> &'static str {
        match self {
            Self::Ran => "ran",
            Self::Reused => "reused",
            Self::Failed => "failed",
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
        /// How long it ran; for people who watch.
        #[serde(skip)]
        duration: Duration,
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
        verdict: Verdict,
        /// Folder with the results.
        out: String,
        /// For people.
        #[serde(skip)]
        summary: Summary,
    },
    /// Something at a line of a file, for whoever reviews a change of it.
    Annotation {
        /// How bad it is.
        level: Level,
        /// The file, relative to the repository.
        file: String,
        /// Its line, from 1.
        line: usize,
        /// In a few words.
        title: String,
        /// The reason.
        message: String,
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
    /// The file, relative to the project's root; absent where it is not known.
    pub file: Option<String>,
}

impl Mistake {
    fn of(problem: &dyn Diagnostic) -> Self {
        let span = problem.labels().and_then(|mut labels| labels.next()).map(|label| *label.inner());
        let place = span.and_then(|span| problem.source_code()?.read_span(&span, 0, 0).ok());
        Self {
            message: problem.to_string(),
            help: problem.help().map(|help| help.to_string()),
            line: place.as_ref().map(|place| place.line() + 1),
            file: place.and_then(|place| place.name().map(str::to_owned)),
        }
    }
}

/// Where a command prints to.
pub struct Ui {
    json: bool,
    /// Whether a person watches: colours and durations.
    watched: bool,
    /// Columns.
    width: usize,
    streams: Mutex<Streams>,
    bars: Option<MultiProgress>,
    /// Where the project is in its repository, if mistakes are shown at their lines, too.
    annotated: Option<Utf8PathBuf>,
    /// Every mistake that was shown.
    mistakes: Mutex<Vec<Mistake>>,
}

/// The process's two output streams, or a test's.
pub struct Streams {
    /// Results.
    pub out: Box<dyn Write + Send>,
    /// Everything else.
    pub err: Box<dyn Write + Send>,
}

/// What colours say.
#[derive(Clone, Copy)]
enum Colour {
    Good,
    Thin,
    Bad,
}

impl Colour {
    fn of(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Pass | Verdict::NotApplicable => Self::Good,
            Verdict::Waived | Verdict::Thin => Self::Thin,
            Verdict::Unknown | Verdict::Fail => Self::Bad,
        }
    }

    fn escape(self) -> &'static str {
        match self {
            Self::Good => "\u{1b}[32m",
            Self::Thin => "\u{1b}[33m",
            Self::Bad => "\u{1b}[1;31m",
        }
    }
}

/// A duration as people read it; nothing where it was too short to matter.
fn took(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    if seconds < 0.05 { String::new() } else { format!("{seconds:.1} s") }
}

impl Ui {
    /// A printer. `terminal` says whether a person is watching standard error.
    pub fn new(streams: Streams, json: bool, terminal: bool) -> Self {
        let bars = (terminal && !json).then(|| MultiProgress::with_draw_target(ProgressDrawTarget::stderr()));
        let columns = terminal_size::terminal_size_of(std::io::stderr()).map(|(width, _)| usize::from(width.0));
        // Lines longer than that are hard to read; a log has no width of its own.
        let width = columns.filter(|_| terminal).unwrap_or(WIDEST).clamp(NARROWEST, WIDEST);
        Self {
            json,
            watched: terminal,
            width,
            streams: Mutex::new(streams),
            bars,
            annotated: None,
            mistakes: Mutex::default(),
        }
    }

    /// Shows mistakes in files a second time, as annotations; `project` is where the project is in its repository.
    #[must_use]
    pub fn annotated(self, project: Option<Utf8PathBuf>) -> Self {
        Self { annotated: project, ..self }
    }

    /// Every mistake that was shown so far.
    pub fn mistakes(&self) -> Vec<Mistake> {
        self.mistakes.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Shows one event.
    pub fn show(&self, event: &Event) {
        if self.json {
            self.out(&serde_json::to_string(event).unwrap_or_default());
            return;
        }
        match event {
            Event::Stage { deployment, target, stage, status, duration } => {
                if *status != StageStatus::Reused {
                    let place: Vec<&str> = [deployment, target].into_iter().flatten().map(String::as_str).collect();
                    let place = place.join(" on ");
                    let word = format!("{:>8}", status.name());
                    let colour = if *status == StageStatus::Failed { Colour::Bad } else { Colour::Good };
                    let word = self.paint(&word, colour);
                    let took = if self.watched { took(*duration) } else { String::new() };
                    self.err(format!("{word} {stage:<10} {place:<24} {took}").trim_end());
                }
            }
            Event::Line { text, .. } => self.out(text),
            Event::Note { text } => {
                let word = self.paint("    note", Colour::Thin);
                self.err(&summary::wrapped(&format!("{word} "), 9, text, self.width));
            }
            Event::Annotation { level, file, line, title, message } => {
                let line = line.to_string();
                let properties = [("file", &**file), ("line", &line), ("title", title)];
                self.out(&annotation::workflow_command(*level, &properties, message));
            }
            Event::Error { .. } | Event::Result { .. } => {}
            Event::Verdict { deployment, target, verdict, summary, .. } => {
                let title = format!("{deployment} on {target}");
                let paint = |text: &str, verdict: Verdict| self.paint(text, Colour::of(verdict));
                summary.lines(&title, *verdict, self.width, &paint).iter().for_each(|line| self.out(line));
            }
        }
    }

    /// Text in colour, where a person watches.
    fn paint(&self, text: &str, colour: Colour) -> String {
        if self.watched { format!("{}{text}\u{1b}[0m", colour.escape()) } else { text.to_owned() }
    }

    /// How many stages ran and how many results were there already; under `--json` the stages' own events say it.
    pub fn tally(&self, ran: usize, reused: usize) {
        if !self.json {
            self.err(&match (ran, reused) {
                (0, reused) => format!("  reused {}", all(reused)),
                (ran, 0) => format!("     ran {}", all(ran)),
                (1, reused) => format!("     ran 1 stage, reused {reused}"),
                (ran, reused) => format!("     ran {ran} stages, reused {reused}"),
            });
        }
    }

    /// Shows a failure with its place and its next step.
    pub fn fail(&self, error: &Error) {
        let help = error.diagnostic.help().map(|help| help.to_string());
        let problems: Vec<Mistake> = error.diagnostic.related().into_iter().flatten().map(Mistake::of).collect();
        self.mistakes.lock().unwrap_or_else(PoisonError::into_inner).extend(problems.iter().cloned());
        for problem in &problems {
            self.annotate(problem);
        }
        self.show(&Event::Error { code: error.kind.exit_code(), message: error.to_string(), help, problems });
        if !self.json {
            let theme = if self.watched { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
            let mut text = String::new();
            let handler = GraphicalReportHandler::new_themed(theme).with_width(self.width);
            if handler.render_report(&mut text, error.diagnostic.as_ref()).is_err() {
                text = error.to_string();
            }
            self.err(text.trim_end());
        }
    }

    fn annotate(&self, mistake: &Mistake) {
        let (Some(project), Some(file)) = (&self.annotated, &mistake.file) else { return };
        let help = mistake.help.as_ref().map_or_else(String::new, |help| format!("; {help}"));
        self.show(&Event::Annotation {
            level: Level::Error,
            file: project.join(file).into_string(),
            line: mistake.line.unwrap_or(1),
            title: format!("mistake in {file}"),
            message: format!("{}{help}", mistake.message),
        });
    }

    /// How far a build of `stages` stages is, on terminals. It goes away when it is dropped.
    pub fn progress(&self, stages: usize) -> Working {
        let bar = self.bars.as_ref().map(|bars| {
            let bar = bars.add(ProgressBar::new(stages as u64));
            bar.set_style(style("         {bar:24.green/dim} {pos} of {len} stages, {elapsed}"));
            bar.enable_steady_tick(Duration::from_millis(250));
            bar
        });
        Working(bar)
    }

    /// A line of a stage that is running, on terminals. It goes away when it is dropped.
    pub fn working(&self, text: String) -> Working {
        let bar = self.bars.as_ref().map(|bars| {
            let bar = bars.insert(0, ProgressBar::new_spinner());
            bar.set_style(style("       {spinner} {wide_msg} {elapsed}"));
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

/// That many stages, of so many.
fn all(stages: usize) -> String {
    if stages == 1 { "the only stage".to_owned() } else { format!("all {stages} stages") }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner())
}

/// A running stage's line, or the bar below all of them.
pub struct Working(Option<ProgressBar>);

impl Working {
    /// One stage more has ended.
    pub fn advance(&self) {
        if let Some(bar) = &self.0 {
            bar.inc(1);
        }
    }
}

impl Drop for Working {
    fn drop(&mut self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}

#[cfg(test)]
mod tests;
