//! `docs/reference/cli.md`, made from the command line's own description.

use std::fmt::Write as _;

use clap::CommandFactory;
use deployctl::cli::Cli;
use snapbox::{Data, assert_data_eq};

use crate::{page, repository};

const INTRODUCTION: &str = "\
# Commands

Generated from the command's own `--help`; `SNAPSHOTS=overwrite cargo test --test docs` writes this page anew.

";

fn reference() -> String {
    let mut command = Cli::command().term_width(100);
    command.build();
    let mut page = INTRODUCTION.to_owned();
    let mut section = |title: &str, command: &mut clap::Command| {
        let help = command.render_long_help().to_string();
        let lines: Vec<&str> = help.lines().map(str::trim_end).collect();
        write!(page, "## {title}\n\n```text\n{}\n```\n\n", lines.join("\n").trim_end()).unwrap();
    };
    section("deployctl", &mut command);
    let names: Vec<String> = command.get_subcommands().map(|command| command.get_name().to_owned()).collect();
    for name in names.iter().filter(|name| *name != "help") {
        section(&format!("deployctl {name}"), command.find_subcommand_mut(name).unwrap());
    }
    page.trim_end().to_owned() + "\n"
}

#[test]
fn the_cli_reference_is_the_commands_own() {
    let file = repository().join("docs/reference/cli.md");
    assert_data_eq!(reference(), Data::read_from(&file, None).raw());
}

#[test]
fn exit_codes_are_documented() {
    use deployctl::error::Kind;
    let page = page::read("docs/reference/exit-codes.md");
    let kinds =
        [Kind::Gate, Kind::Usage, Kind::Manifest, Kind::Model, Kind::Tool, Kind::Store, Kind::Target, Kind::Internal];
    for kind in kinds {
        assert!(page.contains(&format!("| {} |", kind.exit_code())), "{kind:?}");
    }
}
