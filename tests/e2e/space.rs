//! A project in a folder of its own with its own home and store, and the program run in it.
//!
//! Sources (firmware crates, CMSIS-NN) are those of the user's own home, fetched once if they are not there; without them
//! a test says so and ends.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex, OnceLock};

use camino::{Utf8Path, Utf8PathBuf};
use deployctl::fetch::Home;
use deployctl::manifest::{Date, Moment};
use deployctl::tool::{Cancel, Supervisor};
use serde_json::Value;
use tempfile::TempDir;

use crate::lent::hand_over;
use crate::product;

const REPOSITORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// A small model on one target: it has all the nodes that tests change.
const MANIFEST: &str = r#"manifest version=1

deployment "sample" version="0.1.0" owner="audio@example.com"

model "../models/sample.tflite" {
    input "input" type="int8" { shape 1 6 5 1; quantization scale=0.5 zero-point=-1 }
    output "softmax" type="int8" { shape 1 3; quantization scale=0.00390625 zero-point=-128 }
}

target "TARGET"
arena budget="800 B" headroom="10%" owner="platform@example.com"
kernels "cmsis-nn" policy="prefer" owner="platform@example.com"
regression { random count=2 seed=1; runs 2 }
gates { flash max="256KiB"; stack max="4KiB" }
runbook { escalate "audio@example.com"; review-every "release" }
"#;

/// The manifest's path in the project.
pub(crate) const NAME: &str = "manifests/sample.kdl";

/// The store in a home.
const STORE: &str = "store-v1";
/// What a home knows of tools that it has read.
const TOOLS: &str = "tools-v1.json";

/// A project.
pub(crate) struct Space {
    _folder: TempDir,
    root: Utf8PathBuf,
    built_in: Utf8PathBuf,
    env: RefCell<BTreeMap<String, String>>,
    changed: RefCell<BTreeMap<Utf8PathBuf, Option<Vec<u8>>>>,
}

/// What the program did.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) events: Vec<Value>,
    pub(crate) text: String,
}

impl Space {
    /// An empty store. `None`, aloud, where sources or tools are missing.
    pub(crate) fn new(target: &str) -> Option<Self> {
        let sources = sources(target)?;
        let folder = tempfile::tempdir().unwrap();
        let root = Utf8PathBuf::try_from(folder.path().canonicalize().unwrap()).unwrap();
        let built_in = root.clone();
        let space = Self { _folder: folder, root, built_in, env: RefCell::default(), changed: RefCell::default() };
        std::fs::create_dir_all(space.root.join("home")).unwrap();
        std::os::unix::fs::symlink(sources, space.sources()).unwrap();
        space.write(NAME, MANIFEST.replace("TARGET", target));
        space.write("models/sample.tflite", std::fs::read(format!("{REPOSITORY}/tests/golden/sample.tflite")).unwrap());
        let var = |name: &str| std::env::var(name).unwrap_or_default();
        let rustup = std::env::var("RUSTUP_HOME").unwrap_or_else(|_| format!("{}/.rustup", var("HOME")));
        space.env("PATH", &var("PATH")).env("RUSTUP_HOME", &rustup).env("HOME", space.root.join("user").as_str());
        space.env("DEPLOYCTL_HOME", space.root.join("home").as_str());
        Some(space)
    }

    /// A project with the store of a build that is made once for all tests of a target. Nothing is in `out/`.
    pub(crate) fn built(target: &str) -> Option<Self> {
        static ALL: Mutex<BTreeMap<String, Cell>> = Mutex::new(BTreeMap::new());
        let cell = ALL.lock().unwrap().entry(target.to_owned()).or_default().clone();
        let built = cell.get_or_init(|| {
            let space = Self::new(target)?;
            let (own, common) = (space.root.join("home"), Utf8Path::new(product::space::store()));
            hand_over(common, &own, target);
            // Kernels for MVE want more memory than the budget; what is built is the same.
            space.build("").done();
            hand_over(&own, common, target);
            // All but the sources, which all spaces have: the store, and what is known of tools.
            let kept = Utf8Path::new(env!("CARGO_TARGET_TMPDIR")).join("built").join(target);
            let _ = std::fs::remove_dir_all(&kept);
            std::fs::create_dir_all(&kept).unwrap();
            lay_out(&own.join(STORE), &kept.join(STORE), false);
            std::fs::copy(own.join(TOOLS), kept.join(TOOLS)).unwrap();
            Some(Built { home: kept, out: space.out(), root: space.root.clone() })
        });
        let (built, mut space) = (built.as_ref()?, Self::new(target)?);
        space.built_in.clone_from(&built.root);
        lay_out(&built.home.join(STORE), &space.root.join("home").join(STORE), true);
        std::fs::copy(built.home.join(TOOLS), space.root.join("home").join(TOOLS)).unwrap();
        space.changed.borrow_mut().clear();
        assert!(!built.out.is_empty());
        Some(space)
    }

    /// A path in the space. The project is `project/`, one level or more below.
    pub(crate) fn path(&self, path: &str) -> Utf8PathBuf {
        self.project().join(path)
    }

    /// Everything of this space: project, home, user's home.
    pub(crate) fn root(&self) -> &Utf8Path {
        &self.root
    }

    /// The root of the space in which the store was filled: this one, where it began empty.
    pub(crate) fn built_in(&self) -> &Utf8Path {
        &self.built_in
    }

    /// The folder of fetched sources.
    pub(crate) fn sources(&self) -> Utf8PathBuf {
        Home::new(self.root.join("home")).sources()
    }

    /// Sources of its own: copies, in another folder than those of the user's home.
    pub(crate) fn own_sources(&self) -> &Self {
        let shared = self.sources().canonicalize_utf8().unwrap();
        std::fs::remove_file(self.sources()).unwrap();
        for (path, bytes) in files(&shared) {
            let to = self.sources().join(path);
            std::fs::create_dir_all(to.parent().unwrap()).unwrap();
            std::fs::write(to, bytes).unwrap();
        }
        self
    }

    fn project(&self) -> Utf8PathBuf {
        let place = self.env.borrow().get("TEST_PROJECT").cloned();
        self.root.join(place.unwrap_or_else(|| "project".to_owned()))
    }

    /// Moves the project to another folder of the space.
    pub(crate) fn moved(self, to: &str) -> Self {
        let (old, new) = (self.project(), self.root.join(to));
        std::fs::create_dir_all(new.parent().unwrap()).unwrap();
        std::fs::rename(old, new).unwrap();
        self.env("TEST_PROJECT", to);
        self
    }

    /// Sets a variable of the program's environment.
    pub(crate) fn env(&self, name: &str, value: &str) -> &Self {
        self.env.borrow_mut().insert(name.to_owned(), value.to_owned());
        self
    }

    /// Writes a file of the project; [`Space::undo`] takes it back.
    pub(crate) fn write(&self, path: &str, bytes: impl AsRef<[u8]>) -> &Self {
        let to = self.path(path);
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        self.changed.borrow_mut().entry(to.clone()).or_insert_with(|| std::fs::read(&to).ok());
        std::fs::write(to, bytes).unwrap();
        self
    }

    /// Replaces text in a file of the project, which must be there.
    pub(crate) fn edit(&self, path: &str, from: &str, to: &str) -> &Self {
        let text = std::fs::read_to_string(self.path(path)).unwrap();
        assert!(text.contains(from), "`{from}` is not in {path}");
        self.write(path, text.replacen(from, to, 1))
    }

    /// Forgets what was written so far: [`Space::undo`] comes back to here.
    pub(crate) fn settle(&self) -> &Self {
        self.changed.borrow_mut().clear();
        self
    }

    /// Takes back what was written since.
    pub(crate) fn undo(&self) {
        for (path, bytes) in std::mem::take(&mut *self.changed.borrow_mut()) {
            match bytes {
                Some(bytes) => std::fs::write(path, bytes).unwrap(),
                None => std::fs::remove_file(path).unwrap(),
            }
        }
    }

    /// Puts a shell script before a program of the search path. `REAL` in it is the program itself.
    pub(crate) fn wrap(&self, program: &str, script: &str) -> &Self {
        let search = std::env::var("PATH").unwrap();
        let real = search.split(':').map(|folder| Utf8Path::new(folder).join(program)).find(|path| path.is_file());
        self.replace(program, &script.replace("REAL", real.unwrap().as_str()))
    }

    /// Puts a shell script before a program of the search path that need not be there.
    pub(crate) fn replace(&self, program: &str, script: &str) -> &Self {
        let search = std::env::var("PATH").unwrap();
        let file = format!("bin/{program}");
        self.write(&file, format!("#!/bin/sh\n{script}\n"));
        let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(self.path(&file), executable).unwrap();
        self.env("PATH", &format!("{}:{search}", self.path("bin")))
    }

    /// A kernel library of the project's own: a copy of the pinned CMSIS-NN in `cmsis-nn/`.
    pub(crate) fn own_kernel_library(&self) -> &Self {
        let library = std::fs::read_to_string(format!("{REPOSITORY}/manifests/kernels/cmsis-nn.kdl")).unwrap();
        let source = library.lines().find(|line| line.starts_with("source ")).unwrap();
        let own = library.replace(source, "source \"path\" path=\"../../cmsis-nn\"");
        self.write("manifests/kernels/cmsis-nn.kdl", own);
        let trees = self.sources().read_dir_utf8().unwrap().map(|entry| entry.unwrap().into_path());
        let tree = trees.into_iter().find(|path| path.join("Include/arm_nnfunctions.h").is_file()).unwrap();
        for folder in ["Include", "Source"] {
            for (path, bytes) in files(&tree.join(folder)) {
                self.write(&format!("cmsis-nn/{folder}/{path}"), bytes);
            }
        }
        self
    }

    /// Takes the pins of sources out of `deploy.lock`.
    pub(crate) fn forget_sources(&self) -> &Self {
        let lock = std::fs::read_to_string(self.path("deploy.lock")).unwrap();
        let rest = lock.lines().filter(|line| !line.contains(" source ")).map(|line| format!("{line}\n"));
        self.write("deploy.lock", rest.collect::<String>())
    }

    fn command(&self, arguments: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_deployctl"));
        command.args(arguments.split_whitespace()).current_dir(self.project());
        command.env_clear().envs(&*self.env.borrow()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs the program in this process on a day of its own. Exit code and the events on standard output.
    pub(crate) fn run_on(&self, today: &str, arguments: &str) -> Ran {
        let (out, err) = (Sink::default(), Sink::default());
        let io = deployctl::Io {
            out: Box::new(out.clone()),
            err: Box::new(err.clone()),
            terminal: false,
            today: Date::parse(today).unwrap(),
            now: Moment::parse(&format!("{today}T12:00:00Z"))
                .map_or(0, |now| now.since(Moment::of_unix_seconds(0)).unwrap()),
            cwd: self.project(),
            env: self.env.borrow().clone(),
            answers: None,
            supervisor: Supervisor::program(env!("CARGO_BIN_EXE_deployctl").into(), Cancel::default()),
            engine_cancel: deployctl_cache::Cancel::default(),
        };
        let words = ["deployctl"].into_iter().chain(arguments.split_whitespace()).map(Into::into);
        let code = deployctl::run(words, io);
        let (out, err) = (out.text(), err.text());
        let events = out.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        Ran { code: Some(code.into()), events, text: format!("{out}{err}") }
    }

    /// Runs the program; arguments are words.
    pub(crate) fn run(&self, arguments: &str) -> Ran {
        Ran::from(self.command(arguments).output().unwrap())
    }

    /// Starts the program and leaves it running.
    pub(crate) fn start(&self, arguments: &str) -> Child {
        self.command(arguments).spawn().unwrap()
    }

    /// Runs the program without a network; `None`, aloud, where the machine does not allow that.
    pub(crate) fn run_offline(&self, arguments: &str) -> Option<Ran> {
        let inner = self.command(arguments);
        let apart = |program: &std::ffi::OsStr| {
            let mut command = Command::new("unshare");
            command.args(["--map-root-user", "--net"]).arg(program);
            command
        };
        if !apart("true".as_ref()).status().is_ok_and(|status| status.success()) {
            eprintln!("SKIPPED: a build without a network: `unshare --net` is not allowed here");
            return None;
        }
        let mut command = apart(inner.get_program());
        command.args(inner.get_args()).current_dir(self.project()).env_clear().envs(&*self.env.borrow());
        Some(Ran::from(command.output().unwrap()))
    }

    /// Runs the program at a terminal of its own, in which somebody types; `None`, aloud, where there is no `script`.
    pub(crate) fn run_at_terminal(&self, arguments: &str, typed: &str) -> Option<Ran> {
        let line = format!("'{}' {arguments}", env!("CARGO_BIN_EXE_deployctl"));
        let mut command = Command::new("script");
        command.args(["-qec", &line, "/dev/null"]).current_dir(self.project()).env_clear().envs(&*self.env.borrow());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let Ok(mut child) = command.spawn() else {
            eprintln!("SKIPPED: a question at a terminal: there is no `script` (of util-linux)");
            return None;
        };
        child.stdin.take().unwrap().write_all(typed.as_bytes()).unwrap();
        Some(Ran::from(child.wait_with_output().unwrap()))
    }

    /// `build`, as events.
    pub(crate) fn build(&self, arguments: &str) -> Ran {
        self.run(&format!("--json build {NAME} {arguments}"))
    }

    /// Every file below `out/`, lists of what was written aside.
    pub(crate) fn out(&self) -> BTreeMap<Utf8PathBuf, Vec<u8>> {
        files(&self.path("out"))
    }

    /// A result of the only target.
    pub(crate) fn result(&self, name: &str) -> Vec<u8> {
        let out = self.out();
        let found = out.into_iter().find(|(path, _)| path.ends_with(name) && !path.starts_with(".shared"));
        found.unwrap_or_else(|| panic!("no `{name}` in out/")).1
    }

    /// Builds, and holds what ran against what `plan` said. Node names of what ran.
    pub(crate) fn build_as_foretold(&self) -> BTreeSet<String> {
        let plan = self.run(&format!("--json plan {NAME}"));
        assert_eq!(plan.code, Some(0), "{}", plan.text);
        let forecast = |word: &str| -> BTreeSet<String> {
            let lines = plan.events.iter().filter(|event| event["forecast"] == word);
            lines.map(|event| event["stage"].as_str().unwrap().to_owned()).collect()
        };
        let ran = self.build("").done().ran();
        let (run, maybe, reuse) = (forecast("run"), forecast("maybe"), forecast("reuse"));
        assert!(run.is_subset(&ran), "foretold to run: {run:?}, ran: {ran:?}");
        assert!(ran.is_disjoint(&reuse), "foretold to be reused: {reuse:?}, ran: {ran:?}");
        assert!(ran.is_subset(&run.union(&maybe).cloned().collect()), "{ran:?} are not foretold at all");
        ran
    }
}

/// A stream that remembers.
#[derive(Clone, Default)]
struct Sink(Arc<Mutex<Vec<u8>>>);

impl Sink {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl std::io::Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

type Cell = Arc<OnceLock<Option<Built>>>;

struct Built {
    home: Utf8PathBuf,
    out: BTreeMap<Utf8PathBuf, Vec<u8>>,
    root: Utf8PathBuf,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        let events = out.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        Self { code: output.status.code(), events, text: format!("{out}{err}") }
    }
}

impl Ran {
    /// It ended with a verdict of pass.
    pub(crate) fn succeeded(self) -> Self {
        assert_eq!(self.code, Some(0), "{}", self.text);
        self
    }

    /// It ended with a verdict, whichever.
    pub(crate) fn done(self) -> Self {
        assert!(matches!(self.code, Some(0 | 1)), "{:?}: {}", self.code, self.text);
        self
    }

    /// It ended with this code and said all this.
    pub(crate) fn failed(self, code: i32, words: &[&str]) -> Self {
        assert_eq!(self.code, Some(code), "{}", self.text);
        for word in words {
            assert!(self.text.contains(word), "no `{word}` in {}", self.text);
        }
        self
    }

    /// Node names of the stages that ran.
    pub(crate) fn ran(&self) -> BTreeSet<String> {
        let ran = self.events.iter().filter(|event| event["event"] == "stage" && event["status"] == "ran");
        let name = |event: &Value| {
            let parts = ["deployment", "target", "stage"].map(|part| event[part].as_str());
            parts.into_iter().flatten().collect::<Vec<_>>().join("/")
        };
        ran.map(name).collect()
    }

    /// The verdict of the last event.
    pub(crate) fn verdict(&self) -> &str {
        self.events.last().and_then(|event| event["verdict"].as_str()).unwrap_or("")
    }
}

/// A copy of a store. Its objects are only ever replaced as a whole, so that several stores may have the same file, which spares
/// the disk.
fn lay_out(from: &Utf8Path, to: &Utf8Path, linked: bool) {
    std::fs::create_dir_all(to).unwrap();
    for entry in from.read_dir_utf8().unwrap() {
        let old = entry.unwrap().into_path();
        let new = to.join(old.file_name().unwrap());
        if old.is_dir() {
            lay_out(&old, &new, linked);
        } else if !(linked && old.as_str().contains("/objects/") && std::fs::hard_link(&old, &new).is_ok()) {
            std::fs::copy(&old, &new).unwrap();
        }
    }
}

/// All files below a folder, relative, with contents.
pub(crate) fn files(folder: &Utf8Path) -> BTreeMap<Utf8PathBuf, Vec<u8>> {
    let mut all = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(at) = folders.pop() {
        for entry in at.read_dir_utf8().unwrap() {
            let path = entry.unwrap().into_path();
            if path.is_dir() {
                folders.push(path);
            } else if let Ok(bytes) = std::fs::read(&path) {
                all.insert(path.strip_prefix(folder).unwrap().to_owned(), bytes);
            }
        }
    }
    all
}

/// Whether Rust has the library for a board; the host always has its own.
fn has_rust_target(board: &str) -> bool {
    let text = std::fs::read_to_string(format!("{REPOSITORY}/manifests/boards/{board}.kdl")).unwrap();
    let Some(line) = text.lines().find_map(|line| line.strip_prefix("rust-target ")) else { return true };
    let asked = Command::new("rustc").args(["--print", "sysroot"]).output().unwrap();
    let sysroot = String::from_utf8_lossy(&asked.stdout).trim().to_owned();
    Utf8Path::new(&sysroot).join("lib/rustlib").join(line.trim_matches('"')).is_dir()
}

/// The folder of fetched sources, with all that `target` needs.
fn sources(target: &str) -> Option<Utf8PathBuf> {
    static HOST: OnceLock<Option<Utf8PathBuf>> = OnceLock::new();
    static BOARD: OnceLock<Option<Utf8PathBuf>> = OnceLock::new();
    let cell = if target == "host" { &HOST } else { &BOARD };
    cell.get_or_init(|| {
        let tools: &[&str] = if target == "host" {
            &["cc"]
        } else {
            &["arm-none-eabi-gcc", "arm-none-eabi-ar", "qemu-system-arm", "gcc"]
        };
        let missing = tools.iter().find(|tool| Command::new(tool).arg("--version").output().is_err());
        if let Some(tool) = missing {
            eprintln!("SKIPPED: tests on target `{target}`: `{tool}` is not installed");
            return None;
        }
        let var = |name: &str| std::env::var(name).ok().filter(|text| !text.is_empty());
        let cache = || var("XDG_CACHE_HOME").unwrap_or_else(|| format!("{}/.cache", var("HOME").unwrap_or_default()));
        let home = Utf8PathBuf::from(var("DEPLOYCTL_HOME").unwrap_or_else(|| format!("{}/deployctl", cache())));
        if !has_rust_target(target) {
            eprintln!("SKIPPED: tests on target `{target}`: its Rust target is not installed: `rustup target add …`");
            return None;
        }
        let name = if target == "host" { "kws-host" } else { "kws" };
        let folder = tempfile::tempdir().unwrap();
        let manifest = folder.path().join("manifests/sample.kdl");
        std::fs::create_dir_all(manifest.parent().unwrap()).unwrap();
        let text = std::fs::read_to_string(format!("{REPOSITORY}/manifests/{name}.kdl")).unwrap();
        std::fs::write(&manifest, text.replace("\"models/", &format!("\"{REPOSITORY}/manifests/models/"))).unwrap();
        let mut fetch = Command::new(env!("CARGO_BIN_EXE_deployctl"));
        fetch.arg("fetch").arg(&manifest).env("DEPLOYCTL_HOME", &home).current_dir(folder.path());
        let fetched = fetch.output().unwrap();
        if !fetched.status.success() {
            eprintln!("SKIPPED: tests on target `{target}`: {}", String::from_utf8_lossy(&fetched.stderr));
            return None;
        }
        Some(Home::new(home).sources())
    })
    .clone()
}
