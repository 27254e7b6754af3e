//! Steps of sound, as manifests write them.

use super::decode::{Grammar, Node};
use super::units::grouped;
use crate::model::pipeline::{Source, StepSpec, WindowShape};

const WINDOW: Grammar =
    Grammar { arguments: 1, properties: &["ms", "stride-ms", "samples", "stride"], ..Grammar::NOTHING };
const RATES: std::ops::RangeInclusive<i128> = 1..=1_000_000;
/// Longer than any arena.
const MOST_SAMPLES: i128 = 1 << 20;

/// The source of a `preprocess "audio"` node.
pub(super) fn source(node: &Node<'_>) -> Option<Source> {
    let rate = node.need_property("rate", "rate=16000")?.integer(RATES)?;
    Some(Source::Audio { rate: u32::try_from(rate).ok()? })
}

/// A step that only sound has.
pub(super) fn step(node: &Node<'_>, rate: u32) -> Option<StepSpec> {
    match node.name() {
        "window" => window(&node.with(&WINDOW), rate),
        // What it is was said when the children were compared with the grammar.
        _ => None,
    }
}

fn window(node: &Node<'_>, rate: u32) -> Option<StepSpec> {
    let shapes =
        [("hann", WindowShape::Hann), ("hamming", WindowShape::Hamming), ("rectangular", WindowShape::Rectangular)];
    let shape = node
        .need_argument(0, "a shape", "window \"hann\" ms=40 stride-ms=20")
        .and_then(|value| value.choice(&shapes, &[]));
    let size = samples(node, "ms", "samples", rate);
    let stride = samples(node, "stride-ms", "stride", rate);
    Some(StepSpec::Window { shape: shape?, size: size?, stride: stride? })
}

/// A time, as milliseconds or as samples.
fn samples(node: &Node<'_>, ms: &'static str, samples: &'static str, rate: u32) -> Option<usize> {
    match (node.property(ms), node.property(samples)) {
        (Some(_), Some(second)) => {
            second.refuse(format!("`{ms}` and `{samples}` exclude each other"), "second one", "keep one of them");
            None
        }
        (None, Some(value)) => usize::try_from(value.integer(1..=MOST_SAMPLES)?).ok(),
        (Some(value), None) => {
            // Thousandths of a millisecond.
            let time = value.thousandths(0..=1_000_000)?;
            let product = u128::from(time) * u128::from(rate);
            if product == 0 || !product.is_multiple_of(1_000_000) {
                let message = format!("{} Hz has no whole number of samples in this time", grouped(rate.into()));
                value.refuse(message, "here", format!("write samples instead: `{samples}=…`"));
                return None;
            }
            usize::try_from(product / 1_000_000).ok()
        }
        (None, None) => {
            node.missing(ms, &format!("{ms}=20"));
            None
        }
    }
}
