//! Transcripts that are read, and those that are refused.

use super::*;

fn lines(texts: &[&str]) -> Vec<u8> {
    let lines = texts.iter().map(|text| format!("{text} *{:08x}\n", check_word(text.as_bytes())));
    lines.collect::<String>().into_bytes()
}

fn session() -> Session {
    let vectors = vec![vec![vec![0]], vec![vec![1]]];
    Session {
        digest: "00ff".into(),
        clock: "none".into(),
        vectors,
        stream: None,
        steps: 1,
        runs: 1,
        output_bytes: vec![2],
    }
}

const GOOD: [&str; 25] = [
    "boot 4 00ff",
    "ready inputs=1 outputs=1 operators=1 hops=0 arena=64 services=0 clock=none",
    "startup 30 1",
    "step 0 0",
    "op 0 00000000000000aa 7",
    "output 0 0 0102",
    "arena 60",
    "done",
    "invoke 2 0",
    "output 0 0 01",
    "output 0 1 02",
    "ticks 100",
    "stack 40",
    "interrupts none",
    "arena 64",
    "done",
    "step 3 1",
    "op 0 00000000000000bb none",
    "output 0 0 0304",
    "arena 64",
    "done",
    "invoke 4 1",
    "output 0 0 0304",
    "ticks 101",
    "stack 48",
];
const END: [&str; 5] = ["interrupts none", "arena 64", "done", "stack-total 392", "bye"];

fn good() -> Vec<&'static str> {
    GOOD.into_iter().chain(END).collect()
}

fn read(stdout: Vec<u8>) -> Result<Measurement, Signature> {
    let ended = Ended {
        code: Some(1),
        stdout,
        stderr: b"qemu: warning: no peer\nlast words\nR00=00000000\n".into(),
        timed_out: false,
    };
    Transcript::new(&ended).measurement(&session(), Some(PerTick(40_000)))
}

#[test]
fn a_whole_transcript_becomes_a_measurement() {
    let measured = read(lines(&good())).unwrap();
    assert_eq!((measured.operators, measured.arena_bytes, measured.stack_total), (1, 64, Some(392)));
    assert_eq!(measured.startup, Some(Startup { instructions: 1200, model: 40 }));
    assert_eq!((measured.arena_high(), measured.stack_invoke(), measured.instructions()), (64, Some(48), Some(4040)));
    assert_eq!(
        measured.observations[0],
        Observation {
            vector: 0,
            run: 0,
            fill: Some(Fill::Cold),
            invoke_fill: Some(Fill::Zeros),
            operator_instructions: vec![Some(280)],
            operator_digests: vec![0xaa],
            hop_digests: vec![],
            hops: vec![],
            outputs: vec![vec![1, 2]],
            invoke_outputs: vec![vec![1, 2]],
            instructions: Some(4000),
            arena_high: 64,
            stack_invoke: Some(40),
        }
    );
}

#[test]
fn a_transcript_cut_anywhere_is_that_of_a_target_that_died() {
    let whole = lines(&good());
    for length in 0..whole.len() {
        match read(whole[..length].to_vec()).unwrap_err() {
            Signature::Silent { .. } => assert!(length < whole.iter().position(|&byte| byte == b'\n').unwrap() + 1),
            Signature::Died { diagnostics, .. } => assert_eq!(diagnostics, "last words"),
            other => panic!("{length}: {other}"),
        }
    }
}

#[test]
fn a_changed_byte_anywhere_is_garbage() {
    let whole = lines(&good());
    for index in (0..whole.len()).filter(|&index| whole[index] != b'\n') {
        let mut bytes = whole.clone();
        bytes[index] ^= 1;
        assert!(matches!(read(bytes), Err(Signature::Garbage { .. })), "byte {index}");
    }
}

#[test]
fn a_lost_or_doubled_line_anywhere_is_out_of_order() {
    for index in 1..good().len() - 1 {
        let (mut lost, mut doubled) = (good(), good());
        lost.remove(index);
        doubled.insert(index, doubled[index]);
        assert!(matches!(read(lines(&lost)), Err(Signature::OutOfOrder { .. })), "line {index} lost");
        assert!(matches!(read(lines(&doubled)), Err(Signature::OutOfOrder { .. })), "line {index} doubled");
    }
}

#[test]
fn a_second_boot_is_a_reset() {
    let mut texts = good();
    texts.insert(5, "boot 4 00ff");
    let reset = Signature::Reset { line: 6, after: "op 0 00000000000000aa 7".into() };
    assert_eq!(read(lines(&texts)), Err(reset));
}

#[test]
fn another_clock_is_another_boards_firmware() {
    let other = GOOD[1].replace("clock=none", "clock=16000000");
    let texts = ["boot 4 00ff", &other];
    let Err(Signature::OutOfOrder { line: 2, expected, .. }) = read(lines(&texts)) else { panic!("it was taken") };
    assert!(expected.contains("clock=none"), "{expected}");
}

#[test]
fn time_outs_are_the_machines_fault() {
    let ended = Ended { stdout: lines(&GOOD[..4]), timed_out: true, ..Ended::default() };
    let signature = Transcript::new(&ended).measurement(&session(), None).unwrap_err();
    assert_eq!(signature, Signature::TimedOut { after: "step 0 0".into() });
    assert!(signature.is_infrastructure());
}

#[test]
fn error_lines_become_their_signatures() {
    let signature = |text: &str| read(lines(&["boot 4 00ff", &format!("error {text}")])).unwrap_err();
    let cases = [
        ("wrong-image have=00 want=01", "wrong-image", None),
        ("guard-low operator=3", "guard-low", Some(3)),
        ("guard-high operator=none", "guard-high", None),
        ("stack-overflow operator=2", "stack-overflow", Some(2)),
        ("fault operator=7 pc=0000172c lr=fffffffb cfsr=00000082 hfsr=40000000 address=20400000", "fault", Some(7)),
        ("panic operator=1 panicked at model/src/lib.rs:3:1: index out of bounds", "panic", Some(1)),
        ("protocol unknown command", "protocol", None),
        ("fault operator=7", "out-of-order", None),
        ("unheard of", "out-of-order", None),
    ];
    for (text, code, operator) in cases {
        assert_eq!((signature(text).code(), signature(text).operator()), (code, operator), "`{text}`");
    }
    let fault = signature(cases[4].0).to_string();
    assert!(
        fault.contains("data access to forbidden memory during op:7, at pc 0x0000172c, accessing 0x20400000"),
        "{fault}"
    );
}

#[test]
fn a_dump_is_one_tensor() {
    let ready = "ready inputs=1 outputs=1 operators=5 hops=0 arena=64 services=0 clock=none";
    let greeting = ["boot 4 00ff", ready, "startup none none"];
    let answers = ["dump 3", "tensor 0 0102", "tensor 2 ff", "done", "stack-total none", "bye"];
    let ended = Ended { stdout: lines(&[&greeting[..], &answers[..]].concat()), ..Ended::default() };
    assert_eq!(Transcript::new(&ended).dump(&session(), 1, 3, None), Ok(vec![1, 2, 0xff]));
    assert!(matches!(Transcript::new(&ended).dump(&session(), 1, 2, None), Err(Signature::OutOfOrder { line: 4, .. })));
}
