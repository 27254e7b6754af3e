//! Stage `expect`: the vectors, and what the host reference computes for them: outputs, and a digest of every operator's
//! output tensor. Recorded outputs, where the vectors have any, are held against the host reference here.

use std::fmt::Write as _;

use deployctl_cache::{BoxError, Fields, FileInput, Job, Stage};
use kernels::as_i8;
use serde::Serialize;

use super::difference::first_difference;
use super::player::{OwnProgram, Player};
use super::recordings::Recordings;
use super::{Runtime, artifact, fail};
use crate::error::Kind;
use crate::gate::evidence::{Expectation, ExpectedVector, Recorded};
use crate::model::lower::{Refusal, Step};
use crate::model::{self, Graph, TensorId, TensorType};
use crate::vectors::{self, Vector, recording};

/// Where vectors come from.
#[derive(Debug, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum VectorSource {
    /// An `.npz` file.
    File {
        /// Its content.
        file: FileInput,
    },
    /// Recorded raw inputs.
    Recordings {
        /// The files.
        #[serde(flatten)]
        recordings: Recordings,
        /// A CSV file with their labels.
        #[serde(skip_serializing_if = "Option::is_none")]
        labels: Option<FileInput>,
        /// Names of labels, by their numbers.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        names: Vec<String>,
    },
    /// Seeded random inputs.
    Random {
        /// How many.
        count: u32,
        /// Seed.
        seed: u64,
    },
}

/// The vectors to run.
#[derive(Debug, Serialize)]
pub struct Expect {
    /// Where they come from.
    pub vectors: VectorSource,
    /// So many vectors are one sequence, the model's state being reset before the first of them.
    pub steps: u32,
    /// Digest of the code that computes what they give.
    pub reference: &'static str,
    /// Kernels of the deployment's own.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub own: Vec<OwnProgram>,
    /// Starts them.
    #[serde(skip)]
    pub runtime: Runtime,
}

impl Stage for Expect {
    fn name(&self) -> &'static str {
        "expect"
    }

    fn version(&self) -> u32 {
        3
    }

    fn fields(&self) -> Fields {
        Fields::of(self)
    }

    fn run(&self, job: &Job) -> Result<(), BoxError> {
        let graph: Graph = job.read_json("graph")?;
        let lowered: Vec<Result<Step, Refusal>> = job.read_json("steps")?;
        let weights = job.read("weights")?;
        let (vectors, remarks) = self.vectors(&graph)?;
        let inputs: Vec<u8> = vectors.iter().flat_map(|vector| vector.inputs.concat()).collect();
        let mut expectation = Expectation {
            blocked: None,
            source: self.source(vectors.len()),
            seeded: matches!(self.vectors, VectorSource::Random { .. }),
            steps: self.steps as usize,
            remarks,
            vectors: Vec::new(),
            recorded: None,
            distinct_outputs: 0,
        };
        match steps(&lowered) {
            Ok(steps) => {
                let folder = job.work_dir().to_owned();
                if !self.own.is_empty() {
                    job.copy_tree("own", &folder)?;
                }
                let own = Player { graph: &graph, kernels: &self.own, folder, runtime: &self.runtime };
                compute(&own, &steps, &weights, &vectors, &mut expectation, job)?;
            }
            Err(reason) => expectation.blocked = Some(reason),
        }
        job.write_json(artifact::EXPECTATION, &expectation)?;
        job.write(artifact::INPUTS, &inputs)?;
        Ok(())
    }
}

/// All steps, or the first reason why there are not all.
pub(super) fn steps(lowered: &[Result<Step, Refusal>]) -> Result<Vec<Step>, String> {
    lowered
        .iter()
        .cloned()
        .collect::<Result<_, _>>()
        .map_err(|refusal| format!("not supported: op:{} {} {}", refusal.label, refusal.name, refusal.reason))
}

impl Expect {
    /// The vectors, and what to know of them.
    fn vectors(&self, graph: &Graph) -> Result<(Vec<Vector>, Vec<String>), BoxError> {
        let alone = |vectors| (vectors, Vec::new());
        match &self.vectors {
            VectorSource::Random { count, seed } => Ok(alone(vectors::random(graph, *count, *seed))),
            VectorSource::Recordings { recordings, labels, names } => {
                Self::recorded(graph, recordings, labels.as_ref(), names)
            }
            VectorSource::File { file } => vectors::read(&file.bytes()?, graph).map(alone).map_err(|error| {
                fail(
                    Kind::Manifest,
                    format!("`{}`, named in `regression`, cannot be used: {error}", file.path()),
                    "save it with numpy.savez: one array for each model input, named like the tensor, vectors along the first axis",
                )
            }),
        }
    }

    fn recorded(
        graph: &Graph,
        recordings: &Recordings,
        labels: Option<&FileInput>,
        names: &[String],
    ) -> Result<(Vec<Vector>, Vec<String>), BoxError> {
        let labels = match labels {
            Some(file) => Some((file.path().file_name().unwrap_or("labels"), file.bytes()?)),
            None => None,
        };
        let labels = labels.as_ref().map(|(name, bytes)| (*name, bytes.as_slice()));
        recording::gather(&recordings.read()?, labels, names, graph, recordings.medium, recordings.fit)
            .map_err(|error| recordings.refused("regression", &error))
    }

    fn source(&self, count: usize) -> String {
        match &self.vectors {
            VectorSource::Random { seed, .. } => format!("{count} seeded inputs (seed {seed})"),
            VectorSource::Recordings { recordings, .. } => format!("{count} recordings `{}`", recordings.written),
            VectorSource::File { file } => {
                format!("{count} vectors of `{}`", file.path().file_name().unwrap_or("the file"))
            }
        }
    }
}

/// How many vectors have their recorded label as the best score of the first output, of how many that have one. For int8 scores.
fn labelled(graph: &Graph, vectors: &[ExpectedVector]) -> Option<(usize, usize)> {
    graph
        .outputs
        .first()
        .filter(|id| graph.tensor(**id).dtype == TensorType::Int8 && graph.tensor(**id).elements() > 1)?;
    let labelled = || vectors.iter().filter_map(|vector| Some((vector.label?, vector.outputs.first()?)));
    // Of equal scores the first counts, as it does for `top 1`.
    let best = |scores: &[i8]| scores.iter().enumerate().rev().max_by_key(|(_, score)| **score).map(|(index, _)| index);
    let is_right =
        |(label, scores): &(i64, &Vec<i8>)| best(scores).is_some_and(|best| i64::try_from(best) == Ok(*label));
    let count = labelled().count();
    (count > 0).then(|| (labelled().filter(is_right).count(), count))
}

fn refused(error: &model::EvaluateError, vector: usize) -> BoxError {
    match error {
        model::EvaluateError::Own { .. } => fail(
            Kind::Tool,
            format!("vector {vector}: {error}"),
            "expected outputs of this operator are what its kernel gives on the host: run the kernel there under `cargo test`, \
             with the inputs of this vector",
        ),
        _ => fail(Kind::Model, error.to_string(), "the operator table says what each operator needs"),
    }
}

fn compute(
    own: &Player,
    steps: &[Step],
    weights: &[u8],
    vectors: &[Vector],
    expectation: &mut Expectation,
    job: &Job,
) -> Result<(), BoxError> {
    let graph = own.graph;
    let mut recorded = Recorded { compared: 0, equal: 0, first_difference: None };
    let mut state = model::State::default();
    for (index, vector) in vectors.iter().enumerate() {
        if index.is_multiple_of(expectation.steps) {
            state = model::State::default();
        }
        if job.cancelled() {
            return Err(fail(Kind::Tool, "stopped before all vectors were evaluated", "build again"));
        }
        let played = model::play(own, &mut state, graph, steps, weights, &vector.inputs)
            .map_err(|error| refused(&error, index))?;
        let tensors = &played.main;
        let output = |id: &TensorId| -> Vec<i8> {
            let written = steps.iter().zip(tensors).rev().find_map(|(step, written)| {
                let position = step.outputs.iter().position(|output| output == id)?;
                Some(written[position].iter().map(|byte| byte.cast_signed()).collect())
            });
            written.unwrap_or_default()
        };
        let outputs: Vec<Vec<i8>> = graph.outputs.iter().map(output).collect();
        for (position, truth) in vector.outputs.iter().enumerate() {
            let Some(truth) = truth else { continue };
            recorded.compared += 1;
            match first_difference(graph, steps, index, graph.outputs[position], as_i8(truth), &outputs[position]) {
                None => recorded.equal += 1,
                difference => recorded.first_difference = recorded.first_difference.take().or(difference),
            }
        }
        let operators = tensors.iter().map(|outputs| format!("{:016x}", model::digest_all(outputs))).collect();
        let of_hop = graph.hops().map_or(0, |hops| hops.block.operators().count());
        let hops = played.traced(of_hop).pop().unwrap_or_default();
        let hops = hops.iter().map(|digest| format!("{digest:016x}")).collect();
        let due = played.due(graph, steps);
        expectation.vectors.push(ExpectedVector { label: vector.label, operators, hops, due, outputs });
    }
    if let Some((right, labelled)) = labelled(graph, &expectation.vectors) {
        let _ = write!(expectation.source, "; the best score of {right} of {labelled} is their recorded label");
    }
    let distinct: std::collections::BTreeSet<_> = expectation.vectors.iter().map(|vector| &vector.outputs).collect();
    expectation.distinct_outputs = distinct.len();
    expectation.recorded = (recorded.compared > 0).then_some(recorded);
    Ok(())
}
