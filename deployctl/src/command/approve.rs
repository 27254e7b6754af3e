//! `approve`: an agreement to governed values, as the manifest has them now, into `approvals.kdl`.

use std::collections::BTreeMap;
use std::io::Write as _;

use camino::Utf8Path;
use serde_json::json;

use super::governance::{Objection, Records, rivals, with_removed};
use super::{Done, Surroundings, signature};
use crate::cli;
use crate::error::{Error, Kind};
use crate::manifest::{APPROVALS, APPROVALS_HEAD, Approval, Governed, Manifest, suggest};
use crate::ui::Event;

/// A governed value that the newest entry does not have.
struct Change {
    value: Governed,
    from: Option<String>,
    to: Option<String>,
    /// What was approved at the same time on another branch, and is to count no longer.
    beside: Vec<Option<String>>,
}

impl Change {
    fn words(&self) -> String {
        words(&self.value.param, self.from.as_deref(), self.to.as_deref())
    }
}

fn words(param: &str, from: Option<&str>, to: Option<&str>) -> String {
    format!("`{param}`: {} → {}", from.unwrap_or("not approved"), to.unwrap_or("removed"))
}

pub(super) fn run(args: &cli::Approve, around: &Surroundings) -> Result<Done, Error> {
    let manifest = the_manifest(args, around)?;
    let records = Records::read(&manifest.root, around)?;
    let changes = changes(&manifest, &records);
    let wanted = wanted(args, &manifest, changes, around)?;
    if wanted.is_empty() {
        around.ui.show(&Event::Note { text: "every governed value is as it was approved: nothing was written".into() });
        return Ok(Done::Ok);
    }
    let entries = entries(args, &manifest, &records, &wanted, around)?;
    let texts: Vec<String> = entries.iter().map(Approval::text).collect();
    append(&manifest.root, &texts.concat())?;
    for entry in &entries {
        let signed = entry.signature.as_ref().map_or("", |_| ", signed");
        let words = words(&entry.param, entry.from.as_deref(), entry.to.as_deref());
        let fields = json!({
            "deployment": entry.deployment, "param": entry.param, "from": entry.from, "to": entry.to, "by": entry.by,
            "digest": entry.digest(), "signed": entry.signature.is_some(),
        });
        around.ui.show(&Event::Line { fields, text: format!("approved by {}{signed}: {words}", entry.by) });
    }
    Ok(Done::Ok)
}

/// The one manifest that is meant.
fn the_manifest(args: &cli::Approve, around: &Surroundings) -> Result<Manifest, Error> {
    let named = cli::Manifests { manifests: args.manifest.iter().cloned().collect() };
    let mut manifests = around.manifests(&named)?;
    match (manifests.len(), manifests.pop()) {
        (1, Some(manifest)) => Ok(manifest),
        (_, found) => {
            let example = found.map_or_else(String::new, |found| {
                found.path.strip_prefix(&around.cwd).unwrap_or(&found.path).to_string()
            });
            let help = format!("say which deployment is meant, such as `--manifest {example}`");
            Err(Error::plain(Kind::Usage, "the project has several manifests", help))
        }
    }
}

/// What differs from the newest entries, in the manifest's order.
fn changes(manifest: &Manifest, records: &Records) -> Vec<Change> {
    let name = &manifest.name.value;
    let change = |(value, there): (Governed, bool)| {
        let newest = records.approvals.newest(name, &value.param);
        let to = there.then(|| value.value.clone());
        let from = newest.and_then(|entry| entry.to.clone());
        let agreed = newest.is_some() && from == to;
        // An entry that does not count must be given again by someone else.
        let void =
            newest.is_some_and(|entry| matches!(records.objection(&entry.by, &value, manifest), Objection::Fault(_)));
        let unsigned =
            newest.is_some_and(|entry| records.approvals.allowed_signers.is_some() && entry.signature.is_none());
        let heads = records.approvals.heads(name, &value.param);
        let rival = rivals(&heads).is_some();
        let is_beside = |other: &Option<String>| *other != from && *other != to;
        let mut beside: Vec<Option<String>> = Vec::new();
        for other in heads.iter().map(|entry| entry.to.clone()).filter(|other| rival && is_beside(other)) {
            if !beside.contains(&other) {
                beside.push(other);
            }
        }
        (!agreed || rival || void || unsigned).then_some(Change { value, from, to, beside })
    };
    with_removed(manifest, &records.approvals).into_iter().filter_map(change).collect()
}

/// The changes that the user names, all of them under `--all`.
fn wanted(
    args: &cli::Approve,
    manifest: &Manifest,
    changes: Vec<Change>,
    around: &Surroundings,
) -> Result<Vec<Change>, Error> {
    if args.all {
        return Ok(changes);
    }
    if args.params.is_empty() {
        let listed: Vec<String> = changes.iter().map(Change::words).collect();
        let help = match listed.as_slice() {
            [] => "there is none to name: every governed value is as it was approved".to_owned(),
            listed => format!("name values, or write `--all`; to be approved are {}", listed.join("; ")),
        };
        return Err(Error::plain(Kind::Usage, "no governed value is named", help));
    }
    let known: Vec<String> = crate::manifest::governed(manifest).into_iter().map(|one| one.param).collect();
    for param in &args.params {
        if changes.iter().any(|change| change.value.param == *param) {
            continue;
        }
        if known.contains(param) {
            let text = format!("`{param}` is as it was approved: no entry was written for it");
            around.ui.show(&Event::Note { text });
            continue;
        }
        let help = suggest(param, known.iter().map(String::as_str));
        return Err(Error::plain(
            Kind::Usage,
            format!("`{}` has no governed value `{param}`", manifest.name.value),
            help,
        ));
    }
    Ok(changes.into_iter().filter(|change| args.params.contains(&change.value.param)).collect())
}

fn entries(
    args: &cli::Approve,
    manifest: &Manifest,
    records: &Records,
    wanted: &[Change],
    around: &Surroundings,
) -> Result<Vec<Approval>, Error> {
    let (by, reason) = (plain("--by", &args.by)?, plain("--reason", &args.reason)?);
    let latest = records.approvals.entries.iter().map(|entry| entry.date).max();
    if let Some(latest) = latest.filter(|latest| *latest > around.today) {
        let message = format!("this machine's clock says {}, and `{APPROVALS}` has an entry of {latest}", around.today);
        return Err(Error::plain(Kind::Usage, message, "set the clock: entries are in the order of their days"));
    }
    if records.approvals.allowed_signers.is_some() && args.sign.is_none() {
        let help = "sign with your SSH key: `--sign ~/.ssh/id_ed25519`";
        return Err(Error::plain(Kind::Usage, "approvals of this project must be signed", help));
    }
    let (mut entries, mut of_others) = (Vec::new(), BTreeMap::<String, Vec<String>>::new());
    for change in wanted {
        match records.objection(&by, &change.value, manifest) {
            Objection::None => {}
            Objection::InsteadOf(owner) => {
                let value = format!("`{}`", change.value.param);
                of_others.entry(owner).or_default().push(value);
            }
            Objection::Fault(reason) => {
                let message = format!("`{}` cannot be approved so: {reason}", change.value.param);
                return Err(Error::plain(
                    Kind::Usage,
                    message,
                    "ask an owner to run the command, or change the owner first",
                ));
            }
        }
        for from in [&change.from].into_iter().chain(&change.beside) {
            let entry = Approval {
                deployment: manifest.name.value.clone(),
                param: change.value.param.clone(),
                from: from.clone(),
                to: change.to.clone(),
                by: by.clone(),
                reason: reason.clone(),
                date: around.today,
                signature: None,
                line: 0,
            };
            entries.push(signed(entry, args, records, around)?);
        }
    }
    for (owner, values) in of_others {
        let text = format!(
            "{by} is not the owner of {}: that is {owner}, and no CODEOWNERS file says who else may approve. The entries count, \
             and the gate report says who approved whose values",
            values.join(", ")
        );
        around.ui.show(&Event::Note { text });
    }
    Ok(entries)
}

/// The entry with its signature, where one is asked for.
fn signed(entry: Approval, args: &cli::Approve, records: &Records, around: &Surroundings) -> Result<Approval, Error> {
    let Some(key) = &args.sign else { return Ok(entry) };
    let message = entry.message();
    let signature = signature::sign(&message, key, around)?;
    if let Some(allowed) = &records.approvals.allowed_signers
        && let Some(fault) = signature::fault(&message, &signature, &entry.by, allowed, around)?
    {
        let by = &entry.by;
        let help = format!("add the key's line for {by} to the file of allowed signers, or sign with another key");
        return Err(Error::plain(Kind::Usage, format!("the signature would not count: {fault}"), help));
    }
    Ok(Approval { signature: Some(signature), ..entry })
}

/// One line of text that is not empty.
fn plain(option: &str, text: &str) -> Result<String, Error> {
    if text.trim().is_empty() || text.chars().any(char::is_control) {
        return Err(Error::plain(Kind::Usage, format!("`{option}` is empty or has a line break"), "write one line"));
    }
    Ok(text.trim().to_owned())
}

/// Adds entries to the end of the file, by way of a new one: a reader sees all of them or none.
fn append(root: &Utf8Path, text: &str) -> Result<(), Error> {
    let path = root.join(APPROVALS);
    let write = || -> std::io::Result<()> {
        let before = if path.exists() { std::fs::read_to_string(&path)? } else { APPROVALS_HEAD.to_owned() };
        let file = if path.exists() { path.canonicalize_utf8()? } else { path.clone() };
        let folder = file.parent().unwrap_or(root);
        let mut scratch = tempfile::Builder::new().prefix(".approvals.").tempfile_in(folder)?;
        write!(scratch, "{}\n{text}", before.trim_end())?;
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o644);
        let permissions = std::fs::metadata(&file).map_or(mode, |known| known.permissions());
        scratch.as_file().set_permissions(permissions)?;
        scratch.as_file().sync_all()?;
        scratch.persist(&file).map_err(|error| error.error)?;
        std::fs::File::open(folder)?.sync_all()
    };
    write().map_err(|error| {
        let help = "nothing was recorded; check that you may write the file and its folder";
        Error::plain(Kind::Store, format!("cannot write `{path}`: {error}"), help)
    })
}
