//! The buffers of a model: which tensors need a place in the arena, and from which operator to which.

use std::collections::BTreeMap;

use super::Buffer;
use crate::model::lower::{Call, Step};
use crate::model::{Graph, TensorId};

/// The buffers of a model with what they hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Buffers {
    /// Activations in the order of their first use, then scratch buffers in the order of their operators.
    pub buffers: Vec<Buffer>,
    /// Position in `buffers` of every activation. Both sides of a RESHAPE have the same one.
    pub tensors: BTreeMap<TensorId, usize>,
    /// Position in `buffers` of every operator's scratch buffer, `None` where it needs none.
    pub scratch: Vec<Option<usize>>,
}

/// Lists the buffers that `steps` need; `scratch` holds bytes per step, missing ones being zero.
///
/// Time is counted in steps. A model input lives from 0, a model output to the last step, both at least during one step;
/// variables live throughout; constants live in flash and are not listed. The output of a RESHAPE is its input's buffer, through chains of them.
pub fn buffers(graph: &Graph, steps: &[Step], scratch: &[usize]) -> Buffers {
    let end = steps.len().saturating_sub(1);
    let mut list = Builder { graph, found: Buffers::default() };
    for &input in &graph.inputs {
        list.touch(input, 0);
    }
    for (time, step) in steps.iter().enumerate() {
        for &input in &step.inputs {
            list.touch(input, time);
        }
        let source = step.inputs.first().and_then(|input| list.found.tensors.get(input).copied());
        if let (Call::Reshape, Some(source), &[output]) = (&step.call, source, step.outputs.as_slice()) {
            list.found.tensors.insert(output, source);
        }
        for &output in &step.outputs {
            list.touch(output, time);
        }
    }
    for &output in &graph.outputs {
        list.touch(output, end);
    }
    list.keep_variables(end);
    let mut found = list.found;
    for time in 0..steps.len() {
        let size = scratch.get(time).copied().unwrap_or(0);
        found.scratch.push((size > 0).then_some(found.buffers.len()));
        if size > 0 {
            found.buffers.push(Buffer { name: format!("scratch of op:{time}"), size, first: time, last: time });
        }
    }
    found
}

struct Builder<'a> {
    graph: &'a Graph,
    found: Buffers,
}

impl Builder<'_> {
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
            self.found.buffers[index].last = time;
            return;
        }
        let name = if tensor.name.is_empty() { format!("tensor:{}", id.0) } else { tensor.name.clone() };
        self.found.tensors.insert(id, self.found.buffers.len());
        self.found.buffers.push(Buffer { name, size: tensor.bytes(), first: time, last: time });
    }
}
