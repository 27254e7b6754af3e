//! `SignalOverlapAdd`: a stream from overlapping frames.

use crate::arithmetic::settled;
use crate::bytes::{Element, view, view_mut, wrong_operands};

/// Sums of overlapping frames of int16 or float32. Operands: frames; samples, state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct OverlapAdd {
    /// Type of the samples.
    pub element: Element,
    /// Streams beside each other.
    pub rows: usize,
    /// Frames of each stream that come at once.
    pub frames: usize,
    /// Samples of a frame.
    pub size: usize,
    /// Samples from the start of one frame to that of the next, at most `size`.
    pub step: usize,
}

impl OverlapAdd {
    /// Bytes of the sums that are not complete.
    pub fn state_bytes(&self) -> usize {
        self.rows * self.size * self.element.bytes()
    }

    /// Adds frames of int16, saturating at every sum.
    pub fn apply(&self, input: &[i16], output: &mut [i16], state: &mut [i16]) {
        self.each(input, output, state, i16::saturating_add);
    }

    /// Adds frames of float32.
    pub fn apply_f32(&self, input: &[f32], output: &mut [f32], state: &mut [f32]) {
        self.each(input, output, state, |sum, sample| settled(sum + sample));
    }

    fn each<T: Copy + Default>(&self, input: &[T], output: &mut [T], state: &mut [T], add: impl Fn(T, T) -> T) {
        for row in 0..self.rows {
            let sums = &mut state[row * self.size..][..self.size];
            for frame in row * self.frames..(row + 1) * self.frames {
                for (sum, &sample) in sums.iter_mut().zip(&input[frame * self.size..][..self.size]) {
                    *sum = add(*sum, sample);
                }
                output[frame * self.step..][..self.step].copy_from_slice(&sums[..self.step]);
                sums.copy_within(self.step.., 0);
                sums[self.size - self.step..].fill(T::default());
            }
        }
    }
}

/// [`OverlapAdd::apply`], or [`OverlapAdd::apply_f32`].
#[inline]
pub fn overlap_add(p: &OverlapAdd, inputs: &[&[i8]], outputs: &mut [&mut [i8]]) {
    let ([input], [output, state]) = (inputs, outputs) else { wrong_operands() };
    match p.element {
        Element::I16 => p.apply(view(input), view_mut(output), view_mut(state)),
        Element::F32 => p.apply_f32(view(input), view_mut(output), view_mut(state)),
        _ => wrong_operands(),
    }
}

#[cfg(test)]
mod tests {
    use super::OverlapAdd;
    use crate::Element;

    #[test]
    fn frames_are_added_where_they_overlap() {
        let p = OverlapAdd { element: Element::I16, rows: 1, frames: 2, size: 3, step: 2 };
        let (mut output, mut state) = ([0; 4], [0; 3]);
        p.apply(&[1, 2, 30_000, 20_000, 4, 5], &mut output, &mut state);
        assert_eq!((output, state), ([1, 2, 32_767, 4], [5, 0, 0]));
        p.apply(&[1; 6], &mut output, &mut state);
        assert_eq!((output, state), ([6, 1, 2, 1], [1, 0, 0]));
    }

    #[test]
    fn real_numbers() {
        let p = OverlapAdd { element: Element::F32, rows: 2, frames: 1, size: 2, step: 1 };
        let (mut output, mut state) = ([0.0; 2], [0.0, 0.5, 0.0, 0.0]);
        p.apply_f32(&[1.0, 2.0, 3.0, 4.0], &mut output, &mut state);
        assert_eq!((output, state), ([1.0, 3.0], [2.5, 0.0, 4.0, 0.0]));
    }
}
