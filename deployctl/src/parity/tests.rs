//! Mistakes that people make on the training side, and the step that is named.

use std::f64::consts::TAU;

use super::compare::count;
use super::*;
use crate::model::pipeline::{Source, Spec, StepSpec, WindowShape, join};
use crate::model::{Graph, Quantization, Read, Refusal, Step, Tensor, TensorId, TensorType, lower};
use crate::vectors::array::{Arrays, tests::archive};

const SIZE: usize = 32;
const STRIDE: usize = 16;
const FRAMES: usize = 5;
const SCALE: f32 = 0.01;

fn tensor() -> Tensor {
    Tensor {
        name: "in".to_owned(),
        dtype: TensorType::Int8,
        shape: vec![1, FRAMES, SIZE, 1],
        signature: vec![],
        variable: false,
        unpacked_from: None,
        quantization: Some(Quantization { scales: vec![SCALE], zero_points: vec![3], dimension: 0 }),
        constant: None,
    }
}

/// A stream whose windowed frames are the model's input.
fn pipeline() -> (Graph, Vec<Result<Step, Refusal>>, Vec<u8>) {
    let (inputs, outputs) = (vec![TensorId(0)], vec![TensorId(0)]);
    let graph = Graph { tensors: vec![tensor()], operators: vec![], inputs, outputs, pipeline: None };
    let window = StepSpec::Window { shape: WindowShape::Hann, symmetric: false, size: SIZE, stride: STRIDE };
    let steps = vec![window, StepSpec::Frames { count: FRAMES, advance: 1 }];
    let spec = Spec { input: None, source: Source::Audio { rate: 16_000 }, steps };
    let Read { graph, weights } = join(&spec, &Read { graph, weights: vec![] }).unwrap();
    let steps = lower(&graph, &weights);
    (graph, steps, weights)
}

/// Samples of two vectors.
#[expect(clippy::cast_possible_truncation, reason = "a sample of 16 bits")]
fn samples() -> Vec<Vec<i16>> {
    let len = STRIDE * (FRAMES + 1);
    let sample = |vector: usize, at: usize| {
        let at = count(at) + 100.0 * count(vector);
        (12_000.0 * libm::sin(at * 0.31) + 9_000.0 * libm::cos(at * 0.07 + 1.0)) as i16
    };
    (0..2).map(|vector| (0..len).map(|at| sample(vector, at)).collect()).collect()
}

fn raw() -> Vec<Vec<u8>> {
    samples().iter().map(|vector| vector.iter().flat_map(|sample| sample.to_le_bytes()).collect()).collect()
}

/// What a training side computes, in its own way.
#[derive(Clone, Copy)]
struct Training {
    stride: usize,
    period: usize,
    terms: (f64, f64),
    samples: f64,
    scale: f64,
}

const RIGHT: Training =
    Training { stride: STRIDE, period: SIZE, terms: (0.5, 0.5), samples: 1.0 / 32_768.0, scale: SCALE as f64 };

impl Training {
    #[expect(clippy::cast_possible_truncation, reason = "arrays are float32")]
    fn arrays(self) -> (Vec<f32>, Vec<f32>) {
        let mut windowed = Vec::new();
        for vector in samples() {
            for frame in 0..FRAMES {
                for at in 0..SIZE {
                    let weight = self.terms.0 - self.terms.1 * libm::cos(TAU * count(at) / count(self.period));
                    let sample = vector.get(frame * self.stride + at).copied().unwrap_or(0);
                    windowed.push((f64::from(sample) * self.samples * weight) as f32);
                }
            }
        }
        let quantized = windowed.iter().map(|value| (f64::from(*value) / self.scale).round() + 3.0);
        let quantized = quantized.map(|value| value.clamp(-128.0, 127.0) as f32).collect();
        (windowed, quantized)
    }
}

fn report(arrays: &[(&str, &[u64], &[f32])]) -> Result<(Report, Vec<picture::Map>), String> {
    let (graph, steps, weights) = pipeline();
    let trace = Trace::of(&graph, &steps, &weights).unwrap();
    assert_eq!(trace.source(), (graph.hops().unwrap().input, FRAMES + 1));
    let bytes = archive(arrays);
    compare(&trace, &mut Arrays::open(&bytes).unwrap(), &raw()).map_err(|error| error.to_string())
}

const SHAPE: &[u64] = &[2, FRAMES as u64, SIZE as u64];

fn with(training: Training) -> Report {
    let (window, quantize) = training.arrays();
    report(&[("window", SHAPE, &window), ("in", &[2, 1, FRAMES as u64, SIZE as u64, 1], &quantize)]).unwrap().0
}

#[test]
fn the_same_features_agree() {
    let report = with(RIGHT);
    assert_eq!((report.vectors, &report.drift), (2, &None));
    let labels: Vec<&str> = report.steps.iter().map(|step| step.label.as_str()).collect();
    assert_eq!(labels, ["hop.0", "hop.1", "hop.2", "hop.3"]);
    let error = report.steps[1].error.as_ref().unwrap();
    assert!(error.relative < 1e-6 && error.elements == 2 * FRAMES * SIZE, "{error:?}");
    assert!(report.steps[0].error.is_none() && report.steps[2].error.is_none());
    let quantized = report.quantized.unwrap();
    assert!(quantized.max <= 1 && quantized.array == "in", "{quantized:?}");
}

#[test]
fn a_mistake_is_named_with_its_step() {
    let drift = |training| with(training).drift.unwrap();
    let found = |training| drift(training).found.unwrap();
    let hamming = drift(Training { terms: (0.54, 0.46), ..RIGHT });
    assert_eq!(
        (&hamming.step[..], hamming.found.as_deref()),
        ("window", Some("their window is a periodic Hamming window"))
    );
    assert_eq!(hamming.unseen, ["frame"]);
    assert_eq!(found(Training { period: SIZE - 1, ..RIGHT }), "their window is a symmetric Hann window");
    let loud = found(Training { samples: 1.0, ..RIGHT });
    assert!(loud.starts_with("their window is a periodic Hann window, times 32768: "), "{loud}");
    assert_eq!(drift(Training { stride: STRIDE - 1, ..RIGHT }).step, "window");
    let scale = drift(Training { scale: 0.02, ..RIGHT });
    assert_eq!((&scale.step[..], &scale.unseen[..]), ("frames", &["quantize".to_owned()][..]));
    assert!(scale.usual.contains("scale and zero point of another model"), "{}", scale.usual);
}

#[test]
fn the_error_says_where() {
    let (mut window, quantize) = RIGHT.arrays();
    window[FRAMES * SIZE + 2 * SIZE + 7] += 0.5;
    let report = report(&[("window", SHAPE, &window), ("in", SHAPE, &quantize)]).unwrap().0;
    let error = report.steps[1].error.clone().unwrap();
    assert_eq!((error.worst.vector, error.worst.frame, &error.worst.coordinate[..]), (1, Some(2), &[7][..]));
    assert!((error.max - 0.5).abs() < 1e-6 && error.drifts);
    let gap = error.worst.theirs.parse::<f32>().unwrap() - error.worst.ours.parse::<f32>().unwrap();
    assert!((gap - 0.5).abs() < 1e-5);
}

#[test]
fn real_numbers_at_the_end_are_quantized_as_litert_does_it() {
    let (mut window, _) = RIGHT.arrays();
    assert!(report(&[("window", SHAPE, &window)]).unwrap().0.quantized.unwrap().max <= 1);
    window[0] += 5.5 * SCALE;
    let quantized = report(&[("window", SHAPE, &window)]).unwrap().0.quantized.unwrap();
    assert!((5..=6).contains(&quantized.max) && quantized.array == "window", "{quantized:?}");
}

#[test]
fn arrays_that_do_not_fit_are_refused_with_a_way_out() {
    let (window, quantize) = RIGHT.arrays();
    let wrong = |arrays: &[(&str, &[u64], &[f32])]| report(arrays).unwrap_err();
    let missing = wrong(&[("mel", SHAPE, &window)]);
    assert!(missing.contains("no array for the model's input: `in`, quantized, or `window`"), "{missing}");
    assert!(missing.ends_with("it has `mel`"));
    let swapped = wrong(&[("window", &[2, SIZE as u64, FRAMES as u64], &window)]);
    assert!(swapped.contains("axes are in another order"), "{swapped}");
    let fewer = wrong(&[("window", &[1, FRAMES as u64, SIZE as u64], &window[..FRAMES * SIZE])]);
    assert!(fewer.contains("has shape [1, 5, 32]; of 2 vectors step `window` gives [2, 5, 32]"), "{fewer}");
    let real = wrong(&[("in", SHAPE, &window)]);
    assert!(real.contains("holds real numbers, and the tensor is int8"), "{real}");
    let mut nan = quantize;
    nan[SIZE + 1] = f32::NAN;
    assert!(wrong(&[("in", SHAPE, &nan)]).starts_with("array `in` is NaN at [0, 1, 1]"));
}

#[test]
fn silence_divides_by_nothing() {
    let (graph, steps, weights) = pipeline();
    let trace = Trace::of(&graph, &steps, &weights).unwrap();
    let bytes = archive(&[("window", &[1, SHAPE[1], SHAPE[2]], &[0.0; FRAMES * SIZE])]);
    let silence = vec![vec![0; 2 * STRIDE * (FRAMES + 1)]];
    let (report, _) =
        compare(&trace, &mut Arrays::open(&bytes).unwrap(), &silence).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!((report.drift, report.quantized.unwrap().max), (None, 0));
}

#[test]
fn the_picture_is_the_same_each_time_and_shows_the_step() {
    let (window, quantize) = Training { period: SIZE - 1, ..RIGHT }.arrays();
    let draw = || {
        let (report, maps) = report(&[("window", SHAPE, &window), ("in", SHAPE, &quantize)]).unwrap();
        picture(&report, &maps)
    };
    let svg = draw();
    assert_eq!(svg, draw());
    assert!(svg.contains("first step that drifts: window") && svg.contains("class=\"l3\""), "{svg}");
}

/// A picture whose bytes go to the model as they are, but for a scale.
#[test]
fn swapped_channels_of_a_picture_are_named() {
    use crate::model::pipeline::image;
    let (height, width) = (3, 4);
    let port = Tensor { shape: vec![1, height, width, 3], ..tensor() };
    let (inputs, outputs) = (vec![TensorId(0)], vec![TensorId(0)]);
    let graph = Graph { tensors: vec![port], operators: vec![], inputs, outputs, pipeline: None };
    let picture = image::Picture { width, height, format: preprocess::PixelFormat::Rgb888 };
    let crop = image::Step::Crop { x: 0, y: 0, width, height };
    let scale = image::Step::Scale { factor: 1.0 / 255.0, offset: 0.0 };
    let steps = [crop, scale].map(StepSpec::Image).to_vec();
    let spec = Spec { input: None, source: Source::Image(picture), steps };
    let Read { graph, weights } = join(&spec, &Read { graph, weights: vec![] }).unwrap();
    let lowered = lower(&graph, &weights);
    let trace = Trace::of(&graph, &lowered, &weights).unwrap();
    assert_eq!(trace.source().1, 1);
    let pixels: Vec<u8> = (0..36_u8).map(|at| at.wrapping_mul(67)).collect();
    let swapped = |at: usize| f32::from(pixels[at / 3 * 3 + 2 - at % 3]);
    let shape: &[u64] = &[1, height as u64, width as u64, 3];
    let blue_first: Vec<f32> = (0..36).map(swapped).collect();
    let right: Vec<f32> = pixels.iter().map(|&pixel| f32::from(pixel)).collect();
    let quantized = |values: &[f32]| -> Vec<f32> {
        values.iter().map(|value| (value / 255.0 / SCALE).round().min(124.0) + 3.0).collect()
    };
    let drift = |arrays: &[(&str, &[u64], &[f32])]| {
        let bytes = archive(arrays);
        let mut arrays = Arrays::open(&bytes).unwrap();
        compare(&trace, &mut arrays, std::slice::from_ref(&pixels)).unwrap_or_else(|error| panic!("{error}")).0.drift
    };
    let found = drift(&[("crop", shape, &blue_first), ("in", shape, &quantized(&blue_first))]).unwrap();
    assert_eq!(&found.step, "crop");
    assert!(found.found.unwrap().contains("BGR for RGB"), "{}", found.usual);
    assert_eq!(drift(&[("crop", shape, &right), ("in", shape, &quantized(&right))]), None);
    let unscaled: Vec<f32> = right.iter().map(|value| (value / SCALE).round().min(124.0) + 3.0).collect();
    let found = drift(&[("crop", shape, &right), ("in", shape, &unscaled)]).unwrap();
    assert!(found.step != "crop" && found.unseen.is_empty(), "{found}");
}
