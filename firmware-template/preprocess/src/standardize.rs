//! Windows of samples with mean 0 and deviation 1, by channel.

use kernels::{view, view_mut, wrong_operands};

use crate::number::{finite, sum};

/// `(x - mean) / (deviation + epsilon)`, with mean and deviation (of the population) of each channel of this window. One
/// input and one output of float32, channels beside each other.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Standardize {
    /// Samples a channel.
    pub samples: usize,
    /// Channels.
    pub channels: usize,
    /// Keeps channels that do not change from being divided by zero.
    pub epsilon: f32,
}

impl Standardize {
    /// Sums go from the first sample to the last, that of squares in a second pass.
    #[inline]
    pub fn apply(&self, input: &[f32], output: &mut [f32]) {
        for channel in 0..self.channels {
            let values = || input[channel..].iter().step_by(self.channels).copied();
            let mean = finite(sum(values()) / self.samples as f32);
            let squares = sum(values().map(|x| (x - mean) * (x - mean)));
            let deviation = libm::sqrtf(finite(squares / self.samples as f32)) + self.epsilon;
            for (place, x) in output[channel..].iter_mut().step_by(self.channels).zip(values()) {
                *place = finite((x - mean) / deviation);
            }
        }
    }
}

/// [`Standardize::apply`].
#[inline]
pub fn standardize(p: &Standardize, inputs: &[&[i8]], outputs: &mut [&mut [i8]]) {
    let ([input], [output]) = (inputs, outputs) else { wrong_operands() };
    let len = p.samples * p.channels;
    p.apply(&view(input)[..len], &mut view_mut(output)[..len]);
}

#[cfg(test)]
mod tests {
    use super::Standardize;

    #[test]
    fn each_channel_by_itself() {
        // 2, 4, 4, 4, 5, 5, 7, 9 has mean 5 and deviation 2; the second channel is constant.
        let input = [2.0, 3.0, 4.0, 3.0, 4.0, 3.0, 4.0, 3.0, 5.0, 3.0, 5.0, 3.0, 7.0, 3.0, 9.0, 3.0];
        let mut output = [9.0; 16];
        Standardize { samples: 8, channels: 2, epsilon: 1e-6 }.apply(&input, &mut output);
        let first: [f32; 8] = core::array::from_fn(|at| output[2 * at]);
        for (found, expected) in first.iter().zip([-1.5, -0.5, -0.5, -0.5, 0.0, 0.0, 1.0, 2.0]) {
            assert!((found - expected).abs() < 1e-5);
        }
        assert!(output.iter().skip(1).step_by(2).all(|&x| x == 0.0));
    }

    #[test]
    fn sums_that_overflow_give_numbers() {
        let mut output = [9.0; 2];
        Standardize { samples: 2, channels: 1, epsilon: 0.0 }.apply(&[f32::MAX, f32::MIN], &mut output);
        assert!(output.iter().all(|x| x.is_finite()));
        Standardize { samples: 2, channels: 1, epsilon: 0.0 }.apply(&[1.0, 1.0], &mut output);
        assert_eq!(output, [0.0, 0.0], "0 / 0");
    }
}
