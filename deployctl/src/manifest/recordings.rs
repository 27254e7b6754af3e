//! Recorded raw inputs that a manifest names: one file, or those that a pattern finds in one folder.
//!
//! Knows names of files; does not open them.

use camino::Utf8Path;
use globset::GlobBuilder;

use super::decode::Node;
use super::files;
use super::resolve::folder_of;
use super::types::Recordings;
use super::value::Value;
use crate::vectors::recording::{EXTENSIONS, Fit, Format};

/// Properties that say what happens to recordings of another length.
pub(super) const FIT: [&str; 2] = ["longer", "shorter"];
/// Most files that a pattern may find.
const MOST_FILES: usize = 10_000;

/// The files that `value` names, of which there is at least one, all in one format.
pub(super) fn recordings(value: &Value<'_>, manifest: &Utf8Path) -> Option<Recordings> {
    let written = value.text()?;
    let pattern = folder_of(manifest).join(&written);
    let (folder, name) = (folder_of(&pattern).to_owned(), pattern.file_name().unwrap_or_default());
    let names = if name.contains(['*', '?', '[', '{']) {
        found(value, &folder, name, &written)?
    } else if pattern.is_dir() {
        let help = format!("name its files: `{}/*.wav`", written.trim_end_matches('/'));
        value.refuse(format!("`{written}` is a folder"), "a folder", help);
        return None;
    } else {
        let path = files::existing(value, manifest)?;
        vec![path.file_name().unwrap_or_default().to_owned()]
    };
    let format = Format::of(&names[0]);
    if let Some(other) = names.iter().find(|name| Format::of(name).is_none() || Format::of(name) != format) {
        let (message, help) = match Format::of(other) {
            None => (
                format!("files like `{other}` are not read"),
                format!("raw inputs are {EXTENSIONS} files; model inputs are arrays of one .npz file"),
            ),
            Some(_) => (
                format!("`{}` and `{other}` have different formats", names[0]),
                "take a pattern with one extension, such as `clips/*.wav`".to_owned(),
            ),
        };
        value.refuse(message, "here", help);
        return None;
    }
    Some(Recordings { folder, names, written })
}

/// Names of files in `folder` that fit the pattern `name`, sorted.
fn found(value: &Value<'_>, folder: &Utf8Path, name: &str, written: &str) -> Option<Vec<String>> {
    let glob = match GlobBuilder::new(name).literal_separator(true).build() {
        Ok(glob) => glob.compile_matcher(),
        Err(error) => {
            value.refuse(format!("`{written}` is no pattern: {error}"), "here", "patterns are like `clips/*.wav`");
            return None;
        }
    };
    let Ok(entries) = folder.read_dir_utf8() else {
        let help = "put the recordings there, or write the path relative to this file's folder";
        value.refuse(format!("there is no folder for `{written}`"), "not found", help);
        return None;
    };
    let files = entries.filter_map(Result::ok).filter(|entry| entry.path().is_file());
    let mut names: Vec<String> = files.map(|entry| entry.file_name().to_owned()).collect();
    names.retain(|name| !name.starts_with('.') && glob.is_match(name));
    names.sort();
    if names.is_empty() || names.len() > MOST_FILES {
        let message = format!("{} files fit `{written}`", if names.is_empty() { "no" } else { "more than 10,000" });
        value.refuse(message, "here", "patterns are like `clips/*.wav`, and are looked for in one folder");
        return None;
    }
    Some(names)
}

/// What happens to recordings of another length, by the properties `longer` and `shorter` of `node`.
pub(super) fn fit(node: &Node<'_>) -> Option<Fit> {
    let asked = |key: &'static str, word: &'static str| match node.property(key) {
        Some(value) => value.choice(&[("refuse", false), (word, true)], &[]),
        None => Some(false),
    };
    let (cut, pad) = (asked("longer", "cut"), asked("shorter", "pad"));
    Some(Fit { cut: cut?, pad: pad? })
}
