//! From a `.tflite` in an empty folder to a verdict, with nothing edited in between.

use serde_json::Value;

use crate::product::space::{Space, golden, has_board, has_sources, project, repository, shared};

const SMALL: [&str; 3] = ["hello_world_int8", "micro_speech_quantized", "ad01_int8"];
const LARGE: [&str; 3] = ["kws_ref_model", "pretrainedResnet_quant", "vww_96_int8"];

/// The gate of this name in a report.
fn gate<'r>(report: &'r Value, name: &str) -> &'r Value {
    report["gates"].as_array().unwrap().iter().find(|gate| gate["name"] == name).unwrap()
}

fn builds_and_passes(board: &str, models: &[&str]) {
    for name in models {
        let Some(bytes) = shared(&format!("{name}.tflite")) else { return };
        let file = format!("{name}.tflite");
        let space = Space::new().file(&file, bytes);
        space.run(&["init", &file, "--board", board, "--owner", "me@example.com"]).exits(0);
        let deployment = name.to_lowercase().replace('_', "-");
        space.run(&["build"]).exits(0).says(&[&format!("{deployment} on {board}: pass")]);

        let report = space.json(&format!("out/{deployment}/{board}/gate-report.json"));
        assert_eq!(report["verdict"], "pass", "{name}");
        for exact in ["interface", "operators", "bit_exactness", "determinism", "arena_headroom"] {
            assert_eq!(gate(&report, exact)["verdict"], "pass", "{name}: {exact}");
        }
        space.run(&["build"]).exits(0).does_not_say(&["ran "]);
    }
}

#[test]
fn small_models_pass_on_the_emulated_board_unedited() {
    if has_board() {
        builds_and_passes("mps2-an386", &SMALL);
    }
}

#[test]
#[ignore = "small models are enough for the plain run; `tests/all --full` has all six"]
fn large_models_pass_on_the_emulated_board_unedited() {
    if has_board() {
        builds_and_passes("mps2-an386", &LARGE);
    }
}

#[test]
fn a_small_model_passes_on_the_host_unedited() {
    if has_sources() {
        builds_and_passes("host", &SMALL[..1]);
    }
}

#[test]
#[ignore = "one model is enough for the plain run; `tests/all --full` has all six"]
fn the_other_models_pass_on_the_host_unedited() {
    if has_sources() {
        builds_and_passes("host", &[&SMALL[1..], &LARGE].concat());
    }
}

#[test]
fn a_matrix_is_one_manifest_with_two_targets() {
    if !has_board() {
        return;
    }
    let space = project("mps2-an386");
    space.edit("manifests/sample.kdl", "target \"mps2-an386\"", "target \"mps2-an386\"\ntarget \"host\"");
    space.run(&["build"]).exits(0).says(&["sample on mps2-an386: pass", "sample on host: pass"]);
    assert!(
        space.path("out/sample/host/runbook.md").is_file() && space.path("out/sample/mps2-an386/app.elf").is_file()
    );
    // A project is for one of them.
    let export = ["export", "manifests/sample.kdl", "--to", "alone"];
    space.run(&export).exits(2).says(&["`sample` has 2 targets", "--board", "mps2-an386, host"]);
    space.run(&[&export[..], &["--board", "hots"]].concat()).exits(2).says(&["`sample` has no target `hots`"]);
}

#[test]
fn the_repositorys_own_deployments_pass() {
    if !has_board() {
        return;
    }
    let space = Space::new();
    let copy = |name: &str| space.write(name, std::fs::read(repository().join(name)).unwrap());
    for name in ["kws.kdl", "kws-host.kdl"] {
        copy(&format!("manifests/{name}"));
    }
    for name in ["kws.tflite", "kws-labels.txt", "kws-vectors.npz", "kws-features.npz"] {
        copy(&format!("manifests/models/{name}"));
    }
    for entry in std::fs::read_dir(repository().join("manifests/models/clips")).unwrap() {
        copy(&format!("manifests/models/clips/{}", entry.unwrap().file_name().to_str().unwrap()));
    }
    // No manifest is named: all of the project.
    space.run(&["check"]).exits(0).says(&["kws.kdl", "kws-host.kdl"]);
    space.run(&["build"]).exits(0).says(&["on mps2-an386: pass", "on host: pass"]);
    space.run(&["build"]).exits(0).does_not_say(&["ran "]);
    // From recordings through the emulated firmware to words.
    let report = std::fs::read_to_string(space.path("out/kws/mps2-an386/gate-report.md")).unwrap();
    assert!(report.contains("the best score of 11 of 12 is their recorded label"), "{report}");
    assert!(report.contains("12 vectors: 0 of 5,880 elements of the model's input are off"), "{report}");
}

#[test]
fn programs_read_one_object_a_line() {
    if !has_sources() {
        return;
    }
    // Its own name, so that no other test's stages are found in the store.
    let space = Space::new().file("s.tflite", golden("variety.tflite"));
    space.run(&["init", "s.tflite", "--board", "host", "--owner", "me", "--name", "stream"]).exits(0);
    let statuses = |events: &[Value]| {
        let stages = events.iter().filter(|event| event["event"] == "stage");
        stages
            .map(|stage| {
                let keys: Vec<&String> = stage.as_object().unwrap().keys().collect();
                assert_eq!(keys, ["deployment", "event", "stage", "status", "target"]);
                let deployment = if stage["stage"] == "crates" { Value::Null } else { Value::from("stream") };
                assert_eq!(stage["deployment"], deployment, "{stage}");
                (stage["stage"].as_str().unwrap().to_owned(), stage["status"].as_str().unwrap().to_owned())
            })
            .collect::<Vec<_>>()
    };
    let first = space.run(&["--json", "build"]).exits(0);
    let events = first.events();
    let stages = statuses(&events);
    let names: Vec<&str> = stages.iter().map(|(name, _)| name.as_str()).collect();
    for stage in ["model", "interface", "audit", "memory", "emit", "compile", "measure", "gate", "report", "runbook"] {
        assert!(names.contains(&stage), "no stage {stage} in {names:?}");
    }
    assert!(stages.iter().any(|(_, status)| status == "ran"));
    let [.., verdict, result] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!(
        (&verdict["event"], &verdict["deployment"], &verdict["target"]),
        (&"verdict".into(), &"stream".into(), &"host".into())
    );
    assert_eq!(*result, serde_json::json!({ "event": "result", "verdict": "pass" }));
    let second = space.run(&["build", "--json"]).exits(0);
    assert!(statuses(&second.events()).iter().all(|(_, status)| status == "reused"));
}
