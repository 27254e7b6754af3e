//! Streams of samples and of frames: operators that keep what is to come again.

use kernels::{Delay, Framer, Op, OverlapAdd, Stacker, Transfer};

use super::super::site::{EXPORT, Site, agree};
use super::super::{Fault, Lowered};
use super::with_state;
use crate::model::TensorType::{Bool, Float32, Int16};

/// `SignalFramer`: frames, whether all are complete.
pub(in super::super) fn framer(site: &Site) -> Result<Lowered, Fault> {
    let p = framed(site)?;
    let outputs = vec![site.result(0)?.id, site.result(1)?.id];
    with_state(Lowered::op(Op::Framer(p), vec![site.operand(0)?.id], outputs), site, p.state_bytes())
}

pub(super) fn framed(site: &Site) -> Result<Framer, Fault> {
    site.counts(1..=1, 2)?;
    site.options(&["frame_size", "frame_step", "prefill"])?;
    let (input, output, complete) = (site.operand(0)?, site.result(0)?, site.result(1)?);
    let (frame, step, prefill) = (site.count("frame_size", 1)?, site.count("frame_step", 1)?, site.flag("prefill")?);
    input.one_of(&[Int16])?;
    let (rows, len) = input.rows()?;
    agree(len.is_multiple_of(step), input.id, || format!("has rows of {len} samples for steps of {step}"))?;
    if prefill && step > frame {
        let reason = format!("has frames of {frame} samples, steps of {step}, and is prefilled with the difference");
        return Err(Fault::new(reason, "take steps that are at most as long as frames, or do not prefill"));
    }
    output.of(Int16, input.shape().len() + 1)?;
    let frames = len / step;
    output.holds(rows * frames * frame)?;
    complete.of(Bool, 0)?;
    Ok(Framer { rows, frames, size: frame, step, prefill })
}

/// `SignalStacker`: a stack of frames, whether there is one.
pub(in super::super) fn stacker(site: &Site) -> Result<Lowered, Fault> {
    let p = stacked(site)?;
    let outputs = vec![site.result(0)?.id, site.result(1)?.id];
    with_state(Lowered::op(Op::Stacker(p), vec![site.operand(0)?.id], outputs), site, p.state_bytes())
}

pub(super) fn stacked(site: &Site) -> Result<Stacker, Fault> {
    site.counts(1..=1, 2)?;
    site.options(&["num_channels", "stacker_left_context", "stacker_right_context", "stacker_step"])?;
    let (input, output, complete) = (site.operand(0)?, site.result(0)?, site.result(1)?);
    let p = Stacker {
        channels: site.count("num_channels", 1)?,
        left: site.count("stacker_left_context", 0)?,
        right: site.count("stacker_right_context", 0)?,
        step: site.count("stacker_step", 1)?,
    };
    input.of(Int16, 1)?;
    input.holds(p.channels)?;
    output.of(Int16, 1)?;
    output.holds(p.len())?;
    complete.of(Bool, 0)?;
    let frames = p.left + p.right + 1;
    agree(p.step <= frames, output.id, || format!("moves on by {} frames of a stack of {frames}", p.step))?;
    Ok(p)
}

/// `SignalDelay`.
pub(in super::super) fn delay(site: &Site) -> Result<Lowered, Fault> {
    let p = delayed(site)?;
    let (inputs, outputs) = (vec![site.operand(0)?.id], vec![site.result(0)?.id]);
    if p.delay == 0 {
        let p = Transfer { len: site.operand(0)?.bytes() };
        return Ok(Lowered::op(Op::Transfer(p), inputs, outputs));
    }
    with_state(Lowered::op(Op::Delay(p), inputs, outputs), site, p.state_bytes())
}

pub(super) fn delayed(site: &Site) -> Result<Delay, Fault> {
    site.counts(1..=1, 1)?;
    site.options(&["delay_length"])?;
    let (input, output) = (site.operand(0)?, site.result(0)?);
    input.one_of(&[Int16])?;
    output.one_of(&[Int16])?;
    output.same_shape(&input)?;
    let (rows, len) = input.rows()?;
    Ok(Delay { rows, len, delay: site.count("delay_length", 0)? })
}

/// `SignalOverlapAdd`.
pub(in super::super) fn overlap_add(site: &Site) -> Result<Lowered, Fault> {
    let p = added(site)?;
    let (inputs, outputs) = (vec![site.operand(0)?.id], vec![site.result(0)?.id]);
    with_state(Lowered::op(Op::OverlapAdd(p), inputs, outputs), site, p.state_bytes())
}

pub(super) fn added(site: &Site) -> Result<OverlapAdd, Fault> {
    site.counts(1..=1, 1)?;
    site.options(&["T", "frame_step"])?;
    let (input, output) = (site.operand(0)?, site.result(0)?);
    let element = site.typed(&input, &[Int16, Float32])?;
    output.same_type(&input)?;
    let &[.., frames, frame] = input.shape() else {
        return Err(Fault::at(input.id, format!("has frames of shape {:?}", input.shape()), EXPORT));
    };
    let step = site.count("frame_step", 1)?;
    agree(step <= frame, input.id, || format!("has frames of {frame} samples and steps of {step}"))?;
    let rows = input.elements() / (frames * frame);
    output.of(input.dtype(), input.shape().len() - 1)?;
    output.holds(rows * frames * step)?;
    Ok(OverlapAdd { element, rows, frames, size: frame, step })
}
