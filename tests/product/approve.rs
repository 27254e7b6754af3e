//! `approve`: what it records, whom it asks for, and what it refuses.

use std::process::Command;

use crate::product::space::{Outcome, Space, golden, project};

fn approve(space: &Space, rest: &[&str]) -> Outcome {
    space.run(&[&["approve", "--reason", "agreed in review"], rest].concat())
}

#[test]
fn entries_say_who_agreed_to_which_value() {
    let space = project("host");
    approve(&space, &["--by", "me@example.com"])
        .exits(2)
        .says(&["no governed value is named", "`arena.budget`: not approved →"]);
    approve(&space, &["--by", "me@example.com", "--all"])
        .exits(0)
        .says(&["approved by me@example.com: `kernels.policy`: not"]);
    let before = space.text("approvals.kdl");
    approve(&space, &["--by", "me@example.com", "--all"]).exits(0).says(&["nothing was written"]);
    approve(&space, &["--by", "me@example.com", "arena.budget"]).exits(0).says(&["is as it was approved"]);
    assert_eq!(space.text("approvals.kdl"), before);
    space.edit("manifests/sample.kdl", "headroom=\"10%\"", "headroom=\"5%\"");
    approve(&space, &["--by", "you@example.com", "arena.headroom"])
        .exits(0)
        .says(&["you@example.com is not the owner of `arena.headroom`: that is me@example.com", "10% → 5%"]);
    let after = space.text("approvals.kdl");
    let entry = after.strip_prefix(&before).unwrap();
    for line in ["from \"10%\"", "to \"5%\"", "by \"you@example.com\"", "reason \"agreed in review\"", "date \"20"] {
        assert!(entry.contains(line), "{entry}");
    }
    space.run(&["fmt", "--check", "approvals.kdl"]).exits(0);
    space.run(&["check"]).exits(0);
    // A limit that is no longer there is a change, too.
    space.edit("manifests/sample.kdl", "runtime", "gates { stack max=\"4KiB\" }\nruntime");
    approve(&space, &["--by", "me@example.com", "--all"]).exits(0);
    space.edit("manifests/sample.kdl", "gates { stack max=\"4KiB\" }\n", "");
    approve(&space, &["--by", "me@example.com", "--all"]).exits(0).says(&["`gates.stack.max`: 4096 bytes → removed"]);
    approve(&space, &["--by", "me@example.com", "--all"]).exits(0).says(&["nothing was written"]);
}

#[test]
fn mistakes_are_refused_before_anything_is_written() {
    let space = project("host");
    let by = ["--by", "me@example.com"];
    approve(&space, &[&by[..], &["arena.buget"]].concat())
        .exits(2)
        .says(&["no governed value `arena.buget`", "did you mean `arena.budget`"]);
    approve(&space, &["--by", " ", "--all"]).exits(2).says(&["`--by` is empty"]);
    approve(&space, &[&by[..], &["--all", "--sign", "no-key"]].concat()).exits(5).says(&["a private SSH key"]);
    assert!(!space.path("approvals.kdl").exists());
    space.write("approvals.kdl", "approvals version=1\napproval \"sample\" \"arena.budget\" {\n");
    approve(&space, &[&by[..], &["--all"]].concat()).exits(3).says(&["`approvals.kdl` cannot be used"]);
    std::fs::remove_file(space.path("approvals.kdl")).unwrap();
    // Entries of a day that this clock has not seen.
    approve(&space, &[&by[..], &["--all"]].concat()).exits(0);
    let text = space.text("approvals.kdl");
    let day = text.split("date \"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    space.write("approvals.kdl", text.replacen(&day, "9999-12-31", 1));
    space.edit("manifests/sample.kdl", "headroom=\"10%\"", "headroom=\"5%\"");
    approve(&space, &[&by[..], &["--all"]].concat()).exits(2).says(&["has an entry of 9999-12-31", "set the clock"]);
    let space = space.file("other.tflite", golden("sample.tflite"));
    space.run(&["init", "other.tflite", "--board", "host", "--owner", "me@example.com"]).exits(0);
    approve(&space, &[&by[..], &["--all"]].concat()).exits(2).says(&["several manifests", "--manifest manifests/"]);
}

#[test]
fn code_owners_may_approve_and_others_may_not() {
    let space = project("host");
    space.write(".github/CODEOWNERS", "* @everyone\n/manifests/ @leads lead@example.com\n");
    approve(&space, &["--by", "you@example.com", "--all"])
        .exits(2)
        .says(&["`arena.budget` cannot be approved so", "that is for me@example.com, or of @leads lead@example.com"]);
    approve(&space, &["--by", "Lead@example.com", "arena.budget"]).exits(0).does_not_say(&["whose owner is"]);
    approve(&space, &["--by", "me@example.com", "arena.headroom"]).exits(0);
    // Whoever owned it then does not own it now: the entry counts no longer, and another must be given.
    space.write(".github/CODEOWNERS", "* @everyone\n");
    approve(&space, &["--by", "me@example.com", "arena.budget"]).exits(0).says(&["approved by me@example.com"]);
}

/// A new SSH key; `None`, aloud, where OpenSSH is not installed.
fn key(space: &Space, name: &str) -> Option<String> {
    let made = Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-C", name, "-f"])
        .arg(space.path(name))
        .status();
    if !made.is_ok_and(|status| status.success()) {
        println!("SKIPPED: signatures of approvals: `ssh-keygen` is not installed");
        return None;
    }
    Some(space.text(&format!("{name}.pub")))
}

#[test]
fn signatures_are_made_and_asked_for() {
    let space = project("host");
    let (Some(mine), Some(_)) = (key(&space, "mine"), key(&space, "other")) else { return };
    space.write("allowed_signers", format!("me@example.com {mine}"));
    space.write("approvals.kdl", "approvals version=1\n\nrequire-signature \"allowed_signers\"\n");
    let all = ["--by", "me@example.com", "--all"];
    approve(&space, &all).exits(2).says(&["must be signed", "--sign"]);
    approve(&space, &[&all[..], &["--sign", "other"]].concat()).exits(2).says(&["the signature would not count"]);
    approve(&space, &["--by", "you@example.com", "--all", "--sign", "mine"]).exits(2).says(&["would not count"]);
    approve(&space, &[&all[..], &["--sign", "mine"]].concat()).exits(0).says(&["approved by me@example.com, signed"]);
    assert!(!space.text("approvals.kdl").contains("BEGIN SSH"), "one line of base64");
    approve(&space, &all).exits(0).says(&["nothing was written"]);
}
