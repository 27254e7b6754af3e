//! What steps of sound are told: the words of `StepSpec` that only they have.

use serde::{Deserialize, Serialize};

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

/// What pre-emphasis goes over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Emphasized {
    /// The whole stream, as librosa and `python_speech_features` do before they cut it.
    Stream,
    /// Each frame by itself, whose first sample stands before itself, too, as HTK and Kaldi do.
    Frame,
}

/// A mel filter bank.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MelBands {
    /// Bands.
    pub bands: usize,
    /// Where the first band begins, in Hz.
    pub low: f32,
    /// Where the last band ends, in Hz; half the rate where it is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub high: Option<f32>,
    /// Which mel scale.
    pub scale: MelScale,
    /// Where the sides of the triangles are straight.
    pub slopes: MelSlopes,
    /// How bands are weighed.
    pub norm: MelNorm,
}

/// Which mel scale.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MelScale {
    /// `2595 log10(1 + f / 700)`, as HTK, Kaldi and TensorFlow have it.
    Htk,
    /// Linear to 1000 Hz, logarithmic from there on: Slaney's Auditory Toolbox, librosa's default.
    Slaney,
}

/// Where the sides of the triangles are straight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MelSlopes {
    /// Over mel, as HTK, Kaldi and TensorFlow have it.
    Mel,
    /// Over Hz, as librosa has it with either scale.
    Hz,
}

/// How bands are weighed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MelNorm {
    /// The peak of each triangle is 1.
    None,
    /// The area of each triangle over Hz is 1.
    Slaney,
}

/// Which logarithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogBase {
    /// ln.
    Natural,
    /// log10.
    Ten,
    /// 10 log10.
    Decibel,
}

/// How coefficients of a DCT are scaled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DctNorm {
    /// Orthonormal, as in librosa and `SciPy`'s `norm="ortho"`.
    Ortho,
    /// Coefficient 0 is √2 times as large, as in HTK and TensorFlow's `mfccs_from_log_mel_spectrograms`.
    Htk,
}

/// Per-channel energy normalization, with librosa's parameters.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Energy {
    /// Exponent of the level.
    pub gain: f32,
    /// Added before the power is taken.
    pub bias: f32,
    /// The power.
    pub power: f32,
    /// Seconds in which the level follows.
    pub time_constant: f32,
    /// Added to the level.
    pub epsilon: f32,
    /// Factor of the bands: 2^31 for what librosa's documentation says of samples below 1.
    pub scale: f32,
}

/// What means and deviations are of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Over {
    /// Each coefficient, over all frames.
    Coefficient,
    /// All coefficients of all frames together.
    All,
}

/// LiteRT Micro's audio front end. Names and defaults are those of its speech example.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FrontEnd {
    /// Whose tables.
    pub tables: FrontEndTables,
    /// Samples of a frame.
    pub size: usize,
    /// Samples from one frame to the next.
    pub stride: usize,
    /// Channels of the filter bank.
    pub channels: usize,
    /// Where the first channel begins, in Hz.
    pub low: f32,
    /// Where the last channel ends, in Hz.
    pub high: f32,
    /// How fast the noise estimates of channels 0, 2, 4… follow.
    pub even_smoothing: f32,
    /// The same of channels 1, 3, 5….
    pub odd_smoothing: f32,
    /// The least share of a channel that remains when the noise is subtracted.
    pub min_signal_remaining: f32,
    /// Per channel amplitude normalization, where it is on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pcan: Option<Pcan>,
    /// What comes out.
    pub output: FrontEndOutput,
}

/// The gain control of the front end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pcan {
    /// Exponent of the noise estimate.
    pub strength: f32,
    /// Added to the noise estimate.
    pub offset: f32,
}

/// Two tools compute the front end's tables, and round differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FrontEndTables {
    /// LiteRT Micro's `audio_preprocessor.py`, which makes the model that its speech example runs.
    LitertMicro,
    /// The C library behind TensorFlow's `audio_microfrontend`, which training uses.
    Microfrontend,
}

/// What the front end gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FrontEndOutput {
    /// As LiteRT Micro's speech example scales features: 26 units of 25.6 from -128 to 127.
    Int8,
    /// 64 times the natural logarithm.
    Int16,
    /// The int16 divided by 25.6, as training sees them.
    Float32,
}
