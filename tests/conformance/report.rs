//! What a run found: figures for each operator, disagreements, and refusals against the committed list.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs;
use std::path::Path;

use crate::archive::Case;
use crate::compare::{Outcome, ULP, Wrong};

/// Figures of one operator and type.
#[derive(Default)]
struct Row {
    models: usize,
    tensors: usize,
    refused: usize,
    ulp: u32,
}

/// Everything that a run found.
#[derive(Default)]
pub(crate) struct Report {
    operators: BTreeMap<String, Row>,
    /// Models that we refuse and LiteRT Micro runs, by operator and reason.
    refusals: BTreeMap<String, Vec<String>>,
    wrong: Vec<String>,
    ran: usize,
    /// Tensors computed from others that are within the bound, but not equal.
    unjudged: usize,
    refused_by_both: usize,
    /// Models whose results LiteRT Micro leaves undefined, and whether ours are those that it gives in zeroed memory.
    undefined: Vec<(String, bool)>,
    refused_by_litert: Vec<String>,
}

impl Report {
    pub(crate) fn add(&mut self, case: &Case, outcome: &Outcome) {
        match (outcome, &case.data) {
            (Outcome::Ran(_) | Outcome::Wrong(Wrong::Result(_)), Some(_)) if case.undefined => {
                self.undefined.push((case.name.clone(), matches!(outcome, Outcome::Ran(_))));
            }
            (Outcome::Ran(operators), Some(_)) => {
                self.ran += 1;
                let names: BTreeSet<&str> = operators.iter().map(|operator| operator.name.as_str()).collect();
                for name in names {
                    self.row(name).models += 1;
                }
                for operator in operators {
                    self.unjudged += operator.unjudged;
                    let row = self.row(&operator.name);
                    row.tensors += operator.tensors;
                    row.ulp = row.ulp.max(operator.ulp);
                }
            }
            (Outcome::Ran(_), None) => self.refused_by_litert.push(case.name.clone()),
            (Outcome::Refused { operator, reason }, Some(_)) if !case.undefined => {
                self.row(operator).refused += 1;
                let kind = format!("{operator}: {}", without_numbers(reason));
                self.refusals.entry(kind).or_default().push(case.name.clone());
            }
            (Outcome::Refused { .. }, _) => self.refused_by_both += 1,
            (Outcome::Wrong(what), _) => self.wrong.push(format!("{}: {what}", case.name)),
        }
    }

    fn row(&mut self, name: &str) -> &mut Row {
        self.operators.entry(name.to_owned()).or_default()
    }

    /// All models.
    pub(crate) fn models(&self) -> usize {
        let refused: usize = self.refusals.values().map(Vec::len).sum();
        self.ran
            + refused
            + self.refused_by_both
            + self.refused_by_litert.len()
            + self.undefined.len()
            + self.wrong.len()
    }

    /// Fails where a result differs or something panicked.
    pub(crate) fn passes(&self) {
        assert!(self.wrong.is_empty(), "{} models are wrong:\n{}", self.wrong.len(), self.wrong.join("\n"));
    }

    /// Fails where a model is refused for a reason that `list` does not have.
    pub(crate) fn refusals_are_known(&self, list: &Path) {
        let known = fs::read_to_string(list).unwrap();
        let known: BTreeSet<&str> = known.lines().collect();
        let new: Vec<&String> = self.refusals.keys().filter(|kind| !known.contains(kind.as_str())).collect();
        assert!(new.is_empty(), "refused, and not in {}:\n{new:#?}", list.display());
    }

    /// Fails where the reasons for which models are refused are not those of `list`; `DEPLOYCTL_BLESS` writes it anew.
    pub(crate) fn refusals_are_exactly(&self, list: &Path) {
        let lines = self.refusals.keys().map(String::as_str).chain([""]).collect::<Vec<_>>().join("\n");
        if std::env::var_os("DEPLOYCTL_BLESS").is_some() {
            fs::write(list, lines).unwrap();
            return;
        }
        self.refusals_are_known(list);
        let gone = "a reason is gone: run the full test with DEPLOYCTL_BLESS=1";
        assert!(fs::read_to_string(list).unwrap() == lines, "{}: {gone}", list.display());
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<44} {:>6} {:>8} {:>8} {:>4}", "operator", "models", "tensors", "refused", "ULP")?;
        for (name, row) in &self.operators {
            writeln!(f, "{name:<44} {:>6} {:>8} {:>8} {:>4}", row.models, row.tensors, row.refused, row.ulp)?;
        }
        let tensors: usize = self.operators.values().map(|row| row.tensors).sum();
        writeln!(f, "{} models, {} equal in {tensors} tensors (float32 within {ULP} ULP)", self.models(), self.ran)?;
        writeln!(f, "not judged, computed from float32 within the bound: {} tensors", self.unjudged)?;
        for (kind, names) in &self.refusals {
            writeln!(f, "refused, {} models, such as {}: {kind}", names.len(), names[0])?;
        }
        writeln!(f, "refused by both: {}", self.refused_by_both)?;
        for name in &self.refused_by_litert {
            writeln!(f, "runs here, not in LiteRT Micro: {name}")?;
        }
        for (name, equal) in &self.undefined {
            writeln!(f, "undefined in LiteRT Micro, {} here: {name}", if *equal { "equal" } else { "other" })?;
        }
        for wrong in &self.wrong {
            writeln!(f, "WRONG {wrong}")?;
        }
        Ok(())
    }
}

/// A reason with `#` for every number and `[#]` for every list of them, so that equal causes have equal words.
fn without_numbers(reason: &str) -> String {
    let mut words = String::new();
    let mut previous = ' ';
    let mut number = false;
    for letter in reason.chars() {
        let goes_on = number && (letter.is_ascii_alphanumeric() || letter == '.' || (previous == 'e' && letter == '-'));
        let begins = !goes_on && letter.is_ascii_digit() && !previous.is_ascii_alphanumeric() && previous != '_';
        if begins {
            if words.ends_with('-') {
                words.pop();
            }
            words.push('#');
        } else if !goes_on {
            words.push(letter);
        }
        number = begins || goes_on;
        previous = letter;
    }
    while words.contains("#, #") {
        words = words.replace("#, #", "#");
    }
    words
}

#[test]
fn numbers_are_left_out() {
    assert_eq!(without_numbers("adds [1, 9, -7] (int16) at 1.5e-3, op:7"), "adds [#] (int16) at #, op:#");
    assert_eq!(without_numbers("CONV_2D"), "CONV_2D");
}
