//! The graph of a model: tensors, operators in execution order, and their options.
//!
//! Constant data is not in here but in one blob beside it, so that a changed weight leaves everything that only looks at
//! the structure (audit, sizes, memory) untouched. A [`Graph`] that exists is consistent: every index is in range, every
//! constant lies inside the blob, operators come after the producers of their inputs.

use serde::{Deserialize, Serialize};

use super::custom::CustomOptions;
use super::flow::Block;
use super::pipeline::{Pipeline, StepOp};

/// Position of a tensor in [`Graph::tensors`], which is its index in the model file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TensorId(pub usize);

/// Position of an operator in [`Graph::operators`]; for those of the main graph also their index in the model file, unless steps
/// of a pipeline come before them ([`Graph::label`] is what people call them).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct OperatorId(pub usize);

/// A model: its main graph, and the graphs that IF and WHILE run as blocks of further operators ([`Block`]).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Graph {
    /// All tensors of the main graph, used or not; behind them those of blocks, and the resource variables, of which a file
    /// has only names.
    pub tensors: Vec<Tensor>,
    /// Operators of the main graph in execution order, then those of blocks, each block's one after the other.
    pub operators: Vec<Operator>,
    /// Model inputs.
    pub inputs: Vec<TensorId>,
    /// Model outputs.
    pub outputs: Vec<TensorId>,
    /// Which operators are steps around the model, where a manifest declares any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pipeline: Option<Pipeline>,
}

impl Graph {
    /// The tensor at `id`.
    pub fn tensor(&self, id: TensorId) -> &Tensor {
        &self.tensors[id.0]
    }

    /// What one vector brings: each input with its bytes, then the samples of all hops of a stream, where there is one.
    pub fn feeds(&self) -> Vec<(TensorId, usize)> {
        let inputs = self.inputs.iter().map(|&id| (id, self.tensor(id).bytes()));
        inputs.chain(self.hops().map(|hops| (hops.input, self.tensor(hops.input).bytes() * hops.total()))).collect()
    }

    /// What `CALL_ONCE` gives the variable `id` as its first value; [`Tensor::initial`] where there is nothing.
    pub fn first_value(&self, id: TensorId) -> Option<Constant> {
        let values = self.operators.iter().rev().filter_map(|operator| match &operator.options {
            Options::CallOnce { values, .. } => Some(values),
            _ => None,
        });
        values.flat_map(|values| values.iter().rev()).find(|value| value.cell == id).map(|value| value.constant)
    }

    /// All operators with their positions; [`Graph::order`] is the order in which they run.
    pub fn operators(&self) -> impl Iterator<Item = (OperatorId, &Operator)> {
        self.operators.iter().enumerate().map(|(index, operator)| (OperatorId(index), operator))
    }
}

/// A tensor: an activation where `constant` is absent, else a weight. Tensors that no operator touches are neither and
/// have no constant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tensor {
    /// Name in the model; may be empty.
    pub name: String,
    /// Element type.
    pub dtype: TensorType,
    /// Dimensions; empty for a scalar.
    pub shape: Vec<usize>,
    /// The shape as the model's author left it, -1 for an open dimension; empty where the file has none. LiteRT Micro
    /// runs `shape`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub signature: Vec<i32>,
    /// State: keeps its contents from one inference to the next, starting with [`Tensor::initial`] in every byte.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub variable: bool,
    /// The type in the file, of weights that are unpacked to `dtype` when the model is read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unpacked_from: Option<TensorType>,
    /// Affine quantization, where the file states one.
    pub quantization: Option<Quantization>,
    /// Where the constant's bytes lie in the weights blob.
    pub constant: Option<Constant>,
}

impl Tensor {
    /// Number of elements.
    pub fn elements(&self) -> usize {
        self.shape.iter().product()
    }

    /// The byte that every byte of a variable holds before the first inference: the zero point for int8, else zero, as
    /// LiteRT Micro's `ResetVariableTensors` writes it.
    pub fn initial(&self) -> i8 {
        let zero_point = self.quantization.as_ref().and_then(|quantization| quantization.zero_points.first());
        match (self.dtype, zero_point) {
            (TensorType::Int8, Some(&zero_point)) => i8::try_from(zero_point).unwrap_or_default(),
            _ => 0,
        }
    }

    /// Size in bytes (2-bit and 4-bit elements are packed).
    pub fn bytes(&self) -> usize {
        (self.elements() * self.dtype.bits()).div_ceil(8)
    }
}

/// A range of the weights blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Constant {
    /// First byte; a multiple of 16.
    pub offset: usize,
    /// Number of bytes.
    pub len: usize,
}

impl Constant {
    /// Where constants begin in the blob.
    pub const ALIGNMENT: usize = 16;

    /// Adds a constant behind all others.
    pub fn append(blob: &mut Vec<u8>, bytes: &[u8]) -> Self {
        let constant = Self { offset: blob.len(), len: bytes.len() };
        blob.extend_from_slice(bytes);
        blob.resize(blob.len().next_multiple_of(Self::ALIGNMENT), 0);
        constant
    }
}

/// Element types of LiteRT that have a name here; others are refused by the reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names are LiteRT's type names")]
pub enum TensorType {
    Float32,
    Float16,
    Float64,
    Int4,
    Int8,
    Uint8,
    Int16,
    Uint16,
    Int32,
    Uint32,
    Int64,
    Uint64,
    Bool,
    String,
    Resource,
    Variant,
    Complex64,
    Complex128,
    Bfloat16,
    Int2,
    Uint4,
    Float8E4m3fn,
    Float8E5m2,
}

impl TensorType {
    /// Bits an element. Strings, resources and variants count as a 32-bit handle.
    pub fn bits(self) -> usize {
        match self {
            Self::Int2 => 2,
            Self::Int4 | Self::Uint4 => 4,
            Self::Int8 | Self::Uint8 | Self::Bool | Self::Float8E4m3fn | Self::Float8E5m2 => 8,
            Self::Float16 | Self::Bfloat16 | Self::Int16 | Self::Uint16 => 16,
            Self::Float32 | Self::Int32 | Self::Uint32 | Self::String | Self::Resource | Self::Variant => 32,
            Self::Float64 | Self::Int64 | Self::Uint64 | Self::Complex64 => 64,
            Self::Complex128 => 128,
        }
    }

    /// LiteRT's name in lower case, as a manifest writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Float32 => "float32",
            Self::Float16 => "float16",
            Self::Float64 => "float64",
            Self::Int4 => "int4",
            Self::Int8 => "int8",
            Self::Uint8 => "uint8",
            Self::Int16 => "int16",
            Self::Uint16 => "uint16",
            Self::Int32 => "int32",
            Self::Uint32 => "uint32",
            Self::Int64 => "int64",
            Self::Uint64 => "uint64",
            Self::Bool => "bool",
            Self::String => "string",
            Self::Resource => "resource",
            Self::Variant => "variant",
            Self::Complex64 => "complex64",
            Self::Complex128 => "complex128",
            Self::Bfloat16 => "bfloat16",
            Self::Int2 => "int2",
            Self::Uint4 => "uint4",
            Self::Float8E4m3fn => "float8e4m3fn",
            Self::Float8E5m2 => "float8e5m2",
        }
    }
}

/// Affine quantization: `real = scale * (quantized - zero_point)`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Quantization {
    /// One scale, or one for each slice along `dimension`.
    pub scales: Vec<f32>,
    /// As many as scales.
    pub zero_points: Vec<i64>,
    /// The dimension along which scales vary.
    pub dimension: usize,
}

/// One operator.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Operator {
    /// LiteRT's builtin code, 32 for custom operators.
    pub code: i32,
    /// LiteRT's name of the builtin operator (`CONV_2D`), the custom operator's own name, or `UNKNOWN(code)`.
    pub name: String,
    /// Version from the operator code table.
    pub version: i32,
    /// Inputs; an omitted optional input is `None`.
    pub inputs: Vec<Option<TensorId>>,
    /// Outputs.
    pub outputs: Vec<TensorId>,
    /// Options that some later stage reads.
    pub options: Options,
}

/// Options of the operators that have kernels here; `Other` for the rest, which the audit names.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[expect(missing_docs, reason = "fields are LiteRT's schema fields of the same name")]
pub enum Options {
    Conv2d {
        padding: Padding,
        stride: [i32; 2],
        dilation: [i32; 2],
        activation: FusedActivation,
    },
    DepthwiseConv2d {
        padding: Padding,
        stride: [i32; 2],
        dilation: [i32; 2],
        depth_multiplier: i32,
        activation: FusedActivation,
    },
    FullyConnected {
        activation: FusedActivation,
        weights_format: i8,
        keep_num_dims: bool,
    },
    Pool2d {
        padding: Padding,
        stride: [i32; 2],
        window: [i32; 2],
        activation: FusedActivation,
    },
    Add {
        activation: FusedActivation,
        pot_scale_int16: bool,
    },
    Softmax {
        beta: f32,
    },
    Reshape {
        new_shape: Vec<i32>,
    },
    Concatenation {
        axis: i32,
        activation: FusedActivation,
    },
    Pack {
        axis: i32,
        values_count: i32,
    },
    Unpack {
        axis: i32,
        num: i32,
    },
    StridedSlice {
        begin_mask: i32,
        end_mask: i32,
        shrink_axis_mask: i32,
    },
    Gather {
        axis: i32,
        batch_dims: i32,
    },
    MirrorPad {
        symmetric: bool,
    },
    Squeeze {
        squeeze_dims: Vec<i32>,
    },
    Resize {
        align_corners: bool,
        half_pixel_centers: bool,
    },
    /// Of `SPACE_TO_DEPTH` and `DEPTH_TO_SPACE`.
    Blocks {
        block_size: i32,
    },
    Cumsum {
        exclusive: bool,
        reverse: bool,
    },
    BatchMatMul {
        adj_x: bool,
        adj_y: bool,
    },
    TransposeConv {
        padding: Padding,
        stride: [i32; 2],
        activation: FusedActivation,
    },
    CallOnce {
        function: i32,
        /// First values of variables. Empty where the operator does not come before all others on those variables.
        values: Vec<FirstValue>,
    },
    /// Of `VAR_HANDLE`.
    VarHandle {
        container: String,
        shared_name: String,
    },
    /// Of `READ_VARIABLE` and `ASSIGN_VARIABLE`: the variable that the handle stands for.
    Variable {
        cell: TensorId,
    },
    Svdf {
        rank: i32,
        activation: FusedActivation,
    },
    /// Of `UNIDIRECTIONAL_SEQUENCE_LSTM`.
    Lstm {
        activation: FusedActivation,
        cell_clip: f32,
        time_major: bool,
    },
    /// Options that are a fused activation and nothing else: MUL, SUB, DIV, `L2_NORMALIZATION`.
    Fused {
        activation: FusedActivation,
    },
    LeakyRelu {
        alpha: f32,
    },
    If {
        /// The file's indices of the graphs: then, else.
        graphs: [i32; 2],
        then: Block,
        otherwise: Block,
    },
    While {
        /// The file's indices of the graphs: condition, body.
        graphs: [i32; 2],
        /// Gives the operator's outputs, which are the loop's values, their first contents.
        start: Block,
        condition: Block,
        body: Block,
        /// What `condition` says: whether `body` runs (again).
        proceeds: TensorId,
    },
    /// Of `COPY`, which no file has: a value enters or leaves a block.
    Copy,
    /// Of a step around the model, which no file has: what it computes. Its tables are constants among its inputs, its state
    /// are variables among its outputs.
    Step(StepOp),
    /// Of custom operators. `None` where the file has something else than a map of numbers, texts and lists of these.
    Custom {
        values: Option<CustomOptions>,
        /// The bytes in the file, where they are something else.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        bytes: Vec<u8>,
        /// What it uses apart from its inputs and outputs: tensors behind those of the file, of which variables are its state
        /// and the others memory to work in.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        own: Vec<TensorId>,
    },
    Other,
}

/// What a variable holds before the first inference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FirstValue {
    /// The variable.
    pub cell: TensorId,
    /// Its bytes, as many as it has.
    pub constant: Constant,
}

/// LiteRT's padding scheme. Pairs above are (height, width).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Padding {
    /// Pad so that output = ceil(input / stride).
    Same,
    /// No padding.
    Valid,
}

/// Activation that is fused into an operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names are LiteRT's")]
pub enum FusedActivation {
    None,
    Relu,
    ReluN1To1,
    Relu6,
    Tanh,
    SignBit,
}
