//! The one seam to the file system: every call of this crate goes through [`Io`], so that a test can make any of them
//! fail. Knows nothing of stores and stages; only paths, bytes and errors with a path in them.

use std::fs::{File, Metadata, OpenOptions, Permissions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use camino::{Utf8Path, Utf8PathBuf};

use crate::{Digest, Error};

/// Which call is to fail, for tests.
#[derive(Debug, Clone, Copy)]
pub enum Fault {
    /// Call number `call`, counted from 1, fails once with this error of the system.
    Once {
        /// Which call.
        call: u64,
        /// With which kind of error; `StorageFull` leaves half of what was to be written.
        kind: ErrorKind,
    },
    /// Every call that would change something fails as on a read-only file system.
    ReadOnly,
}

/// A handle to the file system, cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Io(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    calls: AtomicU64,
    fault: Option<Fault>,
    no_reflink: AtomicBool,
}

/// What identifies a file's state without reading it. Times in nanoseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    pub(crate) device: u64,
    pub(crate) inode: u64,
    pub(crate) size: u64,
    pub(crate) modified: i64,
    pub(crate) changed: i64,
}

/// One entry of a folder.
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) is_folder: bool,
    pub(crate) is_link: bool,
}

impl Io {
    /// The real file system.
    pub fn real() -> Self {
        Self::default()
    }

    /// The real file system with a fault in it, for tests.
    pub fn faulty(fault: Fault) -> Self {
        Self(Arc::new(Inner { fault: Some(fault), ..Inner::default() }))
    }

    /// How many calls were made so far.
    pub fn calls(&self) -> u64 {
        self.0.calls.load(Ordering::Relaxed)
    }

    /// Counts a call, and fails it if it is the one that is to fail.
    fn pass(&self, action: &'static str, path: &Utf8Path, writes: bool) -> Result<(), Error> {
        let call = self.0.calls.fetch_add(1, Ordering::Relaxed) + 1;
        let kind = match self.0.fault {
            Some(Fault::Once { call: at, kind }) if at == call => kind,
            Some(Fault::ReadOnly) if writes => ErrorKind::ReadOnlyFilesystem,
            _ => return Ok(()),
        };
        Err(Error::Io { action, path: path.to_owned(), source: kind.into() })
    }

    /// Nanoseconds since 1970. Goes into memos and journals only, never into a record.
    pub(crate) fn now() -> i64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
    }

    pub(crate) fn read(&self, path: &Utf8Path) -> Result<Vec<u8>, Error> {
        self.pass("read", path, false)?;
        std::fs::read(path).map_err(Error::io("read", path))
    }

    /// Opens for reading and gives the state of the file that was opened.
    pub(crate) fn open(&self, path: &Utf8Path) -> Result<(File, Metadata), Error> {
        self.pass("read", path, false)?;
        let file = File::open(path).map_err(Error::io("read", path))?;
        let metadata = file.metadata().map_err(Error::io("read", path))?;
        Ok((file, metadata))
    }

    /// The digest and size of a file's content.
    pub(crate) fn digest(&self, path: &Utf8Path) -> Result<(Digest, u64), Error> {
        let (file, metadata) = self.open(path)?;
        if metadata.is_dir() {
            return Err(Error::io("read", path)(ErrorKind::IsADirectory.into()));
        }
        let size = metadata.len();
        self.pass("read", path, false)?;
        Ok((Digest::of_reader(file).map_err(Error::io("read", path))?, size))
    }

    /// The state of what `path` leads to, links followed.
    pub(crate) fn stat(&self, path: &Utf8Path) -> Result<Metadata, Error> {
        self.pass("look at", path, false)?;
        std::fs::metadata(path).map_err(Error::io("look at", path))
    }

    /// The state of `path` itself; nothing there is `None`.
    pub(crate) fn lstat(&self, path: &Utf8Path) -> Result<Option<Metadata>, Error> {
        self.pass("look at", path, false)?;
        match std::fs::symlink_metadata(path) {
            Ok(metadata) => Ok(Some(metadata)),
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
            Err(error) => Err(Error::io("look at", path)(error)),
        }
    }

    /// The entries of a folder, sorted by name; a missing folder has none.
    pub(crate) fn list(&self, path: &Utf8Path) -> Result<Vec<Entry>, Error> {
        self.pass("list", path, false)?;
        let folder = match std::fs::read_dir(path) {
            Ok(folder) => folder,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(Error::io("list", path)(error)),
        };
        let mut entries = Vec::new();
        for entry in folder {
            let entry = entry.map_err(Error::io("list", path))?;
            let kind = entry.file_type().map_err(Error::io("list", path))?;
            let name = entry
                .file_name()
                .into_string()
                .map_err(|name| Error::NotUtf8(path.as_std_path().join(name).to_string_lossy().into_owned()))?;
            entries.push(Entry { name, is_folder: kind.is_dir(), is_link: kind.is_symlink() });
        }
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(entries)
    }

    pub(crate) fn create_folder(&self, path: &Utf8Path) -> Result<(), Error> {
        self.pass("create", path, true)?;
        std::fs::create_dir_all(path).map_err(Error::io("create", path))
    }

    /// Writes a new file, not synced; with `executable` anyone may run it.
    pub(crate) fn write(&self, path: &Utf8Path, bytes: &[u8], executable: bool) -> Result<(), Error> {
        self.pass("create", path, true)?;
        let mode = if executable { 0o755 } else { 0o644 };
        let opened = OpenOptions::new().write(true).create(true).truncate(true).mode(mode).open(path);
        let mut file = opened.map_err(Error::io("create", path))?;
        if let Err(error) = self.pass("write", path, true) {
            let _half_written_as_on_a_full_disk = file.write_all(&bytes[..bytes.len() / 2]);
            return Err(error);
        }
        file.write_all(bytes).map_err(Error::io("write", path))
    }

    /// Appends to a file, made if it is not there.
    pub(crate) fn append(&self, path: &Utf8Path, bytes: &[u8]) -> Result<(), Error> {
        self.pass("append to", path, true)?;
        let opened = OpenOptions::new().append(true).create(true).open(path);
        opened.and_then(|mut file| file.write_all(bytes)).map_err(Error::io("append to", path))
    }

    /// Brings a file or a folder's entries to the disk.
    pub(crate) fn sync(&self, path: &Utf8Path) -> Result<(), Error> {
        self.pass("sync", path, true)?;
        File::open(path).and_then(|file| file.sync_all()).map_err(Error::io("sync", path))
    }

    pub(crate) fn set_mode(&self, path: &Utf8Path, mode: u32) -> Result<(), Error> {
        self.pass("set the mode of", path, true)?;
        std::fs::set_permissions(path, Permissions::from_mode(mode)).map_err(Error::io("set the mode of", path))
    }

    /// Sets a file's time of modification to now.
    pub(crate) fn touch(&self, path: &Utf8Path) -> Result<(), Error> {
        self.pass("touch", path, true)?;
        let touched = File::open(path).and_then(|file| file.set_modified(SystemTime::now()));
        touched.map_err(Error::io("touch", path))
    }

    pub(crate) fn rename(&self, from: &Utf8Path, to: &Utf8Path) -> Result<(), Error> {
        self.pass("rename", from, true)?;
        std::fs::rename(from, to).map_err(Error::io("rename", from))
    }

    /// Exchanges two folders in one step, where the file system can; else in two.
    pub(crate) fn exchange(&self, a: &Utf8Path, b: &Utf8Path) -> Result<(), Error> {
        use rustix::fs::{CWD, RenameFlags, renameat_with};
        self.pass("rename", a, true)?;
        match renameat_with(CWD, a.as_std_path(), CWD, b.as_std_path(), RenameFlags::EXCHANGE) {
            Ok(()) => Ok(()),
            Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS) => self.exchange_in_steps(a, b),
            Err(error) => Err(Error::io("rename", a)(error.into())),
        }
    }

    fn exchange_in_steps(&self, a: &Utf8Path, b: &Utf8Path) -> Result<(), Error> {
        let aside = Utf8PathBuf::from(format!("{a}-aside"));
        self.rename(b, &aside)?;
        self.rename(a, b)?;
        self.rename(&aside, a)
    }

    /// A second name for a file; `false` where that is not possible.
    pub(crate) fn link(&self, from: &Utf8Path, to: &Utf8Path) -> Result<bool, Error> {
        self.pass("link", to, true)?;
        Ok(std::fs::hard_link(from, to).is_ok())
    }

    /// A copy that shares blocks; `false` where the file system cannot.
    pub(crate) fn reflink(&self, from: &Utf8Path, to: &Utf8Path) -> Result<bool, Error> {
        if self.0.no_reflink.load(Ordering::Relaxed) {
            return Ok(false);
        }
        self.pass("copy", to, true)?;
        let done = reflink_copy::reflink(from, to).is_ok();
        self.0.no_reflink.store(!done, Ordering::Relaxed);
        Ok(done)
    }

    /// Removes a file; one that is not there is fine.
    pub(crate) fn remove(&self, path: &Utf8Path) -> Result<(), Error> {
        self.pass("remove", path, true)?;
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(Error::io("remove", path)(error)),
            _ => Ok(()),
        }
    }

    /// Removes a folder with everything in it; one that is not there is fine.
    pub(crate) fn remove_folder(&self, path: &Utf8Path) -> Result<(), Error> {
        self.pass("remove", path, true)?;
        match std::fs::remove_dir_all(path) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(Error::io("remove", path)(error)),
            _ => Ok(()),
        }
    }

    /// Opens a file to lock it, made if it is not there.
    pub(crate) fn open_lock(&self, path: &Utf8Path) -> Result<File, Error> {
        self.pass("lock", path, true)?;
        let opened = OpenOptions::new().read(true).append(true).create(true).open(path);
        opened.map_err(Error::io("lock", path))
    }
}

impl From<&Metadata> for Stamp {
    fn from(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            modified: metadata.mtime().saturating_mul(1_000_000_000).saturating_add(metadata.mtime_nsec()),
            changed: metadata.ctime().saturating_mul(1_000_000_000).saturating_add(metadata.ctime_nsec()),
        }
    }
}

/// Whether anyone may run the file.
pub(crate) fn is_executable(metadata: &Metadata) -> bool {
    metadata.mode() & 0o111 != 0
}
