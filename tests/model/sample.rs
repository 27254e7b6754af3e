//! A small model made here, byte by byte reproducible: two convolutions, a residual, pooling, a dense layer, softmax.
//!
//! Weights are arbitrary; the model's purpose is to hold every operator and every field that the reader looks at.

use tflite_flatbuffers as format;
use tflite_flatbuffers::flatbuffers::{FlatBufferBuilder, UnionWIPOffset, WIPOffset};

type Builder<'a> = FlatBufferBuilder<'a>;
type Options = (format::BuiltinOptions, Option<WIPOffset<UnionWIPOffset>>);

/// What a test wants to be different from a sound model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Flaw {
    #[default]
    None,
    Version,
    TwoSubgraphs,
    NegativeDimension,
    HugeShape,
    UnknownType,
    ShortBuffer,
    BufferIndex,
    BufferOffset,
    ExternalBuffer,
    Opcode,
    InputIndex,
    Order,
    WrittenTwice,
    ConstantOutput,
    NoOutputs,
    WrongOptions,
    Padding,
    Scale,
    ZeroPoints,
    QuantizedDimension,
    Blockwise,
    // From here on the file is sound, and an operator has no kernel.
    Custom,
    UnknownCode,
    DynamicShape,
    Float,
    Unquantized,
    ZeroStride,
    HugeDilation,
    WrongOutputShape,
    Tanh,
    SoftmaxScale,
    BiasScale,
    EmptyTensor,
    AsymmetricFilter,
    Hybrid,
    Int4Channels,
    // And here everything is fine.
    OffsetBuffer,
    Int4Filter,
}

struct Tensor<'a> {
    name: &'a str,
    shape: &'a [i32],
    kind: format::TensorType,
    buffer: u32,
    scale: Vec<f32>,
    zero_point: i64,
    dimension: i32,
}

const INT8: format::TensorType = format::TensorType::INT8;
const INT32: format::TensorType = format::TensorType::INT32;

/// The model, with a flaw.
pub(crate) fn model(flaw: Flaw) -> Vec<u8> {
    let mut builder = FlatBufferBuilder::new();
    let b = &mut builder;
    let tensors = tensors(b, flaw);
    let operators = operators(b, flaw);
    let last = if flaw == Flaw::ConstantOutput { 1 } else { 11 };
    let outputs: &[i32] = if flaw == Flaw::NoOutputs { &[] } else { &[last] };
    let arguments = format::SubGraphArgs {
        tensors: Some(b.create_vector(&tensors)),
        inputs: Some(b.create_vector(&[0])),
        outputs: Some(b.create_vector(outputs)),
        operators: Some(b.create_vector(&operators)),
        name: Some(b.create_string("main")),
    };
    let subgraph = format::SubGraph::create(b, &arguments);
    let subgraphs = vec![subgraph; if flaw == Flaw::TwoSubgraphs { 2 } else { 1 }];
    let arguments = format::ModelArgs {
        version: if flaw == Flaw::Version { 2 } else { 3 },
        operator_codes: Some(codes(b, flaw)),
        subgraphs: Some(b.create_vector(&subgraphs)),
        description: Some(b.create_string("sample")),
        buffers: Some(buffers(b, flaw)),
        ..format::ModelArgs::default()
    };
    let model = format::Model::create(b, &arguments);
    format::finish_model_buffer(b, model);
    let mut bytes = builder.finished_data().to_vec();
    if flaw == Flaw::OffsetBuffer {
        append_filter(&mut bytes);
    }
    bytes
}

/// Bytes of the first filter.
fn filter() -> Vec<u8> {
    (0..72_u8).map(|n| n.wrapping_mul(37)).collect()
}

/// Moves the first filter behind the FlatBuffer, as files for more than 2 GB have it.
fn append_filter(bytes: &mut Vec<u8>) {
    bytes.resize(bytes.len().next_multiple_of(16), 0);
    let offset = bytes.len() as u64;
    let place = bytes.windows(8).position(|window| window == OFFSET.to_le_bytes()).unwrap();
    bytes[place..place + 8].copy_from_slice(&offset.to_le_bytes());
    bytes.extend_from_slice(&filter());
}

/// Stands in the file until the offset is known.
const OFFSET: u64 = 0x0123_4567_89ab_cdef;

fn buffers<'a>(
    b: &mut Builder<'a>,
    flaw: Flaw,
) -> WIPOffset<format::flatbuffers::Vector<'a, format::flatbuffers::ForwardsUOffset<format::Buffer<'a>>>> {
    let bias: Vec<u8> = (0..8_i32).flat_map(|n| (n * 100 - 300).to_le_bytes()).collect();
    let dense: Vec<u8> = (0..24_u8).map(|n| n.wrapping_mul(91)).collect();
    let shape: Vec<u8> = [1_i32, 8].iter().flat_map(|n| n.to_le_bytes()).collect();
    let mut first = filter();
    if flaw == Flaw::ShortBuffer {
        first.pop();
    }
    let mut made = Vec::new();
    for (index, data) in [vec![], first, bias, dense, shape].into_iter().enumerate() {
        let outside = index == 1 && matches!(flaw, Flaw::OffsetBuffer | Flaw::BufferOffset);
        let arguments = format::BufferArgs {
            data: (!data.is_empty() && !outside).then(|| b.create_vector(&data)),
            offset: if outside { OFFSET } else { 0 },
            size: if outside { data.len() as u64 } else { 0 },
        };
        made.push(format::Buffer::create(b, &arguments));
    }
    b.create_vector(&made)
}

fn codes<'a>(
    b: &mut Builder<'a>,
    flaw: Flaw,
) -> WIPOffset<format::flatbuffers::Vector<'a, format::flatbuffers::ForwardsUOffset<format::OperatorCode<'a>>>> {
    // Convolution, depthwise, addition, both poolings, reshape, dense, softmax.
    let mut codes = [3, 4, 0, 17, 1, 22, 9, 25];
    match flaw {
        Flaw::Custom => codes[7] = 32,
        Flaw::UnknownCode => codes[7] = 999,
        _ => {}
    }
    let mut made = Vec::new();
    for code in codes {
        let arguments = format::OperatorCodeArgs {
            deprecated_builtin_code: i8::try_from(code.min(127)).unwrap(),
            custom_code: (code == 32).then(|| b.create_string("Mystery")),
            version: 3,
            builtin_code: code,
        };
        made.push(format::OperatorCode::create(b, &arguments));
    }
    b.create_vector(&made)
}

fn tensors<'a>(b: &mut Builder<'a>, flaw: Flaw) -> Vec<WIPOffset<format::Tensor<'a>>> {
    let plain = |name, shape, buffer, scale| Tensor {
        name,
        shape,
        kind: INT8,
        buffer,
        scale: vec![scale],
        zero_point: -1,
        dimension: 0,
    };
    let constant = |name, shape, kind, buffer, scale, dimension| Tensor {
        name,
        shape,
        kind,
        buffer,
        scale,
        zero_point: 0,
        dimension,
    };
    let ramp: Vec<f32> = (1..=8_u8).map(|n| f32::from(n) / 512.0).collect();
    let mut all = vec![
        plain("input", &[1, 6, 5, 1], 0, 0.5),
        constant("conv/filter", &[8, 3, 3, 1], INT8, 1, ramp.clone(), 0),
        constant("conv/bias", &[8], INT32, 2, vec![1.0 / 1024.0], 0),
        plain("conv", &[1, 6, 5, 8], 0, 0.25),
        constant("depthwise/filter", &[1, 3, 3, 8], INT8, 1, ramp, 3),
        plain("depthwise", &[1, 6, 5, 8], 0, 0.125),
        plain("sum", &[1, 6, 5, 8], 0, 0.375),
        plain("max", &[1, 3, 2, 8], 0, 0.375),
        plain("mean", &[1, 1, 1, 8], 0, 0.375),
        plain("flat", &[1, 8], 0, 0.375),
        plain("dense", &[1, 3], 0, 0.0625),
        plain("softmax", &[1, 3], 0, 1.0 / 256.0),
        constant("dense/filter", &[3, 8], INT8, 3, vec![1.0 / 256.0], 0),
        constant("dense/bias", &[3], INT32, 2, vec![0.375 / 256.0], 0),
        Tensor { scale: vec![], ..constant("flat/shape", &[2], INT32, 4, vec![], 0) },
    ];
    all[11].zero_point = -128;
    spoil(&mut all, flaw);
    all.iter().map(|tensor| write(b, tensor, flaw)).collect()
}

fn spoil(all: &mut [Tensor], flaw: Flaw) {
    match flaw {
        Flaw::NegativeDimension => all[3].shape = &[1, -6, 5, 8],
        Flaw::HugeShape => all[3].shape = &[65_536, 65_536, 65_536, 65_536],
        Flaw::UnknownType => all[3].kind = format::TensorType(99),
        Flaw::BufferIndex => all[1].buffer = 77,
        Flaw::Scale => all[3].scale = vec![f32::NAN],
        Flaw::QuantizedDimension => all[1].dimension = 1,
        Flaw::Float => all[3].kind = format::TensorType::FLOAT32,
        Flaw::Unquantized => all[3].scale = vec![],
        Flaw::WrongOutputShape => all[3].shape = &[1, 6, 6, 8],
        Flaw::SoftmaxScale => all[11].scale = vec![0.004],
        Flaw::BiasScale => all[13].scale = vec![0.5],
        Flaw::EmptyTensor => all[3].shape = &[1, 6, 0, 8],
        Flaw::AsymmetricFilter => all[1].zero_point = 1,
        Flaw::Int4Filter => all[1].kind = format::TensorType::INT4,
        Flaw::Hybrid => {
            all[0].kind = format::TensorType::FLOAT32;
            all[3].kind = format::TensorType::FLOAT32;
        }
        Flaw::Int4Channels => {
            all[12].kind = format::TensorType::INT4;
            all[12].scale = vec![0.5, 0.25, 0.125];
        }
        _ => {}
    }
}

fn write<'a>(b: &mut Builder<'a>, tensor: &Tensor, flaw: Flaw) -> WIPOffset<format::Tensor<'a>> {
    let conv = tensor.name == "conv";
    let mut zero_points = vec![tensor.zero_point; tensor.scale.len()];
    if conv && flaw == Flaw::ZeroPoints {
        zero_points.push(0);
    }
    let arguments = format::QuantizationParametersArgs {
        scale: Some(b.create_vector(&tensor.scale)),
        zero_point: Some(b.create_vector(&zero_points)),
        quantized_dimension: tensor.dimension,
        details_type: u8::from(conv && flaw == Flaw::Blockwise) * 2,
        ..format::QuantizationParametersArgs::default()
    };
    let quantization = format::QuantizationParameters::create(b, &arguments);
    let mut signature = tensor.shape.to_vec();
    signature[0] = -1;
    if conv && flaw == Flaw::DynamicShape {
        signature[1] = -1;
    }
    let arguments = format::TensorArgs {
        shape: Some(b.create_vector(tensor.shape)),
        type_: tensor.kind,
        buffer: tensor.buffer,
        name: Some(b.create_string(tensor.name)),
        quantization: Some(quantization),
        shape_signature: (tensor.buffer == 0).then(|| b.create_vector(&signature)),
        external_buffer: u32::from(conv && flaw == Flaw::ExternalBuffer),
        ..format::TensorArgs::default()
    };
    format::Tensor::create(b, &arguments)
}

fn operators<'a>(b: &mut Builder<'a>, flaw: Flaw) -> Vec<WIPOffset<format::Operator<'a>>> {
    let lists: [(&[i32], i32); 8] = [
        (&[0, 1, 2], 3),
        (&[3, 4], 5),
        (&[3, 5], 6),
        (&[6], 7),
        (&[7], 8),
        (&[8, 14], 9),
        (&[9, 12, 13], 10),
        (&[10], 11),
    ];
    let mut made = Vec::new();
    for (index, (inputs, output)) in lists.into_iter().enumerate() {
        let inputs = match (index, flaw) {
            (0, Flaw::InputIndex) => &[0, 1, 400],
            (0, Flaw::Order) => &[5, 1, 2],
            _ => inputs,
        };
        let output = if index == 1 && flaw == Flaw::WrittenTwice { 3 } else { output };
        let options = options(b, index, flaw);
        let opcode = if index == 2 && flaw == Flaw::Opcode { 50 } else { u32::try_from(index).unwrap() };
        let arguments = format::OperatorArgs {
            opcode_index: opcode,
            inputs: Some(b.create_vector(inputs)),
            outputs: Some(b.create_vector(&[output])),
            builtin_options_type: options.0,
            builtin_options: options.1,
            ..format::OperatorArgs::default()
        };
        made.push(format::Operator::create(b, &arguments));
    }
    made
}

fn options(b: &mut Builder<'_>, index: usize, flaw: Flaw) -> Options {
    use format::{ActivationFunctionType as Activation, BuiltinOptions as Kind, Padding};
    match if flaw == Flaw::WrongOptions { 7 - index } else { index } {
        0 => {
            let arguments = format::Conv2DOptionsArgs {
                padding: if flaw == Flaw::Padding { Padding(9) } else { Padding::SAME },
                stride_h: i32::from(flaw != Flaw::ZeroStride),
                stride_w: 1,
                dilation_h_factor: if flaw == Flaw::HugeDilation { i32::MAX } else { 1 },
                fused_activation_function: if flaw == Flaw::Tanh { Activation::TANH } else { Activation::RELU },
                ..format::Conv2DOptionsArgs::default()
            };
            (Kind::Conv2DOptions, Some(format::Conv2DOptions::create(b, &arguments).as_union_value()))
        }
        1 => {
            let arguments = format::DepthwiseConv2DOptionsArgs {
                padding: Padding::SAME,
                stride_h: 1,
                stride_w: 1,
                depth_multiplier: 1,
                fused_activation_function: Activation::RELU6,
                ..format::DepthwiseConv2DOptionsArgs::default()
            };
            (Kind::DepthwiseConv2DOptions, Some(format::DepthwiseConv2DOptions::create(b, &arguments).as_union_value()))
        }
        3 | 4 => {
            let [h, w] = if index == 3 { [2, 2] } else { [3, 2] };
            let arguments = format::Pool2DOptionsArgs {
                padding: Padding::VALID,
                stride_h: h,
                stride_w: w,
                filter_height: h,
                filter_width: w,
                ..format::Pool2DOptionsArgs::default()
            };
            (Kind::Pool2DOptions, Some(format::Pool2DOptions::create(b, &arguments).as_union_value()))
        }
        6 => {
            let arguments = format::FullyConnectedOptionsArgs::default();
            (Kind::FullyConnectedOptions, Some(format::FullyConnectedOptions::create(b, &arguments).as_union_value()))
        }
        7 => {
            let arguments = format::SoftmaxOptionsArgs { beta: 1.0 };
            (Kind::SoftmaxOptions, Some(format::SoftmaxOptions::create(b, &arguments).as_union_value()))
        }
        // Addition and reshape do without.
        _ => (Kind::NONE, None),
    }
}
