//! The checks of maxima: flash, RAM, stack, latency, hop, start-up. A figure, a limit with its unit, a margin.

use super::evidence::{Footprint, Load, Measurement};
use super::judge::{Limits, after, check, number, unmeasured};
use super::load::Services;
use super::{Check, Quantity, Unit, Verdict, time};
use crate::manifest::{Bytes, Latency, Limit, Percentile, Ratio, grouped};

/// A value under a maximum with a margin: pass, thin or fail.
pub(super) fn under(mut base: Check, unit: Unit, max: u64, value: u64, margin_required: Ratio) -> Check {
    let (limit, found) = (number(max), number(value));
    let margin = if max == 0 { 0.0 } else { (limit - found) / limit };
    base.limit = Some(Quantity { value: limit, unit });
    base.value = Some(Quantity { value: found, unit });
    base.margin = Some(margin);
    base.margin_required = Some(margin_required.0);
    base.verdict = if value > max {
        Verdict::Fail
    } else if margin < margin_required.0 {
        Verdict::Thin
    } else {
        Verdict::Pass
    };
    base
}

/// A figure in words with what stands against it: how far it is over its limit, or how much of it should be left; and the next step.
pub(super) fn judged(text: String, result: &Check, next: &str) -> String {
    let amount = |quantity: Option<Quantity>| {
        let quantity = quantity.unwrap_or(Quantity { value: 0.0, unit: Unit::Count });
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "limits are whole and below 2^52")]
        let whole = grouped(quantity.value as u64);
        match quantity.unit {
            Unit::Bytes => format!("{whole} bytes"),
            Unit::Instructions => format!("{whole} instructions"),
            Unit::Cycles => format!("{whole} cycles"),
            Unit::Milliseconds => format!("{:.3} ms", quantity.value),
            Unit::Ratio | Unit::Count => whole,
        }
    };
    let percent = |share: Option<f64>| format!("{:.1} %", share.unwrap_or_default() * 100.0);
    let (limit, left, asked) = (amount(result.limit), percent(result.margin), percent(result.margin_required));
    match result.verdict {
        Verdict::Thin => format!("{text}; {left} of {limit} are left, and {asked} must be; {next}"),
        Verdict::Fail => format!("{text}; the limit is {limit}; {next}"),
        _ => after(text, result.verdict, next),
    }
}

/// A check of a limit that a manifest may set.
fn declared<T>(name: &str, title: &str, limit: Option<&Limit<T>>) -> Check {
    Check { manifest: limit.map(|_| format!("gates.{name}")), ..check(name, title, Verdict::NotApplicable, "") }
}

/// A figure in bytes, against its limit where there is one.
fn sized(mut base: Check, limit: Option<Limit<Bytes>>, bytes: u64, shown: String, next: &str) -> Check {
    base.value = Some(Quantity { value: number(bytes), unit: Unit::Bytes });
    let Some(limit) = limit else {
        return Check { detail: format!("no limit declared; {shown}"), ..base };
    };
    let mut result = under(base, Unit::Bytes, limit.max.0, bytes, limit.margin);
    result.detail = judged(shown, &result, next);
    result
}

/// A check of firmware that there is not.
fn unlinked(mut base: Check, footprint: &Footprint, reason: &str) -> Check {
    base.verdict = if footprint.does_not_fit { Verdict::Fail } else { Verdict::Unknown };
    reason.clone_into(&mut base.detail);
    base
}

pub(super) fn flash(limits: &Limits, footprint: &Footprint) -> Check {
    let base = declared("flash", "flash", limits.flash.as_ref());
    if let Some(reason) = &footprint.blocked {
        return unlinked(base, footprint, reason);
    }
    let Some(bytes) = footprint.flash_bytes else {
        return Check { detail: "the host has no flash".into(), ..base };
    };
    let weights = grouped(footprint.weights_bytes);
    let shown = format!("{} bytes in the app, of which {weights} are the model's constants", grouped(bytes));
    sized(base, limits.flash, bytes, shown, "see the code table for what takes the room")
}

pub(super) fn ram(limits: &Limits, footprint: &Footprint) -> Check {
    let base = declared("ram", "static RAM", limits.ram.as_ref());
    if let Some(reason) = &footprint.blocked {
        return unlinked(base, footprint, reason);
    }
    let Some(bytes) = footprint.ram_bytes else {
        return Check { detail: "the host's RAM is not the app's alone".into(), ..base };
    };
    let shown = format!("{} bytes of `.data`, `.bss` and arena in the app, its stack not counted", grouped(bytes));
    sized(base, limits.ram, bytes, shown, "the memory plan shows what holds the arena; the rest is the app's own")
}

pub(super) fn stack(limits: &Limits, measured: &Measurement, load: Option<&Load>) -> Check {
    let base = declared("stack", "stack", limits.stack.as_ref());
    if let Some(reason) = &measured.blocked {
        return unmeasured(base, measured.target_failed, reason);
    }
    let (app, harness) = (measured.stack_app_bytes, measured.stack_harness_bytes);
    let loaded = load.and_then(|load| load.stack_bytes);
    let Some(bytes) = app.max(harness).max(loaded) else {
        return Check { detail: "this target's stack cannot be painted".into(), ..base };
    };
    let shown = |bytes: Option<u64>| {
        bytes.map_or_else(|| "not measured".to_owned(), |bytes| format!("{} bytes", grouped(bytes)))
    };
    let services = loaded.map_or_else(String::new, |bytes| {
        format!("; under load {} bytes, with the services' interrupts and task", grouped(bytes))
    });
    let split = format!(
        "high-water mark: app {}, harness {}, of which one inference {}{services}",
        shown(app),
        shown(harness),
        shown(measured.stack_invoke_bytes)
    );
    let next = "raise `gates.stack` with its owner's agreement, or look for large locals";
    sized(base, limits.stack, bytes, split, next)
}

/// What a time was found to be, and what it is of.
struct Found {
    instructions: u64,
    /// Continues a sentence after the count; may be empty.
    of: String,
    /// What to do about too many.
    next: &'static str,
}

const LARGEST: &str = "see the operator table for the largest shares of MACs";

/// The most of all undisturbed runs; of a percentile, under load where there is one.
pub(super) fn latency(limits: &Limits, measured: &Measurement, load: Option<&Load>) -> Check {
    let base = declared("latency", "latency", limits.latency.as_ref());
    if measured.cycles.is_some() {
        return latency_on_hardware(base, limits, measured, load);
    }
    let Some(percentile) = limits.latency.and_then(|limit| limit.percentile) else {
        let most = |instructions: u64| Found { instructions, of: String::new(), next: LARGEST };
        return timed(base, limits.latency, measured, measured.instructions.map(most));
    };
    let share = |instructions: u64, runs: &str, jitter: u64| Found {
        instructions,
        of: format!(
            ", which {} of 100 inferences{runs} keep; the slowest takes {} more than the fastest",
            percentile.number(),
            grouped(jitter)
        ),
        next: LARGEST,
    };
    if limits.services != Services::Interrupt {
        let found = measured.spread.map(|spread| share(spread.at(percentile), "", spread.jitter));
        return timed(base, limits.latency, measured, found);
    }
    let Some(load) = load else {
        return Check { verdict: Verdict::Unknown, detail: "the run under load left no result".to_owned(), ..base };
    };
    if let Some(reason) = &load.blocked {
        return unmeasured(base, load.target_failed, reason);
    }
    let found = load.instructions.map(|spread| share(spread.at(percentile), " under load", spread.jitter));
    timed(base, limits.latency, measured, found)
}

/// Which percentile of a run under load the limit of latency is for.
pub(super) fn loaded_percentile(limit: Option<&Limit<Latency>>) -> Percentile {
    limit.and_then(|limit| limit.percentile).unwrap_or(Percentile::P99)
}

pub(super) fn startup(limits: &Limits, measured: &Measurement) -> Check {
    let base = declared("startup", "start-up", limits.startup.as_ref());
    if let Some(cycles) = measured.cycles.as_ref().and_then(|cycles| cycles.startup) {
        return on_hardware(base, limits.startup, measured, cycles);
    }
    let model = measured.startup_model_instructions.unwrap_or(0);
    let found = measured.startup_instructions.map(|instructions| Found {
        instructions,
        of: format!(
            ", from reset to where the first inference could begin, of which {} are the model's",
            grouped(model)
        ),
        next: "most of it is memory: what is zeroed, copied or painted at reset",
    });
    timed(base, limits.startup, measured, found)
}

pub(super) fn hop(limits: &Limits, measured: &Measurement) -> Check {
    let base = declared("hop", "latency of a hop", limits.hop.as_ref());
    // Whether there is a stream shows in a measurement only.
    let cycles = measured.cycles.as_ref().and_then(|cycles| cycles.hop);
    if measured.hop_instructions.is_none() && cycles.is_none() && limits.hop.is_none() {
        return Check { detail: "no stream, or a target that does not count instructions".into(), ..base };
    }
    if let Some(cycles) = cycles {
        return on_hardware(base, limits.hop, measured, cycles.max);
    }
    let most = |instructions: u64| Found { instructions, of: String::new(), next: LARGEST };
    timed(base, limits.hop, measured, measured.hop_instructions.map(|hops| most(hops.max)))
}

/// What was found, in the unit of the limit.
fn timed(mut base: Check, limit: Option<Limit<Latency>>, measured: &Measurement, found: Option<Found>) -> Check {
    if let Some(reason) = &measured.blocked {
        return unmeasured(base, measured.target_failed, reason);
    }
    let instructions = found.as_ref().map(|found| found.instructions);
    base.value = instructions.map(|count| Quantity { value: number(count), unit: Unit::Instructions });
    let next = found.as_ref().map_or("", |found| found.next);
    let counted =
        found.map(|found| format!("{} instructions, counted by the emulator{}", grouped(found.instructions), found.of));
    let on_host = measured.runner == "host";
    let Some(limit) = limit else {
        let counted = counted.map(|counted| format!("no limit declared; {counted}"));
        return Check { detail: counted.unwrap_or_else(|| "this target does not count instructions".into()), ..base };
    };
    match (limit.max, instructions) {
        (Latency::Instructions(max), Some(count)) => {
            let mut result = under(base, Unit::Instructions, max, count, limit.margin);
            result.detail = judged(counted.unwrap_or_default(), &result, next);
            result
        }
        (Latency::Instructions(_), None) if on_host => {
            Check { detail: "the host does not count instructions".into(), ..base }
        }
        (Latency::Nanoseconds(_), _) if on_host => {
            Check { detail: "milliseconds come only from hardware, and the host is not the target's".into(), ..base }
        }
        (Latency::Nanoseconds(_), _) => {
            base.verdict = Verdict::Unknown;
            let max = limit.max;
            base.detail = format!(
                "the limit is {max}, and milliseconds come only from hardware: {}; write the limit for this target in instructions, \
                 or measure on a board",
                counted.unwrap_or_else(|| "nothing was measured".into())
            );
            base
        }
        (Latency::Instructions(_), None) => {
            base.verdict = Verdict::Unknown;
            let next = match (measured.emulated, base.name.as_str()) {
                (true, "hop") => "see whether the model has a stream",
                (true, _) => "its counter ran over: measure on a board with less memory to initialize",
                (false, _) => "write the limit in ms",
            };
            base.detail = format!("the limit is in instructions, of which this target counted none; {next}");
            base
        }
    }
}

/// The most of all undisturbed runs of a real board; of a percentile, under load where there is one.
fn latency_on_hardware(base: Check, limits: &Limits, measured: &Measurement, load: Option<&Load>) -> Check {
    let percentile = limits.latency.and_then(|limit| limit.percentile);
    let is_loaded = percentile.is_some() && limits.services == Services::Interrupt;
    if let Some(reason) = load.filter(|_| is_loaded).and_then(|load| load.blocked.as_ref()) {
        return unmeasured(base, load.is_some_and(|load| load.target_failed), reason);
    }
    let alone = measured.cycles.as_ref();
    let found = match percentile {
        None => alone.and_then(|cycles| cycles.inference),
        Some(percentile) if is_loaded => {
            load.and_then(|load| load.cycles?.inference).map(|spread| spread.at(percentile))
        }
        Some(percentile) => alone.and_then(|cycles| cycles.spread).map(|spread| spread.at(percentile)),
    };
    match found {
        Some(cycles) => on_hardware(base, limits.latency, measured, cycles),
        None => Check { verdict: Verdict::Unknown, detail: "the board counted no cycles".to_owned(), ..base },
    }
}

/// What a real board counted, in time.
fn on_hardware(mut base: Check, limit: Option<Limit<Latency>>, measured: &Measurement, cycles: u64) -> Check {
    let clock = measured.cycles.as_ref().and_then(|cycles| cycles.clock);
    let shown = time::shown(cycles, clock);
    base.value = Some(time::quantity(cycles, clock));
    match limit {
        None => Check { detail: format!("no limit declared; {shown}"), ..base },
        Some(Limit { max: Latency::Nanoseconds(max), margin, .. }) => {
            let next = "see the operator table for what takes the time";
            time::judged(base, (max, margin), cycles, clock, (shown, next))
        }
        Some(Limit { max: Latency::Instructions(_), .. }) => {
            let why = "the limit is in instructions, which a board does not count; write the limit in ms";
            Check { verdict: Verdict::Unknown, detail: format!("{shown}; {why}"), ..base }
        }
    }
}
