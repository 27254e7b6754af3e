//! Bytes of a file to a KDL document, or every syntax error of it.
//!
//! Knows KDL; does not know what nodes mean.

use std::ops::Range;
use std::sync::Arc;

use camino::Utf8Path;
use kdl::{KdlDiagnostic, KdlDocument, KdlError};
use miette::NamedSource;

use super::error::{Errors, Problem, Text};
use super::guard;
use super::syntax::Syntax;

/// Largest file that is read; a manifest is a page or two.
pub(super) const MOST_BYTES: usize = 256 * 1024;
/// The parser takes up to about 16 KiB a level of nesting.
const STACK: usize = 64 * 1024 * 1024;

/// Reads a file that must not be larger than [`MOST_BYTES`].
pub(super) fn read(path: &Utf8Path, shown: &str) -> Result<Vec<u8>, Errors> {
    read_up_to(path, shown, MOST_BYTES)
}

/// As [`read`], of a file that may be `most` bytes long.
pub(super) fn read_up_to(path: &Utf8Path, shown: &str, most: usize) -> Result<Vec<u8>, Errors> {
    use std::io::Read as _;
    let unreadable = |error| Errors::unreadable(Utf8Path::new(shown), &error);
    let file = std::fs::File::open(path).map_err(unreadable)?;
    let mut bytes = Vec::new();
    file.take(most as u64 + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    Ok(bytes)
}

/// A text with its name and its nodes.
pub(super) struct Parsed {
    pub(super) text: Text,
    pub(super) document: KdlDocument,
}

/// Parses the bytes of the file that people know as `shown`, unless its document is remembered.
pub(super) fn parse(bytes: &[u8], shown: &str, syntax: &Syntax) -> Result<Parsed, Errors> {
    parse_up_to(bytes, shown, syntax, MOST_BYTES)
}

/// As [`parse`], of a file that may be `most` bytes long.
pub(super) fn parse_up_to(bytes: &[u8], shown: &str, syntax: &Syntax, most: usize) -> Result<Parsed, Errors> {
    let fail = |problem| Err(Errors::new(shown, vec![problem]));
    if bytes.len() > most {
        let message = format!("`{shown}` is larger than {} KiB", most / 1024);
        return fail(Problem::new(message).help("check that this is the KDL file and not, for example, the model"));
    }
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            let message = format!("`{shown}` is not UTF-8 text, from byte {} on", error.valid_up_to());
            return fail(Problem::new(message).help("save it as UTF-8; check that this is the KDL file"));
        }
    };
    let named: Text = Arc::new(NamedSource::new(shown, text.to_owned()));
    if let Some(document) = syntax.recall(text) {
        return Ok(Parsed { text: named, document });
    }
    let in_text = |problems: Vec<Problem>| {
        let problems = problems.into_iter().map(|problem| problem.in_text(&named)).collect();
        Errors::new(shown, problems)
    };
    let unsafe_to_parse = guard::check(text);
    if !unsafe_to_parse.is_empty() {
        return Err(in_text(unsafe_to_parse));
    }
    match on_large_stack(text) {
        Some(Ok(document)) => {
            syntax.remember(text, &document);
            Ok(Parsed { text: Arc::clone(&named), document })
        }
        Some(Err(error)) => Err(in_text(all_problems(error, text))),
        None => fail(Problem::new(format!("`{shown}` could not be parsed")).help("free some memory and try again")),
    }
}

/// The parser recurses; after a syntax error inside a string it may see more brackets than the guard did.
fn on_large_stack(text: &str) -> Option<Result<KdlDocument, kdl::KdlError>> {
    if guard::braces(text) <= 64 {
        return Some(KdlDocument::parse(text));
    }
    std::thread::scope(|scope| {
        let parser = std::thread::Builder::new().stack_size(STACK);
        parser.spawn_scoped(scope, || KdlDocument::parse(text)).ok()?.join().ok()
    })
}

/// Most syntax errors that are shown.
const MOST_PROBLEMS: usize = 20;

/// All syntax errors. At a bad property value the parser gives up, so the value is replaced and the parser started again.
fn all_problems(mut error: KdlError, text: &str) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut repaired = text.to_owned();
    loop {
        let (mut found, fatal) = syntax_problems(&error.diagnostics, &repaired);
        problems.append(&mut found);
        let Some(token) = fatal.filter(|token| !token.is_empty() && problems.len() < MOST_PROBLEMS) else { break };
        // As long as the original, so that places stay where they are.
        repaired.replace_range(token.clone(), &format!("{:<1$}", 0, token.len()));
        match on_large_stack(&repaired) {
            Some(Err(next)) => error = next,
            _ => break,
        }
    }
    problems.sort_by_key(|problem| problem.span().map(|span| span.start));
    problems.dedup_by_key(|problem| problem.span().map(|span| span.start));
    problems
}

/// The parser's diagnostics, without those that only say again that something is wrong on a line where one already did;
/// and the bad property value at which it gave up, if it did.
fn syntax_problems(diagnostics: &[KdlDiagnostic], text: &str) -> (Vec<Problem>, Option<Range<usize>>) {
    let mut problems: Vec<Problem> = Vec::new();
    let mut last_line = None;
    let mut fatal = None;
    for diagnostic in diagnostics {
        let start = text.floor_char_boundary(diagnostic.span.offset());
        let end = text.floor_char_boundary(diagnostic.span.offset() + diagnostic.span.len()).max(start);
        let gave_up = diagnostic.message.as_deref() == Some("Expected property value");
        let span = if gave_up { token_at(text, end) } else { start..end };
        if gave_up {
            fatal = Some(span.clone());
        }
        let line = text[..span.start].matches('\n').count();
        if last_line.replace(line) != Some(line) {
            problems.push(explained(diagnostic, span, text));
        }
    }
    (problems, fatal)
}

/// The word around `at`, up to white space and brackets.
fn token_at(text: &str, at: usize) -> Range<usize> {
    let ends = |c: char| c.is_whitespace() || matches!(c, '=' | ';' | '{' | '}' | '(' | ')');
    let start = text[..at].char_indices().rev().find(|(_, c)| ends(*c)).map_or(0, |(index, c)| index + c.len_utf8());
    let end = text[at..].find(ends).map_or(text.len(), |len| at + len);
    start..end
}

/// The parser's diagnostic in words for people who do not know its grammar.
fn explained(diagnostic: &KdlDiagnostic, span: Range<usize>, text: &str) -> Problem {
    let token = &text[span.clone()];
    let message = diagnostic.message.as_deref().unwrap_or("this is not KDL").trim_end_matches('.');
    let (message, label, help) = match token {
        "true" | "false" | "null" | "inf" | "-inf" | "nan" => {
            (format!("`{token}` needs a hash in KDL 2"), "a keyword", format!("write `#{token}`"))
        }
        _ if token.starts_with(|first: char| first.is_ascii_digit() || matches!(first, '-' | '+' | '.')) => {
            let help =
                "a number has digits, perhaps a `.` with more, perhaps an exponent; other text stands in double quotes";
            (format!("`{}` is not a number", clipped(token)), "not a number", help.to_owned())
        }
        _ if token.starts_with('"') => {
            let help = "write `\\\\` for a backslash, and a space, `;` or line end behind the closing quote";
            ("this string is not well formed".to_owned(), "here", help.to_owned())
        }
        _ if message == "Expected end of document" => {
            let help = "a node ends with its line or `;`; a value may be missing before this";
            ("this cannot stand here".to_owned(), "not expected", help.to_owned())
        }
        _ if message.starts_with("Found child block") => (
            "a block without a node name".to_owned(),
            "no name before it",
            "write the node's name before the `{`".to_owned(),
        ),
        _ => {
            let help = "text stands in double quotes; a node ends with its line or `;`; true and false are `#true` and `#false`";
            (lower_first(message), "here", help.to_owned())
        }
    };
    Problem::at(span, message).label(label).help(help)
}

fn clipped(token: &str) -> &str {
    &token[..token.floor_char_boundary(40)]
}

fn lower_first(message: &str) -> String {
    let mut chars = message.chars();
    chars.next().map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect())
}
