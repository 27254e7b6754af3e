//! What whoever brings a target up must expect: peaks of memory, and how long things take.

use serde::Serialize;
use serde_json::json;

use super::dossier::Dossier;
use crate::gate::{Check, Unit};
use crate::manifest::Bytes;

/// Limits of memory.
pub(super) struct Limits {
    pub(super) arena: Bytes,
    pub(super) stack: Option<Bytes>,
    pub(super) flash: Option<Bytes>,
}

/// A row of the table of peaks.
#[derive(Debug, Serialize)]
pub(super) struct Peak {
    what: &'static str,
    /// The line of the session that shows it; none shows what is the app's.
    line: Option<&'static str>,
    /// By the memory plan.
    planned: Option<u64>,
    /// Painted on the target, or in the linked image.
    measured: Option<u64>,
    limit: Option<u64>,
    margin: Option<f64>,
}

/// Peaks of memory as planned and as measured; what is neither has no row.
pub(super) fn peaks(dossier: &Dossier, limits: &Limits) -> Vec<Peak> {
    let bytes = |name: &str| {
        let found = dossier.metrics.iter().find(|metric| metric.name == name)?;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "byte counts are whole")]
        Some(found.quantity.value as u64)
    };
    let measured = &dossier.measurement;
    let (arena, stack) = (Some(limits.arena.0), limits.stack.map(|limit| limit.0));
    let rows = [
        ("arena", Some("arena"), bytes("arena_bytes"), bytes("arena_touched_bytes"), arena),
        ("stack of one inference", Some("stack"), None, measured.stack_invoke_bytes, stack),
        ("stack of one hop", Some("hop"), None, measured.stack_hop_bytes, stack),
        ("stack of the harness", Some("stack-total"), None, measured.stack_harness_bytes, stack),
        ("stack of the app", None, None, measured.stack_app_bytes, stack),
        ("static RAM of the app, arena included", None, None, bytes("ram_bytes"), None),
        ("flash of the app", None, None, bytes("flash_bytes"), limits.flash.map(|limit| limit.0)),
    ];
    let peak = |(what, line, planned, measured, limit): (
        &'static str,
        Option<&'static str>,
        Option<u64>,
        Option<u64>,
        Option<u64>,
    )| {
        #[expect(clippy::cast_precision_loss, reason = "sizes are far below 2^52")]
        let margin = |limit: u64, bytes: u64| (limit as f64 - bytes as f64) / limit as f64;
        let most = planned.max(measured)?;
        let margin = limit.filter(|limit| *limit > 0).map(|limit| margin(limit, most));
        // A session shows what was measured.
        let line = line.filter(|_| measured.is_some());
        Some(Peak { what, line, planned, measured, limit, margin })
    };
    rows.into_iter().filter_map(peak).collect()
}

/// Figures that say how long something takes, with the limits of those that have one.
pub(super) fn times(dossier: &Dossier) -> serde_json::Value {
    let of_time =
        |check: &&Check| ["latency", "hop", "load", "startup"].contains(&&*check.name) && check.limit.is_some();
    let checks: Vec<&Check> = dossier.gates.iter().map(|row| &row.check).filter(of_time).collect();
    let mut times = Vec::new();
    for figure in &dossier.metrics {
        if matches!(figure.quantity.unit, Unit::Bytes | Unit::Count | Unit::Ratio) {
            continue;
        }
        let judged = checks.iter().find(|check| check.value == Some(figure.quantity));
        times.push(json!({
            "what": figure.title,
            "expected": figure.quantity,
            "limit": judged.and_then(|check| check.limit),
            "margin": judged.and_then(|check| check.margin),
        }));
    }
    json!(times)
}
