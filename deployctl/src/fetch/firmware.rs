//! The crates that firmware is made of: vendored once for a lock file, so that later builds need no network.

use camino::{Utf8Path, Utf8PathBuf};

use super::{FetchError, Fetcher, Tree, Want, agreed, io};

/// The name under which `deploy.lock` records the crates.
const NAME: &str = "firmware-crates";

/// Files that some versions of cargo vendor and others do not; no build reads them.
const VARYING: &[&str] =
    &[".cargo-ok", ".cargo_vcs_info.json", "Cargo.toml.orig", "Cargo.lock", ".gitignore", ".gitattributes"];

impl Fetcher<'_> {
    /// The vendored crates for the text of a `Cargo.lock`, if they are there. No network. A recorded tree of another lock
    /// file, as another version of the program had it, is not what `lock` asks for.
    pub fn locate_firmware(&self, lock: &str, want: Want<'_>) -> Result<Option<Tree>, FetchError> {
        let tree = self.locate_stored(&lock_description(lock), Want::Any)?;
        tree.map(|tree| agreed(NAME, want, tree)).transpose()
    }

    /// The vendored crates for a workspace, given as paths and contents of its files, whose `Cargo.lock` is obeyed; fetched if
    /// missing. The tree is the folder that [`source_replacement`] takes: one folder a crate.
    pub fn fetch_firmware(&self, workspace: &[(&str, &[u8])], want: Want<'_>) -> Result<Tree, FetchError> {
        let lock =
            workspace.iter().find(|(path, _)| *path == "Cargo.lock").map(|(_, text)| String::from_utf8_lossy(text));
        let text = lock.ok_or_else(|| FetchError::Description {
            name: NAME.to_owned(),
            what: "the workspace has no `Cargo.lock`; run `cargo generate-lockfile` in it".to_owned(),
        })?;
        // The lock file decides: there is nothing newer for it.
        let want = if want == Want::Newest { Want::Any } else { want };
        if let Some(tree) = self.locate_firmware(&text, want)? {
            return Ok(tree);
        }
        (self.progress)(&format!("{NAME}: cargo vendor"));
        let tree = self.store(NAME, &lock_description(&text), Want::Any, |scratch| {
            let template = scratch.join("workspace");
            for (path, contents) in workspace {
                let path = template.join(path);
                let folder = path.parent().unwrap_or(&template);
                std::fs::create_dir_all(folder).map_err(io("make", folder))?;
                std::fs::write(&path, contents).map_err(io("write", &path))?;
            }
            let vendor = scratch.join("vendor");
            self.vendor(NAME, &template.join("Cargo.toml"), &vendor, &["--locked"])?;
            Ok(vendor)
        })?;
        agreed(NAME, want, tree)
    }
}

fn lock_description(lock: &str) -> String {
    format!("firmware {}", blake3::hash(lock.as_bytes()).to_hex())
}

/// The lines of a cargo configuration that take all crates from a vendored folder.
pub fn source_replacement(vendor: &Utf8Path) -> String {
    let vendor = vendor.as_str().replace('\\', "\\\\").replace('"', "\\\"");
    format!(
        "[source.crates-io]\nreplace-with = \"vendored-sources\"\n\n[source.vendored-sources]\ndirectory = \"{vendor}\"\n"
    )
}

/// Brings a vendored folder into a form that does not depend on cargo's version: without the files that vary, and with the
/// checksum of the package only (the tree digest covers the files).
pub(super) fn normalize(vendor: &Utf8Path) -> Result<(), FetchError> {
    for entry in vendor.read_dir_utf8().map_err(io("read", vendor))? {
        let folder = entry.map_err(io("read", vendor))?.into_path();
        for name in VARYING {
            let path = folder.join(name);
            match std::fs::remove_file(&path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(io("remove", &path)(error)),
                _ => {}
            }
        }
        reduce_checksum(&folder.join(".cargo-checksum.json"))?;
    }
    Ok(())
}

fn reduce_checksum(path: &Utf8PathBuf) -> Result<(), FetchError> {
    let text = std::fs::read(path).map_err(io("read", path))?;
    let all: serde_json::Value =
        serde_json::from_slice(&text).map_err(std::io::Error::from).map_err(io("read", path))?;
    let package = all.get("package").cloned().unwrap_or_default();
    let reduced = serde_json::json!({ "files": {}, "package": package });
    std::fs::write(path, format!("{reduced}\n")).map_err(io("write", path))
}
