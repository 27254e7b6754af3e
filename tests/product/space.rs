//! A user's folder: files are put in, commands run, and what they said and left is asserted. Gone when it is dropped.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use serde_json::Value;

/// A folder with a project, and the environment in which commands run there.
pub(crate) struct Space {
    folder: tempfile::TempDir,
    env: BTreeMap<&'static str, String>,
}

/// What a command came to.
pub(crate) struct Outcome {
    command: String,
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
    folder: String,
}

/// The program under test.
pub(crate) const DEPLOYCTL: &str = env!("CARGO_BIN_EXE_deployctl");

/// The one store of this run.
pub(crate) fn store() -> &'static str {
    static STORE: OnceLock<String> = OnceLock::new();
    STORE.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("product-store");
        if folder.exists() {
            std::fs::remove_dir_all(&folder).unwrap();
        }
        folder.to_str().unwrap().to_owned()
    })
}

/// The repository's root.
pub(crate) fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

/// A model of this repository.
pub(crate) fn golden(name: &str) -> Vec<u8> {
    std::fs::read(repository().join("tests/golden").join(name)).unwrap()
}

/// A model that is no part of the repository, or `None` (said aloud) where this machine has none.
pub(crate) fn shared(name: &str) -> Option<Vec<u8>> {
    let folder = std::env::var_os("DEPLOYCTL_SHARED").map_or(repository().join("../shared"), PathBuf::from);
    let path = folder.join("models").join(name);
    let bytes = std::fs::read(&path).ok();
    if bytes.is_none() {
        println!("SKIPPED: no `{}`; set DEPLOYCTL_SHARED to a folder that has `models`", path.display());
    }
    bytes
}

/// Whether this machine has what the emulated board needs; says so where it has not.
pub(crate) fn has_board() -> bool {
    static FOUND: OnceLock<bool> = OnceLock::new();
    *FOUND.get_or_init(|| has_sources() && doctored(&project("mps2-an386")))
}

/// Whether firmware crates and kernel sources are on this machine; fetches them where they are not.
pub(crate) fn has_sources() -> bool {
    static FOUND: OnceLock<bool> = OnceLock::new();
    *FOUND.get_or_init(|| {
        let space = project("mps2-an386");
        let fetched = space.run(&["fetch"]);
        if fetched.code != Some(0) {
            println!("SKIPPED: sources are not on this machine and cannot be fetched: {}", fetched.err);
        }
        fetched.code == Some(0)
    })
}

fn doctored(space: &Space) -> bool {
    let found = space.run(&["doctor"]);
    if found.code != Some(0) {
        println!("SKIPPED: tools of the emulated board are missing:\n{}", found.out);
    }
    found.code == Some(0)
}

/// A project for the repository's small model.
pub(crate) fn project(board: &str) -> Space {
    let space = Space::new().file("sample.tflite", golden("sample.tflite"));
    space.run(&["init", "sample.tflite", "--board", board, "--owner", "me@example.com"]).exits(0);
    space
}

impl Space {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), env: BTreeMap::new() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The folder's path.
    pub(crate) fn root(&self) -> String {
        self.folder.path().to_str().unwrap().to_owned()
    }

    pub(crate) fn file(self, name: &str, bytes: impl AsRef<[u8]>) -> Self {
        self.write(name, bytes);
        self
    }

    pub(crate) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }

    pub(crate) fn text(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    pub(crate) fn json(&self, name: &str) -> Value {
        serde_json::from_str(&self.text(name)).unwrap()
    }

    /// Replaces text of a file; it must be there.
    pub(crate) fn edit(&self, name: &str, from: &str, to: &str) -> &Self {
        let text = self.text(name);
        assert!(text.contains(from), "no `{from}` in\n{text}");
        self.write(name, text.replacen(from, to, 1));
        self
    }

    /// A variable of the environment from here on.
    pub(crate) fn env(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.env.insert(name, value.into());
        self
    }

    pub(crate) fn run(&self, args: &[&str]) -> Outcome {
        self.start(Path::new(DEPLOYCTL), args, store())
    }

    /// Runs a program with a store.
    pub(crate) fn start(&self, program: &Path, args: &[&str], store: &str) -> Outcome {
        let mut command = Command::new(program);
        command.args(args).args(["--store", store]).current_dir(self.folder.path()).envs(&self.env);
        let output = command.output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Outcome {
            command: args.join(" "),
            code: output.status.code(),
            out: text(output.stdout),
            err: text(output.stderr),
            folder: self.root(),
        }
    }

    /// What a failing command says to programs: code, message, help, and each mistake of a file. The folder is `$`.
    pub(crate) fn complaint(&self, args: &[&str]) -> String {
        let args: Vec<&str> = [&["--json"], args].concat();
        self.run(&args).complaint()
    }
}

impl Outcome {
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "deployctl {}\n{}{}", self.command, self.out, self.err);
        self
    }

    /// All words are somewhere in the output.
    pub(crate) fn says(self, words: &[&str]) -> Self {
        let all = self.plain();
        for word in words {
            assert!(all.contains(word), "`{word}` is not in what `deployctl {}` says:\n{all}", self.command);
        }
        self
    }

    pub(crate) fn does_not_say(self, words: &[&str]) -> Self {
        let all = self.plain();
        for word in words {
            assert!(!all.contains(word), "`{word}` is in what `deployctl {}` says:\n{all}", self.command);
        }
        self
    }

    /// Both streams, lines that were broken for people joined again.
    fn plain(&self) -> String {
        let mut all = String::new();
        for line in format!("{}{}", self.out, self.err).lines() {
            let words = line.trim_start_matches([' ', '│']);
            let goes_on = line.starts_with("  │ ") || line.starts_with("       ");
            all.push(if goes_on { ' ' } else { '\n' });
            all.push_str(if goes_on { words } else { line });
        }
        all
    }

    /// The events of `--json`.
    pub(crate) fn events(&self) -> Vec<Value> {
        self.out.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}"))).collect()
    }

    fn complaint(&self) -> String {
        let events = self.events();
        assert_eq!(self.err, "", "with --json everything is an event");
        let mut lines = Vec::new();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        for event in events.iter().filter(|event| event["event"] == "error") {
            assert_eq!(event["code"].as_i64(), self.code.map(i64::from), "{event}");
            lines.push(format!("{}: {}", event["code"], text(&event["message"])));
            for problem in event["problems"].as_array().into_iter().flatten() {
                let line = problem["line"].as_u64().map(|line| format!("line {line}: ")).unwrap_or_default();
                lines.push(format!("- {line}{} -> {}", text(&problem["message"]), text(&problem["help"])));
            }
            if event["help"].is_string() {
                lines.push(format!("-> {}", text(&event["help"])));
            }
        }
        assert_eq!(events.last().unwrap()["verdict"], "error");
        lines.join("\n").replace(&self.folder, "$")
    }
}
