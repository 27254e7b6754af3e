//! From a complex spectrum to real numbers: power and magnitude.

use kernels::{view, view_mut, wrong_operands};

use crate::number::finite;

/// Squared magnitudes of a spectrum. Operands: spectrum, real and imaginary parts in turn (float32); powers (float32).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Power {
    /// Complex numbers.
    pub bins: usize,
}

/// Magnitudes of a spectrum, of sound or of sensors, whose numbers may be anything. Operands: as of [`Power`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Magnitude {
    /// Complex numbers.
    pub bins: usize,
}

/// `re² + im²`; neither overflows where samples are below 1 and there are at most 4096 of them.
fn power_of([real, imaginary]: [f32; 2]) -> f32 {
    real * real + imaginary * imaginary
}

impl Power {
    /// `re² + im²` of each.
    #[inline]
    pub fn apply(&self, spectrum: &[f32], powers: &mut [f32]) {
        for (output, &value) in powers[..self.bins].iter_mut().zip(spectrum.as_chunks().0) {
            *output = power_of(value);
        }
    }
}

impl Magnitude {
    /// `√(re² + im²)` of each: squares, sum and root are rounded one after the other.
    #[inline]
    pub fn apply(&self, spectrum: &[f32], magnitudes: &mut [f32]) {
        for (output, &value) in magnitudes[..self.bins].iter_mut().zip(spectrum.as_chunks().0) {
            *output = finite(libm::sqrtf(power_of(value)));
        }
    }
}

/// [`Power::apply`].
#[inline]
pub fn power(p: &Power, inputs: &[&[i8]], outputs: &mut [&mut [i8]]) {
    let ([spectrum], [powers]) = (inputs, outputs) else { wrong_operands() };
    p.apply(view(spectrum), view_mut(powers));
}

/// [`Magnitude::apply`].
#[inline]
pub fn magnitude(p: &Magnitude, inputs: &[&[i8]], outputs: &mut [&mut [i8]]) {
    let ([spectrum], [magnitudes]) = (inputs, outputs) else { wrong_operands() };
    p.apply(view(spectrum), view_mut(magnitudes));
}

#[cfg(test)]
mod tests {
    use super::{Magnitude, Power};

    #[test]
    fn of_each_complex_number() {
        let (spectrum, mut output) = ([3.0, -4.0, 0.0, 0.0, -0.5, 0.0], [0.0; 3]);
        Power { bins: 3 }.apply(&spectrum, &mut output);
        assert_eq!(output, [25.0, 0.0, 0.25]);
        Magnitude { bins: 3 }.apply(&spectrum, &mut output);
        assert_eq!(output, [5.0, 0.0, 0.5]);
        Magnitude { bins: 3 }.apply(&[3.0, -4.0, f32::MAX, 1.0, f32::NAN, 1.0], &mut output);
        assert_eq!(output, [5.0, f32::MAX, 0.0]);
    }
}
