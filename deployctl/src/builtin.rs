//! The files that are packed into the binary: built-in boards and kernel libraries, templates, and the firmware template.
//!
//! Knows paths and bytes; does not know what is in them.

use std::sync::OnceLock;

/// A packed file.
#[derive(Debug)]
pub struct File {
    /// Path in the repository, with forward slashes: `manifests/boards/host.kdl`.
    pub path: &'static str,
    /// Contents.
    pub bytes: &'static [u8],
}

static FILES: &[File] = include!(concat!(env!("OUT_DIR"), "/builtin.in"));

/// Digest of the sources that read and lower models and compute what they should give: 64 hex digits.
pub const REFERENCE: &str = env!("DEPLOYCTL_REFERENCE");

/// All packed files, sorted by path.
pub fn files() -> &'static [File] {
    FILES
}

/// The packed files below a folder such as `firmware-template`, sorted by path.
pub fn under(folder: &str) -> impl Iterator<Item = &'static File> {
    let folder = folder.trim_end_matches('/');
    FILES.iter().filter(move |file| file.path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/')))
}

/// The packed file at `path`.
pub fn get(path: &str) -> Option<&'static File> {
    FILES.binary_search_by(|file| file.path.cmp(path)).ok().map(|index| &FILES[index])
}

/// BLAKE3 over all packed paths and contents, each after its length in eight little-endian bytes; 64 hex digits.
pub fn digest() -> &'static str {
    static DIGEST: OnceLock<String> = OnceLock::new();
    DIGEST.get_or_init(|| digest_of(FILES))
}

fn digest_of(files: &[File]) -> String {
    let mut hasher = blake3::Hasher::new();
    for file in files {
        for part in [file.path.as_bytes(), file.bytes] {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
    }
    hasher.finalize().to_hex().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_sorted_and_found_by_path() {
        assert!(files().is_sorted_by(|a, b| a.path < b.path));
        for file in files() {
            assert_eq!(get(file.path).unwrap().bytes, file.bytes);
        }
        assert!(get("manifests/boards/nowhere.kdl").is_none());
        assert!(get("manifests/boards/host.kdl").is_some());
        assert!(get("firmware-template/kernels/Cargo.toml").is_some());
    }

    #[test]
    fn no_build_output_is_packed() {
        assert!(files().iter().all(|file| !file.path.split('/').any(|part| part == "target")));
    }

    #[test]
    fn a_folder_is_not_a_prefix_of_a_name() {
        assert!(under("manifests/boards").all(|file| file.path.starts_with("manifests/boards/")));
        assert_eq!(under("manifests/boar").count(), 0);
        assert_eq!(under("manifests/boards/").count(), under("manifests/boards").count());
    }

    #[test]
    fn moving_a_byte_between_path_and_contents_changes_the_digest() {
        let one = digest_of(&[File { path: "ab", bytes: b"c" }]);
        let other = digest_of(&[File { path: "a", bytes: b"bc" }]);
        assert_ne!(one, other);
        assert_eq!(digest().len(), 64);
    }
}
