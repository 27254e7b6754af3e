//! A lease on a probe: one job at a time has a board.
//!
//! A file for each probe, locked by whoever has it; the lock goes with the process, however that ends. In the file is who has
//! it, for whoever finds it locked.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};

use crate::Failure;

/// Who has a probe.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// Process.
    pub pid: u32,
    /// For what: a manifest, or a command.
    pub job: String,
    /// Since when, as people write it.
    pub since: String,
}

impl std::fmt::Display for Holder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "process {} for `{}` since {}", self.pid, self.job, self.since)
    }
}

/// A probe that is ours until this is dropped.
#[derive(Debug)]
pub struct Lease(File);

impl Drop for Lease {
    fn drop(&mut self) {
        // What a later reader would find is of no use; the lock goes with the file.
        drop(self.0.set_len(0));
    }
}

/// What came of trying.
#[derive(Debug)]
pub enum Tried {
    /// It is ours.
    Taken(Lease),
    /// Somebody else has it.
    Held(Holder),
}

/// Tries to take the lease of the probe `serial` in `folder`.
pub fn take(folder: &Path, serial: &str, holder: &Holder) -> Result<Tried, Failure> {
    let failed = |problem: String| Failure::Lease { serial: serial.to_owned(), problem };
    fs::create_dir_all(folder).map_err(|error| failed(error.to_string()))?;
    let path = file(folder, serial);
    let mut file = OpenOptions::new().create(true).truncate(false).read(true).write(true).open(&path);
    let file = file.as_mut().map_err(|error| failed(format!("`{}`: {error}", path.display())))?;
    match flock(&*file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {}
        Err(rustix::io::Errno::WOULDBLOCK) => return Ok(Tried::Held(said(file))),
        Err(error) => return Err(failed(error.to_string())),
    }
    let text = serde_json::to_string(holder).map_err(|error| failed(error.to_string()))?;
    let written =
        file.set_len(0).and_then(|()| file.seek(SeekFrom::Start(0))).and_then(|_| file.write_all(text.as_bytes()));
    written.map_err(|error| failed(error.to_string()))?;
    let file = file.try_clone().map_err(|error| failed(error.to_string()))?;
    Ok(Tried::Taken(Lease(file)))
}

/// Who has the probe now; `None` where nobody has. Leaves no file behind.
pub fn holder(folder: &Path, serial: &str) -> Option<Holder> {
    let mut file = File::open(file(folder, serial)).ok()?;
    match flock(&file, FlockOperation::NonBlockingLockShared) {
        Err(rustix::io::Errno::WOULDBLOCK) => Some(said(&mut file)),
        _ => None,
    }
}

/// What stands in a locked file; whoever has it may be about to write it.
fn said(file: &mut File) -> Holder {
    let mut text = String::new();
    drop(file.take(4096).read_to_string(&mut text));
    let unknown = || Holder { pid: 0, job: "another job".to_owned(), since: "a moment ago".to_owned() };
    serde_json::from_str(&text).unwrap_or_else(|_| unknown())
}

/// The probe's file: its serial number, with everything that is no letter or digit written as a number.
fn file(folder: &Path, serial: &str) -> PathBuf {
    let plain = |letter: char| match letter {
        'a'..='z' | 'A'..='Z' | '0'..='9' | '-' => letter.to_string(),
        other => format!("_{:x}_", u32::from(other)),
    };
    folder.join(format!("{}.lease", serial.chars().map(plain).collect::<String>()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holder_of(job: &str) -> Holder {
        Holder { pid: 7, job: job.into(), since: "2026-11-23 04:00".into() }
    }

    #[test]
    fn a_probe_is_one_jobs_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("leases");
        assert_eq!(holder(&folder, "1"), None);
        let Tried::Taken(lease) = take(&folder, "1", &holder_of("a")).unwrap() else { panic!("held") };
        let Tried::Held(other) = take(&folder, "1", &holder_of("b")).unwrap() else { panic!("taken twice") };
        assert_eq!(other, holder_of("a"));
        assert_eq!(holder(&folder, "1"), Some(holder_of("a")));
        assert!(matches!(take(&folder, "2", &holder_of("b")).unwrap(), Tried::Taken(_)));
        drop(lease);
        assert_eq!(holder(&folder, "1"), None);
        assert!(matches!(take(&folder, "1", &holder_of("b")).unwrap(), Tried::Taken(_)));
    }

    #[test]
    fn a_serial_number_is_no_path() {
        let folder = Path::new("leases");
        assert_eq!(file(folder, "../../etc/x y"), folder.join("_2e__2e__2f__2e__2e__2f_etc_2f_x_20_y.lease"));
        assert_ne!(file(folder, "a_2e_"), file(folder, "a."));
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let occupied = folder.path().join("file");
        fs::write(&occupied, "x").unwrap();
        assert_eq!(take(&occupied, "1", &holder_of("a")).unwrap_err().code(), "lease");
    }
}
