//! The running build: takes what is ready, looks it up, starts a thread for what has to run, and hears how it ended.
//! Knows the order of things, not how one stage is made.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::thread::Scope;
use std::time::Duration;

use crate::execute::{Ended, Task};
use crate::index::Index;
use crate::io::Io;
use crate::job::Resolved;
use crate::key::KeyFields;
use crate::outcome::{Events, Made};
use crate::state::{State, States};
use crate::survey::{Survey, Surveyed, View};
use crate::{
    BoxError, Digest, Engine, Error, Event, FailedStage, Failure, Forecast, Graph, Outcome, Output, StageId, Status,
};

/// How often one stage may find an input damaged before it fails.
const REPAIRS: u32 = 3;

/// A build that is on.
pub(crate) struct Run<'r> {
    view: View<'r>,
    events: Events<'r>,
    states: States<'r>,
    /// Keys that are being made now, and the stages of this graph that wait for them.
    busy: HashMap<Digest, Vec<StageId>>,
    /// Keys that a stage is foretold to make: another that comes to the same key waits for it.
    foretold: HashMap<Digest, StageId>,
    /// What this build made itself: good even where no record is to be used.
    ran: HashMap<Digest, Arc<[Output]>>,
    running: usize,
    load: usize,
    repairs: BTreeMap<StageId, u32>,
    failed: Vec<FailedStage>,
    skipped: Vec<StageId>,
    cancelled: bool,
}

type Ending = (StageId, Digest, Ended);

impl<'r> Run<'r> {
    /// A build from a survey.
    pub(crate) fn new(view: View<'r>, survey: Survey, events: Events<'r>) -> Self {
        let states = States::new(view.graph, view.engine.options().order);
        let mut run = Self {
            view,
            events,
            states,
            busy: HashMap::new(),
            foretold: survey.missing,
            ran: HashMap::new(),
            running: 0,
            load: 0,
            repairs: BTreeMap::new(),
            failed: Vec::new(),
            skipped: Vec::new(),
            cancelled: false,
        };
        run.begin(survey.stages);
        run
    }

    fn begin(&mut self, surveyed: Vec<Surveyed>) {
        for (id, surveyed) in self.graph().ids().zip(&surveyed) {
            if let Forecast::Maybe { because } = surveyed.forecast
                && self.is_twin(id, because)
            {
                self.states.put_after(id, because);
            }
        }
        for (id, surveyed) in self.graph().ids().zip(surveyed) {
            match surveyed.found {
                Some((key, outputs)) => self.reused(id, key, outputs),
                None => self.states.wake(id),
            }
        }
    }

    /// Whether `first` is no input, but has the same key.
    fn is_twin(&self, id: StageId, first: StageId) -> bool {
        self.graph().inputs(id).iter().all(|input| input.from != first)
    }

    fn graph(&self) -> &'r Graph {
        self.view.graph
    }

    fn engine(&self) -> &'r Engine<'r> {
        self.view.engine
    }

    /// Runs to the end.
    pub(crate) fn finish(mut self) -> Result<Outcome, Failure> {
        std::thread::scope(|scope| {
            let (sender, receiver) = channel();
            loop {
                self.start_what_can_go(scope, &sender);
                if self.running == 0 {
                    break;
                }
                if let Ok((id, key, ended)) = receiver.recv() {
                    self.running -= 1;
                    self.load -= self.weight(id);
                    self.hear(id, key, ended);
                }
            }
        });
        self.conclude()
    }

    fn weight(&self, id: StageId) -> usize {
        self.graph().node(id).stage.weight().clamp(1, self.engine().options().jobs)
    }

    fn start_what_can_go<'scope>(&mut self, scope: &'scope Scope<'scope, 'r>, sender: &Sender<Ending>) {
        while !self.is_full() {
            let Some(id) = self.states.take() else { return };
            if self.cancelled || self.engine().options().cancel.is_cancelled() {
                self.cancelled = true;
                return;
            }
            match self.consider(id) {
                Ok(None) => {}
                Ok(Some(task)) => {
                    self.running += 1;
                    self.load += self.weight(id);
                    let sender = sender.clone();
                    scope.spawn(move || {
                        // The receiver outlives every sender: it waits until nothing runs.
                        let _ = sender.send((id, task.key, task.execute()));
                    });
                }
                Err(error) => self.fail(id, error.into()),
            }
        }
    }

    /// A heavy stage may start a little above the limit, rather than wait for all others.
    fn is_full(&self) -> bool {
        self.load >= self.engine().options().jobs
    }

    /// Looks up a stage whose inputs are made; gives the task if it has to run now.
    fn consider(&mut self, id: StageId) -> Result<Option<Task<'r>>, Error> {
        let outputs = |from: StageId| self.states.made(from).map(|made| &*made.outputs);
        let fields = self.view.fields(id, outputs)?;
        let key = fields.digest();
        if let Some(first) = self.foretold.get(&key).filter(|first| **first != id && !self.states.has_ended(**first)) {
            self.states.put_after(id, *first);
            self.states.put_back(id);
            return Ok(None);
        }
        if let Some(waiting) = self.busy.get_mut(&key) {
            waiting.push(id);
            return Ok(None);
        }
        let made_before = match self.ran.get(&key) {
            Some(outputs) => Some(Arc::clone(outputs)),
            None => self.view.find(key)?,
        };
        if let Some(outputs) = made_before {
            self.reused(id, key, outputs);
            return Ok(None);
        }
        self.busy.insert(key, Vec::new());
        Ok(Some(self.task(id, key, fields)))
    }

    fn task(&self, id: StageId, key: Digest, fields: KeyFields) -> Task<'r> {
        let node = self.graph().node(id);
        let made = |from: StageId| self.states.made(from).map_or(&[][..], |made| &*made.outputs);
        let inputs = node.inputs.iter().filter_map(|input| Resolved::new(input, made(input.from))).collect();
        Task {
            store: self.engine().store(),
            options: self.engine().options(),
            events: self.events,
            node,
            fields,
            key,
            inputs,
            afresh: self.view.afresh,
        }
    }

    fn hear(&mut self, id: StageId, key: Digest, ended: Ended) {
        let waiting = self.busy.remove(&key).unwrap_or_default();
        match ended {
            Ended::Made { outputs, status: Status::Reused, .. } => self.reused(id, key, outputs),
            Ended::Made { outputs, status, duration } => {
                self.ran.insert(key, Arc::clone(&outputs));
                self.made(id, Made { key, outputs, status }, duration);
            }
            Ended::Damaged(makers) => self.repair(id, &makers),
            Ended::Cancelled => self.cancelled = true,
            Ended::Failed(error) => self.fail(id, error),
        }
        for id in waiting {
            self.states.put_back(id);
        }
    }

    fn reused(&mut self, id: StageId, key: Digest, outputs: Arc<[Output]>) {
        self.made(id, Made { key, outputs, status: Status::Reused }, Duration::ZERO);
    }

    fn made(&mut self, id: StageId, made: Made, duration: Duration) {
        let node = self.graph().node_name(id);
        let first_today = self.view.index.put(node, made.key, &made.outputs, self.view.now);
        if first_today && made.status == Status::Reused {
            // Only a sweep reads it, and a store that cannot be written is not swept.
            let _ = self.engine().store().touch_record(made.key);
        }
        let (stage, status) = (self.graph().stage_name(id), made.status);
        (self.events)(Event::Finished { node, stage, status, duration });
        self.states.done(id, made);
    }

    /// Has the damaged artifacts made again, then the stage that noticed.
    fn repair(&mut self, id: StageId, makers: &[StageId]) {
        let tries = self.repairs.entry(id).or_default();
        *tries += 1;
        if *tries > REPAIRS {
            let error =
                format!("its inputs are damaged again and again; check the disk of `{}`", self.engine().store().root());
            return self.fail(id, error.into());
        }
        for maker in makers {
            if let Some(key) = self.states.undo(*maker) {
                let (node, stage) = (self.graph().node_name(*maker), self.graph().stage_name(*maker));
                (self.events)(Event::Damaged { node, stage });
                self.view.index.forget(key);
                self.ran.remove(&key);
                if let Err(error) = self.engine().store().forget(&self.engine().options().scope, key) {
                    return self.fail(id, error.into());
                }
            }
        }
        self.states.put_back(id);
    }

    fn fail(&mut self, id: StageId, error: BoxError) {
        let (node, stage) = (self.graph().node_name(id), self.graph().stage_name(id));
        (self.events)(Event::Failed { node, stage, error: &error });
        self.failed.push(FailedStage { id, node: node.to_owned(), stage, error });
        for skipped in self.states.failed(id) {
            self.skip(skipped, node);
        }
    }

    fn skip(&mut self, id: StageId, because: &str) {
        let (node, stage) = (self.graph().node_name(id), self.graph().stage_name(id));
        (self.events)(Event::Skipped { node, stage, because });
        self.skipped.push(id);
    }

    fn conclude(mut self) -> Result<Outcome, Failure> {
        self.save();
        if self.cancelled || self.engine().options().cancel.is_cancelled() && !self.is_complete() {
            return Err(Failure::Cancelled);
        }
        for id in self.states.stuck() {
            let because = self.failed.first().map(|failed| failed.node.clone()).unwrap_or_default();
            self.skip(id, &because);
        }
        let outcome = Outcome {
            store: self.engine().store().clone(),
            scope: self.engine().options().scope.clone(),
            names: self.graph().ids().map(|id| self.graph().node_name(id).to_owned()).collect(),
            made: self.states.into_made(),
        };
        if self.failed.is_empty() {
            return Ok(outcome);
        }
        self.failed.sort_by_key(|failed| failed.id);
        self.skipped.sort_unstable();
        Err(Failure::Stages { failed: self.failed, skipped: self.skipped, finished: Box::new(outcome) })
    }

    fn is_complete(&self) -> bool {
        self.graph().ids().all(|id| matches!(self.states.get(id), State::Done(_)))
    }

    /// Saves what saves time. A store that cannot be written is no reason to complain.
    fn save(&mut self) {
        let store = self.engine().store();
        let saved = [store.save_index(&self.engine().options().scope, &mut self.view.index), store.save_memo()];
        for error in saved.into_iter().filter_map(Result::err).filter(|error| !error.is_read_only()) {
            (self.events)(Event::Warning { error: &error });
        }
    }
}

/// A look at the store as it is now.
pub(crate) fn view<'e>(engine: &'e Engine<'e>, graph: &'e Graph, afresh: bool) -> Result<View<'e>, Error> {
    graph.check()?;
    let index: Index = engine.store().read_index(&engine.options().scope)?;
    Ok(View { engine, graph, index, afresh, now: Io::now() })
}
