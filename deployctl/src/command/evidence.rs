//! Evidence from real boards in a project: `evidence/DEPLOYMENT/BOARD/`, a file a measurement, to be committed with what it is of.
//!
//! Files are added and never changed. Which of them counts, the stages find out; how old it is, is said here, where there is a clock.

use std::fs;
use std::io::Write as _;

use camino::{Utf8Path, Utf8PathBuf};
use deployctl_cache::TreeInput;

use super::workshop::{Workshop, store_error};
use crate::error::{Error, Kind};
use crate::gate::evidence::Witness;
use crate::manifest::{Board, Manifest, Moment, Runner};
use crate::runner::Recording;
use crate::stage::Observed;

/// The folder of all evidence in a project.
const FOLDER: &str = "evidence";

/// Where recordings of a deployment on a board are.
pub(super) fn folder(manifest: &Manifest, board: &Board) -> Utf8PathBuf {
    manifest.root.join(FOLDER).join(&manifest.name.value).join(&board.name)
}

/// What a stage reads of a board that a probe reaches and that starts our firmware; recordings are those in `folder`.
pub(super) fn observed(
    manifest: &Manifest,
    board: &Board,
    folder: &Utf8Path,
    workshop: &Workshop,
) -> Result<Option<Observed>, Error> {
    let Runner::Probe { .. } = &board.runner else { return Ok(None) };
    let is_recording = |path: &Utf8Path| path.extension() == Some("json");
    let tree = || workshop.store.tree(folder, is_recording).map_err(|error| store_error(&error));
    let files: Option<TreeInput> = folder.is_dir().then(tree).transpose()?;
    let path = manifest.path.strip_prefix(&manifest.root).unwrap_or(&manifest.path);
    Ok(Some(Observed { files, board_file: board_digest(board), command: format!("deployctl build --measure {path}") }))
}

/// Digest of what a board's file says: a comment changes nothing.
pub(super) fn board_digest(board: &Board) -> String {
    // Plain data always serializes.
    blake3::hash(&serde_json::to_vec(board).unwrap_or_default()).to_hex().to_string()
}

/// Adds a recording to the project; gives its path.
pub(super) fn add(recording: &Recording, folder: &Utf8Path) -> Result<Utf8PathBuf, Error> {
    let failed = |error: &std::io::Error| Error::caused(Kind::Store, error, format!("`{folder}` must be writable"));
    fs::create_dir_all(folder).map_err(|error| failed(&error))?;
    let stem = recording.taken.replace(':', "-");
    // As any file of the project: temporary ones are their maker's alone.
    let readable = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    let mut partial = tempfile::Builder::new()
        .prefix(".evidence-")
        .permissions(readable)
        .tempfile_in(folder)
        .map_err(|error| failed(&error))?;
    let written = partial.write_all(&recording.to_json()).and_then(|()| partial.as_file().sync_all());
    written.map_err(|error| failed(&error))?;
    for number in 1..100 {
        let name = if number == 1 { format!("{stem}.json") } else { format!("{stem}-{number}.json") };
        let path = folder.join(name);
        match partial.persist_noclobber(&path) {
            Ok(_) => return Ok(path),
            Err(again) if again.error.kind() == std::io::ErrorKind::AlreadyExists => partial = again.file,
            Err(other) => return Err(failed(&other.error)),
        }
    }
    Err(failed(&std::io::Error::other(format!("`{stem}.json` and its like are there already"))))
}

/// How old evidence is, for people.
pub(super) fn age(witness: &Witness, now: u64) -> String {
    let Some(taken) = Moment::parse(&witness.taken) else { return format!("of an unknown age ({witness})") };
    let text = match Moment::of_unix_seconds(now).since(taken) {
        None => "from the future by this machine's clock".to_owned(),
        Some(0..120) => "new".to_owned(),
        Some(seconds @ 0..7_200) => format!("{} minutes old", seconds / 60),
        Some(seconds @ 0..172_800) => format!("{} hours old", seconds / 3_600),
        Some(seconds) => format!("{} days old", seconds / 86_400),
    };
    format!("{text} ({witness})")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_said_in_the_largest_unit_of_use() {
        let taken = Moment::parse("2026-11-23T04:05:06Z").unwrap();
        let start = taken.since(Moment::of_unix_seconds(0)).unwrap();
        let witness = |taken: &str| Witness { taken: taken.into(), probe: "066EFF".into(), via: None };
        let said = |later: u64| age(&witness("2026-11-23T04:05:06Z"), start + later);
        assert_eq!(said(5), "new (probe 066EFF, 2026-11-23T04:05:06Z)");
        assert!(said(600).starts_with("10 minutes old (") && said(90_000).starts_with("25 hours old ("));
        assert!(said(86_400 * 12).starts_with("12 days old ("));
        assert!(age(&witness("2026-11-23T04:05:06Z"), start - 1).starts_with("from the future"));
        assert!(age(&witness("yesterday"), start).starts_with("of an unknown age"));
    }

    #[test]
    fn evidence_is_added_and_never_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let folder = Utf8Path::from_path(folder.path()).unwrap().join("evidence/kws/bench");
        let recording = Recording {
            schema: crate::runner::recording::SCHEMA.into(),
            taken: "2026-11-23T04:05:06Z".into(),
            deployment: "kws".into(),
            board: "bench".into(),
            board_file: String::new(),
            chip: String::new(),
            probe: String::new(),
            via: None,
            harness: String::new(),
            sessions: vec![],
        };
        let first = add(&recording, &folder).unwrap();
        let other = Recording { probe: "2".into(), ..recording.clone() };
        let second = add(&other, &folder).unwrap();
        assert_eq!(first.file_name(), Some("2026-11-23T04-05-06Z.json"));
        assert_eq!(second.file_name(), Some("2026-11-23T04-05-06Z-2.json"));
        let read = |path| Recording::parse(&fs::read(path).unwrap()).unwrap();
        assert_eq!((read(first), read(second)), (recording, other));
        assert_eq!(fs::read_dir(folder).unwrap().count(), 2);
    }
}
