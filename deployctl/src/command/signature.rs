//! SSH signatures of approvals: `ssh-keygen -Y sign` and `-Y verify`.
//!
//! Knows OpenSSH's command line and armour; does not know what is signed.

use std::io::Write as _;
use std::time::Duration;

use camino::Utf8Path;

use super::Surroundings;
use crate::error::{Error, Kind};
use crate::tool::{Invocation, SearchPath, Stdin, ToolError};

/// What signatures are for: one of another purpose does not count.
const NAMESPACE: &str = "deployctl-approval";
const BEGIN: &str = "-----BEGIN SSH SIGNATURE-----";
const END: &str = "-----END SSH SIGNATURE-----";
/// Columns of a line in OpenSSH's armour.
const COLUMNS: usize = 70;
/// An agent may ask its user.
const LIMIT: Duration = Duration::from_mins(2);

fn ssh_keygen(around: &Surroundings, action: &str) -> Result<Invocation, Error> {
    let search = SearchPath::new(around.env.get("PATH").map_or("", String::as_str));
    let program = search.find("ssh-keygen").map_err(|error| {
        Error::caused(Kind::Tool, &error, "signatures are made and checked by OpenSSH, 8.2 or newer")
    })?;
    let run = Invocation::new(program).args(["-Y", action, "-n", NAMESPACE]).time_limit(LIMIT);
    // Keys may be held by an agent, and be named by their public halves.
    let agent = around.env.get("SSH_AUTH_SOCK").map(|socket| ("SSH_AUTH_SOCK", socket.clone()));
    Ok(agent.into_iter().fold(run, |run, (name, value)| run.env(name, value)))
}

/// Signs a text; base64 without armour.
pub(super) fn sign(message: &str, key: &Utf8Path, around: &Surroundings) -> Result<String, Error> {
    let key = around.path(key);
    let run = ssh_keygen(around, "sign")?.args(["-f", key.as_str()]).stdin(Stdin::Bytes(message.as_bytes().to_vec()));
    let output = run.run(&around.supervisor).map_err(|error| {
        let help =
            "name a private SSH key; one with a passphrase must be in `ssh-agent` and be named by its `.pub` file";
        Error::caused(Kind::Tool, &error, help)
    })?;
    let text = output.stdout.text();
    let body = text.split_once(BEGIN).and_then(|(_, rest)| rest.split_once(END)).map(|(body, _)| body);
    let body: Option<String> = body.map(|body| body.split_whitespace().collect());
    body.ok_or_else(|| Error::plain(Kind::Tool, "`ssh-keygen` gave no signature", "try `ssh-keygen -Y sign` by hand"))
}

/// Why a signature of a text by `who` does not count, by a file of allowed signers; nothing where it does.
pub(super) fn fault(
    message: &str,
    signature: &str,
    who: &str,
    allowed: &Utf8Path,
    around: &Surroundings,
) -> Result<Option<String>, Error> {
    let file = armoured(signature).map_err(|error| {
        Error::caused(Kind::Store, &error, "a signature is checked from a file in the folder for temporary files")
    })?;
    let Some(path) = Utf8Path::from_path(file.path()) else {
        return Err(Error::plain(Kind::Store, "the folder for temporary files has no name in UTF-8", "set `TMPDIR`"));
    };
    let run = ssh_keygen(around, "verify")?.args(["-f", allowed.as_str(), "-I", who, "-s", path.as_str()]);
    let run = run.stdin(Stdin::Bytes(message.as_bytes().to_vec()));
    match run.run(&around.supervisor) {
        Ok(_) => Ok(None),
        Err(ToolError::Failed { .. }) => {
            let file = allowed.file_name().unwrap_or_default();
            Ok(Some(format!("its signature is not by {who} as `{file}` knows them, or not of this entry")))
        }
        Err(error) => Err(Error::caused(Kind::Tool, &error, "try `ssh-keygen -Y verify` by hand")),
    }
}

/// The signature as OpenSSH reads it, in a file that goes with the value.
fn armoured(signature: &str) -> std::io::Result<tempfile::NamedTempFile> {
    let mut file = tempfile::Builder::new().prefix("deployctl-signature-").tempfile()?;
    writeln!(file, "{BEGIN}")?;
    for line in signature.as_bytes().chunks(COLUMNS) {
        file.write_all(line)?;
        writeln!(file)?;
    }
    writeln!(file, "{END}")?;
    file.flush()?;
    Ok(file)
}
