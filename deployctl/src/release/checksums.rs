//! `checksums.txt`: the SHA-256 of every other file of a bundle, as `sha256sum -c checksums.txt` reads it.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

use super::CHECKSUMS;
use super::archive::{Files, missing};
use crate::model::hex;

/// What is wrong with checksums.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChecksumError {
    /// No such file.
    #[error("the bundle has no `{CHECKSUMS}`; is it one that `deployctl promote` made?")]
    Absent,
    /// A line that is no line of it.
    #[error("line {line} of `{CHECKSUMS}` is not a digest and a name; get the bundle again from where it was released")]
    Line {
        /// From 1.
        line: usize,
    },
    /// A file that is not there.
    #[error(
        "`{CHECKSUMS}` lists `{name}`, which the bundle does not have; get the bundle again from where it was released"
    )]
    Missing {
        /// The file.
        name: String,
    },
    /// A file that is not listed.
    #[error("`{name}` is in the bundle, but not in `{CHECKSUMS}`; get the bundle again from where it was released")]
    Unlisted {
        /// The file.
        name: String,
    },
    /// A file with other contents.
    #[error(
        "`{name}` has SHA-256 {found}, and `{CHECKSUMS}` says {listed}; get the bundle again from where it was released"
    )]
    Differs {
        /// The file.
        name: String,
        /// Its digest.
        found: String,
        /// What is listed.
        listed: String,
    },
    /// Lines out of order, or one more than there should be.
    #[error(
        "`{CHECKSUMS}` is not sorted by name, with a line for each file; get the bundle again from where it was released"
    )]
    Order,
}

/// SHA-256 in hex.
pub fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// The file for a bundle; its own entry, if there is one, is left out.
pub(super) fn checksums(files: &Files) -> String {
    files.iter().filter(|(path, _)| *path != CHECKSUMS).fold(String::new(), |mut text, (path, bytes)| {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{}  {path}", sha256(bytes));
        text
    })
}

/// Holds a bundle against its own checksums, both ways.
pub fn check(files: &Files) -> Result<(), ChecksumError> {
    let text = files.get(CHECKSUMS).ok_or(ChecksumError::Absent)?;
    let made = checksums(files);
    if made.as_bytes() == text {
        return Ok(());
    }
    let text = String::from_utf8_lossy(text);
    let mut listed = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let is_digest = |digest: &str| digest.len() == 64 && digest.bytes().all(|byte| byte.is_ascii_hexdigit());
        let entry = line.split_once("  ").filter(|(digest, _)| is_digest(digest));
        listed.push(entry.ok_or(ChecksumError::Line { line: at + 1 })?);
    }
    let there: BTreeSet<&str> = files.keys().map(String::as_str).collect();
    let names: BTreeSet<&str> = listed.iter().map(|(_, name)| *name).collect();
    if let Some(name) = missing(listed.iter().map(|(_, name)| *name), &there).first() {
        return Err(ChecksumError::Missing { name: (*name).to_owned() });
    }
    let others = there.iter().copied().filter(|name| *name != CHECKSUMS);
    if let Some(name) = missing(others, &names).first() {
        return Err(ChecksumError::Unlisted { name: (*name).to_owned() });
    }
    for (digest, name) in listed {
        let found = files.get(name).map(|bytes| sha256(bytes)).unwrap_or_default();
        if found != digest {
            return Err(ChecksumError::Differs { name: name.to_owned(), found, listed: digest.to_owned() });
        }
    }
    Err(ChecksumError::Order)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bundle() -> Files {
        let mut files: Files = [("a.txt", "one"), ("b/c.txt", ""), ("d", "three")]
            .into_iter()
            .map(|(path, text)| (path.to_owned(), text.as_bytes().to_vec()))
            .collect();
        files.insert(CHECKSUMS.into(), checksums(&files).into_bytes());
        files
    }

    #[test]
    fn are_what_sha256sum_writes() {
        let first = "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed  a.txt\n";
        assert!(checksums(&bundle()).starts_with(first));
        assert_eq!(checksums(&bundle()).lines().count(), 3);
        assert_eq!(check(&bundle()), Ok(()));
    }

    #[test]
    fn every_changed_byte_is_named() {
        let whole = bundle();
        for (path, bytes) in &whole {
            for at in 0..bytes.len() {
                for bit in [1, 0x20] {
                    let mut changed = whole.clone();
                    changed.get_mut(path).unwrap()[at] ^= bit;
                    let error = check(&changed).unwrap_err().to_string();
                    assert!(error.contains(path) || path == CHECKSUMS && error.contains('`'), "{path} {at}: {error}");
                }
            }
        }
    }

    #[test]
    fn what_comes_and_goes_is_named() {
        let mut files = bundle();
        files.insert("more".into(), vec![]);
        assert_eq!(check(&files), Err(ChecksumError::Unlisted { name: "more".into() }));
        let mut files = bundle();
        files.remove("d");
        assert_eq!(check(&files), Err(ChecksumError::Missing { name: "d".into() }));
        let mut files = bundle();
        let text = String::from_utf8(files[CHECKSUMS].clone()).unwrap();
        files.insert(CHECKSUMS.into(), format!("{text}{}\n", text.lines().next().unwrap()).into_bytes());
        assert_eq!(check(&files), Err(ChecksumError::Order));
        assert_eq!(check(&Files::new()), Err(ChecksumError::Absent));
    }
}
