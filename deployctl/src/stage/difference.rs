//! Where two tensors of one model differ: element by element of their type, with operator, coordinate and both values.

use crate::gate::evidence::Difference;
use crate::model::lower::Step;
use crate::model::{Graph, Number, TensorId, TensorType};

/// The first element of `tensor` in which `found` is not `expected`, both as bytes.
pub(super) fn first_difference(
    graph: &Graph,
    steps: &[Step],
    vector: usize,
    tensor: TensorId,
    expected: &[i8],
    found: &[i8],
) -> Option<Difference> {
    let byte = expected.iter().zip(found).position(|(expected, found)| expected != found)?;
    let element = byte * 8 / graph.tensor(tensor).dtype.bits();
    Some(difference_at(graph, steps, vector, tensor, element, expected, found))
}

/// Element `element` of `tensor`, whether it differs or not.
pub(super) fn difference_at(
    graph: &Graph,
    steps: &[Step],
    vector: usize,
    tensor: TensorId,
    element: usize,
    expected: &[i8],
    found: &[i8],
) -> Difference {
    // What a block writes is the main graph's operator's.
    let main = steps.get(..graph.main().end).unwrap_or(steps);
    let hop = graph.hops().and_then(|hops| steps.get(hops.block.first..hops.block.end)).unwrap_or_default();
    let wrote = |step: &&Step| step.outputs.contains(&tensor);
    let writer = main.iter().rfind(wrote).or_else(|| hop.iter().rfind(wrote)).map(|step| step.operator);
    let dtype = graph.tensor(tensor).dtype;
    Difference {
        vector,
        hop: None,
        operator: writer,
        called: writer.map(|id| graph.called(id)).unwrap_or_default(),
        operator_name: writer.map_or_else(|| "the model".to_owned(), |id| graph.operators[id.0].name.clone()),
        tensor: graph.tensor(tensor).name.clone(),
        coordinate: coordinate(&graph.tensor(tensor).shape, element),
        expected: value(dtype, expected, element),
        found: value(dtype, found, element),
    }
}

/// An element as a number.
fn value(dtype: TensorType, tensor: &[i8], element: usize) -> String {
    let size = (dtype.bits() / 8).max(1);
    let bytes: Vec<u8> = tensor.iter().skip(element * size).take(size).map(|byte| byte.cast_unsigned()).collect();
    Number::of(dtype, &bytes).to_string()
}

/// A flat index as a coordinate in a shape, row-major.
pub(super) fn coordinate(shape: &[usize], element: usize) -> Vec<usize> {
    let mut rest = element;
    let mut reversed: Vec<usize> = Vec::with_capacity(shape.len());
    for size in shape.iter().rev() {
        reversed.push(rest % size.max(&1));
        rest /= size.max(&1);
    }
    reversed.reverse();
    reversed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coordinates_are_row_major() {
        assert_eq!(coordinate(&[1, 2, 3, 4], 23), [0, 1, 2, 3]);
        assert_eq!(coordinate(&[1, 2, 3, 4], 4), [0, 0, 1, 0]);
        assert_eq!(coordinate(&[], 0), Vec::<usize>::new());
    }

    #[test]
    fn values_are_those_at_the_element() {
        assert_eq!(value(TensorType::Int16, &[0, 0, -1, -1], 1), "-1");
        assert_eq!(value(TensorType::Int8, &[3, -4], 1), "-4");
    }
}
