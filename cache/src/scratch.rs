//! Scratch folders: one for each process that runs something, owned by whoever holds the lock beside it. Knows nothing
//! of what is put there.

use std::sync::atomic::{AtomicU64, Ordering};

use camino::{Utf8Path, Utf8PathBuf};

use crate::Error;
use crate::io::Io;
use crate::lock::Lock;

/// One handle's folder below `work`, there until the handle goes.
#[derive(Debug)]
pub(crate) struct Session {
    io: Io,
    folder: Utf8PathBuf,
    next: u64,
    _lock: Lock,
}

impl Session {
    /// Makes a folder that nobody else has.
    pub(crate) fn begin(io: &Io, work: &Utf8Path) -> Result<Self, Error> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        loop {
            let count = COUNT.fetch_add(1, Ordering::Relaxed);
            let folder = work.join(format!("{}-{count}-{:x}", std::process::id(), Io::now()));
            if let Some(lock) = Lock::try_take(io, &lock_of(&folder))? {
                io.create_folder(&folder)?;
                return Ok(Self { io: io.clone(), folder, next: 0, _lock: lock });
            }
        }
    }

    /// A path in it where nothing is yet.
    pub(crate) fn fresh(&mut self) -> Utf8PathBuf {
        self.next += 1;
        self.folder.join(self.next.to_string())
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let _swept_at_the_next_start_otherwise = self.io.remove_folder(&self.folder);
    }
}

/// Removes the folders whose owner is gone. What cannot be removed waits for the next start.
pub(crate) fn sweep_leftovers(io: &Io, work: &Utf8Path) {
    for entry in io.list(work).unwrap_or_default() {
        let folder = work.join(entry.name.strip_suffix(".lock").unwrap_or(&entry.name));
        // The owner makes the lock before the folder and removes it after, so an unlocked folder has no owner.
        if let Ok(Some(_lock)) = Lock::try_take(io, &lock_of(&folder)) {
            let _ = io.remove_folder(&folder);
        }
    }
}

fn lock_of(folder: &Utf8Path) -> Utf8PathBuf {
    Utf8PathBuf::from(format!("{folder}.lock"))
}
