//! Control flow: blocks of operators that run once, again or not at all, and the order in which a graph's operators run.
//!
//! A graph of the model file that IF or WHILE runs is a [`Block`] of the one [`Graph`], once for every operator that runs it.
//! Its inputs are the very tensors that the operator hands it; `COPY` operators at its end bring its outputs to the
//! operator's. So kernels, memory and emission see operators like all others, and only who runs them is special.

use serde::{Deserialize, Serialize};

use super::pipeline::Hops;
use super::{Graph, OperatorId, Options, TensorId};

/// Operators that run one after the other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Block {
    /// Position of the first in [`Graph::operators`].
    pub first: usize,
    /// Position behind the last.
    pub end: usize,
}

impl Block {
    /// Positions of the block's own operators, without those that they run.
    pub fn operators(self) -> impl Iterator<Item = OperatorId> {
        (self.first..self.end).map(OperatorId)
    }

    fn contains(self, id: OperatorId) -> bool {
        (self.first..self.end).contains(&id.0)
    }
}

/// The names that blocks have.
pub const BLOCKS: [&str; 5] = ["then", "else", "start", "cond", "body"];

impl Options {
    /// The blocks that an operator with these options runs, in the order of their places in memory and time, with the
    /// names that positions in them have.
    pub fn blocks(&self) -> Vec<(&'static str, Block)> {
        match *self {
            Self::If { then, otherwise, .. } => vec![(BLOCKS[0], then), (BLOCKS[1], otherwise)],
            Self::While { start, condition, body, .. } => {
                vec![(BLOCKS[2], start), (BLOCKS[3], condition), (BLOCKS[4], body)]
            }
            _ => Vec::new(),
        }
    }
}

impl Graph {
    /// The operators of the main graph.
    pub fn main(&self) -> Block {
        let blocks = self.operators.iter().flat_map(|operator| operator.options.blocks());
        let hops = self.hops().map(|hops| hops.block);
        let end = blocks.map(|(_, block)| block).chain(hops).map(|block| block.first).min();
        Block { first: 0, end: end.unwrap_or(self.operators.len()) }
    }

    /// What runs for each hop of a stream, before the main graph runs once.
    pub fn hops(&self) -> Option<&Hops> {
        self.pipeline.as_ref()?.hops.as_ref()
    }

    /// All operators as they stand in time: those of a hop, then the main graph's, each one's blocks right behind it, every
    /// block once.
    pub fn order(&self) -> Vec<OperatorId> {
        let mut order = Vec::with_capacity(self.operators.len());
        if let Some(hops) = self.hops() {
            self.walk(hops.block, &mut |id| order.push(id));
        }
        self.walk(self.main(), &mut |id| order.push(id));
        order
    }

    fn walk(&self, block: Block, visit: &mut dyn FnMut(OperatorId)) {
        for id in block.operators() {
            visit(id);
            for (_, inner) in self.operators[id.0].options.blocks() {
                self.walk(inner, visit);
            }
        }
    }

    /// What people call an operator: `3`, or `3.body.0` for the first one in the body of the loop at 3. Steps around the model
    /// are `hop.0`, which runs for each hop of a stream, `pre.0` and `post.0`.
    pub fn label(&self, id: OperatorId) -> String {
        if let Some((outer, name, block)) = self.within(id) {
            return format!("{}.{name}.{}", self.label(outer), id.0 - block.first);
        }
        let Some(pipeline) = &self.pipeline else { return id.0.to_string() };
        let behind = self.main().end - pipeline.after;
        match &pipeline.hops {
            Some(hops) if hops.block.contains(id) => format!("hop.{}", id.0 - hops.block.first),
            _ if id.0 < pipeline.before => format!("pre.{}", id.0),
            _ if id.0 >= behind => format!("post.{}", id.0 - behind),
            _ => (id.0 - pipeline.before).to_string(),
        }
    }

    /// Whether an operator is a step around the model.
    pub fn is_step(&self, id: OperatorId) -> bool {
        let Some(pipeline) = &self.pipeline else { return false };
        let main = self.main();
        let hop = pipeline.hops.as_ref().is_some_and(|hops| hops.block.contains(id));
        hop || id.0 < pipeline.before || (main.end - pipeline.after..main.end).contains(&id.0)
    }

    /// An operator's label as sentences have it: `op:3`, `op:3.body.0`; of steps around the model `hop.0`, `pre.0`, `post.0`.
    pub fn called(&self, id: OperatorId) -> String {
        let label = self.label(id);
        if self.is_step(id) { label } else { format!("op:{label}") }
    }

    /// The operator that runs the block in which `id` stands, and that block.
    fn within(&self, id: OperatorId) -> Option<(OperatorId, &'static str, Block)> {
        self.operators().find_map(|(outer, operator)| {
            let blocks = operator.options.blocks();
            let (name, block) = blocks.into_iter().find(|(_, block)| outer != id && block.contains(id))?;
            Some((outer, name, block))
        })
    }

    /// Whether a loop around `id` writes `tensor` at the end of each round.
    pub fn is_carried(&self, tensor: TensorId, id: OperatorId) -> bool {
        self.within(id).is_some_and(|(outer, _, _)| {
            let operator = &self.operators[outer.0];
            let carries = matches!(operator.options, Options::While { .. }) && operator.outputs.contains(&tensor);
            carries || self.is_carried(tensor, outer)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Operator;

    fn operator(options: Options) -> Operator {
        Operator { code: 0, name: String::new(), version: 1, inputs: vec![], outputs: vec![TensorId(7)], options }
    }

    /// A loop with an IF in its body, between two plain operators.
    fn nested() -> Graph {
        let block = |first, end| Block { first, end };
        let (start, condition, body) = (block(3, 4), block(4, 5), block(5, 7));
        let proceeds = TensorId(0);
        let mut operators = vec![operator(Options::Other); 10];
        operators[1].options = Options::While { graphs: [1, 2], start, condition, body, proceeds };
        operators[6] = Operator {
            outputs: vec![],
            ..operator(Options::If { graphs: [3, 4], then: block(7, 9), otherwise: block(9, 10) })
        };
        Graph { tensors: vec![], operators, inputs: vec![], outputs: vec![], pipeline: None }
    }

    #[test]
    fn time_enters_blocks() {
        let graph = nested();
        assert_eq!(graph.main(), Block { first: 0, end: 3 });
        let order: Vec<usize> = graph.order().iter().map(|id| id.0).collect();
        assert_eq!(order, [0, 1, 3, 4, 5, 6, 7, 8, 9, 2]);
        let plain = Graph { operators: vec![operator(Options::Other); 2], ..graph };
        assert_eq!(plain.order(), [OperatorId(0), OperatorId(1)]);
    }

    #[test]
    fn labels_say_where() {
        let graph = nested();
        let labels: Vec<String> = (0..10).map(|id| graph.label(OperatorId(id))).collect();
        let inner = ["1.start.0", "1.cond.0", "1.body.0", "1.body.1", "1.body.1.then.0", "1.body.1.then.1"];
        assert_eq!(labels[..3], ["0", "1", "2"]);
        assert_eq!(labels[3..9], inner);
        assert_eq!(labels[9], "1.body.1.else.0");
    }

    #[test]
    fn a_loops_outputs_are_carried_inside_it_only() {
        let graph = nested();
        let carried = |tensor, id| graph.is_carried(TensorId(tensor), OperatorId(id));
        assert!(carried(7, 5) && carried(7, 9) && !carried(7, 2) && !carried(7, 1) && !carried(3, 5));
    }
}
