//! SVDF: int8 with a state of int8 or int16, and float32. The state lives from one inference to the next.

use crate::arithmetic::settled;
use crate::bytes::{Element, view, view_mut, wrong_operands};
use crate::{Activation, Requant};

/// Sizes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct SvdfSizes {
    /// Rows of input and output.
    pub batches: usize,
    /// Elements of an input row.
    pub depth: usize,
    /// Elements of an output row.
    pub units: usize,
    /// Filters a unit.
    pub rank: usize,
    /// Elements of state a filter, the newest last.
    pub memory: usize,
}

/// SVDF of int8. Operands: input, feature weights, time weights, bias (int32) where there is one; output, state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Svdf {
    /// Type of state and time weights: int8 or int16.
    pub state: Element,
    /// Sizes.
    pub sizes: SvdfSizes,
    /// Added to every input element: minus the input's zero point.
    pub input_offset: i32,
    /// Factor to the state's scale.
    pub feature: Requant,
    /// The state's zero point.
    pub state_offset: i32,
    /// Factor from the state's scale to the output's.
    pub time: Requant,
    /// The output's zero point.
    pub output_offset: i32,
    /// Bounds of the output.
    pub activation: Activation,
}

/// SVDF of float32. Operands: input, feature weights, time weights, bias where there is one; output, state.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct SvdfF32 {
    /// Sizes.
    pub sizes: SvdfSizes,
    /// Smallest output value, which also stands for what is no number; minus infinity where there is none.
    pub min: f32,
    /// Largest output value; infinity where there is none.
    pub max: f32,
}

/// A step in time: the state moves on by one, the newest features are computed, and the output from all of them.
#[inline]
pub fn svdf(p: &Svdf, inputs: &[&[i8]], outputs: &mut [&mut [i8]]) {
    let (input, feature, time, bias) = match *inputs {
        [input, feature, time] => (input, feature, time, &[][..]),
        [input, feature, time, bias] => (input, feature, time, view::<i32>(bias)),
        _ => wrong_operands(),
    };
    let [output, state] = outputs else { wrong_operands() };
    let newest = |sum: i32, min: i32, max: i32| p.feature.apply(sum).wrapping_add(p.state_offset).max(min).min(max);
    let product =
        |sum: i32, x: i8, w: i8| sum.wrapping_add(i32::from(w).wrapping_mul(i32::from(x).wrapping_add(p.input_offset)));
    let last = |sum: i32| p.activation.clamp(p.time.apply(sum).wrapping_add(p.output_offset));
    let weighed = |state: i32, w: i32| w.wrapping_mul(state.wrapping_sub(p.state_offset));
    match p.state {
        Element::I8 => {
            let (state, time) = (view_mut::<i8>(state), view::<i8>(time));
            step(&p.sizes, input, feature, state, product, |sum| newest(sum, -128, 127) as i8);
            let weigh = |sum: i32, state: i8, w: i8| sum.wrapping_add(weighed(i32::from(state), i32::from(w)));
            respond(&p.sizes, state, time, bias, output, weigh, i32::wrapping_add, last);
        }
        Element::I16 => {
            let (state, time) = (view_mut::<i16>(state), view::<i16>(time));
            step(&p.sizes, input, feature, state, product, |sum| newest(sum, -32_768, 32_767) as i16);
            let weigh = |sum: i32, state: i16, w: i16| sum.wrapping_add(weighed(i32::from(state), i32::from(w)));
            respond(&p.sizes, state, time, bias, output, weigh, i32::wrapping_add, last);
        }
        _ => wrong_operands(),
    }
}

/// A step in time, in LiteRT's order.
#[inline]
pub fn svdf_f32(p: &SvdfF32, inputs: &[&[i8]], outputs: &mut [&mut [i8]]) {
    let (input, feature, time, bias) = match *inputs {
        [input, feature, time] => (input, feature, time, &[][..]),
        [input, feature, time, bias] => (input, feature, time, view::<f32>(bias)),
        _ => wrong_operands(),
    };
    let [output, state] = outputs else { wrong_operands() };
    let (output, state) = (view_mut::<f32>(output), view_mut::<f32>(state));
    let product = |sum: f32, a: f32, b: f32| sum + a * b;
    step(&p.sizes, view::<f32>(input), view::<f32>(feature), state, product, settled);
    respond(
        &p.sizes,
        state,
        view::<f32>(time),
        bias,
        output,
        product,
        |a, b| a + b,
        |sum: f32| {
            let sum = if p.max < sum { p.max } else { sum };
            settled(if p.min < sum || p.min == f32::NEG_INFINITY { sum } else { p.min })
        },
    );
}

/// Moves the whole state on by one element, then puts each filter's newest feature last.
fn step<X: Copy, S: Copy, A: Default>(
    p: &SvdfSizes,
    input: &[X],
    feature: &[X],
    state: &mut [S],
    add: impl Fn(A, X, X) -> A,
    newest: impl Fn(A) -> S,
) {
    let filters = p.units * p.rank;
    state.copy_within(1.., 0);
    for (at, memory) in state[..p.batches * filters * p.memory].chunks_exact_mut(p.memory).enumerate() {
        let row = &input[at / filters * p.depth..][..p.depth];
        let weights = &feature[at % filters * p.depth..][..p.depth];
        memory[p.memory - 1] = newest(row.iter().zip(weights).fold(A::default(), |sum, (&x, &w)| add(sum, x, w)));
    }
}

/// Each output element: its bias and the weighed memories of its filters.
#[expect(clippy::too_many_arguments, reason = "the arithmetic of each type comes as functions")]
fn respond<S: Copy, Y, A: Copy + Default>(
    p: &SvdfSizes,
    state: &[S],
    time: &[S],
    bias: &[A],
    output: &mut [Y],
    add: impl Fn(A, S, S) -> A,
    join: impl Fn(A, A) -> A,
    last: impl Fn(A) -> Y,
) {
    let filter = p.rank * p.memory;
    for (at, place) in output[..p.batches * p.units].iter_mut().enumerate() {
        let unit = at % p.units;
        let memories = state[at * filter..][..filter].chunks_exact(p.memory);
        let weights = time[unit * filter..][..filter].chunks_exact(p.memory);
        let start = bias.get(unit).copied().unwrap_or_default();
        *place = last(memories.zip(weights).fold(start, |sum, (memory, weights)| {
            join(sum, memory.iter().zip(weights).fold(A::default(), |sum, (&state, &w)| add(sum, state, w)))
        }));
    }
}

#[cfg(test)]
mod tests {
    use super::{Svdf, SvdfF32, SvdfSizes, svdf, svdf_f32};
    use crate::bytes::{Element, view, view_mut, words_as_i8, words_as_i8_mut};
    use crate::{Activation, Requant};

    const SIZES: SvdfSizes = SvdfSizes { batches: 1, depth: 2, units: 1, rank: 2, memory: 2 };

    #[test]
    fn the_state_moves_on() {
        let one = Requant { multiplier: 1 << 30, shift: 1 };
        let p = Svdf {
            state: Element::I8,
            sizes: SIZES,
            input_offset: 1,
            feature: one,
            state_offset: 0,
            time: one,
            output_offset: 5,
            activation: Activation { min: -128, max: 127 },
        };
        let (mut output, mut state, bias) = ([0], [0; 4], [100]);
        let mut run = |input: [i8; 2]| {
            let inputs: [&[i8]; 4] = [&input, &[1, 2, 3, 4], &[1, 10, 2, 20], &words_as_i8(&bias)[..4]];
            svdf(&p, &inputs, &mut [&mut output, &mut state]);
            (output[0], state)
        };
        // Features 1*1 + 0*2 and 1*3 + 0*4, weighed 10 and 20.
        assert_eq!(run([0, -1]), (127, [0, 1, 0, 3]));
        assert_eq!(run([-1, -1]), (112, [1, 0, 3, 0]), "100 + 1*1 + 3*2 + 5");
    }

    #[test]
    fn real_numbers() {
        let (mut input, mut feature, mut time) = ([0; 1], [0; 2], [0; 2]);
        view_mut::<f32>(words_as_i8_mut(&mut input)).copy_from_slice(&[1.0, 0.5]);
        view_mut::<f32>(words_as_i8_mut(&mut feature)).copy_from_slice(&[1.0, 2.0, 3.0, 4.0]);
        view_mut::<f32>(words_as_i8_mut(&mut time)).copy_from_slice(&[1.0, 10.0, 2.0, 20.0]);
        let p = SvdfF32 { sizes: SIZES, min: 0.0, max: 150.0 };
        let (mut output, mut state) = ([0; 1], [0; 2]);
        for (expected, memory) in [(120.0, [0.0, 2.0, 0.0, 5.0]), (132.0, [2.0, 2.0, 5.0, 5.0])] {
            let inputs = [words_as_i8(&input), words_as_i8(&feature), words_as_i8(&time)];
            let output = &mut words_as_i8_mut(&mut output)[..4];
            svdf_f32(&p, &inputs, &mut [output, words_as_i8_mut(&mut state)]);
            assert_eq!(view::<f32>(output), [expected]);
            assert_eq!(view::<f32>(words_as_i8(&state)), memory);
        }
    }
}
