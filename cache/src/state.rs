//! Where each stage of a running build stands. Knows the edges, not the work.
//!
//! ```text
//! Waiting ──all inputs Done──▶ Ready ──taken──▶ Busy ──▶ Done
//!    ▲                                           │  └──▶ Failed ──▶ dependents Skipped
//!    └───────────an input was damaged────────────┘      (and that input's stage: Done ──▶ Ready)
//! ```

use std::collections::BTreeSet;

use crate::outcome::Made;
use crate::{Digest, Graph, StageId};

/// A stage in a running build.
#[derive(Debug)]
pub(crate) enum State {
    Waiting,
    Ready,
    Busy,
    Done(Made),
    Failed,
    Skipped,
}

/// All stages of a running build.
pub(crate) struct States<'g> {
    graph: &'g Graph,
    each: Vec<State>,
    /// A stage that has the same key, is not an input, and goes first.
    after: Vec<Option<StageId>>,
    dependents: Vec<Vec<StageId>>,
    ready: BTreeSet<(Digest, StageId)>,
    order: u64,
}

impl<'g> States<'g> {
    /// All waiting. `order` shuffles what is ready; 0 is the graph's order.
    pub(crate) fn new(graph: &'g Graph, order: u64) -> Self {
        let mut dependents = vec![Vec::new(); graph.len()];
        for id in graph.ids() {
            for input in graph.inputs(id) {
                dependents[input.from.0].push(id);
            }
        }
        let each = graph.ids().map(|_| State::Waiting).collect();
        Self { graph, each, after: vec![None; graph.len()], dependents, ready: BTreeSet::new(), order }
    }

    /// Lets a stage go only when another has ended in any way.
    pub(crate) fn put_after(&mut self, id: StageId, first: StageId) {
        self.after[id.0] = Some(first);
        self.dependents[first.0].push(id);
    }

    pub(crate) fn get(&self, id: StageId) -> &State {
        &self.each[id.0]
    }

    pub(crate) fn made(&self, id: StageId) -> Option<&Made> {
        match &self.each[id.0] {
            State::Done(made) => Some(made),
            _ => None,
        }
    }

    /// Whether nothing more comes of a stage.
    pub(crate) fn has_ended(&self, id: StageId) -> bool {
        matches!(self.get(id), State::Done(_) | State::Failed | State::Skipped)
    }

    /// Makes a waiting stage ready if it can go.
    pub(crate) fn wake(&mut self, id: StageId) {
        let inputs_made = self.graph.inputs(id).iter().all(|input| self.made(input.from).is_some());
        if matches!(self.get(id), State::Waiting)
            && inputs_made
            && self.after[id.0].is_none_or(|first| self.has_ended(first))
        {
            self.each[id.0] = State::Ready;
            self.ready.insert((self.rank(id), id));
        }
    }

    fn rank(&self, id: StageId) -> Digest {
        let zero = Digest::from_bytes([0; 32]);
        if self.order == 0 { zero } else { Digest::of(format!("{} {}", self.order, id.0).as_bytes()) }
    }

    /// The next stage that can go, which is busy from now on.
    pub(crate) fn take(&mut self) -> Option<StageId> {
        let (_, id) = self.ready.pop_first()?;
        self.each[id.0] = State::Busy;
        if self.graph.inputs(id).iter().all(|input| self.made(input.from).is_some()) {
            return Some(id);
        }
        self.each[id.0] = State::Waiting;
        self.take()
    }

    /// Gives a busy stage back, to go again when its inputs are there.
    pub(crate) fn put_back(&mut self, id: StageId) {
        self.each[id.0] = State::Waiting;
        self.wake(id);
    }

    /// A stage has its outputs, made or found.
    pub(crate) fn done(&mut self, id: StageId, made: Made) {
        // One that the survey found may have been woken by its inputs before its turn came: it is not to go again.
        self.ready.remove(&(self.rank(id), id));
        self.each[id.0] = State::Done(made);
        self.wake_dependents(id);
    }

    /// A stage failed. Gives those that cannot run because of it.
    pub(crate) fn failed(&mut self, id: StageId) -> Vec<StageId> {
        self.each[id.0] = State::Failed;
        let mut skipped = Vec::new();
        let mut lost = vec![id];
        while let Some(id) = lost.pop() {
            for dependent in self.dependents[id.0].clone() {
                let needs = self.graph.inputs(dependent).iter().any(|input| input.from == id);
                if needs && matches!(self.get(dependent), State::Waiting | State::Ready) {
                    self.ready.remove(&(self.rank(dependent), dependent));
                    self.each[dependent.0] = State::Skipped;
                    skipped.push(dependent);
                    lost.push(dependent);
                }
            }
            self.wake_dependents(id);
        }
        skipped.sort_unstable();
        skipped
    }

    /// The outputs of a stage are no good: it goes again. Gives its key, or `None` if it is on its way already.
    pub(crate) fn undo(&mut self, id: StageId) -> Option<Digest> {
        let key = self.made(id)?.key;
        self.put_back(id);
        Some(key)
    }

    fn wake_dependents(&mut self, id: StageId) {
        for dependent in self.dependents[id.0].clone() {
            self.wake(dependent);
        }
    }

    /// The stages that wait for what will not come, when nothing is busy any more.
    pub(crate) fn stuck(&self) -> Vec<StageId> {
        self.graph.ids().filter(|id| matches!(self.get(*id), State::Waiting)).collect()
    }

    /// What was made, in the graph's order.
    pub(crate) fn into_made(self) -> Vec<Option<Made>> {
        let made = |state| if let State::Done(made) = state { Some(made) } else { None };
        self.each.into_iter().map(made).collect()
    }
}
