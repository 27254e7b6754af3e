//! A target of two operators with all its papers, for the tests of what people read.

use super::dossier::{Deployment, Named, Papers, Subject, Target};
use super::emit::Emission;
use super::memory::Planned;
use crate::advice::{Finding, Level, Standing, Way, WayKind};
use crate::gate::evidence::{
    Audit, AuditRow, Condition, Expectation, ExpectedVector, FirmwareCrate, Footprint, Measurement, Spread,
};
use crate::gate::metric::{Sources, figures};
use crate::gate::{Check, Judgement, Quantity, Unit, Verdict};
use crate::library::{InstructionPath, Kernel};
use crate::memory::{Kind, Live, MemoryPlan, Placed};
use crate::model::{Graph, OperatorId, Quantization, Tensor, TensorId, TensorType};

/// A tensor name with everything that ends a cell, a line, a code span or a paragraph.
pub(super) const HOSTILE: &str = "a|b`c\n# title\n<script>alert(1)</script> [x](javascript:y) ``` </details>";

/// What the harness answered.
pub(super) const TRANSCRIPT: &str = "\
boot 4 d1ce *00000001
ready inputs=1 outputs=1 operators=2 hops=0 arena=64 services=0 clock=instructions *00000002
startup 30 1 *0000000e
step 1 0 *00000003
op 0 00000000000000aa 7 *00000004
op 1 00000000000000bb 9 *00000005
output 0 0 66fd *00000006
arena 64 *00000007
done *00000008
invoke 2 0 *00000009
output 0 0 66fd *00000006
ticks 100 *0000000a
stack 40 *0000000b
arena 64 *00000007
done *00000008
stack-total 392 *0000000c
bye *0000000d
";

pub(super) fn subject() -> Subject {
    let named = |name: &str, value: &str| Named { name: name.to_owned(), value: value.to_owned() };
    Subject {
        deployment: Deployment {
            name: "sample".into(),
            version: "1.0.0".into(),
            owner: "a@example.com".into(),
            summary: Some("Says yes or no".into()),
        },
        target: Target {
            board: "mps2-an386".into(),
            summary: "Cortex-M4F, emulated".into(),
            core: "cortex-m4f".into(),
            clock: "none: the emulator's ticks are instructions".into(),
            evidence: "emulated (QEMU, mps2-an386)".into(),
        },
        model: named("model sample.tflite", "50b2"),
        tools: vec![named("rustc", "rustc 1.95.0"), named("emulator", "QEMU 7.2")],
        cautions: vec![],
    }
}

pub(super) fn graph(output: &str) -> Graph {
    let tensor = |name: &str| Tensor {
        name: name.to_owned(),
        dtype: TensorType::Int8,
        shape: vec![1, 2],
        quantization: Some(Quantization { scales: vec![0.003_906_25], zero_points: vec![-128], dimension: 0 }),
        constant: None,
        signature: vec![],
        variable: false,
        unpacked_from: None,
    };
    Graph {
        tensors: vec![tensor("features"), tensor(output)],
        operators: vec![],
        inputs: vec![TensorId(0)],
        outputs: vec![TensorId(1)],
        pipeline: None,
    }
}

/// All papers of a target that passes; `output` is the name of the model's output.
pub(super) fn papers(output: &str) -> Papers {
    let row = |operator: usize, name: &str, output: &str, macs: u64, library: &str, symbol: &str| AuditRow {
        operator: OperatorId(operator),
        label: operator.to_string(),
        name: name.to_owned(),
        output: output.to_owned(),
        shape: vec![1, 2],
        macs,
        kernel: Some(Kernel {
            library: library.to_owned(),
            symbol: symbol.to_owned(),
            entry: String::new(),
            path: if library == "cmsis-nn" { InstructionPath::Dsp } else { InstructionPath::Scalar },
        }),
        reason: (library != "cmsis-nn").then(|| format!("`{output}` is quantized per channel")),
        advice: None,
        finding: None,
    };
    let bytes = |value: f64| Some(Quantity { value, unit: Unit::Bytes });
    let papers = Papers {
        judgement: Judgement {
            figures: vec![],
            verdict: Verdict::Pass,
            checks: vec![Check {
                name: "arena_headroom".into(),
                title: "arena headroom".into(),
                manifest: Some("arena.budget".into()),
                limit: bytes(128.0),
                value: bytes(64.0),
                margin: Some(0.5),
                margin_required: Some(0.1),
                verdict: Verdict::Pass,
                detail: format!("planned peak 64 bytes, held by `{output}`"),
            }],
        },
        audit: Audit {
            library: "cmsis-nn".into(),
            rows: vec![
                row(0, "CONV_2D", "model/conv/Relu;model/conv", 9_900, "cmsis-nn", "arm_convolve_s8"),
                row(1, "FULLY_CONNECTED", output, 100, "reference", "fully_connected"),
            ],
        },
        planned: Planned { blocked: None, plan: Some(plan(output)) },
        expectation: Expectation {
            blocked: None,
            source: "2 seeded inputs (seed 1)".into(),
            seeded: true,
            steps: 1,
            remarks: vec![],
            vectors: vec![
                ExpectedVector {
                    hops: vec![],
                    due: vec![],
                    label: Some(0),
                    operators: vec!["00000000000000aa".into(), "00000000000000bb".into()],
                    outputs: vec![vec![102, -3]],
                };
                2
            ],
            recorded: None,
            distinct_outputs: 1,
        },
        footprint: Footprint {
            does_not_fit: false,
            flash_bytes: Some(36_048),
            weights_bytes: 19_088,
            ram_bytes: Some(1_084),
            operator_code: [("0".to_owned(), 54), ("1".to_owned(), 46)].into(),
            operator_kernels: [("0".to_owned(), ["arm_convolve_s8".to_owned()].into()), ("1".to_owned(), [].into())]
                .into(),
            kernel_code: [("arm_convolve_s8".to_owned(), 994), ("arm_nn_mat_mult".to_owned(), 1_172)].into(),
            app_image: "a11a".into(),
            harness_image: "b22b".into(),
            crates: vec![FirmwareCrate { name: "nb".into(), version: "1.1.0".into(), licence: None }],
            blocked: None,
        },
        measurement: Measurement {
            runner: "qemu mps2-an386".into(),
            emulated: true,
            vectors: 2,
            runs: 3,
            tensors_compared: 12,
            conditions: vec![Condition::Zeros, Condition::Ones, Condition::Noise, Condition::ColdAndWarm],
            instructions: Some(4_000),
            spread: Spread::of([3_900, 3_950, 4_000]),
            startup_instructions: Some(1_200),
            startup_model_instructions: Some(40),
            arena_bytes: 64,
            stack_invoke_bytes: Some(40),
            stack_harness_bytes: Some(392),
            stack_app_bytes: Some(300),
            ..Measurement::default()
        },
        load: None,
        injected: None,
        emission: Emission { blocked: None, digest: "d1ce".into(), operators: 2, stream: false },
        origin: vec![("file's description".into(), "MLIR Converted.".into())],
        conversion: None,
        parity: None,
    };
    measured(papers)
}

/// With the figures that the papers give.
fn measured(mut papers: Papers) -> Papers {
    papers.judgement.figures = figures(&Sources {
        arena_peak: papers.planned.peak().ok(),
        audit: &papers.audit,
        footprint: &papers.footprint,
        measurement: &papers.measurement,
        load: papers.load.as_ref(),
    });
    papers
}

fn plan(output: &str) -> MemoryPlan {
    let live = |name: &str| Live { name: name.to_owned(), kind: Kind::Activation, size: 32 };
    let placed = |name: &str, offset: usize, last: usize| Placed {
        name: name.to_owned(),
        kind: Kind::Activation,
        offset,
        size: 32,
        first: offset / 32,
        last,
    };
    MemoryPlan {
        operators: vec!["0".to_owned(), "1".to_owned()],
        buffers: vec![placed("model/conv/Relu;model/conv", 0, 1), placed(output, 32, 1)],
        tensors: [].into(),
        scratch: vec![None, None],
        peak: 64,
        lower_bound: 64,
        gap: 0,
        optimal: true,
        peak_operator: 1,
        live_at_peak: vec![live("model/conv/Relu;model/conv"), live(output)],
    }
}

/// Papers of a model with an operator that nothing can run.
pub(super) fn blocked() -> Papers {
    let reason = Some("op:0 LSTM has no kernel: it keeps state".to_owned());
    let mut papers = papers("x");
    papers.judgement.verdict = Verdict::Fail;
    papers.audit.rows[0].kernel = None;
    papers.audit.rows[0].reason = Some("keeps state".to_owned());
    let what = "make the state of `x|<b>` an input".to_owned();
    let way = Way { kind: WayKind::Export, what, effort: Level::Medium, risk: Level::Low, upkeep: Level::Low };
    papers.audit.rows[0].finding =
        Some(Finding { standing: Standing::Unsupported, why: "keeps state".to_owned(), ways: vec![way] });
    papers.planned = Planned { blocked: reason.clone(), plan: None };
    papers.expectation.blocked.clone_from(&reason);
    papers.expectation.vectors.clear();
    papers.footprint = Footprint { blocked: reason.clone(), ..Footprint::default() };
    papers.measurement = Measurement { blocked: reason.clone(), ..Measurement::default() };
    papers.emission = Emission { blocked: reason, digest: String::new(), operators: 0, stream: false };
    measured(papers)
}

/// Nothing of [`HOSTILE`] is more than text: tables keep their columns, nothing becomes HTML, a heading or a link.
pub(super) fn assert_tame(markdown: &str) {
    let plain = |line: &str| line.replace("\\|", "");
    let mut columns = None;
    for line in markdown.lines() {
        assert!(!line.starts_with("# title"), "{line}");
        let line = plain(line);
        let bars = line.matches('|').count();
        match (line.starts_with('|'), columns) {
            (true, Some(expected)) => assert_eq!(bars, expected, "{line}"),
            (true, None) => columns = Some(bars),
            (false, _) => columns = None,
        }
        // What is within a code span is text; the reader takes spans of any length out.
        let outside = outside_code(&line);
        assert!(!outside.contains("<script") && !outside.replace("\\[", "").contains("[x]("), "{line}");
    }
    assert_eq!(markdown.matches("<details>").count(), markdown.lines().filter(|line| *line == "</details>").count());
}

fn outside_code(line: &str) -> String {
    let mut outside = String::new();
    let mut rest = line.replace("\\`", "");
    while let Some(start) = rest.find('`') {
        outside += &rest[..start];
        let length = rest[start..].chars().take_while(|c| *c == '`').count();
        let body = rest[start + length..].to_owned();
        let end = (0..body.len()).filter(|&at| body.is_char_boundary(at)).find(|&at| {
            body[at..].starts_with(&"`".repeat(length))
                && !body[at + length..].starts_with('`')
                && !body[..at].ends_with('`')
        });
        match end {
            Some(end) => rest = body[end + length..].to_owned(),
            None => return outside + &body,
        }
    }
    outside + &rest
}
