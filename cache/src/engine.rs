//! The engine's face: plan, build, why, and the artifacts that a build made. Knows no kind of stage.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use camino::Utf8Path;

use crate::explain::compare;
use crate::materialize::materialize;
use crate::outcome::Events;
use crate::record::Section;
use crate::run::{Run, view};
use crate::{Delivered, Error, Failure, FieldChange, Forecast, Graph, Outcome, Placement, StageId, Store, Why};

/// A switch that ends a build, cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// Ends the build: nothing more is started, and what runs is asked to end.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether the build is to end.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// How to build.
#[derive(Debug, Clone)]
pub struct Options {
    /// How many stages may run at once, weighted; at least 1.
    pub jobs: usize,
    /// Run every stage, whatever is recorded.
    pub force: bool,
    /// Run every stage twice and compare the bytes, with those recorded too.
    pub verify: bool,
    /// Reread every artifact that is reused, and make the damaged ones again.
    pub check: bool,
    /// Ends the build.
    pub cancel: Cancel,
    /// Names the project, so that equal node names of two projects are not compared.
    pub scope: String,
    /// Shuffles the order of what is ready; 0 is the graph's order. The outputs must not depend on it.
    pub order: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            jobs: std::thread::available_parallelism().map_or(1, usize::from),
            force: false,
            verify: false,
            check: false,
            cancel: Cancel::default(),
            scope: String::new(),
            order: 0,
        }
    }
}

/// What a line of a journal says was said.
fn said(line: &str) -> Option<Vec<String>> {
    let entry: serde_json::Value = serde_json::from_str(line).ok()?;
    serde_json::from_value(entry.get("log")?.clone()).ok()
}

/// How often artifacts are made again in one call before it is the disk's fault.
const REPAIRS: u32 = 3;

/// Plans and builds graphs over one store.
#[derive(Debug)]
pub struct Engine<'s> {
    store: &'s Store,
    options: Options,
}

impl<'s> Engine<'s> {
    /// An engine.
    pub fn new(store: &'s Store, options: Options) -> Self {
        let jobs = options.jobs.max(1);
        Self { store, options: Options { jobs, ..options } }
    }

    /// The store.
    pub fn store(&self) -> &'s Store {
        self.store
    }

    /// The options.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// What a build would do with each stage, in the graph's order. Writes nothing.
    pub fn plan(&self, graph: &Graph) -> Result<Vec<Forecast>, Error> {
        let view = view(self, graph, self.is_afresh())?;
        Ok(view.survey()?.stages.into_iter().map(|surveyed| surveyed.forecast).collect())
    }

    /// Makes everything that the graph says.
    pub fn build(&self, graph: &Graph, events: Events<'_>) -> Result<Outcome, Failure> {
        self.build_again(graph, self.is_afresh(), events)
    }

    fn is_afresh(&self) -> bool {
        self.options.force || self.options.verify
    }

    fn build_again(&self, graph: &Graph, afresh: bool, events: Events<'_>) -> Result<Outcome, Failure> {
        let _share = self.store.share()?;
        let view = view(self, graph, afresh)?;
        let survey = view.survey()?;
        Run::new(view, survey, events).finish()
    }

    /// Why a stage would run or not: all its fields, old and new. Writes nothing.
    pub fn why(&self, graph: &Graph, id: StageId) -> Result<Why, Error> {
        let view = view(self, graph, self.is_afresh())?;
        let surveyed = view.survey()?.stages;
        let node = graph.node(id);
        let old = view.last_record(id)?;
        let unknown = |from: StageId| surveyed[from.0].found.is_none();
        let outputs = |from: StageId| surveyed[from.0].found.as_ref().map(|(_, outputs)| &**outputs);
        let (mut fields, built_before) = (view.fields_where_known(id, outputs)?.print(), old.is_some());
        fields.extend(node.inputs.iter().filter(|input| unknown(input.from)).map(|input| crate::PrintedField {
            section: Section::Input,
            name: input.name.to_owned(),
            kind: "content".to_owned(),
            value: format!("unknown until `{}` has run", graph.node_name(input.from)),
        }));
        let fields: Vec<FieldChange> = compare(&old.map_or_else(Vec::new, |record| record.fields), &fields);
        let forecast = surveyed[id.0].forecast.clone();
        Ok(Why { node: node.name.clone(), stage: node.stage.name(), forecast, built_before, fields })
    }

    /// What a stage said when it last ran, well or not: with the key that it has now, else with that of the node's last record.
    /// Nothing where it never ran here, or said nothing.
    pub fn said(&self, graph: &Graph, id: StageId) -> Result<Vec<String>, Error> {
        let view = view(self, graph, false)?;
        let surveyed = view.survey()?.stages;
        let outputs = |from: StageId| surveyed[from.0].found.as_ref().map(|(_, outputs)| &**outputs);
        let is_made = |input: &crate::Input| surveyed[input.from.0].found.is_some();
        let mut keys = Vec::new();
        if graph.inputs(id).iter().all(is_made) {
            keys.push(view.fields_where_known(id, outputs)?.digest());
        }
        keys.extend(view.index.latest(graph.node_name(id)));
        for key in keys {
            let journal = self.store.journal(key)?;
            let lines = journal.lines().next_back().and_then(said).unwrap_or_default();
            if !lines.is_empty() {
                return Ok(lines);
            }
        }
        Ok(Vec::new())
    }

    /// The content of an artifact, made again if it is damaged.
    pub fn artifact(
        &self,
        graph: &Graph,
        outcome: &mut Outcome,
        id: StageId,
        path: &str,
        events: Events<'_>,
    ) -> Result<Vec<u8>, Failure> {
        self.repairing(graph, outcome, events, |outcome| outcome.artifact(id, path))
    }

    /// Puts artifacts into a folder, see [`materialize`]; damaged ones are made again. Each of `wanted` is a stage, a
    /// path among its outputs (a folder if it ends in `/`), and where that goes, relative to `dest`.
    pub fn materialize(
        &self,
        graph: &Graph,
        outcome: &mut Outcome,
        dest: &Utf8Path,
        wanted: &[(StageId, &str, &str)],
        events: Events<'_>,
    ) -> Result<Delivered, Failure> {
        self.repairing(graph, outcome, events, |outcome| {
            let mut placements: Vec<Placement> = Vec::new();
            for (id, path, to) in wanted {
                placements.extend(outcome.placements(*id, path, Utf8Path::new(to))?);
            }
            materialize(self.store, dest, &placements)
        })
    }

    fn repairing<T>(
        &self,
        graph: &Graph,
        outcome: &mut Outcome,
        events: Events<'_>,
        act: impl Fn(&Outcome) -> Result<T, Error>,
    ) -> Result<T, Failure> {
        for _ in 0..REPAIRS {
            match act(outcome) {
                Err(Error::Damaged { digest, .. }) => outcome.forget(digest)?,
                other => return Ok(other?),
            }
            *outcome = self.build_again(graph, false, events)?;
        }
        Ok(act(outcome)?)
    }
}
