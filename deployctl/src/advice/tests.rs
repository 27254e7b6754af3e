//! The rules on synthetic operators: each gets the finding that it should, and none where all is well.

use kernels::{
    Activation, AddOperand, Conv2d, Convolution, ConvolveI16, DepthwiseConv2d, Dims, Element, Extent, Layer, Op,
    Requant,
};

use super::*;
use crate::library::{self, Effect, InstructionPath};
use crate::model::graph::{Constant, Operator, Options, Tensor};
use crate::model::lower::{Call, StepWeights, UNKNOWN_CUSTOM};
use crate::model::{TensorId, TensorType, builtin};

const M3: Features = Features { dsp: false, mve: false };
const M4: Features = Features { dsp: true, mve: false };
const M55: Features = Features { dsp: true, mve: true };
const ONE: Extent = Extent { h: 1, w: 1 };
const BOUNDS: Activation = Activation { min: -128, max: 127 };

fn graph(name: &str, code: i32, dtype: TensorType, weights: TensorType) -> Graph {
    let tensor = |name: &str, dtype, constant: bool| Tensor {
        name: name.to_owned(),
        dtype,
        shape: vec![1, 4],
        signature: vec![],
        variable: false,
        unpacked_from: None,
        quantization: None,
        constant: constant.then_some(Constant { offset: 0, len: 4 }),
    };
    Graph {
        tensors: vec![tensor("in", dtype, false), tensor("w", weights, true), tensor("model/cell/Relu", dtype, false)],
        operators: vec![Operator {
            code,
            name: name.to_owned(),
            version: 1,
            inputs: vec![Some(TensorId(0)), Some(TensorId(1))],
            outputs: vec![TensorId(2)],
            options: Options::Other,
        }],
        inputs: vec![TensorId(0)],
        outputs: vec![TensorId(2)],
        pipeline: None,
    }
}

fn step(call: Call) -> Step {
    let weights =
        StepWeights { filter: TensorId(1), bias: Some(TensorId(1)), multipliers: vec![1; 8], shifts: vec![0; 8] };
    let weights = matches!(call, Call::Conv2d(_) | Call::DepthwiseConv2d(_)).then_some(weights);
    let (inputs, outputs) = (vec![TensorId(0)], vec![TensorId(2)]);
    Step { operator: OperatorId(0), call, inputs, tables: vec![], outputs, weights }
}

fn refused(reason: &str, advice: &str) -> Result<Step, Refusal> {
    let (reason, advice) = (reason.to_owned(), advice.to_owned());
    Err(Refusal { operator: OperatorId(0), label: "0".into(), name: "X".into(), tensor: String::new(), reason, advice })
}

/// As the audit asks: the kernel that the library chooses, else the reference kernel.
fn found(graph: &Graph, lowered: &Result<Step, Refusal>, features: Features) -> Option<Finding> {
    let chosen = lowered.as_ref().ok().map(|step| match library::select(step, features) {
        Ok(kernel) => (kernel, None),
        Err(unfit) => (library::reference(step), Some(unfit.reason)),
    });
    find(&Site {
        graph,
        operator: OperatorId(0),
        lowered,
        kernel: chosen.as_ref().map(|(kernel, _)| kernel),
        reason: chosen.as_ref().and_then(|(_, reason)| reason.as_deref()),
        defect: None,
        macs: lowered.as_ref().map_or(0, library::macs),
        features,
    })
}

fn kinds(finding: &Finding) -> Vec<WayKind> {
    finding.ways.iter().map(|way| way.kind).collect()
}

fn depthwise(c: usize, depth_multiplier: usize, dilation: Extent) -> Step {
    let channels = c * depth_multiplier;
    step(Call::DepthwiseConv2d(DepthwiseConv2d {
        input: Dims { n: 1, h: 8, w: 8, c },
        filter: Dims { n: 1, h: 5, w: 5, c: channels },
        output: Dims { n: 1, h: 8, w: 8, c: channels },
        depth_multiplier,
        stride: ONE,
        padding: Extent { h: 2, w: 2 },
        dilation,
        input_offset: 0,
        output_offset: 0,
        activation: BOUNDS,
    }))
}

fn int8(name: &str) -> Graph {
    graph(name, 4, TensorType::Int8, TensorType::Int8)
}

#[test]
fn one_channel_with_a_depth_multiplier_is_a_plain_convolution() {
    let graph = int8("DEPTHWISE_CONV_2D");
    for features in [M4, M55] {
        let finding = found(&graph, &Ok(depthwise(1, 8, ONE)), features).unwrap();
        assert_eq!(finding.standing, Standing::Slow);
        assert!(finding.why.ends_with("do not take a depth multiplier of 8"), "{}", finding.why);
        assert_eq!(kinds(&finding), [WayKind::Setting, WayKind::Export]);
        assert!(finding.ways[1].what.contains("`cell/Relu` as `Conv2D(8, …)`"), "{}", finding.ways[1].what);
    }
    // A core without extensions has no faster path that could be missed.
    assert_eq!(found(&graph, &Ok(depthwise(1, 8, ONE)), M3), None);
}

#[test]
fn what_the_fast_depthwise_functions_do_not_take_is_named() {
    let graph = int8("DEPTHWISE_CONV_2D");
    let why = |lowered| found(&graph, &Ok(lowered), M4).unwrap().why;
    assert!(why(depthwise(4, 2, ONE)).ends_with("a depth multiplier of 2"));
    assert!(why(depthwise(8, 1, Extent { h: 2, w: 2 })).ends_with("dilation 2×2"));
    assert_eq!(found(&graph, &Ok(depthwise(8, 1, ONE)), M4), None);
}

fn conv(filter_c: usize) -> Step {
    step(Call::Conv2d(Conv2d {
        input: Dims { n: 1, h: 8, w: 8, c: 8 },
        filter: Dims { n: 8, h: 3, w: 3, c: filter_c },
        output: Dims { n: 1, h: 8, w: 8, c: 8 },
        stride: ONE,
        padding: ONE,
        dilation: ONE,
        input_offset: 0,
        output_offset: 0,
        activation: BOUNDS,
    }))
}

#[test]
fn a_grouped_convolution_is_split_by_the_exporting_code_before_the_file_is_rewritten() {
    let graph = int8("CONV_2D");
    let finding = found(&graph, &Ok(conv(2)), M4).unwrap();
    assert_eq!(
        (finding.standing, finding.why.as_str()),
        (Standing::Slow, "the library's convolutions are not grouped")
    );
    let expected = [WayKind::Export, WayKind::Setting, WayKind::Rewrite, WayKind::Architecture];
    assert_eq!(kinds(&finding), expected);
    assert!(finding.ways[0].what.contains("4 separate `Conv2D`"), "{}", finding.ways[0].what);
    assert_eq!(found(&graph, &Ok(conv(8)), M4), None);
}

/// Int16 layers whose functions have no code for the core, and why.
#[test]
fn plain_instructions_for_int16() {
    let at = Convolution {
        layer: Layer::Conv2d,
        input: Dims { n: 1, h: 4, w: 4, c: 8 },
        output: Dims { n: 1, h: 4, w: 4, c: 8 },
        taps: ONE,
        stride: ONE,
        padding: Extent { h: 0, w: 0 },
        dilation: ONE,
        depth: 8,
        group: 8,
        channel_step: 8,
        tap_step: 8,
    };
    let bias = Some(Element::I64);
    let layer = ConvolveI16 { at, bias, filter_offset: 0, narrow: true, activation: BOUNDS };
    let wide = |p, core| {
        let step = Step { tables: vec![vec![0; 32]; 2], ..step(Call::Op(Op::ConvolveI16(p))) };
        found(&graph("CONV_2D", 3, TensorType::Int16, TensorType::Int8), &Ok(step), core)
    };
    assert!(wide(layer, M4).is_none(), "it has DSP code");
    let vector = wide(layer, M55).unwrap();
    assert!(vector.why.contains("no code for the vector extension"));
    assert_eq!(kinds(&vector), [WayKind::Setting, WayKind::Export]);
    assert!(vector.ways[1].what.contains("int8 activations"));
    let unbiased = wide(ConvolveI16 { bias: None, ..layer }, M4).unwrap();
    assert!(unbiased.ways.iter().any(|way| way.what.contains("use_bias=True")));
}

#[test]
fn a_broadcast_constant_is_folded_or_written_out() {
    let operand = |dims| AddOperand { dims, offset: 0, requant: Requant { multiplier: 1 << 30, shift: 0 } };
    let output = Dims { n: 1, h: 4, w: 4, c: 4 };
    let call = Call::Add(kernels::Add {
        a: operand(output),
        b: operand(Dims { n: 1, h: 1, w: 1, c: 4 }),
        output,
        left_shift: 20,
        requant: Requant { multiplier: 1 << 30, shift: 0 },
        output_offset: 0,
        activation: BOUNDS,
    });
    let mut added = step(call);
    let finding = found(&int8("ADD"), &Ok(added.clone()), M4).unwrap();
    assert_eq!(kinds(&finding), [WayKind::Setting, WayKind::Export]);
    added.inputs.push(TensorId(1));
    let finding = found(&int8("ADD"), &Ok(added.clone()), M4).unwrap();
    assert_eq!(kinds(&finding), [WayKind::Export, WayKind::Setting, WayKind::Rewrite]);
    assert!(finding.ways[0].what.contains("as a bias"));
}

#[test]
fn types_without_kernels_are_a_matter_of_the_converter() {
    let ways = |dtype, weights| {
        let graph = graph("CONV_2D", 3, dtype, weights);
        let finding = found(&graph, &refused("has an input of float32", "convert"), M4).unwrap();
        assert_eq!(finding.standing, Standing::Unsupported);
        assert_eq!(kinds(&finding), [WayKind::Export, WayKind::Architecture, WayKind::Kernel]);
        finding.ways[0].what.clone()
    };
    assert!(ways(TensorType::Float32, TensorType::Float32).contains("representative_dataset"));
    assert!(ways(TensorType::Int16, TensorType::Int8).contains("TFLITE_BUILTINS_INT8"));
    assert!(ways(TensorType::Int8, TensorType::Int4).contains("num_bits=8"));
    assert!(ways(TensorType::Uint8, TensorType::Uint8).contains("current converter"));
}

#[test]
fn custom_and_recurrent_operators_have_ways_of_their_own() {
    let graph_of = |name, code| graph(name, code, TensorType::Int8, TensorType::Int8);
    let custom = found(&graph_of("MyOp", builtin::CUSTOM), &refused(UNKNOWN_CUSTOM, "replace"), M4).unwrap();
    assert!(custom.ways.iter().all(|way| !way.what.contains("replace")));
    let other = found(&graph_of("MyOp", builtin::CUSTOM), &refused("has no option `x`", "export again"), M4).unwrap();
    assert!(other.ways[0].what.contains("export again") && other.ways[1].what.contains("custom operator `MyOp`"));
    assert!(custom.ways[0].what.contains("custom operator `MyOp`"), "{}", custom.ways[0].what);
    let rnn = found(&graph_of("UNIDIRECTIONAL_SEQUENCE_RNN", 35), &refused("has no kernel", "compose it"), M4).unwrap();
    assert_eq!(rnn.why, "has no kernel");
    assert!(rnn.ways.iter().any(|way| way.what.contains("compose it")));
    assert!(rnn.ways.iter().any(|way| way.what.contains("a plain `LSTM` layer")));
    let reason = "has the option `max_detections` as 0";
    let boxes = graph_of("TFLite_Detection_PostProcess", builtin::CUSTOM);
    let boxes = found(&boxes, &refused(reason, "export again"), M4).unwrap();
    assert!(boxes.ways.iter().any(|way| way.what.contains("suppress overlaps in the application")));
    let line = "`use \"MyOp\" kernel=\"../own/myop\" reason=\"…\"`";
    assert!(custom.ways.last().unwrap().what.contains(line), "{}", custom.ways.last().unwrap().what);
    // A kernel of one's own comes last: it has to be kept up.
    assert!([custom, other, rnn, boxes].iter().all(|found| found.ways.last().unwrap().kind == WayKind::Kernel));
}

#[test]
fn a_published_defect_comes_before_slowness() {
    let defect = Defect {
        name: "lost-rows".into(),
        library: "cmsis-nn".into(),
        operators: vec!["CONV_2D".into()],
        functions: vec![],
        conditions: vec![],
        instructions: vec![],
        from: 1,
        before: None,
        effect: Effect::Wrong,
        summary: "rows are lost".into(),
        remedy: "take a newer version".into(),
        source: "https://example.com/1".into(),
    };
    let kernel = Kernel {
        library: "cmsis-nn".into(),
        symbol: "arm_convolve_s8".into(),
        entry: String::new(),
        path: InstructionPath::Dsp,
    };
    let (graph, lowered) = (int8("CONV_2D"), Ok(conv(8)));
    let site = Site {
        graph: &graph,
        operator: OperatorId(0),
        lowered: &lowered,
        kernel: Some(&kernel),
        reason: None,
        defect: Some(&defect),
        macs: 9,
        features: M4,
    };
    let finding = find(&site).unwrap();
    assert_eq!(finding.standing, Standing::KnownBad);
    assert!(finding.why.contains("`lost-rows` (wrong results): rows are lost; see https://example.com/1"));
    assert_eq!(finding.ways[0].what, "take a newer version");
    assert!(finding.ways[1].what.contains("`use \"op:0\" kernel=\"reference\" reason=\"lost-rows\"`"));
}

#[test]
fn a_core_without_extensions_is_said_once() {
    assert!(core(M3).unwrap().why.contains("neither"));
    assert_eq!((core(M4), core(M55)), (None, None));
}
