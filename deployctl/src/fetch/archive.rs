//! Archives: zip (wheels and CMSIS packs are zips), tar, and gzipped tar (crates are those). Nothing is written outside the
//! folder, no link is made, and size and number of entries have limits. The kind is told by the contents, not by the name.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufReader, Read, Seek};

use camino::{Utf8Component, Utf8Path, Utf8PathBuf};

use super::{FetchError, io};

/// How much an archive may hold.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of all files, unpacked.
    pub bytes: u64,
    /// Entries.
    pub entries: usize,
}

impl Default for Limits {
    /// 1 GiB and 200,000 entries.
    fn default() -> Self {
        Self { bytes: 1 << 30, entries: 200_000 }
    }
}

/// Unpacks `archive` into `folder`, which must be empty.
pub fn unpack(archive: &Utf8Path, folder: &Utf8Path, limits: Limits) -> Result<(), FetchError> {
    let mut file = BufReader::new(File::open(archive).map_err(io("read", archive))?);
    let mut start = Vec::new();
    file.by_ref().take(512).read_to_end(&mut start).map_err(io("read", archive))?;
    file.rewind().map_err(io("read", archive))?;
    let mut unpacking =
        Unpacking { archive, folder, left: limits.bytes, entries_left: limits.entries, seen: BTreeSet::new() };
    if start.starts_with(b"PK\x03\x04") {
        unpacking.zip(file)
    } else if start.starts_with(b"\x1f\x8b") {
        unpacking.tar(flate2::bufread::MultiGzDecoder::new(file))
    } else if start.get(257..262) == Some(b"ustar") {
        unpacking.tar(file)
    } else {
        Err(unpacking.broken(&"it is neither a zip (wheel, pack) nor a tar nor a gzipped tar (crate)"))
    }
}

struct Unpacking<'a> {
    archive: &'a Utf8Path,
    folder: &'a Utf8Path,
    left: u64,
    entries_left: usize,
    seen: BTreeSet<Utf8PathBuf>,
}

impl Unpacking<'_> {
    fn zip(&mut self, file: BufReader<File>) -> Result<(), FetchError> {
        let mut zip = zip::ZipArchive::new(file).map_err(|error| self.broken(&error))?;
        for index in 0..zip.len() {
            let mut entry = zip.by_index(index).map_err(|error| self.broken(&error))?;
            let name = String::from_utf8_lossy(entry.name_raw()).into_owned();
            if entry.is_symlink() {
                return Err(self.refuse(&name, "is a link"));
            }
            let path = self.admit(&name)?;
            if entry.is_dir() {
                make_folder(&path)?;
            } else {
                self.write(&name, &path, &mut entry)?;
            }
        }
        Ok(())
    }

    fn tar(&mut self, stream: impl Read) -> Result<(), FetchError> {
        use tar::EntryType as Type;
        let mut tar = tar::Archive::new(stream);
        for entry in tar.entries().map_err(|error| self.broken(&error))? {
            let mut entry = entry.map_err(|error| self.broken(&error))?;
            let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
            match entry.header().entry_type() {
                Type::XGlobalHeader => self.count(&name)?,
                Type::Directory => {
                    let path = self.admit(&name)?;
                    make_folder(&path)?;
                }
                Type::Regular | Type::Continuous => {
                    let path = self.admit(&name)?;
                    self.write(&name, &path, &mut entry)?;
                }
                Type::Symlink | Type::Link => return Err(self.refuse(&name, "is a link")),
                _ => return Err(self.refuse(&name, "is neither a file nor a folder")),
            }
        }
        Ok(())
    }

    fn count(&mut self, name: &str) -> Result<(), FetchError> {
        match self.entries_left.checked_sub(1) {
            Some(left) => self.entries_left = left,
            None => return Err(self.refuse(name, "is one too many")),
        }
        Ok(())
    }

    /// The place of an entry in the folder, if its name leads there and nowhere else.
    fn admit(&mut self, name: &str) -> Result<Utf8PathBuf, FetchError> {
        self.count(name)?;
        let why = check_name(name);
        let path = why.map_err(|why| self.refuse(name, why))?;
        Ok(self.folder.join(path))
    }

    fn write(&mut self, name: &str, path: &Utf8Path, contents: &mut dyn Read) -> Result<(), FetchError> {
        if !self.seen.insert(path.to_owned()) {
            return Err(self.refuse(name, "is there twice"));
        }
        if let Some(folder) = path.parent() {
            make_folder(folder)?;
        }
        let mut file = File::create_new(path).map_err(io("write", path))?;
        let mut limited = contents.take(self.left.saturating_add(1));
        let written = copy(&mut limited, &mut file).map_err(|error| match error {
            CopyError::Read(error) => self.broken(&format_args!("entry `{name}`: {error}")),
            CopyError::Write(error) => io("write", path)(error),
        })?;
        match self.left.checked_sub(written) {
            Some(left) => self.left = left,
            None => return Err(self.refuse(name, "goes over the limit of the unpacked size")),
        }
        Ok(())
    }

    fn refuse(&self, entry: &str, why: &str) -> FetchError {
        FetchError::Unsafe { archive: self.archive.to_owned(), entry: entry.to_owned(), why: why.to_owned() }
    }

    fn broken(&self, why: &dyn std::fmt::Display) -> FetchError {
        FetchError::Archive { archive: self.archive.to_owned(), why: why.to_string() }
    }
}

fn make_folder(path: &Utf8Path) -> Result<(), FetchError> {
    std::fs::create_dir_all(path).map_err(io("make", path))
}

fn check_name(name: &str) -> Result<Utf8PathBuf, &'static str> {
    if name.contains(['\\', '\0', '\u{fffd}']) || name.chars().any(char::is_control) {
        return Err("has a name with characters that no source file needs");
    }
    let mut path = Utf8PathBuf::new();
    for component in Utf8Path::new(name).components() {
        match component {
            Utf8Component::Normal(part) => path.push(part),
            Utf8Component::CurDir => {}
            Utf8Component::ParentDir => return Err("leaves the folder by `..`"),
            Utf8Component::RootDir | Utf8Component::Prefix(_) => return Err("has an absolute path"),
        }
    }
    if path.components().count() > 64 || path.as_str().len() > 1024 {
        return Err("has a path that is too deep");
    }
    Ok(path)
}

enum CopyError {
    Read(std::io::Error),
    Write(std::io::Error),
}

/// As `std::io::copy`, but says which side failed: a damaged archive is not a full disk.
fn copy(from: &mut dyn Read, to: &mut File) -> Result<u64, CopyError> {
    let mut buffer = vec![0; 64 << 10];
    let mut total = 0;
    loop {
        let count = from.read(&mut buffer).map_err(CopyError::Read)?;
        if count == 0 {
            return Ok(total);
        }
        std::io::Write::write_all(to, &buffer[..count]).map_err(CopyError::Write)?;
        total += count as u64;
    }
}

#[cfg(test)]
mod tests;
