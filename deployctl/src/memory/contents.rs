//! The proof that every operator finds what it reads, on every path through branches and loops. Shares no code with lifetimes:
//! it follows which tensors' bytes are still their own while operators write theirs.

use std::collections::BTreeSet;

use thiserror::Error;

use crate::model::lower::{Call, Step};
use crate::model::{Block, Graph, TensorId, TensorType};

/// Contents that are overwritten before they are read: a fault of the planner, never of a model.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "op:{operator} needs `{tensor}`, whose place in the arena holds something else by then: report this as a fault of the memory planner"
)]
pub struct Lost {
    /// What people call the operator; `end` for what the model returns or keeps.
    pub operator: String,
    /// The tensor's name.
    pub tensor: String,
}

/// First byte and size.
pub(super) type Place = (usize, usize);
/// Tensors whose places hold their contents.
type Intact = BTreeSet<TensorId>;

/// Follows one inference, and the next one's variables.
pub(super) fn run(
    graph: &Graph,
    steps: &[Step],
    places: &dyn Fn(&TensorId) -> Option<Place>,
    scratch: &dyn Fn(usize) -> Option<Place>,
) -> Result<(), Lost> {
    let walk = Walk { graph, steps, places, scratch };
    let kept: Vec<TensorId> = (0..graph.tensors.len())
        .map(TensorId)
        .filter(|id| graph.tensor(*id).variable && places(id).is_some())
        .collect();
    let mut intact = Intact::new();
    walk.write_all(&mut intact, &kept);
    // Two hops: what one leaves must be there for the next, and for the main graph.
    for hops in graph.hops().into_iter().cycle().take(2) {
        walk.write(&mut intact, hops.input);
        kept.iter().try_for_each(|id| walk.read(&intact, *id, None))?;
        walk.block(&mut intact, hops.block)?;
    }
    walk.write_all(&mut intact, &graph.inputs);
    kept.iter().chain(&graph.inputs).try_for_each(|id| walk.read(&intact, *id, None))?;
    walk.block(&mut intact, graph.main())?;
    kept.iter().chain(&graph.outputs).try_for_each(|id| walk.read(&intact, *id, None))
}

struct Walk<'a> {
    graph: &'a Graph,
    steps: &'a [Step],
    places: &'a dyn Fn(&TensorId) -> Option<Place>,
    scratch: &'a dyn Fn(usize) -> Option<Place>,
}

impl Walk<'_> {
    fn block(&self, intact: &mut Intact, block: Block) -> Result<(), Lost> {
        let steps = block.operators().filter_map(|id| Some((id.0, self.steps.get(id.0)?)));
        steps.into_iter().try_for_each(|(position, step)| self.step(intact, position, step))
    }

    fn step(&self, intact: &mut Intact, position: usize, step: &Step) -> Result<(), Lost> {
        if let Some(scratch) = (self.scratch)(position) {
            self.overwrite(intact, scratch);
        }
        step.inputs.iter().try_for_each(|id| self.read(intact, *id, Some(step)))?;
        match (&step.call, step.outputs.as_slice()) {
            (&Call::If { then, otherwise }, _) => {
                let mut other = intact.clone();
                self.block(intact, then)?;
                self.block(&mut other, otherwise)?;
                intact.retain(|id| other.contains(id));
                step.outputs.iter().try_for_each(|id| self.read(intact, *id, Some(step)))?;
            }
            (&Call::While { start, condition, body, proceeds }, _) => {
                self.block(intact, start)?;
                // What one round leaves alone, every other leaves alone too: two passes see all there is to see.
                for _ in 0..2 {
                    let mut round = intact.clone();
                    self.block(&mut round, condition)?;
                    self.read(&round, proceeds, Some(step))?;
                    self.block(&mut round, body)?;
                    intact.retain(|id| round.contains(id));
                }
                self.block(intact, condition)?;
                step.outputs.iter().try_for_each(|id| self.read(intact, *id, Some(step)))?;
            }
            (Call::Reshape, outputs) => intact.extend(outputs),
            (_, outputs) => {
                // While it runs, an operator needs inputs, outputs and scratch memory.
                for id in outputs {
                    self.write(intact, *id);
                }
                step.inputs.iter().chain(outputs).try_for_each(|id| self.read(intact, *id, Some(step)))?;
                let apart = (self.scratch)(position).is_none_or(|scratch| {
                    outputs.iter().filter_map(|id| (self.places)(id)).all(|place| !overlap(place, scratch))
                });
                if let (false, Some(&output)) = (apart, outputs.first()) {
                    return Err(self.lost(output, Some(step)));
                }
            }
        }
        Ok(())
    }

    fn read(&self, intact: &Intact, id: TensorId, step: Option<&Step>) -> Result<(), Lost> {
        let tensor = self.graph.tensor(id);
        // A handle stands for a variable, and has no contents.
        if tensor.constant.is_some() || tensor.dtype == TensorType::Resource || intact.contains(&id) {
            return Ok(());
        }
        Err(self.lost(id, step))
    }

    fn lost(&self, id: TensorId, step: Option<&Step>) -> Lost {
        let operator = step.map_or_else(|| "end".to_owned(), |step| self.graph.label(step.operator));
        Lost { operator, tensor: self.graph.tensor(id).name.clone() }
    }

    fn write_all(&self, intact: &mut Intact, ids: &[TensorId]) {
        for id in ids {
            self.write(intact, *id);
        }
    }

    fn write(&self, intact: &mut Intact, id: TensorId) {
        if let Some(place) = (self.places)(&id) {
            self.overwrite(intact, place);
        }
        intact.insert(id);
    }

    fn overwrite(&self, intact: &mut Intact, place: Place) {
        intact.retain(|other| (self.places)(other).is_none_or(|other| !overlap(other, place)));
    }
}

fn overlap(a: Place, b: Place) -> bool {
    a.0.max(b.0) < (a.0 + a.1).min(b.0 + b.1)
}
