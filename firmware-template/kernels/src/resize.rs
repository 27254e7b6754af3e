//! Images made larger or smaller: RESIZE_NEAREST_NEIGHBOR and RESIZE_BILINEAR.
//!
//! Positions are computed in float32, as LiteRT Micro does, except those of the int8 interpolation, which are in
//! fixed point with 10 fraction bits. All roundings of positions are towards zero or of values that are not negative.

use crate::Extent;
use crate::arithmetic::settled;
use crate::bytes::{view, view_mut, wrong_operands};

/// RESIZE_NEAREST_NEIGHBOR. Bytes, of any type.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ResizeNearest {
    /// Number of images.
    pub batches: usize,
    /// Size of an input image in pixels.
    pub input: Extent,
    /// Size of an output image in pixels.
    pub output: Extent,
    /// Bytes of a pixel.
    pub pixel: usize,
    /// Input rows an output row.
    pub rows: f32,
    /// Input columns an output column.
    pub columns: f32,
    /// Added to output positions: a half where LiteRT has half-pixel centres, else zero.
    pub offset: f32,
    /// LiteRT's `align_corners`: the nearest position is rounded half up, not down.
    pub round: bool,
}

/// RESIZE_BILINEAR, int8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ResizeBilinear {
    /// Number of images.
    pub batches: usize,
    /// Size of an input image in pixels.
    pub input: Extent,
    /// Size of an output image in pixels.
    pub output: Extent,
    /// Elements of a pixel.
    pub channels: usize,
    /// Input rows an output row, times 1024.
    pub rows: i32,
    /// Input columns an output column, times 1024.
    pub columns: i32,
    /// LiteRT's `half_pixel_centers`.
    pub half_pixel: bool,
}

/// RESIZE_BILINEAR, float32.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ResizeBilinearF32 {
    /// Number of images.
    pub batches: usize,
    /// Size of an input image in pixels.
    pub input: Extent,
    /// Size of an output image in pixels.
    pub output: Extent,
    /// Elements of a pixel.
    pub channels: usize,
    /// Input rows an output row.
    pub rows: f32,
    /// Input columns an output column.
    pub columns: f32,
    /// LiteRT's `half_pixel_centers`.
    pub half_pixel: bool,
}

impl ResizeNearest {
    /// The input row that is nearest to an output row.
    #[inline]
    pub fn row(&self, at: usize) -> usize {
        self.nearest(at, self.rows, self.input.h)
    }

    /// The input column that is nearest to an output column.
    #[inline]
    pub fn column(&self, at: usize) -> usize {
        self.nearest(at, self.columns, self.input.w)
    }

    /// As `GetNearestNeighbor` finds it.
    #[inline]
    fn nearest(&self, at: usize, scale: f32, size: usize) -> usize {
        let position = (at as f32 + self.offset) * scale;
        let below = position as usize;
        let up = self.round && position - below as f32 >= 0.5;
        (below + usize::from(up)).min(size - 1)
    }
}

/// Every output pixel is the input pixel that is nearest.
#[inline]
pub fn resize_nearest(p: &ResizeNearest, inputs: &[&[i8]], outputs: &mut [&mut [i8]]) {
    let ([input], [output]) = (inputs, outputs) else { wrong_operands() };
    let image = p.input.h * p.input.w * p.pixel;
    let mut places = output[..p.batches * p.output.h * p.output.w * p.pixel].chunks_exact_mut(p.pixel);
    for image in input[..p.batches * image].chunks_exact(image) {
        for y in 0..p.output.h {
            let row = &image[p.row(y) * p.input.w * p.pixel..];
            for (x, place) in (0..p.output.w).zip(&mut places) {
                place.copy_from_slice(&row[p.column(x) * p.pixel..][..p.pixel]);
            }
        }
    }
}

/// Where an output position lies between two input positions.
#[derive(Clone, Copy, Debug)]
pub struct Between<T> {
    /// The lower one.
    pub low: usize,
    /// The higher one; the same where there is none.
    pub high: usize,
    /// Weights of the two.
    pub weights: [T; 2],
}

impl ResizeBilinear {
    /// The input rows around an output row; weights have 10 bits.
    #[inline]
    pub fn row(&self, at: usize) -> Between<i32> {
        self.between(at, self.rows, self.input.h)
    }

    /// The input columns around an output column; weights have 10 bits.
    #[inline]
    pub fn column(&self, at: usize) -> Between<i32> {
        self.between(at, self.columns, self.input.w)
    }

    /// A sum of values with weights of a row and a column, rounded half away from zero.
    #[inline]
    pub fn rounded(sum: i32) -> i32 {
        let half = if sum > 0 { 1 << 19 } else { -(1 << 19) };
        (sum + half) / (1 << 20)
    }

    #[inline]
    fn between(&self, at: usize, scale: i32, size: usize) -> Between<i32> {
        let shift = if self.half_pixel { scale / 2 - 512 } else { 0 };
        let position = at as i32 * scale + shift;
        let low = (position / 1024).max(0);
        let high = ((position + 1023) / 1024).min(size as i32 - 1);
        let behind = position - low * 1024;
        Between { low: low as usize, high: high as usize, weights: [1024 - behind, behind] }
    }
}

/// `ResizeBilinearInteger`: weights with 10 bits, the sum rounded half away from zero.
#[inline]
pub fn resize_bilinear(p: &ResizeBilinear, inputs: &[&[i8]], outputs: &mut [&mut [i8]]) {
    let ([input], [output]) = (inputs, outputs) else { wrong_operands() };
    let mut places = output[..p.batches * p.output.h * p.output.w * p.channels].chunks_exact_mut(p.channels);
    let image = p.input.h * p.input.w * p.channels;
    for image in input[..p.batches * image].chunks_exact(image) {
        for y in 0..p.output.h {
            let rows = p.row(y);
            for (x, place) in (0..p.output.w).zip(&mut places) {
                let columns = p.column(x);
                let pixel = |y: usize, x: usize| &image[(y * p.input.w + x) * p.channels..][..p.channels];
                let corners = [
                    (pixel(rows.low, columns.low), rows.weights[0] * columns.weights[0]),
                    (pixel(rows.high, columns.low), rows.weights[1] * columns.weights[0]),
                    (pixel(rows.low, columns.high), rows.weights[0] * columns.weights[1]),
                    (pixel(rows.high, columns.high), rows.weights[1] * columns.weights[1]),
                ];
                for (channel, place) in place.iter_mut().enumerate() {
                    let sum: i32 = corners.iter().map(|(pixel, weight)| i32::from(pixel[channel]) * weight).sum();
                    *place = ResizeBilinear::rounded(sum) as i8;
                }
            }
        }
    }
}

/// `ResizeBilinear`, in its order of operations.
#[inline]
pub fn resize_bilinear_f32(p: &ResizeBilinearF32, inputs: &[&[i8]], outputs: &mut [&mut [i8]]) {
    let ([input], [output]) = (inputs, outputs) else { wrong_operands() };
    let (input, output) = (view::<f32>(input), view_mut::<f32>(output));
    let between = |at: usize, scale: f32, size: usize| {
        let position = if p.half_pixel { (at as f32 + 0.5) * scale - 0.5 } else { at as f32 * scale };
        // Positions are above -1, so truncation is the floor or, for negative ones, the zero that LiteRT clamps to.
        let low = position as i32;
        let high = low + i32::from(position > low as f32);
        let behind = position - low as f32;
        Between { low: low as usize, high: (high as usize).min(size - 1), weights: [1.0 - behind, behind] }
    };
    let mut places = output[..p.batches * p.output.h * p.output.w * p.channels].chunks_exact_mut(p.channels);
    let image = p.input.h * p.input.w * p.channels;
    for image in input[..p.batches * image].chunks_exact(image) {
        for y in 0..p.output.h {
            let rows = between(y, p.rows, p.input.h);
            for (x, place) in (0..p.output.w).zip(&mut places) {
                let columns = between(x, p.columns, p.input.w);
                let pixel = |y: usize, x: usize| &image[(y * p.input.w + x) * p.channels..][..p.channels];
                let (a, b) = (pixel(rows.low, columns.low), pixel(rows.high, columns.low));
                let (c, d) = (pixel(rows.low, columns.high), pixel(rows.high, columns.high));
                for (channel, place) in place.iter_mut().enumerate() {
                    *place = settled(
                        a[channel] * rows.weights[0] * columns.weights[0]
                            + b[channel] * rows.weights[1] * columns.weights[0]
                            + c[channel] * rows.weights[0] * columns.weights[1]
                            + d[channel] * rows.weights[1] * columns.weights[1],
                    );
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{
        ResizeBilinear, ResizeBilinearF32, ResizeNearest, resize_bilinear, resize_bilinear_f32, resize_nearest,
    };
    use crate::Extent;
    use crate::bytes::{view, view_mut, words_as_i8, words_as_i8_mut};

    const NEAREST: ResizeNearest = ResizeNearest {
        batches: 1,
        input: Extent { h: 1, w: 3 },
        output: Extent { h: 1, w: 5 },
        pixel: 1,
        rows: 1.0,
        columns: 3.0 / 5.0,
        offset: 0.0,
        round: false,
    };

    #[test]
    fn nearest() {
        let mut output = [0; 5];
        resize_nearest(&NEAREST, &[&[1, 2, 3]], &mut [&mut output]);
        assert_eq!(output, [1, 1, 2, 2, 3]);
        resize_nearest(&ResizeNearest { columns: 0.5, round: true, ..NEAREST }, &[&[1, 2, 3]], &mut [&mut output]);
        assert_eq!(output, [1, 2, 2, 3, 3], "corners aligned, halves up");
        resize_nearest(&ResizeNearest { offset: 0.5, ..NEAREST }, &[&[1, 2, 3]], &mut [&mut output]);
        assert_eq!(output, [1, 1, 2, 3, 3]);
    }

    #[test]
    fn between_two_pixels() {
        let p = ResizeBilinear {
            batches: 1,
            input: Extent { h: 1, w: 2 },
            output: Extent { h: 1, w: 4 },
            channels: 1,
            rows: 1024,
            columns: 512,
            half_pixel: false,
        };
        let mut output = [0; 4];
        resize_bilinear(&p, &[&[-5, 10]], &mut [&mut output]);
        assert_eq!(output, [-5, 3, 10, 10], "2.5 rounds away from zero");
        resize_bilinear(&ResizeBilinear { half_pixel: true, ..p }, &[&[-5, 10]], &mut [&mut output]);
        assert_eq!(output, [-5, -1, 6, 10], "-1.25 and 6.25; the corners stay");
    }

    #[test]
    fn real_numbers() {
        let p = ResizeBilinearF32 {
            batches: 1,
            input: Extent { h: 2, w: 2 },
            output: Extent { h: 3, w: 2 },
            channels: 1,
            rows: 2.0 / 3.0,
            columns: 1.0,
            half_pixel: true,
        };
        let (mut input, mut output) = ([0; 2], [0; 3]);
        view_mut::<f32>(words_as_i8_mut(&mut input)).copy_from_slice(&[0.0, 1.0, 4.0, 5.0]);
        resize_bilinear_f32(&p, &[words_as_i8(&input)], &mut [words_as_i8_mut(&mut output)]);
        assert_eq!(view::<f32>(words_as_i8(&output)), [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
    }
}
