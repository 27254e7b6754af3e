//! The Python that is written gives the features that the firmware computes, and another one is found out. Needs Python with
//! `NumPy`: `DEPLOYCTL_ORACLE` names it, else `python3` is asked.

use std::process::Command;

mod front_end;
mod pictures;
mod sensors;

use super::super::{Report, TOLERANCE, Trace, compare};
use super::file::quoted;
use super::*;
use crate::model::pipeline::{
    DctNorm, Emphasized, Energy, LogBase, MelBands, MelNorm, MelScale, MelSlopes, Over, WindowShape, join,
};
use crate::model::{Graph, Quantization, Read, Tensor, TensorId, lower};
use crate::vectors::array::Arrays;
use crate::vectors::recording::{Fit, Medium, Port, vectors};

const SCALE: f32 = 0.11;
const FRAMES: usize = 6;

fn window(shape: WindowShape, symmetric: bool) -> StepSpec {
    StepSpec::Window { shape, symmetric, size: 200, stride: 80 }
}

fn bank(scale: MelScale, slopes: MelSlopes, norm: MelNorm) -> StepSpec {
    StepSpec::Mel(MelBands { bands: 12, low: 60.0, high: Some(3_800.0), scale, slopes, norm })
}

fn log(base: LogBase) -> StepSpec {
    StepSpec::Log { base, offset: 0.0, floor: 1e-9 }
}

fn spec(steps: Vec<StepSpec>) -> Spec {
    Spec { input: None, source: Source::Audio { rate: 8_000 }, steps }
}

fn frames() -> StepSpec {
    StepSpec::Frames { count: FRAMES, advance: 1 }
}

/// Cepstral coefficients, as TensorFlow computes them.
fn cepstral(scale: MelScale) -> Spec {
    let bank = bank(scale, MelSlopes::Mel, MelNorm::None);
    let dct = StepSpec::Dct { coefficients: 10, norm: DctNorm::Htk };
    spec(vec![
        window(WindowShape::Hann, false),
        StepSpec::Fft { points: 256 },
        bank,
        log(LogBase::Natural),
        dct,
        frames(),
    ])
}

/// A Python with `NumPy`.
fn python() -> Option<String> {
    let python = std::env::var("DEPLOYCTL_ORACLE").unwrap_or_else(|_| "python3".to_owned());
    let found = Command::new(&python).args(["-c", "import numpy"]).output();
    if found.is_ok_and(|output| output.status.success()) {
        return Some(python);
    }
    eprintln!("SKIPPED: `{python}` has no numpy; name one that has in DEPLOYCTL_ORACLE");
    None
}

/// Our steps of `ours`, whose rows have `width` numbers, against the features of `script`.
fn report(python: &str, script: &str, ours: &Spec, width: usize) -> Report {
    let clips = "[rng.normal(0, 3000, features.SAMPLES).round().astype(np.int16) for _ in range(2)]";
    compared(python, script, ours, &port(TensorType::Int8, vec![1, FRAMES, width], Some((SCALE, -5))), clips)
}

/// The model input that features of `shape` become.
fn port(dtype: TensorType, shape: Vec<usize>, numbers: Option<(f32, i64)>) -> Tensor {
    let quantization =
        numbers.map(|(scale, zero)| Quantization { scales: vec![scale], zero_points: vec![zero], dimension: 0 });
    Tensor {
        name: "serving:0".to_owned(),
        dtype,
        shape,
        signature: vec![],
        variable: false,
        unpacked_from: None,
        quantization,
        constant: None,
    }
}

/// Our steps before the input `port` against the features of `script` for the vectors that `clips` makes, in Python.
fn compared(python: &str, script: &str, ours: &Spec, port: &Tensor, clips: &str) -> Report {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("features.py"), script).unwrap();
    let code =
        format!("import features, numpy as np\nrng = np.random.default_rng(4)\nfeatures.save('features.npz', {clips})");
    let ran = Command::new(python).args(["-c", &code]).current_dir(folder.path()).output().unwrap();
    assert!(ran.status.success(), "{}\n{script}", String::from_utf8_lossy(&ran.stderr));
    let bytes = std::fs::read(folder.path().join("features.npz")).unwrap();

    let (inputs, outputs) = (vec![TensorId(0)], vec![TensorId(0)]);
    let graph = Graph { tensors: vec![port.clone()], operators: vec![], inputs, outputs, pipeline: None };
    let Read { graph, weights } =
        join(ours, &Read { graph, weights: vec![] }).unwrap_or_else(|wrong| panic!("{wrong}"));
    let steps = lower(&graph, &weights);
    let trace = Trace::of(&graph, &steps, &weights).unwrap();
    let mut arrays = Arrays::open(&bytes).unwrap();
    let samples = arrays.get("samples").unwrap().unwrap();
    let raw = vectors(&samples, &Port::of(&graph, Medium::of(&ours.source)).unwrap(), Fit::default()).unwrap();
    compare(&trace, &mut arrays, &raw).unwrap_or_else(|error| panic!("{error}")).0
}

fn written(spec: &Spec) -> String {
    let input = Input { name: "serving:0".to_owned(), dtype: TensorType::Int8, quantization: Some((SCALE, -5)) };
    script("a \"\"\" name", spec, &input).unwrap()
}

#[test]
fn what_is_written_computes_our_features() {
    let Some(python) = python() else { return };
    let emphasis = |per| StepSpec::PreEmphasis { coefficient: 0.97, per };
    let energy = Energy { gain: 0.98, bias: 2.0, power: 0.5, time_constant: 0.06, epsilon: 1e-6, scale: 1e6 };
    let normal = |over, variance| StepSpec::Normalize { over, variance, epsilon: 1e-5 };
    let slaney = bank(MelScale::Slaney, MelSlopes::Hz, MelNorm::Slaney);
    let fft = || StepSpec::Fft { points: 256 };
    let cases = [
        (cepstral(MelScale::Htk), 10),
        (
            spec(vec![
                emphasis(Emphasized::Stream),
                window(WindowShape::Hamming, true),
                fft(),
                StepSpec::Magnitude,
                slaney.clone(),
                StepSpec::Pcen(energy),
                frames(),
            ]),
            12,
        ),
        (
            spec(vec![
                emphasis(Emphasized::Frame),
                window(WindowShape::Rectangular, false),
                fft(),
                StepSpec::Power,
                slaney,
                log(LogBase::Decibel),
                StepSpec::Dct { coefficients: 8, norm: DctNorm::Ortho },
                frames(),
                normal(Over::Coefficient, true),
            ]),
            8,
        ),
        (
            spec(vec![
                window(WindowShape::Hann, true),
                fft(),
                StepSpec::Power,
                log(LogBase::Ten),
                frames(),
                normal(Over::All, false),
            ]),
            129,
        ),
    ];
    for (spec, width) in cases {
        let report = report(&python, &written(&spec), &spec, width);
        assert_eq!(report.drift, None, "{report:#?}");
        assert!(report.quantized.as_ref().unwrap().max <= 1, "{:?}", report.quantized);
        for step in report.steps.iter().filter(|step| !["frames", "quantize"].contains(&&step.name[..])) {
            let error = step.error.as_ref().unwrap_or_else(|| panic!("no array of {}", step.name));
            assert!(error.relative < TOLERANCE / 10.0, "{}: {error:?}", step.name);
        }
    }
}

#[test]
fn a_mistake_of_the_training_side_is_named() {
    let Some(python) = python() else { return };
    let ours = cepstral(MelScale::Htk);
    let drift = |script: &str| report(&python, script, &ours, 10).drift.unwrap();
    let right = written(&ours);
    let changed = |from: &str, to: &str| {
        assert!(right.contains(from), "{right}");
        drift(&right.replace(from, to))
    };
    let symmetric = changed("np.arange(SIZE) / SIZE", "np.arange(SIZE) / (SIZE - 1)");
    let found = symmetric.found.as_deref();
    assert_eq!((&symmetric.step[..], found), ("window", Some("their window is a symmetric Hann window")));
    assert_eq!(drift(&written(&cepstral(MelScale::Slaney))).step, "mel");
    let decibel = changed("np.log(numbers)", "10 * np.log10(numbers)");
    assert_eq!(&decibel.step[..], "log");
    assert!(decibel.found.unwrap().contains("decibels of a power, and not a natural logarithm"));
    assert_eq!(changed("n=256", "n=256, norm=\"forward\"").found.unwrap(), "theirs are ours times 0.00390625");
    let dct = changed("np.sqrt(2 / bands) * np.cos", "2 * np.cos");
    assert_eq!((&dct.step[..], &dct.unseen[..]), ("dct", &[][..]));
    let scale = changed("np.float32(0.11)", "np.float32(0.15)");
    assert_eq!(&scale.step[..], "frames");
}

#[test]
fn a_chain_that_cuts_nothing_is_refused_by_name() {
    let input = Input { name: "in".to_owned(), dtype: TensorType::Int8, quantization: None };
    let refused = script("x", &spec(vec![]), &input).unwrap_err().to_string();
    assert!(refused.starts_with("`window` is not written in Python by this version; save its array"), "{refused}");
    assert_eq!(quoted("a\"\\\u{e9}"), "\"a\\\"\\\\\\U000000e9\"");
}
