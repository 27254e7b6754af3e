//! Pre-emphasis: high frequencies raised, as `y[n] = x[n] - a x[n-1]`.

use kernels::{view, view_mut, wrong_operands};

/// Pre-emphasis of int16 frames. Operands: samples; emphasized samples (float32), state (one float32). A sample of 32768 would
/// be 1.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct PreEmphasis {
    /// Samples of a frame, at least 1.
    pub len: usize,
    /// `a`.
    pub coefficient: f32,
    /// Which sample of a frame comes before the next frame's first one, so that the whole stream is emphasized; before the
    /// stream there is silence. `None`: each frame by itself, whose first sample stands before itself, too.
    pub before: Option<usize>,
}

impl PreEmphasis {
    /// Bytes of state: the sample before the frame.
    pub fn state_bytes(&self) -> usize {
        size_of::<f32>()
    }

    /// Emphasizes a frame; `state` is the sample before it.
    #[inline]
    pub fn apply(&self, samples: &[i16], emphasized: &mut [f32], state: &mut f32) {
        let real = |sample: i16| f32::from(sample) * (1.0 / 32768.0);
        let samples = &samples[..self.len];
        let mut before = if self.before.is_some() { *state } else { real(samples[0]) };
        for (output, &sample) in emphasized.iter_mut().zip(samples) {
            let sample = real(sample);
            *output = sample - self.coefficient * before;
            before = sample;
        }
        if let Some(last) = self.before {
            *state = real(samples[last]);
        }
    }
}

/// [`PreEmphasis::apply`].
#[inline]
pub fn pre_emphasis(p: &PreEmphasis, inputs: &[&[i8]], outputs: &mut [&mut [i8]]) {
    let ([samples], [emphasized, state]) = (inputs, outputs) else { wrong_operands() };
    let [state] = view_mut::<f32>(state) else { wrong_operands() };
    p.apply(view(samples), view_mut(emphasized), state);
}

#[cfg(test)]
mod tests {
    use super::PreEmphasis;

    const ONE: i16 = 16384;

    #[test]
    fn overlapping_frames_are_parts_of_one_emphasized_stream() {
        let p = PreEmphasis { len: 3, coefficient: 0.5, before: Some(1) };
        let (mut frame, mut state) = ([0.0; 3], 0.0);
        p.apply(&[ONE, -ONE, 0], &mut frame, &mut state);
        assert_eq!(frame, [0.5, -0.75, 0.25]);
        // The stream goes on two samples later: before the 0 stands -ONE.
        p.apply(&[0, ONE, ONE], &mut frame, &mut state);
        assert_eq!((frame, state), ([0.25, 0.5, 0.25], 0.5));
    }

    #[test]
    fn a_frame_by_itself_begins_with_its_own_first_sample() {
        let p = PreEmphasis { len: 2, coefficient: 0.5, before: None };
        let (mut frame, mut state) = ([0.0; 2], 0.0);
        p.apply(&[ONE, ONE], &mut frame, &mut state);
        p.apply(&[ONE, i16::MIN], &mut frame, &mut state);
        assert_eq!((frame, state), ([0.25, -1.25], 0.0));
    }
}
