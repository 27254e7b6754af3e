//! Where texts of licences are found: source trees, and the folders in which toolchains keep their documents.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};
use deployctl_cache::TreeInput;

use super::workshop::{Workshop, store_error};
use crate::error::{Error, Kind};
use crate::manifest::Manifest;
use crate::plan::Materials;
use crate::release::Files;
use crate::release::licences::{CRATES, NEWLIB, RUST};

/// Documents of the Rust toolchain, below its folder: as rustup has them, then as older versions and distributions do.
const OF_RUST: [&str; 8] = [
    "share/doc/rust/COPYRIGHT-library.html",
    "share/doc/rust/COPYRIGHT",
    "share/doc/rust/LICENSE-APACHE",
    "share/doc/rust/LICENSE-MIT",
    "share/doc/rust/licenses/Apache-2.0.txt",
    "share/doc/rust/licenses/LLVM-exception.txt",
    "share/doc/rust/licenses/MIT.txt",
    "share/doc/rustc/copyright",
];
/// Documents of the C library, below the folder that holds the compiler's `bin`: as Debian and as Arm packs it.
const OF_NEWLIB: [&str; 4] = [
    "share/doc/libnewlib-arm-none-eabi/copyright",
    "share/doc/newlib/COPYING.NEWLIB",
    "share/doc/gcc-arm-none-eabi/license.txt",
    "license.txt",
];

/// The source trees of a deployment, by the names that `deploy.lock` has for them.
pub(super) fn trees(
    manifest: &Manifest,
    materials: &Materials,
    workshop: &Workshop,
) -> Result<BTreeMap<String, TreeInput>, Error> {
    let mut roots: BTreeMap<String, Utf8PathBuf> = BTreeMap::new();
    for found in &materials.targets {
        roots.insert(CRATES.to_owned(), found.crates.vendor.clone());
        if let Some(library) = &found.library {
            roots.insert(manifest.kernels.source.name.clone(), library.sources.root().to_owned());
        }
    }
    let tree = |(name, root): (String, Utf8PathBuf)| {
        let tree = workshop.store.tree(&root, |path| path != ".git").map_err(|error| store_error(&error))?;
        Ok((name, tree))
    };
    roots.into_iter().map(tree).collect()
}

/// Texts that the toolchains carry, by `PART/FILE`.
pub(super) fn of_toolchain(materials: &Materials) -> Result<Files, Error> {
    let mut texts = Files::new();
    for found in &materials.targets {
        texts.extend(documents(RUST, &found.rustc.sysroot, &OF_RUST)?);
        let compiler = found.library.as_ref().map(|library| &library.cross.driver);
        // `bin/arm-none-eabi-gcc` may be a link into the folder that it was unpacked in.
        let compiler = compiler.and_then(|driver| driver.canonicalize_utf8().ok());
        if let Some(folder) = compiler.as_deref().and_then(|driver| driver.parent()?.parent()) {
            texts.extend(documents(NEWLIB, folder, &OF_NEWLIB)?);
        }
    }
    Ok(texts)
}

fn documents(part: &str, folder: &Utf8Path, paths: &[&str]) -> Result<Files, Error> {
    let mut found = Files::new();
    for path in paths.iter().map(|path| folder.join(path)).filter(|path| path.is_file()) {
        let bytes = std::fs::read(&path)
            .map_err(|error| Error::caused(Kind::Store, &error, format!("`{path}` holds the text of a licence")))?;
        found.insert(format!("{part}/{}", path.file_name().unwrap_or_default()), bytes);
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_that_are_there_are_taken() {
        let folder = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(folder.path()).unwrap();
        for path in ["share/doc/rust/LICENSE-MIT", "share/doc/rust/licenses/MIT.txt", "share/doc/rust/README.md"] {
            std::fs::create_dir_all(root.join(path).parent().unwrap()).unwrap();
            std::fs::write(root.join(path), "mit").unwrap();
        }
        let names: Vec<String> = documents(RUST, root, &OF_RUST).unwrap().into_keys().collect();
        assert_eq!(names, ["rust-library/LICENSE-MIT", "rust-library/MIT.txt"]);
        assert!(documents(NEWLIB, root, &OF_NEWLIB).unwrap().is_empty());
    }
}
