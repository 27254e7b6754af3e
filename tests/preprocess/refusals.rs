//! Steps that do not go together: each names the step, what is wrong and the way out.

use deployctl::model::pipeline::{
    DctNorm, Emphasized, Energy, FrontEnd, FrontEndOutput, FrontEndTables, LogBase, MelBands, MelNorm, MelScale,
    MelSlopes, Over, StepSpec, WindowShape,
};

use crate::chain::{RATE, floats, hann, int8, joined};

fn fft(points: usize) -> StepSpec {
    StepSpec::Fft { points }
}

fn mel(bands: usize, low: f32, high: f32) -> StepSpec {
    let (scale, slopes, norm) = (MelScale::Htk, MelSlopes::Mel, MelNorm::None);
    StepSpec::Mel(MelBands { bands, low, high: Some(high), scale, slopes, norm })
}

fn log(floor: f32) -> StepSpec {
    StepSpec::Log { base: LogBase::Natural, offset: 0.0, floor }
}

fn pre_emphasis(per: Emphasized) -> StepSpec {
    StepSpec::PreEmphasis { coefficient: 0.97, per }
}

fn front_end(size: usize, channels: usize, low: f32, high: f32) -> FrontEnd {
    FrontEnd {
        tables: FrontEndTables::LitertMicro,
        size,
        stride: 320,
        channels,
        low,
        high,
        even_smoothing: 0.025,
        odd_smoothing: 0.06,
        min_signal_remaining: 0.05,
        pcan: None,
        output: FrontEndOutput::Float32,
    }
}

/// Which step is refused, and why.
fn refused(steps: Vec<StepSpec>, port: &[usize]) -> (Option<usize>, String) {
    let wrong = joined(RATE, steps, floats(port)).unwrap_err();
    assert!(!wrong.advice.is_empty());
    (wrong.step, wrong.reason)
}

#[test]
fn spectra() {
    let reason = "an FFT of 256 points leaves out samples of frames that have 480";
    assert_eq!(refused(vec![hann(), fft(256)], &[129, 2]), (Some(1), reason.to_owned()));
    let reason = "there is no FFT of 514 points here";
    assert_eq!(refused(vec![hann(), fft(514)], &[258, 2]), (Some(1), reason.to_owned()));
    let reason = "`power` is of a spectrum, and here is none";
    assert_eq!(refused(vec![hann(), StepSpec::Power], &[480]), (Some(1), reason.to_owned()));
    let reason = "bands are of a spectrum, and here is none";
    assert_eq!(refused(vec![hann(), mel(10, 20.0, 4000.0)], &[10]), (Some(1), reason.to_owned()));
    let reason = "complex numbers have no logarithm here";
    assert_eq!(refused(vec![hann(), fft(512), log(1e-6)], &[257, 2]), (Some(2), reason.to_owned()));
}

#[test]
fn bands() {
    let bands = |step| refused(vec![hann(), fft(512), StepSpec::Power, step], &[40]);
    let reason = "the spectrum ends at 8000 Hz, half the rate, and bands would go up to 8001 Hz";
    assert_eq!(bands(mel(40, 20.0, 8001.0)), (Some(3), reason.to_owned()));
    let reason = "bands would go from 4000 Hz up to 4000 Hz";
    assert_eq!(bands(mel(40, 4000.0, 4000.0)), (Some(3), reason.to_owned()));
    let reason = "band 0, from 20.0 to 49.9 Hz, is empty: frequencies of this FFT are 31.2 Hz apart";
    let (step, found) = bands(mel(128, 20.0, 4000.0));
    assert_eq!((step, found.split(',').next_back()), (Some(3), reason.split(',').next_back()), "{found}");
    assert!(found.starts_with("band "), "{found}");
}

#[test]
fn features() {
    let features = |step| refused(vec![hann(), fft(512), StepSpec::Power, mel(40, 20.0, 4000.0), step], &[40]);
    let dct = StepSpec::Dct { coefficients: 41, norm: DctNorm::Ortho };
    assert_eq!(features(dct), (Some(4), "there are 41 coefficients of 40 bands".to_owned()));
    let reason = "with an offset of 0 and a floor of 0, silence has no logarithm";
    assert_eq!(features(log(0.0)), (Some(4), reason.to_owned()));
    let energy = Energy { gain: 0.98, bias: 2.0, power: 0.0, time_constant: 0.4, epsilon: 1e-6, scale: 1.0 };
    assert_eq!(features(StepSpec::Pcen(energy)), (Some(4), "this is no normalization".to_owned()));
    let normalize = StepSpec::Normalize { over: Over::All, variance: true, epsilon: 1e-6 };
    let reason = "means and deviations are over all float32 frames of an inference, and here is only one";
    assert_eq!(features(normalize), (Some(4), reason.to_owned()));
    let frames = StepSpec::Frames { count: 1, advance: 1 };
    let dct = StepSpec::Dct { coefficients: 10, norm: DctNorm::Ortho };
    let (step, reason) = refused(vec![hann(), frames, dct], &[10]);
    assert_eq!((step, &reason[..]), (Some(2), "`dct` takes one row of float32, and here is float32 [1, 480]"));
}

#[test]
fn pre_emphasis_and_its_window() {
    let reason = "pre-emphasis is of samples, before they are weighed";
    assert_eq!(refused(vec![hann(), pre_emphasis(Emphasized::Frame)], &[480]), (Some(1), reason.to_owned()));
    assert_eq!(refused(vec![pre_emphasis(Emphasized::Stream)], &[480]), (Some(0), reason.to_owned()));
    let apart = StepSpec::Window { shape: WindowShape::Hann, symmetric: false, size: 100, stride: 101 };
    let reason = "the sample before a frame is in no frame: they have 100 samples, one every 101";
    assert_eq!(refused(vec![pre_emphasis(Emphasized::Stream), apart], &[100]), (Some(1), reason.to_owned()));
}

#[test]
fn the_front_end() {
    let refused = |p: FrontEnd| refused(vec![StepSpec::FrontEnd(p.clone())], &[p.channels]);
    let reason = "the front end does not take frames of 32 samples";
    assert_eq!(refused(front_end(32, 40, 125.0, 7500.0)), (Some(0), reason.to_owned()));
    let reason = "the last channel takes frequencies up to half the rate, 8000 Hz";
    assert_eq!(refused(front_end(480, 40, 125.0, 8000.0)), (Some(0), reason.to_owned()));
    let (step, reason) = refused(front_end(480, 128, 125.0, 7500.0));
    assert_eq!((step, reason.contains("is empty")), (Some(0), true), "{reason}");
    let int8_features = FrontEnd { output: FrontEndOutput::Int8, ..front_end(480, 40, 125.0, 7500.0) };
    let wrong = joined(RATE, vec![StepSpec::FrontEnd(int8_features)], int8(&[40], 0.2, -128)).unwrap_err();
    assert_eq!(wrong.advice, "write `output=\"float32\"`: features are then quantized as the model's input is");
}
