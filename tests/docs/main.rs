//! The documentation is true: console blocks are executed, manifest examples are loaded, the CLI reference is what the
//! command says of itself, links lead somewhere.
//!
//! `SNAPSHOTS=overwrite cargo test --test docs` writes `docs/reference/cli.md` anew.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod cli;
mod console;
mod examples;
mod links;
mod metrics;
mod page;
mod signatures;

use std::path::{Path, PathBuf};

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}
