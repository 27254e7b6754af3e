//! Generated models against LiteRT Micro: every operator's output, over two invocations, six where there is state.
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
mod mutated;
mod report;
mod table;

/// CMSIS-NN's bindings of firmware, here on the host.
macro_rules! bindings {
    ($([$($lint:path),*] $path:literal $name:ident)*) => {$(
        #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
        #[expect($($lint),*, reason = "written for another workspace's lints")]
        #[path = $path]
        mod $name;
    )*};
}
bindings! {
    [clippy::pedantic] "../../firmware-template/cmsis-nn/src/check.rs" check
    [unsafe_code, unreachable_pub, clippy::pedantic] "../../firmware-template/cmsis-nn/src/conv.rs" conv
    [unsafe_code, unreachable_pub, clippy::pedantic] "../../firmware-template/cmsis-nn/src/convolve.rs" convolve
    [unsafe_code, unreachable_pub, clippy::pedantic] "../../firmware-template/cmsis-nn/src/depthwise_conv.rs" depthwise_conv
    [unsafe_code, unreachable_pub, clippy::pedantic] "../../firmware-template/cmsis-nn/src/elementwise.rs" elementwise
    [unsafe_code, unreachable_pub, clippy::pedantic] "../../firmware-template/cmsis-nn/src/fully_connected.rs" fully_connected
    [unsafe_code, unreachable_pub, clippy::pedantic] "../../firmware-template/cmsis-nn/src/pool.rs" pool
    [unsafe_code] "../../firmware-template/cmsis-nn/src/shim.rs" shim
    [unsafe_code, unreachable_pub, clippy::pedantic] "../../firmware-template/cmsis-nn/src/softmax.rs" softmax
    [unsafe_code, unreachable_pub, clippy::pedantic] "../../firmware-template/cmsis-nn/src/svdf.rs" svdf
}

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
#[expect(unsafe_code, reason = "C is called")]
mod library;
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod planned;

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod agree;

use std::path::{Path, PathBuf};
use std::process::Command;

use archive::Case;
use compare::{Optimized, Outcome, Reference, compare};
use report::Report;
use table::Table;

/// Models of a full run.
const FULL: &str = "6000";
/// What a full run shows, for people.
const PAGE: &str = "../../docs/reference/operator-table.md";

fn here(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/conformance").join(name)
}

/// Compares every case; the report is printed.
fn run(cases: &[Case]) -> (Report, Table) {
    let (mut report, mut table) = (Report::default(), Table::default());
    for case in cases {
        let outcome = compare(case, &Reference);
        report.add(case, &outcome);
        if case.data.is_some() {
            table.add(case, &outcome);
        }
    }
    println!("{report}");
    (report, table)
}

/// Compares every case in which something is rewritten by `optimize`; how many operators there are.
fn run_optimized(cases: &[Case]) -> usize {
    let (mut report, mut rewritten) = (Report::default(), 0);
    for case in cases {
        let found = compare::rewritten(case);
        if found > 0 {
            rewritten += found;
            report.add(case, &compare(case, &Optimized));
        }
    }
    println!("{rewritten} operators rewritten, in {} models\n{report}", report.models());
    report.passes();
    rewritten
}

/// Compares every case that runs here again, as firmware runs it with CMSIS-NN.
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
fn run_planned(cases: &[Case]) {
    if library::load() {
        let mut report = Report::default();
        for case in cases {
            let outcome = compare(case, &planned::Planned);
            if !matches!(outcome, Outcome::Refused { .. }) {
                report.add(case, &outcome);
            }
        }
        println!("{report}");
        report.passes();
    }
}

#[cfg(not(all(target_arch = "x86_64", target_os = "linux")))]
fn run_planned(_cases: &[Case]) {
    println!("SKIPPED: conformance through CMSIS-NN runs on x86-64 Linux");
}

#[test]
fn corpus() {
    let cases = archive::read(&here("corpus.tar.gz"));
    let (report, table) = run(&cases);
    assert!(report.models() >= 200);
    report.refusals_are_known(&here("refusals.txt"));
    report.passes();
    table.is_on(&here(PAGE));
    run_optimized(&cases);
    run_planned(&cases);
}

/// Inputs that nobody has thought of, extremes among them.
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
#[test]
fn reference_and_library_agree_on_any_input() {
    if !library::load() {
        return;
    }
    let runnable = agree::runnable(&archive::read(&here("corpus.tar.gz")));
    assert!(runnable.len() > 400);
    let mut seed = 1_u32;
    let mut random = || {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        seed.to_be_bytes()[0]
    };
    let mut noises: Vec<Vec<u8>> = [1009, 61].map(|count| (0..count).map(|_| random()).collect()).into();
    noises.extend([vec![0x80], vec![0x7f, 0x80, 0x7f], vec![0xff]]);
    for model in &runnable {
        for noise in &noises {
            model.agrees(noise);
        }
    }
}

/// What is wrong with a model is a refusal, never a panic.
fn refused_or_run(mutations: usize) {
    let counts = mutated::mutate(&archive::read(&here("corpus.tar.gz")), mutations);
    println!("{} refused, {} ran", counts.refused, counts.ran);
    assert!(counts.refused > 1000 && counts.ran > 1000);
    assert!(counts.panicked.is_empty(), "{} panicked: {:#?}", counts.panicked.len(), counts.panicked);
}

#[test]
fn mutated_models_are_refused_or_run() {
    refused_or_run(12);
}

#[test]
#[ignore = "five times the mutations of the plain run"]
fn many_mutated_models_are_refused_or_run() {
    refused_or_run(60);
}

/// Cases that some version of deployctl got wrong.
#[test]
fn found() {
    let path = here("found.tar.gz");
    if path.exists() {
        let cases = archive::read(&path);
        let (report, _) = run(&cases);
        report.refusals_are_known(&here("refusals.txt"));
        report.passes();
        run_planned(&cases);
    }
}

/// Many more models, generated now. `DEPLOYCTL_ORACLE` names a Python with the packages of `tests/oracle/requirements.txt`,
/// else it is the one that `tests/all` sets up. `DEPLOYCTL_CONFORMANCE` names an archive that `generate.py` has made already.
#[test]
#[ignore = "needs LiteRT Micro"]
fn full() {
    if let Some(made) = std::env::var_os("DEPLOYCTL_CONFORMANCE") {
        let cases = archive::read(Path::new(&made));
        run(&cases).0.passes();
        return run_planned(&cases);
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
    let cases = archive::read(&made);
    let (report, table) = run(&cases);
    report.refusals_are_exactly(&here("refusals.txt"));
    report.passes();
    table.is_exactly(&here(PAGE), &here("refusals.txt"));
    assert!(run_optimized(&cases) > 0);
    run_planned(&cases);
}

/// The comparison itself: one bit of one output, and one byte too few.
#[test]
fn differences_are_noticed() {
    let mut cases = archive::read(&here("corpus.tar.gz"));
    let case = cases.iter_mut().find(|case| case.name == "conv_2d.int8-0000").unwrap();
    assert!(matches!(compare(case, &Reference), Outcome::Ran(_)));
    let data = case.data.as_mut().unwrap();
    let last = data.pop().unwrap();
    assert!(matches!(compare(case, &Reference), Outcome::Wrong(_)));
    case.data.as_mut().unwrap().push(last ^ 1);
    assert!(matches!(compare(case, &Reference), Outcome::Wrong(_)));
}
