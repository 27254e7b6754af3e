//! A check in a line, for commands that show all of them.

use serde_json::json;

use crate::gate::{Check, Verdict};
use crate::ui::{Event, Ui, wrapped};

/// Columns of a verdict's name.
const VERDICT: usize = 7;
/// Columns of a line.
const WIDTH: usize = 110;

/// Shows it.
pub(super) fn show(check: &Check, ui: &Ui) {
    ui.show(&Event::Line { fields: json!({ "check": check }), text: line(check) });
}

/// `  pass     bit-exactness: 276 operator outputs …`.
pub(super) fn line(check: &Check) -> String {
    let word = match check.verdict {
        Verdict::NotApplicable => "–",
        verdict => verdict.name(),
    };
    let head = format!("  {word:<VERDICT$}  ");
    wrapped(&head, 2 + VERDICT + 2, &format!("{}: {}", check.title, check.detail), WIDTH)
}
