//! Resource variables: `VAR_HANDLE`, `READ_VARIABLE`, `ASSIGN_VARIABLE`.

use kernels::{Op, Transfer};

use super::operand::Operand;
use super::site::{EXPORT, Site, agree};
use super::{Call, Fault, Lowered};
use crate::model::{Options, TensorType};

const FIXED: &str = "use one variable a type and shape, and assign it in the same function";

/// `VAR_HANDLE`: which variable is meant is known when the model is read.
pub(super) fn handle(site: &Site) -> Result<Lowered, Fault> {
    site.counts(0..=0, 1)?;
    Ok(Lowered::plain(Call::Reshape, Vec::new(), Vec::new()))
}

/// `CALL_ONCE`: the first values of variables, which `reset` writes.
pub(super) fn call_once(site: &Site) -> Result<Lowered, Fault> {
    site.counts(0..=0, 0)?;
    match &site.operator.options {
        Options::CallOnce { values, .. } if !values.is_empty() => {
            Ok(Lowered::plain(Call::Reshape, Vec::new(), Vec::new()))
        }
        _ => Err(Fault::new("comes after operators on the variables that it initializes".to_owned(), FIXED)),
    }
}

/// `READ_VARIABLE`.
pub(super) fn read(site: &Site) -> Result<Lowered, Fault> {
    site.counts(1..=1, 1)?;
    let (cell, value) = (cell(site)?, site.result(0)?);
    let op = transfer(&cell, &value)?;
    Ok(Lowered::op(op, vec![cell.id], vec![value.id]))
}

/// `ASSIGN_VARIABLE`.
pub(super) fn assign(site: &Site) -> Result<Lowered, Fault> {
    site.counts(2..=2, 0)?;
    let (cell, value) = (cell(site)?, site.operand(1)?);
    let op = transfer(&cell, &value)?;
    Ok(Lowered::op(op, vec![value.id], vec![cell.id]))
}

fn cell<'a>(site: &Site<'a>) -> Result<Operand<'a>, Fault> {
    let Options::Variable { cell } = site.operator.options else {
        return Err(Fault::new("is about a variable that no operator of the model assigns".to_owned(), FIXED));
    };
    let cell = site.variable(cell)?;
    let zero_point = cell.scale_and_zero_point().1;
    agree(cell.dtype() == TensorType::Int8 || zero_point == 0, cell.id, || {
        format!("has a variable of type {} with zero point {zero_point}", cell.dtype().name())
    })?;
    Ok(cell)
}

fn transfer(cell: &Operand, value: &Operand) -> Result<Op, Fault> {
    value.element()?;
    if (cell.dtype(), cell.bytes()) != (value.dtype(), value.bytes()) {
        let (kept, found) = (cell.dtype().name(), value.dtype().name());
        let reason = format!("has a variable of {:?} {kept} for {:?} {found}", cell.shape(), value.shape());
        return Err(Fault::at(value.id, reason, EXPORT));
    }
    Ok(Op::Transfer(Transfer { len: value.bytes() }))
}
