//! Selection by example, and the table of scratch sizes against the library itself.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use kernels::{
    Activation, Add, AddOperand, Conv2d, Convolution, ConvolveF32, ConvolveI16, DepthwiseConv2d, Dims, Element, Extent,
    FullyConnected, Layer, Op, Pool2d, PoolFunction, PoolI16, Pooling, Requant, Scatter, Softmax, SoftmaxI8I16,
    SoftmaxI16, Svdf, SvdfSizes, TransposeConv,
};

use super::variant::Variant;
use super::{Features, InstructionPath, Kernel, macs, reference, scratch_bytes, select, size_query};
use crate::model::lower::{Call, Step, StepWeights};
use crate::model::{OperatorId, TensorId};

const M3: Features = Features { dsp: false, mve: false };
const M4: Features = Features { dsp: true, mve: false };
const M55: Features = Features { dsp: true, mve: true };
const BOUNDS: Activation = Activation { min: -128, max: 127 };
const ONE: Extent = Extent { h: 1, w: 1 };

fn step(call: Call, multipliers: usize, bias: bool) -> Step {
    Step {
        operator: OperatorId(0),
        call,
        inputs: vec![TensorId(0)],
        tables: vec![],
        outputs: vec![TensorId(1)],
        weights: Some(StepWeights {
            filter: TensorId(2),
            bias: bias.then_some(TensorId(3)),
            multipliers: vec![1 << 30; multipliers],
            shifts: vec![0; multipliers],
        }),
    }
}

/// A SAME convolution with a stride of one.
fn conv(h: usize, w: usize, c: usize, taps: Extent, channels: usize) -> Conv2d {
    Conv2d {
        input: Dims { n: 1, h, w, c },
        filter: Dims { n: channels, h: taps.h, w: taps.w, c },
        output: Dims { n: 1, h, w, c: channels },
        stride: ONE,
        padding: Extent { h: (taps.h - 1) / 2, w: (taps.w - 1) / 2 },
        dilation: ONE,
        input_offset: 128,
        output_offset: -128,
        activation: BOUNDS,
    }
}

fn conv_step(p: Conv2d) -> Step {
    step(Call::Conv2d(p), p.output.c, true)
}

fn depthwise(h: usize, w: usize, c: usize, taps: Extent, depth_multiplier: usize) -> DepthwiseConv2d {
    let shape = conv(h, w, c, taps, c * depth_multiplier);
    DepthwiseConv2d {
        input: shape.input,
        filter: Dims { n: 1, c: shape.output.c, ..shape.filter },
        output: shape.output,
        depth_multiplier,
        stride: ONE,
        padding: shape.padding,
        dilation: ONE,
        input_offset: 128,
        output_offset: -128,
        activation: BOUNDS,
    }
}

fn depthwise_step(p: DepthwiseConv2d) -> Step {
    step(Call::DepthwiseConv2d(p), p.output.c, true)
}

fn dense(batches: usize, depth: usize, units: usize) -> FullyConnected {
    let (input_offset, output_offset) = (128, -128);
    FullyConnected { batches, depth, units, input_offset, filter_offset: 0, output_offset, activation: BOUNDS }
}

fn pool(side: usize, c: usize, window: usize) -> Pool2d {
    Pool2d {
        input: Dims { n: 1, h: side, w: side, c },
        output: Dims { n: 1, h: side / window, w: side / window, c },
        window: Extent { h: window, w: window },
        stride: Extent { h: window, w: window },
        padding: Extent { h: 0, w: 0 },
        activation: BOUNDS,
    }
}

fn chosen(step: &Step, features: Features) -> (String, InstructionPath) {
    let kernel = select(step, features).expect("fits");
    (kernel.symbol, kernel.path)
}

fn refused(step: &Step) -> String {
    select(step, M4).expect_err("does not fit").reason
}

#[test]
fn convolutions_take_the_wrappers_path() {
    use InstructionPath::{Dsp, Mve, Scalar};
    let general = conv_step(conv(8, 8, 3, Extent { h: 3, w: 3 }, 16));
    assert_eq!(chosen(&general, M3), ("arm_convolve_s8".to_owned(), Scalar));
    assert_eq!(chosen(&general, M4), ("arm_convolve_s8".to_owned(), Dsp));
    let one_tap = conv(8, 8, 3, ONE, 16);
    assert_eq!(chosen(&conv_step(one_tap), M4), ("arm_convolve_1x1_s8_fast".to_owned(), Dsp));
    let strided = Conv2d { stride: Extent { h: 2, w: 2 }, output: Dims { h: 4, w: 4, ..one_tap.output }, ..one_tap };
    assert_eq!(chosen(&conv_step(strided), M55), ("arm_convolve_1x1_s8".to_owned(), Mve));
    let one_row = conv(1, 20, 4, Extent { h: 1, w: 3 }, 16);
    assert_eq!(chosen(&conv_step(one_row), M4).0, "arm_convolve_s8", "without MVE the special case adds nothing");
    assert_eq!(chosen(&conv_step(one_row), M55).0, "arm_convolve_1_x_n_s8");
    let cut_on_both_sides = conv(1, 2, 4, Extent { h: 1, w: 5 }, 16);
    assert_eq!(chosen(&conv_step(cut_on_both_sides), M55).0, "arm_convolve_s8");
    let dilated = Conv2d { dilation: Extent { h: 2, w: 2 }, ..general_params(&general) };
    assert_eq!(chosen(&conv_step(dilated), M4).0, "arm_convolve_s8");
    let grouped = Conv2d { filter: Dims { n: 16, h: 1, w: 1, c: 1 }, ..one_tap };
    assert!(refused(&conv_step(grouped)).contains("grouped"));
    assert!(refused(&conv_step(conv(8, 8, 40_000, ONE, 1))).contains("16 bits"));
    assert!(refused(&step(Call::Conv2d(one_tap), 1, true)).contains("16 of them"));
}

fn general_params(step: &Step) -> Conv2d {
    match step.call {
        Call::Conv2d(p) => p,
        _ => unreachable!("built as a convolution"),
    }
}

#[test]
fn depthwise_convolutions_take_the_wrappers_path() {
    let three = depthwise(8, 8, 16, Extent { h: 3, w: 3 }, 1);
    assert_eq!(chosen(&depthwise_step(three), M3).0, "arm_depthwise_conv_3x3_s8");
    assert_eq!(chosen(&depthwise_step(three), M4), ("arm_depthwise_conv_3x3_s8".to_owned(), InstructionPath::Dsp));
    assert_eq!(chosen(&depthwise_step(three), M55), ("arm_depthwise_conv_s8_opt".to_owned(), InstructionPath::Mve));
    let five = depthwise(8, 8, 16, Extent { h: 5, w: 5 }, 1);
    assert_eq!(chosen(&depthwise_step(five), M4).0, "arm_depthwise_conv_s8_opt");
    assert_eq!(chosen(&depthwise_step(five), M3), ("arm_depthwise_conv_s8".to_owned(), InstructionPath::Scalar));
    let several = depthwise(8, 8, 1, Extent { h: 10, w: 8 }, 8);
    assert_eq!(chosen(&depthwise_step(several), M4), ("arm_depthwise_conv_s8".to_owned(), InstructionPath::Scalar));
    let dilated = DepthwiseConv2d { dilation: Extent { h: 2, w: 1 }, ..three };
    assert_eq!(chosen(&depthwise_step(dilated), M4).0, "arm_depthwise_conv_s8");
    let many = depthwise(8, 8, 128, Extent { h: 3, w: 3 }, 1);
    let without_bias = step(Call::DepthwiseConv2d(many), 128, false);
    assert_eq!(chosen(&without_bias, M55).0, "arm_depthwise_conv_s8", "the MVE code misses the bias");
    assert_eq!(chosen(&without_bias, M4).0, "arm_depthwise_conv_3x3_s8");
}

#[test]
fn other_operators() {
    let per_tensor = step(Call::FullyConnected(dense(1, 64, 12)), 1, true);
    assert_eq!(chosen(&per_tensor, M4).0, "arm_fully_connected_s8");
    let per_channel = step(Call::FullyConnected(dense(1, 64, 12)), 12, true);
    let kernel = select(&per_channel, M4).expect("fits");
    assert_eq!(
        (kernel.symbol.as_str(), kernel.entry.as_str()),
        ("arm_convolve_1x1_s8_fast", "cmsis_nn::fully_connected_per_channel")
    );
    let offset = FullyConnected { filter_offset: 3, ..dense(1, 64, 12) };
    assert!(refused(&step(Call::FullyConnected(offset), 1, true)).contains("zero point"));
    assert_eq!(chosen(&step(Call::AveragePool2d(pool(8, 4, 2)), 0, false), M4).1, InstructionPath::Dsp);
    assert_eq!(chosen(&step(Call::MaxPool2d(pool(8, 4, 2)), 0, false), M4).1, InstructionPath::Scalar);
    let reshape = step(Call::Reshape, 0, false);
    assert_eq!(select(&reshape, M4).expect("needs nothing").library, "none");
    assert_eq!(reference(&reshape).library, "none");
    assert_eq!(reference(&per_channel).entry, "kernels::fully_connected");
    assert_eq!(macs(&per_channel), 768);
    assert_eq!(macs(&conv_step(conv(8, 8, 3, Extent { h: 3, w: 3 }, 16))), 8 * 8 * 16 * 27);
}

/// An int16 layer like an int8 convolution of the same shape.
fn wide(layer: Layer, shape: &Conv2d) -> ConvolveI16 {
    let taps = Extent { h: shape.filter.h, w: shape.filter.w };
    let (input, output, stride, padding, dilation) =
        (shape.input, shape.output, shape.stride, shape.padding, shape.dilation);
    let at = match layer {
        Layer::DepthwiseConv2d => Convolution {
            layer,
            input,
            output,
            taps,
            stride,
            padding,
            dilation,
            depth: 1,
            group: output.c / input.c,
            channel_step: 1,
            tap_step: output.c,
        },
        _ => Convolution {
            layer,
            input,
            output,
            taps,
            stride,
            padding,
            dilation,
            depth: input.c,
            group: output.c,
            channel_step: taps.h * taps.w * input.c,
            tap_step: input.c,
        },
    };
    ConvolveI16 { at, bias: Some(Element::I64), filter_offset: 0, narrow: true, activation: BOUNDS }
}

/// With a table of `factors` multipliers.
fn wide_step(p: ConvolveI16, factors: usize) -> Step {
    Step { tables: vec![vec![0; 4 * factors]; 2], ..step(Call::Op(Op::ConvolveI16(p)), 0, false) }
}

#[test]
fn int16_layers_take_the_wrappers_path() {
    use InstructionPath::{Dsp, Mve, Scalar};
    let three = conv(8, 8, 4, Extent { h: 3, w: 3 }, 16);
    let layer = wide(Layer::Conv2d, &three);
    let symbol = |p: ConvolveI16, core| chosen(&wide_step(p, 16), core);
    assert_eq!(symbol(layer, M3), ("arm_convolve_s16".to_owned(), Scalar));
    assert_eq!(symbol(layer, M4), ("arm_convolve_fast_s16".to_owned(), Dsp));
    assert_eq!(symbol(layer, M55), ("arm_convolve_s16".to_owned(), Scalar), "the fast one has no MVE code");
    assert_eq!(symbol(ConvolveI16 { bias: None, ..layer }, M4).0, "arm_convolve_s16", "it rounds twice without a bias");
    let long = wide(Layer::Conv2d, &conv(8, 8, 64, Extent { h: 3, w: 3 }, 16));
    assert_eq!(symbol(long, M4).0, "arm_convolve_s16");
    let narrow = wide(Layer::DepthwiseConv2d, &conv(8, 8, 16, Extent { h: 3, w: 3 }, 16));
    assert_eq!(symbol(narrow, M3).0, "arm_depthwise_conv_s16");
    assert_eq!(symbol(narrow, M4), ("arm_depthwise_conv_fast_s16".to_owned(), Dsp));
    assert_eq!(symbol(narrow, M55), ("arm_depthwise_conv_fast_s16".to_owned(), Mve));
    let odd = wide(Layer::DepthwiseConv2d, &conv(8, 8, 6, Extent { h: 3, w: 3 }, 6));
    assert_eq!(chosen(&wide_step(odd, 6), M55).0, "arm_depthwise_conv_s16", "MVE reads factors four at a time");
    assert_eq!(chosen(&wide_step(odd, 6), M4).0, "arm_depthwise_conv_fast_s16");
    let dense = wide(Layer::FullyConnected, &conv(1, 1, 64, ONE, 16));
    assert_eq!(chosen(&wide_step(dense, 1), M55), ("arm_fully_connected_s16".to_owned(), Mve));
    assert_eq!(chosen(&wide_step(dense, 16), M4).0, "arm_convolve_fast_s16");
    assert_eq!(macs(&wide_step(layer, 16)), 8 * 8 * 16 * 36);
}

#[test]
fn int16_layers_that_the_library_would_compute_otherwise() {
    let layer = wide(Layer::Conv2d, &conv(8, 8, 4, Extent { h: 3, w: 3 }, 16));
    let why = |p: ConvolveI16| refused(&wide_step(p, 16));
    assert!(why(ConvolveI16 { bias: Some(Element::I32), ..layer }).contains("32 bits"));
    assert!(why(ConvolveI16 { narrow: false, ..layer }).contains("overflow"));
    assert!(why(ConvolveI16 { filter_offset: 1, ..layer }).contains("zero point"));
    assert!(why(ConvolveI16 { at: Convolution { depth: 2, group: 8, ..layer.at }, ..layer }).contains("grouped"));
    assert!(refused(&wide_step(layer, 1)).contains("16 of them"));
}

fn common(op: Op) -> Step {
    step(Call::Op(op), 0, false)
}

fn wide_pool(function: PoolFunction) -> PoolI16 {
    let Pool2d { input, output, window, stride, padding, activation } = pool(8, 4, 2);
    PoolI16 { function, at: Pooling { input, output, window, stride, padding }, activation }
}

#[test]
fn int16_pools_and_softmax() {
    use InstructionPath::Mve;
    let average = common(Op::PoolI16(wide_pool(PoolFunction::Average)));
    assert_eq!(chosen(&average, M55), ("arm_avgpool_s16".to_owned(), Mve));
    assert!(refused(&average).contains("without MVE"));
    let max = common(Op::PoolI16(wide_pool(PoolFunction::Max)));
    assert_eq!(chosen(&max, M55), ("arm_max_pool_s16".to_owned(), Mve));
    let softmax = |depth, shift| {
        common(Op::SoftmaxI16(SoftmaxI16 { rows: 1, depth, requant: Requant { multiplier: 1 << 30, shift } }))
    };
    assert_eq!(chosen(&softmax(8, 0), M55).0, "arm_softmax_s16");
    assert!(refused(&softmax(9, 0)).contains("doubles"));
    assert!(refused(&softmax(1, 0)).contains("saturate"));
    assert!(refused(&softmax(2, 16)).contains("shifts by 16"));
    let requant = Requant { multiplier: 1 << 30, shift: 23 };
    let mixed = common(Op::SoftmaxI8I16(SoftmaxI8I16 { rows: 1, depth: 600, requant, diff_min: -248 }));
    assert!(refused(&mixed).contains("half"));
}

fn layer_with_memory(state: Element, units: usize, depth: usize) -> Svdf {
    let requant = Requant { multiplier: 1 << 30, shift: 0 };
    Svdf {
        state,
        sizes: SvdfSizes { batches: 2, depth, units, rank: 3, memory: 8 },
        input_offset: 0,
        feature: requant,
        state_offset: 0,
        time: requant,
        output_offset: 0,
        activation: BOUNDS,
    }
}

fn transposed() -> TransposeConv {
    let Conv2d { input, filter, output, stride, padding, .. } = conv(4, 4, 3, Extent { h: 3, w: 3 }, 5);
    let at = Scatter { input, filter, output, stride, padding };
    let (bias, input_offset, output_offset) = (None, 0, 0);
    TransposeConv { element: Element::I8, at, bias, input_offset, output_offset, activation: BOUNDS }
}

#[test]
fn svdf_and_transposed_convolutions() {
    use InstructionPath::{Dsp, Mve};
    let svdf = |p: Svdf| common(Op::Svdf(p));
    let bytes = layer_with_memory(Element::I8, 4, 16);
    assert_eq!(chosen(&svdf(bytes), M4), ("arm_svdf_s8".to_owned(), Dsp));
    assert_eq!(chosen(&svdf(layer_with_memory(Element::I16, 4, 16)), M55), ("arm_svdf_state_s16_s8".to_owned(), Mve));
    assert!(refused(&svdf(Svdf { state_offset: 1, ..bytes })).contains("zero point"));
    assert!(refused(&common(Op::TransposeConv(transposed()))).contains("for every input pixel"));
}

#[test]
fn real_numbers_are_not_the_librarys() {
    let at = wide(Layer::Conv2d, &conv(8, 8, 3, Extent { h: 3, w: 3 }, 16)).at;
    let real = common(Op::ConvolveF32(ConvolveF32 { at, min: 0.0, max: 6.0 }));
    assert!(refused(&real).contains("float32"));
    assert_eq!((macs(&real), reference(&real).symbol.as_str()), (8 * 8 * 16 * 27, "convolve_f32"));
}

fn adding(b: Dims) -> Step {
    let dims = Dims { n: 1, h: 4, w: 4, c: 4 };
    let requant = Requant { multiplier: 1 << 30, shift: 0 };
    let operand = |dims| AddOperand { dims, offset: 0, requant };
    let (a, b) = (operand(dims), operand(b));
    step(Call::Add(Add { a, b, output: dims, left_shift: 20, requant, output_offset: 0, activation: BOUNDS }), 0, false)
}

fn softmax(depth: usize) -> Step {
    let requant = Requant { multiplier: 1 << 30, shift: 23 };
    step(Call::Softmax(Softmax { rows: 1, depth, requant, diff_min: -248 }), 0, false)
}

#[test]
fn add_and_softmax() {
    assert_eq!(chosen(&adding(Dims { n: 1, h: 4, w: 4, c: 4 }), M4).1, InstructionPath::Dsp);
    assert!(refused(&adding(Dims { n: 1, h: 1, w: 1, c: 4 })).contains("broadcast"));
    assert_eq!(chosen(&softmax(12), M4), ("arm_softmax_s8".to_owned(), InstructionPath::Scalar));
    assert!(refused(&softmax(4096)).contains("overflow"));
    let mut tiny_scale = softmax(12);
    if let Call::Softmax(p) = &mut tiny_scale.call {
        p.requant.shift = -1;
    }
    assert!(refused(&tiny_scale).contains("shifts by -1"));
}

/// Every kernel with a scratch argument, and some without, on every kind of core.
fn grid() -> Vec<(Kernel, Step, Features)> {
    let mut steps: Vec<(Variant, Step)> = Vec::new();
    for c in [1, 2, 3, 4, 5, 7, 8, 15, 16, 17, 64, 123, 124, 125, 256] {
        for (h, w) in (1..=6).flat_map(|h| (1..=6).map(move |w| (h, w))).chain([(10, 4), (7, 7), (1, 40)]) {
            let taps = Extent { h, w };
            for side in [1, 9, 49] {
                let general = conv_step(conv(side, 10, c, taps, 5));
                steps.push((Variant::Conv, general.clone()));
                steps.push((Variant::ConvOneTap, general));
                steps.push((Variant::ConvOneRow, conv_step(conv(1, side, c, Extent { h: 1, w }, 5))));
                let optimized = depthwise_step(depthwise(side, 10, c, taps, 1));
                steps.push((Variant::DepthwiseOptimized, optimized.clone()));
                steps.push((Variant::Depthwise, optimized));
                if h * w * c < 512 {
                    let wide = |layer| wide_step(self::wide(layer, &conv(side, 10, c, taps, c)), c);
                    steps.push((Variant::ConvFastInt16, wide(Layer::Conv2d)));
                    steps.push((Variant::DepthwiseFastInt16, wide(Layer::DepthwiseConv2d)));
                    steps.push((Variant::DepthwiseInt16, wide(Layer::DepthwiseConv2d)));
                }
            }
        }
        for n in [1, 3, 12, 200] {
            steps.push((Variant::FullyConnected, step(Call::FullyConnected(dense(n, c, n)), 1, true)));
            steps.push((Variant::FullyConnectedPerChannel, step(Call::FullyConnected(dense(1, c, n)), n, true)));
            steps.push((Variant::AveragePool, step(Call::AveragePool2d(pool(n * 2, c, 2)), 0, false)));
            steps.push((Variant::MaxPool, step(Call::MaxPool2d(pool(n * 2, c, 2)), 0, false)));
        }
        steps.push((Variant::Softmax, softmax(c)));
        steps.push((Variant::Svdf, common(Op::Svdf(layer_with_memory(Element::I8, c, 9)))));
        steps.push((Variant::SvdfStateInt16, common(Op::Svdf(layer_with_memory(Element::I16, c, 9)))));
    }
    steps.push((Variant::AveragePoolInt16, common(Op::PoolI16(wide_pool(PoolFunction::Average)))));
    steps.push((Variant::MaxPoolInt16, common(Op::PoolI16(wide_pool(PoolFunction::Max)))));
    steps.push((Variant::Add, adding(Dims { n: 1, h: 4, w: 4, c: 4 })));
    let cores = [M3, M4, M55];
    steps.iter().flat_map(|(v, step)| cores.map(|core| (v.kernel(core), step.clone(), core))).collect()
}

#[test]
fn kernels_without_a_scratch_argument_need_none() {
    for (kernel, step, features) in grid() {
        if !kernel.takes_scratch() {
            assert_eq!(scratch_bytes(&kernel, &step, features), 0, "{}", kernel.entry);
        }
        assert_eq!(scratch_bytes(&reference(&step), &step, features), 0);
    }
    assert_eq!(size_query(&reference(&softmax(3)), &softmax(3), M4), "none dsp 1 1 1 3 1 1 1 1 3");
}

/// `csrc/sizes.c` with the library's size functions, compiled for this machine.
fn sizes_program(library: &Path, folder: &Path) -> PathBuf {
    let template = Path::new(env!("CARGO_MANIFEST_DIR")).join("../firmware-template/cmsis-nn");
    let program = folder.join("sizes");
    let mut sources = Vec::new();
    for group in ["Convolution", "FullyConnected", "Pooling", "SVD"] {
        let folder = library.join(format!("Source/{group}Functions"));
        let files = std::fs::read_dir(folder).expect("a folder of sources");
        sources.extend(files.map(|file| file.expect("an entry").path()).filter(|path| {
            path.to_str().is_some_and(|path| path.contains("_get_buffer_sizes_") && !path.ends_with("_s4.c"))
        }));
    }
    let status = Command::new("gcc")
        .args(["-O1", "-Wall", "-Wextra", "-Werror", "-I"])
        .arg(library.join("Include"))
        .arg(template.join("csrc/sizes.c"))
        .args(sources)
        .arg("-o")
        .arg(&program)
        .status()
        .expect("gcc starts");
    assert!(status.success());
    program
}

#[test]
fn table_equals_the_librarys_own_sizes() {
    let Some(library) = std::env::var_os("DEPLOYCTL_CMSIS_NN").map(PathBuf::from) else {
        println!("SKIPPED: no CMSIS-NN sources; set DEPLOYCTL_CMSIS_NN to their folder");
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let mut sizes = Command::new(sizes_program(&library, folder.path()))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("sizes starts");
    let grid = grid();
    let queries: String = grid.iter().map(|(kernel, step, core)| size_query(kernel, step, *core) + "\n").collect();
    let mut input = sizes.stdin.take().expect("piped");
    let writer = std::thread::spawn(move || input.write_all(queries.as_bytes()));
    let output = sizes.wait_with_output().expect("sizes ends");
    writer.join().expect("writer ends").expect("queries written");
    assert!(output.status.success());
    let answers = String::from_utf8(output.stdout).expect("numbers");
    assert_eq!(answers.lines().count(), grid.len());
    for ((kernel, step, core), answer) in grid.iter().zip(answers.lines()) {
        let expected: usize = answer.parse().expect("a number");
        assert_eq!(scratch_bytes(kernel, step, *core), expected, "{}", size_query(kernel, step, *core));
    }
    println!("{} sizes equal, {} of them not zero", grid.len(), answers.lines().filter(|size| *size != "0").count());
}
