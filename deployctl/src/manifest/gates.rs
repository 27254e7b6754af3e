//! The `gates` node: limits over measurements, the accuracy that is asked for, and waivers.
//!
//! Knows limits as people write them, each with its unit; does not compare them with anything.

use serde::{Deserialize, Serialize};

use super::decode::{Grammar, Node, Report, Times};
use super::error::{Problem, suggest};
use super::limits::share;
use super::types::{Bytes, Model, Ratio, Spanned};
use super::units::{self, UnitError};
use super::value::Value;
use super::waiver::{self, WAIVE, Waiver};

pub(super) const GATES: Grammar = Grammar {
    arguments: 0,
    properties: &["owner"],
    children: &[
        ("flash", Times::Once),
        ("ram", Times::Once),
        ("stack", Times::Once),
        ("latency", Times::Once),
        ("hop", Times::Once),
        ("startup", Times::Once),
        ("accuracy", Times::Once),
        ("waive", Times::Often),
    ],
    later: &["power", "energy"],
};
const LIMIT: Grammar = Grammar { properties: &["max", "margin", "growth"], ..Grammar::NOTHING };
const LATENCY: Grammar = Grammar { properties: &["percentile", "max", "margin", "growth"], ..Grammar::NOTHING };
const ACCURACY: Grammar =
    Grammar { properties: &["metric", "min", "margin", "output"], later: &["dataset"], ..Grammar::NOTHING };

/// The `gates` node. Built-in gates need no node.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Gates {
    /// Flash of the app.
    pub flash: Option<Spanned<Limit<Bytes>>>,
    /// Static RAM of the app.
    pub ram: Option<Spanned<Limit<Bytes>>>,
    /// Stack of app and harness.
    pub stack: Option<Spanned<Limit<Bytes>>>,
    /// One inference.
    pub latency: Option<Spanned<Limit<Latency>>>,
    /// One hop of a stream.
    pub hop: Option<Spanned<Limit<Latency>>>,
    /// From reset to where the first inference could begin.
    pub startup: Option<Spanned<Limit<Latency>>>,
    /// How often labelled vectors must come out right.
    pub accuracy: Option<Spanned<Accuracy>>,
    /// What need not pass for a while.
    pub waivers: Vec<Spanned<Waiver>>,
    /// Who answers for the limits: the node's own `owner`, else the deployment's.
    pub owner: String,
}

/// A maximum, with the margin that it must be kept by and the growth that it may have.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Limit<T> {
    /// Most that is allowed.
    pub max: T,
    /// (limit − value) / limit must be at least this; zero if not stated.
    pub margin: Ratio,
    /// (value − before) / before may be at most this, where the value before is the last release's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub growth: Option<Ratio>,
    /// Which of many values the limit is for; what each kind of limit takes by itself where none is stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub percentile: Option<Percentile>,
}

/// Shares of values that are no larger than a figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "percentiles")]
pub enum Percentile {
    P50,
    P90,
    P99,
}

impl Percentile {
    /// In their order.
    pub const ALL: [Self; 3] = [Self::P50, Self::P90, Self::P99];

    /// As manifests write it.
    pub fn number(self) -> u8 {
        match self {
            Self::P50 => 50,
            Self::P90 => 90,
            Self::P99 => 99,
        }
    }
}

/// How long something may take: the unit is part of the limit, since each is measured elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Latency {
    /// Instructions, which emulated boards count.
    Instructions(u64),
    /// Nanoseconds, which only hardware has.
    Nanoseconds(u64),
}

/// What must come out right, and how often.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Accuracy {
    /// The label must be among so many highest scores: 1 or 5.
    pub top: usize,
    /// Least share of labelled vectors.
    pub min: Ratio,
    /// (value − limit) / limit must be at least this.
    pub margin: Ratio,
    /// The output with the scores; the model's only one if not stated.
    pub output: Option<String>,
}

impl Accuracy {
    /// As manifests write it: `top1`.
    pub fn metric(&self) -> String {
        format!("top{}", self.top)
    }
}

impl std::fmt::Display for Latency {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match *self {
            Self::Instructions(count) => write!(formatter, "{count} instructions"),
            Self::Nanoseconds(count) => formatter.write_str(&units::write_nanoseconds(count)),
        }
    }
}

/// Reads the `gates` node; without an owner of its own, `deployment_owner` answers for the limits.
pub(super) fn gates(node: &Node<'_>, deployment_owner: Option<&str>) -> Option<Gates> {
    let owner = match node.property("owner") {
        Some(value) => value.text(),
        None => deployment_owner.map(str::to_owned),
    };
    let flash = limit(node, "flash", "256KiB", true, &Bytes(0), units::bytes);
    let ram = limit(node, "ram", "32KiB", true, &Bytes(0), units::bytes);
    let stack = limit(node, "stack", "4KiB", true, &Bytes(0), units::bytes);
    let no_time = Latency::Instructions(0);
    let latency = limit(node, "latency", "9.5M instructions", false, &no_time, units::latency);
    let hop = limit(node, "hop", "120k instructions", false, &no_time, units::latency);
    let startup = limit(node, "startup", "2M instructions", false, &no_time, units::latency);
    let accuracy = node.child("accuracy", &ACCURACY).map_or(Some(None), |node| accuracy(&node).map(Some));
    let waivers: Vec<_> = node.children("waive", &WAIVE).iter().map(waiver::waiver).collect();
    waiver::refuse_doubles(node, &waivers);
    Some(Gates {
        flash: flash?,
        ram: ram?,
        stack: stack?,
        latency: latency?,
        hop: hop?,
        startup: startup?,
        accuracy: accuracy?,
        waivers: waivers.into_iter().collect::<Option<_>>()?,
        owner: owner?,
    })
}

type MaybeLimit<T> = Option<Spanned<Limit<T>>>;

fn limit<T: PartialEq>(
    gates: &Node<'_>,
    name: &str,
    example: &str,
    bare: bool,
    nothing: &T,
    read: impl Fn(&str) -> Result<T, UnitError>,
) -> Option<MaybeLimit<T>> {
    let grammar = if name == "latency" { &LATENCY } else { &LIMIT };
    let Some(node) = gates.child(name, grammar) else { return Some(None) };
    let max = node.need_property("max", &format!("{name} max=\"{example}\" margin=\"10%\"")).and_then(|value| {
        let max = value.quantity(bare, example, read)?;
        if max == *nothing {
            value.refuse("a limit of zero cannot be kept", "zero", format!("write a limit such as `\"{example}\"`"));
            return None;
        }
        Some(max)
    });
    let margin = share(&node, "margin");
    let growth =
        node.property("growth").map_or(Some(None), |value| value.quantity(false, "5%", units::percent).map(Some));
    let percentile = node.property("percentile").map_or(Some(None), |value| percentile(&value).map(Some));
    let value = Limit { max: max?, margin: margin?, growth: growth?, percentile: percentile? };
    Some(Some(Spanned { value, span: node.span() }))
}

fn percentile(value: &Value<'_>) -> Option<Percentile> {
    let number = value.integer(0..=100)?;
    let found = Percentile::ALL.into_iter().find(|known| i128::from(known.number()) == number);
    if found.is_none() {
        let help = "write `percentile=50`, `percentile=90` or `percentile=99`; without `percentile` the limit is for the most of all";
        value.refuse(format!("percentile {number} is not measured"), "not measured", help);
    }
    found
}

fn accuracy(node: &Node<'_>) -> Option<Spanned<Accuracy>> {
    let example = "accuracy metric=\"top1\" min=\"90%\"";
    let top = node.need_property("metric", example);
    let top = top.and_then(|value| value.choice(&[("top1", 1), ("top5", 5)], &["auc", "f1", "mae"]));
    let min = node.need_property("min", example).and_then(|value| {
        let min = value.quantity(false, "90%", units::percent)?;
        if min.0 <= 0.0 {
            value.refuse("a limit of zero is kept by any model", "zero", "write a share such as `\"90%\"`");
            return None;
        }
        Some(min)
    });
    let margin = share(node, "margin");
    let output = node.property("output").map_or(Some(None), |value| value.text().map(Some));
    let value = Accuracy { top: top?, min: min?, margin: margin?, output: output? };
    Some(Spanned { value, span: node.span() })
}

/// Refuses an accuracy of no output in particular, or of one that the model does not have.
pub(super) fn check_output(gates: &Gates, model: &Model, report: &Report) {
    let Some(Spanned { value: Accuracy { output, .. }, span }) = &gates.accuracy else { return };
    let names = || model.outputs.iter().map(|port| port.value.name.as_str());
    let (message, help) = match output {
        Some(name) if !names().any(|known| known == name) => {
            (format!("the model has no output `{name}`"), suggest(name, names().collect::<Vec<_>>()))
        }
        None if model.outputs.len() > 1 => {
            let first = names().next().unwrap_or_default();
            ("the model has several outputs".to_owned(), format!("say which has the scores: `output=\"{first}\"`"))
        }
        _ => return,
    };
    report.add(Problem::at(span.clone(), message).label("of which output").help(help));
}
