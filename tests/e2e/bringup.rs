//! `bringup` and `test`: the steps in their order, the first thing that is wrong, and the run under load.

use crate::space::{NAME, Space};

/// Timers that interrupt a fifth of the time, memory and stack for them.
pub(crate) const SERVICES: &str = "services { ram \"2KiB\"; flash \"4KiB\"; stack \"256 B\"; cpu \"20%\" }\nrunbook";

/// The steps and checks that were shown, with the checks' verdicts.
fn shown(space: &Space, arguments: &str) -> Vec<String> {
    let ran = space.run(&format!("--json {arguments}"));
    let line = |event: &serde_json::Value| {
        let check = &event["check"];
        let verdict = || format!("{} {}", check["name"].as_str().unwrap(), check["verdict"].as_str().unwrap());
        event["step"].as_str().map(str::to_owned).or_else(|| check.is_object().then(verdict))
    };
    ran.events.iter().filter_map(line).collect()
}

#[test]
fn a_bring_up_stops_at_the_first_thing_that_is_wrong() {
    let Some(space) = Space::built("host") else { return };
    let all = shown(&space, "bringup");
    let steps = all.iter().filter(|line| ["interface", "operators", "memory", "kernels"].contains(&line.as_str()));
    assert_eq!(steps.collect::<Vec<_>>(), ["interface", "operators", "memory", "kernels"]);
    assert!(all.contains(&"bit_exactness pass".to_owned()), "{all:?}");

    space.edit(NAME, "scale=0.5", "scale=0.25").edit(NAME, "10%", "90%");
    std::fs::remove_dir_all(space.path("out")).unwrap();
    assert_eq!(shown(&space, "bringup"), ["interface", "interface fail"]);
    let ran = space.run("bringup").failed(1, &["not looked at: operators, memory, kernels"]);
    assert!(ran.ran().iter().all(|stage| !stage.ends_with("compile")), "{:?}", ran.ran());
    assert!(!space.path("out").exists(), "nothing was built");
    space.run("bringup --board mps2-an368").failed(2, &["no manifest here has the target `mps2-an368`"]);
}

#[test]
fn a_target_is_measured_while_its_timers_interrupt() {
    under_load("mps2-an386");
}

#[test]
#[ignore = "full: the same on a core without a floating-point unit, with other timers"]
fn a_target_is_measured_under_load_on_microbit() {
    under_load("microbit");
}

#[test]
#[ignore = "full: the same on a core with one slow timer"]
fn a_target_is_measured_under_load_on_mps3_an547() {
    under_load("mps3-an547");
}

fn under_load(board: &str) {
    let Some(space) = Space::built(board) else { return };
    space.edit(NAME, "runbook", SERVICES).edit(NAME, "800 B", "6KiB");
    space.run("--json build").succeeded();
    let load = |space: &Space| serde_json::from_slice::<serde_json::Value>(&space.result("load.json")).unwrap();
    let found = load(&space);
    assert!(found["interrupts"].as_u64().unwrap() > 100, "{found}");
    let taken = found["taken"].as_f64().unwrap();
    assert!((0.15..0.25).contains(&taken), "{found}");
    assert!(found["stack_bytes"].as_u64().unwrap() >= 256, "{found}");
    let (few, alone) = (found["inferences"].as_u64().unwrap(), found["alone"].as_u64().unwrap());
    assert!(found["instructions"]["max"].as_u64().unwrap() > alone, "{found}");
    let map = String::from_utf8(space.result("firmware/memory.x")).unwrap();
    assert!(map.contains("2048 bytes at the end of RAM"), "{map}");

    let budget = alone * few * 4;
    let checks = shown(&space, &format!("test --budget {budget}"));
    assert!(
        checks.contains(&"load pass".to_owned()) && checks.contains(&"bit_exactness pass".to_owned()),
        "{checks:?}"
    );
    assert!(load(&space)["inferences"].as_u64().unwrap() > few, "more of them");
    space.run("test --budget 5ms").failed(2, &["is no number of instructions"]);

    space.edit(NAME, "gates {", "gates { latency max=\"100 instructions\";");
    space.run("--json build").failed(1, &[]);
    let report: serde_json::Value = serde_json::from_slice(&space.result("gate-report.json")).unwrap();
    let gates = report["gates"].as_array().unwrap();
    assert!(gates.iter().any(|gate| gate["name"] == "load" && gate["verdict"] == "fail"), "{gates:?}");
}
