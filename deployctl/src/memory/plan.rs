//! The memory plan: what the stage of that name makes, and what the emitter, the gate and the reports read.

use std::collections::BTreeMap;
use std::ops::Range;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{Buffers, Lost, Overlap, buffers, layout, run, verify};
use crate::model::lower::Step;
use crate::model::{Graph, TensorId};

/// Alignment of every buffer and of the arena, in bytes.
pub const ALIGNMENT: usize = 16;

/// Where tensors and scratch buffers lie, and why the arena is as large as it is. Offsets and sizes are bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemoryPlan {
    /// What people call the operators, in the order of time: what `first`, `last` and `peak_operator` count.
    #[serde(default)]
    pub operators: Vec<String>,
    /// Every buffer with its place.
    pub buffers: Vec<Placed>,
    /// Bytes of the arena that every activation has, model inputs and outputs included; not rounded up.
    pub tensors: BTreeMap<TensorId, Range<usize>>,
    /// Bytes of every operator's scratch buffer, by position of the step; `None` where it needs none.
    pub scratch: Vec<Option<Range<usize>>>,
    /// Bytes of the arena.
    pub peak: usize,
    /// No plan can be smaller.
    pub lower_bound: usize,
    /// `peak` less `lower_bound`.
    pub gap: usize,
    /// No plan is smaller: the bound is reached, or an exhaustive search found nothing below `peak`.
    pub optimal: bool,
    /// The operator that needs most: the first one at which the lower bound is reached.
    pub peak_operator: usize,
    /// What lives there, largest first.
    pub live_at_peak: Vec<Live>,
}

impl MemoryPlan {
    /// What people call the operators that need most: all at which the lower bound is reached.
    pub fn fullest(&self) -> Vec<String> {
        let end = self.buffers.iter().map(|buffer| buffer.last + 1).max().unwrap_or(0);
        let need = |operator: usize| live(&self.buffers, operator).iter().map(|share| share.size).sum::<usize>();
        let fullest = (0..end).filter(|&operator| need(operator) == self.lower_bound);
        fullest.map(|operator| self.label(operator)).collect()
    }

    /// What people call the operator at this time.
    pub fn label(&self, time: usize) -> String {
        self.operators.get(time).cloned().unwrap_or_else(|| time.to_string())
    }
}

/// A buffer with its place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Placed {
    /// Name of the first tensor that it holds, or `scratch of op:3`.
    pub name: String,
    /// What it holds.
    pub kind: Kind,
    /// First byte in the arena.
    pub offset: usize,
    /// Bytes, not rounded up.
    pub size: usize,
    /// First operator that needs it.
    pub first: usize,
    /// Last operator that needs it, inclusive.
    pub last: usize,
}

/// What a buffer holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A model input, whatever else it becomes, or a hop's samples.
    Input,
    /// A model output.
    Output,
    /// A tensor between operators.
    Activation,
    /// A kernel's scratch memory.
    Scratch,
    /// What is kept from one inference to the next, or from one hop to the next.
    State,
}

/// A share of the peak.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Live {
    /// The buffer's name.
    pub name: String,
    /// What it holds.
    pub kind: Kind,
    /// Bytes, rounded up to [`ALIGNMENT`], so that the shares sum up to the lower bound.
    pub size: usize,
}

/// Why there is no memory plan.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum MemoryError {
    /// Sizes overflow the arithmetic: the model asks for more memory than any machine has.
    #[error("tensor `{name}` has {size} bytes, more than any arena: check the model's shapes")]
    TooLarge {
        /// The buffer's name.
        name: String,
        /// Its bytes.
        size: usize,
    },
    /// The planner's result does not hold.
    #[error(transparent)]
    Unsound(#[from] Overlap),
    /// The same, found by following the contents of tensors.
    #[error(transparent)]
    Lost(#[from] Lost),
}

/// Plans the arena of a model: lists the buffers, places them, proves the result.
///
/// `scratch` holds the bytes of scratch memory that each step's kernel needs, in the order of `steps`.
pub fn plan(graph: &Graph, steps: &[Step], scratch: &[usize]) -> Result<MemoryPlan, MemoryError> {
    let found = buffers(graph, steps, scratch);
    // Sums of sizes must not overflow; a petabyte is more than enough.
    let most = (1usize << 50) / (found.buffers.len().max(1));
    if let Some(buffer) = found.buffers.iter().find(|buffer| buffer.size > most) {
        return Err(MemoryError::TooLarge { name: buffer.name.clone(), size: buffer.size });
    }
    let layout = layout(&found.buffers, ALIGNMENT);
    verify(&found.buffers, &layout)?;
    let tensors =
        |id: &TensorId| found.tensors.get(id).map(|&index| (layout.offsets[index], found.buffers[index].size));
    let scratch = |step: usize| found.scratch[step].map(|index| (layout.offsets[index], found.buffers[index].size));
    run(graph, steps, &tensors, &scratch)?;
    let kinds = kinds(graph, &found);
    let range = |index: usize| layout.offsets[index]..layout.offsets[index] + found.buffers[index].size;
    let placed: Vec<Placed> = found
        .buffers
        .iter()
        .zip(kinds)
        .zip(&layout.offsets)
        .map(|((buffer, kind), &offset)| Placed {
            name: buffer.name.clone(),
            kind,
            offset,
            size: buffer.size,
            first: buffer.first,
            last: buffer.last,
        })
        .collect();
    Ok(MemoryPlan {
        operators: graph.order().into_iter().map(|id| graph.label(id)).collect(),
        live_at_peak: live(&placed, layout.peak_operator),
        buffers: placed,
        tensors: found.tensors.iter().map(|(&id, &index)| (id, range(index))).collect(),
        scratch: found.scratch.iter().map(|index| index.map(range)).collect(),
        peak: layout.peak,
        lower_bound: layout.lower_bound,
        gap: layout.peak - layout.lower_bound,
        optimal: layout.optimal,
        peak_operator: layout.peak_operator,
    })
}

fn kinds(graph: &Graph, found: &Buffers) -> Vec<Kind> {
    let mut kinds = vec![Kind::Activation; found.buffers.len()];
    for index in found.scratch.iter().flatten() {
        kinds[*index] = Kind::Scratch;
    }
    for (id, &index) in &found.tensors {
        if graph.tensor(*id).variable {
            kinds[index] = Kind::State;
        }
    }
    if let Some(index) = graph.hops().and_then(|hops| found.tensors.get(&hops.input)) {
        kinds[*index] = Kind::Input;
    }
    for (ids, kind) in [(&graph.outputs, Kind::Output), (&graph.inputs, Kind::Input)] {
        for index in ids.iter().filter_map(|id| found.tensors.get(id)) {
            kinds[*index] = kind;
        }
    }
    kinds
}

fn live(placed: &[Placed], operator: usize) -> Vec<Live> {
    let mut live: Vec<Live> = placed
        .iter()
        .filter(|buffer| buffer.first <= operator && operator <= buffer.last)
        .map(|buffer| Live {
            name: buffer.name.clone(),
            kind: buffer.kind,
            size: buffer.size.next_multiple_of(ALIGNMENT),
        })
        .collect();
    live.sort_by_key(|share| std::cmp::Reverse(share.size));
    live
}
