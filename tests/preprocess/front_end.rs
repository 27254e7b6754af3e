//! The front end's features equal those of LiteRT Micro and of TensorFlow's C library, every one.

use deployctl::model::TensorType;
use deployctl::model::pipeline::{FrontEnd, FrontEndOutput, FrontEndTables, Pcan, StepSpec};

use crate::chain::{Stages, floats, int8, recorded, run, samples};

const FILE: &[u8] = include_bytes!("front_end.npz");

fn speech(tables: FrontEndTables) -> FrontEnd {
    FrontEnd {
        tables,
        size: 480,
        stride: 320,
        channels: 40,
        low: 125.0,
        high: 7500.0,
        even_smoothing: 0.025,
        odd_smoothing: 0.06,
        min_signal_remaining: 0.05,
        pcan: Some(Pcan { strength: 0.95, offset: 80.0 }),
        output: FrontEndOutput::Int16,
    }
}

/// The cases of `front_end.py`: name, rate, parameters.
fn cases(tables: FrontEndTables) -> [(&'static str, u32, FrontEnd); 3] {
    let telephone = FrontEnd {
        size: 200,
        stride: 120,
        channels: 20,
        low: 150.0,
        high: 3700.0,
        even_smoothing: 0.04,
        odd_smoothing: 0.08,
        min_signal_remaining: 0.1,
        pcan: Some(Pcan { strength: 0.8, offset: 60.0 }),
        ..speech(tables)
    };
    let plain = FrontEnd { size: 400, stride: 160, channels: 32, pcan: None, ..speech(tables) };
    [("speech", 16_000, speech(tables)), ("telephone", 8_000, telephone), ("plain", 16_000, plain)]
}

fn features(rate: u32, p: &FrontEnd) -> Stages {
    let mut port = floats(&[p.channels]);
    match p.output {
        FrontEndOutput::Int8 => port = int8(&[p.channels], 0.101_960_786, -128),
        FrontEndOutput::Int16 => port.dtype = TensorType::Int16,
        FrontEndOutput::Float32 => {}
    }
    run(rate, vec![StepSpec::FrontEnd(p.clone())], port, &samples(FILE))
}

fn agrees(tool: &str, tables: FrontEndTables) {
    for (name, rate, p) in cases(tables) {
        let (stages, theirs) = (features(rate, &p), recorded(FILE, &format!("{tool}.{name}")));
        let ours = &stages["frontend"];
        assert!(ours.len() >= 24 && ours.len() <= theirs.len(), "{name}: {} frames", ours.len());
        for (frame, (ours, theirs)) in ours.iter().zip(&theirs).enumerate() {
            assert_eq!(ours, theirs, "{tool} {name}, frame {frame}");
        }
    }
}

#[test]
fn of_litert_micro() {
    agrees("litert-micro", FrontEndTables::LitertMicro);
}

#[test]
fn of_tensorflows_c_library() {
    agrees("microfrontend", FrontEndTables::Microfrontend);
}

#[test]
fn as_the_speech_example_scales_them() {
    let p = FrontEnd { output: FrontEndOutput::Int8, ..speech(FrontEndTables::LitertMicro) };
    let stages = features(16_000, &p);
    assert_eq!(stages["frontend"], recorded(FILE, "litert-micro.speech-int8")[..stages["frontend"].len()]);
    let stages = features(16_000, &FrontEnd { output: FrontEndOutput::Float32, ..p });
    for (float, int) in stages["frontend"].iter().flatten().zip(stages["frontend-log"].iter().flatten()) {
        assert_eq!(float.to_bits(), (int * 10.0 / 256.0).to_bits());
    }
}
