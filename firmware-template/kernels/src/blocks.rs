//! Blocks of pixels moved into the batch and back: SPACE_TO_BATCH_ND and BATCH_TO_SPACE_ND. Bytes, of any type.
//!
//! The space tensor is the one with fewer batches; the other has one batch for each of its batches and each place in a
//! block. Both have the same bytes a pixel.

use crate::bytes::wrong_operands;
use crate::{Dims, Extent};

/// Where pixels go. In both shapes, channels are bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct SpaceToBatch {
    /// The space tensor, the input.
    pub space: Dims,
    /// The batch tensor, the output.
    pub batch: Dims,
    /// Pixels of a block.
    pub block: Extent,
    /// Rows above and columns left of the space tensor that belong to blocks but not to it.
    pub before: Extent,
    /// Every byte of a pixel that is not in the space tensor: the zero point of int8, else zero.
    pub fill: i8,
}

/// Where pixels come from. In both shapes, channels are bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct BatchToSpace {
    /// The space tensor, the output.
    pub space: Dims,
    /// The batch tensor, the input.
    pub batch: Dims,
    /// Pixels of a block.
    pub block: Extent,
    /// Rows above and columns left of the space tensor that belong to blocks but not to it.
    pub before: Extent,
}

/// Pixels of blocks, each place of a block a batch of its own.
#[inline]
pub fn space_to_batch(p: &SpaceToBatch, inputs: &[&[i8]], outputs: &mut [&mut [i8]]) {
    let ([input], [output]) = (inputs, outputs) else { wrong_operands() };
    for (at, place) in output[..p.batch.len()].chunks_exact_mut(p.batch.c).enumerate() {
        let (x, y, n) = (at % p.batch.w, at / p.batch.w % p.batch.h, at / (p.batch.w * p.batch.h));
        let (batch, corner) = (n % p.space.n, n / p.space.n);
        let row = (y * p.block.h + corner / p.block.w).wrapping_sub(p.before.h);
        let column = (x * p.block.w + corner % p.block.w).wrapping_sub(p.before.w);
        if row < p.space.h && column < p.space.w {
            place.copy_from_slice(&input[((batch * p.space.h + row) * p.space.w + column) * p.space.c..][..p.space.c]);
        } else {
            place.fill(p.fill);
        }
    }
}

/// Blocks of pixels, each pixel from the batch of its place in the block.
#[inline]
pub fn batch_to_space(p: &BatchToSpace, inputs: &[&[i8]], outputs: &mut [&mut [i8]]) {
    let ([input], [output]) = (inputs, outputs) else { wrong_operands() };
    for (at, place) in output[..p.space.len()].chunks_exact_mut(p.space.c).enumerate() {
        let (x, y, n) = (at % p.space.w, at / p.space.w % p.space.h, at / (p.space.w * p.space.h));
        let (row, column) = (y + p.before.h, x + p.before.w);
        let corner = row % p.block.h * p.block.w + column % p.block.w;
        let pixel = ((corner * p.space.n + n) * p.batch.h + row / p.block.h) * p.batch.w + column / p.block.w;
        place.copy_from_slice(&input[pixel * p.batch.c..][..p.batch.c]);
    }
}

#[cfg(test)]
mod tests {
    use super::{BatchToSpace, SpaceToBatch, batch_to_space, space_to_batch};
    use crate::{Dims, Extent};

    #[test]
    fn there_and_back() {
        let space = Dims { n: 1, h: 2, w: 3, c: 2 };
        let batch = Dims { n: 4, h: 1, w: 2, c: 2 };
        let (block, before) = (Extent { h: 2, w: 2 }, Extent { h: 0, w: 1 });
        let input = [1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6];
        let mut blocks = [0; 16];
        space_to_batch(&SpaceToBatch { space, batch, block, before, fill: -9 }, &[&input], &mut [&mut blocks]);
        assert_eq!(blocks, [-9, -9, 2, 2, 1, 1, 3, 3, -9, -9, 5, 5, 4, 4, 6, 6]);
        let mut output = [0; 12];
        batch_to_space(&BatchToSpace { space, batch, block, before }, &[&blocks], &mut [&mut output]);
        assert_eq!(output, input);
    }

    #[test]
    fn several_batches() {
        let space = Dims { n: 2, h: 1, w: 2, c: 1 };
        let batch = Dims { n: 4, h: 1, w: 1, c: 1 };
        let (block, before) = (Extent { h: 1, w: 2 }, Extent { h: 0, w: 0 });
        let mut blocks = [0; 4];
        let there = SpaceToBatch { space, batch, block, before, fill: 0 };
        space_to_batch(&there, &[&[1, 2, 3, 4]], &mut [&mut blocks]);
        assert_eq!(blocks, [1, 3, 2, 4]);
        let mut output = [0; 4];
        batch_to_space(&BatchToSpace { space, batch, block, before }, &[&blocks], &mut [&mut output]);
        assert_eq!(output, [1, 2, 3, 4]);
    }
}
