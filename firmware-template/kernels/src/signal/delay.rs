//! `SignalDelay`: a stream of samples, later.

use super::{oldest, remember};
use crate::bytes::{view, view_mut, wrong_operands};

/// A delay of int16 streams. Operands: samples; samples, state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Delay {
    /// Streams beside each other.
    pub rows: usize,
    /// Samples of each stream that come at once.
    pub len: usize,
    /// Samples by which they come later; not 0.
    pub delay: usize,
}

impl Delay {
    /// Bytes of the samples that are kept.
    pub fn state_bytes(&self) -> usize {
        self.rows * self.delay * size_of::<i16>()
    }

    /// Gives the samples that came `delay` samples ago, zeros at first.
    pub fn apply(&self, input: &[i16], output: &mut [i16], state: &mut [i16]) {
        let len = self.rows * self.len;
        let rows = input[..len].chunks_exact(self.len).zip(output[..len].chunks_exact_mut(self.len));
        for ((input, output), memory) in rows.zip(state.chunks_exact_mut(self.delay)) {
            oldest(memory, input, output);
            remember(memory, input);
        }
    }
}

/// [`Delay::apply`].
#[inline]
pub fn delay(p: &Delay, inputs: &[&[i8]], outputs: &mut [&mut [i8]]) {
    let ([input], [output, state]) = (inputs, outputs) else { wrong_operands() };
    p.apply(view(input), view_mut(output), view_mut(state));
}

#[cfg(test)]
mod tests {
    use super::Delay;

    #[test]
    fn samples_come_later() {
        for delay in 1..8 {
            let p = Delay { rows: 2, len: 3, delay };
            let (mut state, mut output) = ([0; 16], [0; 6]);
            for frame in 0..6_i16 {
                let sample = |row: i16, at: i16| 100 * row + 3 * frame + at + 1;
                let input = [0, 1, 2, 3, 4, 5].map(|at| sample(at / 3, at % 3));
                p.apply(&input, &mut output, &mut state[..2 * delay]);
                for (at, &found) in (0_i16..).zip(&output) {
                    let time = 3 * frame + at % 3 - delay as i16;
                    assert_eq!(found, if time < 0 { 0 } else { 100 * (at / 3) + time + 1 });
                }
            }
        }
    }
}
