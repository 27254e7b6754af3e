//! Parts of a tensor written anew: `DYNAMIC_UPDATE_SLICE`. Bytes, of any type.

use crate::bytes::{view, wrong_operands};

/// Dimensions that LiteRT Micro has room for.
const RANK: usize = 6;

/// `DYNAMIC_UPDATE_SLICE`. Operands: data, part, start (int32 or int64, one an axis); output. Shapes are filled up with ones in front.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct DynamicUpdateSlice {
    /// Bytes of an element.
    pub width: usize,
    /// The data's dimensions, which are the output's.
    pub data: [usize; 6],
    /// The part's dimensions, none larger than the data's.
    pub part: [usize; 6],
    /// Number of axes: the last so many of the dimensions.
    pub axes: usize,
    /// The start is int64.
    pub wide: bool,
}

/// The data, with the part in place of what is at the start. A start at which the part would reach over an edge is moved
/// until it does not.
#[inline]
pub fn dynamic_update_slice(p: &DynamicUpdateSlice, inputs: &[&[i8]], outputs: &mut [&mut [i8]]) {
    let ([data, part, start], [output]) = (inputs, outputs) else { wrong_operands() };
    output.copy_from_slice(data);
    let mut first = [0; RANK];
    for (axis, first) in first[RANK - p.axes..].iter_mut().enumerate() {
        let wanted = if p.wide { view::<i64>(start)[axis] } else { i64::from(view::<i32>(start)[axis]) };
        let at = RANK - p.axes + axis;
        let last = (p.data[at] - p.part[at]) as i64;
        *first = wanted.clamp(0, last) as usize;
    }
    let line = p.part[RANK - 1] * p.width;
    for (row, from) in part.chunks_exact(line).enumerate() {
        let (mut rest, mut stride, mut to) = (row, p.data[RANK - 1], first[RANK - 1]);
        for axis in (0..RANK - 1).rev() {
            to += (first[axis] + rest % p.part[axis]) * stride;
            rest /= p.part[axis];
            stride *= p.data[axis];
        }
        output[to * p.width..][..line].copy_from_slice(from);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bytes::words_as_i8;

    fn pair(a: i32, b: i32) -> u64 {
        u64::from(a as u32) | u64::from(b as u32) << 32
    }

    const P: DynamicUpdateSlice =
        DynamicUpdateSlice { width: 1, data: [1, 1, 1, 1, 3, 4], part: [1, 1, 1, 1, 2, 2], axes: 2, wide: false };

    #[test]
    fn parts_are_written_where_they_fit() {
        let run = |p: &DynamicUpdateSlice, start: &[u64]| {
            let mut output = [9; 12];
            dynamic_update_slice(p, &[&[0; 12], &[1, 2, 3, 4], words_as_i8(start)], &mut [&mut output]);
            output
        };
        assert_eq!(run(&P, &[pair(1, 1)]), [0, 0, 0, 0, 0, 1, 2, 0, 0, 3, 4, 0]);
        assert_eq!(run(&P, &[pair(5, -7)]), [0, 0, 0, 0, 1, 2, 0, 0, 3, 4, 0, 0]);
        let wide = DynamicUpdateSlice { wide: true, ..P };
        assert_eq!(run(&wide, &[0, i64::MAX as u64]), [0, 0, 1, 2, 0, 0, 3, 4, 0, 0, 0, 0]);
        assert_eq!(run(&wide, &[i64::MIN as u64, 1]), [0, 1, 2, 0, 0, 3, 4, 0, 0, 0, 0, 0]);
    }

    #[test]
    fn elements_have_any_width() {
        let p = DynamicUpdateSlice { width: 2, data: [1, 1, 1, 1, 1, 3], part: [1; 6], axes: 1, wide: false };
        let mut output = [0; 6];
        let start = [pair(1, 0)];
        dynamic_update_slice(&p, &[&[1, 1, 2, 2, 3, 3], &[7, 8], &words_as_i8(&start)[..4]], &mut [&mut output]);
        assert_eq!(output, [1, 1, 7, 8, 3, 3]);
    }
}
