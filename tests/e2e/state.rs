//! A model that keeps state, over a sequence of inferences: host reference and target give what LiteRT Micro gave.
//! `tests/conformance/golden.py` made the model and the recorded outputs.

use crate::space::{NAME, Space};

pub(crate) const MANIFEST: &str = r#"manifest version=1

deployment "state" version="0.1.0" owner="audio@example.com"

model "../models/state.tflite" {
    input "t0" type="int8" { shape 1 8 }
    output "t9" type="int8" { shape 1 4 }
}

target "TARGET"
arena budget="1KiB" owner="platform@example.com"
kernels "cmsis-nn" policy="prefer" owner="platform@example.com"
regression { vectors "../models/state.npz"; steps 12; runs 2 }
"#;

fn space(board: &str) -> Option<Space> {
    let space = Space::built(board)?;
    add_model(&space);
    space.write(NAME, MANIFEST.replace("TARGET", board));
    Some(space)
}

/// The model and what is recorded of it.
pub(crate) fn add_model(space: &Space) {
    for (name, bytes) in [
        ("state.tflite", include_bytes!("../golden/state.tflite").as_slice()),
        ("state.npz", include_bytes!("../golden/state.npz")),
    ] {
        space.write(&format!("models/{name}"), bytes);
    }
}

fn remembers(board: &str) {
    let Some(space) = space(board) else { return };
    space.build("").succeeded();
    let gates: serde_json::Value = serde_json::from_slice(&space.result("gate-report.json")).unwrap();
    assert_eq!(gates["verdict"], "pass", "{gates}");
}

#[test]
#[ignore = "a board has the same in the plain run; `tests/all --full` has both"]
fn on_the_host() {
    remembers("host");
}

#[test]
fn on_a_board() {
    remembers("mps2-an386");
}

/// Without the state of the inferences before, LiteRT Micro's outputs are not those of the model.
#[test]
fn each_inference_by_itself_gives_other_outputs() {
    let Some(space) = space("host") else { return };
    space.edit(NAME, "steps 12; ", "");
    space.build("").failed(1, &[]);
    let gates = String::from_utf8(space.result("gate-report.json")).unwrap();
    assert!(gates.contains("vector 1: op:5 ADD writes `t9`"), "{gates}");
}
