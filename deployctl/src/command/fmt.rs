//! `fmt`: KDL files in the one layout, or which are not. Needs no tools and no store.

use std::collections::BTreeSet;
use std::io::Write as _;

use camino::{Utf8Path, Utf8PathBuf};

use super::difference::difference;
use super::{Done, Surroundings};
use crate::cli;
use crate::error::{Error, Kind};
use crate::manifest;
use crate::ui::Event;

/// Folders in which no file is looked for.
const PASSED: [&str; 3] = ["out", "target", "node_modules"];

pub(super) fn run(args: &cli::Fmt, around: &Surroundings) -> Result<Done, Error> {
    let (mut other, mut wrong): (usize, Option<Error>) = (0, None);
    for path in files(args, around)? {
        match one(&path, args.check, around) {
            Ok(changes) => other += usize::from(changes),
            // Every mistake of every file is shown.
            Err(error) => {
                if let Some(earlier) = wrong.replace(error) {
                    around.ui.fail(&earlier);
                }
            }
        }
    }
    match wrong {
        Some(error) => Err(error),
        None if args.check && other > 0 => {
            let message = format!("{other} {} not laid out", if other == 1 { "file is" } else { "files are" });
            Err(Error::plain(Kind::Gate, message, "`deployctl fmt` without `--check` writes what is shown"))
        }
        None => Ok(Done::Ok),
    }
}

/// Lays one file out, or shows how; whether it has another layout now.
fn one(path: &Utf8Path, check: bool, around: &Surroundings) -> Result<bool, Error> {
    let shown = path.strip_prefix(&around.cwd).unwrap_or(path);
    let failed = |action: &str, error: &std::io::Error| {
        let help = "check that it is a file, and that you may read and write it and its folder";
        Error::plain(Kind::Usage, format!("cannot {action} `{shown}`: {error}"), help)
    };
    let before = std::fs::read(path).map_err(|error| failed("read", &error))?;
    let after = manifest::format(&before, shown.as_str()).map_err(|errors| Error::new(Kind::Manifest, errors))?;
    if after.as_bytes() == before {
        return Ok(false);
    }
    let mut text = format!("{} {shown}", if check { "would change" } else { "laid out" });
    if check {
        text += &difference(&String::from_utf8_lossy(&before), &after);
    } else {
        replace(path, after.as_bytes()).map_err(|error| failed("write", &error))?;
    }
    let fields = serde_json::json!({ "file": shown, "state": if check { "differs" } else { "written" } });
    around.ui.show(&Event::Line { fields, text });
    Ok(true)
}

/// The new text in the place of the old, or the old one whole. A link stays one, and so do permissions.
fn replace(path: &Utf8Path, bytes: &[u8]) -> std::io::Result<()> {
    let file = path.canonicalize_utf8()?;
    let folder = file.parent().unwrap_or(&file);
    let mut scratch = tempfile::Builder::new().prefix(".fmt.").tempfile_in(folder)?;
    scratch.write_all(bytes)?;
    scratch.as_file().set_permissions(std::fs::metadata(&file)?.permissions())?;
    scratch.as_file().sync_all()?;
    scratch.persist(&file).map_err(|error| error.error)?;
    std::fs::File::open(folder)?.sync_all()
}

/// The files that are meant, each once: those named, those below folders that are named, else those of the project.
fn files(args: &cli::Fmt, around: &Surroundings) -> Result<BTreeSet<Utf8PathBuf>, Error> {
    let named: Vec<Utf8PathBuf> = match args.paths.as_slice() {
        [] => vec![around.root().join("manifests")],
        paths => paths.iter().map(|path| around.path(path)).collect(),
    };
    let mut found = BTreeSet::new();
    for path in named {
        if path.is_dir() {
            below(&path, &mut found).map_err(|error| {
                Error::plain(Kind::Usage, format!("cannot read the folder `{path}`: {error}"), "name single files")
            })?;
        } else {
            found.insert(path);
        }
    }
    if found.is_empty() || args.paths.is_empty() && !around.root().join("manifests").is_dir() {
        let help = "name files or folders, or write the first manifest with `deployctl init MODEL.tflite --board host`";
        return Err(Error::plain(Kind::Usage, "there is no KDL file here", help));
    }
    Ok(found)
}

/// All KDL files below a folder; none that is hidden, and none behind a link to a folder.
fn below(folder: &Utf8Path, found: &mut BTreeSet<Utf8PathBuf>) -> std::io::Result<()> {
    for entry in folder.read_dir_utf8()? {
        let entry = entry?;
        let (path, kind) = (entry.path(), entry.file_type()?);
        if entry.file_name().starts_with('.') {
            continue;
        }
        if kind.is_dir() && !PASSED.contains(&entry.file_name()) {
            below(path, found)?;
        } else if path.extension() == Some("kdl") && path.is_file() {
            found.insert(path.to_owned());
        }
    }
    Ok(())
}
