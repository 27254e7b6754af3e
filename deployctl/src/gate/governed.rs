//! The check `governed`: that every governed value is the one that someone approved last.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::judge::{check, none_of};
use super::{Check, Verdict};

/// The governed values of a deployment with their newest approvals.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Governance {
    /// In the manifest's order, then those that only approvals know.
    pub values: Vec<GovernedValue>,
}

/// A governed value and its newest approval.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GovernedValue {
    /// Its path, as `arena.budget`.
    pub param: String,
    /// Its value in the manifest; absent where the manifest has it no longer.
    pub value: Option<String>,
    /// What was approved last.
    pub approved: Option<Approved>,
}

/// An approval.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approved {
    /// The value; absent where its removal was approved.
    pub value: Option<String>,
    /// Who.
    pub by: String,
    /// When.
    pub date: String,
    /// Line of `approvals.kdl`, from 1.
    pub line: usize,
    /// Why it does not count.
    pub fault: Option<String>,
    /// The value's owner, where another approved it and nobody says who may.
    pub instead_of: Option<String>,
}

/// Differences that are spelt out; the others are counted.
const MOST: usize = 8;

/// Judges governed values; `None` where nothing was ever approved for the deployment.
pub(super) fn governed(governance: Option<&Governance>) -> Check {
    let base = check("governed", "governed values approved", Verdict::NotApplicable, "");
    let Some(governance) = governance else {
        let detail =
            "no approvals are recorded for this deployment: `deployctl approve --all --by … --reason …` begins with it";
        return Check { detail: detail.into(), ..base };
    };
    let wrong: Vec<(&str, String)> =
        governance.values.iter().filter_map(|value| Some((value.param.as_str(), difference(value)?))).collect();
    let mut result = none_of(base, wrong.len());
    (result.verdict, result.detail) = match wrong.first() {
        None => {
            let count = governance.values.iter().filter(|value| value.value.is_some()).count();
            let others = by_others(governance);
            (Verdict::Pass, format!("all {count} governed values are as they were approved{others}"))
        }
        Some((param, _)) => {
            result.manifest = Some((*param).to_owned());
            let more = wrong.len().saturating_sub(MOST);
            let mut all: Vec<String> = wrong.iter().take(MOST).map(|(_, text)| text.clone()).collect();
            all.extend((more > 0).then(|| format!("and {more} more")));
            let next = match wrong.len() {
                1 => format!("`deployctl approve {param} --by … --reason …` records an agreement, or undo the change"),
                _ => "`deployctl approve --all --by … --reason …` records an agreement, or undo the changes".to_owned(),
            };
            (Verdict::Fail, format!("{}; {next}", all.join("; ")))
        }
    };
    result
}

/// Who approved values of whom: a clause for each two.
fn by_others(governance: &Governance) -> String {
    let mut pairs: BTreeMap<(&str, &str), Vec<String>> = BTreeMap::new();
    for value in &governance.values {
        let Some(Approved { by, instead_of: Some(owner), .. }) = &value.approved else { continue };
        pairs.entry((by, owner)).or_default().push(format!("`{}`", value.param));
    }
    let clause = |((by, owner), params): (&(&str, &str), &Vec<String>)| {
        format!("; {by} approved {}, whose owner is {owner}", params.join(", "))
    };
    pairs.iter().map(clause).collect()
}

/// How a value differs from its approval, in a clause with the approval's place.
fn difference(standing: &GovernedValue) -> Option<String> {
    let GovernedValue { param, value, approved } = standing;
    match (value, approved) {
        (Some(value), None) => Some(format!("`{param}` is {value}, and nobody approved it")),
        (None, None) => None,
        (value, Some(approved)) => {
            let (by, date, line) = (&approved.by, &approved.date, approved.line);
            let place = format!("approvals.kdl:{line}");
            let now =
                value.as_ref().map_or_else(|| "is no longer in the manifest".to_owned(), |now| format!("is {now}"));
            if *value != approved.value {
                let before = approved.value.as_deref().unwrap_or("its removal");
                return Some(format!("`{param}` {now}, and {by} approved {before} on {date} ({place})"));
            }
            let fault = approved.fault.as_ref()?;
            Some(format!("`{param}` {now}, and its approval by {by} ({place}) does not count: {fault}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn approved(value: Option<&str>) -> Approved {
        let (by, date) = ("ml@example.com".to_owned(), "2026-11-23".to_owned());
        Approved { value: value.map(str::to_owned), by, date, line: 7, fault: None, instead_of: None }
    }

    fn judged(values: &[(&str, Option<&str>, Option<Approved>)]) -> Check {
        let standing = |(param, value, approved): &(&str, Option<&str>, Option<Approved>)| GovernedValue {
            param: (*param).to_owned(),
            value: value.map(str::to_owned),
            approved: approved.clone(),
        };
        governed(Some(&Governance { values: values.iter().map(standing).collect() }))
    }

    #[test]
    fn what_was_approved_last_passes() {
        let check = judged(&[
            ("arena.budget", Some("1024 bytes"), Some(approved(Some("1024 bytes")))),
            ("x", None, Some(approved(None))),
        ]);
        assert_eq!(
            (check.verdict, &check.detail[..]),
            (Verdict::Pass, "all 1 governed values are as they were approved")
        );
        let check = governed(None);
        assert!(check.verdict == Verdict::NotApplicable && check.detail.contains("approve --all"), "{}", check.detail);
        let other = || Some(Approved { instead_of: Some("x".to_owned()), ..approved(Some("1")) });
        let check = judged(&[("a", Some("1"), other()), ("b", Some("1"), other())]);
        assert!(check.detail.ends_with("; ml@example.com approved `a`, `b`, whose owner is x"), "{}", check.detail);
    }

    #[test]
    fn what_differs_fails_with_both_values_and_the_approvals_line() {
        let check = judged(&[("arena.budget", Some("2048 bytes"), Some(approved(Some("1024 bytes"))))]);
        assert_eq!((check.verdict, check.manifest.as_deref()), (Verdict::Fail, Some("arena.budget")));
        assert_eq!(
            check.detail,
            "`arena.budget` is 2048 bytes, and ml@example.com approved 1024 bytes on 2026-11-23 (approvals.kdl:7); \
             `deployctl approve arena.budget --by … --reason …` records an agreement, or undo the change"
        );
        let gone = judged(&[("gates.ram.max", None, Some(approved(Some("1 bytes"))))]);
        assert!(gone.detail.contains("`gates.ram.max` is no longer in the manifest, and"), "{}", gone.detail);
        let back = judged(&[("gates.ram.max", Some("1 bytes"), Some(approved(None)))]);
        assert!(back.detail.contains("approved its removal on"), "{}", back.detail);
        let new = judged(&[("gates.ram.max", Some("1 bytes"), None), ("b", Some("2"), None)]);
        assert!(new.detail.contains("is 1 bytes, and nobody approved it; `b` is 2"), "{}", new.detail);
        let fault = Approved { fault: Some("it has no signature".to_owned()), ..approved(Some("1")) };
        let unsigned = judged(&[("a", Some("1"), Some(fault))]);
        assert!(
            unsigned.detail.contains("(approvals.kdl:7) does not count: it has no signature"),
            "{}",
            unsigned.detail
        );
    }
}
