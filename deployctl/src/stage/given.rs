//! What a paper is written from: artifacts by the names of a stage's inputs, from a build or from a release.

use std::collections::BTreeMap;

use deployctl_cache::{BoxError, Error, Job};
use serde::de::DeserializeOwned;

use super::artifact;

/// Files by their names.
pub type Written = BTreeMap<String, Vec<u8>>;

/// Inputs of a stage.
pub trait Given {
    /// A file; nothing where the plan has no such input.
    fn file(&self, input: &str) -> Result<Option<Vec<u8>>, BoxError>;

    /// A file in a folder; nothing where there is none.
    fn file_in(&self, input: &str, path: &str) -> Result<Option<Vec<u8>>, BoxError>;
}

impl Given for Job<'_> {
    fn file(&self, input: &str) -> Result<Option<Vec<u8>>, BoxError> {
        there(self.read(input))
    }

    fn file_in(&self, input: &str, path: &str) -> Result<Option<Vec<u8>>, BoxError> {
        there(self.read_at(input, path))
    }
}

fn there(read: Result<Vec<u8>, Error>) -> Result<Option<Vec<u8>>, BoxError> {
    match read {
        Ok(bytes) => Ok(Some(bytes)),
        Err(Error::NoInput { .. }) => Ok(None),
        Err(other) => Err(other.into()),
    }
}

/// An input that every plan has.
pub(super) fn needed(given: &dyn Given, input: &str) -> Result<Vec<u8>, BoxError> {
    given.file(input)?.ok_or_else(|| format!("there is no input `{input}`").into())
}

/// An input that every plan has, as JSON.
pub(super) fn json<T: DeserializeOwned>(given: &dyn Given, input: &str) -> Result<T, BoxError> {
    parse(input, &needed(given, input)?)
}

/// An input that only some plans have.
pub(super) fn optional<T: DeserializeOwned>(given: &dyn Given, input: &str) -> Result<Option<T>, BoxError> {
    given.file(input)?.map(|bytes| parse(input, &bytes)).transpose()
}

fn parse<T: DeserializeOwned>(input: &str, bytes: &[u8]) -> Result<T, BoxError> {
    serde_json::from_slice(bytes).map_err(|error| format!("`{input}`: {error}").into())
}

/// Pictures of earlier stages, by file name, for pages; those of inputs that only some plans have, too.
pub(super) fn pictures(given: &dyn Given) -> Result<BTreeMap<String, String>, BoxError> {
    let mut pictures = BTreeMap::new();
    for (input, name) in [("plan", artifact::PICTURE), ("features", artifact::PARITY_PICTURE)] {
        if let Some(bytes) = given.file_in(input, name)? {
            pictures.insert(name.to_owned(), String::from_utf8_lossy(&bytes).into_owned());
        }
    }
    Ok(pictures)
}

/// JSON as stages write it.
pub(super) fn written(value: &serde_json::Value) -> Result<Vec<u8>, BoxError> {
    let mut bytes = serde_json::to_vec_pretty(value)?;
    bytes.push(b'\n');
    Ok(bytes)
}
