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
    align_corners: bool,
    half_pixel: bool,
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
            align_corners,
            half_pixel: half_pixel_centers,
        })
    }

    fn lowered(&self, op: Op) -> Lowered {
        Lowered::op(op, vec![self.input.id], vec![self.output.id])
    }

    /// Input positions an output position, in float32.
    #[expect(clippy::cast_precision_loss, reason = "sizes are below 2^16")]
    fn scale(&self, from: usize, to: usize) -> f32 {
        let aligned = usize::from(self.align_corners && to > 1);
        (from - aligned) as f32 / (to - aligned) as f32
    }

    /// The same with 10 fraction bits, rounded half up.
    fn scale_10(&self, from: usize, to: usize) -> i32 {
        let aligned = usize::from(self.align_corners && to > 1);
        i32::try_from((1024 * (from - aligned) + (to - aligned) / 2) / (to - aligned)).unwrap_or(i32::MAX)
    }

    /// LiteRT reads behind its input where the rounded scale, many times over, reaches beyond the last position.
    fn ends_inside(&self, from: usize, to: usize) -> Result<(), Fault> {
        let scale = i64::from(self.scale_10(from, to));
        let shift = if self.half_pixel { scale / 2 - 512 } else { 0 };
        let last = (axes::count(to) - 1) * scale + shift;
        agree(last / 1024 < axes::count(from), self.input.id, || {
            format!("enlarges {from} to {to}, for which LiteRT Micro's fixed point is not fine enough")
        })
    }
}

/// `RESIZE_NEAREST_NEIGHBOR`.
pub(super) fn nearest(site: &Site) -> Result<Lowered, Fault> {
    let images = Images::new(site, &[TensorType::Float32, TensorType::Int8, TensorType::Int16])?;
    Ok(images.lowered(Op::ResizeNearest(ResizeNearest {
        batches: images.batches,
        input: images.from,
        output: images.to,
        pixel: images.channels * images.input.width()?,
        rows: images.scale(images.from.h, images.to.h),
        columns: images.scale(images.from.w, images.to.w),
        offset: if images.half_pixel { 0.5 } else { 0.0 },
        round: images.align_corners,
    })))
}

/// `RESIZE_BILINEAR`.
pub(super) fn bilinear(site: &Site) -> Result<Lowered, Fault> {
    let images = Images::new(site, &[TensorType::Float32, TensorType::Int8])?;
    if images.align_corners && images.half_pixel {
        let reason = "aligns corners and has half-pixel centres".to_owned();
        return Err(Fault::at(images.input.id, reason, "choose one of the two"));
    }
    let Images { batches, from, to, channels, half_pixel, .. } = images;
    if images.input.dtype() == TensorType::Float32 {
        let (rows, columns) = (images.scale(from.h, to.h), images.scale(from.w, to.w));
        let op = ResizeBilinearF32 { batches, input: from, output: to, channels, rows, columns, half_pixel };
        return Ok(images.lowered(Op::ResizeBilinearF32(op)));
    }
    images.ends_inside(from.h, to.h)?;
    images.ends_inside(from.w, to.w)?;
    let (rows, columns) = (images.scale_10(from.h, to.h), images.scale_10(from.w, to.w));
    let op = ResizeBilinear { batches, input: from, output: to, channels, rows, columns, half_pixel };
    Ok(images.lowered(Op::ResizeBilinear(op)))
}
