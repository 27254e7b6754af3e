//! `SignalEnergy`: squared magnitudes of a spectrum.

use crate::bytes::{view, view_mut, wrong_operands};

/// Energies of a part of a spectrum. Operands: int16 spectrum, real and imaginary parts in turn; uint32 energies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Energy {
    /// First frequency.
    pub start: usize,
    /// Behind the last frequency; not before `start`.
    pub end: usize,
}

impl Energy {
    /// `output[i] = re[i]² + im[i]²` from start to end, and zero elsewhere, where LiteRT Micro writes nothing.
    pub fn apply(&self, spectrum: &[i16], output: &mut [u32]) {
        output[..self.start].fill(0);
        output[self.end..].fill(0);
        let (spectrum, output) = (&spectrum[2 * self.start..2 * self.end], &mut output[self.start..self.end]);
        for (energy, value) in output.iter_mut().zip(spectrum.chunks_exact(2)) {
            // At most 2^31.
            let square = |part: i16| i32::from(part).pow(2) as u32;
            *energy = square(value[0]) + square(value[1]);
        }
    }
}

/// [`Energy::apply`].
#[inline]
pub fn energy(p: &Energy, inputs: &[&[i8]], outputs: &mut [&mut [i8]]) {
    let ([input], [output]) = (inputs, outputs) else { wrong_operands() };
    p.apply(view(input), view_mut(output));
}

#[cfg(test)]
mod tests {
    use super::Energy;

    #[test]
    fn squares_between_start_and_end() {
        let mut output = [7; 4];
        let spectrum = [9, 9, 3, -4, i16::MIN, i16::MIN, 9, 9];
        Energy { start: 1, end: 3 }.apply(&spectrum, &mut output);
        assert_eq!(output, [0, 25, 1 << 31, 0]);
    }
}
