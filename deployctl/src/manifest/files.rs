//! Files that a manifest names: that they are there, and label files read.
//!
//! Knows paths in manifests; does not know models or vectors.

use std::io::Read as _;

use camino::{Utf8Component, Utf8Path, Utf8PathBuf};

use super::error::closest;
use super::resolve::folder_of;
use super::value::Value;

/// Largest label file that is read, in bytes.
const MOST_LABEL_BYTES: u64 = 1 << 20;

/// The file that `value` names, which must exist; relative to the manifest's folder.
pub(super) fn existing(value: &Value<'_>, manifest: &Utf8Path) -> Option<Utf8PathBuf> {
    let written = value.text()?;
    let path = folder_of(manifest).join(&written);
    if path.is_file() {
        return Some(path);
    }
    let (message, label) = if path.is_dir() {
        (format!("`{written}` is a folder"), "a folder")
    } else {
        (format!("there is no file `{written}`"), "not found")
    };
    let help = match neighbour(&path, Utf8Path::is_file) {
        Some(name) => format!("did you mean `{}`?", Utf8Path::new(&written).with_file_name(name)),
        None => "put the file there, or write its path relative to this file's folder".to_owned(),
    };
    value.refuse(message, label, help);
    None
}

/// A path without `..`, so that a file has one name however a manifest reaches it.
pub fn plain(path: &Utf8Path) -> Utf8PathBuf {
    let mut plain = Utf8PathBuf::new();
    for part in path.components() {
        match part {
            Utf8Component::ParentDir => drop(plain.pop()),
            Utf8Component::CurDir => {}
            part => plain.push(part),
        }
    }
    plain
}

/// A file or folder, as `wanted` says, beside `path` with a similar name.
pub(super) fn neighbour(path: &Utf8Path, wanted: impl Fn(&Utf8Path) -> bool) -> Option<String> {
    let entries = folder_of(path).read_dir_utf8().ok()?;
    let mut names: Vec<String> = entries
        .take(10_000)
        .filter_map(|entry| Some(entry.ok()?.into_path()))
        .filter(|path| wanted(path))
        .filter_map(|path| path.file_name().map(str::to_owned))
        .collect();
    names.sort();
    closest(path.file_name()?, names.iter().map(String::as_str)).map(str::to_owned)
}

/// The labels in the file that `value` names, one a line.
pub(super) fn labels(value: &Value<'_>, manifest: &Utf8Path) -> Option<Vec<String>> {
    let path = existing(value, manifest)?;
    let mut text = String::new();
    let file = std::fs::File::open(&path);
    let read = file.and_then(|file| file.take(MOST_LABEL_BYTES + 1).read_to_string(&mut text));
    let wrong = match read {
        Err(error) => format!("{} cannot be read: {error}", value.what()),
        Ok(_) if text.len() as u64 > MOST_LABEL_BYTES => format!("{} is larger than 1 MiB", value.what()),
        Ok(_) => {
            let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
            return Some(text.lines().map(|line| line.trim().to_owned()).collect());
        }
    };
    value.refuse(wrong, "label file", "it should be UTF-8 text with one label a line");
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_one_name() {
        let name = |path: &str| plain(Utf8Path::new(path)).into_string();
        assert_eq!(name("/p/manifests/../models/x.tflite"), "/p/models/x.tflite");
        assert_eq!(name("/p/./a/b/../../x"), "/p/x");
    }
}
