//! Two operands of unequal shapes read in step: one loop for every binary operator.

#[cfg(feature = "serde")]
use serde::{Deserialize, Serialize};

/// Dimensions that are left when neighbours that broadcast alike are one; LiteRT Micro's limit as well.
pub const BROADCAST_RANK: usize = 6;

/// How an output's elements find the elements of two operands: strides in elements, 0 where an operand is repeated.
///
/// Unused dimensions are the outer ones and have length 1. The innermost strides are 0 or 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub struct Broadcast {
    /// Shape of the output, outermost first; no length is 0.
    pub shape: [usize; BROADCAST_RANK],
    /// Strides of the first operand.
    pub a: [usize; BROADCAST_RANK],
    /// Strides of the second operand.
    pub b: [usize; BROADCAST_RANK],
}

impl Broadcast {
    /// Elements of the output.
    pub const fn len(&self) -> usize {
        let [u, v, w, x, y, z] = self.shape;
        u * v * w * x * y * z
    }

    /// True unless both operands have the output's shape.
    pub fn repeats(&self) -> bool {
        let [.., last] = self.shape;
        let elementwise = |strides: [usize; BROADCAST_RANK]| strides[BROADCAST_RANK - 1] == 1;
        last != self.len() || !elementwise(self.a) || !elementwise(self.b)
    }

    /// True where a dimension is zero.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Where the operand with `strides` begins in the innermost row `row` of an output of shape `shape`.
#[inline]
pub(crate) fn start(shape: &[usize; BROADCAST_RANK], strides: &[usize; BROADCAST_RANK], mut row: usize) -> usize {
    let mut start = 0;
    for (&len, &stride) in shape.iter().zip(strides).rev().skip(1) {
        start += row % len * stride;
        row /= len;
    }
    start
}

/// `f` of every pair of elements.
#[inline]
pub(crate) fn zip<A: Copy, B: Copy, T>(at: &Broadcast, a: &[A], b: &[B], output: &mut [T], f: impl Fn(A, B) -> T) {
    let len = at.shape[BROADCAST_RANK - 1];
    let repeated = |strides: &[usize; BROADCAST_RANK]| strides[BROADCAST_RANK - 1] == 0;
    for (row, out) in output[..at.len()].chunks_exact_mut(len).enumerate() {
        let (a, b) = (&a[start(&at.shape, &at.a, row)..], &b[start(&at.shape, &at.b, row)..]);
        match (repeated(&at.a), repeated(&at.b)) {
            (false, false) => {
                for ((out, &a), &b) in out.iter_mut().zip(&a[..len]).zip(&b[..len]) {
                    *out = f(a, b);
                }
            }
            (false, true) => {
                let b = b[0];
                for (out, &a) in out.iter_mut().zip(&a[..len]) {
                    *out = f(a, b);
                }
            }
            (true, false) => {
                let a = a[0];
                for (out, &b) in out.iter_mut().zip(&b[..len]) {
                    *out = f(a, b);
                }
            }
            (true, true) => {
                let (a, b) = (a[0], b[0]);
                for out in out {
                    *out = f(a, b);
                }
            }
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Operands of equal shapes.
    pub(crate) fn row(len: usize) -> Broadcast {
        let strides = [0, 0, 0, 0, 0, 1];
        Broadcast { shape: [1, 1, 1, 1, 1, len], a: strides, b: strides }
    }

    #[test]
    fn strides_choose_the_elements() {
        let at = Broadcast { shape: [1, 1, 1, 2, 3, 2], a: [0, 0, 0, 2, 0, 1], b: [0, 0, 0, 0, 1, 0] };
        let mut output = [0; 12];
        zip(&at, &[10, 20, 30, 40], &[1, 2, 3], &mut output, |a, b| a + b);
        assert_eq!(output, [11, 21, 12, 22, 13, 23, 31, 41, 32, 42, 33, 43]);
    }

    #[test]
    fn both_operands_can_be_repeated() {
        let at = Broadcast { shape: [1, 1, 1, 1, 2, 2], a: [0, 0, 0, 0, 1, 0], b: [0; 6] };
        let mut output = [0; 4];
        zip(&at, &[10, 20], &[1], &mut output, |a, b| a + b);
        assert_eq!(output, [11, 11, 21, 21]);
        let mut scalar = [0];
        zip(&Broadcast { shape: [1; 6], a: [0; 6], b: [0; 6] }, &[10], &[1], &mut scalar, |a, b| a - b);
        assert_eq!(scalar, [9]);
    }

    #[test]
    fn a_repeated_first_operand_is_read_once_a_row() {
        let at = Broadcast { shape: [1, 1, 1, 1, 2, 2], a: [0, 0, 0, 0, 1, 0], b: [0, 0, 0, 0, 0, 1] };
        let mut output = [0; 4];
        zip(&at, &[10, 20], &[1, 2], &mut output, |a, b| a - b);
        assert_eq!(output, [9, 8, 19, 18]);
    }
}
