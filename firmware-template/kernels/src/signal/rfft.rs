//! `SignalRfft` and `SignalIrfft`: FFTs of real signals, as KISS FFT makes them of complex ones of half the length.

use super::fft::{Places, butterflies};
use super::sample::{Complex, Sample, add, sub};
use crate::bytes::{Element, view, view_mut, wrong_operands};

/// Spectra of rows of int16, int32 or float32. Operands: samples, [`twiddles`](super::twiddles()); spectra, real and
/// imaginary parts in turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct RealFft {
    /// Type of samples, table and spectra.
    pub element: Element,
    /// Rows of samples.
    pub rows: usize,
    /// Samples a row, at most `points`; zeros stand for the others.
    pub len: usize,
    /// Points of the FFT, for which [`is_fft_length`](super::is_fft_length).
    pub points: usize,
}

/// Signals of spectra of int16, int32 or float32. Operands: spectra, [`twiddles`](super::twiddles()) of the inverse;
/// samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct InverseRealFft {
    /// Type of spectra, table and samples.
    pub element: Element,
    /// Rows.
    pub rows: usize,
    /// Samples a row, for which [`is_fft_length`](super::is_fft_length).
    pub points: usize,
}

impl RealFft {
    /// The spectrum of each row, from frequency zero to half the sampling rate: `points / 2 + 1` complex numbers, in fixed
    /// point divided by `points`. Needs no memory but the output's.
    pub fn apply<T: Sample>(&self, input: &[T], twiddles: &[T], output: &mut [T]) {
        let (twiddles, _) = twiddles.as_chunks();
        let rows = input[..self.rows * self.len].chunks_exact(self.len);
        for (input, output) in rows.zip(output.as_chunks_mut().0.chunks_exact_mut(self.points / 2 + 1)) {
            self.row(input, twiddles, output);
        }
    }

    fn row<T: Sample>(&self, input: &[T], twiddles: &[Complex<T>], output: &mut [Complex<T>]) {
        let half = self.points / 2;
        let (twiddles, split) = twiddles.split_at(half);
        let mut places = Places::of(half);
        let sample = |at: usize| input.get(at).copied().unwrap_or_default();
        for at in 0..half {
            output[places.next()] = [sample(2 * at), sample(2 * at + 1)];
        }
        butterflies(&mut output[..half], twiddles, false);
        let [even, odd] = output[0].map(|part| part.divided(2));
        output[0] = [even.plus(odd).settled(), T::default()];
        output[half] = [even.minus(odd).settled(), T::default()];
        for (at, &twiddle) in (1..=half / 2).zip(split) {
            let this = output[at].map(|part| part.divided(2));
            let [real, imaginary] = output[half - at];
            let mirrored = [real, imaginary.negative()].map(|part| part.divided(2));
            let [a, b] = add(this, mirrored);
            let [c, d] = T::product(sub(this, mirrored), twiddle);
            output[at] = [a.half_of_sum(c), b.half_of_sum(d)].map(T::settled);
            output[half - at] = [a.half_of_difference(c), d.half_of_difference(b)].map(T::settled);
        }
    }
}

impl InverseRealFft {
    /// The signal of each spectrum, of which the imaginary parts of the first and the last number do not count. In fixed
    /// point what comes out of [`RealFft`] is divided by `points` once more. Needs no memory but the output's.
    pub fn apply<T: Sample>(&self, input: &[T], twiddles: &[T], output: &mut [T]) {
        let (twiddles, _) = twiddles.as_chunks();
        let rows = input.as_chunks().0.chunks_exact(self.points / 2 + 1);
        for (input, output) in rows.zip(output[..self.rows * self.points].chunks_exact_mut(self.points)) {
            self.row(input, twiddles, output.as_chunks_mut().0);
            for sample in output {
                *sample = sample.scaled_down(self.points).settled();
            }
        }
    }

    fn row<T: Sample>(&self, input: &[Complex<T>], twiddles: &[Complex<T>], output: &mut [Complex<T>]) {
        let half = self.points / 2;
        let (twiddles, split) = twiddles.split_at(half);
        let mut places = Places::of(half);
        for at in 0..half {
            output[places.next()] = joined(input, split, at, half);
        }
        butterflies(output, twiddles, true);
    }
}

/// Number `at` of the complex spectrum whose signal has the even samples as real parts and the odd ones as imaginary parts.
fn joined<T: Sample>(input: &[Complex<T>], split: &[Complex<T>], at: usize, half: usize) -> Complex<T> {
    if at == 0 {
        let (first, last) = (input[0][0], input[half][0]);
        return [first.plus(last), first.minus(last)].map(|part| part.divided(2));
    }
    let low = at.min(half - at);
    let this = input[low].map(|part| part.divided(2));
    let [real, imaginary] = input[half - low];
    let mirrored = [real, imaginary.negative()].map(|part| part.divided(2));
    let (even, odd) = (add(this, mirrored), T::product(sub(this, mirrored), split[low - 1]));
    // In the middle, the second half's formula comes last.
    if 2 * at < half {
        add(even, odd)
    } else {
        let [real, imaginary] = sub(even, odd);
        [real, imaginary.negative()]
    }
}

/// [`RealFft::apply`].
#[inline]
pub fn real_fft(p: &RealFft, inputs: &[&[i8]], outputs: &mut [&mut [i8]]) {
    let ([input, twiddles], [output]) = (inputs, outputs) else { wrong_operands() };
    match p.element {
        Element::I16 => p.apply::<i16>(view(input), view(twiddles), view_mut(output)),
        Element::I32 => p.apply::<i32>(view(input), view(twiddles), view_mut(output)),
        Element::F32 => p.apply::<f32>(view(input), view(twiddles), view_mut(output)),
        _ => wrong_operands(),
    }
}

/// [`InverseRealFft::apply`].
#[inline]
pub fn inverse_real_fft(p: &InverseRealFft, inputs: &[&[i8]], outputs: &mut [&mut [i8]]) {
    let ([input, twiddles], [output]) = (inputs, outputs) else { wrong_operands() };
    match p.element {
        Element::I16 => p.apply::<i16>(view(input), view(twiddles), view_mut(output)),
        Element::I32 => p.apply::<i32>(view(input), view(twiddles), view_mut(output)),
        Element::F32 => p.apply::<f32>(view(input), view(twiddles), view_mut(output)),
        _ => wrong_operands(),
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::vec::Vec;
    use std::{f64::consts::PI, vec};

    use super::{InverseRealFft, RealFft};
    use crate::Element;
    use crate::signal::{twiddle_count, twiddles};
    use crate::testing::Random;

    /// The definition.
    fn spectrum(input: &[f64], points: usize) -> Vec<[f64; 2]> {
        let sum = |frequency: usize, function: fn(f64) -> f64, sign: f64| -> f64 {
            let angle = |at: usize| 2.0 * PI * (frequency * at % points) as f64 / points as f64;
            input.iter().enumerate().map(|(at, x)| sign * x * function(angle(at))).sum()
        };
        (0..=points / 2).map(|frequency| [sum(frequency, f64::cos, 1.0), sum(frequency, f64::sin, -1.0)]).collect()
    }

    const LENGTHS: [usize; 13] = [4, 6, 8, 10, 12, 16, 18, 20, 30, 60, 64, 100, 120];

    #[test]
    fn spectra_are_what_the_definition_says() {
        let mut random = Random::new(3);
        for points in LENGTHS {
            let len = points - points / 4;
            let input: Vec<i16> = (0..len).map(|_| random.next() as i16).collect();
            let real: Vec<f64> = input.iter().map(|&x| f64::from(x)).collect();
            let expected = spectrum(&real, points);
            let p = RealFft { element: Element::F32, rows: 1, len, points };
            let mut table = vec![0.0_f32; twiddle_count(points)];
            twiddles(points, false, &mut table);
            let mut output = vec![0.0_f32; points + 2];
            p.apply(&real.iter().map(|&x| x as f32).collect::<Vec<_>>(), &table, &mut output);
            for (found, expected) in output.iter().zip(expected.iter().flatten()) {
                assert!((f64::from(*found) - expected).abs() < 0.5, "{points}: {found} {expected}");
            }
            let mut table = vec![0_i16; twiddle_count(points)];
            twiddles(points, false, &mut table);
            let mut output = vec![0_i16; points + 2];
            p.apply(&input, &table, &mut output);
            for (found, expected) in output.iter().zip(expected.iter().flatten()) {
                assert!((f64::from(*found) - expected / points as f64).abs() < 5.0, "{points}: {found} {expected}");
            }
        }
    }

    #[test]
    fn signals_come_back() {
        let mut random = Random::new(4);
        for points in LENGTHS {
            let input: Vec<i32> = (0..2 * points).map(|_| random.next() as i32).collect();
            let mut tables = [vec![0_i32; twiddle_count(points)], vec![0_i32; twiddle_count(points)]];
            twiddles(points, false, &mut tables[0]);
            twiddles(points, true, &mut tables[1]);
            let mut spectra = vec![0; 2 * (points + 2)];
            RealFft { element: Element::I32, rows: 2, len: points, points }.apply(&input, &tables[0], &mut spectra);
            // What is to be divided by the number of points must not be so large that it wraps.
            let mut output = vec![0; 2 * points];
            InverseRealFft { element: Element::I32, rows: 2, points }.apply(&spectra, &tables[1], &mut output);
            for (&found, &x) in output.iter().zip(&input) {
                assert!((f64::from(found) - f64::from(x) / points as f64).abs() < 40.0, "{points}: {found} {x}");
            }
        }
    }
}
