//! Releases: one archive that holds a deployment's firmware with all that speaks for it, made so that anyone can check it later.
//!
//! Knows what a bundle holds and what must agree in it; does not build, and starts nothing.

pub mod about;
pub mod archive;
mod check;
mod checksums;
mod crates;
mod difference;
mod image;
pub mod keys;
pub mod licences;
mod make;
mod pages;
mod project;
mod provenance;
mod sbom;
mod table;

pub use archive::{ArchiveError, Files};
pub use check::{Checked, check};
pub use checksums::{ChecksumError, check as whole, sha256};
pub use difference::{Change, Difference, difference};
pub use make::{Draft, Made, Trees, make, reproduced, seal};
pub use pages::Pages;
pub use project::{above, place};
pub use provenance::Maker;
pub use table::{markdown, text};

use serde::Serialize;

use crate::stage::artifact;

/// The archive in a release's folder.
pub const ARCHIVE: &str = "bundle.tar";
/// Its signature, beside it.
pub const SIGNATURE: &str = "bundle.tar.sig";
/// What the release is: in the archive and beside it.
pub const RELEASE: &str = "release.json";
/// SHA-256 of every other file.
pub const CHECKSUMS: &str = "checksums.txt";
/// What the firmware is made of.
pub const SBOM: &str = "sbom.cdx.json";
/// What the firmware was made from.
pub const PROVENANCE: &str = "provenance.intoto.json";
/// That the bundle's own sources gave its firmware again, before it was promoted.
pub const REPRODUCED: &str = "reproduced.json";
/// Manifest, lock file and everything that they name, as in the project.
pub const SOURCES: &str = "sources/";
/// Built-in files that the manifest names.
pub const BUILT_IN: &str = "built-in/";
/// A folder for each board.
pub const TARGETS: &str = "targets/";
/// Texts of licences, a folder for each part.
pub const LICENCES: &str = "licences/";
/// Files of source trees that are not in the bundle, with their digests.
pub const LISTINGS: &str = "listings/";
/// Beside a target's results: the key fields of stage `gate`.
pub const LIMITS: &str = "limits.json";
/// Beside a target's results: [`keys::Keys`].
pub const KEYS: &str = "keys.json";
/// What signatures are made for (`ssh-keygen -n`).
pub const NAMESPACE: &str = "deployctl-release";

/// Why a bundle is not to be trusted.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// As an archive.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// By its checksums.
    #[error(transparent)]
    Checksum(#[from] ChecksumError),
    /// A file that is not there.
    #[error("the bundle has no `{path}`; is it one that `deployctl promote` made?")]
    Missing {
        /// The file.
        path: String,
    },
    /// A file that is not what it is called.
    #[error("`{path}` cannot be read: {why}; was the bundle made by another version of deployctl?")]
    Unreadable {
        /// The file.
        path: String,
        /// Why.
        why: String,
    },
    /// No place to read the manifest from.
    #[error("a bundle's manifest is read from a temporary folder, which cannot be made: {why}; `TMPDIR` says where")]
    NoRoom {
        /// Why.
        why: String,
    },
    /// Evidence that does not speak for the firmware.
    #[error("`{place}`: {what}; this is not a bundle that `deployctl promote` made: do not ship it")]
    Evidence {
        /// The file.
        place: String,
        /// What is wrong with it.
        what: String,
    },
}

/// What lies beside the archive so that people can open it without unpacking anything, by path in the release's folder:
/// `release.json`, and for each board its pages. Copies: the archive alone is the release.
pub fn copies(files: &Files) -> Files {
    let copy = |(path, bytes): (&String, &Vec<u8>)| {
        let place = path.strip_prefix(TARGETS)?;
        let (_, name) = place.split_once('/')?;
        COPIED.contains(&name).then(|| (place.to_owned(), bytes.clone()))
    };
    let about = files.get(RELEASE).map(|bytes| (RELEASE.to_owned(), bytes.clone()));
    files.iter().filter_map(copy).chain(about).collect()
}

/// Pages of a target that people open, and the pictures that they link to.
const COPIED: [&str; 5] =
    [artifact::REPORT_PAGE, artifact::RUNBOOK, artifact::RUNBOOK_PAGE, artifact::PICTURE, artifact::PARITY_PICTURE];

/// JSON as every file of a bundle has it.
fn json(value: &impl Serialize) -> Vec<u8> {
    // Structs with names for keys are always JSON.
    let mut bytes = serde_json::to_vec_pretty(value).unwrap_or_default();
    bytes.push(b'\n');
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_of_every_board_lie_beside_the_archive() {
        let paths =
            ["release.json", "targets/a/gate-report.html", "targets/b/runbook.md", "targets/b/app.elf", "x/runbook.md"];
        let files: Files = paths.iter().map(|path| ((*path).to_owned(), path.as_bytes().to_vec())).collect();
        let copies = copies(&files);
        assert_eq!(
            copies.keys().map(String::as_str).collect::<Vec<_>>(),
            ["a/gate-report.html", "b/runbook.md", RELEASE]
        );
        assert_eq!(copies["b/runbook.md"], b"targets/b/runbook.md");
    }
}
