//! Good files give the values that they state.

use std::collections::BTreeSet;

use super::super::*;
use super::{GOOD, Project, edited};
use crate::model::TensorType;

#[test]
fn every_value_arrives() {
    let project = Project::new();
    let manifest = project.load(GOOD).unwrap();
    assert_eq!(manifest.root, project.root);
    assert_eq!((manifest.name.value.as_str(), manifest.version.as_str()), ("kws", "1.2.0"));
    assert_eq!(&manifest.text[manifest.name.span.clone()], "\"kws\"");
    assert_eq!(manifest.summary.as_deref(), Some("Keyword spotting, 12 words, DS-CNN"));
    assert_eq!(manifest.model.path, project.root.join("manifests/models/kws.tflite"));
    let input = &manifest.model.inputs[0].value;
    assert_eq!((input.dtype, input.shape.as_slice()), (TensorType::Int8, &[1, 49, 10, 1][..]));
    assert_eq!(input.quantization, Some(PortQuantization { scale: 0.584_702_9, zero_point: 83 }));
    assert_eq!(manifest.model.outputs[0].value.labels, Some(vec!["yes".to_owned(), "no".to_owned()]));
    let targets: Vec<_> = manifest.targets.iter().map(|target| target.board.name.as_str()).collect();
    assert_eq!(targets, ["mps2-an386", "host"]);
    assert_eq!(&manifest.text[manifest.arena.budget.span.clone()], "\"24KiB\"");
    assert_eq!((manifest.arena.budget.value, manifest.arena.headroom), (Bytes(24_576), Ratio(0.1)));
    assert_eq!((manifest.kernels.policy, manifest.kernels.max_mac_share), (Policy::Require, Ratio(0.05)));
    assert_eq!(manifest.kernels.overrides[0].value.operator, "op:7");
    assert_eq!(manifest.regression.runs, 20);
    assert_eq!(manifest.regression.vectors.value, Vectors::File(project.root.join("manifests/vectors/kws.npz")));
    assert_eq!(manifest.gates.owner, "audio-team@example.com");
    let flash = manifest.gates.flash.unwrap().value;
    assert_eq!(flash, Limit { max: Bytes(262_144), margin: Ratio(0.1), growth: None, percentile: None });
    assert_eq!(manifest.gates.latency.unwrap().value.max, Latency::Instructions(9_500_000));
    assert_eq!(manifest.runbook.review_every.as_deref(), Some("release"));
}

#[test]
fn what_may_be_left_out_has_its_default() {
    let project = Project::new();
    let gates = &GOOD[GOOD.find("gates {").unwrap()..];
    let manifest = project
        .load(edited(&[
            (gates, ""),
            ("vectors \"vectors/kws.npz\"; runs 20", "random count=16 seed=1"),
            ("runtime \"aot\"\n", ""),
            (" headroom=\"10%\"", ""),
        ]))
        .unwrap();
    assert_eq!(manifest.gates, Gates { owner: "audio-team@example.com".to_owned(), ..Gates::default() });
    assert_eq!(manifest.regression.runs, 3);
    assert_eq!(manifest.regression.vectors.value, Vectors::Random { count: 16, seed: 1 });
    assert_eq!(manifest.arena.headroom, Ratio(0.0));
    assert_eq!(manifest.runbook, Runbook::default());
}

#[test]
fn line_ends_comments_and_a_byte_order_mark_change_nothing() {
    let project = Project::new();
    for text in [GOOD.replace('\n', "\r\n"), format!("\u{feff}{GOOD}"), format!("// first\n/* second */ {GOOD}")] {
        let manifest = project.load(&text).unwrap();
        assert_eq!(manifest.arena.budget.value, Bytes(24_576));
        assert_eq!(&text[manifest.arena.budget.span.clone()], "\"24KiB\"");
    }
}

#[test]
fn the_gates_node_can_have_its_own_owner() {
    let project = Project::new();
    let manifest = project.load(edited(&[("gates {", "gates owner=\"release@example.com\" {")])).unwrap();
    assert_eq!(manifest.gates.owner, "release@example.com");
}

#[test]
fn gates_have_units_growth_accuracy_and_waivers() {
    let project = Project::new();
    let gates = "gates {
    ram max=\"32KiB\" growth=\"5%\"
    hop max=\"1.5ms\"
    accuracy metric=\"top5\" min=\"90%\" margin=\"2%\"
    waive \"stack\" owner=\"a\" reason=\"b\" until=\"2027-03-01\"
";
    let gates = project.load(edited(&[("gates {", gates)])).unwrap().gates;
    let ram = gates.ram.unwrap().value;
    assert_eq!(ram, Limit { max: Bytes(32_768), margin: Ratio(0.0), growth: Some(Ratio(0.05)), percentile: None });
    assert_eq!(gates.hop.unwrap().value.max, Latency::Nanoseconds(1_500_000));
    let accuracy = gates.accuracy.unwrap().value;
    assert_eq!(accuracy, Accuracy { top: 5, min: Ratio(0.9), margin: Ratio(0.02), output: None });
    let [waiver] = gates.waivers.as_slice() else { panic!("{:?}", gates.waivers) };
    assert_eq!((waiver.value.gate.as_str(), waiver.value.until.to_string().as_str()), ("stack", "2027-03-01"));
}

/// Pinned: releases and approvals hold these paths and texts.
#[test]
fn governed_values_are_named_as_the_manifest_nests_them() {
    let project = Project::new();
    let manifest = project
        .load(edited(&[(
            "gates {",
            "gates owner=\"release@example.com\" {\n waive \"stack\" owner=\"a\" reason=\"b\" until=\"2027-03-01\"
    accuracy metric=\"top1\" min=\"90%\"\n",
        )]))
        .unwrap();
    let rows: Vec<String> =
        governed(&manifest).into_iter().map(|one| format!("{} = {} ({})", one.param, one.value, one.owner)).collect();
    let (platform, release) = ("ml-platform@example.com", "release@example.com");
    assert_eq!(
        rows,
        [
            format!("arena.budget = 24576 bytes ({platform})"),
            format!("arena.headroom = 10% ({platform})"),
            format!("kernels.library = cmsis-nn ({platform})"),
            format!("kernels.policy = require ({platform})"),
            format!("kernels.fallback.max-mac-share = 5% ({platform})"),
            format!("kernels.use.op:7 = reference ({platform})"),
            format!("gates.flash.max = 262144 bytes ({release})"),
            format!("gates.flash.margin = 10% ({release})"),
            format!("gates.stack.max = 4096 bytes ({release})"),
            format!("gates.stack.margin = 25% ({release})"),
            format!("gates.latency.max = 9500000 instructions ({release})"),
            format!("gates.latency.margin = 20% ({release})"),
            format!("gates.accuracy.metric = top1 ({release})"),
            format!("gates.accuracy.min = 90% ({release})"),
            format!("gates.accuracy.margin = 0% ({release})"),
            "gates.waive.stack = until 2027-03-01: b (a)".to_owned(),
        ]
    );
    let lines = lines(&manifest);
    let line = |word: &str| manifest.text.lines().position(|line| line.trim_start().starts_with(word)).unwrap() + 1;
    assert_eq!(lines["gates.flash"], line("flash "));
    assert_eq!(lines["gates.flash.max"], line("flash "));
    assert_eq!((lines["gates.waive.stack"], lines["arena.budget"]), (line("waive"), line("arena")));
    assert_eq!((lines["deployment.version"], lines["kernels.policy"]), (line("deployment"), line("kernels")));
}

#[test]
fn a_target_has_limits_of_its_own() {
    let project = Project::new();
    let own = "target \"host\" {
    arena budget=\"32KiB\"
    gates owner=\"edge@example.com\" {
        flash max=\"300KiB\"
        waive \"stack\" owner=\"a\" reason=\"b\" until=\"2027-03-01\"
    }
}";
    let waivers = "gates {
    waive \"stack\" owner=\"c\" reason=\"d\" until=\"2027-04-01\"
    waive \"load\" owner=\"c\" reason=\"d\" until=\"2027-04-01\"";
    let manifest = project.load(edited(&[("target \"host\"", own), ("gates {", waivers)])).unwrap();
    let budget = |board: &str| manifest.arena_on(board).budget.value;
    assert_eq!((budget("mps2-an386"), budget("host")), (Bytes(24_576), Bytes(32_768)));
    let arena = manifest.arena_on("host");
    assert_eq!((arena.headroom, arena.owner.as_str()), (Ratio(0.1), "ml-platform@example.com"));
    let flash = |board: &str| manifest.gates_on(board).flash.unwrap().value.max;
    assert_eq!((flash("mps2-an386"), flash("host")), (Bytes(262_144), Bytes(307_200)));
    assert_eq!(manifest.gates_on("host").stack, manifest.gates.stack);
    let paths = |board: &str| manifest.waivers_on(board).into_iter().map(|(path, _)| path).collect::<Vec<_>>();
    assert_eq!(paths("mps2-an386"), ["gates.waive.stack", "gates.waive.load"]);
    assert_eq!(paths("host"), ["target.host.gates.waive.stack", "gates.waive.load"]);
    assert!(manifest.own_paths("mps2-an386").is_empty());
    let own: Vec<_> = manifest.own_paths("host").into_values().collect();
    assert_eq!(own, ["target.host.arena.budget", "target.host.gates.flash", "target.host.gates.waive.stack"]);
    let rows: Vec<String> = governed(&manifest)
        .into_iter()
        .filter(|one| one.param.starts_with("target."))
        .map(|one| format!("{} = {} ({})", one.param, one.value, one.owner))
        .collect();
    assert_eq!(
        rows,
        [
            "target.host.arena.budget = 32768 bytes (ml-platform@example.com)",
            "target.host.arena.headroom = 10% (ml-platform@example.com)",
            "target.host.gates.flash.max = 307200 bytes (edge@example.com)",
            "target.host.gates.flash.margin = 0% (edge@example.com)",
            "target.host.gates.waive.stack = until 2027-03-01: b (a)",
        ]
    );
    let lines = lines(&manifest);
    let line = |word: &str| manifest.text.lines().position(|line| line.trim_start().starts_with(word)).unwrap() + 1;
    assert_eq!(lines["target.host.gates.flash"], line("flash max=\"300KiB\""));
    assert_eq!(lines["gates.flash"], line("flash max=\"256KiB\""));
}

#[test]
fn the_built_in_boards_and_libraries_load() {
    let catalog = Catalog::builtin();
    let boards = Board::all(&catalog).unwrap();
    let names: BTreeSet<_> = boards.iter().map(|board| board.name.as_str()).collect();
    assert!(names.is_superset(&["host", "mps2-an386"].into()));
    let board = Board::load("mps2-an386", &catalog).unwrap().unwrap();
    assert!(board.features.dsp && !board.features.mve);
    assert_eq!((board.core.as_str(), board.clock.map(|clock| clock.hz)), ("cortex-m4f", Some(25_000_000)));
    let regions: Vec<_> = board.memory.iter().map(|region| (region.name.as_str(), region.address)).collect();
    assert_eq!(regions, [("FLASH", 0), ("RAM", 0x2000_0000)]);
    assert_eq!(board.runner, Runner::Qemu { machine: "mps2-an386".to_owned(), instructions_per_tick: PerTick(40_000) });
    let library = Library::load("cmsis-nn", &catalog).unwrap().unwrap();
    assert!(matches!(&library.source, Source::Pypi { version, .. } if version == "0.2.1"));
    assert_eq!(Library::all(&catalog).unwrap().len(), catalog.libraries().count());
}

/// A built-in board, its regions as name, address and KiB.
fn hardware(name: &str) -> (Board, Vec<(String, u64, u64)>) {
    let board = Board::load(name, &Catalog::builtin()).unwrap().unwrap();
    let regions =
        board.memory.iter().map(|region| (region.name.clone(), region.address, region.size.0 >> 10)).collect();
    (board, regions)
}

#[test]
fn firmware_lies_in_the_region_that_the_file_names() {
    let (board, regions) = hardware("nucleo-h743zi2");
    assert_eq!(regions.len(), 9);
    assert_eq!(board.used(RegionKind::Flash).unwrap().address, 0x0800_0000);
    let data = board.used(RegionKind::Ram).unwrap();
    assert_eq!((data.name.as_str(), data.address, data.size), ("AXISRAM", 0x2400_0000, Bytes(512 << 10)));
    let off: Vec<_> = board.memory.iter().filter(|region| region.off_at_reset).map(|region| &*region.name).collect();
    assert_eq!(off, ["SRAM1", "SRAM2", "SRAM3", "BKPSRAM"]);
    let (pico, regions) = hardware("pico");
    assert_eq!(regions[1], ("FLASH".to_owned(), 0x1000_0100, 2047));
    let (boot, code) = (&pico.memory[0], pico.used(RegionKind::Flash).unwrap());
    assert_eq!((boot.address + boot.size.0, boot.size.0 + code.size.0), (code.address, 2 << 20));
}

#[test]
fn each_board_behind_a_probe_says_how_far_it_goes() {
    let boards = Board::all(&Catalog::builtin()).unwrap();
    let probes = boards.iter().filter(|board| matches!(board.runner, Runner::Probe { .. }));
    let reach: Vec<String> = probes.map(|board| format!("{}: {}", board.name, board.reach())).collect();
    assert_eq!(
        reach,
        [
            "nrf52840-dk: compiled, not run",
            "nrf5340-dk: compiled, not run; cycles only",
            "nucleo-f446re: compiled, not run; cycles only",
            "nucleo-h743zi2: compiled, not run; cycles only",
            "nucleo-l4r5zi: compiled, not run; cycles only",
            "pico: compiled, not run; not bootable",
            "pico2: compiled, not run; cycles only",
        ]
    );
    for board in &boards {
        assert_eq!(board.unmeasured().is_some(), matches!(board.runner, Runner::Probe { .. }), "{}", board.name);
        let caution = usize::from(board.not_bootable().is_some()) + usize::from(board.cycles_only().is_some());
        assert_eq!(board.cautions().len(), caution + usize::from(board.unmeasured().is_some()), "{}", board.name);
    }
}

#[test]
fn every_manifest_of_the_project_loads() {
    let root = camino::Utf8Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let catalog = Catalog::open(root).unwrap();
    let manifests: Vec<_> = discover(root).iter().map(|path| load(path, &catalog).unwrap()).collect();
    clashes(&manifests).unwrap();
}

#[test]
fn a_projects_board_hides_the_built_in_one() {
    let project = Project::new();
    project.write("manifests/boards/host.kdl", "board version=1\nsummary \"Mine\"\ncore \"host\"\nrunner \"host\"");
    project.write("manifests/boards/bench.kdl", "board version=1\nsummary \"Bench\"\ncore \"host\"\nrunner \"host\"");
    let manifest = project.load(edited(&[("mps2-an386", "bench")])).unwrap();
    let summaries: Vec<_> = manifest.targets.iter().map(|target| target.board.summary.as_str()).collect();
    assert_eq!(summaries, ["Bench", "Mine"]);
}

#[test]
fn a_librarys_lists_and_definitions_arrive() {
    let project = Project::new();
    let text = "kernel-library version=1\nsummary \"s\"\nlicence \"l\"\nversions \"v\"\nsource \"path\" path=\"../src\"\n\
                include \"a.c\" \"b.c\"\ninclude \"c.c\"\ndefine \"X\"\ndefine \"Y\" \"2\"\n";
    project.write("manifests/kernels/mine.kdl", text);
    let library = Library::load("mine", &Catalog::open(&project.root).unwrap()).unwrap().unwrap();
    assert_eq!(library.include, ["a.c", "b.c", "c.c"]);
    assert_eq!(library.defines, [("X".to_owned(), None), ("Y".to_owned(), Some("2".to_owned()))].into());
    assert_eq!(library.source, Source::Path { path: project.root.join("manifests/kernels/../src") });
}

#[test]
fn two_manifests_cannot_share_a_place_for_outputs() {
    let project = Project::new();
    let one = project.load(GOOD).unwrap();
    let mut other = one.clone();
    other.path = project.root.join("manifests/other.kdl");
    let errors = clashes(&[one.clone(), other.clone()]).unwrap_err();
    assert!(errors.problems()[0].message().contains("`manifests/kws.kdl`"));
    other.targets.clear();
    clashes(&[one, other]).unwrap();
}

#[test]
fn a_command_is_words_and_what_they_read() {
    let project = Project::new();
    project.write("train/convert.py", "");
    let text = "convert \"python3 ../train/convert.py --name 'a b' --out {output}\" {\n    input \"../train/convert.py\"; input \"vectors\"\n    \
                environment \"A\" \"\"; time-limit \"1.5h\"; reproducible #true\n    \
                provenance { calibration \"vectors\"; converter \"tensorflow\"; quantization \"int8\" }\n}\nruntime";
    // The model need not be there: the command makes it.
    std::fs::remove_file(project.root.join("manifests/models/kws.tflite")).unwrap();
    let manifest = project.load(edited(&[("runtime", text)])).unwrap();
    let convert = manifest.convert.unwrap();
    assert_eq!(convert.command, ["python3", "../train/convert.py", "--name", "a b", "--out", "{output}"]);
    let places: Vec<&str> = convert.inputs.iter().map(|input| input.value.place.as_str()).collect();
    assert_eq!(places, ["train/convert.py", "manifests/vectors"]);
    assert_eq!(convert.environment.get("A").map(String::as_str), Some(""));
    assert_eq!((convert.time_limit.as_secs(), convert.reproducible, convert.forbidden), (5400, true, false));
    assert_eq!(convert.provenance.calibration.as_deref(), Some("vectors"));
    assert_eq!(manifest.model.path, project.root.join("manifests/models/kws.tflite"));
    assert!(project.load(super::GOOD).is_err(), "without a command the model has to be there");
}
