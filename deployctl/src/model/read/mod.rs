//! Bytes of a `.tflite` file to a consistent [`Graph`] and the blob of its constants.
//!
//! The file is hostile until proven otherwise: nothing in it is used as an index or a size before it was compared with
//! what is there, and what is allocated is bounded by the file's size. Knows the file format; does not know kernels.

mod error;
mod flexbuffer;
mod hidden;
mod movement;
mod once;
mod operator;
mod order;
mod packed;
mod tensor;
mod variable;
mod weights;

use tflite_flatbuffers::flatbuffers::{Follow, Vector};
use tflite_flatbuffers::{Model, SubGraph};

pub use self::error::ReadError;
use self::weights::Blob;
use super::{Graph, TensorId};

/// The one format version there is.
const VERSION: u32 = 3;

/// A model file's content.
#[derive(Clone, Debug, PartialEq)]
pub struct Read {
    /// Structure: tensors, operators and options.
    pub graph: Graph,
    /// The constants that operators read, each starting at a multiple of 16 bytes, zeros between them.
    pub weights: Vec<u8>,
}

/// Reads a `.tflite` file.
///
/// # Errors
///
/// Names the table and field at fault. A model with operators that have no kernel here is not an error: see
/// [`lower`](super::lower::lower).
pub fn read(bytes: &[u8]) -> Result<Read, ReadError> {
    let model = tflite_flatbuffers::root(bytes)?;
    if model.version() != VERSION {
        let what = format!("is {}", model.version());
        return Err(ReadError::unsupported("model.version", what, "convert the model to format version 3"));
    }
    let subgraph = first_subgraph(&model)?;
    let mut tensors = tensor::tensors(&subgraph)?;
    let mut operators = operator::operators(&model, &subgraph, tensors.len())?;
    let inputs = indices(subgraph.inputs(), "model.subgraphs[0].inputs", tensors.len())?;
    let outputs = indices(subgraph.outputs(), "model.subgraphs[0].outputs", tensors.len())?;
    for (field, list) in [("inputs", &inputs), ("outputs", &outputs)] {
        if list.is_empty() {
            return Err(ReadError::inconsistent(format!("model.subgraphs[0].{field}"), "is empty"));
        }
    }
    let first = once::assignments(bytes, &model, &operators)?;
    let mut weights = weights::collect(bytes, &model, &subgraph, &operators, &outputs, &mut tensors)?;
    variable::resolve(&mut tensors, &mut operators, &first, &mut Blob::new(&mut weights, bytes));
    hidden::declare(&mut tensors, &mut operators);
    let graph = Graph { tensors, operators, inputs, outputs };
    order::check(&graph)?;
    Ok(Read { graph, weights })
}

fn first_subgraph<'a>(model: &Model<'a>) -> Result<SubGraph<'a>, ReadError> {
    let field = "model.subgraphs";
    let Some(subgraphs) = model.subgraphs().filter(|subgraphs| !subgraphs.is_empty()) else {
        return Err(ReadError::inconsistent(field, "is empty"));
    };
    Ok(subgraphs.get(0))
}

/// A list of tensor indices in which none may be absent.
fn indices(list: Option<Vector<'_, i32>>, field: &str, tensors: usize) -> Result<Vec<TensorId>, ReadError> {
    elements(list)
        .enumerate()
        .map(|(position, index)| tensor_id(index, tensors, || format!("{field}[{position}]")))
        .collect()
}

fn tensor_id(index: i32, tensors: usize, field: impl FnOnce() -> String) -> Result<TensorId, ReadError> {
    match usize::try_from(index) {
        Ok(index) if index < tensors => Ok(TensorId(index)),
        _ => {
            Err(ReadError::inconsistent(field(), format!("is tensor {index}, but the subgraph has {tensors} tensors")))
        }
    }
}

/// Elements of a vector; an absent vector has none.
fn elements<'a, T: Follow<'a> + 'a>(list: Option<Vector<'a, T>>) -> impl Iterator<Item = T::Inner> {
    list.into_iter().flat_map(|list| list.iter())
}
