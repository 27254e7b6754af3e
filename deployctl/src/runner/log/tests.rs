use super::*;

const BUILD: &str = "00ff";

fn expected() -> BTreeMap<String, Expected> {
    let vector = |digests: [&str; 3]| digests.iter().map(|digest| (*digest).to_owned()).enumerate().collect();
    let operators = vec![vector(["aa", "bb", "cc"]), vector(["aa", "b1", "c1"])];
    [(BUILD.to_owned(), Expected { operators, outputs: vec![vec![vec![1, 2]], vec![vec![3, 4]]] })].into()
}

fn read_as(lines: &[&str], dressed: impl Fn(&str) -> String) -> Diagnosis {
    let expected = expected();
    let mut log = Log::new(&expected);
    let text: String = lines.iter().map(|line| dressed(&with_check_word(line))).collect();
    // However it is cut into pieces.
    text.as_bytes().chunks(7).for_each(|part| log.feed(part));
    log.end()
}

fn read(lines: &[&str]) -> Diagnosis {
    read_as(lines, |line| format!("{line}\n"))
}

fn boot() -> String {
    format!("boot 4 {BUILD}")
}

fn found(lines: &[&str]) -> Found {
    read(lines).found.unwrap()
}

#[test]
fn a_good_log_shows_nothing() {
    let boot = boot();
    let lines = [
        boot.as_str(),
        "ready inputs=1",
        "step 1",
        "op 0 aa 7",
        "op 1 b1 7",
        "op 2 c1 7",
        "output 0 0 0304",
        "done",
        "invoke 2",
        "output 0 0 0304",
        "done",
        "bye",
    ];
    let seen = read(&lines);
    assert_eq!((seen.found.as_ref(), seen.compared, seen.complete, seen.sessions), (None, 3, 1, 1));
    assert_eq!(seen.builds, [BUILD]);
}

#[test]
fn lines_are_found_among_others_and_behind_words() {
    let boot = boot();
    let lines = [boot.as_str(), "error guard-high operator=1"];
    let dresses: [fn(&str) -> String; 5] = [
        |line| format!("{line}\r\n"),
        |line| format!("[12:00:01.250] <info> {line}\n"),
        |line| format!("\u{1b}[32m{line}\u{1b}[0m\n"),
        |line| format!("app: op 1 will error soon\n2026-11-23T01:00:00Z harness> {line}  \n\n"),
        |line| format!("\u{fffd}\u{0}\u{1} {line}\n"),
    ];
    for dress in dresses {
        let seen = read_as(&lines, dress);
        let found = seen.found.unwrap();
        assert_eq!(found.signature, Signature::GuardHigh { operator: Some(1) });
        assert_eq!(found.line, with_check_word(lines[1]));
        assert_eq!(seen.harness_lines, 2);
    }
}

#[test]
fn the_first_operator_that_no_vector_explains_is_named() {
    let boot = boot();
    let at = found(&[&boot, "step 1", "op 0 aa 7", "op 1 b1 7", "op 2 cc 7", "done", "bye"]);
    let signature = Signature::Mismatch { operator: Some(2), found: "cc".into(), wanted: "c1".into() };
    assert_eq!((at.signature, at.number), (signature, 5));
    assert_eq!(at.line, with_check_word("op 2 cc 7"));
    let at = found(&[&boot, "invoke 1", "output 0 0 0102", "done", "invoke 2", "output 0 0 0105", "done", "bye"]);
    assert!(matches!(at.signature, Signature::Mismatch { operator: None, .. }), "{at:?}");
}

/// Another vector's digests explain nothing where the vector was named.
#[test]
fn a_run_is_compared_with_the_vector_that_it_names() {
    let boot = boot();
    let at = found(&[&boot, "step 1 0", "op 0 aa 7", "op 1 b1 7", "op 2 c1 7", "done", "bye"]);
    let signature = Signature::Mismatch { operator: Some(1), found: "b1".into(), wanted: "bb".into() };
    assert_eq!((at.signature, at.number), (signature, 4));
    let at = found(&[&boot, "invoke 1 1", "output 0 0 0102", "done", "bye"]);
    let signature = Signature::Mismatch { operator: None, found: "0102".into(), wanted: "0304".into() };
    assert_eq!(at.signature, signature);
    assert_eq!(read(&[&boot, "invoke 1 none", "output 0 0 0102", "done", "bye"]).found, None);
}

#[test]
fn another_builds_digests_are_not_compared() {
    let seen = read(&["boot 4 1234", "step 1", "op 0 zz 7", "done", "bye"]);
    assert_eq!((seen.found, seen.compared), (None, 0));
    assert_eq!(seen.builds, ["1234"]);
}

#[test]
fn an_end_that_is_none_is_named() {
    let boot = boot();
    let at = found(&[&boot, "step 1", "op 0 aa 7"]);
    assert!(matches!(&at.signature, Signature::Died { after, .. } if after == "op 0 aa 7"), "{at:?}");
    let at = found(&[&boot, "step 1", &boot, "step 1"]);
    assert!(matches!(&at.signature, Signature::Reset { after, .. } if after == "step 1"), "{at:?}");
    assert_eq!(read(&[&boot, "bye", &boot, "bye"]).found, None);
}

#[test]
fn damage_is_counted_and_named_where_nothing_else_is() {
    let damaged = |line: &str| line.replace("op 0", "op 9") + "\n";
    let boot = boot();
    let seen = read_as(&["op 0 aa 7"], damaged);
    assert_eq!(seen.damaged, 1);
    assert!(matches!(seen.found.unwrap().signature, Signature::Garbage { line: 1, .. }));
    let seen = read_as(&[&boot, "op 0 aa 7", "error panic operator=none panicked at x"], damaged);
    assert_eq!(seen.damaged, 1);
    assert!(matches!(seen.found.unwrap().signature, Signature::Panic { .. }));
}

#[test]
fn rubbish_is_skipped_in_bounded_memory() {
    let expected = expected();
    let mut log = Log::new(&expected);
    log.feed(&b"\x00\xff\n".repeat(1000));
    let piece = vec![b'x'; 1 << 20];
    for _ in 0..4 {
        log.feed(&piece);
        assert!(log.line.len() <= LINE_BYTES);
    }
    log.feed(format!("\n{}\n", with_check_word("error guard-low operator=none")).as_bytes());
    let seen = log.end();
    assert_eq!((seen.lines, seen.too_long, seen.harness_lines, seen.binary_bytes), (1002, 1, 1, 1000));
    assert_eq!(seen.found.unwrap().signature.code(), "guard-low");
}

#[test]
fn what_is_empty_shows_nothing() {
    assert_eq!(read(&[]), Diagnosis::default());
}

#[test]
fn every_error_line_is_named_by_its_code() {
    let lines = [
        "wrong-image have=11 want=22",
        "guard-low operator=3",
        "guard-high operator=none",
        "stack-overflow operator=2",
        "services-damaged operator=none",
        "interrupt line=5 operator=1",
        "interrupt-storm line=8 operator=none",
        "fault operator=1 pc=0000040a lr=000003ff cfsr=00010000 hfsr=40000000 address=none",
        "panic operator=none panicked at harness/src/bench.rs:140:25: provoked",
        "protocol a line's check word is wrong",
    ];
    for line in lines {
        let at = found(&[&boot(), &format!("error {line}")]);
        assert_eq!(at.signature.code(), line.split(' ').next().unwrap());
    }
}
