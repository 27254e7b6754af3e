//! Each documented exit code, once for real.

use crate::product::space::{Space, has_board, has_sources, project};

#[test]
fn code_0_is_a_verdict_that_passes_and_code_1_one_that_does_not() {
    if !has_sources() {
        return;
    }
    let space = project("host");
    space.run(&["build"]).exits(0).says(&["sample on host: pass"]);
    let manifest = "manifests/sample.kdl";
    let text = space.text(manifest);
    let budget = text.split("budget=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let peak = space.json("out/sample/host/gate-report.json")["metrics"]["arena_bytes"]["value"].as_f64().unwrap();

    space.edit(manifest, &budget, &format!("{} B", peak - 1.0));
    let said = format!("fail arena headroom: planned peak {peak} bytes of a budget of {}", peak - 1.0);
    space.run(&["build"]).exits(1).says(&["sample on host: fail", &said, "raise `budget` of `arena` to"]);

    space.edit(manifest, &format!("{} B", peak - 1.0), &format!("{peak} B"));
    let said = format!("thin arena headroom: planned peak {peak} bytes of a budget of {peak}");
    space.run(&["build"]).exits(1).says(&["sample on host: thin", &said]);
    space.run(&["--json", "build"]).exits(1).says(&[r#"{"event":"result","verdict":"thin"}"#]);
}

#[test]
fn code_2_is_a_wrong_command_line() {
    let space = Space::new();
    space.run(&["buidl"]).exits(2).says(&["a similar subcommand exists: 'build'"]);
    space.run(&["build", "--jobs", "0"]).exits(2).says(&["--jobs"]);
    for verb in ["build", "check", "plan", "fetch", "doctor", "clean"] {
        let said = "2: there is no manifest in `$/manifests`\n\
                    -> name one, or write the first with `deployctl init MODEL.tflite --board host`";
        assert_eq!(space.complaint(&[verb]), said);
    }
}

#[test]
fn code_3_is_a_wrong_manifest_or_another_lock() {
    if !has_sources() {
        return;
    }
    let space = project("host");
    space.edit("manifests/sample.kdl", "runtime", "runtme");
    space.run(&["check"]).exits(3).says(&["did you mean `runtime`?"]);
    space.edit("manifests/sample.kdl", "runtme", "runtime");
    space.run(&["build"]).exits(0);
    space.run(&["build", "--locked"]).exits(0);
    let mut model = std::fs::read(space.path("sample.tflite")).unwrap();
    // The description's last letter: another file, the same function.
    let at = model.windows(6).position(|window| window == b"sample").unwrap() + 5;
    model[at] = b'f';
    space.write("sample.tflite", model);
    space.run(&["build", "--locked"]).exits(3).says(&["differs from `deploy.lock`", "sample.tflite"]);
    space.run(&["build"]).exits(0);
    space.run(&["build", "--locked"]).exits(0);
}

#[test]
fn code_4_is_a_file_that_is_no_model() {
    Space::new()
        .file("x.tflite", "no model, whatever its name says")
        .run(&["init", "x.tflite", "--board", "host", "--owner", "me"])
        .exits(4);
}

#[test]
fn code_5_is_a_missing_tool() {
    if has_sources() {
        project("host")
            .env("PATH", "/nowhere")
            .run(&["build"])
            .exits(5)
            .says(&["`rustc` is not installed", "rustup.rs"]);
    }
}

#[test]
fn code_6_is_a_store_or_an_output_that_cannot_be_written() {
    if !has_sources() {
        return;
    }
    let space = project("host").file("plain", "a file");
    let under = space.path("plain/store").to_str().unwrap().to_owned();
    let program = std::path::Path::new(crate::product::space::DEPLOYCTL);
    space.start(program, &["build"], &under).exits(6).says(&["cannot create", "plain/store", "Not a directory"]);
    space.write("out", "a file where a folder belongs");
    space.run(&["build"]).exits(6).says(&["out/sample", "Not a directory"]);
    std::fs::remove_file(space.path("out")).unwrap();
    space.run(&["build"]).exits(0);
}

/// A board of the project's own that the emulator does not know: the machine's failure, not the product's.
#[test]
fn code_7_is_a_target_that_cannot_be_run() {
    if !has_board() {
        return;
    }
    let space = project("mps2-an386");
    let board =
        std::fs::read_to_string(crate::product::space::repository().join("manifests/boards/mps2-an386.kdl")).unwrap();
    space.write("manifests/boards/mps9.kdl", board.replace("machine=\"mps2-an386\"", "machine=\"mps9\""));
    space.edit("manifests/sample.kdl", "target \"mps2-an386\"", "target \"mps9\"");
    space.run(&["build"]).exits(7).says(&[
        "failed measure",
        "unsupported machine type",
        "nothing was recorded",
        "deployctl doctor",
    ]);
    // A board whose RAM is elsewhere is a firmware that dies: that is a verdict.
    space.write("manifests/boards/mps9.kdl", board.replace("0x20000000", "0x90000000"));
    space.run(&["build"]).exits(1).says(&["sample on mps9: fail", "Lockup"]);
}
