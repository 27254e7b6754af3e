//! Mel filter banks, as librosa, HTK and TensorFlow make them; computed in 64 bits.

use super::super::sound::{MelBands, MelNorm, MelScale, MelSlopes};
use super::super::spec::Wrong;
use super::real;

/// Where Slaney's scale turns from linear to logarithmic, and mels per Hz below.
const KNEE_HZ: f64 = 1000.0;
const LINEAR_HZ: f64 = 200.0 / 3.0;

/// A band: weights of neighbouring frequencies, none of them 0.
pub(super) struct Filter {
    /// The first frequency's number.
    pub(super) start: usize,
    /// Weights.
    pub(super) weights: Vec<f64>,
}

/// The bands of a spectrum of an FFT of so many points.
pub(super) fn filters(bank: &MelBands, rate: u32, points: usize) -> Result<Vec<Filter>, Wrong> {
    let (low, nyquist) = (f64::from(bank.low), f64::from(rate) / 2.0);
    let high = bank.high.map_or(nyquist, f64::from);
    check_range(low, high, nyquist)?;
    let (first, last) = (mels(bank.scale, low), mels(bank.scale, high));
    let step = (last - first) / real(bank.bands + 1);
    let edges: Vec<f64> = (0..bank.bands + 2).map(|at| first + step * real(at)).collect();
    let hertz: Vec<f64> = edges.iter().map(|&edge| hertz(bank.scale, edge)).collect();
    let spacing = f64::from(rate) / real(points);
    // Where a frequency lies, and the edges, in what sides are straight over.
    let (place, sides): (Box<dyn Fn(f64) -> f64>, _) = match bank.slopes {
        MelSlopes::Mel => (Box::new(|frequency| mels(bank.scale, frequency)), &edges),
        MelSlopes::Hz => (Box::new(|frequency| frequency), &hertz),
    };
    let bins: Vec<f64> = (0..=points / 2).map(|bin| place(real(bin) * spacing)).collect();
    (0..bank.bands)
        .map(|band| {
            let area = match bank.norm {
                MelNorm::None => 1.0,
                MelNorm::Slaney => 2.0 / (hertz[band + 2] - hertz[band]),
            };
            let weight = |&place: &f64| area * triangle([sides[band], sides[band + 1], sides[band + 2]], place);
            let start = bins.iter().position(|place| weight(place) > 0.0);
            let start = start.ok_or_else(|| empty(band, [hertz[band], hertz[band + 2]], spacing))?;
            let weights = bins[start..].iter().map(weight).take_while(|&weight| weight > 0.0).collect();
            Ok(Filter { start, weights })
        })
        .collect()
}

/// Refuses a range that is none, or that the spectrum does not have.
pub(super) fn check_range(low: f64, high: f64, nyquist: f64) -> Result<(), Wrong> {
    if high > nyquist {
        let reason = format!("the spectrum ends at {nyquist} Hz, half the rate, and bands would go up to {high} Hz");
        return Err(Wrong::new(reason, format!("take `high` of at most {nyquist}")));
    }
    if low >= high {
        let reason = format!("bands would go from {low} Hz up to {high} Hz");
        return Err(Wrong::new(reason, "take `low` below `high`"));
    }
    Ok(())
}

fn empty(band: usize, [from, to]: [f64; 2], spacing: f64) -> Wrong {
    let reason = format!(
        "band {band}, from {from:.1} to {to:.1} Hz, is empty: frequencies of this FFT are {spacing:.1} Hz apart"
    );
    Wrong::new(reason, "take an `fft` of more points, fewer `bands`, or a higher `low`")
}

/// 0 up to the first and from the third place on, 1 at the second, straight between.
fn triangle([left, peak, right]: [f64; 3], place: f64) -> f64 {
    let (up, down) = ((place - left) / (peak - left), (right - place) / (right - peak));
    up.min(down).max(0.0)
}

/// What a frequency is on the scale.
fn mels(scale: MelScale, hertz: f64) -> f64 {
    match scale {
        MelScale::Htk => 2595.0 * libm::log10(1.0 + hertz / 700.0),
        MelScale::Slaney if hertz < KNEE_HZ => hertz / LINEAR_HZ,
        MelScale::Slaney => KNEE_HZ / LINEAR_HZ + libm::log(hertz / KNEE_HZ) / slaney_step(),
    }
}

fn hertz(scale: MelScale, mels: f64) -> f64 {
    match scale {
        MelScale::Htk => 700.0 * (libm::pow(10.0, mels / 2595.0) - 1.0),
        MelScale::Slaney if mels < KNEE_HZ / LINEAR_HZ => mels * LINEAR_HZ,
        MelScale::Slaney => KNEE_HZ * libm::exp(slaney_step() * (mels - KNEE_HZ / LINEAR_HZ)),
    }
}

/// The logarithm of the ratio of frequencies that are one mel apart, above the knee: 27 of them from 1000 to 6400 Hz.
fn slaney_step() -> f64 {
    libm::log(6.4) / 27.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bank(bands: usize, scale: MelScale, slopes: MelSlopes, norm: MelNorm) -> MelBands {
        MelBands { bands, low: 20.0, high: Some(4000.0), scale, slopes, norm }
    }

    #[test]
    fn scales_and_their_inverses() {
        for scale in [MelScale::Htk, MelScale::Slaney] {
            for frequency in [0.0, 440.0, 999.0, 1000.0, 7600.0] {
                assert!((hertz(scale, mels(scale, frequency)) - frequency).abs() < 1e-9, "{scale:?} {frequency}");
            }
        }
        assert!((mels(MelScale::Htk, 1000.0) - 999.985_537_1).abs() < 1e-6);
        assert!((mels(MelScale::Slaney, 6400.0) - 42.0).abs() < 1e-12);
    }

    #[test]
    fn neighbouring_bands_share_each_frequency() {
        let filters = filters(&bank(20, MelScale::Htk, MelSlopes::Mel, MelNorm::None), 16_000, 512).unwrap();
        let mut sums = [0.0; 257];
        for filter in &filters {
            for (sum, weight) in sums[filter.start..].iter_mut().zip(&filter.weights) {
                *sum += weight;
            }
        }
        // Between the first and the last peak the two weights of a frequency are 1.
        assert!(sums[8..110].iter().all(|sum| (sum - 1.0).abs() < 1e-12), "{sums:?}");
        assert!(sums[129..].iter().all(|&sum| sum == 0.0));
    }

    #[test]
    fn a_band_without_a_frequency_is_refused() {
        let wrong = filters(&bank(80, MelScale::Slaney, MelSlopes::Hz, MelNorm::Slaney), 16_000, 256).err().unwrap();
        assert_eq!(wrong.reason, "band 6, from 192.2 to 249.6 Hz, is empty: frequencies of this FFT are 62.5 Hz apart");
    }
}
