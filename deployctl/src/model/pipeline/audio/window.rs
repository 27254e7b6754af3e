//! Frames of a stream, weighed.

use std::f64::consts::TAU;

use preprocess::{Op, Window};

use super::super::StepOp;
use super::super::builder::{Builder, Value};
use super::super::sound::WindowShape;
use super::super::spec::{Form, Spec, StepSpec, Wrong};
use super::{emphasized, floats, real};
use crate::model::TensorType;

/// Cuts a stream, emphasizes its frames where that was asked for before, and weighs them.
pub(in super::super) fn window(
    builder: &mut Builder,
    value: &Value,
    (shape, symmetric): (WindowShape, bool),
    (size, stride): (usize, usize),
    spec: &Spec,
) -> Result<Value, Wrong> {
    let mut frame = builder.cut(value, size, stride)?;
    if frame.form.dtype != TensorType::Int16 || frame.form.shape.len() != 1 {
        return Err(Wrong::new("a window weighs one channel of int16 samples", "take one channel of sound"));
    }
    if let [StepSpec::PreEmphasis { coefficient, per }, ..] = spec.steps[..] {
        frame = emphasized(builder, &frame, (coefficient, per), (size, stride))?;
    }
    let weights = floats(weights(shape, symmetric, size));
    let table = builder.constant("window/weights", TensorType::Float32, vec![size], &weights);
    let form = Form::plain(TensorType::Float32, vec![size]);
    let float = frame.form.dtype == TensorType::Float32;
    let op = StepOp::Step(Op::Window(Window { len: size, float }));
    Ok(builder.append("window", op, vec![frame.id, table], form, vec![]))
}

/// The weights of a window, computed in 64 bits.
pub(in super::super) fn weights(shape: WindowShape, symmetric: bool, size: usize) -> impl Iterator<Item = f64> {
    let period = if symmetric { size - 1 } else { size }.max(1);
    let cosine = move |at: usize| libm::cos(TAU * real(at) / real(period));
    (0..size).map(move |at| match shape {
        WindowShape::Rectangular => 1.0,
        // What every library has for a single weight.
        _ if size == 1 => 1.0,
        WindowShape::Hann => 0.5 - 0.5 * cosine(at),
        WindowShape::Hamming => 0.54 - 0.46 * cosine(at),
    })
}

#[cfg(test)]
mod tests {
    use super::{WindowShape, weights};

    #[test]
    fn a_periodic_window_is_a_symmetric_one_without_its_last_weight() {
        let window = |symmetric, size| weights(WindowShape::Hann, symmetric, size).collect::<Vec<_>>();
        assert_eq!(window(false, 8)[..], window(true, 9)[..8]);
        assert!((window(false, 8)[4] - 1.0).abs() < 1e-15 && window(true, 9)[8] < 1e-15);
        let edge = weights(WindowShape::Hamming, true, 5).next().unwrap_or_default();
        assert!((edge - 0.08).abs() < 1e-15);
        assert_eq!(window(true, 1), [1.0]);
    }
}
