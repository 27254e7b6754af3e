//! What every step of a pipeline gives for one vector, on the host.
//!
//! Only the pipeline runs: its operators are cut out of the graph, so that a model around them costs nothing.

use crate::model::pipeline::{Hops, Pipeline};
use crate::model::{
    Block, Call, EvaluateError, Graph, NoOwnKernels, Number, OperatorId, Refusal, State, Step, TensorId, TensorType,
    evaluate_hop, evaluate_with,
};

/// The steps of a pipeline, ready to run.
#[derive(Clone, Debug)]
pub struct Trace<'a> {
    graph: Graph,
    steps: Vec<Step>,
    weights: &'a [u8],
    source: TensorId,
    port: TensorId,
}

/// One step's value for one vector.
#[derive(Clone, Debug, PartialEq)]
pub struct Traced {
    /// The step's name.
    pub name: String,
    /// What people call its operator.
    pub label: String,
    /// Its value.
    pub tensor: TensorId,
    /// Element type.
    pub dtype: TensorType,
    /// Whether elements stand for real numbers by a scale.
    pub quantized: bool,
    /// Dimensions of the value, for one frame.
    pub shape: Vec<usize>,
    /// Frames of a stream, where the step runs for each.
    pub frames: Option<usize>,
    /// The bytes of all frames.
    pub bytes: Vec<u8>,
}

impl Traced {
    /// Frames, where it has any, then the value's dimensions.
    pub fn whole_shape(&self) -> Vec<usize> {
        self.frames.iter().chain(&self.shape).copied().collect()
    }

    /// The elements.
    pub fn numbers(&self) -> Vec<Number> {
        let size = (self.dtype.bits() / 8).max(1);
        self.bytes.chunks_exact(size).map(|bytes| Number::of(self.dtype, bytes)).collect()
    }

    /// The elements as real numbers.
    pub fn values(&self) -> Vec<f64> {
        self.numbers().iter().map(Number::value).collect()
    }
}

impl<'a> Trace<'a> {
    /// The pipeline of a graph in which `join` has put one; `None` where there is none, or a step has no kernel.
    pub fn of(graph: &Graph, steps: &[Result<Step, Refusal>], weights: &'a [u8]) -> Option<Self> {
        let pipeline = graph.pipeline.as_ref()?;
        let hops = pipeline.hops.as_ref();
        let stream = hops.map_or(Block::default(), |hops| hops.block);
        let kept: Vec<usize> = (0..pipeline.before).chain(stream.operators().map(|id| id.0)).collect();
        let operators = kept.iter().map(|&at| graph.operators.get(at).cloned()).collect::<Option<Vec<_>>>()?;
        let step = |(id, &at): (usize, &usize)| Some(Step { operator: OperatorId(id), ..steps.get(at)?.clone().ok()? });
        let cut: Vec<Step> = kept.iter().enumerate().map(step).collect::<Option<_>>()?;
        let reads = |id: &TensorId| cut[..pipeline.before].iter().any(|step| step.inputs.contains(id));
        let inputs: Vec<TensorId> = graph.inputs.iter().copied().filter(reads).collect();
        let source = hops.map(|hops| hops.input).or(inputs.first().copied())?;
        // The last of what runs once an inference feeds the model; of a stream alone, the rows.
        let last = cut[..pipeline.before].last().or(cut.last())?;
        let port = value(last)?;
        let moved = |hops: &Hops| Hops { block: Block { first: pipeline.before, end: cut.len() }, ..hops.clone() };
        let graph = Graph {
            tensors: graph.tensors.clone(),
            operators,
            inputs,
            outputs: Vec::new(),
            pipeline: Some(Pipeline { hops: hops.map(moved), after: 0, ..pipeline.clone() }),
        };
        Some(Self { graph, steps: cut, weights, source, port })
    }

    /// The model input that is fed.
    pub fn port(&self) -> TensorId {
        self.port
    }

    /// The pipeline's tensors.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// What a vector brings: the tensor of the source, and how often.
    pub fn source(&self) -> (TensorId, usize) {
        (self.source, self.graph.hops().map_or(1, Hops::total))
    }

    /// Runs all steps on the raw bytes of one vector, as many as [`Trace::source`] says.
    pub fn run(&self, raw: &[u8]) -> Result<Vec<Traced>, EvaluateError> {
        let mut traced = Vec::new();
        let mut state = State::default();
        if let Some(hops) = self.graph.hops() {
            let hop = self.graph.tensor(hops.input).bytes().max(1);
            let mut bytes: Vec<Vec<u8>> = vec![Vec::new(); hops.block.operators().count()];
            for samples in raw.chunks(hop) {
                let written = evaluate_hop(&mut state, &self.graph, &self.steps, self.weights, samples)?;
                if written.len() < bytes.len() {
                    continue;
                }
                let steps = hops.block.operators().map(|id| &self.steps[id.0]);
                for ((kept, step), outputs) in bytes.iter_mut().zip(steps).zip(written) {
                    let row = rows(step).is_some();
                    let at = usize::from(row).min(outputs.len().saturating_sub(1));
                    // Rows are whole once all frames have come.
                    if row {
                        kept.clear();
                    }
                    kept.extend(&outputs[at]);
                }
            }
            for (id, bytes) in hops.block.operators().zip(bytes) {
                let frames = rows(&self.steps[id.0]).is_none().then_some(hops.frames);
                traced.extend(self.traced(id, frames, bytes));
            }
        }
        let inputs: Vec<Vec<u8>> = self.graph.inputs.iter().map(|_| raw.to_vec()).collect();
        let before = self.graph.main().operators().count();
        let written =
            evaluate_with(&NoOwnKernels, &mut state, &self.graph, &self.steps[..before], self.weights, &inputs)?;
        for (id, outputs) in self.graph.main().operators().zip(written) {
            traced.extend(outputs.into_iter().next().and_then(|bytes| self.traced(id, None, bytes)));
        }
        Ok(traced)
    }

    fn traced(&self, id: OperatorId, frames: Option<usize>, bytes: Vec<u8>) -> Option<Traced> {
        let tensor = value(&self.steps[id.0])?;
        let (name, label) = (self.graph.operators[id.0].name.clone(), self.graph.label(id));
        let form = self.graph.tensor(tensor);
        let quantized = form.quantization.is_some();
        Some(Traced { name, label, tensor, dtype: form.dtype, quantized, shape: form.shape.clone(), frames, bytes })
    }
}

/// The rows that a step collects.
fn rows(step: &Step) -> Option<TensorId> {
    match step.call {
        Call::Step(preprocess::Op::Rows(_)) => step.outputs.get(1).copied(),
        _ => None,
    }
}

/// The tensor that is a step's value: the first that it writes, but for rows.
fn value(step: &Step) -> Option<TensorId> {
    rows(step).or(step.outputs.first().copied())
}
