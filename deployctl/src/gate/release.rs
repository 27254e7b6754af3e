//! The checks against the last release: `trend` (what has grown) and `version` (what must have risen).

use std::collections::BTreeMap;

use cargo_metadata::semver::Version;
use serde::{Deserialize, Serialize};

use super::judge::{Limits, check, none_of};
use super::load::Services;
use super::metric::Figure;
use super::{Check, Quantity, Unit, Verdict};
use crate::manifest::{self, Manifest, Percentile, Port, PortQuantization, Ratio, Spanned};

/// What `release.json` says of a release, as far as later builds are held against it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Release {
    /// `deployctl/release/1`.
    pub schema: String,
    /// Name of the deployment.
    pub deployment: String,
    /// Its version.
    pub version: String,
    /// Where the evidence of all targets comes from, in a word.
    #[serde(default)]
    pub evidence: String,
    /// Inputs and outputs.
    pub interface: Interface,
    /// Governed values by their paths.
    #[serde(default)]
    pub governed: BTreeMap<String, String>,
    /// What was built for each board.
    pub targets: Vec<ReleasedTarget>,
}

/// Inputs and outputs of a deployment.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Interface {
    /// In order.
    pub inputs: Vec<PortRecord>,
    /// In order.
    pub outputs: Vec<PortRecord>,
}

/// An input or output.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PortRecord {
    /// Tensor name.
    pub name: String,
    /// Element type, as manifests write it.
    #[serde(rename = "type")]
    pub dtype: String,
    /// Dimensions.
    pub shape: Vec<usize>,
    /// Scale and zero point, where declared.
    pub quantization: Option<PortQuantization>,
    /// Labels, where declared.
    pub labels: Option<Vec<String>>,
}

/// A target of a release.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct ReleasedTarget {
    /// Its board.
    pub board: String,
    /// Where its evidence comes from, in a word.
    #[serde(default)]
    pub evidence: String,
    /// Its verdict.
    #[serde(default)]
    pub verdict: Option<Verdict>,
    /// Figures by name.
    #[serde(default)]
    pub figures: BTreeMap<String, Quantity>,
}

/// What the present build is held against the last release with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Present {
    /// The deployment's name.
    pub deployment: String,
    /// Its version.
    pub version: String,
    /// The board.
    pub board: String,
    /// Inputs and outputs.
    pub interface: Interface,
    /// Governed values by their paths.
    pub governed: BTreeMap<String, String>,
}

/// Schema of `release.json` that is read.
pub const RELEASE_SCHEMA: &str = "deployctl/release/1";
const NO_RELEASE: &str = "there is no earlier release in `releases/`: `deployctl promote` makes one";

impl From<&Port> for PortRecord {
    fn from(port: &Port) -> Self {
        Self {
            name: port.name.clone(),
            dtype: port.dtype.name().to_owned(),
            shape: port.shape.clone(),
            quantization: port.quantization,
            labels: port.labels.clone(),
        }
    }
}

impl Present {
    /// What a manifest says of itself, for one of its boards.
    pub fn of(manifest: &Manifest, board: &str) -> Self {
        let ports = |ports: &[Spanned<Port>]| ports.iter().map(|port| (&port.value).into()).collect();
        Self {
            deployment: manifest.name.value.clone(),
            version: manifest.version.clone(),
            board: board.to_owned(),
            interface: Interface { inputs: ports(&manifest.model.inputs), outputs: ports(&manifest.model.outputs) },
            governed: manifest::governed(manifest).into_iter().map(|one| (one.param, one.value)).collect(),
        }
    }

    /// Whether a release of this version would promise the same.
    pub fn agrees(&self, released: &Release) -> bool {
        breaks(&released.interface, &self.interface).is_empty() && changes(released, self).is_empty()
    }
}

impl Release {
    /// Reads a `release.json`.
    ///
    /// # Errors
    ///
    /// In words, where it is no such file.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        let release: Self = serde_json::from_slice(bytes).map_err(|error| format!("it is damaged: {error}"))?;
        if release.schema != RELEASE_SCHEMA {
            return Err(format!("its schema is `{}`, and this version reads `{RELEASE_SCHEMA}`", release.schema));
        }
        Ok(release)
    }

    /// Reads `release.json` of a version of a deployment.
    ///
    /// # Errors
    ///
    /// In words, where it is no such file, or another release's.
    pub fn read(bytes: &[u8], deployment: &str, version: &str) -> Result<Self, String> {
        let release = Self::parse(bytes)?;
        if (release.deployment.as_str(), release.version.as_str()) != (deployment, version) {
            return Err(format!("it is of `{}` {}", release.deployment, release.version));
        }
        Ok(release)
    }
}

/// A limited figure that the build and the last release both have.
struct Grown<'a> {
    gate: &'a str,
    metric: &'a str,
    by: f64,
    limit: f64,
}

/// Judges how figures have grown since the last release.
pub(super) fn trend(limits: &Limits, past: Option<(&Present, &Release)>, figures: &[Figure]) -> Check {
    let base = check("trend", "growth since the last release", Verdict::NotApplicable, "");
    let Some((present, release)) = past else { return Check { detail: NO_RELEASE.into(), ..base } };
    let Some(before) = release.targets.iter().find(|target| target.board == present.board) else {
        let detail = format!("release {} has no target `{}`", release.version, present.board);
        return Check { detail, ..base };
    };
    let of = |metric: &str| -> Option<f64> {
        let (now, then) = (figures.iter().find(|figure| figure.name == metric)?, before.figures.get(metric)?);
        (now.quantity.unit == then.unit).then(|| growth(now.quantity.value, then.value))
    };
    let changes: Vec<String> =
        figures.iter().filter_map(|figure| Some(format!("`{}` {}", figure.name, signed(of(&figure.name)?)))).collect();
    let changes = format!("since {}: {}", release.version, changes.join(", "));
    let declared = growths(limits);
    if declared.is_empty() {
        return Check { detail: format!("no `growth` is declared; {changes}"), ..base };
    }
    // What neither could measure is no loss, and what the release did not have cannot have grown.
    let lost = declared.iter().find(|(_, metric, _)| before.figures.contains_key(*metric) && of(metric).is_none());
    let measured = declared
        .iter()
        .filter_map(|(gate, metric, limit)| Some(Grown { gate, metric, by: of(metric)?, limit: limit.0 }));
    let worst = measured.max_by(|a, b| (a.by - a.limit).total_cmp(&(b.by - b.limit)));
    let mut result = base;
    if let Some(worst) = &worst {
        result.manifest = Some(format!("gates.{}.growth", worst.gate));
        result.limit = Some(ratio(worst.limit));
        result.value = worst.by.is_finite().then(|| ratio(worst.by));
    }
    (result.verdict, result.detail) = match (worst, lost) {
        (Some(worst), _) if worst.by > worst.limit => {
            let (metric, grown, limit) = (worst.metric, signed(worst.by), percent(worst.limit));
            let next = "find what grew with `deployctl diff`, or agree on another `growth` with the limit's owner";
            (Verdict::Fail, format!("`{metric}` has changed by {grown} and may grow by {limit}; {next}; {changes}"))
        }
        (_, Some((gate, metric, _))) => {
            let detail = format!(
                "release {} has `{metric}` and this build has not, so that `growth` of `{gate}` cannot be judged; {changes}",
                release.version
            );
            (Verdict::Unknown, detail)
        }
        _ => (Verdict::Pass, changes),
    };
    result
}

/// Gates with a limit on growth, the figure that each is about, and the limit.
fn growths(limits: &Limits) -> Vec<(&'static str, &'static str, Ratio)> {
    let all = [
        ("flash", "flash_bytes", limits.flash.and_then(|limit| limit.growth)),
        ("ram", "ram_bytes", limits.ram.and_then(|limit| limit.growth)),
        ("stack", "stack_bytes", limits.stack.and_then(|limit| limit.growth)),
        ("latency", latency_figure(limits), limits.latency.and_then(|limit| limit.growth)),
        ("hop", "hop_instructions", limits.hop.and_then(|limit| limit.growth)),
        ("startup", "startup_instructions", limits.startup.and_then(|limit| limit.growth)),
    ];
    all.into_iter().filter_map(|(gate, metric, limit)| Some((gate, metric, limit?))).collect()
}

/// The figure that the limit of latency is about.
fn latency_figure(limits: &Limits) -> &'static str {
    let loaded = limits.services == Services::Interrupt;
    match (limits.latency.and_then(|limit| limit.percentile), loaded) {
        (None, _) => "instructions",
        (Some(Percentile::P50), false) => "instructions_p50",
        (Some(Percentile::P90), false) => "instructions_p90",
        (Some(Percentile::P99), false) => "instructions_p99",
        (Some(Percentile::P50), true) => "loaded_instructions_p50",
        (Some(Percentile::P90), true) => "loaded_instructions_p90",
        (Some(Percentile::P99), true) => "loaded_instructions_p99",
    }
}

fn growth(now: f64, then: f64) -> f64 {
    if then > 0.0 {
        (now - then) / then
    } else if now > 0.0 {
        f64::INFINITY
    } else {
        0.0
    }
}

fn ratio(value: f64) -> Quantity {
    Quantity { value, unit: Unit::Ratio }
}

fn percent(value: f64) -> String {
    format!("{:.1} %", value * 100.0)
}

fn signed(value: f64) -> String {
    if value.is_finite() { format!("{:+.1} %", value * 100.0) } else { "from nothing".to_owned() }
}

/// Judges whether the version has risen by as much as changes ask for: since the last release, or since the release of the very
/// same version, where that is another than the build would make.
pub(super) fn version(past: Option<(&Present, &Release)>, reissued: Option<(&Present, &Release)>) -> Check {
    let mut base = check("version", "version of the deployment", Verdict::NotApplicable, "");
    let Some((present, release)) = reissued.or(past) else { return Check { detail: NO_RELEASE.into(), ..base } };
    base.manifest = Some("deployment.version".to_owned());
    let (Ok(now), Ok(then)) = (Version::parse(&present.version), Version::parse(&release.version)) else {
        let detail =
            format!("`{}` is no version that can be compared; write three numbers, such as `1.2.0`", present.version);
        return Check { verdict: Verdict::Unknown, detail, ..base };
    };
    let breaks = breaks(&release.interface, &present.interface);
    let changes = changes(release, present);
    let risen = if breaks.is_empty() { now > then } else { rises_major(&now, &then) };
    let needed = breaks.len() + changes.len();
    let mut result = none_of(base, if risen { 0 } else { needed });
    let words = breaks.iter().chain(&changes).cloned().collect::<Vec<_>>().join("; ");
    (result.verdict, result.detail) = match (needed, risen) {
        (0, _) => (Verdict::Pass, format!("interface and governed values are those of release {then}")),
        (_, true) => (Verdict::Pass, format!("{now} after {then}: {words}")),
        (_, false) => {
            let (why, next) = if breaks.is_empty() {
                ("a changed value asks for a higher version", Version::new(then.major, then.minor, then.patch + 1))
            } else {
                (
                    "programs that use the model must change with it, which asks for a new major version",
                    major_after(&then),
                )
            };
            let after =
                if now == then { format!("{now} is released already") } else { format!("{now} after release {then}") };
            (Verdict::Fail, format!("{after}: {words}; {why}: `version=\"{next}\"` or above"))
        }
    };
    result
}

/// Below 1.0.0 the second number is what breaks.
fn major_after(then: &Version) -> Version {
    if then.major == 0 { Version::new(0, then.minor + 1, 0) } else { Version::new(then.major + 1, 0, 0) }
}

fn rises_major(now: &Version, then: &Version) -> bool {
    let part = |version: &Version| (version.major, if version.major == 0 { version.minor } else { 0 });
    now > then && part(now) > part(then)
}

/// What programs that use the model trip over.
fn breaks(then: &Interface, now: &Interface) -> Vec<String> {
    let mut found = Vec::new();
    for (side, then, now) in [("input", &then.inputs, &now.inputs), ("output", &then.outputs, &now.outputs)] {
        let names = |ports: &[PortRecord]| ports.iter().map(|port| port.name.clone()).collect::<Vec<_>>();
        let (then_names, now_names) = (names(then), names(now));
        // A further output breaks nothing; a further input must be fed.
        let kept = if side == "output" { now_names.starts_with(&then_names) } else { now_names == then_names };
        if !kept {
            found.push(format!("{side}s were `{}` and are `{}`", then_names.join("`, `"), now_names.join("`, `")));
        }
        for (then, now) in then.iter().filter_map(|then| Some((then, now.iter().find(|now| now.name == then.name)?))) {
            found.extend(port_breaks(side, then, now));
        }
    }
    found
}

fn port_breaks(side: &str, then: &PortRecord, now: &PortRecord) -> Vec<String> {
    let name = &now.name;
    let mut found = Vec::new();
    if then.dtype != now.dtype {
        found.push(format!("type of {side} `{name}` was {} and is {}", then.dtype, now.dtype));
    }
    if then.shape != now.shape {
        found.push(format!("shape of {side} `{name}` was {:?} and is {:?}", then.shape, now.shape));
    }
    // What was not declared then was promised to nobody.
    if then.quantization.is_some() && then.quantization != now.quantization {
        let text = |found: Option<PortQuantization>| {
            found
                .map_or_else(|| "not declared".to_owned(), |q| format!("scale {} zero point {}", q.scale, q.zero_point))
        };
        let (was, is) = (text(then.quantization), text(now.quantization));
        found.push(format!("quantization of {side} `{name}` was {was} and is {is}"));
    }
    if let (Some(was), is) = (&then.labels, now.labels.as_ref())
        && is != Some(was)
    {
        found.push(format!("labels of {side} `{name}` changed"));
    }
    found
}

/// What programs need not know, and people must.
fn changes(release: &Release, present: &Present) -> Vec<String> {
    let mut found = Vec::new();
    for port in present.interface.outputs.iter().skip(release.interface.outputs.len()) {
        found.push(format!("output `{}` is new", port.name));
    }
    // A release that has none did not record them.
    if release.governed.is_empty() {
        return found;
    }
    for (param, now) in &present.governed {
        match release.governed.get(param) {
            Some(then) if then == now => {}
            Some(then) => found.push(format!("`{param}` was {then} and is {now}")),
            None => found.push(format!("`{param}` is new: {now}")),
        }
    }
    let gone = release.governed.iter().filter(|(param, _)| !present.governed.contains_key(*param));
    found.extend(gone.map(|(param, then)| format!("`{param}` was {then} and is gone")));
    found
}

#[cfg(test)]
mod tests;
