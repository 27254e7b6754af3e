//! `BasicClassifier`: which classes reach their thresholds.

use crate::bytes::{view, view_mut, wrong_operands};

/// `BasicClassifier`. Operands, int32: scores, classes, thresholds; whether each class is detected (bool), its score (int32).
///
/// A class that is out of range, at which LiteRT Micro ends the inference with an error, stands for the nearest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct BasicClassifier {
    /// Classes that are looked at.
    pub targets: usize,
}

/// Compares the scores of some classes with thresholds.
#[inline]
pub fn basic_classifier(p: &BasicClassifier, inputs: &[&[i8]], outputs: &mut [&mut [i8]]) {
    let ([scores, classes, thresholds], [detected, found]) = (inputs, outputs) else { wrong_operands() };
    let (scores, classes, thresholds) = (view::<i32>(scores), view::<i32>(classes), view::<i32>(thresholds));
    let found = view_mut::<i32>(found);
    for target in 0..p.targets {
        let class = (classes[target].max(0) as usize).min(scores.len() - 1);
        found[target] = scores[class];
        detected[target] = i8::from(scores[class] >= thresholds[target]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bytes::{words_as_i8, words_as_i8_mut};

    #[test]
    fn thresholds_count_as_reached() {
        let pair = |a: i32, b: i32| u64::from(a as u32) | u64::from(b as u32) << 32;
        let (scores, thresholds) = ([pair(-5, 7)], [pair(-5, 8)]);
        let (mut found, mut detected) = ([0; 1], [9; 2]);
        let mut run = |classes: &[u64]| {
            let inputs = [words_as_i8(&scores), words_as_i8(classes), words_as_i8(&thresholds)];
            basic_classifier(
                &BasicClassifier { targets: 2 },
                &inputs,
                &mut [&mut detected, words_as_i8_mut(&mut found)],
            );
            (detected, found)
        };
        assert_eq!(run(&[pair(0, 1)]), ([1, 0], [pair(-5, 7)]));
        assert_eq!(run(&[pair(9, -9)]), ([1, 0], [pair(7, -5)]));
    }
}
