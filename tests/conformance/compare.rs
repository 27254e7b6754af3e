//! One case: read, lowered and evaluated by the host reference, every operator's output compared with LiteRT Micro's.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

use deployctl::model::{
    Graph, Operator, Read, State, Step, Tensor, TensorId, TensorType, evaluate_from, lower, optimize, read,
};

use crate::archive::Case;

/// Two float32 results may lie this many representable numbers apart: LiteRT Micro takes its exponential and
/// trigonometric functions from the C library, we from `libm`.
pub(crate) const ULP: u32 = 4;
/// An operator in which one step's deviation is the next one's input, and how far its float32 results may lie apart instead,
/// absolutely or relatively.
const RECURRENT: &str = "UNIDIRECTIONAL_SEQUENCE_LSTM";
const DRIFT: f32 = 1.0e-5;
/// What became of a case.
pub(crate) enum Outcome {
    /// Every output was computed; where LiteRT Micro has none, there is nothing to compare with.
    Ran(Vec<Figures>),
    /// The reader's or the lowering's reason, and the operator that it is about.
    Refused { operator: String, reason: String },
    /// What must not be.
    Wrong(Wrong),
}

/// What must not be.
pub(crate) enum Wrong {
    /// A result that differs.
    Result(String),
    /// A panic, or an evaluation that fails.
    Failure(String),
}

impl std::fmt::Display for Wrong {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (Self::Result(what) | Self::Failure(what)) = self;
        f.write_str(what)
    }
}

/// One operator of a case.
pub(crate) struct Figures {
    /// What the executor calls it: name and types, such as `CONV_2D int8`, or a kernel.
    pub(crate) name: String,
    /// Tensors that were compared.
    pub(crate) tensors: usize,
    /// Tensors that were computed from float32 values within the bound, but not equal.
    pub(crate) unjudged: usize,
    /// The largest distance between float32 results.
    pub(crate) ulp: u32,
}

/// What runs a model that is lowered.
pub(crate) trait Executor {
    /// Under which name a step's figures are added up.
    fn name(&self, graph: &Graph, step: &Step) -> String;

    /// The outputs of every step of every invocation, which follow each other without a reset.
    fn execute(&self, model: &Read, steps: &[Step], sequence: &[Inputs]) -> Result<Vec<Written>, String>;
}

/// Bytes of each input of the model.
pub(crate) type Inputs = Vec<Vec<u8>>;
/// Bytes of each output of each step.
pub(crate) type Written = Vec<Vec<Vec<u8>>>;

/// The host reference.
pub(crate) struct Reference;

impl Executor for Reference {
    fn name(&self, graph: &Graph, step: &Step) -> String {
        kind(graph, &graph.operators[step.operator.0])
    }

    fn execute(&self, model: &Read, steps: &[Step], sequence: &[Inputs]) -> Result<Vec<Written>, String> {
        let mut state = State::default();
        let one = |inputs: &Inputs| evaluate_from(&mut state, &model.graph, steps, &model.weights, inputs);
        sequence.iter().map(one).collect::<Result<_, _>>().map_err(|error| error.to_string())
    }
}

/// The host reference after `optimize`.
pub(crate) struct Optimized;

impl Executor for Optimized {
    fn name(&self, graph: &Graph, step: &Step) -> String {
        Reference.name(graph, step)
    }

    fn execute(&self, model: &Read, _: &[Step], sequence: &[Inputs]) -> Result<Vec<Written>, String> {
        let model = optimize(model.clone());
        let steps: Result<Vec<Step>, _> = lower(&model.graph, &model.weights).into_iter().collect();
        Reference.execute(&model, &steps.map_err(|refusal| refusal.to_string())?, sequence)
    }
}

/// How many operators of a case `optimize` rewrites.
pub(crate) fn rewritten(case: &Case) -> usize {
    let Ok(before) = read(&case.model) else { return 0 };
    let after = optimize(before.clone()).graph.operators;
    before.graph.operators.iter().zip(&after).filter(|(before, after)| before.code != after.code).count()
}

pub(crate) fn compare(case: &Case, executor: &dyn Executor) -> Outcome {
    catch_unwind(AssertUnwindSafe(|| attempt(case, executor))).unwrap_or_else(|panic| {
        let message = panic.downcast_ref::<String>().cloned();
        let message = message.or_else(|| panic.downcast_ref::<&str>().map(|&text| text.to_owned()));
        Outcome::Wrong(Wrong::Failure(format!("panics: {}", message.unwrap_or_default())))
    })
}

fn attempt(case: &Case, executor: &dyn Executor) -> Outcome {
    let model = match read(&case.model) {
        Ok(model) => model,
        Err(error) => return Outcome::Refused { operator: "model".to_owned(), reason: error.to_string() },
    };
    let mut steps = Vec::new();
    for (step, operator) in lower(&model.graph, &model.weights).into_iter().zip(&model.graph.operators) {
        match step {
            Ok(step) => steps.push(step),
            Err(refusal) => {
                let operator = kind(&model.graph, operator);
                return Outcome::Refused { operator, reason: refusal.reason };
            }
        }
    }
    match &case.data {
        Some(data) => vectors(&model, &steps, data, executor).unwrap_or_else(Outcome::Wrong),
        None => run(&model, &steps, executor)
            .map_or_else(|what| Outcome::Wrong(Wrong::Failure(what)), |()| Outcome::Ran(Vec::new())),
    }
}

/// Name and types of an operator: of its first input that is no constant and, where they are others, of its weights and
/// its output.
fn kind(graph: &Graph, operator: &Operator) -> String {
    let resource = |id: &TensorId| graph.tensor(*id).dtype == TensorType::Resource;
    let inputs = || operator.inputs.iter().copied().flatten().filter(|id| !resource(id));
    let first = inputs().find(|&id| graph.tensor(id).constant.is_none()).or_else(|| inputs().next());
    let weights = operator.inputs.get(1).copied().flatten();
    let weights = weights.filter(|&id| matches!(graph.tensor(id).dtype, TensorType::Int8 | TensorType::Int4));
    let output = operator.outputs.first().copied().filter(|id| !resource(id));
    let ids = first.into_iter().chain(weights).chain(output);
    let stored = |tensor: &Tensor| tensor.unpacked_from.unwrap_or(tensor.dtype).name();
    let types = ids.map(|id| stored(graph.tensor(id)));
    let mut names: Vec<&str> = Vec::new();
    for name in types {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    format!("{} {}", operator.name, names.join(" "))
}

/// Runs a model that LiteRT Micro does not run on zeros.
fn run(model: &Read, steps: &[Step], executor: &dyn Executor) -> Result<(), String> {
    let inputs: Vec<Vec<u8>> = model.graph.inputs.iter().map(|&id| vec![0; model.graph.tensor(id).bytes()]).collect();
    executor.execute(model, steps, &[inputs]).map(drop)
}

/// What LiteRT Micro says of an operator, in the order of the archive: outputs but for handles, then variables that are no
/// operator's outputs.
fn recorded<'a>(graph: &'a Graph, operator: &'a Operator) -> impl Iterator<Item = TensorId> + 'a {
    let outputs = operator.outputs.iter().copied().filter(|&id| graph.tensor(id).dtype != TensorType::Resource);
    let produced = |id: TensorId| graph.operators.iter().any(|operator| operator.outputs.contains(&id));
    let kept = move |id: &TensorId| graph.tensor(*id).variable && !produced(*id);
    outputs.chain(operator.inputs.iter().copied().flatten().filter(kept))
}

/// A case's data, invocation by invocation: inputs, and what each operator has written.
fn invocations(graph: &Graph, mut data: &[u8]) -> Result<Vec<(Inputs, Written)>, Wrong> {
    let mut found = Vec::new();
    while !data.is_empty() {
        let mut take = |id: TensorId| {
            let (tensor, rest) = data
                .split_at_checked(graph.tensor(id).bytes())
                .ok_or_else(|| Wrong::Failure("the case's data is too short".to_owned()))?;
            data = rest;
            Ok::<_, Wrong>(tensor.to_vec())
        };
        let inputs = graph.inputs.iter().map(|&id| take(id)).collect::<Result<_, _>>()?;
        let written = graph.operators.iter().map(|operator| recorded(graph, operator).map(&mut take).collect());
        found.push((inputs, written.collect::<Result<_, _>>()?));
    }
    Ok(found)
}

fn vectors(model: &Read, steps: &[Step], data: &[u8], executor: &dyn Executor) -> Result<Outcome, Wrong> {
    let graph = &model.graph;
    let (sequence, expected): (Vec<Inputs>, Vec<Written>) = invocations(graph, data)?.into_iter().unzip();
    let found = executor.execute(model, steps, &sequence).map_err(Wrong::Failure)?;
    let mut operators: Vec<Figures> = steps
        .iter()
        .map(|step| Figures { name: executor.name(graph, step), tensors: 0, unjudged: 0, ulp: 0 })
        .collect();
    // Tensors that are not LiteRT Micro's in every bit: what is computed from them is not to be judged.
    let mut inexact: BTreeSet<TensorId> = BTreeSet::new();
    for (vector, (found, expected)) in found.iter().zip(&expected).enumerate() {
        inexact.retain(|&id| graph.tensor(id).variable);
        for ((step, outputs), (figures, expected)) in steps.iter().zip(found).zip(operators.iter_mut().zip(expected)) {
            let drift = if graph.operators[step.operator.0].name == RECURRENT { DRIFT } else { 0.0 };
            let state = step.outputs.iter().filter(|_| drift == 0.0);
            let from_inexact = step.inputs.iter().chain(state).any(|id| inexact.contains(id));
            // What is not recorded, a variable that is assigned, is as exact as what it comes from.
            for &id in step.outputs.iter().filter(|&&id| graph.tensor(id).variable && !step.inputs.contains(&id)) {
                inexact.remove(&id);
                inexact.extend(from_inexact.then_some(id));
            }
            let ids = recorded(graph, &graph.operators[step.operator.0]);
            for (id, expected) in ids.zip(expected) {
                let output = step.outputs.iter().position(|&output| output == id).map(|at| &outputs[at]);
                let output = output.ok_or_else(|| Wrong::Failure(format!("tensor {} is not written", id.0)))?;
                if output != expected {
                    inexact.insert(id);
                }
                if from_inexact {
                    figures.unjudged += 1;
                    continue;
                }
                let ulp = distance(graph.tensor(id).dtype, output, expected, drift).map_err(|what| {
                    let (operator, name, tensor) = (step.operator.0, &figures.name, id.0);
                    Wrong::Result(format!("vector {vector}, operator {operator} `{name}`, tensor {tensor}: {what}"))
                })?;
                figures.tensors += 1;
                figures.ulp = figures.ulp.max(ulp);
            }
        }
    }
    Ok(Outcome::Ran(operators))
}

/// Compares two tensors: zero for equal bytes, else the distance of float32 within the bound, or `drift` apart.
fn distance(dtype: TensorType, found: &[u8], expected: &[u8], drift: f32) -> Result<u32, String> {
    if found == expected {
        return Ok(0);
    }
    if found.len() != expected.len() {
        return Err(format!("{} bytes instead of {}", found.len(), expected.len()));
    }
    let width = dtype.bits() / 8;
    let pairs = || found.chunks(width).zip(expected.chunks(width));
    if dtype == TensorType::Float32 {
        let near = |(a, b): (f32, f32)| ulp(a, b) <= ULP || (a - b).abs() <= drift * b.abs().max(1.0);
        let pairs = pairs().map(|(a, b)| (float(a), float(b)));
        if pairs.clone().all(near) {
            return Ok(pairs.map(|(a, b)| ulp(a, b)).max().unwrap_or(0));
        }
    }
    let close = |a: &[u8], b: &[u8]| if dtype == TensorType::Float32 { ulp(float(a), float(b)) <= ULP } else { a == b };
    let wrong: Vec<_> = pairs().enumerate().filter(|&(_, (a, b))| !close(a, b)).collect();
    let (index, (a, b)) = wrong[0];
    let all = found.len() / width;
    let (a, b) = (number(dtype, a), number(dtype, b));
    Err(format!("{} of {all} elements differ, the first at {index}: {a} instead of {b}", wrong.len()))
}

fn float(bytes: &[u8]) -> f32 {
    f32::from_le_bytes(bytes.try_into().expect("four bytes"))
}

fn number(dtype: TensorType, bytes: &[u8]) -> String {
    if dtype == TensorType::Float32 {
        return float(bytes).to_string();
    }
    let mut whole = [if bytes[bytes.len() - 1] & 0x80 == 0 { 0 } else { 0xff }; 8];
    if matches!(dtype, TensorType::Uint8 | TensorType::Bool | TensorType::Uint16 | TensorType::Uint32) {
        whole = [0; 8];
    }
    whole[..bytes.len()].copy_from_slice(bytes);
    i64::from_le_bytes(whole).to_string()
}

/// Representable numbers from one to the other; both zeros are one, and so are all that are not numbers.
fn ulp(a: f32, b: f32) -> u32 {
    if a.is_nan() || b.is_nan() {
        return if a.is_nan() && b.is_nan() { 0 } else { u32::MAX };
    }
    let order = |x: f32| {
        let magnitude = i64::from(x.to_bits() & 0x7fff_ffff);
        if x.is_sign_negative() { -magnitude } else { magnitude }
    };
    u32::try_from((order(a) - order(b)).abs()).unwrap_or(u32::MAX)
}

#[test]
fn distances() {
    assert_eq!(ulp(1.0, 1.0 + f32::EPSILON), 1);
    assert_eq!(ulp(0.0, -0.0), 0);
    assert_eq!(ulp(f32::from_bits(1), -f32::from_bits(1)), 2);
    assert_eq!(ulp(f32::NAN, f32::NAN), 0);
    assert_eq!(ulp(f32::NAN, 0.0), u32::MAX);
    assert_eq!(distance(TensorType::Int8, &[1, 2], &[1, 2], 0.0), Ok(0));
    assert_eq!(
        distance(TensorType::Int16, &[1, 0, 0xff, 0xff], &[1, 0, 2, 0], 0.0),
        Err("1 of 2 elements differ, the first at 1: -1 instead of 2".to_owned())
    );
    let (one, near, far) = (1_f32.to_le_bytes(), (1.0 + f32::EPSILON).to_le_bytes(), (1.0 + 9e-7_f32).to_le_bytes());
    assert_eq!(distance(TensorType::Float32, &one, &near, 0.0), Ok(1));
    assert!(distance(TensorType::Float32, &one, &far, 0.0).is_err());
    assert_eq!(distance(TensorType::Float32, &one, &far, 1e-6), Ok(8));
    assert!(distance(TensorType::Float32, &one, &far, 1e-7).is_err());
}
