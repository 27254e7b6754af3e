//! The hidden process between Cargo and rustc: adds the arguments that say where a build runs.
//!
//! Cargo takes part in no decision that rests on them. In `RUSTFLAGS` they would be in its fingerprints, and nothing that was
//! compiled in one folder could be used in another.

use std::ffi::OsString;
use std::io::Write as _;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// Names the variable with the added arguments, each after a unit separator as in `CARGO_ENCODED_RUSTFLAGS`.
pub const RUSTC_ARGUMENTS: &str = "DEPLOYCTL_RUSTC_ARGUMENTS";

/// Separates the arguments.
pub const SEPARATOR: char = '\u{1f}';

/// Becomes the program that the arguments name (this program's own name first), with the added ones behind its own. `None`
/// where `added` is absent: this is an ordinary start. Returns only if that program does not start.
pub fn wrap(args: impl IntoIterator<Item = OsString>, added: Option<OsString>) -> Option<u8> {
    let added = added?.into_string().ok()?;
    let mut args = args.into_iter().skip(1);
    let Some(program) = args.next() else { return Some(70) };
    let mut command = Command::new(&program);
    command.args(args).args(added.split(SEPARATOR).filter(|argument| !argument.is_empty()));
    let error = command.exec();
    // Where standard error is closed, the exit code has to do.
    let _ = writeln!(std::io::stderr(), "{} could not be started: {error}", program.display());
    Some(70)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ordinary_start_is_none() {
        assert_eq!(wrap(["deployctl", "build"].map(OsString::from), None), None);
    }

    #[test]
    fn a_program_that_is_not_there_is_an_error() {
        let nothing = Some(OsString::new());
        assert_eq!(wrap(["deployctl", "/nowhere/rustc"].map(OsString::from), nothing.clone()), Some(70));
        assert_eq!(wrap(["deployctl"].map(OsString::from), nothing), Some(70));
    }
}
