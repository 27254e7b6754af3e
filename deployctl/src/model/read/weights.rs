//! Constants: which tensors have data in the file, and a blob that holds what operators read of it.

use std::collections::BTreeMap;

use tflite_flatbuffers as format;

use super::source::{Data, File};
use super::unfold::Unfolded;
use super::{ReadError, elements, packed};
use crate::model::graph::Constant;
use crate::model::{Tensor, TensorId, TensorType};

/// Copies the constants that operators read (or that are `kept` for another reason) into one blob, each buffer once. Gives the
/// tensors, with notes where their constants lie, and the blob.
pub(super) fn collect(
    file: &File<'_>,
    unfolded: &Unfolded<'_>,
    kept: &[TensorId],
) -> Result<(Vec<Tensor>, Vec<u8>), ReadError> {
    let Unfolded { operators, data, .. } = unfolded;
    let mut tensors = unfolded.tensors.clone();
    let length = |index: usize, tensor: &Tensor, bytes: &[u8]| {
        let (subgraph, index) = unfolded.origins[index];
        length(index, tensor, bytes).map_err(|error| error.of_subgraph(subgraph))
    };
    let mut used = vec![false; tensors.len()];
    for id in operators.iter().flat_map(|operator| operator.inputs.iter().flatten()).chain(kept) {
        used[id.0] = true;
    }
    // A buffer that several tensors share is copied once, as far as the longest of them reaches; what is unpacked is another
    // copy.
    let unpacked = packed::filters(operators, kept, &tensors);
    let mut reach = vec![[0; 2]; file.buffers.len()];
    for (index, tensor) in tensors.iter().enumerate() {
        if let (true, Some((buffer, bytes))) = (used[index], data[index]) {
            let reach = &mut reach[buffer][usize::from(unpacked[index])];
            *reach = length(index, tensor, bytes)?.max(*reach);
        }
    }
    let mut blob = Vec::new();
    let mut placed = vec![[None; 2]; file.buffers.len()];
    for (index, tensor) in tensors.iter_mut().enumerate() {
        let (true, Some((buffer, bytes))) = (used[index], data[index]) else { continue };
        let copy = usize::from(unpacked[index]);
        let len = length(index, tensor, bytes)?;
        if unpacked[index] {
            tensor.unpacked_from = Some(tensor.dtype);
            tensor.dtype = TensorType::Int8;
        }
        let offset = if let Some(offset) = placed[buffer][copy] {
            offset
        } else {
            let bytes = &bytes[..reach[buffer][copy]];
            let Constant { offset, .. } = if unpacked[index] {
                Constant::append(&mut blob, &packed::unpack(bytes, bytes.len() * 2).collect::<Vec<u8>>())
            } else {
                Constant::append(&mut blob, bytes)
            };
            // Buffers of a sound file do not overlap, so that together they cannot be more than the file, and unpacked no
            // more than twice as much.
            let copies = if unpacked.contains(&true) { 3 } else { 1 };
            let most = file.bytes.len().saturating_add(Constant::ALIGNMENT * file.buffers.len());
            if blob.len() > most.saturating_mul(copies) {
                let problem = "shares its bytes with other buffers";
                return Err(ReadError::inconsistent(format!("model.buffers[{buffer}]"), problem));
            }
            placed[buffer][copy] = Some(offset);
            offset
        };
        let len = if unpacked[index] { tensor.elements() } else { len };
        tensor.constant = Some(Constant { offset, len });
    }
    Ok((tensors, blob))
}

/// Of each tensor of a subgraph the buffer with its data; `None` where it has none, which makes the tensor an activation.
pub(super) fn data<'a>(file: &File<'a>, subgraph: &format::SubGraph<'a>) -> Result<Vec<Data<'a>>, ReadError> {
    let of = |(index, tensor): (usize, format::Tensor<'_>)| buffer_of(file.bytes, &file.buffers, index, &tensor);
    elements(subgraph.tensors()).enumerate().map(of).collect()
}

/// The bytes of one tensor, where it is a constant.
pub(super) fn constant<'a>(data: Data<'a>, index: usize, tensor: &Tensor) -> Result<Option<&'a [u8]>, ReadError> {
    data.map(|(_, data)| Ok(&data[..length(index, tensor, data)?])).transpose()
}

/// The blob of constants, while it grows.
pub(super) struct Blob<'a> {
    bytes: &'a mut Vec<u8>,
    /// Where the data of a buffer, named by its own place in memory and its length, has been copied to.
    copied: BTreeMap<(*const u8, usize), Constant>,
    /// Bytes that may still come.
    room: usize,
}

impl<'a> Blob<'a> {
    /// `file` bounds what may be added: its buffers, each once, are not more than that.
    pub(super) fn new(bytes: &'a mut Vec<u8>, file: &[u8]) -> Self {
        Self { bytes, copied: BTreeMap::new(), room: file.len() }
    }

    /// Appends a constant, where there is room.
    pub(super) fn append(&mut self, data: &[u8]) -> Option<Constant> {
        let key = (data.as_ptr(), data.len());
        if let Some(&constant) = self.copied.get(&key) {
            return Some(constant);
        }
        self.room = self.room.checked_sub(data.len())?;
        let constant = Constant::append(self.bytes, data);
        self.copied.insert(key, constant);
        Some(constant)
    }
}

/// Bytes of the constant, which the buffer must have.
fn length(index: usize, tensor: &Tensor, data: &[u8]) -> Result<usize, ReadError> {
    // Strings and handles have no size of their own.
    if matches!(tensor.dtype, TensorType::String | TensorType::Resource | TensorType::Variant) {
        return Ok(data.len());
    }
    let needed = tensor.bytes();
    if needed > data.len() {
        let field = format!("model.subgraphs[0].tensors[{index}].buffer");
        let problem = format!("has {} bytes, but `{}` needs {needed}", data.len(), tensor.name);
        return Err(ReadError::inconsistent(field, problem));
    }
    Ok(needed)
}

/// The buffer of a tensor and its data; `None` where it has none, which makes the tensor an activation.
fn buffer_of<'a>(
    file: &'a [u8],
    buffers: &[format::Buffer<'a>],
    index: usize,
    tensor: &format::Tensor<'_>,
) -> Result<Data<'a>, ReadError> {
    let field = |name: &str| format!("model.subgraphs[0].tensors[{index}].{name}");
    if tensor.external_buffer() != 0 {
        let what = format!("is {}: weights in another file", tensor.external_buffer());
        return Err(ReadError::unsupported(field("external_buffer"), what, "export the model as a single file"));
    }
    let position = usize::try_from(tensor.buffer()).unwrap_or(usize::MAX);
    let Some(buffer) = buffers.get(position) else {
        // Buffer 0 stands for "no data" by convention; a model without constants may have no buffers at all.
        if position == 0 {
            return Ok(None);
        }
        let problem = format!("is {position}, but the model has {} buffers", buffers.len());
        return Err(ReadError::inconsistent(field("buffer"), problem));
    };
    let data = bytes_of(file, buffer, position)?;
    if data.is_empty() {
        return Ok(None);
    }
    if tensor.sparsity().is_some() {
        let what = "is present: a sparse constant";
        return Err(ReadError::unsupported(field("sparsity"), what, "export the model with dense weights"));
    }
    Ok(Some((position, data)))
}

/// A buffer's data: inside the FlatBuffer or, in files made for more than 2 GB, behind it.
fn bytes_of<'a>(file: &'a [u8], buffer: &format::Buffer<'a>, position: usize) -> Result<&'a [u8], ReadError> {
    // The format reserves offset 1 for "not yet known" and 0 for "inside".
    if buffer.offset() <= 1 {
        return Ok(buffer.data().map(|data| data.bytes()).unwrap_or_default());
    }
    let start = usize::try_from(buffer.offset()).ok();
    let len = usize::try_from(buffer.size()).ok();
    start.zip(len).and_then(|(start, len)| file.get(start..start.checked_add(len)?)).ok_or_else(|| {
        let problem = format!("is {} with size {}, beyond the file", buffer.offset(), buffer.size());
        ReadError::inconsistent(format!("model.buffers[{position}].offset"), problem)
    })
}
