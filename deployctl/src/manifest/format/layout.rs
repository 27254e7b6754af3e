//! Tokens to laid-out text: a node a line, four spaces a level, at most one blank line between groups. Children that stand in
//! one line stay there while they fit.
//!
//! Knows where white space may stand in KDL; does not know what nodes mean. No word is changed or moved past another.

use super::token::{Kind, Token};

/// Columns that a line with children may have.
const WIDTH: usize = 120;
const INDENT: &str = "    ";

/// What stands in a file or between braces.
struct Block<'a> {
    items: Vec<Item<'a>>,
    /// Whether it has no end of a line in it.
    one_line: bool,
}

/// A node, or a comment between nodes.
struct Item<'a> {
    /// Ends of lines before it, back to the item before.
    newlines: usize,
    content: Content<'a>,
}

enum Content<'a> {
    Line(&'a str),
    Comment(&'a str),
    Node(Vec<Part<'a>>),
}

/// A piece of a node.
enum Part<'a> {
    /// Anything that is printed as it is.
    Token(Token<'a>),
    /// The node goes on in the next line, behind these comments.
    Break(Vec<Token<'a>>),
    Children(Block<'a>),
}

/// The laid-out text.
pub(super) fn layout(tokens: &[Token<'_>]) -> String {
    let mut at = 0;
    let block = block(tokens, &mut at);
    let mut out = String::new();
    lines(&block.items, 0, &mut out);
    if !out.is_empty() {
        out.push('\n');
    }
    out
}

/// Items up to a closing brace, which is consumed, or the end.
fn block<'a>(tokens: &[Token<'a>], at: &mut usize) -> Block<'a> {
    let (begin, mut items, mut newlines) = (*at, Vec::new(), 0);
    while let Some(token) = tokens.get(*at) {
        let content = match token.kind {
            Kind::Close => break,
            Kind::Newline => {
                newlines += 1;
                None
            }
            Kind::Semicolon | Kind::Continuation => None,
            Kind::LineComment => Some(Content::Line(token.text.trim_end())),
            Kind::BlockComment => Some(Content::Comment(token.text)),
            _ => {
                let mut parts = node(tokens, at);
                let comment = closing_comment(&mut parts);
                items.push(Item { newlines: std::mem::take(&mut newlines), content: Content::Node(parts) });
                items.extend(comment.map(|text| Item { newlines: 0, content: Content::Line(text) }));
                continue;
            }
        };
        if let Some(content) = content {
            items.push(Item { newlines: std::mem::take(&mut newlines), content });
        }
        *at += 1;
    }
    let ends_line = |token: &Token| token.kind == Kind::Newline || token.text.contains(['\n', '\r']);
    let one_line = !tokens[begin..*at].iter().any(ends_line);
    *at += 1;
    Block { items, one_line }
}

/// A node up to what ends it, which is not consumed.
fn node<'a>(tokens: &[Token<'a>], at: &mut usize) -> Vec<Part<'a>> {
    let mut parts: Vec<Part> = Vec::new();
    // Behind `/-` even lines may end before what it comments out.
    let mut open_end = false;
    while let Some(token) = tokens.get(*at) {
        match token.kind {
            Kind::Close | Kind::Semicolon => break,
            Kind::Newline | Kind::LineComment if !open_end => break,
            Kind::Newline => *at += 1,
            Kind::LineComment | Kind::BlockComment => {
                parts.push(Part::Token(*token));
                *at += 1;
            }
            Kind::Continuation => {
                *at += 1;
                parts.push(Part::Break(comments(tokens, at)));
            }
            Kind::Open => {
                *at += 1;
                parts.push(Part::Children(block(tokens, at)));
                open_end = false;
            }
            kind => {
                parts.push(Part::Token(*token));
                *at += 1;
                open_end = kind == Kind::Slashdash;
            }
        }
    }
    without_idle_breaks(parts)
}

/// The comments between a `\` and the end of its line, which is consumed.
fn comments<'a>(tokens: &[Token<'a>], at: &mut usize) -> Vec<Token<'a>> {
    let is_comment = |token: &&Token| matches!(token.kind, Kind::LineComment | Kind::BlockComment);
    let found: Vec<Token> = tokens[*at..].iter().take_while(is_comment).copied().collect();
    *at += found.len();
    if tokens.get(*at).is_some_and(|token| token.kind == Kind::Newline) {
        *at += 1;
    }
    found
}

/// Drops the line breaks that say nothing: twice, and inside of what stands together.
fn without_idle_breaks(parts: Vec<Part<'_>>) -> Vec<Part<'_>> {
    let mut kept: Vec<Part> = Vec::new();
    for part in parts {
        let idle = |last: &Part| matches!(last, Part::Break(comments) if comments.is_empty());
        if idle(&part) {
            let joins = |last: &Part| joins_next(last) || matches!(last, Part::Break(_));
            if kept.last().is_none_or(joins) {
                continue;
            }
        } else if joins_previous(&part) && kept.last().is_some_and(idle) {
            kept.pop();
        }
        kept.push(part);
    }
    kept
}

/// Ends a node whose last line would go on, were there anything left: its last comment, if it has the rest of the line.
fn closing_comment<'a>(parts: &mut Vec<Part<'a>>) -> Option<&'a str> {
    let Some(Part::Break(mut comments)) = parts.pop_if(|part| matches!(part, Part::Break(_))) else { return None };
    let last = comments.pop_if(|comment| comment.kind == Kind::LineComment);
    parts.extend(comments.into_iter().map(Part::Token));
    last.map(|comment| comment.text.trim_end())
}

fn joins_next(part: &Part) -> bool {
    let kinds = [Kind::Left, Kind::Right, Kind::Equals, Kind::Slashdash];
    matches!(part, Part::Token(token) if kinds.contains(&token.kind))
}

fn joins_previous(part: &Part) -> bool {
    matches!(part, Part::Token(Token { kind: Kind::Right | Kind::Equals, .. }))
}

fn is_comment(part: &Part) -> bool {
    matches!(part, Part::Token(Token { kind: Kind::LineComment | Kind::BlockComment, .. }))
}

/// How an item stands to the one before it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Gap {
    /// On the same line.
    Beside,
    /// On the next line.
    Below,
    /// Behind a blank line.
    Apart,
}

fn gap(items: &[Item<'_>], index: usize) -> Gap {
    let item = &items[index];
    let lines = if item.newlines > 1 { Gap::Apart } else { Gap::Below };
    let Some(before) = index.checked_sub(1).map(|before| &items[before].content) else { return Gap::Below };
    match (before, &item.content) {
        _ if item.newlines > 0 => lines,
        (Content::Line(_), _) | (Content::Node(_), Content::Node(_)) => Gap::Below,
        (Content::Comment(_), _) | (Content::Node(_), Content::Line(_)) => Gap::Beside,
        // A comment between two nodes on one line belongs to the second.
        (Content::Node(_), Content::Comment(_)) => {
            let rest = items[index + 1..].iter().take_while(|item| item.newlines == 0);
            let leads = rest
                .take_while(|item| !matches!(item.content, Content::Line(_)))
                .any(|item| matches!(item.content, Content::Node(_)));
            if leads { Gap::Below } else { Gap::Beside }
        }
    }
}

/// Items, each in lines of its own, without an end of the last line.
fn lines(items: &[Item<'_>], depth: usize, out: &mut String) {
    for (index, item) in items.iter().enumerate() {
        match gap(items, index) {
            // The first item of a file; that of a block is behind its brace already.
            _ if index == 0 => {}
            // A node may have ended in a line that only begins.
            Gap::Beside if out.ends_with(' ') => {}
            Gap::Beside => out.push(' '),
            Gap::Below => end_line(depth, out),
            Gap::Apart => {
                out.push('\n');
                end_line(depth, out);
            }
        }
        match &item.content {
            Content::Line(text) => out.push_str(text),
            Content::Comment(text) => push_text(text, out),
            Content::Node(parts) => print(parts, depth, false, out),
        }
    }
}

fn end_line(depth: usize, out: &mut String) {
    out.push('\n');
    out.push_str(&INDENT.repeat(depth));
}

/// Ends of lines in comments and strings are all written in one way.
fn push_text(text: &str, out: &mut String) {
    out.push_str(&text.replace("\r\n", "\n"));
}

/// A node; with children in one line where they must be, or were and fit.
fn print(parts: &[Part<'_>], depth: usize, one_line: bool, out: &mut String) {
    let mut before: Option<&Part> = None;
    for part in parts {
        let together = before.is_some_and(joins_next) || joins_previous(part);
        let apart = before.is_some_and(is_comment) || is_comment(part) || !together;
        if !begins_line(before) && apart {
            out.push(' ');
        }
        match part {
            Part::Token(token) if token.kind == Kind::LineComment => {
                out.push_str(token.text.trim_end());
                end_line(depth + 1, out);
            }
            Part::Token(token) => push_text(token.text, out),
            Part::Break(comments) => {
                out.push('\\');
                for comment in comments {
                    out.push(' ');
                    push_text(comment.text.trim_end(), out);
                }
                end_line(depth + 1, out);
            }
            Part::Children(block) => children(block, depth, one_line, out),
        }
        before = Some(part);
    }
}

/// Whether what follows this part has nothing before it on its line.
fn begins_line(before: Option<&Part>) -> bool {
    matches!(before, None | Some(Part::Break(_) | Part::Token(Token { kind: Kind::LineComment, .. })))
}

fn children(block: &Block<'_>, depth: usize, one_line: bool, out: &mut String) {
    if block.items.is_empty() {
        out.push_str("{}");
        return;
    }
    if block.one_line {
        let short = in_one_line(&block.items);
        let line = out.rfind('\n').map_or(0, |end| end + 1);
        if one_line || out[line..].chars().count() + short.chars().count() <= WIDTH {
            out.push_str(&short);
            return;
        }
    }
    out.push('{');
    match &block.items[0] {
        Item { newlines: 0, content: Content::Line(_) } => out.push(' '),
        _ => end_line(depth + 1, out),
    }
    lines(&block.items, depth + 1, out);
    end_line(depth, out);
    out.push('}');
}

/// `{ a; b }`.
fn in_one_line(items: &[Item<'_>]) -> String {
    let mut out = String::from("{");
    for (index, item) in items.iter().enumerate() {
        let follows_node = index > 0 && matches!(items[index - 1].content, Content::Node(_));
        if follows_node && gap(items, index) != Gap::Beside {
            out.push(';');
        }
        out.push(' ');
        match &item.content {
            Content::Line(text) | Content::Comment(text) => out.push_str(text),
            Content::Node(parts) => print(parts, 0, true, &mut out),
        }
    }
    out + " }"
}
