//! Execution order: every tensor is written once, before it is read.

use std::collections::BTreeSet;

use super::ReadError;
use super::source::Source;
use crate::model::{Graph, TensorId};

/// Checks that a subgraph's order of operators can be executed, which also excludes cycles. `constants` are the tensors that
/// have data.
pub(super) fn check(graph: &Graph, constants: &[bool]) -> Result<(), ReadError> {
    // Variables have a value before the first inference, but where an operator writes one, it does so before others read it; a
    // constant of no elements has no buffer but is known all the same.
    let produced = produced(graph);
    let known = graph.tensors.iter().zip(constants).enumerate();
    let mut written: Vec<bool> = known
        .map(|(id, (tensor, &constant))| constant || (tensor.variable && !produced.contains(&TensorId(id))))
        .collect();
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
        if !written[id.0] {
            let field = format!("model.subgraphs[0].outputs[{position}]");
            let problem = format!("is tensor {} (`{}`), which no operator writes", id.0, graph.tensor(id).name);
            return Err(ReadError::inconsistent(field, problem));
        }
    }
    Ok(())
}

fn produced(graph: &Graph) -> BTreeSet<TensorId> {
    graph.operators.iter().flat_map(|operator| operator.outputs.iter().copied()).collect()
}

/// Checks that the model computes what it returns.
pub(super) fn check_returned(main: &Source) -> Result<(), ReadError> {
    let produced = produced(&main.graph);
    for (position, &id) in main.graph.outputs.iter().enumerate() {
        let field = format!("model.subgraphs[0].outputs[{position}]");
        let tensor = main.graph.tensor(id);
        if main.data[id.0].is_some() {
            let what = format!("is the constant `{}`", tensor.name);
            return Err(ReadError::unsupported(field, what, "return only what the model computes"));
        }
        if tensor.variable && !produced.contains(&id) {
            let what = format!("is the variable `{}`", tensor.name);
            return Err(ReadError::unsupported(field, what, "return a copy of it"));
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
