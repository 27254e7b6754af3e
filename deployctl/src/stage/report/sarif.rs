//! What is not well as SARIF 2.1.0: a result for each gate that stands against shipping, at the manifest's line of its limit.
//!
//! A run for the target. What passes, does not apply or is waived has no result. Where a limit is built in, the line is the
//! target's. Rules are the gates that were judged.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::super::dossier::{Dossier, Row};
use super::Report;
use crate::gate::Verdict;

const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";

/// The whole file.
pub(super) fn log(report: &Report, dossier: &Dossier) -> Value {
    let subject = &dossier.subject;
    let place = format!("{}/{}", subject.deployment.name, subject.target.board);
    let rules: Vec<Value> = dossier.gates.iter().map(rule).collect();
    let wrong = dossier.gates.iter().enumerate().filter(|(_, row)| !row.check.verdict.is_good());
    let results: Vec<Value> = wrong.map(|(index, row)| result(report, dossier, &place, (index, row))).collect();
    json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": { "name": "deployctl", "version": env!("CARGO_PKG_VERSION"), "rules": rules } },
            // Runs of other targets stand beside this one instead of replacing it.
            "automationDetails": { "id": format!("deployctl/{place}/") },
            "columnKind": "unicodeCodePoints",
            "originalUriBaseIds": { "PROJECTROOT": { "description": { "text": "the project's root" } } },
            "results": results,
            "properties": { "evidence": subject.target.evidence, "verdict": dossier.verdict },
        }],
    })
}

/// A mistake in a manifest, board or kernel library file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// The file, relative to the project's root.
    pub file: String,
    /// Its line, from 1.
    pub line: usize,
    /// What is wrong, and what to do.
    pub text: String,
}

/// A file of these mistakes, for whoever reads gates in the same place: what cannot be read is built for no target.
pub fn of_mistakes(mistakes: &[Mistake]) -> Value {
    let result = |mistake: &Mistake| {
        json!({
            "ruleId": "manifest",
            "ruleIndex": 0,
            "level": "error",
            "message": { "text": mistake.text },
            "locations": [{ "physicalLocation": {
                "artifactLocation": { "uri": uri(&mistake.file), "uriBaseId": "PROJECTROOT" },
                "region": { "startLine": mistake.line },
            } }],
        })
    };
    let rule = json!({
        "id": "manifest",
        "shortDescription": { "text": "a mistake in a manifest, board or kernel library file" },
        "defaultConfiguration": { "level": "error" },
    });
    json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": { "name": "deployctl", "version": env!("CARGO_PKG_VERSION"), "rules": [rule] } },
            "automationDetails": { "id": "deployctl/check/" },
            "columnKind": "unicodeCodePoints",
            "originalUriBaseIds": { "PROJECTROOT": { "description": { "text": "the project's root" } } },
            "results": mistakes.iter().map(result).collect::<Vec<_>>(),
        }],
    })
}

fn rule(row: &Row) -> Value {
    json!({
        "id": row.check.name,
        "shortDescription": { "text": format!("gate: {}", row.check.title) },
        "defaultConfiguration": { "level": "error" },
    })
}

fn result(report: &Report, dossier: &Dossier, place: &str, (index, row): (usize, &Row)) -> Value {
    let (check, subject) = (&row.check, &dossier.subject);
    let (name, board) = (&subject.deployment.name, &subject.target.board);
    let text = format!("{name} on {board}: {} is {}. {}", check.title, check.verdict.name(), check.detail);
    json!({
        "ruleId": check.name,
        "ruleIndex": index,
        "level": if check.verdict == Verdict::Thin { "warning" } else { "error" },
        "message": { "text": text },
        "locations": [{ "physicalLocation": {
            "artifactLocation": { "uri": uri(&report.manifest), "uriBaseId": "PROJECTROOT" },
            "region": { "startLine": report.line(check.manifest.as_deref()) },
        } }],
        // The same finding stays the same when its line moves.
        "partialFingerprints": { "deployctlGate/v1": format!("{place}/{}", check.name) },
        "properties": { "verdict": check.verdict, "limit": check.limit, "value": check.value },
    })
}

/// A relative path as a URI reference.
fn uri(path: &str) -> String {
    let mut uri = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => uri.push(char::from(byte)),
            other => {
                let _ = write!(uri, "%{other:02X}");
            }
        }
    }
    uri
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::uri;
    use crate::gate::Verdict;
    use crate::stage::report::tests::rendered;
    use crate::stage::sample;

    /// What SARIF 2.1.0 requires of what is used of it.
    fn assert_structure(log: &Value) {
        assert_eq!(log["version"], "2.1.0");
        for run in log["runs"].as_array().unwrap() {
            assert!(run["tool"]["driver"]["name"].is_string());
            let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
            for result in run["results"].as_array().unwrap() {
                let rule = &rules[usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap()];
                assert_eq!(rule["id"], result["ruleId"]);
                assert!(["none", "note", "warning", "error"].contains(&result["level"].as_str().unwrap()));
                assert!(!result["message"]["text"].as_str().unwrap().is_empty());
                let place = &result["locations"][0]["physicalLocation"];
                assert!(place["region"]["startLine"].as_u64().unwrap() >= 1);
                let base = place["artifactLocation"]["uriBaseId"].as_str().unwrap();
                assert!(run["originalUriBaseIds"][base].is_object());
            }
        }
    }

    #[test]
    fn what_passes_has_no_result() {
        let log = rendered(&sample::papers("x")).sarif;
        assert_structure(&log);
        assert_eq!(log["runs"][0]["results"], json!([]));
        assert_eq!(log["runs"][0]["tool"]["driver"]["rules"][0]["id"], "arena_headroom");
    }

    #[test]
    fn what_is_not_well_is_at_its_line() {
        let mut papers = sample::papers("x");
        let mut built_in = papers.judgement.checks[0].clone();
        papers.judgement.checks[0].verdict = Verdict::Thin;
        (built_in.name, built_in.manifest, built_in.verdict) = ("operators".into(), None, Verdict::Unknown);
        let waived = crate::gate::Check { verdict: Verdict::Waived, ..built_in.clone() };
        papers.judgement.checks.extend([waived, built_in]);
        let log = rendered(&papers).sarif;
        assert_structure(&log);
        let results = log["runs"][0]["results"].as_array().unwrap();
        let place = |at: usize| &results[at]["locations"][0]["physicalLocation"];
        assert_eq!(results.len(), 2);
        assert_eq!((&place(0)["region"]["startLine"], &results[0]["level"]), (&json!(24), &json!("warning")));
        assert_eq!((&place(1)["region"]["startLine"], &results[1]["ruleIndex"]), (&json!(9), &json!(2)));
        assert_eq!(place(0)["artifactLocation"]["uri"], "manifests/sample.kdl");
    }

    #[test]
    fn paths_are_uris() {
        assert_eq!(uri("a b/ä#.kdl"), "a%20b/%C3%A4%23.kdl");
    }
}
