//! `audit`: candidates on boards, without compilers, store or sources.

use serde_json::Value;

use crate::product::space::{Space, golden};

fn space() -> Space {
    let space =
        Space::new().file("sample.tflite", golden("sample.tflite")).file("variety.tflite", golden("variety.tflite"));
    space.env("PATH", "/nowhere").env("HOME", "/nowhere").env("DEPLOYCTL_HOME", "/nowhere/at/all")
}

fn rows(events: &[Value], kind: &str) -> Vec<Value> {
    events.iter().filter(|event| event["row"] == kind).cloned().collect()
}

#[test]
fn candidates_are_compared_on_boards() {
    let space = space();
    let args = ["audit", "sample.tflite", "variety.tflite", "--board", "microbit", "--board", "mps3-an547"];
    space.run(&args).exits(0).says(&[
        "model ",
        "fits",
        "sample ",
        "variety ",
        "op:3 CONV_2D",
        "1. export: ",
        "upkeep low",
    ]);
    let events = space.run(&[&["--json"], &args[..]].concat()).exits(0).events();
    let answers = rows(&events, "answer");
    let pairs: Vec<_> =
        answers.iter().map(|one| (one["model"].as_str().unwrap(), one["board"].as_str().unwrap())).collect();
    let (sample, variety) = ("sample.tflite", "variety.tflite");
    assert_eq!(pairs, [(sample, "microbit"), (sample, "mps3-an547"), (variety, "microbit"), (variety, "mps3-an547")]);
    for answer in &answers {
        assert_eq!(answer["fits"], "yes", "{answer}");
        assert_eq!(answer["unsupported"], Value::from(Vec::<usize>::new()));
        let macs = &answer["macs"];
        let parts = ["mve", "dsp", "scalar", "reference"].map(|path| macs[path].as_u64().unwrap());
        assert_eq!(macs["total"].as_u64().unwrap(), parts.iter().sum::<u64>(), "{answer}");
        assert_eq!(parts[0] > 0, answer["board"] == "mps3-an547");
        assert_eq!(answer["regions"].as_array().unwrap().len(), 2);
    }
    let grouped = rows(&events, "finding").into_iter().find(|one| one["operator"] == 3).unwrap();
    assert_eq!((grouped["standing"].as_str(), grouped["boards"].as_array().unwrap().len()), (Some("slow"), 2));
    assert_eq!(grouped["ways"][0]["kind"], "export");
    assert_eq!(*events.last().unwrap(), serde_json::json!({ "event": "result", "verdict": "ok" }));
}

#[test]
fn the_arena_is_the_one_that_init_plans() {
    let space = space();
    let planned = space.run(&["--json", "init", "sample.tflite", "--board", "mps2-an386", "--owner", "me"]).exits(0);
    let peak = planned.events()[0]["peak"].clone();
    let audited = space.run(&["--json", "audit", "sample.tflite", "--board", "mps2-an386"]).exits(0);
    assert_eq!(rows(&audited.events(), "answer")[0]["arena_bytes"], peak);
    assert!(peak.as_u64().unwrap() > 0);
}

#[test]
fn all_boards_are_asked_if_none_is_named() {
    let events = space().run(&["--json", "audit", "sample.tflite"]).exits(0).events();
    let boards: Vec<String> =
        rows(&events, "answer").iter().map(|one| one["board"].as_str().unwrap().to_owned()).collect();
    for board in ["host", "microbit", "mps2-an386", "mps3-an547"] {
        assert!(boards.iter().any(|known| known == board), "no {board} in {boards:?}");
    }
}

#[test]
fn a_board_that_is_too_small_is_told_by_how_much() {
    let space = space();
    let board =
        std::fs::read_to_string(crate::product::space::repository().join("manifests/boards/microbit.kdl")).unwrap();
    let small = board.replace("\"16KiB\"", "\"512 B\"").replace("\"256KiB\"", "\"8KiB\"");
    space.write("manifests/boards/small.kdl", small);
    let said =
        ["sample on small: does not fit: FLASH has 8,192 bytes, constants and code take", "the arena takes 720,"];
    space.run(&["audit", "sample.tflite", "--board", "small"]).exits(0).says(&said);
}

#[test]
fn an_unreadable_model_is_said_and_the_others_are_answered() {
    let space = space().file("bad.tflite", "no model");
    let args = ["audit", "bad.tflite", "sample.tflite", "nowhere.tflite", "--board", "mps2-an386"];
    space.run(&args).exits(4).says(&["bad.tflite", "cannot read the model", "nowhere.tflite", "sample ", " yes "]);
    let events = space.run(&[&["--json"], &args[..]].concat()).exits(4).events();
    assert_eq!(rows(&events, "answer").len(), 1);
    assert_eq!(events.iter().filter(|event| event["event"] == "error").count(), 2);
    space.run(&["audit", "nowhere.tflite"]).exits(2);
    space.run(&["audit"]).exits(2);
    space.run(&["audit", "sample.tflite", "--board", "microbti"]).exits(2).says(&["did you mean `microbit`?"]);
    space.run(&["audit", "sample.tflite", "--kernels", "cmsisnn"]).exits(2).says(&["did you mean `cmsis-nn`?"]);
}

#[test]
fn a_defect_of_the_projects_own_table_is_shown() {
    let space = space();
    let table = "known-bad version=1\nlibrary \"cmsis-nn\"\ndefect \"seen-here\" {\n    operator \"MAX_POOL_2D\"\n    \
                 where \"stride-h >= 1\"\n    versions from=\"V.12.5.0\" before=\"V.12.6.0\"\n    effect \"wrong\"\n    \
                 summary \"we saw it\"\n    remedy \"wait for a fix\"\n    source \"https://example.com/7\"\n}\n";
    space.write("manifests/kernels/known-bad/ours.kdl", table);
    let said =
        ["MAX_POOL_2D", "is known bad on mps2-an386", "`seen-here` (wrong results): we saw it", "wait for a fix"];
    space.run(&["audit", "sample.tflite", "--board", "mps2-an386"]).exits(0).says(&said);
    space.write("manifests/kernels/known-bad/ours.kdl", table.replace("wrong", "worng"));
    space.run(&["audit", "sample.tflite"]).exits(3).says(&["did you mean `wrong`?"]);
}
