//! Models that a declared command makes: the model in the project, reruns, what is refused, and who is asked. The commands are
//! tiny scripts that write a model of `tests/golden`.

use std::os::unix::fs::PermissionsExt;

use crate::space::{NAME, Ran, Space};

/// Declares a command, with more in its braces.
fn declare(space: &Space, command: &str, more: &str) {
    let text = format!("convert \"{command}\" {{ {more} }}\n\ntarget ");
    space.edit(NAME, "target ", &text);
}

/// A copy of the model, by a shell: it starts fast and reads two inputs.
const COPY: &str = "cp $1 $2\n";

/// A project whose model is copied by a script.
fn copied(target: &str) -> Option<Space> {
    let space = Space::built(target)?;
    space.write("train/source.bin", include_bytes!("../golden/sample.tflite")).write("train/copy.sh", COPY);
    declare(
        &space,
        "sh ../train/copy.sh ../train/source.bin {output}",
        "input \"../train/copy.sh\"; input \"../train/source.bin\"; reproducible #true",
    );
    Some(space)
}

/// A project whose model is made by a line of Python, which `model` holds the bytes of.
fn python(script: &str, more: &str) -> Option<Space> {
    let space = Space::built("host")?;
    let head = "import os, sys, time\nmodel = bytearray(open('../train/source.bin', 'rb').read())\n";
    space.write("train/source.bin", include_bytes!("../golden/sample.tflite"));
    space.write("train/convert.py", format!("{head}{script}\nopen(sys.argv[1], 'wb').write(model)\n"));
    let inputs = "input \"../train/convert.py\"; input \"../train/source.bin\"";
    declare(&space, "python3 ../train/convert.py {output}", &format!("{inputs}; {more}"));
    Some(space)
}

fn allowed(space: &Space) -> Ran {
    space.build("--allow-commands")
}

fn has_strace() -> bool {
    let traced = std::process::Command::new("strace").args(["-o", "/dev/null", "true"]).output();
    let works = traced.is_ok_and(|output| output.status.success());
    if !works {
        eprintln!("SKIPPED: what a command reads: `strace` is not installed, or may not look");
    }
    works
}

fn gate(space: &Space) -> (String, String) {
    let report: serde_json::Value = serde_json::from_slice(&space.result("gate-report.json")).unwrap();
    let gates = report["gates"].as_array().unwrap();
    let found = gates.iter().find(|gate| gate["name"] == "conversion").unwrap();
    (found["verdict"].as_str().unwrap().to_owned(), found["detail"].as_str().unwrap().to_owned())
}

#[test]
fn a_command_makes_the_model_and_only_what_it_reads_reruns_it() {
    let Some(space) = copied("host") else { return };
    allowed(&space).succeeded();
    let (verdict, detail) = gate(&space);
    assert_eq!(verdict, "pass", "{detail}");
    assert!(
        detail.contains("two runs of the command made the same model; `../models/sample.tflite` is the same"),
        "{detail}"
    );
    assert_eq!(space.result("model.tflite"), include_bytes!("../golden/sample.tflite"));
    assert!(space.build_as_foretold().is_empty(), "twice");
    // A comment changes the script, and no byte of the model.
    space.settle().write("train/copy.sh", format!("# Copies.\n{COPY}"));
    let ran = space.build_as_foretold();
    assert!(ran.contains("sample/convert") && !ran.contains("sample/model"), "{ran:?}");
    space.undo();
    assert!(space.build_as_foretold().is_empty());
    space.edit(NAME, "reproducible #true", "reproducible #true; environment \"A\" \"1\"");
    space.run(&format!("why convert {NAME}")).failed(0, &["environment.A: (absent) → 1"]);
    // What may run was asked for this command, and this is another.
    space.build("").failed(2, &["declares a command that was not allowed yet", "--allow-commands"]);
}

#[test]
fn law_3_reproducible_a_conversion_is_verified() {
    let Some(space) = copied("host") else { return };
    allowed(&space).succeeded();
    space.build("--verify").succeeded();
}

#[test]
fn without_commands_the_projects_file_is_taken() {
    let Some(space) = copied("host") else { return };
    // Nobody can be asked here, and nothing was allowed.
    space.build("").failed(2, &["sh ../train/copy.sh", "--no-commands"]);
    space.build("--no-commands").succeeded();
    let (verdict, detail) = gate(&space);
    assert_eq!(verdict, "not_applicable", "{detail}");
    let plan = space.run(&format!("--json plan --no-commands {NAME}"));
    assert!(!plan.events.iter().any(|event| event["stage"] == "sample/convert"), "{}", plan.text);
    // The record of whoever ran the command stays, and is no difference for whoever does not.
    allowed(&space).succeeded();
    let lock = std::fs::read_to_string(space.path("deploy.lock")).unwrap();
    for entry in
        ["convert command ", "convert input/train/copy.sh ", "convert input/train/source.bin ", "convert program "]
    {
        assert!(lock.contains(&format!("sample {entry}")), "{entry}: {lock}");
    }
    space.build("--no-commands --locked").succeeded();
    space.build("--no-commands").succeeded();
    assert_eq!(std::fs::read_to_string(space.path("deploy.lock")).unwrap(), lock);
    space.build("--locked").succeeded();
    space.write("train/copy.sh", "# other\ncp $1 $2\n");
    space.build("--locked --allow-commands").failed(3, &["convert `input/train/copy.sh`"]);
    std::fs::remove_file(space.path("models/sample.tflite")).unwrap();
    space.build("--no-commands").failed(2, &["there is no `../models/sample.tflite`"]);
}

#[test]
fn the_project_need_not_have_the_model() {
    let Some(space) = copied("host") else { return };
    std::fs::remove_file(space.path("models/sample.tflite")).unwrap();
    space.run(&format!("check {NAME}")).succeeded();
    allowed(&space).succeeded();
    assert!(gate(&space).1.contains("the project has no file of its own"));
    assert!(!space.path("models/sample.tflite").exists());
}

#[test]
fn a_file_that_is_not_what_the_command_makes_fails_the_gate() {
    let Some(space) = copied("host") else { return };
    let mut model = include_bytes!("../golden/sample.tflite").to_vec();
    let read = deployctl::model::read(&model).unwrap();
    let mut constants = read.graph.tensors.iter().filter_map(|tensor| tensor.constant);
    let weights = constants.find(|constant| constant.len > 16).unwrap();
    let weights = &read.weights[weights.offset..weights.offset + weights.len];
    let place = model.windows(weights.len()).position(|window| window == weights).unwrap();
    model[place] ^= 1;
    space.write("train/source.bin", &model);
    let ran = allowed(&space);
    let (verdict, detail) = gate(&space);
    assert_eq!((ran.code, verdict.as_str()), (Some(1), "fail"), "{}", ran.text);
    assert!(detail.contains("constant, 1 of") && detail.contains("copy `model.tflite`"), "{detail}");
    // The next step that it names.
    space.write("models/sample.tflite", space.result("model.tflite"));
    space.build("").done();
    assert_eq!(gate(&space).0, "pass");
}

#[test]
fn a_clock_is_caught_by_the_second_run() {
    // The model's description, which computes nothing.
    let clock = "at = bytes(model).index(b'sample')\nmodel[at:at + 6] = str(int(time.time()))[-6:].encode()";
    let Some(space) = python(clock, "reproducible #true") else { return };
    allowed(&space)
        .failed(5, &["two runs of the command gave different models", "description", "they compute the same"]);
    // Nobody asked for a second run: it is taken, and is not the project's file.
    space.edit(NAME, "reproducible #true", "");
    assert_eq!(allowed(&space).code, Some(1));
    assert!(gate(&space).1.contains("is not what the command makes"));
}

#[test]
fn a_date_a_folder_and_the_order_of_a_set_are_caught() {
    for script in [
        "model[-1] = time.localtime().tm_yday % 2",
        "model.extend(os.environ['TMPDIR'].encode())",
        "model.extend(''.join({'a', 'b', 'c', 'd', 'e', 'f', 'g'}).encode())",
    ] {
        let Some(space) = python(script, "reproducible #true") else { return };
        allowed(&space).failed(5, &["two runs of the command gave different models"]);
    }
    // What is declared is not varied.
    let set = "model.extend(''.join({'a', 'b', 'c', 'd', 'e', 'f', 'g'}).encode())";
    let Some(space) = python(set, "reproducible #true; environment \"PYTHONHASHSEED\" \"7\"") else { return };
    let ran = allowed(&space);
    assert!(!ran.text.contains("two runs of the command gave"), "{}", ran.text);
}

#[test]
fn undeclared_reads_and_writes_are_named() {
    if !has_strace() {
        return;
    }
    let refused = |script: &str, words: &[&str]| {
        let Some(space) = python(script, "") else { return };
        space.write("train/hidden.txt", "secret").write("../data/x.npy", "data");
        let text = std::fs::read_to_string(space.path("train/convert.py")).unwrap();
        space.write("train/convert.py", text.replace("ROOT", space.path("").as_str().trim_end_matches('/')));
        let code = if words[0].contains("wrote") { 5 } else { 3 };
        allowed(&space).failed(code, words);
    };
    refused(
        "open('ROOT/train/hidden.txt').read()",
        &["read what it does not declare", "train/hidden.txt", "input \\\"../train/hidden.txt\\\""],
    );
    refused("open('ROOT/../data/x.npy').read()", &["read what it does not declare", "data/x.npy"]);
    refused(
        "open('ROOT/train/source.bin').read(0)",
        &["read what it does not declare", "is declared, but read from its place"],
    );
    refused("open('ROOT/left.txt', 'w')", &["wrote outside its folder", "left.txt"]);
    refused("os.mkdir('ROOT/made')", &["wrote outside its folder", "/made"]);
    refused(
        "import socket\nsocket.socket(socket.AF_INET, socket.SOCK_DGRAM).connect(('192.0.2.1', 9))",
        &["used the network: 192.0.2.1:9"],
    );
}

#[test]
fn a_file_that_is_not_declared_is_not_there() {
    let Some(space) = python("open('../train/hidden.txt')", "") else { return };
    space.write("train/hidden.txt", "secret");
    allowed(&space)
        .failed(5, &["ended with exit code 1", "FileNotFoundError", "train/hidden.txt", "an `input` to add"]);
}

#[test]
fn an_input_that_nothing_reads_is_said() {
    let Some(space) = python("", "input \"../train/old.npz\"") else { return };
    space.write("train/old.npz", "old");
    allowed(&space).succeeded();
    if has_strace() {
        assert!(gate(&space).1.contains("never read `../train/old.npz`"), "{}", gate(&space).1);
    }
}

#[test]
fn without_strace_it_is_said_that_nobody_looked() {
    let Some(space) = copied("host") else { return };
    space.replace("strace", "exit 1");
    let ran = allowed(&space).succeeded();
    assert!(ran.text.contains("undeclared reads were not looked for"), "{}", ran.text);
    assert!(gate(&space).1.contains("undeclared reads were not looked for"));
    space.run(&format!("doctor {NAME}")).failed(0, &["optional strace", "apt-get install -y strace"]);
}

#[test]
fn somebody_at_a_terminal_is_asked_once() {
    let Some(space) = copied("host") else { return };
    let build = format!("build {NAME}");
    let Some(refused) = space.run_at_terminal(&build, "n\n") else { return };
    let refused = refused.failed(2, &["wants to run", "../train/source.bin {output}", "[y/N]", "not allowed yet"]);
    assert!(!refused.text.contains('\u{fffd}'), "{}", refused.text);
    space.run_at_terminal(&build, "y\n").unwrap().succeeded();
    space.write("train/copy.sh", format!("# Changed, and the same command.\n{COPY}"));
    space.build("").succeeded();
}

#[test]
fn what_a_command_printed_is_kept_however_it_ended() {
    let Some(space) = copied("host") else { return };
    let log = || space.run(&format!("why convert --log {NAME}")).succeeded().text;
    assert!(log().contains("sample/convert has not run here, or said nothing"));
    space.write("train/copy.sh", "for line in $(seq 30); do echo line $line; done\necho end >&2\nexit 3\n");
    allowed(&space).failed(5, &["exit code 3", "`deployctl why convert --log` prints all that it printed"]);
    let kept = log();
    assert!(kept.contains("said when it last ran:\n  line 1\n") && kept.ends_with("line 30\n  end\n"), "{kept}");
    space.write("train/copy.sh", format!("echo well\n{COPY}"));
    assert!(log().contains("has not run here"), "another script, which has not run");
    allowed(&space).succeeded();
    assert!(log().contains("\n  well\n"), "{}", log());
    // What has changed since has not run: the last one that did is told.
    space.write("train/copy.sh", format!("echo better\n{COPY}"));
    assert!(log().contains("\n  well\n"), "{}", log());
}

#[test]
fn commands_that_make_no_model_are_explained() {
    let refused = |command: &str, more: &str, code: i32, words: &[&str]| {
        let Some(space) = Space::built("host") else { return };
        declare(&space, command, more);
        allowed(&space).failed(code, words);
        assert!(!space.path("deploy.lock").exists());
    };
    refused(
        "no-such-program {output}",
        "",
        5,
        &["`no-such-program` is not installed", "`manifests/sample.kdl` line", "--no-commands"],
    );
    refused("sh -c 'echo a line; echo why >&2; exit 3' {output}", "", 5, &["exit code 3", "    why"]);
    refused("sh -c 'kill -11 $$' {output}", "", 5, &["signal 11"]);
    refused("sh -c 'sleep 60' {output}", "time-limit \"1s\"", 5, &["time limit of 1 s", "time-limit"]);
    refused("sh -c 'echo x > other.txt' {output}", "", 5, &["did not write `{output}`", "project/manifests/other.txt"]);
    refused("sh -c 'mkdir \\\"$0\\\"' {output}", "", 5, &["left a folder at `{output}`"]);
    refused("sh -c 'ln -s /etc/hostname \\\"$0\\\"' {output}", "", 5, &["left a link"]);
    refused("sh -c 'echo no model > \\\"$0\\\"' {output}", "", 4, &["not a model that can be deployed", "TFL3"]);
    refused("sh -c 'yes a-line-of-some-length' {output}", "", 5, &["more than 64 MiB as its log"]);
}

#[test]
#[ignore = "writes a gigabyte"]
fn a_gigabyte_of_files_is_refused() {
    let Some(space) = Space::built("host") else { return };
    declare(&space, "sh -c 'yes > \\\"$0\\\"' {output}", "");
    allowed(&space).failed(5, &["more than 1024 MiB in files"]);
}

#[test]
fn a_script_with_an_interpreter_is_a_program_and_an_input() {
    let Some(space) = Space::built("host") else { return };
    space.write("train/source.bin", include_bytes!("../golden/sample.tflite"));
    space.write("train/copy", format!("#!/bin/sh -e\n{COPY}"));
    declare(&space, "../train/copy ../train/source.bin {output}", "input \"../train\"");
    allowed(&space).succeeded();
    // A tool of the project that is no input is in the key by its text.
    space.write("tools/copy", format!("#!/bin/sh -e\n{COPY}"));
    std::fs::set_permissions(space.path("tools/copy"), std::fs::Permissions::from_mode(0o755)).unwrap();
    space.edit(NAME, "../train/copy ..", "../tools/copy ..");
    allowed(&space).succeeded();
    space.edit("tools/copy", "#!/bin/sh -e\n", "#!/bin/sh -e\n\n");
    assert!(space.build_as_foretold().contains("sample/convert"));
}

#[test]
fn a_program_that_asks_gets_an_answer_once() {
    let Some(space) = copied("host") else { return };
    let lists = || std::fs::read_to_string(space.root().join("home/trusted-v1")).unwrap_or_default();
    assert_eq!(lists(), "");
    allowed(&space).succeeded();
    assert_eq!(lists().lines().count(), 1);
    allowed(&space).succeeded();
    assert_eq!(lists().lines().count(), 1, "the same is not written twice");
    // What is in the store was run by this user, and is not run again.
    std::fs::remove_file(space.root().join("home/trusted-v1")).unwrap();
    space.build("").succeeded();
    space.build("--verify").failed(2, &["was not allowed yet"]);
    space.run(&format!("build --no-commands --allow-commands {NAME}")).failed(2, &["cannot be used with"]);
}

#[test]
fn the_papers_say_where_the_model_comes_from() {
    let Some(space) = copied("host") else { return };
    space.edit(
        NAME,
        "reproducible #true",
        "reproducible #true; provenance { source \"../train/source.bin\"; quantization \"int8, per tensor\" }",
    );
    allowed(&space).succeeded();
    for paper in ["gate-report.md", "runbook.md"] {
        let text = String::from_utf8(space.result(paper)).unwrap();
        for words in ["sh ../train/copy.sh", "../train/source.bin, digest ", "int8, per tensor"] {
            assert!(text.contains(words), "{paper}: {words}: {text}");
        }
    }
    let lock = std::fs::read_to_string(space.path("deploy.lock")).unwrap();
    assert!(
        lock.lines().any(|line| line.contains("input/train/source.bin") && line.ends_with("source model")),
        "{lock}"
    );
    assert!(
        lock.lines().any(|line| line.contains("convert quantization") && line.ends_with("int8, per tensor")),
        "{lock}"
    );
}

/// `DEPLOYCTL_TENSORFLOW` is the folder of the interpreter in an environment with `manifests/models/requirements.txt`.
#[test]
#[ignore = "trains the example's model twice: minutes"]
fn the_examples_model_is_made_from_its_sources() {
    let Some(space) = Space::new("host") else { return };
    let Ok(python) = std::env::var("DEPLOYCTL_TENSORFLOW") else {
        eprintln!("SKIPPED: training of the example: `DEPLOYCTL_TENSORFLOW` does not say where TensorFlow is");
        return;
    };
    let from = format!("{}/../manifests/models", env!("CARGO_MANIFEST_DIR"));
    for file in ["kws-from-source.kdl", "kws.tflite", "kws-labels.txt", "kws-vectors.npz", "train.py", "speech.py"] {
        space.write(&format!("manifests/models/{file}"), std::fs::read(format!("{from}/{file}")).unwrap());
    }
    space.env("PATH", &format!("{python}:{}", std::env::var("PATH").unwrap()));
    let ran = space.run("--json build manifests/models/kws-from-source.kdl --allow-commands").done();
    let (verdict, detail) = gate(&space);
    // Both runs agreed, else there were no verdict. Another processor may round otherwise in training: then the model is not the
    // committed one, and the gate says where.
    if verdict == "pass" {
        ran.succeeded();
        assert_eq!(space.result("model.tflite"), std::fs::read(format!("{from}/kws.tflite")).unwrap());
    } else {
        eprintln!("the model that is made here is not the committed one: {detail}");
    }
    let lock = std::fs::read_to_string(space.path("deploy.lock")).unwrap();
    assert!(lock.contains("kws-from-source convert package/tensorflow-cpu "), "{lock}");
}
