//! From energies to features: filter bank, square roots, noise, gain, logarithms.

use kernels::signal::{PCAN_TABLE, Smoothing};
use kernels::{FilterBank, FilterBankLog, FilterBankSquareRoot, Op, Pcan, SpectralSubtraction};

use super::super::site::{Site, agree};
use super::super::{Fault, Lowered};
use super::with_state;
use crate::model::TensorType::{Int16, Int32, Uint32, Uint64};

/// `SignalFilterBank`: energies, weights, unweights, starts of frequencies and of weights, widths.
pub(in super::super) fn filter_bank(site: &Site) -> Result<Lowered, Fault> {
    site.counts(6..=6, 1)?;
    site.options(&["num_channels"])?;
    let (energies, output) = (site.operand(0)?, site.result(0)?);
    energies.of(Uint32, 1)?;
    output.of(Uint64, 1)?;
    let channels = site.count("num_channels", 1)?;
    output.holds(channels)?;
    let mut inputs = vec![energies.id];
    for position in 1..=5 {
        let table = site.operand(position)?;
        table.of(Int16, 1)?;
        inputs.push(table.id);
    }
    let weights = site.operand(1)?.elements().min(site.operand(2)?.elements());
    let index = |position| indices(site, position, channels + 1);
    let bands = index(3)?.into_iter().zip(index(4)?).zip(index(5)?);
    for (channel, ((frequency, weight), width)) in bands.enumerate().filter(|(_, (_, width))| *width > 0) {
        let within =
            |start: i64, most: usize| start >= 0 && usize::try_from(start + width).is_ok_and(|end| end <= most);
        agree(within(frequency, energies.elements()) && within(weight, weights), energies.id, || {
            format!("takes {width} energies from {frequency} with weights from {weight} for channel {channel}")
        })?;
    }
    Ok(Lowered::op(Op::FilterBank(FilterBank { channels }), inputs, vec![output.id]))
}

/// The values of a table of indices, which must be known: they say what is read.
fn indices(site: &Site, position: usize, count: usize) -> Result<Vec<i64>, Fault> {
    let table = site.operand(position)?;
    let Some(constant) = site.graph.tensor(table.id).constant else {
        let reason = "computes its channels at run time".to_owned();
        return Err(Fault::at(table.id, reason, "use a table that is known when the model is converted"));
    };
    agree(table.elements() >= count, table.id, || {
        format!("has a table of {} elements for {} channels", table.elements(), count - 1)
    })?;
    let bytes = site.weights.get(constant.offset..).and_then(|rest| rest.get(..constant.len)).unwrap_or_default();
    let values: Vec<i64> =
        bytes.as_chunks().0.iter().take(count).map(|&word| i64::from(i16::from_le_bytes(word))).collect();
    agree(values.len() == count, table.id, || "has a table without values".to_owned())?;
    Ok(values)
}

/// `SignalFilterBankSquareRoot`: sums, bits.
pub(in super::super) fn filter_bank_square_root(site: &Site) -> Result<Lowered, Fault> {
    site.counts(2..=2, 1)?;
    let (input, bits, output) = (site.operand(0)?, site.operand(1)?, site.result(0)?);
    input.of(Uint64, 1)?;
    bits.of(Int32, 0)?;
    output.of(Uint32, 1)?;
    output.same_shape(&input)?;
    let p = FilterBankSquareRoot { channels: input.elements() };
    Ok(Lowered::op(Op::FilterBankSquareRoot(p), vec![input.id, bits.id], vec![output.id]))
}

/// `SignalFilterBankSpectralSubtraction`: channels, noise estimates.
pub(in super::super) fn spectral_subtraction(site: &Site) -> Result<Lowered, Fault> {
    let p = subtracted(site)?;
    let outputs = vec![site.result(0)?.id, site.result(1)?.id];
    let lowered = Lowered::op(Op::SpectralSubtraction(p), vec![site.operand(0)?.id], outputs);
    with_state(lowered, site, p.state_bytes())
}

pub(super) fn subtracted(site: &Site) -> Result<SpectralSubtraction, Fault> {
    site.counts(1..=1, 2)?;
    site.options(&[
        "alternate_one_minus_smoothing",
        "alternate_smoothing",
        "clamping",
        "min_signal_remaining",
        "num_channels",
        "one_minus_smoothing",
        "smoothing",
        "smoothing_bits",
        "spectral_subtraction_bits",
    ])?;
    let channels = site.count("num_channels", 1)?;
    for operand in [site.operand(0)?, site.result(0)?, site.result(1)?] {
        operand.of(Uint32, 1)?;
        operand.holds(channels)?;
    }
    Ok(SpectralSubtraction {
        channels,
        even: Smoothing { new: site.word("smoothing")?, old: site.word("one_minus_smoothing")? },
        odd: Smoothing { new: site.word("alternate_smoothing")?, old: site.word("alternate_one_minus_smoothing")? },
        min_signal_remaining: site.word("min_signal_remaining")?,
        smoothing_bits: site.up_to("smoothing_bits", 31)?,
        bits: site.up_to("spectral_subtraction_bits", 63)?,
        clamping: site.flag("clamping")?,
    })
}

/// `SignalPCAN`: channels, noise estimates, table of gains.
pub(in super::super) fn pcan(site: &Site) -> Result<Lowered, Fault> {
    site.counts(3..=3, 1)?;
    site.options(&["snr_shift"])?;
    let (input, noise, gains, output) = (site.operand(0)?, site.operand(1)?, site.operand(2)?, site.result(0)?);
    for operand in [&input, &noise, &output] {
        operand.of(Uint32, 1)?;
        operand.holds(input.elements())?;
    }
    gains.of(Int16, 1)?;
    agree(gains.elements() >= PCAN_TABLE, gains.id, || {
        format!("has a table of {} gains, not {PCAN_TABLE}", gains.elements())
    })?;
    let p = Pcan { channels: input.elements(), snr_shift: site.up_to("snr_shift", 63)? };
    Ok(Lowered::op(Op::Pcan(p), vec![input.id, noise.id, gains.id], vec![output.id]))
}

/// `SignalFilterBankLog`.
pub(in super::super) fn filter_bank_log(site: &Site) -> Result<Lowered, Fault> {
    site.counts(1..=1, 1)?;
    site.options(&["input_correction_bits", "output_scale"])?;
    let (input, output) = (site.operand(0)?, site.result(0)?);
    input.of(Uint32, 1)?;
    output.of(Int16, 1)?;
    output.same_shape(&input)?;
    let p = FilterBankLog {
        channels: input.elements(),
        output_scale: site.word("output_scale")?,
        input_correction_bits: site.up_to("input_correction_bits", 31)?,
    };
    Ok(Lowered::op(Op::FilterBankLog(p), vec![input.id], vec![output.id]))
}
