//! Locks between threads and processes: a file, locked by the kernel, which lets go when the process ends however it
//! ends. Knows nothing of what is locked.

use std::fs::{File, TryLockError};
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};

use crate::io::{Io, Stamp};
use crate::{Cancel, Error};

/// How long to sleep between two tries; waiting is rare, and must notice a cancelled build.
const PAUSE: Duration = Duration::from_millis(5);

/// A held lock. Its file is removed when it is let go.
#[derive(Debug)]
pub(crate) struct Lock {
    io: Io,
    path: Utf8PathBuf,
    file: File,
}

impl Lock {
    /// Takes the lock now, or says that another has it.
    pub(crate) fn try_take(io: &Io, path: &Utf8Path) -> Result<Option<Self>, Error> {
        loop {
            let file = io.open_lock(path)?;
            match file.try_lock() {
                Err(TryLockError::WouldBlock) => return Ok(None),
                Err(TryLockError::Error(error)) => return Err(Error::io("lock", path)(error)),
                Ok(()) => {}
            }
            // The one before us removes the file as it lets go: then we hold a file that nobody else can find.
            let ours = file.metadata().map_err(Error::io("lock", path))?;
            let there = io.lstat(path)?;
            if there.is_some_and(|there| same_file(&ours, &there)) {
                return Ok(Some(Self { io: io.clone(), path: path.to_owned(), file }));
            }
        }
    }

    /// Waits for the lock; `None` when cancelled. Calls `waiting` once if another has it.
    pub(crate) fn take(
        io: &Io,
        path: &Utf8Path,
        cancel: &Cancel,
        waiting: impl FnOnce(),
    ) -> Result<Option<Self>, Error> {
        let mut waiting = Some(waiting);
        loop {
            if let Some(lock) = Self::try_take(io, path)? {
                return Ok(Some(lock));
            }
            if let Some(waiting) = waiting.take() {
                waiting();
            }
            if cancel.is_cancelled() {
                return Ok(None);
            }
            std::thread::sleep(PAUSE);
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // A lock file that stays is harmless, and the kernel lets go as the file is closed.
        let _ = self.io.remove(&self.path);
        let _ = self.file.unlock();
    }
}

fn same_file(a: &std::fs::Metadata, b: &std::fs::Metadata) -> bool {
    let (a, b) = (Stamp::from(a), Stamp::from(b));
    (a.device, a.inode) == (b.device, b.inode)
}

/// A build's share in the store, which keeps a sweep away; shared by any number of builds.
#[derive(Debug)]
pub(crate) struct Share(#[expect(dead_code, reason = "held until dropped")] Option<File>);

impl Share {
    /// Takes part; on a store that cannot be written there is nothing to keep away.
    pub(crate) fn take(io: &Io, path: &Utf8Path) -> Result<Self, Error> {
        match io.open_lock(path) {
            Ok(file) => {
                file.lock_shared().map_err(Error::io("lock", path))?;
                Ok(Self(Some(file)))
            }
            Err(error) if error.is_read_only() => Ok(Self(None)),
            Err(error) => Err(error),
        }
    }

    /// Takes the whole store, or says that a build is on.
    pub(crate) fn take_whole(io: &Io, path: &Utf8Path) -> Result<Option<Self>, Error> {
        let file = io.open_lock(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self(Some(file)))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(Error::io("lock", path)(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[test]
    fn one_at_a_time_while_lock_files_come_and_go() {
        let folder = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(folder.path()).unwrap().join("k");
        let inside = AtomicU32::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..50 {
                        let lock = Lock::take(&Io::real(), &path, &Cancel::default(), || ()).unwrap().unwrap();
                        assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0);
                        inside.fetch_sub(1, Ordering::SeqCst);
                        drop(lock);
                    }
                });
            }
        });
        assert!(!path.exists());
    }

    #[test]
    fn a_cancelled_wait_ends() {
        let folder = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(folder.path()).unwrap().join("k");
        let _held = Lock::try_take(&Io::real(), &path).unwrap().unwrap();
        let cancel = Cancel::default();
        cancel.cancel();
        assert!(Lock::take(&Io::real(), &path, &cancel, || ()).unwrap().is_none());
    }
}
