//! `SignalFilterBankSpectralSubtraction`: each channel less what of it is there all the time.

use crate::bytes::{view, view_mut, wrong_operands};

/// Noise reduction of uint32 channels. Operands: channels; channels, noise estimates, state, of uint32 each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct SpectralSubtraction {
    /// Channels.
    pub channels: usize,
    /// The low-pass filter of channels 0, 2, 4…
    pub even: Smoothing,
    /// The low-pass filter of channels 1, 3, 5…
    pub odd: Smoothing,
    /// The least share of a channel that remains, in units of 2^-[`bits`](Self::bits).
    pub min_signal_remaining: u32,
    /// Fractional bits of the noise estimates, at most 31.
    pub smoothing_bits: u32,
    /// Fractional bits of the factors, at most 63.
    pub bits: u32,
    /// Whether an estimate above its channel falls to it at once.
    pub clamping: bool,
}

/// A low-pass filter of first order, in units of 2^-[`bits`](SpectralSubtraction::bits).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Smoothing {
    /// Weight of the new value.
    pub new: u32,
    /// Weight of the estimate.
    pub old: u32,
}

impl SpectralSubtraction {
    /// Bytes of the estimates that are kept from one frame to the next.
    pub fn state_bytes(&self) -> usize {
        self.channels * size_of::<u32>()
    }

    /// LiteRT Micro's `FilterbankSpectralSubtraction`: `estimates`, zero at first, move towards the channels.
    pub fn apply(&self, input: &[u32], output: &mut [u32], estimates: &mut [u32]) {
        let channels = input[..self.channels].iter().zip(&mut output[..self.channels]);
        for (channel, ((&signal, remaining), estimate)) in channels.zip(&mut estimates[..self.channels]).enumerate() {
            let filter = if channel % 2 == 0 { self.even } else { self.odd };
            let scaled = signal << self.smoothing_bits;
            let weighed = |value: u32, weight: u32| u64::from(value) * u64::from(weight);
            let sum = weighed(scaled, filter.new).wrapping_add(weighed(*estimate, filter.old));
            *estimate = (sum >> self.bits) as u32;
            let noise = scaled.min(*estimate);
            if self.clamping {
                *estimate = noise;
            }
            let floor = (weighed(signal, self.min_signal_remaining) >> self.bits) as u32;
            *remaining = floor.max((scaled - noise) >> self.smoothing_bits);
        }
    }
}

/// [`SpectralSubtraction::apply`], and a copy of the estimates.
#[inline]
pub fn spectral_subtraction(p: &SpectralSubtraction, inputs: &[&[i8]], outputs: &mut [&mut [i8]]) {
    let ([input], [output, noise, state]) = (inputs, outputs) else { wrong_operands() };
    p.apply(view(input), view_mut(output), view_mut(state));
    noise.copy_from_slice(&state[..p.state_bytes()]);
}

#[cfg(test)]
mod tests {
    use super::{Smoothing, SpectralSubtraction};

    const P: SpectralSubtraction = SpectralSubtraction {
        channels: 3,
        even: Smoothing { new: 1 << 12, old: 3 << 12 },
        odd: Smoothing { new: 1 << 13, old: 1 << 13 },
        min_signal_remaining: 1 << 11,
        smoothing_bits: 4,
        bits: 14,
        clamping: false,
    };

    #[test]
    fn what_stays_is_taken_away() {
        let (mut output, mut estimates) = ([0; 3], [0; 3]);
        P.apply(&[100, 100, 8], &mut output, &mut estimates);
        assert_eq!((output, estimates), ([75, 50, 6], [400, 800, 32]));
        P.apply(&[100, 100, 1], &mut output, &mut estimates);
        assert_eq!((output, estimates), ([56, 25, 0], [700, 1200, 28]), "an eighth remains of 1, which is none");
        P.apply(&[8, 8, 8], &mut output, &mut estimates);
        assert_eq!((output, estimates), ([1, 1, 4], [557, 664, 53]), "an eighth remains");
    }

    #[test]
    fn clamped_estimates_fall_at_once() {
        let (mut output, mut estimates) = ([0; 3], [1600; 3]);
        SpectralSubtraction { clamping: true, ..P }.apply(&[10, 10, 0], &mut output, &mut estimates);
        assert_eq!((output, estimates), ([1, 1, 0], [160, 160, 0]));
    }
}
