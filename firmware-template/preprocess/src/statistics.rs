//! Windows of samples in a few numbers, by channel.

use kernels::{view, view_mut, wrong_operands};

use crate::number::{finite, sum};

/// Statistics of each channel. Operands: float32 samples, channels beside each other, and the wanted statistics, one byte
/// each ([`Statistic::code`]); float32, the statistics of the first channel first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Statistics {
    /// Samples a channel.
    pub samples: usize,
    /// Channels.
    pub channels: usize,
}

/// One statistic of one channel. Those of the population: sums are divided by the number of samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case"))]
pub enum Statistic {
    /// Mean.
    Mean,
    /// Smallest sample.
    Min,
    /// Largest sample.
    Max,
    /// Largest less smallest.
    Range,
    /// Root of the mean square.
    Rms,
    /// Standard deviation.
    Std,
    /// Its square.
    Variance,
    /// Mean cube of the deviation from the mean, over the cube of the standard deviation; 0 where that is 0.
    Skewness,
    /// Mean fourth power of the deviation from the mean, over the squared variance, less 3 (as SciPy and pandas have it); 0
    /// where the variance is 0.
    Kurtosis,
    /// Mean of the samples without their signs.
    MeanAbsolute,
    /// How often a sample and the one before it are on different sides of zero, which is on the upper side.
    ZeroCrossings,
}

impl Statistic {
    /// All of them, in the order of their codes.
    pub const ALL: [Self; 11] = [
        Self::Mean,
        Self::Min,
        Self::Max,
        Self::Range,
        Self::Rms,
        Self::Std,
        Self::Variance,
        Self::Skewness,
        Self::Kurtosis,
        Self::MeanAbsolute,
        Self::ZeroCrossings,
    ];

    /// What stands for it in a table.
    pub const fn code(self) -> i8 {
        self as i8
    }

    fn of_code(code: i8) -> Self {
        let Some(&statistic) = usize::try_from(code).ok().and_then(|at| Self::ALL.get(at)) else { wrong_operands() };
        statistic
    }

    /// The statistic of `values`, of which there is at least one.
    fn of(self, values: impl Iterator<Item = f32> + Clone) -> f32 {
        let count = values.clone().count() as f32;
        let mean_of = |f: &dyn Fn(f32) -> f32| finite(sum(values.clone().map(f)) / count);
        let mean = || mean_of(&|x| x);
        let min = || values.clone().fold(f32::MAX, |min, x| if x < min { x } else { min });
        let max = || values.clone().fold(f32::MIN, |max, x| if x > max { x } else { max });
        let variance = |mean: f32| mean_of(&|x| (x - mean) * (x - mean));
        match self {
            Self::Mean => mean(),
            Self::Min => min(),
            Self::Max => max(),
            Self::Range => finite(max() - min()),
            Self::Rms => libm::sqrtf(mean_of(&|x| x * x)),
            Self::Std => libm::sqrtf(variance(mean())),
            Self::Variance => variance(mean()),
            Self::Skewness => {
                let mean = mean();
                let variance = variance(mean);
                over(mean_of(&|x| (x - mean) * (x - mean) * (x - mean)), variance * libm::sqrtf(variance))
            }
            Self::Kurtosis => {
                let mean = mean();
                let variance = variance(mean);
                let fourth = mean_of(&|x| (x - mean) * (x - mean) * ((x - mean) * (x - mean)));
                if variance > 0.0 { finite(over(fourth, variance * variance) - 3.0) } else { 0.0 }
            }
            Self::MeanAbsolute => mean_of(&f32::abs),
            Self::ZeroCrossings => {
                let sides = values.clone().map(|x| x >= 0.0);
                sides.clone().zip(sides.skip(1)).filter(|(a, b)| a != b).count() as f32
            }
        }
    }
}

/// The quotient, 0 where the divisor is.
fn over(dividend: f32, divisor: f32) -> f32 {
    if divisor > 0.0 { finite(dividend / divisor) } else { 0.0 }
}

impl Statistics {
    /// The statistics of all channels.
    #[inline]
    pub fn apply(&self, input: &[f32], codes: &[i8], output: &mut [f32]) {
        for (channel, places) in (0..self.channels).zip(output.chunks_exact_mut(codes.len())) {
            let values = input[channel..].iter().step_by(self.channels).copied();
            for (place, &code) in places.iter_mut().zip(codes) {
                *place = Statistic::of_code(code).of(values.clone());
            }
        }
    }
}

/// [`Statistics::apply`].
#[inline]
pub fn statistics(p: &Statistics, inputs: &[&[i8]], outputs: &mut [&mut [i8]]) {
    let ([input, codes], [output]) = (inputs, outputs) else { wrong_operands() };
    p.apply(&view(input)[..p.samples * p.channels], codes, view_mut(output));
}

#[cfg(test)]
mod tests {
    use super::{Statistic, Statistics};

    fn all<const N: usize>(samples: usize, input: &[f32]) -> [f32; N] {
        let codes = Statistic::ALL.map(Statistic::code);
        let mut output = [9.0; N];
        Statistics { samples, channels: N / 11 }.apply(input, &codes, &mut output);
        output
    }

    #[test]
    fn codes_are_places() {
        for (at, statistic) in (0..).zip(Statistic::ALL) {
            assert_eq!((statistic.code(), Statistic::of_code(at)), (at, statistic));
        }
    }

    #[test]
    fn what_numpy_and_scipy_say() {
        // Channels 1, -2, 4, -1, 8 and 3, 3, 3, 3, 3; from numpy and scipy.stats, in 64 bits.
        let found = all::<22>(5, &[1.0, 3.0, -2.0, 3.0, 4.0, 3.0, -1.0, 3.0, 8.0, 3.0]);
        let expected = [2.0, -2.0, 8.0, 10.0, 4.147_288_3, 3.633_180_4, 13.2, 0.550_481_9, -1.106_060_6, 3.2, 4.0];
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() < 2e-6, "{found} {expected}");
        }
        assert_eq!(found[11..], [3.0, 3.0, 3.0, 0.0, 3.0, 0.0, 0.0, 0.0, 0.0, 3.0, 0.0]);
    }

    #[test]
    fn sums_that_overflow_give_numbers() {
        assert!(all::<11>(3, &[f32::MAX, f32::MIN, f32::MAX]).iter().all(|x| x.is_finite()));
    }
}
