//! What a target's runs and the host reference differ in: the first operator, for a stream the hop, and the element.

use super::bench::Bench;
use super::difference::{difference_at, first_difference};
use crate::gate::evidence::{Condition, Difference, ExpectedVector};
use crate::model::{self, NoOwnKernels, OperatorId, Played, TensorId};
use crate::runner::{self, Fill, Observation, RunnerError};

impl Bench<'_> {
    /// The first operator of the first run whose tensor is not the host reference's, with the coordinate.
    pub(super) fn first_difference(&self, observations: &[Observation]) -> Result<Option<Difference>, RunnerError> {
        for seen in observations {
            let expected = &self.expectation.vectors[seen.vector];
            if wrong(&seen.hop_digests, &expected.hops).is_some() {
                return self.locate_hop(seen).map(Some);
            }
            if let Some(operator) = wrong(&seen.operator_digests, &expected.operators) {
                let found = self.dump(seen.vector, operator, None)?;
                let written = self.reference(seen.vector).main.into_iter().nth(operator).unwrap_or_default();
                return Ok(Some(self.differing(seen.vector, operator, None, &written, &found)));
            }
            if let Some(difference) = self.wrongly_due(seen, expected) {
                return Ok(Some(difference));
            }
            for (index, bytes) in seen.outputs.iter().chain(&seen.invoke_outputs).enumerate() {
                let output = index % expected.outputs.len().max(1);
                let found: Vec<i8> = bytes.iter().map(|byte| byte.cast_signed()).collect();
                let (tensor, wanted) = (self.graph.outputs[output], &expected.outputs[output]);
                let difference = first_difference(&self.graph, &self.steps, seen.vector, tensor, wanted, &found);
                if difference.is_some() {
                    return Ok(difference);
                }
            }
        }
        Ok(None)
    }

    /// The first hop, and in it the first operator, that has written something else than the host reference.
    fn locate_hop(&self, seen: &Observation) -> Result<Difference, RunnerError> {
        let first = self.session.stream.map_or(0, |stream| stream.first);
        let traced = runner::trace(self.starter, &self.harness, &self.session, seen.vector, self.limit)?;
        let mut reference = self.reference(seen.vector);
        let wanted = reference.traced(seen.hop_digests.len());
        let parted = traced.iter().zip(&wanted).enumerate().find_map(|(hop, (found, wanted))| {
            let operator = found.iter().zip(wanted).position(|(found, wanted)| found != wanted)?;
            Some((hop, operator))
        });
        let Some((hop, operator)) = parted else {
            // What agrees when it is asked for again is nondeterminism.
            let expected = &self.expectation.vectors[seen.vector].hops;
            let operator = first + wrong(&seen.hop_digests, expected).unwrap_or(0);
            return Ok(self.differing(seen.vector, operator, None, &[], &[]));
        };
        let found = self.dump(seen.vector, first + operator, Some(hop))?;
        let mut written = reference.hops.swap_remove(hop);
        let written = if operator < written.len() { written.swap_remove(operator) } else { Vec::new() };
        Ok(self.differing(seen.vector, first + operator, Some(hop), &written, &found))
    }

    /// The first hop after which an app would infer, or not infer, where the host reference says otherwise.
    fn wrongly_due(&self, seen: &Observation, expected: &ExpectedVector) -> Option<Difference> {
        let due = self.graph.hops()?.due;
        let says = |due: bool| [i8::from(due)];
        let parted = |(hop, seen): &(usize, &runner::Hop)| seen.due != expected.due.contains(hop);
        let (hop, found) = seen.hops.iter().enumerate().find(parted)?;
        let (expected, found) = (says(!found.due), says(found.due));
        let difference = difference_at(&self.graph, &self.steps, seen.vector, due, 0, &expected, &found);
        Some(Difference { hop: Some(hop), ..difference })
    }

    fn dump(&self, vector: usize, operator: usize, hop: Option<usize>) -> Result<Vec<u8>, RunnerError> {
        let place = (vector, operator, hop);
        runner::dump(self.starter, &self.harness, &self.session, place, self.limit)
    }

    /// What the host makes of a vector, after all before it in its sequence.
    fn reference(&self, vector: usize) -> Played {
        let mut state = model::State::default();
        let mut play = |vector: usize| {
            let feeds = &self.session.vectors[vector];
            model::play(&NoOwnKernels, &mut state, &self.graph, &self.steps, &self.weights, feeds).unwrap_or_default()
        };
        self.session.before(vector).for_each(|earlier| drop(play(earlier)));
        play(vector)
    }

    /// The first element in which an operator's output tensors differ. Of tensors that agree when they are asked for again,
    /// which is nondeterminism, element 0 stands for the whole.
    fn differing(
        &self,
        vector: usize,
        operator: usize,
        hop: Option<usize>,
        expected: &[Vec<u8>],
        found: &[u8],
    ) -> Difference {
        let signed = |bytes: &[u8]| bytes.iter().map(|byte| byte.cast_signed()).collect::<Vec<i8>>();
        let step = &self.steps[operator];
        let mut rest = signed(found);
        let mut first = None;
        let whole = step.outputs.first().or(self.graph.outputs.first()).copied().unwrap_or(TensorId(0));
        let nothing = difference_at(&self.graph, &self.steps, vector, whole, 0, &[], &[]);
        for (&tensor, expected) in step.outputs.iter().zip(expected) {
            let tail = rest.split_off(rest.len().min(expected.len()));
            let expected = signed(expected);
            first = first.or_else(|| first_difference(&self.graph, &self.steps, vector, tensor, &expected, &rest));
            rest = tail;
        }
        let id = step.operator;
        let name = self.graph.operators[id.0].name.clone();
        let called = self.graph.called(id);
        Difference { operator: Some(id), operator_name: name, called, hop, ..first.unwrap_or(nothing) }
    }

    /// The first vector whose runs differ among themselves.
    pub(super) fn nondeterminism(&self, observations: &[Observation]) -> Option<String> {
        let differs = |first: &[u64], other: &[u64]| first.iter().zip(other).position(|(a, b)| a != b);
        for vector in 0..self.session.vectors.len() {
            let of_vector = || observations.iter().filter(|seen| seen.vector == vector);
            let first = of_vector().next()?;
            for other in of_vector() {
                let hop = differs(&first.hop_digests, &other.hop_digests)
                    .map(|operator| self.session.stream.map_or(0, |stream| stream.first) + operator);
                if let Some(operator) = hop.or_else(|| differs(&first.operator_digests, &other.operator_digests)) {
                    let called = self.graph.called(OperatorId(operator));
                    let name = &self.graph.operators[operator].name;
                    let (one, first) = (named(other.run, other.fill), named(first.run, first.fill));
                    return Some(format!(
                        "vector {vector}: {called} {name} gives another tensor in {one} than in {first}"
                    ));
                }
                for (outputs, fill) in [(&other.outputs, other.fill), (&other.invoke_outputs, other.invoke_fill)] {
                    if *outputs != first.outputs {
                        let (one, first) = (named(other.run, fill), named(first.run, first.fill));
                        return Some(format!("vector {vector}: outputs of {one} and of {first} differ"));
                    }
                }
            }
        }
        None
    }

    /// Under what every vector was run.
    pub(super) fn conditions(&self, observations: &[Observation]) -> Vec<Condition> {
        let has = |vector: usize, fill: Fill| {
            observations.iter().any(|seen| seen.vector == vector && [seen.fill, seen.invoke_fill].contains(&Some(fill)))
        };
        let all = |fill: Fill| (0..self.session.vectors.len()).all(|vector| has(vector, fill));
        let repeated = |seen: &Observation| observations.iter().filter(|other| other.vector == seen.vector).count() > 1;
        let cold = |seen: &Observation| seen.fill == Some(Fill::Cold) && repeated(seen);
        [
            (Condition::Zeros, all(Fill::Zeros)),
            (Condition::Ones, all(Fill::Ones)),
            (Condition::Noise, all(Fill::Noise)),
            (Condition::OtherInputs, !observations.is_empty() && observations.iter().all(repeated)),
            (Condition::ColdAndWarm, observations.iter().any(cold)),
        ]
        .into_iter()
        .filter_map(|(condition, met)| met.then_some(condition))
        .collect()
    }
}

/// A run, by what it began on.
fn named(run: u32, fill: Option<Fill>) -> String {
    match fill {
        Some(Fill::Cold) => format!("run {run}, the first after reset,"),
        Some(fill) => format!("run {run}, on an arena of {},", fill.name()),
        None => format!("run {run}"),
    }
}

/// The first digest that is not the expected one.
fn wrong(seen: &[u64], expected: &[String]) -> Option<usize> {
    seen.iter().zip(expected).position(|(seen, expected)| format!("{seen:016x}") != *expected)
}

#[cfg(test)]
mod tests;
