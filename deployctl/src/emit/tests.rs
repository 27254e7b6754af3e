//! The emitted project is stable, formatted, and computes what its steps say.

use std::fs;
use std::path::Path;
use std::process::Command;

use camino::Utf8PathBuf;
use kernels::{
    Activation, Add, AddOperand, Conv2d, DepthwiseConv2d, Dims, Extent, FullyConnected, Pool2d, Requant, Softmax,
};

use super::*;
use crate::manifest::{Bytes, Region, RegionKind};
use crate::model::graph::Constant;
use crate::model::lower::{Call, StepWeights};
use crate::model::{Operator, OperatorId, Options, Quantization, Tensor, TensorType};

/// A model under construction with everything that the emitter wants to know.
#[derive(Default)]
struct Sample {
    tensors: Vec<Tensor>,
    operators: Vec<Operator>,
    weights: Vec<u8>,
    steps: Vec<Step>,
    functions: Vec<(&'static str, &'static str, bool)>,
    places: BTreeMap<TensorId, Range<usize>>,
    scratch: Vec<Option<Range<usize>>>,
}

const ACTIVATION: Activation = Activation { min: -128, max: 127 };
const ONE: Extent = Extent { h: 1, w: 1 };

impl Sample {
    fn tensor(&mut self, name: &str, shape: &[usize], constant: Option<Constant>) -> TensorId {
        let quantization = Quantization { scales: vec![0.5], zero_points: vec![-3], dimension: 0 };
        self.tensors.push(Tensor {
            name: name.to_owned(),
            dtype: TensorType::Int8,
            shape: shape.to_vec(),
            quantization: Some(quantization),
            constant,
            signature: Vec::new(),
            variable: false,
            unpacked_from: None,
        });
        TensorId(self.tensors.len() - 1)
    }

    fn activation(&mut self, name: &str, shape: &[usize], offset: usize) -> TensorId {
        let id = self.tensor(name, shape, None);
        self.places.insert(id, offset..offset + self.tensors[id.0].bytes());
        id
    }

    fn constant(&mut self, name: &str, shape: &[usize], bytes: &[u8]) -> TensorId {
        let offset = self.weights.len().next_multiple_of(16);
        self.weights.resize(offset, 0);
        self.weights.extend(bytes);
        self.tensor(name, shape, Some(Constant { offset, len: bytes.len() }))
    }

    /// Weights that look random; biases that reach far, requantization that keeps results in range.
    fn weights(&mut self, name: &str, shape: &[usize], channels: i32, factors: i32) -> StepWeights {
        let bytes: Vec<u8> = (0..=250u8).map(|i| i.wrapping_mul(37)).cycle().take(shape.iter().product()).collect();
        let bias: Vec<u8> = (0..channels).flat_map(|i| (i * 977 - 2_000).to_le_bytes()).collect();
        StepWeights {
            filter: self.constant(&format!("{name}/filter"), shape, &bytes),
            bias: Some(self.constant(&format!("{name}/bias"), &[bias.len() / 4], &bias)),
            multipliers: (0..factors).map(|i| 1_073_741_824 + i * 99_991).collect(),
            shifts: (0..factors).map(|_| -8).collect(),
        }
    }

    fn step(&mut self, name: &str, call: Call, inputs: &[TensorId], output: TensorId, weights: Option<StepWeights>) {
        let position = self.steps.len();
        self.operators.push(Operator {
            code: 0,
            name: name.to_owned(),
            version: 1,
            inputs: inputs.iter().copied().map(Some).collect(),
            outputs: vec![output],
            options: Options::Other,
        });
        let function = match call {
            Call::Conv2d(_) => "kernels::conv_2d",
            Call::DepthwiseConv2d(_) => "kernels::depthwise_conv_2d",
            Call::FullyConnected(_) => "kernels::fully_connected",
            Call::AveragePool2d(_) => "kernels::average_pool_2d",
            Call::MaxPool2d(_) => "kernels::max_pool_2d",
            Call::Add(_) => "kernels::add",
            Call::Softmax(_) => "kernels::softmax",
            Call::Reshape | Call::If { .. } | Call::While { .. } => "",
            Call::Op(_) => "kernels::zeros_like",
            Call::Step(_) => "preprocess::rows",
            Call::Own(_) => "own::own",
        };
        self.functions.push((function, function.trim_start_matches("kernels::"), false));
        let inputs = inputs.to_vec();
        self.steps.push(Step {
            operator: OperatorId(position),
            call,
            inputs,
            tables: vec![],
            outputs: vec![output],
            weights,
        });
        self.scratch.push(None);
    }

    fn graph(&self, input: TensorId, output: TensorId) -> Graph {
        Graph {
            tensors: self.tensors.clone(),
            operators: self.operators.clone(),
            inputs: vec![input],
            outputs: vec![output],
            pipeline: None,
        }
    }
}

/// conv → depthwise → add (to itself) → max pool → reshape → dense → add (of a constant) → softmax.
fn sample() -> (Sample, Graph) {
    let mut s = Sample::default();
    let dims = |h, w, c| Dims { n: 1, h, w, c };
    let input = s.activation("input \"1\"", &[1, 6, 4, 2], 0);
    let conv = s.activation(
        "a/very/long/name/as/converters/make/them;joined/with/semicolons/Relu;a/BiasAdd",
        &[1, 6, 4, 20],
        64,
    );
    let weights = s.weights("conv", &[20, 3, 3, 2], 20, 20);
    let call = Call::Conv2d(Conv2d {
        input: dims(6, 4, 2),
        filter: Dims { n: 20, h: 3, w: 3, c: 2 },
        output: dims(6, 4, 20),
        stride: ONE,
        padding: ONE,
        dilation: ONE,
        input_offset: 3,
        output_offset: -3,
        activation: ACTIVATION,
    });
    s.step("CONV_2D", call, &[input], conv, Some(weights));
    let depthwise = s.activation("dw", &[1, 6, 4, 20], 544);
    let weights = s.weights("dw", &[1, 3, 3, 20], 20, 20);
    let call = Call::DepthwiseConv2d(DepthwiseConv2d {
        input: dims(6, 4, 20),
        filter: dims(3, 3, 20),
        output: dims(6, 4, 20),
        depth_multiplier: 1,
        stride: ONE,
        padding: ONE,
        dilation: ONE,
        input_offset: 3,
        output_offset: -3,
        activation: ACTIVATION,
    });
    s.step("DEPTHWISE_CONV_2D", call, &[conv], depthwise, Some(weights));
    let sum = s.activation("sum", &[1, 6, 4, 20], 64);
    let operand =
        AddOperand { dims: dims(6, 4, 20), offset: 3, requant: Requant { multiplier: 1_073_741_824, shift: 0 } };
    let requant = Requant { multiplier: 1_073_741_824, shift: -18 };
    let output = dims(6, 4, 20);
    let add =
        Add { a: operand, b: operand, output, left_shift: 20, requant, output_offset: -3, activation: ACTIVATION };
    s.step("ADD", Call::Add(add), &[depthwise, depthwise], sum, None);
    let pooled = s.activation("pooled", &[1, 3, 2, 20], 544);
    let two = Extent { h: 2, w: 2 };
    let pool = Pool2d {
        input: dims(6, 4, 20),
        output: dims(3, 2, 20),
        window: two,
        stride: two,
        padding: Extent { h: 0, w: 0 },
        activation: ACTIVATION,
    };
    s.step("MAX_POOL_2D", Call::MaxPool2d(pool), &[sum], pooled, None);
    let flat = s.activation("flat", &[1, 120], 544);
    s.step("RESHAPE", Call::Reshape, &[pooled], flat, None);
    let logits = s.activation("logits", &[1, 5], 0);
    let weights = s.weights("dense", &[5, 120], 5, 1);
    let dense = FullyConnected {
        batches: 1,
        depth: 120,
        units: 5,
        input_offset: 3,
        filter_offset: 0,
        output_offset: -3,
        activation: ACTIVATION,
    };
    s.step("FULLY_CONNECTED", Call::FullyConnected(dense), &[flat], logits, Some(weights));
    let prior = s.constant("prior", &[1, 5], &[3, 250, 0, 9, 200]);
    let shifted = s.activation("shifted", &[1, 5], 32);
    let row = Dims { n: 1, h: 1, w: 1, c: 5 };
    let operand = AddOperand { dims: row, ..operand };
    let add = Add { a: operand, b: operand, output: row, ..add };
    s.step("ADD", Call::Add(add), &[logits, prior], shifted, None);
    let output = s.activation("Identity", &[1, 5], 16);
    let softmax =
        Softmax { rows: 1, depth: 5, requant: Requant { multiplier: 1_073_741_824, shift: 24 }, diff_min: -124 };
    s.step("SOFTMAX", Call::Softmax(softmax), &[shifted], output, None);
    let graph = s.graph(input, output);
    (s, graph)
}

fn entries(sample: &Sample) -> Vec<Entry<'static>> {
    sample.functions.iter().map(|&(function, symbol, scratch)| Entry { function, symbol, scratch }).collect()
}

fn model<'a>(sample: &'a Sample, graph: &'a Graph, kernels: &'a [Entry<'a>]) -> Model<'a> {
    Model {
        deployment: "sample",
        version: "1.0.0",
        digest: "d1ce",
        graph,
        weights: &sample.weights,
        steps: &sample.steps,
        kernels,
        arena: 1_024,
        tensors: &sample.places,
        scratch: &sample.scratch,
    }
}

fn board() -> Board {
    let region = |name: &str, kind, address| Region {
        name: name.to_owned(),
        kind,
        address,
        size: Bytes(4_194_304),
        memory: None,
        used: true,
        off_at_reset: false,
        wait_states: None,
    };
    Board {
        name: "mps2-an386".to_owned(),
        core: "cortex-m4f".to_owned(),
        rust_target: Some("thumbv7em-none-eabihf".to_owned()),
        memory: vec![region("CODE", RegionKind::Flash, 0), region("RAM", RegionKind::Ram, 0x2000_0000)],
        timers: vec![],
        left: Left::default(),
        boot_block: None,
        clock: "instructions".to_owned(),
        machine: Some("mps2-an386".to_owned()),
        chip: None,
    }
}

/// The firmware template, as it is packed into the program.
fn template() -> Files {
    let packed = crate::builtin::under("firmware-template");
    packed.map(|file| (file.path["firmware-template/".len()..].into(), file.bytes.to_vec())).collect()
}

fn text<'a>(files: &'a Files, path: &str) -> &'a str {
    std::str::from_utf8(&files[&Utf8PathBuf::from(path)]).expect("text")
}

fn write(files: &Files, folder: &Path) {
    for (path, bytes) in files {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        fs::write(path, bytes).expect("a file");
    }
}

fn run(command: &mut Command) {
    let output = command.output().expect("the tool starts");
    let all = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    assert!(output.status.success(), "{command:?}\n{all}");
}

#[test]
fn text_is_stable() {
    let (sample, graph) = sample();
    let kernels = entries(&sample);
    let files = model_crate(&model(&sample, &graph, &kernels)).expect("files");
    insta::assert_snapshot!("model_lib", text(&files, "model/src/lib.rs"));
    insta::assert_snapshot!("model_parameters", text(&files, "model/src/parameters.rs"));
    assert_eq!(files[&Utf8PathBuf::from("model/weights/op_5_filter.bin")].len(), 600);
    let names: Vec<&str> = files.keys().map(|path| path.as_str()).collect();
    assert_eq!(
        names,
        [
            "model/Cargo.toml",
            "model/src/lib.rs",
            "model/src/parameters.rs",
            "model/weights/op_0_filter.bin",
            "model/weights/op_1_filter.bin",
            "model/weights/op_5_filter.bin",
            "model/weights/op_6_input_1.bin",
        ]
    );
}

#[test]
fn a_project_is_the_template_with_its_own_model_and_board() {
    let (sample, graph) = sample();
    let mut kernels = entries(&sample);
    kernels[0] = Entry { function: "cmsis_nn::conv_2d", symbol: "arm_convolve_s8", scratch: true };
    let template = template();
    let root = "../../../.shared/d/cmsis-nn";
    let library = Library { name: "cmsis-nn", root, description: "root ../../../../.shared/d/cmsis-nn\n" };
    let board = board();
    let vendor = Some("../../../.shared/d/vendor");
    let model = model(&sample, &graph, &kernels);
    let input = Input { model, board: &board, template: &template, vendor, library: Some(library) };
    let files = project(&input).expect("files");
    assert_eq!(files[&Utf8PathBuf::from("Cargo.lock")], template[&Utf8PathBuf::from("Cargo.lock")]);
    assert!(
        text(&files, "model/src/lib.rs")
            .contains("cmsis_nn::conv_2d(&PARAMS, &parameters::OP_0, input, output, &mut [])")
    );
    assert!(text(&files, "model/Cargo.toml").contains("default = [\"cmsis-nn\"]"));
    insta::assert_snapshot!("memory_map", text(&files, "memory.x"));
    insta::assert_snapshot!("cargo_config", text(&files, ".cargo/config.toml"));
    assert_eq!(text(&files, "cmsis-nn/cmsis-nn.sources"), "root ../../../../.shared/d/cmsis-nn\n");
    insta::assert_snapshot!("readme", text(&files, "README.md"));
}

#[test]
fn a_memory_map_has_the_region_in_use_and_the_boot_block() {
    let mut board = board();
    let unused = Region { name: "DTCM".to_owned(), used: false, ..board.memory[1].clone() };
    board.memory[1].name = "AXISRAM".to_owned();
    board.memory.insert(1, unused);
    board.boot_block = Some(crate::manifest::BootBlock::Rp2350ImageDefinition);
    let map = super::board::memory_map(&board).expect("plain names").expect("a board has one");
    let aliases: Vec<&str> = map.lines().filter(|line| line.starts_with("REGION_ALIAS")).collect();
    assert_eq!(aliases, ["REGION_ALIAS(\"FLASH\", CODE);", "REGION_ALIAS(\"RAM\", AXISRAM);"]);
    let words: Vec<&str> = map.lines().filter_map(|line| line.trim().strip_prefix("LONG(")).collect();
    assert_eq!(words, ["0xffffded3)", "0x10210142)", "0x000001ff)", "0x00000000)", "0xab123579)"]);
    board.boot_block = Some(crate::manifest::BootBlock::Rp2040SecondStage);
    assert!(!super::board::memory_map(&board).expect("plain names").expect("one").contains("SECTIONS"));
}

#[test]
fn names_from_outside_cannot_break_generated_files() {
    let (sample, graph) = sample();
    let kernels = entries(&sample);
    let template = template();
    let mut board = board();
    board.memory[0].name = "FLASH } SECTIONS {".to_owned();
    let model = model(&sample, &graph, &kernels);
    let input = Input { model, board: &board, template: &template, vendor: None, library: None };
    assert!(matches!(project(&input), Err(EmitError::Unprintable { what: "memory region", .. })));
}

#[test]
fn what_does_not_go_together_is_refused() {
    let (mut sample, graph) = sample();
    let kernels = entries(&sample);
    let short = Model { kernels: &kernels[1..], ..model(&sample, &graph, &kernels) };
    assert!(matches!(model_crate(&short), Err(EmitError::Counts { .. })));
    let low = Model { arena: 512, ..model(&sample, &graph, &kernels) };
    assert!(matches!(model_crate(&low), Err(EmitError::Tensor { problem: "lies outside the arena", .. })));
    let blob = sample.weights.split_off(100);
    assert!(!blob.is_empty());
    let cut = model_crate(&model(&sample, &graph, &kernels));
    assert!(matches!(cut, Err(EmitError::Tensor { problem: "lies outside the weights blob", .. })));
}

/// What the model computes, by calling the kernels on tensors of their own instead of an arena.
fn expected(sample: &Sample, input: TensorId, bytes: &[i8], output: TensorId) -> Vec<i8> {
    let mut values: BTreeMap<TensorId, Vec<i8>> = BTreeMap::from([(input, bytes.to_vec())]);
    let blob: Vec<i8> = sample.weights.iter().map(|&byte| byte.cast_signed()).collect();
    let constant = |id: TensorId| sample.tensors[id.0].constant.map(|c| c.offset..c.offset + c.len).expect("constant");
    for step in &sample.steps {
        let mut result = vec![0; sample.tensors[step.outputs[0].0].bytes()];
        let input = |index: usize| match values.get(&step.inputs[index]) {
            Some(value) => value.as_slice(),
            None => &blob[constant(step.inputs[index])],
        };
        let bias: Option<Vec<i32>> = step.weights.as_ref().and_then(|w| w.bias).map(|id| {
            sample.weights[constant(id)].as_chunks().0.iter().map(|&word| i32::from_le_bytes(word)).collect()
        });
        let weights = step.weights.as_ref().map(|w| kernels::Weights {
            filter: &blob[constant(w.filter)],
            bias: bias.as_deref(),
            multipliers: &w.multipliers,
            shifts: &w.shifts,
        });
        match (&step.call, &weights) {
            (Call::Conv2d(p), Some(w)) => kernels::conv_2d(p, w, input(0), &mut result),
            (Call::DepthwiseConv2d(p), Some(w)) => kernels::depthwise_conv_2d(p, w, input(0), &mut result),
            (Call::FullyConnected(p), Some(w)) => kernels::fully_connected(p, w, input(0), &mut result),
            (Call::MaxPool2d(p), None) => kernels::max_pool_2d(p, input(0), &mut result),
            (Call::Add(p), None) => kernels::add(p, input(0), input(1), &mut result),
            (Call::Softmax(p), None) => kernels::softmax(p, input(0), &mut result),
            (Call::Reshape, None) => result.copy_from_slice(input(0)),
            other => panic!("no such step: {other:?}"),
        }
        values.insert(step.outputs[0], result);
    }
    values[&output].clone()
}

#[test]
fn the_project_is_formatted_builds_and_computes_what_its_steps_say() {
    let (sample, graph) = sample();
    let kernels = entries(&sample);
    let template = template();
    let host = Board { rust_target: None, machine: None, ..board() };
    let model = model(&sample, &graph, &kernels);
    let input = Input { model, board: &host, template: &template, vendor: None, library: None };
    let files = project(&input).expect("files");
    let folder = tempfile::tempdir().expect("a folder");
    write(&files, folder.path());
    run(Command::new("rustfmt").args(["--edition", "2024", "--check", "model/src/lib.rs"]).current_dir(folder.path()));

    let bytes: Vec<i8> = (0..48u8).map(|i| i.wrapping_mul(89).cast_signed()).collect();
    let wanted = expected(&sample, graph.inputs[0], &bytes, graph.outputs[0]);
    assert!(wanted.iter().any(|&value| value != wanted[0]), "the sample should not saturate: {wanted:?}");
    let check = format!(
        "#[test]\nfn computes() {{\n    let mut arena = model::Arena([77; model::ARENA_BYTES]);\n    \
         arena.0[..48].copy_from_slice(&{bytes:?});\n    model::invoke(&mut arena);\n    \
         let output = &model::OUTPUTS[0];\n    \
         assert_eq!(arena.0[output.offset..][..output.len], {wanted:?});\n}}\n"
    );
    fs::create_dir(folder.path().join("model/tests")).expect("a folder");
    fs::write(folder.path().join("model/tests/check.rs"), check).expect("a file");
    let cargo = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO"));
        command.args(arguments).env_remove("RUSTFLAGS").current_dir(folder.path());
        run(&mut command);
    };
    cargo(&["test", "--offline", "--quiet", "-p", "model"]);
    // The slices of the arena are decided when compiling: nothing of the check is left in the object code.
    let firmware = ["--offline", "--quiet", "--release", "-p", "model", "--target", "thumbv7em-none-eabihf"];
    cargo(&[&["rustc"], &firmware[..], &["--", "--emit", "asm"]].concat());
    let objects = folder.path().join("target/thumbv7em-none-eabihf/release/deps");
    let is_listing = |path: &Path| path.extension().is_some_and(|extension| extension == "s");
    let mut paths = fs::read_dir(objects).expect("a folder").map(|entry| entry.expect("an entry").path());
    let listing = fs::read_to_string(paths.find(|path| is_listing(path)).expect("a listing")).expect("text");
    assert!(listing.contains("op_0_conv_2d") && !listing.contains("panic"), "{listing}");
}
