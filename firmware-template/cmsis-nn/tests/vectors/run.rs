//! One case of Arm's data as calls of a binding and of the reference kernel.

use kernels::{
    Activation, Add, AddOperand, Broadcast, Combination, Combine, Conv2d, Convolution, ConvolveI16, DepthwiseConv2d,
    Dims, Element, Extent, FullyConnected, Layer, Multiply, Pool2d, PoolFunction, PoolI16, Pooling, Requant, Scatter,
    Side, Softmax, SoftmaxI8I16, SoftmaxI16, Svdf, SvdfSizes, TransposeConv, Weights,
};

use crate::data::{Case, Packed};

/// What ran a case.
pub(crate) enum Outcome {
    Both,
    ReferenceOnly,
}

/// Runs a case; ends the test where a result is not Arm's.
pub(crate) fn run(function: &str, case: &Case) -> Outcome {
    match function {
        "arm_convolve_s8" | "arm_convolve_1_x_n_s8" | "arm_convolve_1x1_s8_fast" => conv(function, case),
        "arm_depthwise_conv_s8" | "arm_depthwise_conv_3x3_s8" | "arm_depthwise_conv_s8_opt" => {
            depthwise(function, case);
        }
        "arm_fully_connected_s8" => fully_connected(case),
        "arm_avgpool_s8" | "arm_max_pool_s8" => pool(function, case),
        "arm_elementwise_add_s8" => add(case),
        "arm_elementwise_add_s16" => add_s16(case),
        "arm_elementwise_mul_s8" => multiply(case, Element::I8),
        "arm_elementwise_mul_s16" => multiply(case, Element::I16),
        "arm_softmax_s8" => softmax(case),
        "arm_softmax_s8_s16" => return softmax_s8_s16(case),
        "arm_softmax_s16" => return softmax_s16(case),
        "arm_convolve_s16" | "arm_convolve_fast_s16" => wide(case, Layer::Conv2d, "arm_convolve_s16"),
        "arm_depthwise_conv_s16" | "arm_depthwise_conv_fast_s16" => wide(case, Layer::DepthwiseConv2d, function),
        "arm_fully_connected_s16" => wide(case, Layer::FullyConnected, function),
        "arm_avgpool_s16" | "arm_max_pool_s16" => wide_pool(function, case),
        "arm_svdf_s8" => svdf(case, Element::I8),
        "arm_svdf_state_s16_s8" => svdf(case, Element::I16),
        "arm_transpose_conv_s8" => return transpose_conv(case),
        _ => panic!("{function} ({}) is neither bound nor said not to be", case.name),
    }
    Outcome::Both
}

/// A reference kernel and a binding of the common form.
type Kernel<'a> = &'a dyn Fn(&[&[i8]], &mut [&mut [i8]]);

/// Both give Arm's output; it has elements of `size` bytes.
fn both(case: &Case, size: usize, inputs: &[&[i8]], kernels: [Kernel; 2]) {
    reference(case, size, inputs, kernels[0]);
    agrees(case, size, inputs, kernels[1], "library");
}

/// The reference kernel alone gives Arm's output.
fn reference(case: &Case, size: usize, inputs: &[&[i8]], kernel: Kernel) -> Outcome {
    agrees(case, size, inputs, kernel, "reference");
    Outcome::ReferenceOnly
}

fn agrees(case: &Case, size: usize, inputs: &[&[i8]], kernel: Kernel, which: &str) {
    let expected = case.array("output_ref");
    let mut output = Packed::of(&vec![0x55; expected.len()], size);
    kernel(inputs, &mut [output.bytes_mut()]);
    assert_eq!(output.bytes(), Packed::of(expected, size).bytes(), "{} on the {which}", case.name);
}

fn scratch() -> Vec<u64> {
    vec![0x7e7e_7e7e_7e7e_7e7e; 40_000]
}

fn with_scratch<R>(call: impl FnOnce(&mut [i8]) -> R) -> R {
    call(kernels::words_as_i8_mut(&mut scratch()))
}

fn activation(case: &Case) -> Activation {
    Activation { min: case.int("OUT_ACTIVATION_MIN"), max: case.int("OUT_ACTIVATION_MAX") }
}

fn extent(case: &Case, name: &str) -> Extent {
    Extent { h: case.size_or_one(&format!("{name}_Y")), w: case.size_or_one(&format!("{name}_X")) }
}

fn padding(case: &Case) -> Extent {
    Extent { h: case.size("PAD_Y"), w: case.size("PAD_X") }
}

/// Input and output shapes.
fn shapes(case: &Case) -> (Dims, Dims) {
    let n = case.size("INPUT_BATCHES");
    let input = Dims { n, h: case.size("INPUT_H"), w: case.size("INPUT_W"), c: case.size("IN_CH") };
    (input, Dims { n, h: case.size("OUTPUT_H"), w: case.size("OUTPUT_W"), c: case.size("OUT_CH") })
}

/// A kernel or binding of an int8 layer.
type LayerKernel<'a> = &'a dyn Fn(&Weights, &[i8], &mut [i8]);

/// Runs with the case's weights.
fn weighted(case: &Case, kernels: [LayerKernel; 2]) {
    let (filter, multipliers, shifts) =
        (case.bytes("weights"), factors(case, "output_mult"), factors(case, "output_shift"));
    let bias = case.try_array("biases").map(|_| case.ints("biases"));
    let w = Weights { filter: &filter, bias: bias.as_deref(), multipliers: &multipliers, shifts: &shifts };
    let input = case.bytes("input");
    let call = |which: usize| {
        let kernel = kernels[which];
        let w = &w;
        move |inputs: &[&[i8]], outputs: &mut [&mut [i8]]| kernel(w, inputs[0], outputs[0])
    };
    both(case, 1, &[&input], [&call(0), &call(1)]);
}

/// One factor a channel, or the layer's own.
fn factors(case: &Case, name: &str) -> Vec<i32> {
    if case.try_array(name).is_some() {
        return case.ints(name);
    }
    vec![case.int(if name == "output_mult" { "OUTPUT_MULTIPLIER" } else { "OUTPUT_SHIFT" })]
}

fn conv(function: &str, case: &Case) {
    let (input, output) = shapes(case);
    let taps = extent(case, "FILTER");
    let p = Conv2d {
        input,
        filter: Dims { n: output.c, h: taps.h, w: taps.w, c: input.c },
        output,
        stride: extent(case, "STRIDE"),
        padding: padding(case),
        dilation: extent(case, "DILATION"),
        input_offset: case.int("INPUT_OFFSET"),
        output_offset: case.int("OUTPUT_OFFSET"),
        activation: activation(case),
    };
    let one_tap = taps == Extent { h: 1, w: 1 };
    weighted(
        case,
        [&|w, input, out| kernels::conv_2d(&p, w, input, out), &|w, input, out| match function {
            "arm_convolve_1x1_s8_fast" if one_tap && p.stride == taps => cmsis_nn::conv_2d_1x1_fast(&p, w, input, out),
            "arm_convolve_1x1_s8_fast" if one_tap => cmsis_nn::conv_2d_1x1(&p, w, input, out),
            "arm_convolve_1_x_n_s8" if taps.h == 1 && input.len() == p.input.w * p.input.c * p.input.n => {
                with_scratch(|scratch| cmsis_nn::conv_2d_1_x_n(&p, w, input, out, scratch));
            }
            _ => with_scratch(|scratch| cmsis_nn::conv_2d(&p, w, input, out, scratch)),
        }],
    );
}

fn depthwise(function: &str, case: &Case) {
    let (input, output) = shapes(case);
    let taps = extent(case, "FILTER");
    let p = DepthwiseConv2d {
        input,
        filter: Dims { n: 1, h: taps.h, w: taps.w, c: output.c },
        output,
        depth_multiplier: output.c / input.c,
        stride: extent(case, "STRIDE"),
        padding: padding(case),
        dilation: extent(case, "DILATION"),
        input_offset: case.int("INPUT_OFFSET"),
        output_offset: case.int("OUTPUT_OFFSET"),
        activation: activation(case),
    };
    weighted(
        case,
        [&|w, input, out| kernels::depthwise_conv_2d(&p, w, input, out), &|w, input, out| match function {
            "arm_depthwise_conv_3x3_s8" => cmsis_nn::depthwise_conv_2d_3x3(&p, w, input, out),
            "arm_depthwise_conv_s8_opt" => {
                with_scratch(|scratch| cmsis_nn::depthwise_conv_2d_opt(&p, w, input, out, scratch));
            }
            _ => cmsis_nn::depthwise_conv_2d(&p, w, input, out),
        }],
    );
}

fn fully_connected(case: &Case) {
    let p = FullyConnected {
        batches: case.size("INPUT_BATCHES"),
        depth: case.size("ACCUMULATION_DEPTH"),
        units: case.size("OUT_CH"),
        input_offset: case.int("INPUT_OFFSET"),
        filter_offset: 0,
        output_offset: case.int("OUTPUT_OFFSET"),
        activation: activation(case),
    };
    weighted(
        case,
        [&|w, input, out| kernels::fully_connected(&p, w, input, out), &|w, input, out| {
            with_scratch(|scratch| cmsis_nn::fully_connected(&p, w, input, out, scratch))
        }],
    );
}

fn pooling(case: &Case) -> Pooling {
    let (input, output) = shapes(case);
    let (window, stride) = (extent(case, "FILTER"), extent(case, "STRIDE"));
    Pooling { input, output, window, stride, padding: padding(case) }
}

fn pool(function: &str, case: &Case) {
    let Pooling { input, output, window, stride, padding } = pooling(case);
    let p = Pool2d { input, output, window, stride, padding, activation: activation(case) };
    let data = case.bytes("input");
    let reference = |inputs: &[&[i8]], out: &mut [&mut [i8]]| match function {
        "arm_avgpool_s8" => kernels::average_pool_2d(&p, inputs[0], out[0]),
        _ => kernels::max_pool_2d(&p, inputs[0], out[0]),
    };
    let library = |inputs: &[&[i8]], out: &mut [&mut [i8]]| match function {
        "arm_avgpool_s8" => with_scratch(|scratch| cmsis_nn::average_pool_2d(&p, inputs[0], out[0], scratch)),
        _ => cmsis_nn::max_pool_2d(&p, inputs[0], out[0]),
    };
    both(case, 1, &[&data], [&reference, &library]);
}

fn wide_pool(function: &str, case: &Case) {
    let average = function == "arm_avgpool_s16";
    let function = if average { PoolFunction::Average } else { PoolFunction::Max };
    let p = PoolI16 { function, at: pooling(case), activation: activation(case) };
    let data = Packed::of(case.array("input"), 2);
    let library = |inputs: &[&[i8]], out: &mut [&mut [i8]]| {
        if average {
            with_scratch(|scratch| cmsis_nn::average_pool_s16(&p, inputs, out, scratch));
        } else {
            cmsis_nn::max_pool_s16(&p, inputs, out);
        }
    };
    both(case, 2, &[data.bytes()], [&|inputs, out| kernels::pool_i16(&p, inputs, out), &library]);
}

fn requant(case: &Case, name: &str) -> Requant {
    Requant { multiplier: case.int(&format!("{name}_MULT")), shift: case.int(&format!("{name}_SHIFT")) }
}

/// Shapes of one row.
fn row(len: usize) -> Broadcast {
    let one = [0, 0, 0, 0, 0, 1];
    Broadcast { shape: [1, 1, 1, 1, 1, len], a: one, b: one }
}

fn add(case: &Case) {
    let dims = Dims { n: 1, h: 1, w: 1, c: case.size("DST_SIZE") };
    let operand =
        |name: &str| AddOperand { dims, offset: case.int(&format!("{name}_OFFSET")), requant: requant(case, name) };
    let p = Add {
        a: operand("INPUT1"),
        b: operand("INPUT2"),
        output: dims,
        left_shift: case.int("LEFT_SHIFT"),
        requant: requant(case, "OUTPUT"),
        output_offset: case.int("OUTPUT_OFFSET"),
        activation: activation(case),
    };
    let (a, b) = (case.bytes("input1"), case.bytes("input2"));
    both(
        case,
        1,
        &[&a, &b],
        [&|inputs, out| kernels::add(&p, inputs[0], inputs[1], out[0]), &|inputs, out| {
            cmsis_nn::add(&p, inputs[0], inputs[1], out[0])
        }],
    );
}

fn add_s16(case: &Case) {
    let side = |name: &str| Side { offset: case.int(&format!("{name}_OFFSET")), requant: requant(case, name) };
    let p = Combine {
        combination: Combination::Sum,
        element: Element::I16,
        at: row(case.size("DST_SIZE")),
        a: side("INPUT1"),
        b: side("INPUT2"),
        left_shift: case.int("LEFT_SHIFT"),
        requant: requant(case, "OUTPUT"),
        output_offset: case.int("OUTPUT_OFFSET"),
        activation: activation(case),
    };
    let (a, b) = (Packed::of(case.array("input1"), 2), Packed::of(case.array("input2"), 2));
    both(
        case,
        2,
        &[a.bytes(), b.bytes()],
        [&|inputs, out| kernels::combine(&p, inputs, out), &|inputs, out| cmsis_nn::add_s16(&p, inputs, out)],
    );
}

fn multiply(case: &Case, element: Element) {
    let p = Multiply {
        element,
        at: row(case.size("DST_SIZE")),
        a_offset: case.int("INPUT1_OFFSET"),
        b_offset: case.int("INPUT2_OFFSET"),
        requant: requant(case, "OUTPUT"),
        output_offset: case.int("OUTPUT_OFFSET"),
        activation: activation(case),
    };
    let size = element.bytes();
    let (a, b) = (Packed::of(case.array("input1"), size), Packed::of(case.array("input2"), size));
    both(
        case,
        size,
        &[a.bytes(), b.bytes()],
        [&|inputs, out| kernels::multiply(&p, inputs, out), &|inputs, out| match element {
            Element::I8 => cmsis_nn::multiply(&p, inputs, out),
            _ => cmsis_nn::multiply_s16(&p, inputs, out),
        }],
    );
}

fn softmax_factor(case: &Case) -> Requant {
    Requant { multiplier: case.int("INPUT_MULT"), shift: case.int("INPUT_LEFT_SHIFT") }
}

fn softmax(case: &Case) {
    let (rows, depth) = (case.size("NUM_ROWS"), case.size("ROW_SIZE"));
    let p = Softmax { rows, depth, requant: softmax_factor(case), diff_min: case.int("DIFF_MIN") };
    let input = case.bytes("input");
    both(
        case,
        1,
        &[&input],
        [&|inputs, out| kernels::softmax(&p, inputs[0], out[0]), &|inputs, out| {
            cmsis_nn::softmax(&p, inputs[0], out[0])
        }],
    );
}

fn softmax_s8_s16(case: &Case) -> Outcome {
    let (rows, depth) = (case.size("NUM_ROWS"), case.size("ROW_SIZE"));
    let p = SoftmaxI8I16 { rows, depth, requant: softmax_factor(case), diff_min: case.int("DIFF_MIN") };
    let input = case.bytes("input");
    reference(case, 2, &[&input], &|inputs, out| kernels::softmax_i8_i16(&p, inputs, out))
}

/// Rows of more elements than the binding takes: the reference kernel alone.
fn softmax_s16(case: &Case) -> Outcome {
    let p = SoftmaxI16 { rows: case.size("NUM_ROWS"), depth: case.size("ROW_SIZE"), requant: softmax_factor(case) };
    assert!(p.depth > 8, "{} could run on the library", case.name);
    let tables = [kernels::exponential_table(), kernels::reciprocal_table()];
    let [first, second] = tables.map(|table| Packed::of(&table.map(i64::from), 2));
    let input = Packed::of(case.array("input"), 2);
    let operands = [input.bytes(), first.bytes(), second.bytes()];
    reference(case, 2, &operands, &|inputs, out| kernels::softmax_i16(&p, inputs, out))
}

fn wide(case: &Case, layer: Layer, function: &str) {
    let (input, output) = match layer {
        Layer::FullyConnected => {
            let n = case.size("INPUT_BATCHES");
            (Dims { n, h: 1, w: 1, c: case.size("ACCUMULATION_DEPTH") }, Dims { n, h: 1, w: 1, c: case.size("OUT_CH") })
        }
        _ => shapes(case),
    };
    let dense = layer == Layer::FullyConnected;
    let one = Extent { h: 1, w: 1 };
    let taps = if dense { one } else { extent(case, "FILTER") };
    let alone = layer == Layer::DepthwiseConv2d;
    let at = Convolution {
        layer,
        input,
        output,
        taps,
        stride: if dense { one } else { extent(case, "STRIDE") },
        padding: if dense { Extent { h: 0, w: 0 } } else { padding(case) },
        dilation: if dense { one } else { extent(case, "DILATION") },
        depth: if alone { 1 } else { input.c },
        group: if alone { output.c / input.c } else { output.c },
        channel_step: if alone { 1 } else { taps.h * taps.w * input.c },
        tap_step: if alone { output.c } else { input.c },
    };
    let bias = case.try_array("biases").map(|values| Packed::of(values, 8));
    let p = ConvolveI16 {
        at,
        bias: bias.as_ref().map(|_| Element::I64),
        filter_offset: 0,
        narrow: true,
        activation: activation(case),
    };
    let wide = |values: Vec<i32>| Packed::of(&values.into_iter().map(i64::from).collect::<Vec<_>>(), 4);
    let (multipliers, shifts) = (wide(factors(case, "output_mult")), wide(factors(case, "output_shift")));
    let (data, filter) = (Packed::of(case.array("input"), 2), case.bytes("weights"));
    let mut inputs = vec![data.bytes(), &filter[..]];
    inputs.extend(bias.as_ref().map(Packed::bytes));
    inputs.extend([multipliers.bytes(), shifts.bytes()]);
    let library = |inputs: &[&[i8]], out: &mut [&mut [i8]]| match function {
        "arm_convolve_s16" => cmsis_nn::convolve_s16(&p, inputs, out),
        "arm_depthwise_conv_s16" => cmsis_nn::depthwise_conv_s16(&p, inputs, out),
        "arm_depthwise_conv_fast_s16" => {
            with_scratch(|scratch| cmsis_nn::depthwise_conv_fast_s16(&p, inputs, out, scratch));
        }
        _ => cmsis_nn::fully_connected_s16(&p, inputs, out),
    };
    both(case, 2, &inputs, [&|inputs, out| kernels::convolve_i16(&p, inputs, out), &library]);
}

/// The inputs of a sequence one after the other; the output is that of the last.
fn svdf(case: &Case, state: Element) {
    let (batches, depth, rank) = (case.size("INPUT_BATCHES"), case.size("INPUT_SIZE"), case.size("RANK"));
    let (units, memory) = (case.size("FEATURE_BATCHES") / rank, case.size("TIME_BATCHES"));
    let p = Svdf {
        state,
        sizes: SvdfSizes { batches, depth, units, rank, memory },
        input_offset: -case.int("INPUT_OFFSET"),
        feature: Requant { multiplier: case.int("MULTIPLIER_IN"), shift: case.int("SHIFT_1") },
        state_offset: 0,
        time: Requant { multiplier: case.int("MULTIPLIER_OUT"), shift: case.int("SHIFT_2") },
        output_offset: case.int("OUTPUT_OFFSET"),
        activation: activation(case),
    };
    let (feature, sequence) = (case.bytes("weights_feature"), case.bytes("input_sequence"));
    let time = Packed::of(case.array("weights_time"), state.bytes());
    let bias = case.try_array("biases").map(|values| Packed::of(values, 4));
    let sequence = |step: Kernel<'_>, outputs: &mut [&mut [i8]]| {
        let mut kept = Packed::of(case.array("state"), state.bytes());
        for input in sequence.chunks_exact(batches * depth) {
            let mut inputs = vec![input, &feature, time.bytes()];
            inputs.extend(bias.as_ref().map(Packed::bytes));
            step(&inputs, &mut [&mut *outputs[0], kept.bytes_mut()]);
        }
    };
    let library = |inputs: &[&[i8]], out: &mut [&mut [i8]]| {
        with_scratch(|scratch| match state {
            Element::I8 => cmsis_nn::svdf_s8(&p, inputs, out, scratch),
            _ => cmsis_nn::svdf_state_s16_s8(&p, inputs, out, scratch),
        });
    };
    both(
        case,
        1,
        &[],
        [&|_, out| sequence(&|inputs, out| kernels::svdf(&p, inputs, out), out), &|_, out| sequence(&library, out)],
    );
}

fn transpose_conv(case: &Case) -> Outcome {
    let (input, output) = shapes(case);
    let taps = extent(case, "FILTER");
    let filter = Dims { n: output.c, h: taps.h, w: taps.w, c: input.c };
    let bias = case.try_array("biases").map(|values| Packed::of(values, 4));
    let p = TransposeConv {
        element: Element::I8,
        at: Scatter { input, filter, output, stride: extent(case, "STRIDE"), padding: padding(case) },
        bias: bias.as_ref().map(|_| Element::I32),
        input_offset: case.int("INPUT_OFFSET"),
        output_offset: case.int("OUTPUT_OFFSET"),
        activation: activation(case),
    };
    let tables = ["output_mult", "output_shift"].map(|name| Packed::of(case.array(name), 4));
    let (data, weights) = (case.bytes("input"), case.bytes("weights"));
    let mut inputs = vec![&data[..], &weights];
    inputs.extend(bias.as_ref().map(Packed::bytes));
    inputs.extend(tables.iter().map(Packed::bytes));
    reference(case, 1, &inputs, &|inputs, out| kernels::transpose_conv(&p, inputs, out))
}
