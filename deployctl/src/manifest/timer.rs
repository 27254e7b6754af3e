//! The `timer` nodes of a board file: what can interrupt the model while it is measured.
//!
//! Knows which timers the harness can set up; does not know their registers.

use serde::{Deserialize, Serialize};

use super::decode::{Grammar, Node};
use super::units;

pub(super) const TIMER: Grammar =
    Grammar { arguments: 1, properties: &["address", "line", "clock"], ..Grammar::NOTHING };
const EXAMPLE: &str = "timer \"cmsdk\" address=0x40000000 line=8 clock=\"25MHz\"";
const KINDS: [(&str, TimerKind); 2] = [("cmsdk", TimerKind::Cmsdk), ("nrf", TimerKind::Nrf)];

/// A timer that the harness sets up to interrupt the model. `SysTick` is none of them: it counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timer {
    /// What its registers are.
    pub kind: TimerKind,
    /// Where they are, in the security state that firmware runs in.
    pub address: u64,
    /// Its interrupt line, counted from the first that is not the core's own.
    pub line: u16,
    /// Ticks a second.
    pub hz: u64,
}

/// Timers that the harness knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TimerKind {
    /// The APB timer of Arm's Cortex-M System Design Kit.
    Cmsdk,
    /// The TIMER of Nordic's nRF51 and nRF52.
    Nrf,
}

impl TimerKind {
    /// As board files write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cmsdk => "cmsdk",
            Self::Nrf => "nrf",
        }
    }
}

/// Reads one of them.
pub(super) fn read(node: &Node<'_>) -> Option<Timer> {
    let kind = node.need_argument(0, "a kind", EXAMPLE).and_then(|value| value.choice(&KINDS, &[]));
    let address = node.need_property("address", "address=0x40000000").and_then(|value| {
        let address = value.integer(0..=0xFFFF_F000)?;
        if address % 4 != 0 {
            value.refuse(
                "registers are words, and this is no address of one",
                "not a multiple of 4",
                "see the data sheet",
            );
            return None;
        }
        u64::try_from(address).ok()
    });
    let line = node.need_property("line", "line=8").and_then(|value| value.integer(0..=479));
    let hz = node.need_property("clock", "clock=\"25MHz\"").and_then(|value| {
        let hz = value.quantity(false, "25MHz", units::hertz)?;
        if hz == 0 || hz > 1_000_000_000 {
            let help = "write the ticks of the timer in a second, such as `\"25MHz\"`";
            value.refuse("a timer ticks between 1 Hz and 1 GHz", "out of range", help);
            return None;
        }
        Some(hz)
    });
    Some(Timer { kind: kind?, address: address?, line: u16::try_from(line?).ok()?, hz: hz? })
}
