//! What a target's firmware is known to be: the decoder of its failures, from ELF file, memory plan and board.

use std::ops::Range;

use crate::elf;
use crate::gate::evidence::Expectation;
use crate::manifest::Region;
use crate::memory::MemoryPlan;
use crate::model::{Graph, OperatorId};
use crate::runner::Decoder;
use crate::runner::decode::{Buffer, OperatorName, Symbol};
use crate::runner::log::Expected;

/// Bytes of the arena's guard, before its first byte.
const GUARD_BYTES: u64 = 16;
/// Bytes of memory that the stack must not reach, and their alignment, as the harness has them; they are not the first of a page.
const STACK_GUARD_BYTES: u64 = 256;
const PAGE_BYTES: u64 = 1024;

/// What people call an operator, and its operator code.
pub struct Called {
    /// `op:3`.
    pub called: String,
    /// `CONV_2D`.
    pub name: String,
}

/// Every operator of a graph.
pub(super) fn operators(graph: &Graph) -> Vec<Called> {
    let called = |(index, operator): (usize, &crate::model::Operator)| Called {
        called: graph.called(OperatorId(index)),
        name: operator.name.clone(),
    };
    graph.operators.iter().enumerate().map(called).collect()
}

/// All that harness, memory plan and board tell. An image that cannot be read tells nothing.
pub fn decoder(harness: &[u8], plan: Option<&MemoryPlan>, operators: Vec<Called>, regions: &[Region]) -> Decoder {
    let places = elf::places(harness).unwrap_or_default();
    let start =
        |wanted: &dyn Fn(&str) -> bool| places.iter().find(|place| wanted(&place.name)).map(|place| place.start);
    let arena = start(&|name| name.ends_with("::ARENA")).map(|start| start + GUARD_BYTES);
    let guard = start(&|name| name == "_stack_end").map(|end| {
        let first = end.next_multiple_of(STACK_GUARD_BYTES);
        let first = if first.is_multiple_of(PAGE_BYTES) { first + STACK_GUARD_BYTES } else { first };
        first..first + STACK_GUARD_BYTES
    });
    let wide = |range: Range<usize>| range.start as u64..range.end as u64;
    let time = |called: &str| {
        let label = called.strip_prefix("op:").unwrap_or(called);
        plan?.operators.iter().position(|known| known == label)
    };
    let buffers = plan.iter().flat_map(|plan| &plan.buffers).map(|placed| Buffer {
        name: placed.name.clone(),
        place: wide(placed.offset..placed.offset + placed.size),
        live: placed.first..=placed.last,
    });
    let named = |one: Called| OperatorName { time: time(&one.called), called: one.called, name: one.name };
    Decoder {
        operators: operators.into_iter().map(named).collect(),
        symbols: places
            .iter()
            .filter(|place| place.size > 0)
            .map(|place| Symbol { name: place.name.clone(), place: place.start..place.start + place.size })
            .collect(),
        regions: regions
            .iter()
            .map(|region| (region.name.clone(), region.address..region.address + region.size.0))
            .collect(),
        arena,
        buffers: buffers.collect(),
        stack_guard: guard,
    }
}

/// What a harness should say: every vector's digests and outputs. `first_hop` is the index of the first operator of a hop.
pub fn expected(expectation: &Expectation, first_hop: Option<usize>) -> Expected {
    let operators = expectation.vectors.iter().map(|vector| {
        let hops = vector.hops.iter().enumerate().filter_map(|(at, digest)| Some((first_hop? + at, digest.clone())));
        vector.operators.iter().cloned().enumerate().chain(hops).collect()
    });
    let bytes = |values: &Vec<i8>| values.iter().map(|value| value.cast_unsigned()).collect();
    let outputs = expectation.vectors.iter().map(|vector| vector.outputs.iter().map(bytes).collect());
    Expected { operators: operators.collect(), outputs: outputs.collect() }
}
