//! Signatures over a release's archive, by OpenSSH's `ssh-keygen`: anyone can check them without this program.

use std::collections::BTreeMap;
use std::time::Duration;

use camino::Utf8Path;

use super::workshop::Workshop;
use crate::error::{Error, Kind};
use crate::release::NAMESPACE;
use crate::tool::{Invocation, Stdin, ToolError};

const PROGRAM: &str = "ssh-keygen";
const HELP: &str = "`ssh-keygen -Y sign` and `-Y verify` by hand say more";
/// Nobody types a passphrase into a build.
const TIME_LIMIT: Duration = Duration::from_secs(30);

/// Signs a file: `FILE.sig` beside it.
pub(super) fn sign(workshop: &Workshop, file: &Utf8Path, key: &Utf8Path) -> Result<(), Error> {
    if !key.is_file() {
        let message = format!("there is no key `{key}`");
        return Err(Error::plain(Kind::Usage, message, "`ssh-keygen -t ed25519 -f KEYFILE` makes one"));
    }
    let args = ["-Y", "sign", "-f", key.as_str(), "-n", NAMESPACE, file.as_str()];
    run(workshop, &args, Stdin::Empty).map(drop).map_err(|error| {
        let help = "a key with a passphrase must be in an SSH agent: `ssh-add KEYFILE`, then `--sign KEYFILE.pub`";
        Error::caused(Kind::Tool, &error, help)
    })
}

/// The signer's name in `signers`, if a signature is one of theirs over this file.
pub(super) fn signer(
    workshop: &Workshop,
    file: &Utf8Path,
    signature: &Utf8Path,
    signers: &Utf8Path,
) -> Result<String, Error> {
    if !signers.is_file() {
        let message = format!("there is no file `{signers}` with allowed signers");
        return Err(Error::plain(
            Kind::Usage,
            message,
            "a line of it is a name and a public key: `audio@example.com ssh-ed25519 AAAA…`",
        ));
    }
    let args = ["-Y", "find-principals", "-s", signature.as_str(), "-f", signers.as_str()];
    let found = run(workshop, &args, Stdin::Empty)
        .map_err(|error| failure(error, format!("`{signature}` is no signature of anyone in `{signers}`")))?;
    let name = found.lines().next().unwrap_or_default().trim().to_owned();
    let args = ["-Y", "verify", "-f", signers.as_str(), "-I", &name, "-n", NAMESPACE, "-s", signature.as_str()];
    run(workshop, &args, Stdin::File(file.to_owned())).map_err(|error| {
        failure(error, format!("`{signature}` is by a key of `{name}`, but not over this `{file}`"))
    })?;
    Ok(name)
}

fn failure(error: ToolError, message: String) -> Error {
    match error {
        ToolError::Failed { .. } => {
            Error::plain(Kind::Gate, message, "get bundle and signature again from where they were released")
        }
        other => Error::caused(Kind::Tool, &other, HELP),
    }
}

fn run(workshop: &Workshop, args: &[&str], stdin: Stdin) -> Result<String, ToolError> {
    let known = ["HOME", "SSH_AUTH_SOCK"];
    let env: BTreeMap<String, String> =
        known.iter().filter_map(|name| Some(((*name).to_owned(), workshop.around.env.get(*name)?.clone()))).collect();
    let invocation = Invocation::new(workshop.path.find(PROGRAM)?).args(args.iter().copied()).envs(&env);
    let output = invocation.stdin(stdin).time_limit(TIME_LIMIT).run(&workshop.supervisor)?;
    Ok(output.stdout.text().into_owned())
}
