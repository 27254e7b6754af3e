//! Scores over time: means of the latest inferences.

use kernels::{view, view_mut, wrong_operands};

use crate::number::{finite, sum};

/// The mean of the latest inferences; of fewer, until there are so many. Operands: scores (float32); means, state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct MovingAverage {
    /// Scores an inference.
    pub len: usize,
    /// Inferences, at least 1.
    pub over: usize,
}

/// The old mean and a part of what is new: `mean + alpha * (score - mean)`, beginning with the first scores. Operands: scores
/// (float32); means, state.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ExponentialAverage {
    /// Scores an inference.
    pub len: usize,
    /// The part, above 0 and at most 1.
    pub alpha: f32,
}

impl MovingAverage {
    /// Bytes of state: how many inferences there were, then their scores.
    pub const fn state_bytes(&self) -> usize {
        size_of::<u32>() + self.over * self.len * size_of::<f32>()
    }

    /// Sums go from the oldest to the newest, anew for each inference, so that no rounding stays.
    #[inline]
    pub fn apply(&self, scores: &[f32], means: &mut [f32], seen: &mut u32, latest: &mut [f32]) {
        *seen = (*seen + 1).min(self.over as u32);
        latest.copy_within(self.len.., 0);
        let last = latest.len() - self.len;
        for (place, &score) in latest[last..].iter_mut().zip(scores) {
            *place = finite(score);
        }
        let there = &latest[latest.len() - *seen as usize * self.len..];
        for (at, mean) in means[..self.len].iter_mut().enumerate() {
            *mean = finite(sum(there[at..].iter().step_by(self.len).copied()) / *seen as f32);
        }
    }
}

impl ExponentialAverage {
    /// Bytes of state: whether there was an inference, then the means.
    pub const fn state_bytes(&self) -> usize {
        size_of::<u32>() + self.len * size_of::<f32>()
    }

    /// Difference, product and sum are rounded each.
    #[inline]
    pub fn apply(&self, scores: &[f32], means: &mut [f32], begun: &mut u32, kept: &mut [f32]) {
        for ((mean, kept), &score) in means[..self.len].iter_mut().zip(kept).zip(scores) {
            let score = finite(score);
            *kept = if *begun == 0 { score } else { finite(*kept + self.alpha * finite(score - *kept)) };
            *mean = *kept;
        }
        *begun = 1;
    }
}

/// A number at the front of a state, and float32 values behind it.
fn split(state: &mut [i8]) -> (&mut u32, &mut [f32]) {
    let (count, values) = state.split_at_mut(size_of::<u32>());
    let [count] = view_mut::<u32>(count) else { wrong_operands() };
    (count, view_mut(values))
}

/// [`MovingAverage::apply`].
#[inline]
pub fn moving_average(p: &MovingAverage, inputs: &[&[i8]], outputs: &mut [&mut [i8]]) {
    let ([scores], [means, state]) = (inputs, outputs) else { wrong_operands() };
    let (seen, latest) = split(state);
    p.apply(view(scores), view_mut(means), seen, latest);
}

/// [`ExponentialAverage::apply`].
#[inline]
pub fn exponential_average(p: &ExponentialAverage, inputs: &[&[i8]], outputs: &mut [&mut [i8]]) {
    let ([scores], [means, state]) = (inputs, outputs) else { wrong_operands() };
    let (begun, kept) = split(state);
    p.apply(view(scores), view_mut(means), begun, kept);
}

#[cfg(test)]
mod tests {
    use super::{ExponentialAverage, MovingAverage};

    #[test]
    fn the_latest_count() {
        let p = MovingAverage { len: 2, over: 3 };
        assert_eq!(p.state_bytes(), 28);
        let (mut means, mut seen, mut latest) = ([9.0; 2], 0, [0.0; 6]);
        let mut next = |scores: [f32; 2]| {
            p.apply(&scores, &mut means, &mut seen, &mut latest);
            means
        };
        assert_eq!(next([3.0, 0.0]), [3.0, 0.0]);
        assert_eq!(next([6.0, 1.0]), [4.5, 0.5]);
        assert_eq!(next([0.0, 2.0]), [3.0, 1.0]);
        assert_eq!(next([0.0, f32::NAN]), [2.0, 1.0], "the first is gone");
    }

    #[test]
    fn the_old_fade() {
        let p = ExponentialAverage { len: 1, alpha: 0.25 };
        let (mut mean, mut begun, mut kept) = ([9.0], 0, [0.0]);
        let mut next = |score: f32| {
            p.apply(&[score], &mut mean, &mut begun, &mut kept);
            mean[0]
        };
        assert_eq!([1.0, 0.0, 0.0, 1.0].map(&mut next), [1.0, 0.75, 0.5625, 0.671_875]);
        assert_eq!(next(f32::INFINITY), f32::MAX / 4.0);
        assert!(next(f32::NEG_INFINITY).is_finite());
    }
}
