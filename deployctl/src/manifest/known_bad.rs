//! A known-bad table (`manifests/kernels/known-bad/NAME.kdl`) to checked [`Defect`]s.
//!
//! Knows how defects are written down; does not know which kernels run.

use super::board::{one_text, texts};
use super::catalog::Entry;
use super::decode::{Grammar, Node, Report, Times, check_children};
use super::error::{Errors, suggest};
use super::header;
use super::parse;
use super::syntax::Syntax;
use super::value::Value;
use crate::library::{ConditionError, Defect, Effect, FACTS, InstructionPath, version};

const FILE: Grammar = Grammar {
    arguments: 0,
    properties: &[],
    children: &[("known-bad", Times::Once), ("library", Times::Once), ("defect", Times::Often)],
    later: &[],
};
const TEXT: Grammar = Grammar { arguments: 1, ..Grammar::NOTHING };
const TEXTS: Grammar = Grammar { arguments: 64, ..Grammar::NOTHING };
const VERSIONS: Grammar = Grammar { properties: &["from", "before"], ..Grammar::NOTHING };
const DEFECT: Grammar = Grammar {
    arguments: 1,
    properties: &[],
    children: &[
        ("operator", Times::Once),
        ("function", Times::Once),
        ("where", Times::Often),
        ("instructions", Times::Once),
        ("versions", Times::Once),
        ("effect", Times::Once),
        ("summary", Times::Once),
        ("remedy", Times::Once),
        ("source", Times::Once),
    ],
    later: &[],
};
const VERSIONS_EXAMPLE: &str = "versions from=\"V.12.5.0\" before=\"V.12.6.0\"";

/// Reads a table.
pub(super) fn read(_name: &str, entry: &Entry, syntax: &Syntax) -> Result<Vec<Defect>, Errors> {
    let parsed = parse::parse(&entry.bytes, &entry.shown, syntax)?;
    let report = Report::new(parsed.text);
    let nodes = parsed.document.nodes();
    if !header::check(nodes, "known-bad", &report) {
        return report.finish(&entry.shown, None);
    }
    check_children(nodes, "a known-bad table", &FILE, &report);
    let library = Node::find(nodes, "library", &TEXT, &report);
    if library.is_none() {
        header::missing(nodes, "this known-bad table", "library", "library \"cmsis-nn\"", &report);
    }
    let library = library.and_then(one_text);
    let defects: Vec<_> = Node::find_all(nodes, "defect", &DEFECT, &report)
        .iter()
        .map(|node| defect(node, library.as_deref().unwrap_or_default()))
        .collect();
    let table = library.and(defects.into_iter().collect());
    report.finish(&entry.shown, table)
}

fn defect(node: &Node<'_>, library: &str) -> Option<Defect> {
    let name = node.need_argument(0, "a name", "defect \"…\" { … }").and_then(|value| value.text());
    let operators = node.need_child("operator", &TEXTS, "operator \"TRANSPOSE_CONV\"").and_then(texts);
    let functions = node.child("function", &TEXTS).map_or(Some(Vec::new()), texts);
    let conditions: Vec<_> = node.children("where", &TEXT).iter().map(condition).collect();
    let instructions = node.child("instructions", &TEXTS).map_or(Some(Vec::new()), |node| instructions(&node));
    let versions = node.need_child("versions", &VERSIONS, VERSIONS_EXAMPLE).and_then(|node| versions(&node));
    let effect = node.need_child("effect", &TEXT, "effect \"wrong\"").and_then(|node| {
        let effects = [("wrong", Effect::Wrong), ("memory", Effect::Memory), ("slow", Effect::Slow)];
        node.need_argument(0, "a word", "effect \"wrong\"")?.choice(&effects, &[])
    });
    let text = |name: &'static str| node.need_child(name, &TEXT, &format!("{name} \"…\"")).and_then(one_text);
    let (summary, remedy, source) = (text("summary"), text("remedy"), text("source"));
    let (from, before) = versions?;
    Some(Defect {
        name: name?,
        library: library.to_owned(),
        operators: operators?,
        functions: functions?,
        conditions: conditions.into_iter().collect::<Option<_>>()?,
        instructions: instructions?,
        from,
        before,
        effect: effect?,
        summary: summary?,
        remedy: remedy?,
        source: source?,
    })
}

fn condition(node: &Node<'_>) -> Option<crate::library::Condition> {
    const EXAMPLE: &str = "where \"padding-h % stride-h != 0\"";
    let value = node.need_argument(0, "a condition", EXAMPLE)?;
    match value.text()?.parse() {
        Ok(condition) => Some(condition),
        Err(error) => {
            let help = match &error {
                ConditionError::Form(_) => {
                    format!("write `{EXAMPLE}`, with spaces; `%` and what it divides by may be left out")
                }
                ConditionError::Fact(name) => suggest(name, FACTS),
            };
            value.refuse(error.to_string(), "here", help);
            None
        }
    }
}

fn instructions(node: &Node<'_>) -> Option<Vec<InstructionPath>> {
    const KINDS: [(&str, InstructionPath); 3] =
        [("scalar", InstructionPath::Scalar), ("dsp", InstructionPath::Dsp), ("mve", InstructionPath::Mve)];
    let kinds: Vec<_> = node.arguments().iter().map(|value| value.choice(&KINDS, &[])).collect();
    kinds.into_iter().collect()
}

fn versions(node: &Node<'_>) -> Option<(u32, Option<u32>)> {
    let number = |value: Value<'_>| {
        let text = value.text()?;
        let number = version(&text);
        if number.is_none() {
            let help = "write the `$Revision` of `Include/arm_nnfunctions.h`, such as `V.12.5.1`";
            value.refuse(format!("{} is no revision", value.what()), "here", help);
        }
        number
    };
    let from = node.need_property("from", VERSIONS_EXAMPLE).and_then(number);
    let before = node.property("before").map_or(Some(None), |value| number(value).map(Some));
    let (from, before) = (from?, before?);
    if before.is_some_and(|before| before <= from) {
        node.refuse("no revision lies in this range", "empty", format!("write `{VERSIONS_EXAMPLE}`"));
        return None;
    }
    Some((from, before))
}
