//! Resource variables: what handles stand for at run time is resolved here, once.
//!
//! Every variable becomes a tensor of its own, appended to those of the file, that has the type and shape of the first
//! value that is assigned to it. Operators on variables then name that tensor.

use std::collections::BTreeMap;

use crate::model::{Operator, Options, Tensor, TensorId};

/// Appends the variables and has the operators that read and assign them say which; one that cannot be resolved keeps
/// [`Options::Other`], and has no kernel.
pub(super) fn resolve(tensors: &mut Vec<Tensor>, operators: &mut [Operator]) {
    let mut names = BTreeMap::new();
    for operator in operators.iter() {
        if let (Options::VarHandle { container, shared_name }, &[handle]) =
            (&operator.options, operator.outputs.as_slice())
        {
            names.insert(handle, (container.clone(), shared_name.clone()));
        }
    }
    let mut cells: BTreeMap<(String, String), TensorId> = BTreeMap::new();
    for operator in operators.iter().filter(|operator| operator.name == "ASSIGN_VARIABLE") {
        let [Some(handle), Some(value)] = operator.inputs[..] else { continue };
        let Some(name) = names.get(&handle) else { continue };
        if !cells.contains_key(name) {
            let of = &tensors[value.0];
            let cell = Tensor { name: name.1.clone(), variable: true, constant: None, ..of.clone() };
            cells.insert(name.clone(), TensorId(tensors.len()));
            tensors.push(cell);
        }
    }
    for operator in operators.iter_mut().filter(|operator| operator.options == Options::Other) {
        if !matches!(operator.name.as_str(), "READ_VARIABLE" | "ASSIGN_VARIABLE") {
            continue;
        }
        let handle = operator.inputs.first().copied().flatten();
        let cell = handle.and_then(|handle| cells.get(names.get(&handle)?));
        if let Some(&cell) = cell {
            operator.options = Options::Variable { cell };
        }
    }
}
