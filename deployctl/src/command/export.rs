//! `export`: a built firmware project with everything that it needs, into a folder where it stands alone.

use std::fs;

use camino::{Utf8Path, Utf8PathBuf};

use super::Done;
use super::gather::gather;
use super::workshop::Workshop;
use crate::cli;
use crate::error::{Error, Kind};
use crate::ui::Event;

/// Folder of the sources in an exported project.
const SOURCES: &str = "sources";

pub(super) fn run(args: &cli::Export, workshop: &Workshop) -> Result<Done, Error> {
    let named = cli::Manifests { manifests: vec![args.manifest.clone()] };
    let mut manifests = workshop.around.manifests(&named)?;
    // What is exported was built: nothing of it is made here.
    for manifest in &mut manifests {
        manifest.convert = None;
    }
    let Some(manifest) = manifests.first() else { return Ok(Done::Ok) };
    let boards: Vec<&str> = manifest.targets.iter().map(|target| target.board.name.as_str()).collect();
    let index = match &args.board {
        Some(board) => boards.iter().position(|known| known == board),
        None if boards.len() == 1 => Some(0),
        None => None,
    };
    let index = index.ok_or_else(|| {
        let name = &manifest.name.value;
        let message = match &args.board {
            Some(board) => format!("`{name}` has no target `{board}`"),
            None => format!("`{name}` has {} targets, and a project is for one", boards.len()),
        };
        Error::plain(Kind::Usage, message, format!("say which with `--board`: {}", boards.join(", ")))
    })?;
    let project = manifest.root.join("out").join(&manifest.name.value).join(boards[index]).join("firmware");
    if !project.is_dir() {
        let help = format!(
            "run `deployctl build {}` first; where its verdict says that an operator has no kernel, there is no firmware",
            args.manifest
        );
        return Err(Error::plain(Kind::Usage, format!("there is no project in `{project}`"), help));
    }
    let to = workshop.around.path(&args.to);
    if to.is_dir() && to.read_dir_utf8().is_ok_and(|mut entries| entries.next().is_some()) || to.is_file() {
        return Err(Error::plain(Kind::Usage, format!("`{to}` is not empty"), "name a new folder"));
    }
    let materials = gather(std::slice::from_ref(manifest), workshop)?;
    let found = &materials[0].targets[index];
    let copied = copy(&project, &to, &["target"]).and_then(|()| {
        let c = project.with_file_name("c");
        if c.is_dir() {
            copy(&c, &to.join("c"), &[])?;
        }
        copy(&found.crates.vendor, &to.join(SOURCES).join(&found.crates.digest), &[])?;
        if let Some(library) = &found.library {
            let folder = to.join(SOURCES).join(library.sources.digest().to_string());
            library.sources.copy_into(&folder).map_err(std::io::Error::other)?;
        }
        [".cargo/config.toml", "cmsis-nn/cmsis-nn.sources", "README.md"]
            .iter()
            .try_for_each(|file| relocate(&to.join(file)))
    });
    copied.map_err(|error| {
        Error::caused(Kind::Store, &error, format!("`{to}` is incomplete; remove it and export again"))
    })?;
    let shown = to.strip_prefix(&workshop.around.cwd).unwrap_or(&to);
    workshop.ui.show(&Event::Line {
        fields: serde_json::json!({ "project": shown }),
        text: format!("{shown} stands alone: `cargo build --release --locked --offline` there builds it"),
    });
    Ok(Done::Ok)
}

/// Points a file of the project at its own copy of the sources.
fn relocate(file: &Utf8Path) -> std::io::Result<()> {
    if !file.is_file() {
        return Ok(());
    }
    let text = fs::read_to_string(file)?;
    fs::write(file, text.replace("../../../.shared/", &format!("{SOURCES}/")))
}

fn copy(from: &Utf8Path, to: &Utf8Path, without: &[&str]) -> std::io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in from.read_dir_utf8()? {
        let entry = entry?;
        let (name, path): (&str, Utf8PathBuf) = (entry.file_name(), entry.path().to_owned());
        if without.contains(&name) {
            continue;
        }
        if path.is_dir() {
            copy(&path, &to.join(name), &[])?;
        } else {
            // Content alone: sources are read-only in the store, and a person may change their own copy.
            fs::write(to.join(name), fs::read(&path)?)?;
        }
    }
    Ok(())
}
