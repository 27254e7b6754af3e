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
mod source;
mod tensor;
mod unfold;
mod variable;
mod weights;

use tflite_flatbuffers::flatbuffers::{Follow, Vector};

pub use self::error::ReadError;
use self::source::{File, Source};
use self::unfold::unfold;
use self::weights::Blob;
use super::{Graph, Operator, Options, TensorId};

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
    let file = File::new(bytes, model);
    if file.subgraphs.is_empty() {
        return Err(ReadError::inconsistent("model.subgraphs", "is empty"));
    }
    let main = Source::read(&file, 0)?;
    if main.graph.operators.is_empty() {
        return Err(ReadError::inconsistent("model.subgraphs[0].operators", "is empty"));
    }
    for (field, list) in [("inputs", &main.graph.inputs), ("outputs", &main.graph.outputs)] {
        if list.is_empty() {
            return Err(ReadError::inconsistent(format!("model.subgraphs[0].{field}"), "is empty"));
        }
    }
    order::check_returned(&main)?;
    let (inputs, outputs) = (main.graph.inputs.clone(), main.graph.outputs.clone());
    let unfolded = unfold(&file, main)?;
    let first = once::assignments(&file, &unfolded)?;
    let kept: Vec<TensorId> = outputs.iter().copied().chain(unfolded.operators.iter().filter_map(proceeds)).collect();
    let (tensors, mut weights) = weights::collect(&file, &unfolded, &kept)?;
    let mut graph = Graph { tensors, operators: unfolded.operators, inputs, outputs, pipeline: None };
    variable::resolve(&mut graph, &unfolded.handles, &first, &mut Blob::new(&mut weights, bytes));
    hidden::declare(&mut graph, &weights);
    Ok(Read { graph, weights })
}

/// What a loop's condition says.
fn proceeds(operator: &Operator) -> Option<TensorId> {
    match operator.options {
        Options::While { proceeds, .. } => Some(proceeds),
        _ => None,
    }
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
