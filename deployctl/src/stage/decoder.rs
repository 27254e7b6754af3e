//! What a target's firmware is known to be: the decoder of its failures, from ELF file, memory plan and board.

use std::ops::Range;

use crate::elf::{self, Place};
use crate::gate::evidence::Expectation;
use crate::manifest::Region;
use crate::memory::MemoryPlan;
use crate::model::{Graph, OperatorId};
use crate::runner::Decoder;
use crate::runner::decode::{Buffer, OperatorName, Symbol};
use crate::runner::log::Expected;

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
    let arena = start(&|name| name.ends_with("::ARENA")).zip(number(&places, "_arena_guard_bytes"));
    let guard = start(&|name| name == "_stack_end").zip(guard_and_page(&places)).map(|(end, (bytes, page))| {
        let first = end.next_multiple_of(bytes);
        let first = if first.is_multiple_of(page) { first + bytes } else { first };
        first..first + bytes
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
        arena: arena.map(|(start, guard)| start + guard),
        buffers: buffers.collect(),
        stack_guard: guard,
    }
}

/// Bytes of the memory at the stack's end that nothing may reach, to which they are aligned, and of the page whose first they are not;
/// none where the core guards the end in another way.
pub(super) fn stack_guard(harness: &[u8]) -> Option<(u64, u64)> {
    guard_and_page(&elf::places(harness).unwrap_or_default())
}

fn guard_and_page(places: &[Place]) -> Option<(u64, u64)> {
    let guard = number(places, "_stack_guard_bytes").filter(|bytes| *bytes > 0);
    guard.zip(number(places, "_stack_page_bytes").filter(|bytes| *bytes > 0))
}

/// A number that the harness says by the name of a symbol.
fn number(places: &[Place], name: &str) -> Option<u64> {
    places.iter().find(|place| place.name == name).map(|place| place.start)
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
