//! The command line. Its doc comments are the reference: `docs/reference/cli.md` is generated from them.

use camino::Utf8PathBuf;
use clap::{Args, Parser, Subcommand};

/// Declarative builds of neural networks for Arm Cortex-M.
///
/// One manifest a deployment, checked into git, becomes firmware, evidence, a verdict and a runbook; only what changed is
/// made again. Start with `deployctl init MODEL.tflite --board host`, then `deployctl build`.
#[derive(Debug, Parser)]
#[command(name = "deployctl", version, after_help = EXIT_CODES, max_term_width = 100)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// Print one JSON object a line instead of text.
    #[arg(long, global = true)]
    pub json: bool,
    /// Folder of the store, instead of the one below `DEPLOYCTL_HOME` or the user's cache folder.
    #[arg(long, global = true, value_name = "DIR")]
    pub store: Option<Utf8PathBuf>,
}

const EXIT_CODES: &str = "\
Exit codes: 0 ok, 1 a gate did not pass or `fmt --check` found something, 2 usage, 3 manifest or lock, 4 model, 5 tool or compile, 6 store, 7 target, 70 a mistake in deployctl.

Environment: DEPLOYCTL_HOME is the folder of sources and store (else `deployctl` in XDG_CACHE_HOME or ~/.cache).";

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Write a manifest for a model: interface filled in, budget from the planned peak.
    Init(Init),
    /// Say of candidate models on boards what runs, how, and whether it fits; and what to do where it does not.
    ///
    /// Answers before an architecture is chosen: needs no compilers, no store and no sources.
    Audit(Audit),
    /// Read manifests, boards and kernel libraries, and report every mistake in them.
    Check(Manifests),
    /// Lay out manifests, boards and kernel libraries in the one way: a node a line, four spaces a level.
    ///
    /// Changes white space between words and nothing else: comments and values stay as they are, which is looked at before a
    /// file is written. Children in one line stay there while they fit 120 columns.
    Fmt(Fmt),
    /// Say what a build would do, stage by stage, without doing it.
    Plan(Plan),
    /// Build: firmware, evidence, verdict and runbook into `out/`.
    ///
    /// Writes the store, `out/` and `deploy.lock`.
    Build(Build),
    /// Build, measure at length, and say of every check how it came out.
    ///
    /// As `build`, with the same options; scenarios that are measured over many inferences get as many as `--budget` has room for.
    /// What a release is judged by.
    Test(Test),
    /// Walk through a bring-up in its order: interface, operators, memory, kernels; stop at the first thing that is wrong.
    ///
    /// What can be seen without compiling is looked at before anything is compiled. Writes what `build` writes.
    Bringup(Bringup),
    /// Say which fields of a stage's key changed since it last ran, old and new.
    Why(Why),
    /// Record that someone agrees to governed values as the manifest has them now.
    ///
    /// Budget, kernels, limits and waivers are governed. Once a deployment has an entry, a value that differs from its newest one
    /// fails the gate `governed`. Writes `approvals.kdl` in the project's root, and nothing else.
    Approve(Approve),
    /// List the figures that are measured: name, unit, the stage that finds it out, what it is.
    Metrics,
    /// Print a manifest's preprocessing as Python, for the training side to call or to compare itself with.
    ///
    /// A function a step, which needs `numpy`, and TensorFlow where the step is `frontend`; run as a program, it writes the
    /// file of features that `parity` reads.
    Features(Features),
    /// Name the failure that a log from the field shows: signature, cause, check, fix.
    ///
    /// Lines of the harness's are found among others, behind times and colours. With the evidence of the log's build in `out/`, operator,
    /// tensor and addresses have their names, digests are compared, and mistakes are named that looked the same when they were made on
    /// purpose. Exit code 0: a failure was named; 1: the log shows none.
    Diagnose(Diagnose),
    /// Fetch kernel library and firmware crate sources, and record them in `deploy.lock`.
    Fetch(Fetch),
    /// List the boards that manifests here can name, or show everything about one.
    ///
    /// They are the built-in ones and the project's own in `manifests/boards`.
    Boards(Boards),
    /// Say what is missing on this machine, which stage needs it, and the command that installs it.
    Doctor(Doctor),
    /// Write a static site of everything that is built and released: verdicts, figures, history, reports, runbooks.
    ///
    /// A folder of plain pages, to be sent or put on any web server. Writes that folder alone, whole or not at all.
    Site(Site),
    /// Copy a built firmware project, with vendored crates and kernel sources, into a folder where it stands alone.
    Export(Export),
    /// Build a deployment and put everything that speaks for it into one archive in `releases/NAME-VERSION/`.
    ///
    /// Refuses what is not promotable. Writes what `build` writes, and the release's folder, in one step; a release that is there
    /// is never changed.
    Promote(Promote),
    /// Check a release: that it is whole, that its evidence is of its firmware, and that the verdict follows from the evidence.
    ///
    /// With `--rebuild`, that the firmware comes out of its manifest and lock file again, byte by byte.
    Verify(Verify),
    /// Say what differs between two releases, manifests or git revisions, down to the field of a stage's key.
    ///
    /// What is no release yet is built, into the store and not into `out/`.
    Diff(Diff),
    /// Remove `out/`, or sweep the store.
    Clean(Clean),
    /// Print a shell completion script.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

/// Manifests to work on.
#[derive(Debug, Args)]
pub struct Manifests {
    /// Manifest files; all of the project (`manifests/*.kdl`) if none is named.
    pub manifests: Vec<Utf8PathBuf>,
}

/// Commands that manifests declare (`convert`).
#[derive(Debug, Args)]
pub struct Commands {
    /// Run no command that a manifest declares: a model that one makes is taken from the project's file.
    #[arg(long)]
    pub no_commands: bool,
}

/// `fmt`.
#[derive(Debug, Args)]
pub struct Fmt {
    /// KDL files, or folders with such files in them; all of the project's `manifests` folder if none is named.
    #[arg(value_name = "PATH")]
    pub paths: Vec<Utf8PathBuf>,
    /// Write nothing; say which files would change, and how, with exit code 1 if there is one.
    #[arg(long)]
    pub check: bool,
}

/// `init`.
#[derive(Debug, Args)]
pub struct Init {
    /// The model.
    pub model: Utf8PathBuf,
    /// The board to build for, such as `host` or `mps2-an386`; `deployctl boards` lists them.
    #[arg(long)]
    pub board: String,
    /// Who answers for the deployment; git's `user.email`, else `user.name`, if not given.
    #[arg(long)]
    pub owner: Option<String>,
    /// Name of the deployment; the model file's stem if not given.
    #[arg(long)]
    pub name: Option<String>,
}

/// `boards`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Boards {
    /// What to do with them; list them if not given.
    #[command(subcommand)]
    pub action: Option<BoardsAction>,
}

/// What `boards` does besides listing.
#[derive(Debug, Subcommand)]
pub enum BoardsAction {
    /// Show everything about one board: core, memory, clock, runner, how far it goes, what a manifest writes.
    Show {
        /// The board's name, as the list has it.
        board: String,
    },
}

/// `audit`.
#[derive(Debug, Args)]
pub struct Audit {
    /// The models. One that cannot be read is said, and the others are answered all the same.
    #[arg(required = true, value_name = "MODEL")]
    pub models: Vec<Utf8PathBuf>,
    /// A board to ask for, once for each; all known boards if none is named.
    #[arg(long = "board", value_name = "BOARD")]
    pub boards: Vec<String>,
    /// The kernel library.
    #[arg(long, value_name = "LIBRARY", default_value = "cmsis-nn")]
    pub kernels: String,
}

/// `plan`.
#[derive(Debug, Args)]
pub struct Plan {
    /// Which manifests.
    #[command(flatten)]
    pub manifests: Manifests,
    /// Whether they may run commands.
    #[command(flatten)]
    pub commands: Commands,
}

/// `build`.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag that people type")]
pub struct Build {
    /// Which manifests.
    #[command(flatten)]
    pub manifests: Manifests,
    /// Whether they may run commands.
    #[command(flatten)]
    pub commands: Commands,
    /// Install what is missing and fetch sources first (`doctor --install`, then `fetch`).
    #[arg(long)]
    pub install: bool,
    /// Run commands that manifests declare without asking, and do not ask again while they stay as they are.
    #[arg(long, conflicts_with = "no_commands")]
    pub allow_commands: bool,
    /// Refuse to build if anything differs from `deploy.lock`, and write nothing to it.
    #[arg(long)]
    pub locked: bool,
    /// Stages to run at a time; as many as there are processors if not given.
    #[arg(short, long)]
    pub jobs: Option<std::num::NonZeroUsize>,
    /// Run every stage twice and name the one whose bytes differ.
    #[arg(long)]
    pub verify: bool,
    /// Reread every stored artifact and every input, and make damaged ones again.
    #[arg(long)]
    pub check: bool,
    /// Make firmware with known mistakes, too, run each, and write down how it shows: `injected.json`, which `diagnose` compares logs with.
    ///
    /// A mistake that does not show is a failure.
    #[arg(long)]
    pub inject: bool,
    /// Longest that a target may take for all its vectors; one that takes longer has failed to answer [default: 600].
    #[arg(long, value_name = "SECONDS")]
    pub time_limit: Option<std::num::NonZeroU32>,
    /// Say how long each part of the command took.
    #[arg(long)]
    pub timings: bool,
    /// Print what is not well a second time, as lines that a code host shows at the manifest's line in a pull request.
    #[arg(long, value_name = "HOST")]
    pub annotations: Option<Annotations>,
}

/// Whose form annotations have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Annotations {
    /// `::error file=…,line=…::…`
    Github,
}

/// `test`.
#[derive(Debug, Args)]
pub struct Test {
    /// Everything that a build may be told.
    #[command(flatten)]
    pub build: Build,
    /// Instructions that a scenario may take on a board that counts them; never fewer than twenty inferences are measured.
    #[arg(long, value_name = "INSTRUCTIONS", default_value = "5G")]
    pub budget: String,
}

/// `bringup`.
#[derive(Debug, Args)]
pub struct Bringup {
    /// Which manifests.
    #[command(flatten)]
    pub manifests: Manifests,
    /// Whether they may run commands.
    #[command(flatten)]
    pub commands: Commands,
    /// The board, where a manifest has several; all of them if not given.
    #[arg(long)]
    pub board: Option<String>,
    /// Run commands that manifests declare without asking, and do not ask again while they stay as they are.
    #[arg(long, conflicts_with = "no_commands")]
    pub allow_commands: bool,
}

/// `why`.
#[derive(Debug, Args)]
pub struct Why {
    /// The stage: `memory`, or `kws/mps2-an386/memory` where several targets have one.
    pub stage: String,
    /// Print what the stage said when it last ran, also where it failed: of `convert`, what the command printed.
    #[arg(long)]
    pub log: bool,
    /// Which manifests.
    #[command(flatten)]
    pub manifests: Manifests,
    /// Whether they may run commands.
    #[command(flatten)]
    pub commands: Commands,
}

/// `approve`.
#[derive(Debug, Args)]
pub struct Approve {
    /// The values, as `arena.budget` or `gates.flash.max`.
    #[arg(value_name = "PARAM", conflicts_with = "all")]
    pub params: Vec<String>,
    /// All values that differ from what was approved.
    #[arg(long)]
    pub all: bool,
    /// Who agrees: the value's owner, or an owner of the manifest by the repository's `CODEOWNERS`.
    #[arg(long, value_name = "WHO")]
    pub by: String,
    /// Why.
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
    /// The manifest, where the project has several.
    #[arg(long, value_name = "MANIFEST")]
    pub manifest: Option<Utf8PathBuf>,
    /// Sign the entries with this SSH key, with `ssh-keygen`; where an agent has the key, name its public half.
    #[arg(long, value_name = "KEY")]
    pub sign: Option<Utf8PathBuf>,
}

/// `features`.
#[derive(Debug, Args)]
pub struct Features {
    /// The manifest.
    pub manifest: Utf8PathBuf,
}

/// `diagnose`.
#[derive(Debug, Args)]
pub struct Diagnose {
    /// The log, as whoever recorded it has it; `-` is standard input.
    pub log: String,
    /// The manifest of the deployment; all of the project around the working directory if none is named.
    pub manifest: Option<Utf8PathBuf>,
    /// The board that the log is of, where the manifest has several and the log does not say.
    #[arg(long)]
    pub board: Option<String>,
    /// The release that the log is of, an archive or its folder, for who has no project: `bundle.tar`.
    #[arg(long, conflicts_with = "manifest")]
    pub bundle: Option<Utf8PathBuf>,
}

/// `fetch`.
#[derive(Debug, Args)]
pub struct Fetch {
    /// Which manifests.
    #[command(flatten)]
    pub manifests: Manifests,
    /// Take the sources as they are now and record them, even if `deploy.lock` has others.
    #[arg(long)]
    pub update: bool,
}

/// `doctor`.
#[derive(Debug, Args)]
pub struct Doctor {
    /// Which manifests.
    #[command(flatten)]
    pub manifests: Manifests,
    /// Run the commands that install what is missing.
    #[arg(long)]
    pub install: bool,
}

/// `export`.
#[derive(Debug, Args)]
pub struct Export {
    /// The manifest.
    pub manifest: Utf8PathBuf,
    /// The board, where the manifest has several.
    #[arg(long)]
    pub board: Option<String>,
    /// The folder to make; it must not exist or be empty.
    #[arg(long, value_name = "DIR")]
    pub to: Utf8PathBuf,
}

/// `site`.
#[derive(Debug, Args)]
pub struct Site {
    /// The folder to write; an earlier site in it is replaced [default: `site` in the project].
    #[arg(long, value_name = "DIR")]
    pub to: Option<Utf8PathBuf>,
}

/// `promote`.
#[derive(Debug, Args)]
pub struct Promote {
    /// The manifest.
    pub manifest: Utf8PathBuf,
    /// Whether it may run commands.
    #[command(flatten)]
    pub commands: Commands,
    /// Run the command that the manifest declares without asking, and do not ask again while it stays as it is.
    #[arg(long, conflicts_with = "no_commands")]
    pub allow_commands: bool,
    /// Sign the archive with this SSH key, by `ssh-keygen`; a public key stands for one that an agent has.
    #[arg(long, value_name = "KEYFILE")]
    pub sign: Option<Utf8PathBuf>,
}

/// `verify`.
#[derive(Debug, Args)]
pub struct Verify {
    /// The release: its folder, its `bundle.tar`, or a folder with the files of one.
    pub bundle: Utf8PathBuf,
    /// Build the firmware again from manifest and lock file alone, with an empty store, and compare it byte by byte.
    #[arg(long)]
    pub rebuild: bool,
    /// The signers that are trusted, as `ssh-keygen` reads them: a name and a public key a line.
    #[arg(long, value_name = "FILE")]
    pub allowed_signers: Option<Utf8PathBuf>,
    /// Refuse a release that none of them has signed.
    #[arg(long, requires = "allowed_signers")]
    pub require_signature: bool,
}

/// `diff`.
#[derive(Debug, Args)]
pub struct Diff {
    /// A release (folder or `bundle.tar`), a manifest, or a git revision.
    #[arg(value_name = "A")]
    pub old: String,
    /// What it is held against, likewise; the project's manifests as they are now if not given.
    #[arg(value_name = "B")]
    pub new: Option<String>,
    /// Print Markdown, for a pull request.
    #[arg(long)]
    pub markdown: bool,
}

/// `clean`.
#[derive(Debug, Args)]
pub struct Clean {
    /// Which manifests.
    #[command(flatten)]
    pub manifests: Manifests,
    /// Sweep the store instead: remove what no build has used for this many days.
    ///
    /// What is removed and needed again is made again. Manifests are not looked at.
    #[arg(long, value_name = "DAYS", num_args = 0..=1, default_missing_value = "30")]
    pub store_older_than: Option<u32>,
}
