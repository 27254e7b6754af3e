//! What is wrong with a file, and where: every mistake of it at once, each with its place and what to do.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use camino::Utf8Path;
use miette::{Diagnostic, LabeledSpan, NamedSource, SourceCode};

/// The text of a file under the name that people know it by.
pub(super) type Text = Arc<NamedSource<String>>;

/// Everything that is wrong with a manifest, board or kernel library file, in the order of its text.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{}", headline(.path, .problems.len()))]
pub struct Errors {
    path: String,
    problems: Vec<Problem>,
}

/// One mistake.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct Problem {
    message: String,
    label: String,
    help: Option<String>,
    span: Option<Range<usize>>,
    text: Option<Text>,
}

fn headline(path: &str, count: usize) -> String {
    match count {
        1 => format!("`{path}` cannot be used"),
        _ => format!("`{path}` cannot be used: {count} mistakes"),
    }
}

impl Errors {
    /// Mistakes in the file that people know as `path`.
    pub(super) fn new(path: impl Into<String>, problems: Vec<Problem>) -> Self {
        Self { path: path.into(), problems }
    }

    /// A file that cannot be read.
    pub(super) fn unreadable(path: &Utf8Path, error: &std::io::Error) -> Self {
        let help = match error.kind() {
            std::io::ErrorKind::NotFound => format!("look for it with `ls {}`", folder_of(path)),
            _ => "check that it is a file and that you may read it".to_owned(),
        };
        Self::new(path.as_str(), vec![Problem::new(format!("cannot read `{path}`: {error}")).help(help)])
    }

    /// The file's name, as people know it.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The mistakes, in the order of the text; never empty.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    pub(super) fn into_problems(self) -> Vec<Problem> {
        self.problems
    }
}

fn folder_of(path: &Utf8Path) -> &str {
    path.parent().map(Utf8Path::as_str).filter(|folder| !folder.is_empty()).unwrap_or(".")
}

impl Problem {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), label: "here".to_owned(), help: None, span: None, text: None }
    }

    pub(super) fn at(span: Range<usize>, message: impl Into<String>) -> Self {
        Self { span: Some(span), ..Self::new(message) }
    }

    pub(super) fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    pub(super) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    pub(super) fn in_text(mut self, text: &Text) -> Self {
        self.text.get_or_insert_with(|| Arc::clone(text));
        self
    }

    /// What is wrong, in a line.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Where, in bytes of the file's text; absent where the file itself is the problem.
    pub fn span(&self) -> Option<Range<usize>> {
        self.span.clone()
    }

    /// What to do about it.
    pub fn advice(&self) -> Option<&str> {
        self.help.as_deref()
    }
}

impl Diagnostic for Errors {
    fn related<'a>(&'a self) -> Option<Box<dyn Iterator<Item = &'a dyn Diagnostic> + 'a>> {
        Some(Box::new(self.problems.iter().map(|problem| problem as &dyn Diagnostic)))
    }
}

impl Diagnostic for Problem {
    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.text.as_deref().map(|text| text as &dyn SourceCode)
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.help.as_ref().map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let span = self.span.clone()?;
        Some(Box::new(std::iter::once(LabeledSpan::new_with_span(Some(self.label.clone()), span))))
    }
}

/// ` (did you mean …?)` material: the known word that is closest to what was written, if one is close.
pub(super) fn closest<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if written.len() > 100 {
        return None;
    }
    let lower = written.to_lowercase();
    let (distance, word) = known
        .into_iter()
        .map(|word| (strsim::damerau_levenshtein(&lower, &word.to_lowercase()), word))
        .min_by_key(|(distance, _)| *distance)?;
    (distance <= 1 + word.chars().count() / 4).then_some(word)
}

/// True where `written` was probably meant to be `word`.
pub(super) fn is_misspelt(written: &str, word: &str) -> bool {
    closest(written, [word]).is_some()
}

/// Advice for a word that is not known: the closest known one, and all of them.
pub fn suggest<'a>(written: &str, known: impl IntoIterator<Item = &'a str> + Clone) -> String {
    let all = known.clone().into_iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ");
    match closest(written, known) {
        Some(word) => format!("did you mean `{word}`? Known here: {all}"),
        None if all.is_empty() => "nothing can stand here; remove it".to_owned(),
        None => format!("known here: {all}"),
    }
}
