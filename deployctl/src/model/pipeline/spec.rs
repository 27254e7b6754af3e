//! What a manifest declares: a source and steps, in base units.

use super::{image, sensor};
use serde::{Deserialize, Serialize};

use crate::model::{Quantization, TensorType};

/// Everything around one model input, in order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Spec {
    /// Name of the model input that is fed; the model's only one where it is absent.
    pub input: Option<String>,
    /// Where values come from.
    pub source: Source,
    /// Steps from the source to the input.
    pub steps: Vec<StepSpec>,
}

/// Where values come from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Source {
    /// Sound: one channel of int16 samples.
    Audio {
        /// Samples a second.
        rate: u32,
    },
    /// A picture, all of it at once.
    Image(image::Picture),
    /// Samples of one or more sensors.
    Sensor(sensor::Samples),
}

/// One step. Its tensor is called `preprocess/NAME`, and training features that it is compared with `NAME`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "snake_case")]
pub enum StepSpec {
    /// Cuts frames of a stream, and weighs their samples.
    Window {
        /// The weights.
        shape: WindowShape,
        /// Samples of a frame.
        size: usize,
        /// Samples from one frame to the next.
        stride: usize,
    },
    /// Keeps the latest frames, as rows, for one inference; what comes behind it runs once an inference.
    Frames {
        /// Rows.
        count: usize,
        /// New rows from one inference to the next.
        advance: usize,
    },
    /// A step of pictures.
    Image(image::Step),
    /// A step of sensors.
    Sensor(sensor::Step),
    /// To the model's type, with its scale and zero point. Comes by itself at the end where it is not there.
    Quantize,
}

impl StepSpec {
    /// The name that manifests, tensors and reports have for it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Window { .. } => "window",
            Self::Frames { .. } => "frames",
            Self::Image(step) => step.name(),
            Self::Sensor(step) => step.name(),
            Self::Quantize => "quantize",
        }
    }
}

/// The weights of a window. Periodic ones are those that FFTs are made for (librosa and TensorFlow take them): the first of `n`
/// weights of a symmetric one of `n + 1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names are the field's")]
pub enum WindowShape {
    Rectangular,
    Hann,
    Hamming,
}

/// What a tensor looks like: the model input that is fed, or a value between steps.
#[derive(Clone, Debug, PartialEq)]
pub struct Form {
    /// Element type.
    pub dtype: TensorType,
    /// Dimensions.
    pub shape: Vec<usize>,
    /// One scale and zero point, where it has any.
    pub quantization: Option<Quantization>,
}

impl Form {
    /// Numbers of type `dtype` without a scale.
    pub fn plain(dtype: TensorType, shape: Vec<usize>) -> Self {
        Self { dtype, shape, quantization: None }
    }

    /// Number of elements.
    pub fn elements(&self) -> usize {
        self.shape.iter().product()
    }

    /// The dimensions that say something: without those of 1.
    pub fn squeezed(&self) -> Vec<usize> {
        self.shape.iter().copied().filter(|&size| size != 1).collect()
    }
}

/// Why steps do not go together.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}; {advice}")]
pub struct Wrong {
    /// The step at fault, counted from 0; `None` where it is all of them.
    pub step: Option<usize>,
    /// What is wrong.
    pub reason: String,
    /// What to do.
    pub advice: String,
}

impl Wrong {
    /// A fault of the step that is being added; [`build`](super::build) knows which.
    pub fn new(reason: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { step: None, reason: reason.into(), advice: advice.into() }
    }
}
