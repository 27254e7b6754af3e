//! Which stages run again after which change: each change is made, built as foretold, and taken back. The table is the one
//! that `docs/reference/rerun.md` prints.

use std::fmt::Write as _;

use camino::Utf8Path;

use crate::space::{NAME, Space, files};

/// Names of what is changed, and how.
type Change = (&'static str, fn(&Space) -> &Space);

const EVERYWHERE: [Change; 10] = [
    ("nothing", |space| space),
    ("a comment at the top of the manifest", |space| space.edit(NAME, "manifest ", "// A comment.\nmanifest ")),
    ("the arena's budget", |space| space.edit(NAME, "800 B", "900 B")),
    ("a gate's limit", |space| space.edit(NAME, "4KiB", "5KiB")),
    ("the arena's owner", |space| {
        space.edit(NAME, "800 B\" headroom=\"10%\" owner=\"platform", "800 B\" headroom=\"10%\" owner=\"new")
    }),
    ("a vector", |space| space.edit(NAME, "seed=1", "seed=2")),
    ("a weight", change_weight),
    ("`optimize #true` where nothing can be rewritten", |space| {
        space.edit(NAME, "    output", "    optimize #true\n    output")
    }),
    ("the kernel policy", |space| space.edit(NAME, "policy=\"prefer\"", "policy=\"forbid\"")),
    ("a declared scale of an input", |space| space.edit(NAME, "scale=0.5 ", "scale=0.25 ")),
];

const ON_HOST: [Change; 1] = [("the C driver that links", |space| space.wrap("cc", "exec REAL \"$@\""))];

const ON_BOARD: [Change; 4] = [
    ("the board's clock", |space| space.edit("manifests/boards/mps2-an386.kdl", "25MHz", "50MHz")),
    ("a kernel's source file", change_kernel),
    ("the cross compiler", |space| space.wrap("arm-none-eabi-gcc", "exec REAL \"$@\"")),
    ("the emulator", |space| space.wrap("qemu-system-arm", "exec REAL \"$@\"")),
];

/// Changes a constant of the model and nothing of its structure.
fn change_weight(space: &Space) -> &Space {
    let mut bytes = std::fs::read(space.path("models/sample.tflite")).unwrap();
    let weights = deployctl::model::read(&bytes).unwrap().weights;
    let place = bytes.windows(8).position(|window| window == &weights[..8]).unwrap();
    bytes[place] ^= 1;
    space.write("models/sample.tflite", bytes)
}

/// A comment in a file that is compiled. `deploy.lock` pins the sources, so it is asked to forget them.
fn change_kernel(space: &Space) -> &Space {
    let file = "cmsis-nn/Source/SoftmaxFunctions/arm_softmax_s8.c";
    let text = std::fs::read_to_string(space.path(file)).unwrap();
    space.write(file, text + "/* changed */\n");
    space.build("").failed(5, &["cmsis-nn"]);
    space.forget_sources()
}

/// The rows of a target's table.
fn table(space: &Space, changes: &[Change]) -> String {
    let mut table = String::from("| change | stages that run |\n|---|---|\n");
    space.build("").succeeded();
    for (name, change) in changes {
        space.settle();
        change(space);
        let ran = space.build_as_foretold();
        let order = [
            "model",
            "optimize",
            "interface",
            "expect",
            "audit",
            "sizes",
            "memory",
            "emit",
            "kernels",
            "crates",
            "compile",
            "measure",
            "gate",
            "report",
            "runbook",
        ];
        let names: Vec<String> = order
            .iter()
            .filter(|stage| ran.iter().any(|node| node.ends_with(&format!("/{stage}"))))
            .map(|stage| format!("`{stage}`"))
            .collect();
        let _ = writeln!(table, "| {name} | {} |", if names.is_empty() { "none".to_owned() } else { names.join(", ") });
        space.undo();
        space.env("PATH", &std::env::var("PATH").unwrap());
        let back = space.build("").succeeded().ran();
        assert!(back.is_empty(), "{name}, taken back, runs {back:?}");
    }
    table
}

fn compare(target: &str, table: &str) {
    let page = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/reference/rerun.md");
    let text = std::fs::read_to_string(&page).unwrap_or_default();
    assert!(text.contains(table), "`{page}` must have this table for `{target}`:\n{table}");
}

#[test]
fn law_2_minimal_a_change_reruns_the_stages_that_read_it_on_the_host() {
    let Some(space) = Space::built("host") else { return };
    compare("host", &table(&space, &[&EVERYWHERE[..], &ON_HOST].concat()));
}

#[test]
fn law_2_minimal_a_change_reruns_the_stages_that_read_it_on_the_board() {
    let Some(space) = Space::built("mps2-an386") else { return };
    let repository = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    let board = std::fs::read_to_string(format!("{repository}/manifests/boards/mps2-an386.kdl")).unwrap();
    space.write("manifests/boards/mps2-an386.kdl", board);
    space.own_kernel_library();
    compare("mps2-an386", &table(&space, &[&EVERYWHERE[..], &ON_BOARD].concat()));
}

/// Templates are packed into the program: a record says which stages have which of them in their keys.
#[test]
fn law_2_minimal_a_template_is_in_the_keys_of_the_stages_that_use_it() {
    let Some(space) = Space::built("mps2-an386") else { return };
    space.build("").succeeded();
    let stored = files(&space.root().join("home/store-v1/records"));
    let records = stored.iter().filter(|(path, _)| path.extension() == Some("json"));
    let records: Vec<serde_json::Value> = records.map(|(_, bytes)| serde_json::from_slice(bytes).unwrap()).collect();
    let fields = |record: &serde_json::Value| -> Vec<(String, String)> {
        let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
        let fields = record["record"]["fields"].as_array().unwrap();
        fields.iter().map(|field| (text(&field["name"]), text(&field["value"]))).collect()
    };
    let having = |prefix: &str| -> Vec<String> {
        let with = records.iter().map(fields).filter(|fields| fields.iter().any(|(name, _)| name.starts_with(prefix)));
        let mut stages: Vec<String> = with.map(|fields| fields[0].1.clone()).collect();
        stages.sort();
        stages
    };
    assert_eq!(having("template"), ["emit", "report", "runbook"]);
    assert_eq!(having("shim"), ["kernels"]);
    assert_eq!(having("tool.program"), ["sizes"]);
}
