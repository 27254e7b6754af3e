//! Recorded raw inputs as stages take them: contents of files, and what is done with recordings of another length.

use deployctl_cache::{BoxError, TreeInput};
use serde::Serialize;

use super::fail;
use crate::error::Kind;
use crate::vectors::recording::{Fit, Medium, Refused};

/// Files of one folder, a vector each, in the order of their names.
#[derive(Clone, Debug, Serialize)]
pub struct Recordings {
    /// The files.
    pub files: TreeInput,
    /// As the manifest writes them.
    pub written: String,
    /// What the source says about files.
    pub medium: Medium,
    /// What happens to recordings of another length.
    pub fit: Fit,
}

impl Recordings {
    /// Names and contents.
    pub(super) fn read(&self) -> Result<Vec<(String, Vec<u8>)>, BoxError> {
        let files = self.files.files().iter();
        files.map(|(path, _)| Ok((path.to_string(), self.files.bytes(path)?))).collect()
    }

    /// Says which file, named in the manifest's node `node`, is no vector.
    pub(super) fn refused(&self, node: &str, (file, error): &Refused) -> BoxError {
        let message = format!("`{file}`, named in `{node}` by `{}`, cannot be used: {error}", self.written);
        fail(Kind::Manifest, message, "reference/manifest says what recordings look like")
    }
}
