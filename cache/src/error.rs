//! What can go wrong in the store and the engine, each with a place and a next step.

use std::io::ErrorKind;

use camino::Utf8PathBuf;

use crate::Digest;

/// Any error of a stage's own.
pub type BoxError = Box<dyn std::error::Error + Send + Sync + 'static>;

/// An error of the store or the engine.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file-system call failed.
    #[error("cannot {action} `{path}`: {source}; {}", advice(.source))]
    Io {
        /// What was tried: `read`, `rename` …
        action: &'static str,
        /// On which file or folder.
        path: Utf8PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// An object of the store is missing or its bytes are not those of its digest.
    #[error("the stored artifact `{path}` is damaged; build again, the stage that makes it will run")]
    Damaged {
        /// The object's file.
        path: Utf8PathBuf,
        /// What its content should be.
        digest: Digest,
    },
    /// A file's content is no longer what the key was made from.
    #[error("`{0}` changed while building; build again when nothing writes to it")]
    Changed(Utf8PathBuf),
    /// A stage asked for an input that it did not declare.
    #[error("stage `{node}` has no input `{input}`; declare it in the graph")]
    NoInput {
        /// The node.
        node: String,
        /// The name asked for.
        input: String,
    },
    /// An input names an artifact that its stage did not make.
    #[error("input `{input}` of stage `{node}` wants `{path}`, which `{from}` did not make; it made {made}")]
    NoArtifact {
        /// The consuming node.
        node: String,
        /// The input's name, or the caller's.
        input: String,
        /// The path asked for.
        path: String,
        /// The producing node.
        from: String,
        /// What there is.
        made: String,
    },
    /// A folder input was read as a file.
    #[error("input `{input}` of stage `{node}` is a folder of files; copy it, or read one file of it by its path")]
    IsFolder {
        /// The node.
        node: String,
        /// The input.
        input: String,
    },
    /// An output path is absolute, empty, or leaves the folder.
    #[error("`{0}` is not a path below an output folder; use a relative path without `..`")]
    BadPath(Utf8PathBuf),
    /// A stage wrote one output twice.
    #[error("stage `{node}` writes `{path}` twice; give its outputs different names")]
    Twice {
        /// The node.
        node: String,
        /// The path.
        path: Utf8PathBuf,
    },
    /// A stage ended well and wrote nothing.
    #[error("stage `{0}` wrote no output; every stage makes at least one file")]
    NoOutput(String),
    /// Something other than a file or folder, where only those can be kept.
    #[error("`{0}` is neither a file nor a folder; only those can be kept")]
    Special(Utf8PathBuf),
    /// A name that is not UTF-8.
    #[error("`{0}` is not UTF-8; rename it")]
    NotUtf8(String),
    /// A stage's fields could not be listed.
    #[error("the fields of stage `{node}` cannot make a key: {message}; this is an error in the program")]
    Fields {
        /// The node.
        node: String,
        /// What the serializer said.
        message: String,
    },
    /// The graph contradicts itself.
    #[error("{0}; this is an error in the program")]
    Graph(String),
    /// A JSON artifact does not parse as what is wanted.
    #[error("input `{input}` of stage `{node}` is not the JSON that is wanted: {source}; raise its stage's version")]
    Json {
        /// The node.
        node: String,
        /// The input.
        input: String,
        /// What the parser said.
        source: serde_json::Error,
    },
    /// Two runs of one stage gave different bytes.
    #[error("stage `{node}` is not reproducible: `{path}` differs between {between}; nothing was recorded for it")]
    NotReproducible {
        /// The node.
        node: String,
        /// The first output that differs.
        path: Utf8PathBuf,
        /// Which two runs.
        between: &'static str,
    },
    /// A stage panicked.
    #[error("stage `{node}` panicked: {message}; this is an error in the program")]
    Panicked {
        /// The node.
        node: String,
        /// The panic's message.
        message: String,
    },
    /// The store is in use by a build.
    #[error("the store `{0}` is in use by a build; sweep it when that has finished")]
    Busy(Utf8PathBuf),
}

impl Error {
    /// Makes a closure for `map_err` that adds the action and the path.
    pub(crate) fn io(action: &'static str, path: &camino::Utf8Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { action, path, source }
    }

    /// Whether the file or folder does not exist.
    pub fn is_not_found(&self) -> bool {
        self.io_kind() == Some(ErrorKind::NotFound)
    }

    /// Whether the place cannot be written to at all.
    pub fn is_read_only(&self) -> bool {
        matches!(self.io_kind(), Some(ErrorKind::ReadOnlyFilesystem | ErrorKind::PermissionDenied))
    }

    pub(crate) fn io_kind(&self) -> Option<ErrorKind> {
        match self {
            Self::Io { source, .. } => Some(source.kind()),
            _ => None,
        }
    }
}

fn advice(source: &std::io::Error) -> &'static str {
    match source.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => "free some space, or use another store",
        ErrorKind::ReadOnlyFilesystem | ErrorKind::PermissionDenied => {
            "make the place writable and readable, or use another store"
        }
        ErrorKind::NotFound => "check that it exists",
        _ => "check the disk, then build again",
    }
}
