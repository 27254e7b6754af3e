//! `SignalWindow`: samples times a window.

use crate::bytes::{view, view_mut, wrong_operands};

/// A window of int16 over rows of int16 samples. Operands: samples, window; output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Window {
    /// Rows of samples.
    pub rows: usize,
    /// Samples a row, and elements of the window.
    pub len: usize,
    /// Bits by which products are shifted down, at most 31: 12 where the window's 1.0 is 4096.
    pub shift: u32,
}

impl Window {
    /// `output = input * window >> shift`, rounded down and saturated (LiteRT Micro's `ApplyWindow`).
    pub fn apply(&self, input: &[i16], window: &[i16], output: &mut [i16]) {
        let (len, window) = (self.rows * self.len, &window[..self.len]);
        let rows = input[..len].chunks_exact(self.len).zip(output[..len].chunks_exact_mut(self.len));
        for (input, output) in rows {
            for ((y, &x), &w) in output.iter_mut().zip(input).zip(window) {
                let product = (i32::from(x) * i32::from(w)) >> self.shift;
                *y = product.clamp(i32::from(i16::MIN), i32::from(i16::MAX)) as i16;
            }
        }
    }
}

/// [`Window::apply`].
#[inline]
pub fn window(p: &Window, inputs: &[&[i8]], outputs: &mut [&mut [i8]]) {
    let ([input, window], [output]) = (inputs, outputs) else { wrong_operands() };
    p.apply(view(input), view(window), view_mut(output));
}

#[cfg(test)]
mod tests {
    use super::Window;

    #[test]
    fn rounds_down_and_saturates() {
        let mut output = [0; 4];
        let p = Window { rows: 2, len: 2, shift: 1 };
        p.apply(&[3, -3, i16::MIN, i16::MIN], &[1, i16::MIN], &mut output);
        assert_eq!(output, [1, 32_767, -16_384, 32_767]);
        Window { rows: 2, len: 2, shift: 12 }.apply(&[100, 100, -1, -1], &[4096, 2048], &mut output);
        assert_eq!(output, [100, 50, -1, -1]);
    }
}
