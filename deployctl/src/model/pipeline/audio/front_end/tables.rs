//! The front end's tables, with each rounding of the tool that makes them: LiteRT Micro's Python computes in 64 and 32 bits in
//! turn and cuts filter weights off, the C library computes mostly in 32 bits and rounds them.

use std::ops::Range;

use kernels::signal::PCAN_TABLE;

use super::super::super::sound::{FrontEnd, FrontEndTables, Pcan};
use super::super::super::spec::Wrong;
use super::super::real;
use super::{GAIN_BITS, WEIGHT_BITS};

/// 1.0 of window and filter weights.
const ONE: f64 = (1 << WEIGHT_BITS) as f64;

/// A Hann window whose weights are those of the middles between samples.
#[expect(clippy::cast_possible_truncation, reason = "weights are from 0 to 4096, and floats what the tool has")]
pub(super) fn window(tables: FrontEndTables, len: usize) -> Vec<i16> {
    use std::f64::consts::PI;
    let weight = |arg: f64, at: usize| 0.5 - 0.5 * libm::cos(arg * (real(at) + 0.5));
    match tables {
        FrontEndTables::LitertMicro => {
            (0..len).map(|at| libm::rint(weight(PI * 2.0 / real(len), at) * ONE) as i16).collect()
        }
        FrontEndTables::Microfrontend => {
            let arg = f64::from((PI * 2.0 / real(len)) as f32);
            (0..len).map(|at| libm::floor(f64::from(weight(arg, at) as f32) * ONE + 0.5) as i16).collect()
        }
    }
}

/// A filter bank: the range of energies that it takes, and the tables of [`kernels::signal::Channels`].
#[derive(Debug, Default)]
pub(super) struct Channels {
    pub(super) start: usize,
    pub(super) end: usize,
    weights: Vec<i16>,
    unweights: Vec<i16>,
    frequency_starts: Vec<i16>,
    weight_starts: Vec<i16>,
    widths: Vec<i16>,
}

impl Channels {
    /// The tables, in the order that the kernel takes them.
    pub(super) fn tables(&self) -> [(&'static str, &[i16]); 5] {
        [
            ("weights", &self.weights),
            ("unweights", &self.unweights),
            ("frequency-starts", &self.frequency_starts),
            ("weight-starts", &self.weight_starts),
            ("widths", &self.widths),
        ]
    }
}

/// Mel of a frequency, in 32 bits. (The tool takes its C library's logarithm, which `libm` has, too; one that is rounded better
/// gives other filter weights in places.)
#[expect(clippy::cast_possible_truncation, reason = "the tools compute in f32 here")]
fn mel(tables: FrontEndTables, frequency: f32) -> f32 {
    match tables {
        FrontEndTables::LitertMicro => 1127.0 * libm::log1pf(frequency / 700.0),
        FrontEndTables::Microfrontend => (1127.0 * libm::log1p(f64::from(frequency) / 700.0)) as f32,
    }
}

/// The frequency of a bin, in 32 bits.
#[expect(clippy::cast_possible_truncation, reason = "the tools compute in f32 here")]
fn bin_frequency(tables: FrontEndTables, bin: usize, spacing: f64) -> f32 {
    match tables {
        FrontEndTables::LitertMicro => (real(bin) * spacing) as f32,
        FrontEndTables::Microfrontend => real(bin) as f32 * spacing as f32,
    }
}

/// A channel's weights of frequencies from 1.0 down; what is missing to 1.0 goes to the next channel.
#[expect(clippy::cast_possible_truncation, reason = "weights are from 0 to 4096")]
fn quantized(tables: FrontEndTables, weight: f32) -> [i16; 2] {
    match tables {
        FrontEndTables::LitertMicro => [weight, 1.0 - weight].map(|weight| (weight * ONE as f32) as i16),
        FrontEndTables::Microfrontend => {
            let rounded = |weight: f64| libm::floor(weight * ONE + 0.5) as i16;
            [rounded(f64::from(weight)), rounded(1.0 - f64::from(weight))]
        }
    }
}

/// The filter bank for spectra of an FFT of so many points. The tools fill weights up with zeros to blocks that a processor
/// takes at once; sums are the same without.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "the tools compute in f32 here, and cut off; there are at most 2049 frequencies"
)]
pub(super) fn channels(p: &FrontEnd, rate: u32, points: usize) -> Result<Channels, Wrong> {
    let spacing = f64::from(rate) / real(points);
    let mel_of = |bin: usize| mel(p.tables, bin_frequency(p.tables, bin, spacing));
    let (low, high) = (mel(p.tables, p.low), mel(p.tables, p.high));
    let step = (high - low) / real(p.channels + 1) as f32;
    let centers: Vec<f32> = (1..=p.channels + 1).map(|at| low + step * real(at) as f32).collect();
    // Never the first frequency, which is 0.
    let start = match p.tables {
        FrontEndTables::LitertMicro => libm::rint(1.0 + f64::from(p.low) / spacing) as usize,
        FrontEndTables::Microfrontend => (1.5 + f64::from(p.low / spacing as f32)) as usize,
    };
    let mut bands = Vec::with_capacity(centers.len());
    let mut from = start;
    for &center in &centers {
        let to = (from..=points).find(|&bin| mel_of(bin) > center).unwrap_or(points);
        bands.push(from..to);
        from = to;
    }
    check(p, &bands, points, spacing)?;
    let mut channels = Channels { start, end: from, ..Channels::default() };
    for (channel, band) in bands.into_iter().enumerate() {
        let before = channel.checked_sub(1).map_or(low, |before| centers[before]);
        let weight = |bin| quantized(p.tables, (centers[channel] - mel_of(bin)) / (centers[channel] - before));
        channels.frequency_starts.push(band.start as i16);
        channels.weight_starts.push(channels.weights.len() as i16);
        channels.widths.push(band.len() as i16);
        for [weight, unweight] in band.map(weight) {
            channels.weights.push(weight);
            channels.unweights.push(unweight);
        }
    }
    Ok(channels)
}

/// Refuses channels that take nothing, and a last one that goes beyond the spectrum.
fn check(p: &FrontEnd, bands: &[Range<usize>], points: usize, spacing: f64) -> Result<(), Wrong> {
    let end = bands.last().map_or(0, |band| band.end);
    if end > points / 2 {
        let reason =
            format!("the last channel takes frequencies up to half the rate, {} Hz", real(points / 2) * spacing);
        return Err(Wrong::new(reason, "take a lower `high`: LiteRT Micro leaves the last frequency out"));
    }
    // A channel takes its own band, and what the one before leaves.
    if let Some(empty) = bands.windows(2).position(|pair| pair.iter().all(Range::is_empty)) {
        let reason = format!("channel {empty} is empty: frequencies of this FFT are {spacing:.1} Hz apart");
        return Err(Wrong::new(
            reason,
            format!("take longer frames than {}, fewer `channels`, or a higher `low`", p.size),
        ));
    }
    Ok(())
}

/// The gains by noise estimate, in parabolas between powers of two.
pub(super) fn gains(pcan: &Pcan, input_bits: u32) -> Vec<i16> {
    let gain = |estimate: u32| i32::from(gain(pcan, input_bits, estimate));
    let mut table = vec![gain(0), gain(1)];
    for interval in 2..=u32::BITS {
        let first = 1_u32 << (interval - 1);
        let last = first.saturating_mul(2);
        let [low, middle, high] = [first, first + first / 2, last].map(gain);
        let slope = 4 * (middle - low) - (high - low);
        let curve = (high - low) - slope;
        table.extend([low, slope, curve, 0]);
    }
    table.truncate(PCAN_TABLE);
    #[expect(clippy::cast_possible_truncation, reason = "the tool keeps 16 bits")]
    table.into_iter().map(|entry| entry as i16).collect()
}

/// The gain of a noise estimate, in 32 bits.
#[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "the tool computes in f32")]
fn gain(pcan: &Pcan, input_bits: u32, estimate: u32) -> i16 {
    let sum = estimate as f32 / (1_u32 << input_bits) as f32 + pcan.offset;
    let gain = (1_u32 << GAIN_BITS) as f32 * (libm::pow(f64::from(sum), f64::from(-pcan.strength)) as f32);
    // Saturates: what is larger is the largest.
    if gain > f32::from(i16::MAX) { i16::MAX } else { (gain + 0.5) as i16 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gains_of_the_speech_example() {
        let table = gains(&Pcan { strength: 0.95, offset: 80.0 }, 7);
        assert_eq!(table.len(), PCAN_TABLE);
        assert_eq!(table[..10], [32636, 32633, 32630, -6, 0, 0, 32624, -12, 0, 0]);
    }
}
