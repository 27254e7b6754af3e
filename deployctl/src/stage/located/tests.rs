//! Firmware of a model that listens to a stream, built for the host with a mistake put into it: what differs is found.

use std::io::{self, Write};
use std::path::Path;
use std::process::{self, Stdio};
use std::time::Duration;
use std::{fs, thread};

use camino::Utf8PathBuf;

use super::*;
use crate::emit::{self, Board, Entry, Input, Left, Model};
use crate::gate::evidence::Expectation;
use crate::library::reference;
use crate::memory::plan;
use crate::model::pipeline::{Source, Spec, StepSpec, WindowShape, join};
use crate::model::{Read, Step, lower, read};
use crate::runner::{Command, Ended, Session, Start, Stream, host, measure};
use crate::vectors::random;

const DIGEST: &str = "00ff";

/// Starts with the standard library; what it starts comes to its end.
struct Plain;

impl Start for Plain {
    fn start(&self, command: &Command, stdin: &[u8], _: Duration) -> io::Result<Ended> {
        let mut started = process::Command::new(&command.program);
        let mut child = started.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let mut input = child.stdin.take().unwrap();
        let output = thread::scope(|scope| {
            scope.spawn(move || input.write_all(stdin));
            child.wait_with_output()
        })?;
        Ok(Ended { code: output.status.code(), stdout: output.stdout, stderr: output.stderr, timed_out: false })
    }
}

/// The sample model behind six rows of windowed samples, of which two are new in each inference.
fn model() -> (Read, Vec<Step>) {
    let window = StepSpec::Window { shape: WindowShape::Hann, symmetric: false, size: 5, stride: 2 };
    let steps = vec![window, StepSpec::Frames { count: 6, advance: 2 }];
    let spec = Spec { input: None, source: Source::Audio { rate: 1000 }, steps };
    let sample = read(include_bytes!("../../../../tests/golden/sample.tflite")).unwrap();
    let read = join(&spec, &sample).unwrap();
    let steps = lower(&read.graph, &read.weights).into_iter().map(Result::unwrap).collect();
    (read, steps)
}

/// The project for the host, and its harness, with `from` in one file replaced.
fn built(read: &Read, steps: &[Step], name: &str, mistake: Option<(&str, &str, &str)>) -> Utf8PathBuf {
    let kernels: Vec<_> = steps.iter().map(reference).collect();
    let entries =
        kernels.iter().map(|kernel| Entry { function: &kernel.entry, symbol: &kernel.symbol, scratch: false });
    let entries: Vec<Entry> = entries.collect();
    let plan = plan(&read.graph, steps, &[]).unwrap();
    let model = Model {
        deployment: "stream",
        version: "1.0.0",
        digest: DIGEST,
        graph: &read.graph,
        weights: &read.weights,
        steps,
        kernels: &entries,
        arena: plan.peak,
        tensors: &plan.tensors,
        scratch: &plan.scratch,
    };
    let board = Board {
        name: "host".into(),
        core: "host".into(),
        rust_target: None,
        memory: vec![],
        timers: vec![],
        left: Left::default(),
        boot_block: None,
        clock: "none".into(),
        machine: None,
        chip: None,
    };
    let template = super::super::emit::Template::builtin();
    let mut files =
        emit::project(&Input { model, board: &board, template: template.files(), vendor: None, library: None })
            .unwrap();
    if let Some((path, from, to)) = mistake {
        let file = files.get_mut(camino::Utf8Path::new(path)).unwrap();
        let text = String::from_utf8(file.clone()).unwrap();
        assert!(text.contains(from), "{text}");
        *file = text.replace(from, to).into_bytes();
    }
    let target = std::env::current_exe().unwrap().ancestors().nth(3).unwrap().join("firmware-tests").join(name);
    let folder = target.join("project");
    for (path, bytes) in &files {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    cargo(&folder, &target);
    Utf8PathBuf::from_path_buf(target.join("release/harness")).unwrap()
}

fn cargo(folder: &Path, target: &Path) {
    let mut cargo = process::Command::new(env!("CARGO"));
    cargo.args(["build", "--release", "--locked", "--offline", "--quiet", "-p", "harness"]).current_dir(folder);
    let output = cargo.env_remove("RUSTFLAGS").arg("--target-dir").arg(target).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// What host and target make of two vectors that follow each other, and where they part.
fn difference(name: &str, mistake: Option<(&str, &str, &str)>) -> Option<Difference> {
    let (Read { graph, weights }, steps) = model();
    let harness = host::command(built(&Read { graph: graph.clone(), weights: weights.clone() }, &steps, name, mistake));
    let vectors: Vec<_> = random(&graph, 2, 1).into_iter().map(|vector| vector.inputs).collect();
    let session = Session {
        digest: DIGEST.into(),
        clock: "none".into(),
        stream: Stream::of(&graph),
        vectors,
        steps: 2,
        runs: 2,
        output_bytes: vec![3],
    };
    let mut state = model::State::default();
    let mut expected = |feeds: &Vec<Vec<u8>>| {
        let played = model::play(&NoOwnKernels, &mut state, &graph, &steps, &weights, feeds).unwrap();
        let hex = |digest: &u64| format!("{digest:016x}");
        ExpectedVector {
            label: None,
            operators: played.main.iter().map(|outputs| hex(&model::digest_all(outputs))).collect(),
            hops: played.traced(4).pop().unwrap().iter().map(hex).collect(),
            due: played.due(&graph, &steps),
            outputs: vec![played.main[7][0].iter().map(|byte| byte.cast_signed()).collect()],
        }
    };
    let vectors: Vec<ExpectedVector> = session.vectors.iter().map(&mut expected).collect();
    assert_eq!([&vectors[0].due[..], &vectors[1].due], [&[7][..], &[1, 3, 5, 7]]);
    let expectation = Expectation {
        blocked: None,
        source: String::new(),
        seeded: true,
        steps: 2,
        vectors,
        recorded: None,
        distinct_outputs: 2,
        remarks: Vec::new(),
    };
    let (limit, nowhere) = (Duration::from_mins(1), Utf8PathBuf::new);
    let (app, work) = (nowhere(), nowhere());
    let bench = Bench {
        graph,
        steps,
        weights,
        expectation,
        session,
        harness,
        image: app.clone(),
        app,
        regions: &[],
        plan: None,
        starter: &Plain,
        limit,
        work,
    };
    let measured = measure(&Plain, &bench.harness, &bench.session, None, limit).unwrap();
    assert_eq!((measured.operators, measured.observations.len()), (8, 4));
    assert_eq!(bench.nondeterminism(&measured.observations), None);
    compared_under_every_condition(&bench, &measured.observations);
    bench.first_difference(&measured.observations).unwrap()
}

/// Two runs have all fills, the first one begins cold; of what differs it is said what it began on.
fn compared_under_every_condition(bench: &Bench<'_>, seen: &[Observation]) {
    use Condition::{ColdAndWarm, Noise, Ones, OtherInputs, Zeros};
    assert_eq!(bench.conditions(seen), [Zeros, Ones, Noise, OtherInputs, ColdAndWarm]);
    let mut spoilt = seen.to_vec();
    spoilt[2].invoke_outputs[0][0] ^= 1;
    let told = bench.nondeterminism(&spoilt).unwrap();
    assert_eq!(told, "vector 0: outputs of run 1, on an arena of noise, and of run 0, the first after reset, differ");
    spoilt.truncate(2);
    assert_eq!(bench.conditions(&spoilt), [Zeros]);
}

#[test]
fn a_stream_on_the_target_is_the_hosts() {
    assert_eq!(difference("good", None), None);
}

#[test]
fn the_first_step_hop_and_element_that_differ_are_found() {
    let (read, _) = model();
    // A sample that the first vector has once. Frame n begins with sample 2n, has five, and is complete with hop n + 2.
    let vector = &random(&read.graph, 1, 1)[0].inputs[0];
    let samples: Vec<i16> = vector.as_chunks().0.iter().map(|&word| i16::from_le_bytes(word)).collect();
    let once = |at: &usize| samples.iter().filter(|sample| **sample == samples[*at]).count() == 1 && samples[*at] != 0;
    let at = (8..samples.len() - 1).find(once).unwrap();
    let (sample, frame) = (samples[at], (at - 3) / 2);
    // No sum: it would make a positive zero of a negative one.
    let from = "/ 32768.0) * weight;";
    let to = format!("/ 32768.0) * if sample == {sample} {{ 8.0 }} else {{ weight }};");
    let found = difference("wrong-step", Some(("preprocess/src/window.rs", from, &to))).unwrap();
    assert_eq!((found.vector, found.hop, found.called.as_str()), (0, Some(frame + 2), "hop.1"));
    assert_eq!((found.tensor.as_str(), &found.coordinate[..]), ("preprocess/window", &[at - 2 * frame][..]));
    assert_ne!(found.expected, found.found);
}

#[test]
fn an_inference_at_the_wrong_time_is_found() {
    let (read, steps) = model();
    let due = plan(&read.graph, &steps, &[]).unwrap().tensors[&read.graph.hops().unwrap().due].start;
    let says = format!("    arena.0[{due}] != 0\n}}");
    let found = difference("always-due", Some(("model/src/lib.rs", &says, "    true\n}"))).unwrap();
    assert_eq!((found.vector, found.hop, found.called.as_str()), (0, Some(2), "hop.3"));
    assert_eq!((found.tensor.as_str(), found.expected.as_str(), found.found.as_str()), ("preprocess/due", "0", "1"));
}
