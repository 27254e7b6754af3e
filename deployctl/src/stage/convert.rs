//! Stage `convert`: the command that the manifest declares, run in an empty folder with only the declared inputs, to the
//! `.tflite` that it makes.
//!
//! In its key: the command, the contents of the inputs, the environment, the program with its interpreter, library and packages.
//! Not in its key: what the system's folders hold besides, and the kernel and processor below.

mod attempt;
mod reads;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use deployctl_cache::{BoxError, Digest, Fields, FileInput, Job, Stage, TreeInput};
use serde::Serialize;

use self::attempt::{Made, Variation};
use super::{Runtime, artifact, fail};
use crate::error::Kind;
use crate::gate::evidence::Conversion;
use crate::manifest::Provenance;
use crate::model;
use crate::tool::{Output, Program, Strace};

/// A clock of whole seconds shows another time after this.
const LATER: Duration = Duration::from_millis(1100);
/// Most bytes of a log that are kept.
const LOG: usize = 256 << 10;

/// The command and everything that it may read.
#[derive(Debug, Serialize)]
pub struct Convert {
    /// Its words; one of them contains `{output}`.
    pub command: Vec<String>,
    /// Whether the first word is one of the inputs, a script.
    pub script: bool,
    /// The folder that it runs in, relative to the project's root: the manifest's.
    pub folder: Utf8PathBuf,
    /// File name of the model.
    pub output: String,
    /// What it reads.
    pub inputs: Vec<ConvertSource>,
    /// Variables of its environment, besides those that every command has.
    pub environment: BTreeMap<String, String>,
    /// What is started.
    pub program: Program,
    /// Whether it runs twice.
    pub reproducible: bool,
    /// What people want to know of the model later.
    pub provenance: Provenance,
    /// What looks for undeclared reads.
    pub watcher: Option<Strace>,
    /// What is in no key.
    #[serde(skip)]
    pub surroundings: Surroundings,
}

/// An input of the command.
#[derive(Clone, Debug, Serialize)]
pub struct ConvertSource {
    /// Where it lies, relative to the project's root.
    pub place: Utf8PathBuf,
    /// Its contents.
    pub content: Content,
    /// As the manifest writes it.
    #[serde(skip)]
    pub written: String,
}

/// What an input holds.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Content {
    /// A file.
    File(FileInput),
    /// A folder with all that is in it.
    Folder(TreeInput),
}

impl Content {
    /// Of file or folder.
    pub fn digest(&self) -> Digest {
        match self {
            Self::File(file) => file.digest(),
            Self::Folder(tree) => tree.digest(),
        }
    }

    fn path(&self) -> &Utf8Path {
        match self {
            Self::File(file) => file.path(),
            Self::Folder(tree) => tree.root(),
        }
    }
}

/// Where and how the command runs: in no key.
#[derive(Clone, Debug)]
pub struct Surroundings {
    /// Manifest and line of the node, for messages.
    pub line: String,
    /// The command as the manifest writes it.
    pub written: String,
    /// The project's root.
    pub root: Utf8PathBuf,
    /// The user's home folder.
    pub home: Option<Utf8PathBuf>,
    /// Longest that a run may take.
    pub time_limit: Duration,
    /// Most bytes of all files that a run writes.
    pub most_files: u64,
    /// Most bytes that a run prints.
    pub most_log: u64,
    /// Starts tools.
    pub runtime: Runtime,
}

impl Stage for Convert {
    fn name(&self) -> &'static str {
        "convert"
    }

    fn version(&self) -> u32 {
        1
    }

    fn fields(&self) -> Fields {
        Fields::of(self)
    }

    fn run(&self, job: &Job) -> Result<(), BoxError> {
        if self.watcher.is_none() {
            let text = "undeclared reads were not looked for: `strace` is not installed, or may not look";
            job.log(format!("{}: {text}; `apt-get install -y strace`", self.surroundings.line));
        }
        let first = self.attempt(job, &Variation::FIRST)?;
        let mut unread = self.unread(&first);
        if self.reproducible {
            std::thread::sleep(LATER);
            let second = self.attempt(job, &Variation::SECOND)?;
            if first.model != second.model {
                return Err(self.refuse_difference(&first, &second));
            }
            unread = &unread & &self.unread(&second);
        }
        model::read(&first.model).map_err(|error| self.no_model(&error))?;
        let conversion = Conversion {
            command: self.surroundings.written.clone(),
            digest: Digest::of(&first.model).to_string(),
            runs: if self.reproducible { 2 } else { 1 },
            watched: self.watcher.is_some(),
            unread: unread.into_iter().map(str::to_owned).collect(),
            provenance: self.declared(),
        };
        job.write(artifact::MODEL, &first.model)?;
        job.write_json(artifact::CONVERSION, &conversion)?;
        Ok(())
    }

    /// Nothing is known of how many processors a command uses.
    fn weight(&self) -> usize {
        self.surroundings.runtime.jobs
    }
}

impl Convert {
    fn attempt(&self, job: &Job, variation: &Variation) -> Result<Made, BoxError> {
        let keep = |output: &Output| {
            let log = format!("{}{}", output.stdout.text(), output.stderr.text());
            let start = log.len().saturating_sub(LOG);
            let start = (start..log.len()).find(|at| log.is_char_boundary(*at)).unwrap_or(log.len());
            log[start..].lines().for_each(|line| job.journal(line));
        };
        let made = attempt::run(self, job.work_dir(), variation, &keep)?;
        if let Some(seen) = &made.seen {
            reads::refuse_undeclared(self, seen, &made.folder)?;
        }
        Ok(made)
    }

    /// Inputs that nothing of which was opened.
    fn unread(&self, made: &Made) -> BTreeSet<&str> {
        let Some(seen) = &made.seen else { return BTreeSet::new() };
        let is_unread = |source: &&ConvertSource| {
            let copy = made.folder.join(attempt::PROJECT).join(&source.place);
            !seen.read.iter().chain(&seen.written).any(|path| path.starts_with(&copy) && !path.is_dir())
        };
        self.inputs.iter().filter(is_unread).map(|source| source.written.as_str()).collect()
    }

    /// What the model was made from and with.
    fn declared(&self) -> Vec<(String, String)> {
        let mut rows = vec![("made by".to_owned(), self.surroundings.written.clone())];
        let mut add = |name: &str, value: String| rows.push((name.to_owned(), value));
        let digest = |written: &String| {
            let source = self.inputs.iter().find(|source| source.written == *written);
            source.map(|source| format!("{written}, digest {}", source.content.digest())).unwrap_or_default()
        };
        if let Some(source) = &self.provenance.source {
            add("source model", digest(source));
        }
        if let Some(calibration) = &self.provenance.calibration {
            add("calibration data", digest(calibration));
        }
        if let Some(name) = &self.provenance.converter {
            let package = self.program.python.as_ref().and_then(|python| python.package(name));
            add("converter package", package.map_or_else(|| name.clone(), |found| format!("{name} {}", found.version)));
        }
        if let Some(settings) = &self.provenance.quantization {
            add("quantization settings", settings.clone());
        }
        match &self.program.python {
            Some(python) => {
                let text = format!("{} packages, digest {}", python.packages.len(), python.packages_digest());
                add("interpreter", format!("{}, {text}", self.program.title()));
            }
            None => add("program", format!("{}, digest {}", self.program.title(), self.program.files.join(" "))),
        }
        rows
    }

    fn refuse_difference(&self, first: &Made, second: &Made) -> BoxError {
        let found = model::compare(&first.model, &second.model);
        let message =
            format!("{}: two runs of the command gave different models:{}", self.surroundings.line, found.text());
        let help = "the second run had another folder, time, time zone, `PYTHONHASHSEED` and order of files: take what depends \
                    on them out of the script, or fix a variable with `environment`";
        fail(Kind::Tool, message, help)
    }

    fn no_model(&self, error: &dyn std::error::Error) -> BoxError {
        let message =
            format!("{}: what the command wrote is not a model that can be deployed: {error}", self.surroundings.line);
        fail(
            Kind::Model,
            message,
            "does it write what the converter returned, whole and in binary mode, to `{output}`?",
        )
    }
}
