//! LiteRT Micro's front end by TensorFlow's operator.

use super::*;
use crate::model::pipeline::{FrontEnd, FrontEndOutput, FrontEndTables, Pcan};

fn front_end(tables: FrontEndTables, size: usize, output: FrontEndOutput) -> Spec {
    let p = FrontEnd {
        tables,
        size,
        stride: 320,
        channels: 40,
        low: 125.0,
        high: 7500.0,
        even_smoothing: 0.025,
        odd_smoothing: 0.06,
        min_signal_remaining: 0.05,
        pcan: Some(Pcan { strength: 0.95, offset: 80.0 }),
        output,
    };
    Spec { input: None, source: Source::Audio { rate: 16_000 }, steps: vec![StepSpec::FrontEnd(p), frames()] }
}

fn written(spec: &Spec) -> String {
    let input =
        Input { name: "serving:0".to_owned(), dtype: TensorType::Int8, quantization: Some((26.0 / 256.0, -128)) };
    script("x", spec, &input).unwrap()
}

#[test]
fn what_the_operator_does_not_have_is_said() {
    let said = |tables, size| written(&front_end(tables, size, FrontEndOutput::Int8));
    let exact = said(FrontEndTables::Microfrontend, 480);
    assert!(exact.contains("# Equal in every value.") && exact.contains("window_size=30,"), "{exact}");
    assert!(said(FrontEndTables::LitertMicro, 480).contains("single\n    # features differ by up to 3 of int16"));
    assert!(said(FrontEndTables::LitertMicro, 640).contains("have other gains with this length"));
    assert!(said(FrontEndTables::Microfrontend, 481).contains("The operator takes whole milliseconds"));
}

/// `DEPLOYCTL_TENSORFLOW` is the folder of an interpreter that has `TensorFlow`.
#[test]
#[ignore = "needs TensorFlow"]
fn the_operators_features_are_ours() {
    let Ok(folder) = std::env::var("DEPLOYCTL_TENSORFLOW") else {
        eprintln!("SKIPPED: the printed front end: `DEPLOYCTL_TENSORFLOW` does not say where TensorFlow is");
        return;
    };
    let python = format!("{folder}/python");
    for output in [FrontEndOutput::Int8, FrontEndOutput::Float32] {
        for (tables, most) in [(FrontEndTables::Microfrontend, 0), (FrontEndTables::LitertMicro, 1)] {
            let spec = front_end(tables, 480, output);
            let clips = "[rng.normal(0, 3000, features.SAMPLES).round().astype(np.int16) for _ in range(2)]";
            let port = port(TensorType::Int8, vec![1, FRAMES, 40], Some((26.0 / 256.0, -128)));
            let report = compared(&python, &written(&spec), &spec, &port, clips);
            let quantized = report.quantized.unwrap();
            assert!(quantized.max <= most && quantized.elements > 0, "{quantized:?}");
        }
    }
}
