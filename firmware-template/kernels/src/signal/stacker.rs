//! `SignalStacker`: each frame of features with those before and after it.

use super::counted;
use crate::bytes::{view, view_mut, wrong_operands};

/// Stacks of frames of int16. Operands: a frame; a stack, whether there is one (bool), state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Stacker {
    /// Elements of a frame.
    pub channels: usize,
    /// Frames of a stack before the one that it is about; at the beginning the first frame stands for them.
    pub left: usize,
    /// Frames of a stack after it.
    pub right: usize,
    /// Frames from one stack to the next, from 1 to `left + right + 1`.
    pub step: usize,
}

impl Stacker {
    /// Elements of a stack.
    pub fn len(&self) -> usize {
        (self.left + self.right + 1) * self.channels
    }

    /// No stack is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes of state: how many frames are there, with one more from the first frame on, then the frames.
    pub fn state_bytes(&self) -> usize {
        size_of::<u32>() + self.len() * size_of::<i16>()
    }

    /// Takes a frame. Returns whether it completes a stack, which is zeros where it does not.
    pub fn apply(&self, input: &[i16], output: &mut [i16], state: &mut [i8]) -> bool {
        let (count, memory) = counted(state);
        let input = &input[..self.channels];
        let times = if *count == 0 { self.left + 1 } else { 1 };
        let mut frames = count.saturating_sub(1) as usize;
        for _ in 0..times {
            memory[frames * self.channels..][..self.channels].copy_from_slice(input);
            frames += 1;
        }
        let complete = frames * self.channels == self.len();
        let output = &mut output[..self.len()];
        if complete {
            output.copy_from_slice(&memory[..self.len()]);
            memory.copy_within(self.step * self.channels..self.len(), 0);
            frames -= self.step;
        } else {
            output.fill(0);
        }
        *count = frames as u32 + 1;
        complete
    }
}

/// [`Stacker::apply`].
#[inline]
pub fn stacker(p: &Stacker, inputs: &[&[i8]], outputs: &mut [&mut [i8]]) {
    let ([input], [output, complete, state]) = (inputs, outputs) else { wrong_operands() };
    complete[0] = i8::from(p.apply(view(input), view_mut(output), state));
}

#[cfg(test)]
mod tests {
    use super::Stacker;
    use crate::bytes::words_as_i8_mut;

    fn stacks<const N: usize, const T: usize>(p: Stacker) -> [(bool, [i16; N]); T] {
        let mut state = [0; 8];
        core::array::from_fn(|time| {
            let mut output = [-1; N];
            let input = [10 * time as i16 + 1, 10 * time as i16 + 2];
            let complete = p.apply(&input, &mut output, &mut words_as_i8_mut(&mut state)[..p.state_bytes()]);
            (complete, output)
        })
    }

    #[test]
    fn the_first_frame_stands_for_those_before() {
        let p = Stacker { channels: 2, left: 1, right: 1, step: 1 };
        assert_eq!(stacks(p), [(false, [0; 6]), (true, [1, 2, 1, 2, 11, 12]), (true, [1, 2, 11, 12, 21, 22])],);
    }

    #[test]
    fn steps_leave_frames_out() {
        let p = Stacker { channels: 2, left: 1, right: 0, step: 2 };
        assert_eq!(stacks(p), [(true, [1, 2, 1, 2]), (false, [0; 4]), (true, [11, 12, 21, 22]), (false, [0; 4])],);
        let p = Stacker { channels: 2, left: 0, right: 0, step: 1 };
        assert_eq!(stacks(p), [(true, [1, 2]), (true, [11, 12])]);
    }
}
