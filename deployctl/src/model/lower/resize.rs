//! Images made larger or smaller.

use kernels::{Extent, Op, ResizeBilinear, ResizeBilinearF32, ResizeNearest};

use super::operand::Operand;
use super::rearrange::image;
use super::site::{EXPORT, Site, agree};
use super::{Fault, Lowered, axes};
use crate::model::{Options, TensorType};

/// Larger images have no use, and their positions would overflow 32-bit kernels.
const MAX_SIZE: usize = 65_535;

/// Both images, checked, and the options.
struct Images<'a> {
    input: Operand<'a>,
    output: Operand<'a>,
    batches: usize,
    from: Extent,
    to: Extent,
    channels: usize,
    positions: Positions,
}

/// LiteRT's two conventions of where an output position lies in the input: `align_corners`, `half_pixel_centers`, or neither.
#[derive(Clone, Copy, Debug)]
pub(in crate::model) struct Positions {
    pub(in crate::model) align_corners: bool,
    pub(in crate::model) half_pixel: bool,
}

impl Positions {
    /// Input positions an output position, in float32.
    #[expect(clippy::cast_precision_loss, reason = "sizes are below 2^16")]
    fn scale(self, from: usize, to: usize) -> f32 {
        let aligned = usize::from(self.align_corners && to > 1);
        (from - aligned) as f32 / (to - aligned) as f32
    }

    /// The same with 10 fraction bits, rounded half up.
    fn scale_10(self, from: usize, to: usize) -> i32 {
        let aligned = usize::from(self.align_corners && to > 1);
        i32::try_from((1024 * (from - aligned) + (to - aligned) / 2) / (to - aligned)).unwrap_or(i32::MAX)
    }

    /// LiteRT reads behind its input where the rounded scale, many times over, reaches beyond the last position.
    fn ends_inside(self, from: usize, to: usize) -> bool {
        let scale = i64::from(self.scale_10(from, to));
        let shift = if self.half_pixel { scale / 2 - 512 } else { 0 };
        let last = (axes::count(to) - 1) * scale + shift;
        last / 1024 < axes::count(from)
    }

    /// `RESIZE_NEAREST_NEIGHBOR` of one image, whose pixels have `pixel` bytes.
    pub(in crate::model) fn nearest(self, input: Extent, output: Extent, pixel: usize) -> ResizeNearest {
        let (rows, columns) = (self.scale(input.h, output.h), self.scale(input.w, output.w));
        let offset = if self.half_pixel { 0.5 } else { 0.0 };
        ResizeNearest { batches: 1, input, output, pixel, rows, columns, offset, round: self.align_corners }
    }

    /// `RESIZE_BILINEAR` of one int8 image; or the two lengths for which LiteRT Micro's fixed point is not fine enough.
    pub(in crate::model) fn bilinear(
        self,
        input: Extent,
        output: Extent,
        channels: usize,
    ) -> Result<ResizeBilinear, [usize; 2]> {
        for (from, to) in [(input.h, output.h), (input.w, output.w)] {
            if !self.ends_inside(from, to) {
                return Err([from, to]);
            }
        }
        let (rows, columns) = (self.scale_10(input.h, output.h), self.scale_10(input.w, output.w));
        Ok(ResizeBilinear { batches: 1, input, output, channels, rows, columns, half_pixel: self.half_pixel })
    }
}

impl<'a> Images<'a> {
    fn new(site: &Site<'a>, types: &[TensorType]) -> Result<Self, Fault> {
        let Options::Resize { align_corners, half_pixel_centers } = site.operator.options else {
            return Err(axes::no_options());
        };
        site.counts(2..=2, 1)?;
        let (input, output) = (site.operand(0)?, site.result(0)?);
        input.one_of(types)?;
        output.same_type(&input)?;
        let [n, h, w, c] = image(&input)?;
        let wanted = site.settings_i32(1, "size", 2)?;
        let wanted: Vec<usize> = wanted.iter().filter_map(|&wanted| usize::try_from(wanted).ok()).collect();
        let &[rows, columns] = wanted.as_slice() else {
            return Err(Fault::at(output.id, "has a negative size".to_owned(), EXPORT));
        };
        output.expect_shape(&[n, rows, columns, c])?;
        agree([h, w, rows, columns].iter().all(|&size| size <= MAX_SIZE), input.id, || {
            format!("resizes {h} by {w} pixels to {rows} by {columns}")
        })?;
        Ok(Self {
            input,
            output,
            batches: n,
            from: Extent { h, w },
            to: Extent { h: rows, w: columns },
            channels: c,
            positions: Positions { align_corners, half_pixel: half_pixel_centers },
        })
    }

    fn lowered(&self, op: Op) -> Lowered {
        Lowered::op(op, vec![self.input.id], vec![self.output.id])
    }
}

/// `RESIZE_NEAREST_NEIGHBOR`.
pub(super) fn nearest(site: &Site) -> Result<Lowered, Fault> {
    let images = Images::new(site, &[TensorType::Float32, TensorType::Int8, TensorType::Int16])?;
    let one = images.positions.nearest(images.from, images.to, images.channels * images.input.width()?);
    Ok(images.lowered(Op::ResizeNearest(ResizeNearest { batches: images.batches, ..one })))
}

/// `RESIZE_BILINEAR`.
pub(super) fn bilinear(site: &Site) -> Result<Lowered, Fault> {
    let images = Images::new(site, &[TensorType::Float32, TensorType::Int8])?;
    let Images { batches, from, to, channels, positions, .. } = images;
    if positions.align_corners && positions.half_pixel {
        let reason = "aligns corners and has half-pixel centres".to_owned();
        return Err(Fault::at(images.input.id, reason, "choose one of the two"));
    }
    if images.input.dtype() == TensorType::Float32 {
        let (rows, columns) = (positions.scale(from.h, to.h), positions.scale(from.w, to.w));
        let half_pixel = positions.half_pixel;
        let op = ResizeBilinearF32 { batches, input: from, output: to, channels, rows, columns, half_pixel };
        return Ok(images.lowered(Op::ResizeBilinearF32(op)));
    }
    let one = positions.bilinear(from, to, channels).map_err(|[from, to]| {
        let reason = format!("enlarges {from} to {to}, for which LiteRT Micro's fixed point is not fine enough");
        Fault::at(images.input.id, reason, EXPORT)
    })?;
    Ok(images.lowered(Op::ResizeBilinear(ResizeBilinear { batches, ..one })))
}
