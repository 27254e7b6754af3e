//! `SignalPCAN`: automatic gain control, per channel amplitude normalization.

use crate::bytes::{view, view_mut, wrong_operands};

/// Entries of the table of gains that LiteRT Micro's lookup can reach.
pub const PCAN_TABLE: usize = 125;
/// Fractional bits of the ratio of signal to noise.
const RATIO_BITS: u32 = 12;
/// Fractional bits of the result.
const OUTPUT_BITS: u32 = 6;

/// Gain control of uint32 channels. Operands: channels, noise estimates, table of gains (int16); channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Pcan {
    /// Channels.
    pub channels: usize,
    /// Bits by which the product of channel and gain is shifted down, at most 63.
    pub snr_shift: u32,
}

impl Pcan {
    /// LiteRT Micro's `ApplyPcanAutoGainControlFixed`. `gains` has [`PCAN_TABLE`] entries or more.
    pub fn apply(&self, input: &[u32], noise: &[u32], gains: &[i16], output: &mut [u32]) {
        let inputs = input[..self.channels].iter().zip(&noise[..self.channels]);
        for (out, (&signal, &noise)) in output[..self.channels].iter_mut().zip(inputs) {
            let gain = u64::from(i32::from(gain(noise, gains)) as u32);
            *out = shrink((u64::from(signal).wrapping_mul(gain) >> self.snr_shift) as u32);
        }
    }
}

/// LiteRT Micro's `WideDynamicFunction`: two values, then from every power of two to the next a parabola of three
/// coefficients, with a place of four each.
fn gain(x: u32, table: &[i16]) -> i16 {
    if x <= 2 {
        return table[x as usize];
    }
    let bits = u32::BITS - x.leading_zeros();
    let [start, slope, curve] = table[4 * bits as usize - 6..][..3] else { wrong_operands() };
    let fraction = (if bits < 11 { x << (11 - bits) } else { x >> (bits - 11) } & 0x3ff) as i32;
    // All of it fits in 32 bits: 2^15 * 2^10 / 2^5 twice, times 2^10.
    let rise = ((i32::from(curve) * fraction) >> 5) + (i32::from(slope) << 5);
    let rise = rise.wrapping_mul(fraction).wrapping_add(1 << 14) >> 15;
    (rise + i32::from(start)) as i16
}

/// LiteRT Micro's `PcanShrink`: `x²/4` below 2, `x - 1` from there on.
fn shrink(x: u32) -> u32 {
    if x < 2 << RATIO_BITS {
        (x * x) >> (2 + 2 * RATIO_BITS - OUTPUT_BITS)
    } else {
        (x >> (RATIO_BITS - OUTPUT_BITS)) - (1 << OUTPUT_BITS)
    }
}

/// [`Pcan::apply`].
#[inline]
pub fn pcan(p: &Pcan, inputs: &[&[i8]], outputs: &mut [&mut [i8]]) {
    let ([input, noise, gains], [output]) = (inputs, outputs) else { wrong_operands() };
    p.apply(view(input), view(noise), view(gains), view_mut(output));
}

#[cfg(test)]
mod tests {
    use super::{PCAN_TABLE, Pcan, gain, shrink};

    #[test]
    fn shrinking_is_continuous() {
        assert_eq!((shrink(0), shrink(4096), shrink(8191), shrink(8192)), (0, 16, 63, 64));
        assert_eq!(shrink(u32::MAX), (u32::MAX >> 6) - 64);
    }

    #[test]
    fn gains_lie_on_parabolas() {
        let mut table = [0; PCAN_TABLE];
        table[..3].copy_from_slice(&[7, 8, 9]);
        table[6..9].copy_from_slice(&[100, 64, 32]);
        table[122..].copy_from_slice(&[-5, 1, 1]);
        assert_eq!([0, 1, 2].map(|x| gain(x, &table)), [7, 8, 9]);
        // 3 has two bits and lies half way; its parabola's place is also entry 2.
        table[2..5].copy_from_slice(&[100, 64, 32]);
        assert_eq!(gain(3, &table), 100 + 32 + 8);
        assert_eq!(gain(4, &table), 100);
        assert_eq!(gain(1 << 31, &table), -5);
        assert_eq!(gain(u32::MAX, &table), -3);
    }

    #[test]
    fn a_negative_gain_is_taken_as_unsigned() {
        let mut output = [0];
        Pcan { channels: 1, snr_shift: 20 }.apply(&[1 << 10], &[0], &[-1; PCAN_TABLE], &mut output);
        assert_eq!(output, [shrink((0xffff_ffff_u64 >> 10) as u32)]);
    }
}
