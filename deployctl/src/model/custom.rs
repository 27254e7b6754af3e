//! Options of custom operators, which have no schema: named values, asked for as LiteRT's `flexbuffers::Map` is.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The options of one custom operator, by name.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CustomOptions(BTreeMap<String, CustomValue>);

/// One value. Floats are finite.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum CustomValue {
    Int(i64),
    Uint(u64),
    Float(f64),
    Bool(bool),
    Text(String),
    List(Vec<CustomValue>),
}

impl CustomOptions {
    /// The options with these values.
    pub fn new(values: BTreeMap<String, CustomValue>) -> Self {
        Self(values)
    }

    /// Names and values, sorted by name.
    pub fn values(&self) -> impl Iterator<Item = (&str, &CustomValue)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// The names, in order of their bytes.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// The value of this name as it is.
    pub fn value(&self, name: &str) -> Option<&CustomValue> {
        self.0.get(name)
    }

    /// A whole number, `AsInt64`: floats lose their fraction. `None` where there is no value, or a text or a list.
    pub fn integer(&self, name: &str) -> Option<i64> {
        self.0.get(name)?.integer()
    }

    /// A whole number of 32 bits; `None` also where it does not fit.
    pub fn int32(&self, name: &str) -> Option<i32> {
        i32::try_from(self.integer(name)?).ok()
    }

    /// A float32, `AsFloat`; `None` also where it does not fit.
    pub fn float(&self, name: &str) -> Option<f32> {
        self.0.get(name)?.float()
    }

    /// A truth value, `AsBool`: of a number whether its whole part is not zero.
    pub fn bool(&self, name: &str) -> Option<bool> {
        self.integer(name).map(|value| value != 0)
    }

    /// A text.
    pub fn text(&self, name: &str) -> Option<&str> {
        match self.0.get(name)? {
            CustomValue::Text(text) => Some(text),
            _ => None,
        }
    }

    /// A list of whole numbers.
    pub fn integers(&self, name: &str) -> Option<Vec<i64>> {
        self.list(name)?.iter().map(CustomValue::integer).collect()
    }

    /// A list of float32.
    pub fn floats(&self, name: &str) -> Option<Vec<f32>> {
        self.list(name)?.iter().map(CustomValue::float).collect()
    }

    fn list(&self, name: &str) -> Option<&[CustomValue]> {
        match self.0.get(name)? {
            CustomValue::List(values) => Some(values),
            _ => None,
        }
    }
}

impl CustomValue {
    #[expect(clippy::cast_possible_truncation, reason = "the cast is the meaning; it saturates")]
    fn integer(&self) -> Option<i64> {
        match *self {
            Self::Int(value) => Some(value),
            Self::Uint(value) => i64::try_from(value).ok(),
            Self::Float(value) => Some(value as i64),
            Self::Bool(value) => Some(i64::from(value)),
            Self::Text(_) | Self::List(_) => None,
        }
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "the rounding is the meaning")]
    fn float(&self) -> Option<f32> {
        let value = match *self {
            Self::Int(value) => value as f32,
            Self::Uint(value) => value as f32,
            Self::Float(value) => value as f32,
            Self::Bool(value) => f32::from(u8::from(value)),
            Self::Text(_) | Self::List(_) => return None,
        };
        value.is_finite().then_some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_converted_as_flexbuffers_does() {
        let values = [
            ("int", CustomValue::Int(-3)),
            ("uint", CustomValue::Uint(u64::MAX)),
            ("real", CustomValue::Float(2.9)),
            ("huge", CustomValue::Float(1e300)),
            ("half", CustomValue::Float(0.5)),
            ("yes", CustomValue::Bool(true)),
            ("text", CustomValue::Text("a".to_owned())),
            ("list", CustomValue::List(vec![CustomValue::Int(1), CustomValue::Float(-1.5)])),
            ("texts", CustomValue::List(vec![CustomValue::Text("a".to_owned())])),
        ];
        let options = CustomOptions::new(values.into_iter().map(|(name, value)| (name.to_owned(), value)).collect());
        assert_eq!(
            (options.integer("int"), options.integer("real"), options.integer("yes")),
            (Some(-3), Some(2), Some(1))
        );
        assert_eq!((options.integer("uint"), options.integer("text"), options.integer("none")), (None, None, None));
        assert_eq!((options.int32("int"), options.int32("huge"), options.float("huge")), (Some(-3), None, None));
        assert_eq!((options.float("int"), options.float("half"), options.float("list")), (Some(-3.0), Some(0.5), None));
        assert_eq!((options.bool("half"), options.bool("int"), options.bool("text")), (Some(false), Some(true), None));
        assert_eq!((options.text("text"), options.text("int")), (Some("a"), None));
        assert_eq!((options.integers("list"), options.floats("list")), (Some(vec![1, -1]), Some(vec![1.0, -1.5])));
        assert_eq!((options.integers("texts"), options.integers("int")), (None, None));
    }
}
