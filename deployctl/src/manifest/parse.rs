//! Bytes of a file to a KDL document, or every syntax error of it.
//!
//! Knows KDL; does not know what nodes mean.

use std::sync::Arc;

use camino::Utf8Path;
use kdl::{KdlDiagnostic, KdlDocument};
use miette::NamedSource;

use super::error::{Errors, Problem, Text};
use super::guard;

/// Largest file that is read; a manifest is a page or two.
pub(super) const MOST_BYTES: usize = 256 * 1024;
/// The parser takes up to about 16 KiB a level of nesting.
const STACK: usize = 64 * 1024 * 1024;

/// Reads a file that must not be larger than [`MOST_BYTES`].
pub(super) fn read(path: &Utf8Path, shown: &str) -> Result<Vec<u8>, Errors> {
    use std::io::Read as _;
    let unreadable = |error| Errors::unreadable(Utf8Path::new(shown), &error);
    let file = std::fs::File::open(path).map_err(unreadable)?;
    let mut bytes = Vec::new();
    file.take(MOST_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    Ok(bytes)
}

/// A text with its name and its nodes.
pub(super) struct Parsed {
    pub(super) text: Text,
    pub(super) document: KdlDocument,
}

/// Parses the bytes of the file that people know as `shown`.
pub(super) fn parse(bytes: &[u8], shown: &str) -> Result<Parsed, Errors> {
    let fail = |problem| Err(Errors::new(shown, vec![problem]));
    if bytes.len() > MOST_BYTES {
        let message = format!("`{shown}` is larger than {} KiB", MOST_BYTES / 1024);
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
    let in_text = |problems: Vec<Problem>| {
        let problems = problems.into_iter().map(|problem| problem.in_text(&named)).collect();
        Errors::new(shown, problems)
    };
    let unsafe_to_parse = guard::check(text);
    if !unsafe_to_parse.is_empty() {
        return Err(in_text(unsafe_to_parse));
    }
    match on_large_stack(text) {
        Some(Ok(document)) => Ok(Parsed { text: Arc::clone(&named), document }),
        Some(Err(error)) => Err(in_text(syntax_problems(&error.diagnostics, text))),
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

/// The parser's diagnostics, without those that only say again that something is wrong where an earlier one already did.
fn syntax_problems(diagnostics: &[KdlDiagnostic], text: &str) -> Vec<Problem> {
    let mut problems: Vec<Problem> = Vec::new();
    let mut last_line = None;
    for diagnostic in diagnostics {
        let start = floor(text, diagnostic.span.offset());
        let end = floor(text, diagnostic.span.offset() + diagnostic.span.len()).max(start);
        let line = text[..start].matches('\n').count();
        if last_line == Some(line) {
            continue;
        }
        last_line = Some(line);
        let message = diagnostic.message.as_deref().unwrap_or("this is not KDL").trim_end_matches('.');
        let help = diagnostic.help.as_deref().unwrap_or(
            "text stands in double quotes, a node ends with its line or `;`, and true and false are `#true` and `#false`",
        );
        let label = diagnostic.label.as_deref().unwrap_or("here");
        problems.push(Problem::at(start..end, lower_first(message)).label(label).help(help));
    }
    problems
}

fn floor(text: &str, at: usize) -> usize {
    text.floor_char_boundary(at)
}

fn lower_first(message: &str) -> String {
    let mut chars = message.chars();
    chars.next().map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect())
}
