//! Samples of sensors and their steps, as manifests write them.

use preprocess::Statistic;

use super::audio::SHAPES;
use super::decode::{Grammar, Node, Times};
use super::image::mean_and_std;
use super::preprocess::PARITY;
use crate::model::TensorType;
use crate::model::pipeline::sensor::{Samples, Step};
use crate::model::pipeline::{Source, StepSpec};

pub(super) const SENSOR: Grammar = Grammar {
    arguments: 1,
    properties: &["rate", "channels", "type", "scale", "input"],
    children: &[
        ("window", Times::Once),
        ("detrend", Times::Once),
        ("standardize", Times::Often),
        ("fft", Times::Once),
        ("statistics", Times::Once),
        ("frames", Times::Once),
        ("quantize", Times::Once),
        (PARITY, Times::Once),
    ],
    later: &[],
};
const WINDOW: Grammar = Grammar { properties: &["samples", "stride"], ..Grammar::NOTHING };
const DETREND: Grammar = Grammar { arguments: 1, ..Grammar::NOTHING };
const STANDARDIZE: Grammar = Grammar {
    arguments: 0,
    properties: &["mean", "std"],
    children: &[("mean", Times::Once), ("std", Times::Once)],
    later: &[],
};
const FFT: Grammar = Grammar { properties: &["points", "window", "symmetric"], ..Grammar::NOTHING };
const STATISTICS: Grammar = Grammar { arguments: STATISTIC.len(), ..Grammar::NOTHING };
const STATISTIC: [(&str, Statistic); 11] = [
    ("mean", Statistic::Mean),
    ("min", Statistic::Min),
    ("max", Statistic::Max),
    ("range", Statistic::Range),
    ("rms", Statistic::Rms),
    ("std", Statistic::Std),
    ("variance", Statistic::Variance),
    ("skewness", Statistic::Skewness),
    ("kurtosis", Statistic::Kurtosis),
    ("mean-absolute", Statistic::MeanAbsolute),
    ("zero-crossings", Statistic::ZeroCrossings),
];
/// Samples a second.
const RATES: std::ops::RangeInclusive<u64> = 0..=1_000_000;
const MOST_CHANNELS: i128 = 1 << 10;
/// Longer than any arena; the pipeline has a bound of its own.
const MOST_SAMPLES: i128 = 1 << 20;

/// The source of a `preprocess "sensor"` node.
pub(super) fn source(node: &Node<'_>) -> Option<Source> {
    let rate = node.need_property("rate", "rate=100").and_then(|value| {
        let rate = value.thousandths(RATES)?;
        if rate == 0 {
            value.refuse("samples must arrive", "never", "write samples a second, such as `rate=62.5`");
            return None;
        }
        Some(rate)
    });
    let channels = count(node, "channels", "channels=3", MOST_CHANNELS);
    let types = [("int16", TensorType::Int16), ("float32", TensorType::Float32)];
    let dtype = node.need_property("type", "type=\"int16\"").and_then(|value| value.choice(&types, &[]));
    let scale = node.property("scale").map_or(Some(1.0), |value| value.float32());
    let samples = Samples { rate_millihertz: rate?, channels: channels?, dtype: dtype?, scale: scale? };
    Some(Source::Sensor(samples))
}

/// A step of sensors.
pub(super) fn step(node: &Node<'_>) -> Option<StepSpec> {
    let step = match node.name() {
        "window" => {
            let node = node.with(&WINDOW);
            let samples = count(&node, "samples", "samples=128", MOST_SAMPLES);
            let stride = count(&node, "stride", "stride=64", MOST_SAMPLES);
            Some(Step::Window { samples: samples?, stride: stride? })
        }
        "detrend" => {
            let value = node.with(&DETREND).need_argument(0, "what is taken out", "detrend \"mean\"")?;
            Some(Step::Detrend { linear: value.choice(&[("mean", false), ("linear", true)], &[])? })
        }
        "standardize" => standardize(&node.with(&STANDARDIZE)),
        "fft" => fft(&node.with(&FFT)),
        "statistics" => statistics(&node.with(&STATISTICS)),
        // What it is was said when the children were compared with the grammar.
        _ => None,
    };
    step.map(StepSpec::Sensor)
}

fn fft(node: &Node<'_>) -> Option<Step> {
    let points = match node.property("points") {
        Some(value) => Some(usize::try_from(value.integer(4..=1 << 16)?).ok()?),
        None => None,
    };
    let window = match node.property("window") {
        Some(value) => Some(value.choice(&SHAPES, &[])?),
        None => None,
    };
    let symmetric = node.property("symmetric");
    if let Some(value) = symmetric.as_ref().filter(|_| window.is_none()) {
        value.refuse("there is no window to be symmetric", "here", "name one: `window=\"hann\"`");
        return None;
    }
    let symmetric = symmetric.map_or(Some(false), |value| value.flag())?;
    Some(Step::Fft { points, window, symmetric })
}

fn count(node: &Node<'_>, key: &'static str, example: &str, most: i128) -> Option<usize> {
    usize::try_from(node.need_property(key, example)?.integer(1..=most)?).ok()
}

/// Without numbers each window has its own.
fn standardize(node: &Node<'_>) -> Option<Step> {
    let keys = ["mean", "std"];
    let says_any = keys.iter().any(|key| node.property(key).is_some() || !node.children_of(key).is_empty());
    if !says_any {
        return Some(Step::Standardize { declared: None });
    }
    let declared = mean_and_std(node, "standardize mean=0 std=9.81")?;
    Some(Step::Standardize { declared: Some(declared) })
}

fn statistics(node: &Node<'_>) -> Option<Step> {
    node.need_argument(0, "at least one of them", "statistics \"mean\" \"std\" \"zero-crossings\"")?;
    let mut wanted: Vec<Statistic> = Vec::new();
    for value in node.arguments() {
        let statistic = value.choice(&STATISTIC, &[])?;
        if wanted.contains(&statistic) {
            value.refuse("this statistic stands twice", "second one", "keep one of them");
            return None;
        }
        wanted.push(statistic);
    }
    Some(Step::Statistics { wanted })
}
