//! Mean and variance normalization over the frames of an inference.

use kernels::{view, view_mut, wrong_operands};

/// Normalization of rows of float32. Operands: rows; normalized rows.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Normalize {
    /// Rows: frames.
    pub rows: usize,
    /// Numbers of a row: coefficients.
    pub columns: usize,
    /// Whether all numbers together have one mean and deviation, instead of each column its own.
    pub together: bool,
    /// Whether deviations become 1, too, not only means 0.
    pub variance: bool,
    /// Added to the deviation.
    pub epsilon: f32,
}

impl Normalize {
    /// `(x - mean) / (deviation + ε)`, the deviation being that of all rows, not of a sample of them.
    #[inline]
    pub fn apply(&self, rows: &[f32], output: &mut [f32]) {
        let len = self.rows * self.columns;
        let step = if self.together { 1 } else { self.columns };
        for first in 0..step {
            let column = || rows[first..len].iter().step_by(step);
            let count = (len / step) as f32;
            let mean = column().fold(0.0, |sum, x| sum + x) / count;
            let divisor = if self.variance {
                let squares = column().fold(0.0, |sum, x| sum + (x - mean) * (x - mean));
                libm::sqrtf(squares / count) + self.epsilon
            } else {
                1.0
            };
            for (output, x) in output[first..len].iter_mut().step_by(step).zip(column()) {
                *output = (x - mean) / divisor;
            }
        }
    }
}

/// [`Normalize::apply`].
#[inline]
pub fn normalize(p: &Normalize, inputs: &[&[i8]], outputs: &mut [&mut [i8]]) {
    let ([rows], [output]) = (inputs, outputs) else { wrong_operands() };
    p.apply(view(rows), view_mut(output));
}

#[cfg(test)]
mod tests {
    use super::Normalize;

    const ROWS: [f32; 4] = [1.0, 10.0, 3.0, 10.0];

    #[test]
    fn each_column_or_all_together() {
        let (p, mut output) =
            (Normalize { rows: 2, columns: 2, together: false, variance: true, epsilon: 1.0 }, [0.0; 4]);
        p.apply(&ROWS, &mut output);
        assert_eq!(output, [-0.5, 0.0, 0.5, 0.0]);
        Normalize { together: true, variance: false, ..p }.apply(&ROWS, &mut output);
        assert_eq!(output, [-5.0, 4.0, -3.0, 4.0]);
    }
}
