//! Buffers as intervals with a height, the bound on every placement of them, and first fit in a given order.
//!
//! Heights and offsets count alignment units, so that alignment needs no further thought.

/// A buffer without its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Item {
    /// Height in alignment units.
    pub(super) size: usize,
    /// First operator.
    pub(super) first: usize,
    /// Last operator, inclusive.
    pub(super) last: usize,
}

impl Item {
    /// True where some operator needs both.
    pub(super) fn meets(&self, other: &Self) -> bool {
        self.first <= other.last && other.first <= self.last
    }
}

/// Sum of sizes live during each operator.
pub(super) fn load(items: &[Item]) -> Vec<usize> {
    let operators = items.iter().map(|item| item.last + 1).max().unwrap_or(0);
    let mut load = vec![0; operators];
    for item in items {
        for sum in &mut load[item.first..=item.last] {
            *sum += item.size;
        }
    }
    load
}

/// The largest load, and the first operator that has it.
pub(super) fn bound(items: &[Item]) -> (usize, usize) {
    let mut best = (0, 0);
    for (operator, sum) in load(items).into_iter().enumerate() {
        if sum > best.0 {
            best = (sum, operator);
        }
    }
    best
}

/// Offsets by first fit: each item of `order` goes into the lowest gap between those placed before it.
pub(super) fn first_fit(items: &[Item], order: &[usize]) -> Vec<usize> {
    let mut offsets = vec![0; items.len()];
    // Placed so far, by rising offset.
    let mut placed: Vec<usize> = Vec::with_capacity(items.len());
    for &index in order {
        let item = items[index];
        let mut offset = 0;
        for &other in &placed {
            if !item.meets(&items[other]) {
                continue;
            }
            if offsets[other] >= offset + item.size {
                break;
            }
            offset = offset.max(offsets[other] + items[other].size);
        }
        offsets[index] = offset;
        let at = placed.partition_point(|&other| offsets[other] <= offset);
        placed.insert(at, index);
    }
    offsets
}

/// The highest end.
pub(super) fn peak(items: &[Item], offsets: &[usize]) -> usize {
    items.iter().zip(offsets).map(|(item, offset)| item.size + offset).max().unwrap_or(0)
}
