//! Source trees: their digest, and how they are made read-only and removed.

use std::collections::BTreeMap;
use std::fs::{File, Permissions};
use std::os::unix::fs::PermissionsExt;

use camino::{Utf8Path, Utf8PathBuf};

use super::{FetchError, io};
use crate::tool::FileDigest;

/// The digest of a tree: BLAKE3 over every file in order of its path: length of the path, the path, digest of the contents.
/// Modes and times are no part of it; `.git` at the top is left out. Links and special files are errors.
pub fn digest_tree(root: &Utf8Path, digest: &FileDigest<'_>) -> Result<String, FetchError> {
    let mut paths = Vec::new();
    walk(root, Utf8Path::new(""), &mut |path, is_folder| {
        if !is_folder {
            paths.push(path.to_owned());
        }
        Ok(())
    })?;
    let mut files = BTreeMap::new();
    for path in paths {
        let file = root.join(&path);
        files.insert(path.into_string(), digest(&file).map_err(io("read", &file))?);
    }
    Ok(digest_listing(&files))
}

/// The digest of a tree of which only paths and digests of contents are known.
pub fn digest_listing(files: &BTreeMap<String, String>) -> String {
    let mut all = blake3::Hasher::new();
    all.update(b"deployctl tree 1\0");
    for text in files.iter().flat_map(|(path, contents)| [path, contents]) {
        all.update(&(text.len() as u64).to_le_bytes()).update(text.as_bytes());
    }
    all.finalize().to_hex().to_string()
}

/// Calls `visit` with every file and folder under `root`, a folder before what is in it.
fn walk(
    root: &Utf8Path,
    at: &Utf8Path,
    visit: &mut dyn FnMut(&Utf8Path, bool) -> Result<(), FetchError>,
) -> Result<(), FetchError> {
    let folder = root.join(at);
    for entry in folder.read_dir_utf8().map_err(io("read", &folder))? {
        let entry = entry.map_err(io("read", &folder))?;
        let kind = entry.file_type().map_err(io("read", entry.path()))?;
        let path = at.join(entry.file_name());
        if kind.is_dir() {
            if path != ".git" {
                visit(&path, true)?;
                walk(root, &path, visit)?;
            }
        } else if kind.is_file() {
            visit(&path, false)?;
        } else {
            let what = if kind.is_symlink() { "a symbolic link" } else { "a special file" };
            return Err(FetchError::NotPlain { path: entry.path().to_owned(), what });
        }
    }
    Ok(())
}

/// Makes everything under `root` read-only and durable, but for `root` itself, which is still to be renamed.
pub(super) fn seal(root: &Utf8Path) -> Result<(), FetchError> {
    let git = root.join(".git");
    if git.is_dir() {
        std::fs::remove_dir_all(&git).map_err(io("remove", &git))?;
    }
    let mut folders: Vec<Utf8PathBuf> = Vec::new();
    walk(root, Utf8Path::new(""), &mut |path, is_folder| {
        let path = root.join(path);
        if is_folder {
            folders.push(path);
            return Ok(());
        }
        std::fs::set_permissions(&path, Permissions::from_mode(0o444)).map_err(io("change", &path))?;
        sync(&path)
    })?;
    for folder in folders.iter().rev() {
        close(folder)?;
    }
    sync(root)
}

/// Makes a folder read-only and durable.
pub(super) fn close(folder: &Utf8Path) -> Result<(), FetchError> {
    std::fs::set_permissions(folder, Permissions::from_mode(0o555)).map_err(io("change", folder))?;
    sync(folder)
}

fn sync(path: &Utf8Path) -> Result<(), FetchError> {
    File::open(path).and_then(|file| file.sync_all()).map_err(io("write", path))
}

/// Removes a tree, read-only or not. What is behind a link stays.
pub fn remove_tree(root: &Utf8Path) -> Result<(), FetchError> {
    open_folders(root)?;
    match std::fs::remove_dir_all(root) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(io("remove", root)(error)),
        _ => Ok(()),
    }
}

fn open_folders(folder: &Utf8Path) -> Result<(), FetchError> {
    if !folder.symlink_metadata().is_ok_and(|data| data.is_dir()) {
        return Ok(());
    }
    std::fs::set_permissions(folder, Permissions::from_mode(0o755)).map_err(io("change", folder))?;
    for entry in folder.read_dir_utf8().map_err(io("read", folder))? {
        open_folders(entry.map_err(io("read", folder))?.path())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::file_digest;
    use super::*;

    fn tree(files: &[(&str, &str)]) -> (tempfile::TempDir, Utf8PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let root = Utf8PathBuf::try_from(folder.path().to_owned()).unwrap();
        for (path, contents) in files {
            std::fs::create_dir_all(root.join(path).parent().unwrap()).unwrap();
            std::fs::write(root.join(path), contents).unwrap();
        }
        (folder, root)
    }

    fn digest(files: &[(&str, &str)]) -> String {
        digest_tree(&tree(files).1, &file_digest).unwrap()
    }

    #[test]
    fn digest_is_of_names_and_contents() {
        let base = digest(&[("a/b.c", "int"), ("c", "")]);
        // Pinned: lock files out there hold digests of this kind.
        assert_eq!(base, "5fcbaf601efccabf555a7a2a4c4b3750a0019a3348020c345b82c1b1eef63b22");
        assert_eq!(base, digest(&[("c", ""), ("a/b.c", "int"), (".git/HEAD", "ref")]));
        for other in [&[("a/b.c", "int")][..], &[("a/b.c", "Int"), ("c", "")], &[("a/b.c", "int"), ("d", "")]] {
            assert_ne!(base, digest(other));
        }
    }

    #[test]
    fn links_are_refused_by_name() {
        let (_folder, root) = tree(&[("a", "")]);
        std::os::unix::fs::symlink("/etc/passwd", root.join("link")).unwrap();
        let error = digest_tree(&root, &file_digest).unwrap_err().to_string();
        assert!(error.contains("link` is a symbolic link"), "{error}");
    }

    #[test]
    fn sealed_trees_are_read_only_and_can_be_removed() {
        let (_folder, root) = tree(&[("a/b/c", "text"), (".git/HEAD", "")]);
        seal(&root).unwrap();
        close(&root).unwrap();
        let mode = |path: &str| std::fs::metadata(root.join(path)).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode("a/b/c"), mode("a/b"), mode("")), (0o444, 0o555, 0o555));
        assert!(!root.join(".git").exists());
        remove_tree(&root).unwrap();
        assert!(!root.exists());
        remove_tree(&root).unwrap();
    }
}
