//! Recordings: raw inputs of a pipeline, a file a vector. WAV for sound, CSV and NPY for sound and sensors, PNG, JPEG and BMP
//! for images.
//!
//! Knows file formats and what a source takes; does not know where files lie, nor steps.

use preprocess::PixelFormat;

pub use super::refusal::RecordingError;

use super::array::{Array, npy};
use super::{csv, wav};
use crate::model::pipeline::Source;
use crate::model::{Graph, TensorType};

/// A file format, by the file's extension.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are the formats'")]
pub enum Format {
    Wav,
    Csv,
    Npy,
    Image,
}

/// Extensions that are read, for messages.
pub const EXTENSIONS: &str = ".wav, .csv, .npy, .png, .jpg and .bmp";

impl Format {
    /// The format of a file of that name.
    pub fn of(name: &str) -> Option<Self> {
        let extension = name.rsplit_once('.')?.1.to_ascii_lowercase();
        Some(match extension.as_str() {
            "wav" => Self::Wav,
            "csv" => Self::Csv,
            "npy" => Self::Npy,
            "png" | "jpg" | "jpeg" | "bmp" => Self::Image,
            _ => return None,
        })
    }
}

/// What a source says about files, beyond the shape and type of its tensor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Medium {
    /// Samples a second that sound must have.
    pub rate: Option<u32>,
    /// Whether the blue byte of a pixel comes first, which image files are turned into.
    pub blue_first: bool,
}

impl Medium {
    /// Of a source.
    pub fn of(source: &Source) -> Self {
        match source {
            Source::Audio { rate } => Self { rate: Some(*rate), blue_first: false },
            Source::Image(picture) => Self { rate: None, blue_first: picture.format == PixelFormat::Bgr888 },
            Source::Sensor(_) => Self::default(),
        }
    }
}

/// What a source takes for one vector: moments, such as samples of sound, one after another.
#[derive(Clone, Debug, PartialEq)]
pub struct Port {
    /// Element type.
    pub dtype: TensorType,
    /// Dimensions of a moment; none of one channel.
    pub moment: Vec<usize>,
    /// Moments that one vector needs.
    pub needed: usize,
    /// What makes so many, in words.
    pub because: String,
    /// Whether time may be cut or filled.
    pub stream: bool,
    /// What is recorded.
    pub medium: Medium,
}

impl Port {
    /// What the source of a graph takes, in which `join` has put a pipeline.
    ///
    /// # Errors
    ///
    /// The model has other inputs, which recordings do not bring.
    pub fn of(graph: &Graph, medium: Medium) -> Result<Self, RecordingError> {
        let (feeds, hops) = (graph.feeds(), graph.hops());
        let [(source, _)] = feeds[..] else {
            let others = graph.inputs.iter().map(|id| graph.tensor(*id).name.clone()).collect();
            return Err(RecordingError::Inputs { others });
        };
        let tensor = graph.tensor(source);
        let (first, moment) = tensor.shape.split_first().map_or((1, &[][..]), |(first, rest)| (*first, rest));
        let total = hops.map_or(1, crate::model::pipeline::Hops::total);
        let because = match hops {
            Some(hops) => format!("{} hops of {first}, for {} frames", grouped(total), grouped(hops.frames)),
            None => format!("shape {:?}", tensor.shape),
        };
        Ok(Self {
            dtype: tensor.dtype,
            moment: moment.to_vec(),
            needed: first * total,
            because,
            stream: hops.is_some(),
            medium,
        })
    }

    /// Elements of a moment.
    pub fn width(&self) -> usize {
        self.moment.iter().product()
    }

    /// Bytes of one vector.
    pub fn bytes(&self) -> usize {
        self.needed * self.width() * self.dtype.bits() / 8
    }
}

/// What happens to a recording of another length than a vector needs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Fit {
    /// A longer one gives its beginning; else it is refused.
    pub cut: bool,
    /// A shorter one is filled with zeros at its end; else it is refused.
    pub pad: bool,
}

/// The bytes that a recording brings to the source, as many as one vector needs.
pub fn read(format: Format, bytes: &[u8], port: &Port, fit: Fit) -> Result<Vec<u8>, RecordingError> {
    if bytes.is_empty() {
        return Err(RecordingError::Empty);
    }
    let found = match format {
        Format::Wav => wav::read(bytes, port)?,
        Format::Csv => csv::read(bytes, port)?,
        Format::Npy => elements(&npy(bytes)?, port)?,
        Format::Image => super::image::read(bytes, port)?,
    };
    fitted(found, port, fit)
}

/// Raw inputs that are in an array: vectors, moments, then a moment's own dimensions.
pub fn vectors(array: &Array, port: &Port, fit: Fit) -> Result<Vec<Vec<u8>>, RecordingError> {
    let count = array.shape.first().copied().unwrap_or(0);
    if count == 0 || array.values.is_empty() {
        return Err(RecordingError::Empty);
    }
    let each = |values: &[f64]| {
        let one = Array { shape: array.shape[1..].to_vec(), values: values.to_vec(), ..array.clone() };
        fitted(elements(&one, port)?, port, fit)
    };
    array.values.chunks(array.values.len() / count).map(each).collect()
}

/// An array's elements as the source's, whose type it must have.
fn elements(array: &Array, port: &Port) -> Result<Vec<u8>, RecordingError> {
    let (width, wanted) = (port.width(), port.dtype.name());
    let row: usize = array.shape.iter().skip(1).product();
    if row != width {
        let advice = "the array's first axis is time, its second one channels";
        return Err(RecordingError::Channels { found: row, wanted: width, advice });
    }
    if array.integer == (port.dtype == TensorType::Float32) {
        let advice = match port.dtype {
            TensorType::Int16 => {
                "sound files hold int16: load it as such (soundfile.read(…, dtype=\"int16\")) and save that"
            }
            _ => "save the array as this type, with .astype",
        };
        return Err(RecordingError::Samples { found: format!("`{}`", array.dtype), wanted, advice });
    }
    let mut bytes = Vec::with_capacity(array.values.len() * port.dtype.bits() / 8);
    for (at, value) in array.values.iter().enumerate() {
        bytes.extend(element(*value, port.dtype).ok_or_else(|| RecordingError::Number {
            line: at + 1,
            text: value.to_string(),
            reason: "outside of the source's type",
            advice: "numbers that do not fit are not wrapped: save what the sensor gave",
        })?);
    }
    Ok(bytes)
}

/// A number as an element, least significant byte first; `None` where it does not fit.
#[expect(
    clippy::cast_possible_truncation,
    reason = "rounding to f32 is what is asked; whole numbers are looked at first"
)]
pub(super) fn element(value: f64, dtype: TensorType) -> Option<Vec<u8>> {
    let whole = (value.fract() == 0.0 && value.abs() < 9e15).then_some(value as i64);
    Some(match dtype {
        TensorType::Float32 => (value as f32).is_finite().then(|| (value as f32).to_le_bytes().to_vec())?,
        TensorType::Int8 => i8::try_from(whole?).ok()?.to_le_bytes().to_vec(),
        TensorType::Uint8 => u8::try_from(whole?).ok()?.to_le_bytes().to_vec(),
        TensorType::Int16 => i16::try_from(whole?).ok()?.to_le_bytes().to_vec(),
        TensorType::Int32 => i32::try_from(whole?).ok()?.to_le_bytes().to_vec(),
        _ => return None,
    })
}

/// A recording in the length of a vector.
fn fitted(mut found: Vec<u8>, port: &Port, fit: Fit) -> Result<Vec<u8>, RecordingError> {
    let moment = (port.width() * port.dtype.bits() / 8).max(1);
    let (has, needs) = (found.len() / moment, port.needed);
    if has == 0 {
        return Err(RecordingError::Empty);
    }
    let may = port.stream;
    if has == needs || may && (has > needs && fit.cut || has < needs && fit.pad) {
        found.resize(port.bytes(), 0);
        return Ok(found);
    }
    let advice = match (may, has > needs) {
        (true, true) => "cut it, or write `longer=\"cut\"` to take its beginning",
        (true, false) => "record longer, or write `shorter=\"pad\"` to fill it with zeros at its end",
        (false, _) => "bring exactly as many",
    };
    let because = port.because.clone();
    Err(RecordingError::Length { found: grouped(has), needed: grouped(needs), because, advice })
}

/// What whoever reads a report should know about int16 samples: that there is no sound in them, or too much.
pub fn remark(samples: &[u8], port: &Port) -> Option<&'static str> {
    /// So many samples at the end of their range, one after another, are no accident.
    const CLIPPED: usize = 4;
    if port.dtype != TensorType::Int16 {
        return None;
    }
    let samples: Vec<i16> = samples.as_chunks().0.iter().map(|&pair| i16::from_le_bytes(pair)).collect();
    let mut runs = samples.chunk_by(|one, next| one == next);
    if samples.iter().all(|sample| *sample == samples[0]) {
        return Some("is silent: all of its samples are the same");
    }
    let clipped = runs.any(|run| run.len() >= CLIPPED && matches!(run[0], i16::MIN | i16::MAX));
    clipped.then_some("is clipped: it stays at the end of the int16 range, so record it quieter")
}

/// A number with its thousands apart.
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let parts: Vec<&[u8]> = digits.as_bytes().rchunks(3).rev().collect();
    parts.into_iter().map(String::from_utf8_lossy).collect::<Vec<_>>().join(",")
}

/// The name of a file, and why it is no vector.
pub type Refused = (String, RecordingError);

/// Recordings as vectors, in the order of their files, and what there is to say about them.
///
/// # Errors
///
/// With the name of the file at fault, which may be the one with labels.
pub fn gather(
    files: &[(String, Vec<u8>)],
    labels: Option<(&str, &[u8])>,
    names: &[String],
    graph: &Graph,
    medium: Medium,
    fit: Fit,
) -> Result<(Vec<super::Vector>, Vec<String>), Refused> {
    let (raw, remarks) = raw(files, graph, medium, fit)?;
    let known = labels.map(|(file, bytes)| csv::labels(bytes, names).map_err(|error| (file.to_owned(), error)));
    let known = known.transpose()?;
    let mut vectors = Vec::with_capacity(raw.len());
    for ((name, _), bytes) in files.iter().zip(raw) {
        let label = match (&known, labels) {
            (Some(known), Some((file, _))) => {
                let found = known.iter().find(|(known, _)| known == name).map(|(_, label)| *label);
                Some(found.ok_or_else(|| (file.to_owned(), RecordingError::Unlabelled { name: name.clone() }))?)
            }
            _ => None,
        };
        vectors.push(super::Vector { inputs: vec![bytes], outputs: vec![None; graph.outputs.len()], label });
    }
    Ok((vectors, remarks))
}

/// The bytes that each recording brings, and what there is to say about them.
pub fn raw(
    files: &[(String, Vec<u8>)],
    graph: &Graph,
    medium: Medium,
    fit: Fit,
) -> Result<(Vec<Vec<u8>>, Vec<String>), Refused> {
    let (mut raw, mut remarks) = (Vec::with_capacity(files.len()), Vec::new());
    for (name, bytes) in files {
        let at = |error| (name.clone(), error);
        let port = Port::of(graph, medium).map_err(at)?;
        let format = Format::of(name).ok_or_else(|| at(RecordingError::Extension))?;
        let found = read(format, bytes, &port, fit).map_err(at)?;
        remarks.extend(remark(&found, &port).map(|remark| format!("recording `{name}` {remark}")));
        raw.push(found);
    }
    Ok((raw, remarks))
}

#[cfg(test)]
mod tests {
    use npyz::Order;

    use super::super::array::tests::file;
    use super::*;

    pub(crate) fn sound(needed: usize) -> Port {
        let because = "10 hops of 2, for 9 frames".to_owned();
        Port {
            dtype: TensorType::Int16,
            moment: vec![],
            needed,
            because,
            stream: true,
            medium: Medium { rate: Some(16_000), ..Medium::default() },
        }
    }

    fn sensor(dtype: TensorType) -> Port {
        Port { dtype, moment: vec![3], needed: 2, because: String::new(), stream: true, medium: Medium::default() }
    }

    #[test]
    fn formats_go_by_extension() {
        assert_eq!(Format::of("a/b.WAV"), Some(Format::Wav));
        assert_eq!(Format::of("x.jpeg"), Some(Format::Image));
        assert_eq!((Format::of("wav"), Format::of("x.mp3")), (None, None));
    }

    #[test]
    fn lengths_are_strict_unless_asked_otherwise() {
        let clip = file(&[6], Order::C, &[1_i16, 2, 3, 4, 5, 6]);
        let read = |needed, fit| read(Format::Npy, &clip, &sound(needed), fit).map_err(|error| error.to_string());
        let strict = Fit::default();
        assert_eq!(read(6, strict).unwrap(), [1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0]);
        assert_eq!(
            read(5, strict).unwrap_err(),
            "it has 6 samples, and one vector needs 5 (10 hops of 2, for 9 frames); cut it, or write `longer=\"cut\"` to take \
             its beginning"
        );
        assert!(read(7, Fit { cut: true, pad: false }).unwrap_err().ends_with("to fill it with zeros at its end"));
        assert_eq!(read(2, Fit { cut: true, pad: false }).unwrap(), [1, 0, 2, 0]);
        assert_eq!(read(7, Fit { cut: false, pad: true }).unwrap()[10..], [6, 0, 0, 0]);
        let mut whole = sound(5);
        whole.stream = false;
        assert!(super::read(Format::Npy, &clip, &whole, Fit { cut: true, pad: true }).is_err());
    }

    #[test]
    fn arrays_have_the_sources_type_and_channels() {
        let read = |bytes: &[u8], port: &Port| {
            read(Format::Npy, bytes, port, Fit::default()).map_err(|error| error.to_string())
        };
        let floats = file(&[2, 3], Order::C, &[0.5_f32; 6]);
        assert_eq!(read(&floats, &sensor(TensorType::Float32)).unwrap().len(), 24);
        let wrong = read(&floats, &sensor(TensorType::Int16)).unwrap_err();
        assert!(wrong.contains("its samples are `<f4`, and the source takes int16"), "{wrong}");
        let wrong = read(&file(&[3, 2], Order::C, &[0.5_f32; 6]), &sensor(TensorType::Float32)).unwrap_err();
        assert!(wrong.starts_with("it has 2 channels, and the source has 3"), "{wrong}");
        let wrong =
            read(&file(&[2, 3], Order::C, &[0, 1, 2, 3, 4, 70_000_i32]), &sensor(TensorType::Int16)).unwrap_err();
        assert!(wrong.contains("`70000` is outside of the source's type"), "{wrong}");
        assert!(read(b"", &sound(1)).unwrap_err().contains("it is empty"));
        assert!(read(&file::<i16>(&[0], Order::C, &[]), &sound(1)).unwrap_err().contains("it is empty"));
    }

    #[test]
    fn an_array_of_vectors_is_as_strict() {
        let array = npy(&file(&[2, 3], Order::C, &[1_i16, 2, 3, 4, 5, 6])).unwrap();
        assert_eq!(vectors(&array, &sound(3), Fit::default()).unwrap(), [[1, 0, 2, 0, 3, 0], [4, 0, 5, 0, 6, 0]]);
        assert!(vectors(&array, &sound(4), Fit::default()).is_err());
        let empty = npy(&file::<i16>(&[0, 3], Order::C, &[])).unwrap();
        assert!(vectors(&empty, &sound(3), Fit::default()).is_err());
    }

    #[test]
    fn silence_and_clipping_are_said() {
        let remark = |samples: &[i16]| {
            remark(&samples.iter().flat_map(|sample| sample.to_le_bytes()).collect::<Vec<_>>(), &sound(1))
        };
        assert!(remark(&[0; 8]).unwrap().starts_with("is silent"));
        assert!(remark(&[1, i16::MAX, i16::MAX, i16::MAX, i16::MAX, 3]).unwrap().starts_with("is clipped"));
        assert_eq!(remark(&[1, i16::MAX, i16::MAX, 2, i16::MIN, 3]), None);
    }
}
