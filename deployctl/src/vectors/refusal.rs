//! Why a file is no vector: each with what was found, what is needed, and what to do.

use super::array::ArrayError;
use super::recording::EXTENSIONS;

/// Why a recording is no vector.
#[derive(Debug, thiserror::Error)]
pub enum RecordingError {
    /// The model has inputs that no recording brings.
    #[error(
        "recordings bring the samples alone, and the model has other inputs, {others:?}; save all of them in one .npz file"
    )]
    Inputs {
        /// Their names.
        others: Vec<String>,
    },
    /// A format that is not read.
    #[error("files of this kind are not read; convert it to one of {EXTENSIONS}")]
    Extension,
    /// A recording that the file with labels leaves out.
    #[error("it has no label of `{name}`; add a line `{name},LABEL`")]
    Unlabelled {
        /// The recording.
        name: String,
    },
    /// Nothing in it.
    #[error("it is empty; record it again")]
    Empty,
    /// Not what its extension says.
    #[error("it is no {what}: {reason}; is the file whole, and what its name says?")]
    Foreign {
        /// The format.
        what: &'static str,
        /// Why.
        reason: String,
    },
    /// Cut off.
    #[error("it ends before all of its data: {reason}; copy or record it again")]
    Truncated {
        /// Where.
        reason: String,
    },
    /// Another rate.
    #[error(
        "it has {found} samples a second, and `preprocess` says rate={wanted}; resample it: `ffmpeg -i IN -ar {wanted} OUT`"
    )]
    Rate {
        /// Of the file.
        found: u32,
        /// Of the manifest.
        wanted: u32,
    },
    /// Another number of channels.
    #[error("it has {found} channels, and the source has {wanted}; {advice}")]
    Channels {
        /// Of the file.
        found: usize,
        /// Of the source.
        wanted: usize,
        /// What to do.
        advice: &'static str,
    },
    /// Samples of another kind.
    #[error("its samples are {found}, and the source takes {wanted}; {advice}")]
    Samples {
        /// Of the file.
        found: String,
        /// Of the source.
        wanted: &'static str,
        /// What to do.
        advice: &'static str,
    },
    /// Another length.
    #[error("it has {found} samples, and one vector needs {needed} ({because}); {advice}")]
    Length {
        /// Of the file.
        found: String,
        /// Of a vector.
        needed: String,
        /// What makes so many.
        because: String,
        /// What to do.
        advice: &'static str,
    },
    /// A number that is none, or does not fit.
    #[error("line {line}: `{text}` is {reason}; {advice}")]
    Number {
        /// Line, from 1.
        line: usize,
        /// What stands there.
        text: String,
        /// What is wrong.
        reason: &'static str,
        /// What to do.
        advice: &'static str,
    },
    /// An array that cannot be read.
    #[error(transparent)]
    Array(#[from] ArrayError),
    /// Another size of image.
    #[error(
        "it has {width} × {height} pixels, and the source has {wanted}; scale it the way the training side does, or change the source's size"
    )]
    Size {
        /// Of the file.
        width: usize,
        /// Of the file.
        height: usize,
        /// Of the source.
        wanted: String,
    },
}
