//! The one archive of a release: a tar whose bytes follow from the names and contents in it, and from nothing else.
//!
//! Entries are plain files, sorted by name, with mode 644, no owner and the time 0. Whatever else an archive has makes it another
//! archive, which [`read`] refuses: so no byte of one can be changed.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;

use super::CHECKSUMS;

/// Files by their path in the bundle, with forward slashes.
pub type Files = BTreeMap<String, Vec<u8>>;

const BLOCK: usize = 512;

/// Why an archive cannot be read or made.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ArchiveError {
    /// A name that has no place in an archive.
    #[error("`{entry}` {why}; a bundle holds plain files below its own folder")]
    Entry {
        /// The name.
        entry: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// No tar, or one that ends too early.
    #[error("{place} cannot be read: {why}; get the bundle again from where it was released")]
    Broken {
        /// The entry, in words.
        place: String,
        /// What is wrong with it.
        why: String,
    },
    /// A tar, but not the one that its contents make.
    #[error(
        "byte {at} of the archive, in {place}, is not what the contents make it; get the bundle again from where it was released"
    )]
    Changed {
        /// Offset in the archive.
        at: usize,
        /// The entry, in words.
        place: String,
    },
}

/// The archive of these files.
pub fn write(files: &Files) -> Result<Vec<u8>, ArchiveError> {
    let mut tar = tar::Builder::new(Vec::new());
    for (path, bytes) in files {
        check_name(path)?;
        let mut header = tar::Header::new_ustar();
        let long = |_| ArchiveError::Entry { entry: path.clone(), why: "has too long a name" };
        header.set_path(path).map_err(long)?;
        header.set_entry_type(tar::EntryType::Regular);
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        header.set_mtime(0);
        header.set_uid(0);
        header.set_gid(0);
        header.set_cksum();
        tar.append(&header, bytes.as_slice()).map_err(|error| broken(format!("`{path}`"), &error))?;
    }
    tar.into_inner().map_err(|error| broken("the end of the archive".to_owned(), &error))
}

/// The files in an archive that [`write`] made.
pub fn read(archive: &[u8]) -> Result<Files, ArchiveError> {
    let mut files = Files::new();
    let mut tar = tar::Archive::new(archive);
    let entries = tar.entries().map_err(|error| broken("the archive".to_owned(), &error))?;
    for entry in entries.raw(true) {
        // The reader's words repeat the damaged bytes; which entry it is helps more.
        let Ok(mut entry) = entry else { return Err(damaged_header(&files, archive)) };
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let refuse = |why| ArchiveError::Entry { entry: name.escape_debug().to_string(), why };
        if entry.header().entry_type() != tar::EntryType::Regular {
            return Err(refuse("is not a plain file"));
        }
        check_name(&name)?;
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).map_err(|error| broken(format!("`{name}`"), &error))?;
        if bytes.len() as u64 != entry.size() {
            return Err(ArchiveError::Broken { place: format!("`{name}`"), why: ends(archive) });
        }
        if files.insert(name.clone(), bytes).is_some() {
            return Err(ArchiveError::Entry { entry: name, why: "is there twice" });
        }
    }
    let canonical = write(&files)?;
    if canonical == archive {
        return Ok(files);
    }
    let at = canonical.iter().zip(archive).take_while(|(made, found)| made == found).count();
    match following(&files) {
        // What ends before the last file that it should have.
        Some(name) if at >= end_of(&files) => {
            let why = if archive.len() <= at { ends(archive) } else { format!("no header of it is at byte {at}") };
            Err(ArchiveError::Broken { place: format!("`{name}`"), why })
        }
        _ => Err(ArchiveError::Changed { at, place: place_of(at, &files) }),
    }
}

/// The next entry has no header that can be read: which one that is, by the checksums or by what is left of its name.
fn damaged_header(files: &Files, archive: &[u8]) -> ArchiveError {
    let at = end_of(files);
    let header = archive.get(at..).unwrap_or_default();
    let left = header.split(|byte| *byte == 0).next().unwrap_or_default();
    let left = std::str::from_utf8(left).ok().filter(|name| name.len() < BLOCK && check_name(name).is_ok());
    let name = following(files).or_else(|| left.map(str::to_owned));
    let place = name.map_or_else(|| format!("the entry at byte {at} of the archive"), |name| format!("`{name}`"));
    let why = if header.len() < BLOCK { ends(archive) } else { format!("its header, at byte {at}, is damaged") };
    ArchiveError::Broken { place, why }
}

/// The file that the checksums list after those that were read; none where they are not among these.
fn following(files: &Files) -> Option<String> {
    let last = files.keys().next_back()?;
    let listed = std::str::from_utf8(files.get(CHECKSUMS)?).ok()?;
    let names = listed.lines().filter_map(|line| line.split_once("  ").map(|(_, name)| name));
    names.filter(|name| *name > last.as_str() && check_name(name).is_ok()).min().map(str::to_owned)
}

/// Where the last of these files ends in their archive.
fn end_of(files: &Files) -> usize {
    files.values().map(|bytes| BLOCK + bytes.len().next_multiple_of(BLOCK)).sum()
}

fn ends(archive: &[u8]) -> String {
    format!("the archive ends at byte {}", archive.len())
}

/// The entry to which a byte of the archive belongs, in words.
fn place_of(at: usize, files: &Files) -> String {
    let mut end = 0;
    for (path, bytes) in files {
        end += BLOCK + bytes.len().next_multiple_of(BLOCK);
        if at < end {
            return format!("`{path}`");
        }
    }
    "what follows the last entry".to_owned()
}

fn broken(place: String, error: &std::io::Error) -> ArchiveError {
    ArchiveError::Broken { place, why: error.to_string() }
}

/// A name leads to a place below the bundle's folder, on every system and in every text file.
pub(super) fn check_name(name: &str) -> Result<(), ArchiveError> {
    let refuse = |why| Err(ArchiveError::Entry { entry: name.escape_debug().to_string(), why });
    if name.contains(['\\', '\u{fffd}']) || name.chars().any(char::is_control) {
        return refuse("has a name with characters that no file here needs");
    }
    if name.split('/').any(|part| matches!(part, "" | "." | "..")) {
        return refuse("has a name that leads elsewhere");
    }
    Ok(())
}

/// The names in `a` that are not in `b`, in order.
pub(super) fn missing<'a>(a: impl Iterator<Item = &'a str>, b: &BTreeSet<&str>) -> Vec<&'a str> {
    a.filter(|name| !b.contains(name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files() -> Files {
        let long = format!("targets/board/firmware/{}src/lib.rs", "a-very-long-name-of-a-crate/".repeat(5));
        let files = [("release.json", "{}\n"), ("b/empty", ""), (&long, "pub fn f() {}\n")];
        files.into_iter().map(|(path, text)| (path.to_owned(), text.as_bytes().to_vec())).collect()
    }

    #[test]
    fn what_was_written_is_read() {
        let archive = write(&files()).unwrap();
        assert_eq!(archive, write(&files()).unwrap());
        assert_eq!(read(&archive).unwrap(), files());
        assert_eq!(read(&write(&Files::new()).unwrap()).unwrap(), Files::new());
    }

    #[test]
    fn every_changed_byte_of_an_archive_makes_it_another_or_none() {
        let archive = write(&files()).unwrap();
        for at in 0..archive.len() {
            for bit in [1, 0x20, 0x80] {
                let mut changed = archive.clone();
                changed[at] ^= bit;
                // Contents may change here: checksums are another matter. The rest may not.
                if let Ok(read) = read(&changed) {
                    assert_ne!(read, files(), "byte {at}");
                }
            }
        }
        for end in 0..archive.len() {
            let error = read(&archive[..end]).expect_err(&format!("{end} bytes"));
            assert!(error.to_string().contains("the archive") || error.to_string().contains('`'), "{error}");
        }
        let error = read(&[&archive[..], b"x"].concat()).unwrap_err().to_string();
        assert!(error.contains("what follows the last entry"), "{error}");
    }

    #[test]
    fn a_damaged_header_is_called_by_its_entry() {
        let mut files = Files::from([("targets/a".to_owned(), vec![7; 700]), ("targets/b".to_owned(), vec![8])]);
        super::super::seal(&mut files);
        let archive = write(&files).unwrap();
        let offset =
            |name: &str| end_of(&files.range(..name.to_owned()).map(|(k, v)| (k.clone(), v.clone())).collect());
        for name in ["targets/a", "targets/b"] {
            for damage in [0x00, 0x20, 0xff] {
                let mut changed = archive.clone();
                changed[offset(name)..][..BLOCK].fill(damage);
                let error = read(&changed).unwrap_err().to_string();
                assert!(error.contains(&format!("`{name}` cannot be read: ")), "{damage}: {error}");
            }
            for at in 0..BLOCK {
                let mut changed = archive.clone();
                changed[offset(name) + at] ^= 0x20;
                let error = read(&changed).unwrap_err().to_string();
                assert!(error.contains(&format!("`{name}`")), "{at}: {error}");
            }
            let error = read(&archive[..offset(name)]).unwrap_err().to_string();
            assert!(error.contains(&format!("`{name}` cannot be read: the archive ends at byte")), "{error}");
        }
        let error = read(&archive[..offset("targets/a") + BLOCK + 9]).unwrap_err().to_string();
        assert!(error.starts_with("`targets/a` cannot be read: the archive ends at byte"), "{error}");
        let mut changed = archive.clone();
        changed[BLOCK / 2] ^= 1;
        let error = read(&changed).unwrap_err().to_string();
        assert!(error.starts_with("`checksums.txt` cannot be read: its header, at byte 0, is damaged"), "{error}");
    }

    #[test]
    fn another_tar_with_the_same_files_is_refused() {
        let mut archive = write(&files()).unwrap();
        // A second owner's name, with the right checksum of the header.
        let mut header = tar::Header::from_byte_slice(&archive[..BLOCK]).clone();
        header.as_ustar_mut().unwrap().set_username("me").unwrap();
        header.set_cksum();
        archive[..BLOCK].copy_from_slice(header.as_bytes());
        let error = read(&archive).unwrap_err().to_string();
        assert!(error.contains("byte 1") && error.contains("`b/empty`"), "{error}");
    }

    #[test]
    fn names_that_lead_elsewhere_are_refused() {
        for name in ["", "/etc/passwd", "../x", "a/../x", "a//b", "./a", "a\\b", "a\nb"] {
            assert!(check_name(name).is_err(), "{name}");
            assert!(write(&Files::from([(name.to_owned(), vec![])])).is_err(), "{name}");
        }
        let mut link = tar::Header::new_ustar();
        link.set_path("link").unwrap();
        link.set_entry_type(tar::EntryType::Symlink);
        link.set_size(0);
        link.set_cksum();
        let mut tar = tar::Builder::new(Vec::new());
        tar.append(&link, &b""[..]).unwrap();
        let error = read(&tar.into_inner().unwrap()).unwrap_err().to_string();
        assert!(error.contains("`link` is not a plain file"), "{error}");
    }
}
