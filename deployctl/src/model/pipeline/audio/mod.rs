//! Steps of sound: from int16 samples to features, in float32.

use preprocess::{Op, PreEmphasis};

use super::StepOp;
use super::builder::{Builder, Value};
use super::sound::Emphasized;
use super::spec::{Form, Spec, StepSpec, Wrong};
use crate::model::TensorType;

mod features;
mod front_end;
mod mel;
mod spectrum;
mod window;

pub(super) use features::{dct, log, normalize, pcen};
pub(super) use front_end::front_end;
pub(super) use spectrum::{fft, magnitude, mel, power};
pub(super) use window::{weights, window};

/// Checks that pre-emphasis stands where it can; the window behind it, which cuts the frames, has it computed.
pub(super) fn pre_emphasis(value: Value, spec: &Spec) -> Result<Value, Wrong> {
    let times = spec.steps.iter().filter(|step| matches!(step, StepSpec::PreEmphasis { .. })).count();
    match spec.steps[..] {
        [StepSpec::PreEmphasis { .. }, StepSpec::Window { .. }, ..] if times == 1 => Ok(value),
        _ => Err(Wrong::new(
            "pre-emphasis is of samples, before they are weighed",
            "write it once, as the first step, with the `window` behind it",
        )),
    }
}

/// Frames of samples as float32, emphasized.
fn emphasized(
    builder: &mut Builder,
    frame: &Value,
    (coefficient, per): (f32, Emphasized),
    (size, stride): (usize, usize),
) -> Result<Value, Wrong> {
    if per == Emphasized::Stream && stride > size {
        let reason = format!("the sample before a frame is in no frame: they have {size} samples, one every {stride}");
        return Err(Wrong::new(reason, "let frames touch, or write `pre-emphasis … per=\"frame\"`"));
    }
    let p = PreEmphasis { len: size, coefficient, before: (per == Emphasized::Stream).then_some(stride - 1) };
    let state = builder.state("pre-emphasis/before", p.state_bytes());
    let form = Form::plain(TensorType::Float32, vec![size]);
    let op = StepOp::Step(Op::PreEmphasis(p));
    Ok(builder.append("pre-emphasis", op, vec![frame.id], form, vec![state]))
}

/// Refuses what is not one row of float32; gives its length.
fn row(value: &Value, name: &str) -> Result<usize, Wrong> {
    match (value.form.dtype, &value.form.shape[..]) {
        (TensorType::Float32, &[len]) => Ok(len),
        (dtype, shape) => {
            let reason = format!("`{name}` takes one row of float32, and here is {} {shape:?}", dtype.name());
            Err(Wrong::new(reason, "put it behind a `window`, before `frames`"))
        }
    }
}

/// Numbers as the bytes of float32.
#[expect(clippy::cast_possible_truncation, reason = "rounding to f32 is what is asked")]
pub(super) fn floats(values: impl IntoIterator<Item = f64>) -> Vec<u8> {
    values.into_iter().flat_map(|value| (value as f32).to_le_bytes()).collect()
}

/// Numbers as the bytes of int16.
fn words(values: impl IntoIterator<Item = i16>) -> Vec<u8> {
    values.into_iter().flat_map(i16::to_le_bytes).collect()
}

/// A count as a number to compute with.
#[expect(clippy::cast_precision_loss, reason = "counts of samples and bands are below 2^52")]
fn real(count: usize) -> f64 {
    count as f64
}
