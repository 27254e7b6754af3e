//! Steps of sound: from int16 samples to features, in float32.

use std::f64::consts::TAU;

use preprocess::{Op, Window};

use super::StepOp;
use super::builder::{Builder, Value};
use super::spec::{Form, WindowShape, Wrong};
use crate::model::TensorType;

/// Cuts a stream and weighs its frames.
pub(super) fn window(
    builder: &mut Builder,
    value: &Value,
    shape: WindowShape,
    size: usize,
    stride: usize,
) -> Result<Value, Wrong> {
    let frame = builder.cut(value, size, stride)?;
    if frame.form.dtype != TensorType::Int16 || frame.form.shape.len() != 1 {
        return Err(Wrong::new("a window weighs one channel of int16 samples", "take one channel of sound"));
    }
    let weights = floats(weights(shape, size));
    let table = builder.constant("window/weights", TensorType::Float32, vec![size], &weights);
    let form = Form::plain(TensorType::Float32, vec![size]);
    let op = StepOp::Step(Op::Window(Window { len: size }));
    Ok(builder.append("window", op, vec![frame.id, table], form, vec![]))
}

/// A periodic window of `size` weights, computed in 64 bits.
fn weights(shape: WindowShape, size: usize) -> impl Iterator<Item = f64> {
    #[expect(clippy::cast_precision_loss, reason = "frames are shorter than 2^52")]
    let angle = move |at: usize| TAU * at as f64 / size as f64;
    (0..size).map(move |at| match shape {
        WindowShape::Rectangular => 1.0,
        WindowShape::Hann => 0.5 - 0.5 * libm::cos(angle(at)),
        WindowShape::Hamming => 0.54 - 0.46 * libm::cos(angle(at)),
    })
}

/// Numbers as the bytes of float32.
#[expect(clippy::cast_possible_truncation, reason = "rounding to f32 is what is asked")]
pub(super) fn floats(values: impl Iterator<Item = f64>) -> Vec<u8> {
    values.flat_map(|value| (value as f32).to_le_bytes()).collect()
}
