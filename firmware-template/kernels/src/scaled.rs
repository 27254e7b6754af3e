//! Quantized arithmetic, int8 and int16, with broadcasting: SUB, ADD, `SQUARED_DIFFERENCE`, MUL, DIV, `ADD_N`.
//!
//! The formulas are LiteRT's reference kernels'. They know no scales: factors come from the host. Int8 ADD has a kernel of
//! its own, which CMSIS-NN shares.

#[cfg(feature = "serde")]
use serde::{Deserialize, Serialize};

use crate::broadcast::zip;
use crate::fixed_point::reciprocal;
use crate::requant::{divide_by_power_of_two, doubling_high_multiply};
use crate::{Activation, Broadcast, Element, Requant, view, view_mut, wrong_operands};

/// An operand on its way to a scale that it shares with the other one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct Side {
    /// Minus the operand's zero point.
    pub offset: i32,
    /// Factor to the shared scale; its shift is not positive.
    pub requant: Requant,
}

impl Side {
    /// `value` on the shared scale, `left_shift` bits up.
    #[inline]
    pub(crate) fn scaled(&self, value: i32, left_shift: i32) -> i32 {
        self.requant.apply(value.wrapping_add(self.offset).wrapping_shl(left_shift as u32))
    }
}

/// What [`Combine`] does with two values of one scale.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub enum Combination {
    /// ADD.
    Sum,
    /// SUB.
    Difference,
    /// `SQUARED_DIFFERENCE`.
    SquaredDifference,
}

/// ADD (int16), SUB and `SQUARED_DIFFERENCE` (int8 and int16): both operands on one scale, then the output's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct Combine {
    /// What is computed.
    pub combination: Combination,
    /// `I8` or `I16`, all three tensors.
    pub element: Element,
    /// Shapes.
    pub at: Broadcast,
    /// First operand.
    pub a: Side,
    /// Second operand.
    pub b: Side,
    /// Bits by which both operands are shifted left before they are scaled.
    pub left_shift: i32,
    /// Factor from the shared scale to the output's.
    pub requant: Requant,
    /// The output's zero point.
    pub output_offset: i32,
    /// Fused activation.
    pub activation: Activation,
}

/// MUL, int8 or int16.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct Multiply {
    /// `I8` or `I16`, all three tensors.
    pub element: Element,
    /// Shapes.
    pub at: Broadcast,
    /// Minus the first operand's zero point.
    pub a_offset: i32,
    /// Minus the second operand's zero point.
    pub b_offset: i32,
    /// Factor from the product of both scales to the output's.
    pub requant: Requant,
    /// The output's zero point.
    pub output_offset: i32,
    /// Fused activation.
    pub activation: Activation,
}

/// DIV, int8. LiteRT leaves a divisor of zero undefined; here its result is the zero of the output. Where the factor is
/// small, LiteRT leaves small quotients undefined, too; here they are those of its build for x86-64.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct Divide {
    /// Shapes.
    pub at: Broadcast,
    /// Minus the dividend's zero point.
    pub a_offset: i32,
    /// Minus the divisor's zero point.
    pub b_offset: i32,
    /// Factor from the quotient of both scales to the output's.
    pub requant: Requant,
    /// The output's zero point.
    pub output_offset: i32,
    /// Fused activation.
    pub activation: Activation,
}

/// `ADD_N`, int8: any number of operands with one scale and zero point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct AddN {
    /// Elements of every tensor.
    pub len: usize,
    /// Every operand.
    pub operand: Side,
    /// Bits by which operands are shifted left before they are scaled.
    pub left_shift: i32,
    /// Factor from the shared scale to the output's.
    pub requant: Requant,
    /// The output's zero point.
    pub output_offset: i32,
    /// The output's bounds.
    pub activation: Activation,
}

/// Runs a [`Combine`]: two operands, one output.
#[inline]
pub fn combine(p: &Combine, inputs: &[&[i8]], outputs: &mut [&mut [i8]]) {
    let ([a, b], [output]) = (inputs, outputs) else { wrong_operands() };
    let f = |a: i32, b: i32| {
        let (a, b) = (p.a.scaled(a, p.left_shift), p.b.scaled(b, p.left_shift));
        let value = match p.combination {
            Combination::Sum => a.wrapping_add(b),
            Combination::Difference => a.wrapping_sub(b),
            Combination::SquaredDifference => a.wrapping_sub(b).wrapping_mul(a.wrapping_sub(b)),
        };
        finish(value, p.requant, p.output_offset, p.activation)
    };
    each(p.element, &p.at, a, b, output, f);
}

/// Runs a [`Multiply`]: two operands, one output.
#[inline]
pub fn multiply(p: &Multiply, inputs: &[&[i8]], outputs: &mut [&mut [i8]]) {
    let ([a, b], [output]) = (inputs, outputs) else { wrong_operands() };
    let f = |a: i32, b: i32| {
        let product = a.wrapping_add(p.a_offset).wrapping_mul(b.wrapping_add(p.b_offset));
        finish(product, p.requant, p.output_offset, p.activation)
    };
    each(p.element, &p.at, a, b, output, f);
}

/// Runs a [`Divide`]: dividend and divisor, one output.
#[inline]
pub fn divide(p: &Divide, inputs: &[&[i8]], outputs: &mut [&mut [i8]]) {
    let ([a, b], [output]) = (inputs, outputs) else { wrong_operands() };
    let f = |a: i32, b: i32| {
        let (a, b) = (a.wrapping_add(p.a_offset), b.wrapping_add(p.b_offset));
        if b == 0 {
            return p.activation.bound(p.output_offset);
        }
        // The reciprocal is a positive multiplier: signs go to the dividend.
        let (a, b) = if b < 0 { (-a, -b) } else { (a, b) };
        let (inverse, bits_over_unit) = reciprocal(b);
        let headroom = (if a < 0 { !a } else { a }).leading_zeros() as i32 - 1;
        let quotient = doubling_high_multiply(a.wrapping_shl(headroom as u32), inverse);
        let exponent = bits_over_unit + headroom - p.requant.shift;
        let scaled = doubling_high_multiply(quotient, p.requant.multiplier);
        p.activation.bound(divide_beyond_32_bits(scaled, exponent).wrapping_add(p.output_offset))
    };
    each(Element::I8, &p.at, a, b, output, f);
}

/// Runs an [`AddN`]: one or more operands, one output.
#[inline]
pub fn add_n(p: &AddN, inputs: &[&[i8]], outputs: &mut [&mut [i8]]) {
    let [output] = outputs else { wrong_operands() };
    for (index, out) in output[..p.len].iter_mut().enumerate() {
        // LiteRT starts at the operand "zero", which is the offset itself.
        let sum = inputs.iter().fold(p.operand.scaled(0, p.left_shift), |sum, input| {
            sum.wrapping_add(p.operand.scaled(i32::from(input[index]), p.left_shift))
        });
        *out = finish(sum, p.requant, p.output_offset, p.activation) as i8;
    }
}

#[inline]
fn finish(value: i32, requant: Requant, offset: i32, activation: Activation) -> i32 {
    activation.bound(requant.apply(value).wrapping_add(offset))
}

/// [`divide_by_power_of_two`] for any exponent. LiteRT leaves those that are not in 0..=31 undefined, but they occur, where
/// a quotient is small. Here they give what its build for x86-64 gives: a shift by the lowest five bits.
#[inline]
fn divide_beyond_32_bits(value: i32, exponent: i32) -> i32 {
    if (0..32).contains(&exponent) {
        return divide_by_power_of_two(value, exponent);
    }
    (value >> (exponent & 31)).wrapping_add(i32::from(value >= 0))
}

/// `f` of every pair of elements, the result being within the element's range.
#[inline]
fn each(element: Element, at: &Broadcast, a: &[i8], b: &[i8], output: &mut [i8], f: impl Fn(i32, i32) -> i32) {
    match element {
        Element::I8 => zip(at, a, b, output, |a, b| f(i32::from(a), i32::from(b)) as i8),
        Element::I16 => {
            let (a, b, output) = (view::<i16>(a), view::<i16>(b), view_mut::<i16>(output));
            zip(at, a, b, output, |a, b| f(i32::from(a), i32::from(b)) as i16);
        }
        _ => wrong_operands(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broadcast::tests::row;
    use crate::testing::{Aligned, Random};
    use crate::view;

    const I8: Activation = Activation { min: -128, max: 127 };
    const I16: Activation = Activation { min: -32_768, max: 32_767 };

    /// Scales 0.1 and 0.2, which come to twice the larger, and 0.25 from there.
    fn combined(combination: Combination) -> Combine {
        Combine {
            combination,
            element: Element::I8,
            at: row(256),
            a: Side { offset: 3, requant: Requant { multiplier: 1 << 30, shift: -1 } },
            b: Side { offset: -5, requant: Requant { multiplier: 1 << 30, shift: 0 } },
            left_shift: 20,
            requant: Requant { multiplier: 1_717_986_918, shift: -19 },
            output_offset: 7,
            activation: I8,
        }
    }

    fn all() -> [i8; 256] {
        core::array::from_fn(|index| index as u8 as i8)
    }

    #[test]
    fn sums_and_differences_are_within_one_step_of_the_real_ones() {
        for y in [-128, -7, 0, 5, 127_i8] {
            let (difference, sum) = (combined(Combination::Difference), combined(Combination::Sum));
            let (mut differences, mut sums) = ([0; 256], [0; 256]);
            combine(&difference, &[&all(), &[y; 256]], &mut [&mut differences]);
            combine(&sum, &[&all(), &[y; 256]], &mut [&mut sums]);
            for (index, x) in all().into_iter().enumerate() {
                let (x, y) = (0.1 * (f64::from(x) + 3.0), 0.2 * (f64::from(y) - 5.0));
                let real = ((x - y) / 0.25 + 7.0).clamp(-128.0, 127.0);
                assert!((f64::from(differences[index]) - real).abs() <= 0.51, "{x} {y}");
                let real = ((x + y) / 0.25 + 7.0).clamp(-128.0, 127.0);
                assert!((f64::from(sums[index]) - real).abs() <= 0.51, "{x} {y}");
            }
        }
    }

    #[test]
    fn squares_are_near_the_real_ones() {
        // (2 * 0.2)^2 / (2^14 * 0.5) = 0.64 * 2^-15
        let requant = Requant { multiplier: 1_374_389_535, shift: -15 };
        let p = Combine { left_shift: 7, requant, ..combined(Combination::SquaredDifference) };
        for y in [-20, 0, 5_i8] {
            let mut output = [0; 256];
            combine(&p, &[&all(), &[y; 256]], &mut [&mut output]);
            for (index, x) in all().into_iter().enumerate() {
                let difference = 0.1 * (f64::from(x) + 3.0) - 0.2 * (f64::from(y) - 5.0);
                let real = (difference * difference / 0.5 + 7.0).clamp(-128.0, 127.0);
                assert!((f64::from(output[index]) - real).abs() <= 2.0, "{x} {y} {real}");
            }
        }
    }

    #[test]
    fn products_are_within_one_step_of_the_real_ones() {
        // 0.1 * 0.2 / 0.25 = 0.08 = 0.64 * 2^-3
        let requant = Requant { multiplier: 1_374_389_535, shift: -3 };
        let p = Multiply {
            element: Element::I8,
            at: row(256),
            a_offset: 3,
            b_offset: -5,
            requant,
            output_offset: 7,
            activation: Activation { min: -100, max: 100 },
        };
        for y in [-128, -7, 0, 5, 127_i8] {
            let mut output = [0; 256];
            multiply(&p, &[&all(), &[y; 256]], &mut [&mut output]);
            for (index, x) in all().into_iter().enumerate() {
                let real = ((f64::from(x) + 3.0) * (f64::from(y) - 5.0) * 0.08 + 7.0).clamp(-100.0, 100.0);
                assert!((f64::from(output[index]) - real).abs() <= 0.6, "{x} {y}");
            }
        }
    }

    #[test]
    fn quotients_are_within_one_step_of_the_real_ones() {
        // 0.1 / (0.2 * 0.00390625) = 128 = 0.5 * 2^8
        let requant = Requant { multiplier: 1 << 30, shift: 8 };
        let (at, a_offset, b_offset) = (row(256), 3, -5);
        let p = Divide { at, a_offset, b_offset, requant, output_offset: 7, activation: I8 };
        for y in [-128, -7, 0, 1, 4, 6, 127_i8] {
            let mut output = [0; 256];
            divide(&p, &[&all(), &[y; 256]], &mut [&mut output]);
            for (index, x) in all().into_iter().enumerate() {
                let real = ((f64::from(x) + 3.0) / (f64::from(y) - 5.0) * 128.0 + 7.0).clamp(-128.0, 127.0);
                assert!((f64::from(output[index]) - real).abs() <= 0.51, "{x} {y} {} {real}", output[index]);
            }
        }
        let mut output = [0; 256];
        divide(&p, &[&all(), &[5; 256]], &mut [&mut output]);
        assert_eq!(output, [7; 256], "by zero");
    }

    #[test]
    fn sums_of_many_start_at_the_offset() {
        // One scale for all: 0.5 on the way in; 2 * 0.1 / (2^20 * 0.1) on the way out.
        let p = AddN {
            len: 2,
            operand: Side { offset: 1, requant: Requant { multiplier: 1 << 30, shift: 0 } },
            left_shift: 20,
            requant: Requant { multiplier: 1 << 30, shift: -18 },
            output_offset: 0,
            activation: I8,
        };
        let mut output = [0; 2];
        add_n(&p, &[&[1, 2], &[3, 4], &[5, 6]], &mut [&mut output]);
        assert_eq!(output, [1 + 2 + 4 + 6, 1 + 3 + 5 + 7]);
    }

    #[test]
    fn int16_has_its_own_range() {
        let mut random = Random::new(30);
        let (mut a, mut b, mut output) = (Aligned::<64>::zeroed(), Aligned::<64>::zeroed(), Aligned::<64>::zeroed());
        random.fill(&mut a.0);
        random.fill(&mut b.0);
        let side = Side { offset: 0, requant: Requant { multiplier: 1 << 30, shift: 0 } };
        let p = Combine {
            element: Element::I16,
            at: row(32),
            a: side,
            b: side,
            left_shift: 15,
            requant: Requant { multiplier: 1 << 30, shift: -13 },
            output_offset: 0,
            activation: I16,
            ..combined(Combination::Sum)
        };
        combine(&p, &[&a.0, &b.0], &mut [&mut output.0]);
        for ((&a, &b), &sum) in view::<i16>(&a.0).iter().zip(view::<i16>(&b.0)).zip(view::<i16>(&output.0)) {
            assert_eq!(sum, a.saturating_add(b));
        }
        // 2^-15: a product of fractions.
        let requant = Requant { multiplier: 1 << 30, shift: -14 };
        let (element, at) = (Element::I16, row(32));
        let p = Multiply { element, at, a_offset: 0, b_offset: 0, requant, output_offset: 0, activation: I16 };
        multiply(&p, &[&a.0, &b.0], &mut [&mut output.0]);
        for ((&a, &b), &product) in view::<i16>(&a.0).iter().zip(view::<i16>(&b.0)).zip(view::<i16>(&output.0)) {
            assert!((f64::from(a) * f64::from(b) / 32_768.0 - f64::from(product)).abs() <= 1.0);
        }
    }
}
