//! The user's home folder of deployctl: where it is, and what lies where in it.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;

use camino::{Utf8Path, Utf8PathBuf};
use tempfile::TempDir;

use super::{FetchError, io, tree};

/// The first line is the one that backup programs look for.
const CACHE_TAG: &str =
    "Signature: 8a477f597d28d172789f06886806bc55\n# Fetched and built files of deployctl; they can be made again.\n";
const SCRATCH: &str = ".scratch-";

/// The home folder. Its parts are made when they are first written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Home {
    root: Utf8PathBuf,
}

impl Home {
    /// `DEPLOYCTL_HOME`, else `deployctl` in the XDG cache folder.
    pub fn from_env(env: &BTreeMap<String, String>) -> Result<Self, FetchError> {
        let folder = |name: &str| env.get(name).map(Utf8PathBuf::from).filter(|path| path.is_absolute());
        let cache = || folder("XDG_CACHE_HOME").or_else(|| folder("HOME").map(|home| home.join(".cache")));
        folder("DEPLOYCTL_HOME").or_else(|| Some(cache()?.join("deployctl"))).map(Self::new).ok_or(FetchError::NoHome)
    }

    /// A folder.
    pub fn new(root: Utf8PathBuf) -> Self {
        Self { root }
    }

    /// The folder.
    pub fn root(&self) -> &Utf8Path {
        &self.root
    }

    /// Where answers of tools are remembered.
    pub fn tool_memo(&self) -> Utf8PathBuf {
        self.root.join("tools-v1.json")
    }

    /// Where parsed manifests are remembered.
    pub fn syntax(&self) -> Utf8PathBuf {
        self.root.join("syntax-1")
    }

    /// Which commands of which manifests may run, a line each.
    pub fn trusted(&self) -> Utf8PathBuf {
        self.root.join("trusted-v1")
    }

    /// Where it is written down who has which debug probe.
    pub fn leases(&self) -> Utf8PathBuf {
        self.root.join("leases-v1")
    }

    /// Where source trees lie; the number is the format's version.
    pub fn sources(&self) -> Utf8PathBuf {
        self.root.join("sources-v1")
    }

    pub(super) fn tree(&self, digest: &str) -> Utf8PathBuf {
        self.sources().join(digest)
    }

    pub(super) fn note(&self, description: &str) -> Utf8PathBuf {
        self.sources().join("notes").join(blake3::hash(description.as_bytes()).to_hex().as_str())
    }

    pub(super) fn write_note(&self, description: &str, digest: &str) -> Result<(), FetchError> {
        let path = self.note(description);
        let folder = self.sources().join("notes");
        std::fs::create_dir_all(&folder).map_err(io("make", &folder))?;
        let mut file = tempfile::NamedTempFile::new_in(&folder).map_err(io("write", &path))?;
        file.write_all(format!("{digest}\n").as_bytes()).map_err(io("write", &path))?;
        file.as_file().sync_all().map_err(io("write", &path))?;
        file.persist(&path).map_err(|error| io("write", &path)(error.error))?;
        sync(&folder)?;
        sync(&self.sources())
    }

    /// Waits until no other process fetches, and sweeps what killed ones left. Held until dropped.
    pub(super) fn take_turn(&self) -> Result<File, FetchError> {
        let folder = self.sources();
        std::fs::create_dir_all(&folder).map_err(io("make", &folder))?;
        let tag = self.root.join("CACHEDIR.TAG");
        if !tag.exists() {
            std::fs::write(&tag, CACHE_TAG).map_err(io("write", &tag))?;
        }
        let path = folder.join("turn");
        let turn = File::create(&path).map_err(io("write", &path))?;
        turn.lock().map_err(io("lock", &path))?;
        for entry in folder.read_dir_utf8().map_err(io("read", &folder))? {
            let entry = entry.map_err(io("read", &folder))?;
            if entry.file_name().starts_with(SCRATCH) {
                tree::remove_tree(entry.path())?;
            }
        }
        Ok(turn)
    }

    /// A fresh folder on the same file system as the trees.
    pub(super) fn scratch(&self) -> Result<TempDir, FetchError> {
        let folder = self.sources();
        tempfile::Builder::new().prefix(SCRATCH).tempdir_in(&folder).map_err(io("make", &folder))
    }
}

fn sync(folder: &Utf8Path) -> Result<(), FetchError> {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(io("write", folder))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_where_the_environment_says() {
        let home = |pairs: &[(&str, &str)]| {
            let env = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            Home::from_env(&env).map(|home| home.root.into_string()).ok()
        };
        assert_eq!(home(&[("DEPLOYCTL_HOME", "/a"), ("HOME", "/b")]), Some("/a".into()));
        assert_eq!(home(&[("XDG_CACHE_HOME", "/c"), ("HOME", "/b")]), Some("/c/deployctl".into()));
        assert_eq!(home(&[("XDG_CACHE_HOME", "relative"), ("HOME", "/b")]), Some("/b/.cache/deployctl".into()));
        assert_eq!(home(&[]), None);
    }
}
