//! The search for a low placement: greedy orders, local search over orders, then an exact search.
//!
//! The exact search decides for a height `limit` whether a placement exists. It rests on this: push every buffer of a
//! placement down until it lies on another buffer or on the floor, and sort by offset; then each buffer lies on top of what
//! was placed before it in the operators where it lives (the skyline). So it is enough to try sequences of buffers with
//! non-falling offsets, each put on the skyline. A branch is cut where some operator's remaining buffers no longer fit
//! between the skyline (or the last offset, if higher) and `limit`; and a buffer is not put at an offset where another one
//! would have fitted wholly below, because moving that one down afterwards costs nothing.

use super::fit::{Item, bound, first_fit, load, peak};

/// Evaluations of an order in local search.
const MOVES: usize = 1_500;
/// Nodes of the exact search for one limit.
const NODES: usize = 60_000;
/// Beyond this many buffers there are proportionally fewer moves and nodes: each looks at every buffer.
const MANY: usize = 100;

/// What the search found, in alignment units.
pub(super) struct Placement {
    pub(super) offsets: Vec<usize>,
    pub(super) peak: usize,
    pub(super) optimal: bool,
}

/// Places `items` as low as it can; `floor` is their bound.
pub(super) fn place(items: &[Item], floor: usize) -> Placement {
    let (mut order, mut best) = greedy(items, floor);
    if best.peak > floor {
        improve(items, floor, &mut order, &mut best);
    }
    if best.peak > floor { exact(items, floor, best) } else { Placement { optimal: true, ..best } }
}

fn evaluate(items: &[Item], order: &[usize]) -> Placement {
    let offsets = first_fit(items, order);
    Placement { peak: peak(items, &offsets), offsets, optimal: false }
}

/// The best of several orders. The first one is LiteRT Micro's.
fn greedy(items: &[Item], floor: usize) -> (Vec<usize>, Placement) {
    let load = load(items);
    let pressure = |item: &Item| load[item.first..=item.last].iter().copied().max().unwrap_or(0);
    let span = |item: &Item| item.last - item.first + 1;
    let keys: [&dyn Fn(&Item) -> (usize, usize); 6] = [
        &|item| (item.size, 0),
        &|item| (pressure(item), item.size),
        &|item| (item.size * span(item), item.size),
        &|item| (span(item), item.size),
        &|item| (usize::MAX - item.first, item.size),
        &|item| (item.last, item.size),
    ];
    let mut best: Option<(Vec<usize>, Placement)> = None;
    for key in keys {
        let mut order: Vec<usize> = (0..items.len()).collect();
        order.sort_by_key(|&index| (std::cmp::Reverse(key(&items[index])), index));
        let found = evaluate(items, &order);
        let lower = best.as_ref().is_none_or(|(_, known)| found.peak < known.peak);
        if lower {
            let done = found.peak <= floor;
            best = Some((order, found));
            if done {
                break;
            }
        }
    }
    best.unwrap_or_else(|| (Vec::new(), evaluate(&[], &[])))
}

/// Takes a buffer that ends at the peak, or one that meets it, to an earlier place in the order; keeps what is not worse.
fn improve(items: &[Item], floor: usize, order: &mut Vec<usize>, best: &mut Placement) {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut current = Placement { offsets: best.offsets.clone(), ..*best };
    for _ in 0..share(MOVES, items) {
        let tops: Vec<usize> =
            (0..order.len()).filter(|&at| current.offsets[order[at]] + items[order[at]].size == current.peak).collect();
        let top = tops[random.below(tops.len())];
        let mut from = top;
        if random.below(3) == 0 {
            let around: Vec<usize> =
                (0..order.len()).filter(|&at| items[order[at]].meets(&items[order[top]])).collect();
            from = around[random.below(around.len())];
        }
        let to = random.below(from.max(1));
        let mut tried = order.clone();
        let moved = tried.remove(from);
        tried.insert(to, moved);
        let found = evaluate(items, &tried);
        if found.peak <= current.peak {
            *order = tried;
            current = found;
        }
        if current.peak < best.peak {
            *best = Placement { offsets: current.offsets.clone(), ..current };
            if best.peak <= floor {
                return;
            }
        }
    }
}

/// The part of `most` that is spent on this many items.
fn share(most: usize, items: &[Item]) -> usize {
    most * MANY / items.len().max(MANY)
}

/// A fixed sequence of numbers that look random (xorshift64*).
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let high = (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize;
        high % end.max(1)
    }
}

/// Bisects the height between `floor` and what is known, by [`Decision`]s.
fn exact(items: &[Item], floor: usize, mut best: Placement) -> Placement {
    // Nothing below `open` is left to try; nothing below `proven` exists.
    let (mut open, mut proven) = (floor, floor);
    let mut limit = floor;
    while open < best.peak {
        match Decision::new(items, limit).run() {
            Answer::Found(offsets) => best = Placement { peak: peak(items, &offsets), offsets, optimal: false },
            Answer::Impossible => {
                proven = limit + 1;
                open = limit + 1;
            }
            Answer::Unknown => open = limit + 1,
        }
        limit = open + best.peak.saturating_sub(open + 1) / 2;
    }
    best.optimal = best.peak <= proven;
    best
}

enum Answer {
    Found(Vec<usize>),
    Impossible,
    Unknown,
}

/// One exact search: is there a placement of height `limit`?
struct Decision<'a> {
    items: &'a [Item],
    limit: usize,
    /// Items in the order in which they are tried: large ones first.
    order: Vec<usize>,
    offsets: Vec<Option<usize>>,
    skyline: Vec<usize>,
    /// Size still to be placed in each operator.
    rest: Vec<usize>,
    /// Nodes that may still be visited.
    nodes: usize,
}

impl<'a> Decision<'a> {
    fn new(items: &'a [Item], limit: usize) -> Self {
        let mut order: Vec<usize> = (0..items.len()).filter(|&index| items[index].size > 0).collect();
        order.sort_by_key(|&index| (std::cmp::Reverse(items[index].size), index));
        let rest = load(items);
        let skyline = vec![0; rest.len()];
        Self { items, limit, order, offsets: vec![None; items.len()], skyline, rest, nodes: share(NODES, items) }
    }

    fn run(mut self) -> Answer {
        if bound(self.items).0 > self.limit {
            return Answer::Impossible;
        }
        match self.descend(self.order.len(), (0, 0)) {
            true => Answer::Found(self.offsets.iter().map(|offset| offset.unwrap_or(0)).collect()),
            false if self.nodes == 0 => Answer::Unknown,
            false => Answer::Impossible,
        }
    }

    /// Places the `left` remaining items, each not before `least`: (offset, position in the order).
    fn descend(&mut self, left: usize, least: (usize, usize)) -> bool {
        if left == 0 {
            return true;
        }
        for (offset, at) in self.candidates(least) {
            if self.nodes == 0 {
                return false;
            }
            self.nodes -= 1;
            let index = self.order[at];
            let item = self.items[index];
            let saved = self.skyline[item.first..=item.last].to_vec();
            self.skyline[item.first..=item.last].fill(offset + item.size);
            self.rest[item.first..=item.last].iter_mut().for_each(|rest| *rest -= item.size);
            self.offsets[index] = Some(offset);
            if self.fits(offset) && self.descend(left - 1, (offset, at + 1)) {
                return true;
            }
            self.offsets[index] = None;
            self.rest[item.first..=item.last].iter_mut().for_each(|rest| *rest += item.size);
            self.skyline[item.first..=item.last].copy_from_slice(&saved);
        }
        false
    }

    /// Items that may come next with their offsets, lowest first.
    fn candidates(&self, least: (usize, usize)) -> Vec<(usize, usize)> {
        let mut ceiling = usize::MAX;
        let mut found = Vec::new();
        for (at, &index) in self.order.iter().enumerate() {
            if self.offsets[index].is_some() {
                continue;
            }
            let item = self.items[index];
            let offset = self.skyline[item.first..=item.last].iter().copied().max().unwrap_or(0);
            ceiling = ceiling.min(offset + item.size);
            if (offset, at) >= least {
                found.push((offset, at));
            }
        }
        found.retain(|&(offset, _)| offset < ceiling);
        found.sort_unstable();
        found
    }

    /// False where some operator's remaining items cannot lie between `offset` or the skyline and the limit.
    fn fits(&self, offset: usize) -> bool {
        let room = |(&top, &rest): (&usize, &usize)| rest == 0 || top.max(offset) + rest <= self.limit;
        self.skyline.iter().zip(&self.rest).all(room)
    }
}
