//! Two `.tflite` files held against each other: which tensors, operators, metadata and buffers differ, and whether they are the
//! same function all the same.

use std::collections::BTreeSet;

use tflite_flatbuffers as format;

use super::origin::buffer;
use super::{Read, Tensor, read, short_name};

/// Most differences that are listed.
const MOST: usize = 12;
/// Longest text of metadata that is shown.
const LONGEST: usize = 40;

/// How two files differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comparison {
    /// Whether they compute the same: equal operators, shapes, types, quantization and constants. Names of inner tensors do not
    /// count. Unknown where one of them is no model.
    pub same_meaning: Option<bool>,
    /// Where they differ, as ends of sentences; empty where the files are equal.
    pub differences: Vec<String>,
}

impl Comparison {
    /// The differences and what they mean, for a message.
    pub fn text(&self) -> String {
        let list = self.differences.iter().fold(String::new(), |list, difference| list + "\n  " + difference);
        let meaning = match self.same_meaning {
            Some(true) => "they compute the same: no operator, constant or quantization differs",
            Some(false) => "they do not compute the same",
            None => "one of them is not a model that can be read",
        };
        format!("{list}\n  {meaning}")
    }
}

/// Compares two files.
pub fn compare(one: &[u8], two: &[u8]) -> Comparison {
    if one == two {
        return Comparison { same_meaning: Some(true), differences: vec![] };
    }
    let mut all = Vec::new();
    let same_meaning = match (read(one), read(two)) {
        (Ok(one), Ok(two)) => Some(compare_graphs(&one, &two, &mut all)),
        _ => None,
    };
    if let (Ok(one), Ok(two)) = (format::root(one), format::root(two)) {
        compare_files(&one, &two, &mut all);
    }
    if all.is_empty() {
        let first = one.iter().zip(two).position(|(a, b)| a != b).unwrap_or_else(|| one.len().min(two.len()));
        let what =
            if same_meaning.is_some() { "parts that deployctl does not read, or the order of parts" } else { "bytes" };
        all.push(format!("{what}: the first other byte is at {first} ({} and {} bytes)", one.len(), two.len()));
    }
    let hidden = all.len().saturating_sub(MOST);
    all.truncate(MOST);
    if hidden > 0 {
        all.push(format!("and {hidden} more"));
    }
    Comparison { same_meaning, differences: all }
}

/// Adds what differs between two graphs; whether they compute the same.
fn compare_graphs(one: &Read, two: &Read, all: &mut Vec<String>) -> bool {
    let (a, b) = (&one.graph, &two.graph);
    let mut same = true;
    for (what, one, two) in [
        ("tensors", a.tensors.len(), b.tensors.len()),
        ("operators", a.operators.len(), b.operators.len()),
        ("inputs", a.inputs.len(), b.inputs.len()),
        ("outputs", a.outputs.len(), b.outputs.len()),
    ] {
        if one != two {
            all.push(format!("number of {what}: {one} and {two}"));
            same = false;
        }
    }
    same &= (&a.inputs, &a.outputs) == (&b.inputs, &b.outputs);
    for (index, (x, y)) in a.operators.iter().zip(&b.operators).enumerate() {
        if x != y {
            let made = x.outputs.first().map(|id| short_name(&a.tensor(*id).name)).unwrap_or_default();
            all.push(format!("operator {index} (makes `{made}`): its kind, options, inputs or outputs"));
            same = false;
        }
    }
    let outer: BTreeSet<usize> = a.inputs.iter().chain(&a.outputs).map(|id| id.0).collect();
    for (index, (x, y)) in a.tensors.iter().zip(&b.tensors).enumerate() {
        let (name, mut parts) = (short_name(&x.name), Vec::new());
        if x.name != y.name {
            parts.push(format!("name, `{}` in the other", short_name(&y.name)));
            same &= !outer.contains(&index);
        }
        let meaning = differing_parts((x, one), (y, two));
        same &= meaning.is_empty();
        parts.extend(meaning);
        if !parts.is_empty() {
            all.push(format!("tensor {index} `{name}`: {}", parts.join("; ")));
        }
    }
    same
}

/// In what two tensors differ, their names aside.
fn differing_parts((x, one): (&Tensor, &Read), (y, two): (&Tensor, &Read)) -> Vec<String> {
    let mut parts = Vec::new();
    if x.dtype != y.dtype {
        parts.push(format!("type, {} and {}", x.dtype.name(), y.dtype.name()));
    }
    if (&x.shape, &x.signature) != (&y.shape, &y.signature) {
        parts.push(format!("shape, {:?} and {:?}", x.shape, y.shape));
    }
    if x.quantization != y.quantization {
        parts.push(format!("quantization, {}", differing_quantization(x, y)));
    }
    if (x.variable, x.unpacked_from) != (y.variable, y.unpacked_from) {
        parts.push("how it is kept".to_owned());
    }
    let data = |tensor: &Tensor, read: &Read| -> Option<Vec<u8>> {
        let constant = tensor.constant?;
        read.weights.get(constant.offset..constant.offset.checked_add(constant.len)?).map(<[u8]>::to_vec)
    };
    match (data(x, one), data(y, two)) {
        (Some(a), Some(b)) if a != b => {
            let count = a.iter().zip(&b).filter(|(a, b)| a != b).count() + a.len().abs_diff(b.len());
            let first = a.iter().zip(&b).position(|(a, b)| a != b).unwrap_or_else(|| a.len().min(b.len()));
            parts.push(format!("constant, {count} of {} bytes, the first at {first}", a.len().max(b.len())));
        }
        (None, Some(_)) | (Some(_), None) => parts.push("constant in one of them only".to_owned()),
        _ => {}
    }
    parts
}

/// The first scale or zero point that is another one.
fn differing_quantization(x: &Tensor, y: &Tensor) -> String {
    let (Some(a), Some(b)) = (&x.quantization, &y.quantization) else { return "in one of them only".to_owned() };
    let pairs = |index: usize| {
        let scales = (a.scales.get(index), b.scales.get(index));
        let points = (a.zero_points.get(index), b.zero_points.get(index));
        (scales.0 != scales.1 || points.0 != points.1).then_some((scales, points))
    };
    let channels = a.scales.len().max(b.scales.len());
    let first = (0..channels).find_map(|index| Some((index, pairs(index)?)));
    match first {
        Some((index, ((Some(a), Some(b)), _))) if a.to_bits() != b.to_bits() => {
            format!("scale {index}: {a:e} and {b:e}")
        }
        Some((index, (_, (Some(a), Some(b))))) => format!("zero point {index}: {a} and {b}"),
        Some((index, _)) => format!("channel {index} in one of them only"),
        None => format!("along dimension {} and {}", a.dimension, b.dimension),
    }
}

/// Adds what differs between two files beside their graphs.
fn compare_files(one: &format::Model, two: &format::Model, all: &mut Vec<String>) {
    let (a, b) = (one.description().unwrap_or_default(), two.description().unwrap_or_default());
    if a != b {
        all.push(format!("description: {} and {}", shown(a.as_bytes()), shown(b.as_bytes())));
    }
    let metadata = |model: &format::Model| -> Vec<(String, u32)> {
        let entries = model.metadata().into_iter().flatten();
        entries.map(|entry| (entry.name().unwrap_or_default().to_owned(), entry.buffer())).collect()
    };
    let (a, b) = (metadata(one), metadata(two));
    let names: BTreeSet<&String> = a.iter().chain(&b).map(|(name, _)| name).collect();
    for name in names {
        let of = |list: &[(String, u32)]| list.iter().find(|(known, _)| known == name).map(|(_, buffer)| *buffer);
        match (of(&a), of(&b)) {
            (Some(x), Some(y)) => {
                let (x, y) = (buffer(one, x).unwrap_or_default(), buffer(two, y).unwrap_or_default());
                if x != y {
                    all.push(format!("metadata `{name}`: {} and {}", shown(x), shown(y)));
                }
            }
            _ => all.push(format!("metadata `{name}`: in one of them only")),
        }
    }
    compare_unused(one, two, all);
}

/// Adds buffers that differ and that neither a tensor nor metadata reads.
fn compare_unused(one: &format::Model, two: &format::Model, all: &mut Vec<String>) {
    let read = |model: &format::Model| -> BTreeSet<u32> {
        let tensors = model.subgraphs().into_iter().flatten().flat_map(|graph| graph.tensors().into_iter().flatten());
        let tensors: BTreeSet<u32> = tensors.map(|tensor| tensor.buffer()).collect();
        let metadata = model.metadata().into_iter().flatten().map(|entry| entry.buffer());
        tensors.into_iter().chain(metadata).collect()
    };
    let count = |model: &format::Model| u32::try_from(model.buffers().map_or(0, |buffers| buffers.len())).unwrap_or(0);
    let (a, b) = (count(one), count(two));
    if a != b {
        all.push(format!("number of buffers: {a} and {b}"));
    }
    let used: BTreeSet<u32> = read(one).into_iter().chain(read(two)).collect();
    for index in (0..a.min(b)).filter(|index| !used.contains(index)) {
        if buffer(one, index) != buffer(two, index) {
            all.push(format!("buffer {index}, which nothing in the model reads"));
        }
    }
}

/// Bytes as text where they are, else their number.
fn shown(bytes: &[u8]) -> String {
    let trimmed = bytes.split(|byte| *byte == 0).next().unwrap_or_default();
    match std::str::from_utf8(trimmed) {
        Ok(text) if !text.is_empty() && !text.chars().any(char::is_control) && text.chars().count() <= LONGEST => {
            format!("`{text}`")
        }
        _ => format!("{} bytes", bytes.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MODEL: &[u8] = include_bytes!("../../../manifests/models/kws.tflite");

    /// The model with the bytes that `find` names replaced, wherever they stand first.
    fn edited(find: &[u8], with: &[u8]) -> Vec<u8> {
        let at = MODEL.windows(find.len()).position(|window| window == find).unwrap();
        let mut bytes = MODEL.to_vec();
        bytes[at..at + with.len()].copy_from_slice(with);
        bytes
    }

    #[test]
    fn equal_files_do_not_differ() {
        assert_eq!(compare(MODEL, MODEL), Comparison { same_meaning: Some(true), differences: vec![] });
    }

    #[test]
    fn a_description_is_no_meaning() {
        let found = compare(MODEL, &edited(b"MLIR Converted.", b"MLIR Convertex."));
        assert_eq!(found.same_meaning, Some(true));
        assert_eq!(found.differences, ["description: `MLIR Converted.` and `MLIR Convertex.`"]);
    }

    #[test]
    fn metadata_is_named() {
        let found = compare(MODEL, &edited(b"1.14.0\0", b"1.15.0\0"));
        assert_eq!(found.same_meaning, Some(true));
        assert_eq!(found.differences, ["metadata `min_runtime_version`: `1.14.0` and `1.15.0`"]);
    }

    #[test]
    fn a_weight_is_named_and_is_meaning() {
        let read = read(MODEL).unwrap();
        let (index, tensor) = read.graph.tensors.iter().enumerate().find(|(_, tensor)| tensor.bytes() > 200).unwrap();
        let constant = read.graph.tensors[index].constant.or_else(|| {
            read.graph.tensors.iter().find_map(|tensor| tensor.constant.filter(|constant| constant.len > 200))
        });
        let constant = constant.unwrap();
        let data = &read.weights[constant.offset..constant.offset + constant.len];
        let other = edited(data, &[data[0] ^ 1]);
        let found = compare(MODEL, &other);
        assert_eq!(found.same_meaning, Some(false), "{tensor:?}");
        assert_eq!(found.differences.len(), 1, "{found:?}");
        assert!(found.differences[0].contains("constant, 1 of") && found.differences[0].contains("the first at 0"));
        assert!(found.text().ends_with("they do not compute the same"));
    }

    #[test]
    fn what_is_no_model_is_compared_by_bytes() {
        let found = compare(MODEL, b"nothing");
        assert_eq!(found.same_meaning, None);
        assert_eq!(found.differences.len(), 1);
        assert!(found.differences[0].starts_with("bytes: the first other byte is at 0"), "{found:?}");
        assert_eq!(compare(MODEL, &MODEL[..100]).same_meaning, None);
    }

    #[test]
    fn every_flip_is_an_answer() {
        let sample = include_bytes!("../../../tests/golden/sample.tflite");
        for at in 0..sample.len() {
            let mut flipped = sample.to_vec();
            flipped[at] ^= 0x81;
            assert!(!compare(sample, &flipped).differences.is_empty(), "byte {at}");
        }
    }
}
