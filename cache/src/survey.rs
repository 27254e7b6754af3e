//! The look at a graph before anything runs: which stages can be reused, which will run, which may. `plan` prints it
//! and `build` starts from it, so that the two cannot disagree.

use std::collections::HashMap;
use std::sync::Arc;

use crate::explain::compare;
use crate::graph::{no_artifact, select};
use crate::index::Index;
use crate::key::KeyFields;
use crate::{Digest, Engine, Error, Forecast, Graph, Output, Record, StageId};

/// What is known of a graph before a build.
pub(crate) struct Survey {
    /// In the graph's order.
    pub(crate) stages: Vec<Surveyed>,
    /// The keys that are not recorded, and the first stage that has each.
    pub(crate) missing: HashMap<Digest, StageId>,
}

/// What is known of a stage before a build.
pub(crate) struct Surveyed {
    pub(crate) forecast: Forecast,
    /// The key and outputs of a stage that is reused.
    pub(crate) found: Option<(Digest, Arc<[Output]>)>,
}

/// A look at the store on behalf of one plan or build.
pub(crate) struct View<'e> {
    pub(crate) engine: &'e Engine<'e>,
    pub(crate) graph: &'e Graph,
    pub(crate) index: Index,
    /// Use no record.
    pub(crate) afresh: bool,
    /// When the plan or build began, in nanoseconds since 1970.
    pub(crate) now: i64,
}

impl View<'_> {
    /// Looks at all stages, in the graph's order.
    pub(crate) fn survey(&self) -> Result<Survey, Error> {
        let mut surveyed: Vec<Surveyed> = Vec::with_capacity(self.graph.len());
        let mut missing = HashMap::new();
        for id in self.graph.ids() {
            let mut from = self.graph.inputs(id).iter().map(|input| input.from);
            let next = if let Some(because) = from.find(|from| surveyed[from.0].found.is_none()) {
                Surveyed { forecast: Forecast::Maybe { because }, found: None }
            } else {
                let outputs = |from: StageId| surveyed[from.0].found.as_ref().map(|(_, outputs)| &**outputs);
                self.look_at(id, &self.fields(id, outputs)?, &mut missing)?
            };
            surveyed.push(next);
        }
        Ok(Survey { stages: surveyed, missing })
    }

    fn look_at(
        &self,
        id: StageId,
        fields: &KeyFields,
        missing: &mut HashMap<Digest, StageId>,
    ) -> Result<Surveyed, Error> {
        let key = fields.digest();
        if let Some(outputs) = self.find(key)? {
            return Ok(Surveyed { forecast: Forecast::Reuse, found: Some((key, outputs)) });
        }
        let first = *missing.entry(key).or_insert(id);
        let forecast = if first == id {
            Forecast::Run { changed: self.changes(id, fields)? }
        } else {
            Forecast::Maybe { because: first }
        };
        Ok(Surveyed { forecast, found: None })
    }

    /// The key's fields of a stage whose inputs are all made.
    pub(crate) fn fields<'o>(
        &self,
        id: StageId,
        outputs: impl Fn(StageId) -> Option<&'o [Output]>,
    ) -> Result<KeyFields, Error> {
        self.fields_where_known(id, |from| Some(outputs(from).unwrap_or_default()))
    }

    /// The same without the inputs that are not made yet.
    pub(crate) fn fields_where_known<'o>(
        &self,
        id: StageId,
        outputs: impl Fn(StageId) -> Option<&'o [Output]>,
    ) -> Result<KeyFields, Error> {
        let node = self.graph.node(id);
        let mut fields = KeyFields::of(&node.name, node.stage.name(), node.stage.version(), node.stage.fields())?;
        for input in &node.inputs {
            let Some(made) = outputs(input.from) else { continue };
            let Some(selected) = select(&input.path, made) else {
                let from = self.graph.node_name(input.from);
                return Err(no_artifact(&node.name, input.name, &input.path, from, made));
            };
            fields.input(input.name, selected.content());
        }
        Ok(fields)
    }

    /// The outputs recorded under a key, reread if the engine is to check everything.
    pub(crate) fn find(&self, key: Digest) -> Result<Option<Arc<[Output]>>, Error> {
        if self.afresh {
            return Ok(None);
        }
        let store = self.engine.store();
        let found = match self.index.outputs(key) {
            Some(outputs) => Some(outputs),
            None => store.read_record(key)?.map(|record| record.outputs.into()),
        };
        match found {
            Some(outputs) if self.engine.options().check && !store.are_sound(&outputs)? => Ok(None),
            found => Ok(found),
        }
    }

    /// The last record of a node.
    pub(crate) fn last_record(&self, id: StageId) -> Result<Option<Record>, Error> {
        match self.index.latest(self.graph.node_name(id)) {
            Some(key) => self.engine.store().read_record(key),
            None => Ok(None),
        }
    }

    fn changes(&self, id: StageId, fields: &KeyFields) -> Result<Vec<crate::FieldChange>, Error> {
        let old = self.last_record(id)?.map_or_else(Vec::new, |record| record.fields);
        Ok(compare(&old, &fields.print()).into_iter().filter(crate::FieldChange::is_changed).collect())
    }
}
