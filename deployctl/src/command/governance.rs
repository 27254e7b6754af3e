//! What a build knows of agreements: approvals of governed values, waivers whose day has passed, the last release.

use std::collections::{BTreeMap, BTreeSet};

use camino::Utf8Path;
use cargo_metadata::semver::Version;
use deployctl_cache::FileInput;

use super::workshop::store_error;
use super::{Surroundings, signature};
use crate::error::{Error, Kind};
use crate::fetch::Home;
use crate::gate::{Approved, Governance, GovernedValue, Present, Release};
use crate::manifest::{self, Approval, Approvals, Codeowners, Governed, Manifest, Syntax};
use crate::stage::LastRelease;

/// Approvals and owners of a project.
pub(super) struct Records {
    /// Every entry.
    pub(super) approvals: Approvals,
    owners: Option<Codeowners>,
}

impl Records {
    /// Reads what the project has.
    pub(super) fn read(root: &Utf8Path, around: &Surroundings) -> Result<Self, Error> {
        let syntax = Home::from_env(&around.env)
            .map_or_else(|_| Syntax::default(), |home| Syntax::in_folder(home.syntax(), around.writes));
        let approvals = Approvals::read(root, &syntax).map_err(|errors| Error::new(Kind::Manifest, errors))?;
        let owners = Codeowners::find(root)
            .map_err(|reason| Error::plain(Kind::Manifest, reason, "owners of governed values are looked up in it"))?;
        Ok(Self { approvals, owners })
    }

    /// Why `by` may not approve a value, if the repository says who may; else, what to know of it.
    pub(super) fn objection(&self, by: &str, value: &Governed, manifest: &Manifest) -> Objection {
        let same = |owner: &str| owner.eq_ignore_ascii_case(by);
        let owner = &value.owner;
        if same(owner) {
            return Objection::None;
        }
        let Some(codeowners) = &self.owners else {
            return Objection::InsteadOf(owner.clone());
        };
        let owners = codeowners.owners(&manifest.path);
        if owners.iter().any(|owner| same(owner)) {
            return Objection::None;
        }
        let also = if owners.is_empty() { String::new() } else { format!(", or of {}", owners.join(" ")) };
        let file = codeowners.file;
        Objection::Fault(format!("{by} does not own it: that is for {owner}{also} (`{file}`)"))
    }

    /// Governed values with their newest approvals; nothing where none was ever given for the deployment.
    pub(super) fn governance(&self, manifest: &Manifest, around: &Surroundings) -> Result<Option<Governance>, Error> {
        let name = &manifest.name.value;
        if !self.approvals.know(name) {
            return Ok(None);
        }
        let mut values = Vec::new();
        for value in with_removed(manifest, &self.approvals) {
            let newest = self.approvals.newest(name, &value.0.param);
            let approved = newest.map(|entry| self.approved(entry, &value.0, manifest, around)).transpose()?;
            let (Governed { param, value, .. }, there) = value;
            values.push(GovernedValue { param, value: there.then_some(value), approved });
        }
        Ok(Some(Governance { values }))
    }

    fn approved(
        &self,
        entry: &Approval,
        value: &Governed,
        manifest: &Manifest,
        around: &Surroundings,
    ) -> Result<Approved, Error> {
        let (mut fault, instead_of) = match self.objection(&entry.by, value, manifest) {
            Objection::None => (None, None),
            Objection::InsteadOf(owner) => (None, Some(owner)),
            Objection::Fault(text) => (Some(text), None),
        };
        if let Some(allowed) = &self.approvals.allowed_signers {
            let unsigned = || Ok(Some("it must be signed, and is not".to_owned()));
            let checked = entry.signature.as_ref().map_or_else(unsigned, |signature| {
                signature::fault(&entry.message(), signature, &entry.by, allowed, around)
            })?;
            fault = checked.or(fault);
        }
        let (by, date, line) = (entry.by.clone(), entry.date.to_string(), entry.line);
        Ok(Approved { value: entry.to.clone(), by, date, line, fault, instead_of })
    }
}

/// What stands against someone's approval.
pub(super) enum Objection {
    /// Nothing.
    None,
    /// Nothing that counts; the value's owner is this one.
    InsteadOf(String),
    /// It does not count.
    Fault(String),
}

/// Governed values of a manifest, each with `true`, then those that only approvals have and that are not yet approved to be
/// gone; their owner is the deployment's.
pub(super) fn with_removed(manifest: &Manifest, approvals: &Approvals) -> Vec<(Governed, bool)> {
    let name = &manifest.name.value;
    let present = manifest::governed(manifest);
    let gone = |param: &&str| present.iter().all(|one| one.param != **param);
    let is_open = |param: &&str| approvals.newest(name, param).is_some_and(|entry| entry.to.is_some());
    let removed: Vec<(Governed, bool)> = approvals
        .params(name)
        .into_iter()
        .filter(gone)
        .filter(is_open)
        .map(|param| {
            let (param, owner) = (param.to_owned(), manifest.owner.clone());
            (Governed { param, value: String::new(), owner, start: 0 }, false)
        })
        .collect();
    present.into_iter().map(|one| (one, true)).chain(removed).collect()
}

/// Paths of the waivers that have expired.
pub(super) fn expired(manifest: &Manifest, around: &Surroundings) -> Vec<String> {
    let boards = manifest.targets.iter().map(|target| target.board.name.as_str());
    let waivers = boards.flat_map(|board| manifest.waivers_on(board));
    let paths: BTreeSet<_> = waivers.filter(|(_, one)| around.today > one.until).map(|(path, _)| path).collect();
    paths.into_iter().collect()
}

/// The release with the highest version that is not the manifest's own.
pub(super) fn last_release(
    manifest: &Manifest,
    file: impl Fn(&Utf8Path) -> Result<FileInput, Error>,
) -> Result<Option<LastRelease>, Error> {
    let folder = manifest.root.join("releases");
    let Ok(entries) = folder.read_dir_utf8() else { return Ok(None) };
    let mut found: BTreeMap<Version, String> = BTreeMap::new();
    for entry in entries.flatten() {
        let version =
            entry.file_name().strip_prefix(manifest.name.value.as_str()).and_then(|rest| rest.strip_prefix('-'));
        let Some(version) = version.filter(|version| *version != manifest.version) else { continue };
        let (Ok(parsed), true) = (Version::parse(version), entry.path().join("release.json").is_file()) else {
            continue;
        };
        found.insert(parsed, version.to_owned());
    }
    let Some((_, version)) = found.pop_last() else { return Ok(None) };
    let path = folder.join(format!("{}-{version}/release.json", manifest.name.value));
    Ok(Some(LastRelease::new(version, file(&path)?)))
}

/// The release of the manifest's own version, where the manifest promises something else by now. One that it still agrees with
/// says nothing new: a build after `promote` runs nothing.
pub(super) fn reissued(
    manifest: &Manifest,
    file: impl Fn(&Utf8Path) -> Result<FileInput, Error>,
) -> Result<Option<LastRelease>, Error> {
    let (name, version) = (&manifest.name.value, &manifest.version);
    let path = manifest.root.join("releases").join(format!("{name}-{version}")).join("release.json");
    if !path.is_file() {
        return Ok(None);
    }
    let file = file(&path)?;
    let bytes = file.bytes().map_err(|error| store_error(&error))?;
    let agrees = Release::read(&bytes, name, version).is_ok_and(|release| Present::of(manifest, "").agrees(&release));
    // One that cannot be read is the gate's to refuse.
    Ok((!agrees).then(|| LastRelease::new(version.clone(), file)))
}
