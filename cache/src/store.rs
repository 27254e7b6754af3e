//! The content-addressed store on disk: objects named by their digest, records named by their key, scratch folders of
//! running stages, and the memo of file digests. Knows nothing of graphs.
//!
//! ```text
//! DIR/CACHEDIR.TAG
//! DIR/store-v1/objects/ab/…    content
//! DIR/store-v1/records/ab/…    KEY.json, and KEY.journal beside it with times and log lines
//! DIR/store-v1/index/…         one packed index a project, saves time only
//! DIR/store-v1/digests         memo of file digests, saves time only
//! DIR/store-v1/locks/…         one file for every key that is being made now
//! DIR/store-v1/work/…          scratch folders, each owned by a process that holds its lock
//! ```
//!
//! An object or record appears under its name by a rename, after its bytes are on the disk; the record comes last.

use std::collections::BTreeSet;
use std::fs::Metadata;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use camino::{Utf8Path, Utf8PathBuf};

use crate::files::{Memo, walk};
use crate::index::Index;
use crate::io::{Io, Stamp, is_executable};
use crate::lock::Share;
use crate::scratch::{Session, sweep_leftovers};
use crate::{Digest, Error, FileInput, Output, Record, TreeInput};

const TAG: &str = "Signature: 8a477f597d28d172789f06886806bc55
# This folder holds what deployctl can make again. Backups may leave it out.
";
const FORMAT: &str = "store-v1";

/// A handle to a store, cheap to clone.
#[derive(Debug, Clone)]
pub struct Store(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    root: Utf8PathBuf,
    io: Io,
    memo: Mutex<Option<Memo>>,
    session: Mutex<Option<Session>>,
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Store {
    /// Opens the store in `dir`, made if it is not there; sweeps what killed builds left.
    pub fn open(dir: &Utf8Path) -> Result<Self, Error> {
        Self::open_with(dir, Io::real())
    }

    /// The same over a given file system, for tests.
    pub fn open_with(dir: &Utf8Path, io: Io) -> Result<Self, Error> {
        let dir = absolute(dir)?;
        let root = dir.join(FORMAT);
        if io.lstat(&root.join("work"))?.is_none() {
            for folder in ["objects", "records", "index", "locks", "work"] {
                io.create_folder(&root.join(folder))?;
            }
        }
        if io.lstat(&dir.join("CACHEDIR.TAG"))?.is_none() {
            io.write(&dir.join("CACHEDIR.TAG"), TAG.as_bytes(), false)?;
        }
        let store = Self(Arc::new(Inner { root, io, memo: Mutex::default(), session: Mutex::default() }));
        sweep_leftovers(store.io(), &store.0.root.join("work"));
        Ok(store)
    }

    /// The store in `dir` for who only looks: nothing is made or swept, and where there is no store it is an empty one.
    pub fn look(dir: &Utf8Path) -> Result<Self, Error> {
        let (root, io) = (absolute(dir)?.join(FORMAT), Io::real());
        Ok(Self(Arc::new(Inner { root, io, memo: Mutex::default(), session: Mutex::default() })))
    }

    /// The folder with the format's version in its name.
    pub fn root(&self) -> &Utf8Path {
        &self.0.root
    }

    pub(crate) fn io(&self) -> &Io {
        &self.0.io
    }

    /// A file as an input, its digest remembered from earlier if that is safe.
    pub fn file(&self, path: &Utf8Path) -> Result<FileInput, Error> {
        let path = absolute(path)?;
        let digest = self.digest_file(&path)?.0;
        Ok(FileInput::new(self.io().clone(), path, digest))
    }

    /// A folder of files as an input. `filter` is asked with relative paths, of folders too.
    pub fn tree(&self, root: &Utf8Path, filter: impl Fn(&Utf8Path) -> bool) -> Result<TreeInput, Error> {
        let root = absolute(root)?;
        if !self.io().stat(&root)?.is_dir() {
            return Err(Error::io("list", &root)(std::io::ErrorKind::NotADirectory.into()));
        }
        let mut files = Vec::new();
        for path in walk(self.io(), &root, &filter)? {
            let digest = self.digest_file(&root.join(&path))?.0;
            files.push((path, digest));
        }
        Ok(TreeInput::new(self.io().clone(), root, files))
    }

    /// A file's digest and whether it may be run, through the memo.
    pub fn digest_file(&self, path: &Utf8Path) -> Result<(Digest, bool), Error> {
        let metadata = self.io().stat(path)?;
        Ok((self.digest_seen(path, &metadata)?, is_executable(&metadata)))
    }

    /// The digest of a file whose state was just looked at, through the memo.
    pub(crate) fn digest_seen(&self, path: &Utf8Path, metadata: &Metadata) -> Result<Digest, Error> {
        let now = Io::now();
        let stamp = Stamp::from(metadata);
        if !metadata.is_file() {
            return Err(Error::Special(path.to_owned()));
        }
        if let Some(digest) = self.memo(|memo| memo.get(path, &stamp))? {
            return Ok(digest);
        }
        let (digest, _) = self.io().digest(path)?;
        if Stamp::from(&self.io().stat(path)?) != stamp {
            return Err(Error::Changed(path.to_owned()));
        }
        self.memo(|memo| memo.put(path, stamp, digest, now))?;
        Ok(digest)
    }

    /// Forgets all remembered digests of files, so that each is read again.
    pub fn forget_files(&self) -> Result<(), Error> {
        self.memo(Memo::forget)
    }

    pub(crate) fn memo<T>(&self, act: impl FnOnce(&mut Memo) -> T) -> Result<T, Error> {
        let mut memo = held(&self.0.memo);
        if memo.is_none() {
            *memo = Some(self.read_packed("digests")?.map_or_else(Memo::default, |bytes| Memo::from_bytes(&bytes)));
        }
        Ok(act(memo.get_or_insert_default()))
    }

    /// Saves the memo of file digests if it has changed. Losing it costs time only.
    pub fn save_memo(&self) -> Result<(), Error> {
        if !self.memo(|memo| memo.is_changed())? {
            return Ok(());
        }
        let disk = self.read_packed("digests")?.map_or_else(Memo::default, |bytes| Memo::from_bytes(&bytes));
        self.memo(|memo| memo.merge(disk))?;
        self.save_memo_alone()
    }

    /// The same without what another build saved meanwhile.
    pub(crate) fn save_memo_alone(&self) -> Result<(), Error> {
        let bytes = self.memo(|memo| memo.is_changed().then(|| memo.pack()))?;
        bytes.map_or(Ok(()), |bytes| self.write_packed("digests", &bytes))
    }

    /// The index of a project.
    pub(crate) fn read_index(&self, scope: &str) -> Result<Index, Error> {
        let bytes = self.read_packed(&index_name(scope))?;
        Ok(bytes.map_or_else(Index::default, |bytes| Index::from_bytes(&bytes)))
    }

    /// Saves what is new in the index of a project, over what another build saved meanwhile.
    pub(crate) fn save_index(&self, scope: &str, index: &mut Index) -> Result<(), Error> {
        if !index.is_changed() {
            return Ok(());
        }
        let merged = index.over(self.read_index(scope)?, Io::now());
        self.write_packed(&index_name(scope), &merged.to_bytes())
    }

    pub(crate) fn read_packed(&self, name: &str) -> Result<Option<Vec<u8>>, Error> {
        match self.io().read(&self.0.root.join(name)) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Not synced: the checksum in a packed file tells what a power cut left.
    pub(crate) fn write_packed(&self, name: &str, bytes: &[u8]) -> Result<(), Error> {
        let scratch = self.scratch()?;
        let made = self.io().write(&scratch, bytes, false);
        made.and_then(|()| self.io().rename(&scratch, &self.0.root.join(name)))
    }

    /// Where an object lies.
    pub(crate) fn object(&self, digest: Digest) -> Utf8PathBuf {
        self.sharded("objects", digest, "")
    }

    fn sharded(&self, kind: &str, digest: Digest, suffix: &str) -> Utf8PathBuf {
        let hex = digest.to_hex();
        self.0.root.join(format!("{kind}/{}/{}{suffix}", &hex[..2], &hex[2..]))
    }

    /// An object's content, checked against its digest.
    pub(crate) fn read_object(&self, digest: Digest) -> Result<Vec<u8>, Error> {
        let path = self.object(digest);
        match self.io().read(&path) {
            Ok(bytes) if Digest::of(&bytes) == digest => Ok(bytes),
            Err(error) if !error.is_not_found() => Err(error),
            _ => Err(Error::Damaged { path, digest }),
        }
    }

    /// Whether an object is there and has the bytes of its digest.
    pub(crate) fn is_sound(&self, digest: Digest) -> Result<bool, Error> {
        match self.io().digest(&self.object(digest)) {
            Ok((found, _)) => Ok(found == digest),
            Err(error) if error.is_not_found() => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Whether all of a stage's outputs are there and undamaged.
    pub(crate) fn are_sound(&self, outputs: &[Output]) -> Result<bool, Error> {
        for output in outputs {
            if !self.is_sound(output.digest)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Copies an object to a new file, which shares blocks with it where possible, and checks the copy.
    pub(crate) fn copy_object(&self, digest: Digest, executable: bool, to: &Utf8Path) -> Result<(), Error> {
        let path = self.object(digest);
        if self.io().reflink(&path, to)? {
            if self.io().digest(to)?.0 != digest {
                return Err(Error::Damaged { path, digest });
            }
            return self.io().set_mode(to, if executable { 0o755 } else { 0o644 });
        }
        self.io().write(to, &self.read_object(digest)?, executable)
    }

    /// Every file below a stage's output folder, sorted by path.
    pub(crate) fn collect(&self, folder: &Utf8Path) -> Result<Vec<Output>, Error> {
        let mut outputs = Vec::new();
        for path in walk(self.io(), folder, &|_| true)? {
            let file = folder.join(&path);
            let metadata = self.io().lstat(&file)?.filter(Metadata::is_file);
            let metadata = metadata.ok_or_else(|| Error::Special(file.clone()))?;
            let (digest, size) = self.io().digest(&file)?;
            outputs.push(Output { path, digest, size, executable: is_executable(&metadata) });
        }
        Ok(outputs)
    }

    /// Moves a stage's outputs into the store: bytes to the disk, rename, folders to the disk.
    pub(crate) fn keep(&self, folder: &Utf8Path, outputs: &[Output]) -> Result<(), Error> {
        let mut folders = BTreeSet::new();
        let mut kept = BTreeSet::new();
        for output in outputs {
            if kept.insert(output.digest) && !self.is_sound(output.digest)? {
                let file = folder.join(&output.path);
                self.io().set_mode(&file, 0o444)?;
                self.io().sync(&file)?;
                self.put(&file, &self.object(output.digest), &mut folders)?;
            }
        }
        folders.iter().try_for_each(|folder| self.io().sync(folder))
    }

    /// Renames into a sharded place; notes which folders are to be synced.
    fn put(&self, from: &Utf8Path, to: &Utf8Path, folders: &mut BTreeSet<Utf8PathBuf>) -> Result<(), Error> {
        let shard = to.parent().unwrap_or(to);
        match self.io().rename(from, to) {
            Err(error) if error.is_not_found() => {
                self.io().create_folder(shard)?;
                folders.extend(shard.parent().map(Utf8Path::to_owned));
                self.io().rename(from, to)?;
            }
            other => other?,
        }
        folders.insert(shard.to_owned());
        Ok(())
    }

    /// The record of a key; `None` if there is none or it is damaged.
    pub(crate) fn read_record(&self, key: Digest) -> Result<Option<Record>, Error> {
        match self.io().read(&self.sharded("records", key, ".json")) {
            Ok(bytes) => Ok(Record::from_bytes(key, &bytes)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Writes a record, the last act of a stage that ran.
    pub(crate) fn write_record(&self, key: Digest, record: &Record) -> Result<(), Error> {
        let path = self.sharded("records", key, ".json");
        let bytes = record.to_bytes(key).map_err(|error| Error::io("write", &path)(error.into()))?;
        let scratch = self.scratch()?;
        self.io().write(&scratch, &bytes, false)?;
        self.io().sync(&scratch)?;
        let mut folders = BTreeSet::new();
        self.put(&scratch, &path, &mut folders)?;
        folders.iter().try_for_each(|folder| self.io().sync(folder))
    }

    /// Forgets a record, because something it names is damaged.
    pub(crate) fn forget(&self, scope: &str, key: Digest) -> Result<(), Error> {
        self.remove_record(key)?;
        let mut index = self.read_index(scope)?;
        if index.retain(|other| other != key) {
            self.write_packed(&index_name(scope), &index.to_bytes())?;
        }
        Ok(())
    }

    /// Removes a record and its journal.
    pub(crate) fn remove_record(&self, key: Digest) -> Result<(), Error> {
        self.io().remove(&self.sharded("records", key, ".json"))?;
        self.io().remove(&self.sharded("records", key, ".journal"))
    }

    /// Notes that a record was used, so that a sweep leaves it.
    pub(crate) fn touch_record(&self, key: Digest) -> Result<(), Error> {
        self.io().touch(&self.sharded("records", key, ".json"))
    }

    /// Adds a line to the journal of a key, which has a record or has failed.
    pub(crate) fn append_journal(&self, key: Digest, line: &str) -> Result<(), Error> {
        let path = self.sharded("records", key, ".journal");
        if let Some(folder) = path.parent() {
            self.io().create_folder(folder)?;
        }
        self.io().append(&path, line.as_bytes())
    }

    /// When and how long the stage of a key ran, and what it logged: one JSON object a line. Of stages that failed only those
    /// have one that logged something.
    pub fn journal(&self, key: Digest) -> Result<String, Error> {
        match self.io().read(&self.sharded("records", key, ".journal")) {
            Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
            Err(error) if error.is_not_found() => Ok(String::new()),
            Err(error) => Err(error),
        }
    }

    /// The lock of a key, or of anything else that has a digest.
    pub(crate) fn lock_path(&self, digest: Digest) -> Utf8PathBuf {
        self.0.root.join("locks").join(digest.to_hex())
    }

    /// Keeps sweeps away as long as it is held.
    pub(crate) fn share(&self) -> Result<Share, Error> {
        Share::take(self.io(), &self.0.root.join("in-use"))
    }

    /// Takes the store for a sweep; `None` if a build is on.
    pub(crate) fn take_whole(&self) -> Result<Option<Share>, Error> {
        Share::take_whole(self.io(), &self.0.root.join("in-use"))
    }

    /// A fresh path of this process's own, on the store's file system. Nothing is there yet.
    pub(crate) fn scratch(&self) -> Result<Utf8PathBuf, Error> {
        let mut session = held(&self.0.session);
        let session = match &mut *session {
            Some(session) => session,
            none => none.insert(Session::begin(self.io(), &self.0.root.join("work"))?),
        };
        Ok(session.fresh())
    }
}

fn index_name(scope: &str) -> String {
    format!("index/{}", Digest::of(scope.as_bytes()))
}

fn absolute(path: &Utf8Path) -> Result<Utf8PathBuf, Error> {
    camino::absolute_utf8(path).map_err(Error::io("find", path))
}
