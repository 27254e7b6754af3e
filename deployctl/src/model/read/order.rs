//! Execution order: every tensor is written once, before it is read.

use std::collections::BTreeSet;

use super::ReadError;
use crate::model::{Graph, TensorId};

/// Checks that the file's order of operators can be executed, which also excludes cycles.
pub(super) fn check(graph: &Graph) -> Result<(), ReadError> {
    let mut written = vec![false; graph.tensors.len()];
    let produced: BTreeSet<TensorId> =
        graph.operators.iter().flat_map(|operator| operator.outputs.iter().copied()).collect();
    for (id, tensor) in graph.tensors.iter().enumerate() {
        // Variables have a value before the first inference, unless an operator writes them; a constant of no elements has no buffer but is known all the same.
        written[id] = tensor.constant.is_some() || (tensor.variable && !produced.contains(&TensorId(id)));
    }
    for (position, &id) in graph.inputs.iter().enumerate() {
        let field = || format!("model.subgraphs[0].inputs[{position}]");
        write(graph, &mut written, id, field)?;
    }
    for (index, operator) in graph.operators.iter().enumerate() {
        for (position, &id) in operator.inputs.iter().enumerate() {
            let Some(id) = id else { continue };
            let empty = graph.tensor(id).elements() == 0;
            if !written[id.0] && !empty {
                let field = format!("model.subgraphs[0].operators[{index}].inputs[{position}]");
                let problem =
                    format!("is tensor {} (`{}`), which nothing before it writes", id.0, graph.tensor(id).name);
                return Err(ReadError::inconsistent(field, problem));
            }
        }
        for (position, &id) in operator.outputs.iter().enumerate() {
            let field = || format!("model.subgraphs[0].operators[{index}].outputs[{position}]");
            write(graph, &mut written, id, field)?;
        }
    }
    for (position, &id) in graph.outputs.iter().enumerate() {
        let field = format!("model.subgraphs[0].outputs[{position}]");
        if graph.tensor(id).constant.is_some() {
            let what = format!("is the constant `{}`", graph.tensor(id).name);
            return Err(ReadError::unsupported(field, what, "return only what the model computes"));
        }
        if graph.tensor(id).variable && !produced.contains(&id) {
            let what = format!("is the variable `{}`", graph.tensor(id).name);
            return Err(ReadError::unsupported(field, what, "return a copy of it"));
        }
        if !written[id.0] {
            let problem = format!("is tensor {} (`{}`), which no operator writes", id.0, graph.tensor(id).name);
            return Err(ReadError::inconsistent(field, problem));
        }
    }
    Ok(())
}

fn write(graph: &Graph, written: &mut [bool], id: TensorId, field: impl FnOnce() -> String) -> Result<(), ReadError> {
    if written[id.0] {
        let problem = format!("writes tensor {} (`{}`) a second time", id.0, graph.tensor(id).name);
        return Err(ReadError::inconsistent(field(), problem));
    }
    written[id.0] = true;
    Ok(())
}
