//! Steps of sound, as manifests write them.

use super::{Project, edited, rendered};
use crate::model::pipeline::{
    DctNorm, Emphasized, FrontEndOutput, FrontEndTables, LogBase, MelBands, MelNorm, MelScale, MelSlopes, StepSpec,
};

/// The steps of a manifest whose model input is int8 of 49 rows of 10; or what is wrong, as people read it.
fn steps(text: &str) -> Result<Vec<StepSpec>, String> {
    let node = format!("preprocess \"audio\" rate=16000 {{\n{text}\n}}\nruntime");
    let manifest = Project::new().load(edited(&[("runtime", &node)])).map_err(|errors| rendered(&errors))?;
    Ok(manifest.preprocess.unwrap().spec.steps)
}

/// What is wrong, on one line.
fn problem(text: &str) -> String {
    let rendered = steps(text).expect_err(text);
    rendered.split_whitespace().filter(|word| *word != "│").collect::<Vec<_>>().join(" ")
}

#[test]
fn coefficients_with_every_default() {
    let text =
        "pre-emphasis 0.97; window \"hann\" ms=40 stride-ms=20; fft 1024; power\nmel bands=40; log; dct 10; frames 49";
    let steps = steps(text).unwrap();
    let names: Vec<&str> = steps.iter().map(StepSpec::name).collect();
    assert_eq!(names, ["pre-emphasis", "window", "fft", "power", "mel", "log", "dct", "frames"]);
    assert_eq!(steps[0], StepSpec::PreEmphasis { coefficient: 0.97, per: Emphasized::Stream });
    let (scale, slopes, norm) = (MelScale::Htk, MelSlopes::Mel, MelNorm::None);
    assert_eq!(steps[4], StepSpec::Mel(MelBands { bands: 40, low: 0.0, high: None, scale, slopes, norm }));
    assert_eq!(steps[5], StepSpec::Log { base: LogBase::Natural, offset: 0.0, floor: 1e-6 });
    assert_eq!(steps[6], StepSpec::Dct { coefficients: 10, norm: DctNorm::Ortho });
}

#[test]
fn options_of_bands_and_logarithms() {
    let text = "window \"hamming\" samples=400 stride=160 symmetric=#true; fft 512; magnitude
        mel bands=10 low=20 high=4000.5 scale=\"slaney\"; log \"db\" offset=1; frames 49";
    let steps = steps(text).unwrap();
    let (scale, slopes, norm) = (MelScale::Slaney, MelSlopes::Hz, MelNorm::Slaney);
    assert_eq!(steps[3], StepSpec::Mel(MelBands { bands: 10, low: 20.0, high: Some(4000.5), scale, slopes, norm }));
    assert_eq!(steps[4], StepSpec::Log { base: LogBase::Decibel, offset: 1.0, floor: f32::MIN_POSITIVE });
}

#[test]
fn the_front_end() {
    let steps = steps("frontend \"microfrontend\" channels=10 output=\"float32\" pcan=#false; frames 49").unwrap();
    let StepSpec::FrontEnd(p) = &steps[0] else { panic!("{steps:?}") };
    assert_eq!((p.size, p.stride, p.channels, p.low, p.high), (480, 320, 10, 125.0, 7500.0));
    assert_eq!((p.tables, p.output), (FrontEndTables::Microfrontend, FrontEndOutput::Float32));
    assert!(p.pcan.is_none());
    let wrong = problem("frontend \"litert-micro\" channels=10; frames 49");
    assert!(wrong.contains("write `output=\"float32\"`"), "{wrong}");
}

#[test]
fn mistakes_stand_at_their_steps() {
    let window = "window \"hann\" ms=30 stride-ms=20";
    for (text, message) in [
        (format!("{window}; fft 256"), "an FFT of 256 points leaves out samples of frames that have 480"),
        (format!("{window}; fft 16"), "the value of `fft` is out of range"),
        (format!("{window}; fft 512; power; mel bands=200"), "is empty: frequencies of this FFT are 31.2 Hz apart"),
        (format!("{window}; fft 512; mel bands=9 high=9000"), "the spectrum ends at 8000 Hz, half the rate"),
        (format!("{window}; fft 512; mel bands=9; dct 10"), "there are 10 coefficients of 9 bands"),
        (format!("pre-emphasis 1.5; {window}"), "the value of `pre-emphasis` is out of range"),
        (format!("{window}; log floor=0"), "`floor` of `log` is out of range"),
        (format!("{window}; log floor=1 offset=1"), "`floor` and `offset` exclude each other"),
        (format!("{window}; normalize"), "here is only one"),
        (format!("{window}; mell bands=10"), "mell"),
    ] {
        let wrong = problem(&text);
        assert!(wrong.contains(message), "{text}\n{wrong}");
    }
}
