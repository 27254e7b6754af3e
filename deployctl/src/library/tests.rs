//! Selection by example, and the table of scratch sizes against the library itself.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use kernels::{
    Activation, Add, AddOperand, Conv2d, Convolution, ConvolveF32, ConvolveI16, DepthwiseConv2d, Dims, Extent,
    FullyConnected, Layer, Op, Pool2d, Requant, Softmax,
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

/// Steps of the common form name the function that would run them, if there is one, and count as much work.
#[test]
fn other_types_say_what_is_missing() {
    let shape = conv(8, 8, 3, Extent { h: 3, w: 3 }, 16);
    let (stride, padding, dilation, taps) = (shape.stride, shape.padding, shape.dilation, Extent { h: 3, w: 3 });
    let (depth, group, channel_step, tap_step) = (3, 16, 27, 3);
    let (input, output) = (shape.input, shape.output);
    let of = |layer| Convolution {
        layer,
        input,
        output,
        taps,
        stride,
        padding,
        dilation,
        depth,
        group,
        channel_step,
        tap_step,
    };
    let layers = [
        (Layer::Conv2d, "`arm_convolve_s16` is not bound yet"),
        (Layer::DepthwiseConv2d, "`arm_depthwise_conv_s16` is not bound yet"),
        (Layer::FullyConnected, "`arm_fully_connected_s16` is not bound yet"),
    ];
    for (layer, expected) in layers {
        let op = ConvolveI16 { at: of(layer), bias: None, filter_offset: 0, activation: BOUNDS };
        let step = step(Call::Op(Op::ConvolveI16(op)), 0, false);
        assert_eq!(refused(&step), expected);
        assert_eq!(macs(&step), 8 * 8 * 16 * 27);
    }
    let real = step(Call::Op(Op::ConvolveF32(ConvolveF32 { at: of(Layer::Conv2d), min: 0.0, max: 6.0 })), 0, false);
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
            }
        }
        for n in [1, 3, 12, 200] {
            steps.push((Variant::FullyConnected, step(Call::FullyConnected(dense(n, c, n)), 1, true)));
            steps.push((Variant::FullyConnectedPerChannel, step(Call::FullyConnected(dense(1, c, n)), n, true)));
            steps.push((Variant::AveragePool, step(Call::AveragePool2d(pool(n * 2, c, 2)), 0, false)));
            steps.push((Variant::MaxPool, step(Call::MaxPool2d(pool(n * 2, c, 2)), 0, false)));
        }
        steps.push((Variant::Softmax, softmax(c)));
    }
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
    let sources = ["Convolution/arm_convolve", "Convolution/arm_depthwise_conv", "FullyConnected/arm_fully_connected"];
    let source = |name: &str| {
        let (group, stem) = name.split_once('/').expect("group and stem");
        library.join(format!("Source/{group}Functions/{stem}_get_buffer_sizes_s8.c"))
    };
    let status = Command::new("gcc")
        .args(["-O1", "-Wall", "-Wextra", "-Werror", "-I"])
        .arg(library.join("Include"))
        .arg(template.join("csrc/sizes.c"))
        .args(sources.map(source))
        .arg(source("Pooling/arm_avgpool"))
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
