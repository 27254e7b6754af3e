//! The product as people use it: the `deployctl` binary in an empty folder, with real models, tools, boards and mistakes.
//!
//! Knows the command line and what it leaves on disk; the sample's test alone calls the library. Sources come from
//! `DEPLOYCTL_HOME` or the user's cache and are fetched where there are none. All tests share one store, made anew for each
//! run, in which crates and kernel libraries of other tests are, too. Ignored tests build for more models and boards:
//! `tests/all --full`.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "tests stop at the first surprise and say what they skip"
)]

mod approve;
mod audit;
mod bad_manifests;
mod bad_models;
mod boards;
mod commands;
mod exit_codes;
mod init;
mod models;
mod outputs;
mod pages;
mod sample;
pub(crate) mod space;
mod surroundings;
