//! A model that listens to a stream: from samples to its answers, host reference and target agree in every step of every hop.

use crate::space::{NAME, Space};

/// Two new rows in each inference, two inferences in a sequence.
fn space(board: &str) -> Option<Space> {
    let space = Space::built(board)?;
    let audio =
        "preprocess \"audio\" rate=1000 {\n    window \"hann\" ms=5 stride-ms=2\n    frames 6 advance=2\n}\n\ntarget";
    space.edit(NAME, "target", audio);
    space.edit(NAME, "800 B", "2000 B");
    space.edit(NAME, "count=2 seed=1", "count=4 seed=1; steps 2");
    Some(space)
}

fn passes(board: &str) {
    let Some(space) = space(board) else { return };
    space.build("").succeeded();
    let report: serde_json::Value = serde_json::from_slice(&space.result("gate-report.json")).unwrap();
    assert_eq!(report["verdict"], "pass", "{report}");
    let measured: serde_json::Value = serde_json::from_slice(&space.result("measurement.json")).unwrap();
    // Four steps and eight operators, of four vectors in two runs each.
    assert_eq!(measured["tensors_compared"], 12 * 4 * 2);
    let transcript = String::from_utf8(space.result("bringup.transcript")).unwrap();
    let due: Vec<&str> = transcript.lines().filter(|line| line.starts_with("hop ")).collect();
    assert_eq!(due.len(), 8, "{transcript}");
    assert!(due[6].starts_with("hop 6 due=0 ") && due[7].starts_with("hop 7 due=1 "), "{transcript}");
    let header = String::from_utf8(space.result("c/sample.h")).unwrap();
    assert!(
        header.contains("int16_t *sample_samples(void);") && header.contains("HOPS_TO_FIRST_INFERENCE 8\n"),
        "{header}"
    );
    let runbook = String::from_utf8(space.result("runbook.md")).unwrap();
    assert!(runbook.contains("| hop.2 (line `op 10`) | quantize | `quantize` |"), "{runbook}");
}

#[test]
fn on_the_host() {
    passes("host");
}

#[test]
fn on_a_board_with_a_floating_point_unit() {
    passes("mps2-an386");
}

#[test]
fn on_a_board_without_one() {
    passes("microbit");
}
