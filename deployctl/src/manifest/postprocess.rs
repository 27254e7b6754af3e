//! The `postprocess` nodes: the steps from a model's output to labels, in order.
//!
//! Knows how people write steps; whether they go together is asked of the pipeline.

use super::decode::{Grammar, Node, Times};
use super::preprocess::{form, refuse};
use super::types::{Model, Postprocess};
use crate::model::pipeline::{After, AfterStep, build_after};

pub(super) const POSTPROCESS: Grammar = Grammar {
    arguments: 1,
    properties: &[],
    children: &[
        ("dequantize", Times::Once),
        ("softmax", Times::Once),
        ("sigmoid", Times::Once),
        ("smooth", Times::Often),
        ("top", Times::Once),
        ("threshold", Times::Once),
        ("suppress", Times::Once),
    ],
    later: &[],
};
const SMOOTH: Grammar = Grammar { arguments: 1, properties: &["over", "alpha"], ..Grammar::NOTHING };
const TOP: Grammar = Grammar { arguments: 1, properties: &["least"], ..Grammar::NOTHING };
const THRESHOLD: Grammar = Grammar { arguments: 1, properties: &["off"], ..Grammar::NOTHING };
const SUPPRESS: Grammar = Grammar { arguments: 1, ..Grammar::NOTHING };
const MOST_INFERENCES: i128 = 1 << 12;
const MOST_LABELS: i128 = 1 << 16;
const SMOOTH_EXAMPLE: &str = "smooth \"average\" over=4";

/// Kinds of smoothing.
#[derive(Clone, Copy)]
enum Smoothing {
    Average,
    Exponential,
}

/// Reads the `postprocess` nodes, and builds the steps of each once for the model output that the manifest declares.
pub(super) fn postprocess(nodes: &[Node<'_>], model: Option<&Model>) -> Option<Vec<Postprocess>> {
    let mut seen: Vec<String> = Vec::new();
    let mut all = Some(Vec::new());
    for node in nodes {
        let one = one(node, model).filter(|one| {
            let again = seen.contains(&one.after.output);
            if again {
                let message = format!("output `{}` has steps twice", one.after.output);
                node.refuse(message, "second one", "write all steps of an output in one node");
            }
            seen.push(one.after.output.clone());
            !again
        });
        all = all.zip(one).map(|(mut all, one)| {
            all.push(one);
            all
        });
    }
    all
}

fn one(node: &Node<'_>, model: Option<&Model>) -> Option<Postprocess> {
    let example = "postprocess \"Identity\" { smooth \"average\" over=4; threshold 0.6 }";
    let value = node.need_argument(0, "the name of a model output", example)?;
    let output = value.name()?;
    let steps: Option<Vec<AfterStep>> = node.every_child().map(|child| step(&child)).collect();
    let spans = node.every_child().map(|child| child.span()).collect();
    let after = After { output, steps: steps? };
    let ports = &model?.outputs;
    let Some(port) = ports.iter().find(|port| port.value.name == after.output) else {
        let names: Vec<&str> = ports.iter().map(|port| port.value.name.as_str()).collect();
        let message = format!("the model has no output `{}`", after.output);
        value.refuse(message, "not declared", format!("its outputs are {names:?}"));
        return None;
    };
    if let Err(wrong) = build_after(&after, &form(&port.value)) {
        refuse(node, wrong);
        return None;
    }
    Some(Postprocess { after, span: node.span(), spans })
}

fn step(node: &Node<'_>) -> Option<AfterStep> {
    let bare = |step| {
        node.with(&Grammar::NOTHING);
        Some(step)
    };
    match node.name() {
        "dequantize" => bare(AfterStep::Dequantize),
        "softmax" => bare(AfterStep::Softmax),
        "sigmoid" => bare(AfterStep::Sigmoid),
        "smooth" => smooth(&node.with(&SMOOTH)),
        "top" => top(&node.with(&TOP)),
        "threshold" => threshold(&node.with(&THRESHOLD)),
        "suppress" => suppress(&node.with(&SUPPRESS)),
        // What it is was said when the children were compared with the grammar.
        _ => None,
    }
}

fn smooth(node: &Node<'_>) -> Option<AfterStep> {
    let kinds = [("average", Smoothing::Average), ("exponential", Smoothing::Exponential)];
    let kind = node.need_argument(0, "how", SMOOTH_EXAMPLE)?.choice(&kinds, &[])?;
    let (wanted, other) = match kind {
        Smoothing::Average => ("over", "alpha"),
        Smoothing::Exponential => ("alpha", "over"),
    };
    if let Some(value) = node.property(other) {
        value.refuse(format!("`{other}` is not of this kind of mean"), "here", format!("write `{wanted}=…`"));
        return None;
    }
    match kind {
        Smoothing::Average => {
            let over = node.need_property("over", SMOOTH_EXAMPLE)?.integer(1..=MOST_INFERENCES)?;
            Some(AfterStep::Average { over: usize::try_from(over).ok()? })
        }
        Smoothing::Exponential => {
            let value = node.need_property("alpha", "smooth \"exponential\" alpha=0.3")?;
            let alpha = value.float32()?;
            if alpha > 0.0 && alpha <= 1.0 {
                return Some(AfterStep::Exponential { alpha });
            }
            let help = "write a number above 0 and up to 1: what is new counts that much";
            value.refuse("`alpha` is out of range", "out of range", help);
            None
        }
    }
}

fn top(node: &Node<'_>) -> Option<AfterStep> {
    let count = node.need_argument(0, "how many labels", "top 3")?.integer(1..=MOST_LABELS)?;
    let least = match node.property("least") {
        Some(value) => Some(value.float32()?),
        None => None,
    };
    Some(AfterStep::Top { count: usize::try_from(count).ok()?, least })
}

fn threshold(node: &Node<'_>) -> Option<AfterStep> {
    let on = node.need_argument(0, "a score", "threshold 0.6 off=0.4")?.float32()?;
    let off = node.property("off").map_or(Some(on), |value| value.float32())?;
    Some(AfterStep::Threshold { on, off })
}

fn suppress(node: &Node<'_>) -> Option<AfterStep> {
    let value = node.need_argument(0, "for how many inferences a label is not told again", "suppress 25")?;
    let inferences = value.integer(1..=i128::from(u32::MAX))?;
    Some(AfterStep::Suppress { inferences: u32::try_from(inferences).ok()? })
}
