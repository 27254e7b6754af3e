//! What a target did: one run of every vector, and inferences in a row under load.

use serde::{Deserialize, Serialize};

use super::Difference;
use crate::manifest::Percentile;

/// Result of stage `measure`: what the target did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Measurement {
    /// Why there is none.
    pub blocked: Option<String>,
    /// Whether that is the firmware's own failure (a fault, a damaged guard), not the lack of firmware.
    pub target_failed: bool,
    /// How the target was run, or would have to be: `host`, `qemu mps2-an386`, `probe STM32F446RETx`.
    pub runner: String,
    /// Whether an emulator stood in for hardware.
    pub emulated: bool,
    /// Vectors run.
    pub vectors: usize,
    /// Runs of each vector.
    pub runs: u32,
    /// Operator output tensors compared with the host reference.
    pub tensors_compared: u64,
    /// The first that differed.
    pub first_difference: Option<Difference>,
    /// Runs of one vector whose tensors differed among themselves, in words.
    pub nondeterminism: Option<String>,
    /// Who has seen it, where that was a real board.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub witness: Option<Witness>,
    /// What a real board counted instead of instructions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cycles: Option<Cycles>,
    /// Under what each vector was run, so that its runs could have differed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
    /// Instructions of one undisturbed inference, the largest of all runs; absent where the target cannot count them.
    pub instructions: Option<u64>,
    /// How these lie over all runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spread: Option<Spread>,
    /// Instructions from reset to where the first inference could begin; absent where the target cannot count them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub startup_instructions: Option<u64>,
    /// Of these, what put the model's state to its beginning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub startup_model_instructions: Option<u64>,
    /// For each operator, then each operator of a hop, the most instructions that it took when it ran alone; empty where the
    /// target cannot count them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub operator_instructions: Vec<u64>,
    /// Instructions of one undisturbed hop, the largest of all runs and the mean; absent without a stream, and where the target
    /// cannot count them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hop_instructions: Option<HopInstructions>,
    /// Bytes of the arena that were written, the largest of all runs.
    pub arena_bytes: u64,
    /// Stack of one inference in the harness; absent where the target cannot measure it.
    pub stack_invoke_bytes: Option<u64>,
    /// Stack of one hop in the harness.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stack_hop_bytes: Option<u64>,
    /// Stack of the harness as a whole.
    pub stack_harness_bytes: Option<u64>,
    /// Stack of the app as a whole.
    pub stack_app_bytes: Option<u64>,
}

/// Who has seen what a measurement says: a debug probe, at a time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Witness {
    /// When the measurement began: `2026-11-23T04:05:06Z`.
    pub taken: String,
    /// The probe's serial number.
    pub probe: String,
    /// The program that reached the board, where it was not deployctl itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub via: Option<String>,
}

impl std::fmt::Display for Witness {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let via = self.via.as_ref().map_or_else(String::new, |via| format!(", reached through `{via}`"));
        write!(f, "probe {}, {}{via}", self.probe, self.taken)
    }
}

/// Cycles of the core, as a real board counts them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cycles {
    /// The clock in Hz, least and most, where the board's file states it.
    pub clock: Option<(u64, u64)>,
    /// Of one undisturbed inference, the largest of all runs.
    pub inference: Option<u64>,
    /// How these lie over all runs.
    pub spread: Option<Spread>,
    /// From reset to where the first inference could begin.
    pub startup: Option<u64>,
    /// For each operator, then each operator of a hop, the most that it took when it ran alone.
    pub operators: Vec<u64>,
    /// Of one undisturbed hop, the most of all runs and the mean; absent without a stream.
    pub hop: Option<HopInstructions>,
}

impl Measurement {
    /// What was counted was no instructions but cycles of this clock.
    pub fn count_cycles(&mut self, clock: Option<(u64, u64)>) {
        self.startup_model_instructions = None;
        self.cycles = Some(Cycles {
            clock,
            inference: self.instructions.take(),
            spread: self.spread.take(),
            startup: self.startup_instructions.take(),
            operators: std::mem::take(&mut self.operator_instructions),
            hop: self.hop_instructions.take(),
        });
    }
}

impl Load {
    /// What was counted was no instructions but cycles of this clock.
    pub fn count_cycles(&mut self, clock: Option<(u64, u64)>) {
        self.cycles = Some(LoadedCycles {
            clock,
            inference: self.instructions.take(),
            hop: self.hop_instructions.take(),
            alone: self.alone.take(),
        });
    }
}

/// Cycles of the core under load, as a real board counts them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoadedCycles {
    /// The clock in Hz, least and most, where the board's file states it.
    pub clock: Option<(u64, u64)>,
    /// Of an inference, interrupts included.
    pub inference: Option<Spread>,
    /// Of a hop, interrupts included.
    pub hop: Option<Spread>,
    /// Of an inference without interrupts, the most of all.
    pub alone: Option<u64>,
}

/// Under what runs of a vector are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// On an arena of 0x00.
    Zeros,
    /// On an arena of 0xff.
    Ones,
    /// On an arena of noise.
    Noise,
    /// With other vectors' runs between two of its own.
    OtherInputs,
    /// One vector: in the first inference after a reset, and later.
    ColdAndWarm,
}

impl Condition {
    /// As a list in a sentence has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Zeros => "0x00",
            Self::Ones => "0xFF",
            Self::Noise => "noise",
            Self::OtherInputs => "other inputs in between",
            Self::ColdAndWarm => "cold and warm",
        }
    }
}

/// Result of stage `load`: inferences in a row while timers interrupt them as the rest of the firmware would.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Load {
    /// Why there is none.
    pub blocked: Option<String>,
    /// Whether that is the firmware's own failure, not the lack of firmware.
    pub target_failed: bool,
    /// Share of the processor that the services take, as the manifest has it.
    pub declared: f64,
    /// Share that the interrupts took in fact.
    pub taken: f64,
    /// What interrupted.
    pub timers: Vec<TimerUse>,
    /// Bytes of the services' memory, all of which a task looked after before each inference.
    #[serde(default)]
    pub task_ram_bytes: u64,
    /// Bytes of stack that the task held below each inference and hop.
    #[serde(default)]
    pub task_stack_bytes: u64,
    /// Inferences in a row, each with the hops that lead to it.
    pub inferences: usize,
    /// Interrupts in all of them.
    pub interrupts: u64,
    /// Who has seen it, where that was a real board.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub witness: Option<Witness>,
    /// What a real board counted instead of instructions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cycles: Option<LoadedCycles>,
    /// Instructions of an inference, interrupts included.
    pub instructions: Option<Spread>,
    /// Instructions of a hop, interrupts included.
    pub hop_instructions: Option<Spread>,
    /// Instructions of an inference without interrupts, the most of all.
    pub alone: Option<u64>,
    /// By how much the last quarter of the run took longer than the first, as a share of it.
    pub drift: f64,
    /// Standard error of that: interrupts hit some inferences and not others.
    pub drift_error: f64,
    /// The first inference whose outputs were not the host reference's, in words.
    pub first_difference: Option<String>,
    /// End of the highest byte of the arena that was touched.
    pub arena_bytes: u64,
    /// Stack of the harness as a whole, interrupts included.
    pub stack_bytes: Option<u64>,
}

/// A timer that interrupted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimerUse {
    /// Kind and address.
    pub timer: String,
    /// Cycles, on an emulator instructions, between two interrupts.
    pub every: u64,
    /// Cycles of one.
    pub takes: u64,
    /// Its priority; 0 is the most urgent.
    pub priority: u8,
}

/// How measured values lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "percentiles")]
pub struct Spread {
    pub p50: u64,
    pub p90: u64,
    pub p99: u64,
    pub max: u64,
    /// Most minus least.
    pub jitter: u64,
}

impl Spread {
    /// Of these values (nearest rank); none of no values.
    pub fn of(values: impl IntoIterator<Item = u64>) -> Option<Self> {
        let mut values: Vec<u64> = values.into_iter().collect();
        values.sort_unstable();
        let rank = |percent: usize| values.get((values.len() * percent).div_ceil(100).max(1) - 1).copied();
        let (least, most) = (*values.first()?, *values.last()?);
        Some(Self { p50: rank(50)?, p90: rank(90)?, p99: rank(99)?, max: most, jitter: most - least })
    }

    /// One of them.
    pub fn at(&self, percentile: Percentile) -> u64 {
        match percentile {
            Percentile::P50 => self.p50,
            Percentile::P90 => self.p90,
            Percentile::P99 => self.p99,
        }
    }
}

/// Instructions, or cycles, of the hops of all runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HopInstructions {
    /// The most that a hop took.
    pub max: u64,
    /// What a hop took on the average, rounded down.
    pub mean: u64,
}
