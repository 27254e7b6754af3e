//! The checks, in the order of a bring-up: interface, operators, memory, kernels.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::accuracy::{Scores, accuracy};
use super::conversion::conversion;
use super::evidence::{
    Audit, AuditRow, Committed, Condition, Conversion, Difference, Expectation, Footprint, Interface, Load,
    Measurement, Parity,
};
use super::governed::{Governance, governed};
use super::linked::broken_promise;
use super::load::{Services, load};
use super::maximum::{flash, hop, judged, latency, ram, stack, startup, under};
use super::metric::{Sources, figures};
use super::release::{Present, Release, trend, version};
use super::waiver::{self, Waived};
use super::{Check, Judgement, Quantity, Unit, Verdict};
use crate::manifest::{Bytes, Latency, Limit, Policy, Ratio, budget_for, grouped};
use crate::model::short_name;

/// What the manifest and the board allow.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Limits {
    /// `arena` budget.
    pub budget: Bytes,
    /// `arena` headroom.
    pub headroom: Ratio,
    /// `kernels` policy; absent where the target runs reference kernels by nature (the host).
    pub policy: Option<Policy>,
    /// `kernels` fallback.
    pub max_mac_share: Ratio,
    /// `gates` flash.
    pub flash: Option<Limit<Bytes>>,
    /// `gates` ram.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ram: Option<Limit<Bytes>>,
    /// `gates` stack.
    pub stack: Option<Limit<Bytes>>,
    /// `gates` latency.
    pub latency: Option<Limit<Latency>>,
    /// Whether the run under load has a subject.
    pub services: Services,
    /// `gates` hop.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hop: Option<Limit<Latency>>,
    /// `gates` startup.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub startup: Option<Limit<Latency>>,
    /// `gates` accuracy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accuracy: Option<Scores>,
    /// How the declared target is run: `host`, `qemu mps2-an386`, `probe STM32F446RETx`.
    pub runner: String,
    /// `gates` waive.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waivers: Vec<Waived>,
    /// Where the target's own limits stand: the deployment's path, and the target's.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub own: BTreeMap<String, String>,
    /// Governed values and their approvals; absent where nothing was ever approved.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub governance: Option<Governance>,
    /// `max-lsb` of `parity`; absent where nothing is declared.
    pub max_lsb: Option<u32>,
    /// Whether the model that a manifest's command makes was made; absent where no command is declared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conversion: Option<Making>,
}

impl Limits {
    /// Where a value stands that the deployment has at `path`: there, or in the target's braces.
    fn place(&self, path: &str) -> String {
        let own = |(whole, own): (&String, &String)| {
            let rest = path.strip_prefix(whole.as_str())?;
            (rest.is_empty() || rest.starts_with('.')).then(|| format!("{own}{rest}"))
        };
        self.own.iter().find_map(own).unwrap_or_else(|| path.to_owned())
    }
}

/// What became of a declared command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Making {
    /// It made the model.
    Made,
    /// The user forbade it: the model is the project's file.
    Forbidden,
}

/// Everything that was found out about a target.
#[derive(Clone, Copy, Debug)]
#[expect(missing_docs, reason = "each field is its stage's result")]
pub struct Evidence<'a> {
    pub conversion: Option<&'a Conversion>,
    pub committed: Option<&'a Committed>,
    pub interface: &'a Interface,
    pub audit: &'a Audit,
    /// Planned peak of the arena, or why there is no plan.
    pub arena_peak: Result<u64, &'a str>,
    pub expectation: &'a Expectation,
    pub parity: &'a Parity,
    pub footprint: &'a Footprint,
    pub measurement: &'a Measurement,
    pub load: Option<&'a Load>,
    /// The last release and what the build is held against it with; absent before the first.
    pub past: Option<(&'a Present, &'a Release)>,
    /// The release of the present version, where the build would make another.
    pub reissued: Option<(&'a Present, &'a Release)>,
    /// Whether a second build gave the same firmware; a build alone cannot know.
    pub reproduced: bool,
}

/// Judges a target.
pub fn judge(limits: &Limits, evidence: Evidence) -> Judgement {
    let Evidence { audit, footprint, measurement, past, reissued, .. } = evidence;
    let figures =
        figures(&Sources { arena_peak: evidence.arena_peak.ok(), audit, footprint, measurement, load: evidence.load });
    let exactness = bit_exactness(measurement);
    let exact = exactness.verdict == Verdict::Pass;
    let mut checks = vec![
        conversion(limits.conversion, evidence),
        interface(evidence.interface),
        parity(limits, evidence.parity),
        operators(audit),
        arena(limits, evidence),
        flash(limits, footprint),
        ram(limits, footprint),
        stack(limits, measurement, evidence.load),
        kernels(limits, audit, footprint),
        reference(evidence.expectation),
        exactness,
        determinism(measurement),
        latency(limits, measurement, evidence.load),
        hop(limits, measurement),
        load(limits, evidence.load),
        startup(limits, measurement),
        accuracy(limits.accuracy.as_ref(), evidence.expectation, exact),
        reproducible(evidence.reproduced),
        trend(limits, past, &figures),
        version(past, reissued),
        declared_target(limits, measurement),
    ];
    waiver::apply(&limits.waivers, &mut checks);
    for place in checks.iter_mut().filter_map(|check| check.manifest.as_mut()) {
        *place = limits.place(place);
    }
    // Names a path as it is.
    checks.insert(checks.len() - 1, governed(limits.governance.as_ref()));
    let verdict = checks.iter().map(|check| check.verdict).max().unwrap_or(Verdict::Unknown);
    Judgement { verdict, checks, figures }
}

pub(super) fn check(name: &str, title: &str, verdict: Verdict, detail: impl Into<String>) -> Check {
    Check {
        name: name.to_owned(),
        title: title.to_owned(),
        manifest: None,
        limit: None,
        value: None,
        margin: None,
        margin_required: None,
        verdict,
        detail: detail.into(),
    }
}

/// A check that allows no exception: the limit is zero and the value a count of offences.
pub(super) fn none_of(mut base: Check, offences: usize) -> Check {
    base.limit = Some(count(0));
    base.value = Some(count(offences));
    base
}

fn count(value: usize) -> Quantity {
    Quantity { value: number(value as u64), unit: Unit::Count }
}

#[expect(clippy::cast_precision_loss, reason = "sizes and counts are far below 2^52")]
pub(super) fn number(value: u64) -> f64 {
    value as f64
}

/// A check without a measurement: unknown where there was no firmware to run, failed where it broke down.
pub(super) fn unmeasured(base: Check, target_failed: bool, reason: &str) -> Check {
    let verdict = if target_failed { Verdict::Fail } else { Verdict::Unknown };
    Check { verdict, detail: reason.to_owned(), ..base }
}

pub(super) fn interface(found: &Interface) -> Check {
    let wrong: Vec<_> = found.findings.iter().filter(|finding| !finding.agrees).collect();
    let (verdict, detail) = match wrong.first() {
        None => (Verdict::Pass, format!("{} declared values agree with the model", found.findings.len())),
        Some(first) => (
            Verdict::Fail,
            format!(
                "`{}` is {} in the manifest and {} in the model; settle which one both sides mean, then change the other",
                first.manifest, first.declared, first.actual
            ),
        ),
    };
    let mut result = none_of(check("interface", "interface", verdict, detail), wrong.len());
    result.manifest = Some("model".to_owned());
    result
}

fn parity(limits: &Limits, found: &Parity) -> Check {
    let base = check("parity", "parity with the training side", Verdict::NotApplicable, "");
    let (None, Some(most)) = (&found.absent, limits.max_lsb) else {
        let reason = found.absent.clone().unwrap_or_else(|| "no `parity` is declared".to_owned());
        return Check { detail: reason, ..base };
    };
    let base = Check { manifest: Some("preprocess.parity".to_owned()), ..base };
    let vectors = format!("{} vectors", grouped(found.vectors as u64));
    let Some(off) = found.off else {
        let agrees = format!("{vectors}: every recorded step agrees, up to an input that is not quantized");
        let detail = found.drift.clone().unwrap_or(agrees);
        return Check { verdict: if found.drift.is_some() { Verdict::Fail } else { Verdict::Pass }, detail, ..base };
    };
    let quantity = |value: u64| Some(Quantity { value: number(value), unit: Unit::Count });
    let verdict = if off <= u64::from(most) { Verdict::Pass } else { Verdict::Fail };
    let (some, all) = (grouped(found.elements_off as u64), grouped(found.elements as u64));
    let shown =
        format!("{vectors}: {some} of {all} elements of the model's input are off, by at most {off} quantized steps");
    let detail = match (&found.drift, verdict) {
        (None, Verdict::Pass) => shown,
        (None, _) => format!("{shown}; no recorded step drifts, so it is rounding, or a step that is not recorded"),
        (Some(drift), _) => format!("{shown}; {drift}"),
    };
    Check { limit: quantity(most.into()), value: quantity(off), verdict, detail, ..base }
}

pub(super) fn operators(audit: &Audit) -> Check {
    let missing: Vec<_> = audit.unsupported().collect();
    let bad: Vec<_> = audit.known_bad().collect();
    let place = |row: &AuditRow| format!("op:{} {} (`{}`)", row.label, row.name, short_name(&row.output));
    let (verdict, detail) = match (missing.first(), bad.first()) {
        (None, None) => (Verdict::Pass, format!("all {} operators have a kernel", audit.rows.len())),
        (Some(row), _) => (
            Verdict::Fail,
            format!(
                "{} {}; {}",
                place(row),
                row.reason.as_deref().unwrap_or("has no kernel"),
                row.advice.as_deref().unwrap_or("see the operator table"),
            ),
        ),
        (None, Some((row, found))) => {
            (Verdict::Fail, format!("{} is known bad: {}; ways out are in the operator table", place(row), found.why))
        }
    };
    none_of(check("operators", "operator support", verdict, detail), missing.len() + bad.len())
}

fn arena(limits: &Limits, evidence: Evidence) -> Check {
    let base = check("arena_headroom", "arena headroom", Verdict::Unknown, "");
    let peak = match evidence.arena_peak {
        Ok(peak) => peak,
        Err(reason) => return Check { detail: reason.to_owned(), ..base },
    };
    let mut result = under(base, Unit::Bytes, limits.budget.0, peak, limits.headroom);
    result.manifest = Some("arena.budget".to_owned());
    let measured = evidence.measurement;
    let planned = format!("planned peak {} bytes of a budget of {}", grouped(peak), grouped(limits.budget.0));
    let shown = match &measured.blocked {
        None => format!("{planned}, {} written on the target", grouped(measured.arena_bytes)),
        Some(_) => format!("{planned}, not measured"),
    };
    let enough = budget_for(peak, limits.headroom).0;
    let next = format!("raise `budget` of `arena` to \"{enough} B\" with its owner's agreement, or shrink the model");
    // The budget is said already.
    let is_over = result.verdict == Verdict::Fail;
    result.detail = if is_over { after(shown, result.verdict, &next) } else { judged(shown, &result, &next) };
    result
}

fn kernels(limits: &Limits, audit: &Audit, footprint: &Footprint) -> Check {
    let mut base = check("kernels", "kernel policy", Verdict::NotApplicable, "");
    base.manifest = Some("kernels.policy".to_owned());
    let Some(policy) = limits.policy else {
        base.detail = "the host runs reference kernels; the policy concerns Cortex-M targets".into();
        return base;
    };
    let off = audit.share_off_library();
    let off_text = match off {
        none if none <= 0.0 => "no MACs run on reference kernels".to_owned(),
        some => format!("{:.2} % of the MACs run on reference kernels", some * 100.0),
    };
    base.value = Some(Quantity { value: off, unit: Unit::Ratio });
    match policy {
        Policy::Prefer => {
            base.verdict = Verdict::Pass;
            base.detail = format!("`prefer`: {off_text}");
        }
        Policy::Require => {
            base.limit = Some(Quantity { value: limits.max_mac_share.0, unit: Unit::Ratio });
            let within = off <= limits.max_mac_share.0;
            base.verdict = if within { Verdict::Pass } else { Verdict::Fail };
            base.detail = if within {
                format!("`require`: {off_text}")
            } else {
                format!("`require`: {off_text}; see the reasons in the operator table, or allow a `fallback`")
            };
        }
        Policy::Forbid => {
            let used = audit.rows.iter().filter(|row| audit.on_library(row)).count();
            base.verdict = if used == 0 { Verdict::Pass } else { Verdict::Fail };
            base.detail = format!("`forbid`: {used} operators run on `{}`", audit.library);
        }
    }
    if let Some(broken) = broken_promise(audit, footprint) {
        base.verdict = Verdict::Fail;
        base.detail = broken;
    }
    base
}

fn reference(expectation: &Expectation) -> Check {
    let base = check("reference", "reference (recorded truth)", Verdict::NotApplicable, "");
    if let Some(reason) = &expectation.blocked {
        return Check { verdict: Verdict::Unknown, detail: reason.clone(), ..base };
    }
    let Some(recorded) = &expectation.recorded else {
        return Check { detail: format!("no recorded truth: {}", expectation.source), ..base };
    };
    let mut result = none_of(base, recorded.compared - recorded.equal);
    (result.verdict, result.detail) = match &recorded.first_difference {
        None => (Verdict::Pass, format!("{} recorded outputs equal the host reference", recorded.compared)),
        Some(difference) => {
            (Verdict::Fail, format!("{}; check which model and converter made the recorded outputs", place(difference)))
        }
    };
    result.manifest = Some("regression.vectors".to_owned());
    result
}

fn bit_exactness(measured: &Measurement) -> Check {
    let base = check("bit_exactness", "bit-exactness", Verdict::Pass, "");
    if let Some(reason) = &measured.blocked {
        return unmeasured(base, measured.target_failed, reason);
    }
    let mut result = none_of(base, usize::from(measured.first_difference.is_some()));
    (result.verdict, result.detail) = match &measured.first_difference {
        None => (
            Verdict::Pass,
            format!("{} operator outputs on the target equal the host reference", grouped(measured.tensors_compared)),
        ),
        Some(difference) => (Verdict::Fail, format!("{}; see the runbook, signature `mismatch`", place(difference))),
    };
    result
}

fn determinism(measured: &Measurement) -> Check {
    let base = check("determinism", "determinism", Verdict::Pass, "");
    if let Some(reason) = &measured.blocked {
        return unmeasured(base, measured.target_failed, reason);
    }
    let mut result = none_of(base, usize::from(measured.nondeterminism.is_some()));
    (result.verdict, result.detail) = match &measured.nondeterminism {
        None => (
            Verdict::Pass,
            format!("{} runs of each vector give the same outputs{}", measured.runs, over(&measured.conditions)),
        ),
        Some(text) => (Verdict::Fail, format!("{text}; see the runbook, signature `nondeterminism`")),
    };
    result
}

/// `over 0x00, 0xFF, noise, other inputs in between, cold and warm`.
fn over(conditions: &[Condition]) -> String {
    let names: Vec<&str> = conditions.iter().map(|condition| condition.name()).collect();
    if names.is_empty() { String::new() } else { format!(" over {}", names.join(", ")) }
}

/// That two builds give the same firmware.
fn reproducible(reproduced: bool) -> Check {
    let (verdict, detail) = if reproduced {
        let detail =
            "two builds, the second from the release's own files with an empty store, gave the same app and harness";
        (Verdict::Pass, detail)
    } else {
        let detail = "one build cannot tell: `deployctl build --verify` and `promote` make everything twice";
        (Verdict::NotApplicable, detail)
    };
    check("reproducible", "firmware reproducible", verdict, detail)
}

/// Whether what was measured comes from the target that the manifest declares.
fn declared_target(limits: &Limits, measured: &Measurement) -> Check {
    let base = check("evidence", "evidence from the declared target", Verdict::Unknown, "");
    if measured.runner != limits.runner {
        let (found, declared) = (&measured.runner, &limits.runner);
        let detail = format!("the evidence is from `{found}`, and the target is run by `{declared}`; measure again");
        return Check { verdict: Verdict::Fail, detail, ..base };
    }
    if let Some(reason) = measured.blocked.as_ref().filter(|_| !measured.target_failed) {
        return Check { detail: reason.clone(), ..base };
    }
    let detail = match (measured.runner.as_str(), measured.emulated) {
        ("host", _) => "from this computer, which is the declared target".to_owned(),
        (runner, true) => format!("emulated: from `{runner}`, which is the declared target; no hardware was seen"),
        (runner, false) => {
            let witness = measured.witness.as_ref().map_or_else(String::new, |witness| format!(" ({witness})"));
            format!("hardware: from `{runner}`, which is the declared target{witness}")
        }
    };
    Check { verdict: Verdict::Pass, detail, ..base }
}

/// What was found, and where that does not pass the next step.
pub(super) fn after(text: String, verdict: Verdict, next: &str) -> String {
    if verdict.is_good() { text } else { format!("{text}; {next}") }
}

fn place(difference: &Difference) -> String {
    let hop = difference.hop.map_or_else(String::new, |hop| format!(", hop {hop}"));
    let (name, tensor) = (&difference.operator_name, short_name(&difference.tensor));
    let operator = format!("{} {name}", difference.called);
    let writes = format!("vector {}{hop}: {} writes `{tensor}`", difference.vector, operator.trim_start());
    if difference.found == difference.expected {
        return format!(
            "{writes}, whose digest was wrong in one run, while the tensor was right when it was asked for"
        );
    }
    let Difference { coordinate, found, expected, .. } = difference;
    format!("{writes}, which at {coordinate:?} is {found} and should be {expected}")
}

#[cfg(test)]
pub(super) mod tests;
