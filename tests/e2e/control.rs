//! A model with loops and branches, kernels of the library and state among what they run: host reference and target give what
//! LiteRT Micro gave. `tests/conformance/golden.py` made the model and the recorded outputs.

use crate::space::{NAME, Space};

const MANIFEST: &str = r#"manifest version=1

deployment "control" version="0.1.0" owner="audio@example.com"

model "../models/control.tflite" {
    input "t0" type="int8" { shape 1 4 4 2 }
    output "t15" type="int8" { shape 1 4 4 2 }
}

target "TARGET"
arena budget="2KiB" owner="platform@example.com"
kernels "cmsis-nn" policy="prefer" owner="platform@example.com" {
USES}
regression { vectors "../models/control.npz"; steps 12; runs 2 }
"#;

/// Builds the model for a board, some operators on reference kernels, and gives the audited rows that run on the library.
fn computes(board: &str, uses: &[&str]) -> Option<Vec<String>> {
    let space = Space::built(board)?;
    for (name, bytes) in [
        ("control.tflite", include_bytes!("../golden/control.tflite").as_slice()),
        ("control.npz", include_bytes!("../golden/control.npz")),
    ] {
        space.write(&format!("models/{name}"), bytes);
    }
    let uses: Vec<String> =
        uses.iter().map(|label| format!("    use \"{label}\" kernel=\"reference\" reason=\"a try\"\n")).collect();
    space.write(NAME, MANIFEST.replace("TARGET", board).replace("USES", &uses.concat()));
    space.build("").succeeded();
    let report: serde_json::Value = serde_json::from_slice(&space.result("gate-report.json")).unwrap();
    assert_eq!(report["verdict"], "pass", "{report}");
    let rows = report["operators"]["rows"].as_array().unwrap();
    let on_library = rows.iter().filter(|row| row["library"] == "cmsis-nn");
    Some(
        on_library.map(|row| format!("{} {}", row["label"].as_str().unwrap(), row["name"].as_str().unwrap())).collect(),
    )
}

#[test]
fn on_the_host() {
    assert!(computes("host", &[]).is_none_or(|on_library| on_library.is_empty()));
}

#[test]
fn on_a_board() {
    let Some(all) = computes("mps2-an386", &[]) else { return };
    for row in ["3.body.1 CONV_2D", "3.body.3.then.0 ADD", "6.then.0 FULLY_CONNECTED"] {
        assert!(all.contains(&row.to_owned()), "{row}: {all:?}");
    }
    let Some(some) = computes("mps2-an386", &["op:3.body.1"]) else { return };
    assert_eq!(some.len(), all.len() - 1);
    assert!(!some.contains(&"3.body.1 CONV_2D".to_owned()), "{some:?}");
}
