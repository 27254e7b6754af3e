//! The host reference: runs steps with the reference kernels and keeps every operator's output tensor.
//!
//! What comes out is what LiteRT Micro computes, byte for byte; tests compare it with goldens from the real interpreter.

use std::collections::BTreeMap;

use kernels::{Weights, as_i8};

use super::graph::Constant;
use super::lower::{Call, OwnKernel, Step, StepWeights};
use super::{Block, Graph, Tensor, TensorId};

/// All output tensors of one run together may not be larger: they are kept in memory.
const MAX_BYTES: usize = 1 << 30;

/// Rounds of all loops of one run together. Firmware has no such bound.
const MAX_ROUNDS: usize = 1 << 16;

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
    #[error("op:{operator} reads `{name}`, which no step before it writes; lower the whole graph")]
    Steps {
        /// What people call the operator.
        operator: String,
        /// Name of the tensor.
        name: String,
    },
    /// A step with another number of tensors than its kernel takes.
    #[error("op:{operator} has other tensors than its kernel takes; lower the graph again")]
    Operands {
        /// What people call the operator.
        operator: String,
    },
    /// A loop whose condition stays true.
    #[error(
        "op:{operator} WHILE has not ended when {MAX_ROUNDS} rounds have run; firmware would hang here: give the loop a limit, or \
         other inputs"
    )]
    Endless {
        /// What people call the operator.
        operator: String,
    },
    /// A kernel of the deployment's own gave nothing.
    #[error("op:{operator}, kernel `{kernel}`: {problem}")]
    Own {
        /// What people call the operator.
        operator: String,
        /// The kernel's name.
        kernel: String,
        /// What went wrong, and what to do.
        problem: String,
    },
    /// Activations that are too large to keep.
    #[error("the model's activations are more than {MAX_BYTES} bytes; use a smaller model")]
    TooLarge,
}

/// Runs `steps`, which [`lower`](super::lower::lower) made of all operators of `graph`, once, on one vector.
///
/// `inputs` are the bytes of the model's inputs in their order. Returns for every step of the main graph, in execution order,
/// the bytes of its output tensors; what IF and WHILE run is seen in theirs.
pub fn evaluate(
    graph: &Graph,
    steps: &[Step],
    weights: &[u8],
    inputs: &[Vec<u8>],
) -> Result<Vec<Vec<Vec<u8>>>, EvaluateError> {
    evaluate_from(&mut State::default(), graph, steps, weights, inputs)
}

/// What runs the kernels that a deployment brings along.
pub trait OwnKernels {
    /// Runs `kernel` on the inputs of `step`, and gives the bytes of its outputs, each as many as its tensor has; or says what
    /// went wrong, and what to do.
    fn run(&self, kernel: &OwnKernel, step: &Step, inputs: &[&[i8]]) -> Result<Vec<Vec<u8>>, String>;
}

/// For graphs without such kernels.
#[derive(Clone, Copy, Debug)]
pub struct NoOwnKernels;

impl OwnKernels for NoOwnKernels {
    fn run(&self, _: &OwnKernel, _: &Step, _: &[&[i8]]) -> Result<Vec<Vec<u8>>, String> {
        Err("it is not at hand here; build the deployment that brings it along".to_owned())
    }
}

/// [`evaluate`], beginning with the state that an earlier inference of the same model left, and leaving its own.
pub fn evaluate_from(
    state: &mut State,
    graph: &Graph,
    steps: &[Step],
    weights: &[u8],
    inputs: &[Vec<u8>],
) -> Result<Vec<Vec<Vec<u8>>>, EvaluateError> {
    evaluate_with(&NoOwnKernels, state, graph, steps, weights, inputs)
}

/// What runs for one hop of a stream, beginning with the state that the last one left. `samples` are the bytes of the hop.
/// Returns for each of its steps the bytes of its output tensors; of the first one alone, where no frame is complete yet.
pub fn evaluate_hop(
    state: &mut State,
    graph: &Graph,
    steps: &[Step],
    weights: &[u8],
    samples: &[u8],
) -> Result<Vec<Vec<Vec<u8>>>, EvaluateError> {
    let Some(hops) = graph.hops() else { return Ok(Vec::new()) };
    let mut values = admit(&NoOwnKernels, state, graph, steps, weights, &[(hops.input, samples)])?;
    let mut written = Vec::with_capacity(hops.block.end - hops.block.first);
    for step in hops.block.operators().map_while(|id| steps.get(id.0)) {
        values.step(steps, step)?;
        written.push(values.written(step)?);
        if written.len() == 1 && !values.holds(step, hops.ready)? {
            break;
        }
    }
    values.leave(steps, state);
    Ok(written)
}

/// [`evaluate_from`], with the deployment's own kernels.
pub fn evaluate_with(
    own: &dyn OwnKernels,
    state: &mut State,
    graph: &Graph,
    steps: &[Step],
    weights: &[u8],
    inputs: &[Vec<u8>],
) -> Result<Vec<Vec<Vec<u8>>>, EvaluateError> {
    if inputs.len() != graph.inputs.len() {
        return Err(EvaluateError::Inputs { expected: graph.inputs.len(), found: inputs.len() });
    }
    let given: Vec<(TensorId, &[u8])> = graph.inputs.iter().copied().zip(inputs.iter().map(Vec::as_slice)).collect();
    let mut values = admit(own, state, graph, steps, weights, &given)?;
    let mut written = Vec::with_capacity(steps.len());
    for step in graph.main().operators().map_while(|id| steps.get(id.0)) {
        values.step(steps, step)?;
        written.push(values.written(step)?);
    }
    values.leave(steps, state);
    Ok(written)
}

fn unsigned(bytes: &[i8]) -> Vec<u8> {
    bytes.iter().map(|byte| byte.cast_unsigned()).collect()
}

/// What a model's variables hold between two inferences. The default is what `model::reset` makes of them on the target.
#[derive(Clone, Default)]
pub struct State(BTreeMap<TensorId, Buffer>);

/// The variables that steps change or read; the same one may come twice.
fn variables(graph: &Graph, steps: &[Step]) -> impl Iterator<Item = TensorId> {
    let all = steps.iter().flat_map(|step| step.inputs.iter().chain(&step.outputs));
    all.copied().filter(|&id| graph.tensor(id).variable)
}

/// The activations that a run has so far, by tensor.
struct Values<'a> {
    graph: &'a Graph,
    weights: &'a [u8],
    own: &'a dyn OwnKernels,
    tensors: Vec<Option<Buffer>>,
    /// Rounds that loops may still run.
    rounds: usize,
}

impl Values<'_> {
    fn block(&mut self, steps: &[Step], block: Block) -> Result<(), EvaluateError> {
        block.operators().filter_map(|id| steps.get(id.0)).try_for_each(|step| self.step(steps, step))
    }

    /// Runs a step and all that it runs.
    fn step(&mut self, steps: &[Step], step: &Step) -> Result<(), EvaluateError> {
        match (&step.call, step.inputs.as_slice()) {
            (&Call::If { then, otherwise }, &[condition]) => {
                let block = if self.holds(step, condition)? { then } else { otherwise };
                self.block(steps, block)
            }
            (&Call::While { start, condition, body, proceeds }, _) => {
                self.block(steps, start)?;
                self.block(steps, condition)?;
                while self.holds(step, proceeds)? {
                    let operator = || self.graph.label(step.operator);
                    let rounds = self.rounds.checked_sub(1);
                    self.rounds = rounds.ok_or_else(|| EvaluateError::Endless { operator: operator() })?;
                    self.block(steps, body)?;
                    self.block(steps, condition)?;
                }
                Ok(())
            }
            _ => {
                let outputs = run(self, step)?;
                for (id, output) in step.outputs.iter().zip(outputs) {
                    self.tensors[id.0] = Some(output);
                }
                Ok(())
            }
        }
    }

    /// What a condition says.
    fn holds(&self, step: &Step, condition: TensorId) -> Result<bool, EvaluateError> {
        Ok(self.input(step, condition)?.first().is_some_and(|&byte| byte != 0))
    }

    /// What a step has written.
    fn written(&self, step: &Step) -> Result<Vec<Vec<u8>>, EvaluateError> {
        step.outputs.iter().map(|&id| Ok(unsigned(self.input(step, id)?))).collect()
    }

    /// Leaves the variables for the next run.
    fn leave(mut self, steps: &[Step], state: &mut State) {
        for id in variables(self.graph, steps) {
            if let Some(buffer) = self.tensors[id.0].take() {
                state.0.insert(id, buffer);
            }
        }
    }

    fn input(&self, step: &Step, id: TensorId) -> Result<&[i8], EvaluateError> {
        let name = || self.graph.tensor(id).name.clone();
        self.tensors[id.0]
            .as_ref()
            .map(Buffer::bytes)
            .ok_or_else(|| EvaluateError::Steps { operator: self.graph.label(step.operator), name: name() })
    }

    /// The bytes of a constant.
    fn constant(&self, id: TensorId) -> Result<&[u8], EvaluateError> {
        self.bytes(id, self.graph.tensor(id).constant.unwrap_or(Constant { offset: usize::MAX, len: 0 }))
    }

    /// Bytes of the blob, for a tensor.
    fn bytes(&self, id: TensorId, place: Constant) -> Result<&[u8], EvaluateError> {
        let bytes = self.weights.get(place.offset..).and_then(|rest| rest.get(..place.len));
        bytes.ok_or_else(|| EvaluateError::Weights { name: self.graph.tensor(id).name.clone() })
    }
}

fn admit<'a>(
    own: &'a dyn OwnKernels,
    state: &State,
    graph: &'a Graph,
    steps: &[Step],
    weights: &'a [u8],
    inputs: &[(TensorId, &[u8])],
) -> Result<Values<'a>, EvaluateError> {
    let outputs = steps.iter().flat_map(|step| &step.outputs);
    let total = outputs.map(|&id| graph.tensor(id).bytes()).try_fold(0_usize, usize::checked_add);
    if total.is_none_or(|total| total > MAX_BYTES) {
        return Err(EvaluateError::TooLarge);
    }
    let mut values = Values { graph, weights, own, tensors: vec![None; graph.tensors.len()], rounds: MAX_ROUNDS };
    for &(id, bytes) in inputs {
        let tensor = graph.tensor(id);
        if bytes.len() != tensor.bytes() {
            let (expected, found) = (tensor.bytes(), bytes.len());
            return Err(EvaluateError::InputSize { name: tensor.name.clone(), expected, found });
        }
        values.tensors[id.0] = Some(Buffer::of(as_i8(bytes)));
    }
    for &id in steps.iter().flat_map(|step| &step.inputs) {
        if values.tensors[id.0].is_none() && graph.tensor(id).constant.is_some() {
            values.tensors[id.0] = Some(Buffer::of(as_i8(values.constant(id)?)));
        }
    }
    for id in variables(graph, steps) {
        let (tensor, kept) = (graph.tensor(id), state.0.get(&id).cloned());
        values.tensors[id.0] = Some(match (kept, graph.first_value(id)) {
            (Some(kept), _) => kept,
            (None, Some(place)) => Buffer::of(as_i8(values.bytes(id, place)?)),
            (None, None) => Buffer::of(&vec![tensor.initial(); tensor.bytes()]),
        });
    }
    Ok(values)
}

fn run(values: &Values, step: &Step) -> Result<Vec<Buffer>, EvaluateError> {
    if let Call::Own(own) = &step.call {
        return match &own.reference {
            Some(reference) => run(values, reference),
            None => run_own(values, step, &own.kernel),
        };
    }
    let fresh = |id: &TensorId| match (&values.tensors[id.0], values.graph.tensor(*id)) {
        (Some(state), Tensor { variable: true, .. }) => state.clone(),
        (_, tensor) => Buffer::zeroed(tensor.bytes()),
    };
    let mut buffers: Vec<Buffer> = step.outputs.iter().map(fresh).collect();
    let mut outputs: Vec<&mut [i8]> = buffers.iter_mut().map(Buffer::bytes_mut).collect();
    let tables: Vec<Buffer> = step.tables.iter().map(|table| Buffer::of(table)).collect();
    let inputs = step.inputs.iter().map(|&id| values.input(step, id));
    let inputs: Vec<&[i8]> = inputs.chain(tables.iter().map(|table| Ok(table.bytes()))).collect::<Result<_, _>>()?;
    let constants = step.weights.as_ref().map(|weights| constants(values, weights)).transpose()?.unwrap_or_default();
    match (&step.call, inputs.as_slice(), outputs.as_mut_slice()) {
        (Call::Op(op), inputs, outputs) => op.run(inputs, outputs),
        (Call::Step(op), inputs, outputs) => op.run(inputs, outputs),
        (Call::Conv2d(p), [input], [output]) => kernels::conv_2d(p, &constants.view(step), input, output),
        (Call::DepthwiseConv2d(p), [input], [output]) => {
            kernels::depthwise_conv_2d(p, &constants.view(step), input, output);
        }
        (Call::FullyConnected(p), [input], [output]) => {
            kernels::fully_connected(p, &constants.view(step), input, output);
        }
        (Call::AveragePool2d(p), [input], [output]) => kernels::average_pool_2d(p, input, output),
        (Call::MaxPool2d(p), [input], [output]) => kernels::max_pool_2d(p, input, output),
        (Call::Add(p), [a, b], [output]) => kernels::add(p, a, b, output),
        (Call::Softmax(p), [input], [output]) => kernels::softmax(p, input, output),
        (Call::Reshape, [], []) => {}
        (Call::Reshape, [input], [output]) => output.copy_from_slice(input),
        _ => return Err(EvaluateError::Operands { operator: values.graph.label(step.operator) }),
    }
    Ok(buffers)
}

fn run_own(values: &Values, step: &Step, kernel: &OwnKernel) -> Result<Vec<Buffer>, EvaluateError> {
    let inputs: Vec<&[i8]> = step.inputs.iter().map(|&id| values.input(step, id)).collect::<Result<_, _>>()?;
    let outputs = values.own.run(kernel, step, &inputs).map_err(|problem| {
        let (operator, kernel) = (values.graph.label(step.operator), kernel.name.clone());
        EvaluateError::Own { operator, kernel, problem }
    })?;
    let whole = step.outputs.iter().map(|&id| values.graph.tensor(id).bytes()).eq(outputs.iter().map(Vec::len));
    if !whole {
        return Err(EvaluateError::Operands { operator: values.graph.label(step.operator) });
    }
    Ok(outputs.iter().map(|output| Buffer::of(as_i8(output))).collect())
}

/// A tensor's bytes, where any element type may start.
#[derive(Clone)]
struct Buffer {
    words: Vec<u64>,
    len: usize,
}

impl Buffer {
    fn zeroed(len: usize) -> Self {
        Self { words: vec![0; len.div_ceil(8)], len }
    }

    fn of(bytes: &[i8]) -> Self {
        let mut buffer = Self::zeroed(bytes.len());
        buffer.bytes_mut().copy_from_slice(bytes);
        buffer
    }

    fn bytes(&self) -> &[i8] {
        &kernels::words_as_i8(&self.words)[..self.len]
    }

    fn bytes_mut(&mut self) -> &mut [i8] {
        &mut kernels::words_as_i8_mut(&mut self.words)[..self.len]
    }
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

fn constants<'a>(values: &'a Values, weights: &StepWeights) -> Result<Constants<'a>, EvaluateError> {
    let bias = match weights.bias {
        Some(id) => {
            let words = values.constant(id)?.as_chunks().0;
            Some(words.iter().map(|&word| i32::from_le_bytes(word)).collect())
        }
        None => None,
    };
    Ok(Constants { filter: as_i8(values.constant(weights.filter)?), bias })
}
