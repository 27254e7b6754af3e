//! Int16 layers and SVDF on CMSIS-NN, a transposed convolution between them: host reference and target give what LiteRT Micro gave, each
//! core with the functions that its instructions have. `tests/conformance/wide.py` describes the model.

use std::collections::BTreeSet;

use crate::space::{NAME, Space};

const MANIFEST: &str = r#"manifest version=1

deployment "wide" version="0.1.0" owner="audio@example.com"

model "../models/wide.tflite" {
    input "t0" type="int16" { shape 1 9 7 4 }
    input "t23" type="int8" { shape 1 3 4 3 }
    output "t27" type="int16" { shape 1 6 }
    output "t30" type="int16" { shape 1 8 }
    output "t47" type="int16" { shape 1 5 }
}

target "TARGET"
arena budget="14KiB" owner="platform@example.com"
kernels "cmsis-nn" policy="prefer" owner="platform@example.com"
regression { vectors "../models/wide.npz"; steps 12; runs 2 }
"#;

/// On every core.
const EVERYWHERE: [&str; 6] = [
    "arm_convolve_s16",
    "arm_depthwise_conv_s16",
    "arm_fully_connected_s16",
    "arm_softmax_s16",
    "arm_svdf_s8",
    "arm_svdf_state_s16_s8",
];
const DSP: [&str; 2] = ["arm_convolve_fast_s16", "arm_depthwise_conv_fast_s16"];
const MVE: [&str; 3] = ["arm_depthwise_conv_fast_s16", "arm_avgpool_s16", "arm_max_pool_s16"];

fn agrees_on(board: &str, more: &[&str]) {
    let Some(space) = Space::built(board) else { return };
    for (name, bytes) in [
        ("wide.tflite", include_bytes!("../golden/wide.tflite").as_slice()),
        ("wide.npz", include_bytes!("../golden/wide.npz")),
    ] {
        space.write(&format!("models/{name}"), bytes);
    }
    space.write(NAME, MANIFEST.replace("TARGET", board));
    space.build("").succeeded();
    let gates: serde_json::Value = serde_json::from_slice(&space.result("gate-report.json")).unwrap();
    assert_eq!(gates["verdict"], "pass", "{gates}");
    let rows = gates["operators"]["rows"].as_array().unwrap();
    let used: BTreeSet<&str> = rows.iter().filter_map(|row| row["symbol"].as_str()).collect();
    for symbol in EVERYWHERE.iter().chain(more) {
        assert!(used.contains(symbol), "{symbol} is not among {used:?}");
    }
}

#[test]
fn mps2_an386() {
    agrees_on("mps2-an386", &DSP);
}

#[test]
#[ignore = "one board is enough for the plain run; `tests/all --full` has all"]
fn microbit() {
    agrees_on("microbit", &[]);
}

#[test]
#[ignore = "one board is enough for the plain run; `tests/all --full` has all"]
fn mps2_an385() {
    agrees_on("mps2-an385", &[]);
}

#[test]
#[ignore = "one board is enough for the plain run; `tests/all --full` has all"]
fn mps2_an500() {
    agrees_on("mps2-an500", &DSP);
}

#[test]
#[ignore = "one board is enough for the plain run; `tests/all --full` has all"]
fn mps2_an505() {
    agrees_on("mps2-an505", &DSP);
}

#[test]
#[ignore = "one board is enough for the plain run; `tests/all --full` has all"]
fn mps3_an547() {
    agrees_on("mps3-an547", &MVE);
}
