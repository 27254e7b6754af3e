//! Models that are data for tests but no part of the project.

use std::path::{Path, PathBuf};

/// The folder with models, or `None` (said aloud) where this machine has none.
fn folder() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared");
    let folder = std::env::var_os("DEPLOYCTL_SHARED").map_or(beside, PathBuf::from).join("models");
    if folder.is_dir() {
        return Some(folder);
    }
    println!("SKIPPED: no `{}`; set DEPLOYCTL_SHARED to a folder that has `models`", folder.display());
    None
}

/// The bytes of a model file, or `None` (said aloud) where it is absent.
pub(crate) fn model(name: &str) -> Option<Vec<u8>> {
    let path = folder()?.join(name);
    let bytes = std::fs::read(&path).ok();
    if bytes.is_none() {
        println!("SKIPPED: no `{}`", path.display());
    }
    bytes
}
