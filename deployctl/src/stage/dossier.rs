//! Everything that is known about a target, in the shape that report and runbook print: words, numbers with units, rows.

use std::collections::BTreeMap;

use deployctl_cache::BoxError;
use serde::{Deserialize, Serialize};

use super::emit::Emission;
use super::features::Features;
use super::given::{Given, json, optional};
use super::memory::Planned;
use super::parity;
use crate::advice::Finding as Advice;
use crate::gate::evidence::{
    self, Audit, AuditRow, Conversion, Expectation, FirmwareCrate, Footprint, Load, Measurement,
};
use crate::gate::metric::Figure;
use crate::gate::{Check, Judgement, Quantity, Verdict};
use crate::memory::MemoryPlan;
use crate::runner::Injection;

/// What the manifest, the board and the tools say about a target; the rest is evidence.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Subject {
    /// Name, version and owner of the deployment.
    pub deployment: Deployment,
    /// The board.
    pub target: Target,
    /// File name and digest of the model.
    pub model: Named,
    /// Tools and sources with their versions.
    pub tools: Vec<Named>,
    /// What whoever reads a report about the board must know, in sentences.
    pub cautions: Vec<String>,
}

/// A deployment's identity.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Deployment {
    /// Name.
    pub name: String,
    /// Version.
    pub version: String,
    /// Who answers for it.
    pub owner: String,
    /// One line for people.
    pub summary: Option<String>,
}

/// A board, as reports name it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Target {
    /// Name.
    pub board: String,
    /// One line for people.
    pub summary: String,
    /// Core.
    pub core: String,
    /// What the harness's ticks are ticks of.
    pub clock: String,
    /// `emulated (qemu)`, or `host`.
    pub evidence: String,
}

/// A thing and its digest or version.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Named {
    /// What.
    pub name: String,
    /// Digest or version.
    pub value: String,
}

/// One operator, as tables print it.
#[derive(Clone, Debug, Serialize)]
pub(super) struct OperatorRow {
    pub index: usize,
    /// What people call it.
    pub label: String,
    pub name: String,
    pub output: String,
    pub shape: String,
    pub macs: u64,
    pub share: f64,
    pub library: Option<String>,
    pub symbol: Option<String>,
    pub path: Option<String>,
    pub reason: Option<String>,
    pub advice: Option<String>,
    pub finding: Option<Advice>,
    pub code_bytes: Option<u64>,
    /// The most instructions that it took alone; of an operator of a hop, in one hop.
    pub instructions: Option<u64>,
    /// The same in cycles, where a real board counted them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cycles: Option<u64>,
    /// Digest of the output tensor for vector 0.
    pub digest: Option<String>,
    /// The index that a transcript has for it, where that is not its label.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
}

/// The operator table.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Operators {
    pub library: String,
    pub macs: u64,
    pub off_library: f64,
    pub rows: Vec<OperatorRow>,
}

/// What the app's code is made of.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Code {
    /// Kernel functions, the largest first.
    pub kernels: Vec<KernelCode>,
    /// Bytes of all operator functions.
    pub operators: u64,
    /// Number of operator functions.
    pub count: usize,
    /// Bytes of kernels and operator functions.
    pub total: u64,
}

/// A kernel function.
#[derive(Clone, Debug, Serialize)]
pub(super) struct KernelCode {
    pub symbol: String,
    pub bytes: u64,
}

/// What the vectors were.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Vectors {
    pub source: String,
    pub count: usize,
    pub distinct: usize,
    pub runs: u32,
}

/// A check with its verdict in words.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Row {
    /// The check.
    #[serde(flatten)]
    pub check: Check,
    /// The verdict as people read it.
    pub verdict_text: String,
}

/// Everything.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Dossier {
    #[serde(flatten)]
    pub subject: Subject,
    pub verdict: Verdict,
    pub verdict_text: String,
    pub gates: Vec<Row>,
    pub metrics: Vec<Figure>,
    pub operators: Operators,
    pub memory: Option<MemoryPlan>,
    pub blocked: Option<String>,
    pub code: Code,
    pub vectors: Vectors,
    pub warnings: Vec<String>,
    pub identity: Vec<Named>,
    pub provenance: Vec<Named>,
    pub crates: Vec<FirmwareCrate>,
    pub measurement: Measurement,
    /// What the target counts.
    pub counted: &'static str,
    /// Where services interrupt.
    pub load: Option<Load>,
    /// Where there are steps around the model.
    pub features: Option<Features>,
}

/// What stages found out, from the gate backwards.
pub(super) struct Papers {
    pub judgement: Judgement,
    pub audit: Audit,
    pub planned: Planned,
    pub expectation: Expectation,
    pub footprint: Footprint,
    pub measurement: Measurement,
    /// Where services interrupt.
    pub load: Option<Load>,
    /// Where known mistakes were made.
    pub injected: Option<Injection>,
    pub emission: Emission,
    /// What the model file says of how it was made.
    pub origin: Vec<(String, String)>,
    /// How it was made, where that is declared.
    pub conversion: Option<Conversion>,
    /// Where there are steps around the model.
    pub parity: Option<parity::Papers>,
}

impl Papers {
    /// `parity` says whether there are steps around the model, so that stage `parity` has run.
    pub(super) fn read(given: &dyn Given, parity: bool) -> Result<Self, BoxError> {
        Ok(Self {
            judgement: json(given, "verdict")?,
            audit: json(given, "audit")?,
            planned: json(given, "memory")?,
            expectation: json(given, "expectation")?,
            footprint: json(given, "footprint")?,
            measurement: json(given, "measurement")?,
            load: optional(given, "load")?,
            injected: optional(given, "injected")?,
            emission: json(given, "emission")?,
            origin: json(given, "origin")?,
            conversion: optional(given, "conversion")?,
            parity: parity.then(|| json(given, "parity")).transpose()?,
        })
    }
}

impl Dossier {
    /// Everything about a target, from its papers.
    pub(super) fn of(subject: &Subject, papers: &Papers) -> Self {
        let Papers { judgement, audit, planned, expectation, footprint, measurement, emission, parity, .. } = papers;
        let mut subject = subject.clone();
        if let Some(made) = &papers.conversion {
            subject.model.value.clone_from(&made.digest);
        }
        if let Some(witness) = &measurement.witness {
            subject.target.evidence = format!("hardware ({witness})");
        }
        let row = |check: &Check| Row { verdict_text: check.verdict.name().to_owned(), check: check.clone() };
        Self {
            verdict: judgement.verdict,
            verdict_text: judgement.verdict.name().to_owned(),
            gates: judgement.checks.iter().map(row).collect(),
            metrics: judgement.figures.clone(),
            operators: operators(papers),
            code: code(footprint),
            warnings: missing(measurement)
                .into_iter()
                .chain(subject.cautions.iter().cloned())
                .chain(warnings(expectation, audit))
                .collect(),
            counted: if measurement.cycles.is_some() { "cycles" } else { "instructions" },
            vectors: Vectors {
                source: expectation.source.clone(),
                count: expectation.vectors.len(),
                distinct: expectation.distinct_outputs,
                runs: measurement.runs,
            },
            identity: identity(&subject, emission, footprint),
            provenance: provenance(papers),
            crates: footprint.crates.clone(),
            blocked: [&planned.blocked, &emission.blocked, &footprint.blocked].into_iter().find_map(Clone::clone),
            memory: planned.plan.clone(),
            subject,
            measurement: measurement.clone(),
            load: papers.load.clone(),
            features: parity.as_ref().map(Features::of),
        }
    }
}

fn operators(papers: &Papers) -> Operators {
    let Papers { audit, footprint, measurement, .. } = papers;
    let vector = papers.expectation.vectors.first();
    let cycles = measurement.cycles.as_ref();
    let macs = audit.macs();
    let digest = |row: &AuditRow| match row.label.strip_prefix("hop.").map(str::parse::<usize>) {
        Some(step) => vector?.hops.get(step.ok()?).cloned(),
        None => vector?.operators.get(row.operator.0).cloned(),
    };
    let rows = audit.rows.iter().map(|row| OperatorRow {
        index: row.operator.0,
        label: row.label.clone(),
        name: row.name.clone(),
        output: row.output.clone(),
        shape: row.shape.iter().map(ToString::to_string).collect::<Vec<_>>().join("×"),
        macs: row.macs,
        share: evidence::share(row.macs, macs),
        library: row.kernel.as_ref().map(|kernel| kernel.library.clone()),
        symbol: row.kernel.as_ref().map(|kernel| kernel.symbol.clone()),
        path: row.kernel.as_ref().map(|kernel| kernel.path.name().to_owned()),
        reason: row.reason.clone(),
        advice: row.advice.clone(),
        finding: row.finding.clone(),
        code_bytes: footprint.operator_code.get(&row.label).copied(),
        instructions: measurement.operator_instructions.get(row.operator.0).copied().filter(|_| has_line(row)),
        cycles: cycles.and_then(|cycles| cycles.operators.get(row.operator.0).copied()).filter(|_| has_line(row)),
        digest: digest(row),
        line: line(row),
    });
    Operators { library: audit.library.clone(), macs, off_library: audit.share_off_library(), rows: rows.collect() }
}

/// Whether the harness steps the operator: those of blocks run within another.
fn has_line(row: &AuditRow) -> bool {
    !row.label.contains('.') || ["hop.", "pre.", "post."].iter().any(|step| row.label.starts_with(step))
}

/// The index that a transcript has for an operator, where that is not what people call it. Those of blocks have no line.
fn line(row: &AuditRow) -> Option<usize> {
    (has_line(row) && row.label != row.operator.0.to_string()).then_some(row.operator.0)
}

fn code(footprint: &Footprint) -> Code {
    let row = |(symbol, bytes): (&String, &u64)| KernelCode { symbol: symbol.clone(), bytes: *bytes };
    let mut kernels: Vec<_> = footprint.kernel_code.iter().map(row).collect();
    kernels.sort_by(|a, b| b.bytes.cmp(&a.bytes).then_with(|| a.symbol.cmp(&b.symbol)));
    let operators = footprint.operator_code.values().sum();
    let total = operators + kernels.iter().map(|kernel| kernel.bytes).sum::<u64>();
    Code { kernels, operators, count: footprint.operator_code.len(), total }
}

/// What must be known of a board that nobody has measured.
fn missing(measurement: &Measurement) -> Option<String> {
    let reason = measurement.blocked.as_ref().filter(|_| !measurement.target_failed)?;
    let is_board = measurement.runner.starts_with("probe ");
    is_board.then(|| format!("evidence from the target is missing: {reason}"))
}

fn warnings(expectation: &Expectation, audit: &Audit) -> Vec<String> {
    let mut warnings = Vec::new();
    let (count, distinct) = (expectation.vectors.len(), expectation.distinct_outputs);
    if distinct < count {
        warnings.push(format!(
            "{count} vectors give only {distinct} distinct outputs: the final outputs alone would prove little, so every \
             operator's output tensor is compared"
        ));
    }
    if expectation.seeded {
        warnings.push(format!(
            "no recorded truth: {}; record expected outputs from the training side in an `.npz` to check the model itself",
            expectation.source
        ));
    }
    warnings.extend(expectation.remarks.iter().cloned());
    let unsupported = audit.unsupported().count();
    if unsupported > 0 {
        warnings.push(format!("{unsupported} operators have no kernel, so there is no firmware"));
    }
    warnings
}

fn identity(subject: &Subject, emission: &Emission, footprint: &Footprint) -> Vec<Named> {
    let mut rows = vec![subject.model.clone()];
    let mut add = |name: &str, value: &str| {
        if !value.is_empty() {
            rows.push(Named { name: name.to_owned(), value: value.to_owned() });
        }
    };
    add("build digest", &emission.digest);
    add("app, loadable image", &footprint.app_image);
    add("harness, loadable image", &footprint.harness_image);
    rows.extend(subject.tools.iter().cloned());
    rows
}

/// Where the model comes from: what was declared and done, then what its file says.
fn provenance(papers: &Papers) -> Vec<Named> {
    let made = papers.conversion.iter().flat_map(|made| &made.provenance);
    made.chain(&papers.origin).map(|(name, value)| Named { name: name.clone(), value: value.clone() }).collect()
}

/// Metrics by name, as `gate-report.json` has them.
pub(super) fn by_name(metrics: &[Figure]) -> BTreeMap<&str, Quantity> {
    metrics.iter().map(|metric| (metric.name.as_str(), metric.quantity)).collect()
}
