//! Operators whose output is bool: EQUAL, LESS, ... and `LOGICAL_AND`, `LOGICAL_OR`; and `SELECT_V2`, which reads bool.

#[cfg(feature = "serde")]
use serde::{Deserialize, Serialize};

use crate::broadcast::{BROADCAST_RANK, start, zip};
use crate::{Broadcast, Element, Side, view, view_mut, wrong_operands};

/// What [`Compare`] and [`CompareScaled`] ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
#[expect(missing_docs, reason = "the names are LiteRT's")]
pub enum Comparison {
    Equal,
    NotEqual,
    Greater,
    GreaterEqual,
    Less,
    LessEqual,
}

impl Comparison {
    #[inline]
    fn holds<T: PartialOrd>(self, a: &T, b: &T) -> i8 {
        i8::from(match self {
            Self::Equal => a == b,
            Self::NotEqual => a != b,
            Self::Greater => a > b,
            Self::GreaterEqual => a >= b,
            Self::Less => a < b,
            Self::LessEqual => a <= b,
        })
    }
}

/// A comparison of plain numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct Compare {
    /// What is asked.
    pub comparison: Comparison,
    /// `Bool`, `I32`, `I64` or `F32`: both operands.
    pub element: Element,
    /// Shapes.
    pub at: Broadcast,
}

/// A comparison of int8 numbers: each times its scale, in fixed point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct CompareScaled {
    /// What is asked.
    pub comparison: Comparison,
    /// Shapes.
    pub at: Broadcast,
    /// First operand.
    pub a: Side,
    /// Second operand.
    pub b: Side,
    /// Bits by which both operands are shifted left before they are scaled.
    pub left_shift: i32,
}

/// `LOGICAL_AND` or `LOGICAL_OR`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct Logical {
    /// True for `LOGICAL_AND`, false for `LOGICAL_OR`.
    pub and: bool,
    /// Shapes.
    pub at: Broadcast,
}

/// `SELECT_V2`: strides as in [`Broadcast`], for three operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct Select {
    /// Size of an element in bytes: 1, 2 or 4.
    pub size: usize,
    /// Shape of the output, outermost first.
    pub shape: [usize; BROADCAST_RANK],
    /// Strides of the condition, in elements.
    pub condition: [usize; BROADCAST_RANK],
    /// Strides of what is taken where the condition is true.
    pub a: [usize; BROADCAST_RANK],
    /// Strides of what is taken elsewhere.
    pub b: [usize; BROADCAST_RANK],
}

/// Runs a [`Compare`]: two operands, one output of bool.
#[inline]
pub fn compare(p: &Compare, inputs: &[&[i8]], outputs: &mut [&mut [i8]]) {
    let ([a, b], [output]) = (inputs, outputs) else { wrong_operands() };
    match p.element {
        Element::Bool => zip(&p.at, a, b, output, |a, b| p.comparison.holds(&a, &b)),
        Element::I32 => zip(&p.at, view::<i32>(a), view(b), output, |a, b: i32| p.comparison.holds(&a, &b)),
        Element::I64 => zip(&p.at, view::<i64>(a), view(b), output, |a, b: i64| p.comparison.holds(&a, &b)),
        Element::F32 => zip(&p.at, view::<f32>(a), view(b), output, |a, b: f32| p.comparison.holds(&a, &b)),
        _ => wrong_operands(),
    }
}

/// Runs a [`CompareScaled`]: two operands, one output of bool.
#[inline]
pub fn compare_scaled(p: &CompareScaled, inputs: &[&[i8]], outputs: &mut [&mut [i8]]) {
    let ([a, b], [output]) = (inputs, outputs) else { wrong_operands() };
    let f = |a: i32, b: i32| p.comparison.holds(&p.a.scaled(a, p.left_shift), &p.b.scaled(b, p.left_shift));
    zip(&p.at, a, b, output, |a, b| f(i32::from(a), i32::from(b)));
}

/// Runs a [`Logical`]: two operands of bool, one output of bool.
#[inline]
pub fn logical(p: &Logical, inputs: &[&[i8]], outputs: &mut [&mut [i8]]) {
    let ([a, b], [output]) = (inputs, outputs) else { wrong_operands() };
    if p.and {
        zip(&p.at, a, b, output, |a, b| i8::from(a != 0 && b != 0));
    } else {
        zip(&p.at, a, b, output, |a, b| i8::from(a != 0 || b != 0));
    }
}

/// Runs a [`Select`]: condition and two operands, one output.
#[inline]
pub fn select(p: &Select, inputs: &[&[i8]], outputs: &mut [&mut [i8]]) {
    let ([condition, a, b], [output]) = (inputs, outputs) else { wrong_operands() };
    match p.size {
        1 => select_elements(p, condition, a, b, output),
        2 => select_elements(p, condition, view::<i16>(a), view(b), view_mut(output)),
        4 => select_elements(p, condition, view::<i32>(a), view(b), view_mut(output)),
        _ => wrong_operands(),
    }
}

#[inline]
fn select_elements<T: Copy>(p: &Select, condition: &[i8], a: &[T], b: &[T], output: &mut [T]) {
    let [.., len] = p.shape;
    for (row, out) in output[..p.shape.iter().product()].chunks_exact_mut(len).enumerate() {
        let at = |strides: &[usize; BROADCAST_RANK], column: usize| {
            start(&p.shape, strides, row) + column * strides[BROADCAST_RANK - 1]
        };
        for (column, out) in out.iter_mut().enumerate() {
            let chosen = condition[at(&p.condition, column)] != 0;
            *out = if chosen { a[at(&p.a, column)] } else { b[at(&p.b, column)] };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Requant;
    use crate::broadcast::tests::row;
    use crate::testing::Aligned;

    const ALL: [Comparison; 6] = [
        Comparison::Equal,
        Comparison::NotEqual,
        Comparison::Greater,
        Comparison::GreaterEqual,
        Comparison::Less,
        Comparison::LessEqual,
    ];

    #[test]
    fn every_comparison_of_less_equal_and_greater() {
        let expected = [[0, 1, 0], [1, 0, 1], [0, 0, 1], [0, 1, 1], [1, 0, 0], [1, 1, 0]];
        let (mut a, mut b) = (Aligned::<16>::zeroed(), Aligned::<16>::zeroed());
        view_mut::<i32>(&mut a.0).copy_from_slice(&[-1, 5, 9, 0]);
        view_mut::<i32>(&mut b.0).copy_from_slice(&[2, 5, -9, 0]);
        // Scales 0.5 and 0.25.
        let side = |shift| Side { offset: 0, requant: Requant { multiplier: 1 << 30, shift } };
        for (comparison, expected) in ALL.into_iter().zip(expected) {
            let mut output = [7; 3];
            compare(&Compare { comparison, element: Element::I32, at: row(3) }, &[&a.0, &b.0], &mut [&mut output]);
            assert_eq!(output, expected, "{comparison:?}");
            let p = CompareScaled { comparison, at: row(3), a: side(0), b: side(-1), left_shift: 8 };
            compare_scaled(&p, &[&[1, 2, 3], &[3, 4, 5]], &mut [&mut output]);
            assert_eq!(output, expected, "{comparison:?}");
        }
    }

    #[test]
    fn truth_tables() {
        for (and, expected) in [(true, [0, 0, 0, 1]), (false, [0, 1, 1, 1])] {
            let mut output = [7; 4];
            logical(&Logical { and, at: row(4) }, &[&[0, 0, 1, 1], &[0, 1, 0, 1]], &mut [&mut output]);
            assert_eq!(output, expected);
        }
    }

    #[test]
    fn each_operand_is_repeated_on_its_own() {
        let p = Select {
            size: 1,
            shape: [1, 1, 1, 1, 2, 3],
            condition: [0, 0, 0, 0, 1, 0],
            a: [0, 0, 0, 0, 0, 1],
            b: [0; 6],
        };
        let mut output = [0; 6];
        select(&p, &[&[1, 0], &[4, 5, 6], &[9]], &mut [&mut output]);
        assert_eq!(output, [4, 5, 6, 9, 9, 9]);
    }
}
