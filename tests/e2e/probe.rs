//! Boards behind a debug probe: the real firmware with its console in memory, which QEMU's debugger interface reads and writes as a
//! probe would; and recorded sessions, good and bad, from a program in a probe's place.

use std::process::{Command, Stdio};

use serde_json::Value;

use crate::space::{NAME, Ran, Space, files};

const BOARD: &str = "manifests/boards/bench.kdl";

/// What reaches the board: QEMU, whose memory the program itself reads and writes.
const QEMU: &str = r#"for image in "$@"; do :; done
gdb=$(mktemp -d)/gdb
/usr/bin/env qemu-system-arm -M mps2-an386 -no-user-config -nodefaults -display none -serial none -monitor none \
    -icount shift=0 -kernel "${KERNEL:-$image}" -S -chardev socket,path="$gdb",server=on,wait=off,id=g -gdb chardev:g 2>/dev/null &
DEPLOYCTL probe run --gdb "$gdb" --time-limit "${LIMIT:-60}" "$image"
code=$?
kill $!
exit $code
"#;

/// Puts QEMU in the probe's place.
fn to_qemu(space: &Space) {
    let own = QEMU.replace("DEPLOYCTL", env!("CARGO_BIN_EXE_deployctl"));
    program(space, &own);
}

/// A project whose board is an MPS2 that is said to be behind a probe.
fn space() -> Option<Space> {
    let space = Space::built("mps2-an386")?;
    let board = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../manifests/boards/mps2-an386.kdl"));
    let emulated = "runner \"qemu\" machine=\"mps2-an386\" instructions-per-tick=40";
    space.write(BOARD, board.unwrap().replace(emulated, "runner \"probe\" chip=\"STM32F446RETx\""));
    space.edit(NAME, "target \"mps2-an386\"", "target \"bench\"");
    to_qemu(&space);
    Some(space.settled())
}

impl Space {
    fn settled(self) -> Self {
        self.settle();
        self
    }
}

/// Puts a shell script in the probe's place.
fn program(space: &Space, script: &str) {
    space.replace("lab", script);
}

fn measure(space: &Space, more: &str) -> Ran {
    space.build(&format!("--measure --probe-program bin/lab --probe 066EFF {more}"))
}

fn report(space: &Space) -> Value {
    serde_json::from_slice(&space.result("gate-report.json")).unwrap()
}

fn gate(space: &Space, name: &str) -> (String, String) {
    let report = report(space);
    let gates = report["gates"].as_array().unwrap();
    let found = gates.iter().find(|gate| gate["name"] == name).unwrap();
    (found["verdict"].as_str().unwrap().to_owned(), found["detail"].as_str().unwrap().to_owned())
}

fn evidence(space: &Space) -> Vec<String> {
    let folder = space.path("evidence");
    if folder.exists() { files(&folder).into_keys().map(|path| path.to_string()).collect() } else { Vec::new() }
}

#[test]
fn real_firmware_is_measured_through_its_memory() {
    let Some(space) = space() else { return };
    let unmeasured = space.build("").failed(1, &[]);
    assert_eq!(unmeasured.verdict(), "unknown");
    let missing = "not measured: there is no evidence of this firmware from this board; connect it, then \
                   `deployctl build --measure manifests/sample.kdl`";
    assert_eq!(gate(&space, "bit_exactness"), ("unknown".to_owned(), missing.to_owned()));
    assert_eq!(space.build_as_foretold().len(), 0);

    let measured = measure(&space, "").succeeded();
    assert!(
        measured.text.contains("is new (probe 066EFF, ") && measured.text.contains("reached through `lab`"),
        "{}",
        measured.text
    );
    assert_eq!(evidence(&space).len(), 1, "{:?}", evidence(&space));
    let report = report(&space);
    let cycles = report["metrics"]["cycles"]["value"].as_f64().unwrap();
    assert!((1e3..1e5).contains(&cycles), "{cycles}");
    assert_eq!(report["metrics"]["latency_ms"]["unit"], "ms");
    assert!(report["metrics"]["instructions"].is_null());
    assert!(
        report["target"]["evidence"].as_str().unwrap().starts_with("hardware (probe 066EFF, "),
        "{}",
        report["target"]
    );
    assert!(gate(&space, "evidence").1.starts_with("hardware: from `probe STM32F446RETx`"));
    assert!(gate(&space, "bit_exactness").1.contains("operator outputs on the target equal the host reference"));

    // Evidence is a material: the next build looks at no board, and runs nothing.
    program(&space, "exit 9");
    assert!(space.build("").succeeded().ran().is_empty());
    space.edit(NAME, "stack max=\"4KiB\"", "stack max=\"4KiB\"; latency max=\"1ms\" margin=\"10%\"");
    space.build("").succeeded();
    assert_eq!(gate(&space, "latency").0, "pass");
    space.edit(NAME, "max=\"1ms\"", "max=\"20us\"");
    space.build("").failed(1, &[]);
    let (verdict, detail) = gate(&space, "latency");
    assert!(verdict == "fail" && detail.contains(" ms at 25 MHz"), "{verdict}: {detail}");
    space.edit(NAME, "max=\"20us\"", "max=\"1M instructions\"");
    space.build("").failed(1, &[]);
    assert!(gate(&space, "latency").1.ends_with("write the limit in ms"), "{:?}", gate(&space, "latency"));
    space.undo();
    of_another_firmware_or_board(&space.settled());
}

/// Evidence that is of something else counts for nothing.
fn of_another_firmware_or_board(space: &Space) {
    to_qemu(space);
    space.settle();
    space.edit(BOARD, "with image AN386", "as it was sold");
    assert!(space.build("").succeeded().ran().is_empty(), "a comment in the board's file");
    for (file, from, to) in [(BOARD, "with AN386", "with AN387"), (NAME, "0.1.0", "0.2.0"), (NAME, "seed=1", "seed=2")]
    {
        space.edit(file, from, to);
        assert_eq!(space.build("").failed(1, &[]).verdict(), "unknown", "{to}");
        space.undo();
        space.build("").succeeded();
    }
    // What is no evidence is named.
    let file = format!("evidence/{}", evidence(space)[0]);
    space.edit(&file, "deployctl/evidence/1", "deployctl/evidence/9");
    space.build("").failed(3, &["is no recording: it is `deployctl/evidence/9`"]);
    space.undo();
    // A second measurement is added, and is the one that counts.
    measure(space, "").succeeded();
    assert_eq!(evidence(space).len(), 2);
    space.build("").succeeded();
}

#[test]
fn what_can_go_wrong_with_a_board_is_told_apart() {
    let Some(space) = space() else { return };
    space.build("").failed(1, &[]);
    sessions_that_cannot_be_played(&space);
    what_cannot_be_measured(&space);
    two_jobs_never_share_a_board(&space);
    a_board_that_talks_nonsense(&space);
}

/// It is said, and everything stays as it was.
fn what_cannot_be_measured(space: &Space) {
    let out = space.out();
    let boot = "boot 3 0000 *00000000";
    let bad = [
        (
            "echo 'probe: unplugged: the probe was lost while reading memory: it is gone' >&2; exit 75",
            "unplugged",
            "the probe was lost",
        ),
        (
            "echo 'probe: wrong-chip: the probe is connected to `STM32F401` there' >&2; exit 75",
            "wrong-chip",
            "STM32F401",
        ),
        (
            "echo 'probe: time-out: the time limit of 1 s passed, and the last line was `op 3`' >&2; exit 75",
            "time-out",
            "`op 3`",
        ),
        ("echo 'probe: no-probe: there is no debug probe' >&2; exit 75", "no-probe", "there is no debug probe"),
        ("echo 'probe: verify: what was written is not what is there' >&2; exit 75", "verify", "not what is there"),
        (
            &format!("echo '{boot}'; echo 'error wrong-image have=00 want=11 *00000000'; exit 1"),
            "stale-image",
            "another build",
        ),
        ("echo 'ssh: no route to host' >&2; exit 255", "program", "exit code 255: ssh: no route to host"),
    ];
    for (script, code, words) in bad {
        let tries = space.path("tries");
        drop(std::fs::remove_file(&tries));
        program(space, &format!("cat > /dev/null; echo x >> {tries}\n{script}"));
        let failed = measure(space, "").failed(7, &["infrastructure failed on `bench`", words, "nothing was recorded"]);
        assert!(failed.text.contains(&format!("({code})")), "{}", failed.text);
        let count = std::fs::read_to_string(tries).unwrap().lines().count();
        assert_eq!(count, if code == "unplugged" { 3 } else { 1 }, "{code}");
        assert!(evidence(space).is_empty() && space.out() == out, "{code}");
    }
    space.build("--measure --probe-program bin/nothing").failed(7, &["bin/nothing", "`--probe-program` names"]);
    if cfg!(not(feature = "probe")) {
        space.build("--measure").failed(7, &["this build of deployctl has no probe support", "--features probe"]);
        space.run("boards --probes").failed(2, &["this build of deployctl has no probe support"]);
    }
    space.build("--measure --probe-program bin/lab --board nucleo").failed(2, &["nothing to measure"]);
}

/// It has failed, and that is evidence.
fn a_board_that_talks_nonsense(space: &Space) {
    std::fs::remove_dir_all(space.path("evidence")).unwrap();
    program(space, "cat > /dev/null; printf 'U-Boot 2024.01\\n\\377\\376\\n'");
    let failed = measure(space, "").failed(1, &[]);
    assert_eq!((failed.verdict(), evidence(space).len()), ("fail", 1));
    assert!(gate(space, "bit_exactness").1.starts_with("garbage: "), "{:?}", gate(space, "bit_exactness"));
    assert!(space.build("").failed(1, &[]).ran().is_empty());
    // Lines stop in the middle: the board died, and nothing of what came before counts.
    program(space, "cat > /dev/null");
    assert_eq!(measure(space, "").failed(1, &[]).verdict(), "fail");
    assert!(gate(space, "bit_exactness").1.starts_with("silent: "), "{:?}", gate(space, "bit_exactness"));
}

fn two_jobs_never_share_a_board(space: &Space) {
    let (begun, go) = (space.path("begun"), space.path("go"));
    program(space, &format!("cat > /dev/null; touch {begun}; while [ ! -e {go} ]; do sleep 0.05; done; exit 1"));
    let first = format!("--json build {NAME} --measure --probe-program bin/lab --probe 066EFF");
    let first = space.start(&first);
    let patience = std::time::Instant::now();
    while !begun.exists() {
        assert!(patience.elapsed().as_secs() < 60, "the first job never began");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let held = measure(space, "--no-wait").failed(7, &["probe `066EFF` is in use by process"]);
    assert!(held.text.contains(&format!("process {} for", first.id())), "{}", held.text);
    let second = space.start(&format!("--json build {NAME} --measure --probe-program bin/lab --probe 066EFF"));
    std::thread::sleep(std::time::Duration::from_millis(500));
    std::fs::write(&go, "").unwrap();
    first.wait_with_output().unwrap();
    let second = second.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&second.stdout).into_owned();
    assert!(said.contains("is in use by process") && said.contains("waiting for it"), "{said}");
    assert_eq!(evidence(space).len(), 2, "both were played, one after the other");
}

/// Plays a session with an image, the way that a person does.
fn play(space: &Space, image: &str, session: &str, env: &[(&str, &str)]) -> (Option<i32>, String, String) {
    let mut lab = Command::new(space.path("bin/lab"));
    lab.args(["run", "--chip", "x", space.path(image).as_str()]).envs(env.iter().copied());
    let mut lab = lab.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    std::io::Write::write_all(&mut lab.stdin.take().unwrap(), session.as_bytes()).unwrap();
    let ended = lab.wait_with_output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (ended.status.code(), text(ended.stdout), text(ended.stderr))
}

/// They say why.
fn sessions_that_cannot_be_played(space: &Space) {
    let (harness, app) = ("out/sample/bench/harness.elf", "out/sample/bench/app.elf");
    let session = String::from_utf8(space.result("bringup.session")).unwrap();
    let (code, transcript, _) = play(space, harness, &session, &[]);
    assert_eq!((code, transcript.lines().last().map(|line| &line[..4])), (Some(0), Some("bye ")), "{transcript}");

    // The firmware waits for more, for ever.
    let (code, transcript, said) = play(space, harness, "", &[("LIMIT", "1")]);
    assert!(code == Some(75) && transcript.starts_with("boot 4 ") && transcript.lines().count() == 1, "{transcript}");
    assert!(said.contains("probe: time-out: ") && said.contains("the last line was `boot 4 "), "{said}");
    // The firmware ends the session.
    let (code, transcript, _) = play(space, harness, "what?\n", &[]);
    assert!(code == Some(1) && transcript.contains("error protocol "), "{transcript}");

    let (code, _, said) = play(space, app, &session, &[]);
    assert!(code == Some(75) && said.contains("probe: no-symbol: "), "{said}");
    let (code, _, said) = play(space, NAME, &session, &[]);
    assert!(code == Some(75) && said.contains("probe: image: "), "{said}");
    let other = space.path(app);
    let (code, _, said) = play(space, harness, &session, &[("KERNEL", other.as_str())]);
    assert!(code == Some(75) && said.contains("probe: verify: "), "{said}");
}
