//! Steps of sound, as manifests write them.

use super::decode::{Grammar, Node, Times};
use super::preprocess::PARITY;
use super::units::grouped;
use super::value::Value;
use crate::model::pipeline::{
    DctNorm, Emphasized, Energy, FrontEnd, FrontEndOutput, FrontEndTables, LogBase, MelBands, MelNorm, MelScale,
    MelSlopes, Over, Pcan, Source, StepSpec, WindowShape,
};

pub(super) const AUDIO: Grammar = Grammar {
    arguments: 1,
    properties: &["rate", "input"],
    children: &[
        ("pre-emphasis", Times::Once),
        ("window", Times::Once),
        ("frontend", Times::Once),
        ("fft", Times::Once),
        ("power", Times::Once),
        ("magnitude", Times::Once),
        ("mel", Times::Once),
        ("log", Times::Once),
        ("dct", Times::Once),
        ("pcen", Times::Once),
        ("normalize", Times::Once),
        ("frames", Times::Once),
        ("quantize", Times::Once),
        (PARITY, Times::Once),
    ],
    later: &[],
};
const ONE: Grammar = Grammar { arguments: 1, ..Grammar::NOTHING };
const PRE_EMPHASIS: Grammar = Grammar { properties: &["per"], ..ONE };
const WINDOW: Grammar = Grammar { properties: &["ms", "stride-ms", "samples", "stride", "symmetric"], ..ONE };
const FRONT_END: Grammar = Grammar {
    properties: &[
        "ms",
        "stride-ms",
        "samples",
        "stride",
        "channels",
        "low",
        "high",
        "even-smoothing",
        "odd-smoothing",
        "min-signal-remaining",
        "pcan",
        "pcan-strength",
        "pcan-offset",
        "output",
    ],
    ..ONE
};
const MEL: Grammar = Grammar { properties: &["bands", "low", "high", "scale", "slopes", "norm"], ..Grammar::NOTHING };
const LOG: Grammar = Grammar { properties: &["floor", "offset"], ..ONE };
const DCT: Grammar = Grammar { properties: &["norm"], ..ONE };
const PCEN: Grammar =
    Grammar { properties: &["gain", "bias", "power", "time-constant-ms", "epsilon", "scale"], ..Grammar::NOTHING };
const NORMALIZE: Grammar = Grammar { properties: &["over", "variance", "epsilon"], ..Grammar::NOTHING };

/// Shapes of windows.
pub(super) const SHAPES: [(&str, WindowShape); 3] =
    [("hann", WindowShape::Hann), ("hamming", WindowShape::Hamming), ("rectangular", WindowShape::Rectangular)];

/// What a number may be.
#[derive(Clone, Copy)]
struct Bounds {
    least: f32,
    or_equal: bool,
    most: f32,
    words: &'static str,
}

const SHARES: Bounds = Bounds { least: 0.0, or_equal: true, most: 1.0, words: "from 0 to 1" };
const HERTZ: Bounds = Bounds { least: 0.0, or_equal: true, most: 500_000.0, words: "of Hz, from 0 to half the rate" };
const POSITIVE: Bounds = Bounds { least: 0.0, or_equal: false, most: 1e30, words: "above 0, such as `1e-6`" };
const NOT_NEGATIVE: Bounds = Bounds { least: 0.0, or_equal: true, most: 1e30, words: "of 0 or more" };
/// What TensorFlow's examples add before they take logarithms, and librosa's PCEN to levels.
const FLOOR: f32 = 1e-6;
const MOST_BANDS: i128 = 2048;
const RATES: std::ops::RangeInclusive<i128> = 1..=1_000_000;
/// Longer than any arena.
const MOST_SAMPLES: i128 = 1 << 20;

/// The source of a `preprocess "audio"` node.
pub(super) fn source(node: &Node<'_>) -> Option<Source> {
    let rate = node.need_property("rate", "rate=16000")?.integer(RATES)?;
    Some(Source::Audio { rate: u32::try_from(rate).ok()? })
}

/// A step that only sound has.
pub(super) fn step(node: &Node<'_>, rate: u32) -> Option<StepSpec> {
    match node.name() {
        "pre-emphasis" => pre_emphasis(&node.with(&PRE_EMPHASIS)),
        "window" => window(&node.with(&WINDOW), rate),
        "frontend" => front_end(&node.with(&FRONT_END), rate),
        "fft" => fft(&node.with(&ONE)),
        "power" => Some(plain(node, StepSpec::Power)),
        "magnitude" => Some(plain(node, StepSpec::Magnitude)),
        "mel" => mel(&node.with(&MEL)),
        "log" => log(&node.with(&LOG)),
        "dct" => dct(&node.with(&DCT)),
        "pcen" => pcen(&node.with(&PCEN)),
        "normalize" => normalize(&node.with(&NORMALIZE)),
        // What it is was said when the children were compared with the grammar.
        _ => None,
    }
}

fn plain(node: &Node<'_>, step: StepSpec) -> StepSpec {
    node.with(&Grammar::NOTHING);
    step
}

fn pre_emphasis(node: &Node<'_>) -> Option<StepSpec> {
    let coefficient =
        node.need_argument(0, "a coefficient", "pre-emphasis 0.97").and_then(|value| within(&value, SHARES));
    let per = choice(node, "per", Emphasized::Stream, &[("stream", Emphasized::Stream), ("frame", Emphasized::Frame)]);
    Some(StepSpec::PreEmphasis { coefficient: coefficient?, per: per? })
}

fn window(node: &Node<'_>, rate: u32) -> Option<StepSpec> {
    let shape = node
        .need_argument(0, "a shape", "window \"hann\" ms=40 stride-ms=20")
        .and_then(|value| value.choice(&SHAPES, &[]));
    let symmetric = flag(node, "symmetric", false);
    let size = samples(node, "ms", "samples", rate, None);
    let stride = samples(node, "stride-ms", "stride", rate, None);
    Some(StepSpec::Window { shape: shape?, symmetric: symmetric?, size: size?, stride: stride? })
}

fn fft(node: &Node<'_>) -> Option<StepSpec> {
    let points = node.need_argument(0, "a number of points", "fft 512")?.integer(32..=4096)?;
    Some(StepSpec::Fft { points: usize::try_from(points).ok()? })
}

fn mel(node: &Node<'_>) -> Option<StepSpec> {
    let scales = [("htk", MelScale::Htk), ("slaney", MelScale::Slaney)];
    let scale = choice(node, "scale", MelScale::Htk, &scales);
    // Those of the tool that has this scale: HTK and TensorFlow, or librosa.
    let (slopes, norm) = match scale {
        Some(MelScale::Slaney) => (MelSlopes::Hz, MelNorm::Slaney),
        _ => (MelSlopes::Mel, MelNorm::None),
    };
    let slopes = choice(node, "slopes", slopes, &[("mel", MelSlopes::Mel), ("hz", MelSlopes::Hz)]);
    let norm = choice(node, "norm", norm, &[("none", MelNorm::None), ("slaney", MelNorm::Slaney)]);
    let bands = node.need_property("bands", "bands=40").and_then(|value| count(&value, MOST_BANDS));
    let low = number(node, "low", 0.0, HERTZ);
    let high = node.property("high").map_or(Some(None), |value| within(&value, HERTZ).map(Some));
    let (bands, low, high, scale) = (bands?, low?, high?, scale?);
    Some(StepSpec::Mel(MelBands { bands, low, high, scale, slopes: slopes?, norm: norm? }))
}

fn log(node: &Node<'_>) -> Option<StepSpec> {
    let bases = [("natural", LogBase::Natural), ("log10", LogBase::Ten), ("db", LogBase::Decibel)];
    let base = match node.arguments().first() {
        Some(value) => value.choice(&bases, &[]),
        None => Some(LogBase::Natural),
    };
    if let (Some(_), Some(second)) = (node.property("floor"), node.property("offset")) {
        second.refuse("`floor` and `offset` exclude each other", "second one", "keep one of them");
        return None;
    }
    let (offset, floor) = match node.property("offset") {
        Some(value) => (within(&value, POSITIVE)?, f32::MIN_POSITIVE),
        None => (0.0, number(node, "floor", FLOOR, POSITIVE)?),
    };
    Some(StepSpec::Log { base: base?, offset, floor })
}

fn dct(node: &Node<'_>) -> Option<StepSpec> {
    let coefficients =
        node.need_argument(0, "a number of coefficients", "dct 10").and_then(|value| count(&value, MOST_BANDS));
    let norm = choice(node, "norm", DctNorm::Ortho, &[("ortho", DctNorm::Ortho), ("htk", DctNorm::Htk)]);
    Some(StepSpec::Dct { coefficients: coefficients?, norm: norm? })
}

fn pcen(node: &Node<'_>) -> Option<StepSpec> {
    let gain = number(node, "gain", 0.98, NOT_NEGATIVE);
    let bias = number(node, "bias", 2.0, NOT_NEGATIVE);
    let power = number(node, "power", 0.5, POSITIVE);
    let time_constant = number(node, "time-constant-ms", 400.0, POSITIVE).map(|ms| ms / 1000.0);
    let epsilon = number(node, "epsilon", FLOOR, POSITIVE);
    let scale = number(node, "scale", 1.0, POSITIVE);
    let (gain, bias, power, time_constant) = (gain?, bias?, power?, time_constant?);
    Some(StepSpec::Pcen(Energy { gain, bias, power, time_constant, epsilon: epsilon?, scale: scale? }))
}

fn normalize(node: &Node<'_>) -> Option<StepSpec> {
    let over = choice(node, "over", Over::Coefficient, &[("coefficient", Over::Coefficient), ("all", Over::All)]);
    let (variance, epsilon) = (flag(node, "variance", true), number(node, "epsilon", FLOOR, POSITIVE));
    Some(StepSpec::Normalize { over: over?, variance: variance?, epsilon: epsilon? })
}

fn front_end(node: &Node<'_>, rate: u32) -> Option<StepSpec> {
    let tables = [("litert-micro", FrontEndTables::LitertMicro), ("microfrontend", FrontEndTables::Microfrontend)];
    let tables =
        node.need_argument(0, "which one", "frontend \"litert-micro\"").and_then(|value| value.choice(&tables, &[]));
    let outputs =
        [("int8", FrontEndOutput::Int8), ("int16", FrontEndOutput::Int16), ("float32", FrontEndOutput::Float32)];
    let output = choice(node, "output", FrontEndOutput::Int8, &outputs);
    let size = samples(node, "ms", "samples", rate, Some(30));
    let stride = samples(node, "stride-ms", "stride", rate, Some(20));
    let channels = node.property("channels").map_or(Some(40), |value| count(&value, MOST_BANDS));
    let (low, high) = (number(node, "low", 125.0, HERTZ), number(node, "high", 7500.0, HERTZ));
    let even_smoothing = number(node, "even-smoothing", 0.025, SHARES);
    let odd_smoothing = number(node, "odd-smoothing", 0.06, SHARES);
    let min_signal_remaining = number(node, "min-signal-remaining", 0.05, SHARES);
    let strength = number(node, "pcan-strength", 0.95, NOT_NEGATIVE);
    let offset = number(node, "pcan-offset", 80.0, POSITIVE);
    let pcan = if flag(node, "pcan", true)? { Some(Pcan { strength: strength?, offset: offset? }) } else { None };
    Some(StepSpec::FrontEnd(FrontEnd {
        tables: tables?,
        size: size?,
        stride: stride?,
        channels: channels?,
        low: low?,
        high: high?,
        even_smoothing: even_smoothing?,
        odd_smoothing: odd_smoothing?,
        min_signal_remaining: min_signal_remaining?,
        pcan,
        output: output?,
    }))
}

/// A property that is one of some words.
fn choice<T: Copy>(node: &Node<'_>, key: &'static str, default: T, choices: &[(&'static str, T)]) -> Option<T> {
    node.property(key).map_or(Some(default), |value| value.choice(choices, &[]))
}

fn flag(node: &Node<'_>, key: &'static str, default: bool) -> Option<bool> {
    node.property(key).map_or(Some(default), |value| value.flag())
}

/// A property that is a number within bounds.
fn number(node: &Node<'_>, key: &'static str, default: f32, bounds: Bounds) -> Option<f32> {
    node.property(key).map_or(Some(default), |value| within(&value, bounds))
}

fn within(value: &Value<'_>, bounds: Bounds) -> Option<f32> {
    let number = value.float32()?;
    let low = if bounds.or_equal { number >= bounds.least } else { number > bounds.least };
    if low && number <= bounds.most {
        return Some(number);
    }
    value.refuse(
        format!("{} is out of range", value.what()),
        "out of range",
        format!("write a number {}", bounds.words),
    );
    None
}

fn count(value: &Value<'_>, most: i128) -> Option<usize> {
    usize::try_from(value.integer(1..=most)?).ok()
}

/// A time, as milliseconds or as samples.
fn samples(
    node: &Node<'_>,
    ms: &'static str,
    samples: &'static str,
    rate: u32,
    default_ms: Option<u64>,
) -> Option<usize> {
    match (node.property(ms), node.property(samples)) {
        (Some(_), Some(second)) => {
            second.refuse(format!("`{ms}` and `{samples}` exclude each other"), "second one", "keep one of them");
            None
        }
        (None, Some(value)) => usize::try_from(value.integer(1..=MOST_SAMPLES)?).ok(),
        (Some(value), None) => {
            let whole = whole_samples(value.thousandths(0..=1_000_000)?, rate);
            if whole.is_none() {
                let message = format!("{} Hz has no whole number of samples in this time", grouped(rate.into()));
                value.refuse(message, "here", format!("write samples instead: `{samples}=…`"));
            }
            whole
        }
        (None, None) => {
            let whole = default_ms.and_then(|time| whole_samples(time * 1000, rate));
            if whole.is_none() {
                node.missing(ms, &format!("{ms}=20"));
            }
            whole
        }
    }
}

/// Samples in so many microseconds, where they are a whole number and not 0.
fn whole_samples(time: u64, rate: u32) -> Option<usize> {
    let product = u128::from(time) * u128::from(rate);
    if product == 0 || !product.is_multiple_of(1_000_000) {
        return None;
    }
    usize::try_from(product / 1_000_000).ok()
}
