//! Vectors: inputs of a model, perhaps with a recorded expected output and a label. From an `.npz` file or from a seed.
//!
//! Knows graphs and `NumPy`'s archive format; does not know manifests or where the file lies.

pub mod array;
mod csv;
mod image;
pub mod recording;
mod refusal;
mod wav;

use std::io::{Cursor, Read};

use npyz::npz::NpzArchive;

use crate::model::{self, Graph, TensorId, TensorType};

/// One vector, tensors in the model's order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vector {
    /// Bytes of each input tensor, then of all samples where there is a stream: of [`Graph::feeds`].
    pub inputs: Vec<Vec<u8>>,
    /// Bytes of each output tensor, where recorded.
    pub outputs: Vec<Option<Vec<u8>>>,
    /// Recorded label.
    pub label: Option<i64>,
}

/// Why an `.npz` file gives no vectors.
#[derive(Debug, thiserror::Error)]
pub enum VectorError {
    /// Not a zip archive of arrays.
    #[error("it is not an .npz archive: {0}")]
    Archive(std::io::Error),
    /// An array is missing.
    #[error("it has no array `{name}` for that model input; it has {present}")]
    Missing {
        /// The model input.
        name: String,
        /// What there is.
        present: String,
    },
    /// An array cannot be read.
    #[error("array `{name}` cannot be read: {source}")]
    Array {
        /// The array.
        name: String,
        /// Why.
        source: std::io::Error,
    },
    /// Another element type.
    #[error(
        "array `{name}` has elements of type `{found}`, and the tensor is {wanted}: convert first, with the tensor's scale and zero point where it has any"
    )]
    Type {
        /// The array.
        name: String,
        /// `NumPy`'s type string.
        found: String,
        /// The tensor's type.
        wanted: &'static str,
    },
    /// Another shape.
    #[error(
        "array `{name}` has shape {found:?}; it should be (vectors, {wanted:?}), the tensor's elements for each vector"
    )]
    Shape {
        /// The array.
        name: String,
        /// Its shape.
        found: Vec<u64>,
        /// The tensor's shape.
        wanted: Vec<usize>,
    },
    /// Arrays of different lengths.
    #[error("array `{name}` has {found} vectors, and `{first}` has {wanted}")]
    Count {
        /// The array.
        name: String,
        /// Its vectors.
        found: usize,
        /// The array it is compared with.
        first: String,
        /// That one's vectors.
        wanted: usize,
    },
    /// Column-major arrays.
    #[error("array `{name}` is in Fortran order: save numpy.ascontiguousarray of it")]
    Order {
        /// The array.
        name: String,
    },
    /// No vectors, or more than fit in memory.
    #[error("it has {0} vectors: between 1 and 100,000 are read")]
    Amount(usize),
}

/// Most vectors in a file.
const MOST: usize = 100_000;

/// `count` seeded inputs over the whole range of the input types; streams that are loud and soft by turns.
pub fn random(graph: &Graph, count: u32, seed: u64) -> Vec<Vector> {
    let feed = |vector: u64, (input, (id, _)): (u64, (TensorId, usize))| match graph.hops() {
        Some(hops) if hops.input == id => {
            model::vectors::random_stream(seed, vector, input, graph.tensor(id), hops.total())
        }
        _ => model::vectors::random_tensor(seed, vector, input, graph.tensor(id)),
    };
    let vector = |index: u64| Vector {
        inputs: (0..).zip(graph.feeds()).map(|input| feed(index, input)).collect(),
        outputs: vec![None; graph.outputs.len()],
        label: None,
    };
    (0..u64::from(count)).map(vector).collect()
}

/// Vectors of an `.npz` file: one array for each model input, named like the tensor, vectors along the first axis; `samples`
/// where there is a stream, as many as one inference needs; the same for outputs, and `label`, which may be absent.
pub fn read(bytes: &[u8], graph: &Graph) -> Result<Vec<Vector>, VectorError> {
    let mut archive = NpzArchive::new(Cursor::new(bytes)).map_err(VectorError::Archive)?;
    let mut inputs = Vec::new();
    let feeds = graph.feeds();
    for &(id, size) in &feeds {
        let name = &graph.tensor(id).name;
        let present = || archive_names(bytes);
        inputs.push(
            array(&mut archive, graph, id, size)?
                .ok_or_else(|| VectorError::Missing { name: name.clone(), present: present() })?,
        );
    }
    let mut outputs = Vec::new();
    for id in &graph.outputs {
        outputs.push(array(&mut archive, graph, *id, graph.tensor(*id).bytes())?);
    }
    let count = inputs.first().map_or(0, Vec::len);
    if count == 0 || count > MOST {
        return Err(VectorError::Amount(count));
    }
    let first = feeds.first().map_or_else(String::new, |(id, _)| graph.tensor(*id).name.clone());
    let same = |name: &str, found: usize| {
        if found == count {
            return Ok(());
        }
        Err(VectorError::Count { name: name.to_owned(), found, first: first.clone(), wanted: count })
    };
    for ((id, _), rows) in feeds.iter().zip(&inputs) {
        same(&graph.tensor(*id).name, rows.len())?;
    }
    for (id, rows) in graph.outputs.iter().zip(&outputs) {
        rows.as_ref().map_or(Ok(()), |rows| same(&graph.tensor(*id).name, rows.len()))?;
    }
    let labels = labels(&mut archive)?;
    labels.as_ref().map_or(Ok(()), |labels| same("label", labels.len()))?;
    let vector = |index: usize| Vector {
        inputs: inputs.iter().map(|rows| rows[index].clone()).collect(),
        outputs: outputs.iter().map(|rows| rows.as_ref().map(|rows| rows[index].clone())).collect(),
        label: labels.as_ref().map(|labels| labels[index]),
    };
    Ok((0..count).map(vector).collect())
}

type Archive<'a> = NpzArchive<Cursor<&'a [u8]>>;

fn archive_names(bytes: &[u8]) -> String {
    let names: Vec<String> = NpzArchive::new(Cursor::new(bytes))
        .map(|archive| archive.array_names().map(|name| format!("`{name}`")).collect())
        .unwrap_or_default();
    if names.is_empty() { "no array".to_owned() } else { names.join(", ") }
}

/// The rows of a tensor's array: one a vector, of `size` bytes, which is a multiple of the tensor's for the hops of a stream.
fn array(archive: &mut Archive, graph: &Graph, id: TensorId, size: usize) -> Result<Option<Vec<Vec<u8>>>, VectorError> {
    let tensor = graph.tensor(id);
    let times = size / tensor.bytes().max(1);
    let name = || tensor.name.clone();
    let unreadable = |source| VectorError::Array { name: name(), source };
    let Some(file) = archive.by_name(&tensor.name).map_err(unreadable)? else { return Ok(None) };
    if file.order() != npyz::Order::C && file.shape().len() > 1 {
        return Err(VectorError::Order { name: name() });
    }
    let (shape, elements) = (file.shape().to_vec(), (tensor.elements() * times).max(1));
    let total = shape.iter().try_fold(1u64, |product, size| product.checked_mul(*size));
    let count = shape.first().copied().and_then(|count| usize::try_from(count).ok()).unwrap_or(0);
    if count > MOST {
        return Err(VectorError::Amount(count));
    }
    if total != Some((count * elements) as u64) || shape.len() < 2 {
        let mut wanted = tensor.shape.clone();
        wanted.iter_mut().take(1).for_each(|size| *size *= times);
        return Err(VectorError::Shape { name: name(), found: shape, wanted });
    }
    let found = file.dtype().descr();
    let flat = match tensor.dtype {
        TensorType::Int8 => bytes(file, i8::to_le_bytes),
        TensorType::Uint8 => bytes(file, u8::to_le_bytes),
        TensorType::Bool => bytes(file, |value: bool| [u8::from(value)]),
        TensorType::Int16 => bytes(file, i16::to_le_bytes),
        TensorType::Int32 => bytes(file, i32::to_le_bytes),
        TensorType::Uint32 => bytes(file, u32::to_le_bytes),
        TensorType::Int64 => bytes(file, i64::to_le_bytes),
        TensorType::Float32 => bytes(file, f32::to_le_bytes),
        _ => None,
    };
    let Some(flat) = flat else {
        return Err(VectorError::Type { name: name(), found, wanted: tensor.dtype.name() });
    };
    let flat = flat.map_err(unreadable)?;
    Ok(Some(flat.chunks_exact(size.max(1)).map(<[u8]>::to_vec).collect()))
}

/// An array's elements as bytes, least significant first; `None` where they are of another type.
fn bytes<T: npyz::Deserialize, const N: usize>(
    file: npyz::NpyFile<impl Read>,
    convert: fn(T) -> [u8; N],
) -> Option<std::io::Result<Vec<u8>>> {
    let data = file.data::<T>().ok()?;
    let values: std::io::Result<Vec<T>> = data.collect();
    Some(values.map(|values| values.into_iter().flat_map(convert).collect()))
}

fn labels(archive: &mut Archive) -> Result<Option<Vec<i64>>, VectorError> {
    let unreadable = |source| VectorError::Array { name: "label".to_owned(), source };
    let Some(file) = archive.by_name("label").map_err(unreadable)? else { return Ok(None) };
    if file.len() > MOST as u64 {
        return Err(VectorError::Amount(usize::try_from(file.len()).unwrap_or(usize::MAX)));
    }
    let found = file.dtype().descr();
    let file = match file.try_data::<i64>() {
        Ok(data) => return data.collect::<Result<_, _>>().map(Some).map_err(unreadable),
        Err(file) => file,
    };
    let file = match file.try_data::<i32>() {
        Ok(data) => return widen(data).map(Some).map_err(unreadable),
        Err(file) => file,
    };
    match file.try_data::<u8>() {
        Ok(data) => widen(data).map(Some).map_err(unreadable),
        Err(_) => Err(VectorError::Type { name: "label".to_owned(), found, wanted: "int64, int32 or uint8" }),
    }
}

fn widen<T: npyz::Deserialize + Into<i64>, R: Read>(data: npyz::NpyReader<T, R>) -> std::io::Result<Vec<i64>> {
    data.map(|value| value.map(Into::into)).collect()
}

#[cfg(test)]
mod tests {
    use npyz::WriterBuilder;
    use npyz::npz::NpzWriter;
    use npyz::zip::write::FileOptions;

    use super::*;
    use crate::model::Tensor;

    fn graph() -> Graph {
        let tensor = |name: &str, shape: &[usize]| Tensor {
            name: name.into(),
            dtype: TensorType::Int8,
            shape: shape.into(),
            quantization: None,
            constant: None,
            signature: vec![],
            variable: false,
            unpacked_from: None,
        };
        Graph {
            tensors: vec![tensor("x", &[1, 3]), tensor("y", &[1, 2])],
            operators: vec![],
            inputs: vec![TensorId(0)],
            outputs: vec![TensorId(1)],
            pipeline: None,
        }
    }

    fn npz(arrays: &[(&str, &[u64], &[i8])]) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        let mut writer = NpzWriter::new(&mut bytes);
        for (name, shape, values) in arrays {
            let mut array =
                writer.array(name, FileOptions::default()).unwrap().default_dtype().shape(shape).begin_nd().unwrap();
            array.extend(values.iter().copied()).unwrap();
            array.finish().unwrap();
        }
        drop(writer);
        bytes.into_inner()
    }

    #[test]
    fn inputs_and_recorded_outputs_are_read() {
        let vectors =
            read(&npz(&[("x", &[2, 1, 3], &[1, 2, 3, -4, 5, 6]), ("y", &[2, 1, 2], &[7, 8, 9, 10])]), &graph())
                .unwrap();
        assert_eq!(vectors.len(), 2);
        assert_eq!(vectors[1].inputs, [vec![252, 5, 6]]);
        assert_eq!(vectors[1].outputs, [Some(vec![9, 10])]);
    }

    #[test]
    fn mistakes_are_named() {
        let message = |arrays: &[(&str, &[u64], &[i8])]| read(&npz(arrays), &graph()).unwrap_err().to_string();
        assert_eq!(message(&[("z", &[1, 3], &[0; 3])]), "it has no array `x` for that model input; it has `z`");
        assert!(message(&[("x", &[1, 4], &[0; 4])]).contains("shape [1, 4]"));
        assert!(
            message(&[("x", &[2, 3], &[0; 6]), ("y", &[1, 2], &[0; 2])]).contains("`y` has 1 vectors, and `x` has 2")
        );
        assert!(message(&[("x", &[0, 3], &[])]).contains("0 vectors"));
        assert!(read(b"PK nonsense", &graph()).is_err());
    }
}
