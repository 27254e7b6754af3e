//! From one type to another: QUANTIZE, DEQUANTIZE, CAST.

#[cfg(feature = "serde")]
use serde::{Deserialize, Serialize};

use crate::{Activation, Element, Requant, view, view_mut, wrong_operands};

/// QUANTIZE between integer types, and RELU of int16: a change of scale and zero point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct Rescale {
    /// Elements of input and output.
    pub len: usize,
    /// `I8`, `U8`, `I16` or `I32`.
    pub from: Element,
    /// `I8`, `U8`, `I16` or `I32`.
    pub to: Element,
    /// Minus the input's zero point.
    pub input_offset: i32,
    /// Factor from the input's scale to the output's.
    pub requant: Requant,
    /// The output's zero point.
    pub output_offset: i32,
    /// Bounds, within the range of the output's type.
    pub activation: Activation,
}

/// QUANTIZE from float32.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct Quantize {
    /// Elements of input and output.
    pub len: usize,
    /// `I8` or `I16`.
    pub to: Element,
    /// The output's scale.
    pub scale: f32,
    /// The output's zero point.
    pub zero_point: i32,
}

/// DEQUANTIZE to float32.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct Dequantize {
    /// Elements of input and output.
    pub len: usize,
    /// `I8`, `U8` or `I16`.
    pub from: Element,
    /// The input's scale.
    pub scale: f32,
    /// The input's zero point.
    pub zero_point: i32,
}

/// CAST: C's conversions. Floating-point numbers that are too large for the type go by way of 32 bits (64 for `U32`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct Cast {
    /// Elements of input and output.
    pub len: usize,
    /// `I8`, `I16`, `I32`, `U32`, `F32` or `Bool`.
    pub from: Element,
    /// The same.
    pub to: Element,
}

/// Runs a [`Rescale`]: one input, one output. LiteRT's `Requantize`.
#[inline]
pub fn rescale(p: &Rescale, inputs: &[&[i8]], outputs: &mut [&mut [i8]]) {
    let ([input], [output]) = (inputs, outputs) else { wrong_operands() };
    match p.from {
        Element::I8 => rescale_from(p, input, output),
        Element::U8 => rescale_from(p, view::<u8>(input), output),
        Element::I16 => rescale_from(p, view::<i16>(input), output),
        Element::I32 => rescale_from(p, view::<i32>(input), output),
        _ => wrong_operands(),
    }
}

#[inline]
fn rescale_from<T: Copy + Into<i32>>(p: &Rescale, input: &[T], output: &mut [i8]) {
    let f = |value: T| {
        let steps = value.into().wrapping_add(p.input_offset);
        p.activation.bound(p.requant.apply(steps).wrapping_add(p.output_offset))
    };
    match p.to {
        Element::I8 => map(p.len, input, output, |value| f(value) as i8),
        Element::U8 => map(p.len, input, view_mut::<u8>(output), |value| f(value) as u8),
        Element::I16 => map(p.len, input, view_mut::<i16>(output), |value| f(value) as i16),
        Element::I32 => map(p.len, input, view_mut::<i32>(output), f),
        _ => wrong_operands(),
    }
}

/// Runs a [`Quantize`]: one input, one output. LiteRT's `AffineQuantize`.
#[inline]
pub fn quantize(p: &Quantize, inputs: &[&[i8]], outputs: &mut [&mut [i8]]) {
    let ([input], [output]) = (inputs, outputs) else { wrong_operands() };
    let f = |value: f32, min: i32, max: i32| {
        // A quotient beyond 32 bits is undefined in LiteRT; here it is bounded like any other.
        (libm::roundf(value / p.scale) as i32).saturating_add(p.zero_point).clamp(min, max)
    };
    let input = view::<f32>(input);
    match p.to {
        Element::I8 => map(p.len, input, output, |value| f(value, -128, 127) as i8),
        Element::I16 => map(p.len, input, view_mut::<i16>(output), |value| f(value, -32_768, 32_767) as i16),
        _ => wrong_operands(),
    }
}

/// Runs a [`Dequantize`]: one input, one output.
///
/// LiteRT multiplies in 64 bits and rounds to 32; factors of 24 and 17 bits have an exact product there, so that one
/// rounding of the 32-bit product is the same.
#[inline]
pub fn dequantize(p: &Dequantize, inputs: &[&[i8]], outputs: &mut [&mut [i8]]) {
    let ([input], [output]) = (inputs, outputs) else { wrong_operands() };
    let output = view_mut::<f32>(output);
    let f = |value: i32| p.scale * (value - p.zero_point) as f32;
    match p.from {
        Element::I8 => map(p.len, input, output, |value| f(i32::from(value))),
        Element::U8 => map(p.len, view::<u8>(input), output, |value| f(i32::from(value))),
        Element::I16 => map(p.len, view::<i16>(input), output, |value| f(i32::from(value))),
        _ => wrong_operands(),
    }
}

/// Runs a [`Cast`]: one input, one output.
#[inline]
pub fn cast(p: &Cast, inputs: &[&[i8]], outputs: &mut [&mut [i8]]) {
    let ([input], [output]) = (inputs, outputs) else { wrong_operands() };
    match p.from {
        Element::I8 => cast_integers(p, input, output, i32::from),
        Element::Bool => cast_integers(p, input, output, |value| i32::from(value != 0)),
        Element::I16 => cast_integers(p, view::<i16>(input), output, i32::from),
        Element::I32 => cast_integers(p, view::<i32>(input), output, |value| value),
        // Only to float32 does it matter whether 32 bits have a sign.
        Element::U32 if p.to == Element::F32 => {
            map(p.len, view::<u32>(input), view_mut::<f32>(output), |value| value as f32);
        }
        Element::U32 => cast_integers(p, view::<u32>(input), output, |value| value as i32),
        Element::F32 => cast_floats(p, view::<f32>(input), output),
        _ => wrong_operands(),
    }
}

#[inline]
fn cast_integers<T: Copy>(p: &Cast, input: &[T], output: &mut [i8], wide: impl Fn(T) -> i32) {
    match p.to {
        Element::I8 => map(p.len, input, output, |value| wide(value) as i8),
        Element::Bool => map(p.len, input, output, |value| i8::from(wide(value) != 0)),
        Element::I16 => map(p.len, input, view_mut::<i16>(output), |value| wide(value) as i16),
        Element::I32 | Element::U32 => map(p.len, input, view_mut::<i32>(output), wide),
        Element::F32 => map(p.len, input, view_mut::<f32>(output), |value| wide(value) as f32),
        _ => wrong_operands(),
    }
}

#[inline]
fn cast_floats(p: &Cast, input: &[f32], output: &mut [i8]) {
    match p.to {
        Element::I8 => map(p.len, input, output, |value| value as i32 as i8),
        Element::Bool => map(p.len, input, output, |value| i8::from(value != 0.0)),
        Element::I16 => map(p.len, input, view_mut::<i16>(output), |value| value as i32 as i16),
        Element::I32 => map(p.len, input, view_mut::<i32>(output), |value| value as i32),
        Element::U32 => map(p.len, input, view_mut::<u32>(output), |value| value as i64 as u32),
        Element::F32 => map(p.len, input, view_mut::<f32>(output), |value| value),
        _ => wrong_operands(),
    }
}

/// `f` of every element.
#[inline]
pub(crate) fn map<A: Copy, T>(len: usize, input: &[A], output: &mut [T], f: impl Fn(A) -> T) {
    for (out, &value) in output[..len].iter_mut().zip(&input[..len]) {
        *out = f(value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Aligned;

    #[test]
    fn requantization_changes_scale_and_type() {
        // Scale 0.5 to 0.25 and up by one.
        let p = Rescale {
            len: 4,
            from: Element::I8,
            to: Element::I16,
            input_offset: -1,
            requant: Requant { multiplier: 1 << 30, shift: 2 },
            output_offset: 3,
            activation: Activation { min: -200, max: 32_767 },
        };
        let mut output = Aligned::<8>::zeroed();
        rescale(&p, &[&[1, 2, -128, 127]], &mut [&mut output.0]);
        assert_eq!(view::<i16>(&output.0), [3, 5, -200, 255]);
        let p = Rescale { from: Element::I16, to: Element::U8, activation: Activation { min: 0, max: 255 }, ..p };
        let mut bytes = [0; 4];
        rescale(&p, &[&output.0], &mut [&mut bytes]);
        assert_eq!(bytes.map(|byte| byte as u8), [7, 11, 0, 255]);
    }

    #[test]
    fn quantization_rounds_half_away_and_saturates() {
        let mut input = Aligned::<16>::zeroed();
        view_mut::<f32>(&mut input.0).copy_from_slice(&[0.25, -0.25, 1e30, -1e30]);
        let mut output = [0; 4];
        let p = Quantize { len: 4, to: Element::I8, scale: 0.5, zero_point: 10 };
        quantize(&p, &[&input.0], &mut [&mut output]);
        assert_eq!(output, [11, 9, 127, -128]);
    }

    /// The claim about one rounding, on every value.
    #[test]
    fn dequantization_is_the_64_bit_product() {
        let mut output = Aligned::<1024>::zeroed();
        let input: [i8; 256] = core::array::from_fn(|index| index as u8 as i8);
        for scale in [0.1_f32, 0.003_921_569, 1.7, 1e-20] {
            let p = Dequantize { len: 256, from: Element::I8, scale, zero_point: -37 };
            dequantize(&p, &[&input], &mut [&mut output.0]);
            for (&value, &real) in input.iter().zip(view::<f32>(&output.0)) {
                assert_eq!(real.to_bits(), ((f64::from(scale) * f64::from(i32::from(value) + 37)) as f32).to_bits());
            }
        }
    }

    #[test]
    fn casts_are_c_casts() {
        let run = |from, to, input: &[i8], output: &mut [i8]| cast(&Cast { len: 2, from, to }, &[input], &mut [output]);
        let (mut floats, mut words) = (Aligned::<8>::zeroed(), Aligned::<8>::zeroed());
        view_mut::<f32>(&mut floats.0).copy_from_slice(&[-1.9, 300.7]);
        run(Element::F32, Element::I32, &floats.0, &mut words.0);
        assert_eq!(view::<i32>(&words.0), [-1, 300]);
        let mut bytes = [0; 2];
        run(Element::F32, Element::I8, &floats.0, &mut bytes);
        assert_eq!(bytes, [-1, 44]);
        run(Element::F32, Element::Bool, &floats.0, &mut bytes);
        assert_eq!(bytes, [1, 1]);
        run(Element::I8, Element::U32, &[-1, 5], &mut words.0);
        assert_eq!(view::<u32>(&words.0), [u32::MAX, 5]);
        run(Element::U32, Element::F32, &words.0, &mut floats.0);
        assert_eq!(view::<f32>(&floats.0), [4_294_967_296.0, 5.0]);
        run(Element::Bool, Element::F32, &[0, 1], &mut floats.0);
        assert_eq!(view::<f32>(&floats.0), [0.0, 1.0]);
    }
}
