//! What a build will do and why, for people. Knows fields, not how they are hashed.

use std::collections::BTreeMap;

use crate::StageId;
use crate::record::{PrintedField, Section};

/// A field of a key, before and now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldChange {
    /// Which part of the key.
    pub section: Section,
    /// `board.memory[0].size`.
    pub name: String,
    /// Its value in the last record of the node, if it was there.
    pub old: Option<String>,
    /// Its value now, if it is there.
    pub new: Option<String>,
}

impl FieldChange {
    /// Whether old and new differ.
    pub fn is_changed(&self) -> bool {
        self.old != self.new
    }
}

/// What a build will do with a stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Forecast {
    /// Nothing: its record is there.
    Reuse,
    /// Run it.
    Run {
        /// The fields that differ from the node's last record; empty if that record is gone or is not to be used.
        changed: Vec<FieldChange>,
    },
    /// Run it if what an earlier stage makes has changed.
    Maybe {
        /// The earlier stage, which runs first.
        because: StageId,
    },
}

/// Why a stage runs or does not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Why {
    /// The node's name.
    pub node: String,
    /// The stage's name.
    pub stage: &'static str,
    /// What a build will do.
    pub forecast: Forecast,
    /// Whether the node has a record to compare with.
    pub built_before: bool,
    /// All fields, in the key's order, those that went last. What an earlier stage has yet to make is called unknown.
    pub fields: Vec<FieldChange>,
}

/// Old and new, field by field, in the order of the new.
pub(crate) fn compare(old: &[PrintedField], new: &[PrintedField]) -> Vec<FieldChange> {
    let mut before: BTreeMap<_, _> = old.iter().map(|field| ((field.section, &field.name), field)).collect();
    let mut fields: Vec<FieldChange> = new
        .iter()
        .map(|field| {
            let old = before.remove(&(field.section, &field.name));
            let retyped = old.is_some_and(|old| old.kind != field.kind);
            FieldChange {
                section: field.section,
                name: field.name.clone(),
                old: old.map(|old| show(old, retyped)),
                new: Some(show(field, retyped)),
            }
        })
        .collect();
    for field in old.iter().filter(|field| before.contains_key(&(field.section, &field.name))) {
        let (section, name) = (field.section, field.name.clone());
        fields.push(FieldChange { section, name, old: Some(field.value.clone()), new: None });
    }
    fields
}

/// Two values that look alike but differ in type are shown with their types.
fn show(field: &PrintedField, with_type: bool) -> String {
    if with_type { format!("{} ({})", field.value, field.kind) } else { field.value.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(name: &str, kind: &str, value: &str) -> PrintedField {
        PrintedField { section: Section::Own, name: name.into(), kind: kind.into(), value: value.into() }
    }

    #[test]
    fn what_changed_came_and_went_is_named() {
        let old = [field("a", "text", "1"), field("b", "text", "1"), field("c", "text", "1"), field("d", "text", "1")];
        let new =
            [field("a", "text", "1"), field("b", "text", "2"), field("d", "integer", "1"), field("e", "text", "5")];
        let shown: Vec<_> = compare(&old, &new)
            .into_iter()
            .filter(FieldChange::is_changed)
            .map(|change| format!("{}: {:?} {:?}", change.name, change.old, change.new))
            .collect();
        let expected = [
            r#"b: Some("1") Some("2")"#,
            r#"d: Some("1 (text)") Some("1 (integer)")"#,
            r#"e: None Some("5")"#,
            r#"c: Some("1") None"#,
        ];
        assert_eq!(shown, expected);
    }
}
