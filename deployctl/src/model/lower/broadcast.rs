//! Shapes that broadcast, as the strides that kernels walk.
//!
//! Neighbouring dimensions in which every operand is repeated, or none, or the same ones, are one dimension to a kernel. So
//! equal shapes of any rank are a single row.

use kernels::{BROADCAST_RANK, Broadcast};

use super::Fault;
use super::operand::Operand;

const ADVICE: &str = "reshape or tile the operands before this layer";

/// Strides of two operands.
pub(super) fn pair(a: &Operand, b: &Operand, output: &Operand) -> Result<Broadcast, Fault> {
    let ([a, b], shape) = many([a, b], output)?;
    Ok(Broadcast { shape, a, b })
}

/// Strides of `N` operands, and the output's shape.
pub(super) fn many<const N: usize>(
    operands: [&Operand; N],
    output: &Operand,
) -> Result<([[usize; BROADCAST_RANK]; N], [usize; BROADCAST_RANK]), Fault> {
    let shapes = operands.map(Operand::shape);
    if !fits(&shapes, output.shape()) {
        let reason = format!("has operands of shapes {shapes:?} and an output of {:?}", output.shape());
        return Err(Fault::at(output.id, reason, ADVICE));
    }
    strides(shapes, output.shape()).ok_or_else(|| {
        let reason = format!("broadcasts shapes {shapes:?} along more than {BROADCAST_RANK} dimensions");
        Fault::at(output.id, reason, ADVICE)
    })
}

/// Length of a dimension, counted from the innermost; those that a shape lacks are 1.
fn along(shape: &[usize], dimension: usize) -> usize {
    shape.iter().rev().nth(dimension).copied().unwrap_or(1)
}

/// Whether `output` is what the shapes broadcast to, leading dimensions of 1 aside.
fn fits(shapes: &[&[usize]], output: &[usize]) -> bool {
    let rank = shapes.iter().map(|shape| shape.len()).max().unwrap_or_default().max(output.len());
    (0..rank).all(|dimension| {
        let len = along(output, dimension);
        let lens = || shapes.iter().map(|shape| along(shape, dimension));
        lens().all(|operand| operand == len || operand == 1) && (lens().any(|operand| operand == len))
    })
}

/// `None` where more dimensions are left than kernels have.
fn strides<const N: usize>(
    shapes: [&[usize]; N],
    output: &[usize],
) -> Option<([[usize; BROADCAST_RANK]; N], [usize; BROADCAST_RANK])> {
    let mut shape = [1; BROADCAST_RANK];
    let mut strides = [[0; BROADCAST_RANK]; N];
    // Which operands advance in the dimension being built, its place, and how far every operand has come.
    let mut current: Option<([bool; N], usize)> = None;
    let mut reached = [1; N];
    for dimension in 0..output.len() {
        let len = along(output, dimension);
        if len == 1 {
            continue;
        }
        let advances = shapes.map(|shape| along(shape, dimension) == len);
        let place = match current {
            Some((before, place)) if before == advances => place,
            Some((_, place)) => place.checked_sub(1)?,
            None => BROADCAST_RANK - 1,
        };
        if current != Some((advances, place)) {
            for (operand, advances) in advances.into_iter().enumerate() {
                strides[operand][place] = if advances { reached[operand] } else { 0 };
            }
        }
        shape[place] *= len;
        for (reached, advances) in reached.iter_mut().zip(advances) {
            *reached *= if advances { len } else { 1 };
        }
        current = Some((advances, place));
    }
    Some((strides, shape))
}

#[cfg(test)]
mod tests {
    use super::{fits, strides};

    #[test]
    fn equal_shapes_are_a_row() {
        let expected = ([[0, 0, 0, 0, 0, 1]; 2], [1, 1, 1, 1, 1, 24]);
        assert_eq!(strides([&[1, 2, 3, 4], &[2, 3, 4]], &[1, 2, 3, 4]), Some(expected));
        assert_eq!(strides([&[], &[]], &[]), Some(([[0; 6]; 2], [1; 6])));
    }

    #[test]
    fn neighbours_of_one_kind_are_merged() {
        let (operands, shape) = strides([&[2, 3, 4, 5], &[4, 1]], &[2, 3, 4, 5]).unwrap();
        assert_eq!(shape, [1, 1, 1, 6, 4, 5]);
        assert_eq!(operands, [[0, 0, 0, 20, 5, 1], [0, 0, 0, 0, 1, 0]]);
        let (operands, shape) = strides([&[1, 3], &[2, 1]], &[2, 3]).unwrap();
        assert_eq!((operands, shape), ([[0, 0, 0, 0, 0, 1], [0, 0, 0, 0, 1, 0]], [1, 1, 1, 1, 2, 3]));
        // One dimension of length 1 between two that belong together.
        let (operands, shape) = strides([&[2, 1, 3], &[1]], &[2, 1, 3]).unwrap();
        assert_eq!((operands, shape), ([[0, 0, 0, 0, 0, 1], [0; 6]], [1, 1, 1, 1, 1, 6]));
    }

    #[test]
    fn what_alternates_too_often_is_refused() {
        assert!(strides([&[2, 1, 2, 1, 2, 1], &[1, 2, 1, 2, 1, 2]], &[2; 6]).is_some());
        assert_eq!(strides([&[1, 2, 1, 2, 1, 2, 1], &[2, 1, 2, 1, 2, 1, 2]], &[2; 7]), None);
    }

    #[test]
    fn the_output_is_what_comes_out() {
        assert!(fits(&[&[2, 1], &[3]], &[2, 3]));
        assert!(fits(&[&[1, 3], &[3]], &[3]));
        for output in [&[2, 4][..], &[3], &[1, 3], &[2, 2, 3]] {
            assert!(!fits(&[&[2, 1], &[3]], output), "{output:?}");
        }
        assert!(!fits(&[&[1], &[1]], &[2]));
    }
}
