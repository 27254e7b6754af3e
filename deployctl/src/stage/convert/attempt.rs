//! One run of a declared command: a new folder with copies of the inputs, the process, and the file that it leaves.
//!
//! Knows folders, environment and limits; does not judge what was read.

use camino::{Utf8Path, Utf8PathBuf};
use deployctl_cache::BoxError;

use super::{Content, Convert, fail};
use crate::error::{Error, Kind};
use crate::tool::{Bounds, Invocation, Output, Seen, Strace, ToolError};

/// Copies of the inputs, in a run's folder.
pub(super) const PROJECT: &str = "project";
/// The folder of the model that the command makes.
const OUTPUT: &str = "output";
/// Lines of a log that are shown where a command fails.
const LINES: usize = 20;
/// Files that are named where the model is not among them.
const NAMED: usize = 5;

/// In what runs differ that must give the same bytes.
pub(super) struct Variation {
    folder: &'static str,
    hash_seed: &'static str,
    zone: &'static str,
    /// Whether inputs are copied from the last to the first.
    reversed: bool,
}

impl Variation {
    /// The run whose model is taken.
    pub(super) const FIRST: Self = Self { folder: "a", hash_seed: "0", zone: "UTC0", reversed: false };
    /// The run that it is compared with. Its local date is another one at every time of the day but the last minute.
    pub(super) const SECOND: Self =
        Self { folder: "the-second-run-has-a-longer-path", hash_seed: "1234567", zone: "LATER-23:59", reversed: true };
}

/// What a run gave.
pub(super) struct Made {
    /// The model.
    pub(super) model: Vec<u8>,
    /// What it opened, where somebody looked.
    pub(super) seen: Option<Seen>,
    /// The run's folder, as the system calls it.
    pub(super) folder: Utf8PathBuf,
}

/// Runs the command once, in a folder of its own below `work`. What it printed goes to `keep`, however it ended.
pub(super) fn run(
    stage: &Convert,
    work: &Utf8Path,
    variation: &Variation,
    keep: &dyn Fn(&Output),
) -> Result<Made, BoxError> {
    let work = work.canonicalize_utf8()?;
    let folder = work.join(variation.folder);
    let traces = work.join(format!("traces-{}", variation.folder));
    let cwd = folder.join(PROJECT).join(&stage.folder);
    for path in [&folder.join(OUTPUT), &folder.join("home"), &folder.join("tmp"), &cwd, &traces] {
        std::fs::create_dir_all(path)?;
    }
    let copied = copy_inputs(stage, &folder.join(PROJECT), variation.reversed)?;
    let model = folder.join(OUTPUT).join(&stage.output);
    let around = &stage.surroundings;
    let words = words(stage, &folder, &model);
    let words: Vec<String> = match &stage.watcher {
        Some(watcher) => [vec![watcher.program.to_string()], Strace::arguments(&traces.join("thread")), words].concat(),
        None => words,
    };
    let Some((program, arguments)) = words.split_first() else {
        return Err(fail(Kind::Internal, "a command without a program", "please report this"));
    };
    let bounds =
        Bounds { log: Some(around.most_log), folder: Some((folder.clone(), around.most_files.saturating_add(copied))) };
    let invocation = Invocation::new(program.as_str()).args(arguments).cwd(&cwd).time_limit(around.time_limit);
    let invocation = environment(stage, invocation, &folder, variation).bounds(bounds);
    let output = invocation.run(&around.runtime.supervisor).map_err(|error| {
        printed(&error).into_iter().for_each(keep);
        refusal(stage, &error, &folder)
    })?;
    keep(&output);
    let seen = stage.watcher.is_some().then(|| Seen::read(&traces, &cwd)).transpose()?;
    Ok(Made { model: read_model(stage, &folder, &model)?, seen, folder })
}

/// What is started, with the place of the model in it.
fn words(stage: &Convert, folder: &Utf8Path, model: &Utf8Path) -> Vec<String> {
    let mut words = stage.program.start.clone();
    let mut command = stage.command.iter();
    let first = command.next().filter(|_| stage.script);
    words.extend(first.map(|script| folder.join(PROJECT).join(&stage.folder).join(script).into_string()));
    words.extend(command.map(|word| word.replace("{output}", model.as_str())));
    words
}

/// A small world: folders of the run's own, no user, no language but C's. What the manifest declares stands last.
fn environment(stage: &Convert, invocation: Invocation, folder: &Utf8Path, variation: &Variation) -> Invocation {
    let invocation = invocation
        .env("PATH", stage.surroundings.runtime.path.as_str())
        .env("HOME", folder.join("home"))
        .env("TMPDIR", folder.join("tmp"))
        .env("LC_ALL", "C.UTF-8")
        .env("TZ", variation.zone)
        .env("PYTHONHASHSEED", variation.hash_seed)
        .env("PYTHONNOUSERSITE", "1")
        .env("PYTHONDONTWRITEBYTECODE", "1");
    invocation.envs(&stage.environment)
}

/// Copies the inputs to where they lie in the project; how many bytes they are.
fn copy_inputs(stage: &Convert, project: &Utf8Path, reversed: bool) -> Result<u64, BoxError> {
    let mut sources: Vec<_> = stage.inputs.iter().collect();
    if reversed {
        sources.reverse();
    }
    let mut bytes = 0;
    for source in sources {
        let place = project.join(&source.place);
        let mut files: Vec<(Utf8PathBuf, Vec<u8>)> = Vec::new();
        match &source.content {
            Content::File(file) => files.push((place, file.bytes()?)),
            Content::Folder(tree) => {
                std::fs::create_dir_all(&place)?;
                for (path, _) in tree.files() {
                    files.push((place.join(path), tree.bytes(path)?));
                }
            }
        }
        if reversed {
            files.reverse();
        }
        for (path, content) in files {
            std::fs::create_dir_all(path.parent().unwrap_or(project))?;
            std::fs::write(&path, &content)?;
            bytes += content.len() as u64;
        }
    }
    Ok(bytes)
}

/// The file that the command was to write.
fn read_model(stage: &Convert, folder: &Utf8Path, path: &Utf8Path) -> Result<Vec<u8>, BoxError> {
    let line = &stage.surroundings.line;
    match std::fs::symlink_metadata(path) {
        Ok(about) if about.is_file() && about.len() > 0 => Ok(std::fs::read(path)?),
        Ok(about) => {
            let what = match (about.is_file(), about.is_dir()) {
                (true, _) => "an empty file",
                (_, true) => "a folder",
                _ => "a link, or no file at all",
            };
            let help = "it should write the model's bytes into a file of that name";
            Err(fail(Kind::Tool, format!("{line}: the command left {what} at `{{output}}`"), help))
        }
        Err(_) => {
            let mut written: Vec<String> = Vec::new();
            list(&folder.join(OUTPUT), folder, &mut written);
            list(&folder.join(PROJECT), folder, &mut written);
            let is_input = |name: &String| {
                let place = name.strip_prefix("project/").map(Utf8Path::new);
                place.is_some_and(|place| stage.inputs.iter().any(|source| place.starts_with(&source.place)))
            };
            written.retain(|name| !is_input(name));
            written.sort();
            written.truncate(NAMED);
            let others = if written.is_empty() { "nothing".to_owned() } else { format!("`{}`", written.join("`, `")) };
            let message =
                format!("{line}: the command ended well and did not write `{{output}}`; what it wrote: {others}");
            Err(fail(Kind::Tool, message, "does the script use the path that `{output}` stands for?"))
        }
    }
}

/// All files below a folder, relative to `root`.
fn list(folder: &Utf8Path, root: &Utf8Path, all: &mut Vec<String>) {
    for entry in folder.read_dir_utf8().into_iter().flatten().flatten() {
        let path = entry.path();
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            list(path, root, all);
        } else {
            all.push(path.strip_prefix(root).unwrap_or(path).to_string());
        }
    }
}

/// What a command that failed had printed.
fn printed(error: &ToolError) -> Option<&Output> {
    match error {
        ToolError::Failed { output, .. }
        | ToolError::Signalled { output, .. }
        | ToolError::TimedOut { output, .. }
        | ToolError::TooMuch { output, .. } => Some(output),
        _ => None,
    }
}

/// Why the command gave no model, in the manifest's terms.
fn refusal(stage: &Convert, error: &ToolError, folder: &Utf8Path) -> BoxError {
    let around = &stage.surroundings;
    let (what, help, output) = match error {
        ToolError::Failed { code, output, .. } => (
            format!("ended with exit code {code}"),
            "it runs in an empty folder with the declared inputs alone: a file that it misses is an `input` to add"
                .to_owned(),
            output,
        ),
        ToolError::Signalled { signal, output, .. } => (
            format!("was ended by signal {signal}"),
            "signal 9 may be the system's, for want of memory; signal 11 is a crash of the program".to_owned(),
            output,
        ),
        ToolError::TimedOut { output, .. } => (
            format!("was ended after its time limit of {} s", around.time_limit.as_secs()),
            "does it wait for something? if it takes longer, write `time-limit \"2h\"`".to_owned(),
            output,
        ),
        ToolError::TooMuch { what, limit, output, .. } => (
            format!("was ended because it wrote more than {} MiB {what}", limit >> 20),
            "write less: what is not the model belongs to no conversion".to_owned(),
            output,
        ),
        other => return Box::new(Error::caused(Kind::Tool, other, "`deployctl doctor` looks at what is installed")),
    };
    let message = format!("{}: the command {what}{}", around.line, last_lines(output, folder));
    fail(Kind::Tool, message, format!("{help}; `deployctl why convert --log` prints all that it printed"))
}

/// The last lines that the command printed, without the name of a folder that is gone.
fn last_lines(output: &Output, folder: &Utf8Path) -> String {
    let text = if output.stderr.bytes.is_empty() { output.stdout.text() } else { output.stderr.text() };
    let text = text.replace(&format!("{}/", folder.join(PROJECT)), "").replace(&format!("{folder}/"), "");
    let lines: Vec<&str> = text.trim_end().lines().collect();
    if lines.is_empty() {
        return "; it printed nothing".to_owned();
    }
    let first = lines.len().saturating_sub(LINES);
    let cut = |line: &str| line.chars().filter(|sign| !sign.is_control()).take(400).collect::<String>();
    lines[first..].iter().fold("; its last lines:".to_owned(), |all, line| all + "\n    " + &cut(line))
}
