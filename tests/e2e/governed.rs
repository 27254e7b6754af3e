//! Governed values through a build: approvals, the last release, and what they rerun.

use std::process::Command;

use deployctl::manifest::{Approval, Date};
use serde_json::{Value, json};

use crate::space::{NAME, Ran, Space};

fn approve(space: &Space, rest: &str) -> Ran {
    space.run_on("2026-11-23", &format!("--json approve --reason agreed {rest}"))
}

/// A gate of the report.
fn gate(space: &Space, name: &str) -> Value {
    let report: Value = serde_json::from_slice(&space.result("gate-report.json")).unwrap();
    report["gates"].as_array().unwrap().iter().find(|gate| gate["name"] == name).unwrap().clone()
}

#[test]
fn a_governed_value_without_an_approval_fails_and_points_at_both_lines() {
    let Some(space) = Space::built("host") else { return };
    space.build("").succeeded();
    assert_eq!(gate(&space, "governed")["verdict"], "not_applicable");
    approve(&space, "--all --by audio@example.com").succeeded();
    let ran = space.build("").succeeded().ran();
    assert_eq!(ran.len(), 3, "gate, report, runbook: {ran:?}");
    let pass = gate(&space, "governed");
    assert_eq!(pass["verdict"], "pass");
    assert!(
        pass["detail"].as_str().unwrap().contains("audio@example.com approved `arena.budget`")
            && pass["detail"].as_str().unwrap().contains("whose owner is platform@example.com"),
        "{pass}"
    );

    space.edit(NAME, "800 B", "900 B");
    let failed = space.run(&format!("build {NAME}")).failed(1, &["`arena.budget` is 900 bytes"]);
    let text = failed.text.split_whitespace().collect::<Vec<_>>().join(" ");
    let clause = "audio@example.com approved 800 bytes on 2026-11-23 (approvals.kdl:4)";
    assert!(text.contains(clause) && text.contains("(manifests/sample.kdl:11)"), "{text}");
    assert_eq!(gate(&space, "governed")["line"], 11);

    approve(&space, "arena.budget --by platform@example.com").succeeded();
    space.build("").succeeded();
    // Another branch approved another value on the same day: neither counts until someone has seen both.
    let rival = Approval {
        deployment: "sample".into(),
        param: "arena.budget".into(),
        from: Some("800 bytes".into()),
        to: Some("950 bytes".into()),
        by: "platform@example.com".into(),
        reason: "another branch".into(),
        date: Date::parse("2026-11-23").unwrap(),
        signature: None,
        line: 0,
    };
    let merged = std::fs::read_to_string(space.path("approvals.kdl")).unwrap() + &rival.text();
    space.write("approvals.kdl", merged);
    let failed = space.run(&format!("build {NAME}")).failed(1, &["governed values approved"]);
    let text = failed.text.split_whitespace().collect::<Vec<_>>().join(" ");
    for words in
        ["approves 900 bytes by platform@example.com and line", "on two branches that did not know of each other"]
    {
        assert!(text.contains(words), "no `{words}` in {text}");
    }
    let settled = approve(&space, "arena.budget --by platform@example.com").succeeded().text;
    assert!(settled.contains("\"from\":\"950 bytes\""), "{settled}");
    space.build("").succeeded();
    // An entry for another value: the newest counts, and an edited one is refused.
    space.edit("approvals.kdl", "to \"900 bytes\"", "to \"901 bytes\"");
    space.build("").failed(3, &["the digest is not of `arena.budget` with this value"]);
    space.run("check").failed(3, &["the digest is not of `arena.budget`"]);
}

#[test]
fn a_build_is_held_against_the_last_release() {
    let Some(space) = Space::built("host") else { return };
    let port = |name: &str, shape: &[usize], scale: f32, zero_point: i64| {
        json!({ "name": name, "type": "int8", "shape": shape, "labels": null,
            "quantization": { "scale": scale, "zero_point": zero_point } })
    };
    let release = |version: &str, scale: f32| {
        json!({
            "schema": "deployctl/release/1", "deployment": "sample", "version": version,
            "interface": {
                "inputs": [port("input", &[1, 6, 5, 1], scale, -1)],
                "outputs": [port("softmax", &[1, 3], 0.003_906_25, -128)],
            },
            "governed": {},
            "targets": [{ "board": "host", "figures": { "arena_bytes": { "value": 100, "unit": "bytes" } } }],
        })
        .to_string()
    };
    space.write("releases/sample-0.0.9/release.json", release("0.0.9", 0.25));
    space.write("releases/sample-0.0.10/release.json", release("0.0.10", 0.5));
    // Neither another deployment's, nor a folder without a release; and of its own version one that promises the same.
    for (folder, text) in [("sample-more-9.0.0", "{}"), ("samples-9.0.0", "{}")] {
        space.write(&format!("releases/{folder}/release.json"), text);
    }
    space.write("releases/sample-0.1.0/release.json", release("0.1.0", 0.5));
    std::fs::create_dir_all(space.path("releases/sample-0.0.11")).unwrap();
    let ran = space.build_as_foretold();
    assert!(ran.contains("sample/host/gate") && !ran.contains("sample/host/measure"), "{ran:?}");
    let version = gate(&space, "version");
    assert_eq!(version["verdict"], "pass");
    assert!(version["detail"].as_str().unwrap().contains("those of release 0.0.10"), "{version}");
    assert!(gate(&space, "trend")["detail"].as_str().unwrap().contains("since 0.0.10: `arena_bytes` +"));
    assert!(space.build("").succeeded().ran().is_empty());

    space.write("releases/sample-0.1.0/release.json", release("0.1.0", 0.25));
    space.build("").failed(1, &[]);
    let version = gate(&space, "version");
    assert!(version["detail"].as_str().unwrap().starts_with("0.1.0 is released already: quantization of"), "{version}");
    std::fs::remove_dir_all(space.path("releases/sample-0.1.0")).unwrap();
    space.write("releases/sample-1.0.0/release.json", release("1.0.0", 0.25));
    space.build("").failed(1, &[]);
    let version = gate(&space, "version");
    assert!(version["detail"].as_str().unwrap().contains("`version=\"2.0.0\"` or above"), "{version}");
    assert_eq!(version["line"], 3);
    space.write("releases/sample-1.0.0/release.json", "{");
    space.build("").failed(3, &["`releases/sample-1.0.0/release.json` cannot be used: it is damaged"]);
}

#[test]
fn where_signatures_are_asked_for_an_entry_counts_only_with_one() {
    let Some(space) = Space::built("host") else { return };
    let key = space.path("key");
    let made = Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f", key.as_str()]).status();
    if !made.is_ok_and(|status| status.success()) {
        eprintln!("SKIPPED: signatures of approvals: `ssh-keygen` is not installed");
        return;
    }
    let public = std::fs::read_to_string(space.path("key.pub")).unwrap();
    space.write("allowed_signers", format!("platform@example.com {public}"));
    approve(&space, "--all --by platform@example.com").succeeded();
    let begin = "approvals version=1\n";
    space.edit("approvals.kdl", begin, &format!("{begin}\nrequire-signature \"allowed_signers\"\n"));
    space.build("").failed(1, &[]);
    let detail = |space: &Space| gate(space, "governed")["detail"].as_str().unwrap().to_owned();
    assert!(detail(&space).contains("does not count: it must be signed, and is not"), "{}", detail(&space));
    approve(&space, &format!("--all --by platform@example.com --sign {key}")).succeeded();
    space.build("").succeeded();
    // What is signed is every word: another reason is another entry, though its digest is right.
    let text = std::fs::read_to_string(space.path("approvals.kdl")).unwrap();
    space.write("approvals.kdl", text.replace("reason \"agreed\"", "reason \"agreed to\""));
    space.build("").failed(1, &[]);
    assert!(detail(&space).contains("its signature is not by platform@example.com"), "{}", detail(&space));
    space.write("approvals.kdl", text);
    // A key that is no longer allowed.
    space.write("allowed_signers", format!("audio@example.com {public}"));
    space.build("").failed(1, &[]);
}
