//! `verify`: whether a release is what it says, from its own files; and with `--rebuild`, whether it comes out again.

use std::collections::BTreeSet;
use std::fs;

use camino::{Utf8Path, Utf8PathBuf};
use serde_json::Value;

use super::pack::refused;
use super::rebuild::rebuild;
use super::workshop::Workshop;
use super::{Done, seal};
use crate::cli;
use crate::error::{Error, Kind};
use crate::manifest::{Board, Manifest};
use crate::plan;
use crate::release::{
    self, ARCHIVE, CHECKSUMS, CheckError, Checked, Files, LIMITS, Pages, SIGNATURE, TARGETS, archive,
};
use crate::ui::Event;

/// A release where it lies.
pub(super) struct Found {
    /// Its files.
    pub(super) files: Files,
    /// The archive; absent where its files lie in a folder.
    archive: Option<Utf8PathBuf>,
}

pub(super) fn run(args: &cli::Verify, workshop: &Workshop) -> Result<Done, Error> {
    if args.require_signature && args.allowed_signers.is_none() {
        let message = "`--require-signature` asks for a signature of someone you trust, and does not know who that is";
        let help = "name them: `--allowed-signers FILE`, a line of which is a name and a public key: `audio@example.com ssh-ed25519 AAAA…`";
        return Err(Error::plain(Kind::Usage, message, help));
    }
    let bundle = workshop.around.path(&args.bundle);
    let found = open(&bundle)?;
    let checked = release::check(&found.files).map_err(|error| refused(&error))?;
    let Checked { release, judged, maker, manifest } = &checked;
    let mut written = true;
    for target in &manifest.targets {
        same_limits(manifest, &target.board, &found.files)?;
        written &= same_pages(&checked, &target.board, &found.files).map_err(|error| refused(&error))?;
    }
    let signed = signed(args, &bundle, &found, workshop)?;
    let rebuilt = if args.rebuild { Some(rebuild(release, &found.files, workshop)?) } else { None };
    workshop.ui.show(&Event::Line {
        fields: serde_json::json!({
            "deployment": release.deployment, "version": release.version, "evidence": release.evidence,
            "files": found.files.len(), "checks": judged, "reproduced": true, "signer": signed.name, "rebuilt": rebuilt,
            "deployctl": maker.version, "pages": written
        }),
        text: text(&checked, (found.files.len(), written), &signed, rebuilt),
    });
    Ok(Done::Ok)
}

/// That gate report and runbook are what the evidence makes them, where this program can tell.
fn same_pages(checked: &Checked, board: &Board, files: &Files) -> Result<bool, CheckError> {
    let pages = Pages::of(&board.name, files)?;
    let papers = plan::papers(&checked.manifest, board, pages.told(), pages.links_library());
    pages.check(&checked.maker, &papers)
}

/// That the verdict was given by the manifest's limits. Who approved what, and which day it was, is not looked at again.
pub(super) fn same_limits(manifest: &Manifest, board: &Board, files: &Files) -> Result<(), Error> {
    let path = format!("{TARGETS}{}/{LIMITS}", board.name);
    let comparable = |mut limits: Value| {
        let fields = limits.as_object_mut()?;
        fields.retain(|name, _| name != "governance" && name != "conversion");
        for waiver in fields.get_mut("waivers").and_then(Value::as_array_mut).into_iter().flatten() {
            waiver.as_object_mut()?.remove("expired");
        }
        Some(limits)
    };
    let given = files.get(&path).and_then(|bytes| serde_json::from_slice::<Value>(bytes).ok());
    let given = given.and_then(|mut gate| comparable(gate.get_mut("limits")?.take()));
    let declared = serde_json::to_value(plan::declared_limits(manifest, board)).ok().and_then(comparable);
    if given == declared {
        return Ok(());
    }
    let message = format!("`{path}` has other limits than the manifest in the bundle");
    Err(Error::plain(Kind::Gate, message, "the verdict is not the manifest's: do not ship it"))
}

fn text(checked: &Checked, (files, written): (usize, bool), signed: &Signed, rebuilt: Option<usize>) -> String {
    let Checked { release, judged, maker, .. } = checked;
    let (name, version) = (&release.deployment, &release.version);
    let (count, plural) = (release.targets.len(), if release.targets.len() == 1 { "" } else { "s" });
    let mut lines = vec![
        format!("{name} {version} is what it says it is"),
        format!("  {files} files with the checksums of `{CHECKSUMS}`, none too few and none too many"),
        format!("  made by deployctl {}; bill, provenance and licences are those of its contents", maker.version),
        if written {
            "  gate report and runbook were written again from the evidence, and are the same".to_owned()
        } else {
            "  gate report and runbook are those of its records; only the version that wrote them can write them again"
                .to_owned()
        },
        format!("  {judged} checks on {count} target{plural} judged again from the evidence"),
    ];
    lines.extend(
        release.targets.iter().map(|target| {
            format!("  {}: {}, evidence: {}", target.board, target.verdict.name(), target.evidence.name())
        }),
    );
    lines.push("  a second build, from the bundle alone, gave the same firmware before it was promoted".to_owned());
    lines.push(format!("  {}", signed.text));
    lines.extend(rebuilt.map(|count| format!("  {count} ELF files built again, byte by byte the same")));
    lines.join("\n")
}

/// Reads a release: a folder of `releases/`, an archive, or a folder with the files of one.
pub(super) fn open(path: &Utf8Path) -> Result<Found, Error> {
    let whole = path.join(ARCHIVE);
    if path.is_dir() && !whole.is_file() {
        if path.join(CHECKSUMS).is_file() {
            return Ok(Found { files: unpacked(path)?, archive: None });
        }
        let message = format!("`{path}` has neither `{ARCHIVE}` nor `{CHECKSUMS}`");
        return Err(Error::plain(Kind::Usage, message, "name a folder below `releases/`, or a `bundle.tar`"));
    }
    let archive = if path.is_dir() { whole } else { path.to_owned() };
    let bytes = fs::read(&archive).map_err(|error| unreadable(&archive, &error))?;
    let files = archive::read(&bytes).map_err(|error| refused(&error.into()))?;
    if path.is_dir() {
        same_copies(path, &files)?;
    }
    Ok(Found { files, archive: Some(archive) })
}

/// That what lies beside the archive, for people to open, is what is in it. What is not there is not missed: it is a copy.
fn same_copies(folder: &Utf8Path, files: &Files) -> Result<(), Error> {
    let copies = release::copies(files);
    let boards: BTreeSet<&str> =
        copies.keys().filter_map(|path| path.split_once('/').map(|(board, _)| board)).collect();
    let mut found: BTreeSet<String> = copies.keys().filter(|path| folder.join(path).exists()).cloned().collect();
    for board in boards.into_iter().filter(|board| folder.join(board).is_dir()) {
        let below = unpacked(&folder.join(board))?;
        found.extend(below.into_keys().map(|name| format!("{board}/{name}")));
    }
    for path in found {
        let beside = folder.join(&path);
        let bytes = fs::read(&beside).map_err(|error| unreadable(&beside, &error))?;
        if copies.get(&path) != Some(&bytes) {
            let message = format!("`{beside}` is not the one in `{ARCHIVE}` beside it");
            return Err(Error::plain(Kind::Gate, message, "get the release again from where it was released"));
        }
    }
    Ok(())
}

/// The files of a bundle that somebody has unpacked.
fn unpacked(root: &Utf8Path) -> Result<Files, Error> {
    let mut files = Files::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in folder.read_dir_utf8().map_err(|error| unreadable(&folder, &error))? {
            let entry = entry.map_err(|error| unreadable(&folder, &error))?;
            let (path, kind) = (entry.path(), entry.file_type().map_err(|error| unreadable(&folder, &error))?);
            if kind.is_dir() {
                folders.push(path.to_owned());
            } else if kind.is_file() {
                let name = path.strip_prefix(root).unwrap_or(path).to_string();
                files.insert(name, fs::read(path).map_err(|error| unreadable(path, &error))?);
            } else {
                let message = format!("`{path}` is not a plain file");
                return Err(Error::plain(Kind::Gate, message, "a bundle has none; verify the archive itself"));
            }
        }
    }
    Ok(files)
}

fn unreadable(path: &Utf8Path, error: &std::io::Error) -> Error {
    Error::caused(Kind::Usage, error, format!("`{path}` should be a release, or part of one"))
}

/// What is known of a signature.
struct Signed {
    name: Option<String>,
    text: String,
}

fn signed(args: &cli::Verify, bundle: &Utf8Path, found: &Found, workshop: &Workshop) -> Result<Signed, Error> {
    let unsigned = |text: &str| Ok(Signed { name: None, text: text.to_owned() });
    let beside = found.archive.as_ref().map(|archive| (archive, Utf8PathBuf::from(format!("{archive}.sig"))));
    let signature = beside.filter(|(_, signature)| signature.is_file());
    match (signature, &args.allowed_signers) {
        (Some((archive, signature)), Some(signers)) => {
            let name = seal::signer(workshop, archive, &signature, &workshop.around.path(signers))?;
            Ok(Signed { text: format!("signed by {name}"), name: Some(name) })
        }
        (None, _) if args.require_signature => {
            let message = format!("`{bundle}` is not signed, and a signature is required");
            let help = format!(
                "`deployctl promote --sign KEYFILE` signs; the signature lies beside the archive as `{SIGNATURE}`"
            );
            Err(Error::plain(Kind::Gate, message, help))
        }
        (Some(_), None) => {
            unsigned("signed; by whom was not asked: name the signers that you trust with `--allowed-signers`")
        }
        (None, _) => unsigned("not signed"),
    }
}
