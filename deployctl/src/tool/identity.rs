//! Which tools these are: versions and digests of what decides their output, and no path. These values are fields of keys.

use std::collections::BTreeMap;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

use super::{Invocation, Memo, SearchPath, Supervisor, ToolError};

/// The digest of a file's contents, in hex; the store's memo makes it fast.
pub type FileDigest<'a> = dyn Fn(&Utf8Path) -> std::io::Result<String> + Sync + 'a;

/// What finding a tool takes.
#[derive(Clone, Copy)]
pub struct Toolbox<'a> {
    /// Where programs are looked for.
    pub path: &'a SearchPath,
    /// What starts them.
    pub supervisor: &'a Supervisor,
    /// Answers remembered from earlier.
    pub memo: &'a Memo,
    /// Digests of files.
    pub digest: &'a FileDigest<'a>,
    /// The user's environment; only `HOME`, `CARGO_HOME` and `RUSTUP_*` are used, to ask rustup which toolchain it means.
    pub env: &'a BTreeMap<String, String>,
}

/// The Rust toolchain for one target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rustc {
    /// Folder of the toolchain; in no key.
    #[serde(skip)]
    pub sysroot: Utf8PathBuf,
    /// The compiler itself, not rustup's proxy; in no key.
    #[serde(skip)]
    pub rustc: Utf8PathBuf,
    /// Cargo itself, not rustup's proxy; in no key.
    #[serde(skip)]
    pub cargo: Utf8PathBuf,
    /// All of `rustc -vV`.
    pub version: String,
    /// First line of `cargo -V`.
    pub cargo_version: String,
    /// Target triple.
    pub target: String,
    /// Digests: the target's `rustlib`, the linker that comes with the toolchain.
    pub files: BTreeMap<String, String>,
}

/// A C compiler with its assembler, archiver and the libraries that it links.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gcc {
    /// The driver; in no key.
    #[serde(skip)]
    pub driver: Utf8PathBuf,
    /// The archiver; in no key.
    #[serde(skip)]
    pub archiver: Utf8PathBuf,
    /// First line of `--version`.
    pub version: String,
    /// Digests by component: `driver`, `cc1`, `as`, `ar`, `collect2`, `ld`, `libgcc`, `libc`, `libm`, `headers`.
    pub files: BTreeMap<String, String>,
}

/// What links a program for the host: the C driver, its linker, start files and C library.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostLinker {
    /// The driver; in no key.
    #[serde(skip)]
    pub driver: Utf8PathBuf,
    /// First line of `--version`.
    pub version: String,
    /// Digests by component.
    pub files: BTreeMap<String, String>,
}

/// What makes one object, and an archive, of many.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Binutils {
    /// The linker; in no key.
    #[serde(skip)]
    pub linker: Utf8PathBuf,
    /// The editor of objects; in no key.
    #[serde(skip)]
    pub objcopy: Utf8PathBuf,
    /// The archiver; in no key.
    #[serde(skip)]
    pub archiver: Utf8PathBuf,
    /// First line of the linker's `--version`.
    pub version: String,
    /// Digests by program.
    pub files: BTreeMap<String, String>,
}

/// The emulator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Qemu {
    /// The program; in no key.
    #[serde(skip)]
    pub program: Utf8PathBuf,
    /// First line of `--version`.
    pub version: String,
    /// Digest of the program.
    pub digest: String,
}

impl Rustc {
    /// The toolchain that rustup would use in a folder without a toolchain file, with the libraries of `target` (the host's
    /// where none is named).
    pub fn find(tools: &Toolbox<'_>, target: Option<&str>) -> Result<Self, ToolError> {
        let proxy = tools.path.find("rustc")?;
        let sysroot = Utf8PathBuf::from(tools.sysroot(&proxy)?);
        let rustc = sysroot.join("bin/rustc");
        let beside = sysroot.join("bin/cargo");
        let cargo = if beside.is_file() { beside } else { tools.path.find("cargo")? };
        let version = tools.ask(&rustc, &["-vV"])?;
        let host = field(&version, "host").ok_or_else(|| answer(&rustc, "-vV", &version))?.to_owned();
        let cargo_version = first_line(&tools.ask(&cargo, &["-V"])?);
        let target = target.unwrap_or(&host).to_owned();
        let library = sysroot.join("lib/rustlib").join(&target).join("lib");
        if !library.is_dir() {
            let hint = format!("run `rustup target add {target}` or `deployctl doctor --install`");
            return Err(ToolError::Missing { program: format!("Rust's library for {target}"), hint });
        }
        let mut files = BTreeMap::from([("rustlib".to_owned(), tools.folder_digest("rustc", &library, &[])?)]);
        let linker = sysroot.join("lib/rustlib").join(&host).join("bin/rust-lld");
        if linker.is_file() {
            files.insert("rust-lld".to_owned(), tools.file_digest("rustc", &linker)?);
        }
        Ok(Self { sysroot, rustc, cargo, version, cargo_version, target, files })
    }

    /// A field of `-vV`, such as `host`, `release` or `commit-hash`.
    pub fn field(&self, name: &str) -> Option<&str> {
        field(&self.version, name)
    }
}

impl Gcc {
    /// The compiler `PREFIXgcc`, as it is with `flags` (they choose among its libraries).
    pub fn find(tools: &Toolbox<'_>, prefix: &str, flags: &[String]) -> Result<Self, ToolError> {
        let driver = tools.path.find(&format!("{prefix}gcc"))?;
        let version = first_line(&tools.ask(&driver, &["--version"])?);
        let mut files =
            BTreeMap::from([("driver".to_owned(), tools.file_digest(&driver.clone().into_string(), &driver)?)]);
        for program in ["cc1", "as", "ar", "collect2", "ld"] {
            tools.add(&mut files, &driver, program, &[format!("-print-prog-name={program}")])?;
        }
        let with_flags = |question: String| [flags, &[question]].concat();
        tools.add(&mut files, &driver, "libgcc", &with_flags("-print-libgcc-file-name".into()))?;
        if !prefix.is_empty() {
            for library in ["libc", "libm"] {
                tools.add(&mut files, &driver, library, &with_flags(format!("-print-file-name={library}.a")))?;
            }
            if !files.contains_key("libc") {
                let hint = super::install_hint(driver.as_str());
                return Err(ToolError::Missing { program: format!("newlib for `{prefix}gcc`"), hint });
            }
            files.insert("headers".to_owned(), tools.headers(&driver, prefix.trim_end_matches('-'))?);
        }
        let archiver = tools.path.find(&format!("{prefix}ar"))?;
        Ok(Self { driver, archiver, version, files })
    }
}

impl HostLinker {
    /// `cc`, which rustc links with on this kind of host.
    pub fn find(tools: &Toolbox<'_>) -> Result<Self, ToolError> {
        let driver = tools.path.find("cc")?;
        let version = first_line(&tools.ask(&driver, &["--version"])?);
        let mut files = BTreeMap::from([("driver".to_owned(), tools.file_digest("cc", &driver)?)]);
        for program in ["collect2", "ld"] {
            tools.add(&mut files, &driver, program, &[format!("-print-prog-name={program}")])?;
        }
        for file in ["Scrt1.o", "crti.o", "crtbeginS.o", "crtendS.o", "crtn.o", "libgcc.a", "libc.so.6", "libm.so.6"] {
            tools.add(&mut files, &driver, file, &[format!("-print-file-name={file}")])?;
        }
        Ok(Self { driver, version, files })
    }
}

impl Binutils {
    /// Those that a C driver such as `cc` or `arm-none-eabi-gcc` uses itself.
    pub fn find(tools: &Toolbox<'_>, driver: &str) -> Result<Self, ToolError> {
        let driver = tools.path.find(driver)?;
        let mut files = BTreeMap::new();
        let mut program = |name: &str| {
            let path = tools.located(&driver, &[format!("-print-prog-name={name}")])?;
            let hint = super::install_hint(driver.as_str());
            let path = path.ok_or_else(|| ToolError::Missing { program: format!("`{name}` of `{driver}`"), hint })?;
            files.insert(name.to_owned(), tools.file_digest(name, &path)?);
            Ok::<_, ToolError>(path)
        };
        let (linker, objcopy, archiver) = (program("ld")?, program("objcopy")?, program("ar")?);
        let version = first_line(&tools.ask(&linker, &["--version"])?);
        Ok(Self { linker, objcopy, archiver, version, files })
    }
}

impl Qemu {
    /// `qemu-system-arm`.
    pub fn find(tools: &Toolbox<'_>) -> Result<Self, ToolError> {
        let program = tools.path.find("qemu-system-arm")?;
        let version = first_line(&tools.ask(&program, &["--version"])?);
        let digest = tools.file_digest("qemu-system-arm", &program)?;
        Ok(Self { program, version, digest })
    }
}

impl Toolbox<'_> {
    /// Standard output of a question to a tool, remembered while the program's file is the same.
    pub(super) fn ask(&self, program: &Utf8Path, args: &[&str]) -> Result<String, ToolError> {
        let question = format!("{program} {}", args.join(" "));
        let ask = || self.invoke(program, args, &BTreeMap::new());
        self.memo.answer(&question, &[program], |_| true, ask)
    }

    pub(super) fn invoke(
        &self,
        program: &Utf8Path,
        args: &[&str],
        env: &BTreeMap<String, String>,
    ) -> Result<String, ToolError> {
        let question = Invocation::new(program).args(args.iter().copied()).envs(env);
        let question = question.env("PATH", self.path.as_str()).env("LC_ALL", "C");
        let output = question.time_limit(Duration::from_mins(1)).run(self.supervisor)?;
        let text = output.stdout.text().trim_end().to_owned();
        if text.is_empty() { Err(answer(program, &args.join(" "), "")) } else { Ok(text) }
    }

    /// The folder of the toolchain behind `rustc`, which may be rustup's proxy: its answer also depends on rustup's settings.
    fn sysroot(&self, rustc: &Utf8Path) -> Result<String, ToolError> {
        let rustup_home = self.env.get("RUSTUP_HOME").cloned();
        let home = self.env.get("HOME").map(|home| format!("{home}/.rustup"));
        let settings = Utf8PathBuf::from(rustup_home.or(home).unwrap_or_default()).join("settings.toml");
        let mut env: BTreeMap<String, String> = self
            .env
            .iter()
            .filter(|(name, _)| matches!(name.as_str(), "HOME" | "CARGO_HOME" | "RUSTUP_HOME" | "RUSTUP_TOOLCHAIN"))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        let question = format!("{rustc} --print sysroot {env:?}");
        // Nothing but `fetch` and `doctor --install` may use the network.
        env.insert("RUSTUP_AUTO_INSTALL".to_owned(), "0".to_owned());
        let holds = |answer: &str| Utf8Path::new(answer).join("bin/rustc").is_file();
        self.memo.answer(&question, &[rustc, &settings], holds, || self.invoke(rustc, &["--print", "sysroot"], &env))
    }

    /// Adds the digest of the file that the driver names; what it does not find is no part of it.
    fn add(
        &self,
        files: &mut BTreeMap<String, String>,
        driver: &Utf8Path,
        component: &str,
        question: &[String],
    ) -> Result<(), ToolError> {
        if let Some(path) = self.located(driver, question)? {
            files.insert(component.to_owned(), self.file_digest(driver.as_str(), &path)?);
        }
        Ok(())
    }

    /// The file that a driver names in answer to a question.
    fn located(&self, driver: &Utf8Path, question: &[String]) -> Result<Option<Utf8PathBuf>, ToolError> {
        let args: Vec<&str> = question.iter().map(String::as_str).collect();
        let key = format!("{driver} {}", args.join(" "));
        let holds = |answer: &str| self.named_file(answer).is_some();
        let answer = self.memo.answer(&key, &[driver], holds, || self.invoke(driver, &args, &BTreeMap::new()))?;
        Ok(self.named_file(&answer))
    }

    /// gcc answers with a path, or repeats the bare name: of a program that it would look for on `PATH`, or of a library
    /// that it does not have.
    fn named_file(&self, answer: &str) -> Option<Utf8PathBuf> {
        let path = Utf8Path::new(answer);
        let path = if path.is_absolute() { Some(path.to_owned()) } else { self.path.find(answer).ok() };
        path.filter(|path| path.is_file())
    }

    /// The C headers of a cross compiler: the folder that holds `stdint.h` of the compiler and the one of the C library.
    fn headers(&self, driver: &Utf8Path, machine: &str) -> Result<String, ToolError> {
        let mut all = blake3::Hasher::new();
        // Debian keeps the C library's headers one level below where Arm's own releases have them.
        let places =
            ["include".to_owned(), format!("../../../{machine}/include"), format!("../../../../{machine}/include")];
        for place in places {
            let folder = Utf8PathBuf::from(self.ask(driver, &[&format!("-print-file-name={place}")])?);
            if folder.is_dir() {
                all.update(self.folder_digest(driver.as_str(), &folder, &["c++"])?.as_bytes());
            }
        }
        Ok(all.finalize().to_hex().to_string())
    }

    pub(super) fn file_digest(&self, tool: &str, path: &Utf8Path) -> Result<String, ToolError> {
        let unreadable = |source| ToolError::Unreadable { tool: tool.to_owned(), path: path.to_owned(), source };
        let real = if path.is_symlink() { path.canonicalize_utf8().map_err(unreadable)? } else { path.to_owned() };
        (self.digest)(&real).map_err(unreadable)
    }

    /// Names and contents of all files under a folder, except under folders of the names in `without`.
    pub(super) fn folder_digest(&self, tool: &str, folder: &Utf8Path, without: &[&str]) -> Result<String, ToolError> {
        let mut names = Vec::new();
        list(folder, Utf8Path::new(""), without, &mut names).map_err(|source| ToolError::Unreadable {
            tool: tool.to_owned(),
            path: folder.to_owned(),
            source,
        })?;
        names.sort();
        let unreadable = |source| ToolError::Unreadable { tool: tool.to_owned(), path: folder.to_owned(), source };
        let real = folder.canonicalize_utf8().map_err(unreadable)?;
        let mut all = blake3::Hasher::new();
        for Name { path, is_link } in &names {
            let file = real.join(path);
            let digest =
                if *is_link { self.file_digest(tool, &file)? } else { (self.digest)(&file).map_err(unreadable)? };
            all.update(&(path.as_str().len() as u64).to_le_bytes()).update(path.as_str().as_bytes());
            all.update(digest.as_bytes());
        }
        Ok(all.finalize().to_hex().to_string())
    }
}

/// A file below a folder.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Name {
    path: Utf8PathBuf,
    is_link: bool,
}

fn list(root: &Utf8Path, at: &Utf8Path, without: &[&str], names: &mut Vec<Name>) -> std::io::Result<()> {
    for entry in root.join(at).read_dir_utf8()? {
        let entry = entry?;
        let path = at.join(entry.file_name());
        let (kind, is_link) = (entry.file_type()?, entry.file_type()?.is_symlink());
        if kind.is_dir() || is_link && entry.path().is_dir() {
            if !without.contains(&entry.file_name()) {
                list(root, &path, without, names)?;
            }
        } else {
            names.push(Name { path, is_link });
        }
    }
    Ok(())
}

fn field<'a>(version: &'a str, name: &str) -> Option<&'a str> {
    version.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

pub(super) fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}

fn answer(program: &Utf8Path, question: &str, answer: &str) -> ToolError {
    ToolError::Answer { program: program.to_owned(), question: question.to_owned(), answer: answer.to_owned() }
}
