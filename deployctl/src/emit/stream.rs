//! What the model crate says of a stream: the operators of a hop, and the function that runs one.
//!
//! Knows graphs with hops; the operators' own functions are written like all others.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::model::{operators, place, tensor_info};
use super::source::{Value, item};
use super::{EmitError, Model, function_name};
use crate::model::OperatorId;

/// The constant `HOP`, and the table that it names.
pub(super) fn interface(model: &Model<'_>) -> Result<String, EmitError> {
    let Some(hops) = model.graph.hops() else {
        return Ok("\n/// What runs for each hop of a stream. This model has none.\n\
                   pub const HOP: Option<HopInfo<Arena>> = None;\n"
            .to_owned());
    };
    let (first, positions) = (hops.block.first, positions(model));
    let fields = vec![
        ("input", tensor_info(model, first, hops.input)?),
        ("operators", Value::plain("&HOP_OPERATORS")),
        ("first", Value::plain(&first)),
        ("ready", Value::plain(&place(model, first, hops.ready)?.start)),
        ("due", Value::plain(&place(model, first, hops.due)?.start)),
        ("total", Value::plain(&hops.total())),
    ];
    let value = Value::Some(Box::new(Value::Struct("HopInfo", fields)));
    Ok(format!(
        "\n/// What runs for each hop of the stream: write samples where `input` says, then call [`hop`].\n{}\n\
         /// Operators of a hop, in execution order.\n{}",
        item(0, "pub const HOP: Option<HopInfo<Arena>>", &value),
        operators(model, "HOP_OPERATORS", &positions)?,
    ))
}

/// The function that runs a hop.
pub(super) fn hop(model: &Model<'_>) -> Result<String, EmitError> {
    let Some(hops) = model.graph.hops() else {
        return Ok(
            "\n/// Takes one hop of a stream. This model has none: an inference is due whenever inputs are there.\n\
                   pub fn hop(_arena: &mut Arena) -> bool {\n    true\n}\n"
                .to_owned(),
        );
    };
    let mut text = String::from(
        "\n/// Takes one hop of the stream. True where an inference is due: call [`invoke`] before the next hop.\n\
         pub fn hop(arena: &mut Arena) -> bool {\n",
    );
    let byte = |id| Ok::<_, EmitError>(format!("arena.0[{}]", place(model, hops.block.first, id)?.start));
    for (index, position) in positions(model).into_iter().enumerate() {
        let function = function_name(model, position);
        let _ = write!(text, "    CURRENT.store({position}, Ordering::Relaxed);\n    {function}(arena);\n");
        if index == 0 {
            let ready = byte(hops.ready)?;
            let _ = write!(
                text,
                "    if {ready} == 0 {{\n        CURRENT.store(u32::MAX, Ordering::Relaxed);\n        return false;\n    }}\n"
            );
        }
    }
    let _ = write!(text, "    CURRENT.store(u32::MAX, Ordering::Relaxed);\n    {} != 0\n}}\n", byte(hops.due)?);
    Ok(text)
}

fn positions(model: &Model<'_>) -> Vec<usize> {
    let hops = model.graph.hops().into_iter();
    hops.flat_map(|hops| hops.block.operators()).map(|OperatorId(position)| position).collect()
}

/// The types that a step's parameters name. Inside its function, since a kernel's parameters may have the same names; whatever
/// they name is in the crate `preprocess`.
pub(super) fn imports(types: &BTreeSet<&'static str>) -> String {
    let types: Vec<&str> = types.iter().copied().collect();
    match types.as_slice() {
        [only] => format!("    use preprocess::{only};\n"),
        all => format!("    use preprocess::{{{}}};\n", all.join(", ")),
    }
}
