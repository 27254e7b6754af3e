//! Overlapping frames of a stream that arrives hop by hop.

use kernels::{view_mut, wrong_operands};

/// Cuts frames. Operands: a hop; a frame, whether it is complete (bool), state. Samples are of any type and may have several
/// channels beside each other: what is cut are bytes.
///
/// The frame that a hop completes ends with it where `size` is a multiple of `step`, else somewhat earlier, so that frames
/// always begin with hops: frame `n` begins with hop `n`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Frame {
    /// Bytes of a frame.
    pub size: usize,
    /// Bytes of a hop, which is the distance from one frame to the next; not 0.
    pub step: usize,
}

impl Frame {
    /// Hops until the first frame is complete, at least 1.
    pub fn hops(&self) -> usize {
        self.size.div_ceil(self.step).max(1)
    }

    /// Bytes that are kept from one hop to the next.
    fn memory(&self) -> usize {
        (self.hops() - 1) * self.step
    }

    /// Bytes of state: how many hops have come, then samples.
    pub fn state_bytes(&self) -> usize {
        size_of::<u32>() + self.memory()
    }

    /// Takes a hop and gives the frame that it completes; returns whether there is one. Else the frame is zeros.
    #[inline]
    pub fn apply(&self, hop: &[i8], frame: &mut [i8], state: &mut [i8]) -> bool {
        let (count, memory) = state.split_at_mut(size_of::<u32>());
        let count = &mut view_mut::<u32>(count)[0];
        let complete = *count as usize + 1 >= self.hops();
        *count = (*count + 1).min(self.hops() as u32);
        if complete {
            let kept = memory.len().min(self.size);
            frame[..kept].copy_from_slice(&memory[..kept]);
            frame[kept..].copy_from_slice(&hop[..self.size - kept]);
        } else {
            frame.fill(0);
        }
        if let Some(stay) = memory.len().checked_sub(self.step) {
            memory.copy_within(self.step.., 0);
            memory[stay..].copy_from_slice(hop);
        }
        complete
    }
}

/// [`Frame::apply`].
#[inline]
pub fn frame(p: &Frame, inputs: &[&[i8]], outputs: &mut [&mut [i8]]) {
    let ([hop], [frame, complete, state]) = (inputs, outputs) else { wrong_operands() };
    complete[0] = i8::from(p.apply(hop, frame, state));
}

#[cfg(test)]
mod tests {
    use kernels::words_as_i8_mut;

    use super::Frame;

    /// The frames of a stream that counts from 1, by hop; `None` where none is complete.
    fn frames<const N: usize>(p: Frame, hops: i8) -> [Option<[i8; N]>; 4] {
        let mut state = [0; 4];
        let mut found = [None; 4];
        for (index, found) in (0..hops).zip(&mut found) {
            let mut hop = [0; 8];
            for (at, sample) in hop[..p.step].iter_mut().enumerate() {
                *sample = index * p.step as i8 + at as i8 + 1;
            }
            let mut frame = [-1; N];
            let state = &mut words_as_i8_mut(&mut state)[..p.state_bytes()];
            *found = p.apply(&hop[..p.step], &mut frame, state).then_some(frame);
        }
        found
    }

    #[test]
    fn frames_overlap_and_begin_with_hops() {
        assert_eq!(frames(Frame { size: 4, step: 2 }, 3), [None, Some([1, 2, 3, 4]), Some([3, 4, 5, 6]), None]);
        assert_eq!(frames(Frame { size: 3, step: 2 }, 3), [None, Some([1, 2, 3]), Some([3, 4, 5]), None]);
        assert_eq!(frames(Frame { size: 5, step: 2 }, 4)[2..], [Some([1, 2, 3, 4, 5]), Some([3, 4, 5, 6, 7])]);
    }

    #[test]
    fn frames_without_overlap() {
        assert_eq!(frames(Frame { size: 2, step: 2 }, 2)[..2], [Some([1, 2]), Some([3, 4])]);
        assert_eq!(frames(Frame { size: 2, step: 3 }, 2)[..2], [Some([1, 2]), Some([4, 5])]);
    }
}
