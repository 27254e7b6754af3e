//! Why a step drifts: what the numbers say themselves, and what usually is the matter.
//!
//! The numbers are asked simple questions: are theirs ours times a factor, plus an offset, one frame later, with channels in
//! another order? Of a window, whose weights a division gives: which one is it?

use std::f64::consts::{LN_10, TAU};

use super::compare::{count, spread};

/// A part of the error that may remain where a question is answered with yes.
const CLOSE: f64 = 1e-3;
/// Two windows of some samples are told apart by this part of their deviation.
const SAME_WINDOW: f64 = 2e-4;

/// The step at fault, ours and theirs.
pub(super) struct Pair<'a> {
    pub(super) step: &'a str,
    /// Vectors, frames where there are any, then the value's.
    pub(super) shape: Vec<usize>,
    /// Whether the second dimension is frames.
    pub(super) streams: bool,
    pub(super) ours: &'a [f64],
    pub(super) theirs: &'a [f64],
    /// Our samples, where frames are cut of a stream.
    pub(super) samples: Option<&'a [f64]>,
}

/// What the numbers say; nothing where they say nothing simple.
pub(super) fn found(pair: &Pair) -> Option<String> {
    if pair.ours.iter().any(|value| !value.is_finite()) || pair.ours.len() != pair.theirs.len() {
        return None;
    }
    let window = (pair.step == "window").then(|| window(pair)).flatten();
    window.or_else(|| shifted(pair)).or_else(|| channels(pair)).or_else(|| scaled(pair))
}

/// Relative error of `a * ours + b` against theirs.
fn error(ours: impl Iterator<Item = f64>, theirs: &[f64], a: f64, b: f64) -> f64 {
    let square: f64 = ours.zip(theirs).map(|(ours, theirs)| (a * ours + b - theirs).powi(2)).sum();
    (square / count(theirs.len().max(1))).sqrt() / spread(theirs)
}

/// Theirs are ours by a factor, with or without an offset.
fn scaled(pair: &Pair) -> Option<String> {
    let (ours, theirs) = (pair.ours, pair.theirs);
    let n = count(ours.len().max(1));
    let sum = |values: &mut dyn Iterator<Item = f64>| values.sum::<f64>();
    let squares = sum(&mut ours.iter().map(|ours| ours * ours));
    let products = sum(&mut ours.iter().zip(theirs).map(|(ours, theirs)| ours * theirs));
    if squares <= 0.0 {
        return None;
    }
    let factor = products / squares;
    if (factor - 1.0).abs() > CLOSE && error(ours.iter().copied(), theirs, factor, 0.0) < CLOSE {
        return Some(format!("theirs are ours times {}{}", number(factor), meaning(factor)));
    }
    let (mean, other) = (sum(&mut ours.iter().map(|ours| ours / n)), sum(&mut theirs.iter().map(|theirs| theirs / n)));
    let variance = squares / n - mean * mean;
    if variance <= 0.0 {
        return None;
    }
    let a = (products / n - mean * other) / variance;
    let b = other - a * mean;
    if error(ours.iter().copied(), theirs, a, b) >= CLOSE {
        return None;
    }
    let offset = format!("{} {}", if b < 0.0 { "minus" } else { "plus" }, number(b.abs()));
    if (a - 1.0).abs() <= CLOSE {
        return Some(format!("theirs are ours {offset}: another scale before a logarithm, or another zero point"));
    }
    Some(format!("theirs are ours times {} {offset}{}", number(a), meaning(a)))
}

/// What factors are known for.
fn meaning(factor: f64) -> &'static str {
    let is = |known: f64| (factor / known - 1.0).abs() < CLOSE;
    let known = [
        (32_768.0, ": the training side takes samples as int16 numbers, and not as -1 to 1"),
        (1.0 / 32_768.0, ": the training side takes samples as -1 to 1, and not as int16 numbers"),
        (32_768.0 * 32_768.0, ": the power of int16 samples, and not of samples from -1 to 1"),
        (1.0 / 32_768.0 / 32_768.0, ": the power of samples from -1 to 1, and not of int16 samples"),
        (1.0 / 255.0, ": the training side takes pixels as 0 to 1, and not as 0 to 255"),
        (255.0, ": the training side takes pixels as 0 to 255, and not as 0 to 1"),
        (10.0 / LN_10, ": decibels of a power, and not a natural logarithm"),
        (20.0 / LN_10, ": decibels of a magnitude, and not a natural logarithm"),
        (1.0 / LN_10, ": a logarithm to base 10, and not a natural one"),
        (std::f64::consts::LOG2_E, ": a logarithm to base 2, and not a natural one"),
    ];
    known.iter().find(|(known, _)| is(*known)).map_or("", |(_, words)| words)
}

/// Theirs are ours, some frames earlier or later.
fn shifted(pair: &Pair) -> Option<String> {
    if !pair.streams {
        return None;
    }
    let (frames, each) = (pair.shape[1], pair.shape[2..].iter().product::<usize>());
    let vector = frames * each;
    let part = |values: &[f64], from: usize, to: usize| -> Vec<f64> {
        values.chunks(vector.max(1)).flat_map(|vector| vector[from * each..to * each].to_vec()).collect()
    };
    for by in 1..frames.min(4) {
        let later = (part(pair.ours, 0, frames - by), part(pair.theirs, by, frames), "later");
        let earlier = (part(pair.ours, by, frames), part(pair.theirs, 0, frames - by), "earlier");
        for (ours, theirs, word) in [later, earlier] {
            if error(ours.into_iter(), &theirs, 1.0, 0.0) < CLOSE {
                let plural = if by == 1 { "frame" } else { "frames" };
                return Some(format!(
                    "theirs are ours {by} {plural} {word}: samples padded in front (librosa's center=True), or dropped"
                ));
            }
        }
    }
    None
}

/// Theirs have channels, which come last, in another order.
fn channels(pair: &Pair) -> Option<String> {
    let &channels = pair.shape.last()?;
    if !(2..=4).contains(&channels) {
        return None;
    }
    let ours = pair.ours.chunks(channels).flat_map(|pixel| pixel.iter().rev().copied());
    (error(ours, pair.theirs, 1.0, 0.0) < CLOSE)
        .then(|| "theirs are ours with the channels reversed: BGR for RGB (OpenCV reads BGR)".to_owned())
}

/// Which window theirs is, by the samples that it weighs.
fn window(pair: &Pair) -> Option<String> {
    let (samples, &size) = (pair.samples?, pair.shape.last()?);
    if samples.len() != pair.theirs.len() || size < 4 {
        return None;
    }
    let (mut products, mut squares) = (vec![0.0; size], vec![0.0; size]);
    for (at, (sample, theirs)) in samples.iter().zip(pair.theirs).enumerate() {
        let sample = sample / 32_768.0;
        products[at % size] += sample * theirs;
        squares[at % size] += sample * sample;
    }
    if squares.iter().any(|square| *square <= 0.0) {
        return None;
    }
    let weights: Vec<f64> = products.iter().zip(&squares).map(|(product, square)| product / square).collect();
    let fits = candidates(size).into_iter().map(|(name, shape)| {
        let product: f64 = weights.iter().zip(&shape).map(|(weight, shape)| weight * shape).sum();
        let scale = product / shape.iter().map(|shape| shape * shape).sum::<f64>();
        let square: f64 = weights.iter().zip(&shape).map(|(weight, shape)| (weight - scale * shape).powi(2)).sum();
        (name, scale, (square / count(size)).sqrt() / scale.abs().max(f64::MIN_POSITIVE))
    });
    let (name, scale, rest) = fits.min_by(|one, other| one.2.total_cmp(&other.2))?;
    if rest > SAME_WINDOW {
        return None;
    }
    let scale = if (scale - 1.0).abs() < CLOSE {
        String::new()
    } else {
        format!(", times {}{}", number(scale), meaning(scale))
    };
    Some(format!("their window is {name}{scale}"))
}

/// Windows that people take, by name.
fn candidates(size: usize) -> Vec<(String, Vec<f64>)> {
    let shapes: [(&str, &[f64]); 3] =
        [("Hann", &[0.5, 0.5]), ("Hamming", &[0.54, 0.46]), ("Blackman", &[0.42, 0.5, 0.08])];
    let mut found = vec![("rectangular: none at all".to_owned(), vec![1.0; size])];
    for (kind, period) in [("periodic", size), ("symmetric", size - 1)] {
        for (name, terms) in shapes {
            let weight = |at: usize| -> f64 {
                let angle = TAU * count(at) / count(period);
                let signed = |(k, term): (usize, &f64)| {
                    let sign = if k % 2 == 0 { 1.0 } else { -1.0 };
                    sign * term * libm::cos(angle * count(k))
                };
                terms.iter().enumerate().map(signed).sum()
            };
            let windows: Vec<f64> = (0..size).map(weight).collect();
            found.push((format!("a {kind} {name} window"), windows));
        }
    }
    found
}

/// A factor in six digits at most.
fn number(value: f64) -> String {
    let short: f64 = format!("{value:.5e}").parse().unwrap_or(value);
    if (1e-4..1e7).contains(&short.abs()) { short.to_string() } else { format!("{short:e}") }
}

/// What usually makes one of these steps drift.
pub(super) fn usual<'n>(steps: impl Iterator<Item = &'n str>) -> String {
    let mut causes: Vec<&str> = steps.map(|step| usual_of(step.split('-').next().unwrap_or(step))).collect();
    causes.dedup();
    causes.join("; ")
}

fn usual_of(step: &str) -> &'static str {
    match step {
        "frame" => {
            "frames: size or stride in samples, padding at the beginning (librosa's center=True), samples as -1 to 1 and not \
             int16, another rate"
        }
        "preemphasis" | "emphasis" => "pre-emphasis: another coefficient, or what stands before the first sample",
        "window" => {
            "window: symmetric (numpy.hanning, scipy's default for filters) and not periodic (librosa, TensorFlow), another shape, \
             samples as int16 numbers and not -1 to 1"
        }
        "fft" | "spectrum" | "power" | "magnitude" => {
            "spectrum: FFT size, magnitude and not power, a division by the size, the frame in the middle of its zeros (librosa) \
             and not at their beginning"
        }
        "mel" | "filterbank" => {
            "mel: Slaney's scale (librosa's default) and not HTK's, area normalization (norm=\"slaney\"), other edges, magnitude \
             and not power"
        }
        "log" => "log: base (natural, 10, decibels), floor and whether it is added or a maximum, top_db",
        "dct" => "dct: norm=\"ortho\" or not, type II or another, coefficient 0 left out, liftering",
        "pcen" => "pcen: time constant, gain, bias, power, and the first frame of its smoother",
        "normalize" | "mean" | "mean-std" | "standardize" => {
            "normalization: mean and deviation of other data, over another axis, of n and not n - 1"
        }
        "resize" => "resize: half-pixel centres or corners, antialiasing (Pillow has it), another interpolation",
        "crop" | "pad" => "crop and pad: which edge takes the odd pixel, what is padded with",
        "channels" | "grayscale" | "convert" => "channels: BGR (OpenCV) and not RGB, other weights of grey",
        "frames" | "quantize" => {
            "quantization: scale and zero point of another model file, truncation and not rounding, an offset of 128 left out"
        }
        _ => "compare the step's parameters in the manifest with those of the training script",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signal(len: usize) -> Vec<f64> {
        (0..len).map(|at| libm::sin(count(at) * 0.7) * 3.0 + libm::cos(count(at) * 0.13)).collect()
    }

    fn ask(shape: &[usize], streams: bool, ours: &[f64], theirs: &[f64]) -> Option<String> {
        found(&Pair { step: "mel", shape: shape.to_vec(), streams, ours, theirs, samples: None })
    }

    #[test]
    fn factors_and_offsets_are_recognized() {
        let ours = signal(60);
        let with = |a: f64, b: f64| ours.iter().map(|value| a * value + b).collect::<Vec<_>>();
        let ask = |theirs: &[f64]| ask(&[1, 60], false, &ours, theirs).unwrap();
        assert!(ask(&with(32_768.0, 0.0)).ends_with("takes samples as int16 numbers, and not as -1 to 1"));
        assert_eq!(ask(&with(1.5, 0.0)), "theirs are ours times 1.5");
        assert!(ask(&with(10.0 / LN_10, 0.0)).contains("decibels of a power"));
        assert!(ask(&with(1.0, -4.0)).starts_with("theirs are ours minus 4: "));
        assert_eq!(ask(&with(2.0, 4.0)), "theirs are ours times 2 plus 4");
    }

    #[test]
    fn shifts_and_channels_are_recognized() {
        let ours = signal(60);
        let later: Vec<f64> = [vec![0.0; 6], ours[..54].to_vec()].concat();
        assert!(ask(&[1, 10, 6], true, &ours, &later).unwrap().starts_with("theirs are ours 1 frame later"));
        let earlier: Vec<f64> = [ours[12..].to_vec(), vec![9.0; 12]].concat();
        assert!(ask(&[1, 10, 6], true, &ours, &earlier).unwrap().starts_with("theirs are ours 2 frames earlier"));
        let reversed: Vec<f64> = ours.chunks(3).flat_map(|pixel| [pixel[2], pixel[1], pixel[0]]).collect();
        assert!(ask(&[1, 4, 5, 3], false, &ours, &reversed).unwrap().contains("BGR for RGB"));
    }

    #[test]
    fn noise_says_nothing() {
        let ours = signal(60);
        let theirs: Vec<f64> = ours.iter().rev().copied().collect();
        assert_eq!(ask(&[1, 10, 6], true, &ours, &theirs), None);
        assert_eq!(ask(&[1, 60], false, &[0.0; 60], &[1.0; 60]), None);
        assert_eq!(ask(&[1, 60], false, &[f64::NAN; 60], &ours), None);
    }

    #[test]
    fn steps_with_a_suffix_have_the_same_causes() {
        assert_eq!(usual(["log-2"].into_iter()), usual(["log"].into_iter()));
        assert!(usual(["window", "fft"].into_iter()).contains("; spectrum"));
    }
}
