//! Where sources come from: archives, the Python index through pip, crates through cargo, repositories through git.

use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};

use super::{FetchError, Fetcher, Limits, firmware, io, unpack};
use crate::manifest::Source;
use crate::tool::{Invocation, Output};

const TIME_LIMIT: Duration = Duration::from_mins(30);

/// Beginnings of the names of variables that tools with a network need: proxies, mirrors, certificates, and their homes.
const NETWORK_VARIABLES: &[&str] = &[
    "ALL_PROXY",
    "CARGO_",
    "CURL_",
    "GIT_",
    "HOME",
    "HTTP_",
    "HTTPS_",
    "LOGNAME",
    "NO_PROXY",
    "PIP_",
    "PYENV_",
    "REQUESTS_",
    "RUSTUP_",
    "SSH_",
    "SSL_",
    "TMPDIR",
    "USER",
    "XDG_",
    "all_proxy",
    "http_",
    "https_",
    "no_proxy",
];

impl Fetcher<'_> {
    /// Brings a source into the empty folder `scratch`, and gives the folder in it that is wanted.
    pub(super) fn bring(&self, name: &str, source: &Source, scratch: &Utf8Path) -> Result<Utf8PathBuf, FetchError> {
        let (top, folder) = match source {
            // A path is used where it is; `locate` has given it already.
            Source::Path { path } => (path.clone(), ""),
            Source::Archive { path, folder } => {
                (self.progress)(&format!("{name}: unpacking {path}"));
                (unpack_into(path, scratch)?, folder.as_str())
            }
            Source::Pypi { package, version, folder } => {
                (self.progress)(&format!("{name}: pip download {package} {version}"));
                (self.bring_wheel(name, package, version, scratch)?, folder.as_str())
            }
            Source::Crate { package, version, folder } => {
                (self.progress)(&format!("{name}: cargo vendor {package} {version}"));
                (self.bring_crate(name, package, version, scratch)?, folder.as_str())
            }
            Source::Git { url, revision, folder } => {
                (self.progress)(&format!("{name}: git fetch {url} {revision}"));
                (self.bring_revision(name, url, revision, scratch)?, folder.as_str())
            }
        };
        inner_folder(name, &top, folder)
    }

    /// The version of pip; an error where python3 or pip is missing.
    pub fn pip_version(&self) -> Result<String, FetchError> {
        let pip = self.network("pip", "python3", Utf8Path::new("/"))?.args(["-m", "pip", "--version"]);
        let answer = self.run("pip", &pip)?.stdout.text().into_owned();
        Ok(answer.split_whitespace().take(2).collect::<Vec<_>>().join(" "))
    }

    fn bring_wheel(
        &self,
        name: &str,
        package: &str,
        version: &str,
        scratch: &Utf8Path,
    ) -> Result<Utf8PathBuf, FetchError> {
        check_word(name, "package", package)?;
        check_word(name, "version", version)?;
        let wheels = scratch.join("wheels");
        let args = ["-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", "--no-cache-dir", "--dest"];
        let pip = self
            .network(name, "python3", scratch)?
            .args(args)
            .args([wheels.as_str(), &format!("{package}=={version}")]);
        self.run(name, &pip)?;
        let mut found = wheels.read_dir_utf8().map_err(io("read", &wheels))?;
        let wheel =
            found.next().ok_or_else(|| description(name, "pip said that it downloaded, but there is no file"))?;
        unpack_into(wheel.map_err(io("read", &wheels))?.path(), scratch)
    }

    fn bring_crate(
        &self,
        name: &str,
        package: &str,
        version: &str,
        scratch: &Utf8Path,
    ) -> Result<Utf8PathBuf, FetchError> {
        check_word(name, "package", package)?;
        check_word(name, "version", version)?;
        let manifest = format!(
            "[package]\nname = \"sources\"\nversion = \"0.0.0\"\nedition = \"2021\"\n\n[workspace]\n\n[lib]\npath = \"lib.rs\"\n\n\
             [dependencies]\n{package} = {{ version = \"={version}\", default-features = false }}\n"
        );
        for (file, text) in [("Cargo.toml", manifest.as_str()), ("lib.rs", "")] {
            std::fs::write(scratch.join(file), text).map_err(io("write", scratch))?;
        }
        let vendor = scratch.join("vendor");
        self.vendor(name, &scratch.join("Cargo.toml"), &vendor, &[])?;
        Ok(vendor.join(format!("{package}-{version}")))
    }

    /// `cargo vendor` of a workspace, in a form that does not depend on cargo's version.
    pub(super) fn vendor(
        &self,
        name: &str,
        manifest: &Utf8Path,
        to: &Utf8Path,
        more: &[&str],
    ) -> Result<(), FetchError> {
        let folder = to.parent().unwrap_or(to);
        let args = ["vendor", "--quiet", "--versioned-dirs", "--respect-source-config", "--manifest-path"];
        let cargo =
            self.network(name, "cargo", folder)?.args(args).args([manifest.as_str()]).args(more.iter().copied());
        self.run(name, &cargo.args([to.as_str()]))?;
        std::fs::create_dir_all(to).map_err(io("make", to))?;
        firmware::normalize(to)
    }

    fn bring_revision(
        &self,
        name: &str,
        url: &str,
        revision: &str,
        scratch: &Utf8Path,
    ) -> Result<Utf8PathBuf, FetchError> {
        for (what, word) in [("url", url), ("revision", revision)] {
            if word.is_empty() || word.starts_with('-') || word.contains(char::is_whitespace) {
                return Err(description(name, &format!("`{word}` is not a {what}; write it as `git clone` takes it")));
            }
        }
        let tree = scratch.join("tree");
        std::fs::create_dir(&tree).map_err(io("make", &tree))?;
        let git = |args: &[&str]| {
            let git = self.network(name, "git", &tree)?.env("GIT_TERMINAL_PROMPT", "0");
            // Line endings and attributes of this user's configuration must not change the files.
            let git = git.args([
                "-c",
                "core.autocrlf=false",
                "-c",
                "core.attributesFile=/dev/null",
                "-c",
                "core.symlinks=true",
            ]);
            self.run(name, &git.args(args.iter().copied()))
        };
        git(&["init", "--quiet"])?;
        // One revision where the server gives single ones; else everything.
        if git(&["fetch", "--quiet", "--depth=1", "--no-tags", url, revision]).is_ok() {
            git(&["checkout", "--quiet", "--detach", "FETCH_HEAD"])?;
        } else {
            git(&["fetch", "--quiet", "--tags", url, "+refs/heads/*:refs/remotes/origin/*"])?;
            git(&["checkout", "--quiet", "--detach", revision])?;
        }
        Ok(tree)
    }

    /// A tool that may use the network, with the variables that it needs for that.
    fn network(&self, name: &str, program: &str, folder: &Utf8Path) -> Result<Invocation, FetchError> {
        let program = self.path.find(program).map_err(|error| tool(name, error))?;
        let wanted = |variable: &str| NETWORK_VARIABLES.iter().any(|start| variable.starts_with(start));
        let variables = self.env.iter().filter(|(variable, _)| wanted(variable));
        let invocation =
            Invocation::new(program).envs(variables).env("PATH", self.path.as_str()).env("LC_ALL", "C.UTF-8");
        Ok(invocation.cwd(folder).time_limit(TIME_LIMIT))
    }

    fn run(&self, name: &str, invocation: &Invocation) -> Result<Output, FetchError> {
        invocation.run(self.supervisor).map_err(|error| tool(name, error))
    }
}

fn unpack_into(archive: &Utf8Path, scratch: &Utf8Path) -> Result<Utf8PathBuf, FetchError> {
    let tree = scratch.join("tree");
    std::fs::create_dir(&tree).map_err(io("make", &tree))?;
    unpack(archive, &tree, Limits::default())?;
    Ok(tree)
}

/// The wanted folder of a tree; it must lie in the tree.
fn inner_folder(name: &str, top: &Utf8Path, folder: &str) -> Result<Utf8PathBuf, FetchError> {
    let relative = Utf8Path::new(folder);
    let inside = relative
        .components()
        .all(|part| matches!(part, camino::Utf8Component::Normal(_) | camino::Utf8Component::CurDir));
    if !inside {
        return Err(description(
            name,
            &format!("`folder` is `{folder}`, which leads out of the source; name one inside it"),
        ));
    }
    let inner: Utf8PathBuf =
        top.components().chain(relative.components().filter(|part| *part != camino::Utf8Component::CurDir)).collect();
    if inner.symlink_metadata().is_ok_and(|data| data.is_dir()) {
        return Ok(inner);
    }
    let mut names: Vec<String> = top
        .read_dir_utf8()
        .map(|entries| entries.flatten().map(|entry| format!("`{}`", entry.file_name())).collect())
        .unwrap_or_default();
    names.sort();
    names.truncate(20);
    Err(FetchError::NoFolder { name: name.to_owned(), folder: folder.to_owned(), found: names.join(", ") })
}

/// Package names and versions go into command lines and a manifest: letters, digits and a few signs, no option.
fn check_word(name: &str, what: &str, word: &str) -> Result<(), FetchError> {
    let ok = |byte: u8| byte.is_ascii_alphanumeric() || b"._-+!".contains(&byte);
    if word.bytes().all(ok) && word.as_bytes().first().is_some_and(u8::is_ascii_alphanumeric) {
        return Ok(());
    }
    Err(description(name, &format!("`{word}` is not a {what}; write one exact {what}")))
}

fn description(name: &str, what: &str) -> FetchError {
    FetchError::Description { name: name.to_owned(), what: what.to_owned() }
}

fn tool(name: &str, error: crate::tool::ToolError) -> FetchError {
    FetchError::Tool { name: name.to_owned(), source: Box::new(error) }
}
