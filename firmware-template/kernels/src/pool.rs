//! AVERAGE_POOL_2D and MAX_POOL_2D. Input and output have the same quantization.

use crate::Pool2d;
use crate::window::Window;

/// The mean of each window's elements that lie inside the input, rounded half away from zero.
pub fn average_pool_2d(p: &Pool2d, input: &[i8], output: &mut [i8]) {
    pool(p, input, output, |elements| {
        let (sum, count) = elements.fold((0_i32, 0_i32), |(sum, count), value| (sum + i32::from(value), count + 1));
        let half = if sum > 0 { count / 2 } else { -(count / 2) };
        // No window of a LiteRT model lies wholly outside its input; such a one would give zero.
        (sum + half).checked_div(count).unwrap_or(0)
    });
}

/// The largest of each window's elements that lie inside the input.
pub fn max_pool_2d(p: &Pool2d, input: &[i8], output: &mut [i8]) {
    pool(p, input, output, |elements| i32::from(elements.fold(i8::MIN, i8::max)));
}

fn pool(p: &Pool2d, input: &[i8], output: &mut [i8], reduce: impl Fn(&mut dyn Iterator<Item = i8>) -> i32) {
    let along = |input, taps, stride, padding| Window { input, taps, stride, dilation: 1, padding };
    let rows = along(p.input.h, p.window.h, p.stride.h, p.padding.h);
    let columns = along(p.input.w, p.window.w, p.stride.w, p.padding.w);
    let mut pixels = output[..p.output.len()].chunks_exact_mut(p.output.c);
    for batch in input[..p.input.len()].chunks_exact(p.input.h * p.input.w * p.input.c) {
        for y in 0..p.output.h {
            for (x, pixel) in (0..p.output.w).zip(&mut pixels) {
                for (channel, out) in pixel.iter_mut().enumerate() {
                    let mut elements = rows.inside(y).flat_map(|tap_y| {
                        let row = rows.element(y, tap_y) * p.input.w;
                        columns
                            .inside(x)
                            .map(move |tap_x| batch[(row + columns.element(x, tap_x)) * p.input.c + channel])
                    });
                    *out = p.activation.clamp(reduce(&mut elements));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{average_pool_2d, max_pool_2d};
    use crate::testing::{Random, at};
    use crate::{Activation, Dims, Extent, Pool2d};

    #[test]
    fn by_hand() {
        let p = Pool2d {
            input: Dims { n: 1, h: 2, w: 3, c: 1 },
            output: Dims { n: 1, h: 1, w: 2, c: 1 },
            window: Extent { h: 2, w: 2 },
            stride: Extent { h: 2, w: 2 },
            padding: Extent { h: 0, w: 0 },
            activation: Activation { min: -128, max: 127 },
        };
        let input = [1, 2, -3, 3, 4, -4];
        let mut output = [0; 2];
        average_pool_2d(&p, &input, &mut output);
        assert_eq!(output, [3, -4], "10/4 is 2.5 and -7/2 is -3.5, both away from zero; padding does not count");
        max_pool_2d(&p, &input, &mut output);
        assert_eq!(output, [4, -3]);
        max_pool_2d(&Pool2d { activation: Activation { min: -1, max: 3 }, ..p }, &input, &mut output);
        assert_eq!(output, [3, -1]);
    }

    #[test]
    fn random_shapes_agree_with_the_definition() {
        let mut random = Random::new(5);
        for round in 0..300 {
            let (p, data) = random.pool_2d();
            let (mut averages, mut maxima) = (data.output(), data.output());
            average_pool_2d(&p, &data.input, &mut averages);
            max_pool_2d(&p, &data.input, &mut maxima);
            for index in 0..averages.len() {
                let [n, y, x, c] = at(p.output, index);
                let (mut sum, mut count, mut max) = (0.0, 0.0, -128);
                for wy in 0..p.window.h {
                    for wx in 0..p.window.w {
                        let row = (y * p.stride.h + wy) as isize - p.padding.h as isize;
                        let column = (x * p.stride.w + wx) as isize - p.padding.w as isize;
                        if let Some(value) = data.input_at(p.input, n, row, column, c) {
                            sum += value as f64;
                            count += 1.0;
                            max = max.max(value as i32);
                        }
                    }
                }
                let average: f64 = sum / count;
                // No rounding function without std: half away from zero is truncation after adding a signed half.
                let rounded = (average + if average > 0.0 { 0.5 } else { -0.5 }) as i32;
                assert_eq!(averages[index], p.activation.clamp(rounded), "round {round}, {p:?}, element {index}");
                assert_eq!(maxima[index], p.activation.clamp(max), "round {round}, {p:?}, element {index}");
            }
        }
    }
}
