//! Every emulated board that comes with the program: built, run and compared, operator by operator.

use deployctl::manifest::{Board, Catalog, Runner};

use crate::space::{NAME, Space};

/// The sample on one board: the verdict is pass, and the figures that a board file can spoil are plausible.
fn runs_on(board: &str) {
    let Some(space) = Space::built(board) else { return };
    // MVE kernels want more scratch memory than the sample's own budget has room for.
    space.edit(NAME, "800 B", "8KiB").edit(NAME, "headroom=\"10%\"", "headroom=\"1%\"");
    space.build("").succeeded();
    let report: serde_json::Value = serde_json::from_slice(&space.result("gate-report.json")).unwrap();
    for (name, plausible) in [
        ("stack_bytes", 500.0..3e3),
        ("instructions", 2e4..4e5),
        ("flash_bytes", 1e4..4e4),
        ("arena_bytes", 700.0..8e3),
    ] {
        let value = report["metrics"][name]["value"].as_f64().unwrap_or_else(|| panic!("no `{name}`"));
        assert!(plausible.contains(&value), "{name}: {value}");
    }
}

#[test]
fn every_emulated_board_is_here() {
    let boards = Board::all(&Catalog::builtin()).unwrap();
    let emulated = boards.iter().filter(|board| matches!(board.runner, Runner::Qemu { .. })).map(|board| &board.name);
    assert!(emulated.eq(["microbit", "mps2-an385", "mps2-an386", "mps2-an500", "mps2-an505", "mps3-an547"].iter()));
}

#[test]
fn microbit() {
    runs_on("microbit");
}

#[test]
#[ignore = "one of each kind of core is enough for the plain run; `tests/all --full` has all"]
fn mps2_an385() {
    runs_on("mps2-an385");
}

#[test]
fn mps2_an386() {
    runs_on("mps2-an386");
}

#[test]
#[ignore = "one of each kind of core is enough for the plain run; `tests/all --full` has all"]
fn mps2_an500() {
    runs_on("mps2-an500");
}

#[test]
#[ignore = "one of each kind of core is enough for the plain run; `tests/all --full` has all"]
fn mps2_an505() {
    runs_on("mps2-an505");
}

#[test]
fn mps3_an547() {
    runs_on("mps3-an547");
}
