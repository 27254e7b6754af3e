//! What a `.tflite` file says of how it was made: the converter and its version, how it quantized, which runtime it asks for.
//!
//! These are the file's own claims, for people. LiteRT's converter leaves them in the description and in metadata, one of which
//! (`CONVERSION_METADATA`) is a FlatBuffer of its own. Nothing here decides anything.

use tflite_flatbuffers as format;

use super::{Graph, TensorType};

/// Longest text that is taken from a file.
const LONGEST: usize = 120;

/// Names and values of what the file says; empty where it says nothing, or is no model.
pub fn origin(bytes: &[u8], graph: &Graph) -> Vec<(String, String)> {
    let mut said = Vec::new();
    let mut add = |name: &str, value: String| {
        if !value.is_empty() {
            said.push((name.to_owned(), value));
        }
    };
    let Ok(model) = format::root(bytes) else { return said };
    add("file's description", tidy(model.description().unwrap_or_default()));
    for entry in model.metadata().into_iter().flatten() {
        let data = buffer(&model, entry.buffer()).unwrap_or_default();
        match entry.name() {
            Some("min_runtime_version") => add("least runtime version", tidy(&String::from_utf8_lossy(data))),
            Some("CONVERSION_METADATA") => {
                add("converter", version(data).map_or_else(String::new, |version| format!("TensorFlow {version}")));
                add("converter's optimization", modes(data).unwrap_or_default().join(", "));
            }
            _ => {}
        }
    }
    add("quantization of weights", weights(graph));
    said
}

/// The data of a buffer inside the FlatBuffer.
pub(super) fn buffer<'a>(model: &format::Model<'a>, index: u32) -> Option<&'a [u8]> {
    let buffers = model.buffers()?;
    let index = usize::try_from(index).ok().filter(|index| *index < buffers.len())?;
    Some(buffers.get(index).data()?.bytes())
}

/// Text of a file on one line, without the zeros that fill it up.
fn tidy(text: &str) -> String {
    let plain: String = text.trim_matches(['\0', ' ', '\n']).chars().filter(|sign| !sign.is_control()).collect();
    plain.chars().take(LONGEST).collect()
}

/// How many weights are quantized per channel, and how many per tensor.
fn weights(graph: &Graph) -> String {
    let of = |per_channel: bool| {
        let weights =
            graph.tensors.iter().filter(|tensor| tensor.constant.is_some() && tensor.dtype == TensorType::Int8);
        let scales = weights.filter_map(|tensor| Some(tensor.quantization.as_ref()?.scales.len()));
        scales.filter(|scales| (*scales > 1) == per_channel).count()
    };
    match (of(true), of(false)) {
        (0, 0) => String::new(),
        (channels, 0) => format!("int8: {channels} per channel"),
        (0, tensors) => format!("int8: {tensors} per tensor"),
        (channels, tensors) => format!("int8: {channels} per channel, {tensors} per tensor"),
    }
}

/// `environment.tensorflow_version` of the converter's metadata.
fn version(data: &[u8]) -> Option<String> {
    let environment = table(data, field(data, root(data)?, 0)?)?;
    let text = table(data, field(data, environment, 0)?)?;
    Some(tidy(&String::from_utf8_lossy(vector(data, text, 1)?)))
}

/// `options.model_optimization_modes` of the converter's metadata, as the schema names them.
fn modes(data: &[u8]) -> Option<Vec<String>> {
    let options = table(data, field(data, root(data)?, 1)?)?;
    let modes = vector(data, table(data, field(data, options, 0)?)?, 4)?;
    let name = |mode: &[u8]| match u32_at(mode, 0) {
        Some(1001) => "post-training float16".to_owned(),
        Some(1002) => "post-training dynamic range".to_owned(),
        Some(1003) => "post-training full integer".to_owned(),
        Some(1004) => "post-training int16 activations".to_owned(),
        Some(2000) => "quantization-aware training".to_owned(),
        Some(mode @ 3001..=3003) => format!("sparsity ({mode})"),
        Some(mode) => format!("mode {mode}"),
        None => String::new(),
    };
    Some(modes.chunks_exact(4).take(8).map(name).collect())
}

fn u32_at(data: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*data.get(at..)?.first_chunk()?))
}

/// The root table's place.
fn root(data: &[u8]) -> Option<usize> {
    table(data, 0)
}

/// Where the offset at a place leads.
fn table(data: &[u8], at: usize) -> Option<usize> {
    at.checked_add(usize::try_from(u32_at(data, at)?).ok()?)
}

/// The place of a table's field; nothing where the table does not have it.
fn field(data: &[u8], table: usize, field: usize) -> Option<usize> {
    let back = i32::from_le_bytes(*data.get(table..)?.first_chunk()?);
    let fields = usize::try_from(i64::try_from(table).ok()?.checked_sub(i64::from(back))?).ok()?;
    let u16_at = |at: usize| Some(usize::from(u16::from_le_bytes(*data.get(at..)?.first_chunk()?)));
    let at = 4 + 2 * field;
    let offset = if at + 2 <= u16_at(fields)? { u16_at(fields.checked_add(at)?)? } else { 0 };
    (offset > 0).then(|| table.checked_add(offset)).flatten()
}

/// The bytes of a vector whose elements have so many bytes.
fn vector(data: &[u8], at: usize, element: usize) -> Option<&[u8]> {
    let bytes = usize::try_from(u32_at(data, at)?).ok()?.checked_mul(element)?;
    data.get(at.checked_add(4)?..)?.get(..bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_file_says_how_it_was_made() {
        let bytes = include_bytes!("../../../manifests/models/kws.tflite");
        let graph = crate::model::read(bytes).unwrap().graph;
        let said = origin(bytes, &graph);
        let value = |name: &str| said.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
        assert_eq!(value("file's description"), Some("MLIR Converted."));
        assert_eq!(value("converter"), Some("TensorFlow 2.21.0"), "{said:?}");
        assert_eq!(value("converter's optimization"), Some("post-training full integer"));
        assert_eq!(value("least runtime version"), Some("1.14.0"), "{said:?}");
    }

    #[test]
    fn any_metadata_is_survived() {
        let bytes = include_bytes!("../../../manifests/models/kws.tflite");
        let model = format::root(bytes).unwrap();
        let entry = model.metadata().unwrap().iter().find(|entry| entry.name() == Some("CONVERSION_METADATA")).unwrap();
        let data = buffer(&model, entry.buffer()).unwrap().to_vec();
        for at in 0..data.len() {
            for value in [0, 0x7f, 0x80, 0xff] {
                let mut flipped = data.clone();
                flipped[at] = value;
                drop((version(&flipped), modes(&flipped), version(&data[..at]), modes(&data[..at])));
            }
        }
    }
}
