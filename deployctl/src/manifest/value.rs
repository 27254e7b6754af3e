//! A typed view of the values in KDL nodes. As in `decode`, every accessor that finds something wrong says so and returns
//! nothing.
//!
//! Knows texts, numbers, quantities and choices, and how to complain about them; does not know what they are for.

use std::ops::Range;

use kdl::{KdlEntry, KdlValue};

use super::decode::{Node, range, refuse_later};
use super::error::{Problem, suggest};
use super::units::UnitError;

/// Where in its node a value stands.
#[derive(Clone, Copy)]
pub(super) enum Place {
    Argument(usize),
    Property(&'static str),
}

/// An argument or the value of a property.
#[derive(Clone, Copy)]
pub(super) struct Value<'a> {
    pub(super) entry: &'a KdlEntry,
    pub(super) node: Node<'a>,
    pub(super) place: Place,
}

impl Value<'_> {
    /// Where the value stands, without its key.
    pub(super) fn span(&self) -> Range<usize> {
        let whole = range(self.entry.span());
        let written = self.written().map_or(whole.len(), str::len);
        whole.end.saturating_sub(written).max(whole.start)..whole.end
    }

    /// The value as the file writes it.
    fn written(&self) -> Option<&str> {
        self.entry.format().map(|format| format.value_repr.as_str())
    }

    /// Adds a problem at the value.
    pub(super) fn refuse(&self, message: impl Into<String>, label: &str, help: impl Into<String>) {
        self.node.report.add(Problem::at(self.span(), message).label(label).help(help));
    }

    /// Text that is not empty and stands on one line.
    pub(super) fn text(&self) -> Option<String> {
        let KdlValue::String(text) = self.entry.value() else {
            return self.wrong("text", "put it in double quotes");
        };
        if text.trim().is_empty() {
            self.refuse(format!("{} is empty", self.what()), "empty", "write something in the quotes");
            return None;
        }
        if text.chars().any(char::is_control) {
            let help = "write it on one line";
            self.refuse(format!("{} has a line break or control character", self.what()), "here", help);
            return None;
        }
        Some(text.clone())
    }

    /// A name that a model gave: any text, even an empty one.
    pub(super) fn name(&self) -> Option<String> {
        match self.entry.value() {
            KdlValue::String(text) => Some(text.clone()),
            _ => self.text(),
        }
    }

    /// A whole number in `range`.
    pub(super) fn integer(&self, range: std::ops::RangeInclusive<i128>) -> Option<i128> {
        let KdlValue::Integer(number) = *self.entry.value() else {
            return self.wrong("a whole number", "write digits without quotes");
        };
        if range.contains(&number) {
            return Some(number);
        }
        let help = format!("write a whole number from {} to {}", range.start(), range.end());
        self.refuse(format!("{} is out of range", self.what()), "out of range", help);
        None
    }

    /// A real number, as the `f32` that is nearest to the decimal digits in the file.
    pub(super) fn float32(&self) -> Option<f32> {
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            reason = "rounding to f32 is what is asked"
        )]
        let value = match *self.entry.value() {
            KdlValue::Integer(number) => number as f32,
            // Not by way of f64: rounding twice can give the neighbour of the nearest f32.
            KdlValue::Float(number) => {
                let digits = self.written().map(|written| written.replace('_', ""));
                digits.and_then(|digits| digits.parse().ok()).unwrap_or(number as f32)
            }
            _ => return self.wrong("a number", "write digits without quotes, such as `0.5847029`"),
        };
        if value.is_finite() {
            return Some(value);
        }
        self.refuse(format!("{} is not a finite number", self.what()), "not finite", "write a number such as `0.5`");
        None
    }

    /// A number with up to three decimal places, in thousandths.
    pub(super) fn thousandths(&self, range: std::ops::RangeInclusive<u64>) -> Option<u64> {
        let (KdlValue::Integer(_) | KdlValue::Float(_)) = *self.entry.value() else {
            return self.wrong("a number", "write digits without quotes, such as `31.25`");
        };
        let digits = self.written().map(|written| written.replace('_', "")).unwrap_or_default();
        let (whole, rest) = digits.split_once('.').unwrap_or((&digits, ""));
        let scaled: Option<u64> = if rest.len() > 3 { None } else { format!("{whole}{rest:0<3}").parse().ok() };
        let (low, high) = (range.start().saturating_mul(1000), range.end().saturating_mul(1000));
        if let Some(scaled) = scaled.filter(|scaled| (low..=high).contains(scaled)) {
            return Some(scaled);
        }
        let help = format!("write a number from {} to {}, with up to three decimal places", range.start(), range.end());
        self.refuse(format!("{} is out of range", self.what()), "out of range", help);
        None
    }

    /// `#true` or `#false`.
    pub(super) fn flag(&self) -> Option<bool> {
        let KdlValue::Bool(flag) = *self.entry.value() else {
            return self.wrong("`#true` or `#false`", "write `#true` or `#false`, with the hash and without quotes");
        };
        Some(flag)
    }

    /// A quantity with a unit, in quotes; a bare whole number is taken where `bare` is true.
    pub(super) fn quantity<T>(
        &self,
        bare: bool,
        example: &str,
        read: impl Fn(&str) -> Result<T, UnitError>,
    ) -> Option<T> {
        let text = match self.entry.value() {
            KdlValue::String(text) => text.clone(),
            KdlValue::Integer(number) if bare => number.to_string(),
            _ => {
                return self.wrong("a quantity with its unit", &format!("write it in quotes, such as `\"{example}\"`"));
            }
        };
        match read(&text) {
            Ok(value) => Some(value),
            Err(error) => {
                self.refuse(format!("{}: {}", self.what(), error.message), "not a quantity", error.help);
                None
            }
        }
    }

    /// One of `choices`; one of `later` is refused as not supported yet.
    pub(super) fn choice<T: Copy>(&self, choices: &[(&'static str, T)], later: &[&str]) -> Option<T> {
        let text = self.text()?;
        if let Some((_, value)) = choices.iter().find(|(name, _)| *name == text) {
            return Some(*value);
        }
        if later.contains(&text.as_str()) {
            refuse_later(&text, self.span(), self.node.report);
            return None;
        }
        let help = suggest(&text, choices.iter().map(|(name, _)| *name));
        self.refuse(format!("{} cannot be `{text}`", self.what()), "not known", help);
        None
    }

    /// What this value is, for messages: `` `budget` of `arena` ``.
    pub(super) fn what(&self) -> String {
        match self.place {
            Place::Property(key) => format!("`{key}` of `{}`", self.node.name()),
            Place::Argument(0) => format!("the value of `{}`", self.node.name()),
            Place::Argument(index) => format!("value {} of `{}`", index + 1, self.node.name()),
        }
    }

    fn wrong<T>(&self, wanted: &str, help: &str) -> Option<T> {
        let label = match self.entry.value() {
            KdlValue::String(_) => "text",
            KdlValue::Integer(_) => "a whole number",
            KdlValue::Float(_) => "a number with decimals",
            KdlValue::Bool(_) => "true or false",
            KdlValue::Null => "nothing",
        };
        self.refuse(format!("{} must be {wanted}", self.what()), label, help);
        None
    }
}
