//! The arena between guard words, and what its bytes tell after a run: high-water mark and damage at its ends.
//!
//! Knows the model's arena; does not know operators or the protocol.

use core::ptr;

use model::{ARENA_BYTES, Arena};

/// Words on each side of the arena.
const GUARD_WORDS: usize = 4;
/// Bytes of the guard on each side of the arena.
pub const GUARD_BYTES: usize = 4 * GUARD_WORDS;
/// What an undamaged guard word holds.
const GUARD: u32 = 0x6741_5244;

/// What the arena holds before a run, but for the model's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fill {
    /// Bytes of 0x00, as after a reset.
    Zeros,
    /// Bytes of 0xff.
    Ones,
    /// Bytes that no model would write, others for each seed.
    Noise(u32),
}

impl Fill {
    /// The bytes, from the arena's first on.
    fn bytes(self) -> impl Iterator<Item = i8> {
        let (constant, seed) = match self {
            Self::Zeros => (Some(0), 0),
            Self::Ones => (Some(-1), 0),
            Self::Noise(seed) => (None, seed),
        };
        noise(seed).map(move |noise| constant.unwrap_or(noise))
    }
}

/// Which end of the arena something wrote past.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Damage {
    /// Before its first byte.
    Low,
    /// After its last byte.
    High,
}

/// An arena with guard words directly before and after it.
#[repr(C, align(16))]
pub struct GuardedArena {
    low: [u32; GUARD_WORDS],
    arena: Arena,
    high: [u32; GUARD_WORDS],
}

impl Default for GuardedArena {
    fn default() -> Self {
        Self::new()
    }
}

impl GuardedArena {
    /// An arena of zeros, its guards too; [`GuardedArena::arm`] or [`GuardedArena::poison`] comes before the first use.
    pub const fn new() -> Self {
        Self { low: [0; GUARD_WORDS], arena: Arena([0; ARENA_BYTES]), high: [0; GUARD_WORDS] }
    }

    /// The arena, for operators to work on.
    pub fn arena(&mut self) -> &mut Arena {
        &mut self.arena
    }

    /// A tensor's bytes.
    pub fn bytes(&self, offset: usize, len: usize) -> &[i8] {
        &self.arena.0[offset..offset + len]
    }

    /// A tensor's bytes, to be filled.
    pub fn bytes_mut(&mut self, offset: usize, len: usize) -> &mut [i8] {
        &mut self.arena.0[offset..offset + len]
    }

    /// Renews the guards.
    pub fn arm(&mut self) {
        self.low = [GUARD; GUARD_WORDS];
        self.high = [GUARD; GUARD_WORDS];
    }

    /// Fills the arena and renews the guards.
    pub fn poison(&mut self, fill: Fill) {
        self.arm();
        for (byte, poison) in self.arena.0.iter_mut().zip(fill.bytes()) {
            *byte = poison;
        }
    }

    /// End of the highest byte that no longer holds what it was filled with. A byte that was overwritten with the same
    /// does not show, so the mark is exact only as the maximum over several fills.
    pub fn high_water(&self, fill: Fill) -> usize {
        let touched = self.arena.0.iter().zip(fill.bytes()).enumerate().filter(|(_, (byte, poison))| *byte != poison);
        touched.last().map_or(0, |(index, _)| index + 1)
    }

    /// The guards' state since they were renewed last.
    pub fn damage(&self) -> Option<Damage> {
        // The compiler may assume that an operator, which has only the arena, leaves the guards alone: read them for real.
        // SAFETY: the pointers come from references, so they are aligned and point to initialized memory.
        let intact = |guards: &[u32]| guards.iter().all(|word| unsafe { ptr::read_volatile(word) } == GUARD);
        match (intact(&self.low), intact(&self.high)) {
            (false, _) => Some(Damage::Low),
            (_, false) => Some(Damage::High),
            _ => None,
        }
    }

    /// Damages a guard on purpose.
    #[cfg(any(test, feature = "faults"))]
    pub fn break_guard(&mut self, which: Damage) {
        match which {
            Damage::Low => self.low[GUARD_WORDS - 1] ^= 1,
            Damage::High => self.high[0] ^= 1,
        }
    }
}

/// Bytes that no model would write: xorshift32, started apart for neighbouring seeds.
fn noise(seed: u32) -> impl Iterator<Item = i8> {
    let mut state = (seed ^ 0x9e37_79b9).wrapping_mul(0x85eb_ca6b) | 1;
    core::iter::repeat_with(move || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state.to_le_bytes()[1].cast_signed()
    })
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::*;

    #[test]
    fn the_mark_is_the_end_of_what_was_written() {
        let mut guarded = GuardedArena::new();
        for fill in [Fill::Zeros, Fill::Ones, Fill::Noise(7)] {
            guarded.poison(fill);
            assert_eq!(guarded.high_water(fill), 0);
            let last = &mut guarded.bytes_mut(ARENA_BYTES - 3, 1)[0];
            *last = last.wrapping_add(1);
            assert_eq!(guarded.high_water(fill), ARENA_BYTES - 2);
        }
    }

    #[test]
    fn seeds_give_different_noise() {
        assert!(!noise(1).take(16).eq(noise(2).take(16)));
        assert!(!noise(0).take(16).eq(noise(1).take(16)));
        let first = |fill: Fill| fill.bytes().take(2).collect::<std::vec::Vec<i8>>();
        assert_eq!((first(Fill::Zeros), first(Fill::Ones)), (std::vec![0, 0], std::vec![-1, -1]));
    }

    #[test]
    fn a_broken_guard_is_named_until_the_next_poison() {
        for which in [Damage::Low, Damage::High] {
            let mut guarded = GuardedArena::new();
            guarded.arm();
            assert_eq!(guarded.damage(), None);
            guarded.break_guard(which);
            assert_eq!(guarded.damage(), Some(which));
            guarded.poison(Fill::Noise(0));
            assert_eq!(guarded.damage(), None);
        }
    }
}
