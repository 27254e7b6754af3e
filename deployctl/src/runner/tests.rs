//! The sample firmware of `firmware-template`, built and run for real: as a process, and in the emulator where there is one.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::{self, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};
use std::{fs, thread};

use camino::{Utf8Path, Utf8PathBuf};

use super::app::{App, stack_used};
use super::session::check_word;
use super::*;
use crate::model::{self, Read, Step};

const BOARD_TARGET: &str = "thumbv7em-none-eabihf";
const MACHINE: &str = "mps2-an386";
const LIMIT: Duration = Duration::from_mins(1);

/// Starts with the standard library and polls for the end.
struct Plain;

impl Start for Plain {
    fn start(&self, command: &Command, stdin: &[u8], limit: Duration) -> io::Result<Ended> {
        let mut started = process::Command::new(&command.program);
        started.args(&command.args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        started.current_dir(command.cwd.as_deref().unwrap_or("/".into()));
        let mut child = started.spawn()?;
        let (mut input, mut output, mut errors) =
            (child.stdin.take().unwrap(), child.stdout.take().unwrap(), child.stderr.take().unwrap());
        thread::scope(|scope| {
            scope.spawn(move || input.write_all(stdin));
            let output = scope.spawn(move || read_all(&mut output));
            let errors = scope.spawn(move || read_all(&mut errors));
            let begin = Instant::now();
            let mut ended = Ended::default();
            loop {
                if let Some(status) = child.try_wait()? {
                    ended.code = status.code();
                    break;
                }
                if begin.elapsed() > limit {
                    child.kill()?;
                    child.wait()?;
                    ended.timed_out = true;
                    break;
                }
                thread::sleep(Duration::from_millis(5));
            }
            ended.stdout = output.join().unwrap();
            ended.stderr = errors.join().unwrap();
            Ok(ended)
        })
    }
}

fn read_all(stream: &mut impl io::Read) -> Vec<u8> {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    bytes
}

/// Builds the template with deliberate faults, once for each target, into a folder beside this test's own.
fn built(target: Option<&str>) -> Utf8PathBuf {
    let target_dir = std::env::current_exe().unwrap().ancestors().nth(3).unwrap().join("firmware-tests");
    let template = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("../firmware-template");
    let mut cargo = process::Command::new(env!("CARGO"));
    cargo.args(["build", "--release", "--locked", "--quiet", "-p", "harness", "-p", "app"]);
    cargo.args(["--features", "harness/faults", "--manifest-path", template.join("Cargo.toml").as_str()]);
    cargo.arg("--target-dir").arg(&target_dir);
    cargo.args(target.map(|target| format!("--target={target}")));
    let output = cargo.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let folder = target.map_or(target_dir.clone(), |target| target_dir.join(target)).join("release");
    Utf8PathBuf::from_path_buf(folder).unwrap()
}

fn host() -> Command {
    static BUILT: OnceLock<Utf8PathBuf> = OnceLock::new();
    host::command(BUILT.get_or_init(|| built(None)).join("harness"))
}

/// The emulator's binary and the folder of the firmware built for it.
fn emulator() -> Option<&'static (Utf8PathBuf, Utf8PathBuf)> {
    static BUILT: OnceLock<Option<(Utf8PathBuf, Utf8PathBuf)>> = OnceLock::new();
    let found = BUILT.get_or_init(|| {
        let paths = std::env::var_os("PATH")?;
        let qemu =
            std::env::split_paths(&paths).map(|folder| folder.join("qemu-system-arm")).find(|path| path.exists())?;
        let libdir = process::Command::new("rustc").args(["--print=target-libdir", "--target", BOARD_TARGET]).output();
        let libdir = PathBuf::from(String::from_utf8(libdir.ok()?.stdout).ok()?.trim());
        libdir.exists().then(|| (Utf8PathBuf::from_path_buf(qemu).unwrap(), built(Some(BOARD_TARGET))))
    });
    if found.is_none() {
        eprintln!("SKIPPED: needs qemu-system-arm and the Rust target {BOARD_TARGET}");
    }
    found.as_ref()
}

fn board() -> Option<Command> {
    emulator().map(|(qemu, firmware)| qemu::harness_command(qemu, MACHINE, &firmware.join("harness")))
}

/// The sample model's session: two vectors of one 30-byte input.
fn session() -> Session {
    let ramp = (0..30).map(|value: u8| value.wrapping_mul(17)).collect();
    let vectors = vec![vec![ramp], vec![vec![0x80; 30]]];
    Session {
        digest: "0".repeat(64),
        clock: "instructions".into(),
        vectors,
        stream: None,
        steps: 1,
        runs: 3,
        output_bytes: vec![3],
    }
}

/// What the sample model computes, operator by operator.
fn expected(input: &[u8]) -> Vec<Vec<u8>> {
    let sample = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden/sample.tflite");
    let Read { graph, weights } = model::read(&fs::read(sample).unwrap()).unwrap();
    let steps: Vec<Step> = model::lower(&graph, &weights).into_iter().map(Result::unwrap).collect();
    model::evaluate(&graph, &steps, &weights, &[input.to_vec()]).unwrap().concat()
}

fn fnv(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// Runs a session in which the harness is told to fail just before the first run.
fn provoked(command: &Command, kind: &str, limit: Duration) -> Signature {
    let line = |text: &str| format!("{text} *{:08x}\n", check_word(text.as_bytes()));
    let fault = line(&format!("fault {kind}")) + &line("step 0");
    let script = session().script().replacen(&line("step 0"), &fault, 1);
    let ended = Plain.start(command, script.as_bytes(), limit).unwrap();
    Transcript::new(&ended).measurement(&session(), Some(PerTick(40_000))).unwrap_err()
}

#[test]
fn host_and_emulator_compute_what_the_model_says() {
    let session = session();
    for command in [Some(host()), board()].into_iter().flatten() {
        let measured = measure(&Plain, &command, &session, Some(PerTick(40_000)), LIMIT).unwrap();
        assert_eq!((measured.operators, measured.arena_high()), (8, measured.arena_bytes));
        assert_eq!(measured.observations.len(), 6);
        for run in &measured.observations {
            let tensors = expected(&session.vectors[run.vector][0]);
            assert_eq!(run.operator_digests, tensors.iter().map(|tensor| fnv(tensor)).collect::<Vec<_>>());
            assert_eq!((&run.outputs[0], &run.invoke_outputs[0]), (&tensors[7], &tensors[7]));
        }
        for operator in [0, 7] {
            let tensor = dump(&Plain, &command, &session, (0, operator, None), LIMIT).unwrap();
            assert_eq!(tensor, expected(&session.vectors[0][0])[operator]);
        }
    }
}

#[test]
fn the_host_measures_no_stack_and_no_instructions() {
    let measured = measure(&Plain, &host(), &session(), None, LIMIT).unwrap();
    assert_eq!((measured.instructions(), measured.stack_invoke(), measured.stack_total), (None, None, None));
}

#[test]
fn the_emulator_measures_the_same_twice() {
    let Some(command) = board() else { return };
    let measured = measure(&Plain, &command, &session(), Some(PerTick(40_000)), LIMIT).unwrap();
    assert_eq!(measure(&Plain, &command, &session(), Some(PerTick(40_000)), LIMIT).unwrap(), measured);
    let instructions = measured.instructions().unwrap();
    assert!((10_000..1_000_000).contains(&instructions), "{instructions}");
    // A kernel's count depends on its data, and on nothing else.
    for run in &measured.observations {
        let first = measured.observations.iter().find(|other| other.vector == run.vector).unwrap();
        assert_eq!(run.instructions, first.instructions, "vector {}", run.vector);
    }
    let (invoke, total) = (measured.stack_invoke().unwrap(), measured.stack_total.unwrap());
    assert!(8 < invoke && invoke < total && total < 1024, "{invoke} of {total}");
}

#[test]
fn another_build_is_refused() {
    let session = Session { digest: "1".repeat(64), ..session() };
    for command in [Some(host()), board()].into_iter().flatten() {
        let error = measure(&Plain, &command, &session, None, LIMIT).unwrap_err();
        let RunnerError::Target(Signature::WrongImage { have, want }) = error else { panic!("{error}") };
        assert_eq!((have, want), ("0".repeat(64), "1".repeat(64)));
    }
}

#[test]
fn each_failure_has_its_signature() {
    let everywhere = ["guard-low", "guard-high", "panic", "garbage"].map(|kind| (kind, kind));
    let on_boards =
        [("stack", "stack-overflow"), ("recursion", "stack-overflow"), ("fault", "fault"), ("reset", "reset")];
    for (kind, code) in everywhere {
        assert_eq!(provoked(&host(), kind, LIMIT).code(), code);
    }
    assert_eq!(provoked(&host(), "exit", LIMIT).code(), "died");
    let Some(board) = board() else { return };
    for (kind, code) in everywhere.into_iter().chain(on_boards).chain([("exit", "died")]) {
        assert_eq!(provoked(&board, kind, LIMIT).code(), code);
    }
    assert_eq!(provoked(&board, "guard-high", LIMIT).operator(), Some(0));
    let fault = provoked(&board, "fault", LIMIT).to_string();
    assert!(fault.contains("undefined instruction"), "{fault}");
}

#[test]
fn a_hang_is_a_time_out_of_the_machine() {
    for command in [Some(host()), board()].into_iter().flatten() {
        let signature = provoked(&command, "hang", Duration::from_secs(2));
        assert!(matches!(signature, Signature::TimedOut { .. }), "{signature}");
        assert!(signature.is_infrastructure());
    }
}

#[test]
fn a_session_damaged_on_its_way_is_refused_by_the_harness() {
    let script = session().script();
    let cases = [
        (script.replacen("poison 2 ", "poison 7 ", 1), "check word"),
        (script.replacen("input 0 0 ", "inqut 0 0 ", 1), "check word"),
        (script[..script.len() / 2].to_owned(), "ended without `bye`"),
        (script.lines().skip(1).fold(String::new(), |text, line| text + line + "\n"), "begins with `hello`"),
    ];
    for (damaged, words) in cases {
        let ended = Plain.start(&host(), damaged.as_bytes(), LIMIT).unwrap();
        assert_eq!(ended.code, Some(1));
        let signature = Transcript::new(&ended).measurement(&session(), None).unwrap_err();
        assert!(matches!(&signature, Signature::Protocol { message } if message.contains(words)), "{signature}");
    }
}

#[test]
fn the_apps_stack_is_read_while_it_runs() {
    let Some((qemu, firmware)) = emulator() else { return };
    let used = || {
        let folder = tempfile::tempdir().unwrap();
        // As deep as a stage's scratch folder may be: longer than a socket's address can hold.
        let scratch = Utf8Path::from_path(folder.path()).unwrap().join("s".repeat(120));
        fs::create_dir(&scratch).unwrap();
        let image = firmware.join("app");
        let app = App { qemu, machine: MACHINE, image: &image, scratch: &scratch, inferences: 2, limit: LIMIT };
        stack_used(&Plain, &app).unwrap()
    };
    let first = used();
    assert!((8..1024).contains(&first), "{first}");
    assert_eq!(used(), first);
}

#[test]
fn an_image_without_the_apps_symbols_is_named() {
    let Some((qemu, firmware)) = emulator() else { return };
    let image = firmware.join("harness");
    let app = App { qemu, machine: MACHINE, image: &image, scratch: firmware, inferences: 2, limit: LIMIT };
    let error = stack_used(&Plain, &app).unwrap_err().to_string();
    assert!(error.contains("no symbol `INFERENCES`"), "{error}");
}
