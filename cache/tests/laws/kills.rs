//! 200 seeded kills of a process that builds a graph of small real processes: the next build does not wait, and is
//! correct. The process is this test binary, run again.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use deployctl_cache::{BoxError, Digest, Engine, Fields, Graph, Input, Job, Options, Stage, StageId, Store};
use serde::Serialize;

use crate::space::{NAMES, Space, stored};

const FOLDER: &str = "DEPLOYCTL_CACHE_TEST_FOLDER";
const ROUND: &str = "DEPLOYCTL_CACHE_TEST_ROUND";
const STAGES: usize = 10;
const KILLS: u64 = 200;
/// A build takes a fraction of this; one that waits for a dead one would take forever.
const NO_WAIT: Duration = Duration::from_secs(20);

/// A stage that has a shell write its output, in pieces.
#[derive(Serialize)]
struct Shell {
    text: String,
    #[serde(skip)]
    inputs: usize,
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
        let mut all = String::new();
        for name in &NAMES[..self.inputs] {
            all.push_str(&String::from_utf8(job.read(name)?)?);
        }
        let script = r#"printf %s "$1" > a; printf %s "$2" >> a; mkdir d; printf %s "$2" > d/b; cat a > out.txt"#;
        let digest = Digest::of(all.as_bytes()).to_hex();
        let mut command = Command::new("sh");
        command.args(["-c", script, "sh", &self.text, &digest]).current_dir(job.out_dir());
        if !command.status()?.success() {
            return Err("the shell failed".into());
        }
        Ok(())
    }
}

/// Half of the stages change from one round to the next.
fn graph(round: u64) -> Graph {
    let mut graph = Graph::new();
    let mut ids: Vec<StageId> = Vec::new();
    for at in 0..STAGES {
        let from: Vec<StageId> = [1, 3].iter().filter_map(|back| ids.get(at.checked_sub(*back)?)).copied().collect();
        let changing = if at % 2 == 1 { round } else { round / 8 };
        let shell = Shell { text: format!("stage {at}, {changing}\n"), inputs: from.len() };
        let input = |(at, from): (usize, StageId)| Input { name: NAMES[at], from, path: "out.txt".to_owned() };
        let inputs = from.into_iter().enumerate().map(input).collect();
        ids.push(graph.add(format!("s{at}"), Box::new(shell), inputs));
    }
    graph
}

fn build(folder: &Utf8Path, round: u64) -> Result<Vec<Vec<u8>>, BoxError> {
    let store = Store::open(&folder.join("store"))?;
    let graph = graph(round);
    let engine = Engine::new(&store, Options { jobs: 2, ..Options::default() });
    let mut outcome = engine.build(&graph, &|_| ())?;
    let last = graph.ids().last().ok_or("no stage")?;
    engine.materialize(&graph, &mut outcome, &folder.join("out"), &[(last, "/", "last")], &|_| ())?;
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

fn start(folder: &Utf8Path, round: u64) -> std::process::Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["kills::engine_process", "--exact", "--test-threads=1"]);
    command.env(FOLDER, folder).env(ROUND, round.to_string());
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

#[test]
fn law_4_crash_safe_200_kills() {
    let (space, clean) = (Space::new(), Space::new());
    let folder = space.path("");
    let begun = Instant::now();
    start(&folder, 0).wait().unwrap();
    let whole = u64::try_from(begun.elapsed().as_micros()).unwrap();
    // How long a build takes follows what else the machine does: so does the time within which it is killed.
    let (mut killed, mut span) = (0, whole);
    for round in 1..=KILLS {
        let mut child = start(&folder, round);
        let seed = Digest::of(format!("kill {round}").as_bytes());
        let share = u64::from(u16::from_le_bytes([seed.as_bytes()[0], seed.as_bytes()[1]]));
        std::thread::sleep(Duration::from_micros(span * share / 65_536));
        child.kill().unwrap();
        let ended = child.wait().unwrap().success();
        killed += u64::from(!ended);
        span = if ended { span - span / 10 } else { (span + span / 20).min(whole) };
        let begun = Instant::now();
        let made = build(&folder, round).unwrap();
        assert!(begun.elapsed() < NO_WAIT, "round {round} waited {:?}", begun.elapsed());
        if round % 10 == 0 {
            assert_eq!(made, build(&clean.path(""), round).unwrap(), "round {round}");
        }
        let out = std::fs::read(space.path("out/last/out.txt")).unwrap();
        assert_eq!(&out, made.last().unwrap());
    }
    assert!(killed > KILLS / 2, "only {killed} were killed before they had ended");
    // What the last kill has left, a process that was still ending may have held at the time.
    build(&folder, KILLS + 1).unwrap();
    let work = space.path("store/store-v1/work").read_dir_utf8().unwrap().count();
    assert_eq!(work, 0, "scratch folders are left");
    sound(&space.path("store"));
}

/// Every object has the content of its name.
fn sound(store: &Utf8Path) {
    for (name, content) in stored(store) {
        if let Some(name) = name.strip_prefix("store-v1/objects/") {
            assert_eq!(name.replace('/', ""), Digest::of(&content).to_hex());
        }
    }
}

#[test]
fn law_4_crash_safe_two_processes_share_one_store() {
    let (space, clean) = (Space::new(), Space::new());
    let children: Vec<_> = (0..2).map(|_| start(&space.path(""), 1)).collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    let made = build(&clean.path(""), 1).unwrap();
    assert_eq!(build(&space.path(""), 1).unwrap(), made);
    assert_eq!(stored(&space.path("store")), stored(&clean.path("store")));
    let journals = |store: Utf8PathBuf| {
        let shards = store.join("store-v1/records").read_dir_utf8().unwrap();
        let files = shards.flat_map(|shard| shard.unwrap().path().read_dir_utf8().unwrap());
        let journals = files.map(|file| file.unwrap().into_path()).filter(|file| file.extension() == Some("journal"));
        journals.map(|file| std::fs::read_to_string(file).unwrap().lines().count()).sum::<usize>()
    };
    assert_eq!(journals(space.path("store")), STAGES, "each stage ran once");
}
