//! The one list of figures: what is measured of a target, under which name, in which unit.
//!
//! Limits in a manifest, reports, releases and trends speak of these and of no others; what was not measured is absent.

use serde::{Deserialize, Serialize};

use super::evidence::{Audit, Footprint, Load, Measurement, Spread};
use super::{Quantity, Unit, time};

/// A figure that is measured.
#[derive(Clone, Copy, Debug)]
pub struct Metric {
    /// Stable name.
    pub name: &'static str,
    /// For people.
    pub title: &'static str,
    /// What its values are counted in.
    pub unit: Unit,
    /// The stage that finds it out.
    pub stage: &'static str,
    /// What it is, in a sentence.
    pub about: &'static str,
    /// In the unit; of milliseconds, in thousandths.
    read: fn(&Sources<'_>) -> Option<u64>,
}

/// The results that figures are read from.
#[derive(Clone, Copy, Debug)]
#[expect(missing_docs, reason = "each field is its stage's result")]
pub struct Sources<'a> {
    /// Planned peak of the arena, where there is a plan.
    pub arena_peak: Option<u64>,
    pub audit: &'a Audit,
    pub footprint: &'a Footprint,
    pub measurement: &'a Measurement,
    pub load: Option<&'a Load>,
}

impl Sources<'_> {
    /// Instructions of an inference under load.
    fn loaded(&self) -> Option<Spread> {
        self.load?.instructions
    }

    /// Cycles of an inference.
    fn cycles(&self) -> Option<u64> {
        self.measurement.cycles.as_ref()?.inference
    }

    /// Cycles of a hop, at most.
    fn hop_cycles(&self) -> Option<u64> {
        Some(self.measurement.cycles.as_ref()?.hop?.max)
    }

    /// Cycles of an inference under load, of which 99 of 100 take no more.
    fn loaded_cycles(&self) -> Option<u64> {
        Some(self.load?.cycles?.inference?.p99)
    }

    /// Microseconds of so many cycles.
    fn time(&self, cycles: Option<u64>) -> Option<u64> {
        Some(time::microseconds(cycles?, self.measurement.cycles.as_ref()?.clock?))
    }
}

/// A figure as it was measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// The metric's name.
    pub name: String,
    /// The metric's title.
    pub title: String,
    /// What was measured.
    pub quantity: Quantity,
}

/// All figures, in the order in which reports print them.
pub const METRICS: [Metric; 32] = [
    Metric {
        name: "arena_bytes",
        title: "arena, planned peak",
        unit: Unit::Bytes,
        stage: "memory",
        about: "most bytes of activations, state and scratch that are alive at once; the arena in firmware has this size",
        read: |sources| sources.arena_peak,
    },
    Metric {
        name: "arena_touched_bytes",
        title: "arena, touched on the target",
        unit: Unit::Bytes,
        stage: "measure",
        about: "end of the highest byte of the arena that was written, over all runs",
        read: |sources| sources.measurement.blocked.is_none().then_some(sources.measurement.arena_bytes),
    },
    Metric {
        name: "flash_bytes",
        title: "flash of the app",
        unit: Unit::Bytes,
        stage: "compile",
        about: "every loaded byte of the app that lies in flash, initial values of `.data` included",
        read: |sources| sources.footprint.flash_bytes,
    },
    Metric {
        name: "weights_bytes",
        title: "of that, the model's constants",
        unit: Unit::Bytes,
        stage: "compile",
        about: "filters, biases, tables and requantization factors",
        read: |sources| sources.footprint.blocked.is_none().then_some(sources.footprint.weights_bytes),
    },
    Metric {
        name: "ram_bytes",
        title: "static RAM of the app, arena included",
        unit: Unit::Bytes,
        stage: "compile",
        about: "`.data`, `.bss` and the arena",
        read: |sources| sources.footprint.ram_bytes,
    },
    Metric {
        name: "stack_bytes",
        title: "stack, app or harness",
        unit: Unit::Bytes,
        stage: "measure",
        about: "high-water mark of the painted stack, the largest of app, harness, and harness under load",
        read: |sources| {
            let (app, harness) = (sources.measurement.stack_app_bytes, sources.measurement.stack_harness_bytes);
            app.max(harness).max(sources.load.and_then(|load| load.stack_bytes))
        },
    },
    Metric {
        name: "stack_invoke_bytes",
        title: "stack of one inference",
        unit: Unit::Bytes,
        stage: "measure",
        about: "high-water mark below the call of `invoke`",
        read: |sources| sources.measurement.stack_invoke_bytes,
    },
    Metric {
        name: "stack_hop_bytes",
        title: "stack of one hop",
        unit: Unit::Bytes,
        stage: "measure",
        about: "high-water mark below the call of `hop`, where there is a stream",
        read: |sources| sources.measurement.stack_hop_bytes,
    },
    Metric {
        name: "instructions",
        title: "instructions an inference",
        unit: Unit::Instructions,
        stage: "measure",
        about: "instructions of one undisturbed `invoke`, the most of all runs, counted by the emulator",
        read: |sources| sources.measurement.instructions,
    },
    Metric {
        name: "instructions_p50",
        title: "instructions an inference, median",
        unit: Unit::Instructions,
        stage: "measure",
        about: "instructions of one undisturbed `invoke`, over all runs; half of all take no more",
        read: |sources| Some(sources.measurement.spread?.p50),
    },
    Metric {
        name: "instructions_p90",
        title: "instructions an inference, 90th percentile",
        unit: Unit::Instructions,
        stage: "measure",
        about: "the same; 90 of 100 take no more",
        read: |sources| Some(sources.measurement.spread?.p90),
    },
    Metric {
        name: "instructions_p99",
        title: "instructions an inference, 99th percentile",
        unit: Unit::Instructions,
        stage: "measure",
        about: "the same; 99 of 100 take no more",
        read: |sources| Some(sources.measurement.spread?.p99),
    },
    Metric {
        name: "jitter",
        title: "instructions between the fastest and the slowest inference",
        unit: Unit::Instructions,
        stage: "measure",
        about: "the most minus the least of all undisturbed `invoke`s",
        read: |sources| Some(sources.measurement.spread?.jitter),
    },
    Metric {
        name: "startup_instructions",
        title: "instructions from reset to ready",
        unit: Unit::Instructions,
        stage: "measure",
        about: "memory is initialized and the stack painted, then the model's state put to its beginning: the first inference could begin",
        read: |sources| sources.measurement.startup_instructions,
    },
    Metric {
        name: "startup_model_instructions",
        title: "of that, the model's own",
        unit: Unit::Instructions,
        stage: "measure",
        about: "the model's state is put to its beginning",
        read: |sources| sources.measurement.startup_model_instructions,
    },
    Metric {
        name: "hop_instructions",
        title: "instructions a hop, at most",
        unit: Unit::Instructions,
        stage: "measure",
        about: "instructions of one undisturbed `hop`, the most of all, counted by the emulator",
        read: |sources| sources.measurement.hop_instructions.map(|hops| hops.max),
    },
    Metric {
        name: "hop_instructions_mean",
        title: "instructions a hop, on the average",
        unit: Unit::Instructions,
        stage: "measure",
        about: "instructions of one undisturbed `hop`, the mean of all",
        read: |sources| sources.measurement.hop_instructions.map(|hops| hops.mean),
    },
    Metric {
        name: "cycles",
        title: "cycles an inference",
        unit: Unit::Cycles,
        stage: "measure",
        about: "cycles of the core clock of one undisturbed `invoke`, the most of all runs, counted on a real board",
        read: |sources| sources.cycles(),
    },
    Metric {
        name: "latency_ms",
        title: "time of an inference",
        unit: Unit::Milliseconds,
        stage: "measure",
        about: "these cycles at the clock that firmware runs at by the board's file, at its slowest where it is not exact",
        read: |sources| sources.time(sources.cycles()),
    },
    Metric {
        name: "hop_cycles",
        title: "cycles a hop, at most",
        unit: Unit::Cycles,
        stage: "measure",
        about: "cycles of one undisturbed `hop`, the most of all, counted on a real board",
        read: |sources| sources.hop_cycles(),
    },
    Metric {
        name: "hop_ms",
        title: "time of a hop, at most",
        unit: Unit::Milliseconds,
        stage: "measure",
        about: "these cycles as a time",
        read: |sources| sources.time(sources.hop_cycles()),
    },
    Metric {
        name: "loaded_cycles_p99",
        title: "cycles an inference under load, 99th percentile",
        unit: Unit::Cycles,
        stage: "load",
        about: "cycles of one `invoke` while the services' timers interrupt it, theirs included; 99 of 100 take no more",
        read: |sources| sources.loaded_cycles(),
    },
    Metric {
        name: "loaded_latency_ms_p99",
        title: "time of an inference under load, 99th percentile",
        unit: Unit::Milliseconds,
        stage: "load",
        about: "these cycles as a time",
        read: |sources| sources.time(sources.loaded_cycles()),
    },
    Metric {
        name: "loaded_instructions_p50",
        title: "instructions an inference under load, median",
        unit: Unit::Instructions,
        stage: "load",
        about: "instructions of one `invoke` while the services' timers interrupt it, theirs included; half of all take no more",
        read: |sources| Some(sources.loaded()?.p50),
    },
    Metric {
        name: "loaded_instructions_p90",
        title: "instructions an inference under load, 90th percentile",
        unit: Unit::Instructions,
        stage: "load",
        about: "the same; 90 of 100 take no more",
        read: |sources| Some(sources.loaded()?.p90),
    },
    Metric {
        name: "loaded_instructions_p99",
        title: "instructions an inference under load, 99th percentile",
        unit: Unit::Instructions,
        stage: "load",
        about: "the same; 99 of 100 take no more",
        read: |sources| Some(sources.loaded()?.p99),
    },
    Metric {
        name: "loaded_instructions",
        title: "instructions an inference under load, at most",
        unit: Unit::Instructions,
        stage: "load",
        about: "the same; the most of all",
        read: |sources| Some(sources.loaded()?.max),
    },
    Metric {
        name: "loaded_jitter",
        title: "instructions between the fastest and the slowest inference under load",
        unit: Unit::Instructions,
        stage: "load",
        about: "the most minus the least of all",
        read: |sources| Some(sources.loaded()?.jitter),
    },
    Metric {
        name: "loaded_hop_instructions",
        title: "instructions a hop under load, at most",
        unit: Unit::Instructions,
        stage: "load",
        about: "instructions of one `hop` while the services' timers interrupt it, theirs included; the most of all",
        read: |sources| Some(sources.load?.hop_instructions?.max),
    },
    Metric {
        name: "loaded_stack_bytes",
        title: "stack of the harness under load",
        unit: Unit::Bytes,
        stage: "load",
        about: "high-water mark of the painted stack while the services' timers interrupt, their stack included",
        read: |sources| sources.load?.stack_bytes,
    },
    Metric {
        name: "loaded_inferences",
        title: "inferences in a row under load",
        unit: Unit::Count,
        stage: "load",
        about: "inferences that the figures under load were measured on",
        read: |sources| {
            let load = sources.load?;
            (load.inferences > 0).then_some(load.inferences as u64)
        },
    },
    Metric {
        name: "macs",
        title: "multiply-accumulates an inference",
        unit: Unit::Count,
        stage: "audit",
        about: "multiply-accumulates of the whole model, each operator once",
        read: |sources| Some(sources.audit.macs()),
    },
];

/// What was measured.
pub fn figures(sources: &Sources<'_>) -> Vec<Figure> {
    let figure = |metric: &Metric| {
        #[expect(clippy::cast_precision_loss, reason = "sizes and counts are far below 2^52")]
        let read = (metric.read)(sources)? as f64;
        let value = if metric.unit == Unit::Milliseconds { read / 1e3 } else { read };
        let (name, title) = (metric.name.to_owned(), metric.title.to_owned());
        Some(Figure { name, title, quantity: Quantity { value, unit: metric.unit } })
    };
    METRICS.iter().filter_map(figure).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_unique() {
        let names: BTreeSet<&str> = METRICS.iter().map(|metric| metric.name).collect();
        assert_eq!(names.len(), METRICS.len());
    }
}
