//! What is remembered of a stage that ran: the printable fields of its key and its outputs. No time, no host, no
//! duration; those go to a journal beside it. Knows the format, not the files.

use camino::Utf8PathBuf;
use serde::{Deserialize, Serialize};

use crate::Digest;
use crate::graph::select;

/// One output of a stage.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Output {
    /// Relative to the stage's output folder.
    pub path: Utf8PathBuf,
    /// Of its content.
    pub digest: Digest,
    /// In bytes.
    pub size: u64,
    /// Whether it may be run.
    pub executable: bool,
}

/// Which part of a key a field belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Section {
    /// The stage's name and version.
    Stage,
    /// The stage's own fields.
    Own,
    /// What comes from earlier stages.
    Input,
}

impl Section {
    pub(crate) fn tag(self) -> u8 {
        match self {
            Self::Stage => 1,
            Self::Own => 2,
            Self::Input => 3,
        }
    }
}

/// A field of a key as people see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrintedField {
    /// Which part of the key.
    pub section: Section,
    /// `board.memory[0].size`.
    pub name: String,
    /// The value's type.
    #[serde(rename = "type")]
    pub kind: String,
    /// The value on one line.
    pub value: String,
}

/// What is remembered of a stage that ran.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The key's fields.
    pub fields: Vec<PrintedField>,
    /// Sorted by path.
    pub outputs: Vec<Output>,
}

/// A record and the digest of its JSON, so that a damaged one is noticed.
#[derive(Serialize, Deserialize)]
struct Sealed {
    key: Digest,
    seal: Digest,
    record: Record,
}

impl Record {
    /// The digest by which a later stage's key knows an output, or the outputs below a folder if `path` ends in `/`; `None`
    /// if there are none.
    pub fn content(&self, path: &str) -> Option<Digest> {
        select(path, &self.outputs).map(|selection| selection.content())
    }

    /// The record's file: JSON, with a seal over key and content.
    pub(crate) fn to_bytes(&self, key: Digest) -> Result<Vec<u8>, serde_json::Error> {
        let sealed = Sealed { key, seal: self.seal(key)?, record: self.clone() };
        let mut bytes = serde_json::to_vec_pretty(&sealed)?;
        bytes.push(b'\n');
        Ok(bytes)
    }

    /// The record in a file, unless it is damaged or belongs to another key.
    pub(crate) fn from_bytes(key: Digest, bytes: &[u8]) -> Option<Self> {
        let sealed: Sealed = serde_json::from_slice(bytes).ok()?;
        (sealed.key == key && sealed.record.seal(key).ok()? == sealed.seal).then_some(sealed.record)
    }

    fn seal(&self, key: Digest) -> Result<Digest, serde_json::Error> {
        let mut bytes = key.as_bytes().to_vec();
        serde_json::to_writer(&mut bytes, self)?;
        Ok(Digest::of(&bytes))
    }
}

/// The content of a folder of outputs: paths relative to `prefix`, digests, and which may be run.
pub(crate) fn tree_digest<'a>(files: impl Iterator<Item = (&'a str, Digest, bool)>) -> Digest {
    let mut hasher = blake3::Hasher::new_derive_key("deployctl tree, version 1");
    for (path, digest, executable) in files {
        hasher.update(&(path.len() as u64).to_le_bytes());
        hasher.update(path.as_bytes());
        hasher.update(digest.as_bytes());
        hasher.update(&[u8::from(executable)]);
    }
    hasher.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flipped_byte_is_noticed() {
        let output = Output { path: "a.json".into(), digest: Digest::of(b"a"), size: 1, executable: false };
        let field = PrintedField { section: Section::Own, name: "n".into(), kind: "text".into(), value: "v".into() };
        let record = Record { fields: vec![field], outputs: vec![output] };
        let key = Digest::of(b"key");
        let bytes = record.to_bytes(key).unwrap();
        assert_eq!(Record::from_bytes(key, &bytes), Some(record.clone()));
        assert_eq!(Record::from_bytes(Digest::of(b"other"), &bytes), None);
        for at in 0..bytes.len() {
            let mut bytes = bytes.clone();
            bytes[at] ^= 1;
            let read = Record::from_bytes(key, &bytes);
            assert!(read.is_none() || read.as_ref() == Some(&record), "byte {at}");
        }
    }
}
