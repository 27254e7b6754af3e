//! One subgraph as the file has it: tensors, operators in an order that can be executed, and which tensors are constants.

use tflite_flatbuffers as format;

use super::{ReadError, elements, indices, operator, order, tensor, weights};
use crate::model::Graph;

/// The buffer of a tensor and its data; absent where it has none, which makes the tensor an activation.
pub(super) type Data<'a> = Option<(usize, &'a [u8])>;

/// The file and its tables.
pub(super) struct File<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) model: format::Model<'a>,
    pub(super) subgraphs: Vec<format::SubGraph<'a>>,
    pub(super) buffers: Vec<format::Buffer<'a>>,
}

impl<'a> File<'a> {
    pub(super) fn new(bytes: &'a [u8], model: format::Model<'a>) -> Self {
        let (subgraphs, buffers) = (elements(model.subgraphs()).collect(), elements(model.buffers()).collect());
        Self { bytes, model, subgraphs, buffers }
    }
}

/// A subgraph.
pub(super) struct Source<'a> {
    /// Its position in the file.
    pub(super) subgraph: usize,
    /// What it says by itself: no constant has a place yet, and no operator knows its blocks.
    pub(super) graph: Graph,
    /// Of each tensor the buffer with its data, where it is a constant.
    pub(super) data: Vec<Data<'a>>,
}

impl<'a> Source<'a> {
    /// Reads a subgraph that there is. Errors name the first one: see [`ReadError::of_subgraph`].
    pub(super) fn read(file: &File<'a>, subgraph: usize) -> Result<Self, ReadError> {
        let table = &file.subgraphs[subgraph];
        let tensors = tensor::tensors(table)?;
        let operators = operator::operators(&file.model, table, tensors.len())?;
        let inputs = indices(table.inputs(), "model.subgraphs[0].inputs", tensors.len())?;
        let outputs = indices(table.outputs(), "model.subgraphs[0].outputs", tensors.len())?;
        let data = weights::data(file, table)?;
        let graph = Graph { tensors, operators, inputs, outputs, pipeline: None };
        order::check(&graph, &data.iter().map(Option::is_some).collect::<Vec<_>>())?;
        Ok(Self { subgraph, graph, data })
    }
}
