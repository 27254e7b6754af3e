//! The first node of every file: what the file is and the version of its grammar.

use kdl::{KdlNode, KdlValue};

use super::decode::Report;
use super::error::{Problem, is_misspelt};

/// The only version of the grammar so far.
const VERSION: i128 = 1;

/// True if the first node is `KIND version=1`; otherwise says what is wrong, and nothing else in the file means anything.
pub(super) fn check(nodes: &[KdlNode], kind: &str, report: &Report) -> bool {
    let help = format!("put `{kind} version={VERSION}` on the first line");
    let Some(first) = nodes.first() else {
        report.add(Problem::at(0..0, "the file has no nodes").label("nothing here").help(help));
        return false;
    };
    let span = first.name().span();
    let span = span.offset()..span.offset() + span.len();
    if first.name().value() != kind {
        let problem = Problem::at(span, format!("the file does not begin with `{kind} version={VERSION}`"));
        report.add(problem.label("first node").help(help));
        return false;
    }
    let mut version = None;
    for entry in first.entries() {
        let (name, value) = (entry.name().map(kdl::KdlIdentifier::value), entry.value());
        match (name, value) {
            (Some("version"), KdlValue::Integer(number)) if version.is_none() => version = Some(*number),
            _ => {
                let span = entry.span().offset()..entry.span().offset() + entry.span().len();
                let problem = Problem::at(span, format!("`{kind}` takes `version={VERSION}` and nothing else"));
                report.add(problem.label("here").help(help));
                return false;
            }
        }
    }
    match version {
        Some(VERSION) if first.children().is_none_or(|children| children.nodes().is_empty()) => true,
        Some(VERSION) => {
            let problem = Problem::at(span, format!("`{kind}` has no braces"));
            report.add(
                problem.label("here").help(format!("`{kind} version={VERSION}` stands alone; the rest follows it")),
            );
            false
        }
        Some(other) => {
            let problem =
                Problem::at(span, format!("version {other} of this file's grammar is not known to this version"));
            report.add(problem.label("here").help(format!("this version reads `{kind} version={VERSION}`")));
            false
        }
        None => {
            report.add(Problem::at(span, format!("`{kind}` needs `version`")).label("incomplete").help(help));
            false
        }
    }
}

/// Adds the problem that a top-level node is not there, unless one stands there misspelt: that is a problem already.
pub(super) fn missing(nodes: &[KdlNode], whole: &str, name: &str, example: &str, report: &Report) {
    if nodes.iter().any(|node| is_misspelt(node.name().value(), name)) {
        return;
    }
    let span = nodes.first().map_or(0..0, |first| {
        let span = first.name().span();
        span.offset()..span.offset() + span.len()
    });
    let problem = Problem::at(span, format!("{whole} has no `{name}`"));
    report.add(problem.label("in this file").help(format!("add `{example}`")));
}
