//! The `model` node: the `.tflite` file and its declared inputs and outputs.
//!
//! Knows names, shapes and types as people write them; does not open the model.

use std::ops::RangeInclusive;

use camino::{Utf8Path, Utf8PathBuf};

use super::decode::{Grammar, Node, Times};
use super::files::{self, plain};
use super::resolve::folder_of;
use super::types::{Model, Port, PortQuantization, Spanned};
use crate::model::TensorType;

pub(super) const MODEL: Grammar = Grammar {
    arguments: 1,
    properties: &[],
    children: &[("input", Times::Often), ("output", Times::Often), ("optimize", Times::Once)],
    later: &[],
};
const INPUT: Grammar = Grammar {
    arguments: 1,
    properties: &["type"],
    children: &[("shape", Times::Once), ("quantization", Times::Once)],
    later: &[],
};
const OUTPUT: Grammar =
    Grammar { children: &[("shape", Times::Once), ("quantization", Times::Once), ("labels", Times::Once)], ..INPUT };
const OPTIMIZE: Grammar = Grammar { arguments: 1, ..Grammar::NOTHING };
/// LiteRT's tensors have up to eight dimensions.
const SHAPE: Grammar = Grammar { arguments: 8, ..Grammar::NOTHING };
const QUANTIZATION: Grammar = Grammar { properties: &["scale", "zero-point"], ..Grammar::NOTHING };
const LABELS: Grammar = Grammar { arguments: 1, ..Grammar::NOTHING };
/// Most elements of a tensor, and so the largest dimension.
const MOST_ELEMENTS: i128 = i32::MAX as i128;
const QUANTIZATION_EXAMPLE: &str = "quantization scale=0.5847029 zero-point=83";

const TYPES: [(&str, TensorType); 13] = [
    ("int8", TensorType::Int8),
    ("uint8", TensorType::Uint8),
    ("int16", TensorType::Int16),
    ("uint16", TensorType::Uint16),
    ("int32", TensorType::Int32),
    ("uint32", TensorType::Uint32),
    ("int64", TensorType::Int64),
    ("uint64", TensorType::Uint64),
    ("int4", TensorType::Int4),
    ("float32", TensorType::Float32),
    ("float16", TensorType::Float16),
    ("float64", TensorType::Float64),
    ("bool", TensorType::Bool),
];

/// Reads the `model` node of the manifest at `manifest`. A model that a command makes need not be there.
pub(super) fn model(node: &Node<'_>, manifest: &Utf8Path, made: bool) -> Option<Model> {
    let value = node.need_argument(0, "the path of a `.tflite` file", "model \"models/NAME.tflite\" { … }");
    let file = value.and_then(|value| {
        let written = Spanned { value: value.text()?, span: value.span() };
        let path = plain(&folder_of(manifest).join(&written.value));
        let absent = made && !path.exists() && path.extension().is_some();
        Some((if absent { path } else { files::existing(&value, manifest)? }, written))
    });
    let mut label_files = Vec::new();
    let inputs = ports(node, "input", &INPUT, manifest, &mut label_files);
    let outputs = ports(node, "output", &OUTPUT, manifest, &mut label_files);
    let optimize = match node.child("optimize", &OPTIMIZE) {
        Some(node) => node.need_argument(0, "`#true` or `#false`", "optimize #true").and_then(|value| value.flag()),
        None => Some(false),
    };
    let (path, written) = file?;
    Some(Model { path, written, inputs: inputs?, outputs: outputs?, label_files, optimize: optimize? })
}

fn ports(
    model: &Node<'_>,
    kind: &str,
    grammar: &Grammar,
    manifest: &Utf8Path,
    label_files: &mut Vec<Utf8PathBuf>,
) -> Option<Vec<Spanned<Port>>> {
    let nodes = model.children(kind, grammar);
    if nodes.is_empty() {
        model.missing(kind, &format!("{kind} \"NAME\" type=\"int8\" {{ shape 1 49 10 1; {QUANTIZATION_EXAMPLE} }}"));
    }
    let mut names: Vec<String> = Vec::new();
    let mut ports = Some(Vec::new());
    for node in nodes {
        let port = port(&node, manifest, label_files);
        if let Some(port) = &port {
            if names.contains(&port.name) {
                node.refuse(format!("two {kind}s are called `{}`", port.name), "second one", "keep one of them");
            }
            names.push(port.name.clone());
        }
        ports = ports.zip(port).map(|(mut ports, value)| {
            ports.push(Spanned { value, span: node.span() });
            ports
        });
    }
    ports
}

fn port(node: &Node<'_>, manifest: &Utf8Path, label_files: &mut Vec<Utf8PathBuf>) -> Option<Port> {
    let name = node.need_argument(0, "the tensor's name", &format!("{} \"NAME\" type=\"int8\" {{ … }}", node.name()));
    let name = name.and_then(|value| value.name());
    let dtype = node.need_property("type", "type=\"int8\"").and_then(|value| value.choice(&TYPES, &[]));
    let shape = node.need_child("shape", &SHAPE, "shape 1 49 10 1").and_then(|node| shape(&node));
    let quantization = match node.child("quantization", &QUANTIZATION) {
        Some(node) => quantization(&node, dtype).map(Some),
        None => Some(None),
    };
    let labels = match node.child("labels", &LABELS) {
        Some(labels_node) if node.name() == "output" => {
            labels(&labels_node, shape.as_deref(), manifest, label_files).map(Some)
        }
        _ => Some(None),
    };
    Some(Port { name: name?, dtype: dtype?, shape: shape?, quantization: quantization?, labels: labels? })
}

/// A `shape` without dimensions is a scalar's.
fn shape(node: &Node<'_>) -> Option<Vec<usize>> {
    let dimensions: Vec<_> = node.arguments().iter().map(|value| value.integer(1..=MOST_ELEMENTS)).collect();
    let dimensions = dimensions.into_iter().collect::<Option<Vec<i128>>>()?;
    let elements = dimensions.iter().try_fold(1, |product: i128, dimension| product.checked_mul(*dimension));
    if elements.is_none_or(|elements| elements > MOST_ELEMENTS) {
        let help = format!("a tensor has at most {MOST_ELEMENTS} elements; check the dimensions");
        node.refuse("the shape has too many elements", "too large", help);
        return None;
    }
    dimensions.into_iter().map(|dimension| usize::try_from(dimension).ok()).collect()
}

fn quantization(node: &Node<'_>, dtype: Option<TensorType>) -> Option<PortQuantization> {
    let scale = node.need_property("scale", QUANTIZATION_EXAMPLE).and_then(|value| {
        let scale = value.float32()?;
        if scale > 0.0 {
            return Some(scale);
        }
        value.refuse(
            "a scale is greater than zero",
            "not positive",
            "copy it from the model: `deployctl init` shows it",
        );
        None
    });
    let zero_point = node.need_property("zero-point", QUANTIZATION_EXAMPLE);
    let zero_point = zero_point.and_then(|value| value.integer(zero_points(dtype)));
    Some(PortQuantization { scale: scale?, zero_point: i64::try_from(zero_point?).ok()? })
}

/// What fits the type.
fn zero_points(dtype: Option<TensorType>) -> RangeInclusive<i128> {
    match dtype {
        Some(TensorType::Int4) => -8..=7,
        Some(TensorType::Int8) => i8::MIN.into()..=i8::MAX.into(),
        Some(TensorType::Uint8) => 0..=u8::MAX.into(),
        Some(TensorType::Int16) => i16::MIN.into()..=i16::MAX.into(),
        Some(TensorType::Uint16) => 0..=u16::MAX.into(),
        Some(TensorType::Int32) => i32::MIN.into()..=i32::MAX.into(),
        _ => i64::MIN.into()..=i64::MAX.into(),
    }
}

fn labels(
    node: &Node<'_>,
    shape: Option<&[usize]>,
    manifest: &Utf8Path,
    label_files: &mut Vec<Utf8PathBuf>,
) -> Option<Vec<String>> {
    let value = node.need_argument(0, "the path of a label file", "labels \"models/NAME-labels.txt\"")?;
    let labels = files::labels(&value, manifest)?;
    label_files.extend(value.text().map(|written| plain(&folder_of(manifest).join(written))));
    if let Some(&last) = shape.and_then(<[usize]>::last)
        && last != labels.len()
    {
        let message = format!("{} labels for {last} elements of the output's last dimension", labels.len());
        value.refuse(message, "label file", "write one label a line, in the order of the elements");
        return None;
    }
    Some(labels)
}
