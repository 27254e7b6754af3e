//! From scores to decisions: the best labels, one that is sure enough, and one that is told once.

use kernels::{view, view_mut, wrong_operands};

/// Where there is no label.
const NONE: i32 = -1;

/// The best labels, best first; of equal scores the first one. Operands: scores (float32); labels (int32, positions in the
/// scores, -1 where the score is below `least`), their scores (float32).
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Top {
    /// Scores.
    pub len: usize,
    /// Labels, at most as many.
    pub count: usize,
    /// Scores from which on a label is given.
    pub least: f32,
}

/// One label, or none (-1): the best whose score is at least `on`. It stays until its score falls below `off`, or until
/// another one has a better score of at least `on`. Operands: scores (float32); label (int32), its score (float32; the best
/// one where there is no label), state (the label, counted from 1).
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Threshold {
    /// Scores.
    pub len: usize,
    /// A label begins with such a score.
    pub on: f32,
    /// It ends below such a score; not above `on`.
    pub off: f32,
}

/// A label that is told once: for so many inferences after it was told, the same label is none (-1). Another one is told at
/// once. Operands: label (int32); label (int32), state (the label that was told last, counted from 1, and for how many
/// inferences it is not told again).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Suppress {
    /// Inferences.
    pub inferences: u32,
}

/// What is no number is less than all numbers.
fn ranked(score: f32) -> f32 {
    if score.is_nan() { f32::MIN } else { score.clamp(f32::MIN, f32::MAX) }
}

/// The best of the scores that come behind `before` in the ranking.
fn best(scores: &[f32], before: Option<(usize, f32)>) -> Option<(usize, f32)> {
    let behind =
        |at: usize, score: f32| before.is_none_or(|(last, limit)| score < limit || (score == limit && at > last));
    let ranking = scores.iter().map(|&score| ranked(score)).enumerate().filter(|&(at, score)| behind(at, score));
    ranking.reduce(|best, next| if next.1 > best.1 { next } else { best })
}

fn label(at: usize) -> i32 {
    i32::try_from(at).unwrap_or(NONE)
}

impl Top {
    /// Writes labels and scores.
    #[inline]
    pub fn apply(&self, scores: &[f32], labels: &mut [i32], values: &mut [f32]) {
        let mut last = None;
        for (place, value) in labels.iter_mut().zip(values).take(self.count) {
            last = best(&scores[..self.len], last);
            let (at, score) = last.unwrap_or((0, f32::MIN));
            *place = if score >= self.least { label(at) } else { NONE };
            *value = score;
        }
    }
}

impl Threshold {
    /// The label and its score. `held` is the label that was given last, counted from 1; 0 where there was none.
    #[inline]
    pub fn apply(&self, scores: &[f32], held: &mut u32) -> (i32, f32) {
        let scores = &scores[..self.len];
        let (at, score) = best(scores, None).unwrap_or((0, f32::MIN));
        let kept = (*held as usize).checked_sub(1).and_then(|at| Some((at, ranked(*scores.get(at)?))));
        let kept = kept.filter(|&(_, kept)| kept >= self.off && !(score >= self.on && score > kept));
        let decision = kept.or((score >= self.on).then_some((at, score)));
        *held = decision.map_or(0, |(at, _)| at as u32 + 1);
        decision.map_or((NONE, score), |(at, score)| (label(at), score))
    }
}

impl Suppress {
    /// Bytes of state.
    pub const STATE_BYTES: usize = 2 * size_of::<u32>();

    /// The label where it is told, else -1.
    #[inline]
    pub fn apply(&self, label: i32, told: &mut u32, quiet: &mut u32) -> i32 {
        // No label counts as 0.
        let counted = label.wrapping_add(1).cast_unsigned();
        if label >= 0 && (counted != *told || *quiet == 0) {
            (*told, *quiet) = (counted, self.inferences);
            return label;
        }
        *quiet = quiet.saturating_sub(1);
        NONE
    }
}

/// [`Top::apply`].
#[inline]
pub fn top(p: &Top, inputs: &[&[i8]], outputs: &mut [&mut [i8]]) {
    let ([scores], [labels, values]) = (inputs, outputs) else { wrong_operands() };
    p.apply(view(scores), view_mut(labels), view_mut(values));
}

/// [`Threshold::apply`].
#[inline]
pub fn threshold(p: &Threshold, inputs: &[&[i8]], outputs: &mut [&mut [i8]]) {
    let ([scores], [place, value, state]) = (inputs, outputs) else { wrong_operands() };
    let ([place], [value], [held]) = (view_mut::<i32>(place), view_mut::<f32>(value), view_mut::<u32>(state)) else {
        wrong_operands()
    };
    (*place, *value) = p.apply(view(scores), held);
}

/// [`Suppress::apply`].
#[inline]
pub fn suppress(p: &Suppress, inputs: &[&[i8]], outputs: &mut [&mut [i8]]) {
    let ([label], [place, state]) = (inputs, outputs) else { wrong_operands() };
    let ([label], [place], [told, quiet]) = (view::<i32>(label), view_mut::<i32>(place), view_mut::<u32>(state)) else {
        wrong_operands()
    };
    *place = p.apply(*label, told, quiet);
}

#[cfg(test)]
mod tests {
    use super::{Suppress, Threshold, Top};

    #[test]
    fn a_label_is_told_again_after_a_while_and_another_one_at_once() {
        let p = Suppress { inferences: 2 };
        let (mut told, mut quiet) = (0, 0);
        let heard = [-1, 0, 0, 0, 0, -1, 0, 3, 0, -1, -1, 0, i32::MAX, i32::MIN];
        let said = heard.map(|label| p.apply(label, &mut told, &mut quiet));
        assert_eq!(said, [-1, 0, -1, -1, 0, -1, -1, 3, 0, -1, -1, 0, i32::MAX, -1]);
        let always = Suppress { inferences: 0 };
        assert_eq!([5, 5].map(|label| always.apply(label, &mut told, &mut quiet)), [5, 5]);
    }

    #[test]
    fn best_first_and_the_first_of_equals() {
        let (mut labels, mut scores) = ([9; 4], [9.0; 4]);
        let p = Top { len: 5, count: 4, least: 0.2 };
        p.apply(&[0.1, 0.4, f32::NAN, 0.4, 0.3], &mut labels, &mut scores);
        assert_eq!((labels, scores), ([1, 3, 4, -1], [0.4, 0.4, 0.3, 0.1]));
        let p = Top { len: 2, count: 2, least: f32::MIN };
        p.apply(&[f32::NAN, f32::NEG_INFINITY], &mut labels, &mut scores);
        assert_eq!((&labels[..2], scores[..2] == [f32::MIN; 2]), (&[0, 1][..], true));
    }

    #[test]
    fn a_label_stays_until_it_is_unsure_or_beaten() {
        let p = Threshold { len: 2, on: 0.6, off: 0.4 };
        let mut held = 0;
        let mut next = |scores: [f32; 2]| p.apply(&scores, &mut held);
        assert_eq!(next([0.5, 0.3]), (-1, 0.5));
        assert_eq!(next([0.6, 0.3]), (0, 0.6));
        assert_eq!(next([0.4, 0.5]), (0, 0.4), "another one is better, but not sure");
        assert_eq!(next([0.5, 0.7]), (1, 0.7));
        assert_eq!(next([0.7, 0.7]), (1, 0.7), "not beaten");
        assert_eq!(next([0.5, 0.3]), (-1, 0.5), "above `off`, but was not held");
        assert_eq!(next([0.5, f32::NAN]), (-1, 0.5));
    }
}
