//! Tensors put side by side and taken apart again: CONCATENATION, PACK, SPLIT, SPLIT_V and UNPACK. Bytes, of any type.
//!
//! Along the axis of all these, a tensor is rows of bytes: as many rows as the dimensions before the axis have elements.
//! LiteRT Micro's kernels do not look at quantization here, and so neither do these.

use crate::bytes::wrong_operands;

/// CONCATENATION and PACK, any number of inputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Concatenate {
    /// Rows: the product of the dimensions before the axis. Every input has that many, all of one length.
    pub rows: usize,
}

/// SPLIT, SPLIT_V and UNPACK, any number of outputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Split {
    /// Rows: the product of the dimensions before the axis. Every output has that many, all of one length.
    pub rows: usize,
}

/// Each row of the output is the inputs' rows, one after the other.
#[inline]
pub fn concatenate(p: &Concatenate, inputs: &[&[i8]], outputs: &mut [&mut [i8]]) {
    let [output] = outputs else { wrong_operands() };
    let mut rest = &mut **output;
    for row in 0..p.rows {
        for input in inputs {
            let length = input.len() / p.rows;
            let (place, behind) = rest.split_at_mut(length);
            place.copy_from_slice(&input[row * length..][..length]);
            rest = behind;
        }
    }
}

/// Each row of the input is the outputs' rows, one after the other.
#[inline]
pub fn split(p: &Split, inputs: &[&[i8]], outputs: &mut [&mut [i8]]) {
    let [mut rest] = *inputs else { wrong_operands() };
    for row in 0..p.rows {
        for output in &mut *outputs {
            let length = output.len() / p.rows;
            let (piece, behind) = rest.split_at(length);
            output[row * length..][..length].copy_from_slice(piece);
            rest = behind;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Concatenate, Split, concatenate, split};

    #[test]
    fn rows_of_different_length() {
        let (a, b, whole) = ([1, 2, 5, 6], [3, 7], [1, 2, 3, 5, 6, 7]);
        let mut output = [0; 6];
        concatenate(&Concatenate { rows: 2 }, &[&a, &b], &mut [&mut output]);
        assert_eq!(output, whole);
        let (mut first, mut second) = ([0; 4], [0; 2]);
        split(&Split { rows: 2 }, &[&whole], &mut [&mut first, &mut second]);
        assert_eq!((first, second), (a, b));
    }

    #[test]
    fn along_the_first_axis() {
        let mut output = [0; 5];
        concatenate(&Concatenate { rows: 1 }, &[&[1], &[2, 3], &[4, 5]], &mut [&mut output]);
        assert_eq!(output, [1, 2, 3, 4, 5]);
    }

    #[test]
    #[should_panic(expected = "mid")]
    fn a_short_output_is_a_panic() {
        concatenate(&Concatenate { rows: 1 }, &[&[1, 2], &[3]], &mut [&mut [0; 2]]);
    }
}
