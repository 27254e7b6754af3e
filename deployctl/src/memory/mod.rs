//! Where activations and scratch buffers lie in the arena. Pure: lifetimes in, offsets and bounds out.
//!
//! A buffer is a rectangle, operators wide and bytes high, that may move up and down only; the arena is as high as the
//! highest rectangle's end. LiteRT Micro places the largest buffer first and each next one in the lowest gap that takes it.
//! Here that is the first attempt of several ([`layout`]), and an exact search closes what gap to the lower bound remains.
//! Every plan is proved by [`verify`], which shares no code with the search, and by following what every operator on every path
//! reads and writes (`contents`), which shares none with the lifetimes.
//!
//! Knows graphs and steps; does not know budgets (the gate's business), boards or kernel libraries.

mod buffers;
mod contents;
mod fit;
mod picture;
mod plan;
mod proof;
mod search;

use serde::{Deserialize, Serialize};

pub use buffers::{Buffers, buffers};
pub use contents::Lost;
use contents::run;
pub use picture::picture;
pub use plan::{ALIGNMENT, Kind, Live, MemoryError, MemoryPlan, Placed, plan};
pub use proof::{Overlap, verify};

/// Something that needs a place in the arena for a while.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Buffer {
    /// What people read: a tensor's name, or `scratch of op:3`.
    pub name: String,
    /// Bytes.
    pub size: usize,
    /// First operator during which it must hold its contents (0 for model inputs).
    pub first: usize,
    /// Last such operator, inclusive (the last operator for model outputs).
    pub last: usize,
}

impl Buffer {
    /// True where some operator needs both.
    pub fn meets(&self, other: &Self) -> bool {
        self.first <= other.last && other.first <= self.last
    }
}

/// A place for every buffer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layout {
    /// Offset of each buffer, in the order given; multiples of the alignment.
    pub offsets: Vec<usize>,
    /// Bytes the arena needs: the highest end of any buffer, rounded up to the alignment.
    pub peak: usize,
    /// No layout can be smaller: the largest sum of aligned sizes live during one operator.
    pub lower_bound: usize,
    /// The operator at which the lower bound is reached (the first one).
    pub peak_operator: usize,
    /// No layout is smaller than `peak`, be it because the bound is reached or because the search was exhaustive.
    pub optimal: bool,
}

/// Gives every buffer an offset that is a multiple of `alignment` (at least 1), so that no two that meet share a byte.
///
/// Deterministic, in bounded work: greedy orders first, then local search over orders, then an exact search with a limit on
/// its nodes. The result is never higher than LiteRT Micro's greedy plan of the same buffers.
pub fn layout(buffers: &[Buffer], alignment: usize) -> Layout {
    let alignment = alignment.max(1);
    let items: Vec<fit::Item> = buffers
        .iter()
        .map(|buffer| fit::Item {
            size: buffer.size.div_ceil(alignment),
            first: buffer.first,
            last: buffer.last.max(buffer.first),
        })
        .collect();
    let (bound, peak_operator) = fit::bound(&items);
    let placed = search::place(&items, bound);
    Layout {
        offsets: placed.offsets.iter().map(|offset| offset * alignment).collect(),
        peak: placed.peak * alignment,
        lower_bound: bound * alignment,
        peak_operator,
        optimal: placed.optimal,
    }
}

#[cfg(test)]
mod tests;
