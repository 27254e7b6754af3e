//! A step that is returned is sound: whatever shapes, axes, constants and options an operator claims to have, lowering
//! refuses it or its kernel runs within its tensors.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::lower;
use crate::model::graph::{Constant, FusedActivation, Padding};
use crate::model::{Graph, Operator, Options, Quantization, Tensor, TensorId, TensorType, evaluate};

/// Operators that were drawn: name, number of inputs, number of outputs.
const OPERATORS: [(&str, usize, usize); 43] = [
    ("ARG_MAX", 2, 1),
    ("ARG_MIN", 2, 1),
    ("BATCH_MATMUL", 2, 1),
    ("BATCH_TO_SPACE_ND", 3, 1),
    ("BROADCAST_ARGS", 2, 1),
    ("BROADCAST_TO", 2, 1),
    ("CONCATENATION", 1, 1),
    ("CONCATENATION", 3, 1),
    ("CUMSUM", 2, 1),
    ("DEPTH_TO_SPACE", 1, 1),
    ("EMBEDDING_LOOKUP", 2, 1),
    ("EXPAND_DIMS", 2, 1),
    ("GATHER", 2, 1),
    ("GATHER_ND", 2, 1),
    ("L2_POOL_2D", 1, 1),
    ("MEAN", 2, 1),
    ("MIRROR_PAD", 2, 1),
    ("PACK", 1, 1),
    ("PACK", 2, 1),
    ("PAD", 2, 1),
    ("PADV2", 3, 1),
    ("REDUCE_ALL", 2, 1),
    ("REDUCE_MAX", 2, 1),
    ("REDUCE_MIN", 2, 1),
    ("RESHAPE", 1, 1),
    ("RESIZE_BILINEAR", 2, 1),
    ("RESIZE_NEAREST_NEIGHBOR", 2, 1),
    ("REVERSE_V2", 2, 1),
    ("SHAPE", 1, 1),
    ("SLICE", 3, 1),
    ("SPACE_TO_BATCH_ND", 3, 1),
    ("SPACE_TO_DEPTH", 1, 1),
    ("SPLIT", 2, 1),
    ("SPLIT", 2, 2),
    ("SPLIT_V", 3, 2),
    ("SQUEEZE", 1, 1),
    ("STRIDED_SLICE", 4, 1),
    ("SUM", 2, 1),
    ("TRANSPOSE", 2, 1),
    ("TRANSPOSE_CONV", 3, 1),
    ("TRANSPOSE_CONV", 4, 1),
    ("UNPACK", 1, 1),
    ("UNPACK", 1, 2),
];

/// xorshift64*.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 16) % bound
    }

    fn pick<T: Clone>(&mut self, values: &[T]) -> T {
        let index = self.below(values.len() as u64);
        values[usize::try_from(index).unwrap()].clone()
    }

    /// Mostly small, now and then absurd.
    fn number(&mut self) -> i32 {
        match self.below(24) {
            0 => self.pick(&[i32::MIN, i32::MAX, -1000, 65_536, 1 << 30]),
            1..4 => -1,
            4..8 => 0,
            8..16 => 1,
            16..21 => 2,
            _ => self.pick(&[3, 4, -2, -3]),
        }
    }

    fn shape(&mut self) -> Vec<usize> {
        let rank = self.pick(&[0, 1, 1, 2, 2, 2, 3, 3, 4, 4, 4, 5, 6]);
        (0..rank).map(|_| self.pick(&[1, 1, 2, 2, 2, 3, 4])).collect()
    }

    fn options(&mut self, name: &str) -> Options {
        let (a, b) = (self.number(), self.number());
        let (p, q) = (self.below(2) == 0, self.below(2) == 0);
        let activation = self.pick(&[FusedActivation::None, FusedActivation::None, FusedActivation::Relu6]);
        let padding = self.pick(&[Padding::Same, Padding::Valid]);
        match name {
            "BATCH_MATMUL" => Options::BatchMatMul { adj_x: p, adj_y: q },
            "CONCATENATION" => Options::Concatenation { axis: a, activation },
            "CUMSUM" => Options::Cumsum { exclusive: p, reverse: q },
            "GATHER" => Options::Gather { axis: a, batch_dims: b },
            "L2_POOL_2D" => Options::Pool2d { padding, stride: [a, b], window: [b, a], activation },
            "MIRROR_PAD" => Options::MirrorPad { symmetric: p },
            "PACK" => Options::Pack { axis: a, values_count: b },
            "RESIZE_BILINEAR" | "RESIZE_NEAREST_NEIGHBOR" => {
                Options::Resize { align_corners: p, half_pixel_centers: q }
            }
            "SPACE_TO_DEPTH" | "DEPTH_TO_SPACE" => Options::Blocks { block_size: a },
            "SQUEEZE" => Options::Squeeze { squeeze_dims: if p { vec![] } else { vec![a] } },
            "STRIDED_SLICE" => Options::StridedSlice { begin_mask: a, end_mask: b, shrink_axis_mask: a >> 2 },
            "TRANSPOSE_CONV" => Options::TransposeConv { padding, stride: [a, b], activation },
            "UNPACK" => Options::Unpack { axis: a, num: b },
            _ => Options::Other,
        }
    }
}

/// A graph of one operator, its constants, and bytes for its inputs.
fn draw(random: &mut Random) -> (Graph, Vec<u8>) {
    let (name, inputs, outputs) = random.pick(&OPERATORS);
    let of = [TensorType::Int8, TensorType::Float32, TensorType::Int16, TensorType::Int32, TensorType::Bool];
    let (dtype, shape) = (random.pick(&of), random.shape());
    let mut weights: Vec<u8> = Vec::new();
    let mut graph = Graph { tensors: Vec::new(), operators: Vec::new(), inputs: Vec::new(), outputs: Vec::new() };
    for position in 0..inputs + outputs {
        let settings = position > 0 && position < inputs && random.below(4) > 0;
        let shape = match random.below(3) {
            _ if settings => random.pick(&[vec![], vec![1], vec![2], vec![3], vec![4], vec![2, 2], vec![4, 2]]),
            0 => random.shape(),
            _ => shape.clone(),
        };
        let other = random.pick(&[TensorType::Int64, TensorType::Int8, TensorType::Uint8]);
        let dtype = if settings {
            TensorType::Int32
        } else if random.below(8) == 0 {
            other
        } else {
            dtype
        };
        let scale = random.pick(&[0.5, 0.5, 0.25, 1.0e-30]);
        let quantization = Some(Quantization { scales: vec![scale], zero_points: vec![0], dimension: 0 });
        let mut tensor = Tensor {
            name: position.to_string(),
            dtype,
            shape,
            signature: Vec::new(),
            variable: false,
            quantization: quantization.filter(|_| random.below(20) > 0),
            constant: None,
        };
        if settings {
            weights.resize(weights.len().next_multiple_of(16), 0);
            tensor.constant = Some(Constant { offset: weights.len(), len: tensor.bytes() });
            weights.extend((0..tensor.elements()).flat_map(|_| random.number().to_le_bytes()));
        } else if position < inputs {
            graph.inputs.push(TensorId(position));
        }
        graph.tensors.push(tensor);
    }
    graph.outputs = (inputs..inputs + outputs).map(TensorId).collect();
    graph.operators.push(Operator {
        code: 0,
        name: name.to_owned(),
        version: 1,
        inputs: (0..inputs).map(|position| Some(TensorId(position))).collect(),
        outputs: graph.outputs.clone(),
        options: random.options(name),
    });
    (graph, weights)
}

#[test]
fn what_is_lowered_runs() {
    let mut random = Random(77);
    let mut ran = std::collections::BTreeMap::new();
    for round in 0..60_000 {
        let (graph, weights) = draw(&mut random);
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            let steps: Result<Vec<_>, _> = lower(&graph, &weights).into_iter().collect();
            let steps = steps.ok()?;
            let inputs = graph.inputs.iter().map(|&id| vec![0xc3; graph.tensor(id).bytes()]).collect::<Vec<_>>();
            Some(evaluate(&graph, &steps, &weights, &inputs).map(drop))
        }));
        match outcome {
            Ok(None) => {}
            Ok(Some(Ok(()))) => *ran.entry(graph.operators[0].name.clone()).or_insert(0) += 1,
            outcome => panic!("round {round}: {outcome:?}\n{graph:?}"),
        }
    }
    // Some operator would otherwise be refused always, and nothing be known about it.
    let names: std::collections::BTreeSet<&str> = OPERATORS.iter().map(|operator| operator.0).collect();
    let missing: Vec<_> = names.into_iter().filter(|&name| !ran.contains_key(name)).collect();
    assert!(missing.is_empty(), "never lowered: {missing:?}, of {ran:?}");
}
