//! The licences that a bundle holds: for everything that is linked into firmware the texts, or that there is none.
//!
//! What a text must be follows from the bundle. A listing names every file of a source tree with its digest; all together make
//! the digest that `deploy.lock` records of the tree, so a text in the bundle is the one in the tree. Texts that a toolchain
//! carries are recorded in no lock file: their digests stand in the bill of materials, and no more is known of them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use camino::Utf8Path;

use super::archive::Files;
use super::keys::Keys;
use super::{CheckError, LICENCES, LISTINGS};
use crate::fetch::digest_listing;
use crate::gate::evidence::FirmwareCrate;
use crate::lockfile::{Group, Kind};
use crate::manifest::{Library, Manifest};
use deployctl_cache::Digest;

/// The licences of this program's own crates.
const OWN: [(&str, &str); 2] = [
    ("LICENSE-APACHE", include_str!("../../../LICENSE-APACHE")),
    ("LICENSE-MIT", include_str!("../../../LICENSE-MIT")),
];
const APACHE: &str = "Apache-2.0";
/// What files with texts of licences begin with.
const NAMES: [&str; 5] = ["LICENSE", "LICENCE", "COPYING", "NOTICE", "UNLICENSE"];
/// Headers of a kernel library that say in their first lines under which licence it is, where no file does.
const HEADERS: [&str; 2] = ["arm_nn_types.h", "arm_nnfunctions.h"];
/// What says that there is no text.
pub const NO_TEXT: &str = "NO-TEXT";
/// The firmware's crates, as `deploy.lock` calls their tree.
pub const CRATES: &str = "firmware-crates";

/// Files of a source tree with the digests of their contents, in hex.
pub type Listing = BTreeMap<String, String>;

/// What a text must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Text {
    /// A file of a source tree, by its path there and its digest.
    Of(String, String),
    /// This.
    Is(String),
}

/// A part of a toolchain that is linked into firmware.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// What it is called.
    pub name: &'static str,
    /// What it is, in words.
    pub what: &'static str,
    /// The toolchain's version, as `deploy.lock` has it.
    pub version: String,
    /// Licence expression.
    pub licence: &'static str,
}

/// Rust's own library, of which `core` and `compiler_builtins` are in all firmware.
pub const RUST: &str = "rust-library";
/// The C library of the cross compiler.
pub const NEWLIB: &str = "newlib";

/// Parts of toolchains in the firmware of a manifest.
pub fn parts(manifest: &Manifest, lock: &Group, links_library: bool) -> Vec<Part> {
    let version = |tool: &str| {
        let pins = manifest.targets.iter().filter_map(|target| {
            lock.get(Kind::Tool, &format!("{tool}/{}", target.board.name)).map(|pin| pin.remark.clone())
        });
        pins.collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>().join(", ")
    };
    let mut parts = vec![Part {
        name: RUST,
        what: "core, alloc and compiler_builtins of the Rust toolchain; for the host, std",
        version: version("rustc"),
        licence: "(MIT OR Apache-2.0) AND (MIT OR Apache-2.0 WITH LLVM-exception)",
    }];
    if links_library && !manifest.kernels.source.libc.is_empty() {
        parts.push(Part {
            name: NEWLIB,
            what: "functions of the C library that kernels call; libgcc is not linked",
            version: version("gcc"),
            licence: "LicenseRef-newlib",
        });
    }
    parts
}

/// Whether a target's firmware is linked with a kernel library.
pub fn links_library<'k>(targets: impl IntoIterator<Item = &'k Keys>) -> bool {
    targets.into_iter().any(|keys| keys.stage("kernels").is_some())
}

/// Whether a file's name is that of a licence's text.
pub fn is_text(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    NAMES.iter().any(|begin| name.starts_with(begin))
}

/// Names of the files at the top of a folder that hold a licence.
fn texts<'l>(listing: &'l Listing, folder: &str) -> Vec<(&'l str, &'l String, &'l String)> {
    let top = |(path, digest): (&'l String, &'l String)| {
        let name = path.strip_prefix(folder)?;
        (!name.contains('/') && is_text(name)).then_some((name, path, digest))
    };
    listing.iter().filter_map(top).collect()
}

/// Texts for crates, by `CRATE-VERSION/FILE`. A crate that is not in the tree is this program's, or of `own`: files at the top of
/// a crate's folder in the project, by the crate's name as Rust writes it.
pub fn of_crates(crates: &[FirmwareCrate], listing: &Listing, own: &BTreeMap<String, Files>) -> BTreeMap<String, Text> {
    let mut all = BTreeMap::new();
    for one in crates {
        let name = format!("{}-{}", one.name, one.version);
        let folder = format!("{name}/");
        let of_project = own.get(&one.name.replace('-', "_"));
        let found: Vec<(String, Text)> = if let Some(files) = of_project {
            let text = |bytes: &Vec<u8>| Text::Is(String::from_utf8_lossy(bytes).into_owned());
            files.iter().filter(|(file, _)| is_text(file)).map(|(file, bytes)| (file.clone(), text(bytes))).collect()
        } else if listing.keys().any(|path| path.starts_with(&folder)) {
            let text = |path: &String, digest: &String| Text::Of(path.clone(), digest.clone());
            texts(listing, &folder)
                .into_iter()
                .map(|(file, path, digest)| (file.to_owned(), text(path, digest)))
                .collect()
        } else {
            OWN.map(|(file, text)| (file.to_owned(), Text::Is(text.to_owned()))).to_vec()
        };
        if found.is_empty() {
            let stated = one.licence.as_deref().unwrap_or("nothing");
            let text = format!(
                "{} {} comes without the text of a licence; its `Cargo.toml` states: {stated}\n",
                one.name, one.version
            );
            all.insert(format!("{name}/{NO_TEXT}"), Text::Is(text));
            if stated.contains(APACHE) {
                all.insert(format!("{name}/{}", OWN[0].0), Text::Is(OWN[0].1.to_owned()));
            }
        }
        all.extend(found.into_iter().map(|(file, text)| (format!("{name}/{file}"), text)));
    }
    all
}

/// Texts for a kernel library, by `NAME/FILE`: those beside its sources, else a header that says what it is.
pub fn of_library(library: &Library, listing: &Listing) -> BTreeMap<String, Text> {
    let name = &library.name;
    let found = texts(listing, "");
    if !found.is_empty() {
        let text = |(file, path, digest): (&str, &String, &String)| {
            (format!("{name}/{file}"), Text::Of(path.clone(), digest.clone()))
        };
        return found.into_iter().map(text).collect();
    }
    let header = HEADERS.iter().find_map(|wanted| {
        let is_wanted = |path: &&String| Utf8Path::new(path).file_name() == Some(*wanted);
        let path = listing.keys().find(is_wanted)?;
        Some((format!("{name}/{wanted}"), Text::Of(path.clone(), listing[path].clone())))
    });
    let without = || {
        let text = format!("{name} comes without the text of a licence; its description states: {}\n", library.licence);
        (format!("{name}/{NO_TEXT}"), Text::Is(text))
    };
    let mut all = BTreeMap::from([header.unwrap_or_else(without)]);
    if library.licence == APACHE {
        all.insert(format!("{name}/{}", OWN[0].0), Text::Is(OWN[0].1.to_owned()));
    }
    all
}

/// That a toolchain's part is without a text.
pub fn without_text(part: &Part) -> String {
    format!(
        "{} ({}) comes without the text of its licence: its toolchain is installed without documents\n",
        part.name, part.what
    )
}

/// A listing as a file of a bundle.
pub fn listing_text(listing: &Listing) -> String {
    listing.iter().fold(String::new(), |mut text, (path, digest)| {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{digest}  {path}");
        text
    })
}

/// The listing of a source, if it is of the tree that `deploy.lock` records.
pub(super) fn listing(name: &str, lock: &Group, files: &Files) -> Result<Listing, CheckError> {
    let path = format!("{LISTINGS}{name}.txt");
    let bytes = files.get(&path).ok_or_else(|| CheckError::Missing { path: path.clone() })?;
    let text = String::from_utf8_lossy(bytes);
    let entries =
        text.lines().map(|line| line.split_once("  ").map(|(digest, path)| (path.to_owned(), digest.to_owned())));
    let listing: Option<Listing> = entries.collect();
    let recorded = lock.get(Kind::Source, name).map_or("nothing", |pin| pin.digest.as_str());
    let found = listing.as_ref().map(digest_listing).unwrap_or_default();
    match listing {
        Some(listing) if found == recorded && listing_text(&listing).as_bytes() == bytes.as_slice() => Ok(listing),
        _ => {
            let what = format!(
                "it should list the tree with digest {recorded}, which `deploy.lock` records, and lists one with {found}"
            );
            Err(CheckError::Evidence { place: path, what })
        }
    }
}

/// That the licences are those of the firmware, no more and no less.
pub(super) fn check(expected: &BTreeMap<String, Text>, parts: &[Part], files: &Files) -> Result<(), CheckError> {
    for (name, text) in expected {
        let path = format!("{LICENCES}{name}");
        let found = files.get(&path).ok_or_else(|| CheckError::Missing { path: path.clone() })?;
        let what = match text {
            Text::Of(at, digest) if Digest::of(found).to_hex() != *digest => {
                format!(
                    "it should be `{at}` of its source, with BLAKE3 {digest}, and has {}",
                    Digest::of(found).to_hex()
                )
            }
            Text::Is(text) if text.as_bytes() != found.as_slice() => {
                let (wanted, found) = (super::sha256(text.as_bytes()), super::sha256(found));
                format!("it should be the text with SHA-256 {wanted}, and has {found}")
            }
            _ => continue,
        };
        return Err(CheckError::Evidence { place: path, what });
    }
    for part in parts {
        let folder = format!("{LICENCES}{}/", part.name);
        if !files.keys().any(|path| path.starts_with(&folder)) {
            return Err(CheckError::Missing { path: format!("{folder}{NO_TEXT}") });
        }
    }
    let is_known =
        |name: &str| expected.contains_key(name) || parts.iter().any(|part| name.split('/').next() == Some(part.name));
    match files.keys().find(|path| path.strip_prefix(LICENCES).is_some_and(|name| !is_known(name))) {
        Some(stray) => {
            let what = "it does not belong here: nothing in the firmware is under it".to_owned();
            Err(CheckError::Evidence { place: stray.clone(), what })
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn crates(names: &[(&str, &str)]) -> Vec<FirmwareCrate> {
        let one = |(name, version): &(&str, &str)| FirmwareCrate {
            name: (*name).into(),
            version: (*version).into(),
            licence: Some("MIT".into()),
        };
        names.iter().map(one).collect()
    }

    fn listed(files: &[(&str, &str)]) -> Listing {
        files.iter().map(|(path, text)| ((*path).to_owned(), Digest::of(text.as_bytes()).to_hex())).collect()
    }

    #[test]
    fn every_crate_has_a_text_or_says_that_it_has_none() {
        let listing =
            listed(&[("a-1.0.0/LICENSE-MIT", "mit"), ("a-1.0.0/src/LICENSE", ""), ("b-2.0.0/Cargo.toml", "")]);
        let own = BTreeMap::from([("mine".to_owned(), Files::from([("LICENSE".to_owned(), b"ours".to_vec())]))]);
        let crates = crates(&[("a", "1.0.0"), ("b", "2.0.0"), ("app", "0.1.0"), ("mine", "0.2.0")]);
        let texts = of_crates(&crates, &listing, &own);
        let names: Vec<&str> = texts.keys().map(String::as_str).collect();
        let expected = [
            "a-1.0.0/LICENSE-MIT",
            "app-0.1.0/LICENSE-APACHE",
            "app-0.1.0/LICENSE-MIT",
            "b-2.0.0/NO-TEXT",
            "mine-0.2.0/LICENSE",
        ];
        assert_eq!(names, expected);
        assert_eq!(texts["mine-0.2.0/LICENSE"], Text::Is("ours".into()));
    }

    #[test]
    fn a_text_is_the_one_of_its_tree() {
        let listing_of = listed(&[("a-1.0.0/LICENSE", "mit")]);
        let mut lock = Group::default();
        lock.insert(Kind::Source, CRATES, crate::lockfile::Pin::new(digest_listing(&listing_of), ""));
        let mut files = Files::from([
            (format!("{LISTINGS}{CRATES}.txt"), listing_text(&listing_of).into_bytes()),
            (format!("{LICENCES}a-1.0.0/LICENSE"), b"mit".to_vec()),
        ]);
        let verdict = |files: &Files| {
            let listing = listing(CRATES, &lock, files)?;
            check(&of_crates(&crates(&[("a", "1.0.0")]), &listing, &BTreeMap::new()), &[], files)
        };
        verdict(&files).unwrap();
        let refused = |files: &Files, words: &str| {
            let error = verdict(files).unwrap_err().to_string();
            assert!(error.contains(words), "no `{words}` in {error}");
        };
        let whole = files.clone();
        files.insert(format!("{LICENCES}a-1.0.0/LICENSE"), b"MIT".to_vec());
        refused(&files, "`licences/a-1.0.0/LICENSE`: it should be `a-1.0.0/LICENSE` of its source, with BLAKE3");
        files.insert(
            format!("{LISTINGS}{CRATES}.txt"),
            listing_text(&listed(&[("a-1.0.0/LICENSE", "MIT")])).into_bytes(),
        );
        refused(&files, "`listings/firmware-crates.txt`: it should list the tree with digest");
        files = whole.clone();
        files.insert(format!("{LICENCES}x/LICENSE"), vec![]);
        refused(&files, "`licences/x/LICENSE`: it does not belong here");
        files = whole;
        files.remove(&format!("{LICENCES}a-1.0.0/LICENSE"));
        refused(&files, "the bundle has no `licences/a-1.0.0/LICENSE`");
    }
}
