//! Parts of a tensor picked by another tensor: GATHER, GATHER_ND and EMBEDDING_LOOKUP. Bytes, of any type.
//!
//! Indices may be computed at run time. At one that is out of range LiteRT Micro ends the inference with an error; here
//! it stands for the first or the last position. The lowering refuses constant ones of that kind.

use crate::bytes::{view, view_mut, wrong_operands};

/// GATHER, and EMBEDDING_LOOKUP without a change of type: slices along one axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Gather {
    /// Product of the leading dimensions that data and indices share.
    pub batches: usize,
    /// Product of the data's dimensions between those and the axis.
    pub outer: usize,
    /// Length of the axis.
    pub axis: usize,
    /// Bytes of a slice.
    pub slice: usize,
    /// Indices a batch.
    pub indices: usize,
}

/// GATHER_ND: slices at several coordinates. As in LiteRT Micro, a coordinate may exceed its dimension as long as the slice
/// lies in the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct GatherNd {
    /// Coordinates of a slice.
    pub coordinates: usize,
    /// Slices from one to the next along each of the data's leading dimensions, as many as coordinates.
    pub step: [i32; 5],
    /// Slices of the data.
    pub size: usize,
    /// Bytes of a slice.
    pub slice: usize,
    /// Slices of the output.
    pub slices: usize,
}

/// EMBEDDING_LOOKUP from int8 to float32; the zero point is zero.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct EmbeddingLookup {
    /// Rows of the table.
    pub rows: usize,
    /// Elements of a row.
    pub columns: usize,
    /// Real value of one quantization step.
    pub scale: f32,
}

/// Slices of the first input, as the second, int32, says.
#[inline]
pub fn gather(p: &Gather, inputs: &[&[i8]], outputs: &mut [&mut [i8]]) {
    let ([data, indices], [output]) = (inputs, outputs) else { wrong_operands() };
    let indices = view::<i32>(indices);
    let mut places = output[..p.batches * p.outer * p.indices * p.slice].chunks_exact_mut(p.slice);
    for batch in 0..p.batches {
        for outer in 0..p.outer {
            let rows = &data[(batch * p.outer + outer) * p.axis * p.slice..][..p.axis * p.slice];
            for (index, place) in indices[batch * p.indices..][..p.indices].iter().zip(&mut places) {
                place.copy_from_slice(&rows[inside(*index, p.axis) * p.slice..][..p.slice]);
            }
        }
    }
}

/// Slices of the first input; each row of the second, int32, is where one begins.
#[inline]
pub fn gather_nd(p: &GatherNd, inputs: &[&[i8]], outputs: &mut [&mut [i8]]) {
    let ([data, indices], [output]) = (inputs, outputs) else { wrong_operands() };
    let indices = &view::<i32>(indices)[..p.slices * p.coordinates];
    let places = output[..p.slices * p.slice].chunks_exact_mut(p.slice);
    for (at, place) in places.enumerate() {
        let index = &indices[at * p.coordinates..][..p.coordinates];
        let from =
            index.iter().zip(p.step).fold(0, |from: i32, (index, step)| from.wrapping_add(index.wrapping_mul(step)));
        place.copy_from_slice(&data[inside(from, p.size) * p.slice..][..p.slice]);
    }
}

/// Rows of the second input, int8, as the first, int32, says, as real values.
#[inline]
pub fn embedding_lookup(p: &EmbeddingLookup, inputs: &[&[i8]], outputs: &mut [&mut [i8]]) {
    let ([indices, table], [output]) = (inputs, outputs) else { wrong_operands() };
    for (index, row) in view::<i32>(indices).iter().zip(view_mut::<f32>(output).chunks_exact_mut(p.columns)) {
        let values = &table[inside(*index, p.rows) * p.columns..][..p.columns];
        for (place, &value) in row.iter_mut().zip(values) {
            *place = p.scale * f32::from(value);
        }
    }
}

/// The nearest position that there is.
fn inside(index: i32, size: usize) -> usize {
    usize::try_from(index).unwrap_or(0).min(size - 1)
}

#[cfg(test)]
mod tests {
    use super::{EmbeddingLookup, Gather, GatherNd, embedding_lookup, gather, gather_nd};
    use crate::bytes::{view, words_as_i8, words_as_i8_mut};

    /// Two int32 in one word.
    fn pair(first: i32, second: i32) -> u64 {
        u64::from(first as u32) | u64::from(second as u32) << 32
    }

    #[test]
    fn along_an_inner_axis() {
        let p = Gather { batches: 1, outer: 2, axis: 3, slice: 1, indices: 2 };
        let mut output = [0; 4];
        gather(&p, &[&[1, 2, 3, 4, 5, 6], words_as_i8(&[pair(2, 0)])], &mut [&mut output]);
        assert_eq!(output, [3, 1, 6, 4]);
    }

    #[test]
    fn each_batch_has_its_own_indices() {
        let p = Gather { batches: 2, outer: 1, axis: 2, slice: 2, indices: 1 };
        let mut output = [0; 4];
        gather(&p, &[&[1, 2, 3, 4, 5, 6, 7, 8], words_as_i8(&[pair(1, 0)])], &mut [&mut output]);
        assert_eq!(output, [3, 4, 5, 6]);
    }

    #[test]
    fn coordinates() {
        let p = GatherNd { coordinates: 2, step: [3, 1, 0, 0, 0], size: 6, slice: 1, slices: 2 };
        let mut output = [0; 2];
        let indices = [pair(1, 0), pair(0, 2)];
        gather_nd(&p, &[&[1, 2, 3, 4, 5, 6], words_as_i8(&indices)], &mut [&mut output]);
        assert_eq!(output, [4, 3]);
    }

    #[test]
    fn real_values() {
        let p = EmbeddingLookup { rows: 2, columns: 1, scale: 0.5 };
        let mut output = [0];
        embedding_lookup(&p, &[words_as_i8(&[pair(1, 0)]), &[3, -5]], &mut [words_as_i8_mut(&mut output)]);
        assert_eq!(view::<f32>(words_as_i8(&output)), [-2.5, 1.5]);
    }

    #[test]
    fn what_is_outside_is_at_the_edge() {
        let p = Gather { batches: 1, outer: 1, axis: 2, slice: 1, indices: 2 };
        let mut output = [0; 2];
        gather(&p, &[&[1, 2], words_as_i8(&[pair(2, -1)])], &mut [&mut output]);
        assert_eq!(output, [2, 1]);
        let p = GatherNd { coordinates: 2, step: [2, 1, 0, 0, 0], size: 4, slice: 1, slices: 1 };
        let mut output = [0];
        gather_nd(&p, &[&[1, 2, 3, 4], words_as_i8(&[pair(1, 2)])], &mut [&mut output]);
        assert_eq!(output, [4]);
        gather_nd(&p, &[&[1, 2, 3, 4], words_as_i8(&[pair(0, 2)])], &mut [&mut output]);
        assert_eq!(output, [3], "the next row, as in LiteRT Micro");
    }
}
