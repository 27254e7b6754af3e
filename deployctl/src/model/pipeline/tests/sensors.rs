//! Samples of sensors.

use ::preprocess::Statistic;

use super::super::sensor::{Samples, Step};
use super::*;

fn spec(channels: usize, dtype: TensorType, scale: f32, steps: Vec<StepSpec>) -> Spec {
    let source = Source::Sensor(Samples { rate_millihertz: 100_000, channels, dtype, scale });
    Spec { input: None, source, steps }
}

fn steps(steps: &[Step]) -> Vec<StepSpec> {
    steps.iter().cloned().map(StepSpec::Sensor).collect()
}

fn samples(values: &[i16]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

const WINDOW: Step = Step::Window { samples: 4, stride: 2 };
const REAL: TensorType = TensorType::Float32;

#[test]
fn windows_of_two_channels_overlap() {
    let standardize = Step::Standardize { declared: Some((vec![1.0, 0.0], vec![0.5, 100.0])) };
    let spec = spec(2, TensorType::Int16, 0.5, steps(&[WINDOW, Step::Detrend { linear: true }, standardize]));
    let mut chain = Chain::new(join(&spec, &model(&form(REAL, &[1, 4, 2], None))).unwrap());
    assert_eq!(chain.names(), ["frame", "window", "detrend", "standardize", "frames", "RELU"]);
    let hops = chain.read.graph.hops().unwrap();
    assert_eq!((hops.first, hops.frames, hops.total()), (2, 1, 2));
    assert_eq!(chain.read.graph.tensor(hops.input).shape, [2, 2]);
    assert_eq!(chain.hop(&samples(&[2, 100, 4, -100])).len(), 3, "no window is complete yet");
    let written = chain.hop(&samples(&[8, 100, -6, -100]));
    assert_eq!(floats(of(&written, "preprocess/window")), [1.0, 50.0, 2.0, -50.0, 4.0, 50.0, -3.0, -50.0]);
    // numpy: slopes -1 and -20.
    let detrended = floats(of(&written, "preprocess/detrend"));
    close(&detrended, &[-1.5, 20.0, 0.5, -60.0, 3.5, 60.0, -2.5, -20.0]);
    let rows = floats(of(&written, "in"));
    close(&rows, &[-5.0, 0.2, -1.0, -0.6, 5.0, 0.6, -7.0, -0.2]);
    assert_eq!(of(&written, "preprocess/due"), [1]);
    let output = chain.infer(&[]);
    close(&floats(of(&output, "out")), &[0.0, 0.2, 0.0, 0.0, 5.0, 0.6, 0.0, 0.0]);
}

/// numpy's `abs(rfft(x, axis=0)).T` and statistics, of the same window.
#[test]
fn features_lie_beside_each_other() {
    let statistics = Step::Statistics { wanted: vec![Statistic::Mean, Statistic::Std] };
    let features = spec(
        2,
        TensorType::Int16,
        0.5,
        steps(&[WINDOW, Step::Fft { points: None, window: None, symmetric: false }, statistics]),
    );
    assert!(join(&features, &model(&form(REAL, &[1, 10], None))).is_ok(), "one row after the other");
    assert!(join(&features, &model(&form(REAL, &[1, 5, 2], None))).is_err());
    let mut chain = Chain::new(join(&features, &model(&form(REAL, &[1, 2, 5], None))).unwrap());
    chain.hop(&samples(&[2, 100, 4, -100]));
    let written = chain.hop(&samples(&[8, 100, -6, -100]));
    close(&floats(of(&written, "preprocess/fft")), &[4.0, 5.830_952, 6.0, 0.0, 0.0, 200.0]);
    let expected = [4.0, 5.830_952, 6.0, 1.0, 2.549_509_8, 0.0, 0.0, 200.0, 0.0, 50.0];
    close(&floats(of(&written, "in")), &expected);
    // Hann's weights 0, 1/2, 1, 1/2 of 1, 2, 4, -3 and 50, -50, 50, -50.
    let weighed = Step::Fft { points: None, window: Some(WindowShape::Hann), symmetric: false };
    let hann = spec(2, TensorType::Int16, 0.5, steps(&[WINDOW, weighed]));
    let mut chain = Chain::new(join(&hann, &model(&form(REAL, &[1, 2, 3], None))).unwrap());
    assert_eq!(chain.names()[..6], ["frame", "window", "channels", "fft-window", "spectrum", "fft"]);
    chain.hop(&samples(&[2, 100, 4, -100]));
    let written = chain.hop(&samples(&[8, 100, -6, -100]));
    close(&floats(of(&written, "preprocess/fft-window")), &[0.0, 1.0, 4.0, -1.5, 0.0, -25.0, 50.0, -25.0]);
    close(&floats(of(&written, "in")), &[3.5, 4.716_990_6, 4.5, 0.0, 50.0, 100.0]);
    // A window of five samples, with a zero behind it.
    let five = Step::Window { samples: 5, stride: 5 };
    let padded =
        spec(2, TensorType::Int16, 1.0, steps(&[five, Step::Fft { points: None, window: None, symmetric: false }]));
    let mut chain = Chain::new(join(&padded, &model(&form(REAL, &[2, 4], None))).unwrap());
    let written = chain.hop(&samples(&[2, 0, 4, 1, 8, 0, -6, 0, 1, 0]));
    close(&floats(of(&written, "in")), &[9.0, 11.0, 10.816_654, 13.0, 1.0, 1.0, 1.0, 1.0]);
}

#[test]
fn rows_of_features_make_one_input() {
    let mut steps = steps(&[WINDOW, Step::Statistics { wanted: vec![Statistic::Max] }]);
    steps.push(StepSpec::Frames { count: 2, advance: 1 });
    let port = form(TensorType::Int8, &[1, 2, 1], Some((0.5, 3)));
    let mut chain = Chain::new(join(&spec(1, TensorType::Int16, 1.0, steps), &model(&port)).unwrap());
    assert_eq!(chain.names(), ["frame", "window", "statistics", "quantize", "frames", "DEQUANTIZE"]);
    for hop in [[1, 2], [3, 4], [30_000, 0]] {
        chain.hop(&samples(&hop));
    }
    assert_eq!(floats(of(&chain.infer(&[]), "out")), [4.0, 62.0], "the second saturates");
}

#[test]
fn what_is_no_number_saturates() {
    let bytes: Vec<u8> =
        [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 1.0].iter().flat_map(|number| number.to_le_bytes()).collect();
    let four = Step::Window { samples: 4, stride: 4 };
    let port = form(TensorType::Int8, &[4], Some((1.0, 0)));
    let mut chain = Chain::new(join(&spec(1, REAL, 1.0, steps(std::slice::from_ref(&four))), &model(&port)).unwrap());
    let written = chain.hop(&bytes);
    assert_eq!(of(&written, "in"), [0, 127, 128, 1]);
    for step in [Step::Detrend { linear: true }, Step::Standardize { declared: None }] {
        let spec = spec(1, REAL, 3.0, steps(&[four.clone(), step]));
        let mut chain = Chain::new(join(&spec, &model(&form(REAL, &[4], None))).unwrap());
        let written = chain.hop(&bytes);
        assert!(floats(of(&written, "in")).iter().all(|number| number.is_finite()), "{written:?}");
    }
    let wanted = Statistic::ALL.to_vec();
    let spec = spec(
        1,
        REAL,
        3.0,
        steps(&[four, Step::Fft { points: None, window: None, symmetric: false }, Step::Statistics { wanted }]),
    );
    let mut chain = Chain::new(join(&spec, &model(&form(REAL, &[14], None))).unwrap());
    assert!(floats(of(&chain.hop(&bytes), "in")).iter().all(|number| number.is_finite()));
}

#[test]
fn steps_that_do_not_go_together_are_refused() {
    let port = form(REAL, &[1, 4, 2], None);
    let wrong = |list: &[Step]| build(&spec(2, TensorType::Int16, 1.0, steps(list)), &port).unwrap_err();
    assert_eq!(wrong(&[]).to_string(), "nothing cuts the stream; begin with a `window`");
    let early = wrong(&[Step::Detrend { linear: false }]);
    assert_eq!((early.step, &early.advice[..]), (Some(0), "begin with `window samples=128 stride=64`"));
    let statistics = Step::Statistics { wanted: vec![Statistic::Mean] };
    let late = wrong(&[WINDOW, statistics.clone(), Step::Detrend { linear: false }]);
    assert_eq!(
        (late.step, late.to_string()),
        (Some(2), "`detrend` takes a window, and here are features; put it before them".to_owned())
    );
    let three = Step::Standardize { declared: Some((vec![0.0; 3], vec![1.0])) };
    let channels = wrong(&[WINDOW, three]);
    assert_eq!((channels.step, &channels.advice[..]), (Some(1), "write 1 of each, 2 or 8"));
    let short = wrong(&[WINDOW, Step::Fft { points: Some(14), window: None, symmetric: false }]);
    assert_eq!((short.step, &short.advice[..]), (Some(1), "take 4, or leave `points` out"));
    let seven = Step::Window { samples: 7, stride: 7 };
    let few = wrong(&[seven, Step::Fft { points: Some(6), window: None, symmetric: false }]);
    assert_eq!(few.reason, "an FFT of 6 points leaves out samples of a window of 7");
    let long = wrong(&[Step::Window { samples: 40_000, stride: 1 }]);
    assert_eq!((long.step, &long.advice[..]), (Some(0), "take at most 32768, or fewer samples a second"));
    let shape = wrong(&[WINDOW, statistics]);
    assert_eq!(shape.reason, "the steps give float32 [1, 2, 1], and the model's input is float32 [1, 4, 2]");
    let settled = Step::Standardize { declared: Some((vec![0.0], vec![1.0])) };
    let closed = wrong(&[
        WINDOW,
        Step::Fft { points: None, window: None, symmetric: false },
        settled,
        Step::Fft { points: None, window: None, symmetric: false },
    ]);
    assert_eq!((closed.step, &closed.advice[..]), (Some(3), "put it before `standardize`"));
}
