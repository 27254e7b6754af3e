//! What a person sees who plays the recorded bring-up session again: files, lines, and the answer in words.
//!
//! Knows the names of the harness's lines and how a quantized number is read; does not know how it is printed.

use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::gate::evidence::Expectation;
use crate::manifest::Port;
use crate::model::{Graph, Number, Tensor, TensorId, hex};

/// Most elements of an output that are listed; of more, the largest ones are.
const LISTED: usize = 16;
/// How many of the largest.
const LARGEST: usize = 5;

/// A file of the folder, with a digest that every system has a tool for.
#[derive(Debug, Serialize)]
pub(super) struct File {
    pub name: String,
    pub sha256: String,
    pub bytes: usize,
}

impl File {
    pub(super) fn of(name: &str, content: &[u8]) -> Self {
        Self { name: name.to_owned(), sha256: format!("{:x}", Sha256::digest(content)), bytes: content.len() }
    }
}

/// Lines of the recorded session, by the step of the bring-up at which a person looks for them.
#[derive(Debug, Default, Serialize)]
pub(super) struct Lines {
    pub interface: Vec<String>,
    pub operators: Vec<String>,
    pub hops: Vec<String>,
    pub memory: Vec<String>,
    pub outputs: Vec<String>,
}

impl Lines {
    pub(super) fn of(transcript: &str) -> Self {
        let starting = |words: &[&str]| -> Vec<String> {
            let wanted = |line: &&str| words.iter().any(|word| line.split(' ').next() == Some(word));
            transcript.lines().filter(wanted).map(str::to_owned).collect()
        };
        Self {
            interface: starting(&["boot", "ready", "startup"]),
            operators: starting(&["op"]),
            hops: starting(&["hop"]),
            memory: starting(&["arena", "stack", "stack-total"]),
            outputs: starting(&["output", "ticks"]),
        }
    }
}

/// What goes in and comes out.
#[derive(Debug, Serialize)]
pub(super) struct Ports {
    pub inputs: Vec<PortRow>,
    pub outputs: Vec<PortRow>,
}

/// An input or output of the model.
#[derive(Debug, Serialize)]
pub(super) struct PortRow {
    pub name: String,
    pub dtype: &'static str,
    pub shape: String,
    /// How a number becomes a real value, as a formula.
    pub real: Option<String>,
}

impl Ports {
    pub(super) fn of(graph: &Graph) -> Self {
        let row = |tensor: &Tensor| PortRow {
            name: tensor.name.clone(),
            dtype: tensor.dtype.name(),
            shape: shape(tensor),
            real: formula(tensor),
        };
        let rows = |ids: &[TensorId]| ids.iter().map(|id| row(graph.tensor(*id))).collect();
        Self { inputs: rows(&graph.inputs), outputs: rows(&graph.outputs) }
    }
}

/// Real value of one step, and the quantized value that stands for zero.
fn affine(tensor: &Tensor) -> Option<(f32, i64)> {
    let quantization = tensor.quantization.as_ref()?;
    quantization.scales.first().copied().zip(quantization.zero_points.first().copied())
}

/// `(number + 128) × 0.00390625`.
fn formula(tensor: &Tensor) -> Option<String> {
    let (scale, zero_point) = affine(tensor)?;
    Some(match zero_point {
        0 => format!("number × {scale}"),
        1.. => format!("(number − {zero_point}) × {scale}"),
        _ => format!("(number + {}) × {scale}", zero_point.unsigned_abs()),
    })
}

/// `1×49×10×1`.
fn shape(tensor: &Tensor) -> String {
    tensor.shape.iter().map(ToString::to_string).collect::<Vec<_>>().join("×")
}

/// What the model says to the session's vector.
#[derive(Debug, Serialize)]
pub(super) struct Answer {
    /// Name of the output tensor.
    pub name: String,
    /// `1×12`.
    pub shape: String,
    /// Number of elements.
    pub count: usize,
    /// How a number becomes a real value, as a formula.
    pub real: Option<String>,
    /// Whether `elements` are only the largest.
    pub only_largest: bool,
    /// In order of position.
    pub elements: Vec<Element>,
    /// The largest; the first of equals.
    pub top: Option<Element>,
    /// The label that was recorded with the vector, where one was, in words.
    pub recorded: Option<String>,
}

/// One element of an output.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Element {
    pub index: usize,
    pub label: Option<String>,
    pub hex: String,
    /// As the tensor has it.
    pub number: String,
    #[serde(skip)]
    rank: f64,
    /// Dequantized, in words.
    pub value: Option<String>,
}

/// The expected outputs of vector 0; none where there is no expectation.
pub(super) fn answers(graph: &Graph, ports: &[Port], expectation: &Expectation) -> Vec<Answer> {
    let Some(vector) = expectation.vectors.first() else { return Vec::new() };
    let tensors = graph.outputs.iter().map(|id| graph.tensor(*id));
    tensors.zip(&vector.outputs).map(|(tensor, values)| answer(tensor, values, ports, vector.label)).collect()
}

fn answer(tensor: &Tensor, values: &[i8], ports: &[Port], recorded: Option<i64>) -> Answer {
    let labels = ports.iter().find(|port| port.name == tensor.name).and_then(|port| port.labels.as_deref());
    let affine = affine(tensor);
    let label = |index: usize| labels.and_then(|labels| labels.get(index)).cloned();
    let element = |(index, bytes): (usize, &[i8])| {
        let bytes: Vec<u8> = bytes.iter().map(|byte| byte.cast_unsigned()).collect();
        let number = Number::of(tensor.dtype, &bytes);
        Element {
            index,
            label: label(index),
            // As the transcript has it: byte by byte.
            hex: hex(&bytes),
            number: number.to_string(),
            rank: if number.value().is_nan() { f64::NEG_INFINITY } else { number.value() },
            value: affine.map(|(scale, zero_point)| real(number.value(), scale, zero_point)),
        }
    };
    let size = (tensor.dtype.bits() / 8).max(1);
    let all: Vec<Element> = values.chunks(size).enumerate().map(element).collect();
    let mut largest: Vec<&Element> = all.iter().collect();
    largest.sort_by(|a, b| b.rank.total_cmp(&a.rank).then(a.index.cmp(&b.index)));
    let top = largest.first().map(|element| (*element).clone());
    let only_largest = all.len() > LISTED;
    let elements = if only_largest { largest.into_iter().take(LARGEST).cloned().collect() } else { all.clone() };
    Answer {
        name: tensor.name.clone(),
        shape: shape(tensor),
        count: all.len(),
        real: formula(tensor),
        only_largest,
        elements,
        top,
        recorded: recorded.map(|class| {
            let name = usize::try_from(class).ok().and_then(label);
            name.map_or_else(|| class.to_string(), |name| format!("{class}, {name}"))
        }),
    }
}

/// (quantized − zero point) × scale, to five digits.
fn real(quantized: f64, scale: f32, zero_point: i64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "zero points of quantized tensors are of 32 bits")]
    let value = (quantized - zero_point as f64) * f64::from(scale);
    let exponent = format!("{value:e}");
    let digits: i32 = exponent.rsplit('e').next().and_then(|digits| digits.parse().ok()).unwrap_or(0);
    match digits {
        -3..=4 => {
            let text = format!("{value:.*}", usize::try_from(4 - digits).unwrap_or(0));
            let trimmed = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
            trimmed.to_owned()
        }
        _ => format!("{value:.4e}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::evidence::ExpectedVector;
    use crate::model::{Quantization, TensorType};

    fn graph(elements: usize) -> Graph {
        let tensor = Tensor {
            name: "scores".into(),
            dtype: TensorType::Int8,
            shape: vec![1, elements],
            quantization: Some(Quantization { scales: vec![0.003_906_25], zero_points: vec![-128], dimension: 0 }),
            constant: None,
            signature: vec![],
            variable: false,
            unpacked_from: None,
        };
        Graph { tensors: vec![tensor], operators: vec![], inputs: vec![], outputs: vec![TensorId(0)], pipeline: None }
    }

    fn expectation(outputs: Vec<i8>, label: Option<i64>) -> Expectation {
        Expectation {
            blocked: None,
            source: "1 vector".into(),
            seeded: false,
            steps: 1,
            remarks: vec![],
            vectors: vec![ExpectedVector {
                label,
                operators: vec![],
                hops: vec![],
                due: vec![],
                outputs: vec![outputs],
            }],
            recorded: None,
            distinct_outputs: 1,
        }
    }

    fn port(labels: &[&str]) -> Port {
        Port {
            name: "scores".into(),
            dtype: TensorType::Int8,
            shape: vec![1, 3],
            quantization: None,
            labels: Some(labels.iter().map(|label| (*label).to_owned()).collect()),
        }
    }

    #[test]
    fn an_answer_has_label_hex_and_real_value() {
        let found = answers(&graph(3), &[port(&["no", "yes", "maybe"])], &expectation(vec![-128, 102, -3], Some(1)));
        let top = found[0].top.as_ref().unwrap();
        assert_eq!((top.index, top.label.as_deref(), top.hex.as_str()), (1, Some("yes"), "66"));
        assert_eq!(top.value.as_deref(), Some("0.89844"));
        assert_eq!(found[0].elements[0].value.as_deref(), Some("0"));
        assert_eq!(found[0].elements[2].hex, "fd");
        assert_eq!(found[0].recorded.as_deref(), Some("1, yes"));
        assert_eq!(found[0].real.as_deref(), Some("(number + 128) × 0.00390625"));
        assert!(!found[0].only_largest);
    }

    #[test]
    fn of_a_long_output_the_largest_are_listed() {
        let mut values = vec![-128; 640];
        (values[17], values[600]) = (5, 5);
        let found = answers(&graph(640), &[], &expectation(values, None));
        assert!(found[0].only_largest);
        assert_eq!(found[0].elements.iter().map(|element| element.index).collect::<Vec<_>>(), [17, 600, 0, 1, 2]);
        assert_eq!(found[0].top.as_ref().unwrap().index, 17);
    }

    #[test]
    fn without_an_expectation_there_is_no_answer() {
        let mut nothing = expectation(vec![], None);
        nothing.vectors.clear();
        assert!(answers(&graph(3), &[], &nothing).is_empty());
    }

    #[test]
    fn real_values_are_short() {
        let cases =
            [(1, 1.0, 0, "1"), (127, 1000.0, -128, "2.5500e5"), (-128, 0.5, 0, "-64"), (1, 1e-6, 0, "1.0000e-6")];
        for (quantized, scale, zero, text) in cases {
            assert_eq!(real(f64::from(quantized), scale, zero), text);
        }
    }

    #[test]
    fn files_have_the_digest_that_sha256sum_prints() {
        let file = File::of("a", b"abc");
        assert_eq!(file.sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }

    #[test]
    fn lines_come_by_step() {
        let lines = Lines::of(
            "boot 4 x *0\nready a *0\nstartup 3 1 *0\nhop 0 due=1 *0\nop 0 y *0\noutput 0 0 ff *0\narena 3 *0\nstack 1 *0\nticks 4 *0\n",
        );
        assert_eq!((lines.interface.len(), lines.operators.len(), lines.hops.len()), (3, 1, 1));
        assert_eq!((lines.memory.len(), lines.outputs.len()), (2, 2));
    }
}
