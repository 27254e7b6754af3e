//! `SignalFilterBankSquareRoot`: magnitudes of energies, with the scaling before the FFT taken back.

use crate::bytes::{view, view_mut, wrong_operands};

/// Square roots of uint64. Operands: sums, bits of [`FftAutoScale`](super::FftAutoScale) (one int32); uint32 roots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct FilterBankSquareRoot {
    /// Channels.
    pub channels: usize,
}

impl FilterBankSquareRoot {
    /// `output = round(sqrt(input)) >> bits`, of whose bits the lowest five count.
    pub fn apply(&self, input: &[u64], bits: i32, output: &mut [u32]) {
        for (root, &sum) in output[..self.channels].iter_mut().zip(&input[..self.channels]) {
            *root = square_root(sum).wrapping_shr(bits as u32);
        }
    }
}

/// Bit by bit. Rounds to the nearest, but never to more than 16 bits for a number of 32, nor 32 bits for one of 64.
macro_rules! root {
    ($name:ident, $type:ty) => {
        fn $name(mut rest: $type) -> u32 {
            const LARGEST: $type = <$type>::MAX >> (<$type>::BITS / 2);
            if rest == 0 {
                return 0;
            }
            let mut root = 0;
            let mut bit: $type = 1 << (rest.ilog2() & !1);
            while bit > 0 {
                let trial = root + bit;
                root >>= 1;
                if rest >= trial {
                    rest -= trial;
                    root += bit;
                }
                bit >>= 2;
            }
            (root + <$type>::from(rest > root && root != LARGEST)) as u32
        }
    };
}
root!(root_of_32_bits, u32);
root!(root_of_64_bits, u64);

/// LiteRT Micro's `Sqrt64`.
fn square_root(number: u64) -> u32 {
    match u32::try_from(number) {
        Ok(number) => root_of_32_bits(number),
        Err(_) => root_of_64_bits(number),
    }
}

/// [`FilterBankSquareRoot::apply`].
#[inline]
pub fn filter_bank_square_root(p: &FilterBankSquareRoot, inputs: &[&[i8]], outputs: &mut [&mut [i8]]) {
    let ([input, bits], [output]) = (inputs, outputs) else { wrong_operands() };
    p.apply(view(input), view::<i32>(bits)[0], view_mut(output));
}

#[cfg(test)]
mod tests {
    use super::{FilterBankSquareRoot, square_root};

    #[test]
    fn rounds_to_the_nearest() {
        for number in 0..70_000_u64 {
            let root = u64::from(square_root(number));
            assert!(number <= root * root + root && (root == 0 || number > root * root - root), "{number} {root}");
        }
        for root in [65_537_u64, 123_456_789, 0xffff_ffff] {
            assert_eq!(u64::from(square_root(root * root)), root);
            assert_eq!(u64::from(square_root(root * root - 1)), root);
            assert_eq!(u64::from(square_root(root * root - root)), root - 1);
            assert_eq!(u64::from(square_root(root * root - root + 1)), root);
        }
    }

    #[test]
    fn the_largest_do_not_overflow() {
        assert_eq!(square_root(u64::from(u32::MAX)), 0xffff, "LiteRT Micro's shortcut for 32 bits");
        assert_eq!(square_root(1 << 32), 0x1_0000);
        assert_eq!(square_root(u64::MAX), u32::MAX);
    }

    #[test]
    fn scaling_is_taken_back() {
        let mut output = [0; 2];
        FilterBankSquareRoot { channels: 2 }.apply(&[100, 1 << 60], 2, &mut output);
        assert_eq!(output, [2, 1 << 28]);
    }
}
