//! `boards`, and the boards that are built for and not run.

use serde_json::Value;

use crate::product::space::{Outcome, Space, golden, has_sources, project, shared};

/// Boards behind a probe, in the list's order.
const PROBES: [&str; 7] =
    ["nrf52840-dk", "nrf5340-dk", "nucleo-f446re", "nucleo-h743zi2", "nucleo-l4r5zi", "pico", "pico2"];

#[test]
fn the_list_says_how_far_each_board_goes() {
    let space = Space::new();
    let listed = space.run(&["boards"]).exits(0);
    let line = |name: &str| {
        let found = listed.out.lines().find(|line| line.split(' ').next() == Some(name));
        found.unwrap_or_else(|| panic!("no `{name}` in\n{}", listed.out)).to_owned()
    };
    assert!(line("host").ends_with("runs on this computer"));
    let words: Vec<String> = line("microbit").split_whitespace().map(str::to_owned).collect();
    assert_eq!(words.join(" "), "microbit cortex-m0 256 KiB flash 16 KiB RAM runs in QEMU");
    assert!(line("nrf52840-dk").ends_with("behind a probe"));
    assert!(line("nucleo-f446re").ends_with("behind a probe; slow clock"));
    assert!(line("pico").ends_with("compiled only; not bootable"));
    listed.says(&["deployctl boards show BOARD"]);
    let events = space.run(&["--json", "boards"]).exits(0).events();
    let names: Vec<&str> = events.iter().filter_map(|event| event["name"].as_str()).collect();
    assert!(names.is_sorted() && PROBES.iter().all(|name| names.contains(name)), "{names:?}");
    let one = |name: &str| events.iter().find(|event| event["name"] == name).unwrap();
    assert_eq!(
        (&one("pico2")["runner"]["chip"], &one("pico2")["reach"]),
        (&"RP235x".into(), &"behind a probe; slow clock".into())
    );
    assert!(one("pico")["not_bootable"].as_str().unwrap().contains("second stage"));
    assert_eq!(one("mps2-an386")["memory"][1]["address"], 0x2000_0000);
}

/// The page has a row for each, with the same words.
#[test]
fn the_reference_has_every_board() {
    let page = std::fs::read_to_string(crate::product::space::repository().join("docs/reference/boards.md")).unwrap();
    for event in Space::new().run(&["--json", "boards"]).exits(0).events() {
        let (Some(name), Some(reach)) = (event["name"].as_str(), event["reach"].as_str()) else { continue };
        let row = page.lines().find(|line| line.starts_with(&format!("| `{name}` |")));
        assert!(row.is_some_and(|row| row.replace('*', "").contains(reach)), "`{name}`, {reach}: {row:?}");
    }
}

#[test]
fn one_board_is_shown_with_everything_that_its_file_says() {
    let space = Space::new();
    space.run(&["boards", "show", "nucleo-h743zi2"]).exits(0).says(&[
        "runs behind a debug probe: `deployctl build --measure` measures on it",
        "slow clock: firmware runs at 64 MHz, and 480 MHz are not set up by this version",
        "DSP, FPU (fpv5-d16)",
        "FLASH    0x08000000    2 MiB  internal flash; 7 wait states; firmware's code and constants",
        "AXISRAM  0x24000000  512 KiB  AXI SRAM; firmware's data, stack and arena",
        "SRAM1    0x30000000  128 KiB  SRAM; off at reset",
        "64 MHz, HSI, the internal oscillator; the core can run at 480 MHz",
        "probe: STM32H743ZITx, sessions through memory (RTT)",
        "-mcpu=cortex-m7 -mthumb -mfloat-abi=hard -mfpu=fpv5-d16",
        "thumbv7em-none-eabihf",
        "built-in manifests/boards/nucleo-h743zi2.kdl",
        "target \"nucleo-h743zi2\"",
    ]);
    space.run(&["boards", "show", "pico"]).exits(0).says(&["not bootable: its boot code wants a second stage"]);
    space.run(&["boards", "show", "mps3-an547"]).exits(0).says(&["starts in the secure state", "DSP, MVE, FPU"]);
    space.run(&["boards", "show", "host"]).exits(0).does_not_say(&["memory", "clock", "features"]);
    let said = space.complaint(&["boards", "show", "nucleo-f446"]);
    assert!(
        said.starts_with("2: there is no board `nucleo-f446`\n-> did you mean `nucleo-f446re`? Known here: `host`"),
        "{said}"
    );
    space.run(&["boards", "shwo"]).exits(2).says(&["show"]);
}

#[test]
fn a_projects_own_boards_are_in_the_list_and_their_mistakes_are_told() {
    let board = "board version=1\nsummary \"Ours\"\ncore \"host\"\nrunner \"host\"\n";
    let space = Space::new().file("manifests/boards/ours.kdl", board);
    space.run(&["boards"]).exits(0).says(&["ours "]);
    space.run(&["boards", "show", "ours"]).exits(0).says(&["ours: Ours", "manifests/boards/ours.kdl"]);
    space.edit("manifests/boards/ours.kdl", "runner", "runer");
    space.run(&["boards"]).exits(3).says(&["did you mean `runner`?"]);
    space.run(&["boards", "show", "host"]).exits(0);
}

/// The sample, or a model, for all boards behind a probe in one build.
fn build_for_all(space: &Space, name: &str) -> Outcome {
    let targets = PROBES.map(|board| format!("target \"{board}\"")).join("\n");
    space.edit(&format!("manifests/{name}.kdl"), "target \"pico2\"", &targets);
    space.run(&["build"])
}

/// What every board behind a probe must say, whatever the model.
fn told_honestly(space: &Space, name: &str, board: &str) {
    let report = space.json(&format!("out/{name}/{board}/gate-report.json"));
    assert_eq!(report["verdict"], "unknown", "{name} on {board}");
    assert!(report["metrics"]["flash_bytes"]["value"].as_f64().unwrap() > 5_000.0);
    for gate in report["gates"].as_array().unwrap() {
        let unmeasured = ["stack", "bit_exactness", "determinism", "latency", "startup", "evidence"];
        let measured = unmeasured.contains(&gate["name"].as_str().unwrap());
        let unknown = gate["verdict"] == "unknown";
        assert_eq!(unknown, measured, "{gate}");
        assert_eq!(unknown, gate["detail"].as_str().unwrap().starts_with("not measured: "), "{gate}");
    }
    let warnings = report["warnings"].to_string();
    assert!(warnings.contains("evidence from the target is missing"), "{warnings}");
    let runbook = space.text(&format!("out/{name}/{board}/runbook.md"));
    assert!(runbook.contains("$ deployctl probe run --chip "), "{runbook}");
    assert_eq!(runbook.contains("does not start this firmware"), board == "pico", "{board}");
}

/// The words of the RP2350's image definition, as they lie in flash.
fn image_definition() -> Vec<u8> {
    [0xffff_ded3_u32, 0x1021_0142, 0x0000_01ff, 0, 0xab12_3579].iter().flat_map(|word| word.to_le_bytes()).collect()
}

#[test]
fn every_board_behind_a_probe_is_built_for_and_not_cleared() {
    if !has_sources() {
        return;
    }
    let space = project("pico2");
    build_for_all(&space, "sample").exits(1).says(&[
        "sample on pico2: unknown",
        "deployctl build --measure",
        "would not start",
    ]);
    for board in PROBES {
        told_honestly(&space, "sample", board);
    }
    // The boot block is in the first 4 KiB behind the vector table, and nowhere else is one.
    let block = image_definition();
    for board in PROBES {
        let elf = std::fs::read(space.path(&format!("out/sample/{board}/app.elf"))).unwrap();
        let at = elf.windows(block.len()).position(|window| window == block);
        assert_eq!(at.is_some_and(|at| at < 4096), board == "pico2", "{board}: {at:?}");
    }
    // A probe changes nothing for other targets, and the next build runs nothing.
    space.run(&["build"]).exits(1).does_not_say(&["ran "]);
}

#[test]
fn init_says_beforehand_what_the_board_cannot_do() {
    let space = Space::new().file("sample.tflite", golden("sample.tflite"));
    let init = ["init", "sample.tflite", "--owner", "me", "--board"];
    space
        .run(&[&init[..], &["nucleo-f446re"]].concat())
        .exits(0)
        .says(&["the verdict will be `unknown`", "mps2-an386"]);
}

/// An emulated board with as little memory as a test wants.
const TINY: &str = r#"board version=1
summary "Tiny"
core "cortex-m4f" dsp=#true fpu="fpv4-sp-d16"
rust-target "thumbv7em-none-eabihf"
c-flags "-mcpu=cortex-m4" "-mthumb" "-mfloat-abi=hard" "-mfpu=fpv4-sp-d16"
memory {
    flash "FLASH" address=0x0 size="12KiB"
    ram "RAM" address=0x20000000 size="512 B"
}
clock "25MHz"
runner "qemu" machine="mps2-an386" instructions-per-tick=40
"#;

#[test]
fn what_does_not_fit_is_refused_with_the_numbers() {
    if !crate::product::space::has_board() {
        return;
    }
    let space = Space::new().file("manifests/boards/tiny.kdl", TINY).file("sample.tflite", golden("sample.tflite"));
    let init = space.run(&["init", "sample.tflite", "--owner", "me", "--board", "tiny"]).exits(0);
    init.says(&["does not fit on `tiny`: its arena takes 720 bytes, and `RAM` has 512"]);
    let built = space.run(&["build"]).exits(1);
    built.says(&[
        "sample on tiny: fail",
        "does not fit: `FLASH` has 12,288 bytes and lacks",
        "`RAM` has 512 bytes and lacks",
    ]);
    let report: Value = space.json("out/sample/tiny/gate-report.json");
    assert_eq!(report["verdict"], "fail");
    assert!(
        space.text("out/sample/tiny/runbook.md").contains("There is nothing to bring up: the firmware does not fit")
    );
    space.run(&["build"]).exits(1).does_not_say(&["ran "]);
}

#[test]
#[ignore = "some forty links; `tests/all --full` has them"]
fn the_six_models_are_linked_for_every_board_behind_a_probe_that_they_fit() {
    if !has_sources() {
        return;
    }
    for name in [
        "hello_world_int8",
        "micro_speech_quantized",
        "ad01_int8",
        "kws_ref_model",
        "pretrainedResnet_quant",
        "vww_96_int8",
    ] {
        let Some(bytes) = shared(&format!("{name}.tflite")) else { return };
        let file = format!("{name}.tflite");
        let space = Space::new().file(&file, bytes);
        space.run(&["init", &file, "--board", "pico2", "--owner", "me@example.com"]).exits(0);
        let deployment = name.to_lowercase().replace('_', "-");
        build_for_all(&space, &deployment).exits(1);
        for board in PROBES {
            told_honestly(&space, &deployment, board);
        }
    }
}
