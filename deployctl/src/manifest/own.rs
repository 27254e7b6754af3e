//! A kernel of the deployment's own: the folder that `kernel="…"` of a `use` node names, with a crate in it.
//!
//! Firmware gets the crate's sources under a manifest that the emitter writes, so of `Cargo.toml` only name, version, edition
//! and licence count. What that manifest could not keep (dependencies, features, build scripts) is refused here. Reads the few
//! lines of TOML that matter and knows no other; does not run Cargo.

use camino::{Utf8Path, Utf8PathBuf};

use super::files::neighbour;
use super::resolve::folder_of;
use super::types::OwnCrate;
use super::value::Value;
use crate::builtin;

/// Largest `Cargo.toml` that is read, in bytes.
const MOST_MANIFEST_BYTES: u64 = 1 << 16;
/// The crate that a kernel may depend on: whatever path it has there, firmware and host use deployctl's.
const INTERFACE: &str = "kernels";
/// Tables of `Cargo.toml` that neither firmware nor host program read.
const UNREAD: [&str; 12] = [
    "badges",
    "bench",
    "dev-dependencies",
    "example",
    "hints",
    "lints",
    "package.metadata",
    "profile",
    "test",
    "workspace",
    "package.lints",
    "lib.metadata",
];
const PAGE: &str = "the section \"Your own kernel\" of reference/operators says how such a crate looks";

/// What `Cargo.toml` says.
#[derive(Debug, Default, PartialEq, Eq)]
struct Package {
    name: String,
    version: String,
    edition: String,
    licence: Option<String>,
}

/// Whether the text of `kernel=` is a folder, and not the name of a kernel.
pub(super) fn is_folder(text: &str) -> bool {
    text.contains('/') || text.starts_with('.')
}

/// The crate in the folder that `value` names, relative to the manifest's.
pub(super) fn read(value: &Value<'_>, manifest: &Utf8Path) -> Option<OwnCrate> {
    let written = value.text()?;
    let folder = folder_of(manifest).join(&written);
    if !folder.is_dir() {
        let message =
            if folder.is_file() { format!("`{written}` is a file") } else { format!("there is no folder `{written}`") };
        let help = match neighbour(&folder, Utf8Path::is_dir) {
            Some(name) => format!("did you mean `{}`?", Utf8Path::new(&written).with_file_name(name)),
            None => format!("name the folder of a Rust crate, relative to this file's folder; {PAGE}"),
        };
        value.refuse(message, "not a folder", help);
        return None;
    }
    let refuse = |problem: String, help: &str| {
        value.refuse(format!("the kernel in `{written}` {problem}"), "this crate", help);
        None
    };
    let text = match manifest_of(&folder) {
        Ok(text) => text,
        Err(problem) => return refuse(problem, PAGE),
    };
    let package = match package(&text) {
        Ok(package) => package,
        Err(problem) => {
            return refuse(problem, "its manifest may state a package, and `kernels` as its one dependency");
        }
    };
    let name = package.name.replace('-', "_");
    if let Some(problem) = unfit_name(&name) {
        return refuse(format!("is called `{}`, {problem}", package.name), "give the package another name");
    }
    if folder.join("build.rs").exists() {
        let help = "put what it makes into the crate: code that runs at compile time is not run here";
        return refuse("has a build script".to_owned(), help);
    }
    match std::fs::read_to_string(folder.join("src/lib.rs")) {
        Err(_) => return refuse("has no `src/lib.rs`".to_owned(), PAGE),
        Ok(code) if !code.contains("no_std") => {
            return refuse("is not `no_std`".to_owned(), "write `#![no_std]` at the top of its `src/lib.rs`");
        }
        Ok(_) => {}
    }
    let Package { version, edition, licence, .. } = package;
    Some(OwnCrate { folder: plain(&folder), written, name, version, edition, licence })
}

/// The text of `Cargo.toml`; or what is wrong, as the end of a sentence about the crate.
fn manifest_of(folder: &Utf8Path) -> Result<String, String> {
    let path = folder.join("Cargo.toml");
    match std::fs::metadata(&path) {
        Err(_) => return Err("has no `Cargo.toml`".to_owned()),
        Ok(about) if about.len() > MOST_MANIFEST_BYTES => {
            return Err("has a `Cargo.toml` of more than 64 KiB".to_owned());
        }
        Ok(_) => {}
    }
    std::fs::read_to_string(&path).map_err(|error| format!("has a `Cargo.toml` that cannot be read: {error}"))
}

/// The folder without `..`, so that it has one name however a manifest reaches it.
fn plain(folder: &Utf8Path) -> Utf8PathBuf {
    folder.canonicalize_utf8().unwrap_or_else(|_| folder.to_owned())
}

/// Why a crate of firmware cannot have this name.
fn unfit_name(name: &str) -> Option<String> {
    const WORDS: [&str; 8] = ["alloc", "core", "crate", "player", "proc_macro", "std", "super", "test"];
    let letters = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
    if !letters || !name.starts_with(|first: char| first.is_ascii_lowercase()) || name.len() > 64 {
        return Some("which is no name of lower-case letters, digits, `-` and `_`".to_owned());
    }
    let keyword = KEYWORDS.contains(&name) || WORDS.contains(&name);
    if keyword {
        return Some("a word that Rust keeps for itself".to_owned());
    }
    let lock = builtin::get("firmware-template/Cargo.lock").map_or(&b""[..], |file| file.bytes);
    let taken = String::from_utf8_lossy(lock).lines().any(|line| {
        line.strip_prefix("name = \"").and_then(|rest| rest.strip_suffix('"')).map(|known| known.replace('-', "_"))
            == Some(name.to_owned())
    });
    taken.then(|| "as a crate of the firmware is".to_owned())
}

/// Rust's keywords that are not names of functions.
const KEYWORDS: [&str; 52] = [
    "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "do", "dyn", "else", "enum",
    "extern", "false", "final", "fn", "for", "gen", "if", "impl", "in", "let", "loop", "macro", "match", "mod", "move",
    "mut", "override", "priv", "pub", "ref", "return", "self", "static", "struct", "super", "trait", "true", "try",
    "type", "typeof", "union", "unsafe", "unsized", "use", "virtual", "where", "while", "yield", "main",
];

/// Name, version, edition and licence; or what keeps the crate out, as the end of a sentence about it.
fn package(text: &str) -> Result<Package, String> {
    let mut package = Package::default();
    let mut table = String::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if let Some(header) = header(line) {
            known(&header)?;
            table = header;
            continue;
        }
        let Some((key, rest)) = line.split_once('=') else { continue };
        let (key, rest) = (key.trim(), rest.trim());
        match table.as_str() {
            "package" => field(&mut package, key, rest)?,
            "dependencies" if key.split('.').next() != Some(INTERFACE) => return Err(depends(key)),
            "" => return Err(format!("has `{key}` outside any table of its `Cargo.toml`")),
            _ => {}
        }
    }
    for (what, value, example) in [
        ("name", &package.name, "my-op"),
        ("version", &package.version, "1.0.0"),
        ("edition", &package.edition, "2024"),
    ] {
        if value.is_empty() {
            return Err(format!("states no `{what}` of its own in `[package]`, such as `{what} = \"{example}\"`"));
        }
    }
    Ok(package)
}

/// `[table]` or `[[table]]`.
fn header(line: &str) -> Option<String> {
    let inner = line.strip_prefix('[')?;
    let end = inner.find(']')?;
    // An array that goes on over several lines has no `[` at the start of one, or one that no name follows.
    let name = inner[..end].trim_start_matches('[').trim();
    let plain = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.\"' ()=,".contains(c));
    plain.then(|| name.to_owned())
}

fn known(header: &str) -> Result<(), String> {
    let unread = UNREAD.iter().any(|known| header == *known || header.starts_with(&format!("{known}.")));
    if unread || matches!(header, "package" | "dependencies") {
        return Ok(());
    }
    match header.strip_prefix("dependencies.") {
        Some(name) if name.split('.').next() == Some(INTERFACE) => Ok(()),
        Some(name) => Err(depends(name)),
        None => Err(format!("has `[{header}]` in its `Cargo.toml`, which firmware does not take over")),
    }
}

fn depends(on: &str) -> String {
    format!("depends on `{on}`: firmware's crates are fixed, so that a build needs no network and no other code")
}

fn field(package: &mut Package, key: &str, value: &str) -> Result<(), String> {
    let text = || {
        let text = value.strip_prefix('"').and_then(|rest| rest.split_once('"')).map(|(text, _)| text);
        let text = text
            .filter(|text| text.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ') && !text.contains('\\'));
        text.map(str::to_owned)
            .ok_or_else(|| format!("has `{key}` in `[package]` that is no plain text in double quotes"))
    };
    match key {
        "name" => package.name = text()?,
        "version" => {
            package.version = text()?;
            let core = package.version.split(['-', '+']).next().unwrap_or_default();
            let numbers = core.split('.').filter(|part| part.parse::<u64>().is_ok()).count();
            if numbers != 3 || core.split('.').count() != 3 {
                return Err(format!("has the version `{}`, which is not like `1.0.0`", package.version));
            }
        }
        "edition" => package.edition = text()?,
        "license" => package.licence = Some(text()?),
        "build" if value != "false" => return Err("has a build script".to_owned()),
        "links" => return Err("links a native library".to_owned()),
        _ => {}
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "[package]\nname = \"my-op\"\nversion = \"0.1.0\" # first\nedition = \"2024\"\nlicense = \"MIT\"\n\
                        authors = [\n    \"A <a@example.com>\",\n]\n\n[dependencies]\nkernels = { path = \"../kernels\" }\n\n\
                        [dev-dependencies]\nproptest = \"1\"\n";

    #[test]
    fn the_package_is_read() {
        let package = package(GOOD).unwrap();
        assert_eq!(
            (package.name.as_str(), package.version.as_str(), package.edition.as_str()),
            ("my-op", "0.1.0", "2024")
        );
        assert_eq!(package.licence.as_deref(), Some("MIT"));
    }

    #[test]
    fn what_firmware_would_not_keep_is_refused() {
        let with = |text: &str| package(&format!("{GOOD}{text}")).unwrap_err();
        assert!(with("[dependencies.libm]\nversion = \"0.2\"\n").contains("depends on `libm`"));
        assert!(with("[build-dependencies]\ncc = \"1\"\n").contains("[build-dependencies]"));
        assert!(with("[target.'cfg(unix)'.dependencies]\nlibc = \"1\"\n").contains("[target."));
        assert!(with("[features]\nfast = []\n").contains("[features]"));
        assert!(with("[lib]\nproc-macro = true\n").contains("[lib]"));
        assert!(with("[patch.crates-io]\n").contains("[patch.crates-io]"));
        let instead = |from: &str, to: &str| package(&GOOD.replace(from, to)).unwrap_err();
        assert!(instead("kernels =", "libm = \"0.2\"\nkernels =").contains("depends on `libm`"));
        assert!(instead("license = \"MIT\"", "build = \"make.rs\"").contains("build script"));
        assert!(instead("version = \"0.1.0\"", "version.workspace = true").contains("no `version`"));
        assert!(instead("\"0.1.0\"", "\"1\"").contains("not like `1.0.0`"));
        assert!(instead("name = \"my-op\"", "name = 'my-op'").contains("double quotes"));
        assert!(package("dependencies.libm = \"1\"\n").unwrap_err().contains("outside any table"));
    }

    #[test]
    fn names_are_free_in_firmware() {
        assert_eq!(unfit_name("my_op"), None);
        for name in ["kernels", "cortex_m", "cmsis_nn", "fn", "core", "2nd", "", "My", "a.b", "player"] {
            assert!(unfit_name(name).is_some(), "{name}");
        }
    }

    #[test]
    fn folders_are_not_names() {
        assert!(is_folder("kernels/my_op") && is_folder("../my_op") && is_folder("./my_op"));
        assert!(!is_folder("reference") && !is_folder("cmsis-nn"));
    }
}
