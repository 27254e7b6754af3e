//! `SignalFramer`: overlapping frames of a stream.

use super::{counted, oldest, remember};
use crate::bytes::{view, view_mut, wrong_operands};

/// Frames of int16 streams. Operands: samples, some steps at once; frames, whether they are complete (bool), state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Framer {
    /// Streams beside each other.
    pub rows: usize,
    /// Frames of each stream that come at once.
    pub frames: usize,
    /// Samples of a frame.
    pub size: usize,
    /// Samples from the start of one frame to that of the next; not 0.
    pub step: usize,
    /// Whether zeros come before the first sample, so that the first frame is complete; then `step` is at most `size`.
    pub prefill: bool,
}

impl Framer {
    /// Samples of a stream that are kept.
    fn memory(&self) -> usize {
        if self.prefill { self.size - self.step } else { self.missing() * self.step }
    }

    /// Steps before the one that completes the first frame.
    fn missing(&self) -> usize {
        if self.prefill { 0 } else { self.size.div_ceil(self.step) - 1 }
    }

    /// Bytes of state: how many steps have come, then samples.
    pub fn state_bytes(&self) -> usize {
        size_of::<u32>() + self.rows * self.memory() * size_of::<i16>()
    }

    /// Cuts frames. Those that are not complete yet are zeros; returns whether all are complete. A frame ends with the step
    /// that completes it where `size` is a multiple of `step`, else somewhat earlier, unless the stream was prefilled.
    pub fn apply(&self, input: &[i16], output: &mut [i16], state: &mut [i8]) -> bool {
        let (steps, memory) = counted(state);
        let first = self.missing().saturating_sub(*steps as usize);
        *steps = (*steps as usize + self.frames).min(self.missing()) as u32;
        for row in 0..self.rows {
            let memory = &mut memory[row * self.memory()..][..self.memory()];
            for frame in 0..self.frames {
                let at = row * self.frames + frame;
                let (new, out) = (&input[at * self.step..][..self.step], &mut output[at * self.size..][..self.size]);
                if frame < first {
                    out.fill(0)
                } else {
                    oldest(memory, new, out)
                }
                remember(memory, new);
            }
        }
        first == 0
    }
}

/// [`Framer::apply`].
#[inline]
pub fn framer(p: &Framer, inputs: &[&[i8]], outputs: &mut [&mut [i8]]) {
    let ([input], [output, complete, state]) = (inputs, outputs) else { wrong_operands() };
    complete[0] = i8::from(p.apply(view(input), view_mut(output), state));
}

#[cfg(test)]
mod tests {
    use super::Framer;
    use crate::bytes::words_as_i8_mut;

    fn stream<const N: usize>(p: Framer, times: usize) -> [(bool, [i16; N]); 4] {
        let (mut state, mut sample) = ([0; 8], 0);
        let mut found = [(false, [-1; N]); 4];
        for (complete, frames) in &mut found[..times] {
            let input: [i16; 8] = core::array::from_fn(|at| sample + at as i16 + 1);
            let len = p.frames * p.step;
            sample += len as i16;
            let state = &mut words_as_i8_mut(&mut state)[..p.state_bytes()];
            *complete = p.apply(&input[..len], frames, state);
        }
        found
    }

    #[test]
    fn frames_overlap() {
        let p = Framer { rows: 1, frames: 1, size: 4, step: 2, prefill: false };
        assert_eq!(stream(p, 3)[..3], [(false, [0; 4]), (true, [1, 2, 3, 4]), (true, [3, 4, 5, 6])]);
        let p = Framer { prefill: true, ..p };
        assert_eq!(stream(p, 2)[..2], [(true, [0, 0, 1, 2]), (true, [1, 2, 3, 4])]);
    }

    #[test]
    fn a_frame_that_is_no_multiple_of_steps_ends_early() {
        let p = Framer { rows: 1, frames: 1, size: 5, step: 2, prefill: false };
        assert_eq!(stream(p, 4)[2..], [(true, [1, 2, 3, 4, 5]), (true, [3, 4, 5, 6, 7])]);
        let p = Framer { prefill: true, ..p };
        assert_eq!(stream(p, 3)[..3], [(true, [0, 0, 0, 1, 2]), (true, [0, 1, 2, 3, 4]), (true, [2, 3, 4, 5, 6])]);
    }

    #[test]
    fn several_frames_at_once() {
        let p = Framer { rows: 1, frames: 2, size: 3, step: 1, prefill: false };
        assert_eq!(stream(p, 3)[..3], [(false, [0; 6]), (true, [1, 2, 3, 2, 3, 4]), (true, [3, 4, 5, 4, 5, 6])]);
        let p = Framer { rows: 1, frames: 2, size: 2, step: 3, prefill: false };
        assert_eq!(stream(p, 1)[0], (true, [1, 2, 4, 5]), "steps larger than frames");
    }
}
