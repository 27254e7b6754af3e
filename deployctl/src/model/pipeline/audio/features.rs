//! From bands to features: logarithms, cepstral coefficients, normalization.

use preprocess::{Dct, Log, Normalize, Op, Pcen};

use super::super::StepOp;
use super::super::builder::{Builder, Value};
use super::super::sound::{DctNorm, Energy, LogBase, Over};
use super::super::spec::{Form, Spec, Wrong};
use super::{floats, real, row};
use crate::model::TensorType::Float32;

/// Logarithms, of any shape.
pub(in super::super) fn log(
    builder: &mut Builder,
    value: &Value,
    base: LogBase,
    offset: f32,
    floor: f32,
) -> Result<Value, Wrong> {
    if value.form.dtype != Float32 {
        let reason = format!("logarithms are of float32, and here is {}", value.form.dtype.name());
        return Err(Wrong::new(reason, "put it behind a step that gives float32, such as `mel`"));
    }
    if builder.latest() == Some("fft") {
        return Err(Wrong::new("complex numbers have no logarithm here", "put `power` or `magnitude` before it"));
    }
    if !(floor > 0.0 && floor.is_finite() && offset >= 0.0 && offset.is_finite()) {
        let reason = format!("with an offset of {offset} and a floor of {floor}, silence has no logarithm");
        return Err(Wrong::new(reason, "take a `floor` or an `offset` above 0, such as 1e-6"));
    }
    let base = match base {
        LogBase::Natural => preprocess::LogBase::Natural,
        LogBase::Ten => preprocess::LogBase::Ten,
        LogBase::Decibel => preprocess::LogBase::Decibel,
    };
    let op = StepOp::Step(Op::Log(Log { len: value.form.elements(), base, offset, floor }));
    let form = value.form.clone();
    Ok(builder.append("log", op, vec![value.id], form, vec![]))
}

/// Cepstral coefficients.
pub(in super::super) fn dct(
    builder: &mut Builder,
    value: &Value,
    coefficients: usize,
    norm: DctNorm,
) -> Result<Value, Wrong> {
    let bands = row(value, "dct")?;
    if coefficients > bands {
        let reason = format!("there are {coefficients} coefficients of {bands} bands");
        return Err(Wrong::new(reason, format!("take at most {bands}")));
    }
    let cosines = (0..coefficients).flat_map(|coefficient| cosines(coefficient, bands, norm));
    let table = builder.constant("dct/cosines", Float32, vec![coefficients, bands], &floats(cosines));
    let op = StepOp::Step(Op::Dct(Dct { bands, coefficients }));
    let form = Form::plain(Float32, vec![coefficients]);
    Ok(builder.append("dct", op, vec![value.id, table], form, vec![]))
}

/// `√(2/N) cos(π k (2n + 1) / 2N)`, and for an orthonormal transform `√(1/N)` where `k` is 0.
fn cosines(coefficient: usize, bands: usize, norm: DctNorm) -> impl Iterator<Item = f64> {
    let numerator = if coefficient == 0 && norm == DctNorm::Ortho { 1.0 } else { 2.0 };
    let scale = libm::sqrt(numerator / real(bands));
    let angle = std::f64::consts::PI * real(coefficient) / real(2 * bands);
    (0..bands).map(move |at| scale * libm::cos(angle * real(2 * at + 1)))
}

/// Per-channel energy normalization.
pub(in super::super) fn pcen(
    builder: &mut Builder,
    value: &Value,
    energy: &Energy,
    spec: &Spec,
) -> Result<Value, Wrong> {
    let bands = row(value, "pcen")?;
    if builder.latest() == Some("log") {
        return Err(Wrong::new("`pcen` stands for the logarithm", "leave `log` out, or `pcen`"));
    }
    let numbers = [energy.gain, energy.bias, energy.power, energy.time_constant, energy.epsilon, energy.scale];
    let positive = energy.power > 0.0 && energy.time_constant > 0.0 && energy.epsilon > 0.0 && energy.scale > 0.0;
    if !positive || energy.gain < 0.0 || energy.bias < 0.0 || numbers.iter().any(|number| !number.is_finite()) {
        let advice = "take `power`, `time-constant-ms`, `epsilon` and `scale` above 0, `gain` and `bias` of 0 or more";
        return Err(Wrong::new("this is no normalization", advice));
    }
    let rate = f64::from(spec.source.rate()) / real(builder.hop_samples());
    let bias_power = libm::pow(f64::from(energy.bias), f64::from(energy.power));
    #[expect(clippy::cast_possible_truncation, reason = "rounding to f32 is what is asked")]
    let p = Pcen {
        bands,
        scale: energy.scale,
        smoothing: smoothing(f64::from(energy.time_constant) * rate) as f32,
        gain: energy.gain,
        bias: energy.bias,
        power: energy.power,
        epsilon: energy.epsilon,
        bias_power: bias_power as f32,
    };
    let state = builder.state("pcen/levels", p.state_bytes());
    let form = Form::plain(Float32, vec![bands]);
    Ok(builder.append("pcen", StepOp::Step(Op::Pcen(p)), vec![value.id], form, vec![state]))
}

/// The weight of a new frame in a low-pass filter of so many frames: librosa's, whose level falls by 3 dB there.
fn smoothing(frames: f64) -> f64 {
    (libm::sqrt(1.0 + 4.0 * frames * frames) - 1.0) / (2.0 * frames * frames)
}

/// Mean and variance normalization over an inference's frames.
pub(in super::super) fn normalize(
    builder: &mut Builder,
    value: &Value,
    over: Over,
    variance: bool,
    epsilon: f32,
) -> Result<Value, Wrong> {
    let (false, Float32, &[rows, ref rest @ ..]) = (builder.is_in_hop(), value.form.dtype, &value.form.shape[..])
    else {
        let reason = "means and deviations are over all float32 frames of an inference, and here is only one";
        return Err(Wrong::new(reason, "put it behind `frames`"));
    };
    if !(epsilon > 0.0 && epsilon.is_finite()) {
        let reason = format!("with an epsilon of {epsilon}, silence would be divided by 0");
        return Err(Wrong::new(reason, "take an `epsilon` above 0, such as 1e-6"));
    }
    let columns = rest.iter().product();
    let p = Normalize { rows, columns, together: over == Over::All, variance, epsilon };
    let form = value.form.clone();
    Ok(builder.append("normalize", StepOp::Step(Op::Normalize(p)), vec![value.id], form, vec![]))
}
