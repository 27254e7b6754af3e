//! Pictures, sensors and decisions around a model: host reference and processor agree in every step of every vector.

use crate::space::{NAME, Space};

/// A camera's picture to the model's 6 rows of 5 numbers: `crop`, `resize`, `grayscale`, `quantize`.
const PICTURE: &str = r#"preprocess "image" width=12 height=8 format="rgb565-be" {
    crop x=1 y=0 width=10 height=8
    resize width=5 height=6 method="bilinear"
    grayscale
    normalize mean=127.5 std=60
}
"#;
/// Six channels to 3 bins and 2 statistics of each: `frame`, `window`, `detrend`, `channels`, `fft-window`, `spectrum`, `fft`,
/// `statistics`, `features`, `quantize`, `frames`.
const SENSOR: &str = r#"preprocess "sensor" rate=50 channels=6 type="int16" scale=0.001 {
    window samples=4 stride=2
    detrend "linear"
    fft window="hann"
    statistics "rms" "skewness"
}
"#;
/// Operators of the model itself.
const MODEL: u64 = 8;

/// Builds with steps around the model, of which there are so many, and state over sequences of two inferences.
fn passes(board: &str, before: &str, after: &str, steps: u64, outputs: [&str; 2]) {
    let Some(space) = Space::built(board) else { return };
    space.edit(NAME, "target", &format!("{before}\npostprocess \"softmax\" {{ {after} }}\n\ntarget"));
    space.edit(NAME, "800 B", "6 KiB").edit(NAME, "count=2 seed=1", "count=4 seed=1; steps 2");
    space.build("").succeeded();
    let report: serde_json::Value = serde_json::from_slice(&space.result("gate-report.json")).unwrap();
    assert_eq!(report["verdict"], "pass", "{report}");
    let measured: serde_json::Value = serde_json::from_slice(&space.result("measurement.json")).unwrap();
    assert_eq!(measured["tensors_compared"], (steps + MODEL) * 4 * 2, "four vectors in two runs");
    let runbook = String::from_utf8(space.result("runbook.md")).unwrap();
    for output in outputs {
        assert!(runbook.contains(output), "{output}\n{runbook}");
    }
}

#[test]
fn pictures_and_a_held_label_on_a_board_without_a_floating_point_unit() {
    let after = "smooth \"average\" over=2; threshold 0.4 off=0.2; suppress 1";
    passes("microbit", PICTURE, after, 4 + 4, ["postprocess/suppress", "postprocess/threshold/score"]);
}

#[test]
fn sensors_and_the_best_label_on_a_board_with_a_floating_point_unit() {
    let after = "softmax; smooth \"exponential\" alpha=0.5; top 1; suppress 2";
    passes("mps2-an386", SENSOR, after, 11 + 5, ["postprocess/suppress", "postprocess/top/score"]);
}
