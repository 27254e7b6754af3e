//! `test`: a build whose scenarios are measured at length, with every check in words.

use super::workshop::Workshop;
use super::{Done, build};
use crate::cli::Test;
use crate::error::{Error, Kind};
use crate::manifest::instructions;

/// Instructions that a scenario has room for where nothing else is said; releases are judged by it.
pub(super) const BUDGET: u64 = 5_000_000_000;

pub(super) fn run(args: &Test, workshop: &Workshop) -> Result<Done, Error> {
    let budget = count(&args.budget).ok_or_else(|| {
        let message = format!("`--budget {}` is no number of instructions", args.budget);
        Error::plain(Kind::Usage, message, "write it as `--budget 5G` or `--budget 500M`")
    })?;
    build::run_within(&args.build, Some(budget), workshop)
}

/// A number of instructions, with or without that word.
fn count(text: &str) -> Option<u64> {
    instructions(text).or_else(|| instructions(&format!("{text} instructions")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_budget_of_releases_is_what_the_help_says() {
        let cli = <crate::cli::Cli as clap::Parser>::try_parse_from(["deployctl", "test"]).unwrap();
        let crate::cli::Command::Test(args) = cli.command else { panic!("another command") };
        assert_eq!(count(&args.budget), Some(BUDGET));
    }
}
