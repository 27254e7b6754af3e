//! Stage `load`: inferences in a row, while timers interrupt them as the rest of the firmware would, and a task uses its memory and stack.
//!
//! Knows how much the services take and makes interrupts of it; what the harness does in one, it does not know. What an
//! interrupt costs by itself is measured first, so that the share of the processor is the declared one.

use deployctl_cache::{BoxError, Fields, Job, Stage};
use serde::Serialize;

use super::artifact;
use super::bench::{Bench, Rig, failed};
use super::emit::Emission;
use crate::gate::evidence::{self, Footprint, Spread, TimerUse};
use crate::manifest::{Bytes, Ratio, Runner, Timer};
use crate::runner::{self, Inference, RunnerError, Sustained, TimerLoad};

/// Cycles between two interrupts of the first timer, and of the second: a control loop and a tick.
const PERIODS: [u64; 2] = [2_500, 25_000];
/// Priorities of the two: the first interrupts the second. `SysTick`, which counts, is more urgent than both.
const PRIORITIES: [u8; 2] = [0x40, 0x80];
/// Fewest ticks of a timer between two interrupts: some reload a tick late.
const SHORTEST: f64 = 2.0;
/// Fewest inferences of a run.
const FEWEST: usize = 20;
/// Fewest periods of the slowest timer that a run spans, so that its parts can be compared.
const FEWEST_PERIODS: u64 = 200;
/// Instructions that the task takes for a word of memory, with some to spare.
const WORD: u64 = 24;
/// Most inferences of a run.
const MOST: usize = 10_000;

/// How the target is run.
#[derive(Debug, Serialize)]
pub struct Load {
    /// With what.
    #[serde(flatten)]
    pub rig: Rig,
    /// What the services take.
    pub taken: Taken,
    /// The board's timers.
    pub timers: Vec<Timer>,
    /// Core clock in Hz, where the board is no emulated one.
    pub clock_hz: Option<u64>,
    /// Instructions that the run may take in all; as few inferences as are of use where there is none.
    pub budget: Option<u64>,
}

/// What the services take while the model runs.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Taken {
    /// Share of the processor.
    pub cpu: Ratio,
    /// Stack of an interrupt, and of the task.
    pub stack: Bytes,
}

impl Stage for Load {
    fn name(&self) -> &'static str {
        "load"
    }

    fn version(&self) -> u32 {
        4
    }

    fn fields(&self) -> Fields {
        Fields::of(self)
    }

    fn run(&self, job: &Job) -> Result<(), BoxError> {
        let emission: Emission = job.read_json("emission")?;
        let footprint: Footprint = job.read_json_at("firmware", artifact::FOOTPRINT)?;
        let mut result = evidence::Load { declared: self.taken.cpu.0, ..evidence::Load::default() };
        result.blocked = emission.blocked.or_else(|| self.blocked(&footprint));
        if result.blocked.is_none() {
            let bench = Bench::set_up(&self.rig, 1, &emission.digest, job)?;
            match self.measure(&bench, &mut result) {
                Ok(()) => {}
                Err(error) if error.is_infrastructure() => return Err(Box::new(failed(&error))),
                Err(error) => {
                    result.blocked = Some(bench.told(&error));
                    result.target_failed = true;
                }
            }
        }
        job.write_json(artifact::LOAD, &result)?;
        Ok(())
    }
}

impl Load {
    fn blocked(&self, footprint: &Footprint) -> Option<String> {
        let fits = footprint.blocked.is_some().then(|| "there is no firmware to run: it does not fit".to_owned());
        let no_timer = || {
            let what = "the board's file names no `timer` that could interrupt the model; see `deployctl boards show`";
            self.timers.is_empty().then(|| what.to_owned())
        };
        fits.or_else(|| self.rig.unmeasured.clone()).or_else(no_timer)
    }

    fn measure(&self, bench: &Bench<'_>, result: &mut evidence::Load) -> Result<(), RunnerError> {
        let vectors = bench.session.vectors.len();
        let alone = self.sustain(bench, &[], vectors.min(FEWEST))?;
        let idle = self.loads(0);
        let pilot = self.sustain(bench, &idle, vectors.min(FEWEST))?;
        let loads = self.loads(overhead(&alone, &pilot));
        let inferences = self.inferences(&alone, &loads);
        result.task_stack_bytes = self.taken.stack.0;
        let run = self.sustain(bench, &loads, inferences)?;
        result.timers = self.uses(&loads);
        result.task_ram_bytes = run.services_bytes as u64;
        result.inferences = run.inferences.len();
        result.interrupts = run.inferences.iter().map(interrupts).sum();
        result.instructions = Spread::of(run.inferences.iter().filter_map(|one| one.instructions));
        result.hop_instructions =
            Spread::of(run.inferences.iter().flat_map(|one| &one.hops).filter_map(|hop| hop.instructions));
        result.alone = alone.inferences.iter().filter_map(|one| one.instructions).max();
        let ratios: Vec<f64> = run.inferences.iter().filter_map(|one| slower(one, &alone)).collect();
        result.taken = 1.0 - 1.0 / mean(&ratios).max(1.0);
        (result.drift, result.drift_error) = drift(&ratios);
        result.first_difference = run.inferences.iter().enumerate().find_map(|(index, one)| bench.differs(index, one));
        result.arena_bytes = run.inferences.iter().map(|one| one.arena_high as u64).max().unwrap_or(0);
        result.stack_bytes = run.stack_total.map(|bytes| bytes as u64);
        Ok(())
    }

    fn sustain(&self, bench: &Bench<'_>, loads: &[TimerLoad], inferences: usize) -> Result<Sustained, RunnerError> {
        let what = (loads, inferences);
        let per_tick = self.rig.instructions_per_tick();
        runner::sustain(bench.starter, &bench.harness, &bench.session, what, per_tick, bench.limit)
    }

    /// What each timer does, where an interrupt takes `overhead` cycles by itself: all of them together take the declared share.
    pub(super) fn loads(&self, overhead: u64) -> Vec<TimerLoad> {
        let count = self.timers.len().min(PERIODS.len());
        let share = self.taken.cpu.0 / float(count.max(1) as u64);
        let load = |(index, timer): (usize, &Timer)| {
            // A rate at which interrupts would take more than their share by themselves is too high.
            let cycles = float(PERIODS[index]).max(1.25 * float(overhead) / share);
            let per_tick = self.cycles_per_tick(timer);
            let period = (cycles / per_tick).round().max(SHORTEST);
            let busy = (share * period * per_tick - float(overhead)).max(0.0);
            TimerLoad {
                timer: index,
                period: whole(period),
                cycles: whole(period * per_tick),
                busy: if overhead == 0 { 0 } else { whole(busy) },
                stack: u32::try_from(self.taken.stack.0).unwrap_or(u32::MAX),
                priority: PRIORITIES[index],
            }
        };
        self.timers.iter().take(count).enumerate().map(load).collect()
    }

    /// Cycles of the core in a tick of the timer. An emulated core does an instruction a nanosecond.
    fn cycles_per_tick(&self, timer: &Timer) -> f64 {
        let core = match &self.rig.runner {
            Runner::Qemu { .. } => 1_000_000_000,
            Runner::Host | Runner::Probe { .. } => self.clock_hz.unwrap_or(timer.hz),
        };
        float(core) / float(timer.hz.max(1))
    }

    /// As many inferences as the budget has room for alone, and no fewer than are of use.
    fn inferences(&self, alone: &Sustained, loads: &[TimerLoad]) -> usize {
        let one = alone.inferences.iter().filter_map(total).max().unwrap_or(u64::MAX).max(1);
        let slowest = loads.iter().map(|load| u64::from(load.cycles)).max().unwrap_or(0);
        let enough = (slowest * FEWEST_PERIODS).div_ceil(one);
        let between = alone.services_bytes as u64 / 4 * WORD;
        let within = self.budget.map_or(0, |budget| budget / (one + between));
        usize::try_from(within.max(enough)).unwrap_or(usize::MAX).clamp(FEWEST, MOST)
    }

    fn uses(&self, loads: &[TimerLoad]) -> Vec<TimerUse> {
        let used = |(load, timer): (&TimerLoad, &Timer)| {
            let share = self.taken.cpu.0 / float(loads.len() as u64);
            TimerUse {
                timer: format!("{} at {:#010x}", timer.kind.name(), timer.address),
                every: u64::from(load.cycles),
                takes: u64::from(whole(f64::from(load.cycles) * share)),
                priority: load.priority,
            }
        };
        loads.iter().zip(&self.timers).map(used).collect()
    }
}

impl Bench<'_> {
    /// What is wrong with the outputs of an inference.
    fn differs(&self, index: usize, one: &Inference) -> Option<String> {
        let expected = &self.expectation.vectors.get(one.vector)?.outputs;
        let same = |(seen, wanted): (&Vec<u8>, &Vec<i8>)| {
            seen.iter().map(|byte| byte.cast_signed()).eq(wanted.iter().copied())
        };
        let output = one.outputs.iter().zip(expected).position(|pair| !same(pair))?;
        let name = &self.graph.tensor(self.graph.outputs[output]).name;
        Some(format!("inference {index} (vector {}) writes another `{name}` than the host reference", one.vector))
    }
}

/// Instructions of an inference and its hops.
fn total(one: &Inference) -> Option<u64> {
    let hops: u64 = one.hops.iter().map(|hop| hop.instructions).sum::<Option<u64>>()?;
    Some(one.instructions? + hops)
}

fn interrupts(one: &Inference) -> u64 {
    u64::from(one.interrupts) + one.hops.iter().filter_map(|hop| hop.interrupts).map(u64::from).sum::<u64>()
}

/// Instructions that an interrupt takes by itself, rounded up.
fn overhead(alone: &Sustained, pilot: &Sustained) -> u64 {
    let all = |run: &Sustained| run.inferences.iter().filter_map(total).sum::<u64>();
    let count: u64 = pilot.inferences.iter().map(interrupts).sum();
    all(pilot).saturating_sub(all(alone)).div_ceil(count.max(1)).max(1)
}

/// How many times as long an inference took as the same vector alone.
fn slower(one: &Inference, alone: &Sustained) -> Option<f64> {
    let same = alone.inferences.iter().find(|other| other.vector == one.vector)?;
    Some(float(total(one)?) / float(total(same)?.max(1)))
}

/// By how much the last quarter is above the first, as a share of that, and the standard error of it.
fn drift(ratios: &[f64]) -> (f64, f64) {
    let quarter = ratios.len().div_ceil(4);
    let (first, last) = (&ratios[..quarter], &ratios[ratios.len() - quarter..]);
    let variance = |values: &[f64]| {
        let mean = mean(values);
        values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / float(values.len().max(1) as u64)
    };
    let error = ((variance(first) + variance(last)) / float(quarter.max(1) as u64)).sqrt();
    (mean(last) / mean(first) - 1.0, error / mean(first))
}

fn mean(values: &[f64]) -> f64 {
    if values.is_empty() { 1.0 } else { values.iter().sum::<f64>() / float(values.len() as u64) }
}

#[expect(clippy::cast_precision_loss, reason = "counts of instructions are far below 2^52")]
fn float(value: u64) -> f64 {
    value as f64
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates, and is never negative")]
fn whole(value: f64) -> u32 {
    value as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drift_is_told_from_noise() {
        let noisy: Vec<f64> = (0..400).map(|index| if index % 7 == 0 { 4.0 } else { 1.0 }).collect();
        let (found, error) = drift(&noisy);
        assert!(found.abs() < 3.0 * error, "{found} {error}");
        let rising: Vec<f64> = (0..400).map(|index| 1.0 + f64::from(index) / 4000.0).collect();
        let (found, error) = drift(&rising);
        assert!(found > 0.07 && found > 10.0 * error, "{found} {error}");
        assert!(drift(&[]).0.abs() < f64::EPSILON);
    }
}
