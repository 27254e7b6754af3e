//! Executes the `console` blocks of the tutorial and the README, in order, in a fresh folder, and compares what they print.
//!
//! A line `$ command` is run by a shell; what follows, up to the next one, is what it prints on both streams. `[..]` stands
//! for a part of a line, a line `...` for any lines. Stages end in any order, so neighbouring `ran` lines are sorted first.
//! A command that fails must be followed by `$ echo $?`. From the page with the comment `<!-- needs the Arm tools -->` on,
//! compiler and emulator are needed.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use deployctl::fetch::Home;
use snapbox::{Assert, Data};

use crate::page::{self, Block};
use crate::repository;

const ARM: &str = "<!-- needs the Arm tools -->";
const MARK: &str = "\u{1}end of command\u{1}";

const TUTORIAL: [&str; 5] = [
    "docs/tutorial/first-build.md",
    "docs/tutorial/report.md",
    "docs/tutorial/changes.md",
    "docs/tutorial/board.md",
    "docs/tutorial/bring-up.md",
];

/// One command of a block.
struct Step {
    place: String,
    command: String,
    expected: String,
}

fn steps(path: &str, block: &Block) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    for (index, line) in block.text.lines().enumerate() {
        let place = format!("{path}, line {}", block.line + 1 + index);
        if let Some(command) = line.strip_prefix("$ ") {
            steps.push(Step { place, command: command.to_owned(), expected: String::new() });
        } else {
            let step = steps.last_mut().unwrap_or_else(|| panic!("{place}: output before a command"));
            if let (Some(more), true) = (line.strip_prefix("> "), step.expected.is_empty()) {
                write!(step.command, "\n{more}").unwrap();
            } else {
                writeln!(step.expected, "{line}").unwrap();
            }
        }
    }
    steps
}

fn console(path: &str, text: &str) -> Vec<Step> {
    let blocks = page::blocks(text).into_iter().filter(|block| block.language == "console");
    blocks.flat_map(|block| steps(path, &block)).collect()
}

/// A folder of a reader's, with the example model, and a home of its own that has the sources of the user's.
struct Desk {
    keep: tempfile::TempDir,
}

impl Desk {
    fn new() -> Self {
        let keep = tempfile::tempdir().unwrap();
        let models = keep.path().join("work/models");
        fs::create_dir_all(&models).unwrap();
        for name in ["kws.tflite", "kws-labels.txt", "kws-vectors.npz"] {
            fs::copy(repository().join("manifests/models").join(name), models.join(name)).unwrap();
        }
        let (bin, home) = (keep.path().join("bin"), keep.path().join("home"));
        fs::create_dir_all(&bin).unwrap();
        fs::create_dir_all(&home).unwrap();
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_deployctl"), bin.join("deployctl")).unwrap();
        let sources = |home: &Path| Home::new(home.to_str().unwrap().into()).sources();
        fs::create_dir_all(sources(&users_home())).unwrap();
        std::os::unix::fs::symlink(sources(&users_home()), sources(&home)).unwrap();
        Self { keep }
    }

    /// Runs the commands in one shell; gives what each printed, and its exit code.
    fn run(&self, steps: &[Step]) -> Vec<(String, i32)> {
        let mut script = "exec 2>&1\n".to_owned();
        for step in steps {
            let end = format!("status=$?; printf '\\n{MARK}%d\\n' $status; (exit $status)");
            write!(script, "{}\n{end}\n", step.command).unwrap();
        }
        let file = self.keep.path().join("script");
        fs::write(&file, script).unwrap();
        let path = format!("{}:{}", self.keep.path().join("bin").display(), std::env::var("PATH").unwrap());
        let output = Command::new("bash")
            .arg(&file)
            .current_dir(self.keep.path().join("work"))
            .env("PATH", path)
            .env("DEPLOYCTL_HOME", self.keep.path().join("home"))
            .env("LC_ALL", "C.UTF-8")
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let mut ended = Vec::new();
        let mut rest = text.as_str();
        while let Some((printed, after)) = rest.split_once(MARK) {
            let (code, more) = after.split_once('\n').unwrap();
            ended.push((printed.strip_suffix('\n').unwrap().to_owned(), code.parse().unwrap()));
            rest = more;
        }
        assert_eq!(ended.len(), steps.len(), "the shell ended early: {rest}");
        ended
    }

    /// What the steps print otherwise than they should, in words; empty where all is as the page says.
    fn differences(&self, steps: &[Step]) -> String {
        let mut wrong = String::new();
        let ended = self.run(steps);
        for (index, (step, (printed, code))) in steps.iter().zip(&ended).enumerate() {
            let followed = steps.get(index + 1).is_some_and(|next| next.command == "echo $?");
            if *code != 0 && !followed {
                writeln!(wrong, "{}: `{}` ended with {code}\n{printed}", step.place, step.command).unwrap();
                continue;
            }
            let actual = sorted(&printed.replace(self.keep.path().to_str().unwrap(), "/home/you"));
            let assert = Assert::new();
            if let Err(difference) =
                assert.try_eq(Some(&step.place), Data::text(actual), Data::text(sorted(&step.expected)))
            {
                writeln!(wrong, "{}: `{}`\n{difference}", step.place, step.command).unwrap();
            }
        }
        wrong
    }

    fn check(&self, steps: &[Step]) {
        assert!(!steps.is_empty(), "no console block was found");
        let wrong = self.differences(steps);
        assert!(wrong.is_empty(), "{wrong}");
    }
}

/// Neighbouring lines of stages in alphabetical order.
fn sorted(text: &str) -> String {
    let mut lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    for group in lines.chunk_by_mut(|a, b| is_stage(a) && is_stage(b)) {
        if group.len() > 1 {
            group.sort_unstable();
        }
    }
    let text = lines.join("\n").trim_end().to_owned();
    if text.is_empty() { text } else { text + "\n" }
}

fn is_stage(line: &str) -> bool {
    ["     ran ", "  failed "].iter().any(|word| line.starts_with(word))
}

/// Where the person who runs the tests keeps sources.
fn users_home() -> PathBuf {
    let folder = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let cache = || folder("XDG_CACHE_HOME").unwrap_or_else(|| folder("HOME").unwrap().join(".cache"));
    folder("DEPLOYCTL_HOME").unwrap_or_else(|| cache().join("deployctl"))
}

fn has_arm_tools() -> bool {
    let library = Command::new("rustc").args(["--print=target-libdir", "--target", "thumbv7em-none-eabihf"]).output();
    let library = library.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default();
    let starts = |program: &str| Command::new(program).arg("--version").stdout(Stdio::null()).status().is_ok();
    starts("arm-none-eabi-gcc") && starts("qemu-system-arm") && Path::new(&library).exists()
}

#[test]
fn the_tutorial_does_what_it_says() {
    let pages: Vec<(&str, String)> = TUTORIAL.iter().map(|path| (*path, page::read(path))).collect();
    let arm_from = pages.iter().position(|(_, text)| text.contains(ARM)).unwrap();
    let count = if has_arm_tools() {
        pages.len()
    } else {
        println!(
            "SKIPPED: the tutorial's pages on a board: arm-none-eabi-gcc, qemu-system-arm or the Rust target is missing"
        );
        arm_from
    };
    let steps: Vec<Step> = pages[..count].iter().flat_map(|(path, text)| console(path, text)).collect();
    Desk::new().check(&steps);
}

#[test]
fn the_readme_does_what_it_says() {
    let text = page::read("README.md");
    Desk::new().check(&console("README.md", &text));
}

#[test]
fn stages_may_end_in_any_order() {
    assert_eq!(sorted("a\n     ran b\n     ran a\nc"), "a\n     ran a\n     ran b\nc\n");
}

#[test]
fn what_is_not_so_is_noticed() {
    let differences = |page: &str| Desk::new().differences(&console("page", &format!("```console\n{page}```\n")));
    assert_eq!(differences("$ echo a; echo b\na\nb\n$ cat <<'END'\n> $x\n> END\n$x\n"), "");
    assert_eq!(differences("$ echo one two three\none [..] three\n$ seq 4\n1\n...\n4\n"), "");
    assert_eq!(differences("$ false\n$ echo $?\n1\n"), "");
    for wrong in ["$ echo a\nb\n", "$ true\na\n", "$ echo a\n", "$ false\n", "$ false\n$ echo $?\n0\n"] {
        assert!(differences(wrong).starts_with("page, line "), "{wrong}");
    }
}
