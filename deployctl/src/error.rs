//! What went wrong, of which kind, and the exit code that tells a script so. The one table from kind to exit code.

use std::fmt;

use miette::Diagnostic;

/// Kinds of failure. The number is the process's exit code, as `deployctl --help` lists them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A gate did not pass, and the build itself is complete; or `fmt --check` found files that are not laid out.
    Gate = 1,
    /// The command line is wrong.
    Usage = 2,
    /// A manifest, board or kernel library file is wrong, or `deploy.lock` disagrees under `--locked`.
    Manifest = 3,
    /// The model cannot be read.
    Model = 4,
    /// A tool is missing, or failed.
    Tool = 5,
    /// The store or an output could not be read or written.
    Store = 6,
    /// The target did not answer as it should.
    Target = 7,
    /// A mistake in deployctl.
    Internal = 70,
}

impl Kind {
    /// The process's exit code.
    pub fn exit_code(self) -> u8 {
        self as u8
    }
}

/// A failure on its way to the terminal.
#[derive(Debug)]
pub struct Error {
    /// Of which kind.
    pub kind: Kind,
    /// What is shown.
    pub diagnostic: Box<dyn Diagnostic + Send + Sync>,
}

impl Error {
    /// Wraps a module's own error.
    pub fn new(kind: Kind, diagnostic: impl Diagnostic + Send + Sync + 'static) -> Self {
        Self { kind, diagnostic: Box::new(diagnostic) }
    }

    /// A failure in plain words: what happened, and what to do next.
    pub fn plain(kind: Kind, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self::new(kind, Plain { message: message.into(), help: help.into() })
    }

    /// Wraps an error that has no help text of its own.
    pub fn caused(kind: Kind, error: &dyn std::error::Error, help: impl Into<String>) -> Self {
        let mut message = error.to_string();
        let mut cause = error.source();
        while let Some(inner) = cause {
            let text = inner.to_string();
            // Many messages contain their cause's already.
            if !message.contains(&text) {
                message = format!("{message}: {text}");
            }
            cause = inner.source();
        }
        Self::plain(kind, message, help)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        fmt::Display::fmt(&self.diagnostic, formatter)
    }
}

impl std::error::Error for Error {}

#[derive(Debug, thiserror::Error, Diagnostic)]
#[error("{message}")]
#[diagnostic(help("{help}"))]
struct Plain {
    message: String,
    help: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_are_the_documented_ones() {
        let kinds = [
            (Kind::Gate, 1),
            (Kind::Usage, 2),
            (Kind::Manifest, 3),
            (Kind::Model, 4),
            (Kind::Tool, 5),
            (Kind::Store, 6),
            (Kind::Target, 7),
            (Kind::Internal, 70),
        ];
        for (kind, code) in kinds {
            assert_eq!(kind.exit_code(), code);
        }
    }

    #[test]
    fn a_cause_is_part_of_the_message() {
        #[derive(Debug, thiserror::Error)]
        #[error("cannot read `a`")]
        struct Outer(#[source] std::io::Error);

        let inner = std::io::Error::other("disk on fire");
        let error = Error::caused(Kind::Store, &Outer(inner), "put it out");
        assert_eq!(error.to_string(), "cannot read `a`: disk on fire");
    }
}
