//! The buffers of a model: which tensors need a place in the arena, and from which operator to which.

use std::collections::BTreeMap;

use super::Buffer;
use crate::model::lower::{Call, Step};
use crate::model::{Block, Graph, OperatorId, TensorId};

/// The buffers of a model with what they hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Buffers {
    /// Activations in the order of their first use, then scratch buffers in the order of their operators.
    pub buffers: Vec<Buffer>,
    /// Position in `buffers` of every activation. Both sides of a RESHAPE have the same one.
    pub tensors: BTreeMap<TensorId, usize>,
    /// Position in `buffers` of every step's scratch buffer, `None` where it needs none.
    pub scratch: Vec<Option<usize>>,
}

/// Lists the buffers that `steps` need; `scratch` holds bytes per step, missing ones being zero.
///
/// Time is counted in steps, in the order of [`Graph::order`]: blocks come right behind the operator that runs them, each once.
/// What runs for a hop of a stream comes before the main graph. A hop's samples live from 0, a model input from the main graph's
/// first step, a model output to the last step, both at least during one step; variables live throughout;
/// constants live in flash and are not listed. What is there before a loop and is needed in it or behind it lives as long as
/// the loop, for there may be another round. The output of a RESHAPE is its input's buffer, through chains of them.
pub fn buffers(graph: &Graph, steps: &[Step], scratch: &[usize]) -> Buffers {
    let end = steps.len().saturating_sub(1);
    let found = Buffers { scratch: vec![None; steps.len()], ..Buffers::default() };
    let mut list = Builder { graph, steps, found, now: 0, times: vec![0; steps.len()] };
    if let Some(hops) = graph.hops() {
        list.touch(hops.input, 0);
        list.block(hops.block);
    }
    for &input in &graph.inputs {
        list.touch(input, list.now);
    }
    list.block(graph.main());
    for &output in &graph.outputs {
        list.touch(output, end);
    }
    list.keep_variables(end);
    let Builder { mut found, times, .. } = list;
    for (position, &time) in times.iter().enumerate() {
        let size = scratch.get(position).copied().unwrap_or(0);
        if size > 0 {
            let name = format!("scratch of op:{}", graph.label(OperatorId(position)));
            found.scratch[position] = Some(found.buffers.len());
            found.buffers.push(Buffer { name, size, first: time, last: time });
        }
    }
    found
}

struct Builder<'a> {
    graph: &'a Graph,
    steps: &'a [Step],
    found: Buffers,
    /// The next step's time.
    now: usize,
    /// The time of each step.
    times: Vec<usize>,
}

impl Builder<'_> {
    fn block(&mut self, block: Block) {
        for id in block.operators() {
            if let Some(step) = self.steps.get(id.0) {
                self.times[id.0] = self.now;
                self.now += 1;
                self.step(step, self.now - 1);
            }
        }
    }

    fn step(&mut self, step: &Step, time: usize) {
        for &input in &step.inputs {
            self.touch(input, time);
        }
        match (&step.call, step.outputs.as_slice()) {
            // Their outputs are written by copies in their blocks.
            (&Call::If { then, otherwise }, _) => {
                self.block(then);
                self.block(otherwise);
                self.hold(&step.outputs);
            }
            (&Call::While { start, condition, body, proceeds }, _) => {
                self.block(start);
                let first = self.now;
                self.block(condition);
                self.touch(proceeds, self.now - 1);
                self.block(body);
                self.repeat(first, proceeds);
                self.hold(&step.outputs);
            }
            (Call::Reshape, &[output]) => {
                let source = step.inputs.first().and_then(|input| self.found.tensors.get(input).copied());
                if let Some(source) = source {
                    self.found.tensors.insert(output, source);
                }
                self.touch(output, time);
            }
            (_, outputs) => outputs.iter().for_each(|&output| self.touch(output, time)),
        }
    }

    /// All outputs of an operator are there when it ends.
    fn hold(&mut self, outputs: &[TensorId]) {
        for &output in outputs {
            self.touch(output, self.now - 1);
        }
    }

    /// Everything from `first` to now may run again, and must find what was there before it.
    fn repeat(&mut self, first: usize, condition: TensorId) {
        let end = self.now - 1;
        let condition = self.found.tensors.get(&condition).copied();
        for (index, buffer) in self.found.buffers.iter_mut().enumerate() {
            if buffer.first < first && (buffer.last >= first || condition == Some(index)) {
                buffer.last = buffer.last.max(end);
            }
        }
    }

    /// A variable holds its contents from one inference to the next, so nothing else may ever have its place.
    fn keep_variables(&mut self, end: usize) {
        for (id, &index) in &self.found.tensors {
            if self.graph.tensor(*id).variable {
                (self.found.buffers[index].first, self.found.buffers[index].last) = (0, end);
            }
        }
    }

    /// The tensor is needed at `time`, which never goes back.
    fn touch(&mut self, id: TensorId, time: usize) {
        let tensor = self.graph.tensor(id);
        if tensor.constant.is_some() {
            return;
        }
        if let Some(&index) = self.found.tensors.get(&id) {
            let last = &mut self.found.buffers[index].last;
            *last = time.max(*last);
            return;
        }
        let name = if tensor.name.is_empty() { format!("tensor:{}", id.0) } else { tensor.name.clone() };
        self.found.tensors.insert(id, self.found.buffers.len());
        self.found.buffers.push(Buffer { name, size: tensor.bytes(), first: time, last: time });
    }
}
