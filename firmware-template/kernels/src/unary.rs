//! Float32 functions of one value, and `LOGICAL_NOT`.

#[cfg(feature = "serde")]
use serde::{Deserialize, Serialize};

use crate::arithmetic::settled;
use crate::quantize::map;
use crate::{view, view_mut, wrong_operands};

/// What [`Unary`] computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
#[expect(missing_docs, reason = "the names are LiteRT's")]
pub enum UnaryFunction {
    Abs,
    Neg,
    Ceil,
    Floor,
    Round,
    Sqrt,
    Rsqrt,
    Square,
    Exp,
    Log,
    Sin,
    Cos,
    Relu,
    Relu6,
    Elu,
    HardSwish,
    Logistic,
    Tanh,
}

/// A float32 function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct Unary {
    /// What is computed.
    pub function: UnaryFunction,
    /// Elements of input and output.
    pub len: usize,
}

/// `LEAKY_RELU`, float32.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct LeakyReluF32 {
    /// Elements of input and output.
    pub len: usize,
    /// Factor of negative values.
    pub alpha: f32,
}

/// `LOGICAL_NOT`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct LogicalNot {
    /// Elements of input and output.
    pub len: usize,
}

/// Runs a [`Unary`]: one input, one output.
#[inline]
pub fn unary(p: &Unary, inputs: &[&[i8]], outputs: &mut [&mut [i8]]) {
    let ([input], [output]) = (inputs, outputs) else { wrong_operands() };
    map(p.len, view::<f32>(input), view_mut::<f32>(output), |x| settled(of(p.function, x)));
}

/// The function at `x`.
#[inline]
fn of(function: UnaryFunction, x: f32) -> f32 {
    match function {
        UnaryFunction::Abs => x.abs(),
        UnaryFunction::Neg => -x,
        UnaryFunction::Ceil => libm::ceilf(x),
        UnaryFunction::Floor => libm::floorf(x),
        UnaryFunction::Round => round_half_even(x),
        UnaryFunction::Sqrt => libm::sqrtf(x),
        UnaryFunction::Rsqrt => 1.0 / libm::sqrtf(x),
        UnaryFunction::Square => x * x,
        UnaryFunction::Exp => libm::expf(x),
        UnaryFunction::Log => libm::logf(x),
        UnaryFunction::Sin => libm::sinf(x),
        UnaryFunction::Cos => libm::cosf(x),
        UnaryFunction::Relu if x < 0.0 => 0.0,
        UnaryFunction::Relu => x,
        UnaryFunction::Relu6 if x > 6.0 => 6.0,
        UnaryFunction::Relu6 if x < 0.0 => 0.0,
        UnaryFunction::Relu6 => x,
        UnaryFunction::Elu if x < 0.0 => libm::expm1f(x),
        UnaryFunction::Elu => x,
        UnaryFunction::HardSwish => hard_swish(x),
        UnaryFunction::Logistic => logistic(x),
        UnaryFunction::Tanh => libm::tanhf(x),
    }
}

/// Runs a [`LeakyReluF32`]: one input, one output.
#[inline]
pub fn leaky_relu_f32(p: &LeakyReluF32, inputs: &[&[i8]], outputs: &mut [&mut [i8]]) {
    let ([input], [output]) = (inputs, outputs) else { wrong_operands() };
    map(p.len, view::<f32>(input), view_mut::<f32>(output), |x| settled(if x > 0.0 { x } else { x * p.alpha }));
}

/// Runs a [`LogicalNot`]: one input and one output of bool.
#[inline]
pub fn logical_not(p: &LogicalNot, inputs: &[&[i8]], outputs: &mut [&mut [i8]]) {
    let ([input], [output]) = (inputs, outputs) else { wrong_operands() };
    map(p.len, input, output, |value| i8::from(value == 0));
}

/// The nearest whole number, halves to the even one: LiteRT's `RoundToNearest`.
fn round_half_even(x: f32) -> f32 {
    let below = libm::floorf(x);
    let difference = x - below;
    if difference < 0.5 || (difference == 0.5 && below % 2.0 == 0.0) { below } else { below + 1.0 }
}

/// `1 / (1 + e^-x)`, with LiteRT's limits beyond which it is one, or the exponential alone.
pub(crate) fn logistic(x: f32) -> f32 {
    const ONE_FROM: f32 = 16.619_047;
    const EXPONENTIAL_TO: f32 = -9.0;
    if x > ONE_FROM {
        1.0
    } else if x < EXPONENTIAL_TO {
        libm::expf(x)
    } else {
        1.0 / (1.0 + libm::expf(-x))
    }
}

/// `x * min(6, max(0, x + 3)) / 6`, where what is no number counts as zero in the middle, as in C++.
fn hard_swish(x: f32) -> f32 {
    let shifted = x + 3.0;
    let gate = if shifted > 0.0 { shifted } else { 0.0 };
    x * (if gate < 6.0 { gate } else { 6.0 }) / 6.0
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::*;
    use crate::testing::Aligned;

    fn run(function: UnaryFunction, input: [f32; 4]) -> [f32; 4] {
        let (mut bytes, mut output) = (Aligned::<16>::zeroed(), Aligned::<16>::zeroed());
        view_mut::<f32>(&mut bytes.0).copy_from_slice(&input);
        unary(&Unary { function, len: 4 }, &[&bytes.0], &mut [&mut output.0]);
        core::array::from_fn(|index| view(&output.0)[index])
    }

    #[test]
    fn by_hand() {
        let input = [-2.5, -0.25, 2.25, 9.0];
        assert_eq!(run(UnaryFunction::Abs, input), [2.5, 0.25, 2.25, 9.0]);
        assert_eq!(run(UnaryFunction::Neg, input), [2.5, 0.25, -2.25, -9.0]);
        assert_eq!(run(UnaryFunction::Ceil, input), [-2.0, 0.0, 3.0, 9.0]);
        assert_eq!(run(UnaryFunction::Floor, input), [-3.0, -1.0, 2.0, 9.0]);
        assert_eq!(run(UnaryFunction::Round, input), [-2.0, 0.0, 2.0, 9.0]);
        assert_eq!(run(UnaryFunction::Square, input), [6.25, 0.0625, 5.0625, 81.0]);
        assert_eq!(run(UnaryFunction::Sqrt, input)[2..], [1.5, 3.0]);
        assert_eq!(run(UnaryFunction::Rsqrt, input)[2..], [1.0 / 1.5, 1.0 / 3.0]);
        assert_eq!(run(UnaryFunction::Relu, input), [0.0, 0.0, 2.25, 9.0]);
        assert_eq!(run(UnaryFunction::Relu6, input), [0.0, 0.0, 2.25, 6.0]);
        assert_eq!(
            run(UnaryFunction::HardSwish, input),
            [-2.5 * 0.5 / 6.0, -0.25 * 2.75 / 6.0, 2.25 * 5.25 / 6.0, 9.0]
        );
    }

    #[test]
    fn halves_go_to_the_even_number() {
        let input = [-0.5, 1.5, 2.5, 8_388_609.0];
        assert_eq!(run(UnaryFunction::Round, input), [0.0, 2.0, 2.0, 8_388_609.0]);
        let special = run(UnaryFunction::Round, [f32::INFINITY, f32::NEG_INFINITY, f32::NAN, -0.0]);
        assert_eq!(special[..2], [f32::INFINITY, f32::NEG_INFINITY]);
        assert!(special[2].is_nan());
    }

    #[test]
    fn transcendental_functions_are_those_of_their_names() {
        type Real = fn(f64) -> f64;
        let functions: [(UnaryFunction, Real); 7] = [
            (UnaryFunction::Exp, f64::exp),
            (UnaryFunction::Log, |x| x.abs().ln()),
            (UnaryFunction::Sin, f64::sin),
            (UnaryFunction::Cos, f64::cos),
            (UnaryFunction::Elu, |x| if x < 0.0 { x.exp() - 1.0 } else { x }),
            (UnaryFunction::Logistic, |x| 1.0 / (1.0 + (-x).exp())),
            (UnaryFunction::Tanh, f64::tanh),
        ];
        for (function, real) in functions {
            for step in -200..200_i16 {
                let x = f32::from(step) / 10.0 + 0.05;
                let x = if function == UnaryFunction::Log { x.abs() } else { x };
                let [y, ..] = run(function, [x; 4]);
                let real = real(f64::from(x));
                assert!((f64::from(y) - real).abs() < 3e-7 * real.abs().max(0.1), "{function:?} {x}");
            }
        }
    }

    #[test]
    fn not_and_leaky() {
        let mut output = [7; 3];
        logical_not(&LogicalNot { len: 3 }, &[&[0, 1, 0]], &mut [&mut output]);
        assert_eq!(output, [1, 0, 1]);
        let (mut bytes, mut output) = (Aligned::<16>::zeroed(), Aligned::<16>::zeroed());
        view_mut::<f32>(&mut bytes.0).copy_from_slice(&[-2.0, 2.0, 0.0, -8.0]);
        leaky_relu_f32(&LeakyReluF32 { len: 4, alpha: -0.5 }, &[&bytes.0], &mut [&mut output.0]);
        assert_eq!(view::<f32>(&output.0), [1.0, 2.0, 0.0, 4.0]);
    }
}
