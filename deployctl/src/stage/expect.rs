//! Stage `expect`: the vectors, and what the host reference computes for them: outputs, and a digest of every operator's
//! output tensor. Recorded outputs, where the vectors have any, are held against the host reference here.

use deployctl_cache::{BoxError, Fields, FileInput, Job, Stage};
use serde::Serialize;

use super::{artifact, fail};
use crate::error::Kind;
use crate::gate::evidence::{Difference, Expectation, ExpectedVector, Recorded};
use crate::model::lower::{Refusal, Step};
use crate::model::{self, Graph, TensorId};
use crate::vectors::{self, Vector};

/// Where vectors come from.
#[derive(Debug, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum VectorSource {
    /// An `.npz` file.
    File {
        /// Its content.
        file: FileInput,
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
}

impl Stage for Expect {
    fn name(&self) -> &'static str {
        "expect"
    }

    fn version(&self) -> u32 {
        1
    }

    fn fields(&self) -> Fields {
        Fields::of(self)
    }

    fn run(&self, job: &Job) -> Result<(), BoxError> {
        let graph: Graph = job.read_json("graph")?;
        let lowered: Vec<Result<Step, Refusal>> = job.read_json("steps")?;
        let weights = job.read("weights")?;
        let vectors = self.vectors(&graph)?;
        let inputs: Vec<u8> = vectors.iter().flat_map(|vector| vector.inputs.concat()).collect();
        let mut expectation = Expectation {
            blocked: None,
            source: self.source(vectors.len()),
            seeded: matches!(self.vectors, VectorSource::Random { .. }),
            vectors: Vec::new(),
            recorded: None,
            distinct_outputs: 0,
        };
        match steps(&lowered) {
            Ok(steps) => compute(&graph, &steps, &weights, &vectors, &mut expectation, job)?,
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
        .map_err(|refusal| format!("not supported: op:{} {} {}", refusal.operator.0, refusal.name, refusal.reason))
}

impl Expect {
    fn vectors(&self, graph: &Graph) -> Result<Vec<Vector>, BoxError> {
        match &self.vectors {
            VectorSource::Random { count, seed } => Ok(vectors::random(graph, *count, *seed)),
            VectorSource::File { file } => vectors::read(&file.bytes()?, graph).map_err(|error| {
                fail(
                    Kind::Manifest,
                    format!("`{}`, named in `regression`, cannot be used: {error}", file.path()),
                    "save it with numpy.savez: one array for each model input, named like the tensor, vectors along the first axis",
                )
            }),
        }
    }

    fn source(&self, count: usize) -> String {
        match &self.vectors {
            VectorSource::Random { seed, .. } => format!("{count} seeded inputs (seed {seed})"),
            VectorSource::File { file } => {
                format!("{count} vectors of `{}`", file.path().file_name().unwrap_or("the file"))
            }
        }
    }
}

fn compute(
    graph: &Graph,
    steps: &[Step],
    weights: &[u8],
    vectors: &[Vector],
    expectation: &mut Expectation,
    job: &Job,
) -> Result<(), BoxError> {
    let mut recorded = Recorded { compared: 0, equal: 0, first_difference: None };
    for (index, vector) in vectors.iter().enumerate() {
        if job.cancelled() {
            return Err(fail(Kind::Tool, "stopped before all vectors were evaluated", "build again"));
        }
        let tensors = model::evaluate(graph, steps, weights, &vector.inputs).map_err(|error| {
            fail(Kind::Model, error.to_string(), "the operator table says what each operator needs")
        })?;
        let output = |id: &TensorId| -> Vec<i8> {
            let written = steps.iter().rposition(|step| step.output == *id);
            written.map_or_else(Vec::new, |step| tensors[step].iter().map(|byte| byte.cast_signed()).collect())
        };
        let outputs: Vec<Vec<i8>> = graph.outputs.iter().map(output).collect();
        for (position, truth) in vector.outputs.iter().enumerate() {
            let Some(truth) = truth else { continue };
            recorded.compared += 1;
            match first_difference(truth, &outputs[position]) {
                None => recorded.equal += 1,
                Some(element) if recorded.first_difference.is_none() => {
                    let id = graph.outputs[position];
                    recorded.first_difference =
                        Some(difference(graph, steps, index, id, element, truth[element], outputs[position][element]));
                }
                Some(_) => {}
            }
        }
        let operators = tensors.iter().map(|bytes| format!("{:016x}", model::digest(bytes))).collect();
        expectation.vectors.push(ExpectedVector { label: vector.label, operators, outputs });
    }
    let distinct: std::collections::BTreeSet<_> = expectation.vectors.iter().map(|vector| &vector.outputs).collect();
    expectation.distinct_outputs = distinct.len();
    expectation.recorded = (recorded.compared > 0).then_some(recorded);
    Ok(())
}

/// Index of the first element in which two tensors differ.
pub(super) fn first_difference(expected: &[i8], found: &[i8]) -> Option<usize> {
    let shorter = expected.len().min(found.len());
    (0..shorter).find(|element| expected[*element] != found[*element])
}

/// Where two values of one tensor part, with the operator that wrote it.
pub(super) fn difference(
    graph: &Graph,
    steps: &[Step],
    vector: usize,
    tensor: TensorId,
    element: usize,
    expected: i8,
    found: i8,
) -> Difference {
    let writer = steps.iter().rfind(|step| step.output == tensor).map(|step| step.operator);
    Difference {
        vector,
        operator: writer,
        operator_name: writer.map_or_else(|| "the model".to_owned(), |id| graph.operators[id.0].name.clone()),
        tensor: graph.tensor(tensor).name.clone(),
        coordinate: coordinate(&graph.tensor(tensor).shape, element),
        expected: expected.into(),
        found: found.into(),
    }
}

/// A flat index as a coordinate in a shape, row-major.
fn coordinate(shape: &[usize], element: usize) -> Vec<usize> {
    let mut rest = element;
    let mut reversed: Vec<usize> = Vec::with_capacity(shape.len());
    for size in shape.iter().rev() {
        reversed.push(rest % size.max(&1));
        rest /= size.max(&1);
    }
    reversed.reverse();
    reversed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coordinates_are_row_major() {
        assert_eq!(coordinate(&[1, 2, 3, 4], 23), [0, 1, 2, 3]);
        assert_eq!(coordinate(&[1, 2, 3, 4], 4), [0, 0, 1, 0]);
        assert_eq!(coordinate(&[], 0), Vec::<usize>::new());
    }

    #[test]
    fn the_first_difference_is_found() {
        assert_eq!(first_difference(&[1, 2, 3], &[1, 2, 3]), None);
        assert_eq!(first_difference(&[1, 2, 3], &[1, 0, 0]), Some(1));
    }
}
