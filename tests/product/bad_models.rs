//! Models that cannot be deployed: what a person is told, and that nothing breaks.

use crate::product::space::{Space, golden, has_board, has_sources, project};

const INIT: [&str; 6] = ["init", "x.tflite", "--board", "host", "--owner", "me"];

fn refused(bytes: &[u8]) -> String {
    Space::new().file("x.tflite", bytes).complaint(&INIT)
}

#[test]
fn files_that_are_no_models_are_named_for_what_they_are() {
    let help =
        "\n-> is it the `.tflite` that the converter wrote: copied whole, in binary mode, and no Git LFS pointer?";
    let sample = golden("sample.tflite");
    let mut newer = sample.clone();
    newer[7] = b'9';
    let cases = [
        (&sample[..sample.len() / 3], "reaches beyond the file"),
        (&sample[..5], "x"),
        (&[], "x"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "identifier at byte 4 is `ion `"),
        (&newer, "identifier at byte 4 is `TFL9`"),
    ];
    for (bytes, words) in cases {
        let said = refused(bytes);
        assert!(said.starts_with("4: `$/x.tflite` is not a model that can be deployed: "), "{said}");
        assert!(said.ends_with(help) && said.contains(words), "{said}");
    }
}

#[test]
fn a_file_that_spoils_after_init_fails_the_stage_model() {
    if !has_sources() {
        return;
    }
    let space = project("host");
    let mut bytes = golden("sample.tflite");
    bytes.truncate(bytes.len() / 2);
    space.write("sample.tflite", bytes);
    space
        .run(&["build"])
        .exits(4)
        .says(&["failed model", "sample.tflite` is not a model", "Git LFS"])
        // What could not run because of it is not the user's concern.
        .does_not_say(&["failed report", "failed gate"]);
}

#[test]
fn flipped_bits_end_in_a_verdict_or_a_reason() {
    let sample = golden("sample.tflite");
    let space = Space::new();
    for at in (0..sample.len()).step_by(sample.len() / 60) {
        let mut bytes = sample.clone();
        bytes[at] ^= 0x41;
        let name = format!("flip-{at}");
        space.write("x.tflite", bytes);
        let outcome = space.run(&[&INIT[..], &["--name", &name]].concat());
        assert!(matches!(outcome.code, Some(0 | 4)), "byte {at}: {:?}\n{}", outcome.code, outcome.err);
    }
}

/// The sample with an operator for which there is no kernel: SOFTMAX (25) becomes POW (78), which LiteRT Micro
/// lacks, too.
fn with_unsupported_operator() -> Vec<u8> {
    let mut bytes = golden("sample.tflite");
    let codes: Vec<usize> = (0..bytes.len()).filter(|&at| bytes[at..].starts_with(&[25, 0, 0, 0])).collect();
    let [code] = codes[..] else { panic!("{codes:?}") };
    // The older field, a single byte, keeps its 25: the greater of the two counts.
    bytes[code] = 78;
    bytes
}

#[test]
fn an_unsupported_operator_is_the_gates_business() {
    if !has_board() {
        return;
    }
    let space = Space::new().file("odd.tflite", with_unsupported_operator());
    let init = space.run(&["init", "odd.tflite", "--board", "mps2-an386", "--owner", "me"]).exits(0);
    init.says(&[
        "operator 7 `POW` (tensor `softmax`) has no kernel; compose it",
        "operators without a kernel: 1",
        "budget is a guess",
    ]);
    let build = space.run(&["build"]).exits(1);
    build.says(&[
        "odd on mps2-an386: fail",
        "fail operator support: op:7 POW (`softmax`) has no kernel; compose it",
        "unknown arena headroom, flash, static RAM, stack, reference (recorded truth), bit-exactness, determinism",
        "not supported: op:7 POW has no kernel",
    ]);
    let report = space.json("out/odd/mps2-an386/gate-report.json");
    assert_eq!(report["verdict"], "fail");
    assert!(space.text("out/odd/mps2-an386/gate-report.md").contains("POW"));
    assert!(space.text("out/odd/mps2-an386/runbook.md").contains("odd 0.1.0 on mps2-an386"));
    space.run(&["build"]).exits(1).does_not_say(&["ran "]);
    space.run(&["export", "manifests/odd.kdl", "--to", "alone"]).exits(2).says(&["there is no firmware"]);
}
