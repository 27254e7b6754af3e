//! A place to try the engine in: a temporary folder, a store in it, and synthetic stages that mix texts.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use deployctl_cache::{
    BoxError, Digest, Engine, Event, Failure, Fields, FileInput, Graph, Input, Job, Options, Outcome, Stage, StageId,
    Store,
};
use serde::Serialize;

/// What a stage does besides mixing.
#[derive(Clone, Debug, Default)]
pub(crate) enum Habit {
    #[default]
    Plain,
    Fails,
    Panics,
    WritesNothing,
    WritesTwice,
    ReadsUndeclared,
    Sleeps(u64),
    Counts(Arc<AtomicU32>),
    WaitsForCancel,
}

/// A stage whose output is the digest of its text and its inputs, or only a part of that digest.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Mix {
    pub(crate) text: String,
    /// With `Some(m)` the output is one of `m`.
    pub(crate) coarse: Option<u8>,
    pub(crate) file: Option<FileInput>,
    #[serde(skip)]
    pub(crate) version: u32,
    #[serde(skip)]
    pub(crate) inputs: Vec<&'static str>,
    #[serde(skip)]
    pub(crate) habit: Habit,
}

pub(crate) const NAMES: [&str; 4] = ["a", "b", "c", "d"];

impl Mix {
    pub(crate) fn new(text: &str) -> Self {
        let (coarse, file, inputs) = (None, None, Vec::new());
        Self { text: text.to_owned(), coarse, file, version: 1, inputs, habit: Habit::Plain }
    }

    pub(crate) fn coarse(self, of: u8) -> Self {
        Self { coarse: Some(of), ..self }
    }

    pub(crate) fn habit(self, habit: Habit) -> Self {
        Self { habit, ..self }
    }

    pub(crate) fn file(self, file: FileInput) -> Self {
        Self { file: Some(file), ..self }
    }

    /// What the stage writes to `out.txt`.
    pub(crate) fn mixed(&self, inputs: &[Vec<u8>]) -> Vec<u8> {
        let mut all = self.text.clone().into_bytes();
        for input in inputs {
            all.extend(Digest::of(input).as_bytes());
        }
        let digest = Digest::of(&all);
        let text = self.coarse.map_or_else(|| digest.to_string(), |of| (digest.as_bytes()[0] % of).to_string());
        text.into_bytes()
    }
}

impl Stage for Mix {
    fn name(&self) -> &'static str {
        "mix"
    }

    fn version(&self) -> u32 {
        self.version
    }

    fn fields(&self) -> Fields {
        Fields::of(self)
    }

    fn run(&self, job: &Job<'_>) -> Result<(), BoxError> {
        let mut inputs = Vec::new();
        for name in &self.inputs {
            inputs.push(job.read(name)?);
        }
        if let Some(file) = &self.file {
            inputs.push(file.bytes()?);
        }
        let mut mixed = self.mixed(&inputs);
        match &self.habit {
            Habit::Plain => {}
            Habit::Fails => {
                job.journal("what comes before");
                return Err("it is meant to".into());
            }
            Habit::Panics => panic!("as it should"),
            Habit::WritesNothing => return Ok(()),
            Habit::WritesTwice => job.write("out.txt", b"first")?,
            Habit::ReadsUndeclared => inputs.push(job.read("undeclared")?),
            Habit::Sleeps(ms) => std::thread::sleep(Duration::from_millis(*ms)),
            Habit::Counts(count) => mixed.push(b'0' + u8::try_from(count.fetch_add(1, Ordering::SeqCst) % 10)?),
            Habit::WaitsForCancel => {
                while !job.cancelled() {
                    std::thread::sleep(Duration::from_millis(1));
                }
                return Err("ended".into());
            }
        }
        job.log(format!("mixing {} inputs", inputs.len()));
        job.write("out.txt", &mixed)?;
        job.write("more/text.txt", self.text.as_bytes())?;
        Ok(())
    }
}

/// A graph of mixing stages, by name.
#[derive(Default)]
pub(crate) struct Mixes(pub(crate) Graph);

impl Mixes {
    /// Adds a stage that reads `out.txt` of those named.
    pub(crate) fn add(&mut self, node: &str, mut mix: Mix, from: &[&str]) -> StageId {
        let ids: Vec<StageId> = from.iter().map(|name| self.0.find(name).unwrap()).collect();
        mix.inputs = NAMES[..ids.len()].to_vec();
        let input = |(at, from): (usize, StageId)| Input { name: NAMES[at], from, path: "out.txt".to_owned() };
        let inputs = ids.into_iter().enumerate().map(input).collect();
        self.0.add(node, Box::new(mix), inputs)
    }
}

/// A chain with a fork: `one` → `two` → `four`, `one` → `three` → `four`.
pub(crate) fn diamond(two: Mix) -> Graph {
    let mut mixes = Mixes::default();
    mixes.add("one", Mix::new("1"), &[]);
    mixes.add("two", two, &["one"]);
    mixes.add("three", Mix::new("3"), &["one"]);
    mixes.add("four", Mix::new("4"), &["two", "three"]);
    mixes.0
}

/// A temporary folder with a store in it.
pub(crate) struct Space {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) options: Options,
    pub(crate) events: Mutex<Vec<String>>,
}

impl Space {
    pub(crate) fn new() -> Self {
        // In memory where there is such a folder: a sync to a busy disk takes longer than all else here.
        let memory = tempfile::tempdir_in("/dev/shm");
        let folder = memory.or_else(|_| tempfile::tempdir()).unwrap();
        Self { folder, options: Options { jobs: 2, ..Options::default() }, events: Mutex::default() }
    }

    pub(crate) fn path(&self, name: &str) -> Utf8PathBuf {
        Utf8Path::from_path(self.folder.path()).unwrap().join(name)
    }

    pub(crate) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> Utf8PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, bytes).unwrap();
        path
    }

    pub(crate) fn store(&self) -> Store {
        Store::open(&self.path("store")).unwrap()
    }

    pub(crate) fn try_build(&self, graph: &Graph) -> Result<Outcome, Failure> {
        let store = self.store();
        Engine::new(&store, self.options.clone()).build(graph, &|event| self.hear(&event))
    }

    pub(crate) fn build(&self, graph: &Graph) -> Outcome {
        self.try_build(graph).unwrap()
    }

    /// Builds, and gives the names of the stages that ran, sorted.
    pub(crate) fn ran(&self, graph: &Graph) -> Vec<String> {
        names(graph, &self.build(graph).ran())
    }

    pub(crate) fn hear(&self, event: &Event<'_>) {
        let line = match event {
            Event::Damaged { node, .. } => format!("damaged {node}"),
            Event::Warning { error } => format!("warning {error}"),
            Event::Log { node, line } => format!("{node}: {line}"),
            _ => return,
        };
        self.events.lock().unwrap().push(line);
    }

    pub(crate) fn heard(&self, line: &str) -> bool {
        self.events.lock().unwrap().iter().any(|heard| heard == line)
    }

    /// The file of an artifact in the store.
    pub(crate) fn object(&self, content: &[u8]) -> Utf8PathBuf {
        let hex = Digest::of(content).to_hex();
        self.path(&format!("store/store-v1/objects/{}/{}", &hex[..2], &hex[2..]))
    }
}

pub(crate) fn names(graph: &Graph, ids: &[StageId]) -> Vec<String> {
    ids.iter().map(|id| graph.node_name(*id).to_owned()).collect()
}

/// All stored files that count, with their content.
pub(crate) fn stored(store: &Utf8Path) -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    for kind in ["objects", "records"] {
        for shard in std::fs::read_dir(store.join("store-v1").join(kind)).unwrap() {
            for file in std::fs::read_dir(shard.unwrap().path()).unwrap() {
                let path = file.unwrap().path();
                if path.extension().is_none_or(|extension| extension != "journal") {
                    let name = path.strip_prefix(store).unwrap().to_str().unwrap().to_owned();
                    files.push((name, std::fs::read(&path).unwrap()));
                }
            }
        }
    }
    files.sort();
    files
}

/// Changes one byte of a file, whatever its mode.
pub(crate) fn flip_a_byte(path: &Utf8Path) {
    use std::os::unix::fs::PermissionsExt;
    let mut bytes = std::fs::read(path).unwrap();
    bytes[0] ^= 1;
    let mode = std::fs::metadata(path).unwrap().permissions();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o644)).unwrap();
    std::fs::write(path, bytes).unwrap();
    std::fs::set_permissions(path, mode).unwrap();
}
