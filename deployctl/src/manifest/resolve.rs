//! Where things are: the project's root, its manifests, and paths relative to the file that holds them.
//!
//! Knows the file system; does not know the working directory: whoever calls gives paths that can be walked upwards.

use camino::{Utf8Path, Utf8PathBuf};

/// The nearest ancestor of the manifest with a `deploy.lock` or a `manifests` folder, else the manifest's own folder.
///
/// `manifest` should be absolute: only its own ancestors are looked at.
pub fn project_root(manifest: &Utf8Path) -> Utf8PathBuf {
    let own = folder_of(manifest);
    let is_root = |folder: &&Utf8Path| folder.join("deploy.lock").is_file() || folder.join("manifests").is_dir();
    own.ancestors().find(is_root).unwrap_or(own).to_owned()
}

/// All manifests of the project at `root`: `manifests/*.kdl`, not deeper, sorted.
pub fn discover(root: &Utf8Path) -> Vec<Utf8PathBuf> {
    kdl_files(&root.join("manifests"))
}

/// The `.kdl` files of a folder, sorted; none where there is no such folder. Hidden files are left out.
pub(super) fn kdl_files(folder: &Utf8Path) -> Vec<Utf8PathBuf> {
    let Ok(entries) = folder.read_dir_utf8() else { return Vec::new() };
    let mut files: Vec<_> = entries
        .filter_map(|entry| Some(entry.ok()?.into_path()))
        .filter(|path| path.extension() == Some("kdl") && path.is_file())
        .filter(|path| path.file_name().is_some_and(|name| !name.starts_with('.')))
        .collect();
    files.sort();
    files
}

/// The folder that relative paths in `file` start from.
pub(super) fn folder_of(file: &Utf8Path) -> &Utf8Path {
    file.parent().unwrap_or(Utf8Path::new(""))
}

/// The manifest's path as people know it: relative to the project's root where it lies below it.
pub(super) fn shown(manifest: &Utf8Path, root: &Utf8Path) -> String {
    manifest.strip_prefix(root).unwrap_or(manifest).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> (tempfile::TempDir, Utf8PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::from_path_buf(folder.path().to_owned()).unwrap();
        (folder, path)
    }

    #[test]
    fn the_root_is_the_nearest_ancestor_with_a_lock_or_manifests() {
        let (_keep, top) = folder();
        std::fs::create_dir_all(top.join("a/manifests")).unwrap();
        std::fs::create_dir_all(top.join("b/c")).unwrap();
        std::fs::write(top.join("b/deploy.lock"), "").unwrap();
        assert_eq!(project_root(&top.join("a/manifests/x.kdl")), top.join("a"));
        assert_eq!(project_root(&top.join("b/c/x.kdl")), top.join("b"));
        assert_eq!(project_root(&top.join("x.kdl")), top);
    }

    #[test]
    fn manifests_are_found_sorted_and_not_deeper() {
        let (_keep, top) = folder();
        std::fs::create_dir_all(top.join("manifests/boards")).unwrap();
        for name in ["b.kdl", "a.kdl", "boards/c.kdl", "a.txt", ".hidden.kdl"] {
            std::fs::write(top.join("manifests").join(name), "").unwrap();
        }
        assert_eq!(discover(&top), [top.join("manifests/a.kdl"), top.join("manifests/b.kdl")]);
        assert!(discover(&top.join("nowhere")).is_empty());
    }
}
