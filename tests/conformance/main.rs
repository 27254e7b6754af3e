//! Generated models against LiteRT Micro: every operator's output, over two invocations.
//!
//! `generate.py` makes the models and runs LiteRT Micro; no Python is needed for the committed archives.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "tests stop at the first surprise and print figures"
)]

mod archive;
mod compare;
mod report;

use std::path::{Path, PathBuf};
use std::process::Command;

use archive::Case;
use report::Report;

/// Models of a full run.
const FULL: &str = "6000";

fn here(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/conformance").join(name)
}

/// Compares every case; the report is printed, and what is wrong fails the test.
fn run(cases: &[Case]) -> Report {
    let mut report = Report::default();
    for case in cases {
        report.add(case, &compare::compare(case));
    }
    println!("{report}");
    report
}

#[test]
fn corpus() {
    let report = run(&archive::read(&here("corpus.tar.gz")));
    assert!(report.models() >= 200);
    report.refusals_are_known(&here("refusals.txt"));
    report.passes();
}

/// Cases that some version of deployctl got wrong.
#[test]
fn found() {
    let path = here("found.tar.gz");
    if path.exists() {
        let report = run(&archive::read(&path));
        report.refusals_are_known(&here("refusals.txt"));
        report.passes();
    }
}

/// Many more models, generated now. `DEPLOYCTL_ORACLE` names a Python with the packages of `tests/oracle/requirements.txt`,
/// else it is the one that `tests/all` sets up. `DEPLOYCTL_CONFORMANCE` names an archive that `generate.py` has made already.
#[test]
#[ignore = "needs LiteRT Micro"]
fn full() {
    if let Some(made) = std::env::var_os("DEPLOYCTL_CONFORMANCE") {
        return run(&archive::read(Path::new(&made))).passes();
    }
    let installed = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.venv/bin/python");
    let python = std::env::var_os("DEPLOYCTL_ORACLE").map_or(installed, PathBuf::from);
    if !python.exists() {
        println!("SKIPPED: no `{}` with LiteRT Micro; set DEPLOYCTL_ORACLE to a Python that has it", python.display());
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let made = folder.path().join("full.tar");
    let mut command = Command::new(python);
    command.arg(here("generate.py")).args(["--count", FULL, "--out"]).arg(&made);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}\n{}", String::from_utf8_lossy(&output.stderr));
    let report = run(&archive::read(&made));
    report.refusals_are_exactly(&here("refusals.txt"));
    report.passes();
}
