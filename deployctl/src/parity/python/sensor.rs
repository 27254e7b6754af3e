//! Steps of sensors.

use preprocess::Statistic;

use super::file::{File, Raw};
use super::{Unwritten, sound};
use crate::model::TensorType;
use crate::model::pipeline::sensor::{Samples, Step, next_fft};
use crate::model::pipeline::{Spec, StepSpec, WindowShape};

/// Writes constants and steps, and says what one vector is.
pub(super) fn write(file: &mut File, samples: &Samples, spec: &Spec) -> Result<Raw, Unwritten> {
    let cut = spec.steps.iter().find_map(|step| match step {
        StepSpec::Sensor(Step::Window { samples, stride }) => Some((*samples, *stride)),
        _ => None,
    });
    let Some((size, stride)) = cut else {
        return Err(Unwritten { step: spec.steps.first().map_or("window", StepSpec::name).to_owned() });
    };
    file.constant("CHANNELS", samples.channels, "whose samples lie beside each other");
    file.cuts(size, stride, &spec.steps);
    file.frames();
    let mut sensor =
        Sensor { scale: samples.scale, channels: samples.channels, size, window: None, features: None, rows: false };
    for step in &spec.steps {
        match step {
            StepSpec::Sensor(step) => sensor.write(file, step),
            StepSpec::Frames { .. } => sensor.rows = true,
            StepSpec::Quantize => {}
            other => return Err(Unwritten { step: other.name().to_owned() }),
        }
    }
    let whole = samples.dtype == TensorType::Int16;
    Ok(Raw {
        name: "samples",
        shape: "(SAMPLES, CHANNELS)",
        dtype: if whole { "int16" } else { "float32" },
        files: "RECORDING.csv",
        imports: &[],
        read: if whole { &READ_INT16 } else { &READ_FLOAT32 },
    })
}

macro_rules! read {
    ($dtype:literal) => {
        [
            "if path.endswith(\".npy\"):",
            "    return np.load(path).reshape(-1, CHANNELS)",
            "with open(path) as lines:",
            "    rows = [line.split(\",\") for line in lines if line.strip()]",
            "try:",
            "    float(rows[0][0])",
            "except ValueError:",
            "    del rows[0]  # names",
            concat!("return np.array(rows, dtype=np.float64).astype(np.", $dtype, ").reshape(-1, CHANNELS)"),
        ]
    };
}

const READ_INT16: [&str; 9] = read!("int16");
const READ_FLOAT32: [&str; 9] = read!("float32");

/// What is there so far.
struct Sensor {
    scale: f32,
    channels: usize,
    size: usize,
    /// The array of the window that features are made of.
    window: Option<String>,
    /// The array of the features so far.
    features: Option<String>,
    /// Whether rows have been collected.
    rows: bool,
}

impl Sensor {
    fn write(&mut self, file: &mut File, step: &Step) {
        let plain = |lines: &[&str]| lines.iter().map(|&line| line.to_owned()).collect::<Vec<_>>();
        match step {
            Step::Window { .. } => file.step(
                "window",
                "frames",
                "Samples in their unit; what is no number is 0.",
                &[format!(
                    "return np.nan_to_num(np.nan_to_num(frames.astype(np.float32)) * np.float32({:?}))",
                    self.scale
                )],
            ),
            Step::Detrend { linear: false } => file.step(
                "detrend",
                "frames",
                "Each channel less its mean.",
                &plain(&["return (frames - frames.mean(axis=1, keepdims=True, dtype=np.float64)).astype(np.float32)"]),
            ),
            Step::Detrend { linear: true } => file.step(
                "detrend",
                "frames",
                "Each channel less the line that fits best.",
                &plain(&[
                    "time = (np.arange(SIZE) - (SIZE - 1) / 2)[:, np.newaxis]",
                    "rest = frames - frames.mean(axis=1, keepdims=True, dtype=np.float64)",
                    "slope = (time * rest).sum(axis=1, keepdims=True) / max((time ** 2).sum(), 0.5)",
                    "return (rest - slope * time).astype(np.float32)",
                ]),
            ),
            Step::Standardize { declared: None } => file.step(
                "standardize",
                "frames",
                "Mean 0 and deviation 1 of each window's channels.",
                &plain(&[
                    "mean, deviation = (f(frames, axis=1, keepdims=True, dtype=np.float64) for f in (np.mean, np.std))",
                    "return ((frames - mean) / (deviation + 1e-6)).astype(np.float32)",
                ]),
            ),
            Step::Standardize { declared: Some((mean, std)) } => self.declared(file, mean, std),
            Step::Fft { points, window, symmetric } => {
                self.begin(file);
                self.fft(file, *points, window.map(|shape| (shape, *symmetric)));
                self.beside(file);
            }
            Step::Statistics { wanted } => {
                self.begin(file);
                self.statistics(file, wanted);
                self.beside(file);
            }
        }
    }

    /// By declared numbers.
    fn declared(&self, file: &mut File, mean: &[f32], std: &[f32]) {
        let one = if self.rows { "values" } else { "values[0]" };
        file.step("standardize", "values", "Less declared means, over declared deviations.", &[
            format!("numbers = [np.float32({mean:?}), np.float32({std:?})]"),
            format!("mean, deviation = (each.reshape({one}.shape) if each.size == {one}.size else each for each in numbers)"),
            "return np.nan_to_num((values - mean) / deviation)".to_owned(),
        ]);
    }

    /// From here on features are made of the window that is there.
    fn begin(&mut self, file: &File) {
        if self.window.is_none() {
            self.window = file.latest();
        }
    }

    fn fft(&self, file: &mut File, points: Option<usize>, weights: Option<(WindowShape, bool)>) {
        let points = points.or(next_fft(self.size)).unwrap_or(self.size);
        let window_of = self.window.iter().cloned().collect::<Vec<_>>();
        if self.channels > 1 {
            let lines = ["return np.swapaxes(frames, 1, 2)".to_owned()];
            file.step_of("channels", &["frames"], &window_of, "Channel after channel.", &lines);
        }
        let mut rows = if self.channels > 1 { "rows" } else { "np.swapaxes(rows, 1, 2)" };
        let latest = |file: &File| file.latest().into_iter().collect::<Vec<_>>();
        let mut before = if self.channels > 1 { latest(file) } else { window_of };
        if let Some((shape, symmetric)) = weights {
            let lines = [
                format!("weights = {}", sound::weights(shape, symmetric)),
                format!("return ({rows} * weights).astype(np.float32)"),
            ];
            file.step_of("fft-window", &["rows"], &before, "Samples of each channel, weighed.", &lines);
            (before, rows) = (latest(file), "rows");
        }
        let lines = [format!("return np.fft.rfft({rows}, n={points}, axis=-1).astype(np.complex64)")];
        file.step_of("spectrum", &["rows"], &before, "Spectra; zeros stand behind the window.", &lines);
        file.step("fft", "spectra", "Magnitudes.", &["return np.abs(spectra).astype(np.float32)".to_owned()]);
    }

    fn statistics(&self, file: &mut File, wanted: &[Statistic]) {
        let mut lines = vec![
            "x = frames.astype(np.float64)".to_owned(),
            "rest = x - x.mean(axis=1, keepdims=True)".to_owned(),
            "variance = (rest ** 2).mean(axis=1)".to_owned(),
            "divisor = np.where(variance > 0, variance, np.inf)".to_owned(),
            "found = [".to_owned(),
        ];
        lines.extend(wanted.iter().map(|&statistic| format!("    {},", expression(statistic))));
        lines.extend(["]".to_owned(), "return np.stack(found, axis=-1).astype(np.float32)".to_owned()]);
        let window: Vec<String> = self.window.iter().cloned().collect();
        file.step_of("statistics", &["frames"], &window, "Each channel in a few numbers.", &lines);
    }

    /// Puts what was found beside the features that are there.
    fn beside(&mut self, file: &mut File) {
        let latest = file.latest();
        if let (Some(before), Some(latest)) = (self.features.take(), latest) {
            let lines = ["return np.concatenate([before, found], axis=-1)".to_owned()];
            file.step_of("features", &["before", "found"], &[before, latest], "Both beside each other.", &lines);
        }
        self.features = file.latest();
    }
}

/// One statistic of all channels.
fn expression(statistic: Statistic) -> &'static str {
    match statistic {
        Statistic::Mean => "x.mean(axis=1)",
        Statistic::Min => "x.min(axis=1)",
        Statistic::Max => "x.max(axis=1)",
        Statistic::Range => "x.max(axis=1) - x.min(axis=1)",
        Statistic::Rms => "np.sqrt((x ** 2).mean(axis=1))",
        Statistic::Std => "np.sqrt(variance)",
        Statistic::Variance => "variance",
        Statistic::Skewness => "(rest ** 3).mean(axis=1) / divisor ** 1.5",
        Statistic::Kurtosis => "np.where(variance > 0, (rest ** 4).mean(axis=1) / divisor ** 2 - 3, 0)",
        Statistic::MeanAbsolute => "np.abs(x).mean(axis=1)",
        Statistic::ZeroCrossings => "np.diff(x >= 0, axis=1).sum(axis=1)",
    }
}
