//! The check of the run under load: right outputs, and latency within its limit while the rest of the firmware runs.

use serde::{Deserialize, Serialize};

use super::evidence::Load;
use super::judge::{Limits, check, number, unmeasured};
use super::maximum::{judged, loaded_percentile, under};
use super::{Check, Quantity, Unit, Verdict};
use crate::manifest::{Latency, Limit, grouped};

/// Whether something interrupts the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Services {
    /// The manifest declares no services.
    Undeclared,
    /// They take memory, and nothing of the processor.
    Idle,
    /// The target is a process of the host.
    NotInterrupted,
    /// They do.
    Interrupt,
}

/// By how much the end of a run may be slower than its beginning.
const DRIFT: f64 = 0.02;

/// Standard errors within which a difference is noise.
const SIGNIFICANT: f64 = 3.0;

/// Least part of the declared share that interrupts must have taken.
const DELIVERED: f64 = 0.75;

pub(super) fn load(limits: &Limits, found: Option<&Load>) -> Check {
    let base = check("load", "latency under load", Verdict::NotApplicable, "");
    let reason = match limits.services {
        Services::Undeclared => "no `services` are declared: the model was measured alone",
        Services::Idle => "`services` take no `cpu`: nothing interrupts the model",
        Services::NotInterrupted => "a process of the host has no timers that could interrupt it",
        Services::Interrupt => "the run under load left no result",
    };
    let (Services::Interrupt, Some(found)) = (limits.services, found) else {
        return Check { detail: reason.to_owned(), ..base };
    };
    let base = Check { manifest: Some("services".to_owned()), ..base };
    if let Some(reason) = &found.blocked {
        return unmeasured(base, found.target_failed, reason);
    }
    let shown = described(found);
    if let Some(wrong) = &found.first_difference {
        let next = "an interrupt disturbs the model, or the model's outputs depend on what the arena held before";
        return Check { verdict: Verdict::Fail, detail: format!("{wrong}; {next}; {shown}"), ..base };
    }
    if found.taken < found.declared * DELIVERED {
        let why =
            "the interrupts took less of the processor than the services do, so nothing is known of latency under load";
        return Check { verdict: Verdict::Unknown, detail: format!("{why}; {shown}"), ..base };
    }
    if found.drift - SIGNIFICANT * found.drift_error > DRIFT {
        let slower = format!("the last quarter of the run took {:.1} % longer than the first", found.drift * 100.0);
        return Check { verdict: Verdict::Fail, detail: format!("{slower}; {shown}"), ..base };
    }
    let Some(spread) = found.instructions else {
        return Check { verdict: Verdict::Pass, detail: shown, ..base };
    };
    let taken = spread.at(loaded_percentile(limits.latency.as_ref()));
    let base = Check { value: Some(Quantity { value: number(taken), unit: Unit::Instructions }), ..base };
    let Some(Limit { max: Latency::Instructions(max), margin, .. }) = limits.latency else {
        let unlimited = "no `gates.latency` in instructions is declared";
        return Check { verdict: Verdict::Pass, detail: format!("{unlimited}; {shown}"), ..base };
    };
    let mut result = under(base, Unit::Instructions, max, taken, margin);
    result.manifest = Some("gates.latency".to_owned());
    let next = "give the services less of the processor, or raise `gates.latency` with its owner's agreement";
    result.detail = judged(shown, &result, next);
    result
}

/// What was run, and what came of it.
fn described(found: &Load) -> String {
    let counts = found.instructions.map_or_else(String::new, |spread| {
        format!(
            ": instructions {} (median), {} (90 of 100), {} (99 of 100), {} at most",
            grouped(spread.p50),
            grouped(spread.p90),
            grouped(spread.p99),
            grouped(spread.max)
        )
    });
    let alone = found.alone.map_or_else(String::new, |alone| format!(", {} alone", grouped(alone)));
    format!(
        "{} inferences in a row, all outputs right, {} interrupts that took {:.1} % of the processor ({:.0} % declared){counts}{alone}",
        grouped(found.inferences as u64),
        grouped(found.interrupts),
        found.taken * 100.0,
        found.declared * 100.0,
    )
}
