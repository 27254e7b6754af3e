//! A board behind a debug probe, as a person reaches it with probe-rs. This version does not start it itself.

use camino::{Utf8Path, Utf8PathBuf};

use super::Command;

/// How `image` is written to `chip` and started, its semihosting output on standard output.
pub fn command(chip: &str, image: &Utf8Path) -> Command {
    let args = ["run", "--chip", chip, image.as_str()].map(str::to_owned).to_vec();
    Command { program: Utf8PathBuf::from("probe-rs"), args, cwd: None }
}
