//! What a manifest declares: a source and steps, in base units.

use serde::{Deserialize, Serialize};

use super::sound::{DctNorm, Emphasized, Energy, FrontEnd, LogBase, MelBands, Over, WindowShape};
use super::{image, sensor};
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

impl Source {
    /// Samples a second of sound; 0 of other sources, whose steps do not ask.
    pub fn rate(&self) -> u32 {
        match *self {
            Self::Audio { rate } => rate,
            Self::Image(_) | Self::Sensor(_) => 0,
        }
    }
}

/// One step. Its tensor is called `preprocess/NAME`, and training features that it is compared with `NAME`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "snake_case")]
pub enum StepSpec {
    /// Raises high frequencies: each sample less the one before it, times this. Stands before a window.
    PreEmphasis {
        /// The factor of the sample before.
        coefficient: f32,
        /// What the sample before the first one of a frame is.
        per: Emphasized,
    },
    /// Cuts frames of a stream, and weighs their samples.
    Window {
        /// The weights.
        shape: WindowShape,
        /// Whether the last weight is the first one, too, as in windows for filters.
        symmetric: bool,
        /// Samples of a frame.
        size: usize,
        /// Samples from one frame to the next.
        stride: usize,
    },
    /// LiteRT Micro's audio front end in fixed point, from samples to int16, int8 or float32 features.
    FrontEnd(FrontEnd),
    /// The spectrum of a frame, from frequency 0 to half the rate: `points / 2 + 1` pairs of real and imaginary parts. Zeros
    /// stand behind frames that are shorter.
    Fft {
        /// Points.
        points: usize,
    },
    /// Squared magnitudes of a spectrum.
    Power,
    /// Magnitudes of a spectrum.
    Magnitude,
    /// Powers or magnitudes summed up in bands that are triangles of equal width on the mel scale.
    Mel(MelBands),
    /// Logarithms of `max(x + offset, floor)`.
    Log {
        /// Which ones.
        base: LogBase,
        /// What is added to each number; 0 for nothing.
        offset: f32,
        /// The least number whose logarithm is taken.
        floor: f32,
    },
    /// A discrete cosine transform of the second kind: cepstral coefficients of logarithms.
    Dct {
        /// How many, from the lowest one.
        coefficients: usize,
        /// How they are scaled.
        norm: DctNorm,
    },
    /// Per-channel energy normalization.
    Pcen(Energy),
    /// Mean 0, and deviation 1 where `variance`, over the frames of an inference.
    Normalize {
        /// What has a mean of its own.
        over: Over,
        /// Whether deviations become 1.
        variance: bool,
        /// Added to each deviation.
        epsilon: f32,
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
            Self::PreEmphasis { .. } => "pre-emphasis",
            Self::Window { .. } => "window",
            Self::FrontEnd(_) => "frontend",
            Self::Fft { .. } => "fft",
            Self::Power => "power",
            Self::Magnitude => "magnitude",
            Self::Mel(_) => "mel",
            Self::Log { .. } => "log",
            Self::Dct { .. } => "dct",
            Self::Pcen(_) => "pcen",
            Self::Normalize { .. } => "normalize",
            Self::Frames { .. } => "frames",
            Self::Image(step) => step.name(),
            Self::Sensor(step) => step.name(),
            Self::Quantize => "quantize",
        }
    }
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
