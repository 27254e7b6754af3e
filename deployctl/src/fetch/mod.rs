//! Sources: kernel libraries and the crates that firmware is made of, brought once into the user's home folder.
//!
//! A tree lies under its own digest, read-only, and is put there by a rename; a note beside it says which description it was
//! fetched for. Where a tree is there already, nothing is started and no network is used. Only [`Fetcher::fetch`] and
//! [`Fetcher::fetch_firmware`] use the network. Knows source descriptions; does not know lock files or who wants the sources.

mod archive;
mod firmware;
mod home;
mod origin;
mod tree;

use std::collections::BTreeMap;
use std::fs::File;

use camino::{Utf8Path, Utf8PathBuf};

pub use archive::{Limits, unpack};
pub use firmware::source_replacement;
pub use home::Home;
pub use tree::{digest_listing, digest_tree, remove_tree};

use crate::manifest::Source;
use crate::tool::{FileDigest, SearchPath, Supervisor, ToolError};

/// Why a source is not there.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// Neither of the variables that say where the home folder is.
    #[error("neither `DEPLOYCTL_HOME` nor `XDG_CACHE_HOME` nor `HOME` names a folder; set `DEPLOYCTL_HOME`")]
    NoHome,
    /// A file operation failed.
    #[error("cannot {action} `{path}`: {source}; check its permissions and the free space")]
    Io {
        /// What was tried.
        action: &'static str,
        /// Where.
        path: Utf8PathBuf,
        /// What failed.
        source: std::io::Error,
    },
    /// A tool that fetches failed.
    #[error("cannot fetch `{name}`: {source}")]
    Tool {
        /// The source's name.
        name: String,
        /// What failed.
        #[source]
        source: Box<ToolError>,
    },
    /// An archive that must not be unpacked.
    #[error("refused to unpack `{archive}`: entry `{entry}` {why}; get the archive from a place that you trust")]
    Unsafe {
        /// The archive.
        archive: Utf8PathBuf,
        /// The entry's name.
        entry: String,
        /// What is wrong with it.
        why: String,
    },
    /// An archive that cannot be read.
    #[error("cannot unpack `{archive}`: {why}; fetch it again")]
    Archive {
        /// The archive.
        archive: Utf8PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// A tree holds what a source tree must not hold.
    #[error(
        "`{path}` is {what}: a source tree has plain files and folders only; remove it or point the source elsewhere"
    )]
    NotPlain {
        /// The entry.
        path: Utf8PathBuf,
        /// What it is.
        what: &'static str,
    },
    /// The named folder is not in what was fetched.
    #[error("source `{name}` has no folder `{folder}`; at its top are: {found}")]
    NoFolder {
        /// The source's name.
        name: String,
        /// What was looked for.
        folder: String,
        /// What is there.
        found: String,
    },
    /// Not what was recorded.
    #[error(
        "source `{name}` has digest {found}, but `deploy.lock` records {recorded}; if the change is wanted, run `deployctl fetch --update`"
    )]
    Digest {
        /// The source's name.
        name: String,
        /// What `deploy.lock` says.
        recorded: String,
        /// What was found.
        found: String,
    },
    /// A description that cannot be followed.
    #[error("source `{name}`: {what}")]
    Description {
        /// The source's name.
        name: String,
        /// What is wrong, and what to do.
        what: String,
    },
}

/// A source tree that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tree {
    /// Its folder.
    pub root: Utf8PathBuf,
    /// Its digest, see [`digest_tree`].
    pub digest: String,
}

/// Which tree is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Want<'a> {
    /// The one with this digest, as `deploy.lock` records.
    Recorded(&'a str),
    /// Whatever the description gives; nothing is recorded yet.
    Any,
    /// What the description gives today, even where an older one is there.
    Newest,
}

/// Finds sources, and fetches those that are missing.
#[derive(Clone, Copy)]
pub struct Fetcher<'a> {
    /// Where sources are kept.
    pub home: &'a Home,
    /// Where pip, cargo and git are looked for.
    pub path: &'a SearchPath,
    /// What starts them.
    pub supervisor: &'a Supervisor,
    /// The user's environment: proxies, mirrors and certificates are handed to the tools.
    pub env: &'a BTreeMap<String, String>,
    /// Digests of files.
    pub digest: &'a FileDigest<'a>,
    /// Told what is done, one line a step.
    pub progress: &'a (dyn Fn(&str) + Sync),
}

impl Fetcher<'_> {
    /// The tree of a source if it is there; `None` if it must be fetched. No network, nothing is written.
    pub fn locate(&self, name: &str, source: &Source, want: Want<'_>) -> Result<Option<Tree>, FetchError> {
        if let Source::Path { path } = source {
            let found = Tree { root: path.clone(), digest: digest_tree(path, self.digest)? };
            return agreed(name, want, found).map(Some);
        }
        self.locate_stored(&self.description(source)?, want)
    }

    /// The tree of a source, fetched if it is not there.
    pub fn fetch(&self, name: &str, source: &Source, want: Want<'_>) -> Result<Tree, FetchError> {
        if let Some(tree) = self.locate(name, source, want)? {
            return Ok(tree);
        }
        let description = self.description(source)?;
        self.store(name, &description, want, |folder| self.bring(name, source, folder))
    }

    /// What a tree was fetched for: the text that is hashed for the note's name.
    fn description(&self, source: &Source) -> Result<String, FetchError> {
        let content = match source {
            Source::Archive { path, .. } => (self.digest)(path).map_err(io("read", path))?,
            _ => String::new(),
        };
        // A path of this machine says nothing; an archive is its content.
        let folder = match source {
            Source::Path { .. } => "",
            Source::Archive { folder, .. }
            | Source::Git { folder, .. }
            | Source::Pypi { folder, .. }
            | Source::Crate { folder, .. } => folder,
        };
        let what = match source {
            Source::Path { path } => format!("path {path}"),
            Source::Archive { .. } => format!("archive {content}"),
            Source::Git { url, revision, .. } => format!("git {url} {revision}"),
            Source::Pypi { package, version, .. } => format!("pypi {package} {version}"),
            Source::Crate { package, version, .. } => format!("crate {package} {version}"),
        };
        Ok(format!("{what}\n{folder}"))
    }

    fn locate_stored(&self, description: &str, want: Want<'_>) -> Result<Option<Tree>, FetchError> {
        let digest = match want {
            Want::Newest => return Ok(None),
            Want::Recorded(digest) => digest.to_owned(),
            Want::Any => match std::fs::read_to_string(self.home.note(description)) {
                Ok(digest) => digest.trim().to_owned(),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
                Err(source) => return Err(io("read", &self.home.note(description))(source)),
            },
        };
        let root = self.home.tree(&digest);
        Ok(root.is_dir().then_some(Tree { root, digest }))
    }

    /// Runs `bring` in a fresh folder, and files the folder that it names under its digest. One process at a time.
    fn store(
        &self,
        name: &str,
        description: &str,
        want: Want<'_>,
        bring: impl FnOnce(&Utf8Path) -> Result<Utf8PathBuf, FetchError>,
    ) -> Result<Tree, FetchError> {
        let _turn = self.home.take_turn()?;
        // Another process may have fetched it while this one waited.
        if let Some(tree) = self.locate_stored(description, want)? {
            return Ok(tree);
        }
        let scratch = self.home.scratch()?;
        let folder = Utf8Path::from_path(scratch.path()).ok_or(FetchError::NoHome)?;
        let root = bring(folder)?;
        let digest = digest_tree(&root, &|path| file_digest(path))?;
        let tree = agreed(name, want, Tree { root: root.clone(), digest })?;
        let stored = Tree { root: self.home.tree(&tree.digest), digest: tree.digest };
        if !stored.root.is_dir() {
            tree::seal(&root)?;
            std::fs::rename(&root, &stored.root).map_err(io("write", &stored.root))?;
        }
        tree::close(&stored.root)?;
        self.home.write_note(description, &stored.digest)?;
        Ok(stored)
    }
}

/// The digest of a file's contents, read and not remembered.
fn file_digest(path: &Utf8Path) -> std::io::Result<String> {
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(File::open(path)?)?;
    Ok(hasher.finalize().to_hex().to_string())
}

fn agreed(name: &str, want: Want<'_>, tree: Tree) -> Result<Tree, FetchError> {
    match want {
        Want::Recorded(recorded) if recorded != tree.digest => {
            Err(FetchError::Digest { name: name.to_owned(), recorded: recorded.to_owned(), found: tree.digest })
        }
        _ => Ok(tree),
    }
}

/// Adds what was tried, and where, to an error of the operating system.
fn io(action: &'static str, path: &Utf8Path) -> impl FnOnce(std::io::Error) -> FetchError {
    let path = path.to_owned();
    move |source| FetchError::Io { action, path, source }
}
