//! Hostile texts give errors, quickly, and never a panic or an overflowed stack.

use std::time::{Duration, Instant};

use super::super::*;
use super::{GOOD, Project};

fn message(text: impl AsRef<[u8]>) -> String {
    Project::new().load(text).unwrap_err().problems()[0].message().to_owned()
}

#[test]
fn deep_nesting_is_refused() {
    let nested = format!("manifest version=1\n{}{}", "a {".repeat(1500), "}".repeat(1500));
    assert_eq!(message(nested), "nodes nest more than 8 deep");
    assert_eq!(message(format!("manifest version=1 {}", "/*".repeat(1500))), "comments nest more than 12 deep");
}

#[test]
fn brackets_that_only_the_parser_sees_do_not_overflow_it() {
    // After the bad escape the parser takes the rest of the string for nodes.
    for (open, count) in [("a {", 1300), ("{", 4000), ("}", 4000), ("/*", 4000), ("(", 50_000), ("/- a {", 16)] {
        let text = format!("manifest version=1\nx \"\\q {}\"\n", open.repeat(count));
        fuzz_body(text.as_bytes());
    }
}

#[test]
fn the_deepest_nesting_that_is_read_takes_no_time() {
    let start = Instant::now();
    fuzz_body(format!("manifest version=1\n{}{}", "a { b; /- c {".repeat(4), "}}".repeat(4)).as_bytes());
    fuzz_body(format!("manifest version=1\n{}{}", "a /- {".repeat(8), "}".repeat(8)).as_bytes());
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
}

#[test]
fn what_is_not_text_is_refused() {
    assert_eq!(message(b"manifest\xff version=1"), "`manifests/kws.kdl` is not UTF-8 text, from byte 8 on");
    assert_eq!(message([0_u8; 64]).split(' ').next(), Some("found"));
    assert_eq!(message(vec![b' '; 10_000_000]), "`manifests/kws.kdl` is larger than 256 KiB");
    assert_eq!(message(""), "the file has no nodes");
}

#[test]
fn no_truncation_and_no_flipped_byte_panics() {
    for end in (0..GOOD.len()).step_by(3) {
        fuzz_body(&GOOD.as_bytes()[..end]);
    }
    for at in (0..GOOD.len()).step_by(2) {
        let mut bytes = GOOD.as_bytes().to_vec();
        bytes[at] ^= 1 << (at % 7);
        fuzz_body(&bytes);
    }
}

#[test]
fn seeded_mutations_do_not_panic() {
    let pieces = [
        "{",
        "}",
        "\"",
        "\"\"\"",
        "#",
        "/-",
        "/*",
        "*/",
        "\\",
        "(",
        ")",
        "=",
        ";",
        "\n",
        "\r",
        "\u{feff}",
        "#true",
        "#nan",
        "#inf",
        "1e999",
        "-",
        "0x",
        "99999999999999999999999999999999999999999999",
        "é",
        "\u{202e}",
        "scale",
        "use",
        " ",
    ];
    let boards = Catalog::builtin();
    let board = &boards.board_file("mps2-an386").unwrap().bytes;
    let library = &boards.library_file("cmsis-nn").unwrap().bytes;
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut random = move |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap() % below
    };
    for seed in [GOOD.as_bytes(), board, library] {
        for _ in 0..200 {
            let mut bytes = seed.to_vec();
            for _ in 0..=random(6) {
                let at = random(bytes.len());
                let end = (at + random(12)).min(bytes.len());
                bytes.splice(at..end, pieces[random(pieces.len())].bytes());
            }
            fuzz_body(&bytes);
        }
    }
}
