//! `UNIDIRECTIONAL_SEQUENCE_LSTM`: int8 and int16 with int8 weights and a cell state of int16, and float32. Hidden and cell
//! state live from one inference to the next.
//!
//! A unit's four gates depend on the input and on the hidden state before the step alone, so each unit is done in one go, and
//! nothing is kept in between: the new hidden state is the output's row until all units have seen the old one.

use crate::Requant;
use crate::activation::{logistic_of, tanh_of};
use crate::arithmetic::{bound, settled};
use crate::bytes::{Element, view, view_mut, wrong_operands};
use crate::unary::logistic;

/// Sizes and order of a sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct LstmSizes {
    /// Sequences.
    pub batches: usize,
    /// Steps of a sequence.
    pub steps: usize,
    /// Elements of an input.
    pub depth: usize,
    /// Elements of an output, and of either state of a sequence.
    pub units: usize,
    /// The inputs of a step lie together, not those of a sequence.
    pub time_major: bool,
}

/// A gate's factors to steps of 2^-12.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct LstmGate {
    /// For the weighed input.
    pub input: Requant,
    /// Minus the zero point of those weights.
    pub input_offset: i32,
    /// For the weighed hidden state.
    pub hidden: Requant,
    /// Minus the zero point of those weights.
    pub hidden_offset: i32,
}

/// LSTM of int8 or int16. Operands: input; weights of the input, of the hidden state, and biases (int32, or int64 for int16),
/// each for the input, forget, cell and output gate; output, hidden state, cell state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Lstm {
    /// Type of input, output and hidden state.
    pub element: Element,
    /// Sizes.
    pub sizes: LstmSizes,
    /// Minus the input's zero point.
    pub input_offset: i32,
    /// The hidden state's zero point.
    pub hidden_offset: i32,
    /// Input, forget, cell and output gate.
    pub gates: [LstmGate; 4],
    /// Factor of forget gate times cell state to the cell state's scale.
    pub forget: Requant,
    /// Factor of input gate times cell gate to the cell state's scale.
    pub update: Requant,
    /// Factor of output gate times activated cell state to the hidden state's scale.
    pub output: Requant,
    /// Largest magnitude of the cell state.
    pub clip: Option<i16>,
    /// Factor of the cell state to 1/12288, with [`Self::cell_shift`].
    pub cell_multiplier: i32,
    /// Right shift after that multiplication, rounding half up.
    pub cell_shift: i32,
}

/// LSTM of float32. Operands as of [`Lstm`].
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct LstmF32 {
    /// Sizes.
    pub sizes: LstmSizes,
    /// Largest magnitude of the cell state.
    pub clip: Option<f32>,
}

/// All steps of all sequences.
#[inline]
pub fn lstm(p: &Lstm, inputs: &[&[i8]], outputs: &mut [&mut [i8]]) {
    let ([input, operands @ ..], [output, hidden, cell]) = (inputs, outputs) else { wrong_operands() };
    let cell = view_mut::<i16>(cell);
    match p.element {
        Element::I8 => {
            let gate = |gate: usize, unit: usize, x: &[i8], h: &[i8]| {
                let (at, [w, r, bias]) = (&p.gates[gate], gate_operands(operands, gate));
                let start = view::<i32>(bias)[unit];
                let from_input = weigh(start, x, p.input_offset, row(w, unit, x.len()), at.input_offset);
                let from_hidden = weigh(0, h, -p.hidden_offset, row(r, unit, h.len()), at.hidden_offset);
                add(narrow(at.input.apply(from_input)), narrow(at.hidden.apply(from_hidden)))
            };
            let step = |gate: &dyn Fn(usize) -> i16, cell: &mut i16| p.step(gate, cell).clamp(-128, 127) as i8;
            run(&p.sizes, input, output, hidden, cell, gate, step);
        }
        Element::I16 => {
            let gate = |gate: usize, unit: usize, x: &[i16], h: &[i16]| {
                let (at, [w, r, bias]) = (&p.gates[gate], gate_operands(operands, gate));
                let start = view::<i64>(bias)[unit];
                let from_input = weigh_wide(start, x, row(w, unit, x.len()), at.input_offset);
                let from_hidden = weigh_wide(0, h, row(r, unit, h.len()), at.hidden_offset);
                add(narrow(at.input.apply_wide(from_input)), narrow(at.hidden.apply_wide(from_hidden)))
            };
            let step = |gate: &dyn Fn(usize) -> i16, cell: &mut i16| narrow(p.step(gate, cell));
            let (input, output, hidden) = (view::<i16>(input), view_mut::<i16>(output), view_mut::<i16>(hidden));
            run(&p.sizes, input, output, hidden, cell, gate, step);
        }
        _ => wrong_operands(),
    }
}

impl Lstm {
    /// A unit's new cell state, and its hidden state before that is bounded.
    #[inline]
    fn step(&self, gate: &dyn Fn(usize) -> i16, cell: &mut i16) -> i32 {
        let product = |factor: Requant, a: i16, b: i16| factor.apply(i32::from(a) * i32::from(b));
        let [input, forget, fresh, output] = [0, 1, 2, 3].map(|which| {
            let x = 3 * i32::from(gate(which));
            if which == 2 { tanh_of(x) } else { logistic_of(x) }
        });
        let kept = narrow(product(self.forget, forget, *cell));
        let sum = add(kept, narrow(product(self.update, input, fresh)));
        *cell = self.clip.map_or(sum, |clip| sum.min(clip).max(-clip));
        let half = if self.cell_shift > 0 { 1 << (self.cell_shift - 1) } else { 0 };
        let x = i32::from(*cell).wrapping_mul(self.cell_multiplier).wrapping_add(half) >> self.cell_shift;
        product(self.output, tanh_of(x), output).wrapping_add(self.hidden_offset)
    }
}

/// All steps of all sequences, in LiteRT's order.
#[inline]
pub fn lstm_f32(p: &LstmF32, inputs: &[&[i8]], outputs: &mut [&mut [i8]]) {
    let ([input, operands @ ..], [output, hidden, cell]) = (inputs, outputs) else { wrong_operands() };
    let any = |x: f32| bound(x, f32::MIN, f32::MAX);
    let dot = |x: &[f32], w: &[f32]| x.iter().zip(w).fold(0.0, |sum, (x, w)| sum + x * w);
    let gate = |gate: usize, unit: usize, x: &[f32], h: &[f32]| {
        let [w, r, bias] = gate_operands(operands, gate);
        let from_input = any(dot(x, row(view::<f32>(w), unit, x.len())) + view::<f32>(bias)[unit]);
        from_input + any(dot(h, row(view::<f32>(r), unit, h.len())) + 0.0)
    };
    let step = |gate: &dyn Fn(usize) -> f32, cell: &mut f32| {
        let [input, forget, output] = [0, 1, 3].map(|which| logistic(gate(which)));
        let sum = any(forget * *cell) + any(input * libm::tanhf(gate(2)));
        let clipped = p.clip.map_or(sum, |clip| bound(sum, -clip, clip));
        *cell = settled(clipped);
        settled(any(libm::tanhf(clipped) * output))
    };
    let (input, output) = (view::<f32>(input), view_mut::<f32>(output));
    run(&p.sizes, input, output, view_mut::<f32>(hidden), view_mut::<f32>(cell), gate, step);
}

/// Weights of the input, of the hidden state, and bias of a gate.
#[inline]
fn gate_operands<'a>(operands: &[&'a [i8]], gate: usize) -> [&'a [i8]; 3] {
    [operands[gate], operands[4 + gate], operands[8 + gate]]
}

/// Goes through the sequences: `gate` is what a gate's function is applied to, of gate, unit, input and hidden state; `step`
/// gives a unit's hidden state and changes its cell state.
#[inline]
fn run<X: Copy, C: Copy>(
    p: &LstmSizes,
    input: &[X],
    output: &mut [X],
    hidden: &mut [X],
    cell: &mut [C],
    gate: impl Fn(usize, usize, &[X], &[X]) -> C,
    step: impl Fn(&dyn Fn(usize) -> C, &mut C) -> X,
) {
    let states = hidden.chunks_exact_mut(p.units).zip(cell.chunks_exact_mut(p.units));
    for (batch, (hidden, cell)) in states.take(p.batches).enumerate() {
        for time in 0..p.steps {
            let place = if p.time_major { time * p.batches + batch } else { batch * p.steps + time };
            let x = &input[place * p.depth..][..p.depth];
            let out = &mut output[place * p.units..][..p.units];
            for (unit, (out, cell)) in out.iter_mut().zip(&mut *cell).enumerate() {
                *out = step(&|which| gate(which, unit, x, hidden), cell);
            }
            hidden.copy_from_slice(out);
        }
    }
}

#[inline]
fn row<T>(weights: &[T], unit: usize, depth: usize) -> &[T] {
    &weights[unit * depth..][..depth]
}

#[inline]
fn weigh(start: i32, x: &[i8], x_offset: i32, w: &[i8], w_offset: i32) -> i32 {
    crate::requant::dot(start, x, x_offset, w, w_offset)
}

#[inline]
fn weigh_wide(start: i64, x: &[i16], w: &[i8], w_offset: i32) -> i64 {
    let product = |x: i16, w: i8| i64::from(i32::from(x).wrapping_mul(i32::from(w).wrapping_add(w_offset)));
    x.iter().zip(w).fold(start, |sum, (&x, &w)| sum.wrapping_add(product(x, w)))
}

fn narrow(value: i32) -> i16 {
    value.clamp(i32::from(i16::MIN), i32::from(i16::MAX)) as i16
}

fn add(a: i16, b: i16) -> i16 {
    a.saturating_add(b)
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::*;
    use crate::bytes::{words_as_i8, words_as_i8_mut};

    const SIZES: LstmSizes = LstmSizes { batches: 2, steps: 2, depth: 1, units: 1, time_major: false };
    const ONE: Requant = Requant { multiplier: 1 << 30, shift: 1 };
    const GATE: LstmGate = LstmGate { input: ONE, input_offset: 0, hidden: ONE, hidden_offset: 0 };
    const P: Lstm = Lstm {
        element: Element::I8,
        sizes: SIZES,
        input_offset: 0,
        hidden_offset: 3,
        gates: [GATE; 4],
        // 2^-15 × 2^-11 to 2^-11, 2^-30 to 2^-11, and 2^-30 to 2^-7.
        forget: Requant { multiplier: 1 << 30, shift: -14 },
        update: Requant { multiplier: 1 << 30, shift: -18 },
        output: Requant { multiplier: 1 << 30, shift: -22 },
        clip: None,
        cell_multiplier: 6,
        cell_shift: 0,
    };

    /// Hidden and cell state of int8 after two steps of two sequences, and the outputs.
    fn int8(p: &Lstm, input: [i8; 4]) -> ([i8; 4], [i8; 2], [i16; 2]) {
        let (mut output, mut hidden, mut cell) = ([0; 4], [3, 3], [0_u64]);
        let bias = [4096_u64];
        let none = [0_u64];
        let [w, r, b, z] = [&[100][..], &[50], &words_as_i8(&bias)[..4], &words_as_i8(&none)[..4]];
        let operands = [&input[..], w, w, w, w, r, r, r, r, z, b, z, z];
        lstm(p, &operands, &mut [&mut output, &mut hidden, &mut words_as_i8_mut(&mut cell)[..4]]);
        let cell = view::<i16>(words_as_i8(&cell));
        (output, hidden, [cell[0], cell[1]])
    }

    #[test]
    fn quantized_steps_are_near_real_ones() {
        let (output, hidden, cell) = int8(&P, [10, -20, 30, 40]);
        let logistic = |x: f64| 1.0 / (1.0 + (-x).exp());
        for (batch, inputs) in [[10.0, -20.0], [30.0, 40.0]].into_iter().enumerate() {
            let (mut h, mut c) = (0.0_f64, 0.0_f64);
            for (time, x) in inputs.into_iter().enumerate() {
                let gate = (100.0 * x + 50.0 * h * 128.0) / 4096.0;
                c = logistic(gate + 1.0) * c + logistic(gate) * gate.tanh();
                h = logistic(gate) * c.tanh();
                assert!((f64::from(output[batch * 2 + time]) - (h * 128.0 + 3.0)).abs() < 1.0, "{batch} {time}");
                h = (f64::from(output[batch * 2 + time]) - 3.0) / 128.0;
            }
            assert_eq!(hidden[batch], output[batch * 2 + 1]);
            assert!((f64::from(cell[batch]) / 2048.0 - c).abs() < 0.01);
        }
    }

    #[test]
    fn sequences_side_by_side_are_sequences_one_by_one() {
        let p = Lstm { sizes: LstmSizes { time_major: true, ..SIZES }, ..P };
        let ([a, b, c, d], hidden, cell) = int8(&P, [10, -20, 30, 40]);
        assert_eq!(int8(&p, [10, 30, -20, 40]), ([a, c, b, d], hidden, cell));
        let clipped = Lstm { clip: Some(100), ..P };
        assert_eq!(int8(&clipped, [90, 90, -90, -90]).2, [100, -100]);
    }

    #[test]
    fn real_numbers() {
        let p =
            LstmF32 { sizes: LstmSizes { batches: 1, steps: 2, depth: 1, units: 1, time_major: false }, clip: None };
        let words = |a: f32, b: f32| [u64::from(a.to_bits()) | u64::from(b.to_bits()) << 32];
        let (input, w, r, bias) = (words(0.5, -1.0), words(2.0, 0.0), words(-1.0, 0.0), words(0.25, 0.0));
        let [w, r, bias] = [&w, &r, &bias].map(|words| &words_as_i8(words)[..4]);
        let (mut output, mut hidden, mut cell) = ([0_u64], [0_u64], [0_u64]);
        let operands = [words_as_i8(&input), w, w, w, w, r, r, r, r, bias, bias, bias, bias];
        let mut run = |p: &LstmF32, hidden: &mut [u64], cell: &mut [u64]| {
            let [hidden, cell] = [hidden, cell].map(|words| &mut words_as_i8_mut(words)[..4]);
            lstm_f32(p, &operands, &mut [words_as_i8_mut(&mut output), hidden, cell]);
            let output = view::<f32>(words_as_i8(&output));
            [output[0], output[1]]
        };
        let found = run(&p, &mut hidden, &mut cell);
        let (mut h, mut c) = (0.0_f64, 0.0_f64);
        for (time, x) in [0.5, -1.0].into_iter().enumerate() {
            let gate: f64 = 2.0 * x - h + 0.25;
            let logistic = 1.0 / (1.0 + (-gate).exp());
            c = logistic * c + logistic * gate.tanh();
            h = logistic * c.tanh();
            assert!((f64::from(found[time]) - h).abs() < 1e-6);
        }
        assert!((f64::from(view::<f32>(words_as_i8(&cell))[0]) - c).abs() < 1e-6);
        let clip = LstmF32 { clip: Some(0.0625), ..p };
        run(&clip, &mut hidden, &mut cell);
        assert_eq!(view::<f32>(words_as_i8(&cell))[0], -0.0625);
    }
}
