//! The check `accuracy`: how often labelled vectors come out right on the target.
//!
//! The outputs that are looked at are the host's; they are the target's where `bit_exactness` has passed, and only there does
//! this check say anything.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

use super::evidence::Expectation;
use super::judge::check;
use super::{Check, Quantity, Unit, Verdict};
use crate::manifest::{Accuracy, grouped};
use crate::model::TensorType;

/// What is asked for, of which output.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Scores {
    /// The manifest's words.
    pub asked: Accuracy,
    /// Position of the output in the model.
    pub position: usize,
    /// Type of its elements.
    pub dtype: TensorType,
}

/// Shares of counts are not exact in binary: a margin that is met exactly is met.
const ROUNDING: f64 = 1e-12;
/// 97.5th percentile of the normal distribution: 95 % of it lie between this and its negative.
const Z: f64 = 1.959_963_984_540_054;

/// The Wilson score interval, at 95 %, of a share of `right` in `all`.
///
/// E. B. Wilson, "Probable inference, the law of succession, and statistical inference", 1927: it stays within 0 to 1 and
/// holds for few vectors and for shares near 1, where the usual one does not.
#[expect(clippy::cast_precision_loss, reason = "counts of vectors are far below 2^52")]
pub(super) fn wilson(right: usize, all: usize) -> (f64, f64) {
    if all == 0 {
        return (0.0, 1.0);
    }
    let (n, share) = (all as f64, right as f64 / all as f64);
    let scale = 1.0 + Z * Z / n;
    let centre = (share + Z * Z / (2.0 * n)) / scale;
    let half = Z / scale * (share * (1.0 - share) / n + Z * Z / (4.0 * n * n)).sqrt();
    // At the ends rounding must not leave the true value outside.
    let low = if right == 0 { 0.0 } else { (centre - half).max(0.0) };
    let high = if right == all { 1.0 } else { (centre + half).min(1.0) };
    (low, high)
}

/// Judges the share of labelled vectors that come out right. `exact` says whether the target's outputs are the host's.
pub(super) fn accuracy(scores: Option<&Scores>, expectation: &Expectation, exact: bool) -> Check {
    let base = check("accuracy", "accuracy", Verdict::NotApplicable, "");
    let Some(scores) = scores else {
        return Check { detail: "no `accuracy` is asked for".into(), ..base };
    };
    let base = Check {
        title: format!("accuracy ({})", scores.asked.metric()),
        manifest: Some("gates.accuracy".to_owned()),
        verdict: Verdict::Unknown,
        ..base
    };
    if let Some(reason) = &expectation.blocked {
        return Check { detail: reason.clone(), ..base };
    }
    if !exact {
        let detail =
            "the outputs on the target are not known to be the host's, from which this is computed; see bit-exactness";
        return Check { detail: detail.into(), ..base };
    }
    match counted(scores, expectation) {
        Ok((right, all)) => judged(base, scores, right, all, expectation),
        Err(detail) => Check { detail, ..base },
    }
}

/// How many of the labelled vectors are right, of how many.
fn counted(scores: &Scores, expectation: &Expectation) -> Result<(usize, usize), String> {
    let (mut right, mut all) = (0, 0);
    for (index, vector) in expectation.vectors.iter().enumerate() {
        let Some(label) = vector.label else { continue };
        let bytes = vector.outputs.get(scores.position).ok_or("the model has no such output; see interface")?;
        let values = elements(bytes, scores.dtype).ok_or_else(|| {
            let name = scores.dtype.name();
            format!("scores of type {name} cannot be ordered; `output=` names an output of integers or float32")
        })?;
        let at = usize::try_from(label).ok().filter(|at| *at < values.len()).ok_or_else(|| {
            let classes = values.len();
            format!("the label of vector {index} is {label}, and there are {classes} classes, counted from 0; correct the vectors")
        })?;
        all += 1;
        right += usize::from(rank(&values, at) < scores.asked.top);
    }
    if all == 0 {
        let next = "add an array `label` to the `.npz`, or name a `labels` file beside recordings";
        return Err(format!("no vector has a label ({}); {next}", expectation.source));
    }
    Ok((right, all))
}

/// How many scores come before that at `at`: the larger ones, and of equal ones those before it, as `top 1` has it. What is no
/// number comes last.
fn rank(values: &[f64], at: usize) -> usize {
    let own = values[at];
    if own.is_nan() {
        return values.len();
    }
    let is_before = |(index, value): (usize, &f64)| match value.partial_cmp(&own) {
        Some(Ordering::Greater) => true,
        Some(Ordering::Equal) => index < at,
        _ => false,
    };
    values.iter().enumerate().filter(|(index, value)| is_before((*index, value))).count()
}

/// Elements as numbers, all of which a double holds exactly.
fn elements(bytes: &[i8], dtype: TensorType) -> Option<Vec<f64>> {
    let raw: Vec<u8> = bytes.iter().map(|byte| byte.cast_unsigned()).collect();
    Some(match dtype {
        TensorType::Int8 => bytes.iter().map(|value| f64::from(*value)).collect(),
        TensorType::Uint8 => raw.into_iter().map(f64::from).collect(),
        TensorType::Int16 => raw.as_chunks().0.iter().map(|pair| f64::from(i16::from_le_bytes(*pair))).collect(),
        TensorType::Int32 => raw.as_chunks().0.iter().map(|four| f64::from(i32::from_le_bytes(*four))).collect(),
        TensorType::Float32 => raw.as_chunks().0.iter().map(|four| f64::from(f32::from_le_bytes(*four))).collect(),
        _ => return None,
    })
}

#[expect(clippy::cast_precision_loss, reason = "counts of vectors are far below 2^52")]
fn judged(mut base: Check, scores: &Scores, right: usize, all: usize, expectation: &Expectation) -> Check {
    let (min, required) = (scores.asked.min.0, scores.asked.margin.0);
    let share = right as f64 / all as f64;
    let margin = (share - min) / min;
    let (low, high) = wilson(right, all);
    let ratio = |value| Some(Quantity { value, unit: Unit::Ratio });
    (base.value, base.limit) = (ratio(share), ratio(min));
    (base.margin, base.margin_required) = (Some(margin), Some(required));
    let percent = |value: f64| format!("{:.1} %", value * 100.0);
    let mut detail = format!(
        "{} of {} labelled vectors: {}; 95 % confidence interval {} to {}",
        grouped(right as u64),
        grouped(all as u64),
        percent(share),
        percent(low),
        percent(high)
    );
    let unlabelled = expectation.vectors.len() - all;
    if unlabelled > 0 {
        detail = format!("{detail}; {} vectors have no label", grouped(unlabelled as u64));
    }
    base.verdict = if share < min {
        detail =
            format!("{detail}; the least that is asked for is {}: train, or talk to the limit's owner", percent(min));
        Verdict::Fail
    } else if margin < required - ROUNDING {
        detail = format!("{detail}; closer to the limit than its margin: train, or talk to the limit's owner");
        Verdict::Thin
    } else {
        if low < min {
            detail = format!("{detail}, which reaches below the limit: more vectors would tell");
        }
        Verdict::Pass
    };
    base.detail = detail;
    base
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::evidence::ExpectedVector;
    use crate::manifest::Ratio;

    fn vector(label: Option<i64>, scores: &[i8]) -> ExpectedVector {
        ExpectedVector { label, operators: vec![], hops: vec![], due: vec![], outputs: vec![scores.to_vec()] }
    }

    fn expectation(vectors: Vec<ExpectedVector>) -> Expectation {
        Expectation {
            blocked: None,
            source: "3 vectors of `a.npz`".into(),
            seeded: false,
            steps: 1,
            remarks: vec![],
            vectors,
            recorded: None,
            distinct_outputs: 3,
        }
    }

    fn scores(top: usize, min: f64, margin: f64) -> Scores {
        let asked = Accuracy { top, min: Ratio(min), margin: Ratio(margin), output: None };
        Scores { asked, position: 0, dtype: TensorType::Int8 }
    }

    /// Nine right of ten, and one without a label.
    fn nine_of_ten() -> Expectation {
        let mut vectors = vec![vector(Some(1), &[1, 9, 2]); 9];
        vectors.extend([vector(Some(2), &[1, 9, 2]), vector(None, &[0, 0, 0])]);
        expectation(vectors)
    }

    /// Values of the usual tables, and of R's `binom::binom.confint(..., methods = "wilson")`.
    #[test]
    fn intervals_are_wilsons() {
        for ((right, all), (low, high)) in [
            ((9, 10), (0.595_850, 0.982_124)),
            ((0, 10), (0.0, 0.277_533)),
            ((10, 10), (0.722_467, 1.0)),
            ((50, 100), (0.403_832, 0.596_168)),
        ] {
            let found = wilson(right, all);
            assert!((found.0 - low).abs() < 1e-6 && (found.1 - high).abs() < 1e-6, "{right} of {all}: {found:?}");
        }
    }

    #[test]
    fn a_share_is_judged_with_its_margin() {
        for (min, margin, verdict) in [
            (0.9, 0.0, Verdict::Pass),
            (0.901, 0.0, Verdict::Fail),
            (0.85, 0.05, Verdict::Pass),
            (0.85, 0.06, Verdict::Thin),
        ] {
            let check = accuracy(Some(&scores(1, min, margin)), &nine_of_ten(), true);
            assert_eq!(check.verdict, verdict, "{min} {margin}: {}", check.detail);
            assert_eq!(check.manifest.as_deref(), Some("gates.accuracy"));
            assert_eq!(check.margin, Some((0.9 - min) / min));
        }
        let check = accuracy(Some(&scores(1, 0.9, 0.0)), &nine_of_ten(), true);
        let words =
            "9 of 10 labelled vectors: 90.0 %; 95 % confidence interval 59.6 % to 98.2 %; 1 vectors have no label";
        assert!(check.detail.starts_with(words), "{}", check.detail);
        assert!(check.detail.ends_with("more vectors would tell"), "{}", check.detail);
    }

    #[test]
    fn of_equal_scores_the_first_counts() {
        let three =
            expectation(vec![vector(Some(0), &[5, 5, 1]), vector(Some(1), &[5, 5, 1]), vector(Some(2), &[5, 5, 1])]);
        let share = |top| accuracy(Some(&scores(top, 0.01, 0.0)), &three, true).value.unwrap().value;
        assert_eq!((share(1), share(2), share(3)), (1.0 / 3.0, 2.0 / 3.0, 1.0));
    }

    #[test]
    fn scores_of_other_types_are_ordered_by_their_values() {
        let bytes = |raw: &[u8]| raw.iter().map(|byte| byte.cast_signed()).collect::<Vec<i8>>();
        assert_eq!(elements(&bytes(&[200, 1]), TensorType::Uint8).unwrap(), [200.0, 1.0]);
        assert_eq!(elements(&bytes(&[0xff, 0xff, 1, 0]), TensorType::Int16).unwrap(), [-1.0, 1.0]);
        assert_eq!(elements(&bytes(&0.5_f32.to_le_bytes()), TensorType::Float32).unwrap(), [0.5]);
        assert_eq!(elements(&[1], TensorType::Complex64), None);
        assert_eq!((rank(&[0.5, f64::NAN], 0), rank(&[0.5, f64::NAN], 1)), (0, 2));
    }

    #[test]
    fn what_cannot_be_told_is_unknown_with_a_next_step() {
        let asked = scores(1, 0.9, 0.0);
        let unlabelled = expectation(vec![vector(None, &[1, 2])]);
        let foreign = expectation(vec![vector(Some(2), &[1, 2])]);
        for (found, exact, words) in [
            (&unlabelled, true, "add an array `label`"),
            (&foreign, true, "the label of vector 0 is 2, and there are 2 classes"),
            (&nine_of_ten(), false, "see bit-exactness"),
        ] {
            let check = accuracy(Some(&asked), found, exact);
            assert!(check.verdict == Verdict::Unknown && check.detail.contains(words), "{}", check.detail);
        }
        assert_eq!(accuracy(None, &unlabelled, true).verdict, Verdict::NotApplicable);
    }
}
