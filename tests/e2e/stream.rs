//! A model that listens to a stream: from samples to its answers, host reference and target agree in every step of every hop.

use std::fmt::Write as _;
use std::process::Command;

use deployctl::model::pipeline::{Source, Spec, StepSpec, WindowShape, join};
use deployctl::{model, vectors};

use crate::space::{NAME, Space};

/// Steps before a model.
struct Chain {
    written: &'static str,
    /// Names of the operators that run for each hop.
    operators: &'static [&'static str],
    /// Hops to the first inference.
    hops: usize,
    hop_samples: usize,
}

/// Samples as they are.
const SAMPLES: Chain = Chain {
    written: "rate=1000 {\n    window \"hann\" ms=5 stride-ms=2\n",
    operators: &["frame", "window", "quantize", "frames"],
    hops: 8,
    hop_samples: 2,
};

/// Cepstral coefficients: every float32 function that the usual features need.
const CEPSTRUM: Chain = Chain {
    written: "rate=4000 {\n    window \"hann\" samples=60 stride=32\n    fft 64\n    power\n    mel bands=8 low=100 high=2000\n    log \
              offset=1e-6\n    dct 5\n",
    operators: &["frame", "window", "fft", "power", "mel", "log", "dct", "quantize", "frames"],
    hops: 7,
    hop_samples: 32,
};

/// Two new rows in each inference, two inferences in a sequence.
fn space(board: &str, chain: &Chain) -> Option<Space> {
    let space = Space::built(board)?;
    let audio = format!("preprocess \"audio\" {}    frames 6 advance=2\n}}\n\ntarget", chain.written);
    space.edit(NAME, "target", &audio);
    space.edit(NAME, "800 B", "6 KiB");
    space.edit(NAME, "count=2 seed=1", "count=4 seed=1; steps 2");
    Some(space)
}

fn passes(board: &str, chain: &Chain) -> Option<Space> {
    let space = space(board, chain)?;
    space.build("").succeeded();
    let report: serde_json::Value = serde_json::from_slice(&space.result("gate-report.json")).unwrap();
    assert_eq!(report["verdict"], "pass", "{report}");
    let measured: serde_json::Value = serde_json::from_slice(&space.result("measurement.json")).unwrap();
    // The steps and eight operators, of four vectors in two runs each.
    assert_eq!(measured["tensors_compared"], (chain.operators.len() + 8) * 4 * 2);
    let transcript = String::from_utf8(space.result("bringup.transcript")).unwrap();
    let due: Vec<&str> = transcript.lines().filter(|line| line.starts_with("hop ")).collect();
    let says = |hop: usize, due_then: u8| due[hop].starts_with(&format!("hop {hop} due={due_then} "));
    assert_eq!(due.len(), chain.hops, "{transcript}");
    assert!(says(chain.hops - 2, 0) && says(chain.hops - 1, 1), "{transcript}");
    let header = String::from_utf8(space.result("c/sample.h")).unwrap();
    assert!(
        header.contains("int16_t *sample_samples(void);")
            && header.contains(&format!("HOPS_TO_FIRST_INFERENCE {}\n", chain.hops))
            && header.contains(&format!("HOP_ELEMENTS {}\n", chain.hop_samples)),
        "{header}"
    );
    let runbook = String::from_utf8(space.result("runbook.md")).unwrap();
    let row = |(index, name): (usize, &&str)| format!("| hop.{index} (line `op {}`) | {name} |", 8 + index);
    for row in chain.operators.iter().enumerate().map(row) {
        assert!(runbook.contains(&row), "{row}\n{runbook}");
    }
    Some(space)
}

/// Every vector of the manifest: two in a sequence.
const PROGRAM: &str = r#"
#include <string.h>
#include "sample.h"
#include "data.h"

int main(void)
{
    for (int v = 0; v < 4; v++) {
        int due = 0;
        if (v % 2 == 0) {
            sample_init();
        }
        for (int hop = 0; hop < SAMPLE_HOPS_TO_FIRST_INFERENCE; hop++) {
            memcpy(sample_samples(), samples[v] + hop * SAMPLE_HOP_ELEMENTS, SAMPLE_HOP_BYTES);
            due = sample_hop();
        }
        if (!due) {
            return 1;
        }
        sample_invoke();
        if (memcmp(sample_output_0(), outputs[v], SAMPLE_OUTPUT_0_BYTES) != 0) {
            return 2;
        }
    }
    return 0;
}
"#;

/// A program in C that takes the same hops gives the same outputs.
fn agrees_in_c(space: &Space) {
    let window = StepSpec::Window { shape: WindowShape::Hann, symmetric: false, size: 5, stride: 2 };
    let steps = vec![window, StepSpec::Frames { count: 6, advance: 2 }];
    let spec = Spec { input: None, source: Source::Audio { rate: 1000 }, steps };
    let sample = model::read(include_bytes!("../golden/sample.tflite")).unwrap();
    let graph = join(&spec, &sample).unwrap().graph;
    let expectation: serde_json::Value = serde_json::from_slice(&space.result("expectation.json")).unwrap();
    let (mut samples, mut outputs) = (String::new(), String::new());
    for (index, vector) in vectors::random(&graph, 4, 1).into_iter().enumerate() {
        let words = vector.inputs[0].as_chunks().0.iter().map(|&word| i16::from_le_bytes(word).to_string());
        writeln!(samples, "    {{{}}},", words.collect::<Vec<_>>().join(", ")).unwrap();
        let output: Vec<i8> = serde_json::from_value(expectation["vectors"][index]["outputs"][0].clone()).unwrap();
        let output: Vec<String> = output.iter().map(i8::to_string).collect();
        writeln!(outputs, "    {{{}}},", output.join(", ")).unwrap();
    }
    let data = format!(
        "static const int16_t samples[4][16] = {{\n{samples}}};\nstatic const signed char outputs[4][3] = {{\n{outputs}}};\n"
    );
    space.write("program/data.h", data).write("program/main.c", PROGRAM);
    for file in ["sample.h", "libsample.a"] {
        space.write(&format!("program/{file}"), space.result(&format!("c/{file}")));
    }
    let run = |program: &str, arguments: &[&str]| {
        let output = Command::new(program).args(arguments).current_dir(space.path("program")).output().unwrap();
        assert!(output.status.success(), "{program}: {:?} {}", output.status, String::from_utf8_lossy(&output.stderr));
    };
    let flags = ["-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic"];
    run("gcc", &[&flags[..], &["main.c", "-L.", "-lsample", "-o", "program"]].concat());
    run("./program", &[]);
}

#[test]
fn on_the_host() {
    let Some(space) = passes("host", &SAMPLES) else { return };
    agrees_in_c(&space);
}

#[test]
#[ignore = "one board is enough for the plain run; `tests/all --full` has all"]
fn features_on_a_board_with_a_floating_point_unit() {
    passes("mps2-an386", &CEPSTRUM);
}

#[test]
fn features_on_a_board_with_vectors() {
    passes("mps3-an547", &CEPSTRUM);
}

#[test]
#[ignore = "one board is enough for the plain run; `tests/all --full` has all"]
fn features_on_a_board_without_a_floating_point_unit() {
    passes("microbit", &CEPSTRUM);
}
