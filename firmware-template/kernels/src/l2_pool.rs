//! L2_POOL_2D: float32.

use crate::arithmetic::settled;
use crate::bytes::{view, view_mut, wrong_operands};
use crate::window::Window;
use crate::{Dims, Extent};

/// L2_POOL_2D.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct L2Pool {
    /// Input shape.
    pub input: Dims,
    /// Output shape.
    pub output: Dims,
    /// Pooling window.
    pub window: Extent,
    /// Step of the window.
    pub stride: Extent,
    /// Rows above and columns to the left that lie outside the input.
    pub padding: Extent,
    /// Smallest output value.
    pub min: f32,
    /// Largest output value.
    pub max: f32,
}

/// The square root of the mean of the squares of each window's elements that lie inside the input.
#[inline]
pub fn l2_pool(p: &L2Pool, inputs: &[&[i8]], outputs: &mut [&mut [i8]]) {
    let ([input], [output]) = (inputs, outputs) else { wrong_operands() };
    let (input, output) = (view::<f32>(input), view_mut::<f32>(output));
    let along = |input, taps, stride, padding| Window { input, taps, stride, dilation: 1, padding };
    let rows = along(p.input.h, p.window.h, p.stride.h, p.padding.h);
    let columns = along(p.input.w, p.window.w, p.stride.w, p.padding.w);
    for (at, place) in output[..p.output.len()].iter_mut().enumerate() {
        let (channel, pixel) = (at % p.output.c, at / p.output.c);
        let (x, y, batch) = (pixel % p.output.w, pixel / p.output.w % p.output.h, pixel / (p.output.w * p.output.h));
        let (mut sum, mut count) = (0.0, 0_usize);
        for tap_y in rows.inside(y) {
            let row = (batch * p.input.h + rows.element(y, tap_y)) * p.input.w;
            for tap_x in columns.inside(x) {
                let value = input[(row + columns.element(x, tap_x)) * p.input.c + channel];
                sum += value * value;
                count += 1;
            }
        }
        let root = libm::sqrtf(sum / count as f32);
        let root = if root < p.min { p.min } else { root };
        *place = settled(if root > p.max { p.max } else { root });
    }
}

#[cfg(test)]
mod tests {
    use super::{L2Pool, l2_pool};
    use crate::bytes::{view, view_mut, words_as_i8, words_as_i8_mut};
    use crate::{Dims, Extent};

    #[test]
    fn padding_does_not_count() {
        let p = L2Pool {
            input: Dims { n: 1, h: 2, w: 3, c: 1 },
            output: Dims { n: 1, h: 1, w: 2, c: 1 },
            window: Extent { h: 2, w: 2 },
            stride: Extent { h: 2, w: 2 },
            padding: Extent { h: 0, w: 0 },
            min: 0.0,
            max: 4.5,
        };
        let (mut input, mut output) = ([0; 3], [0; 1]);
        view_mut::<f32>(words_as_i8_mut(&mut input)).copy_from_slice(&[1.0, -1.0, 5.0, 3.0, 5.0, 5.0]);
        l2_pool(&p, &[words_as_i8(&input)], &mut [words_as_i8_mut(&mut output)]);
        assert_eq!(view::<f32>(words_as_i8(&output)), [3.0, 4.5]);
    }
}
