//! `SignalFilterBank`: energies gathered into overlapping channels.

use crate::bytes::{view, view_mut, wrong_operands};

/// A filter bank, mostly a mel one. Operands: uint32 energies, then the five tables of [`Channels`], all int16; uint64 sums.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct FilterBank {
    /// Channels of the output. Tables have one more: the first takes what belongs to no channel.
    pub channels: usize,
}

/// The tables of a filter bank. Neighbouring channels overlap: each energy goes into channel `i` by its weight, and into
/// the next by its unweight, which is 1.0 less the weight.
#[derive(Clone, Copy, Debug)]
pub struct Channels<'a> {
    /// Weights of all channels, one after the other; 1.0 is 4096.
    pub weights: &'a [i16],
    /// Weights for the following channel.
    pub unweights: &'a [i16],
    /// First energy of each channel.
    pub frequency_starts: &'a [i16],
    /// First weight of each channel.
    pub weight_starts: &'a [i16],
    /// Energies, and weights, of each channel.
    pub widths: &'a [i16],
}

impl FilterBank {
    /// LiteRT Micro's `FilterbankAccumulateChannels`, without the first sum, which is of no channel.
    pub fn apply(&self, energies: &[u32], channels: &Channels, output: &mut [u64]) {
        let mut carried = 0_u64;
        for channel in 0..=self.channels {
            let (mut sum, mut next) = (carried, 0_u64);
            let width = usize::try_from(channels.widths[channel]).unwrap_or(0);
            if width > 0 {
                let energies = &energies[channels.frequency_starts[channel] as usize..][..width];
                let from = channels.weight_starts[channel] as usize;
                let weights = channels.weights[from..][..width].iter().zip(&channels.unweights[from..][..width]);
                for (&energy, (&weight, &unweight)) in energies.iter().zip(weights) {
                    let product = |factor: i16| (i64::from(factor) * i64::from(energy)) as u64;
                    sum = sum.wrapping_add(product(weight));
                    next = next.wrapping_add(product(unweight));
                }
            }
            if let Some(place) = channel.checked_sub(1) {
                output[place] = sum;
            }
            carried = next;
        }
    }
}

/// [`FilterBank::apply`].
#[inline]
pub fn filter_bank(p: &FilterBank, inputs: &[&[i8]], outputs: &mut [&mut [i8]]) {
    let ([energies, weights, unweights, frequency_starts, weight_starts, widths], [output]) = (inputs, outputs) else {
        wrong_operands()
    };
    let channels = Channels {
        weights: view(weights),
        unweights: view(unweights),
        frequency_starts: view(frequency_starts),
        weight_starts: view(weight_starts),
        widths: view(widths),
    };
    p.apply(view(energies), &channels, view_mut(output));
}

#[cfg(test)]
mod tests {
    use super::{Channels, FilterBank};

    #[test]
    fn an_energy_counts_in_two_channels() {
        let mut output = [0; 2];
        let channels = Channels {
            weights: &[1, 2, 3, 4],
            unweights: &[10, 20, 30, -40],
            frequency_starts: &[0, 1, 3],
            weight_starts: &[0, 1, 3],
            widths: &[1, 2, 1],
        };
        FilterBank { channels: 2 }.apply(&[5, 6, 7, u32::MAX], &channels, &mut output);
        assert_eq!(output, [5 * 10 + 6 * 2 + 7 * 3, 6 * 20 + 7 * 30 + 4 * 0xffff_ffff]);
    }

    #[test]
    fn a_channel_may_be_empty_and_a_weight_negative() {
        let mut output = [0; 1];
        let channels = Channels {
            weights: &[-1],
            unweights: &[0],
            frequency_starts: &[99, 0],
            weight_starts: &[99, 0],
            widths: &[0, 1],
        };
        FilterBank { channels: 1 }.apply(&[5], &channels, &mut output);
        assert_eq!(output, [u64::MAX - 4]);
    }
}
