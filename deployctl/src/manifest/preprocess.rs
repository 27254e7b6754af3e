//! The `preprocess` node: where values come from, and the steps from there to the model's input, in order.
//!
//! Knows how people write steps; whether they go together is asked of the pipeline.

use camino::Utf8Path;

use super::decode::{Grammar, Node};
use super::types::{Model, Port, Preprocess};
use super::{audio, image, parity, sensor};
use crate::model::Quantization;
use crate::model::pipeline::{Form, Source, Spec, StepSpec, Wrong, build};

/// The child that is no step.
pub(super) const PARITY: &str = "parity";
const FRAMES: Grammar = Grammar { arguments: 1, properties: &["advance"], ..Grammar::NOTHING };
const MOST_FRAMES: i128 = 1 << 16;
const EXAMPLE: &str = "preprocess \"audio\" rate=16000 { window \"hann\" ms=40 stride-ms=20; …; frames 49 }";

/// Where values come from, as people write it.
#[derive(Clone, Copy)]
enum Kind {
    Audio,
    Image,
    Sensor,
}

const KINDS: [(&str, Kind); 3] = [("audio", Kind::Audio), ("image", Kind::Image), ("sensor", Kind::Sensor)];

/// What the node may hold, by what it says that values come from.
pub(super) fn grammar(nodes: &[kdl::KdlNode]) -> &'static Grammar {
    let node = nodes.iter().find(|node| node.name().value() == "preprocess");
    match node.and_then(|node| node.get(0)).and_then(kdl::KdlValue::as_string) {
        Some("image") => &image::IMAGE,
        Some("sensor") => &sensor::SENSOR,
        _ => &audio::AUDIO,
    }
}

/// Reads the `preprocess` node, and builds its steps once for the model input that the manifest declares.
pub(super) fn preprocess(node: &Node<'_>, model: Option<&Model>, manifest: &Utf8Path) -> Option<Preprocess> {
    let kind = node.need_argument(0, "where values come from", EXAMPLE)?.choice(&KINDS, &[])?;
    let input = node.property("input").map_or(Some(None), |value| value.name().map(Some));
    let source = match kind {
        Kind::Audio => audio::source(node),
        Kind::Image => image::source(node),
        Kind::Sensor => sensor::source(node),
    };
    let steps: Option<Vec<StepSpec>> = steps_of(node).map(|child| step(&child, source.as_ref())).collect();
    let parity = match node.every_child().find(|child| child.name() == PARITY) {
        Some(child) => parity::parity(&child, manifest).map(Some),
        None => Some(None),
    };
    let spec = Spec { input: input?, source: source?, steps: steps? };
    let preprocess = Preprocess { spec, parity: parity? };
    let port = port(node, &preprocess.spec, model?)?;
    if let Err(wrong) = build(&preprocess.spec, &form(port)) {
        refuse(node, wrong);
        return None;
    }
    Some(preprocess)
}

/// The children that are steps.
fn steps_of<'a>(node: &Node<'a>) -> impl Iterator<Item = Node<'a>> + use<'a> {
    node.every_child().filter(|child| child.name() != PARITY)
}

fn step(node: &Node<'_>, source: Option<&Source>) -> Option<StepSpec> {
    match (node.name(), source?) {
        ("frames", _) => frames(node),
        ("quantize", _) => {
            node.with(&Grammar::NOTHING);
            Some(StepSpec::Quantize)
        }
        (_, Source::Audio { rate }) => audio::step(node, *rate),
        (_, Source::Image(_)) => image::step(node),
        (_, Source::Sensor(_)) => sensor::step(node),
    }
}

fn frames(node: &Node<'_>) -> Option<StepSpec> {
    let node = node.with(&FRAMES);
    let count = node.need_argument(0, "how many", "frames 49").and_then(|value| value.integer(1..=MOST_FRAMES));
    let advance = node.property("advance").map_or(Some(1), |value| value.integer(1..=MOST_FRAMES));
    let size = |number: i128| usize::try_from(number).ok();
    Some(StepSpec::Frames { count: size(count?)?, advance: size(advance?)? })
}

/// The declared model input that is fed.
fn port<'m>(node: &Node<'_>, spec: &Spec, model: &'m Model) -> Option<&'m Port> {
    let names: Vec<&str> = model.inputs.iter().map(|port| port.value.name.as_str()).collect();
    match (&spec.input, &model.inputs[..]) {
        (None, [only]) => Some(&only.value),
        (None, _) => {
            let help = format!("write `input=\"…\"`, with one of {names:?}");
            node.refuse(format!("the model has {} inputs", names.len()), "feeds which one?", help);
            None
        }
        (Some(name), ports) => {
            let found = ports.iter().find(|port| port.value.name == *name);
            if found.is_none() {
                node.refuse(format!("the model has no input `{name}`"), "here", format!("its inputs are {names:?}"));
            }
            found.map(|port| &port.value)
        }
    }
}

/// A declared port as steps see it.
pub(super) fn form(port: &Port) -> Form {
    let quantization = port.quantization.map(|declared| Quantization {
        scales: vec![declared.scale],
        zero_points: vec![declared.zero_point],
        dimension: 0,
    });
    Form { dtype: port.dtype, shape: port.shape.clone(), quantization }
}

pub(super) fn refuse(node: &Node<'_>, wrong: Wrong) {
    let child = wrong.step.and_then(|step| steps_of(node).nth(step));
    let label = if child.is_some() { "this step" } else { "these steps" };
    child.unwrap_or(*node).refuse(wrong.reason, label, wrong.advice);
}
