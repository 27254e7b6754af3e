//! Waivers: a gate that need not pass until a date, on someone's responsibility.
//!
//! Knows which gates there are by name and how a date is written; does not know what day it is.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::decode::{Grammar, Node};
use super::error::suggest;
use super::types::Spanned;
use super::value::Value;

pub(super) const WAIVE: Grammar =
    Grammar { arguments: 1, properties: &["owner", "reason", "until"], ..Grammar::NOTHING };
const EXAMPLE: &str = "waive \"stack\" owner=\"ml-platform@example.com\" reason=\"…\" until=\"2027-03-01\"";

/// The gates, in the order in which they are judged and listed.
pub const GATE_NAMES: [&str; 22] = [
    "conversion",
    "interface",
    "parity",
    "operators",
    "arena_headroom",
    "flash",
    "ram",
    "stack",
    "kernels",
    "reference",
    "bit_exactness",
    "determinism",
    "latency",
    "hop",
    "load",
    "startup",
    "accuracy",
    "reproducible",
    "trend",
    "version",
    "governed",
    "evidence",
];

/// Those that nobody can waive, and why.
const NOT_WAIVABLE: [(&str, &str); 3] = [
    ("operators", "firmware that lacks a kernel, or has a known bad one, does not compute the model"),
    (
        "governed",
        "a change of a governed value is agreed to with `deployctl approve`, which is what this gate asks for",
    ),
    ("evidence", "without evidence from the declared target there is nothing to be responsible for"),
];

/// A `waive` node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiver {
    /// Name of the gate.
    pub gate: String,
    /// Who answers for it.
    pub owner: String,
    /// Why.
    pub reason: String,
    /// The last day on which it holds.
    pub until: Date,
}

/// A day, as `2027-03-01`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Date {
    year: u16,
    month: u8,
    day: u8,
}

impl Date {
    /// Reads `2027-03-01`; nothing where there is no such day.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        let shaped = bytes.len() == 10 && bytes[4] == b'-' && bytes[7] == b'-';
        let digits = shaped && text.bytes().enumerate().all(|(at, byte)| at == 4 || at == 7 || byte.is_ascii_digit());
        if !digits {
            return None;
        }
        let (year, month, day) = (text[..4].parse().ok()?, text[5..7].parse().ok()?, text[8..].parse().ok()?);
        let sound = (1..=12).contains(&month) && (1..=days_of(year, month)).contains(&day);
        sound.then_some(Self { year, month, day })
    }

    /// The day, in UTC, of a time in seconds since the start of 1970.
    pub fn of_unix_seconds(seconds: u64) -> Self {
        let mut days = seconds / 86_400;
        let (mut year, mut month) = (1970_u16, 1_u8);
        while year < 9999 && days >= year_days(year) {
            days -= year_days(year);
            year += 1;
        }
        while month < 12 && days >= u64::from(days_of(year, month)) {
            days -= u64::from(days_of(year, month));
            month += 1;
        }
        let day = u8::try_from(days + 1).unwrap_or(31).min(days_of(year, month));
        Self { year, month, day }
    }
}

fn year_days(year: u16) -> u64 {
    (1..=12).map(|month| u64::from(days_of(year, month))).sum()
}

/// Days of a month of the Gregorian calendar.
fn days_of(year: u16, month: u8) -> u8 {
    let leap = (year.is_multiple_of(4) && !year.is_multiple_of(100)) || year.is_multiple_of(400);
    match month {
        2 => 28 + u8::from(leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

impl fmt::Display for Date {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

impl From<Date> for String {
    fn from(date: Date) -> Self {
        date.to_string()
    }
}

impl TryFrom<String> for Date {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text).ok_or_else(|| format!("`{text}` is not a day such as `2027-03-01`"))
    }
}

/// Reads a `waive` node.
pub(super) fn waiver(node: &Node<'_>) -> Option<Spanned<Waiver>> {
    let gate = node.need_argument(0, "a gate's name", EXAMPLE).and_then(|value| gate(&value));
    let owner = node.need_property("owner", EXAMPLE).and_then(|value| value.text());
    let reason = node.need_property("reason", EXAMPLE).and_then(|value| value.text());
    let until = node.need_property("until", EXAMPLE).and_then(|value| date(&value));
    let value = Waiver { gate: gate?, owner: owner?, reason: reason?, until: until? };
    Some(Spanned { value, span: node.span() })
}

fn gate(value: &Value<'_>) -> Option<String> {
    let name = value.text()?;
    if !GATE_NAMES.contains(&name.as_str()) {
        value.refuse(format!("there is no gate `{name}`"), "not known", suggest(&name, GATE_NAMES));
        return None;
    }
    if let Some((_, why)) = NOT_WAIVABLE.iter().find(|(gate, _)| *gate == name) {
        value.refuse(format!("the gate `{name}` cannot be waived"), "no exception", *why);
        return None;
    }
    Some(name)
}

/// A day.
pub(super) fn date(value: &Value<'_>) -> Option<Date> {
    let text = value.text()?;
    let date = Date::parse(&text);
    if date.is_none() {
        let help = "write year, month and day, such as `\"2027-03-01\"`";
        value.refuse(format!("{}: `{text}` is not a day", value.what()), "not a day", help);
    }
    date
}

pub(super) fn refuse_doubles(gates: &Node<'_>, waivers: &[Option<Spanned<Waiver>>]) {
    let nodes = gates.children_of("waive");
    let name = |waiver: &Option<Spanned<Waiver>>| waiver.as_ref().map(|waiver| waiver.value.gate.clone());
    for (index, waiver) in waivers.iter().enumerate() {
        let twice = name(waiver).filter(|gate| waivers[..index].iter().any(|other| name(other).as_ref() == Some(gate)));
        if let (Some(gate), Some(node)) = (twice, nodes.get(index)) {
            node.refuse(format!("`{gate}` is waived twice"), "second one", "keep one of them");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_read_and_written() {
        for text in ["2027-03-01", "2028-02-29", "2000-02-29", "0001-01-01", "9999-12-31"] {
            assert_eq!(Date::parse(text).unwrap().to_string(), text);
        }
        for text in [
            "2027-02-29",
            "1900-02-29",
            "2027-13-01",
            "2027-00-01",
            "2027-04-31",
            "2027-1-01",
            "01.03.2027",
            "2027-03-1é",
            "",
        ] {
            assert_eq!(Date::parse(text), None, "{text}");
        }
        assert!(Date::parse("2027-03-01") < Date::parse("2027-12-01"));
    }

    #[test]
    fn days_of_the_clock() {
        let day = |seconds| Date::of_unix_seconds(seconds).to_string();
        assert_eq!(day(0), "1970-01-01");
        assert_eq!(day(86_399), "1970-01-01");
        assert_eq!(day(951_782_400), "2000-02-29");
        assert_eq!(day(1_798_761_599), "2026-12-31");
        assert_eq!(day(1_798_761_600), "2027-01-01");
        // No clock is that far ahead; nothing panics.
        assert!(day(u64::MAX).starts_with("9999-12-"));
    }
}
