//! Shapes as values: SHAPE and BROADCAST_ARGS.

use crate::bytes::{Element, view, view_mut, wrong_operands};

/// SHAPE, as int32. The input's shape is known when the model is lowered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Shape {
    /// Number of dimensions.
    pub rank: usize,
    /// The dimensions.
    pub shape: [i32; 8],
}

/// BROADCAST_ARGS of two shapes, int32 or int64.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct BroadcastArgs {
    /// Type of the shapes.
    pub element: Element,
}

/// Writes the shape; the input's values do not matter.
#[inline]
pub fn shape(p: &Shape, _inputs: &[&[i8]], outputs: &mut [&mut [i8]]) {
    let [output] = outputs else { wrong_operands() };
    view_mut::<i32>(output).copy_from_slice(&p.shape[..p.rank]);
}

/// The shape that two shapes are broadcast to.
#[inline]
pub fn broadcast_args(p: &BroadcastArgs, inputs: &[&[i8]], outputs: &mut [&mut [i8]]) {
    let ([a, b], [output]) = (inputs, outputs) else { wrong_operands() };
    match p.element {
        Element::I32 => broadcast(view::<i32>(a), view::<i32>(b), view_mut::<i32>(output)),
        Element::I64 => broadcast(view::<i64>(a), view::<i64>(b), view_mut::<i64>(output)),
        _ => wrong_operands(),
    }
}

/// From the innermost dimension: the shorter shape is filled up with ones, and a one gives way.
fn broadcast<T: Copy + PartialEq + From<bool>>(a: &[T], b: &[T], output: &mut [T]) {
    let one = T::from(true);
    let from_end = |shape: &[T], at: usize| shape.len().checked_sub(at + 1).map_or(one, |index| shape[index]);
    for (at, place) in output.iter_mut().rev().enumerate() {
        let (a, b) = (from_end(a, at), from_end(b, at));
        *place = if a == one { b } else { a };
    }
}

#[cfg(test)]
mod tests {
    use super::{BroadcastArgs, Shape, broadcast_args, shape};
    use crate::bytes::{Element, view, words_as_i8, words_as_i8_mut};

    #[test]
    fn dimensions_are_written() {
        let mut output = [0];
        shape(&Shape { rank: 2, shape: [3, 4, 0, 0, 0, 0, 0, 0] }, &[&[]], &mut [words_as_i8_mut(&mut output)]);
        assert_eq!(view::<i32>(words_as_i8(&output)), [3, 4]);
    }

    #[test]
    fn ones_and_missing_dimensions_give_way() {
        let mut output = [0; 3];
        let p = BroadcastArgs { element: Element::I64 };
        broadcast_args(&p, &[words_as_i8(&[5, 1, 7]), words_as_i8(&[6, 1])], &mut [words_as_i8_mut(&mut output)]);
        assert_eq!(output, [5, 6, 7]);
    }
}
