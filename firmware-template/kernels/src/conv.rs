//! CONV_2D.

use crate::requant::dot;
use crate::window::Window;
use crate::{Conv2d, Weights};

/// Convolves `input` (NHWC) with `w.filter` (OHWI) into `output` (NHWC).
///
/// Where the filter has fewer channels than the input, the convolution is grouped. Padding stands for the input's zero
/// point, so taps outside the input add nothing.
pub fn conv_2d(p: &Conv2d, w: &Weights, input: &[i8], output: &mut [i8]) {
    let (rows, columns) = windows(p);
    let channels_a_group = p.output.c / (p.input.c / p.filter.c);
    let mut pixels = output[..p.output.len()].chunks_exact_mut(p.output.c);
    for batch in input[..p.input.len()].chunks_exact(p.input.h * p.input.w * p.input.c) {
        for y in 0..p.output.h {
            for (x, pixel) in (0..p.output.w).zip(&mut pixels) {
                for (channel, out) in pixel.iter_mut().enumerate() {
                    let first_input_channel = channel / channels_a_group * p.filter.c;
                    let mut sum = 0;
                    for tap_y in rows.inside(y) {
                        let row = rows.element(y, tap_y) * p.input.w;
                        for tap_x in columns.inside(x) {
                            let at = (row + columns.element(x, tap_x)) * p.input.c + first_input_channel;
                            let tap = ((channel * p.filter.h + tap_y) * p.filter.w + tap_x) * p.filter.c;
                            let filter = &w.filter[tap..][..p.filter.c];
                            sum = dot(sum, &batch[at..][..p.filter.c], p.input_offset, filter, 0);
                        }
                    }
                    let scaled = w.requant(channel).apply(sum.wrapping_add(w.bias(channel)));
                    *out = p.activation.clamp(scaled.wrapping_add(p.output_offset));
                }
            }
        }
    }
}

fn windows(p: &Conv2d) -> (Window, Window) {
    let along = |input, taps, stride, dilation, padding| Window { input, taps, stride, dilation, padding };
    (
        along(p.input.h, p.filter.h, p.stride.h, p.dilation.h, p.padding.h),
        along(p.input.w, p.filter.w, p.stride.w, p.dilation.w, p.padding.w),
    )
}

#[cfg(test)]
mod tests {
    use super::conv_2d;
    use crate::testing::{Random, at, requantized};
    use crate::{Activation, Conv2d, Dims, Extent, Weights};

    #[test]
    fn by_hand() {
        // 2x2 input, 2x2 filter, SAME: the last output element sees one tap.
        let p = Conv2d {
            input: Dims { n: 1, h: 2, w: 2, c: 1 },
            filter: Dims { n: 1, h: 2, w: 2, c: 1 },
            output: Dims { n: 1, h: 2, w: 2, c: 1 },
            stride: Extent { h: 1, w: 1 },
            padding: Extent { h: 0, w: 0 },
            dilation: Extent { h: 1, w: 1 },
            input_offset: 10,
            output_offset: -1,
            activation: Activation { min: -128, max: 100 },
        };
        // Multiplier 2^30 and shift 1 are a factor of one.
        let w = Weights { filter: &[1, 2, 3, 4], bias: Some(&[5]), multipliers: &[1 << 30], shifts: &[1] };
        let mut output = [0; 4];
        conv_2d(&p, &w, &[-9, -8, -7, -6], &mut output);
        // Real inputs are 1 2 3 4: 1+4+9+16, 2+12, 3+8, 4; each plus 5 minus 1.
        assert_eq!(output, [34, 18, 15, 8]);
    }

    #[test]
    fn grouped_dilated_and_padded_shapes_agree_with_the_definition() {
        let mut random = Random::new(2);
        for round in 0..300 {
            let (p, data) = random.conv_2d();
            let mut output = data.output();
            conv_2d(&p, &data.weights(), &data.input, &mut output);
            let group = p.output.c / (p.input.c / p.filter.c);
            for (index, &out) in output.iter().enumerate() {
                let [n, y, x, c] = at(p.output, index);
                let mut sum = i64::from(data.bias[c]);
                for fy in 0..p.filter.h {
                    for fx in 0..p.filter.w {
                        for fc in 0..p.filter.c {
                            let row = (y * p.stride.h + fy * p.dilation.h) as isize - p.padding.h as isize;
                            let column = (x * p.stride.w + fx * p.dilation.w) as isize - p.padding.w as isize;
                            let value = data.input_at(p.input, n, row, column, c / group * p.filter.c + fc);
                            let tap = ((c * p.filter.h + fy) * p.filter.w + fx) * p.filter.c + fc;
                            sum += value.map_or(0, |v| (v + i64::from(p.input_offset)) * i64::from(data.filter[tap]));
                        }
                    }
                }
                let expected = requantized(sum, data.requant(c), p.output_offset, p.activation);
                assert_eq!(out, expected, "round {round}, {p:?}, element {index}");
            }
        }
    }
}
