//! Kills of processes that build: no tool outlives them, the next build does not wait, and is right.
//!
//! In the plain run 200 of a graph of small real processes, started under deployctl's supervisor; in the full run 20 of a
//! real build. The engine's process is this test binary, run again.

#![expect(clippy::unwrap_used, reason = "a test ends where something is not as it should be")]

mod real;

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use deployctl::tool::{Cancel, Invocation, Supervisor};
use deployctl_cache::{BoxError, Digest, Engine, Fields, Graph, Input, Job, Options, Stage, StageId, Store};
use serde::Serialize;

const FOLDER: &str = "DEPLOYCTL_TEST_FOLDER";
const ROUND: &str = "DEPLOYCTL_TEST_ROUND";
/// The test that is the engine's process.
const ENGINE: &str = "kill::engine_process";
const STAGES: usize = 8;
const KILLS: u64 = 200;
/// A build takes a fraction of this; one that waits for a dead one would take for ever.
const NO_WAIT: Duration = Duration::from_secs(20);
/// No process may be left after this.
const GRACE: Duration = Duration::from_secs(5);

/// A shell that writes its output in pieces, and leaves a child behind that would sleep for five minutes.
#[derive(Serialize)]
struct Shell {
    text: String,
    #[serde(skip)]
    pids: Utf8PathBuf,
}

impl Stage for Shell {
    fn name(&self) -> &'static str {
        "shell"
    }

    fn version(&self) -> u32 {
        1
    }

    fn fields(&self) -> Fields {
        Fields::of(self)
    }

    fn run(&self, job: &Job<'_>) -> Result<(), BoxError> {
        let from = job.read("from").unwrap_or_default();
        let script = "sleep 300 >/dev/null 2>&1 & echo $! >> \"$3\"; printf %s \"$1\" > out.txt; sleep 0.01; printf %s \"$2\" >> out.txt";
        let supervisor = Supervisor::program(env!("CARGO_BIN_EXE_deployctl").into(), Cancel::default());
        Invocation::new("/bin/sh")
            .args(["-c", script, "sh", &self.text, &Digest::of(&from).to_hex(), self.pids.as_str()])
            .env("PATH", "/usr/bin:/bin")
            .cwd(job.out_dir().to_owned())
            .run(&supervisor)?;
        Ok(())
    }
}

/// Two chains; half of the stages change from one round to the next.
fn graph(folder: &Utf8Path, round: u64) -> Graph {
    let mut graph = Graph::new();
    let mut ids: Vec<StageId> = Vec::new();
    for at in 0..STAGES {
        let changing = if at % 2 == 1 { round } else { round / 8 };
        let shell = Shell { text: format!("stage {at}, {changing}\n"), pids: folder.join("pids") };
        let from =
            at.checked_sub(2).map(|before| Input { name: "from", from: ids[before], path: "out.txt".to_owned() });
        ids.push(graph.add(format!("s{at}"), Box::new(shell), from.into_iter().collect()));
    }
    graph
}

fn build(folder: &Utf8Path, round: u64) -> Result<Vec<Vec<u8>>, BoxError> {
    let store = Store::open(&folder.join("store"))?;
    let graph = graph(folder, round);
    let engine = Engine::new(&store, Options { jobs: 2, ..Options::default() });
    let outcome = engine.build(&graph, &|_| ())?;
    store.save_memo()?;
    Ok(graph.ids().map(|id| outcome.artifact(id, "out.txt")).collect::<Result<_, _>>()?)
}

/// Not a test: what the killed process does.
#[test]
fn engine_process() {
    if let (Ok(folder), Ok(round)) = (std::env::var(FOLDER), std::env::var(ROUND)) {
        build(&Utf8PathBuf::from(folder), round.parse().unwrap()).unwrap();
    }
}

fn start(folder: &Utf8Path, round: u64) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args([ENGINE, "--exact", "--test-threads=1"]);
    command.env(FOLDER, folder).env(ROUND, round.to_string());
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

/// A number from 0 to `below`, the same in every run.
fn seeded(seed: &str, below: Duration) -> Duration {
    let digest = Digest::of(seed.as_bytes());
    let share = u32::from(u16::from_le_bytes([digest.as_bytes()[0], digest.as_bytes()[1]]));
    below * share / 65_536
}

/// The sleepers of this folder that are alive.
fn left(folder: &Utf8Path) -> Vec<String> {
    let pids = std::fs::read_to_string(folder.join("pids")).unwrap_or_default();
    let sleeps =
        |pid: &&str| std::fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|line| line == b"sleep\x00300\x00");
    pids.split_whitespace().filter(sleeps).map(str::to_owned).collect()
}

/// Nothing that `alive` names is there after the time of grace.
fn assert_gone(alive: impl Fn() -> Vec<String>, what: &str) {
    let begun = Instant::now();
    while !alive().is_empty() {
        assert!(begun.elapsed() < GRACE, "{what}: {:?} are left after {GRACE:?}", alive());
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn law_4_crash_safe_200_kills_leave_no_process_and_no_lock() {
    let (space, clean) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let folder = |space: &tempfile::TempDir| Utf8PathBuf::try_from(space.path().to_owned()).unwrap();
    let (folder, clean) = (folder(&space), folder(&clean));
    let begun = Instant::now();
    assert!(start(&folder, 0).wait().unwrap().success());
    let whole = begun.elapsed();
    let mut killed = 0;
    for round in 1..=KILLS {
        let mut child = start(&folder, round);
        std::thread::sleep(seeded(&format!("kill {round}"), whole));
        killed += u64::from(child.try_wait().unwrap().is_none());
        child.kill().unwrap();
        child.wait().unwrap();
        assert_gone(|| left(&folder), &format!("round {round}"));
        let _ = std::fs::remove_file(folder.join("pids"));
        if round % 4 == 0 {
            let begun = Instant::now();
            let made = build(&folder, round).unwrap();
            assert!(begun.elapsed() < NO_WAIT, "round {round} waited {:?}", begun.elapsed());
            if round % 40 == 0 {
                assert_eq!(made, build(&clean, round).unwrap(), "round {round}");
            }
        }
    }
    assert!(killed > KILLS / 3, "only {killed} were killed before they had ended");
}
