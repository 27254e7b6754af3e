//! `docs/reference/failure-signatures.md`, made from the table that error messages and runbooks are made of.

use std::fmt::Write as _;

use deployctl::runner::GUIDES;
use snapbox::{Data, assert_data_eq};

use crate::repository;

const INTRODUCTION: &str = "\
# Failure signatures

What can go wrong between a host and a target, the likely ones of a first bring-up first. Runbooks have the same table, and
error messages begin with the signature's name. All but `time-out` are results: the gates that need a measurement fail with
the signature as their detail. A time-out may be the machine's fault; it is not recorded, and the exit code is 7.
Before any of them: the files must be whole (step 0 of the runbook), and the command the runbook's own, to the letter.

Generated; `SNAPSHOTS=overwrite cargo test --test docs` writes this page anew.
";

#[test]
fn the_signatures_page_is_the_commands_own() {
    let mut page = INTRODUCTION.to_owned();
    for guide in &GUIDES {
        let boards = if guide.boards_only { " (boards and emulators)" } else { "" };
        write!(page, "\n## {}{boards}\n\n", guide.code).unwrap();
        let rows = [
            ("Sign", guide.sign),
            ("Means", guide.meaning),
            ("Look at", guide.check),
            ("On an emulator", guide.emulator),
            ("Do", guide.fix),
        ];
        for (title, text) in rows.into_iter().filter(|(_, text)| !text.is_empty()) {
            writeln!(page, "- **{title}:** {text}.").unwrap();
        }
    }
    let file = repository().join("docs/reference/failure-signatures.md");
    assert_data_eq!(page, Data::read_from(&file, None).raw());
}
