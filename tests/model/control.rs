//! Models with IF and WHILE: what runs, and what is wrong with one, said by name.

use deployctl::model::{EvaluateError, Read, evaluate, lower, read};
use tflite_flatbuffers as format;
use tflite_flatbuffers::flatbuffers::{FlatBufferBuilder, UnionWIPOffset, WIPOffset};

use crate::model_read::body;

const IF: i32 = 118;
const WHILE: i32 = 119;
const RESHAPE: i32 = 22;
const LOGICAL_NOT: i32 = 87;
const CALL_ONCE: i32 = 129;
const BOOL: format::TensorType = format::TensorType::BOOL;
const INT8: format::TensorType = format::TensorType::INT8;
const INT16: format::TensorType = format::TensorType::INT16;

/// A tensor: type, shape, scale (zero for none), whether it is a constant of zeros.
#[derive(Clone, Copy)]
struct Tensor(format::TensorType, &'static [i32], f32, bool);

/// An operator: code, inputs, outputs, graphs that it runs.
#[derive(Clone)]
struct Operator(i32, Vec<i32>, Vec<i32>, Option<[i32; 2]>);

#[derive(Clone)]
struct Graph {
    tensors: Vec<Tensor>,
    inputs: Vec<i32>,
    outputs: Vec<i32>,
    operators: Vec<Operator>,
}

const X: Tensor = Tensor(INT8, &[4], 0.0, false);
const B: Tensor = Tensor(BOOL, &[1], 0.0, false);

/// `if b { reshape(x) } else { x }`
fn branches() -> Vec<Graph> {
    let main = Graph {
        tensors: vec![B, X, X],
        inputs: vec![0, 1],
        outputs: vec![2],
        operators: vec![Operator(IF, vec![0, 1], vec![2], Some([1, 2]))],
    };
    let operators = vec![Operator(RESHAPE, vec![0], vec![1], None)];
    let then = Graph { tensors: vec![X, X], inputs: vec![0], outputs: vec![1], operators };
    vec![main, then, kept(X)]
}

/// A graph that returns its input.
fn kept(tensor: Tensor) -> Graph {
    Graph { tensors: vec![tensor], inputs: vec![0], outputs: vec![0], operators: vec![] }
}

/// `while b { b = !b }`
fn rounds() -> Vec<Graph> {
    let main = Graph {
        tensors: vec![B, B],
        inputs: vec![0],
        outputs: vec![1],
        operators: vec![Operator(WHILE, vec![0], vec![1], Some([1, 2]))],
    };
    let operators = vec![Operator(LOGICAL_NOT, vec![0], vec![1], None)];
    vec![main, kept(B), Graph { tensors: vec![B, B], inputs: vec![0], outputs: vec![1], operators }]
}

fn options(
    b: &mut FlatBufferBuilder,
    operator: &Operator,
) -> (format::BuiltinOptions, Option<WIPOffset<UnionWIPOffset>>) {
    match (operator.0, operator.3) {
        (IF, Some([then_subgraph_index, else_subgraph_index])) => {
            let arguments = format::IfOptionsArgs { then_subgraph_index, else_subgraph_index };
            (format::BuiltinOptions::IfOptions, Some(format::IfOptions::create(b, &arguments).as_union_value()))
        }
        (WHILE, Some([cond_subgraph_index, body_subgraph_index])) => {
            let arguments = format::WhileOptionsArgs { cond_subgraph_index, body_subgraph_index };
            (format::BuiltinOptions::WhileOptions, Some(format::WhileOptions::create(b, &arguments).as_union_value()))
        }
        (CALL_ONCE, Some([init_subgraph_index, _])) => {
            let arguments = format::CallOnceOptionsArgs { init_subgraph_index };
            (
                format::BuiltinOptions::CallOnceOptions,
                Some(format::CallOnceOptions::create(b, &arguments).as_union_value()),
            )
        }
        _ => (format::BuiltinOptions::NONE, None),
    }
}

fn tensor<'a>(b: &mut FlatBufferBuilder<'a>, name: &str, tensor: Tensor) -> WIPOffset<format::Tensor<'a>> {
    let Tensor(type_, shape, scale, constant) = tensor;
    let quantization = (scale > 0.0).then(|| {
        let (scale, zero_point) = (Some(b.create_vector(&[scale])), Some(b.create_vector(&[0_i64])));
        let arguments = format::QuantizationParametersArgs { scale, zero_point, ..Default::default() };
        format::QuantizationParameters::create(b, &arguments)
    });
    let arguments = format::TensorArgs {
        shape: Some(b.create_vector(shape)),
        type_,
        buffer: u32::from(constant),
        name: Some(b.create_string(name)),
        quantization,
        ..Default::default()
    };
    format::Tensor::create(b, &arguments)
}

fn file(graphs: &[Graph]) -> Vec<u8> {
    let mut builder = FlatBufferBuilder::new();
    let b = &mut builder;
    let codes = [IF, WHILE, RESHAPE, LOGICAL_NOT, CALL_ONCE];
    let mut subgraphs = Vec::new();
    for (index, graph) in graphs.iter().enumerate() {
        let name = |at: usize| format!("g{index}t{at}");
        let tensors: Vec<_> = graph.tensors.iter().enumerate().map(|(at, &one)| tensor(b, &name(at), one)).collect();
        let mut operators = Vec::new();
        for operator in &graph.operators {
            let (builtin_options_type, builtin_options) = options(b, operator);
            let opcode = codes.iter().position(|&code| code == operator.0).unwrap();
            let arguments = format::OperatorArgs {
                opcode_index: u32::try_from(opcode).unwrap(),
                inputs: Some(b.create_vector(&operator.1)),
                outputs: Some(b.create_vector(&operator.2)),
                builtin_options_type,
                builtin_options,
                ..Default::default()
            };
            operators.push(format::Operator::create(b, &arguments));
        }
        let arguments = format::SubGraphArgs {
            tensors: Some(b.create_vector(&tensors)),
            inputs: Some(b.create_vector(&graph.inputs)),
            outputs: Some(b.create_vector(&graph.outputs)),
            operators: Some(b.create_vector(&operators)),
            name: None,
        };
        subgraphs.push(format::SubGraph::create(b, &arguments));
    }
    let code = |&builtin_code| {
        let arguments = format::OperatorCodeArgs { builtin_code, version: 1, ..Default::default() };
        format::OperatorCode::create(b, &arguments)
    };
    let codes: Vec<_> = codes.iter().map(code).collect();
    let data = Some(b.create_vector(&[0_u8; 16]));
    let none = format::Buffer::create(b, &format::BufferArgs::default());
    let zeros = format::Buffer::create(b, &format::BufferArgs { data, ..Default::default() });
    let arguments = format::ModelArgs {
        version: 3,
        operator_codes: Some(b.create_vector(&codes)),
        subgraphs: Some(b.create_vector(&subgraphs)),
        buffers: Some(b.create_vector(&[none, zeros])),
        ..Default::default()
    };
    let model = format::Model::create(b, &arguments);
    format::finish_model_buffer(b, model);
    builder.finished_data().to_vec()
}

fn run(model: &Read, inputs: &[Vec<u8>]) -> Result<Vec<Vec<Vec<u8>>>, EvaluateError> {
    let steps: Vec<_> = lower(&model.graph, &model.weights).into_iter().map(Result::unwrap).collect();
    evaluate(&model.graph, &steps, &model.weights, inputs)
}

/// What the reader says of a model, or else the refusal of its first operator.
fn refused(graphs: &[Graph]) -> String {
    let bytes = file(graphs);
    body(&bytes);
    match read(&bytes) {
        Err(error) => error.to_string(),
        Ok(model) => lower(&model.graph, &model.weights).into_iter().find_map(Result::err).unwrap().to_string(),
    }
}

#[test]
fn sound_models_run() {
    let model = read(&file(&branches())).unwrap();
    for said in [0, 1, 2] {
        assert_eq!(run(&model, &[vec![said], vec![1, 2, 3, 4]]).unwrap(), [[[1, 2, 3, 4]]]);
    }
    let labels: Vec<String> =
        model.graph.operators().map(|(id, one)| format!("{} {}", model.graph.label(id), one.name)).collect();
    assert_eq!(labels, ["0 IF", "0.then.0 RESHAPE", "0.then.1 COPY", "0.else.0 COPY"]);
    let model = read(&file(&rounds())).unwrap();
    for said in [0, 1] {
        assert_eq!(run(&model, &[vec![said]]).unwrap(), [[[0]]]);
    }
}

/// LiteRT Micro would not come back.
#[test]
fn a_loop_without_end_is_given_up() {
    let mut graphs = rounds();
    graphs[2] = kept(B);
    let model = read(&file(&graphs)).unwrap();
    assert_eq!(run(&model, &[vec![0]]).unwrap(), [[[0]]]);
    let error = run(&model, &[vec![1]]).unwrap_err();
    assert_eq!(error, EvaluateError::Endless { operator: "0".to_owned() });
    assert!(error.to_string().contains("op:0 WHILE has not ended when 65536 rounds have run"), "{error}");
}

#[test]
fn branches_that_do_not_fit_are_refused_by_name() {
    type Change = fn(&mut Vec<Graph>);
    let cases: [(Change, &str); 17] = [
        (|g| g[0].operators[0].3 = Some([9, 2]), "operators[0].builtin_options` is subgraph 9, but the model has 3"),
        (|g| g[0].operators[0].3 = Some([1, -1]), "operators[0].builtin_options` is subgraph -1"),
        (
            |g| g[0].operators[0].3 = Some([0, 1]),
            "operators[0].builtin_options` is subgraph 0, which runs this operator: a cycle",
        ),
        (|g| g[0].operators[0].3 = None, "operators[0].builtin_options_type` is 0, not the options of IF"),
        (|g| g[0].operators[0].1 = vec![0], "operators[0].inputs` has 0 for the 1 of subgraph 1"),
        (|g| g[0].operators[0].1 = vec![], "operators[0].inputs` is empty, but the first is the condition"),
        (|g| g[0].operators[0].1 = vec![0, -1], "operators[0].inputs[1]` is left out, but the graph has it"),
        (|g| g[0].operators[0].1 = vec![-1, 1], "operator 0 `IF` (tensor `g0t2`) has no input 0"),
        (|g| g[2].outputs = vec![0, 0], "operators[0].outputs` has 1 for the 2 of subgraph 2"),
        (
            |g| g[0].tensors[1].1 = &[5],
            "operators[0].inputs[1]` is `g0t1`, [5] of int8, but in subgraph 1 it is `g1t0`, [4] of int8",
        ),
        (
            |g| g[0].tensors[2].0 = INT16,
            "operators[0].outputs[0]` is `g0t2`, [4] of int16, but in subgraph 1 it is `g1t1`",
        ),
        (
            |g| g[2].tensors[0].0 = INT16,
            "operators[0].inputs[1]` is `g0t1`, [4] of int8, but in subgraph 2 it is `g2t0`",
        ),
        (|g| g[1].tensors[0].2 = 0.5, "is `g0t1`, which has another quantization than `g1t0` of subgraph 1"),
        (|g| g[0].tensors[0].0 = INT8, "operator 0 `IF` (tensor `g0t0`) has a condition of [1] int8, not one bool"),
        (|g| g[0].tensors[0].1 = &[2], "operator 0 `IF` (tensor `g0t0`) has a condition of [2] bool, not one bool"),
        (
            |g| g[1].operators[0].1 = vec![1],
            "`model.subgraphs[1].operators[0].inputs[0]` is tensor 1 (`g1t1`), which nothing",
        ),
        (|g| g.push(kept(X)), "`model.subgraphs` has 4 subgraphs, of which no operator runs number 3"),
    ];
    for (change, words) in cases {
        let mut graphs = branches();
        change(&mut graphs);
        let message = refused(&graphs);
        assert!(message.contains(words), "{message}\n  should contain\n{words}");
    }
}

#[test]
fn loops_that_do_not_fit_are_refused_by_name() {
    type Change = fn(&mut Vec<Graph>);
    let cases: [(Change, &str); 7] = [
        (|g| g[1].outputs = vec![0, 0], "operators[0].builtin_options` runs subgraph 1, a condition of 2 outputs"),
        (
            |g| {
                g[0].tensors.push(B);
                g[0].operators[0].2 = vec![1, 2];
            },
            "operators[0].outputs` has 2 for the 1 of subgraph 2",
        ),
        (|g| g[0].operators[0].3 = None, "operators[0].builtin_options_type` is 0, not the options of WHILE"),
        (
            |g| {
                let tensors = vec![Tensor(BOOL, &[1], 0.0, true)];
                g[2] = Graph { tensors, inputs: vec![], outputs: vec![0], operators: vec![] };
            },
            "operators[0].inputs` has 1 for the 0 of subgraph 2",
        ),
        (
            |g| {
                g[1].tensors.push(X);
                g[1].operators = vec![Operator(RESHAPE, vec![0], vec![1], None)];
                g[1].outputs = vec![1];
            },
            "(tensor `g1t1`) has a condition of [4] int8, not one bool",
        ),
        (
            |g| {
                g[1].tensors.push(Tensor(BOOL, &[1], 0.0, true));
                g[1].outputs = vec![1];
            },
            "operator 0 `WHILE` (tensor `g1t1`) has a condition that is a constant",
        ),
        (
            |g| g[2].operators.push(Operator(CALL_ONCE, vec![], vec![], Some([1, 0]))),
            "`model.subgraphs[2].operators[1].opcode_index` is in subgraph 2, which another operator runs",
        ),
    ];
    for (change, words) in cases {
        let mut graphs = rounds();
        change(&mut graphs);
        let message = refused(&graphs);
        assert!(message.contains(words), "{message}\n  should contain\n{words}");
    }
}

/// Graphs that run graphs: a chain that is too long, a cycle behind the first, and few bytes that stand for very many operators.
#[test]
fn graphs_in_graphs_have_limits() {
    let level = |next: [i32; 2], times: i32| Graph {
        tensors: vec![X; usize::try_from(times).unwrap() + 2]
            .into_iter()
            .chain([Tensor(BOOL, &[1], 0.0, true)])
            .collect(),
        inputs: vec![0],
        outputs: vec![times],
        operators: (0..times).map(|at| Operator(IF, vec![times + 2, at], vec![at + 1], Some(next))).collect(),
    };
    let chain = |length: i32, times: i32| -> Vec<Graph> {
        let mut graphs = branches();
        graphs[0].operators[0].3 = Some([1, 1]);
        graphs.truncate(1);
        graphs.extend((2..length).map(|next| level([next, next], times)));
        graphs.push(kept(X));
        graphs
    };
    assert!(read(&file(&chain(8, 1))).is_ok());
    assert!(refused(&chain(10, 1)).contains("is subgraph 9, inside of 8 others"), "{}", refused(&chain(10, 1)));
    let message = refused(&chain(8, 6));
    assert!(message.contains("`model.subgraphs` are more than 65536 tensors and operators"), "{message}");
    let mut cycle = branches();
    cycle[1] = level([1, 2], 1);
    assert!(refused(&cycle).contains("`model.subgraphs[1].operators[0].builtin_options` is subgraph 1, which runs"));
}

/// Any changed byte of a model with loops and branches is refused, or gives a model that runs.
#[test]
fn truncations_and_flips() {
    for graphs in [branches(), rounds()] {
        let bytes = file(&graphs);
        assert!(body(&bytes));
        for position in 0..bytes.len() {
            body(&bytes[..position]);
            for bit in 0..8 {
                let mut flipped = bytes.clone();
                flipped[position] ^= 1 << bit;
                body(&flipped);
            }
        }
    }
}
