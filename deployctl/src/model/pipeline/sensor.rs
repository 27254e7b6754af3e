//! Steps of sensors: from samples of several channels to features, in float32.
//!
//! A window is cut from the stream, samples × channels. `fft` and `statistics` take the window; where both stand, their
//! numbers lie beside each other for each channel.

use kernels::signal::{is_fft_length, twiddle_count, twiddles};
use kernels::{Concatenate, Element, Op as Kernel, RealFft, Rearrange};
use preprocess::{Affine, Detrend, Magnitude, NormalizeChannels, Op, Standardize, Statistic, Statistics, Window};
use serde::{Deserialize, Serialize};

use super::builder::{Builder, Value};
use super::image::element;
use super::spec::{Form, Wrong};
use super::table::table;
use super::{StepOp, WindowShape, audio};
use crate::model::TensorType;

/// Keeps a channel that does not change from being divided by zero.
const EPSILON: f32 = 1e-6;
/// Sums of that many squared places are exact in float32 to a few parts in a million.
const MOST_SAMPLES: usize = 1 << 15;

/// Samples as they arrive.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Samples {
    /// Samples of each channel in a thousand seconds.
    pub rate_millihertz: u64,
    /// Channels, whose samples lie beside each other.
    pub channels: usize,
    /// int16 or float32.
    pub dtype: TensorType,
    /// What a sample is multiplied by.
    pub scale: f32,
}

/// A step of sensors.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "sensor", rename_all = "snake_case")]
#[expect(missing_docs, reason = "fields are the manifest's properties of the same name")]
pub enum Step {
    /// Cuts windows of the stream, and makes numbers of samples.
    Window { samples: usize, stride: usize },
    /// Takes the mean, or the line that fits best, out of each channel.
    Detrend { linear: bool },
    /// To mean 0 and deviation 1: by declared numbers, `(mean, std)`, or by each window's own.
    Standardize { declared: Option<(Vec<f32>, Vec<f32>)> },
    /// Magnitudes of each channel's spectrum, of weighed samples where there is a `window`.
    Fft {
        points: Option<usize>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        window: Option<WindowShape>,
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        symmetric: bool,
    },
    /// Each channel in a few numbers.
    Statistics { wanted: Vec<Statistic> },
}

impl Step {
    /// The name that manifests, tensors and reports have for it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Window { .. } => "window",
            Self::Detrend { .. } => "detrend",
            Self::Standardize { .. } => "standardize",
            Self::Fft { .. } => "fft",
            Self::Statistics { .. } => "statistics",
        }
    }
}

/// What a builder knows of the window that is there.
#[derive(Debug, Default)]
pub(super) struct State {
    scale: f32,
    /// The window that features are made of, once there are some.
    window: Option<Value>,
    /// Whether its features are still being added to.
    open: bool,
}

/// The tensor of samples; a window says later how many a hop has.
pub(super) fn source(samples: &Samples, state: &mut State) -> Form {
    state.scale = samples.scale;
    Form::plain(samples.dtype, vec![samples.channels])
}

/// Appends a step.
pub(super) fn step(builder: &mut Builder, value: Value, step: &Step) -> Result<Value, Wrong> {
    match step {
        Step::Window { samples, stride } => window(builder, &value, *samples, *stride),
        Step::Detrend { linear } => {
            let [samples, channels] = whole(builder, &value, "detrend")?;
            let op = Op::Detrend(Detrend { samples, channels, linear: *linear });
            Ok(builder.append("detrend", StepOp::Step(op), vec![value.id], value.form, vec![]))
        }
        Step::Standardize { declared: None } => {
            let [samples, channels] = whole(builder, &value, "standardize")?;
            let op = Op::Standardize(Standardize { samples, channels, epsilon: EPSILON });
            Ok(builder.append("standardize", StepOp::Step(op), vec![value.id], value.form, vec![]))
        }
        Step::Standardize { declared: Some((mean, std)) } => declared(builder, &value, mean, std),
        Step::Fft { points, window: weights, symmetric } => {
            let window = features(builder, &value, "fft")?;
            let found = spectrum(builder, &window, *points, weights.map(|shape| (shape, *symmetric)))?;
            Ok(beside(builder, &value, &window, found))
        }
        Step::Statistics { wanted } => {
            let window = features(builder, &value, "statistics")?;
            let found = statistics(builder, &window, wanted);
            Ok(beside(builder, &value, &window, found))
        }
    }
}

fn window(builder: &mut Builder, value: &Value, samples: usize, stride: usize) -> Result<Value, Wrong> {
    if samples > MOST_SAMPLES {
        let reason = format!("a window of {samples} samples is longer than sums in float32 are exact for");
        return Err(Wrong::new(reason, format!("take at most {MOST_SAMPLES}, or fewer samples a second")));
    }
    let frame = builder.cut(value, samples, stride)?;
    let form = Form::plain(TensorType::Float32, frame.form.shape.clone());
    let affine = Affine { element: element(&frame), len: form.elements(), factor: builder.sensor.scale, offset: 0.0 };
    Ok(builder.append("window", StepOp::Step(Op::Affine(affine)), vec![frame.id], form, vec![]))
}

/// Samples and channels of the window that is there.
fn whole(builder: &Builder, value: &Value, name: &str) -> Result<[usize; 2], Wrong> {
    match value.form.shape[..] {
        [samples, channels] if builder.sensor.window.is_none() && value.form.dtype == TensorType::Float32 => {
            Ok([samples, channels])
        }
        _ if builder.sensor.window.is_some() => {
            Err(Wrong::new(format!("`{name}` takes a window, and here are features"), "put it before them"))
        }
        _ => Err(Wrong::new("there is no window here", "begin with `window samples=128 stride=64`")),
    }
}

/// By declared numbers: one for all, one for each channel or feature, or one for each element.
fn declared(builder: &mut Builder, value: &Value, mean: &[f32], std: &[f32]) -> Result<Value, Wrong> {
    if value.form.dtype != TensorType::Float32 {
        return Err(Wrong::new("there is no window here", "begin with `window samples=128 stride=64`"));
    }
    builder.sensor.open = false;
    let (last, all) = (value.form.shape.last().copied().unwrap_or(1), value.form.elements());
    let count = mean.len().max(std.len());
    let goes = |list: &[f32]| list.len() == 1 || list.len() == count;
    if !(goes(mean) && goes(std) && [1, last, all].contains(&count)) {
        let reason = format!("there are {} means and {} deviations, of {last} numbers a row", mean.len(), std.len());
        return Err(Wrong::new(reason, format!("write 1 of each, {last} or {all}")));
    }
    let bytes: Vec<u8> = table(mean, std, count).iter().flat_map(|number| number.to_le_bytes()).collect();
    let table = builder.constant("standardize/table", TensorType::Float32, vec![2, count], &bytes);
    let op = Op::NormalizeChannels(NormalizeChannels { element: Element::F32, len: all, channels: count });
    Ok(builder.append("standardize", StepOp::Step(op), vec![value.id, table], value.form.clone(), vec![]))
}

/// The window that features are made of.
fn features(builder: &Builder, value: &Value, name: &str) -> Result<Value, Wrong> {
    match &builder.sensor.window {
        Some(window) if builder.sensor.open => Ok(window.clone()),
        Some(_) => {
            let reason = format!("`{name}` takes a window, and here are standardized features");
            Err(Wrong::new(reason, "put it before `standardize`"))
        }
        None => whole(builder, value, name).map(|_| value.clone()),
    }
}

/// Puts what was found beside the features that are there.
fn beside(builder: &mut Builder, value: &Value, window: &Value, found: Value) -> Value {
    let first = builder.sensor.window.is_none();
    builder.sensor.window = Some(window.clone());
    builder.sensor.open = true;
    if first {
        return found;
    }
    let channels = found.form.shape[0];
    let form = Form::plain(TensorType::Float32, vec![channels, value.form.shape[1] + found.form.shape[1]]);
    let op = StepOp::Kernel(Kernel::Concatenate(Concatenate { rows: channels }));
    builder.append("features", op, vec![value.id, found.id], form, vec![])
}

/// The next length of an FFT for so many samples; none above 65,536.
pub fn next_fft(samples: usize) -> Option<usize> {
    (samples.max(4)..=1 << 16).find(|&points| is_fft_length(points))
}

fn spectrum(
    builder: &mut Builder,
    window: &Value,
    points: Option<usize>,
    weights: Option<(WindowShape, bool)>,
) -> Result<Value, Wrong> {
    let [samples, channels] = [window.form.shape[0], window.form.shape[1]];
    let next = next_fft(samples);
    let advice = || format!("take {}, or leave `points` out", next.unwrap_or(1 << 16));
    let points = points.or(next).unwrap_or(samples);
    if !is_fft_length(points) {
        let reason = format!("there is no FFT of {points} points: half of it may have no factors but 2, 3 and 5");
        return Err(Wrong::new(reason, advice()));
    }
    if points < samples {
        let reason = format!("an FFT of {points} points leaves out samples of a window of {samples}");
        return Err(Wrong::new(reason, advice()));
    }
    let rows = if channels == 1 { window.clone() } else { by_channel(builder, window) };
    let rows = match weights {
        Some(weights) => weighed(builder, &rows, [samples, channels], weights),
        None => rows,
    };
    let mut numbers = vec![0_f32; twiddle_count(points)];
    twiddles(points, false, &mut numbers);
    let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
    let table = builder.constant("fft/twiddles", TensorType::Float32, vec![numbers.len()], &bytes);
    let bins = points / 2 + 1;
    let fft = Kernel::RealFft(RealFft { element: Element::F32, rows: channels, len: samples, points });
    let form = Form::plain(TensorType::Float32, vec![channels, bins, 2]);
    let complex = builder.append("spectrum", StepOp::Kernel(fft), vec![rows.id, table], form, vec![]);
    let form = Form::plain(TensorType::Float32, vec![channels, bins]);
    let magnitude = Op::Magnitude(Magnitude { bins: channels * bins });
    Ok(builder.append("fft", StepOp::Step(magnitude), vec![complex.id], form, vec![]))
}

/// Each channel's samples times the weights of a window.
fn weighed(
    builder: &mut Builder,
    rows: &Value,
    [samples, channels]: [usize; 2],
    (shape, symmetric): (WindowShape, bool),
) -> Value {
    let weights = audio::floats(audio::weights(shape, symmetric, samples));
    let table = builder.constant("fft-window/weights", TensorType::Float32, vec![samples], &weights);
    let form = Form::plain(TensorType::Float32, vec![channels, samples]);
    let op = StepOp::Step(Op::Window(Window { len: samples, float: true }));
    builder.append("fft-window", op, vec![rows.id, table], form, vec![])
}

/// Channel after channel instead of sample after sample.
fn by_channel(builder: &mut Builder, window: &Value) -> Value {
    let [samples, channels] = [window.form.shape[0], window.form.shape[1]];
    let row = i32::try_from(4 * channels).unwrap_or(i32::MAX);
    let op = Kernel::Rearrange(Rearrange {
        run: 4,
        shape: [1, 1, 1, 1, channels, samples],
        step: [0, 0, 0, 0, 4, row],
        start: 0,
    });
    let form = Form::plain(TensorType::Float32, vec![channels, samples]);
    builder.append("channels", StepOp::Kernel(op), vec![window.id], form, vec![])
}

fn statistics(builder: &mut Builder, window: &Value, wanted: &[Statistic]) -> Value {
    let [samples, channels] = [window.form.shape[0], window.form.shape[1]];
    let codes: Vec<u8> = wanted.iter().map(|statistic| statistic.code().cast_unsigned()).collect();
    let table = builder.constant("statistics/list", TensorType::Int8, vec![codes.len()], &codes);
    let op = StepOp::Step(Op::Statistics(Statistics { samples, channels }));
    let form = Form::plain(TensorType::Float32, vec![channels, wanted.len()]);
    builder.append("statistics", op, vec![window.id, table], form, vec![])
}
