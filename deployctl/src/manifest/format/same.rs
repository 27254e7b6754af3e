//! Whether a laid-out text still says the same: its values as the parser sees them, and its words and comments one by one.
//!
//! Knows KDL documents and tokens; does not know how a text is laid out.

use kdl::{KdlDocument, KdlEntry, KdlIdentifier, KdlNode};

use super::token::{Kind, Token};

/// The first node that is not the same, in words.
pub(super) fn difference(before: &KdlDocument, after: &KdlDocument) -> Option<String> {
    let (old, new) = (before.nodes(), after.nodes());
    if old.len() != new.len() {
        return Some(format!("{} nodes would be {}", old.len(), new.len()));
    }
    old.iter().zip(new).find_map(|(old, new)| node_difference(old, new))
}

fn node_difference(old: &KdlNode, new: &KdlNode) -> Option<String> {
    let name = |node: &KdlNode| (node.ty().map(text), text(node.name()));
    let entries = |node: &KdlNode| node.entries().iter().map(entry).collect::<Vec<_>>();
    if name(old) != name(new) || entries(old) != entries(new) {
        return Some(format!("the node `{}` would have another name or other values", old.name().value()));
    }
    match (old.children(), new.children()) {
        (Some(old), Some(new)) => difference(old, new),
        (None, None) => None,
        _ => Some(format!("the node `{}` would gain or lose its children", old.name().value())),
    }
}

fn text(identifier: &KdlIdentifier) -> String {
    identifier.value().to_owned()
}

/// Name, type and value, with a number as it is written.
fn entry(entry: &KdlEntry) -> (Option<String>, Option<String>, String, String) {
    let written = entry.format().map(|format| format.value_repr.replace("\r\n", "\n"));
    (entry.name().map(text), entry.ty().map(text), format!("{:?}", entry.value()), written.unwrap_or_default())
}

/// The first word or comment that is not in its place any more, in words. White space, `;` and `\` are none.
pub(super) fn lost_word(before: &[Token<'_>], after: &[Token<'_>]) -> Option<String> {
    let (before, after) = (said(before), said(after));
    let at = (0..before.len().max(after.len())).find(|&at| before.get(at) != after.get(at))?;
    let shown = |words: &[(Kind, String)]| words.get(at).map_or("nothing".to_owned(), |(_, text)| format!("`{text}`"));
    Some(format!("{} would be {}", shown(&before), shown(&after)))
}

fn said(tokens: &[Token<'_>]) -> Vec<(Kind, String)> {
    let quiet = [Kind::Newline, Kind::Semicolon, Kind::Continuation];
    let said = tokens.iter().filter(|token| !quiet.contains(&token.kind));
    said.map(|token| (token.kind, token.text.trim_end().replace("\r\n", "\n"))).collect()
}
