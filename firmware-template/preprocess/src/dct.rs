//! The discrete cosine transform of the second kind: cepstral coefficients of logarithmic bands.

use kernels::{view, view_mut, wrong_operands};

/// A DCT-II. Operands: numbers (float32), the cosines of each coefficient (float32); coefficients (float32).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Dct {
    /// Numbers; not 0.
    pub bands: usize,
    /// Coefficients, from the lowest one.
    pub coefficients: usize,
}

impl Dct {
    /// The sum of the numbers' products with each row of `cosines`, which hold the scale already.
    #[inline]
    pub fn apply(&self, numbers: &[f32], cosines: &[f32], coefficients: &mut [f32]) {
        let rows = cosines.chunks_exact(self.bands);
        for (coefficient, cosines) in coefficients[..self.coefficients].iter_mut().zip(rows) {
            let products = numbers.iter().zip(cosines).map(|(number, cosine)| number * cosine);
            *coefficient = products.fold(0.0, |sum, product| sum + product);
        }
    }
}

/// [`Dct::apply`].
#[inline]
pub fn dct(p: &Dct, inputs: &[&[i8]], outputs: &mut [&mut [i8]]) {
    let ([numbers, cosines], [coefficients]) = (inputs, outputs) else { wrong_operands() };
    p.apply(view(numbers), view(cosines), view_mut(coefficients));
}

#[cfg(test)]
mod tests {
    use super::Dct;

    #[test]
    fn rows_of_cosines_are_coefficients() {
        let mut output = [0.0; 2];
        Dct { bands: 2, coefficients: 2 }.apply(&[3.0, 5.0], &[1.0, 1.0, 0.5, -0.5], &mut output);
        assert_eq!(output, [8.0, -1.0]);
    }
}
