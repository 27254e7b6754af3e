//! The verbs. [`run`] is the whole program as a function: arguments, streams and environment in, exit code out.
//!
//! Only here are the environment and the working directory read.

mod approve;
mod audit;
mod boards;
mod bringup;
mod build;
mod check;
mod checked;
mod clean;
mod conversion;
mod deliver;
mod diagnose;
mod diff;
mod difference;
mod doctor;
mod evidence;
mod export;
mod features;
mod fetch;
mod fmt;
mod gather;
mod governance;
mod init;
mod injected;
mod leased;
mod licences;
mod lock;
mod metrics;
mod observe;
mod pack;
mod parallel;
mod phases;
mod plan;
mod probe;
mod promote;
mod rebuild;
mod seal;
mod signature;
mod site;
mod sources;
mod stronger;
mod survey;
mod test;
mod trust;
mod verify;
mod watch;
mod why;
mod workshop;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::io::{BufRead, Write};
use std::sync::Mutex;

use camino::{Utf8Path, Utf8PathBuf};
use clap::{CommandFactory, Parser};

use crate::cli::{Cli, Command, Commands, Manifests};
use crate::error::{Error, Kind};
use crate::fetch::Home;
use crate::manifest::{self, Catalog, Date, Manifest, Syntax};
use crate::stage;
use crate::tool::Supervisor;
use crate::ui::{Event, Streams, Ui};

use workshop::Workshop;

/// What the program has of the outside.
pub struct Io {
    /// Standard output.
    pub out: Box<dyn Write + Send>,
    /// Standard error.
    pub err: Box<dyn Write + Send>,
    /// Whether a person watches standard error.
    pub terminal: bool,
    /// The day, in UTC: what decides whether a waiver still holds, and what approvals are dated with.
    pub today: Date,
    /// The time, in seconds since 1970 in UTC: what evidence from boards is dated with.
    pub now: u64,
    /// Working directory; empty where there is none with a name in UTF-8.
    pub cwd: Utf8PathBuf,
    /// Environment.
    pub env: BTreeMap<String, String>,
    /// What a person answers to questions; absent where nobody can.
    pub answers: Option<Box<dyn BufRead + Send>>,
    /// Starts tools.
    pub supervisor: Supervisor,
    /// Ends the build.
    pub engine_cancel: deployctl_cache::Cancel,
}

/// What a command came to.
pub(crate) enum Done {
    /// It did what it was asked.
    Ok,
    /// It did, and there is nothing to say.
    Nothing,
    /// A session was played, and this is what it ended with.
    Session(u8),
    /// It did, and this is the worst verdict.
    Verdict(crate::gate::Verdict),
}

/// Runs the program and gives its exit code.
pub fn run(args: impl IntoIterator<Item = OsString>, mut io: Io) -> u8 {
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(error) => {
            let text = error.render();
            let (stream, code) =
                if error.use_stderr() { (&mut io.err, Kind::Usage.exit_code()) } else { (&mut io.out, 0) };
            drop(if io.terminal { write!(stream, "{}", text.ansi()) } else { write!(stream, "{text}") });
            return code;
        }
    };
    if let Command::Completions { shell } = cli.command {
        let mut script = Vec::new();
        clap_complete::generate(shell, &mut Cli::command(), "deployctl", &mut script);
        // A reader that wants no more is no failure.
        drop(io.out.write_all(&script).and_then(|()| io.out.flush()));
        return 0;
    }
    let ui = Ui::new(Streams { out: io.out, err: io.err }, cli.json, io.terminal);
    let ui = ui.annotated(is_annotated(&cli.command).then(|| in_repository(&io.cwd)));
    let sarif =
        if let Command::Check(args) = &cli.command { args.sarif.as_ref().map(|path| io.cwd.join(path)) } else { None };
    let surroundings = Surroundings {
        ui: &ui,
        writes: writes_home(&cli.command),
        today: io.today,
        now: io.now,
        cwd: io.cwd,
        env: io.env,
        // Under `--json` a program reads, and answers nothing.
        answers: io.answers.filter(|_| !cli.json).map(Mutex::new),
        supervisor: io.supervisor,
        engine_cancel: io.engine_cancel,
    };
    let done = surroundings.has_cwd().and_then(|()| dispatch(&cli, &surroundings));
    let (code, verdict) = match &done {
        Ok(Done::Ok) => (0, "ok"),
        Ok(Done::Nothing) => (1, "nothing"),
        Ok(Done::Session(code)) => (*code, "session"),
        Ok(Done::Verdict(verdict)) => (if verdict.is_good() { 0 } else { Kind::Gate.exit_code() }, verdict.name()),
        Err(error) => {
            ui.fail(error);
            (error.kind.exit_code(), "error")
        }
    };
    let code = sarif.map_or(code, |path| written(&path, code, &ui));
    ui.show(&Event::Result { verdict: verdict.to_owned() });
    code
}

/// Writes the mistakes that were shown; a file that cannot be written is a failure of its own.
fn written(path: &Utf8Path, code: u8, ui: &Ui) -> u8 {
    let mistakes: Vec<stage::Mistake> = ui
        .mistakes()
        .into_iter()
        .map(|mistake| stage::Mistake {
            file: mistake.file.unwrap_or_else(|| "manifests".to_owned()),
            line: mistake.line.unwrap_or(1),
            text: mistake.help.map_or(mistake.message.clone(), |help| format!("{}; {help}", mistake.message)),
        })
        .collect();
    let bytes = serde_json::to_vec_pretty(&stage::sarif_of_mistakes(&mistakes)).unwrap_or_default();
    let Err(error) = std::fs::write(path, bytes) else { return code };
    let error = Error::caused(Kind::Store, &error, format!("`{path}` should be a file in a folder that is there"));
    ui.fail(&error);
    error.kind.exit_code()
}

/// Whether mistakes are shown at their lines, too.
fn is_annotated(command: &Command) -> bool {
    match command {
        Command::Check(args) => args.annotations.is_some(),
        Command::Build(args) => args.annotations.is_some(),
        Command::Test(args) => args.build.annotations.is_some(),
        _ => false,
    }
}

/// Where the project around a folder is in its repository.
fn in_repository(cwd: &Utf8Path) -> Utf8PathBuf {
    let root = project_around(cwd);
    let repository = root.ancestors().find(|folder| folder.join(".git").exists());
    repository.and_then(|repository| root.strip_prefix(repository).ok()).unwrap_or(Utf8Path::new("")).to_owned()
}

/// The project around a folder, or a new one in it.
fn project_around(cwd: &Utf8Path) -> &Utf8Path {
    let is_project = |folder: &&Utf8Path| folder.join("deploy.lock").is_file() || folder.join("manifests").is_dir();
    cwd.ancestors().find(is_project).unwrap_or(cwd)
}

/// What every command may use.
pub(crate) struct Surroundings<'a> {
    pub(crate) ui: &'a Ui,
    /// Whether the command may write into the user's home folder of deployctl: most only look.
    pub(crate) writes: bool,
    pub(crate) today: Date,
    pub(crate) now: u64,
    pub(crate) cwd: Utf8PathBuf,
    pub(crate) env: BTreeMap<String, String>,
    pub(crate) answers: Option<Mutex<Box<dyn BufRead + Send>>>,
    pub(crate) supervisor: Supervisor,
    pub(crate) engine_cancel: deployctl_cache::Cancel,
}

/// Law 5: a command writes what its help page names. A sweep opens the store itself, if there is one.
fn writes_home(command: &Command) -> bool {
    match command {
        Command::Build(_)
        | Command::Test(_)
        | Command::Bringup(_)
        | Command::Fetch(_)
        | Command::Export(_)
        | Command::Promote(_)
        | Command::Diff(_) => true,
        Command::Verify(args) => args.rebuild,
        Command::Doctor(args) => args.install,
        _ => false,
    }
}

fn dispatch(cli: &Cli, around: &Surroundings) -> Result<Done, Error> {
    let workshop = || Workshop::open(around, cli.store.as_deref());
    match &cli.command {
        Command::Init(args) => init::run(args, around),
        Command::Audit(args) => audit::run(args, around),
        Command::Check(args) => check::run(args, around),
        Command::Fmt(args) => fmt::run(args, around),
        Command::Boards(args) => boards::run(args, around),
        Command::Approve(args) => approve::run(args, around),
        Command::Metrics => metrics::run(around),
        Command::Features(args) => features::run(args, around),
        Command::Diagnose(args) => diagnose::run(args, around),
        Command::Probe(args) => Ok(probe::run(args, around)),
        Command::Plan(args) => plan::run(args, &workshop()?),
        Command::Build(args) => build::run(args, &workshop()?),
        Command::Test(args) => test::run(args, &workshop()?),
        Command::Bringup(args) => bringup::run(args, &workshop()?),
        Command::Why(args) => why::run(args, &workshop()?),
        Command::Fetch(args) => fetch::run(args, &workshop()?),
        Command::Doctor(args) => doctor::run(args, &workshop()?),
        Command::Export(args) => export::run(args, &workshop()?),
        Command::Promote(args) => promote::run(args, &workshop()?),
        Command::Verify(args) => verify::run(args, &workshop()?),
        Command::Diff(args) => diff::run(args, &workshop()?),
        Command::Site(args) => site::run(args, around),
        Command::Clean(args) => clean::run(args, &workshop()?),
        Command::Completions { .. } => Ok(Done::Ok),
    }
}

impl Surroundings<'_> {
    fn has_cwd(&self) -> Result<(), Error> {
        if self.cwd.is_absolute() {
            return Ok(());
        }
        let help = "change to a folder that exists and whose whole path is UTF-8";
        Err(Error::plain(Kind::Usage, "the working directory has no name that can be written down", help))
    }

    /// A path as the user means it: relative to the working directory.
    pub(crate) fn path(&self, path: &Utf8Path) -> Utf8PathBuf {
        self.cwd.join(path)
    }

    /// The project around the working directory, or a new one in it.
    pub(crate) fn root(&self) -> Utf8PathBuf {
        project_around(&self.cwd).to_owned()
    }

    /// The manifests that are named, or all of the project around the working directory. Every mistake of every file is
    /// shown before the first error comes back.
    pub(crate) fn manifests(&self, named: &Manifests) -> Result<Vec<Manifest>, Error> {
        let paths = self.manifest_paths(named)?;
        let roots: Vec<Utf8PathBuf> = paths.iter().map(|path| manifest::project_root(path)).collect();
        let syntax = Home::from_env(&self.env)
            .map_or_else(|_| Syntax::default(), |home| Syntax::in_folder(home.syntax(), self.writes));
        let open = |root: &Utf8PathBuf| Catalog::open(root).map(|catalog| catalog.remembering(syntax.clone()));
        let catalogs: BTreeMap<&Utf8PathBuf, _> =
            roots.iter().collect::<BTreeSet<_>>().into_iter().map(|root| (root, open(root))).collect();
        let found: Vec<_> = paths.iter().zip(roots.iter().map(|root| &catalogs[root])).collect();
        let loaded = parallel::map(&found, |(path, catalog)| match catalog {
            Ok(catalog) => manifest::load(path, catalog),
            Err(errors) => Err(errors.clone()),
        });
        let mut manifests = Vec::new();
        let mut wrong: Option<Error> = None;
        for loaded in loaded {
            match loaded {
                Ok(manifest) => manifests.push(manifest),
                Err(errors) => {
                    if let Some(earlier) = wrong.replace(Error::new(Kind::Manifest, errors)) {
                        self.ui.fail(&earlier);
                    }
                }
            }
        }
        if let Some(error) = wrong {
            return Err(error);
        }
        manifest::clashes(&manifests).map_err(|errors| Error::new(Kind::Manifest, errors))?;
        Ok(manifests)
    }

    /// As [`Surroundings::manifests`], with the commands that they declare forbidden where the user says so.
    pub(crate) fn manifests_with(&self, named: &Manifests, commands: &Commands) -> Result<Vec<Manifest>, Error> {
        let mut manifests = self.manifests(named)?;
        if commands.no_commands {
            conversion::forbid(&mut manifests);
        }
        Ok(manifests)
    }

    /// Where these manifests are, be they in order or not.
    pub(crate) fn manifest_paths(&self, named: &Manifests) -> Result<Vec<Utf8PathBuf>, Error> {
        if named.manifests.is_empty() {
            return self.discover();
        }
        Ok(named.manifests.iter().map(|path| self.path(path)).collect())
    }

    fn discover(&self) -> Result<Vec<Utf8PathBuf>, Error> {
        let mut found: Vec<Utf8PathBuf> = Vec::new();
        for folder in self.cwd.ancestors() {
            found = manifest::discover(folder);
            if !found.is_empty() || folder.join("deploy.lock").is_file() {
                break;
            }
        }
        if found.is_empty() {
            return Err(Error::plain(
                Kind::Usage,
                format!("there is no manifest in `{}`", self.cwd.join("manifests")),
                "name one, or write the first with `deployctl init MODEL.tflite --board host`",
            ));
        }
        Ok(found)
    }
}
