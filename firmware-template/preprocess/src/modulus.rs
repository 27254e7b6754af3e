//! How long complex numbers are: the magnitudes of a spectrum.

use kernels::{view, view_mut, wrong_operands};

use crate::number::finite;

/// `sqrt(re^2 + im^2)`. One input, real and imaginary parts in turn, and one output of float32.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Modulus {
    /// Complex numbers.
    pub len: usize,
}

impl Modulus {
    /// The squares are rounded, then their sum, then the root.
    #[inline]
    pub fn apply(&self, spectrum: &[f32], magnitudes: &mut [f32]) {
        for (magnitude, [re, im]) in magnitudes[..self.len].iter_mut().zip(spectrum.as_chunks::<2>().0) {
            *magnitude = finite(libm::sqrtf(re * re + im * im));
        }
    }
}

/// [`Modulus::apply`].
#[inline]
pub fn modulus(p: &Modulus, inputs: &[&[i8]], outputs: &mut [&mut [i8]]) {
    let ([spectrum], [magnitudes]) = (inputs, outputs) else { wrong_operands() };
    p.apply(view(spectrum), view_mut(magnitudes));
}

#[cfg(test)]
mod tests {
    use super::Modulus;

    #[test]
    fn lengths() {
        let mut output = [0.0; 3];
        Modulus { len: 3 }.apply(&[3.0, -4.0, f32::MAX, 1.0, f32::NAN, 1.0], &mut output);
        assert_eq!(output, [5.0, f32::MAX, 0.0]);
    }
}
