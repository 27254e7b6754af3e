//! The `regression` node: which vectors are run, and how often.
//!
//! Knows where vectors come from; does not open them.

use camino::Utf8Path;

use super::decode::{Grammar, Node, Times};
use super::files;
use super::types::{Regression, Spanned, Vectors};

pub(super) const REGRESSION: Grammar = Grammar {
    arguments: 0,
    properties: &[],
    children: &[("vectors", Times::Once), ("random", Times::Once), ("steps", Times::Once), ("runs", Times::Once)],
    later: &[],
};
const ONE: Grammar = Grammar { arguments: 1, ..Grammar::NOTHING };
const RANDOM: Grammar = Grammar { properties: &["count", "seed"], ..Grammar::NOTHING };
pub(super) const EXAMPLE: &str = "regression { random count=16 seed=1; runs 3 }";
const DEFAULT_RUNS: u32 = 3;
const MOST_VECTORS: i128 = 100_000;
const MOST_RUNS: i128 = 1000;

/// Reads the `regression` node of the manifest at `manifest`.
pub(super) fn regression(node: &Node<'_>, manifest: &Utf8Path) -> Option<Regression> {
    let file = node.child("vectors", &ONE);
    let random = node.child("random", &RANDOM);
    let vectors = match (file, random) {
        (Some(_), Some(random)) => {
            let help = "keep `vectors` for recorded inputs, or `random` for seeded ones";
            random.refuse("`vectors` and `random` exclude each other", "second source", help);
            None
        }
        (Some(node), None) => recorded(&node, manifest),
        (None, Some(node)) => seeded(&node),
        (None, None) => {
            node.missing("vectors", EXAMPLE);
            None
        }
    };
    let number = |name, example, range, default| match node.child(name, &ONE) {
        Some(node) => node
            .need_argument(0, "a number", example)
            .and_then(|value| value.integer(range))
            .and_then(|number| u32::try_from(number).ok()),
        None => Some(default),
    };
    let steps = number("steps", "steps 4", 1..=MOST_VECTORS, 1);
    let runs = number("runs", "runs 3", 2..=MOST_RUNS, DEFAULT_RUNS);
    Some(Regression { vectors: vectors?, steps: steps?, runs: runs? })
}

fn recorded(node: &Node<'_>, manifest: &Utf8Path) -> Option<Spanned<Vectors>> {
    let value = node.need_argument(0, "the path of an `.npz` file", "vectors \"vectors/NAME.npz\"")?;
    let path = files::existing(&value, manifest)?;
    if path.extension() != Some("npz") {
        value.refuse("vectors are read from an `.npz` file", "not `.npz`", "save the arrays with `numpy.savez`");
        return None;
    }
    Some(Spanned { value: Vectors::File(path), span: node.span() })
}

fn seeded(node: &Node<'_>) -> Option<Spanned<Vectors>> {
    let example = "random count=16 seed=1";
    let count = node.need_property("count", example).and_then(|value| value.integer(1..=MOST_VECTORS));
    let seed = node.need_property("seed", example).and_then(|value| value.integer(0..=u64::MAX.into()));
    let vectors = Vectors::Random { count: u32::try_from(count?).ok()?, seed: u64::try_from(seed?).ok()? };
    Some(Spanned { value: vectors, span: node.span() })
}
