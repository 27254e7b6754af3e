//! Files and folders of the user as inputs, and the memo of their digests. A digest is remembered by device, inode,
//! size and times, and trusted only if the file was at least two seconds old when it was taken, since a later write
//! could otherwise leave the same times. Knows nothing of stages.

use std::collections::HashMap;
use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Serialize, Serializer};

use crate::io::{Io, Stamp};
use crate::packed::{Reader, Writer};
use crate::record::tree_digest;
use crate::{Digest, Error};

const MAGIC: &str = "deployctl file digests 1\n";
const OLD_ENOUGH_NS: i64 = 2_000_000_000;
/// Bytes of an entry in a packed file, or a little less.
const USUAL_ENTRY: usize = 128;

/// A file whose content is an input. A key sees only its content.
#[derive(Clone, Debug)]
pub struct FileInput {
    io: Io,
    path: Utf8PathBuf,
    digest: Digest,
}

impl FileInput {
    pub(crate) fn new(io: Io, path: Utf8PathBuf, digest: Digest) -> Self {
        Self { io, path, digest }
    }

    /// Where it lies.
    pub fn path(&self) -> &Utf8Path {
        &self.path
    }

    /// Of its content, when the key was made.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// Its content; an error if that is not what the key was made from.
    pub fn bytes(&self) -> Result<Vec<u8>, Error> {
        read_unchanged(&self.io, &self.path, self.digest)
    }
}

impl Serialize for FileInput {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.digest.serialize(serializer)
    }
}

/// A folder of files as an input. A key sees only relative paths and contents.
#[derive(Clone, Debug)]
pub struct TreeInput {
    io: Io,
    root: Utf8PathBuf,
    files: Arc<[(Utf8PathBuf, Digest)]>,
    digest: Digest,
}

impl TreeInput {
    pub(crate) fn new(io: Io, root: Utf8PathBuf, mut files: Vec<(Utf8PathBuf, Digest)>) -> Self {
        files.sort_by(|a, b| a.0.as_str().cmp(b.0.as_str()));
        let digest = tree_digest(files.iter().map(|(path, digest)| (path.as_str(), *digest, false)));
        Self { io, root, files: files.into(), digest }
    }

    /// The folder.
    pub fn root(&self) -> &Utf8Path {
        &self.root
    }

    /// Paths relative to the root, sorted, and the digests of the contents.
    pub fn files(&self) -> &[(Utf8PathBuf, Digest)] {
        &self.files
    }

    /// Of all paths and contents.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// The content of one of the files; an error if it is not what the key was made from.
    pub fn bytes(&self, path: &Utf8Path) -> Result<Vec<u8>, Error> {
        let at = self.files.binary_search_by(|(file, _)| file.as_str().cmp(path.as_str()));
        let Ok(at) = at else {
            return Err(Error::io("read", &self.root.join(path))(std::io::ErrorKind::NotFound.into()));
        };
        read_unchanged(&self.io, &self.root.join(path), self.files[at].1)
    }

    /// Copies all files into a folder.
    pub fn copy_into(&self, folder: &Utf8Path) -> Result<(), Error> {
        for (path, _) in self.files.iter() {
            let to = folder.join(path);
            if let Some(parent) = to.parent() {
                self.io.create_folder(parent)?;
            }
            self.io.write(&to, &self.bytes(path)?, false)?;
        }
        Ok(())
    }
}

impl Serialize for TreeInput {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.digest.serialize(serializer)
    }
}

fn read_unchanged(io: &Io, path: &Utf8Path, digest: Digest) -> Result<Vec<u8>, Error> {
    let bytes = match io.read(path) {
        Err(error) if error.is_not_found() => return Err(Error::Changed(path.to_owned())),
        other => other?,
    };
    if Digest::of(&bytes) == digest { Ok(bytes) } else { Err(Error::Changed(path.to_owned())) }
}

/// Digests of files, remembered between builds.
#[derive(Debug, Default)]
pub(crate) struct Memo {
    /// By path as text: the hash of a path takes it apart.
    entries: HashMap<String, (Stamp, Digest)>,
    changed: bool,
}

impl Memo {
    /// The memo in a packed file; nothing if it is damaged.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Self {
        let mut memo = Self::default();
        let Some(mut reader) = Reader::open(bytes, MAGIC) else { return memo };
        memo.entries.reserve(bytes.len() / USUAL_ENTRY);
        while !reader.is_empty() {
            let Some((path, stamp, digest)) = read_entry(&mut reader) else { return Self::default() };
            memo.entries.insert(path, (stamp, digest));
        }
        memo
    }

    /// Whether there is anything new to keep.
    pub(crate) fn is_changed(&self) -> bool {
        self.changed
    }

    /// The packed file, which is taken to be kept.
    pub(crate) fn pack(&mut self) -> Vec<u8> {
        self.changed = false;
        let mut sorted: Vec<_> = self.entries.iter().collect();
        sorted.sort_by_key(|(path, _)| *path);
        let mut writer = Writer::new();
        for (path, (stamp, digest)) in sorted {
            writer.text(path);
            for number in [stamp.device, stamp.inode, stamp.size] {
                writer.number(number);
            }
            writer.signed(stamp.modified);
            writer.signed(stamp.changed);
            writer.digest(*digest);
        }
        writer.finish(MAGIC)
    }

    /// Takes over what another build remembered of other files.
    pub(crate) fn merge(&mut self, other: Self) {
        for (path, entry) in other.entries {
            self.entries.entry(path).or_insert(entry);
        }
    }

    /// Forgets everything, so that every file is read again.
    pub(crate) fn forget(&mut self) {
        self.changed |= !self.entries.is_empty();
        self.entries.clear();
    }

    /// Forgets files that are gone.
    pub(crate) fn retain(&mut self, mut exists: impl FnMut(&Utf8Path) -> bool) {
        let before = self.entries.len();
        self.entries.retain(|path, _| exists(Utf8Path::new(path)));
        self.changed |= before != self.entries.len();
    }

    /// The digest of a file with this stamp, if remembered.
    pub(crate) fn get(&self, path: &Utf8Path, stamp: &Stamp) -> Option<Digest> {
        self.entries.get(path.as_str()).filter(|(then, _)| then == stamp).map(|(_, digest)| *digest)
    }

    /// Remembers a digest whose reading began at `now`, if the file was old enough to be sure.
    pub(crate) fn put(&mut self, path: &Utf8Path, stamp: Stamp, digest: Digest, now: i64) {
        if stamp.modified.max(stamp.changed).saturating_add(OLD_ENOUGH_NS) <= now {
            self.entries.insert(path.as_str().to_owned(), (stamp, digest));
            self.changed = true;
        }
    }
}

fn read_entry(reader: &mut Reader<'_>) -> Option<(String, Stamp, Digest)> {
    let path = reader.text()?.to_owned();
    let (device, inode, size) = (reader.number()?, reader.number()?, reader.number()?);
    let (modified, changed) = (reader.signed()?, reader.signed()?);
    Some((path, Stamp { device, inode, size, modified, changed }, reader.digest()?))
}

/// Every file below `root` that `filter` lets through, relative and sorted. `filter` sees folders too, and is not
/// asked about what is below a folder that it refuses. A link to a file counts as the file; one to a folder is refused.
pub(crate) fn walk(io: &Io, root: &Utf8Path, filter: &dyn Fn(&Utf8Path) -> bool) -> Result<Vec<Utf8PathBuf>, Error> {
    let mut files = Vec::new();
    let mut folders = vec![Utf8PathBuf::new()];
    while let Some(folder) = folders.pop() {
        for entry in io.list(&root.join(&folder))? {
            let path = folder.join(&entry.name);
            if !filter(&path) {
                continue;
            }
            if entry.is_folder {
                folders.push(path);
            } else if entry.is_link && !io.stat(&root.join(&path))?.is_file() {
                return Err(Error::Special(root.join(path)));
            } else {
                files.push(path);
            }
        }
    }
    files.sort_by(|a, b| a.as_str().cmp(b.as_str()));
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_young_file_is_not_trusted_and_an_old_one_is() {
        let stamp = Stamp { device: 1, inode: 2, size: 3, modified: 10 * OLD_ENOUGH_NS, changed: 11 * OLD_ENOUGH_NS };
        let (path, digest) = (Utf8Path::new("/a"), Digest::of(b"a"));
        let mut memo = Memo::default();
        memo.put(path, stamp, digest, 12 * OLD_ENOUGH_NS - 1);
        assert_eq!(memo.get(path, &stamp), None);
        assert!(!memo.is_changed());
        memo.put(path, stamp, digest, 12 * OLD_ENOUGH_NS);
        let memo = Memo::from_bytes(&memo.pack());
        assert_eq!(memo.get(path, &stamp), Some(digest));
        for other in [Stamp { inode: 3, ..stamp }, Stamp { changed: 1, ..stamp }, Stamp { size: 4, ..stamp }] {
            assert_eq!(memo.get(path, &other), None);
        }
        assert!(!memo.is_changed());
    }

    #[test]
    fn a_damaged_memo_is_empty() {
        let stamp = Stamp { device: 1, inode: 2, size: 3, modified: 0, changed: 0 };
        let mut memo = Memo::default();
        memo.put(Utf8Path::new("/a"), stamp, Digest::of(b"a"), OLD_ENOUGH_NS);
        let bytes = memo.pack();
        for at in 0..bytes.len() {
            let mut flipped = bytes.clone();
            flipped[at] ^= 0x40;
            assert!(Memo::from_bytes(&flipped).entries.is_empty());
            assert!(Memo::from_bytes(&bytes[..at]).entries.is_empty());
        }
    }
}
