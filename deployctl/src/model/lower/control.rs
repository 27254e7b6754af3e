//! IF, WHILE, and the copies at the edges of what they run.

use kernels::{Op, Transfer};

use super::operand::Operand;
use super::site::{EXPORT, Site, agree};
use super::{Call, Fault, Lowered};
use crate::model::{Options, TensorId, TensorType};

const CONDITION: &str = "compute the condition as one bool";

/// `IF`: the condition is its first input, and what blocks read is theirs.
pub(super) fn branch(site: &Site) -> Result<Lowered, Fault> {
    let Options::If { then, otherwise, .. } = site.operator.options else {
        return Err(Fault::new("has no blocks".to_owned(), EXPORT));
    };
    let condition = site.operand(0)?;
    is_condition(&condition)?;
    Ok(Lowered::plain(Call::If { then, otherwise }, vec![condition.id], values(site)?))
}

/// `WHILE`.
pub(super) fn rounds(site: &Site) -> Result<Lowered, Fault> {
    let Options::While { start, condition, body, proceeds, .. } = site.operator.options else {
        return Err(Fault::new("has no blocks".to_owned(), EXPORT));
    };
    let said = site.of(proceeds)?;
    is_condition(&said)?;
    agree(!said.is_constant(), said.id, || "has a condition that is a constant".to_owned())?;
    // What the loop hands on as it is, and nobody reads behind it, has no place.
    let copies = start.operators().filter_map(|id| site.graph.operators.get(id.0));
    let written: Vec<TensorId> = copies.flat_map(|copy| copy.outputs.iter().copied()).collect();
    let outputs = values(site)?.into_iter().filter(|output| written.contains(output)).collect();
    Ok(Lowered::plain(Call::While { start, condition, body, proceeds }, Vec::new(), outputs))
}

/// `COPY`.
pub(super) fn copy(site: &Site) -> Result<Lowered, Fault> {
    site.counts(1..=1, 1)?;
    let (from, to) = (site.operand(0)?, site.result(0)?);
    from.element()?;
    to.same_type(&from)?;
    to.expect_elements(from.elements())?;
    Ok(Lowered::op(Op::Transfer(Transfer { len: from.bytes() }), vec![from.id], vec![to.id]))
}

fn is_condition(condition: &Operand) -> Result<(), Fault> {
    if condition.dtype() == TensorType::Bool && condition.elements() == 1 {
        return Ok(());
    }
    let reason = format!("has a condition of {:?} {}, not one bool", condition.shape(), condition.dtype().name());
    Err(Fault::at(condition.id, reason, CONDITION))
}

/// The operator's outputs without handles; its inputs are neither state nor of open shape.
fn values(site: &Site) -> Result<Vec<TensorId>, Fault> {
    let is_value = |id: &TensorId| site.graph.tensor(*id).dtype != TensorType::Resource;
    for (position, id) in site.operator.inputs.iter().enumerate() {
        if id.is_some_and(|id| is_value(&id)) {
            site.operand(position)?;
        }
    }
    let outputs = (0..site.operator.outputs.len()).filter(|&position| is_value(&site.operator.outputs[position]));
    outputs.map(|position| Ok(site.result(position)?.id)).collect()
}
