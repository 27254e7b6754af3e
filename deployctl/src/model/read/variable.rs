//! Resource variables: what handles stand for at run time is resolved here, once.
//!
//! Every variable becomes a tensor of its own, appended to those of the file, that has the type and shape of the first
//! value that is assigned to it. Operators on variables then name that tensor.

use std::collections::BTreeMap;

use super::once::First;
use super::weights::Blob;
use crate::model::graph::FirstValue;
use crate::model::{Graph, Operator, Options, Tensor, TensorId};

/// Container and name.
type Name = (String, String);

/// Appends the variables and has the operators that read, assign and initialize them say which; one that cannot be
/// resolved keeps its options, and has no kernel. First values go into the blob of constants. `handed_on` are handles that
/// stand for the same variable as others.
pub(super) fn resolve(graph: &mut Graph, handed_on: &[(TensorId, TensorId)], first: &[First<'_>], blob: &mut Blob<'_>) {
    let order = graph.order();
    let Graph { tensors, operators, .. } = graph;
    let names = names(operators, handed_on);
    let mut cells: BTreeMap<Name, TensorId> = BTreeMap::new();
    let mut declare = |name: &Name, of: &Tensor, tensors: &mut Vec<Tensor>| {
        cells.entry(name.clone()).or_insert_with(|| {
            tensors.push(Tensor { name: name.1.clone(), variable: true, constant: None, ..of.clone() });
            TensorId(tensors.len() - 1)
        });
    };
    for value in first {
        declare(&value.name, &value.tensor, tensors);
    }
    for operator in order.iter().map(|id| &operators[id.0]).filter(|operator| operator.name == "ASSIGN_VARIABLE") {
        let [Some(handle), Some(value)] = operator.inputs[..] else { continue };
        if let Some(name) = names.get(&handle) {
            declare(name, &tensors[value.0].clone(), tensors);
        }
    }
    let cell = |operator: &Operator| {
        let handle = operator.inputs.first().copied().flatten()?;
        cells.get(names.get(&handle)?).copied()
    };
    let mut used = Vec::new();
    for id in order {
        let operator = &mut operators[id.0];
        match (operator.name.as_str(), &mut operator.options) {
            ("READ_VARIABLE" | "ASSIGN_VARIABLE", Options::Other) => {
                if let Some(cell) = cell(operator) {
                    used.push(cell);
                    operator.options = Options::Variable { cell };
                }
            }
            (_, Options::CallOnce { function, values }) => {
                let own = first.iter().filter(|value| i32::try_from(value.function) == Ok(*function));
                let own: Vec<(TensorId, &First<'_>)> = own.map(|value| (cells[&value.name], value)).collect();
                let fits = |cell: TensorId, value: &First<'_>| tensors[cell.0].bytes() == value.bytes.len();
                if own.iter().all(|&(cell, value)| !used.contains(&cell) && fits(cell, value)) {
                    let place = |(cell, value): (TensorId, &First<'_>)| {
                        Some(FirstValue { cell, constant: blob.append(value.bytes)? })
                    };
                    *values = own.into_iter().map(place).collect::<Option<_>>().unwrap_or_default();
                }
            }
            _ => {}
        }
    }
}

/// What each handle stands for.
fn names(operators: &[Operator], handed_on: &[(TensorId, TensorId)]) -> BTreeMap<TensorId, Name> {
    let mut names: BTreeMap<TensorId, Name> = operators.iter().filter_map(handle).collect();
    // Loops come in the order in which they are laid out, so that a loop's handle is known before another takes it on.
    for (to, from) in handed_on {
        if let Some(name) = names.get(from).cloned() {
            names.insert(*to, name);
        }
    }
    names
}

fn handle(operator: &Operator) -> Option<(TensorId, Name)> {
    match (&operator.options, operator.outputs.as_slice()) {
        (Options::VarHandle { container, shared_name }, &[handle]) => {
            Some((handle, (container.clone(), shared_name.clone())))
        }
        _ => None,
    }
}
