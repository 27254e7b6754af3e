//! ADD.

use crate::{Add, AddOperand, Dims};

/// Adds `a` and `b` element by element into `output`, broadcasting dimensions of one.
pub fn add(p: &Add, a: &[i8], b: &[i8], output: &mut [i8]) {
    let scaled = |operand: &AddOperand, value: i8| {
        let value = i32::from(value).wrapping_add(operand.offset);
        operand.requant.apply(value.wrapping_shl(p.left_shift as u32))
    };
    let sum = |x: i8, y: i8| {
        let sum = scaled(&p.a, x).wrapping_add(scaled(&p.b, y));
        p.activation.clamp(p.requant.apply(sum).wrapping_add(p.output_offset))
    };
    let mut out = output[..p.output.len()].iter_mut();
    for n in 0..p.output.n {
        for h in 0..p.output.h {
            for w in 0..p.output.w {
                for (c, out) in (0..p.output.c).zip(&mut out) {
                    *out = sum(a[broadcast(p.a.dims, n, h, w, c)], b[broadcast(p.b.dims, n, h, w, c)]);
                }
            }
        }
    }
}

/// The element of an operand of shape `dims` at a place of the output.
fn broadcast(dims: Dims, n: usize, h: usize, w: usize, c: usize) -> usize {
    let along = |len, index| if len == 1 { 0 } else { index };
    ((along(dims.n, n) * dims.h + along(dims.h, h)) * dims.w + along(dims.w, w)) * dims.c + along(dims.c, c)
}

#[cfg(test)]
mod tests {
    use super::add;
    use crate::testing::{Random, at};
    use crate::{Activation, Add, AddOperand, Dims, Requant};

    fn params(a: Dims, b: Dims, output: Dims) -> Add {
        // Scales 0.1, 0.2 and 0.25: operands come to twice the larger scale, the result from there to the output's.
        let operand =
            |dims, offset, multiplier, shift| AddOperand { dims, offset, requant: Requant { multiplier, shift } };
        Add {
            a: operand(a, 3, 1 << 30, -1),
            b: operand(b, -5, 1 << 30, 0),
            output,
            left_shift: 20,
            requant: Requant { multiplier: 1_717_986_918, shift: -19 },
            output_offset: 7,
            activation: Activation { min: -128, max: 127 },
        }
    }

    #[test]
    fn by_hand() {
        let dims = Dims { n: 1, h: 1, w: 1, c: 3 };
        let mut output = [0; 3];
        add(&params(dims, dims, dims), &[-3, 17, 127], &[5, 15, 127], &mut output);
        // Real sums: 0; 2 + 2; 13 + 24.4, each over 0.25, plus 7.
        assert_eq!(output, [7, 23, 127]);
    }

    #[test]
    fn broadcasts_every_dimension() {
        let mut random = Random::new(6);
        for _ in 0..200 {
            let dims =
                Dims { n: 1 + random.below(2), h: 1 + random.below(3), w: 1 + random.below(3), c: 1 + random.below(4) };
            let mut some = |len: usize| if random.below(2) == 0 { 1 } else { len };
            let a = Dims { n: some(dims.n), h: some(dims.h), w: some(dims.w), c: some(dims.c) };
            let b = Dims { n: dims.n, h: dims.h, w: some(dims.w), c: dims.c };
            let p = params(a, b, Dims { w: a.w.max(b.w), ..dims });
            let mut first = [0; 128];
            let mut second = [0; 128];
            random.fill(&mut first);
            random.fill(&mut second);
            let mut output = [0; 128];
            add(&p, &first, &second, &mut output);
            for (index, &out) in output[..p.output.len()].iter().enumerate() {
                let [n, h, w, c] = at(p.output, index);
                let place = |d: Dims| (((n % d.n) * d.h + h % d.h) * d.w + w % d.w) * d.c + c % d.c;
                let one = Dims { n: 1, h: 1, w: 1, c: 1 };
                let mut expected = [0];
                add(&params(one, one, one), &first[place(a)..], &second[place(b)..], &mut expected);
                assert_eq!(out, expected[0]);
            }
        }
    }

    /// All pairs of values against real arithmetic; double rounding may be one off, and no more.
    #[test]
    fn is_within_one_of_the_real_sum() {
        let one = Dims { n: 1, h: 1, w: 1, c: 1 };
        for x in i8::MIN..=i8::MAX {
            for y in i8::MIN..=i8::MAX {
                let mut output = [0];
                add(&params(one, one, one), &[x], &[y], &mut output);
                let real = (0.1 * f64::from(i32::from(x) + 3) + 0.2 * f64::from(i32::from(y) - 5)) / 0.25 + 7.0;
                assert!((f64::from(output[0]) - real.clamp(-128.0, 127.0)).abs() <= 1.0, "{x} {y}");
            }
        }
    }
}
