//! The steps as Python, for the training side: a function a step, and what saves their arrays as [`compare`](super::compare())
//! reads them. Written from the same spec, in `NumPy` alone; but for LiteRT Micro's audio front end, which is TensorFlow's own.
//!
//! One file a source; [`file`] has what they share.

mod file;
mod front_end;
mod picture;
mod sensor;
mod sound;

use file::File;

use crate::model::TensorType;
use crate::model::pipeline::{Source, Spec, StepSpec};

/// The model input that is fed.
#[derive(Clone, Debug)]
pub struct Input {
    /// Its name.
    pub name: String,
    /// Its element type.
    pub dtype: TensorType,
    /// Scale and zero point, where it has any.
    pub quantization: Option<(f32, i64)>,
}

/// Why there is no Python.
#[derive(Debug, thiserror::Error)]
#[error("`{step}` is not written in Python by this version; save its array, named `{step}`, from your own code")]
pub struct Unwritten {
    /// The step, or the source.
    pub step: String,
}

/// A file for the deployment `name`.
///
/// # Errors
///
/// Names the first step that is not written.
pub fn script(name: &str, spec: &Spec, input: &Input) -> Result<String, Unwritten> {
    let mut file = File::default();
    let raw = match &spec.source {
        Source::Audio { rate } => sound::write(&mut file, *rate, spec)?,
        Source::Image(picture) => picture::write(&mut file, picture, spec, input)?,
        Source::Sensor(samples) => sensor::write(&mut file, samples, spec)?,
    };
    let quantized = spec.steps.iter().any(|step| matches!(step, StepSpec::FrontEnd(p) if front_end::is_quantized(p)));
    file.end(input, quantized);
    Ok(file.whole(name, &raw, &input.name))
}

#[cfg(test)]
mod tests;
