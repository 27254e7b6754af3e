//! The `regression` node: which vectors are run, and how often.
//!
//! Knows where vectors come from; does not open them.

use camino::Utf8Path;

use super::decode::{Grammar, Node, Times};
use super::files;
use super::recordings::{FIT, fit, recordings};
use super::types::{Regression, Spanned, Vectors};

pub(super) const REGRESSION: Grammar = Grammar {
    arguments: 0,
    properties: &[],
    children: &[
        ("vectors", Times::Once),
        ("labels", Times::Once),
        ("random", Times::Once),
        ("steps", Times::Once),
        ("runs", Times::Once),
    ],
    later: &[],
};
const ONE: Grammar = Grammar { arguments: 1, ..Grammar::NOTHING };
const VECTORS: Grammar = Grammar { arguments: 1, properties: &FIT, ..Grammar::NOTHING };
const RANDOM: Grammar = Grammar { properties: &["count", "seed"], ..Grammar::NOTHING };
pub(super) const EXAMPLE: &str = "regression { random count=16 seed=1; runs 3 }";
const DEFAULT_RUNS: u32 = 3;
const MOST_VECTORS: i128 = 100_000;
const MOST_RUNS: i128 = 1000;

/// Reads the `regression` node of the manifest at `manifest`; `has_steps` where that has a `preprocess` node.
pub(super) fn regression(node: &Node<'_>, manifest: &Utf8Path, has_steps: bool) -> Option<Regression> {
    let file = node.child("vectors", &VECTORS);
    let labels = node.child("labels", &ONE);
    let random = node.child("random", &RANDOM);
    let vectors = match (file, random) {
        (Some(_), Some(random)) => {
            let help = "keep `vectors` for recorded inputs, or `random` for seeded ones";
            random.refuse("`vectors` and `random` exclude each other", "second source", help);
            None
        }
        (Some(node), None) => recorded(&node, labels.as_ref(), manifest, has_steps),
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

fn recorded(
    node: &Node<'_>,
    labels: Option<&Node<'_>>,
    manifest: &Utf8Path,
    has_steps: bool,
) -> Option<Spanned<Vectors>> {
    let value = node.need_argument(0, "the path of an `.npz` file or of recordings", "vectors \"vectors/NAME.npz\"")?;
    let spanned = |value| Some(Spanned { value, span: node.span() });
    if Utf8Path::new(&value.text()?).extension() == Some("npz") {
        if let Some(surplus) = FIT.iter().find_map(|key| node.property(key)) {
            surplus.refuse("arrays have the length that is needed", "for recordings only", "remove it");
            return None;
        }
        if let Some(labels) = labels {
            labels.refuse("labels are in the `.npz` file", "for recordings only", "save an array `label` there");
            return None;
        }
        return spanned(Vectors::File(files::existing(&value, manifest)?));
    }
    let files = recordings(&value, manifest)?;
    if !has_steps {
        let help = "declare the steps from recordings to the model's input in `preprocess`, or save the input in an `.npz` file";
        value.refuse("recordings need a `preprocess` node", "raw inputs", help);
        return None;
    }
    let labels = match labels {
        Some(node) => {
            let file = node.need_argument(0, "the path of a CSV file", "labels \"clips/labels.csv\"")?;
            Some(files::existing(&file, manifest)?)
        }
        None => None,
    };
    spanned(Vectors::Recordings { files, labels, fit: fit(node)? })
}

fn seeded(node: &Node<'_>) -> Option<Spanned<Vectors>> {
    let example = "random count=16 seed=1";
    let count = node.need_property("count", example).and_then(|value| value.integer(1..=MOST_VECTORS));
    let seed = node.need_property("seed", example).and_then(|value| value.integer(0..=u64::MAX.into()));
    let vectors = Vectors::Random { count: u32::try_from(count?).ok()?, seed: u64::try_from(seed?).ok()? };
    Some(Spanned { value: vectors, span: node.span() })
}
