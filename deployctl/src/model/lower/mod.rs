//! A graph's operators as kernel calls: LiteRT Micro's `Prepare`, done once on the host.
//!
//! A [`Step`] holds everything an operator needs besides its tensors' bytes: shapes, offsets, activation bounds and
//! requantization factors. The host reference executes steps, the memory planner reads their tensors, and the emitter
//! writes them out as constants; there is no second place where such a number is computed.

use kernels::{
    Add, Comparison, Conv2d, DepthwiseConv2d, Fold, FullyConnected, Op, Pool2d, PoolFunction, Softmax, Transfer,
    UnaryFunction,
};
use serde::{Deserialize, Serialize};

use super::pipeline::StepOp;
use super::{Block, Graph, Operator, OperatorId, Options, TensorId, builtin};
use site::Site;
use weighted::Convolution;

pub(in crate::model) use resize::Positions;

pub use own::{Choice, Own, OwnKernel, element, give, own_kernel, selects, suggested_use};

mod activation;
mod add;
mod arithmetic;
mod axes;
mod broadcast;
mod compare;
mod control;
mod convert;
mod convolve;
mod detection;
mod fill;
mod gather;
mod join;
mod lstm;
mod operand;
mod own;
mod pad;
mod pool;
mod product;
mod quantize;
mod rearrange;
mod reduce;
mod resize;
mod rows;
mod scaled;
mod shape;
mod signal;
mod site;
mod softmax;
mod stream;
mod svdf;
mod table;
mod unary;
mod update;
mod variable;
mod weighted;
mod window;

/// One operator, ready to run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// The operator in the graph.
    pub operator: OperatorId,
    /// The kernel's parameters.
    pub call: Call,
    /// Tensors that the kernel reads, in the order of its arguments: activations, and constants where the kernel takes any.
    pub inputs: Vec<TensorId>,
    /// Constant data that is in no tensor, computed here; the kernel takes it after its inputs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tables: Vec<Vec<i8>>,
    /// The activations that the kernel or, of IF and WHILE, copies in their blocks write, and the variables that it changes: what those hold before is part of what it
    /// reads.
    pub outputs: Vec<TensorId>,
    /// Constant data, for operators with weights.
    pub weights: Option<StepWeights>,
}

/// What an operator computes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names are LiteRT's")]
pub enum Call {
    Conv2d(Conv2d),
    DepthwiseConv2d(DepthwiseConv2d),
    FullyConnected(FullyConnected),
    AveragePool2d(Pool2d),
    MaxPool2d(Pool2d),
    Add(Add),
    Softmax(Softmax),
    /// No code. Input and output, where it has any, are the same bytes; the memory plan gives both one place.
    Reshape,
    /// An operator of the common form.
    Op(Op),
    /// A step around the model, of the same form.
    Step(preprocess::Op),
    /// One block or the other, by the input, which is one bool.
    If {
        then: Block,
        otherwise: Block,
    },
    /// `start`; then `condition`, and `body` as long as it leaves other than zero in `proceeds`.
    While {
        start: Block,
        condition: Block,
        body: Block,
        proceeds: TensorId,
    },
    /// An operator that a kernel of the deployment's own runs.
    Own(Own),
}

/// Weights of a step: where they are, and how its accumulator becomes output.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepWeights {
    /// The filter tensor, a constant.
    pub filter: TensorId,
    /// The bias tensor, a constant, where there is one.
    pub bias: Option<TensorId>,
    /// One an output channel, or a single one.
    pub multipliers: Vec<i32>,
    /// As many as multipliers.
    pub shifts: Vec<i32>,
}

/// An operator that has no kernel here, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("operator {label} `{name}` (tensor `{tensor}`) {reason}; {advice}")]
pub struct Refusal {
    /// The operator in the graph.
    pub operator: OperatorId,
    /// What people call it: [`Graph::label`].
    pub label: Box<str>,
    /// Its name, such as `CONV_2D`.
    pub name: String,
    /// Name of the tensor at fault, else of the operator's first output.
    pub tensor: String,
    /// What stands in the way; continues "operator 3 `CONV_2D`".
    pub reason: String,
    /// What to do.
    pub advice: String,
}

/// Every operator of the graph, in the graph's order, as a step or as the reason why there is none.
///
/// Of `weights`, the graph's constants, those are read that say what an operator does: axes, paddings, permutations; and
/// those of int16 layers, for how large their sums can become. A step that is returned is sound: kernels called with its parameters stay within tensors of the sizes that the graph
/// gives, and no 32-bit number in them overflows.
pub fn lower(graph: &Graph, weights: &[u8]) -> Vec<Result<Step, Refusal>> {
    graph.operators().map(|(id, operator)| one(&Site { graph, weights, operator }, id)).collect()
}

/// One operator of the graph.
pub(super) fn operator(graph: &Graph, weights: &[u8], id: OperatorId) -> Result<Step, Refusal> {
    one(&Site { graph, weights, operator: &graph.operators[id.0] }, id)
}

/// Bytes of the state that each operator keeps without a tensor of the model file; `None` where it keeps none, or has no
/// kernel.
pub(super) fn state_bytes(graph: &Graph, weights: &[u8]) -> Vec<Option<usize>> {
    graph.operators.iter().map(|operator| signal::state_bytes(&Site { graph, weights, operator })).collect()
}

/// A step without its place.
struct Lowered {
    call: Call,
    inputs: Vec<TensorId>,
    tables: Vec<Vec<i8>>,
    outputs: Vec<TensorId>,
    weights: Option<StepWeights>,
}

impl Lowered {
    /// An operator of the common form.
    fn op(op: Op, inputs: Vec<TensorId>, outputs: Vec<TensorId>) -> Self {
        Self::plain(Call::Op(op), inputs, outputs)
    }

    /// An operator whose constants, if any, are ordinary inputs.
    fn plain(call: Call, inputs: Vec<TensorId>, outputs: Vec<TensorId>) -> Self {
        Self { call, inputs, tables: Vec::new(), outputs, weights: None }
    }

    /// With a table as one more operand.
    fn with_table(mut self, table: Vec<i8>) -> Self {
        self.tables.push(table);
        self
    }
}

/// A refusal without its place.
struct Fault {
    tensor: Option<TensorId>,
    reason: String,
    advice: &'static str,
}

impl Fault {
    fn new(reason: String, advice: &'static str) -> Self {
        Self { tensor: None, reason, advice }
    }

    fn at(tensor: TensorId, reason: String, advice: &'static str) -> Self {
        Self { tensor: Some(tensor), reason, advice }
    }
}

fn one(site: &Site, id: OperatorId) -> Result<Step, Refusal> {
    match dispatch(site).and_then(apart) {
        Ok(Lowered { call, inputs, tables, outputs, weights }) => {
            let call = own_bytes(site.graph, id, call, &inputs);
            Ok(Step { operator: id, call, inputs, tables, outputs, weights })
        }
        Err(fault) => Err(refusal(site, id, fault)),
    }
}

fn refusal(site: &Site, id: OperatorId, fault: Fault) -> Refusal {
    let Site { graph, operator, .. } = *site;
    let tensor = fault.tensor.or_else(|| operator.outputs.first().copied());
    Refusal {
        operator: id,
        label: graph.label(id).into(),
        name: operator.name.clone(),
        tensor: tensor.map(|tensor| graph.tensor(tensor).name.clone()).unwrap_or_default(),
        reason: fault.reason,
        advice: fault.advice.to_owned(),
    }
}

/// What a loop overwrites at the end of a round must not be there under a second name: then both sides of a RESHAPE are apart.
fn own_bytes(graph: &Graph, id: OperatorId, call: Call, inputs: &[TensorId]) -> Call {
    match inputs {
        &[input] if call == Call::Reshape && graph.is_carried(input, id) => {
            Call::Op(Op::Transfer(Transfer { len: graph.tensor(input).bytes() }))
        }
        _ => call,
    }
}

/// Kernels have no two operands in one place, of which they write one.
fn apart(lowered: Lowered) -> Result<Lowered, Fault> {
    let Lowered { inputs, outputs, .. } = &lowered;
    let again = |(at, id): (usize, &TensorId)| inputs.contains(id) || outputs[..at].contains(id);
    match outputs.iter().enumerate().find(|&output| again(output)) {
        Some((_, &id)) => Err(Fault::at(id, "reads or writes its state in two places".to_owned(), site::EXPORT)),
        None => Ok(lowered),
    }
}

fn dispatch(site: &Site) -> Result<Lowered, Fault> {
    match site.operator.options {
        Options::Conv2d { padding, stride, dilation, activation } => {
            weighted::conv_2d(site, &Convolution { padding, stride, dilation, activation })
        }
        Options::DepthwiseConv2d { padding, stride, dilation, depth_multiplier, activation } => {
            let options = Convolution { padding, stride, dilation, activation };
            weighted::depthwise_conv_2d(site, &options, depth_multiplier)
        }
        Options::FullyConnected { activation, weights_format, keep_num_dims: _ } => {
            weighted::fully_connected(site, activation, weights_format)
        }
        Options::Pool2d { .. } => pool::pool_2d(
            site,
            match site.operator.code {
                builtin::MAX_POOL_2D => PoolFunction::Max,
                builtin::L2_POOL_2D => PoolFunction::L2,
                _ => PoolFunction::Average,
            },
        ),
        Options::Add { activation, pot_scale_int16: _ } => arithmetic::add(site, activation),
        Options::Softmax { beta } => softmax::softmax(site, beta),
        Options::If { .. } => control::branch(site),
        Options::While { .. } => control::rounds(site),
        Options::Copy => control::copy(site),
        Options::Step(ref op) => Ok(step(site, op)),
        _ => by_code(site),
    }
}

/// A step around the model, which was checked when it was built.
fn step(site: &Site, op: &StepOp) -> Lowered {
    let call = match op {
        StepOp::Step(op) => Call::Step(op.clone()),
        StepOp::Kernel(op) => Call::Op(op.clone()),
    };
    Lowered::plain(call, site.operator.inputs.iter().copied().flatten().collect(), site.operator.outputs.clone())
}

/// Operators of the common form.
fn by_code(site: &Site) -> Result<Lowered, Fault> {
    if site.operator.code == builtin::CUSTOM {
        return by_custom_name(site);
    }
    match site.operator.name.as_str() {
        "ABS" => unary::abs(site),
        "ADD_N" => arithmetic::add_n(site),
        "ARG_MAX" => reduce::arg_extreme(site, true),
        "ARG_MIN" => reduce::arg_extreme(site, false),
        "ASSIGN_VARIABLE" => variable::assign(site),
        "BATCH_MATMUL" => product::batch_matmul(site),
        "BATCH_TO_SPACE_ND" => pad::batch_to_space(site),
        "BROADCAST_ARGS" => shape::broadcast_args(site),
        "BROADCAST_TO" => rearrange::broadcast_to(site),
        "CALL_ONCE" => variable::call_once(site),
        "CAST" => convert::cast(site),
        "CEIL" => unary::of(site, UnaryFunction::Ceil),
        "CONCATENATION" => join::concatenation(site),
        "COS" => unary::of(site, UnaryFunction::Cos),
        "CUMSUM" => reduce::cumsum(site),
        "DEPTH_TO_SPACE" => rearrange::depth_to_space(site),
        "DEQUANTIZE" => convert::dequantize(site),
        "DIV" => arithmetic::div(site),
        "DYNAMIC_UPDATE_SLICE" => update::slice(site),
        "ELU" => activation::elu(site),
        "EMBEDDING_LOOKUP" => gather::embedding_lookup(site),
        "EQUAL" => compare::comparison(site, Comparison::Equal),
        "EXP" => unary::of(site, UnaryFunction::Exp),
        "EXPAND_DIMS" | "RESHAPE" | "SQUEEZE" => rearrange::same_bytes(site),
        "FILL" => fill::fill(site),
        "FLOOR" => unary::of(site, UnaryFunction::Floor),
        "FLOOR_DIV" => arithmetic::floor_div(site),
        "FLOOR_MOD" => arithmetic::floor_mod(site),
        "GATHER" => gather::gather(site),
        "GATHER_ND" => gather::gather_nd(site),
        "GREATER" => compare::comparison(site, Comparison::Greater),
        "GREATER_EQUAL" => compare::comparison(site, Comparison::GreaterEqual),
        "HARD_SWISH" => activation::hard_swish(site),
        "L2_NORMALIZATION" => rows::l2_normalization(site),
        "LEAKY_RELU" => activation::leaky_relu(site),
        "LESS" => compare::comparison(site, Comparison::Less),
        "LESS_EQUAL" => compare::comparison(site, Comparison::LessEqual),
        "LOG" => unary::of(site, UnaryFunction::Log),
        "LOGICAL_AND" => compare::logical(site, true),
        "LOGICAL_NOT" => compare::logical_not(site),
        "LOGICAL_OR" => compare::logical(site, false),
        "LOGISTIC" => activation::logistic(site),
        "LOG_SOFTMAX" => rows::log_softmax(site),
        "MAXIMUM" => arithmetic::extremum(site, true),
        "MEAN" => reduce::reduce(site, Fold::Mean),
        "MINIMUM" => arithmetic::extremum(site, false),
        "MIRROR_PAD" => pad::mirror_pad(site),
        "MUL" => arithmetic::mul(site),
        "NEG" => unary::of(site, UnaryFunction::Neg),
        "NOT_EQUAL" => compare::comparison(site, Comparison::NotEqual),
        "PACK" => join::pack(site),
        "PAD" | "PADV2" => pad::pad(site),
        "PRELU" => activation::prelu(site),
        "QUANTIZE" => convert::quantize(site),
        "READ_VARIABLE" => variable::read(site),
        "REDUCE_ALL" => reduce::reduce(site, Fold::All),
        "REDUCE_MAX" => reduce::reduce(site, Fold::Max),
        "REDUCE_MIN" => reduce::reduce(site, Fold::Min),
        "RELU" => activation::relu(site),
        "RELU6" => activation::relu6(site),
        "RESIZE_BILINEAR" => resize::bilinear(site),
        "RESIZE_NEAREST_NEIGHBOR" => resize::nearest(site),
        "REVERSE_V2" => rearrange::reverse(site),
        "ROUND" => unary::of(site, UnaryFunction::Round),
        "RSQRT" => unary::rsqrt(site),
        "SELECT_V2" => compare::select(site),
        "SHAPE" => shape::shape(site),
        "SIN" => unary::of(site, UnaryFunction::Sin),
        "SLICE" => rearrange::slice(site),
        "SPACE_TO_BATCH_ND" => pad::space_to_batch(site),
        "SPACE_TO_DEPTH" => rearrange::space_to_depth(site),
        "SPLIT" => join::split(site),
        "SPLIT_V" => join::split_v(site),
        "SQRT" => unary::of(site, UnaryFunction::Sqrt),
        "SQUARE" => unary::of(site, UnaryFunction::Square),
        "SQUARED_DIFFERENCE" => arithmetic::squared_difference(site),
        "STRIDED_SLICE" => rearrange::strided_slice(site),
        "SUB" => arithmetic::sub(site),
        "SUM" => reduce::reduce(site, Fold::Sum),
        "SVDF" => svdf::svdf(site),
        "TANH" => activation::tanh(site),
        "TRANSPOSE" => rearrange::transpose(site),
        "TRANSPOSE_CONV" => product::transpose_conv(site),
        "UNIDIRECTIONAL_SEQUENCE_LSTM" => lstm::lstm(site),
        "UNPACK" => join::unpack(site),
        "VAR_HANDLE" => variable::handle(site),
        "ZEROS_LIKE" => fill::zeros_like(site),
        _ => Err(unsupported(site.operator)),
    }
}

/// Custom operators of the common form.
fn by_custom_name(site: &Site) -> Result<Lowered, Fault> {
    match site.operator.name.as_str() {
        "BasicClassifier" => gather::basic_classifier(site),
        "CIRCULAR_BUFFER" => stream::circular_buffer(site),
        "SignalDelay" => signal::delay(site),
        "SignalEnergy" => signal::energy(site),
        "SignalFftAutoScale" => signal::fft_auto_scale(site),
        "SignalFilterBank" => signal::filter_bank(site),
        "SignalFilterBankLog" => signal::filter_bank_log(site),
        "SignalFilterBankSpectralSubtraction" => signal::spectral_subtraction(site),
        "SignalFilterBankSquareRoot" => signal::filter_bank_square_root(site),
        "SignalFramer" => signal::framer(site),
        "SignalIrfft" => signal::inverse_real_fft(site),
        "SignalOverlapAdd" => signal::overlap_add(site),
        "SignalPCAN" => signal::pcan(site),
        "SignalRfft" => signal::real_fft(site),
        "SignalStacker" => signal::stacker(site),
        "SignalWindow" => signal::window(site),
        "TFLite_Detection_PostProcess" => detection::postprocess(site),
        _ => Err(unsupported(site.operator)),
    }
}

/// Why a custom operator is refused that has no kernel.
pub const UNKNOWN_CUSTOM: &str = "is a custom operator without a kernel";

fn unsupported(operator: &Operator) -> Fault {
    if operator.code == builtin::CUSTOM {
        let advice = "bring a kernel along (\"Your own kernel\" in the documentation's reference/operators), or replace the layer with \
                      builtin operators before converting";
        return Fault::new(UNKNOWN_CUSTOM.to_owned(), advice);
    }
    let advice = "compose it of operators that have one; the page reference/operators of the documentation lists them";
    Fault::new("has no kernel".to_owned(), advice)
}
