//! A checked board: what firmware is built for, and how far this version goes with it.
//!
//! Knows what board files say, and nothing of a core or a chip that they do not; does not know their syntax.

use serde::{Deserialize, Serialize};

use super::timer::Timer;
use super::types::Bytes;
use super::units::frequency;
use crate::library::Features;

/// A board file (`manifests/boards/NAME.kdl`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Board {
    /// Name: the file's stem.
    pub name: String,
    /// One line for people.
    pub summary: String,
    /// Core name for people and for the kernel library's key, such as `cortex-m4f`; `host` for the host.
    pub core: String,
    /// Instruction set features.
    pub features: Features,
    /// The floating-point unit, as the C compiler calls it; absent where there is none.
    pub fpu: Option<String>,
    /// The security state that firmware starts in, on cores that have two.
    pub starts: Option<Security>,
    /// Rust target triple; absent for the host's own.
    pub rust_target: Option<String>,
    /// Flags for the C compiler (`-mcpu=cortex-m4` …).
    pub c_flags: Vec<String>,
    /// Memory regions, in the file's order.
    pub memory: Vec<Region>,
    /// Core clock that firmware runs at, where there is one: nothing in it sets up another.
    pub clock: Option<Clock>,
    /// Caches, in the file's order.
    pub caches: Vec<Cache>,
    /// Timers that can interrupt the model, in the file's order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub timers: Vec<Timer>,
    /// What the chip's own boot code wants to find in the image, besides a vector table.
    pub boot_block: Option<BootBlock>,
    /// How it is run.
    pub runner: Runner,
}

/// A memory region.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Region {
    /// Linker name, such as `FLASH` or `RAM`.
    pub name: String,
    /// What it is.
    pub kind: RegionKind,
    /// First address.
    pub address: u64,
    /// Size.
    pub size: Bytes,
    /// What it is made of, where the file says so.
    pub memory: Option<Memory>,
    /// Whether firmware lies in it: code and constants in flash; data, stack and arena in RAM.
    pub used: bool,
    /// Whether it does not answer before something has switched it on.
    pub off_at_reset: bool,
    /// Wait states of an access at the clock that firmware runs at.
    pub wait_states: Option<u8>,
}

/// Kinds of memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RegionKind {
    /// Code and constants.
    Flash,
    /// Data, stack and arena.
    Ram,
}

/// What a region is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "as data sheets call them")]
pub enum Memory {
    Internal,
    Qspi,
    Sram,
    AxiSram,
    Dtcm,
    Itcm,
    Backup,
}

impl Memory {
    /// As people read it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Internal => "internal flash",
            Self::Qspi => "QSPI flash, executed in place",
            Self::Sram => "SRAM",
            Self::AxiSram => "AXI SRAM",
            Self::Dtcm => "tightly coupled, for data",
            Self::Itcm => "tightly coupled, for instructions",
            Self::Backup => "backup SRAM",
        }
    }
}

/// Security states of a core with `TrustZone`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "as the architecture calls them")]
pub enum Security {
    Secure,
    NonSecure,
}

impl Security {
    /// As board files write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Secure => "secure",
            Self::NonSecure => "non-secure",
        }
    }
}

/// The core clock, in Hz.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Clock {
    /// What firmware runs at; the least of it, where the source is not exact.
    pub hz: u64,
    /// The most of it, where the source is not exact.
    pub to_hz: Option<u64>,
    /// What makes the clock at reset.
    pub source: Option<String>,
    /// What the core can run at, once somebody has set it up.
    pub full_hz: Option<u64>,
}

impl Clock {
    /// As people read it: `16 MHz`, or a range.
    pub fn text(&self) -> String {
        let most = self.to_hz.map(|to| format!(" to {}", frequency(to))).unwrap_or_default();
        format!("{}{most}", frequency(self.hz))
    }

    /// Why a count of cycles at this clock is no time of the product's; `None` where it is.
    pub fn slow_clock(&self) -> Option<String> {
        let (text, full) = (self.text(), self.full_hz.map(frequency));
        match (self.to_hz, full) {
            (Some(_), Some(full)) => {
                Some(format!("the clock is somewhere from {text}, and {full} are not set up by this version"))
            }
            (Some(_), None) => Some(format!("the clock is somewhere from {text}")),
            (None, Some(full)) if self.full_hz > Some(self.hz) => {
                Some(format!("firmware runs at {text}, and {full} are not set up by this version"))
            }
            (None, _) => None,
        }
    }
}

/// A cache.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cache {
    /// What it caches.
    pub name: String,
    /// Whether it is on while firmware runs: nothing in firmware switches it.
    pub on: bool,
}

/// What a chip's boot code wants to find in flash, besides a vector table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BootBlock {
    /// 256 bytes of code with a checksum at the start of flash that set up the flash chip.
    Rp2040SecondStage,
    /// 20 bytes in the first 4 KiB that say what kind of image follows.
    Rp2350ImageDefinition,
}

impl BootBlock {
    /// As board files write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rp2040SecondStage => "rp2040-second-stage",
            Self::Rp2350ImageDefinition => "rp2350-image-definition",
        }
    }

    /// Why a board that wants it does not start this version's firmware; `None` where it is in the image.
    pub fn missing(self) -> Option<&'static str> {
        match self {
            Self::Rp2040SecondStage => {
                Some("its boot code wants a second stage of 256 bytes in flash, which this version does not make")
            }
            Self::Rp2350ImageDefinition => None,
        }
    }
}

/// How firmware for a board is run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Runner {
    /// As a process of the host.
    Host,
    /// In QEMU.
    Qemu {
        /// `-M`.
        machine: String,
        /// Instructions a `SysTick` tick under `-icount shift=0`.
        instructions_per_tick: PerTick,
    },
    /// On the board itself, through a debug probe.
    Probe {
        /// The chip, as probe-rs calls it.
        chip: String,
    },
}

impl Runner {
    /// As evidence names it: `host`, `qemu mps2-an386`, `probe STM32F446RETx`.
    pub fn name(&self) -> String {
        match self {
            Self::Host => "host".to_owned(),
            Self::Qemu { machine, .. } => format!("qemu {machine}"),
            Self::Probe { chip } => format!("probe {chip}"),
        }
    }
}

/// Instructions a tick, in thousandths: clocks need not divide a gigahertz.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PerTick(pub u64);

impl PerTick {
    /// Instructions in `ticks` ticks, rounded down.
    pub fn instructions(self, ticks: u64) -> u64 {
        let instructions = u128::from(ticks) * u128::from(self.0) / 1000;
        u64::try_from(instructions).unwrap_or(u64::MAX)
    }
}

impl std::fmt::Display for PerTick {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (whole, rest) = (self.0 / 1000, self.0 % 1000);
        let text = format!("{whole}.{rest:03}");
        formatter.write_str(text.trim_end_matches('0').trim_end_matches('.'))
    }
}

impl Board {
    /// The region that firmware uses of a kind; none on the host.
    pub fn used(&self, kind: RegionKind) -> Option<&Region> {
        self.memory.iter().find(|region| region.used && region.kind == kind)
    }

    /// How far this version goes with the board, in a few words.
    pub fn reach(&self) -> String {
        match &self.runner {
            Runner::Host => "runs on this computer".to_owned(),
            Runner::Qemu { .. } => "runs in QEMU".to_owned(),
            Runner::Probe { .. } => match (self.not_bootable(), self.slow_clock()) {
                (Some(_), _) => "compiled only; not bootable",
                (None, Some(_)) => "behind a probe; slow clock",
                (None, None) => "behind a probe",
            }
            .to_owned(),
        }
    }

    /// Why a build measures nothing on this board; `None` where it does.
    pub fn unmeasured(&self) -> Option<String> {
        let reason = self.not_bootable()?;
        Some(format!("not measured: the board would not start this firmware: {reason}"))
    }

    /// What whoever reads a report about this board must know, in sentences without their full stops.
    pub fn cautions(&self) -> Vec<String> {
        let Runner::Probe { .. } = &self.runner else { return Vec::new() };
        let boots = self.not_bootable().map(|reason| format!("not bootable: {reason}"));
        let cycles = self
            .slow_clock()
            .map(|reason| format!("slow clock: {reason}; times are those of this firmware, and not of a product that sets up another clock"));
        [boots, cycles].into_iter().flatten().collect()
    }

    /// What a tick of the harness is, as it says itself: the core clock in Hz or a range of it, `instructions`, `none`, or
    /// `unknown`.
    pub fn clock_word(&self) -> String {
        match (&self.runner, &self.clock) {
            (Runner::Host, _) => "none".to_owned(),
            (Runner::Qemu { .. }, _) => "instructions".to_owned(),
            (Runner::Probe { .. }, None) => "unknown".to_owned(),
            (Runner::Probe { .. }, Some(Clock { hz, to_hz: None, .. })) => hz.to_string(),
            (Runner::Probe { .. }, Some(Clock { hz, to_hz: Some(most), .. })) => format!("{hz}-{most}"),
        }
    }

    /// The same for people.
    pub fn clock_text(&self) -> String {
        match (&self.runner, &self.clock) {
            (Runner::Host, _) => "none: a process, which counts no ticks".to_owned(),
            (Runner::Qemu { .. }, _) => "none: the emulator's ticks are instructions".to_owned(),
            (Runner::Probe { .. }, None) => "unknown: the board's file does not say".to_owned(),
            (Runner::Probe { .. }, Some(clock)) => {
                let source = clock.source.as_ref().map(|source| format!(", {source}")).unwrap_or_default();
                format!("{}{source}, as after reset: firmware sets up no other", clock.text())
            }
        }
    }

    /// Why the board does not start this version's firmware; `None` where nothing is known against it.
    pub fn not_bootable(&self) -> Option<&'static str> {
        self.boot_block.and_then(BootBlock::missing)
    }

    /// Why cycles that are counted on the board are no time of the product's; `None` on emulators, which have no time.
    pub fn slow_clock(&self) -> Option<String> {
        match self.runner {
            Runner::Probe { .. } => self.clock.as_ref().and_then(Clock::slow_clock),
            Runner::Host | Runner::Qemu { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_need_not_divide_a_gigahertz() {
        assert_eq!(PerTick(31_250).instructions(3), 93);
        assert_eq!(PerTick(40_000).instructions(132_402), 5_296_080);
        assert_eq!([31_250, 40_000, 62_500].map(|per| PerTick(per).to_string()), ["31.25", "40", "62.5"]);
    }

    #[test]
    fn every_board_says_what_its_ticks_are() {
        let word = |name: &str| {
            let board = Board::load(name, &crate::manifest::Catalog::builtin()).unwrap().unwrap();
            (board.clock_word(), board.clock_text())
        };
        assert_eq!(word("host").0, "none");
        assert_eq!(word("mps2-an386").0, "instructions");
        assert_eq!(word("nucleo-f446re").0, "16000000");
        assert!(word("nucleo-f446re").1.starts_with("16 MHz, HSI, the internal oscillator, as after reset"));
        assert_eq!(word("pico").0, "1800000-12000000");
    }

    #[test]
    fn a_clock_that_is_full_and_known_is_a_time() {
        let clock = |to_hz, full_hz| Clock { hz: 64_000_000, to_hz, source: None, full_hz };
        assert_eq!(clock(None, None).slow_clock(), None);
        assert_eq!(clock(None, Some(64_000_000)).slow_clock(), None);
        let slow = clock(None, Some(128_000_000)).slow_clock().unwrap();
        assert_eq!(slow, "firmware runs at 64 MHz, and 128 MHz are not set up by this version");
        let vague = clock(Some(96_000_000), Some(150_000_000)).slow_clock().unwrap();
        assert!(vague.starts_with("the clock is somewhere from 64 MHz to 96 MHz, and 150 MHz"), "{vague}");
    }
}
