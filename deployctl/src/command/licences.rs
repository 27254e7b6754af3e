//! Texts of the licences of everything that is linked into firmware.

use camino::Utf8Path;

use crate::error::{Error, Kind};
use crate::gate::evidence::FirmwareCrate;
use crate::manifest::Library;
use crate::plan::TargetMaterials;
use crate::release::Files;

/// The licences of the firmware's own crates.
const OWN: [(&str, &str); 2] = [
    ("LICENSE-APACHE", include_str!("../../../LICENSE-APACHE")),
    ("LICENSE-MIT", include_str!("../../../LICENSE-MIT")),
];
const APACHE: &str = "Apache-2.0";
/// What files with texts of licences begin with.
const NAMES: [&str; 5] = ["LICENSE", "LICENCE", "COPYING", "NOTICE", "UNLICENSE"];

/// Texts for the crates of a target, by `CRATE-VERSION/FILE`.
pub(super) fn of_crates(crates: &[FirmwareCrate], vendor: &Utf8Path, files: &mut Files) -> Result<(), Error> {
    for one in crates {
        let name = format!("{}-{}", one.name, one.version);
        let folder = vendor.join(&name);
        if !folder.is_dir() {
            files.extend(OWN.map(|(file, text)| (format!("{name}/{file}"), text.as_bytes().to_vec())));
            continue;
        }
        let texts = texts(&folder)?;
        if texts.is_empty() {
            let stated = one.licence.as_deref().unwrap_or("nothing");
            let text = format!(
                "{} {} comes without the text of a licence; its `Cargo.toml` states: {stated}\n",
                one.name, one.version
            );
            files.insert(format!("{name}/NO-TEXT"), text.into_bytes());
            if stated.contains(APACHE) {
                files.insert(format!("{name}/{}", OWN[0].0), OWN[0].1.as_bytes().to_vec());
            }
        }
        files.extend(texts.into_iter().map(|(file, bytes)| (format!("{name}/{file}"), bytes)));
    }
    Ok(())
}

/// Texts for the kernel library: those beside its sources, else the notice at the head of its header.
pub(super) fn of_library(library: &Library, found: &TargetMaterials, files: &mut Files) -> Result<(), Error> {
    let Some(sources) = found.library.as_ref().map(|library| &library.sources) else { return Ok(()) };
    let texts = texts(sources.root())?;
    let name = &library.name;
    if texts.is_empty() {
        let header = sources.files().iter().find(|(path, _)| path.file_name() == Some("arm_nnfunctions.h"));
        let text = header.and_then(|(path, _)| sources.bytes(path).ok()).unwrap_or_default();
        let text = String::from_utf8_lossy(&text).into_owned();
        let notice = text.split_inclusive("*/").next().filter(|text| text.trim_start().starts_with("/*"));
        files.insert(format!("{name}/NOTICE"), format!("{}\n", notice.unwrap_or(&library.licence)).into_bytes());
        if library.licence == APACHE {
            files.insert(format!("{name}/{}", OWN[0].0), OWN[0].1.as_bytes().to_vec());
        }
    }
    files.extend(texts.into_iter().map(|(file, bytes)| (format!("{name}/{file}"), bytes)));
    Ok(())
}

/// Files at the top of a folder that hold a licence, by name.
fn texts(folder: &Utf8Path) -> Result<Files, Error> {
    let unreadable =
        |error: std::io::Error| Error::caused(Kind::Store, &error, format!("`{folder}` holds texts of licences"));
    let mut texts = Files::new();
    for entry in folder.read_dir_utf8().map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.into_path();
        let name = path.file_name().unwrap_or_default().to_owned();
        if path.is_file() && NAMES.iter().any(|begin| name.to_ascii_uppercase().starts_with(begin)) {
            texts.insert(name, std::fs::read(&path).map_err(unreadable)?);
        }
    }
    Ok(texts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_crate_has_a_text_or_says_that_it_has_none() {
        let folder = tempfile::tempdir().unwrap();
        let vendor = Utf8Path::from_path(folder.path()).unwrap();
        for (path, text) in [("a-1.0.0/LICENSE-MIT", "mit"), ("a-1.0.0/src.rs", ""), ("b-2.0.0/Cargo.toml", "")] {
            std::fs::create_dir_all(vendor.join(path).parent().unwrap()).unwrap();
            std::fs::write(vendor.join(path), text).unwrap();
        }
        let one = |name: &str, version: &str| FirmwareCrate {
            name: name.into(),
            version: version.into(),
            licence: Some("MIT".into()),
        };
        let mut files = Files::new();
        of_crates(&[one("a", "1.0.0"), one("b", "2.0.0"), one("app", "0.1.0")], vendor, &mut files).unwrap();
        let names: Vec<&str> = files.keys().map(String::as_str).collect();
        assert_eq!(
            names,
            ["a-1.0.0/LICENSE-MIT", "app-0.1.0/LICENSE-APACHE", "app-0.1.0/LICENSE-MIT", "b-2.0.0/NO-TEXT"]
        );
    }
}
