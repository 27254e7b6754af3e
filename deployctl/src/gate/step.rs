//! The order of a bring-up: interface, operators, memory, kernels; correctness before speed.
//!
//! Knows which checks belong to which step; what is done between them, it does not know.

use super::evidence::{Audit, Interface};
use super::judge::{interface, operators};
use super::{Check, Judgement};

/// A step of a bring-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the steps of a bring-up")]
pub enum Step {
    Interface,
    Operators,
    Memory,
    Kernels,
}

impl Step {
    /// In their order.
    pub const ALL: [Self; 4] = [Self::Interface, Self::Operators, Self::Memory, Self::Kernels];

    /// As people read it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Interface => "interface",
            Self::Operators => "operators",
            Self::Memory => "memory",
            Self::Kernels => "kernels",
        }
    }

    /// What it asks.
    pub fn question(self) -> &'static str {
        match self {
            Self::Interface => "do both sides mean the same numbers?",
            Self::Operators => "has every operator a kernel?",
            Self::Memory => "does everything fit, with room to spare?",
            Self::Kernels => "are the results right, and then: fast enough?",
        }
    }

    /// Names of its checks, in the order in which they are looked at.
    fn checks(self) -> &'static [&'static str] {
        match self {
            Self::Interface => &["conversion", "interface", "parity"],
            Self::Operators => &["operators"],
            Self::Memory => &["arena_headroom", "flash", "ram", "stack"],
            Self::Kernels => &[
                "kernels",
                "bit_exactness",
                "determinism",
                "reference",
                "accuracy",
                "latency",
                "hop",
                "load",
                "startup",
            ],
        }
    }

    /// Its checks in a judgement.
    pub fn of(self, judgement: &Judgement) -> Vec<&Check> {
        let find = |name: &&str| judgement.checks.iter().find(|check| check.name == *name);
        self.checks().iter().filter_map(find).collect()
    }
}

/// What can be said of the interface before anything is compiled.
pub fn of_interface(found: &Interface) -> Check {
    interface(found)
}

/// What can be said of the operators before anything is compiled.
pub fn of_operators(found: &Audit) -> Check {
    operators(found)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::manifest::GATE_NAMES;

    /// Gates of the release, which say nothing about a board.
    const NOT_OF_A_BRING_UP: [&str; 5] = ["reproducible", "trend", "version", "governed", "evidence"];

    #[test]
    fn every_gate_is_in_one_step_or_about_the_release() {
        let steps = Step::ALL.iter().flat_map(|step| step.checks()).copied();
        let all: Vec<&str> = steps.chain(NOT_OF_A_BRING_UP).collect();
        assert_eq!(all.len(), GATE_NAMES.len());
        assert_eq!(all.into_iter().collect::<BTreeSet<_>>(), GATE_NAMES.into_iter().collect());
    }
}
