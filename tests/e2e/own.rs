//! Kernels of the deployment's own: the example of `docs/reference/operators.md` on a model with a custom operator, a builtin
//! operator with another kernel, and what is wrong with crates. `tests/conformance/golden.py` made model and vectors.

use crate::space::Space;

const NAME: &str = "manifests/sample.kdl";
const KERNEL: &str = "own/envelope/src/lib.rs";
const MANIFEST: &str = r#"manifest version=1

deployment "sample" version="0.1.0" owner="audio@example.com"

model "../models/custom.tflite" {
    input "t0" type="int8" { shape 1 16 }
    output "t3" type="int8" { shape 1 16 }
}

target "TARGET"
arena budget="1KiB" owner="platform@example.com"
kernels "cmsis-nn" policy="prefer" owner="platform@example.com" {
    use "Envelope" kernel="../own/envelope" reason="LiteRT Micro has none"
}
regression { vectors "../models/custom.npz"; runs 2 }
"#;

/// A kernel for a builtin operator that deployctl has one for.
const LARGER: &str = "#![no_std]\n\nuse kernels::CustomOperator;\n\n\
    pub fn larger(_: &CustomOperator, inputs: &[&[i8]], outputs: &mut [&mut [i8]], _: &mut [i8]) {\n    \
    for (i, output) in outputs[0].iter_mut().enumerate() {\n        *output = inputs[0][i].max(inputs[1][i]);\n    }\n}\n";

/// The first block of a language behind the heading of the section.
fn block(language: &str) -> String {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/reference/operators.md");
    let text = std::fs::read_to_string(page).unwrap();
    let (_, section) = text.split_once("## Your own kernel\n").unwrap();
    let (_, block) = section.split_once(&format!("```{language}\n")).unwrap();
    block.split_once("```").unwrap().0.to_owned()
}

fn space(board: &str) -> Option<Space> {
    let space = Space::built(board)?;
    space.write("models/custom.tflite", include_bytes!("../golden/custom.tflite"));
    space.write("models/custom.npz", include_bytes!("../golden/custom.npz"));
    space.write("own/envelope/Cargo.toml", block("toml")).write(KERNEL, block("rust"));
    space.write(NAME, MANIFEST.replace("TARGET", board));
    Some(space)
}

fn gates(space: &Space) -> Vec<serde_json::Value> {
    let report: serde_json::Value = serde_json::from_slice(&space.result("gate-report.json")).unwrap();
    report["gates"].as_array().unwrap().clone()
}

fn verdict(space: &Space, gate: &str) -> String {
    let gates = gates(space);
    gates.iter().find(|found| found["name"] == gate).unwrap()["verdict"].as_str().unwrap().to_owned()
}

fn runs_the_example(board: &str) {
    let Some(space) = space(board) else { return };
    space.build("").succeeded();
    assert_eq!((verdict(&space, "reference").as_str(), verdict(&space, "bit_exactness").as_str()), ("pass", "pass"));
    let lock = std::fs::read_to_string(space.path("deploy.lock")).unwrap();
    let entry = lock.lines().find_map(|line| line.strip_prefix("sample file own/envelope ")).unwrap();
    for paper in ["gate-report.md", "runbook.md"] {
        let text = String::from_utf8(space.result(paper)).unwrap();
        assert!(text.contains("own kernel envelope (../own/envelope)") && text.contains(entry), "{text}");
    }
    let code = String::from_utf8(space.result("firmware/model/src/lib.rs")).unwrap();
    assert!(code.contains("envelope::envelope(&PARAMS, &[input], &mut [output], &mut []);"), "{code}");
    assert!(code.contains(r#"("window", CustomValue::Int(3))"#), "{code}");
    assert_eq!(space.result("firmware/own/envelope/src/lib.rs"), block("rust").into_bytes());
}

#[test]
#[ignore = "a board has the same in the plain run; `tests/all --full` has both"]
fn the_documentations_example_runs_on_the_host() {
    runs_the_example("host");
}

#[test]
fn the_documentations_example_runs_on_a_board() {
    runs_the_example("mps2-an386");
}

/// What stands in the crate is in the keys of what compiles it, and of nothing else.
#[test]
fn a_changed_kernel_reruns_what_reads_it() {
    let Some(space) = space("host") else { return };
    space.build("").succeeded();
    assert!(space.build_as_foretold().is_empty());
    space.settle().edit(KERNEL, "/// The largest", "/// By far the largest");
    let ran = space.build_as_foretold();
    let stages: Vec<&str> = ran.iter().map(|node| node.rsplit('/').next().unwrap()).collect();
    for stage in ["own", "emit", "compile", "measure", "report"] {
        assert!(stages.contains(&stage), "{stages:?}");
    }
    for stage in ["model", "interface", "audit", "sizes", "memory", "crates"] {
        assert!(!stages.contains(&stage), "{stages:?}");
    }
    space.undo();
    assert!(space.build("").succeeded().ran().is_empty());
    space.edit("own/envelope/Cargo.toml", "version = \"0.1.0\"", "version = \"0.2.0\"");
    space.run(&format!("build {NAME} --locked")).failed(3, &["own/envelope"]);
}

/// The reference kernel stays the judge of a builtin operator.
#[test]
fn a_builtin_operator_gets_a_kernel_that_must_give_the_same() {
    let Some(space) = space("mps2-an386") else { return };
    let manifest =
        "[package]\nname = \"larger\"\nversion = \"1.0.0\"\nedition = \"2021\"\n\n[dependencies]\nkernels = \"0.1\"\n";
    space.write("own/larger/Cargo.toml", manifest).write("own/larger/src/lib.rs", LARGER);
    let also =
        "    use \"op:0\" kernel=\"../own/larger\" scratch=\"40 B\" reason=\"ours is faster\"\n    use \"Envelope\"";
    space.edit(NAME, "    use \"Envelope\"", also);
    space.build("").succeeded();
    let code = String::from_utf8(space.result("firmware/model/src/lib.rs")).unwrap();
    assert!(
        code.contains("larger::larger(&PARAMS, &[input_0, ") || code.contains("larger::larger(&PARAMS, &[a, "),
        "{code}"
    );
    assert!(code.contains(", scratch);"), "{code}");

    space.edit("own/larger/src/lib.rs", ".max(inputs[1][i])", ".max(inputs[1][i] + 1)");
    let built = space.build("");
    assert_eq!(built.code, Some(1), "{}", built.text);
    let gates = gates(&space);
    let failed = gates.iter().find(|gate| gate["verdict"] == "fail").unwrap();
    assert_eq!(failed["name"], "bit_exactness", "{gates:#?}");
    assert!(failed["detail"].as_str().unwrap().contains("op:0"), "{failed}");
}

#[test]
fn what_is_wrong_with_a_kernel_is_said_at_its_line() {
    let Some(space) = space("host") else { return };
    space.settle();
    let line = "`manifests/sample.kdl` line 13";
    let cases: [(&str, &str, &str, i32, &[&str]); 12] = [
        (NAME, "../own/envelope", "../own/envelop", 3, &["there is no folder", "did you mean `../own/envelope`?"]),
        (NAME, "../own/envelope", "envelope", 3, &["cannot be `envelope`", "`./envelope`"]),
        (NAME, "use \"Envelope\"", "use \"Envelopes\"", 3, &["`kernels.use \"Envelopes\"` names no operator"]),
        ("own/envelope/Cargo.toml", "[dependencies]", "[dependencies]\nlibm = \"0.2\"", 3, &["depends on `libm`"]),
        ("own/envelope/Cargo.toml", "\"envelope\"", "\"cortex-m\"", 3, &["as a crate of the firmware is"]),
        (KERNEL, "#![no_std]", "", 3, &["is not `no_std`"]),
        (KERNEL, "op: &CustomOperator", "op: i32, by: &CustomOperator", 5, &[line, "does not compile", "error[E0"]),
        (
            KERNEL,
            "_scratch: &mut [i8]",
            "_scratch: &[i8]",
            5,
            &[line, "mismatched types", "envelope", "pub fn envelope(op"],
        ),
        (KERNEL, "let (from, to)", "let (_ from, to)", 5, &[line, "--> ../own/envelope/src/lib.rs:8"]),
        (
            KERNEL,
            "let window =",
            "let _ = include_bytes!(\"../../../kernels/src/lib.rs\");\n    let window =",
            3,
            &[line, "outside `../own/envelope`"],
        ),
        (
            KERNEL,
            "unwrap_or(1)",
            "filter(|x| *x > 9).expect(\"a window\")",
            5,
            &["op:1", line, "a window", "src/lib.rs:7"],
        ),
        (
            KERNEL,
            "iter_mut().enumerate()",
            "iter_mut().enumerate().skip(1)",
            5,
            &["op:1", line, "element [0, 0]", "`t3`"],
        ),
    ];
    for (file, from, to, code, words) in cases {
        space.edit(file, from, to);
        let ran = space.run(&format!("build {NAME}")).failed(code, words);
        if code == 5 {
            assert_eq!(ran.text.matches("×").count(), 1, "said once: {}", ran.text);
        }
        space.undo();
    }
    space.write("own/envelope/build.rs", "fn main() {}");
    space.run(&format!("build {NAME}")).failed(3, &["has a build script"]);
    std::fs::remove_file(space.path("own/envelope/build.rs")).unwrap();
    std::fs::remove_file(space.path("own/envelope/Cargo.toml")).unwrap();
    space.run(&format!("build {NAME}")).failed(3, &["has no `Cargo.toml`"]);
}
