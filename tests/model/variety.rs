//! A model of many small branches, one for each way of computing that the usual models leave out.
//!
//! Every branch starts at the input and ends in an output of its own; the model's first output is the last branch's. Its
//! file is committed beside its golden, so that the oracle can read it; a test says that both are this one.

use tflite_flatbuffers as format;
use tflite_flatbuffers::flatbuffers::{FlatBufferBuilder, UnionWIPOffset, WIPOffset};

use format::{ActivationFunctionType as Activation, BuiltinOptions as Kind, Padding};

type Union = WIPOffset<UnionWIPOffset>;

/// Tensors, buffers and operators as they are added.
struct Branches<'a> {
    builder: FlatBufferBuilder<'a>,
    tensors: Vec<WIPOffset<format::Tensor<'a>>>,
    buffers: Vec<WIPOffset<format::Buffer<'a>>>,
    operators: Vec<WIPOffset<format::Operator<'a>>>,
    codes: Vec<i32>,
    outputs: Vec<i32>,
    noise: u32,
}

impl Branches<'_> {
    fn tensor(
        &mut self,
        kind: format::TensorType,
        shape: &[i32],
        data: &[u8],
        scales: &[f32],
        place: (i64, i32),
    ) -> i32 {
        let b = &mut self.builder;
        let zero_points = vec![place.0; scales.len()];
        let arguments = format::QuantizationParametersArgs {
            scale: Some(b.create_vector(scales)),
            zero_point: Some(b.create_vector(&zero_points)),
            quantized_dimension: place.1,
            ..format::QuantizationParametersArgs::default()
        };
        let quantization = format::QuantizationParameters::create(b, &arguments);
        let buffer = if data.is_empty() {
            0
        } else {
            let data = Some(b.create_vector(data));
            self.buffers.push(format::Buffer::create(b, &format::BufferArgs { data, ..format::BufferArgs::default() }));
            u32::try_from(self.buffers.len() - 1).unwrap()
        };
        let index = i32::try_from(self.tensors.len()).unwrap();
        let arguments = format::TensorArgs {
            shape: Some(b.create_vector(shape)),
            type_: kind,
            buffer,
            name: Some(b.create_string(&format!("tensor {index}"))),
            quantization: Some(quantization),
            ..format::TensorArgs::default()
        };
        self.tensors.push(format::Tensor::create(b, &arguments));
        index
    }

    fn activation(&mut self, shape: &[i32], scale: f32, zero_point: i64) -> i32 {
        self.tensor(format::TensorType::INT8, shape, &[], &[scale], (zero_point, 0))
    }

    /// A filter of arbitrary values with scales along `dimension`.
    fn filter(&mut self, shape: &[i32], scales: &[f32], dimension: i32) -> i32 {
        let len: i32 = shape.iter().product();
        let data: Vec<u8> = (0..len).map(|_| self.random().to_le_bytes()[3]).collect();
        self.tensor(format::TensorType::INT8, shape, &data, scales, (0, dimension))
    }

    fn bias(&mut self, len: i32, scale: f32) -> i32 {
        let data: Vec<u8> = (0..len).flat_map(|_| (self.random() % 4001).wrapping_sub(2000).to_le_bytes()).collect();
        self.tensor(format::TensorType::INT32, &[len], &data, &[scale], (0, 0))
    }

    fn random(&mut self) -> u32 {
        self.noise = self.noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        self.noise
    }

    fn operator(&mut self, code: i32, inputs: &[i32], output: i32, options: (Kind, Option<Union>)) {
        let opcode = self.codes.iter().position(|&known| known == code).unwrap_or_else(|| {
            self.codes.push(code);
            self.codes.len() - 1
        });
        let b = &mut self.builder;
        let arguments = format::OperatorArgs {
            opcode_index: u32::try_from(opcode).unwrap(),
            inputs: Some(b.create_vector(inputs)),
            outputs: Some(b.create_vector(&[output])),
            builtin_options_type: options.0,
            builtin_options: options.1,
            ..format::OperatorArgs::default()
        };
        self.operators.push(format::Operator::create(b, &arguments));
        self.outputs.push(output);
    }

    fn finish(mut self) -> Vec<u8> {
        let b = &mut self.builder;
        let mut codes = Vec::new();
        for &code in &self.codes {
            let arguments = format::OperatorCodeArgs {
                deprecated_builtin_code: i8::try_from(code).unwrap(),
                builtin_code: code,
                ..format::OperatorCodeArgs::default()
            };
            codes.push(format::OperatorCode::create(b, &arguments));
        }
        let arguments = format::SubGraphArgs {
            tensors: Some(b.create_vector(&self.tensors)),
            inputs: Some(b.create_vector(&[0])),
            outputs: Some(b.create_vector(&self.outputs)),
            operators: Some(b.create_vector(&self.operators)),
            name: Some(b.create_string("main")),
        };
        let subgraph = format::SubGraph::create(b, &arguments);
        let arguments = format::ModelArgs {
            version: 3,
            operator_codes: Some(b.create_vector(&codes)),
            subgraphs: Some(b.create_vector(&[subgraph])),
            description: Some(b.create_string("variety")),
            buffers: Some(b.create_vector(&self.buffers)),
            ..format::ModelArgs::default()
        };
        let model = format::Model::create(b, &arguments);
        format::finish_model_buffer(b, model);
        self.builder.finished_data().to_vec()
    }
}

/// The model's file.
pub(crate) fn model() -> Vec<u8> {
    let mut builder = FlatBufferBuilder::new();
    let buffers = vec![format::Buffer::create(&mut builder, &format::BufferArgs::default())];
    let mut m =
        Branches { builder, tensors: vec![], buffers, operators: vec![], codes: vec![], outputs: vec![], noise: 7 };
    let input = m.activation(&[1, 9, 7, 4], 0.05, -7);
    convolutions(&mut m, input);
    poolings(&mut m, input);
    additions(&mut m, input);
    dense(&mut m, input);
    m.finish()
}

fn ramp(len: u16) -> Vec<f32> {
    (1..=len).map(|n| f32::from(n * n) / 3000.0).collect()
}

/// Padding, stride, dilation, filter, output, many scales or one.
type Depthwise<'a> = (Padding, i32, i32, &'a [i32], &'a [i32], bool);

fn convolutions(m: &mut Branches, input: i32) {
    // Padding, stride, dilation, filter, one scale or many, output, activation.
    type Case<'a> = (Padding, [i32; 2], [i32; 2], &'a [i32], bool, &'a [i32], Activation);
    let cases: [Case; 5] = [
        (Padding::VALID, [1, 1], [2, 3], &[5, 3, 2, 4], true, &[1, 5, 4, 5], Activation::RELU_N1_TO_1),
        (Padding::SAME, [2, 3], [1, 1], &[3, 4, 4, 4], false, &[1, 5, 3, 3], Activation::RELU6),
        (Padding::SAME, [1, 1], [3, 2], &[2, 3, 3, 4], true, &[1, 9, 7, 2], Activation::NONE),
        (Padding::SAME, [1, 1], [1, 1], &[6, 1, 1, 2], true, &[1, 9, 7, 6], Activation::RELU),
        (Padding::VALID, [3, 2], [1, 1], &[1, 1, 1, 4], true, &[1, 3, 4, 1], Activation::NONE),
    ];
    for (padding, stride, dilation, filter, per_channel, output, activation) in cases {
        let channels = filter[0];
        let scales = if per_channel { ramp(u16::try_from(channels).unwrap()) } else { vec![0.0071] };
        let (filter, bias) = (m.filter(filter, &scales, 0), m.bias(channels, 0.05 * scales[0]));
        let output = m.activation(output, 0.031, 5);
        let arguments = format::Conv2DOptionsArgs {
            padding,
            stride_h: stride[0],
            stride_w: stride[1],
            dilation_h_factor: dilation[0],
            dilation_w_factor: dilation[1],
            fused_activation_function: activation,
            ..format::Conv2DOptionsArgs::default()
        };
        let options = format::Conv2DOptions::create(&mut m.builder, &arguments).as_union_value();
        m.operator(3, &[input, filter, bias], output, (Kind::Conv2DOptions, Some(options)));
    }
    let cases: [Depthwise; 3] = [
        (Padding::SAME, 2, 1, &[1, 3, 3, 8], &[1, 5, 4, 8], true),
        (Padding::SAME, 1, 2, &[1, 3, 2, 4], &[1, 9, 7, 4], true),
        (Padding::VALID, 1, 1, &[1, 4, 5, 4], &[1, 6, 3, 4], false),
    ];
    for (padding, stride, dilation, filter, output, per_channel) in cases {
        let channels = filter[3];
        let scales = if per_channel { ramp(u16::try_from(channels).unwrap()) } else { vec![0.0093] };
        let (filter, bias) = (m.filter(filter, &scales, 3), m.bias(channels, 0.05 * scales[0]));
        let output = m.activation(output, 0.027, -9);
        let arguments = format::DepthwiseConv2DOptionsArgs {
            padding,
            stride_h: stride,
            stride_w: stride,
            depth_multiplier: channels / 4,
            dilation_h_factor: dilation,
            dilation_w_factor: dilation,
            ..format::DepthwiseConv2DOptionsArgs::default()
        };
        let options = format::DepthwiseConv2DOptions::create(&mut m.builder, &arguments).as_union_value();
        m.operator(4, &[input, filter, bias], output, (Kind::DepthwiseConv2DOptions, Some(options)));
    }
}

fn poolings(m: &mut Branches, input: i32) {
    type Case<'a> = (i32, Padding, [i32; 2], [i32; 2], &'a [i32], Activation);
    let cases: [Case; 4] = [
        (1, Padding::SAME, [4, 3], [2, 2], &[1, 5, 4, 4], Activation::NONE),
        (1, Padding::VALID, [2, 7], [1, 1], &[1, 8, 1, 4], Activation::RELU_N1_TO_1),
        (17, Padding::SAME, [3, 3], [2, 3], &[1, 5, 3, 4], Activation::RELU6),
        (17, Padding::VALID, [2, 2], [2, 2], &[1, 4, 3, 4], Activation::NONE),
    ];
    for (code, padding, window, stride, output, activation) in cases {
        let output = m.activation(output, 0.05, -7);
        let arguments = format::Pool2DOptionsArgs {
            padding,
            stride_h: stride[0],
            stride_w: stride[1],
            filter_height: window[0],
            filter_width: window[1],
            fused_activation_function: activation,
        };
        let options = format::Pool2DOptions::create(&mut m.builder, &arguments).as_union_value();
        m.operator(code, &[input], output, (Kind::Pool2DOptions, Some(options)));
    }
}

fn additions(m: &mut Branches, input: i32) {
    // An operand of one row and column, to be broadcast; then the other way round; then an operand added to itself.
    let row = m.activation(&[1, 1, 1, 4], 0.05, -7);
    let arguments = format::Pool2DOptionsArgs {
        padding: Padding::VALID,
        stride_h: 9,
        stride_w: 7,
        filter_height: 9,
        filter_width: 7,
        ..format::Pool2DOptionsArgs::default()
    };
    let options = format::Pool2DOptions::create(&mut m.builder, &arguments).as_union_value();
    m.operator(1, &[input], row, (Kind::Pool2DOptions, Some(options)));
    let cases = [
        ([input, row], 0.081, Activation::RELU),
        ([row, input], 0.02, Activation::NONE),
        ([input; 2], 0.11, Activation::RELU6),
    ];
    for (operands, scale, activation) in cases {
        let output = m.activation(&[1, 9, 7, 4], scale, 11);
        let arguments = format::AddOptionsArgs { fused_activation_function: activation, pot_scale_int16: false };
        let options = format::AddOptions::create(&mut m.builder, &arguments).as_union_value();
        m.operator(0, &operands, output, (Kind::AddOptions, Some(options)));
    }
}

fn dense(m: &mut Branches, input: i32) {
    // Rows of 4, and the whole input as one row; per tensor and per channel; then softmax over several rows.
    type Case<'a> = (&'a [i32], &'a [f32], &'a [i32], bool);
    let cases: [Case; 4] = [
        (&[6, 4], &[0.0123], &[63, 6], true),
        (&[6, 4], &ramp(6), &[1, 9, 7, 6], true),
        (&[3, 252], &ramp(3), &[1, 3], true),
        (&[5, 252], &[0.0021], &[1, 5], false),
    ];
    for (filter, scales, shape, with_bias) in cases {
        let units = filter[0];
        let filter = m.filter(filter, scales, 0);
        let bias = if with_bias { m.bias(units, 0.05 * scales[0]) } else { -1 };
        let output = m.activation(shape, 0.043, -20);
        let arguments = format::FullyConnectedOptionsArgs {
            keep_num_dims: shape.len() == 4,
            ..format::FullyConnectedOptionsArgs::default()
        };
        let options = format::FullyConnectedOptions::create(&mut m.builder, &arguments).as_union_value();
        m.operator(9, &[input, filter, bias], output, (Kind::FullyConnectedOptions, Some(options)));
    }
    for beta in [1.0, 0.5, 7.25] {
        let output = m.activation(&[1, 9, 7, 4], 1.0 / 256.0, -128);
        let options = format::SoftmaxOptions::create(&mut m.builder, &format::SoftmaxOptionsArgs { beta });
        m.operator(25, &[input], output, (Kind::SoftmaxOptions, Some(options.as_union_value())));
    }
}
