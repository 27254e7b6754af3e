//! Started tools: output, limits, environment, and that nothing outlives a killed engine. Real processes, really killed.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use camino::Utf8PathBuf;
use deployctl::tool::{Bounds, Cancel, Invocation, Stdin, Supervisor, ToolError};

mod fetch;
mod identity;

fn supervisor() -> Supervisor {
    Supervisor::program(Utf8PathBuf::from(env!("CARGO_BIN_EXE_deployctl")), Cancel::default())
}

fn shell(script: &str) -> Invocation {
    Invocation::new("/bin/sh").args(["-c", script]).env("PATH", "/usr/bin:/bin")
}

fn is_alive(pid: &str) -> bool {
    // A zombie has ended; who reaps it is not ours to say.
    std::fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| !stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with('Z')))
}

fn until(what: &str, condition: impl Fn() -> bool) {
    let begin = Instant::now();
    while !condition() {
        assert!(begin.elapsed() < Duration::from_secs(5), "not within 5 s: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn pids(file: &Path) -> Vec<String> {
    std::fs::read_to_string(file).unwrap_or_default().split_whitespace().map(str::to_owned).collect()
}

/// A tool with a child and a grandchild in the background; all three pids go to a file.
fn family(file: &Path) -> Invocation {
    let file = file.display();
    shell(&format!(
        "sh -c 'sleep 300 & echo $! $$ > {file}.new; wait' & echo $$ >> {file}.new; sleep 0.1; \
        while [ $(wc -w < {file}.new) -lt 3 ]; do echo $$ >> {file}.new; sleep 0.05; done; mv {file}.new {file}; wait"
    ))
}

#[test]
fn gives_output_and_exit_code() {
    let output = shell("echo out; echo err >&2").run(&supervisor()).unwrap();
    assert_eq!((output.stdout.text().as_ref(), output.stderr.text().as_ref(), output.code), ("out\n", "err\n", 0));
    let error = shell("echo first; echo reason >&2; exit 3").run(&supervisor()).unwrap_err();
    assert!(matches!(error, ToolError::Failed { code: 3, .. }), "{error}");
    assert!(error.to_string().contains("reason"), "{error}");
    assert_eq!(shell("exit 255").run_any_code(&supervisor()).unwrap().code, 255);
}

#[test]
fn names_the_signal() {
    for signal in ["SEGV", "PIPE", "KILL", "TERM"] {
        let error = shell(&format!("kill -{signal} $$; sleep 5")).run(&supervisor()).unwrap_err();
        assert!(matches!(error, ToolError::Signalled { .. }), "{signal}: {error}");
    }
}

#[test]
fn says_what_is_missing_or_cannot_start() {
    let error = Invocation::new("/no/such/arm-none-eabi-gcc").run(&supervisor()).unwrap_err().to_string();
    assert!(error.contains("apt-get install"), "{error}");
    let folder = tempfile::tempdir().unwrap();
    let plain = Utf8PathBuf::try_from(folder.path().join("plain")).unwrap();
    std::fs::write(&plain, "not a program").unwrap();
    let error = Invocation::new(plain).run(&supervisor()).unwrap_err();
    assert!(matches!(error, ToolError::Start { .. }), "{error}");
    let error = shell("true").cwd("/no/such/folder").run(&supervisor()).unwrap_err().to_string();
    assert!(error.contains("/no/such/folder"), "{error}");
}

#[test]
fn the_environment_is_what_was_declared() {
    assert!(std::env::var_os("PATH").is_some(), "this process has an environment to leak");
    let output = Invocation::new("/usr/bin/env").env("ONLY", "this").run(&supervisor()).unwrap();
    assert_eq!(output.stdout.text(), "ONLY=this\n");
    let output = Invocation::new("/bin/pwd").run(&supervisor()).unwrap();
    assert_eq!(output.stdout.text(), "/\n");
}

#[test]
fn megabytes_go_in_while_megabytes_come_out() {
    let bytes: Vec<u8> = (0..32u32 << 20).map(|at| (at % 251) as u8).collect();
    let cat = shell("cat").stdin(Stdin::Bytes(bytes.clone()));
    assert!(cat.run(&supervisor()).unwrap().stdout.bytes == bytes, "cat changed its input");
    let deaf = shell("exit 0").stdin(Stdin::Bytes(bytes));
    assert_eq!(deaf.run(&supervisor()).unwrap().code, 0);
    assert_eq!(shell("cat").run(&supervisor()).unwrap().stdout.bytes, b"");
}

#[test]
fn a_flood_of_output_is_cut_and_counted() {
    let mut flood = shell("head -c 20000000 /dev/zero; head -c 3000000 /dev/zero >&2");
    flood.output_limit = 1 << 20;
    let output = flood.run(&supervisor()).unwrap();
    assert_eq!((output.stdout.bytes.len(), output.stdout.dropped), (1 << 20, 20_000_000 - (1 << 20)));
    assert_eq!(output.stderr.dropped, 3_000_000 - (1 << 20));
}

#[test]
fn a_time_limit_ends_the_whole_group() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pids");
    let begin = Instant::now();
    let error = family(&file).time_limit(Duration::from_secs(2)).run(&supervisor()).unwrap_err();
    assert!(matches!(error, ToolError::TimedOut { .. }), "{error}");
    assert!(error.is_infrastructure());
    assert!(begin.elapsed() < Duration::from_secs(7));
    assert_eq!(pids(&file).len(), 3);
    for pid in pids(&file) {
        until("the group is gone", || !is_alive(&pid));
    }
    let text = shell("echo so far; sleep 60").time_limit(Duration::from_millis(500)).run(&supervisor()).unwrap_err();
    assert!(text.to_string().contains("so far"), "{text}");
}

#[test]
fn what_a_tool_leaves_behind_is_ended_with_it() {
    let begin = Instant::now();
    let output = shell("sleep 300 & echo $!").run(&supervisor()).unwrap();
    assert!(begin.elapsed() < Duration::from_secs(5), "waited for a background process");
    let pid = output.stdout.text().trim().to_owned();
    until("the background process is gone", || !is_alive(&pid));
}

#[test]
fn cancelling_ends_running_tools_and_starts_no_more() {
    for supervisor in [supervisor(), Supervisor::absent(Cancel::default())] {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("pids");
        let cancel = supervisor.cancel.clone();
        let watched = file.clone();
        let stopper = std::thread::spawn(move || {
            until("the tool runs", || watched.exists());
            cancel.cancel();
        });
        let error = family(&file).run(&supervisor).unwrap_err();
        stopper.join().unwrap();
        assert!(matches!(error, ToolError::Cancelled { .. }), "{error}");
        for pid in pids(&file) {
            until("the group is gone", || !is_alive(&pid));
        }
        let error = shell("true").run(&supervisor).unwrap_err();
        assert!(matches!(error, ToolError::Cancelled { .. }), "{error}");
    }
}

const ENGINE: &str = "TOOL_TEST_ENGINE";

/// Not a test of its own: the process that the next test kills.
#[test]
#[ignore = "the engine that `nothing_outlives_a_killed_engine` starts and kills"]
fn engine() {
    let Some(file) = std::env::var_os(ENGINE) else { return };
    drop(family(Path::new(&file)).run(&supervisor()));
}

#[test]
fn nothing_outlives_a_killed_engine() {
    let folder = tempfile::tempdir().unwrap();
    for round in 0..10 {
        let file = folder.path().join(round.to_string());
        let mut engine = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "engine", "--ignored"])
            .env(ENGINE, &file)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // Early rounds kill while tools are being started, later ones when all run.
        if round < 4 {
            std::thread::sleep(Duration::from_millis(5 + 25 * round));
        } else {
            until("the tool runs", || file.exists());
        }
        engine.kill().unwrap();
        engine.wait().unwrap();
        let name = file.display().to_string();
        until("no process of the group is left", || {
            processes_naming(&name).is_empty() && pids(&file).iter().all(|pid| !is_alive(pid))
        });
    }
}

/// Processes whose command line holds this text.
fn processes_naming(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let command = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        if String::from_utf8_lossy(&command).contains(text) {
            found.push(entry.path().display().to_string());
        }
    }
    found
}

#[test]
fn what_writes_too_much_is_ended() {
    let begin = Instant::now();
    let log = Bounds { log: Some(1 << 20), folder: None };
    let error = shell("yes").bounds(log.clone()).run(&supervisor()).unwrap_err();
    assert!(matches!(error, ToolError::TooMuch { what: "as its log", .. }), "{error}");
    assert!(error.to_string().contains("more than 1 MiB as its log"), "{error}");
    let keep = tempfile::tempdir().unwrap();
    let folder = Utf8PathBuf::try_from(keep.path().to_owned()).unwrap();
    let files = Bounds { log: None, folder: Some((folder.clone(), 1 << 20)) };
    let error = shell("mkdir d; yes > d/x").cwd(&folder).bounds(files.clone()).run(&supervisor()).unwrap_err();
    assert!(matches!(error, ToolError::TooMuch { what: "in files", .. }), "{error}");
    // What ends before somebody looked is looked at afterwards; what stays within is well.
    std::fs::remove_dir_all(folder.join("d")).unwrap();
    let quick = |bytes: &str| shell(&format!("head -c {bytes} /dev/zero > y")).cwd(&folder).bounds(files.clone());
    assert!(quick("2M").run(&supervisor()).is_err());
    quick("1M").run(&supervisor()).unwrap();
    shell("head -c 1M /dev/zero").bounds(log).run(&supervisor()).unwrap();
    assert!(begin.elapsed() < Duration::from_mins(1), "it was not ended");
}
