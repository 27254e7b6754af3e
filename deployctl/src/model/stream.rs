//! One vector through everything: the hops of a stream, where there is one, then an inference.
//!
//! Knows what a vector brings ([`Graph::feeds`]) and in which order it comes; the steps are evaluated like all others.

use super::evaluate::{EvaluateError, OwnKernels, State, evaluate_hop, evaluate_with};
use super::lower::Step;
use super::{Graph, digest};

/// What the steps of a run have written: for each step in its order the bytes of each output tensor.
pub type Written = Vec<Vec<Vec<u8>>>;

/// What one vector gave.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Played {
    /// For each hop; of the first step alone, where no frame was complete yet.
    pub hops: Vec<Written>,
    /// For the main graph.
    pub main: Written,
}

/// Runs the hops of one vector and then an inference, beginning with the state that an earlier vector left, and leaving its own.
/// `feeds` are the bytes of [`Graph::feeds`].
///
/// # Errors
///
/// As [`evaluate_with`].
pub fn play(
    own: &dyn OwnKernels,
    state: &mut State,
    graph: &Graph,
    steps: &[Step],
    weights: &[u8],
    feeds: &[Vec<u8>],
) -> Result<Played, EvaluateError> {
    let (expected, found) = (graph.feeds(), feeds.len());
    if expected.len() != found {
        return Err(EvaluateError::Inputs { expected: expected.len(), found });
    }
    let (inputs, samples) = feeds.split_at(graph.inputs.len());
    let mut hops = Vec::new();
    for (samples, (id, bytes)) in samples.iter().zip(&expected[inputs.len()..]) {
        if samples.len() != *bytes {
            let name = graph.tensor(*id).name.clone();
            return Err(EvaluateError::InputSize { name, expected: *bytes, found: samples.len() });
        }
        for hop in samples.chunks(graph.tensor(*id).bytes().max(1)) {
            hops.push(evaluate_hop(state, graph, steps, weights, hop)?);
        }
    }
    Ok(Played { hops, main: evaluate_with(own, state, graph, steps, weights, inputs)? })
}

impl Played {
    /// After each hop, for each of `steps` steps the digest of all that it has written.
    pub fn traced(&self, steps: usize) -> Vec<Vec<u64>> {
        let mut digests = vec![digest(b""); steps];
        let mut after = |hop: &Written| {
            for (digest, written) in digests.iter_mut().zip(hop) {
                *digest = super::digest::extended(*digest, written);
            }
            digests.clone()
        };
        self.hops.iter().map(&mut after).collect()
    }

    /// The hops after which an inference is due.
    pub fn due(&self, graph: &Graph, steps: &[Step]) -> Vec<usize> {
        let Some(hops) = graph.hops() else { return Vec::new() };
        let last = hops.block.end - 1;
        let Some(output) = steps.get(last).and_then(|step| step.outputs.iter().position(|id| *id == hops.due)) else {
            return Vec::new();
        };
        let says = |written: &Written| {
            let byte = written.get(last - hops.block.first)?.get(output)?.first()?;
            Some(*byte != 0)
        };
        (0..self.hops.len()).filter(|&hop| says(&self.hops[hop]) == Some(true)).collect()
    }
}
