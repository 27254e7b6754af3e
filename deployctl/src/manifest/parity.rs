//! The `parity` node of `preprocess`: features of the training side, and how far ours may be from them.

use camino::Utf8Path;

use super::decode::{Grammar, Node};
use super::files;
use super::recordings::{FIT, fit, recordings};
use super::types::{Parity, Spanned};

const PARITY: Grammar =
    Grammar { arguments: 1, properties: &["max-lsb", "inputs", FIT[0], FIT[1]], ..Grammar::NOTHING };
const EXAMPLE: &str = "parity \"train/features.npz\" max-lsb=1";

/// Reads the node.
pub(super) fn parity(node: &Node<'_>, manifest: &Utf8Path) -> Option<Parity> {
    let node = node.with(&PARITY);
    let features = node.need_argument(0, "the path of an `.npz` file", EXAMPLE).and_then(|value| {
        let path = files::existing(&value, manifest)?;
        if path.extension() != Some("npz") {
            let help =
                "save the arrays of all steps with `numpy.savez`; `deployctl features` writes a script that does";
            value.refuse("features are read from an `.npz` file", "not `.npz`", help);
            return None;
        }
        Some(path)
    });
    let inputs = match node.property("inputs") {
        Some(value) => recordings(&value, manifest).map(Some),
        None => Some(None),
    };
    let max_lsb = node.need_property("max-lsb", "max-lsb=1").and_then(|value| {
        let most = u32::try_from(value.integer(0..=65_535)?).ok()?;
        Some(Spanned { value: most, span: value.span() })
    });
    let fit = fit(&node);
    Some(Parity { features: features?, inputs: inputs?, fit: fit?, max_lsb: max_lsb? })
}
