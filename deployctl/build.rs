//! Packs the files that an installed binary needs (built-in boards, kernel libraries, templates, the firmware template)
//! into a table that `src/builtin.rs` includes. Sorted by path; `target` folders are skipped.
//!
//! And says which code reads models and computes what they should give: its digest is in the keys of the stages that run it.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

/// What is packed, relative to the repository's root.
const ROOTS: [&str; 4] = ["firmware-template", "manifests/boards", "manifests/kernels", "templates"];
/// Code whose results are artifacts: the model's reader, its lowering, the reference kernels with what they depend on,
/// vectors.
const REFERENCE: [&str; 6] = [
    "deployctl/src/model",
    "deployctl/src/vectors.rs",
    "deployctl/tflite-flatbuffers/src",
    "firmware-template/kernels",
    "firmware-template/preprocess",
    "firmware-template/Cargo.lock",
];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let package = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?);
    let repository = package.parent().ok_or("the package has no parent folder")?;
    let mut files = Vec::new();
    for root in ROOTS {
        let folder = repository.join(root);
        watch(&folder);
        if folder.is_dir() {
            collect(&folder, &mut files)?;
        }
    }
    let packed = named(files, repository)?;
    let mut table = String::from("&[\n");
    for (path, file) in packed {
        let file = file.to_str().ok_or("the checkout's path is not UTF-8")?;
        writeln!(table, "    File {{ path: {path:?}, bytes: include_bytes!({file:?}) }},")?;
    }
    table.push_str("]\n");
    fs::write(PathBuf::from(env::var("OUT_DIR")?).join("builtin.in"), table)?;

    let mut files = Vec::new();
    for root in REFERENCE {
        let root = repository.join(root);
        watch(&root);
        if root.is_file() {
            files.push(root);
        } else {
            collect(&root, &mut files)?;
        }
    }
    let mut hasher = blake3::Hasher::new();
    for (path, file) in named(files, repository)? {
        for part in [path.as_bytes(), &fs::read(file)?] {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
    }
    println!("cargo::rustc-env=DEPLOYCTL_REFERENCE={}", hasher.finalize().to_hex());
    Ok(())
}

/// Files with their paths in the repository, sorted by these.
fn named(files: Vec<PathBuf>, repository: &Path) -> Result<Vec<(String, PathBuf)>, Box<dyn std::error::Error>> {
    let mut named = Vec::new();
    for file in files {
        let path = file.strip_prefix(repository)?.to_str().ok_or("a packed path is not UTF-8")?.replace('\\', "/");
        named.push((path, file));
    }
    named.sort();
    Ok(named)
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let (path, kind) = (entry.path(), entry.file_type()?);
        if kind.is_dir() {
            if entry.file_name() != "target" {
                watch(&path);
                collect(&path, files)?;
            }
        } else if kind.is_file() {
            watch(&path);
            files.push(path);
        }
    }
    Ok(())
}

/// Asks cargo to run this again when `path` changes. Cargo looks at everything below a folder, so a folder with a `target`
/// folder in it is left to its files.
fn watch(path: &Path) {
    let holds_target = path.join("target").exists() || path.ends_with("firmware-template");
    if !holds_target {
        println!("cargo::rerun-if-changed={}", path.display());
    }
}
