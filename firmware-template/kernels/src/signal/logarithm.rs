//! `SignalFilterBankLog`: natural logarithms of channels.

use crate::bytes::{view, view_mut, wrong_operands};

/// Sections of the table, from 1 to 2.
const SECTIONS_LOG2: u32 = 7;
/// Fractional bits of the table and of everything before the output.
const BITS: u32 = 16;
/// The natural logarithm of 2.
const LN_2: u64 = 45_426;

/// `log2(1 + i/128) - i/128` in units of 2^-16: what a logarithm is above the straight line.
const ABOVE: [u16; (1 << SECTIONS_LOG2) + 1] = [
    0, 224, 442, 654, 861, 1_063, 1_259, 1_450, 1_636, 1_817, 1_992, 2_163, 2_329, 2_490, 2_646, 2_797, 2_944, 3_087,
    3_224, 3_358, 3_487, 3_611, 3_732, 3_848, 3_960, 4_068, 4_172, 4_272, 4_368, 4_460, 4_549, 4_633, 4_714, 4_791,
    4_864, 4_934, 5_001, 5_063, 5_123, 5_178, 5_231, 5_280, 5_326, 5_368, 5_408, 5_444, 5_477, 5_507, 5_533, 5_557,
    5_578, 5_595, 5_610, 5_622, 5_631, 5_637, 5_640, 5_641, 5_638, 5_633, 5_626, 5_615, 5_602, 5_586, 5_568, 5_547,
    5_524, 5_498, 5_470, 5_439, 5_406, 5_370, 5_332, 5_291, 5_249, 5_203, 5_156, 5_106, 5_054, 5_000, 4_944, 4_885,
    4_825, 4_762, 4_697, 4_630, 4_561, 4_490, 4_416, 4_341, 4_264, 4_184, 4_103, 4_020, 3_935, 3_848, 3_759, 3_668,
    3_575, 3_481, 3_384, 3_286, 3_186, 3_084, 2_981, 2_875, 2_768, 2_659, 2_549, 2_437, 2_323, 2_207, 2_090, 1_971,
    1_851, 1_729, 1_605, 1_480, 1_353, 1_224, 1_094, 963, 830, 695, 559, 421, 282, 142, 0,
];

/// Logarithms of uint32 as int16. Operands: channels; logarithms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct FilterBankLog {
    /// Channels.
    pub channels: usize,
    /// Units of the output in 1.0.
    pub output_scale: u32,
    /// Bits by which channels are shifted up first, at most 31.
    pub input_correction_bits: u32,
}

impl FilterBankLog {
    /// `output = output_scale * ln(input << bits)`, saturated; 0 up to 1. (LiteRT Micro's `FilterbankLog`.)
    pub fn apply(&self, input: &[u32], output: &mut [i16]) {
        for (out, &channel) in output[..self.channels].iter_mut().zip(&input[..self.channels]) {
            let scaled = channel << self.input_correction_bits;
            *out = if scaled > 1 { self.logarithm(scaled).min(i16::MAX as u32) as i16 } else { 0 };
        }
    }

    /// LiteRT Micro's `Log32`.
    fn logarithm(&self, x: u32) -> u32 {
        const HALF: u64 = 1 << (BITS - 1);
        let whole = x.ilog2();
        let natural = ((LN_2 * u64::from((whole << BITS) + fraction(x, whole)) + HALF) >> BITS) as u32;
        self.output_scale.wrapping_mul(natural).wrapping_add(HALF as u32) >> BITS
    }
}

/// The fraction of a base-2 logarithm, between the table's values linear: LiteRT Micro's `Log2FractionPart32`.
fn fraction(x: u32, whole: u32) -> u32 {
    let rest = x - (1 << whole);
    let rest = if whole < BITS { rest << (BITS - whole) } else { rest >> (whole - BITS) };
    let section = rest >> (BITS - SECTIONS_LOG2);
    let [from, to] = [section, section + 1].map(|at| i32::from(ABOVE[at as usize]));
    let position = (rest - (section << (BITS - SECTIONS_LOG2))) as i32;
    // Never negative: the table's values are not, and they are reached from below.
    (rest as i32 + from + (((to - from) * position) >> BITS)) as u32
}

/// [`FilterBankLog::apply`].
#[inline]
pub fn filter_bank_log(p: &FilterBankLog, inputs: &[&[i8]], outputs: &mut [&mut [i8]]) {
    let ([input], [output]) = (inputs, outputs) else { wrong_operands() };
    p.apply(view(input), view_mut(output));
}

#[cfg(test)]
mod tests {
    use super::{ABOVE, FilterBankLog};

    #[test]
    fn the_table_is_of_logarithms() {
        for (at, &above) in ABOVE.iter().enumerate() {
            let x = at as f64 / 128.0;
            assert_eq!(f64::from(above), libm::round(65_536.0 * (libm::log2(1.0 + x) - x)), "{at}");
        }
    }

    #[test]
    fn logarithms_are_near_the_real_ones() {
        let p = FilterBankLog { channels: 1, output_scale: 1600, input_correction_bits: 0 };
        let mut x = 2_u32;
        while x < 3_000_000_000 {
            let mut output = [0];
            p.apply(&[x], &mut output);
            // LiteRT Micro weighs the slope between two values with 1/128 of what it is.
            let real = 1600.0 * libm::log(f64::from(x));
            assert!((f64::from(output[0]) - real.min(32_767.0)).abs() < 7.0, "{x} {} {real}", output[0]);
            x += 1 + x / 37;
        }
    }

    #[test]
    fn ends_of_the_range() {
        let p = FilterBankLog { channels: 4, output_scale: 1 << 11, input_correction_bits: 3 };
        let mut output = [9; 4];
        p.apply(&[0, 1, u32::MAX, 1 << 29], &mut output);
        assert_eq!(output, [0, 4259, 32_767, 0], "bits are lost at the top");
    }
}
