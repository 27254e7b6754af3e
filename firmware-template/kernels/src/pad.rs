//! Borders around a tensor: PAD, PADV2 and MIRROR_PAD. Bytes, of any type.

use crate::bytes::wrong_operands;

/// PAD and PADV2. PADV2's value is the second input, one element; PAD's is `fill`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Pad {
    /// Bytes of an element.
    pub element: usize,
    /// Input elements along each dimension, the innermost last.
    pub input: [usize; 5],
    /// Elements added before the first.
    pub before: [usize; 5],
    /// Elements added after the last.
    pub after: [usize; 5],
    /// Every byte of a border element where there is no second input: the zero point of int8, else zero.
    pub fill: i8,
}

/// MIRROR_PAD.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct MirrorPad {
    /// Bytes of an element.
    pub element: usize,
    /// Input elements along each dimension, the innermost last.
    pub input: [usize; 5],
    /// Elements added before the first; less than the input has where the edge is not repeated, else no more.
    pub before: [usize; 5],
    /// Elements added after the last, with the same bounds.
    pub after: [usize; 5],
    /// LiteRT's mode: true repeats the element at the edge (symmetric), false does not (reflect).
    pub repeat_edge: bool,
}

/// The input, with a value all around.
#[inline]
pub fn pad(p: &Pad, inputs: &[&[i8]], outputs: &mut [&mut [i8]]) {
    let [output] = outputs else { wrong_operands() };
    match inputs {
        [input] => framed(p, input, output, |border| border.fill(p.fill)),
        [input, value] => {
            let value = &value[..p.element];
            framed(p, input, output, |border| {
                border.chunks_exact_mut(p.element).for_each(|place| place.copy_from_slice(value));
            });
        }
        _ => wrong_operands(),
    }
}

/// The input from its first element to its last, `border` writing what lies between its rows.
fn framed(p: &Pad, input: &[i8], output: &mut [i8], border: impl Fn(&mut [i8])) {
    let total = |axis: usize| p.before[axis] + p.input[axis] + p.after[axis];
    let row = p.input[4] * p.element;
    let mut input = input.chunks_exact(row);
    let mut behind = output;
    let mut index = [0; 4];
    for _ in 0..total(0) * total(1) * total(2) * total(3) {
        let place;
        (place, behind) = behind.split_at_mut(total(4) * p.element);
        let inside = (0..4).all(|axis| (p.before[axis]..p.before[axis] + p.input[axis]).contains(&index[axis]));
        if inside {
            let (before, rest) = place.split_at_mut(p.before[4] * p.element);
            let (middle, after) = rest.split_at_mut(row);
            border(before);
            match input.next() {
                Some(row) => middle.copy_from_slice(row),
                None => wrong_operands(),
            }
            border(after);
        } else {
            border(place);
        }
        advance(&mut index, total);
    }
}

/// The input, with its own elements mirrored at the edges.
#[inline]
pub fn mirror_pad(p: &MirrorPad, inputs: &[&[i8]], outputs: &mut [&mut [i8]]) {
    let ([input], [output]) = (inputs, outputs) else { wrong_operands() };
    let total = |axis: usize| p.before[axis] + p.input[axis] + p.after[axis];
    let size = (0..5).map(total).product::<usize>() * p.element;
    let mut index = [0; 5];
    for place in output[..size].chunks_exact_mut(p.element) {
        let from = (0..5).fold(0, |from, axis| from * p.input[axis] + mirrored(p, axis, index[axis]));
        place.copy_from_slice(&input[from * p.element..][..p.element]);
        advance(&mut index, total);
    }
}

/// The input's position along a dimension for the output's.
fn mirrored(p: &MirrorPad, axis: usize, at: usize) -> usize {
    let (before, size, edge) = (p.before[axis], p.input[axis], usize::from(!p.repeat_edge));
    if at < before {
        before - 1 - at + edge
    } else if at < before + size {
        at - before
    } else {
        2 * size - 1 - edge - (at - before)
    }
}

/// The next index, in row-major order.
fn advance<const N: usize>(index: &mut [usize; N], total: impl Fn(usize) -> usize) {
    for (axis, index) in index.iter_mut().enumerate().rev() {
        *index += 1;
        if *index < total(axis) {
            return;
        }
        *index = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::{MirrorPad, Pad, mirror_pad, pad};

    const PLAIN: Pad =
        Pad { element: 1, input: [1, 1, 1, 2, 3], before: [0, 0, 0, 1, 0], after: [0, 0, 0, 0, 2], fill: -7 };

    #[test]
    fn all_around() {
        let mut output = [0; 15];
        pad(&PLAIN, &[&[1, 2, 3, 4, 5, 6]], &mut [&mut output]);
        assert_eq!(output, [-7, -7, -7, -7, -7, 1, 2, 3, -7, -7, 4, 5, 6, -7, -7]);
    }

    #[test]
    fn with_a_value_of_two_bytes() {
        let p = Pad { element: 2, input: [1, 1, 1, 1, 1], before: [0, 0, 0, 0, 1], after: [0, 0, 1, 0, 0], fill: 0 };
        let mut output = [0; 8];
        pad(&p, &[&[1, 2], &[8, 9]], &mut [&mut output]);
        assert_eq!(output, [8, 9, 1, 2, 8, 9, 8, 9]);
    }

    #[test]
    fn outer_dimensions() {
        let p = Pad { element: 1, input: [1, 2, 1, 1, 1], before: [1, 0, 0, 0, 0], after: [0, 1, 0, 0, 0], fill: 0 };
        let mut output = [9; 6];
        pad(&p, &[&[1, 2]], &mut [&mut output]);
        assert_eq!(output, [0, 0, 0, 1, 2, 0]);
    }

    #[test]
    fn mirrored_with_and_without_the_edge() {
        let row =
            |repeat_edge, before, after| MirrorPad { element: 1, input: [1, 1, 1, 1, 3], before, after, repeat_edge };
        let mut output = [0; 9];
        mirror_pad(&row(true, [0, 0, 0, 0, 3], [0, 0, 0, 0, 3]), &[&[1, 2, 3]], &mut [&mut output]);
        assert_eq!(output, [3, 2, 1, 1, 2, 3, 3, 2, 1]);
        let mut output = [0; 7];
        mirror_pad(&row(false, [0, 0, 0, 0, 2], [0, 0, 0, 0, 2]), &[&[1, 2, 3]], &mut [&mut output]);
        assert_eq!(output, [3, 2, 1, 2, 3, 2, 1]);
    }

    #[test]
    fn mirrored_in_two_dimensions() {
        let p = MirrorPad {
            element: 2,
            input: [1, 1, 1, 2, 2],
            before: [0, 0, 0, 1, 0],
            after: [0, 0, 0, 0, 1],
            repeat_edge: false,
        };
        let mut output = [0; 18];
        mirror_pad(&p, &[&[10, 11, 20, 21, 30, 31, 40, 41]], &mut [&mut output]);
        assert_eq!(output, [30, 31, 40, 41, 30, 31, 10, 11, 20, 21, 10, 11, 30, 31, 40, 41, 30, 31]);
    }
}
