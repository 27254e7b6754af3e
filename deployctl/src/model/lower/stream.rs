//! `CIRCULAR_BUFFER`, a custom operator of networks that run on a stream.

use kernels::{CircularBuffer, Op};

use super::operand::Operand;
use super::site::{EXPORT, Site, agree};
use super::{Fault, Lowered};
use crate::model::{CustomValue, TensorType};

const FLAG: &str = "give it a second output, a bool that says whether the cycle is complete, as LiteRT Micro has it, \
                    and let what follows depend on that; or export it with `cycles_max` 1";

/// `CIRCULAR_BUFFER`: the input becomes the last part of the output, which keeps the others.
pub(super) fn circular_buffer(site: &Site) -> Result<Lowered, Fault> {
    let flagged = site.operator.outputs.len() == 2;
    site.counts(1..=1, if flagged { 2 } else { 1 })?;
    let (input, kept) = (site.operand(0)?, site.state_written(0)?);
    input.one_of(&[TensorType::Int8])?;
    kept.same_type(&input)?;
    let fits = match (input.shape(), kept.shape()) {
        (&[1, 1, a, b], &[1, _, c, d]) => a == c && b == d,
        _ => false,
    };
    agree(fits, kept.id, || format!("keeps inputs of shape {:?} as {:?}", input.shape(), kept.shape()))?;
    let cycle = cycle(site, &kept)?;
    if flagged {
        let (complete, count) = (site.result(1)?, site.own(0)?);
        complete.one_of(&[TensorType::Bool])?;
        count.one_of(&[TensorType::Int32])?;
        count.expect(&[1])?;
        agree(complete.elements() == 1, complete.id, || format!("has a flag of shape {:?}", complete.shape()))?;
        let op = Op::CircularBuffer(CircularBuffer { cycle });
        return Ok(Lowered::op(op, vec![input.id], vec![kept.id, complete.id, count.id]));
    }
    if cycle != 1 {
        let reason = format!("ends {} of {cycle} inferences before the operators behind it", cycle - 1);
        return Err(Fault::new(reason, FLAG));
    }
    Ok(Lowered::op(Op::CircularBuffer(CircularBuffer { cycle }), vec![input.id], vec![kept.id]))
}

/// Inputs in a cycle. LiteRT Micro takes the option that comes first by name, whatever it is called, and without options
/// knows the two models that it was made for by the number of inputs that they keep.
fn cycle(site: &Site, kept: &Operand) -> Result<i32, Fault> {
    const KNOWN: [usize; 3] = [5, 13, 25];
    let options = site.custom()?;
    let stated = match options.names().next() {
        None => 0,
        Some("cycles_max") => site.option("cycles_max", |options, name| match options.value(name) {
            Some(CustomValue::Int(_) | CustomValue::Uint(_)) => options.int32(name),
            _ => None,
        })?,
        Some(other) => {
            let reason = format!("has the option `{other}`, which LiteRT Micro would take for `cycles_max`");
            return Err(Fault::new(reason, EXPORT));
        }
    };
    match stated {
        1.. => Ok(stated),
        _ if KNOWN.contains(&kept.shape()[1]) => Ok(1),
        _ => Err(Fault::new("has no `cycles_max`".to_owned(), "export it with the option `cycles_max`")),
    }
}
