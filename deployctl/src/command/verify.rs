//! `verify`: whether a release is what it says, from its own files; and with `--rebuild`, whether it comes out again.

use std::fs;

use camino::{Utf8Path, Utf8PathBuf};
use deployctl_cache::Options;

use super::pack::{Work, refused};
use super::workshop::Workshop;
use super::{Done, conversion, gather, seal};
use crate::cli;
use crate::error::{Error, Kind};
use crate::release::about::Release;
use crate::release::{self, ARCHIVE, CHECKSUMS, Checked, Files, RELEASE, SIGNATURE, SOURCES, TARGETS, archive};
use crate::stage::artifact;
use crate::ui::Event;

/// A release where it lies.
pub(super) struct Found {
    /// Its files.
    pub(super) files: Files,
    /// The archive; absent where its files lie in a folder.
    archive: Option<Utf8PathBuf>,
}

pub(super) fn run(args: &cli::Verify, workshop: &Workshop) -> Result<Done, Error> {
    let bundle = workshop.around.path(&args.bundle);
    let found = open(&bundle)?;
    let Checked { release, judged } = release::check(&found.files).map_err(|error| refused(&error))?;
    let signed = signed(args, &bundle, &found, workshop)?;
    let rebuilt = if args.rebuild { Some(rebuild(&release, &found.files, workshop)?) } else { None };
    workshop.ui.show(&Event::Line {
        fields: serde_json::json!({
            "deployment": release.deployment, "version": release.version, "evidence": release.evidence,
            "files": found.files.len(), "checks": judged, "signer": signed.name, "rebuilt": rebuilt
        }),
        text: text(&release, found.files.len(), judged, &signed, rebuilt),
    });
    Ok(Done::Ok)
}

fn text(release: &Release, files: usize, judged: usize, signed: &Signed, rebuilt: Option<usize>) -> String {
    let (name, version) = (&release.deployment, &release.version);
    let mut lines = vec![
        format!("{name} {version} is what it says"),
        format!("  {files} files with the checksums of `{CHECKSUMS}`"),
        format!("  {judged} checks on {} targets judged again from the evidence", release.targets.len()),
    ];
    lines.extend(
        release.targets.iter().map(|target| {
            format!("  {}: {}, evidence: {}", target.board, target.verdict.name(), target.evidence.name())
        }),
    );
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
    let beside = archive.with_file_name(RELEASE);
    if path.is_dir() && beside.is_file() {
        let bytes = fs::read(&beside).map_err(|error| unreadable(&beside, &error))?;
        if files.get(RELEASE) != Some(&bytes) {
            let message = format!("`{beside}` is not the one in `{ARCHIVE}` beside it");
            return Err(Error::plain(Kind::Gate, message, "get the release again from where it was released"));
        }
    }
    Ok(Found { files, archive: Some(archive) })
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

/// Builds the release's firmware in an empty project with an empty store; gives the number of ELF files that are the same.
fn rebuild(release: &Release, files: &Files, workshop: &Workshop) -> Result<usize, Error> {
    let failed =
        |error: &std::io::Error| Error::caused(Kind::Store, error, "a release is rebuilt in a temporary folder");
    let folder = tempfile::tempdir().map_err(|error| failed(&error))?;
    let folder =
        Utf8Path::from_path(folder.path()).ok_or_else(|| failed(&std::io::Error::other("no name in UTF-8")))?;
    for (path, bytes) in files.iter().filter(|(path, _)| path.starts_with(SOURCES)) {
        let to = folder.join(path);
        let written = fs::create_dir_all(to.parent().unwrap_or(folder)).and_then(|()| fs::write(&to, bytes));
        written.map_err(|error| failed(&error))?;
    }
    // Nothing that was ever built is looked at; fetched sources are those of the user, and have the digests that were recorded.
    let apart = Workshop::open(workshop.around, Some(&folder.join("store")))?;
    let named = cli::Manifests { manifests: vec![folder.join(SOURCES).join(&release.manifest.path)] };
    let mut manifests = workshop.around.manifests(&named)?;
    conversion::forbid(&mut manifests);
    let Some(manifest) = manifests.pop() else { return Ok(0) };
    let recorded = gather::recorded(&manifest)?;
    let work = Work::plan(manifest, &apart)?;
    let differences: Vec<String> =
        recorded.differences(&work.used()).iter().map(|difference| format!("\n  {difference}")).collect();
    let outcome = work.build(Options { scope: "rebuild".to_owned(), ..apart.options(&work.manifests) }, &apart)?;
    let mut same = 0;
    for target in &work.plan.targets {
        for name in [artifact::APP, artifact::HARNESS] {
            let found = target.results.iter().find(|(_, path)| *path == name);
            let made = found.and_then(|(id, path)| outcome.artifact(*id, path).ok());
            let path = format!("{TARGETS}{}/{name}", target.board);
            if made.is_none() || made.as_ref() != files.get(&path) {
                return Err(differs(&path, &differences));
            }
            same += 1;
        }
    }
    Ok(same)
}

/// What came out otherwise, and what of the machine is otherwise.
fn differs(path: &str, differences: &[String]) -> Error {
    let message = format!("`{path}` does not come out again: what was built from the release's own manifest differs");
    if differences.is_empty() {
        let help =
            "the tools and sources are those that were recorded; was the release made by another version of deployctl?";
        return Error::plain(Kind::Gate, message, help);
    }
    let message = format!("{message}; this machine differs from `deploy.lock`:{}", differences.concat());
    Error::plain(Kind::Gate, message, "install the recorded versions, and verify again")
}
