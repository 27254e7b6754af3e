//! Steps of sound.

use super::file::{File, INDENT, Raw};
use super::{Unwritten, front_end};
use crate::model::pipeline::{
    DctNorm, Emphasized, Energy, LogBase, MelBands, MelNorm, MelScale, MelSlopes, Over, Spec, StepSpec, WindowShape,
};

/// Writes constants and steps, and says what one vector is.
pub(super) fn write(file: &mut File, rate: u32, spec: &Spec) -> Result<Raw, Unwritten> {
    let cut = spec.steps.iter().find_map(|step| match step {
        StepSpec::Window { size, stride, .. } => Some((*size, *stride)),
        StepSpec::FrontEnd(p) => Some((p.size, p.stride)),
        _ => None,
    });
    let Some((size, stride)) = cut else {
        return Err(Unwritten { step: spec.steps.first().map_or("window", StepSpec::name).to_owned() });
    };
    file.constant("RATE", rate as usize, "samples a second");
    file.cuts(size, stride, &spec.steps);
    let mut sound = Sound::default();
    if !spec.steps.iter().any(|step| matches!(step, StepSpec::FrontEnd(_))) {
        file.frames();
    }
    for step in &spec.steps {
        match step {
            StepSpec::FrontEnd(p) => front_end::write(file, p, rate),
            step => sound.write(file, step)?,
        }
    }
    Ok(Raw {
        name: "samples",
        shape: "(SAMPLES,)",
        dtype: "int16",
        files: "CLIP.wav",
        imports: &["wave"],
        read: &[
            "with wave.open(path) as clip:",
            "    if (clip.getframerate(), clip.getnchannels(), clip.getsampwidth()) != (RATE, 1, 2):",
            "        raise ValueError(f\"{path} is not one channel of int16 at {RATE} Hz\")",
            "    return np.frombuffer(clip.readframes(clip.getnframes()), dtype=\"<i2\").astype(np.int16)",
        ],
    })
}

/// What is there so far.
#[derive(Default)]
struct Sound {
    /// Whether frames are real numbers already.
    emphasized: bool,
    /// Whether the latest step is a spectrum of complex numbers.
    complex: bool,
}

impl Sound {
    fn write(&mut self, file: &mut File, step: &StepSpec) -> Result<(), Unwritten> {
        match step {
            StepSpec::PreEmphasis { coefficient, per } => self.pre_emphasis(file, *coefficient, *per),
            StepSpec::Window { shape, symmetric, .. } => self.window(file, *shape, *symmetric),
            StepSpec::Fft { points } => {
                file.step(
                    "fft",
                    "frames",
                    "Spectra; zeros stand behind shorter frames.",
                    &[format!("return np.fft.rfft(frames, n={points}, axis=-1).astype(np.complex64)")],
                );
                self.complex = true;
            }
            StepSpec::Power => self.power(file),
            StepSpec::Magnitude => {
                file.step(
                    "magnitude",
                    "spectra",
                    "Magnitudes.",
                    &["return np.abs(spectra).astype(np.float32)".to_owned()],
                );
                self.complex = false;
            }
            StepSpec::Mel(bank) => {
                if self.complex {
                    self.power(file);
                }
                mel(file, bank);
            }
            StepSpec::Log { base, offset, floor } => {
                let logarithm = match base {
                    LogBase::Natural => "np.log(numbers)",
                    LogBase::Ten => "np.log10(numbers)",
                    LogBase::Decibel => "10 * np.log10(numbers)",
                };
                file.step(
                    "log",
                    "numbers",
                    "Logarithms of what is at least a floor.",
                    &[
                        format!("numbers = np.maximum(numbers + np.float32({offset:?}), np.float32({floor:?}))"),
                        format!("return ({logarithm}).astype(np.float32)"),
                    ],
                );
            }
            StepSpec::Dct { coefficients, norm } => dct(file, *coefficients, *norm),
            StepSpec::Pcen(energy) => pcen(file, energy),
            StepSpec::Normalize { over, variance, epsilon } => {
                let axis = if *over == Over::All { "None" } else { "0" };
                let divisor =
                    if *variance { format!(" / (deviation + np.float32({epsilon:?}))") } else { String::new() };
                file.step(
                    "normalize",
                    "rows",
                    "Mean 0 over the frames of an inference, and deviation 1 where it is divided.",
                    &[
                        format!("mean, deviation = rows.mean(axis={axis}), rows.std(axis={axis})"),
                        format!("return ((rows - mean){divisor}).astype(np.float32)"),
                    ],
                );
            }
            StepSpec::Frames { .. } | StepSpec::Quantize => {}
            other => return Err(Unwritten { step: other.name().to_owned() }),
        }
        Ok(())
    }

    fn power(&mut self, file: &mut File) {
        file.step(
            "power",
            "spectra",
            "Squared magnitudes.",
            &["return (np.abs(spectra) ** 2).astype(np.float32)".to_owned()],
        );
        self.complex = false;
    }

    fn pre_emphasis(&mut self, file: &mut File, coefficient: f32, per: Emphasized) {
        let first = match per {
            Emphasized::Stream => "first = np.concatenate([[0.0], frames[:-1, STRIDE - 1]])[:, np.newaxis]",
            Emphasized::Frame => "first = frames[:, :1]",
        };
        file.step(
            "pre-emphasis",
            "frames",
            "Each sample less a part of the one before it.",
            &[
                "frames = frames / 32768.0".to_owned(),
                first.to_owned(),
                "before = np.concatenate([first, frames[:, :-1]], axis=1)".to_owned(),
                format!("return (frames - {coefficient:?} * before).astype(np.float32)"),
            ],
        );
        self.emphasized = true;
    }

    fn window(&self, file: &mut File, shape: WindowShape, symmetric: bool) {
        let weights = weights(shape, symmetric);
        let real = if self.emphasized { "frames" } else { "frames / 32768.0" };
        file.step(
            "window",
            "frames",
            "Frames from -1 to 1, weighted.",
            &[format!("weights = {weights}"), format!("return ({real} * weights).astype(np.float32)")],
        );
    }
}

/// The weights of a window.
pub(super) fn weights(shape: WindowShape, symmetric: bool) -> String {
    let period = if symmetric { "(SIZE - 1)" } else { "SIZE" };
    match shape {
        WindowShape::Rectangular => "np.ones(SIZE)".to_owned(),
        WindowShape::Hann => format!("0.5 - 0.5 * np.cos(2 * np.pi * np.arange(SIZE) / {period})"),
        WindowShape::Hamming => format!("0.54 - 0.46 * np.cos(2 * np.pi * np.arange(SIZE) / {period})"),
    }
}

fn mel(file: &mut File, bank: &MelBands) {
    let (to, from) = match bank.scale {
        MelScale::Htk => ("2595 * np.log10(1 + hertz / 700)", "700 * (10 ** (mels / 2595) - 1)"),
        MelScale::Slaney => (
            "np.where(hertz < 1000, hertz * 3 / 200, 15 + np.log(np.maximum(hertz, 1000) / 1000) * 27 / np.log(6.4))",
            "np.where(mels < 15, mels * 200 / 3, 1000 * np.exp((np.maximum(mels, 15) - 15) * np.log(6.4) / 27))",
        ),
    };
    let (places, sides) = match bank.slopes {
        MelSlopes::Mel => ("to_mel(bins)", "edges"),
        MelSlopes::Hz => ("bins", "from_mel(edges)"),
    };
    let area = match bank.norm {
        MelNorm::None => "1",
        MelNorm::Slaney => "2 / (from_mel(edges)[band + 2] - from_mel(edges)[band])",
    };
    let high = bank.high.map_or_else(|| "RATE / 2".to_owned(), |high| format!("{high:?}"));
    file.step(
        "mel",
        "spectra",
        "Bands that are triangles of equal width in mel.",
        &[
            "def to_mel(hertz):".to_owned(),
            format!("{INDENT}return {to}"),
            String::new(),
            "def from_mel(mels):".to_owned(),
            format!("{INDENT}return {from}"),
            String::new(),
            format!(
                "edges = np.linspace(to_mel(np.float64({:?})), to_mel(np.float64({high})), {})",
                bank.low,
                bank.bands + 2
            ),
            "bins = np.linspace(0, RATE / 2, spectra.shape[-1])".to_owned(),
            format!("places, sides = {places}, {sides}"),
            "weights = []".to_owned(),
            format!("for band in range({}):", bank.bands),
            format!("{INDENT}left, peak, right = sides[band:band + 3]"),
            format!(
                "{INDENT}triangle = np.minimum((places - left) / (peak - left), (right - places) / (right - peak))"
            ),
            format!("{INDENT}weights.append(np.maximum(triangle, 0) * {area})"),
            "return (spectra @ np.array(weights).T).astype(np.float32)".to_owned(),
        ],
    );
}

fn dct(file: &mut File, coefficients: usize, norm: DctNorm) {
    let mut lines = vec![
        "bands = numbers.shape[-1]".to_owned(),
        format!("angles = np.pi * np.outer(np.arange({coefficients}), 2 * np.arange(bands) + 1) / (2 * bands)"),
        "cosines = np.sqrt(2 / bands) * np.cos(angles)".to_owned(),
    ];
    if norm == DctNorm::Ortho {
        lines.push("cosines[0] = np.sqrt(1 / bands)".to_owned());
    }
    lines.push("return (numbers @ cosines.T).astype(np.float32)".to_owned());
    file.step("dct", "numbers", "Cepstral coefficients: a DCT of the second kind.", &lines);
}

fn pcen(file: &mut File, energy: &Energy) {
    let Energy { gain, bias, power, time_constant, epsilon, scale } = *energy;
    file.step("pcen", "bands", "Per-channel energy normalization, as librosa computes it.", &[
        format!("frames = {time_constant:?} * RATE / STRIDE"),
        "smoothing = (np.sqrt(1 + 4 * frames ** 2) - 1) / (2 * frames ** 2)".to_owned(),
        format!("bands, level, rows = bands * {scale:?}, np.ones(bands.shape[-1]), []"),
        "for row in bands:".to_owned(),
        format!("{INDENT}level = smoothing * row + (1 - smoothing) * level"),
        format!("{INDENT}rows.append((row / ({epsilon:?} + level) ** {gain:?} + {bias:?}) ** {power:?} - {bias:?} ** {power:?})"),
        "return np.array(rows, dtype=np.float32)".to_owned(),
    ]);
}
