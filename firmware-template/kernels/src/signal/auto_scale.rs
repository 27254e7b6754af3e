//! `SignalFftAutoScale`: a frame shifted up as far as its loudest sample allows.

use crate::bytes::{view, view_mut, wrong_operands};

/// Scaling of a frame of int16. Operands: samples; scaled samples, bits (one int32).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct FftAutoScale {
    /// Samples.
    pub len: usize,
}

impl FftAutoScale {
    /// Shifts samples up so that the largest magnitude has its highest bit below the sign. Returns the number of bits.
    pub fn apply(&self, input: &[i16], output: &mut [i16]) -> i32 {
        let input = &input[..self.len];
        let bits = headroom(loudest(input));
        for (y, &x) in output[..self.len].iter_mut().zip(input) {
            *y = x.wrapping_shl(bits);
        }
        bits as i32
    }
}

/// LiteRT Micro's `MaxAbs16`, which keeps the magnitude in 16 bits: that of -32768 is negative, and anything is larger.
fn loudest(input: &[i16]) -> i16 {
    input.iter().fold(0, |largest, &x| {
        if x > largest {
            x
        } else if -i32::from(x) > i32::from(largest) {
            x.wrapping_neg()
        } else {
            largest
        }
    })
}

/// Bits between the highest of a magnitude and the sign; none for silence.
fn headroom(magnitude: i16) -> u32 {
    if magnitude <= 0 { 0 } else { magnitude.leading_zeros() - 1 }
}

/// [`FftAutoScale::apply`].
#[inline]
pub fn fft_auto_scale(p: &FftAutoScale, inputs: &[&[i8]], outputs: &mut [&mut [i8]]) {
    let ([input], [output, bits]) = (inputs, outputs) else { wrong_operands() };
    view_mut::<i32>(bits)[0] = p.apply(view(input), view_mut(output));
}

#[cfg(test)]
mod tests {
    use super::FftAutoScale;

    fn scaled<const N: usize>(input: [i16; N]) -> (i32, [i16; N]) {
        let mut output = [9; N];
        (FftAutoScale { len: N }.apply(&input, &mut output), output)
    }

    #[test]
    fn the_loudest_sample_gets_fifteen_bits() {
        assert_eq!(scaled([1, -3, 2]), (13, [8192, -24_576, 16_384]));
        assert_eq!(scaled([-16_384, 5]), (0, [-16_384, 5]));
        assert_eq!(scaled([32_767, 5]), (0, [32_767, 5]));
        assert_eq!(scaled([0, 0]), (0, [0, 0]));
    }

    #[test]
    fn the_most_negative_sample_is_forgotten() {
        assert_eq!(scaled([-32_768]), (0, [-32_768]));
        assert_eq!(scaled([-32_768, 1]), (14, [0, 16_384]), "as LiteRT Micro has it");
    }
}
