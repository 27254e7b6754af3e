//! Activations that are no table: bounds, `LEAKY_RELU`, PRELU, and the int16 forms of ABS, RSQRT,
//! LOGISTIC and TANH.

#[cfg(feature = "serde")]
use serde::{Deserialize, Serialize};

use crate::broadcast::zip;
use crate::quantize::map;
use crate::table::reciprocal_square_root;
use crate::{Activation, Broadcast, Element, Requant, view, view_mut, wrong_operands};

/// RELU and RELU6 where input and output have one quantization: values beyond the bounds become the bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct Clamp {
    /// Elements of input and output.
    pub len: usize,
    /// `I8` or `I16`, both tensors.
    pub element: Element,
    /// Bounds, within the range of the type. The upper one counts where they contradict each other.
    pub activation: Activation,
}

/// `LEAKY_RELU`, int16.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct LeakyRelu {
    /// Elements of input and output.
    pub len: usize,
    /// Minus the input's zero point.
    pub input_offset: i32,
    /// The output's zero point.
    pub output_offset: i32,
    /// Factor of values that are not negative.
    pub identity: Requant,
    /// Factor of the others; its multiplier is negative where alpha is.
    pub alpha: Requant,
}

impl LeakyRelu {
    /// The output of `value`, not yet bounded to a type.
    pub fn apply(&self, value: i32) -> i32 {
        let value = value.wrapping_add(self.input_offset);
        let scaled = if value >= 0 {
            self.identity.apply(value)
        } else if self.alpha.multiplier < 0 {
            -Requant { multiplier: -self.alpha.multiplier, ..self.alpha }.apply(value)
        } else {
            self.alpha.apply(value)
        };
        scaled.wrapping_add(self.output_offset)
    }
}

/// PRELU, int8 or int16, with a slope for every element or for some of them together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct Prelu {
    /// `I8` or `I16`: input and output. Slopes are int8.
    pub element: Element,
    /// Shapes; the second operand are the slopes.
    pub at: Broadcast,
    /// Minus the input's zero point.
    pub input_offset: i32,
    /// Minus the slopes' zero point.
    pub alpha_offset: i32,
    /// The output's zero point.
    pub output_offset: i32,
    /// Factor of values that are not negative.
    pub identity: Requant,
    /// Factor of the products of the others and their slopes.
    pub alpha: Requant,
}

/// ABS, int16.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct Abs {
    /// Elements of input and output.
    pub len: usize,
    /// Whether the tensors are quantized; where they are not, the smallest number stays as it is.
    pub quantized: bool,
    /// Factor to the output's scale, where that is another.
    pub requant: Option<Requant>,
}

/// RSQRT, int16. LiteRT Micro ends the inference at a negative value; here it gives the largest number, as zero does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct Rsqrt {
    /// Elements of input and output.
    pub len: usize,
    /// Factor from the reciprocal root of the input's scale to the output's.
    pub requant: Requant,
}

/// LOGISTIC or TANH, int16, by LiteRT's table of the logistic function and linear interpolation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct Sigmoid {
    /// Elements of input and output.
    pub len: usize,
    /// True for TANH, false for LOGISTIC.
    pub tanh: bool,
    /// Factor to 1/12288, with [`Self::shift`].
    pub multiplier: i32,
    /// Right shift after the multiplication, rounding half up.
    pub shift: i32,
}

/// Runs a [`Clamp`]: one input, one output.
#[inline]
pub fn clamp(p: &Clamp, inputs: &[&[i8]], outputs: &mut [&mut [i8]]) {
    let ([input], [output]) = (inputs, outputs) else { wrong_operands() };
    match p.element {
        Element::I8 => map(p.len, input, output, |value| p.activation.clamp(i32::from(value))),
        Element::I16 => {
            map(p.len, view::<i16>(input), view_mut::<i16>(output), |value| p.activation.bound(i32::from(value)) as i16)
        }
        _ => wrong_operands(),
    }
}

/// Runs a [`LeakyRelu`]: one input, one output.
#[inline]
pub fn leaky_relu(p: &LeakyRelu, inputs: &[&[i8]], outputs: &mut [&mut [i8]]) {
    let ([input], [output]) = (inputs, outputs) else { wrong_operands() };
    map(p.len, view::<i16>(input), view_mut::<i16>(output), |value| bound(p.apply(i32::from(value))));
}

/// Runs a [`Prelu`]: input and slopes, one output.
#[inline]
pub fn prelu(p: &Prelu, inputs: &[&[i8]], outputs: &mut [&mut [i8]]) {
    let ([input, alpha], [output]) = (inputs, outputs) else { wrong_operands() };
    let f = |value: i32, alpha: i8| {
        let value = value.wrapping_add(p.input_offset);
        let scaled = if value >= 0 {
            p.identity.apply(value)
        } else {
            p.alpha.apply(value.wrapping_mul(i32::from(alpha).wrapping_add(p.alpha_offset)))
        };
        scaled.wrapping_add(p.output_offset)
    };
    match p.element {
        Element::I8 => zip(&p.at, input, alpha, output, |value, alpha| f(value.into(), alpha).clamp(-128, 127) as i8),
        Element::I16 => {
            let (input, output) = (view::<i16>(input), view_mut::<i16>(output));
            zip(&p.at, input, alpha, output, |value, alpha| bound(f(i32::from(value), alpha)));
        }
        _ => wrong_operands(),
    }
}

/// Runs an [`Abs`]: one input, one output.
#[inline]
pub fn abs(p: &Abs, inputs: &[&[i8]], outputs: &mut [&mut [i8]]) {
    let ([input], [output]) = (inputs, outputs) else { wrong_operands() };
    map(p.len, view::<i16>(input), view_mut::<i16>(output), |value| {
        let magnitude = i32::from(value).abs();
        match p.requant {
            _ if !p.quantized => value.wrapping_abs(),
            Some(requant) => bound(requant.apply(magnitude)),
            None => bound(magnitude),
        }
    });
}

/// Runs a [`Rsqrt`]: one input, one output.
#[inline]
pub fn rsqrt(p: &Rsqrt, inputs: &[&[i8]], outputs: &mut [&mut [i8]]) {
    let ([input], [output]) = (inputs, outputs) else { wrong_operands() };
    map(p.len, view::<i16>(input), view_mut::<i16>(output), |value| {
        reciprocal_square_root(i32::from(value), p.requant).map_or(i16::MAX, bound)
    });
}

/// Runs a [`Sigmoid`]: one input, one output.
#[inline]
pub fn sigmoid(p: &Sigmoid, inputs: &[&[i8]], outputs: &mut [&mut [i8]]) {
    let ([input], [output]) = (inputs, outputs) else { wrong_operands() };
    let half = if p.shift > 0 { 1 << (p.shift - 1) } else { 0 };
    map(p.len, view::<i16>(input), view_mut::<i16>(output), |value| {
        let x = i32::from(value).wrapping_mul(p.multiplier).wrapping_add(half) >> p.shift;
        if p.tanh { tanh_of(x) } else { logistic_of(x) }
    });
}

/// The logistic function of `x` / 12288, in Q0.15.
pub(crate) fn logistic_of(x: i32) -> i16 {
    let magnitude = x.unsigned_abs();
    let result = match SIGMOID.get((magnitude >> 9) as usize..).and_then(<[u16]>::first_chunk) {
        Some(&[low, high]) => (u32::from(low) << 9) + (magnitude & 0x1ff) * u32::from(high - low),
        None => 0x7fff << 10,
    };
    let result = if x >= 0 { result + (1 << 9) } else { (1 << 25) - result + (1 << 9) - 1 };
    (result >> 10) as i16
}

/// The hyperbolic tangent of `x` / 12288 in Q0.15: tanh(x) = 2 logistic(2 x) - 1.
pub(crate) fn tanh_of(x: i32) -> i16 {
    let magnitude = x.unsigned_abs();
    let result = match SIGMOID.get((magnitude >> 8) as usize..).and_then(<[u16]>::first_chunk) {
        Some(&[low, high]) => (i32::from(low) << 8) + (magnitude & 0xff) as i32 * i32::from(high - low),
        None => 0xffff << 8,
    };
    let result = if x >= 0 { result - (1 << 23) + (1 << 7) } else { -result + (1 << 23) + (1 << 7) - 1 };
    (result >> 8) as i16
}

/// The logistic function of i / 24 in Q0.16, each as LiteRT's `sigmoid_table_uint16` rounds it.
#[rustfmt::skip]
static SIGMOID: [u16; 256] = [
    32_768, 33_451, 34_133, 34_813, 35_493, 36_169, 36_843, 37_513, 38_180, 38_841, 39_498, 40_149, 40_794, 41_432,
    42_064, 42_688, 43_304, 43_912, 44_511, 45_102, 45_683, 46_255, 46_817, 47_369, 47_911, 48_443, 48_964, 49_475,
    49_975, 50_464, 50_942, 51_409, 51_865, 52_311, 52_745, 53_169, 53_581, 53_983, 54_374, 54_755, 55_125, 55_485,
    55_834, 56_174, 56_503, 56_823, 57_133, 57_433, 57_724, 58_007, 58_280, 58_544, 58_800, 59_048, 59_288, 59_519,
    59_743, 59_959, 60_168, 60_370, 60_565, 60_753, 60_935, 61_110, 61_279, 61_441, 61_599, 61_750, 61_896, 62_036,
    62_172, 62_302, 62_428, 62_549, 62_666, 62_778, 62_886, 62_990, 63_090, 63_186, 63_279, 63_368, 63_454, 63_536,
    63_615, 63_691, 63_765, 63_835, 63_903, 63_968, 64_030, 64_090, 64_148, 64_204, 64_257, 64_308, 64_357, 64_405,
    64_450, 64_494, 64_536, 64_576, 64_614, 64_652, 64_687, 64_721, 64_754, 64_786, 64_816, 64_845, 64_873, 64_900,
    64_926, 64_950, 64_974, 64_997, 65_019, 65_039, 65_060, 65_079, 65_097, 65_115, 65_132, 65_149, 65_164, 65_179,
    65_194, 65_208, 65_221, 65_234, 65_246, 65_258, 65_269, 65_280, 65_291, 65_301, 65_310, 65_319, 65_328, 65_337,
    65_345, 65_352, 65_360, 65_367, 65_374, 65_381, 65_387, 65_393, 65_399, 65_404, 65_410, 65_415, 65_420, 65_425,
    65_429, 65_433, 65_438, 65_442, 65_445, 65_449, 65_453, 65_456, 65_459, 65_462, 65_465, 65_468, 65_471, 65_474,
    65_476, 65_479, 65_481, 65_483, 65_485, 65_488, 65_489, 65_491, 65_493, 65_495, 65_497, 65_498, 65_500, 65_501,
    65_503, 65_504, 65_505, 65_507, 65_508, 65_509, 65_510, 65_511, 65_512, 65_513, 65_514, 65_515, 65_516, 65_517,
    65_517, 65_518, 65_519, 65_520, 65_520, 65_521, 65_522, 65_522, 65_523, 65_523, 65_524, 65_524, 65_525, 65_525,
    65_526, 65_526, 65_526, 65_527, 65_527, 65_528, 65_528, 65_528, 65_529, 65_529, 65_529, 65_529, 65_530, 65_530,
    65_530, 65_530, 65_531, 65_531, 65_531, 65_531, 65_531, 65_532, 65_532, 65_532, 65_532, 65_532, 65_532, 65_533,
    65_533, 65_533, 65_533, 65_533, 65_533, 65_533, 65_533, 65_534, 65_534, 65_534, 65_534, 65_534, 65_534, 65_534,
    65_534, 65_534, 65_534, 65_535,
];

fn bound(value: i32) -> i16 {
    value.clamp(i32::from(i16::MIN), i32::from(i16::MAX)) as i16
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::*;
    use crate::broadcast::tests::row;
    use crate::testing::Aligned;

    const ONE: Requant = Requant { multiplier: 1 << 30, shift: 1 };
    const HALF: Requant = Requant { multiplier: 1 << 30, shift: 0 };

    fn i16s(input: [i16; 4], run: impl Fn(&[&[i8]], &mut [&mut [i8]])) -> [i16; 4] {
        let (mut bytes, mut output) = (Aligned::<8>::zeroed(), Aligned::<8>::zeroed());
        view_mut::<i16>(&mut bytes.0).copy_from_slice(&input);
        run(&[&bytes.0], &mut [&mut output.0]);
        core::array::from_fn(|index| view(&output.0)[index])
    }

    #[test]
    fn bounds_slopes_and_magnitudes() {
        let p = Clamp { len: 4, element: Element::I16, activation: Activation { min: 0, max: 600 } };
        assert_eq!(i16s([-5, 5, 600, 601], |a, b| clamp(&p, a, b)), [0, 5, 600, 600]);
        let p = LeakyRelu { len: 4, input_offset: 0, output_offset: 0, identity: ONE, alpha: HALF };
        assert_eq!(i16s([-8, 8, 0, i16::MIN], |a, b| leaky_relu(&p, a, b)), [-4, 8, 0, -16_384]);
        let negative = LeakyRelu { alpha: Requant { multiplier: -(1 << 30), shift: 0 }, ..p };
        assert_eq!(i16s([-8, 8, 0, i16::MIN], |a, b| leaky_relu(&negative, a, b)), [4, 8, 0, 16_384]);
        let p = Abs { len: 4, quantized: true, requant: None };
        assert_eq!(i16s([-8, 8, 0, i16::MIN], |a, b| abs(&p, a, b)), [8, 8, 0, i16::MAX]);
        let half = Abs { requant: Some(HALF), ..p };
        assert_eq!(i16s([-8, 8, 0, i16::MIN], |a, b| abs(&half, a, b)), [4, 4, 0, 16_384]);
        let plain = Abs { quantized: false, ..p };
        assert_eq!(i16s([-8, 8, 0, i16::MIN], |a, b| abs(&plain, a, b)), [8, 8, 0, i16::MIN]);
    }

    #[test]
    fn slopes_are_per_element() {
        let p = Prelu {
            element: Element::I8,
            at: row(4),
            input_offset: -1,
            alpha_offset: 0,
            output_offset: 2,
            identity: ONE,
            alpha: HALF,
        };
        let mut output = [0; 4];
        prelu(&p, &[&[5, -3, -3, -128], &[9, 1, 2, 4]], &mut [&mut output]);
        assert_eq!(output, [6, 0, -2, -128]);
    }

    #[test]
    fn sigmoids_are_accurate() {
        // A power-of-two scale of 2^-12: three times the value, without a shift.
        for tanh in [false, true] {
            let p = Sigmoid { len: 4, tanh, multiplier: 3, shift: 0 };
            for start in (-32_768..32_764).step_by(331) {
                let input = core::array::from_fn(|index| start as i16 + index as i16);
                for (x, y) in input.into_iter().zip(i16s(input, |a, b| sigmoid(&p, a, b))) {
                    let x = f64::from(x) / 4096.0;
                    let real = if tanh { x.tanh() } else { 1.0 / (1.0 + (-x).exp()) } * 32_768.0;
                    assert!((f64::from(y) - real).abs() < 6.0, "{x} {y} {real}");
                }
            }
        }
        assert_eq!(
            i16s([32_767; 4], |a, b| sigmoid(&Sigmoid { len: 4, tanh: true, multiplier: 12, shift: 0 }, a, b)),
            [32_767; 4]
        );
    }
}
