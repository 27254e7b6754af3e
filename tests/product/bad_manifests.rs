//! Mistakes in manifests and in what they name, as a newcomer makes them: the words that come back, whole.

use npyz::WriterBuilder;
use npyz::npz::NpzWriter;
use npyz::zip::write::FileOptions;

use crate::product::space::{Space, has_sources, project};

const MANIFEST: &str = "manifests/sample.kdl";

fn check(space: &Space, from: &str, to: &str, said: &str) {
    space.edit(MANIFEST, from, to);
    assert_eq!(space.complaint(&["check"]), said);
    space.edit(MANIFEST, to, from);
}

#[test]
fn mistakes_have_a_line_and_a_next_step() {
    let space = project("host");
    let one = |problem: &str| format!("3: `manifests/sample.kdl` cannot be used\n- {problem}");
    check(
        &space,
        "../sample.tflite",
        "../smaple.tflite",
        &one("line 9: there is no file `../smaple.tflite` -> did you mean `../sample.tflite`?"),
    );
    check(
        &space,
        "target \"host\"",
        "target \"hots\"",
        &one("line 21: there is no board `hots` -> did you mean `host`? Known here: `host`, `microbit`, \
             `mps2-an385`, `mps2-an386`, `mps2-an500`, `mps2-an505`, `mps3-an547`, `nrf52840-dk`, `nrf5340-dk`, `nucleo-f446re`, \
             `nucleo-h743zi2`, `nucleo-l4r5zi`, `pico`, `pico2`; \
             a file `manifests/boards/NAME.kdl` adds one"),
    );
    check(
        &space,
        "runtime \"aot\"",
        "runtime \"litert-micro\"",
        &one(
            "line 23: `litert-micro` is not supported yet by this version -> remove it, or use a version of deployctl that supports it",
        ),
    );
    check(
        &space,
        "runtime \"aot\"",
        "convert \"make\"; runtime \"aot\"",
        &one(
            "line 23: the command does not say `{output}` -> write `{output}` where the command takes the path of the file that it \
             makes",
        ),
    );
    check(
        &space,
        "random count=16",
        "random count=0",
        &one("line 33: `count` of `random` is out of range -> write a whole number from 1 to 100000"),
    );
    check(
        &space,
        "random count=16 seed=1",
        "vectors \"nope.npz\"",
        &one(
            "line 33: there is no file `nope.npz` -> put the file there, or write its path relative to this file's folder",
        ),
    );
    space.run(&["check"]).exits(0);
    let said = space.complaint(&["check", "manifests/smaple.kdl"]);
    assert_eq!(
        said,
        "3: `manifests/smaple.kdl` cannot be used\n- cannot read `manifests/smaple.kdl`: No such file or directory (os error 2) \
         -> look for it with `ls manifests`"
    );
}

#[test]
fn all_mistakes_of_all_files_come_at_once() {
    let space = project("host");
    space.run(&["init", "sample.tflite", "--board", "host", "--owner", "me", "--name", "other"]).exits(0);
    space.edit(MANIFEST, "runtime", "runtme").edit(MANIFEST, "headroom=\"10%\"", "headroom=\"10\"");
    space.edit("manifests/other.kdl", "target \"host\"", "target \"hots\"");
    let said = space.complaint(&["build"]);
    for words in
        ["sample.kdl` cannot be used: 2 mistakes", "`runtme`", "headroom", "other.kdl` cannot be used", "`hots`"]
    {
        assert!(said.contains(words), "no `{words}` in\n{said}");
    }
    // For people, with the place underlined.
    space.run(&["check"]).exits(3).says(&["runtme \"aot\"", "───", "help: did you mean `runtime`?"]);
}

#[test]
fn a_use_that_names_no_operator_is_refused() {
    if !has_sources() {
        return;
    }
    let space = project("host");
    let kernels = "policy=\"prefer\" owner=\"me@example.com\"";
    space.edit(MANIFEST, kernels, &format!("{kernels} {{\n    use \"op:99\" kernel=\"reference\" reason=\"CN-3\"\n}}"));
    let said = space.complaint(&["build"]);
    assert_eq!(
        said,
        "3: `kernels.use \"op:99\"` names no operator of the model\n\
         -> name one as `op:0` to `op:7`, by operator (`CONV_2D`) or by its output tensor"
    );
    space.run(&["build"]).exits(3).says(&["failed audit"]).does_not_say(&["failed report"]);
}

#[test]
fn an_interface_that_differs_fails_its_gate() {
    if !has_sources() {
        return;
    }
    let space = project("host");
    space.edit(MANIFEST, "shape 1 6 5 1", "shape 1 5 6 1");
    let words =
        ["fail interface: `model.input.input.shape` is [1, 5, 6, 1] in the manifest and [1, 6, 5, 1] in the model"];
    space.run(&["build"]).exits(1).says(&words);
    space.edit(MANIFEST, "shape 1 5 6 1", "shape 1 6 5 1").edit(MANIFEST, "zero-point=-128", "zero-point=-127");
    space
        .run(&["build"])
        .exits(1)
        .says(&["fail interface: `model.output.softmax.quantization.zero-point` is -127 in the manifest"]);
}

fn npz(name: &str, shape: &[u64], values: usize) -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    let mut writer = NpzWriter::new(&mut bytes);
    let mut array =
        writer.array(name, FileOptions::default()).unwrap().default_dtype().shape(shape).begin_nd().unwrap();
    array.extend(std::iter::repeat_n(1_i8, values)).unwrap();
    array.finish().unwrap();
    drop(writer);
    bytes.into_inner()
}

#[test]
fn vectors_that_do_not_fit_say_how_they_should_be() {
    if !has_sources() {
        return;
    }
    let space = project("host").file("vectors/v.npz", "PK, as if");
    space.edit(MANIFEST, "random count=16 seed=1", "vectors \"../vectors/v.npz\"");
    let cases = [
        (b"PK, as if".to_vec(), "it is not an .npz archive"),
        (npz("inptu", &[2, 6, 5, 1], 60), "it has no array `input` for that model input; it has `inptu`"),
        (npz("input", &[2, 5, 5, 1], 50), "array `input` has shape [2, 5, 5, 1]; it should be (vectors, "),
        (npz("input", &[0, 6, 5, 1], 0), "0 vectors"),
    ];
    for (bytes, words) in cases {
        space.write("vectors/v.npz", bytes);
        let said = space.complaint(&["build"]);
        assert!(said.starts_with("3: `$/") && said.contains(words), "no `{words}` in {said}");
        assert!(said.ends_with("-> save it with numpy.savez: one array for each model input, named like the tensor, vectors along the first axis"), "{said}");
    }
    space.write("vectors/v.npz", npz("input", &[2, 6, 5, 1], 60));
    space.run(&["build"]).exits(0);
    assert!(space.text("out/sample/host/gate-report.md").contains("no recorded truth"));
}
