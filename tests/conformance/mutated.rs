//! A step that is returned is sound: models of the corpus with changed shapes, types, constants and options are refused,
//! or their kernels run within their tensors.

use std::panic::{AssertUnwindSafe, catch_unwind};

use deployctl::model::{Graph, Options, State, TensorType, evaluate_from, lower, read};

use crate::archive::Case;

/// Tensors of a mutated model; larger ones would only cost time.
const MAX_BYTES: usize = 1 << 20;

/// What became of the mutated models.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) refused: usize,
    pub(crate) ran: usize,
    /// Names of cases and mutations at which something panicked.
    pub(crate) panicked: Vec<String>,
}

impl Counts {
    fn with(mut self, other: Self) -> Self {
        self.refused += other.refused;
        self.ran += other.ran;
        self.panicked.extend(other.panicked);
        self
    }
}

/// xorshift64*.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        usize::try_from((self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % bound as u64).unwrap()
    }

    fn pick<T: Copy>(&mut self, values: &[T]) -> T {
        values[self.below(values.len())]
    }

    fn number(&mut self) -> i32 {
        self.pick(&[-1, 0, 1, 2, 3, 5, -2, -7, 127, 65_536, i32::MAX, i32::MIN])
    }
}

/// Mutates every case so many times, on all processors.
pub(crate) fn mutate(cases: &[Case], times: usize) -> Counts {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        // Neighbours are alike, loops among them: every thread takes one of each kind.
        let parts = (0..threads).map(|first| (1..).zip(cases).skip(first).step_by(threads));
        let running: Vec<_> = parts.map(|part| scope.spawn(move || mutate_part(part, times))).collect();
        let counts = running.into_iter().map(|thread| thread.join().unwrap());
        counts.reduce(Counts::with).unwrap_or_default()
    })
}

/// Mutates cases, each with its own seed.
fn mutate_part<'c>(cases: impl Iterator<Item = (u64, &'c Case)>, times: usize) -> Counts {
    let mut counts = Counts::default();
    for (seed, case) in cases {
        let Ok(model) = read(&case.model) else { continue };
        // A loop that no longer ends takes its time until it is given up.
        let loops = model.graph.operators.iter().any(|operator| operator.name == "WHILE");
        let times = if loops { times / 6 } else { times };
        let mut random = Random(0x9E37_79B9_7F4A_7C15_u64.wrapping_mul(seed));
        for time in 0..times {
            let (mut graph, mut weights) = (model.graph.clone(), model.weights.clone());
            for _ in 0..=random.below(2) {
                change(&mut graph, &mut weights, &mut random);
            }
            if graph.tensors.iter().any(|tensor| tensor.bytes() > MAX_BYTES) {
                continue;
            }
            match catch_unwind(AssertUnwindSafe(|| attempt(&graph, &weights))) {
                Ok(true) => counts.ran += 1,
                Ok(false) => counts.refused += 1,
                Err(_) => counts.panicked.push(format!("{} {time}: {:?}", case.name, graph.operators)),
            }
        }
    }
    counts
}

fn attempt(graph: &Graph, weights: &[u8]) -> bool {
    let steps: Result<Vec<_>, _> = lower(graph, weights).into_iter().collect();
    let Ok(steps) = steps else { return false };
    let inputs: Vec<_> = graph.inputs.iter().map(|&id| vec![0xc3; graph.tensor(id).bytes()]).collect();
    let mut state = State::default();
    (0..2).all(|_| evaluate_from(&mut state, graph, &steps, weights, &inputs).is_ok())
}

/// One change. Constants keep their place in the weights, or are no longer constants.
fn change(graph: &mut Graph, weights: &mut [u8], random: &mut Random) {
    let index = random.below(graph.tensors.len());
    let tensor = &mut graph.tensors[index];
    match random.below(6) {
        0 if tensor.constant.is_none() && !tensor.shape.is_empty() => {
            let axis = random.below(tensor.shape.len());
            tensor.shape[axis] = random.pick(&[1, 2, 3, 4, 7]);
        }
        1 if tensor.constant.is_none() => {
            let axis = random.below(tensor.shape.len() + 1);
            if random.below(2) == 0 {
                tensor.shape.insert(axis, 1);
            } else {
                tensor.shape.pop();
            }
        }
        2 if tensor.constant.is_none() => {
            let of = [TensorType::Int8, TensorType::Int16, TensorType::Int32, TensorType::Float32, TensorType::Bool];
            tensor.dtype = random.pick(&of);
        }
        3 => {
            if let Some(quantization) = &mut tensor.quantization {
                quantization.scales.fill(random.pick(&[0.5, 1.0e-30, 1.0e30, f32::MIN_POSITIVE]));
                quantization.zero_points.fill(random.pick(&[0, -128, 127, 5]));
            }
        }
        4 => {
            let Some(constant) = tensor.constant.filter(|_| tensor.dtype == TensorType::Int32) else { return };
            let bytes = &mut weights[constant.offset..][..constant.len];
            let at = random.below(bytes.len() / 4) * 4;
            bytes[at..at + 4].copy_from_slice(&random.number().to_le_bytes());
        }
        _ => {
            let at = random.below(graph.operators.len());
            let operator = &mut graph.operators[at];
            operator.options = options(&operator.options, random);
        }
    }
}

/// The same options with other numbers, by way of their text.
fn options(options: &Options, random: &mut Random) -> Options {
    let mut value = serde_json::to_value(options).unwrap();
    let numbers: Vec<String> = value.as_object().unwrap().keys().cloned().collect();
    let field = &mut value[&numbers[random.below(numbers.len())]];
    match field {
        serde_json::Value::Bool(on) => *on = !*on,
        serde_json::Value::Number(number) if number.is_i64() => *field = random.number().into(),
        serde_json::Value::Array(items) if !items.is_empty() => {
            let at = random.below(items.len());
            items[at] = random.number().into();
        }
        _ => {}
    }
    serde_json::from_value(value).unwrap_or_else(|_| options.clone())
}
