//! Trends taken out of windows of samples, by channel.

use kernels::{view, view_mut, wrong_operands};

use crate::number::{finite, sum};

/// What is left of each channel without its mean, or without the straight line that fits it best (least squares): as
/// `scipy.signal.detrend` of types `constant` and `linear`. One input and one output of float32, channels beside each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Detrend {
    /// Samples a channel, fewer than 2^16.
    pub samples: usize,
    /// Channels.
    pub channels: usize,
    /// Whether the line may have a slope.
    pub linear: bool,
}

impl Detrend {
    /// Sums go from the first sample to the last.
    #[inline]
    pub fn apply(&self, input: &[f32], output: &mut [f32]) {
        // Exact: halves of whole numbers below 2^17.
        let middle = (self.samples - 1) as f32 / 2.0;
        let time = |at: usize| at as f32 - middle;
        let spread = sum((0..self.samples).map(|at| time(at) * time(at)));
        for channel in 0..self.channels {
            let values = || input[channel..].iter().step_by(self.channels).copied();
            let mean = finite(sum(values()) / self.samples as f32);
            let slope = if self.linear && self.samples > 1 {
                finite(sum(values().enumerate().map(|(at, x)| time(at) * (x - mean))) / spread)
            } else {
                0.0
            };
            let places = output[channel..].iter_mut().step_by(self.channels);
            for ((at, x), place) in values().enumerate().zip(places) {
                *place = finite(x - mean - slope * time(at));
            }
        }
    }
}

/// [`Detrend::apply`].
#[inline]
pub fn detrend(p: &Detrend, inputs: &[&[i8]], outputs: &mut [&mut [i8]]) {
    let ([input], [output]) = (inputs, outputs) else { wrong_operands() };
    let len = p.samples * p.channels;
    p.apply(&view(input)[..len], &mut view_mut(output)[..len]);
}

#[cfg(test)]
mod tests {
    use super::Detrend;

    #[test]
    fn means_and_lines_go() {
        // Two channels: 1, 2, 6 and 5, 5, 5.
        let input = [1.0, 5.0, 2.0, 5.0, 6.0, 5.0];
        let mut output = [9.0; 6];
        Detrend { samples: 3, channels: 2, linear: false }.apply(&input, &mut output);
        assert_eq!(output, [-2.0, 0.0, -1.0, 0.0, 3.0, 0.0]);
        // Slope 2.5: residuals 0.5, -1, 0.5.
        Detrend { samples: 3, channels: 2, linear: true }.apply(&input, &mut output);
        assert_eq!(output, [0.5, 0.0, -1.0, 0.0, 0.5, 0.0]);
    }

    #[test]
    fn one_sample_and_sums_that_overflow() {
        let mut output = [9.0; 1];
        Detrend { samples: 1, channels: 1, linear: true }.apply(&[7.0], &mut output);
        assert_eq!(output, [0.0]);
        let mut output = [9.0; 2];
        Detrend { samples: 2, channels: 1, linear: true }.apply(&[f32::MAX, f32::MAX], &mut output);
        assert!(output.iter().all(|x| x.is_finite()));
    }
}
