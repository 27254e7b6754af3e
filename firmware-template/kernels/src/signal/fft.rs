//! The complex FFT of KISS FFT, which LiteRT Micro's RFFT is made of: radices 4, 2, 3 and 5, decimation in time.
//!
//! In fixed point every stage divides by its radix, so that nothing overflows, and each product is rounded to the nearest.
//! (KISS FFT's butterfly for other radices wants memory that LiteRT Micro does not give it.)

use super::sample::{Complex, Sample, add, sub, turned_right};

/// Most stages of an FFT: nine, of radix 3, are 19,683 points, and radix 2 comes only once.
const STAGES: usize = 10;

/// Whether there is a real FFT of so many points: an even number from 4 to 65,536, whose half has no prime factors but 2, 3
/// and 5.
pub const fn is_fft_length(points: usize) -> bool {
    let mut rest = points / 2;
    if !points.is_multiple_of(2) || rest < 2 || points > 65_536 {
        return false;
    }
    while rest > 1 {
        let radix = radix(rest);
        if !rest.is_multiple_of(radix) {
            return false;
        }
        rest /= radix;
    }
    true
}

/// The radix of the first division of so many points.
const fn radix(points: usize) -> usize {
    if points.is_multiple_of(4) {
        4
    } else if points.is_multiple_of(2) {
        2
    } else if points.is_multiple_of(3) {
        3
    } else {
        5
    }
}

/// Where each input of an FFT goes before the first butterfly, in the order of inputs.
pub(super) struct Places {
    digits: [Digit; STAGES],
    place: usize,
}

/// A digit of an input's number, and how far apart its values lie.
#[derive(Clone, Copy)]
struct Digit {
    radix: u16,
    distance: u16,
    value: u16,
}

impl Places {
    pub(super) fn of(points: usize) -> Self {
        let mut digits = [Digit { radix: 1, distance: 0, value: 0 }; STAGES];
        let mut rest = points;
        for digit in &mut digits {
            if rest > 1 {
                digit.radix = radix(rest) as u16;
                rest /= radix(rest);
                digit.distance = rest as u16;
            }
        }
        Self { digits, place: 0 }
    }

    /// The place of the next input.
    pub(super) fn next(&mut self) -> usize {
        let place = self.place;
        for digit in &mut self.digits {
            digit.value += 1;
            self.place += usize::from(digit.distance);
            if digit.value < digit.radix {
                break;
            }
            self.place -= usize::from(digit.radix) * usize::from(digit.distance);
            digit.value = 0;
        }
        place
    }
}

/// All butterflies over `values`, whose inputs are in their [`Places`].
pub(super) fn butterflies<T: Sample>(values: &mut [Complex<T>], twiddles: &[Complex<T>], inverse: bool) {
    // Known when a model is built: of a power of two, the other butterflies take no flash.
    let odd = !values.len().is_power_of_two();
    let mut width = 1;
    while width < values.len() {
        // Divisions go from radix 4 on; stages go back through them, so the next radix is the last one of what is left.
        let stride = stride(values.len(), width);
        let radix = values.len() / (stride * width);
        for group in values.chunks_exact_mut(radix * width) {
            match radix {
                2 => butterfly_2(group, twiddles, stride),
                3 if odd => butterfly_3(group, twiddles, stride),
                5 if odd => butterfly_5(group, twiddles, stride),
                _ => butterfly_4(group, twiddles, stride, inverse),
            }
        }
        width *= radix;
    }
}

/// How many groups there are in the stage whose butterflies reach over numbers `width` apart.
const fn stride(points: usize, width: usize) -> usize {
    let mut groups = 1;
    loop {
        let rest = points / groups;
        let next = rest / radix(rest);
        if next <= width {
            return groups;
        }
        groups *= radix(rest);
    }
}

/// A number as a butterfly takes it: divided by the radix, turned by a twiddle.
fn turned<T: Sample>(value: Complex<T>, radix: usize, twiddle: Complex<T>) -> Complex<T> {
    T::product(value.map(|part| part.divided(radix)), twiddle)
}

fn butterfly_2<T: Sample>(values: &mut [Complex<T>], twiddles: &[Complex<T>], stride: usize) {
    let (first, second) = values.split_at_mut(values.len() / 2);
    for ((a, b), &twiddle) in first.iter_mut().zip(second).zip(twiddles.iter().step_by(stride)) {
        let (x, y) = (a.map(|part| part.divided(2)), turned(*b, 2, twiddle));
        (*a, *b) = (add(x, y), sub(x, y));
    }
}

fn butterfly_3<T: Sample>(values: &mut [Complex<T>], twiddles: &[Complex<T>], stride: usize) {
    let width = values.len() / 3;
    let third = twiddles[stride * width][1];
    let (a, rest) = values.split_at_mut(width);
    let (b, c) = rest.split_at_mut(width);
    for (at, ((a, b), c)) in a.iter_mut().zip(b).zip(c).enumerate() {
        let x = a.map(|part| part.divided(3));
        let (y, z) = (turned(*b, 3, twiddles[at * stride]), turned(*c, 3, twiddles[2 * at * stride]));
        let (sum, difference) = (add(y, z), sub(y, z).map(|part| part.times(third)));
        let middle = sub(x, sum.map(T::half));
        let offset = turned_right(difference);
        (*a, *b, *c) = (add(x, sum), sub(middle, offset), add(middle, offset));
    }
}

fn butterfly_4<T: Sample>(values: &mut [Complex<T>], twiddles: &[Complex<T>], stride: usize, inverse: bool) {
    let width = values.len() / 4;
    let (a, rest) = values.split_at_mut(width);
    let (b, rest) = rest.split_at_mut(width);
    let (c, d) = rest.split_at_mut(width);
    for (at, (((a, b), c), d)) in a.iter_mut().zip(b).zip(c).zip(d).enumerate() {
        let at = at * stride;
        let x = a.map(|part| part.divided(4));
        let (y, z, u) = (turned(*b, 4, twiddles[at]), turned(*c, 4, twiddles[2 * at]), turned(*d, 4, twiddles[3 * at]));
        let (even, odd) = (add(x, z), add(y, u));
        let (across, quarter) = (sub(x, z), turned_right(sub(y, u)));
        (*a, *c) = (add(even, odd), sub(even, odd));
        (*b, *d) = (add(across, quarter), sub(across, quarter));
        if inverse {
            core::mem::swap(b, d);
        }
    }
}

fn butterfly_5<T: Sample>(values: &mut [Complex<T>], twiddles: &[Complex<T>], stride: usize) {
    let width = values.len() / 5;
    let (one, two) = (twiddles[stride * width], twiddles[2 * stride * width]);
    for at in 0..width {
        let x = values[at].map(|part| part.divided(5));
        let [y1, y2, y3, y4] =
            [1, 2, 3, 4].map(|fifth| turned(values[at + fifth * width], 5, twiddles[fifth * at * stride]));
        let (outer, inner) = (add(y1, y4), add(y2, y3));
        let (outwards, inwards) = (sub(y1, y4), sub(y2, y3));
        let real =
            |near: T, far: T| [0, 1].map(|part| x[part].plus(outer[part].times(near)).plus(inner[part].times(far)));
        values[at] = add(x, add(outer, inner));
        let middle = real(one[0], two[0]);
        let offset = [
            outwards[1].times(one[1]).plus(inwards[1].times(two[1])),
            outwards[0].times(one[1]).negative().minus(inwards[0].times(two[1])),
        ];
        values[at + width] = sub(middle, offset);
        values[at + 4 * width] = add(middle, offset);
        let middle = real(two[0], one[0]);
        let offset = [
            outwards[1].times(two[1]).negative().plus(inwards[1].times(one[1])),
            outwards[0].times(two[1]).minus(inwards[0].times(one[1])),
        ];
        values[at + 2 * width] = add(middle, offset);
        values[at + 3 * width] = sub(middle, offset);
    }
}

#[cfg(test)]
mod tests {
    use super::{Places, is_fft_length};

    #[test]
    fn lengths() {
        for points in [4, 6, 8, 10, 12, 16, 20, 30, 60, 400, 480, 512, 1024, 65_536] {
            assert!(is_fft_length(points), "{points}");
        }
        for points in [0, 1, 2, 3, 5, 14, 22, 28, 511, 65_538, 131_072, usize::MAX] {
            assert!(!is_fft_length(points), "{points}");
        }
    }

    #[test]
    fn places_are_reversed_digits() {
        let mut places = Places::of(12);
        let found: [usize; 12] = core::array::from_fn(|_| places.next());
        // Radix 4, then 3: input 4 * b + a is at 3 * a + b.
        assert_eq!(found, [0, 3, 6, 9, 1, 4, 7, 10, 2, 5, 8, 11]);
        let mut places = Places::of(2);
        assert_eq!([places.next(), places.next()], [0, 1]);
    }
}
