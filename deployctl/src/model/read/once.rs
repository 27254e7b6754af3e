//! `CALL_ONCE`: a function that assigns constants to variables and does nothing else. It is run here, when the model is read.

use std::collections::{BTreeMap, BTreeSet};

use super::source::File;
use super::unfold::Unfolded;
use super::{ReadError, operator, tensor, weights};
use crate::model::{Options, Tensor, TensorId};

const ONE_FUNCTION: &str = "export one function";
const CONSTANTS: &str = "give variables constants as their first values";

/// A variable's first value.
pub(super) struct First<'a> {
    /// The function's position in the file.
    pub(super) function: usize,
    /// Container and name of the variable.
    pub(super) name: (String, String),
    /// The value's type and shape.
    pub(super) tensor: Tensor,
    /// Its bytes.
    pub(super) bytes: &'a [u8],
}

/// What the functions that operators call once assign, in order. A subgraph that no operator runs is refused.
pub(super) fn assignments<'a>(file: &File<'a>, unfolded: &Unfolded<'a>) -> Result<Vec<First<'a>>, ReadError> {
    let called = unfolded.operators.iter().filter_map(|operator| match operator.options {
        Options::CallOnce { function, .. } => Some(usize::try_from(function).unwrap_or(usize::MAX)),
        _ => None,
    });
    let called: BTreeSet<usize> = called.collect();
    let count = file.subgraphs.len();
    if let Some(index) = called.iter().find(|&&index| !(1..count).contains(&index)) {
        let problem = format!("has {count} subgraphs, but CALL_ONCE calls number {index}");
        return Err(ReadError::inconsistent("model.subgraphs", problem));
    }
    if let Some(index) = (1..count).find(|index| !called.contains(index) && !unfolded.reached.contains(index)) {
        let what = format!("has {count} subgraphs, of which no operator runs number {index} (several signatures)");
        return Err(ReadError::unsupported("model.subgraphs", what, ONE_FUNCTION));
    }
    let mut found = Vec::new();
    for index in called {
        found.extend(function(file, index).map_err(|error| error.of_subgraph(index))?);
    }
    Ok(found)
}

fn function<'a>(file: &File<'a>, index: usize) -> Result<Vec<First<'a>>, ReadError> {
    let subgraph = &file.subgraphs[index];
    let tensors = tensor::tensors(subgraph)?;
    let data = weights::data(file, subgraph)?;
    let (mut names, mut found) = (BTreeMap::new(), Vec::new());
    for (at, operator) in operator::operators(&file.model, subgraph, tensors.len())?.iter().enumerate() {
        let unsupported = || {
            let field = format!("model.subgraphs[0].operators[{at}]");
            ReadError::unsupported(
                field,
                format!("is `{}` in a function that is called once", operator.name),
                CONSTANTS,
            )
        };
        match (&operator.options, operator.inputs.as_slice(), operator.outputs.as_slice()) {
            (Options::VarHandle { container, shared_name }, _, &[handle]) => {
                names.insert(handle, (container.clone(), shared_name.clone()));
            }
            (_, &[Some(handle), Some(TensorId(value))], []) if operator.name == "ASSIGN_VARIABLE" => {
                let bytes = weights::constant(data[value], value, &tensors[value])?;
                let (name, bytes) = names.get(&handle).cloned().zip(bytes).ok_or_else(unsupported)?;
                found.push(First { function: index, name, tensor: tensors[value].clone(), bytes });
            }
            _ => return Err(unsupported()),
        }
    }
    Ok(found)
}
