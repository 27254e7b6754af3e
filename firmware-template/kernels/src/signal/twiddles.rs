//! Tables of cosines and sines for FFTs. For the host, which puts them into flash.

use super::sample::{Complex, Sample};
use crate::bytes::wrong_operands;

/// Numbers of the table of a real FFT of so many points.
pub const fn twiddle_count(points: usize) -> usize {
    2 * (points / 2 + points / 4)
}

/// Fills the table of a real FFT of `points`: KISS FFT's twiddles of half as many complex points, then its
/// `super_twiddles`, real and imaginary parts in turn.
///
/// Cosines and sines are computed in 64 bits by a library that gives the same on every machine, and rounded to the nearest.
pub fn twiddles<T: Sample>(points: usize, inverse: bool, table: &mut [T]) {
    use core::f64::consts::PI;
    let half = points / 2;
    let ([], []) = (&table[twiddle_count(points)..], table.as_chunks::<2>().1) else { wrong_operands() };
    let (first, last) = table.as_chunks_mut::<2>().0.split_at_mut(half);
    let turn = |place: &mut Complex<T>, phase: f64| {
        let phase = if inverse { -phase } else { phase };
        *place = [T::factor(libm::cos(phase)), T::factor(libm::sin(phase))];
    };
    for (at, place) in first.iter_mut().enumerate() {
        turn(place, -2.0 * PI * at as f64 / half as f64);
    }
    for (at, place) in last.iter_mut().enumerate() {
        turn(place, -PI * ((at + 1) as f64 / half as f64 + 0.5));
    }
}

#[cfg(test)]
mod tests {
    use super::{twiddle_count, twiddles};

    #[test]
    fn right_angles() {
        let mut table = [0_i16; 24];
        assert_eq!(twiddle_count(16), 24);
        twiddles(16, false, &mut table);
        assert_eq!(table[..10], [32_767, 0, 23_170, -23_170, 0, -32_767, -23_170, -23_170, -32_767, 0]);
        // From -112.5 degrees on.
        assert_eq!(table[16..20], [-12_539, -30_273, -23_170, -23_170]);
        let mut inverse = [0_i16; 24];
        twiddles(16, true, &mut inverse);
        assert_eq!(inverse[2..6], [23_170, 23_170, 0, 32_767]);
    }

    #[test]
    fn other_types() {
        let mut table = [0.0_f32; 6];
        twiddles(4, false, &mut table);
        assert_eq!((table[0], table[1].abs()), (1.0, 0.0));
        assert!((table[2] + 1.0).abs() < 1e-6 && table[3].abs() < 1e-6);
        let mut table = [0_i32; 6];
        twiddles(4, false, &mut table);
        assert_eq!(table, [i32::MAX, 0, -i32::MAX, 0, -i32::MAX, 0]);
    }
}
