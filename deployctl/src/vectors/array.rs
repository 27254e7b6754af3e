//! Arrays of `NumPy`'s files, as numbers: what a training side has saved. Every element is a finite number.
//!
//! Knows `.npy` and `.npz`; does not know what arrays are for.

use std::io::{Cursor, Read};

use npyz::npz::NpzArchive;

/// Most elements of an array that is read.
const MOST: u64 = 1 << 25;

/// One array, row-major.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    /// Dimensions.
    pub shape: Vec<usize>,
    /// Name of the element type as it is written, such as `<f4`.
    pub dtype: String,
    /// Whether elements are of an integer type, or bool.
    pub integer: bool,
    /// The elements. Integers beyond 2^53 are rounded.
    pub values: Vec<f64>,
}

/// Why there is no array.
#[derive(Debug, thiserror::Error)]
pub enum ArrayError {
    /// Not a zip archive of arrays.
    #[error("it is not an .npz archive: {0}; save it with numpy.savez")]
    Archive(std::io::Error),
    /// The bytes are no array.
    #[error("{name} cannot be read: {source}; is the file whole? save it again with numpy")]
    Unreadable {
        /// The array.
        name: String,
        /// Why.
        source: std::io::Error,
    },
    /// Elements that are no plain numbers.
    #[error(
        "{name} has elements of type {found}: integer, real and complex numbers of the usual sizes are read, least significant \
         byte first; save .astype(numpy.float32) of it"
    )]
    Type {
        /// The array.
        name: String,
        /// `NumPy`'s type string.
        found: String,
    },
    /// Column-major.
    #[error("{name} is in Fortran order; save numpy.ascontiguousarray of it")]
    Order {
        /// The array.
        name: String,
    },
    /// NaN or infinity.
    #[error("{name} is {found} at {coordinate:?}; look for log(0) or 0/0 in the script that made it")]
    NotFinite {
        /// The array.
        name: String,
        /// What is there.
        found: f64,
        /// Where.
        coordinate: Vec<usize>,
    },
    /// More than fits in memory.
    #[error("{name} has more than {MOST} elements; save fewer vectors")]
    TooLarge {
        /// The array.
        name: String,
    },
}

/// The arrays of an `.npz` file, each read when it is asked for.
pub struct Arrays<'a> {
    archive: NpzArchive<Cursor<&'a [u8]>>,
    names: Vec<String>,
}

impl<'a> Arrays<'a> {
    /// Opens an archive.
    pub fn open(bytes: &'a [u8]) -> Result<Self, ArrayError> {
        let archive = NpzArchive::new(Cursor::new(bytes)).map_err(ArrayError::Archive)?;
        let mut names: Vec<String> = archive.array_names().map(str::to_owned).collect();
        names.sort();
        Ok(Self { archive, names })
    }

    /// What arrays there are, sorted.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The array of that name, where there is one.
    pub fn get(&mut self, name: &str) -> Result<Option<Array>, ArrayError> {
        let shown = format!("array `{name}`");
        let file = self.archive.by_name(name);
        let file = file.map_err(|source| ArrayError::Unreadable { name: shown.clone(), source })?;
        file.map(|file| array(file, &shown)).transpose()
    }
}

/// The array of an `.npy` file.
pub fn npy(bytes: &[u8]) -> Result<Array, ArrayError> {
    let file = npyz::NpyFile::new(bytes);
    array(file.map_err(|source| ArrayError::Unreadable { name: "the array".to_owned(), source })?, "the array")
}

fn array<R: Read>(file: npyz::NpyFile<R>, name: &str) -> Result<Array, ArrayError> {
    let named = || name.to_owned();
    let product = file.shape().iter().try_fold(1_u64, |product, size| product.checked_mul(*size));
    if product.is_none_or(|elements| elements > MOST) {
        return Err(ArrayError::TooLarge { name: named() });
    }
    if file.order() != npyz::Order::C && file.shape().len() > 1 {
        return Err(ArrayError::Order { name: named() });
    }
    let mut shape: Vec<usize> = file.shape().iter().filter_map(|size| usize::try_from(*size).ok()).collect();
    let dtype = file.dtype().descr().trim_matches('\'').to_owned();
    let read = match &dtype[..] {
        "<c8" | "<c16" => {
            let elements = shape.iter().product();
            shape.push(2);
            Some(complex(file, &dtype, elements))
        }
        _ => numbers(file),
    };
    let read = read.ok_or_else(|| ArrayError::Type { name: named(), found: dtype.clone() })?;
    let values = read.map_err(|source| ArrayError::Unreadable { name: named(), source })?;
    if let Some(at) = values.iter().position(|value| !value.is_finite()) {
        return Err(ArrayError::NotFinite { name: named(), found: values[at], coordinate: coordinate(&shape, at) });
    }
    Ok(Array { shape, integer: !dtype.contains(['f', 'c']), dtype, values })
}

/// Real and imaginary parts beside each other.
fn complex<R: Read>(file: npyz::NpyFile<R>, dtype: &str, elements: usize) -> std::io::Result<Vec<f64>> {
    let mut bytes = Vec::new();
    file.into_inner().read_to_end(&mut bytes)?;
    let parts: Vec<f64> = match dtype {
        "<c8" => bytes.as_chunks().0.iter().map(|&part| f32::from_le_bytes(part).into()).collect(),
        _ => bytes.as_chunks().0.iter().map(|&part| f64::from_le_bytes(part)).collect(),
    };
    if parts.len() < 2 * elements {
        return Err(std::io::ErrorKind::UnexpectedEof.into());
    }
    Ok(parts[..2 * elements].to_vec())
}

/// The elements; `None` where they are no plain numbers.
#[expect(clippy::cast_precision_loss, reason = "as documented")]
fn numbers<R: Read>(file: npyz::NpyFile<R>) -> Option<std::io::Result<Vec<f64>>> {
    let file = match read::<f32, _>(file, f64::from) {
        Ok(values) => return Some(values),
        Err(file) => file,
    };
    let file = match read::<f64, _>(file, |value| value) {
        Ok(values) => return Some(values),
        Err(file) => file,
    };
    let file = match read::<i8, _>(file, f64::from) {
        Ok(values) => return Some(values),
        Err(file) => file,
    };
    let file = match read::<u8, _>(file, f64::from) {
        Ok(values) => return Some(values),
        Err(file) => file,
    };
    let file = match read::<i16, _>(file, f64::from) {
        Ok(values) => return Some(values),
        Err(file) => file,
    };
    let file = match read::<u16, _>(file, f64::from) {
        Ok(values) => return Some(values),
        Err(file) => file,
    };
    let file = match read::<i32, _>(file, f64::from) {
        Ok(values) => return Some(values),
        Err(file) => file,
    };
    let file = match read::<u32, _>(file, f64::from) {
        Ok(values) => return Some(values),
        Err(file) => file,
    };
    let file = match read::<i64, _>(file, |value| value as f64) {
        Ok(values) => return Some(values),
        Err(file) => file,
    };
    read::<bool, _>(file, |value| f64::from(u8::from(value))).ok()
}

/// The elements, if they are of type `T`; else the file again.
fn read<T: npyz::Deserialize, R: Read>(
    file: npyz::NpyFile<R>,
    number: fn(T) -> f64,
) -> Result<std::io::Result<Vec<f64>>, npyz::NpyFile<R>> {
    file.try_data::<T>().map(|data| data.map(|value| value.map(number)).collect())
}

/// The coordinate of the element at `position` of a row-major array.
pub fn coordinate(shape: &[usize], position: usize) -> Vec<usize> {
    let mut rest = position;
    let mut coordinate: Vec<usize> = shape
        .iter()
        .rev()
        .map(|&size| {
            let at = rest % size.max(1);
            rest /= size.max(1);
            at
        })
        .collect();
    coordinate.reverse();
    coordinate
}

#[cfg(test)]
pub(crate) mod tests {
    use npyz::npz::NpzWriter;
    use npyz::zip::write::FileOptions;
    use npyz::{AutoSerialize, Order, WriterBuilder};

    use super::*;

    /// Bytes of an `.npy` file.
    pub(crate) fn file<T: AutoSerialize + Copy>(shape: &[u64], order: Order, values: &[T]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let options = npyz::WriteOptions::new().default_dtype().shape(shape).order(order).writer(&mut bytes);
        let mut writer = options.begin_nd().unwrap();
        writer.extend(values.iter().copied()).unwrap();
        writer.finish().unwrap();
        bytes
    }

    /// Bytes of an `.npz` file with arrays of float32.
    pub(crate) fn archive(arrays: &[(&str, &[u64], &[f32])]) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        let mut writer = NpzWriter::new(&mut bytes);
        for (name, shape, values) in arrays {
            let array = writer.array(name, FileOptions::default()).unwrap().default_dtype().shape(shape);
            let mut array = array.begin_nd().unwrap();
            array.extend(values.iter().copied()).unwrap();
            array.finish().unwrap();
        }
        drop(writer);
        bytes.into_inner()
    }

    #[test]
    fn numbers_of_every_plain_type_are_read() {
        let values = |bytes: &[u8]| {
            let array = npy(bytes).unwrap();
            (array.integer, array.values)
        };
        assert_eq!(values(&file(&[2], Order::C, &[1.5_f32, -2.0])), (false, vec![1.5, -2.0]));
        assert_eq!(values(&file(&[2], Order::C, &[1.5_f64, -2.0])), (false, vec![1.5, -2.0]));
        assert_eq!(values(&file(&[1], Order::C, &[-7_i8])), (true, vec![-7.0]));
        assert_eq!(values(&file(&[1], Order::C, &[255_u8])), (true, vec![255.0]));
        assert_eq!(values(&file(&[1], Order::C, &[-300_i16])), (true, vec![-300.0]));
        assert_eq!(values(&file(&[1], Order::C, &[65_535_u16])), (true, vec![65_535.0]));
        assert_eq!(values(&file(&[1], Order::C, &[i32::MIN])), (true, vec![-2_147_483_648.0]));
        assert_eq!(values(&file(&[1], Order::C, &[u32::MAX])), (true, vec![4_294_967_295.0]));
        assert_eq!(values(&file(&[1], Order::C, &[-1_i64])), (true, vec![-1.0]));
        assert_eq!(values(&file(&[1], Order::C, &[true])), (true, vec![1.0]));
    }

    #[test]
    fn what_is_no_sound_array_is_refused_with_a_way_out() {
        let message = |bytes: &[u8]| npy(bytes).unwrap_err().to_string();
        assert_eq!(
            message(&file(&[2, 2], Order::C, &[0.0, 1.0, f32::NAN, 0.0])),
            "the array is NaN at [1, 0]; look for log(0) or 0/0 in the script that made it"
        );
        assert!(message(&file(&[1], Order::C, &[f64::NEG_INFINITY])).starts_with("the array is -inf at [0]"));
        assert!(message(&file(&[2, 2], Order::Fortran, &[0.0_f32; 4])).ends_with("save numpy.ascontiguousarray of it"));
        let whole = file(&[100], Order::C, &[1.0_f32; 100]);
        for cut in [0, 5, 60, whole.len() - 1] {
            assert!(message(&whole[..cut]).contains("is the file whole?"), "{cut}");
        }
        assert!(message(b"RIFF nonsense that is long enough").contains("cannot be read"));
        let mut text = file(&[1], Order::C, &[1.0_f64]);
        let at = text.windows(2).position(|pair| pair == b"f8").unwrap();
        text[at] = b'S';
        assert!(message(&text).contains("save .astype(numpy.float32)"), "{}", message(&text));
        let mut huge = file(&[1], Order::C, &[1_u8]);
        let at = huge.windows(2).position(|text| text == b"(1").unwrap();
        huge[at..at + 18].copy_from_slice(b"(99999999999,), } ");
        assert!(message(&huge).contains("more than 33554432 elements"), "{}", message(&huge));
    }

    #[test]
    fn complex_numbers_are_pairs() {
        let mut complex = file(&[2, 2], Order::C, &[1.0_f64, 2.0, 3.0, 4.0]);
        let at = complex.windows(2).position(|pair| pair == b"f8").unwrap();
        complex[at..at + 2].copy_from_slice(b"c8");
        let pair: Vec<u8> = [1.0_f32, -2.0].iter().flat_map(|part| part.to_le_bytes()).collect();
        let data = complex.len() - 32;
        complex[data..data + 8].copy_from_slice(&pair);
        let array = npy(&complex).unwrap();
        assert_eq!((&array.shape[..], &array.values[..2], array.integer), (&[2, 2, 2][..], &[1.0, -2.0][..], false));
        let error = npy(&complex[..complex.len() - 4]).unwrap_err().to_string();
        assert!(error.contains("is the file whole?"), "{error}");
    }

    #[test]
    fn arrays_are_found_by_name() {
        let bytes = archive(&[("mel", &[1, 2], &[0.5, 1.0]), ("fft", &[1], &[2.0])]);
        let mut arrays = Arrays::open(&bytes).unwrap();
        assert_eq!(arrays.names(), ["fft", "mel"]);
        assert_eq!(arrays.get("mel").unwrap().unwrap().shape, [1, 2]);
        assert_eq!(arrays.get("dct").unwrap(), None);
        assert!(Arrays::open(b"PK").is_err());
    }
}
