//! Mistakes made on purpose, on an emulated core: each is noticed, and is recognised again in a log from elsewhere.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::bringup::SERVICES;
use crate::space::{NAME, Space};

const BOARD: &str = "mps2-an386";
const KINDS: [&str; 9] = [
    "arena-short",
    "input-scale",
    "interrupt-storm",
    "kernel-replaced",
    "services-overrun",
    "shape-transposed",
    "stack-small",
    "stale-image",
    "weight-bit",
];

/// What `diagnose` makes of a mistake's transcript, between lines of somebody else's.
fn diagnosed(space: &Space, kind: &str) -> Value {
    let written = std::fs::read(space.path(&format!("out/sample/{BOARD}/injected/{kind}.transcript"))).unwrap();
    space.write("field.log", [b"boot loader 1.2\r\n", &written[..], b"\r\nlogger: connection lost\n"].concat());
    let ran = space.run("--json diagnose field.log").succeeded();
    let found = ran.events.iter().find(|event| event["signature"].is_string());
    found.unwrap_or_else(|| panic!("{kind}: {}", ran.text)).clone()
}

#[test]
fn mistakes_made_on_purpose_are_recognised_in_a_log() {
    let Some(space) = Space::built(BOARD) else { return };
    space.edit(NAME, "runbook", SERVICES).edit(NAME, "800 B", "4KiB");
    space.build("--inject").succeeded();
    let known: Value = serde_json::from_slice(&space.result("injected.json")).unwrap();
    let injected = known["injected"].as_array().unwrap();
    let made: BTreeSet<&str> = injected.iter().map(|one| one["kind"].as_str().unwrap()).collect();
    assert_eq!(made, KINDS.into(), "every kind, and each once: {known}");
    for one in injected {
        let kind = one["kind"].as_str().unwrap();
        assert!(one["not_applicable"].is_null() && one["detected"] == true, "{one}");
        let found = diagnosed(&space, kind);
        assert_eq!((&found["signature"], &found["operator"]), (&one["code"], &one["operator"]), "{kind}: {found}");
        assert!(found["seen_with"].as_array().unwrap().contains(&one["kind"]), "{kind}: {found}");
        assert_eq!(found["exact"], !one["line"].as_str().unwrap().is_empty(), "{kind}: {found}");
    }
    // Without the mistake nothing is found.
    space.write("field.log", space.result("bringup.transcript"));
    let honest = space.run("--json diagnose field.log").done();
    assert!(honest.events.iter().any(|event| event["log"]["complete"] == 1), "{}", honest.text);
}
