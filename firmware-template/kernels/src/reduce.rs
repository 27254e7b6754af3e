//! A tensor folded along some of its dimensions: SUM, MEAN, REDUCE_MAX, REDUCE_MIN and REDUCE_ALL.
//!
//! Elements are folded in the order in which they lie, which for float32 is part of the result.

use crate::Requant;
use crate::arithmetic::settled;
use crate::bytes::{Element, view, view_mut, wrong_operands};

/// A dimension, or adjacent ones that are all kept or all folded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Along {
    /// Number of elements.
    pub count: usize,
    /// Elements of the input from one to the next.
    pub step: usize,
}

/// What elements are folded to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Fold {
    /// Their sum. int8 and int16 need a rescale.
    Sum,
    /// Their sum divided by their number. int8 and int16 with a rescale have the division in its factor; without, the
    /// quotient is rounded towards zero.
    Mean,
    /// The largest.
    Max,
    /// The smallest.
    Min,
    /// Whether none is zero.
    All,
}

/// How the sum of quantized elements becomes an output element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct SumScale {
    /// Subtracted from the sum: the input's zero point times the number of elements.
    pub offset: i32,
    /// Factor to the output's scale.
    pub requant: Requant,
    /// The output's zero point.
    pub output_offset: i32,
}

/// Sum and mean of int8, int16 and float32; maximum and minimum of int8 and float32; all of bool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Reduce {
    /// Type of input and output.
    pub element: Element,
    /// What is computed.
    pub fold: Fold,
    /// Dimensions of the output, the innermost last.
    pub kept: [Along; 3],
    /// Dimensions that are folded, the innermost last.
    pub folded: [Along; 3],
    /// For quantized sums.
    pub rescale: Option<SumScale>,
}

/// Every output element is the fold of the input elements that differ in the folded dimensions only.
#[inline]
pub fn reduce(p: &Reduce, inputs: &[&[i8]], outputs: &mut [&mut [i8]]) {
    let ([input], [output]) = (inputs, outputs) else { wrong_operands() };
    let count = p.folded.iter().map(|along| along.count).product::<usize>();
    let whole = |sum: i32, min: i32, max: i32| match p.rescale {
        Some(SumScale { offset, requant, output_offset }) => {
            requant.apply(sum.wrapping_sub(offset)).wrapping_add(output_offset).max(min).min(max)
        }
        None => sum.wrapping_div(count as i32),
    };
    match (p.element, p.fold) {
        (Element::I8, Fold::Sum | Fold::Mean) => {
            let add = |sum: i32, value: i8| sum.wrapping_add(i32::from(value));
            let last = |sum| whole(sum, -128, 127) as i8;
            each(p, view::<i8>(input), view_mut::<i8>(output), 0, add, last);
        }
        (Element::I16, Fold::Sum | Fold::Mean) => {
            let add = |sum: i32, value: i16| sum.wrapping_add(i32::from(value));
            let last = |sum| whole(sum, -32_768, 32_767) as i16;
            each(p, view::<i16>(input), view_mut::<i16>(output), 0, add, last);
        }
        (Element::F32, Fold::Sum) => each(p, view(input), view_mut(output), 0.0, |a: f32, b: f32| a + b, settled),
        (Element::F32, Fold::Mean) => {
            each(p, view(input), view_mut(output), 0.0, |a: f32, b: f32| a + b, |sum| settled(sum / count as f32));
        }
        (Element::I8, Fold::Max) => each(p, input, output, i8::MIN, larger, |value| value),
        (Element::I8, Fold::Min) => each(p, input, output, i8::MAX, smaller, |value| value),
        (Element::F32, Fold::Max) => each(p, view(input), view_mut(output), f32::MIN, larger, |value| value),
        (Element::F32, Fold::Min) => each(p, view(input), view_mut(output), f32::MAX, smaller, |value| value),
        (Element::Bool, Fold::All) => each(p, input, output, true, |all, value| all && value != 0, i8::from),
        _ => wrong_operands(),
    }
}

/// LiteRT's maximum: the first of two that do not compare.
fn larger<T: PartialOrd>(current: T, value: T) -> T {
    if value > current { value } else { current }
}

/// LiteRT's minimum: the first of two that do not compare.
fn smaller<T: PartialOrd>(current: T, value: T) -> T {
    if value < current { value } else { current }
}

fn each<T: Copy, A: Copy>(
    p: &Reduce,
    input: &[T],
    output: &mut [T],
    first: A,
    fold: impl Fn(A, T) -> A,
    last: impl Fn(A) -> T,
) {
    let mut at = 0;
    walk(&p.kept, |from| {
        let mut folded = first;
        walk(&p.folded, |further| folded = fold(folded, input[from + further]));
        output[at] = last(folded);
        at += 1;
    });
}

/// Positions along three dimensions, in order.
fn walk([a, b, c]: &[Along; 3], mut visit: impl FnMut(usize)) {
    for i in 0..a.count {
        for j in 0..b.count {
            for k in 0..c.count {
                visit(i * a.step + j * b.step + k * c.step);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Along, Fold, Reduce, SumScale, reduce};
    use crate::Requant;
    use crate::bytes::{Element, view, view_mut, words_as_i8, words_as_i8_mut};

    const ONE: Along = Along { count: 1, step: 0 };
    const HALF: Requant = Requant { multiplier: 1 << 30, shift: 0 };

    /// 2 × 3, folded along the first or the second.
    fn of(element: Element, fold: Fold, first: bool) -> Reduce {
        let (outer, inner) = (Along { count: 2, step: 3 }, Along { count: 3, step: 1 });
        let (kept, folded) = if first { (inner, outer) } else { (outer, inner) };
        Reduce { element, fold, kept: [ONE, ONE, kept], folded: [ONE, ONE, folded], rescale: None }
    }

    #[test]
    fn extremes() {
        let input = [1, -2, 3, -4, 5, -6];
        let mut output = [0; 2];
        reduce(&of(Element::I8, Fold::Max, false), &[&input], &mut [&mut output]);
        assert_eq!(output, [3, 5]);
        let mut output = [0; 3];
        reduce(&of(Element::I8, Fold::Min, true), &[&input], &mut [&mut output]);
        assert_eq!(output, [-4, -2, -6]);
        reduce(&of(Element::Bool, Fold::All, true), &[&[1, 0, 1, 1, 1, 1]], &mut [&mut output]);
        assert_eq!(output, [1, 0, 1]);
    }

    #[test]
    fn means_round_towards_zero_or_by_their_rescale() {
        let input = [1, 1, 3, -1, -1, -3];
        let mut output = [0; 2];
        reduce(&of(Element::I8, Fold::Mean, false), &[&input], &mut [&mut output]);
        assert_eq!(output, [1, -1], "5/3 and -5/3");
        let rescale = Some(SumScale { offset: 3, requant: HALF, output_offset: 100 });
        reduce(&Reduce { rescale, ..of(Element::I8, Fold::Sum, false) }, &[&input], &mut [&mut output]);
        assert_eq!(output, [101, 96]);
        reduce(&Reduce { rescale, ..of(Element::I8, Fold::Sum, false) }, &[&[127; 6]], &mut [&mut output]);
        assert_eq!(output, [127, 127]);
    }

    /// x86 and Arm make different bits of it.
    #[test]
    fn what_is_no_number_has_the_same_bits_everywhere() {
        let (mut input, mut output) = ([0; 3], [0; 1]);
        let values = [f32::INFINITY, f32::NEG_INFINITY, 0.0, 1.0, 2.0, 3.0];
        view_mut::<f32>(words_as_i8_mut(&mut input)).copy_from_slice(&values);
        for fold in [Fold::Sum, Fold::Mean] {
            let p = of(Element::F32, fold, false);
            reduce(&p, &[words_as_i8(&input)], &mut [words_as_i8_mut(&mut output)]);
            assert_eq!(view::<f32>(words_as_i8(&output))[0].to_bits(), f32::NAN.to_bits());
        }
    }

    #[test]
    fn wide_elements() {
        let (mut input, mut output) = ([0; 3], [0; 1]);
        view_mut::<f32>(words_as_i8_mut(&mut input)).copy_from_slice(&[1.0, 2.0, 3.0, -0.5, f32::NAN, 0.5]);
        reduce(&of(Element::F32, Fold::Mean, false), &[words_as_i8(&input)], &mut [words_as_i8_mut(&mut output)]);
        let means = view::<f32>(words_as_i8(&output));
        assert!(means[0] == 2.0 && means[1].is_nan());
        reduce(&of(Element::F32, Fold::Max, false), &[words_as_i8(&input)], &mut [words_as_i8_mut(&mut output)]);
        assert_eq!(view::<f32>(words_as_i8(&output)), [3.0, 0.5], "what does not compare is passed over");
        let mut input = [0; 2];
        view_mut::<i16>(words_as_i8_mut(&mut input))[..6].copy_from_slice(&[300, 301, 302, -300, -301, -303]);
        let (input, output) = (&words_as_i8(&input)[..12], &mut words_as_i8_mut(&mut output)[..4]);
        reduce(&of(Element::I16, Fold::Mean, false), &[input], &mut [output]);
        assert_eq!(view::<i16>(output), [301, -301]);
    }

    #[test]
    fn dimensions_in_turn() {
        let along = |count, step| Along { count, step };
        let p = Reduce {
            kept: [ONE, along(2, 4), along(2, 1)],
            folded: [ONE, along(2, 8), along(2, 2)],
            ..of(Element::I8, Fold::Max, false)
        };
        let input = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];
        let mut output = [0; 4];
        reduce(&p, &[&input], &mut [&mut output]);
        assert_eq!(output, [10, 11, 14, 15]);
    }
}
