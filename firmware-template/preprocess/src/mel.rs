//! Filter banks of overlapping bands: weighted sums of neighbouring frequencies.

use kernels::{view, view_mut, wrong_operands};

/// A filter bank. Operands: power or magnitude of each frequency (float32), where each band begins and how many frequencies it
/// takes (pairs of int16), the weights of all bands one after the other (float32); sums (float32).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Mel {
    /// Bands.
    pub bands: usize,
}

impl Mel {
    /// The sum of each band, from the lowest frequency up.
    #[inline]
    pub fn apply(&self, spectrum: &[f32], runs: &[[i16; 2]], mut weights: &[f32], sums: &mut [f32]) {
        for (sum, &[start, width]) in sums[..self.bands].iter_mut().zip(runs) {
            let (these, others) = weights.split_at(width as usize);
            let products = spectrum[start as usize..].iter().zip(these).map(|(value, weight)| value * weight);
            *sum = products.fold(0.0, |sum, product| sum + product);
            weights = others;
        }
    }
}

/// [`Mel::apply`].
#[inline]
pub fn mel(p: &Mel, inputs: &[&[i8]], outputs: &mut [&mut [i8]]) {
    let ([spectrum, runs, weights], [sums]) = (inputs, outputs) else { wrong_operands() };
    p.apply(view(spectrum), view::<i16>(runs).as_chunks().0, view(weights), view_mut(sums));
}

#[cfg(test)]
mod tests {
    use super::Mel;

    #[test]
    fn bands_overlap() {
        let mut sums = [0.0; 2];
        Mel { bands: 2 }.apply(&[1.0, 2.0, 4.0, 8.0], &[[1, 2], [2, 2]], &[1.0, 0.5, 0.25, 1.0], &mut sums);
        assert_eq!(sums, [4.0, 9.0]);
    }
}
