//! What differs between two bundles, and why: governed values, interface, figures, operators, sources and tools, and for every
//! stage that did not come out the same the fields of its key that changed.
//!
//! Knows two bundles; does not know whether one is older, or whether a difference is good.

use std::collections::{BTreeMap, BTreeSet};

use deployctl_cache::{PrintedField, Section};
use serde_json::Value;

use super::about::{Release, Target, shown};
use super::archive::Files;
use super::keys::{Keys, Stage};
use super::make::parse;
use super::{CheckError, KEYS, PROVENANCE, RELEASE, TARGETS};
use crate::gate::evidence::{Audit, AuditRow};
use crate::gate::{Interface, PortRecord};
use crate::stage::{self, artifact};

/// What two bundles differ in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Name and version of the first.
    pub old: String,
    /// Of the second.
    pub new: String,
    /// Sections with their changes, none of them empty.
    pub sections: Vec<(&'static str, Vec<Change>)>,
}

/// One value, before and now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// What.
    pub what: String,
    /// Before; absent where it was not there.
    pub old: Option<String>,
    /// Now; absent where it is not there.
    pub new: Option<String>,
    /// By how much, or why, in words; may be empty.
    pub by: String,
}

type Values = BTreeMap<String, String>;

/// Holds two bundles against each other.
pub fn difference(old: &Files, new: &Files) -> Result<Difference, CheckError> {
    let (before, after): (Release, Release) = (read(old, RELEASE)?, read(new, RELEASE)?);
    let boards = |release: &Release| release.targets.iter().map(|target| target.board.clone()).collect::<BTreeSet<_>>();
    let both: Vec<String> = boards(&before).intersection(&boards(&after)).cloned().collect();
    let mut sections = vec![
        ("release", values(&about(&before), &about(&after))),
        ("governed values", values(&before.governed, &after.governed)),
        ("interface", values(&interface(&before.interface), &interface(&after.interface))),
        ("figures", figures(&before, &after)),
        ("operators", each(&both, |board| Ok(operators(&audit(old, board)?, &audit(new, board)?)))?),
        ("sources and tools", values(&materials(old)?, &materials(new)?)),
        ("stage inputs", each(&both, |board| Ok(stages(&keys(old, board)?, &keys(new, board)?)))?),
    ];
    sections.retain(|(_, changes)| !changes.is_empty());
    let name = |release: &Release| format!("{} {}", release.deployment, release.version);
    Ok(Difference { old: name(&before), new: name(&after), sections })
}

fn read<T: serde::de::DeserializeOwned>(files: &Files, path: &str) -> Result<T, CheckError> {
    let bytes = files.get(path).ok_or_else(|| CheckError::Missing { path: path.to_owned() })?;
    parse(path, bytes)
}

fn audit(files: &Files, board: &str) -> Result<Audit, CheckError> {
    read(files, &format!("{TARGETS}{board}/{}", artifact::AUDIT))
}

fn keys(files: &Files, board: &str) -> Result<Keys, CheckError> {
    read(files, &format!("{TARGETS}{board}/{KEYS}"))
}

/// The changes of every board, with its name where there are several.
fn each(boards: &[String], of: impl Fn(&str) -> Result<Vec<Change>, CheckError>) -> Result<Vec<Change>, CheckError> {
    let mut all = Vec::new();
    for board in boards {
        let named = |change: Change| match boards.len() {
            1 => change,
            _ => Change { what: format!("{board}: {}", change.what), ..change },
        };
        all.extend(of(board)?.into_iter().map(named));
    }
    Ok(all)
}

/// Values by name that are not the same.
fn values(old: &Values, new: &Values) -> Vec<Change> {
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let change = |name: &String| {
        let (old, new) = (old.get(name).cloned(), new.get(name).cloned());
        (old != new).then(|| Change { what: name.clone(), old, new, by: String::new() })
    };
    names.into_iter().filter_map(change).collect()
}

fn about(release: &Release) -> Values {
    let mut values = Values::from([
        ("deployment".to_owned(), release.deployment.clone()),
        ("version".to_owned(), release.version.clone()),
        ("evidence".to_owned(), release.evidence.name().to_owned()),
    ]);
    for target in &release.targets {
        values.insert(format!("verdict on {}", target.board), target.verdict.name().to_owned());
    }
    values
}

fn interface(interface: &Interface) -> Values {
    let mut values = Values::new();
    let mut add = |kind: &str, at: usize, tensor: &PortRecord| {
        let mut put = |field: &str, value: String| values.insert(format!("{kind} {at} {field}"), value);
        put("name", tensor.name.clone());
        put("shape", format!("{:?}", tensor.shape));
        put("type", tensor.dtype.clone());
        if let Some(found) = tensor.quantization {
            put("quantization", format!("scale {} zero point {}", found.scale, found.zero_point));
        }
        if let Some(labels) = &tensor.labels {
            put("labels", labels.join(", "));
        }
    };
    interface.inputs.iter().enumerate().for_each(|(at, tensor)| add("input", at, tensor));
    interface.outputs.iter().enumerate().for_each(|(at, tensor)| add("output", at, tensor));
    values
}

fn figures(old: &Release, new: &Release) -> Vec<Change> {
    let mut changes = Vec::new();
    for after in &new.targets {
        let Some(before) = old.targets.iter().find(|target| target.board == after.board) else { continue };
        let names: BTreeSet<&String> = before.figures.keys().chain(after.figures.keys()).collect();
        let several = new.targets.len() > 1;
        let change = |name: &String| {
            let found = figure(name, before, after)?;
            let what = if several { format!("{}: {}", after.board, found.what) } else { found.what };
            Some(Change { what, ..found })
        };
        changes.extend(names.into_iter().filter_map(change));
    }
    changes
}

fn figure(name: &str, old: &Target, new: &Target) -> Option<Change> {
    let (before, after) = (old.figures.get(name), new.figures.get(name));
    if before == after {
        return None;
    }
    let by = match (before, after) {
        (Some(before), Some(after)) if before.unit == after.unit && before.value > 0.0 => {
            format!("{:+.2} %", (after.value - before.value) / before.value * 100.0)
        }
        _ => String::new(),
    };
    let text = |value: Option<&crate::gate::Quantity>| value.map(|value| shown(*value));
    Some(Change { what: name.to_owned(), old: text(before), new: text(after), by })
}

/// Operators that run on another kernel, came or went.
fn operators(old: &Audit, new: &Audit) -> Vec<Change> {
    let kernel = |row: &AuditRow| match &row.kernel {
        Some(kernel) => format!("{} {}", kernel.library, kernel.symbol),
        None => "nothing".to_owned(),
    };
    let table = |audit: &Audit| -> BTreeMap<(usize, String), String> {
        let named = |(at, row): (usize, &AuditRow)| ((at, format!("op:{} {}", row.label, row.name)), kernel(row));
        audit.rows.iter().enumerate().map(named).collect()
    };
    let (before, after) = (table(old), table(new));
    let names: BTreeSet<&(usize, String)> = before.keys().chain(after.keys()).collect();
    let change = |name: &(usize, String)| {
        let (old, new) = (before.get(name).cloned(), after.get(name).cloned());
        (old != new).then(|| Change { what: name.1.clone(), old, new, by: String::new() })
    };
    names.into_iter().filter_map(change).collect()
}

/// Files, sources and tools of the provenance, by name.
fn materials(files: &Files) -> Result<Values, CheckError> {
    let statement: Value = read(files, PROVENANCE)?;
    let all = statement.pointer("/predicate/buildDefinition/resolvedDependencies").and_then(Value::as_array);
    let mut values = Values::new();
    for material in all.into_iter().flatten() {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let digest = material["digest"].as_object().and_then(|digests| digests.values().next()).map(text);
        let digest: String = digest.unwrap_or_default().chars().take(12).collect();
        let version = text(&material["annotations"]["version"]);
        let value = if version.is_empty() { digest } else { format!("{version} ({digest})") };
        values.insert(text(&material["name"]), value);
    }
    Ok(values)
}

/// Most fields of a stage that are shown one by one.
const MOST_FIELDS: usize = 16;

/// Fields of every stage's key that are not the same. What a stage was given is shown with who made it, unless one of its own
/// fields says it already.
fn stages(old: &Keys, new: &Keys) -> Vec<Change> {
    let place = |stage: &Stage| stage.node.split_once('/').map_or(stage.node.clone(), |(_, rest)| rest.to_owned());
    let before: BTreeMap<String, &Stage> = old.stages.iter().map(|stage| (place(stage), stage)).collect();
    let mut changes = Vec::new();
    for stage in &new.stages {
        let Some(earlier) = before.get(&place(stage)) else {
            changes.push(said(&stage.stage, "is run now, and was not before".to_owned()));
            continue;
        };
        let fields = fields(earlier, stage);
        let hidden = fields.len().saturating_sub(MOST_FIELDS);
        changes.extend(fields.into_iter().take(MOST_FIELDS));
        if hidden > 0 {
            let fields = if hidden == 1 { "field" } else { "fields" };
            changes.push(said(&stage.stage, format!("and {hidden} more {fields}")));
        }
    }
    let names: BTreeSet<String> = new.stages.iter().map(place).collect();
    let gone = old.stages.iter().filter(|stage| !names.contains(&place(stage)));
    changes.extend(gone.map(|stage| said(&stage.stage, "was run before, and is not now".to_owned())));
    changes
}

/// What is no value.
fn said(what: &str, by: String) -> Change {
    Change { what: what.to_owned(), old: None, new: None, by }
}

/// A field of a key.
type FieldName = (Section, String);

/// Own fields one by one; what a stage was given, in one line with who made it.
fn fields(old: &Stage, new: &Stage) -> Vec<Change> {
    let table = |stage: &Stage| -> BTreeMap<(Section, String), String> {
        let fields = stage.record.fields.iter();
        fields.map(|field: &PrintedField| ((field.section, field.name.clone()), field.value.clone())).collect()
    };
    let (before, after) = (table(old), table(new));
    let keys: BTreeSet<&(Section, String)> = before.keys().chain(after.keys()).collect();
    let differing: Vec<_> = keys.into_iter().filter(|key| before.get(*key) != after.get(*key)).collect();
    let own = differing.iter().filter(|key| key.0 != Section::Input);
    let (grouped, single): (Vec<&FieldName>, Vec<&FieldName>) =
        own.copied().partition(|key| is_grouped(&new.stage, &key.1));
    let mut changes: Vec<Change> = single
        .into_iter()
        .map(|key| Change {
            what: format!("{}: {}", new.stage, key.1),
            old: before.get(key).cloned(),
            new: after.get(key).cloned(),
            by: String::new(),
        })
        .collect();
    let names: Vec<&str> = grouped.iter().map(|key| key.1.as_str()).collect();
    changes.extend(
        groups(&names, |name| {
            let key = (Section::Own, name.to_owned());
            after.get(&key).or_else(|| before.get(&key)).cloned()
        })
        .into_iter()
        .map(|words| said(&new.stage, words)),
    );
    let maker = |name: &String| {
        let given = new.inputs.iter().chain(&old.inputs).find(|given| given.name == *name);
        given.map(|given| given.from.rsplit('/').next().unwrap_or(&given.from).to_owned()).unwrap_or_default()
    };
    let given = differing.iter().filter(|key| key.0 == Section::Input);
    let given: Vec<String> = given.map(|key| format!("`{}` of {}", key.1, maker(&key.1))).collect();
    if !given.is_empty() {
        let by = format!("was given another {}", given.join(", "));
        changes.push(Change { what: new.stage.clone(), old: None, new: None, by });
    }
    changes
}

/// Whether a field is told together with others: limits are governed values and stand there as the manifest writes them.
fn is_grouped(stage: &str, field: &str) -> bool {
    stage::kind_of_field(field).is_some() || stage == "gate" && field.starts_with("limits.")
}

/// What such fields say, a line a kind. An approval is that of a value, which a field beside it names.
fn groups(names: &[&str], value: impl Fn(&str) -> Option<String>) -> Vec<String> {
    let mut lines = Vec::new();
    let params: BTreeSet<String> = names
        .iter()
        .filter_map(|name| {
            let (entry, _) = name.strip_prefix("limits.governance.values[")?.split_once(']')?;
            value(&format!("limits.governance.values[{entry}].param")).map(|param| format!("`{param}`"))
        })
        .collect();
    if !params.is_empty() {
        lines.push(format!("judges by other approvals of {}", params.into_iter().collect::<Vec<_>>().join(", ")));
    }
    let is_limit = |name: &&&str| name.starts_with("limits.") && !name.starts_with("limits.governance");
    if names.iter().any(|name| is_limit(&name)) {
        lines.push("judges by other limits: see governed values".to_owned());
    }
    let rest = names.iter().filter(|name| !name.starts_with("limits.")).copied();
    let rest = stage::kinds_of_fields(rest);
    if !rest.is_empty() {
        lines.push(format!("was told other {}", rest.join(", ")));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_and_approvals_are_told_by_the_manifest_s_words() {
        let names = [
            "limits.budget",
            "limits.governance.values[10].approved.line",
            "limits.governance.values[10].value",
            "limits.governance.values[2].value",
            "present.governed.\"arena.budget\"",
        ];
        let value = |name: &str| match name {
            "limits.governance.values[10].param" => Some("gates.flash.max".to_owned()),
            "limits.governance.values[2].param" => Some("arena.budget".to_owned()),
            _ => None,
        };
        let expected = [
            "judges by other approvals of `arena.budget`, `gates.flash.max`",
            "judges by other limits: see governed values",
            "was told other governed values",
        ];
        assert_eq!(groups(&names, value), expected);
        assert!(is_grouped("gate", "limits.flash.max") && is_grouped("report", "lines.gates"));
        assert!(!is_grouped("emit", "project.version"));
    }
}
