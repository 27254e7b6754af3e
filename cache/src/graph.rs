//! Stages and what they need of each other. A node can only name inputs that are there already, so a graph has no
//! cycle and its order of insertion is an order to build in. Knows nothing of keys' digests and of the store.

use std::collections::BTreeSet;

use camino::Utf8PathBuf;

use crate::record::tree_digest;
use crate::{BoxError, Digest, Error, Fields, Job, Output};

/// One kind of work: its identity, what it depends on, and how it is done.
pub trait Stage: Send + Sync {
    /// The stage's name, as people see it: `audit`.
    fn name(&self) -> &'static str;

    /// To be raised whenever the same inputs are to give other outputs.
    fn version(&self) -> u32;

    /// Everything but the inputs that the outputs depend on; usually `Fields::of(self)`.
    fn fields(&self) -> Fields;

    /// Does the work: reads inputs through the job, writes outputs below the job's output folder.
    fn run(&self, job: &Job<'_>) -> Result<(), BoxError>;

    /// How many of the engine's jobs it takes up while it runs.
    fn weight(&self) -> usize {
        1
    }
}

/// A node of one graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StageId(pub(crate) usize);

/// An artifact of an earlier stage that a stage reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Input {
    /// Its name in the key and for the job.
    pub name: &'static str,
    /// Who makes it.
    pub from: StageId,
    /// Its path among the outputs of `from`; ending in `/`, all files below that folder; `/` alone, all outputs.
    pub path: String,
}

/// A stage in its place.
pub(crate) struct Node {
    pub(crate) name: String,
    pub(crate) stage: Box<dyn Stage>,
    pub(crate) inputs: Vec<Input>,
}

/// What a build is to make.
#[derive(Default)]
pub struct Graph {
    nodes: Vec<Node>,
}

/// Artifacts found for a path.
pub(crate) enum Selection<'o> {
    /// One file.
    File(&'o Output),
    /// The files below a folder, their paths relative to it.
    Folder(Vec<(Utf8PathBuf, &'o Output)>),
}

impl Graph {
    /// An empty graph.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a stage under a unique name, `kws/mps2-an386/audit`.
    pub fn add(&mut self, node: impl Into<String>, stage: Box<dyn Stage>, inputs: Vec<Input>) -> StageId {
        self.nodes.push(Node { name: node.into(), stage, inputs });
        StageId(self.nodes.len() - 1)
    }

    /// Forgets every stage that was added after `last`: what is left still has all its inputs.
    pub fn keep_to(&mut self, last: StageId) {
        self.nodes.truncate(last.0 + 1);
    }

    /// How many stages there are.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// All stages, in an order to build in.
    pub fn ids(&self) -> impl Iterator<Item = StageId> + use<> {
        (0..self.nodes.len()).map(StageId)
    }

    /// The stage of that name.
    pub fn find(&self, node: &str) -> Option<StageId> {
        self.ids().find(|id| self.nodes[id.0].name == node)
    }

    /// The name that a stage was added under.
    pub fn node_name(&self, id: StageId) -> &str {
        &self.nodes[id.0].name
    }

    /// The name of the kind of stage.
    pub fn stage_name(&self, id: StageId) -> &'static str {
        self.nodes[id.0].stage.name()
    }

    /// The inputs of a stage.
    pub fn inputs(&self, id: StageId) -> &[Input] {
        &self.nodes[id.0].inputs
    }

    pub(crate) fn node(&self, id: StageId) -> &Node {
        &self.nodes[id.0]
    }

    /// Names are unique and inputs come from earlier stages.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let mut names = BTreeSet::new();
        for (at, node) in self.nodes.iter().enumerate() {
            if !names.insert(&node.name) {
                return Err(Error::Graph(format!("two stages are called `{}`", node.name)));
            }
            let mut inputs = BTreeSet::new();
            for input in &node.inputs {
                if input.from.0 >= at {
                    let problem = "comes from no earlier stage";
                    return Err(Error::Graph(format!("input `{}` of `{}` {problem}", input.name, node.name)));
                }
                if !inputs.insert(input.name) {
                    return Err(Error::Graph(format!("`{}` has two inputs called `{}`", node.name, input.name)));
                }
            }
        }
        Ok(())
    }
}

/// The outputs that a path names; `None` if there are none.
pub(crate) fn select<'o>(path: &str, outputs: &'o [Output]) -> Option<Selection<'o>> {
    if !path.is_empty() && !path.ends_with('/') {
        return outputs.iter().find(|output| output.path == path).map(Selection::File);
    }
    let prefix = path.trim_start_matches('/');
    let below = |output: &'o Output| Some((output.path.as_str().strip_prefix(prefix)?.into(), output));
    let files: Vec<_> = outputs.iter().filter_map(below).collect();
    (!files.is_empty()).then_some(Selection::Folder(files))
}

impl Selection<'_> {
    /// What a key sees of it.
    pub(crate) fn content(&self) -> Digest {
        match self {
            Self::File(output) => output.digest,
            Self::Folder(files) => {
                tree_digest(files.iter().map(|(path, output)| (path.as_str(), output.digest, output.executable)))
            }
        }
    }
}

/// The error for a path that names no output.
pub(crate) fn no_artifact(node: &str, input: &str, path: &str, from: &str, outputs: &[Output]) -> Error {
    let mut made: Vec<String> = outputs.iter().take(5).map(|output| format!("`{}`", output.path)).collect();
    if outputs.len() > made.len() {
        made.push(format!("{} more", outputs.len() - made.len()));
    }
    let (node, input, path) = (node.to_owned(), input.to_owned(), path.to_owned());
    Error::NoArtifact { node, input, path, from: from.to_owned(), made: made.join(", ") }
}
