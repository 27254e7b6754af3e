//! `promote`: a build whose every target may be shipped, as one archive that anyone can check later.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Write as _;

use camino::{Utf8Path, Utf8PathBuf};
use deployctl_cache::{Engine, Outcome};

use super::deliver::{Delivery, Shown};
use super::pack::{Work, refused};
use super::rebuild::rebuild;
use super::test::BUDGET;
use super::watch::Watcher;
use super::workshop::Workshop;
use super::{Done, lock, seal, trust};
use crate::cli;
use crate::error::{Error, Kind};
use crate::gate::{Judgement, Verdict};
use crate::release::about::{Release, folder};
use crate::release::{self, ARCHIVE, BUILT_IN, Files, RELEASE, SIGNATURE, SOURCES, archive, sha256};
use crate::stage::artifact;
use crate::ui::Event;

/// The folder of a project's releases.
pub(super) const RELEASES: &str = "releases";

pub(super) fn run(args: &cli::Promote, workshop: &Workshop) -> Result<Done, Error> {
    let done = promote(args, workshop);
    workshop.remember();
    done.map(|()| Done::Ok)
}

fn promote(args: &cli::Promote, workshop: &Workshop) -> Result<(), Error> {
    let named = cli::Manifests { manifests: vec![args.manifest.clone()] };
    let Some(manifest) = workshop.around.manifests_with(&named, &args.commands)?.into_iter().next() else {
        return Ok(());
    };
    let work = Work::plan(manifest, Some(BUDGET), workshop)?;
    let outcome = build(&work, args.allow_commands, workshop)?;
    refuse_unpromotable(&work, &outcome)?;
    lock::record(&work.manifests, &[work.used()])?;
    // Gate, report and runbook of the bundle speak of the second build, without which nothing is put in its place.
    let work = work.for_release(workshop);
    let outcome = work.build(workshop.options(&work.manifests), workshop)?;
    let (about, mut files) = work.pack(&outcome, workshop)?;
    release::reproduced(&about, &mut files);
    // What could not be verified must not leave the house.
    release::check(&files).map_err(|error| refused(&error))?;
    let place = Place::of(&work, &about, args.sign.as_deref(), workshop);
    let bytes = archive::write(&files).map_err(|error| refused(&error.into()))?;
    let standing = place.standing(&about, &files, &bytes)?;
    if matches!(standing, Standing::New) {
        rebuild(&about, &files, workshop)?;
    }
    place.put(&bytes, &files, &standing, workshop)?;
    place.show(&about, &bytes, &standing, workshop)
}

/// As `build` does, results in `out/` included.
fn build(work: &Work, allowed: bool, workshop: &Workshop) -> Result<Outcome, Error> {
    let engine = Engine::new(&workshop.store, workshop.options(&work.manifests));
    trust::ask(&work.manifests, &work.plan, &engine, allowed, workshop)?;
    let watcher = Watcher::new(workshop.ui, &work.plan);
    let (plan, manifests, materials) = (&work.plan, &work.manifests, &work.materials);
    let delivery = Delivery {
        engine,
        plan,
        watcher: &watcher,
        manifests,
        materials,
        workshop,
        shown: Shown::Verdict,
        annotations: false,
    };
    let built = delivery.build()?;
    let outcome = built.outcome().clone();
    delivery.deliver(built)?;
    Ok(outcome)
}

/// Names every check of every target that stands against shipping.
fn refuse_unpromotable(work: &Work, outcome: &Outcome) -> Result<(), Error> {
    let mut lines = Vec::new();
    for target in &work.plan.targets {
        let unreadable = |error: &dyn std::error::Error| Error::caused(Kind::Internal, error, "please report this");
        let verdict = outcome.artifact(target.gate, artifact::VERDICT).map_err(|error| unreadable(&error))?;
        let judgement: Judgement = serde_json::from_slice(&verdict).map_err(|error| unreadable(&error))?;
        lines.extend(judgement.checks.iter().filter(|check| !may_ship(&check.name, check.verdict)).map(|check| {
            format!("  {}: `{}` {}: {}", target.board, check.name, standing_in_words(check.verdict), check.detail)
        }));
    }
    if lines.is_empty() {
        return Ok(());
    }
    let manifest = work.manifest();
    let message = format!("`{}` {} cannot be promoted:\n{}", manifest.name.value, manifest.version, lines.join("\n"));
    let help = "mend what is named and promote again; the gate report in `out/` has the limits, and the runbook the signatures";
    Err(Error::plain(Kind::Gate, message, help))
}

/// How a check that may not ship came out.
fn standing_in_words(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Fail => "fails",
        Verdict::Thin => "is within its limit, but under its margin",
        Verdict::Unknown => "is not known",
        Verdict::NotApplicable => "was never asked for",
        Verdict::Pass | Verdict::Waived => "is well",
    }
}

/// What nobody has approved is built, and not shipped.
fn may_ship(check: &str, verdict: Verdict) -> bool {
    verdict.is_good() && !(check == "governed" && verdict == Verdict::NotApplicable)
}

/// How a release stands to the one of its version.
enum Standing {
    /// There is none.
    New,
    /// It is that, byte by byte.
    Same,
    /// That one has the same firmware and promises the same; what they were made from differs in these.
    Firmware(Vec<String>),
}

/// Where a release goes.
struct Place {
    /// Its folder.
    folder: Utf8PathBuf,
    /// The same, as people read it.
    shown: Utf8PathBuf,
    /// What signs it.
    key: Option<Utf8PathBuf>,
}

impl Place {
    fn of(work: &Work, about: &Release, key: Option<&Utf8Path>, workshop: &Workshop) -> Self {
        let folder = work.manifest().root.join(RELEASES).join(folder(&about.deployment, &about.version));
        let shown = folder.strip_prefix(&workshop.around.cwd).unwrap_or(&folder).to_owned();
        Self { folder, shown, key: key.map(|key| workshop.around.path(key)) }
    }

    /// How this release stands to the one that is there. One that is there is never changed.
    fn standing(&self, about: &Release, files: &Files, bytes: &[u8]) -> Result<Standing, Error> {
        if !self.folder.exists() {
            return Ok(Standing::New);
        }
        let there = std::fs::read(self.folder.join(ARCHIVE)).map_err(|error| self.failed(&error))?;
        if there == bytes {
            return Ok(Standing::Same);
        }
        let earlier = archive::read(&there).map_err(|error| refused(&error.into()))?;
        let found = earlier.get(RELEASE).and_then(|bytes| serde_json::from_slice::<Release>(bytes).ok());
        let unlike = found.map_or(vec!["is no release that can be read"], |found| found.unlike(about));
        if unlike.is_empty() {
            return Ok(Standing::Firmware(others(&earlier, files)));
        }
        let (shown, version) = (&self.shown, &about.version);
        let message = format!("`{shown}` is there, and is another release than this: it {}", unlike.join(", "));
        let help = format!(
            "a release is never changed: raise `version=\"{version}\"` of the deployment; `deployctl diff {shown}` says what differs"
        );
        Err(Error::plain(Kind::Gate, message, help))
    }

    /// Puts the release in its place in one step; one that is there may still be signed.
    fn put(&self, bytes: &[u8], files: &Files, standing: &Standing, workshop: &Workshop) -> Result<(), Error> {
        if !matches!(standing, Standing::New) {
            let unsigned = self.key.as_ref().filter(|_| !self.folder.join(SIGNATURE).exists());
            return unsigned.map_or(Ok(()), |key| seal::sign(workshop, &self.folder.join(ARCHIVE), key));
        }
        let releases = self.folder.parent().unwrap_or(&self.folder);
        let written = self.write(releases, bytes, files).map_err(|error| self.failed(&error))?;
        if let Some(key) = &self.key {
            let partial = Utf8Path::from_path(written.path()).unwrap_or(releases);
            seal::sign(workshop, &partial.join(ARCHIVE), key)?;
        }
        self.place(releases, written).map_err(|error| self.failed(&error))
    }

    fn write(&self, releases: &Utf8Path, bytes: &[u8], files: &Files) -> std::io::Result<tempfile::TempDir> {
        std::fs::create_dir_all(releases)?;
        let prefix = format!(".{}-", self.folder.file_name().unwrap_or_default());
        let partial = tempfile::Builder::new().prefix(&prefix).tempdir_in(releases)?;
        let copies = release::copies(files);
        let copies = copies.iter().map(|(path, bytes)| (path.as_str(), bytes.as_slice()));
        let mut folders = BTreeSet::new();
        for (path, bytes) in copies.chain([(ARCHIVE, bytes)]) {
            let to = partial.path().join(path);
            if let Some(folder) = to.parent().filter(|folder| *folder != partial.path()) {
                std::fs::create_dir_all(folder)?;
                folders.insert(folder.to_owned());
            }
            let mut file = File::create_new(to)?;
            file.write_all(bytes)?;
            file.sync_all()?;
        }
        folders.iter().try_for_each(|folder| File::open(folder)?.sync_all())?;
        Ok(partial)
    }

    /// Renames a whole folder.
    fn place(&self, releases: &Utf8Path, partial: tempfile::TempDir) -> std::io::Result<()> {
        use std::os::unix::fs::PermissionsExt as _;
        // A temporary folder is its owner's alone; a release is for all.
        std::fs::set_permissions(partial.path(), std::fs::Permissions::from_mode(0o755))?;
        File::open(partial.path())?.sync_all()?;
        std::fs::rename(partial.path(), &self.folder)?;
        let _ = partial.keep();
        File::open(releases)?.sync_all()
    }

    fn failed(&self, error: &std::io::Error) -> Error {
        let help = format!("`{}` is there whole or not at all; mend the cause and promote again", self.shown);
        Error::caused(Kind::Store, error, help)
    }

    fn show(&self, about: &Release, bytes: &[u8], standing: &Standing, workshop: &Workshop) -> Result<(), Error> {
        let (name, version, evidence) = (&about.deployment, &about.version, about.evidence.name());
        let signed = self.folder.join(SIGNATURE).exists();
        let signature = if signed { "signed" } else { "not signed" };
        let archive = format!("{}/{ARCHIVE}", self.shown);
        let (digest, what) = match standing {
            Standing::New | Standing::Same => {
                let word = if matches!(standing, Standing::New) {
                    "is promoted"
                } else {
                    "is there already, with the same bytes"
                };
                let size = crate::manifest::grouped(bytes.len() as u64);
                (
                    sha256(bytes),
                    format!("{name} {version} {word}: `{archive}`, {size} bytes, evidence: {evidence}, {signature}"),
                )
            }
            Standing::Firmware(others) => {
                let there = std::fs::read(self.folder.join(ARCHIVE)).map_err(|error| self.failed(&error))?;
                let what = format!(
                    "nothing to release: {name} {version} in `{archive}` holds the same firmware, interface and governed \
                     values, {signature}\n  it was made with another {}; raise `version` to release that, too",
                    others.join(", ")
                );
                (sha256(&there), what)
            }
        };
        workshop.ui.show(&Event::Line {
            fields: serde_json::json!({
                "release": self.shown, "new": matches!(standing, Standing::New), "evidence": about.evidence,
                "signed": signed, "sha256": digest,
            }),
            text: format!("{what}\n  sha256 {digest}"),
        });
        Ok(())
    }
}

/// Most files that are named.
const MOST: usize = 4;

/// What two bundles with the same firmware were made from otherwise, in few words.
fn others(earlier: &Files, now: &Files) -> Vec<String> {
    let is_source = |path: &&String| path.starts_with(SOURCES) || path.starts_with(BUILT_IN);
    let names: BTreeSet<&String> = earlier.keys().chain(now.keys()).filter(is_source).collect();
    let differing: Vec<&String> = names.into_iter().filter(|name| earlier.get(*name) != now.get(*name)).collect();
    let shown = |name: &&String| format!("`{}`", name.strip_prefix(SOURCES).unwrap_or(name));
    let mut words: Vec<String> = differing.iter().take(MOST).map(shown).collect();
    words.extend((differing.len() > MOST).then(|| format!("{} files more", differing.len() - MOST)));
    if words.is_empty() {
        words.push("version of deployctl".to_owned());
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_otherwise_is_named_by_its_file() {
        let files = |entries: &[(&str, &str)]| -> Files {
            entries.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec())).collect()
        };
        let earlier = files(&[("sources/manifests/a.kdl", "// a"), ("sources/m", ""), ("release.json", "1")]);
        let now = files(&[("sources/manifests/a.kdl", "// b"), ("sources/m", ""), ("release.json", "2")]);
        assert_eq!(others(&earlier, &now), ["`manifests/a.kdl`"]);
        assert_eq!(others(&earlier, &earlier), ["version of deployctl"]);
        let many: Vec<String> = (0..6).map(|at| format!("sources/{at}")).collect();
        let many: Vec<(&str, &str)> = many.iter().map(|path| (path.as_str(), "")).collect();
        assert_eq!(others(&files(&many), &files(&[])), ["`0`", "`1`", "`2`", "`3`", "2 files more"]);
    }

    #[test]
    fn what_nobody_approved_is_not_shipped() {
        assert!(may_ship("flash", Verdict::NotApplicable) && may_ship("governed", Verdict::Pass));
        assert!(may_ship("accuracy", Verdict::Waived));
        for (check, verdict) in [
            ("governed", Verdict::NotApplicable),
            ("flash", Verdict::Thin),
            ("stack", Verdict::Unknown),
            ("interface", Verdict::Fail),
        ] {
            assert!(!may_ship(check, verdict), "{check}");
        }
    }
}
