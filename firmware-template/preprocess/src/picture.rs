//! Pictures: parts of them, other sizes, other colours.
//!
//! All of these read a picture in any format and write bytes: brightness, or red, green and blue. So no step is needed to
//! unpack what a camera gives, and nowhere is an unpacked copy of all of it.

use kernels::{Extent, ResizeBilinear, ResizeNearest, view, view_mut, wrong_operands};

use crate::pixel::PixelFormat;

/// A part of a picture, unpacked. One input, one output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Crop {
    /// What the picture's pixels are.
    pub format: PixelFormat,
    /// Pixels of one of its rows.
    pub width: usize,
    /// Where the part begins: its first column.
    pub x: usize,
    /// Its first row.
    pub y: usize,
    /// Its size.
    pub size: Extent,
}

/// `RESIZE_NEAREST_NEIGHBOR` of a picture. One input, one output.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct PictureNearest {
    /// What the picture's pixels are.
    pub format: PixelFormat,
    /// Sizes and positions; its `batches` is 1, and its `pixel` what is written.
    pub resize: ResizeNearest,
}

/// `RESIZE_BILINEAR` of a picture: what LiteRT Micro's int8 operator makes of the bytes less 128, plus 128. One input, one
/// output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct PictureBilinear {
    /// What the picture's pixels are.
    pub format: PixelFormat,
    /// Sizes and positions; its `batches` is 1, and its `channels` what is written.
    pub resize: ResizeBilinear,
}

/// Brightness. One input, one output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Grayscale {
    /// What the picture's pixels are.
    pub format: PixelFormat,
    /// Number of pixels.
    pub pixels: usize,
}

/// Blue, green, red. One input, one output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct BlueFirst {
    /// What the picture's pixels are.
    pub format: PixelFormat,
    /// Number of pixels.
    pub pixels: usize,
}

impl Crop {
    /// The part.
    #[inline]
    pub fn apply(&self, picture: &[u8], part: &mut [u8]) {
        let channels = self.format.channels();
        let mut places = part.chunks_exact_mut(channels);
        for y in self.y..self.y + self.size.h {
            for (x, place) in (self.x..self.x + self.size.w).zip(&mut places) {
                place.copy_from_slice(&self.format.read(picture, y * self.width + x)[..channels]);
            }
        }
    }
}

impl PictureNearest {
    /// The picture in another size.
    #[inline]
    pub fn apply(&self, picture: &[u8], resized: &mut [u8]) {
        let (p, channels) = (&self.resize, self.format.channels());
        let mut places = resized.chunks_exact_mut(channels);
        for row in (0..p.output.h).map(|y| p.row(y) * p.input.w) {
            for (x, place) in (0..p.output.w).zip(&mut places) {
                place.copy_from_slice(&self.format.read(picture, row + p.column(x))[..channels]);
            }
        }
    }
}

impl PictureBilinear {
    /// The picture in another size.
    #[inline]
    pub fn apply(&self, picture: &[u8], resized: &mut [u8]) {
        let (p, channels) = (&self.resize, self.format.channels());
        let mut places = resized.chunks_exact_mut(channels);
        for rows in (0..p.output.h).map(|y| p.row(y)) {
            for (x, place) in (0..p.output.w).zip(&mut places) {
                let columns = p.column(x);
                let corner = |y: usize, x: usize, weight: i32| (self.format.read(picture, y * p.input.w + x), weight);
                let corners = [
                    corner(rows.low, columns.low, rows.weights[0] * columns.weights[0]),
                    corner(rows.high, columns.low, rows.weights[1] * columns.weights[0]),
                    corner(rows.low, columns.high, rows.weights[0] * columns.weights[1]),
                    corner(rows.high, columns.high, rows.weights[1] * columns.weights[1]),
                ];
                for (channel, place) in place.iter_mut().enumerate() {
                    let steps = |pixel: [u8; 3]| i32::from(pixel[channel]) - 128;
                    let sum = corners.iter().map(|&(pixel, weight)| steps(pixel) * weight).sum();
                    *place = (ResizeBilinear::rounded(sum) + 128) as u8;
                }
            }
        }
    }
}

impl Grayscale {
    /// `0.299 R + 0.587 G + 0.114 B` (ITU-R BT.601), with factors of 16 bits and rounded half up, as Pillow's `convert("L")`.
    #[inline]
    pub fn apply(&self, picture: &[u8], gray: &mut [u8]) {
        for (at, place) in gray[..self.pixels].iter_mut().enumerate() {
            let [r, g, b] = self.format.read(picture, at).map(u32::from);
            *place = ((19_595 * r + 38_470 * g + 7_471 * b + (1 << 15)) >> 16) as u8;
        }
    }
}

impl BlueFirst {
    /// The pixels with their ends swapped.
    #[inline]
    pub fn apply(&self, picture: &[u8], swapped: &mut [u8]) {
        for (at, place) in swapped.as_chunks_mut().0[..self.pixels].iter_mut().enumerate() {
            let [r, g, b] = self.format.read(picture, at);
            *place = [b, g, r];
        }
    }
}

/// Functions of the common form, of one input and one output of bytes.
macro_rules! of_bytes {
    ($($name:ident => $function:ident)*) => {
        $(
            #[doc = concat!("[`", stringify!($name), "::apply`].")]
            #[inline]
            pub fn $function(p: &$name, inputs: &[&[i8]], outputs: &mut [&mut [i8]]) {
                let ([picture], [output]) = (inputs, outputs) else { wrong_operands() };
                p.apply(view(picture), view_mut(output));
            }
        )*
    };
}

of_bytes! {
    Crop => crop
    PictureNearest => picture_nearest
    PictureBilinear => picture_bilinear
    Grayscale => grayscale
    BlueFirst => blue_first
}

#[cfg(test)]
mod tests {
    use kernels::{Extent, ResizeBilinear, ResizeNearest, resize_bilinear, resize_nearest, view, view_mut};

    use super::{BlueFirst, Crop, Grayscale, PictureBilinear, PictureNearest};
    use crate::pixel::PixelFormat;

    /// Bytes that look like chance.
    fn noise<const N: usize>() -> [u8; N] {
        let mut state = 1_u32;
        core::array::from_fn(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        })
    }

    #[test]
    fn a_part_is_cut_and_unpacked() {
        let picture: [u8; 12] = core::array::from_fn(|at| at as u8);
        let mut part = [0; 4];
        let crop = Crop { format: PixelFormat::Gray8, width: 4, x: 2, y: 1, size: Extent { h: 2, w: 2 } };
        crop.apply(&picture, &mut part);
        assert_eq!(part, [6, 7, 10, 11]);
        let mut part = [0; 3];
        let crop = Crop { format: PixelFormat::Rgb565Be, width: 3, x: 1, y: 1, size: Extent { h: 1, w: 1 } };
        crop.apply(&picture, &mut part);
        // 0x0809: 00001 000000 01001.
        assert_eq!(part, [8, 0, 74]);
    }

    #[test]
    fn brightness_is_pillows() {
        let mut gray = [0; 5];
        let picture = [255, 255, 255, 255, 0, 0, 0, 255, 0, 0, 0, 255, 12, 200, 77];
        Grayscale { format: PixelFormat::Rgb888, pixels: 5 }.apply(&picture, &mut gray);
        assert_eq!(gray, [255, 76, 150, 29, 130]);
        let mut swapped = [0; 6];
        BlueFirst { format: PixelFormat::Rgb888, pixels: 2 }.apply(&picture[9..], &mut swapped);
        assert_eq!(swapped, [255, 0, 0, 77, 200, 12]);
    }

    /// Of 5 by 7 pixels 3 by 10, with half-pixel centres.
    fn nearest(pixel: usize) -> ResizeNearest {
        let (input, output) = (Extent { h: 5, w: 7 }, Extent { h: 3, w: 10 });
        ResizeNearest { batches: 1, input, output, pixel, rows: 5.0 / 3.0, columns: 0.7, offset: 0.5, round: false }
    }

    #[test]
    fn other_sizes_are_those_of_the_models_operators() {
        let picture = noise::<105>();
        let (mut ours, mut theirs) = ([0; 90], [0; 90]);
        PictureNearest { format: PixelFormat::Rgb888, resize: nearest(3) }.apply(&picture, &mut ours);
        resize_nearest(&nearest(3), &[view(&picture.map(u8::cast_signed))], &mut [&mut theirs]);
        assert_eq!(ours, view::<u8>(&theirs));

        let (input, output) = (Extent { h: 5, w: 7 }, Extent { h: 3, w: 10 });
        let resize =
            ResizeBilinear { batches: 1, input, output, channels: 3, rows: 1707, columns: 717, half_pixel: true };
        PictureBilinear { format: PixelFormat::Rgb888, resize }.apply(&picture, &mut ours);
        let shifted = picture.map(|byte| byte.wrapping_sub(128).cast_signed());
        resize_bilinear(&resize, &[&shifted], &mut [&mut theirs]);
        theirs.iter_mut().for_each(|byte| *byte = byte.wrapping_add(-128));
        assert_eq!(ours, view_mut::<u8>(&mut theirs));
    }

    #[test]
    fn what_is_read_packed_is_what_was_unpacked_first() {
        let packed = noise::<64>();
        for format in [PixelFormat::Yuyv, PixelFormat::UyvyFull, PixelFormat::Rgb565Le] {
            let (mut unpacked, mut direct, mut later) = ([0; 96], [0; 45], [0; 45]);
            let size = Extent { h: 4, w: 8 };
            Crop { format, width: 8, x: 0, y: 0, size }.apply(&packed, &mut unpacked);
            let output = Extent { h: 3, w: 5 };
            let resize = ResizeBilinear {
                batches: 1,
                input: size,
                output,
                channels: 3,
                rows: 1365,
                columns: 1638,
                half_pixel: false,
            };
            PictureBilinear { format, resize }.apply(&packed, &mut direct);
            PictureBilinear { format: PixelFormat::Rgb888, resize }.apply(&unpacked, &mut later);
            assert_eq!(direct, later);
        }
    }
}
