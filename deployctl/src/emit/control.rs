//! The functions of IF and WHILE: straight Rust around the functions of the operators in their blocks.

use super::data::Data;
use super::model::place;
use super::{EmitError, Model, function_name};
use crate::model::lower::Call;
use crate::model::{Block, OperatorId, TensorId};

/// The body of the function of an IF or WHILE, `None` for other steps. Empty where nothing is to be done.
pub(super) fn body(model: &Model<'_>, data: &Data, position: usize) -> Result<Option<String>, EmitError> {
    let step = &model.steps[position];
    Ok(match (&step.call, step.inputs.first()) {
        (&Call::If { then, otherwise }, Some(&condition)) => {
            let byte = byte(model, data, position, condition)?;
            let (yes, no) = (calls(model, then, 8), calls(model, otherwise, 8));
            Some(match (yes.is_empty(), no.is_empty()) {
                (true, true) => String::new(),
                (false, true) => format!("    if {byte} != 0 {{\n{yes}    }}\n"),
                (true, false) => format!("    if {byte} == 0 {{\n{no}    }}\n"),
                (false, false) => format!("    if {byte} != 0 {{\n{yes}    }} else {{\n{no}    }}\n"),
            })
        }
        (&Call::While { start, condition, body, proceeds }, _) => {
            let byte = byte(model, data, position, proceeds)?;
            let (start, condition, body) = (calls(model, start, 4), calls(model, condition, 8), calls(model, body, 8));
            let leave = format!("        if {byte} == 0 {{\n            break;\n        }}\n");
            Some(if condition.is_empty() {
                format!("{start}    while {byte} != 0 {{\n{body}    }}\n")
            } else {
                format!("{start}    loop {{\n{condition}{leave}{body}    }}\n")
            })
        }
        _ => None,
    })
}

/// The expression of a condition's byte.
fn byte(model: &Model<'_>, data: &Data, position: usize, condition: TensorId) -> Result<String, EmitError> {
    Ok(match data.operand(condition) {
        Some(constant) => format!("{constant}[0]"),
        None => format!("arena.0[{}]", place(model, position, condition)?.start),
    })
}

/// Calls of a block's operators.
fn calls(model: &Model<'_>, block: Block, indent: usize) -> String {
    let call = |OperatorId(position)| format!("{:indent$}{}(arena);\n", "", function_name(model, position));
    block.operators().map(call).collect()
}
