//! Steps behind a model: from an output to scores over time, and to a label.
//!
//! What comes out are further outputs of the graph, behind the model's own: int32 labels (positions in the scores, -1 for none)
//! and their float32 scores, or the float32 scores themselves where no step chooses.

use kernels::{Dequantize, Op as Kernel, SoftmaxF32, Unary, UnaryFunction};
use preprocess::{ExponentialAverage, MovingAverage, Op, Suppress, Threshold, Top};
use serde::{Deserialize, Serialize};

use super::builder::{Builder, Value};
use super::join::Adopted;
use super::spec::{Form, Wrong};
use super::{Pipeline, StepOp};
use crate::model::lower::element;
use crate::model::{Graph, Operator, Read, Tensor, TensorId, TensorType};

/// Everything behind one model output, in order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct After {
    /// Name of the model output.
    pub output: String,
    /// Steps.
    pub steps: Vec<AfterStep>,
}

/// One step. Its tensor is called `postprocess/NAME`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "snake_case")]
#[expect(missing_docs, reason = "fields are the manifest's properties of the same name")]
pub enum AfterStep {
    /// To real numbers. Comes by itself at the beginning where it is not there.
    Dequantize,
    /// Scores of rows that sum to 1.
    Softmax,
    /// Scores between 0 and 1, each by itself.
    Sigmoid,
    /// The mean over the latest inferences.
    Average { over: usize },
    /// The mean over all inferences, in which old ones fade.
    Exponential { alpha: f32 },
    /// The best labels; below `least`, none.
    Top { count: usize, least: Option<f32> },
    /// One label that is sure enough, or none.
    Threshold { on: f32, off: f32 },
    /// The one label, where it was not told in as many inferences before.
    Suppress { inferences: u32 },
}

impl AfterStep {
    /// The name that manifests, tensors and reports have for it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Dequantize => "dequantize",
            Self::Softmax => "softmax",
            Self::Sigmoid => "sigmoid",
            Self::Average { .. } | Self::Exponential { .. } => "smooth",
            Self::Top { .. } => "top",
            Self::Threshold { .. } => "threshold",
            Self::Suppress { .. } => "suppress",
        }
    }
}

/// Steps as operators, apart from a graph. Tensor 0 stands for the model's output.
#[derive(Clone, Debug, PartialEq)]
pub struct BuiltAfter {
    /// Tensors; the first stands for the model's.
    pub(super) tensors: Vec<Tensor>,
    /// Constants.
    pub(super) weights: Vec<u8>,
    /// What runs behind the model.
    pub(super) operators: Vec<Operator>,
    /// What comes out.
    pub(super) outputs: Vec<TensorId>,
}

/// Makes operators of the steps behind an output of the form `port`.
///
/// # Errors
///
/// Names the first step that does not go with what is before it.
pub fn build_after(after: &After, port: &Form) -> Result<BuiltAfter, Wrong> {
    let mut builder = Builder::new(port, "postprocess");
    let mut value = Value { id: TensorId(0), form: port.clone() };
    let mut outputs = Vec::new();
    if after.steps.is_empty() {
        return Err(Wrong::new("there is no step", "add one, such as `top 1`, or leave `postprocess` out"));
    }
    for (index, step) in after.steps.iter().enumerate() {
        let at = |wrong: Wrong| Wrong { step: Some(index), ..wrong };
        if let AfterStep::Suppress { inferences } = step {
            let before = index.checked_sub(1).map(|before| &after.steps[before]);
            value = suppressed(&mut builder, &value, *inferences, before, &mut outputs).map_err(at)?;
            continue;
        }
        if !outputs.is_empty() {
            let reason = format!("`{}` has given labels already", after.steps[index - 1].name());
            return Err(at(Wrong::new(
                reason,
                "leave one of `top` and `threshold`, as the last step that looks at scores",
            )));
        }
        value = dequantized(&mut builder, value).map_err(at)?;
        if *step != AfterStep::Dequantize {
            value = append(&mut builder, &value, step, &mut outputs).map_err(at)?;
        }
    }
    if value.id == TensorId(0) {
        return Err(Wrong::new("the output has real numbers already", "leave `dequantize` out, and add a step"));
    }
    if outputs.is_empty() {
        outputs.push(value.id);
    }
    let (tensors, weights, operators) = builder.into_parts();
    Ok(BuiltAfter { tensors, weights, operators, outputs })
}

/// Real numbers.
fn dequantized(builder: &mut Builder, value: Value) -> Result<Value, Wrong> {
    if value.form.dtype == TensorType::Float32 {
        return Ok(value);
    }
    let numbers = value.form.quantization.as_ref();
    let numbers = numbers.and_then(|found| Some((*found.scales.first()?, *found.zero_points.first()?)));
    let known = matches!(value.form.dtype, TensorType::Int8 | TensorType::Uint8 | TensorType::Int16);
    let (true, Some(from), Some((scale, zero_point))) = (known, element(value.form.dtype), numbers) else {
        let reason = format!("the output is {} without a scale", value.form.dtype.name());
        return Err(Wrong::new(reason, "real numbers come from float32, or int8, uint8 or int16 with one scale"));
    };
    let zero_point = i32::try_from(zero_point).unwrap_or_default();
    let op = Kernel::Dequantize(Dequantize { len: value.form.elements(), from, scale, zero_point });
    let form = Form::plain(TensorType::Float32, value.form.shape);
    Ok(builder.append("dequantize", StepOp::Kernel(op), vec![value.id], form, vec![]))
}

fn append(builder: &mut Builder, value: &Value, step: &AfterStep, outputs: &mut Vec<TensorId>) -> Result<Value, Wrong> {
    let len = value.form.elements();
    let form = value.form.clone();
    match *step {
        AfterStep::Dequantize | AfterStep::Suppress { .. } => Ok(value.clone()),
        AfterStep::Softmax => {
            let depth = form.shape.last().copied().unwrap_or(1);
            if depth < 2 {
                return Err(Wrong::new("the softmax of one number is always 1", "take `sigmoid`"));
            }
            let op = StepOp::Kernel(Kernel::SoftmaxF32(SoftmaxF32 { rows: len / depth, depth, beta: 1.0 }));
            Ok(builder.append("softmax", op, vec![value.id], form, vec![]))
        }
        AfterStep::Sigmoid => {
            let op = StepOp::Kernel(Kernel::Unary(Unary { function: UnaryFunction::Logistic, len }));
            Ok(builder.append("sigmoid", op, vec![value.id], form, vec![]))
        }
        AfterStep::Average { over } => {
            let p = MovingAverage { len, over };
            let state = builder.state("smooth/state", p.state_bytes());
            Ok(builder.append("smooth", StepOp::Step(Op::MovingAverage(p)), vec![value.id], form, vec![state]))
        }
        AfterStep::Exponential { alpha } => {
            let p = ExponentialAverage { len, alpha };
            let state = builder.state("smooth/state", p.state_bytes());
            Ok(builder.append("smooth", StepOp::Step(Op::ExponentialAverage(p)), vec![value.id], form, vec![state]))
        }
        AfterStep::Top { count, least } => {
            one_row(value)?;
            if count > len {
                let reason = format!("there are {len} scores, and the best {count} are wanted");
                return Err(Wrong::new(reason, format!("take `top` of at most {len}")));
            }
            let op = Op::Top(Top { len, count, least: least.unwrap_or(f32::MIN) });
            Ok(labels(builder, value, ("top", op), count, None, outputs))
        }
        AfterStep::Threshold { on, off } => {
            one_row(value)?;
            if off > on {
                let reason = format!("a label that begins at {on} would end below {off} at once");
                return Err(Wrong::new(reason, format!("take `off` of at most {on}")));
            }
            let held = builder.state("threshold/state", size_of::<u32>());
            let op = Op::Threshold(Threshold { len, on, off });
            Ok(labels(builder, value, ("threshold", op), 1, Some(held), outputs))
        }
    }
}

/// A label that is told once, in the place of the one that is there.
fn suppressed(
    builder: &mut Builder,
    value: &Value,
    inferences: u32,
    before: Option<&AfterStep>,
    outputs: &mut [TensorId],
) -> Result<Value, Wrong> {
    let one = match before {
        Some(AfterStep::Threshold { .. }) => true,
        Some(AfterStep::Top { count, .. }) => *count == 1,
        _ => false,
    };
    let ([label, _], true) = (outputs, one) else {
        return Err(Wrong::new("`suppress` takes one label", "put it right behind `threshold` or `top 1`"));
    };
    let state = builder.state("suppress/state", Suppress::STATE_BYTES);
    let form = Form::plain(TensorType::Int32, vec![1]);
    let op = StepOp::Step(Op::Suppress(Suppress { inferences }));
    let told = builder.append("suppress", op, vec![value.id], form, vec![state]);
    *label = told.id;
    Ok(told)
}

/// Labels and their scores.
fn labels(
    builder: &mut Builder,
    value: &Value,
    (name, op): (&str, Op),
    count: usize,
    state: Option<TensorId>,
    outputs: &mut Vec<TensorId>,
) -> Value {
    let scores = builder.memory(&format!("{name}/score"), TensorType::Float32, count);
    let more = std::iter::once(scores).chain(state).collect();
    let form = Form::plain(TensorType::Int32, vec![count]);
    let labels = builder.append(name, StepOp::Step(op), vec![value.id], form, more);
    outputs.extend([labels.id, scores]);
    labels
}

/// Refuses to choose among several rows at once.
fn one_row(value: &Value) -> Result<(), Wrong> {
    if value.form.squeezed().len() <= 1 {
        return Ok(());
    }
    let reason = format!("labels are chosen among one row of scores, and here are {:?}", value.form.shape);
    Err(Wrong::new(reason, "choose in the application, or export the model with one row"))
}

/// Builds the steps behind an output of the model, and puts them there.
///
/// # Errors
///
/// As [`build_after`]; and where the model has no such output.
pub fn conclude(after: &After, mut read: Read) -> Result<Read, Wrong> {
    let port = output(after, &read.graph)?;
    let tensor = read.graph.tensor(port);
    let form = Form { dtype: tensor.dtype, shape: tensor.shape.clone(), quantization: tensor.quantization.clone() };
    let BuiltAfter { tensors, weights, operators, outputs } = build_after(after, &form)?;
    let tensors = unlike(tensors, &read.graph);
    let adopted = Adopted::new(tensors, weights, &mut read, port);
    let graph = &mut read.graph;
    let (end, count) = (graph.main().end, operators.len());
    graph.operators.iter_mut().for_each(|operator| super::join::shift_blocks(operator, count));
    let operators = operators.into_iter().map(|operator| adopted.operator(operator));
    graph.operators.splice(end..end, operators);
    graph.outputs.extend(outputs.into_iter().map(|output| adopted.id(output)));
    let pipeline = graph.pipeline.get_or_insert(Pipeline { before: 0, after: 0, hops: None });
    pipeline.after += count;
    if let Some(hops) = &mut pipeline.hops {
        (hops.block.first, hops.block.end) = (hops.block.first + count, hops.block.end + count);
    }
    Ok(read)
}

fn output(after: &After, graph: &Graph) -> Result<TensorId, Wrong> {
    let known: Vec<&str> = graph.outputs.iter().map(|id| graph.tensor(*id).name.as_str()).collect();
    let found = graph.outputs.iter().find(|id| graph.tensor(**id).name == after.output);
    found.copied().ok_or_else(|| {
        Wrong::new(format!("the model has no output `{}`", after.output), format!("its outputs are {known:?}"))
    })
}

/// Tensors with names that those of another output's steps do not have.
fn unlike(mut tensors: Vec<Tensor>, graph: &Graph) -> Vec<Tensor> {
    for tensor in tensors.iter_mut().skip(1) {
        let taken = |name: &str| graph.tensors.iter().any(|other| other.name == name);
        let written = tensor.name.clone();
        let again = (2_usize..).map(|number| format!("{written}-{number}"));
        let free = std::iter::once(written.clone()).chain(again).find(|name| !taken(name));
        tensor.name = free.unwrap_or(written);
    }
    tensors
}
