//! Steps of sensors.

use ::preprocess::Statistic;

use super::*;
use crate::model::pipeline::sensor::{Samples, Step};

fn spec(channels: usize, dtype: TensorType, steps: Vec<Step>, frames: Option<usize>) -> Spec {
    let source = Source::Sensor(Samples { rate_millihertz: 62_500, channels, dtype, scale: 0.25 });
    let steps = steps.into_iter().map(StepSpec::Sensor);
    let frames = frames.map(|count| StepSpec::Frames { count, advance: 1 });
    Spec { input: None, source, steps: steps.chain(frames).collect() }
}

/// Every step is recorded, and ours but for rounding.
fn same(python: &str, spec: &Spec, port: &Tensor, steps: &[&str]) {
    let quantization = port.quantization.as_ref().map(|found| (found.scales[0], found.zero_points[0]));
    let input = Input { name: port.name.clone(), dtype: port.dtype, quantization };
    let text = script("x", spec, &input).unwrap();
    let Source::Sensor(samples) = &spec.source else { unreachable!("a sensor") };
    let dtype = samples.dtype.name();
    let clips = format!(
        "[rng.normal(300, 2000, (features.SAMPLES, features.CHANNELS)).round().astype(np.{dtype}) for _ in range(3)]"
    );
    let report = compared(python, &text, spec, port, &clips);
    let names: Vec<&str> = report.steps.iter().filter(|step| step.error.is_some()).map(|step| &step.name[..]).collect();
    assert_eq!(names, steps, "{text}");
    assert_eq!(report.drift, None, "{report:#?}\n{text}");
    for error in report.steps.iter().filter_map(|step| step.error.as_ref()) {
        assert!(error.relative < TOLERANCE / 10.0, "{error:?}\n{text}");
    }
    assert!(report.quantized.is_none_or(|quantized| quantized.max <= 1));
}

fn window(samples: usize, stride: usize) -> Step {
    Step::Window { samples, stride }
}

#[test]
fn features_of_windows() {
    let Some(python) = python() else { return };
    let all = Step::Statistics { wanted: Statistic::ALL.to_vec() };
    let int8 = |shape: &[usize]| port(TensorType::Int8, shape.to_vec(), Some((90.0, 4)));
    let fft = || Step::Fft { points: None, window: None, symmetric: false };
    let linear = Step::Detrend { linear: true };
    let three = spec(3, TensorType::Int16, vec![window(40, 16), linear, all.clone(), fft()], Some(4));
    let names = ["frame", "window", "detrend", "statistics", "channels", "spectrum", "fft", "features", "frames"];
    same(&python, &three, &int8(&[4, 3, 32]), &names);
    let hann = Step::Fft { points: None, window: Some(WindowShape::Hann), symmetric: false };
    let weighed = spec(3, TensorType::Int16, vec![window(40, 16), hann], None);
    let names = ["frame", "window", "channels", "fft-window", "spectrum", "fft", "frames"];
    same(&python, &weighed, &int8(&[3, 21]), &names);
    // One channel, windows with gaps between them, and an FFT with zeros behind.
    let own = Step::Standardize { declared: None };
    let points = Step::Fft { points: Some(48), window: Some(WindowShape::Hamming), symmetric: true };
    let one = spec(1, TensorType::Float32, vec![window(20, 32), Step::Detrend { linear: false }, own, points], None);
    let float = |shape: &[usize]| port(TensorType::Float32, shape.to_vec(), None);
    same(
        &python,
        &one,
        &float(&[1, 25]),
        &["frame", "window", "detrend", "standardize", "fft-window", "spectrum", "fft"],
    );
}

#[test]
fn declared_means() {
    let Some(python) = python() else { return };
    let declared = |count: u8| {
        let numbers = |from: f32| (0..count).map(|at| from + f32::from(at)).collect::<Vec<_>>();
        Step::Standardize { declared: Some((numbers(-3.0), numbers(9.0))) }
    };
    let float = |shape: &[usize]| port(TensorType::Float32, shape.to_vec(), None);
    for count in [1, 2, 12] {
        let steps = spec(2, TensorType::Int16, vec![window(6, 3), declared(count)], Some(3));
        same(&python, &steps, &float(&[3, 6, 2]), &["frame", "window", "standardize"]);
    }
}
