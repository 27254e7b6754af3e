//! What a command opened, wrote and contacted against what it declares.
//!
//! Free to read are: the run's folder, the interpreter's installation and packages (they are in the key), the system's folders.
//! Free to write is the run's folder. Anything else is named, with the line that would declare it.

use camino::{Utf8Path, Utf8PathBuf};
use deployctl_cache::BoxError;

use super::{Convert, fail};
use crate::error::Kind;
use crate::tool::Seen;

/// Installed by the system's administrator: taken as part of the machine.
const SYSTEM: [&str; 16] = [
    "/bin",
    "/dev",
    "/etc",
    "/lib",
    "/lib32",
    "/lib64",
    "/libx32",
    "/nix",
    "/opt",
    "/proc",
    "/run",
    "/sbin",
    "/sys",
    "/usr",
    "/var/cache",
    "/var/lib",
];
/// Written to without leaving a file.
const DEVICES: [&str; 2] = ["/dev", "/proc"];
/// Files that are named.
const NAMED: usize = 10;

/// Refuses what the command did beyond its declaration.
pub(super) fn refuse_undeclared(stage: &Convert, seen: &Seen, run: &Utf8Path) -> Result<(), BoxError> {
    let world = World::of(stage, run);
    let line = &stage.surroundings.line;
    let written: Vec<&Utf8PathBuf> = seen.written.iter().filter(|path| !world.may_write(path)).collect();
    if !written.is_empty() {
        let message = format!("{line}: the command wrote outside its folder:{}", named(&written));
        let help = "write to `{output}`, to the working directory or to the folder that `TMPDIR` names";
        return Err(fail(Kind::Tool, message, help));
    }
    let read: Vec<&Utf8PathBuf> = seen.read.iter().filter(|path| !world.may_read(path)).collect();
    if !read.is_empty() {
        let message = format!("{line}: the command read what it does not declare:{}", named(&read));
        return Err(fail(Kind::Manifest, message, world.advice(stage, &read)));
    }
    if !seen.contacted.is_empty() {
        let addresses: Vec<&str> = seen.contacted.iter().map(String::as_str).collect();
        let message = format!("{line}: the command used the network: {}", addresses.join(", "));
        let help = "what it gets there can change: put it into the project as an `input`, with a digest in the key";
        return Err(fail(Kind::Manifest, message, help));
    }
    Ok(())
}

fn named(paths: &[&Utf8PathBuf]) -> String {
    let text = paths.iter().take(NAMED).fold(String::new(), |text, path| text + "\n  " + path.as_str());
    match paths.len().saturating_sub(NAMED) {
        0 => text,
        more => format!("{text}\n  and {more} more"),
    }
}

/// Folders and what may be done with them.
struct World {
    run: Utf8PathBuf,
    root: Utf8PathBuf,
    home: Option<Utf8PathBuf>,
    /// The interpreter's.
    installed: Vec<Utf8PathBuf>,
}

impl World {
    fn of(stage: &Convert, run: &Utf8Path) -> Self {
        let real = |path: &Utf8Path| path.canonicalize_utf8().unwrap_or_else(|_| path.to_owned());
        let mut installed: Vec<Utf8PathBuf> =
            stage.program.start.iter().map(|word| real(Utf8Path::new(word))).collect();
        for folder in stage.program.folders() {
            installed.extend([folder.to_owned(), real(folder)]);
        }
        installed.retain(|path| path.is_absolute());
        let around = &stage.surroundings;
        // A project or a home in the root folder would have all of the system in it.
        let home = around.home.as_deref().map(real).filter(|home| home != "/");
        Self { run: run.to_owned(), root: real(&around.root), home, installed }
    }

    fn may_read(&self, path: &Utf8Path) -> bool {
        if path.starts_with(&self.run) || self.installed.iter().any(|folder| path.starts_with(folder)) {
            return true;
        }
        let in_project = self.root != "/" && path.starts_with(&self.root);
        let of_user = self.home.as_ref().is_some_and(|home| path.starts_with(home));
        !in_project && !of_user && (path == "/" || SYSTEM.iter().any(|folder| path.starts_with(folder)))
    }

    fn may_write(&self, path: &Utf8Path) -> bool {
        path.starts_with(&self.run) || DEVICES.iter().any(|folder| path.starts_with(folder))
    }

    /// The lines to add, where lines would do.
    fn advice(&self, stage: &Convert, read: &[&Utf8PathBuf]) -> String {
        let place_of = |path: &Utf8Path| path.canonicalize_utf8().unwrap_or_else(|_| path.to_owned());
        let declared =
            |path: &&&Utf8PathBuf| stage.inputs.iter().any(|one| path.starts_with(place_of(one.content.path())));
        if let Some(path) = read.iter().find(declared) {
            return format!(
                "`{path}` is declared, but read from its place in the project: use its path relative to the manifest's folder"
            );
        }
        let below: Vec<String> = read
            .iter()
            .filter_map(|path| path.strip_prefix(&self.root).ok())
            .filter(|place| !place.as_str().is_empty())
            .take(NAMED)
            .map(|place| format!("input \"{}\"", relative(place, &stage.folder)))
            .collect();
        if below.is_empty() {
            return "put it into the project and add it to `convert` as an `input`, or do not read it; programs and packages are \
                    declared by naming their interpreter as the command's first word"
                .to_owned();
        }
        format!("add to `convert`: `{}`; or do not read it", below.join("; "))
    }
}

/// A path of the project relative to one of its folders.
fn relative(place: &Utf8Path, folder: &Utf8Path) -> Utf8PathBuf {
    let common = place.components().zip(folder.components()).take_while(|(a, b)| a == b).count();
    let up = folder.components().skip(common).map(|_| "..");
    up.chain(place.components().skip(common).map(|part| part.as_str())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn world() -> World {
        World {
            run: "/home/u/.cache/deployctl/run/a".into(),
            root: "/home/u/project".into(),
            home: Some("/home/u".into()),
            installed: vec!["/home/u/.pyenv/versions/3.11".into(), "/home/u/project/.venv".into()],
        }
    }

    #[test]
    fn what_is_not_declared_is_told_from_what_is_installed() {
        let world = world();
        for path in [
            "/home/u/.cache/deployctl/run/a/project/x",
            "/usr/lib/x.so",
            "/etc/ld.so.cache",
            "/home/u/.pyenv/versions/3.11/lib/os.py",
            "/home/u/project/.venv/lib/site.py",
            "/dev/urandom",
        ] {
            assert!(world.may_read(Utf8Path::new(path)), "{path}");
        }
        for path in
            ["/home/u/project/train/x.npy", "/home/u/.netrc", "/data/x.npy", "/tmp/x", "/home/u/.pyenv/versions/3.12/x"]
        {
            assert!(!world.may_read(Utf8Path::new(path)), "{path}");
        }
        assert!(world.may_write(Utf8Path::new("/dev/null")) && !world.may_write(Utf8Path::new("/tmp/x")));
        assert!(!world.may_write(Utf8Path::new("/home/u/.pyenv/versions/3.11/lib/x.pyc")));
    }

    #[test]
    fn lines_are_relative_to_the_manifest() {
        let line = |place: &str| relative(Utf8Path::new(place), Utf8Path::new("manifests")).into_string();
        assert_eq!(line("manifests/train/x.npy"), "train/x.npy");
        assert_eq!(line("train/x.npy"), "../train/x.npy");
        assert_eq!(relative(Utf8Path::new("x"), Utf8Path::new("")), "x");
    }
}
