//! A Python file that is being written: constants, a function a step, and what calls them all.

use std::fmt::Write as _;

use super::Input;
use crate::model::TensorType;
use crate::model::pipeline::StepSpec;

pub(super) const INDENT: &str = "    ";
/// Functions that every file has.
const TAKEN: [&str; 4] = ["features", "read", "save", "quantize"];

/// What one vector is, and the files that it comes from.
pub(super) struct Raw {
    /// The argument that has it.
    pub name: &'static str,
    /// Its shape, in Python.
    pub shape: &'static str,
    /// `NumPy`'s name of its type.
    pub dtype: &'static str,
    /// How a file is called in the usage.
    pub files: &'static str,
    /// What `read` imports.
    pub imports: &'static [&'static str],
    /// The lines of `read`.
    pub read: &'static [&'static str],
}

/// One step: what is saved, and how it is computed.
struct Call {
    array: String,
    function: String,
    /// The arrays that it is computed from; none of the raw input.
    arguments: Vec<String>,
}

/// A file that is being written.
#[derive(Default)]
pub(super) struct File {
    constants: String,
    functions: String,
    calls: Vec<Call>,
}

impl File {
    pub(super) fn constant(&mut self, name: &str, value: usize, remark: &str) {
        let _ = writeln!(self.constants, "{name} = {value}  # {remark}");
    }

    /// The constants of a stream that is cut.
    pub(super) fn cuts(&mut self, size: usize, stride: usize, steps: &[StepSpec]) {
        let frames = steps.iter().find_map(|step| match step {
            StepSpec::Frames { count, .. } => Some(*count),
            _ => None,
        });
        let frames = frames.unwrap_or(1);
        self.constant("SIZE", size, "samples of a frame");
        self.constant("STRIDE", stride, "samples from one frame to the next");
        self.constant("FRAMES", frames, "of one vector");
        self.constant("SAMPLES", (size.div_ceil(stride) + frames - 1) * stride, "of one vector");
    }

    /// The step that cuts them.
    pub(super) fn frames(&mut self) {
        self.step(
            "frame",
            "samples",
            "Frames, each beginning STRIDE samples after the one before, the first with the first sample.",
            &["return np.stack([samples[at * STRIDE:][:SIZE] for at in range(FRAMES)])".to_owned()],
        );
    }

    /// Lines that stand between functions.
    pub(super) fn text(&mut self, lines: &[&str]) {
        self.functions.push_str("\n\n");
        for line in lines {
            let _ = writeln!(self.functions, "{line}");
        }
    }

    /// More lines of the function that [`File::text`] began.
    pub(super) fn more(&mut self, lines: &[&str]) {
        for line in lines {
            let _ = writeln!(self.functions, "{INDENT}{line}");
        }
    }

    /// The array of the latest step.
    pub(super) fn latest(&self) -> Option<String> {
        self.calls.last().map(|call| call.array.clone())
    }

    /// Appends a function of what the latest step gives.
    pub(super) fn step(&mut self, name: &str, parameter: &str, what: &str, lines: &[String]) {
        let latest: Vec<String> = self.latest().into_iter().collect();
        self.step_of(name, &[parameter], &latest, what, lines);
    }

    /// Appends a function of several arrays.
    pub(super) fn step_of(
        &mut self,
        name: &str,
        parameters: &[&str],
        arguments: &[String],
        what: &str,
        lines: &[String],
    ) {
        let known = |array: &str| self.calls.iter().any(|call| call.array == array);
        let array = std::iter::once(name.to_owned()).chain((2..).map(|count| format!("{name}-{count}")));
        let array = array.into_iter().find(|array| !known(array)).unwrap_or_default();
        let mut function = array.replace('-', "_");
        if TAKEN.contains(&&function[..]) {
            function.push('_');
        }
        let _ = write!(self.functions, "\n\ndef {function}({}):\n{INDENT}\"\"\"{what}\"\"\"\n", parameters.join(", "));
        for line in lines {
            let indent = if line.is_empty() { "" } else { INDENT };
            let _ = writeln!(self.functions, "{indent}{line}");
        }
        self.calls.push(Call { array, function, arguments: arguments.to_vec() });
    }

    /// What is saved under the model input's name: the last step's numbers, quantized where that is still to do.
    pub(super) fn end(&mut self, input: &Input, quantized: bool) {
        let Some((scale, zero_point)) = input.quantization else { return };
        let arguments: Vec<String> = self.latest().into_iter().collect();
        let (low, high, dtype) = match input.dtype {
            TensorType::Int16 => (-32_768, 32_767, "int16"),
            TensorType::Uint8 => (0, 255, "uint8"),
            _ => (-128, 127, "int8"),
        };
        let lines = if quantized {
            vec![format!("return numbers.astype(np.{dtype})")]
        } else {
            vec![
                format!("steps = (numbers.astype(np.float32) / np.float32({scale:?})).astype(np.float64)"),
                format!("steps = np.where(steps < 0, np.ceil(steps - 0.5), np.floor(steps + 0.5)) + {zero_point}"),
                format!("return np.clip(steps, {low}, {high}).astype(np.{dtype})"),
            ]
        };
        let what = if quantized {
            "The model's input."
        } else {
            "To the model's input, as LiteRT does it: halves away from zero."
        };
        let _ = write!(self.functions, "\n\ndef quantize(numbers):\n{INDENT}\"\"\"{what}\"\"\"\n");
        for line in lines {
            let _ = writeln!(self.functions, "{INDENT}{line}");
        }
        self.calls.push(Call { array: input.name.clone(), function: "quantize".to_owned(), arguments });
    }

    /// The file.
    pub(super) fn whole(&self, name: &str, raw: &Raw, input: &str) -> String {
        let told: String =
            name.chars().map(|c| if c.is_alphanumeric() || "-_.".contains(c) { c } else { '_' }).collect();
        let axis = if raw.name == "samples" { "an array whose first axis is frames" } else { "one picture" };
        let mut text = format!(
            "\"\"\"Features of {told}, step by step, as its firmware computes them. Written by `deployctl features`; needs numpy.\n\n\
             Each step is a function of {axis}. `features` runs them all on the {} of one vector,\n\
             {}; `save` writes the file that `parity` in the manifest reads. Call these functions from the training code, or save\n\
             the training code's own arrays under the same names, and a build says which of them is the first that differs.\n\n\
             {INDENT}python3 features.py FEATURES.npz {}...\n\
             \"\"\"\n\nimport sys\n",
            raw.name, raw.dtype, raw.files
        );
        for module in raw.imports {
            let _ = writeln!(text, "import {module}");
        }
        let _ = write!(text, "\nimport numpy as np\n\n{}{}", self.constants, self.functions);
        self.calls(&mut text, raw);
        ways(&mut text, raw, input);
        text
    }

    /// The function that calls all steps.
    fn calls(&self, text: &mut String, raw: &Raw) {
        let Raw { name, shape, dtype, .. } = raw;
        let _ = write!(
            text,
            "\n\ndef features({name}):\n{INDENT}\"\"\"The arrays of all steps, by name, for the {name} of one vector.\"\"\"\n\
             {INDENT}{name} = np.asarray({name})\n\
             {INDENT}if {name}.dtype != np.{dtype} or {name}.shape != {shape}:\n\
             {INDENT}{INDENT}raise ValueError(f\"one vector is {dtype} of shape {{{shape}}}, and here are {{{name}.shape}} of {{{name}.dtype}}\")\n\
             {INDENT}found = {{}}\n"
        );
        for Call { array, function, arguments } in &self.calls {
            let arguments: Vec<String> = arguments.iter().map(|array| format!("found[{}]", quoted(array))).collect();
            let arguments = if arguments.is_empty() { (*name).to_owned() } else { arguments.join(", ") };
            let _ = writeln!(text, "{INDENT}found[{}] = {function}({arguments})", quoted(array));
        }
        let _ = writeln!(text, "{INDENT}return found");
    }
}

/// Functions that read and write files.
fn ways(text: &mut String, raw: &Raw, input: &str) {
    let read = raw.read.iter().fold(String::new(), |text, line| text + INDENT + line + "\n");
    let _ = write!(
        text,
        "\n\ndef save(path, vectors):\n{INDENT}\"\"\"Writes the raw input and the arrays of all vectors; the model reads {}.\"\"\"\n\
         {INDENT}found = [features(vector) for vector in vectors]\n\
         {INDENT}arrays = {{name: np.stack([arrays[name] for arrays in found]) for name in found[0]}}\n\
         {INDENT}np.savez(path, samples=np.stack(vectors), **arrays)\n\n\n\
         def read(path):\n{INDENT}\"\"\"The {} of a file.\"\"\"\n{read}\n\n\
         if __name__ == \"__main__\":\n{INDENT}save(sys.argv[1], [read(path) for path in sys.argv[2:]])\n",
        input.replace(['"', '\\', '\n'], "_"),
        raw.name,
    );
}

/// A string literal of Python; of names with other characters these are escaped.
pub(super) fn quoted(name: &str) -> String {
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
