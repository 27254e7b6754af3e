//! From frames to spectra and bands.

use kernels::signal::{is_fft_length, twiddle_count, twiddles};
use kernels::{Element, Op as Kernel, RealFft};
use preprocess::{Magnitude, Mel, Op, Power};

use super::super::StepOp;
use super::super::builder::{Builder, Value};
use super::super::sound::MelBands;
use super::super::spec::{Form, Spec, Wrong};
use super::mel::filters;
use super::{floats, row, words};
use crate::model::TensorType::{Float32, Int16};

/// Points of FFTs.
pub(in super::super) const POINTS: std::ops::RangeInclusive<usize> = 32..=4096;

/// The spectrum of a frame.
pub(in super::super) fn fft(builder: &mut Builder, value: &Value, points: usize) -> Result<Value, Wrong> {
    let len = row(value, "fft")?;
    if !POINTS.contains(&points) || !is_fft_length(points) {
        let reason = format!("there is no FFT of {points} points here");
        let advice =
            "take an even number from 32 to 4096 whose half has no prime factors but 2, 3 and 5, best a power of 2";
        return Err(Wrong::new(reason, advice));
    }
    if len > points {
        let reason = format!("an FFT of {points} points leaves out samples of frames that have {len}");
        return Err(Wrong::new(reason, format!("take `fft {}`, or a shorter window", len.next_power_of_two())));
    }
    let mut table = vec![0.0_f32; twiddle_count(points)];
    twiddles(points, false, &mut table);
    let bytes = floats(table.iter().map(|&factor| f64::from(factor)));
    let table = builder.constant("fft/twiddles", Float32, vec![table.len()], &bytes);
    let p = RealFft { element: Element::F32, rows: 1, len, points };
    let form = Form::plain(Float32, vec![points / 2 + 1, 2]);
    Ok(builder.append("fft", StepOp::Kernel(Kernel::RealFft(p)), vec![value.id, table], form, vec![]))
}

/// Squared magnitudes.
pub(in super::super) fn power(builder: &mut Builder, value: &Value) -> Result<Value, Wrong> {
    let bins = bins(builder, value, "power")?;
    let op = StepOp::Step(Op::Power(Power { bins }));
    Ok(builder.append("power", op, vec![value.id], Form::plain(Float32, vec![bins]), vec![]))
}

/// Magnitudes.
pub(in super::super) fn magnitude(builder: &mut Builder, value: &Value) -> Result<Value, Wrong> {
    let bins = bins(builder, value, "magnitude")?;
    let op = StepOp::Step(Op::Magnitude(Magnitude { bins }));
    Ok(builder.append("magnitude", op, vec![value.id], Form::plain(Float32, vec![bins]), vec![]))
}

/// How many complex numbers a spectrum has.
fn bins(builder: &Builder, value: &Value, name: &str) -> Result<usize, Wrong> {
    match (builder.latest(), &value.form.shape[..]) {
        (Some("fft"), &[bins, 2]) => Ok(bins),
        _ => Err(Wrong::new(format!("`{name}` is of a spectrum, and here is none"), "put an `fft` before it")),
    }
}

/// Bands of a power or magnitude spectrum; of a complex one, of its power.
pub(in super::super) fn mel(
    builder: &mut Builder,
    mut value: Value,
    bank: &MelBands,
    spec: &Spec,
) -> Result<Value, Wrong> {
    if builder.latest() == Some("fft") && value.form.shape.len() == 2 {
        value = power(builder, &value)?;
    }
    let (Some("power" | "magnitude"), &[bins]) = (builder.latest(), &value.form.shape[..]) else {
        let reason = "bands are of a spectrum, and here is none";
        return Err(Wrong::new(reason, "put `fft` and `power` or `magnitude` before it"));
    };
    let filters = filters(bank, spec.source.rate(), 2 * (bins - 1))?;
    let index = |number: usize| i16::try_from(number).unwrap_or(i16::MAX);
    let runs = filters.iter().flat_map(|filter| [index(filter.start), index(filter.weights.len())]);
    let runs = builder.constant("mel/runs", Int16, vec![bank.bands, 2], &words(runs));
    let weights = floats(filters.iter().flat_map(|filter| filter.weights.iter().copied()));
    let weights = builder.constant("mel/weights", Float32, vec![weights.len() / size_of::<f32>()], &weights);
    let op = StepOp::Step(Op::Mel(Mel { bands: bank.bands }));
    let form = Form::plain(Float32, vec![bank.bands]);
    Ok(builder.append("mel", op, vec![value.id, runs, weights], form, vec![]))
}
