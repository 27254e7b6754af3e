//! Windows: samples as real numbers, weighted.

use kernels::{view, view_mut, wrong_operands};

/// Weighs samples of int16 or float32. Operands: samples, weights (float32); products (float32). A sample of 32768 in int16 would
/// be 1. Of float32 there may be several rows, which have the same weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Window {
    /// Samples of a row.
    pub len: usize,
    /// Whether samples are float32 already.
    pub float: bool,
}

impl Window {
    /// Products of samples and weights. The sample's part of it is exact, so each product is rounded once.
    #[inline]
    pub fn apply(&self, samples: &[i16], weights: &[f32], products: &mut [f32]) {
        for ((product, &sample), &weight) in products.iter_mut().zip(samples).zip(weights) {
            *product = f32::from(sample) * (1.0 / 32768.0) * weight;
        }
    }

    /// [`apply`](Self::apply) to float32.
    #[inline]
    pub fn apply_to_floats(&self, samples: &[f32], weights: &[f32], products: &mut [f32]) {
        for (products, samples) in products.chunks_exact_mut(self.len).zip(samples.chunks_exact(self.len)) {
            for ((product, &sample), &weight) in products.iter_mut().zip(samples).zip(weights) {
                *product = sample * weight;
            }
        }
    }
}

/// [`Window::apply`], or [`Window::apply_to_floats`].
#[inline]
pub fn window(p: &Window, inputs: &[&[i8]], outputs: &mut [&mut [i8]]) {
    let ([samples, weights], [products]) = (inputs, outputs) else { wrong_operands() };
    if p.float {
        p.apply_to_floats(view(samples), view(weights), view_mut(products));
    } else {
        p.apply(view(samples), view(weights), view_mut(products));
    }
}

#[cfg(test)]
mod tests {
    use super::Window;

    #[test]
    fn a_sample_is_a_part_of_full_scale() {
        let mut products = [0.0; 3];
        Window { len: 3, float: false }.apply(&[i16::MIN, 16384, 1], &[1.0, 0.5, 2.0], &mut products);
        assert_eq!(products, [-1.0, 0.25, 1.0 / 16384.0]);
    }

    #[test]
    fn rows_have_the_same_weights() {
        let mut products = [0.0; 4];
        Window { len: 2, float: true }.apply_to_floats(&[1.0, 2.0, 3.0, 4.0], &[0.5, 2.0], &mut products);
        assert_eq!(products, [0.5, 4.0, 1.5, 8.0]);
    }
}
