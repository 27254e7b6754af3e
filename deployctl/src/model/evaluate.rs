//! The host reference: runs steps with the reference kernels and keeps every operator's output tensor.
//!
//! What comes out is what LiteRT Micro computes, byte for byte; tests compare it with goldens from the real interpreter.

use kernels::{Weights, as_i8};

use super::lower::{Call, Step, StepWeights};
use super::{Graph, TensorId};

/// All output tensors of one run together may not be larger: they are kept in memory.
const MAX_BYTES: usize = 1 << 30;

/// Why a run is not possible.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EvaluateError {
    /// Another number of inputs than the model has.
    #[error("the model has {expected} inputs, but {found} were given; give one for each")]
    Inputs {
        /// Inputs of the model.
        expected: usize,
        /// Inputs that were given.
        found: usize,
    },
    /// An input of another size than its tensor.
    #[error("input `{name}` has {expected} bytes, but {found} were given; check its shape and type")]
    InputSize {
        /// Name of the tensor.
        name: String,
        /// Bytes of the tensor.
        expected: usize,
        /// Bytes that were given.
        found: usize,
    },
    /// A weights blob that does not belong to the graph.
    #[error("the weights end before the constant `{name}`; read graph and weights from the same model")]
    Weights {
        /// Name of the constant.
        name: String,
    },
    /// Steps in which a tensor is read that no step before has written.
    #[error("operator {operator} reads `{name}`, which no step before it writes; lower the whole graph")]
    Steps {
        /// The operator's index.
        operator: usize,
        /// Name of the tensor.
        name: String,
    },
    /// Activations that are too large to keep.
    #[error("the model's activations are more than {MAX_BYTES} bytes; use a smaller model")]
    TooLarge,
}

/// Runs `steps`, which [`lower`](super::lower::lower) made of all operators of `graph`, on one vector.
///
/// `inputs` are the bytes of the model's inputs in their order. Returns the bytes of the output tensor of every step, in
/// execution order.
pub fn evaluate(
    graph: &Graph,
    steps: &[Step],
    weights: &[u8],
    inputs: &[Vec<u8>],
) -> Result<Vec<Vec<u8>>, EvaluateError> {
    let mut values = admit(graph, steps, inputs)?;
    for (position, step) in steps.iter().enumerate() {
        let output = run(graph, step, weights, &values)?;
        values.steps.push(output);
        values.places[step.output.0] = Place::Step(position);
    }
    Ok(values.steps)
}

/// Where the bytes of a tensor are.
#[derive(Clone, Copy)]
enum Place {
    Nowhere,
    Input(usize),
    Step(usize),
}

/// All activations of a run so far.
struct Values<'a> {
    inputs: &'a [Vec<u8>],
    steps: Vec<Vec<u8>>,
    places: Vec<Place>,
}

impl Values<'_> {
    fn get(&self, graph: &Graph, step: &Step, argument: usize) -> Result<&[i8], EvaluateError> {
        let id = step.inputs[argument];
        match self.places[id.0] {
            Place::Input(position) => Ok(as_i8(&self.inputs[position])),
            Place::Step(position) => Ok(as_i8(&self.steps[position])),
            Place::Nowhere => {
                Err(EvaluateError::Steps { operator: step.operator.0, name: graph.tensor(id).name.clone() })
            }
        }
    }
}

fn admit<'a>(graph: &Graph, steps: &[Step], inputs: &'a [Vec<u8>]) -> Result<Values<'a>, EvaluateError> {
    if inputs.len() != graph.inputs.len() {
        return Err(EvaluateError::Inputs { expected: graph.inputs.len(), found: inputs.len() });
    }
    let mut places = vec![Place::Nowhere; graph.tensors.len()];
    for (position, (&id, bytes)) in graph.inputs.iter().zip(inputs).enumerate() {
        let tensor = graph.tensor(id);
        if bytes.len() != tensor.bytes() {
            let (expected, found) = (tensor.bytes(), bytes.len());
            return Err(EvaluateError::InputSize { name: tensor.name.clone(), expected, found });
        }
        places[id.0] = Place::Input(position);
    }
    let total = steps.iter().try_fold(0_usize, |sum, step| sum.checked_add(graph.tensor(step.output).bytes()));
    if total.is_none_or(|total| total > MAX_BYTES) {
        return Err(EvaluateError::TooLarge);
    }
    Ok(Values { inputs, steps: Vec::with_capacity(steps.len()), places })
}

fn run(graph: &Graph, step: &Step, blob: &[u8], values: &Values) -> Result<Vec<u8>, EvaluateError> {
    let input = values.get(graph, step, 0)?;
    let mut output = vec![0_i8; graph.tensor(step.output).bytes()];
    let weights = step.weights.as_ref().map(|weights| constants(graph, weights, blob)).transpose()?.unwrap_or_default();
    match &step.call {
        Call::Conv2d(p) => kernels::conv_2d(p, &weights.view(step), input, &mut output),
        Call::DepthwiseConv2d(p) => kernels::depthwise_conv_2d(p, &weights.view(step), input, &mut output),
        Call::FullyConnected(p) => kernels::fully_connected(p, &weights.view(step), input, &mut output),
        Call::AveragePool2d(p) => kernels::average_pool_2d(p, input, &mut output),
        Call::MaxPool2d(p) => kernels::max_pool_2d(p, input, &mut output),
        Call::Add(p) => kernels::add(p, input, values.get(graph, step, 1)?, &mut output),
        Call::Softmax(p) => kernels::softmax(p, input, &mut output),
        Call::Reshape => output.copy_from_slice(input),
    }
    Ok(output.into_iter().map(i8::cast_unsigned).collect())
}

/// A step's constants in the types that kernels take.
#[derive(Default)]
struct Constants<'a> {
    filter: &'a [i8],
    bias: Option<Vec<i32>>,
}

impl Constants<'_> {
    fn view<'a>(&'a self, step: &'a Step) -> Weights<'a> {
        let factors = step.weights.as_ref();
        Weights {
            filter: self.filter,
            bias: self.bias.as_deref(),
            multipliers: factors.map(|factors| factors.multipliers.as_slice()).unwrap_or_default(),
            shifts: factors.map(|factors| factors.shifts.as_slice()).unwrap_or_default(),
        }
    }
}

fn constants<'a>(graph: &Graph, weights: &StepWeights, blob: &'a [u8]) -> Result<Constants<'a>, EvaluateError> {
    let bytes = |id: TensorId| {
        let tensor = graph.tensor(id);
        tensor
            .constant
            .and_then(|constant| blob.get(constant.offset..)?.get(..constant.len))
            .ok_or_else(|| EvaluateError::Weights { name: tensor.name.clone() })
    };
    let bias = match weights.bias {
        Some(id) => {
            let words = bytes(id)?.chunks_exact(4);
            Some(words.map(|word| i32::from_le_bytes([word[0], word[1], word[2], word[3]])).collect())
        }
        None => None,
    };
    Ok(Constants { filter: as_i8(bytes(weights.filter)?), bias })
}
