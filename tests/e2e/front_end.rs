//! LiteRT Micro's audio front end as a model, from sound to features: host reference and a processor without floating
//! point give what LiteRT Micro gave. `tests/conformance/golden.py` made the model and the recorded outputs.

use crate::space::{NAME, Space};

const MANIFEST: &str = r#"manifest version=1

deployment "front-end" version="0.1.0" owner="audio@example.com"

model "../models/front_end.tflite" {
    input "t0" type="int16" { shape 320 }
    output "t22" type="int16" { shape 40 }
}

target "TARGET"
arena budget="3KiB" owner="platform@example.com"
kernels "cmsis-nn" policy="prefer" owner="platform@example.com"
regression { vectors "../models/front_end.npz"; steps 12; runs 2 }
gates { flash max="32KiB"; stack max="2KiB" }
"#;

fn agrees(board: &str) {
    let Some(space) = Space::built(board) else { return };
    space.write("models/front_end.tflite", include_bytes!("../golden/front_end.tflite").as_slice());
    space.write("models/front_end.npz", include_bytes!("../golden/front_end.npz"));
    space.write(NAME, MANIFEST.replace("TARGET", board));
    space.build("").succeeded();
    let gates: serde_json::Value = serde_json::from_slice(&space.result("gate-report.json")).unwrap();
    assert_eq!(gates["verdict"], "pass", "{gates}");
}

#[test]
#[ignore = "a board has the same in the plain run; `tests/all --full` has both"]
fn on_the_host() {
    agrees("host");
}

#[test]
fn without_floating_point() {
    agrees("microbit");
}
