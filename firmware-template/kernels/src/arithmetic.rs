//! Arithmetic on plain numbers, with broadcasting: ADD, SUB, MUL, DIV, ... on int32 and float32; MAXIMUM, MINIMUM.

#[cfg(feature = "serde")]
use serde::{Deserialize, Serialize};

use crate::broadcast::zip;
use crate::{Activation, Broadcast, Element, view, view_mut, wrong_operands};

/// What [`ArithmeticI32`] computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
#[expect(missing_docs, reason = "the names are LiteRT's")]
pub enum FunctionI32 {
    Add,
    Sub,
    Mul,
    Div,
    SquaredDifference,
}

/// ADD, SUB, MUL, DIV or `SQUARED_DIFFERENCE` of int32, wrapping; a division by zero gives zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct ArithmeticI32 {
    /// What is computed.
    pub function: FunctionI32,
    /// Shapes.
    pub at: Broadcast,
    /// Fused activation.
    pub activation: Activation,
}

/// What [`ArithmeticF32`] computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
#[expect(missing_docs, reason = "the names are LiteRT's")]
pub enum FunctionF32 {
    Add,
    Sub,
    Mul,
    Div,
    SquaredDifference,
    FloorDiv,
    FloorMod,
    Prelu,
}

/// ADD, SUB, MUL, DIV, `SQUARED_DIFFERENCE`, `FLOOR_DIV`, `FLOOR_MOD` or PRELU of float32.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct ArithmeticF32 {
    /// What is computed.
    pub function: FunctionF32,
    /// Shapes.
    pub at: Broadcast,
    /// Bounds, lower and upper, where the operator has a fused activation (which may be none: the largest finite numbers).
    pub bounds: Option<[f32; 2]>,
}

/// MAXIMUM or MINIMUM, of any type that LiteRT Micro has for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct Extremum {
    /// True for MAXIMUM, false for MINIMUM.
    pub largest: bool,
    /// `I8`, `I16`, `I32`, `I64` or `F32`, all three tensors.
    pub element: Element,
    /// Shapes.
    pub at: Broadcast,
}

/// `ADD_N`, float32: any number of operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct AddNF32 {
    /// Elements of every tensor.
    pub len: usize,
}

/// Runs an [`ArithmeticI32`]: two operands, one output.
#[inline]
pub fn arithmetic_i32(p: &ArithmeticI32, inputs: &[&[i8]], outputs: &mut [&mut [i8]]) {
    let ([a, b], [output]) = (inputs, outputs) else { wrong_operands() };
    zip(&p.at, view::<i32>(a), view::<i32>(b), view_mut::<i32>(output), |a, b| {
        let value = match p.function {
            FunctionI32::Add => a.wrapping_add(b),
            FunctionI32::Sub => a.wrapping_sub(b),
            FunctionI32::Mul => a.wrapping_mul(b),
            FunctionI32::Div if b == 0 => 0,
            FunctionI32::Div => a.wrapping_div(b),
            FunctionI32::SquaredDifference => a.wrapping_sub(b).wrapping_mul(a.wrapping_sub(b)),
        };
        p.activation.bound(value)
    });
}

/// Runs an [`ArithmeticF32`]: two operands, one output.
#[inline]
pub fn arithmetic_f32(p: &ArithmeticF32, inputs: &[&[i8]], outputs: &mut [&mut [i8]]) {
    let ([a, b], [output]) = (inputs, outputs) else { wrong_operands() };
    zip(&p.at, view::<f32>(a), view::<f32>(b), view_mut::<f32>(output), |a, b| {
        let value = match p.function {
            FunctionF32::Add => a + b,
            FunctionF32::Sub => a - b,
            FunctionF32::Mul => a * b,
            FunctionF32::Div => a / b,
            FunctionF32::SquaredDifference => (a - b) * (a - b),
            FunctionF32::FloorDiv => libm::floor(f64::from(a) / f64::from(b)) as f32,
            FunctionF32::FloorMod => floor_mod(a, b),
            FunctionF32::Prelu if a >= 0.0 => a,
            FunctionF32::Prelu => a * b,
        };
        settled(p.bounds.map_or(value, |[min, max]| bound(value, min, max)))
    });
}

/// Runs an [`Extremum`]: two operands, one output.
#[inline]
pub fn extremum(p: &Extremum, inputs: &[&[i8]], outputs: &mut [&mut [i8]]) {
    let ([a, b], [output]) = (inputs, outputs) else { wrong_operands() };
    match p.element {
        Element::I8 => chosen(p, a, b, output),
        Element::I16 => chosen(p, view::<i16>(a), view(b), view_mut(output)),
        Element::I32 => chosen(p, view::<i32>(a), view(b), view_mut(output)),
        Element::I64 => chosen(p, view::<i64>(a), view(b), view_mut(output)),
        Element::F32 => chosen(p, view::<f32>(a), view(b), view_mut(output)),
        _ => wrong_operands(),
    }
}

/// Runs an [`AddNF32`]: one or more operands, one output.
#[inline]
pub fn add_n_f32(p: &AddNF32, inputs: &[&[i8]], outputs: &mut [&mut [i8]]) {
    let [output] = outputs else { wrong_operands() };
    for (index, out) in view_mut::<f32>(output)[..p.len].iter_mut().enumerate() {
        *out = settled(inputs.iter().fold(0.0, |sum, input| sum + view::<f32>(input)[index]));
    }
}

/// Of two values of which one is no number, the second, as LiteRT.
#[inline]
fn chosen<T: Copy + PartialOrd>(p: &Extremum, a: &[T], b: &[T], output: &mut [T]) {
    if p.largest {
        zip(&p.at, a, b, output, |a, b| if a > b { a } else { b });
    } else {
        zip(&p.at, a, b, output, |a, b| if a < b { a } else { b });
    }
}

/// One bit pattern for all that is no number: which one comes out is up to the processor, and host and target shall agree.
#[inline]
pub(crate) fn settled(value: f32) -> f32 {
    if value.is_nan() { f32::NAN } else { value }
}

/// `value` within bounds; what is no number stays. (`f32::clamp` would panic on contradicting bounds.)
#[inline]
pub(crate) fn bound(value: f32, min: f32, max: f32) -> f32 {
    let value = if value < min { min } else { value };
    if max < value { max } else { value }
}

/// The remainder with the sign of the divisor.
#[inline]
fn floor_mod(a: f32, b: f32) -> f32 {
    let remainder = a % b;
    if remainder != 0.0 && (b < 0.0) != (remainder < 0.0) { remainder + b } else { remainder }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broadcast::tests::row;
    use crate::testing::Aligned;

    fn i32s(a: [i32; 4], b: [i32; 4], function: FunctionI32, activation: Activation) -> [i32; 4] {
        let mut bytes = [Aligned::<16>::zeroed(), Aligned::zeroed(), Aligned::zeroed()];
        view_mut::<i32>(&mut bytes[0].0).copy_from_slice(&a);
        view_mut::<i32>(&mut bytes[1].0).copy_from_slice(&b);
        let [a, b, output] = &mut bytes;
        arithmetic_i32(&ArithmeticI32 { function, at: row(4), activation }, &[&a.0, &b.0], &mut [&mut output.0]);
        core::array::from_fn(|index| view(&output.0)[index])
    }

    fn f32s(a: [f32; 4], b: [f32; 4], run: impl Fn(&[&[i8]], &mut [&mut [i8]])) -> [f32; 4] {
        let mut bytes = [Aligned::<16>::zeroed(), Aligned::zeroed(), Aligned::zeroed()];
        view_mut::<f32>(&mut bytes[0].0).copy_from_slice(&a);
        view_mut::<f32>(&mut bytes[1].0).copy_from_slice(&b);
        let [a, b, output] = &mut bytes;
        run(&[&a.0, &b.0], &mut [&mut output.0]);
        core::array::from_fn(|index| view(&output.0)[index])
    }

    #[test]
    fn integers_wrap_and_are_bounded() {
        let all = Activation { min: i32::MIN, max: i32::MAX };
        let (a, b) = ([i32::MAX, -7, 8, i32::MIN], [1, 2, 0, -1]);
        assert_eq!(i32s(a, b, FunctionI32::Add, all), [i32::MIN, -5, 8, i32::MAX]);
        assert_eq!(i32s(a, b, FunctionI32::Sub, all), [i32::MAX - 1, -9, 8, i32::MIN + 1]);
        assert_eq!(i32s(a, b, FunctionI32::Mul, all), [i32::MAX, -14, 0, i32::MIN]);
        assert_eq!(i32s(a, b, FunctionI32::Div, all), [i32::MAX, -3, 0, i32::MIN]);
        assert_eq!(i32s(a, b, FunctionI32::SquaredDifference, all), [4, 81, 64, 1]);
        assert_eq!(i32s(a, b, FunctionI32::Sub, Activation { min: 0, max: 6 }), [6, 0, 6, 0]);
    }

    #[test]
    fn floats_are_bounded_where_asked() {
        let with = |function, bounds| {
            let p = ArithmeticF32 { function, at: row(4), bounds };
            f32s([1.0, -7.5, f32::MAX, 5.0], [2.0, 2.0, -f32::MAX, -3.0], |inputs, outputs| {
                arithmetic_f32(&p, inputs, outputs);
            })
        };
        assert_eq!(with(FunctionF32::Add, None), [3.0, -5.5, 0.0, 2.0]);
        assert_eq!(with(FunctionF32::Sub, Some([f32::MIN, f32::MAX])), [-1.0, -9.5, f32::MAX, 8.0]);
        assert_eq!(with(FunctionF32::Mul, Some([0.0, 6.0])), [2.0, 0.0, 0.0, 0.0]);
        assert_eq!(with(FunctionF32::Div, None), [0.5, -3.75, -1.0, -5.0 / 3.0]);
        assert_eq!(with(FunctionF32::FloorDiv, None), [0.0, -4.0, -1.0, -2.0]);
        assert_eq!(with(FunctionF32::FloorMod, None), [1.0, 0.5, 0.0, -1.0]);
        assert_eq!(with(FunctionF32::Prelu, None), [1.0, -15.0, f32::MAX, 5.0]);
        assert_eq!(with(FunctionF32::SquaredDifference, None), [1.0, 90.25, f32::INFINITY, 64.0]);
    }

    #[test]
    fn what_is_no_number_is_always_the_same() {
        let (inf, nan) = (f32::INFINITY, f32::from_bits(0xffc0_1234));
        let p = ArithmeticF32 { function: FunctionF32::Sub, at: row(4), bounds: Some([f32::MIN, f32::MAX]) };
        let output = f32s([inf, nan, 1.0, inf], [inf, 1.0, nan, 1.0], |a, b| arithmetic_f32(&p, a, b));
        assert_eq!(output[..3].iter().map(|x| x.to_bits()).max(), Some(f32::NAN.to_bits()));
        assert_eq!(output[3], f32::MAX);
    }

    #[test]
    fn many_are_added_in_their_order() {
        let run = |inputs: &[&[i8]], outputs: &mut [&mut [i8]]| {
            add_n_f32(&AddNF32 { len: 4 }, &[inputs[0], inputs[1], inputs[0]], outputs);
        };
        assert_eq!(f32s([1.0, 1e30, -0.0, 2.0], [2.0, -1e30, -0.0, 0.5], run), [4.0, 1e30, 0.0, 4.5]);
    }

    #[test]
    fn the_second_of_two_that_do_not_compare() {
        for largest in [true, false] {
            let p = Extremum { largest, element: Element::F32, at: row(4) };
            let (a, b) = ([1.0, f32::NAN, 3.0, -0.0], [2.0, 5.0, -3.0, 0.0]);
            let output = f32s(a, b, |inputs, outputs| extremum(&p, inputs, outputs));
            assert_eq!(output, if largest { [2.0, 5.0, 3.0, 0.0] } else { [1.0, 5.0, -3.0, 0.0] });
        }
        let mut output = [0; 2];
        let p = Extremum { largest: true, element: Element::I8, at: row(2) };
        extremum(&p, &[&[1, -5], &[-2, 7]], &mut [&mut output]);
        assert_eq!(output, [1, 7]);
    }
}
