//! What a Python reads besides the scripts that it runs: its standard library, and the packages that it can import. All of it
//! is found in files; the interpreter is not started.
//!
//! A package counts with its name, version and the digests that `RECORD` keeps of its files, so that the same wheel is the same
//! on every machine. What was changed in an installed package by hand goes unnoticed, as does code beside packages.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

use super::{ToolError, Toolbox};

/// Folders of the standard library that no conversion reads, or that hold what is counted by itself.
const LEFT_OUT: [&str; 6] = ["__pycache__", "site-packages", "dist-packages", "test", "tests", "idlelib"];

/// An interpreter's library and packages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Python {
    /// Folders of the installation, of the virtual environment and of packages; in no key.
    #[serde(skip)]
    pub folders: Vec<Utf8PathBuf>,
    /// Version of the language, such as `3.11`.
    pub version: String,
    /// Digest of the standard library.
    pub library: String,
    /// Packages by name, in lower case and with `-`.
    pub packages: BTreeMap<String, Package>,
}

/// An installed package.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Package {
    /// Version.
    pub version: String,
    /// Digest of what its record says of its files.
    pub digest: String,
}

impl Python {
    /// The package of that name, however it is spelled.
    pub fn package(&self, name: &str) -> Option<&Package> {
        self.packages.get(&spelled(name))
    }

    /// Digest of all packages.
    pub fn packages_digest(&self) -> String {
        let mut all = blake3::Hasher::new();
        for (name, package) in &self.packages {
            for text in [name, &package.version, &package.digest] {
                all.update(&(text.len() as u64).to_le_bytes()).update(text.as_bytes());
            }
        }
        all.finalize().to_hex().to_string()
    }
}

/// Whether a program of this name is a Python: `python`, `python3`, `python3.11`.
pub(super) fn is_python(name: &str) -> bool {
    let rest = Utf8Path::new(name).file_name().and_then(|name| name.strip_prefix("python"));
    rest.is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.'))
}

/// The Python at a path, which may be that of a virtual environment; nothing where the program is none.
pub(super) fn of(tools: &Toolbox<'_>, program: &Utf8Path) -> Result<Option<Python>, ToolError> {
    if !is_python(program.as_str()) {
        return Ok(None);
    }
    let unreadable = |path: &Utf8Path| {
        let (tool, path) = (program.to_string(), path.to_owned());
        move |source| ToolError::Unreadable { tool, path, source }
    };
    let real = program.canonicalize_utf8().map_err(unreadable(program))?;
    let of_bin = |path: &Utf8Path| path.parent().and_then(Utf8Path::parent).map(Utf8Path::to_owned);
    let prefix = of_bin(program).unwrap_or_default();
    let settings = std::fs::read_to_string(prefix.join("pyvenv.cfg")).ok();
    let setting = |key: &str| {
        let lines = settings.as_deref().unwrap_or_default().lines();
        lines
            .filter_map(|line| line.split_once('='))
            .find(|(name, _)| name.trim() == key)
            .map(|(_, value)| value.trim())
    };
    let base = setting("home").and_then(|home| Some(Utf8Path::new(home).parent()?.to_owned()));
    let base = base.or_else(|| of_bin(&real)).unwrap_or_default();
    let name = version_folder(&base, &real);
    let library = base.join("lib").join(name.as_deref().unwrap_or("python3"));
    let Some(name) = name else { return Err(unreadable(&library)(std::io::ErrorKind::NotFound.into())) };
    let mut sites = Vec::new();
    if settings.is_some() {
        sites.push(prefix.join("lib").join(&name).join("site-packages"));
    }
    if settings.is_none() || setting("include-system-site-packages") == Some("true") {
        let of_base = [format!("lib/{name}/site-packages"), format!("lib/{name}/dist-packages")];
        // Debian's own places, of what is installed by hand and of packages.
        let of_debian = [format!("local/lib/{name}/dist-packages"), "lib/python3/dist-packages".to_owned()];
        sites.extend(of_base.iter().chain(&of_debian).map(|place| base.join(place)));
    }
    let mut digests = vec![tools.folder_digest(program.as_str(), &library, &LEFT_OUT)?];
    let shared = base.join("lib").join(format!("lib{name}.so.1.0"));
    if shared.is_file() {
        digests.push(tools.file_digest(program.as_str(), &shared)?);
    }
    let mut packages = BTreeMap::new();
    for site in &sites {
        add_packages(tools, program, site, &mut packages)?;
    }
    let version = name.trim_start_matches("python").to_owned();
    let library = blake3::hash(digests.concat().as_bytes()).to_hex().to_string();
    sites.extend(settings.is_some().then_some(prefix));
    sites.extend(["bin", "include", "lib"].map(|folder| base.join(folder)));
    Ok(Some(Python { folders: sites, version, library, packages }))
}

/// `python3.11`: as the interpreter's file is called, or as the only library of the installation.
fn version_folder(base: &Utf8Path, real: &Utf8Path) -> Option<String> {
    let holds = |name: &str| base.join("lib").join(name).join("os.py").is_file();
    if let Some(name) = real.file_name().filter(|name| name.contains('.') && holds(name)) {
        return Some(name.to_owned());
    }
    let entries = base.join("lib").read_dir_utf8().ok()?;
    let names = entries.flatten().map(|entry| entry.file_name().to_owned());
    let mut names: Vec<String> = names.filter(|name| name.starts_with("python3.") && holds(name)).collect();
    names.sort();
    names.pop().filter(|_| names.is_empty())
}

/// Adds the packages of a folder that no folder before it has.
fn add_packages(
    tools: &Toolbox<'_>,
    program: &Utf8Path,
    site: &Utf8Path,
    packages: &mut BTreeMap<String, Package>,
) -> Result<(), ToolError> {
    let Ok(entries) = site.read_dir_utf8() else { return Ok(()) };
    for entry in entries.flatten() {
        let folder = entry.path();
        let stem = [".dist-info", ".egg-info"].iter().find_map(|end| entry.file_name().strip_suffix(end));
        let Some((name, version)) = stem.and_then(|stem| stem.split_once('-')) else { continue };
        let record = folder.join("RECORD");
        let digest = if record.is_file() {
            let question = format!("{record} packaged files");
            tools.memo.answer(&question, &[&record], |_| true, || digest_of_record(program, &record))?
        } else {
            let about = ["METADATA", "PKG-INFO"].map(|name| folder.join(name));
            let about = about.into_iter().find(|path| path.is_file()).unwrap_or_else(|| folder.to_owned());
            if about.is_file() { tools.file_digest(program.as_str(), &about)? } else { String::new() }
        };
        let version = version.split("-py").next().unwrap_or(version).to_owned();
        packages.entry(spelled(name)).or_insert(Package { version, digest });
    }
    Ok(())
}

fn digest_of_record(program: &Utf8Path, record: &Utf8Path) -> Result<String, ToolError> {
    let unreadable = |source| ToolError::Unreadable { tool: program.to_string(), path: record.to_owned(), source };
    let text = std::fs::read_to_string(record).map_err(unreadable)?;
    let mut lines: Vec<&str> = text.lines().filter(|line| is_packaged(line)).collect();
    lines.sort_unstable();
    Ok(blake3::hash(lines.join("\n").as_bytes()).to_hex().to_string())
}

/// Whether a line of a record is about a file of the wheel: not what the installer wrote, which differs by folder and machine.
fn is_packaged(line: &str) -> bool {
    const INSTALLER: [&str; 5] = ["INSTALLER", "REQUESTED", "direct_url.json", "RECORD", "uv_cache.json"];
    let file = Utf8Path::new(line.split(',').next().unwrap_or_default());
    let installer = file.file_name().is_some_and(|name| INSTALLER.contains(&name));
    let of_wheel = line.contains('=') && !line.starts_with("../") && !line.starts_with('/');
    of_wheel && !line.contains("__pycache__/") && !installer
}

/// The name of a package as the index compares it.
fn spelled(name: &str) -> String {
    name.to_lowercase().replace(['_', '.'], "-")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tool::{Cancel, Memo, Program, SearchPath, Supervisor};

    /// Acts with a toolbox that finds nothing on its search path and may start nothing.
    fn with_tools<T>(path: &str, act: impl Fn(&Toolbox) -> T) -> T {
        let digest = |path: &Utf8Path| Ok(blake3::hash(&std::fs::read(path)?).to_hex().to_string());
        let cancel = Cancel::default();
        cancel.cancel();
        let supervisor = Supervisor::absent(cancel);
        let (path, memo, env) = (SearchPath::new(path), Memo::in_memory(), BTreeMap::new());
        act(&Toolbox { path: &path, supervisor: &supervisor, memo: &memo, digest: &digest, env: &env })
    }

    fn installation() -> (tempfile::TempDir, Utf8PathBuf) {
        let keep = tempfile::tempdir().unwrap();
        let root = Utf8PathBuf::try_from(keep.path().canonicalize().unwrap()).unwrap();
        let write = |path: &str, text: &str| {
            let path = root.join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        write("base/bin/python3.11", "\x7fELF interpreter");
        write("base/lib/python3.11/os.py", "library");
        write("base/lib/python3.11/site-packages/left_out-1.0.dist-info/RECORD", "a.py,sha256=1,1\n");
        write("venv/pyvenv.cfg", &format!("home = {root}/base/bin\ninclude-system-site-packages = false\n"));
        let site = "venv/lib/python3.11/site-packages";
        write(&format!("{site}/Num_Py-2.4.6.dist-info/RECORD"), RECORD);
        write(&format!("{site}/plain-0.1.dist-info/METADATA"), "Name: plain\n");
        std::fs::create_dir_all(root.join("venv/bin")).unwrap();
        std::os::unix::fs::symlink(root.join("base/bin/python3.11"), root.join("venv/bin/python")).unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(root.join("base/bin/python3.11"), mode).unwrap();
        (keep, root)
    }

    const RECORD: &str = "numpy/__init__.py,sha256=aa,10\nnumpy/__pycache__/__init__.cpython-311.pyc,,\n\
                          ../../../bin/f2py,sha256=bb,200\nnumpy-2.4.6.dist-info/INSTALLER,sha256=cc,4\n\
                          numpy-2.4.6.dist-info/RECORD,,\n";

    #[test]
    fn an_environment_has_its_own_packages_and_the_library_of_its_base() {
        let (_keep, root) = installation();
        let found = with_tools("", |tools| Program::find(tools, root.join("venv/bin/python").as_str())).unwrap();
        let python = found.python.as_ref().unwrap();
        assert_eq!((python.version.as_str(), found.title().as_str()), ("3.11", "Python 3.11"));
        let names: Vec<&String> = python.packages.keys().collect();
        assert_eq!(names, ["num-py", "plain"], "the base's packages are not importable here");
        assert_eq!(python.package("Num.Py").unwrap().version, "2.4.6");
        assert!(found.folders().any(|folder| folder == root.join("venv")));
    }

    #[test]
    fn a_package_is_what_its_wheel_brought() {
        let (_keep, root) = installation();
        let record = root.join("venv/lib/python3.11/site-packages/Num_Py-2.4.6.dist-info/RECORD");
        let digest = |text: &str| {
            std::fs::write(&record, text).unwrap();
            let found = with_tools("", |tools| Program::find(tools, root.join("venv/bin/python").as_str())).unwrap();
            found.python.unwrap().packages_digest()
        };
        let first = digest(RECORD);
        assert_eq!(first, digest(&RECORD.replace("sha256=bb", "sha256=b2").replace("sha256=cc", "sha256=c2")));
        assert_ne!(first, digest(&RECORD.replace("sha256=aa", "sha256=a2")));
    }

    #[test]
    fn the_library_counts() {
        let (_keep, root) = installation();
        let find = || with_tools("", |tools| Program::find(tools, root.join("venv/bin/python").as_str())).unwrap();
        let first = find();
        std::fs::write(root.join("base/lib/python3.11/os.py"), "changed").unwrap();
        assert_ne!(first, find());
        std::fs::remove_file(root.join("base/lib/python3.11/os.py")).unwrap();
        let error = with_tools("", |tools| Program::find(tools, root.join("venv/bin/python").as_str())).unwrap_err();
        assert!(error.to_string().contains("lib/python3"), "{error}");
    }

    #[test]
    fn a_script_is_its_text_and_what_runs_it() {
        let (_keep, root) = installation();
        let script = root.join("venv/bin/convert");
        let write = |line: &str, text: &str| {
            std::fs::write(&script, format!("#!{line}\n{text}\n")).unwrap();
            let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
            std::fs::set_permissions(&script, mode).unwrap();
            with_tools("", |tools| Program::find(tools, script.as_str())).unwrap()
        };
        let python = root.join("venv/bin/python");
        let first = write(&format!("{python} -E"), "main()");
        assert_eq!(first.start, [python.as_str(), "-E", script.as_str()]);
        assert!(first.python.is_some());
        assert_ne!(first.files, write(&format!("{python} -E"), "other()").files);
        // Where the interpreter lies does not count: another machine has it elsewhere.
        std::os::unix::fs::symlink(root.join("venv"), root.join("moved")).unwrap();
        assert_eq!(first.files, write(root.join("moved/bin/python").as_str(), "main()").files);
        let inner = with_tools("", |tools| Program::of_script(tools, &script)).unwrap();
        assert_eq!(inner.start, [root.join("moved/bin/python").as_str()]);
    }

    #[test]
    fn names_of_interpreters() {
        assert!(["python", "python3", "/usr/bin/python3.11"].iter().all(|name| is_python(name)));
        assert!(!["pythonic", "pypy", "sh", "python3-config"].iter().any(|name| is_python(name)));
    }
}
