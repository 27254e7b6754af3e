//! Along one axis: ARG_MAX, ARG_MIN and CUMSUM.

use crate::arithmetic::settled;
use crate::bytes::{Element, view, view_mut, wrong_operands};
use crate::{Activation, Requant};

/// A tensor seen from one of its axes, in elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Axis {
    /// Product of the dimensions before it.
    pub outer: usize,
    /// Its length.
    pub length: usize,
    /// Product of the dimensions behind it.
    pub inner: usize,
}

/// ARG_MAX and ARG_MIN of int8 or float32, as int32.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ArgExtreme {
    /// Type of the input.
    pub element: Element,
    /// The axis.
    pub axis: Axis,
    /// Whether the largest is sought.
    pub largest: bool,
}

/// CUMSUM of float32.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct CumulativeSumF32 {
    /// The axis.
    pub axis: Axis,
    /// Whether an element is left out of its own sum.
    pub exclusive: bool,
    /// Whether sums begin at the end.
    pub reverse: bool,
}

/// CUMSUM of int8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct CumulativeSum {
    /// The axis.
    pub axis: Axis,
    /// Whether an element is left out of its own sum.
    pub exclusive: bool,
    /// Whether sums begin at the end.
    pub reverse: bool,
    /// Minus the input's zero point. LiteRT Micro begins with it too, scaled, so that a sum is its elements' only where
    /// it is zero.
    pub input_offset: i32,
    /// Bits by which elements are shifted left before they are scaled.
    pub left_shift: i32,
    /// Factor of elements.
    pub input: Requant,
    /// Factor of sums.
    pub requant: Requant,
    /// The output's zero point.
    pub output_offset: i32,
    /// Bounds of the output.
    pub activation: Activation,
}

impl Axis {
    /// First element of each line along the axis, in the order in which the lines lie.
    fn lines(self) -> impl Iterator<Item = usize> {
        (0..self.outer * self.inner).map(move |line| line / self.inner * self.length * self.inner + line % self.inner)
    }

    /// Elements of a line.
    fn line(self, first: usize, reverse: bool) -> impl Iterator<Item = usize> {
        (0..self.length).map(move |at| first + if reverse { self.length - 1 - at } else { at } * self.inner)
    }
}

/// Position of the first of the largest, or smallest, along the axis.
#[inline]
pub fn arg_extreme(p: &ArgExtreme, inputs: &[&[i8]], outputs: &mut [&mut [i8]]) {
    let ([input], [output]) = (inputs, outputs) else { wrong_operands() };
    let output = view_mut::<i32>(output);
    match p.element {
        Element::I8 => positions(p, view::<i8>(input), output),
        Element::F32 => positions(p, view::<f32>(input), output),
        _ => wrong_operands(),
    }
}

fn positions<T: Copy + PartialOrd>(p: &ArgExtreme, input: &[T], output: &mut [i32]) {
    for (first, place) in p.axis.lines().zip(output) {
        let (mut extreme, mut position) = (input[first], 0);
        for (at, element) in p.axis.line(first, false).enumerate() {
            let value = input[element];
            if if p.largest { value > extreme } else { value < extreme } {
                (extreme, position) = (value, at as i32);
            }
        }
        *place = position;
    }
}

/// Sums of everything up to each element.
#[inline]
pub fn cumulative_sum_f32(p: &CumulativeSumF32, inputs: &[&[i8]], outputs: &mut [&mut [i8]]) {
    let ([input], [output]) = (inputs, outputs) else { wrong_operands() };
    let (input, output) = (view::<f32>(input), view_mut::<f32>(output));
    for first in p.axis.lines() {
        let mut sum = 0.0;
        for element in p.axis.line(first, p.reverse) {
            let before = sum;
            sum += input[element];
            output[element] = settled(if p.exclusive { before } else { sum });
        }
    }
}

/// Sums of everything up to each element, in a common fixed point as ADD has it.
#[inline]
pub fn cumulative_sum(p: &CumulativeSum, inputs: &[&[i8]], outputs: &mut [&mut [i8]]) {
    let ([input], [output]) = (inputs, outputs) else { wrong_operands() };
    let scaled = |value: i32| p.input.apply(value.wrapping_shl(p.left_shift as u32));
    for first in p.axis.lines() {
        let mut sum = scaled(p.input_offset);
        for element in p.axis.line(first, p.reverse) {
            let before = sum;
            sum = sum.wrapping_add(scaled(i32::from(input[element]) + p.input_offset));
            let raw = p.requant.apply(if p.exclusive { before } else { sum });
            output[element] = p.activation.clamp(raw.wrapping_add(p.output_offset));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{ArgExtreme, Axis, CumulativeSum, CumulativeSumF32, arg_extreme, cumulative_sum, cumulative_sum_f32};
    use crate::bytes::{Element, view, view_mut, words_as_i8, words_as_i8_mut};
    use crate::{Activation, Requant};

    const COLUMNS: Axis = Axis { outer: 1, length: 2, inner: 3 };

    #[test]
    fn the_first_of_equals() {
        let mut output = [0; 2];
        let mut p = ArgExtreme { element: Element::I8, axis: COLUMNS, largest: true };
        arg_extreme(&p, &[&[1, 5, 7, 2, 5, -7]], &mut [&mut words_as_i8_mut(&mut output)[..12]]);
        assert_eq!(view::<i32>(words_as_i8(&output))[..3], [1, 0, 0]);
        p.largest = false;
        arg_extreme(&p, &[&[1, 5, 7, 2, 5, -7]], &mut [&mut words_as_i8_mut(&mut output)[..12]]);
        assert_eq!(view::<i32>(words_as_i8(&output))[..3], [0, 0, 1]);
    }

    #[test]
    fn sums_of_real_numbers() {
        let (mut input, mut output) = ([0; 3], [0; 3]);
        view_mut::<f32>(words_as_i8_mut(&mut input)).copy_from_slice(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        let mut run = |axis, exclusive, reverse| {
            let p = CumulativeSumF32 { axis, exclusive, reverse };
            cumulative_sum_f32(&p, &[words_as_i8(&input)], &mut [words_as_i8_mut(&mut output)]);
            <[f32; 6]>::try_from(view::<f32>(words_as_i8(&output))).expect("three words are six numbers")
        };
        assert_eq!(run(COLUMNS, false, false), [1.0, 2.0, 3.0, 5.0, 7.0, 9.0]);
        assert_eq!(run(Axis { outer: 2, length: 3, inner: 1 }, true, false), [0.0, 1.0, 3.0, 0.0, 4.0, 9.0]);
        assert_eq!(run(Axis { outer: 2, length: 3, inner: 1 }, false, true), [6.0, 5.0, 3.0, 15.0, 11.0, 6.0]);
    }

    #[test]
    fn quantized_sums() {
        let half = Requant { multiplier: 1 << 30, shift: 0 };
        let p = CumulativeSum {
            axis: Axis { outer: 1, length: 3, inner: 1 },
            exclusive: false,
            reverse: false,
            input_offset: 0,
            left_shift: 20,
            input: half,
            requant: Requant { multiplier: 1 << 30, shift: -18 },
            output_offset: -1,
            activation: Activation { min: -128, max: 127 },
        };
        let mut output = [0; 3];
        cumulative_sum(&p, &[&[1, 2, 3]], &mut [&mut output]);
        assert_eq!(output, [0, 2, 5]);
        cumulative_sum(&CumulativeSum { exclusive: true, ..p }, &[&[100, 100, 3]], &mut [&mut output]);
        assert_eq!(output, [-1, 99, 127]);
        cumulative_sum(&CumulativeSum { input_offset: 5, ..p }, &[&[1, 2, 3]], &mut [&mut output]);
        assert_eq!(output, [10, 17, 25], "the zero point is counted once more");
    }
}
