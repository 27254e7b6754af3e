//! Float32 steps against librosa, `SciPy`, `TensorFlow` and Kaldi's formula.

use deployctl::model::pipeline::{
    DctNorm, Emphasized, Energy, LogBase, MelBands, MelNorm, MelScale, MelSlopes, Over, StepSpec, WindowShape,
};

use crate::chain::{RATE, Stages, floats, hann, int8, recorded, run, samples, window};

const FILE: &[u8] = include_bytes!("sound.npz");
/// Of spectra every sixth frame is recorded.
const SPECTRA: usize = 6;

/// A recorded array, a stage, and bounds of the largest and of the mean error.
struct Case {
    array: &'static str,
    stage: &'static str,
    every: usize,
    most: f64,
    mean: f64,
}

fn case(array: &'static str, stage: &'static str, every: usize, most: f64, mean: f64) -> Case {
    Case { array, stage, every, most, mean }
}

fn pre_emphasis(per: Emphasized) -> StepSpec {
    StepSpec::PreEmphasis { coefficient: 0.97, per }
}

fn bank(scale: MelScale, slopes: MelSlopes, norm: MelNorm, high: f32) -> StepSpec {
    StepSpec::Mel(MelBands { bands: 40, low: 20.0, high: Some(high), scale, slopes, norm })
}

fn log_mel_of_tensorflow() -> Vec<StepSpec> {
    vec![
        hann(),
        StepSpec::Fft { points: 512 },
        StepSpec::Magnitude,
        bank(MelScale::Htk, MelSlopes::Mel, MelNorm::None, 4000.0),
        StepSpec::Log { base: LogBase::Natural, offset: 1e-6, floor: f32::MIN_POSITIVE },
    ]
}

/// Compares stages with the recorded arrays, and prints a row of the table for each.
fn compare(stages: &Stages, cases: &[Case]) {
    for Case { array, stage, every, most, mean } in cases {
        let (ours, theirs) = (&stages[*stage], recorded(FILE, array));
        // The recorded arrays are of 24 frames; `frames` gives all of them as one.
        let rows = if ours.len() == 1 { theirs.concat().len() } else { theirs[0].len() };
        let ours: Vec<f64> = ours.iter().step_by(*every).flatten().copied().collect();
        let theirs: Vec<f64> = theirs.concat();
        assert_eq!((ours.len(), theirs.len() % rows), (theirs.len(), 0), "{array}");
        let errors: Vec<f64> = ours.iter().zip(&theirs).map(|(a, b)| (a - b).abs()).collect();
        let worst = errors.iter().copied().fold(0.0, f64::max);
        #[expect(clippy::cast_precision_loss, reason = "some thousand numbers")]
        let average = errors.iter().sum::<f64>() / errors.len() as f64;
        let largest = theirs.iter().fold(0.0, |most: f64, number| most.max(number.abs()));
        println!("| {array} | {stage} | {largest:.3} | {worst:.1e} | {average:.1e} |");
        assert!(worst <= *most && average <= *mean, "{array}: {worst:e} > {most:e}, or {average:e} > {mean:e}");
    }
}

#[test]
fn librosa_mfcc() {
    let steps = vec![
        pre_emphasis(Emphasized::Stream),
        hann(),
        StepSpec::Fft { points: 512 },
        StepSpec::Power,
        bank(MelScale::Slaney, MelSlopes::Hz, MelNorm::Slaney, 7600.0),
        StepSpec::Log { base: LogBase::Decibel, offset: 0.0, floor: 1e-10 },
        StepSpec::Dct { coefficients: 13, norm: DctNorm::Ortho },
    ];
    let stages = run(RATE, steps, floats(&[13]), &samples(FILE));
    compare(
        &stages,
        &[
            case("librosa.pre-emphasis", "pre-emphasis", SPECTRA, 1e-7, 1e-8),
            case("librosa.window", "window", SPECTRA, 1e-7, 1e-8),
            case("librosa.power", "power", SPECTRA, 3e-4, 1e-6),
            case("librosa.mel-slaney", "mel", 1, 1e-4, 2e-7),
            case("librosa.log-db", "log", 1, 3e-3, 5e-5),
            case("librosa.dct-ortho", "dct", 1, 1e-3, 1e-4),
        ],
    );
}

#[test]
fn librosa_pcen() {
    let energy =
        Energy { gain: 0.98, bias: 2.0, power: 0.5, time_constant: 0.4, epsilon: 1e-6, scale: 2_147_483_648.0 };
    let steps = vec![
        pre_emphasis(Emphasized::Stream),
        hann(),
        StepSpec::Fft { points: 512 },
        StepSpec::Power,
        bank(MelScale::Htk, MelSlopes::Hz, MelNorm::None, 4000.0),
        StepSpec::Pcen(energy),
    ];
    let stages = run(RATE, steps, floats(&[40]), &samples(FILE));
    compare(&stages, &[case("librosa.mel-htk", "mel", 1, 3e-4, 4e-6), case("librosa.pcen", "pcen", 1, 5e-4, 3e-6)]);
}

#[test]
fn tensorflow_mfcc() {
    let mut steps = log_mel_of_tensorflow();
    steps.push(StepSpec::Dct { coefficients: 10, norm: DctNorm::Htk });
    let stages = run(RATE, steps, floats(&[10]), &samples(FILE));
    compare(
        &stages,
        &[
            case("tensorflow.fft", "fft", SPECTRA, 4e-6, 4e-7),
            case("tensorflow.magnitude", "magnitude", SPECTRA, 4e-6, 4e-7),
            case("tensorflow.mel-htk", "mel", 1, 5e-4, 1e-5),
            case("tensorflow.log", "log", 1, 1e-4, 5e-6),
            case("tensorflow.dct-htk", "dct", 1, 1e-4, 1e-5),
        ],
    );
}

#[test]
fn mean_and_variance_of_an_inference() {
    for (over, array) in [(Over::Coefficient, "numpy.normalize-coefficient"), (Over::All, "numpy.normalize-all")] {
        let mut steps = log_mel_of_tensorflow();
        steps.push(StepSpec::Frames { count: 24, advance: 24 });
        steps.push(StepSpec::Normalize { over, variance: true, epsilon: 1e-6 });
        let stages = run(RATE, steps, floats(&[1, 24, 40, 1]), &samples(FILE));
        compare(&stages, &[case(array, "normalize", 1, 2e-5, 3e-6)]);
    }
}

#[test]
fn windows_and_pre_emphasis_of_frames() {
    let only = |steps, cases: &[Case]| compare(&run(RATE, steps, floats(&[480]), &samples(FILE)), cases);
    only(
        vec![window(WindowShape::Hamming, false)],
        &[case("tensorflow.window-hamming", "window", SPECTRA, 1e-7, 1e-8)],
    );
    only(
        vec![pre_emphasis(Emphasized::Stream), window(WindowShape::Hamming, true)],
        &[case("scipy.symmetric", "window", SPECTRA, 1e-7, 1e-8)],
    );
    only(
        vec![pre_emphasis(Emphasized::Frame), window(WindowShape::Rectangular, false)],
        &[
            case("kaldi.pre-emphasis", "pre-emphasis", SPECTRA, 1e-7, 1e-8),
            case("kaldi.pre-emphasis", "window", SPECTRA, 1e-7, 1e-8),
        ],
    );
}

#[test]
fn silence_is_the_floor_and_loud_sound_saturates() {
    let samples: Vec<i16> =
        (0..4800).map(|at| if at < 2400 { 0 } else { [i16::MIN, i16::MAX][usize::from(at % 8 < 4)] }).collect();
    let mut steps = log_mel_of_tensorflow();
    steps.push(StepSpec::Frames { count: 1, advance: 1 });
    // One unit is the floor's size: everything loud is above 127.
    let stages = run(RATE, steps, int8(&[1, 40], 0.02, 0), &samples);
    let floor = f64::from(1e-6_f32.ln());
    assert!(stages["log"][0].iter().all(|&number| (number - floor).abs() < 1e-5), "{:?}", stages["log"][0]);
    assert!(stages["log"].iter().flatten().all(|number| number.is_finite()));
    assert!(stages["quantize"][0].iter().all(|&number| number <= -128.0));
    let loud = stages["quantize"].last().unwrap();
    assert!(loud.contains(&127.0) && loud.iter().all(|&number| number >= -128.0), "{loud:?}");
}
