//! What no deployment owns, compiled once in a run of the tests: the crates of firmware and the kernel library of a target, handed
//! from one store to another. A store is a folder of records and one of objects, by digest; the engine checks what it takes.

use camino::{Utf8Path, Utf8PathBuf};
use serde_json::Value;

const REPOSITORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// Hands over what is there for a target; what is not there, or is just being made, is not handed over.
pub(crate) fn hand_over(from: &Utf8Path, to: &Utf8Path, board: &str) {
    let board = std::fs::read_to_string(format!("{REPOSITORY}/manifests/boards/{board}.kdl")).unwrap();
    let words = |name: &str| -> Vec<String> {
        let line = board.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
        line.split_whitespace().map(|word| word.trim_matches('"').to_owned()).collect()
    };
    let (target, flags) = (words("rust-target "), words("c-flags "));
    for path in records(&from.join("store-v1/records")) {
        let Ok(bytes) = std::fs::read(&path) else { continue };
        let record: Value = serde_json::from_slice(&bytes).unwrap();
        if !is_of(&record, &target, &flags) {
            continue;
        }
        let outputs = record["record"]["outputs"].as_array().unwrap();
        let objects = outputs.iter().map(|output| object(output["digest"].as_str().unwrap()));
        if objects.map(|object| copy(from, to, &object)).all(|copied| copied.is_some()) {
            copy(from, to, path.strip_prefix(from).unwrap());
        }
    }
}

fn object(digest: &str) -> Utf8PathBuf {
    Utf8PathBuf::from(format!("store-v1/objects/{}/{}", &digest[..2], &digest[2..]))
}

/// Whether a stage made this for a Rust target or with a core's flags.
fn is_of(record: &Value, target: &[String], flags: &[String]) -> bool {
    let fields = record["record"]["fields"].as_array().unwrap();
    let all = |prefix: &str| -> Vec<&str> {
        let named = |field: &&Value| field["name"].as_str().is_some_and(|name| name.starts_with(prefix));
        fields.iter().filter(named).filter_map(|field| field["value"].as_str()).collect()
    };
    match all("stage").first() {
        Some(&"crates") => all("rust_target").first().copied() == target.first().map(String::as_str),
        Some(&"kernels") => {
            !flags.is_empty() && all("build.flag").starts_with(&flags.iter().map(String::as_str).collect::<Vec<_>>())
        }
        _ => false,
    }
}

fn records(folder: &Utf8Path) -> Vec<Utf8PathBuf> {
    let list = |folder: &Utf8Path| -> Vec<Utf8PathBuf> {
        let entries = folder.read_dir_utf8().into_iter().flatten();
        entries.map(|entry| entry.unwrap().into_path()).collect()
    };
    let files = list(folder).into_iter().flat_map(|folder| list(&folder));
    files.filter(|path| path.extension() == Some("json")).collect()
}

/// Copies a file that others may be reading or making; `None` where it is gone.
fn copy(from: &Utf8Path, to: &Utf8Path, path: &Utf8Path) -> Option<()> {
    let (from, to) = (from.join(path), to.join(path));
    if !to.exists() {
        let folder = to.parent().unwrap();
        std::fs::create_dir_all(folder).unwrap();
        let partial = tempfile::NamedTempFile::new_in(to.ancestors().nth(4).unwrap()).unwrap();
        std::fs::copy(from, &partial).ok()?;
        partial.persist(to).unwrap();
    }
    Some(())
}
