//! From samples to energies: window, scaling, FFT and its inverse.

use kernels::signal::{Sample, is_fft_length, twiddle_count, twiddles};
use kernels::{Element, Energy, FftAutoScale, InverseRealFft, Op, RealFft, Window};

use super::super::operand::Operand;
use super::super::site::{Site, agree};
use super::super::{Fault, Lowered};
use crate::model::TensorType::{Float32, Int16, Int32, Uint32};

/// `SignalWindow`: samples, window.
pub(in super::super) fn window(site: &Site) -> Result<Lowered, Fault> {
    site.counts(2..=2, 1)?;
    site.options(&["shift"])?;
    let (input, window, output) = (site.operand(0)?, site.operand(1)?, site.result(0)?);
    input.one_of(&[Int16])?;
    window.of(Int16, 1)?;
    output.one_of(&[Int16])?;
    output.same_shape(&input)?;
    let len = window.elements();
    agree(input.elements().is_multiple_of(len) && !input.shape().is_empty(), input.id, || {
        format!("has samples of shape {:?} for a window of {len}", input.shape())
    })?;
    let p = Window { rows: input.elements() / len, len, shift: site.up_to("shift", 31)? };
    Ok(Lowered::op(Op::Window(p), vec![input.id, window.id], vec![output.id]))
}

/// `SignalFftAutoScale`: scaled samples, bits.
pub(in super::super) fn fft_auto_scale(site: &Site) -> Result<Lowered, Fault> {
    site.counts(1..=1, 2)?;
    let (input, output, bits) = (site.operand(0)?, site.result(0)?, site.result(1)?);
    input.of(Int16, 1)?;
    output.of(Int16, 1)?;
    output.same_shape(&input)?;
    bits.of(Int32, 0)?;
    let p = FftAutoScale { len: input.elements() };
    Ok(Lowered::op(Op::FftAutoScale(p), vec![input.id], vec![output.id, bits.id]))
}

/// `SignalRfft`.
pub(in super::super) fn real_fft(site: &Site) -> Result<Lowered, Fault> {
    let Transform { input, output, element, points } = transform(site)?;
    let (rows, len) = input.rows()?;
    agree(len <= points, input.id, || format!("has rows of {len} samples for an FFT of {points} points"))?;
    expect(&output, rows, points + 2)?;
    let p = RealFft { element, rows, len, points };
    let lowered = Lowered::op(Op::RealFft(p), vec![input.id], vec![output.id]);
    Ok(lowered.with_table(table(element, points, false)))
}

/// `SignalIrfft`.
pub(in super::super) fn inverse_real_fft(site: &Site) -> Result<Lowered, Fault> {
    let Transform { input, output, element, points } = transform(site)?;
    let (rows, _) = input.rows()?;
    expect(&input, rows, points + 2)?;
    expect(&output, rows, points)?;
    let p = InverseRealFft { element, rows, points };
    let lowered = Lowered::op(Op::InverseRealFft(p), vec![input.id], vec![output.id]);
    Ok(lowered.with_table(table(element, points, true)))
}

/// What both transforms have.
struct Transform<'a> {
    input: Operand<'a>,
    output: Operand<'a>,
    element: Element,
    points: usize,
}

fn transform<'a>(site: &Site<'a>) -> Result<Transform<'a>, Fault> {
    site.counts(1..=1, 1)?;
    site.options(&["T", "fft_length"])?;
    let (input, output) = (site.operand(0)?, site.result(0)?);
    let element = site.typed(&input, &[Int16, Int32, Float32])?;
    output.same_type(&input)?;
    agree(input.shape().len() == output.shape().len(), output.id, || {
        format!("has tensors of shapes {:?} and {:?}", input.shape(), output.shape())
    })?;
    let points = site.count("fft_length", 1)?;
    if !is_fft_length(points) {
        let reason = format!("is an FFT of {points} points, which LiteRT Micro's does not compute");
        let advice =
            "take an even length of 4 to 65536 whose half has no prime factors but 2, 3 and 5, best a power of 2";
        return Err(Fault::new(reason, advice));
    }
    Ok(Transform { input, output, element, points })
}

/// Refuses a tensor that has not `rows` rows of `len` elements.
fn expect(operand: &Operand, rows: usize, len: usize) -> Result<(), Fault> {
    agree(operand.rows()? == (rows, len), operand.id, || {
        format!("has a tensor of shape {:?} where {rows} rows of {len} elements are", operand.shape())
    })
}

/// The table of cosines and sines, as bytes.
fn table(element: Element, points: usize, inverse: bool) -> Vec<i8> {
    fn bytes<T: Sample, const N: usize>(points: usize, inverse: bool, bytes: impl Fn(T) -> [u8; N]) -> Vec<i8> {
        let mut table = vec![T::default(); twiddle_count(points)];
        twiddles(points, inverse, &mut table);
        table.into_iter().flat_map(bytes).map(u8::cast_signed).collect()
    }
    match element {
        Element::I16 => bytes(points, inverse, i16::to_le_bytes),
        Element::I32 => bytes(points, inverse, i32::to_le_bytes),
        _ => bytes(points, inverse, f32::to_le_bytes),
    }
}

/// `SignalEnergy`.
pub(in super::super) fn energy(site: &Site) -> Result<Lowered, Fault> {
    site.counts(1..=1, 1)?;
    site.options(&["end_index", "start_index"])?;
    let (input, output) = (site.operand(0)?, site.result(0)?);
    input.of(Int16, 1)?;
    output.of(Uint32, 1)?;
    let (start, end) = (site.count("start_index", 0)?, site.count("end_index", 0)?);
    let available = (input.elements() / 2).min(output.elements());
    agree(start <= end && end <= available, output.id, || {
        format!("has energies from {start} to {end} of {available}")
    })?;
    Ok(Lowered::op(Op::Energy(Energy { start, end }), vec![input.id], vec![output.id]))
}
