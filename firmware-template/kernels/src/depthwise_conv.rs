//! DEPTHWISE_CONV_2D.

use crate::window::Window;
use crate::{DepthwiseConv2d, Weights};

/// Convolves each channel of `input` (NHWC) with `depth_multiplier` filters of its own (`w.filter`, 1HWO) into `output`.
///
/// Output channel `i * depth_multiplier + m` is filter `m` of input channel `i`.
pub fn depthwise_conv_2d(p: &DepthwiseConv2d, w: &Weights, input: &[i8], output: &mut [i8]) {
    let along = |input, taps, stride, dilation, padding| Window { input, taps, stride, dilation, padding };
    let rows = along(p.input.h, p.filter.h, p.stride.h, p.dilation.h, p.padding.h);
    let columns = along(p.input.w, p.filter.w, p.stride.w, p.dilation.w, p.padding.w);
    let mut pixels = output[..p.output.len()].chunks_exact_mut(p.output.c);
    for batch in input[..p.input.len()].chunks_exact(p.input.h * p.input.w * p.input.c) {
        for y in 0..p.output.h {
            for (x, pixel) in (0..p.output.w).zip(&mut pixels) {
                for (channel, out) in pixel.iter_mut().enumerate() {
                    let mut sum = w.bias(channel);
                    for tap_y in rows.inside(y) {
                        let row = rows.element(y, tap_y) * p.input.w;
                        for tap_x in columns.inside(x) {
                            let at = (row + columns.element(x, tap_x)) * p.input.c + channel / p.depth_multiplier;
                            let tap = (tap_y * p.filter.w + tap_x) * p.filter.c + channel;
                            let value = i32::from(batch[at]).wrapping_add(p.input_offset);
                            sum = sum.wrapping_add(value.wrapping_mul(i32::from(w.filter[tap])));
                        }
                    }
                    *out = p.activation.clamp(w.requant(channel).apply(sum).wrapping_add(p.output_offset));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::depthwise_conv_2d;
    use crate::testing::{Random, at, requantized};
    use crate::{Activation, DepthwiseConv2d, Dims, Extent, Weights};

    #[test]
    fn by_hand() {
        // One pixel, two channels, two filters a channel.
        let p = DepthwiseConv2d {
            input: Dims { n: 1, h: 1, w: 1, c: 2 },
            filter: Dims { n: 1, h: 1, w: 1, c: 4 },
            output: Dims { n: 1, h: 1, w: 1, c: 4 },
            depth_multiplier: 2,
            stride: Extent { h: 1, w: 1 },
            padding: Extent { h: 0, w: 0 },
            dilation: Extent { h: 1, w: 1 },
            input_offset: 1,
            output_offset: 0,
            activation: Activation { min: -10, max: 127 },
        };
        let w = Weights {
            filter: &[1, -2, 3, -4],
            bias: None,
            multipliers: &[1 << 30, 1 << 30, 1 << 30, 1 << 30],
            shifts: &[1, 1, 2, 1],
        };
        let mut output = [0; 4];
        depthwise_conv_2d(&p, &w, &[3, 4], &mut output);
        assert_eq!(output, [4, -8, 30, -10]);
    }

    #[test]
    fn random_shapes_agree_with_the_definition() {
        let mut random = Random::new(3);
        for round in 0..300 {
            let (p, data) = random.depthwise_conv_2d();
            let mut output = data.output();
            depthwise_conv_2d(&p, &data.weights(), &data.input, &mut output);
            for (index, &out) in output.iter().enumerate() {
                let [n, y, x, c] = at(p.output, index);
                let mut sum = i64::from(data.bias[c]);
                for fy in 0..p.filter.h {
                    for fx in 0..p.filter.w {
                        let row = (y * p.stride.h + fy * p.dilation.h) as isize - p.padding.h as isize;
                        let column = (x * p.stride.w + fx * p.dilation.w) as isize - p.padding.w as isize;
                        let value = data.input_at(p.input, n, row, column, c / p.depth_multiplier);
                        let tap = (fy * p.filter.w + fx) * p.filter.c + c;
                        sum += value.map_or(0, |v| (v + i64::from(p.input_offset)) * i64::from(data.filter[tap]));
                    }
                }
                let expected = requantized(sum, data.requant(c), p.output_offset, p.activation);
                assert_eq!(out, expected, "round {round}, {p:?}, element {index}");
            }
        }
    }
}
