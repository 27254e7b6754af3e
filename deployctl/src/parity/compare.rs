//! Recorded arrays against our steps.

use super::cause::{self, Pair};
use super::picture::Map;
use super::{Compared, Drift, Quantized, Report, StepError, TOLERANCE, Trace, Traced, Worst};
use crate::model::{EvaluateError, Quantization, TensorType};
use crate::vectors::array::{Array, ArrayError, Arrays, coordinate};

/// Why features cannot be compared.
#[derive(Debug, thiserror::Error)]
pub enum ParityError {
    /// An array cannot be read.
    #[error(transparent)]
    Array(#[from] ArrayError),
    /// The pipeline does not run.
    #[error(transparent)]
    Evaluate(#[from] EvaluateError),
    /// No array at the end of the pipeline.
    #[error(
        "it has no array for the model's input: `{input}`, quantized, or `{last}`, the last step's real numbers; it has {present}"
    )]
    Missing {
        /// The model input.
        input: String,
        /// The last step of real numbers.
        last: String,
        /// What there is.
        present: String,
    },
    /// Another shape.
    #[error("array `{name}` has shape {found:?}; of {vectors} vectors step `{step}` gives {wanted:?}{remark}")]
    Shape {
        /// The array.
        name: String,
        /// Its shape.
        found: Vec<usize>,
        /// Vectors.
        vectors: usize,
        /// The step.
        step: String,
        /// What it should be.
        wanted: Vec<usize>,
        /// What may be the matter.
        remark: &'static str,
    },
    /// Real numbers for a quantized tensor.
    #[error(
        "array `{name}` holds real numbers, and the tensor is {wanted}: quantize as LiteRT does, round(value / scale) + zero \
         point, or save it as `{last}`, the last step's real numbers"
    )]
    Real {
        /// The array.
        name: String,
        /// The tensor's type.
        wanted: &'static str,
        /// The last step of real numbers.
        last: String,
    },
}

/// Holds `arrays` against what the steps give for the raw inputs of each vector.
///
/// An array has the name of its step, or of the model input; its shape is vectors, frames where the step runs for each, then
/// the step's own; dimensions of 1 do not matter.
pub fn compare(trace: &Trace, arrays: &mut Arrays, raw: &[Vec<u8>]) -> Result<(Report, Vec<Map>), ParityError> {
    let traced = raw.iter().map(|raw| trace.run(raw)).collect::<Result<Vec<_>, _>>()?;
    let columns = columns(&traced);
    let last = last_real(&columns).map_or("", |column| column.name()).to_owned();
    let (mut steps, mut maps, mut quantized) = (Vec::new(), Vec::new(), None);
    let mut pairs = Vec::new();
    for column in &columns {
        let is_input = column.first().tensor == trace.port();
        let input = is_input.then(|| trace.graph().tensor(trace.port()).name.as_str());
        let Some((name, array)) = find(arrays, column.name(), input)? else {
            steps.push(column.compared(None));
            continue;
        };
        let theirs = column.accept(&name, array, &last)?;
        let error = column.error(&theirs);
        if column.first().quantized {
            quantized = Some(steps_off(&column.ours(), &theirs, name));
        }
        maps.push(Map::of(column, &theirs, &error));
        steps.push(column.compared(Some(error)));
        pairs.push((column.name().to_owned(), theirs));
    }
    let port = trace.graph().tensor(trace.port());
    if quantized.is_none() && port.quantization.is_some() {
        let recorded = last_real(&columns).and_then(|last| Some((last, theirs_of(&pairs, last.name())?)));
        let Some((column, theirs)) = recorded else {
            return Err(ParityError::Missing { input: port.name.clone(), last, present: present(arrays) });
        };
        let to = |value: &f64| quantize(*value, port.dtype, port.quantization.as_ref());
        let (ours, theirs): (Vec<f64>, Vec<f64>) =
            (column.ours().iter().map(to).collect(), theirs.iter().map(to).collect());
        quantized = Some(steps_off(&ours, &theirs, column.name().to_owned()));
    }
    let drift = drift(&columns, &steps, &pairs);
    Ok((Report { vectors: raw.len(), tolerance: TOLERANCE, steps, quantized, drift }, maps))
}

fn theirs_of<'a>(pairs: &'a [(String, Vec<f64>)], name: &str) -> Option<&'a [f64]> {
    pairs.iter().find(|(known, _)| known == name).map(|(_, values)| values.as_slice())
}

/// The array of a step, by the step's name or the model input's.
fn find(arrays: &mut Arrays, step: &str, input: Option<&str>) -> Result<Option<(String, Array)>, ArrayError> {
    for name in [Some(step), input].into_iter().flatten() {
        if let Some(array) = arrays.get(name)? {
            return Ok(Some((name.to_owned(), array)));
        }
    }
    Ok(None)
}

fn present(arrays: &Arrays) -> String {
    let names: Vec<String> = arrays.names().iter().map(|name| format!("`{name}`")).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

/// One step over all vectors.
pub(super) struct Column<'a>(Vec<&'a Traced>);

fn columns(traced: &[Vec<Traced>]) -> Vec<Column<'_>> {
    let steps = traced.first().map_or(0, Vec::len);
    (0..steps).map(|step| Column(traced.iter().filter_map(|vector| vector.get(step)).collect())).collect()
}

fn last_real<'c, 'a>(columns: &'c [Column<'a>]) -> Option<&'c Column<'a>> {
    columns.iter().rev().find(|column| column.first().dtype == TensorType::Float32)
}

impl Column<'_> {
    pub(super) fn first(&self) -> &Traced {
        self.0[0]
    }

    pub(super) fn name(&self) -> &str {
        &self.first().name
    }

    /// Vectors, frames, then the value's dimensions.
    pub(super) fn shape(&self) -> Vec<usize> {
        std::iter::once(self.0.len()).chain(self.first().whole_shape()).collect()
    }

    pub(super) fn ours(&self) -> Vec<f64> {
        self.0.iter().flat_map(|traced| traced.values()).collect()
    }

    fn compared(&self, error: Option<StepError>) -> Compared {
        Compared { name: self.name().to_owned(), label: self.first().label.clone(), error }
    }

    /// The array's elements, if it has the step's type and shape.
    fn accept(&self, name: &str, array: Array, last: &str) -> Result<Vec<f64>, ParityError> {
        let squeezed = |shape: &[usize]| shape.iter().copied().filter(|&size| size != 1).collect::<Vec<_>>();
        let wanted = self.shape();
        if squeezed(&wanted) != squeezed(&array.shape) {
            let transposed = {
                let (mut ours, mut theirs) = (squeezed(&wanted), squeezed(&array.shape));
                ours.sort_unstable();
                theirs.sort_unstable();
                ours == theirs
            };
            let remark = match (transposed, self.first().frames) {
                (true, _) => {
                    ": axes are in another order; librosa has coefficients before frames, so save numpy.swapaxes of it"
                }
                (false, Some(_)) => {
                    ": vectors, frames, then the value; frames begin with the first sample and none is padded, so \
                                     librosa wants center=False"
                }
                (false, None) => ": vectors, then the value",
            };
            let (step, vectors) = (self.name().to_owned(), self.0.len());
            return Err(ParityError::Shape {
                name: name.to_owned(),
                found: array.shape,
                vectors,
                step,
                wanted,
                remark,
            });
        }
        if self.first().quantized && !array.integer && array.values.iter().any(|value| value.fract() != 0.0) {
            let wanted = self.first().dtype.name();
            return Err(ParityError::Real { name: name.to_owned(), wanted, last: last.to_owned() });
        }
        Ok(array.values)
    }

    fn error(&self, theirs: &[f64]) -> StepError {
        let ours = self.ours();
        let count = count(theirs.len().max(1));
        let errors: Vec<f64> = ours.iter().zip(theirs).map(|(ours, theirs)| gap(*ours, *theirs)).collect();
        let worst =
            errors.iter().enumerate().fold(0, |worst, (at, error)| if *error > errors[worst] { at } else { worst });
        let max = errors.get(worst).copied().unwrap_or(0.0);
        let mean = errors.iter().map(|error| error / count).sum::<f64>();
        let relative =
            (errors.iter().map(|error| error / count * error).sum::<f64>().sqrt() / spread(theirs)).min(f64::MAX);
        let whole = self.first().dtype != TensorType::Float32;
        // Rounding another way makes one unit of an integer.
        let allowed = whole.then_some(1.0);
        let drifts = allowed.map_or(relative > TOLERANCE, |allowed| max > allowed);
        StepError { elements: ours.len(), max, mean, relative, allowed, worst: self.worst(worst, theirs), drifts }
    }

    fn worst(&self, at: usize, theirs: &[f64]) -> Worst {
        let each = self.first().values().len().max(1);
        let (vector, within) = (at / each, at % each);
        let mut place = coordinate(&self.first().whole_shape(), within);
        let frame = self.first().frames.map(|_| place.remove(0));
        let ours = self.0.get(vector).and_then(|traced| traced.numbers().get(within).map(ToString::to_string));
        let real = self.first().dtype == TensorType::Float32;
        let theirs =
            theirs.get(at).map_or_else(String::new, |value| if real { shown(*value) } else { value.to_string() });
        Worst { vector, frame, coordinate: place, ours: ours.unwrap_or_default(), theirs }
    }
}

/// A recorded number, as an `f32` would be written.
#[expect(clippy::cast_possible_truncation, reason = "for people, in as many digits as ours")]
fn shown(value: f64) -> String {
    format!("{:?}", value as f32)
}

#[expect(clippy::cast_precision_loss, reason = "arrays have fewer than 2^52 elements")]
pub(super) fn count(elements: usize) -> f64 {
    elements as f64
}

/// The distance of two numbers; where ours is none, more than any.
pub(super) fn gap(ours: f64, theirs: f64) -> f64 {
    let gap = (ours - theirs).abs();
    if gap.is_finite() { gap } else { f64::from(f32::MAX) }
}

/// The standard deviation; of values that are all the same, their size; 1 for zeros.
pub(super) fn spread(values: &[f64]) -> f64 {
    let count = count(values.len().max(1));
    let mean = values.iter().map(|value| value / count).sum::<f64>();
    let deviation = values.iter().map(|value| (value - mean) / count * (value - mean)).sum::<f64>().sqrt();
    // What rounding leaves of a mean is no deviation.
    [deviation, mean.abs()].into_iter().find(|size| *size > mean.abs() * 1e-9).unwrap_or(1.0)
}

/// LiteRT's affine quantization of a real number.
fn quantize(value: f64, dtype: TensorType, quantization: Option<&Quantization>) -> f64 {
    let number = |q: &Quantization| Some((f64::from(*q.scales.first()?), count_signed(*q.zero_points.first()?)));
    let Some((scale, zero_point)) = quantization.and_then(number) else { return value };
    let (low, high) = match dtype {
        TensorType::Int16 => (-32_768.0, 32_767.0),
        TensorType::Uint8 => (0.0, 255.0),
        _ => (-128.0, 127.0),
    };
    ((value / scale).round() + zero_point).clamp(low, high)
}

#[expect(clippy::cast_precision_loss, reason = "zero points are within their element type")]
fn count_signed(value: i64) -> f64 {
    value as f64
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "differences of integers are whole and positive"
)]
fn steps_off(ours: &[f64], theirs: &[f64], array: String) -> Quantized {
    let off: Vec<f64> = ours.iter().zip(theirs).map(|(ours, theirs)| (ours - theirs).abs()).collect();
    Quantized {
        max: off.iter().fold(0.0, |max: f64, off| max.max(*off)) as u64,
        mean: off.iter().map(|off| off / count(off_len(theirs))).sum(),
        off: off.iter().filter(|off| **off > 0.0).count(),
        elements: off.len(),
        array,
    }
}

fn off_len(values: &[f64]) -> usize {
    values.len().max(1)
}

/// The first step that drifts.
fn drift(columns: &[Column], steps: &[Compared], pairs: &[(String, Vec<f64>)]) -> Option<Drift> {
    let at = steps.iter().position(|step| step.error.as_ref().is_some_and(|error| error.drifts))?;
    let before = &steps[..at];
    let since = before.iter().rposition(|step| step.error.is_some()).map_or(0, |agreed| agreed + 1);
    let unseen: Vec<String> = before[since..].iter().map(|step| step.name.clone()).collect();
    let frame = columns.iter().find(|column| column.name() == "frame").map(Column::ours);
    let pair = Pair {
        step: &steps[at].name,
        shape: columns[at].shape(),
        streams: columns[at].first().frames.is_some(),
        ours: &columns[at].ours(),
        theirs: theirs_of(pairs, &steps[at].name).unwrap_or_default(),
        samples: frame.as_deref(),
    };
    let suspects = unseen.iter().chain([&steps[at].name]).map(String::as_str);
    Some(Drift { step: steps[at].name.clone(), found: cause::found(&pair), usual: cause::usual(suspects), unseen })
}
