//! The steps as Python, for the training side: a function a step, and what saves their arrays as [`compare`](super::compare())
//! reads them. Written from the same spec, and in `NumPy` alone.
//!
//! Knows steps of sound; others are refused by name.

use std::fmt::Write as _;

use crate::model::TensorType;
use crate::model::pipeline::{
    DctNorm, Emphasized, Energy, LogBase, MelBands, MelNorm, MelScale, MelSlopes, Over, Source, Spec, StepSpec,
    WindowShape,
};

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
pub fn script(name: &str, spec: &Spec, input: &Input) -> Result<String, Unwritten> {
    let Source::Audio { rate } = spec.source else {
        let step =
            if matches!(spec.source, Source::Image(_)) { "preprocess \"image\"" } else { "preprocess \"sensor\"" };
        return Err(Unwritten { step: step.to_owned() });
    };
    let window = spec.steps.iter().find_map(|step| match step {
        StepSpec::Window { size, stride, .. } => Some((*size, *stride)),
        _ => None,
    });
    let front_end = || spec.steps.first().map_or("window", StepSpec::name).to_owned();
    let (size, stride) = window.ok_or_else(|| Unwritten { step: front_end() })?;
    let frames = spec.steps.iter().find_map(|step| match step {
        StepSpec::Frames { count, .. } => Some(*count),
        _ => None,
    });
    let frames = frames.unwrap_or(1);
    let mut file = Script { text: String::new(), steps: Vec::new(), emphasized: false, complex: false };
    file.head(name, &[("RATE", rate as usize), ("SIZE", size), ("STRIDE", stride), ("FRAMES", frames)]);
    file.constant("SAMPLES", (size.div_ceil(stride) + frames - 1) * stride, "of one vector");
    file.step(
        "frame",
        "samples",
        "Frames, each beginning STRIDE samples after the one before, the first with the first sample.",
        &["return np.stack([samples[at * STRIDE:][:SIZE] for at in range(FRAMES)])".to_owned()],
    );
    for step in &spec.steps {
        file.write(step)?;
    }
    file.quantize(input);
    file.tail(&input.name);
    Ok(file.text)
}

/// A file that is being written.
struct Script {
    text: String,
    /// Array name and function of each step.
    steps: Vec<(String, String)>,
    /// Whether frames are real numbers already.
    emphasized: bool,
    /// Whether the latest step is a spectrum of complex numbers.
    complex: bool,
}

impl Script {
    fn head(&mut self, name: &str, numbers: &[(&str, usize)]) {
        let told: String =
            name.chars().map(|c| if c.is_alphanumeric() || "-_.".contains(c) { c } else { '_' }).collect();
        let _ = write!(
            self.text,
            "\"\"\"Features of {told}, step by step, as its firmware computes them. Written by `deployctl features`; needs numpy.\n\n\
             Each step is a function of an array whose first axis is frames. `features` runs them all on the samples of one vector,\n\
             int16; `save` writes the file that `parity` in the manifest reads. Call these functions from the training code, or save\n\
             the training code's own arrays under the same names, and a build says which of them is the first that differs.\n\n\
             {INDENT}python3 features.py FEATURES.npz CLIP.wav...\n\
             \"\"\"\n\nimport sys\nimport wave\n\nimport numpy as np\n\n"
        );
        for (name, value) in numbers {
            let _ = writeln!(self.text, "{name} = {value}");
        }
    }

    fn constant(&mut self, name: &str, value: usize, remark: &str) {
        let _ = writeln!(self.text, "{name} = {value}  # {remark}");
    }

    /// Appends a function of `argument`.
    fn step(&mut self, name: &str, argument: &str, what: &str, lines: &[String]) {
        let again = self.steps.iter().filter(|(known, _)| known.split('-').next() == name.split('-').next()).count();
        let array = if again == 0 || name.contains('-') { name.to_owned() } else { format!("{name}-{}", again + 1) };
        let function = array.replace('-', "_");
        let _ = write!(self.text, "\n\ndef {function}({argument}):\n{INDENT}\"\"\"{what}\"\"\"\n");
        for line in lines {
            let indent = if line.is_empty() { "" } else { INDENT };
            let _ = writeln!(self.text, "{indent}{line}");
        }
        self.steps.push((array, function));
    }

    fn write(&mut self, step: &StepSpec) -> Result<(), Unwritten> {
        match step {
            StepSpec::PreEmphasis { coefficient, per } => self.pre_emphasis(*coefficient, *per),
            StepSpec::Window { shape, symmetric, .. } => self.window(*shape, *symmetric),
            StepSpec::Fft { points } => {
                self.step(
                    "fft",
                    "frames",
                    "Spectra; zeros stand behind shorter frames.",
                    &[format!("return np.fft.rfft(frames, n={points}, axis=-1).astype(np.complex64)")],
                );
                self.complex = true;
            }
            StepSpec::Power => self.power(),
            StepSpec::Magnitude => {
                self.step(
                    "magnitude",
                    "spectra",
                    "Magnitudes.",
                    &["return np.abs(spectra).astype(np.float32)".to_owned()],
                );
                self.complex = false;
            }
            StepSpec::Mel(bank) => {
                if self.complex {
                    self.power();
                }
                self.mel(bank);
            }
            StepSpec::Log { base, offset, floor } => {
                let logarithm = match base {
                    LogBase::Natural => "np.log(numbers)",
                    LogBase::Ten => "np.log10(numbers)",
                    LogBase::Decibel => "10 * np.log10(numbers)",
                };
                self.step(
                    "log",
                    "numbers",
                    "Logarithms of what is at least a floor.",
                    &[
                        format!("numbers = np.maximum(numbers + np.float32({offset:?}), np.float32({floor:?}))"),
                        format!("return ({logarithm}).astype(np.float32)"),
                    ],
                );
            }
            StepSpec::Dct { coefficients, norm } => self.dct(*coefficients, *norm),
            StepSpec::Pcen(energy) => self.pcen(energy),
            StepSpec::Normalize { over, variance, epsilon } => {
                let axis = if *over == Over::All { "None" } else { "0" };
                let divisor =
                    if *variance { format!(" / (deviation + np.float32({epsilon:?}))") } else { String::new() };
                self.step(
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

    fn power(&mut self) {
        self.step(
            "power",
            "spectra",
            "Squared magnitudes.",
            &["return (np.abs(spectra) ** 2).astype(np.float32)".to_owned()],
        );
        self.complex = false;
    }

    fn pre_emphasis(&mut self, coefficient: f32, per: Emphasized) {
        let first = match per {
            Emphasized::Stream => "first = np.concatenate([[0.0], frames[:-1, STRIDE - 1]])[:, np.newaxis]",
            Emphasized::Frame => "first = frames[:, :1]",
        };
        self.step(
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

    fn window(&mut self, shape: WindowShape, symmetric: bool) {
        let period = if symmetric { "(SIZE - 1)" } else { "SIZE" };
        let weights = match shape {
            WindowShape::Rectangular => "np.ones(SIZE)".to_owned(),
            WindowShape::Hann => format!("0.5 - 0.5 * np.cos(2 * np.pi * np.arange(SIZE) / {period})"),
            WindowShape::Hamming => format!("0.54 - 0.46 * np.cos(2 * np.pi * np.arange(SIZE) / {period})"),
        };
        let real = if self.emphasized { "frames" } else { "frames / 32768.0" };
        self.step(
            "window",
            "frames",
            "Frames from -1 to 1, weighted.",
            &[format!("weights = {weights}"), format!("return ({real} * weights).astype(np.float32)")],
        );
    }

    fn mel(&mut self, bank: &MelBands) {
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
        self.step(
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

    fn dct(&mut self, coefficients: usize, norm: DctNorm) {
        let mut lines = vec![
            "bands = numbers.shape[-1]".to_owned(),
            format!("angles = np.pi * np.outer(np.arange({coefficients}), 2 * np.arange(bands) + 1) / (2 * bands)"),
            "cosines = np.sqrt(2 / bands) * np.cos(angles)".to_owned(),
        ];
        if norm == DctNorm::Ortho {
            lines.push("cosines[0] = np.sqrt(1 / bands)".to_owned());
        }
        lines.push("return (numbers @ cosines.T).astype(np.float32)".to_owned());
        self.step("dct", "numbers", "Cepstral coefficients: a DCT of the second kind.", &lines);
    }

    fn pcen(&mut self, energy: &Energy) {
        let Energy { gain, bias, power, time_constant, epsilon, scale } = *energy;
        self.step("pcen", "bands", "Per-channel energy normalization, as librosa computes it.", &[
            format!("frames = {time_constant:?} * RATE / STRIDE"),
            "smoothing = (np.sqrt(1 + 4 * frames ** 2) - 1) / (2 * frames ** 2)".to_owned(),
            format!("bands, level, rows = bands * {scale:?}, np.ones(bands.shape[-1]), []"),
            "for row in bands:".to_owned(),
            format!("{INDENT}level = smoothing * row + (1 - smoothing) * level"),
            format!("{INDENT}rows.append((row / ({epsilon:?} + level) ** {gain:?} + {bias:?}) ** {power:?} - {bias:?} ** {power:?})"),
            "return np.array(rows, dtype=np.float32)".to_owned(),
        ]);
    }

    /// The last step is saved under the model input's name.
    fn quantize(&mut self, input: &Input) {
        let Some((scale, zero_point)) = input.quantization else { return };
        let (low, high, dtype) = match input.dtype {
            TensorType::Int16 => (-32_768, 32_767, "int16"),
            _ => (-128, 127, "int8"),
        };
        let _ = write!(
            self.text,
            "\n\ndef quantize(numbers):\n{INDENT}\"\"\"To the model's input, as LiteRT does it: halves away from zero.\"\"\"\n\
             {INDENT}steps = numbers.astype(np.float32) / np.float32({scale:?})\n\
             {INDENT}steps = np.where(steps < 0, np.ceil(steps - 0.5), np.floor(steps + 0.5)) + {zero_point}\n\
             {INDENT}return np.clip(steps, {low}, {high}).astype(np.{dtype})\n"
        );
        self.steps.push((input.name.clone(), "quantize".to_owned()));
    }

    fn tail(&mut self, input: &str) {
        let steps: Vec<String> =
            self.steps.iter().map(|(array, function)| format!("({}, {function})", quoted(array))).collect();
        let _ = write!(
            self.text,
            "\n\nSTEPS = [{}]\n\n\n\
             def features(samples):\n{INDENT}\"\"\"The arrays of all steps, by name, for the samples of one vector.\"\"\"\n\
             {INDENT}samples = np.asarray(samples)\n\
             {INDENT}if samples.dtype != np.int16 or samples.shape != (SAMPLES,):\n\
             {INDENT}{INDENT}raise ValueError(f\"one vector is {{SAMPLES}} int16 samples, and here are {{samples.shape}} of {{samples.dtype}}\")\n\
             {INDENT}found, value = {{}}, samples\n\
             {INDENT}for name, step in STEPS:\n{INDENT}{INDENT}value = found[name] = step(value)\n\
             {INDENT}return found\n\n\n\
             def save(path, vectors):\n{INDENT}\"\"\"Writes samples and arrays of all vectors; the model reads {}.\"\"\"\n\
             {INDENT}found = [features(vector) for vector in vectors]\n\
             {INDENT}arrays = {{name: np.stack([arrays[name] for arrays in found]) for name, _ in STEPS}}\n\
             {INDENT}np.savez(path, samples=np.stack(vectors), **arrays)\n\n\n\
             def read(path):\n{INDENT}\"\"\"The samples of a WAV file.\"\"\"\n\
             {INDENT}with wave.open(path) as clip:\n\
             {INDENT}{INDENT}if (clip.getframerate(), clip.getnchannels(), clip.getsampwidth()) != (RATE, 1, 2):\n\
             {INDENT}{INDENT}{INDENT}raise ValueError(f\"{{path}} is not one channel of int16 at {{RATE}} Hz\")\n\
             {INDENT}{INDENT}return np.frombuffer(clip.readframes(clip.getnframes()), dtype=\"<i2\").astype(np.int16)\n\n\n\
             if __name__ == \"__main__\":\n{INDENT}save(sys.argv[1], [read(path) for path in sys.argv[2:]])\n",
            steps.join(", "),
            input.replace(['"', '\\', '\n'], "_"),
        );
    }
}

const INDENT: &str = "    ";

/// A string literal of Python; of names with other characters these are escaped.
fn quoted(name: &str) -> String {
    let mut text = String::from("\"");
    for character in name.chars() {
        match character {
            '"' | '\\' => text.extend(['\\', character]),
            plain if plain.is_ascii_graphic() || plain == ' ' => text.push(plain),
            other => {
                let _ = write!(text, "\\U{:08x}", u32::from(other));
            }
        }
    }
    text + "\""
}

#[cfg(test)]
mod tests;
