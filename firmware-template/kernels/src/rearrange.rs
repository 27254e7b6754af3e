//! Elements of one tensor in another order, some of them left out or repeated: TRANSPOSE, SLICE, STRIDED_SLICE,
//! REVERSE_V2, BROADCAST_TO, SPACE_TO_DEPTH, DEPTH_TO_SPACE. Bytes, of any type.
//!
//! What these have in common is that walking through the output in order is walking through the input in equal steps
//! along each dimension.

use crate::bytes::wrong_operands;

/// The way through the input, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Rearrange {
    /// Bytes that lie together in input and output.
    pub run: usize,
    /// Runs of the output along each dimension, the innermost last.
    pub shape: [usize; 6],
    /// Bytes from one run to the next in the input, along each dimension; negative is backwards and zero is again.
    pub step: [i32; 6],
    /// The first byte of the first run in the input.
    pub start: usize,
}

/// Copies run after run.
#[inline]
pub fn rearrange(p: &Rearrange, inputs: &[&[i8]], outputs: &mut [&mut [i8]]) {
    let ([input], [output]) = (inputs, outputs) else { wrong_operands() };
    let [.., last] = p.shape;
    let [.., step] = p.step;
    let size = p.shape.iter().product::<usize>() * p.run;
    let mut index = [0; 5];
    let mut from = p.start as i32;
    for row in output[..size].chunks_exact_mut(last * p.run) {
        let mut run = from;
        for place in row.chunks_exact_mut(p.run) {
            place.copy_from_slice(&input[run as usize..][..p.run]);
            run += step;
        }
        for (axis, index) in index.iter_mut().enumerate().rev() {
            *index += 1;
            from += p.step[axis];
            if *index < p.shape[axis] {
                break;
            }
            from -= p.step[axis] * p.shape[axis] as i32;
            *index = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::{Rearrange, rearrange};
    use crate::testing::Random;
    use std::vec::Vec;

    fn run(p: &Rearrange, input: &[i8], size: usize) -> Vec<i8> {
        let mut output = std::vec![0x55; size];
        rearrange(p, &[input], &mut [&mut output]);
        output
    }

    #[test]
    fn transpose_of_two_byte_elements() {
        let input = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11];
        let p = Rearrange { run: 2, shape: [1, 1, 1, 1, 3, 2], step: [0, 0, 0, 0, 2, 6], start: 0 };
        assert_eq!(run(&p, &input, 12), [0, 1, 6, 7, 2, 3, 8, 9, 4, 5, 10, 11]);
    }

    #[test]
    fn backwards_again_and_left_out() {
        let input = [0, 1, 2, 3, 4, 5];
        let back = Rearrange { run: 1, shape: [1, 1, 1, 1, 2, 3], step: [0, 0, 0, 0, 3, -1], start: 2 };
        assert_eq!(run(&back, &input, 6), [2, 1, 0, 5, 4, 3]);
        let again = Rearrange { run: 3, shape: [1, 1, 1, 2, 2, 1], step: [0, 0, 0, 0, 3, 0], start: 0 };
        assert_eq!(run(&again, &input, 12), [0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 4, 5]);
        let every_other = Rearrange { run: 1, shape: [1, 1, 1, 1, 1, 3], step: [0, 0, 0, 0, 0, 2], start: 1 };
        assert_eq!(run(&every_other, &input, 3), [1, 3, 5]);
    }

    /// Six dimensions in any order, some of them backwards: every output run is where the definition says.
    #[test]
    fn random_orders_agree_with_the_definition() {
        let mut random = Random::new(11);
        for round in 0..200 {
            let width = 1 + random.below(4);
            let shape: [usize; 6] = std::array::from_fn(|_| 1 + random.below(3));
            let mut order = [0, 1, 2, 3, 4, 5];
            order.iter_mut().for_each(|slot| *slot = usize::MAX);
            for axis in 0..6 {
                let free: Vec<usize> = (0..6).filter(|&slot| order[slot] == usize::MAX).collect();
                order[free[random.below(free.len())]] = axis;
            }
            let stride = |axis: usize| (shape[axis + 1..].iter().product::<usize>() * width) as i32;
            let mut p = Rearrange { run: width, shape: order.map(|axis| shape[axis]), step: [0; 6], start: 0 };
            for (slot, &axis) in order.iter().enumerate() {
                p.step[slot] = stride(axis);
                if random.below(3) == 0 {
                    p.step[slot] = -stride(axis);
                    p.start += (shape[axis] - 1) * stride(axis) as usize;
                }
            }
            let size = shape.iter().product::<usize>() * width;
            let input: Vec<i8> = (0..size).map(|_| random.next() as i8).collect();
            let output = run(&p, &input, size);
            for at in 0..size / width {
                let mut rest = at;
                let mut from = p.start as i32;
                for slot in (0..6).rev() {
                    from += (rest % p.shape[slot]) as i32 * p.step[slot];
                    rest /= p.shape[slot];
                }
                let from = from as usize;
                assert_eq!(output[at * width..][..width], input[from..][..width], "round {round}, {p:?}, run {at}");
            }
        }
    }
}
