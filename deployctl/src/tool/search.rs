//! Where programs are found, and what installs those that are not.

use camino::{Utf8Path, Utf8PathBuf};

use super::ToolError;

/// The folders in which programs are looked for: the user's `PATH`, handed in by the command.
#[derive(Clone, Debug, Default)]
pub struct SearchPath {
    folders: Vec<Utf8PathBuf>,
    text: String,
}

impl SearchPath {
    /// From the text of `PATH`. Relative folders are left out: what a build runs must not depend on where it is started.
    pub fn new(path: &str) -> Self {
        let folders: Vec<Utf8PathBuf> =
            path.split(':').map(Utf8PathBuf::from).filter(|folder| folder.is_absolute()).collect();
        let text = folders.iter().map(|folder| folder.as_str()).collect::<Vec<_>>().join(":");
        Self { folders, text }
    }

    /// The text, for the `PATH` of a started tool.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The first executable file of this name, or the path itself where it has a folder.
    pub fn find(&self, program: &str) -> Result<Utf8PathBuf, ToolError> {
        let found = if program.contains('/') {
            Some(Utf8PathBuf::from(program)).filter(|path| is_executable(path))
        } else {
            self.folders.iter().map(|folder| folder.join(program)).find(|path| is_executable(path))
        };
        found.ok_or_else(|| ToolError::Missing { program: program.to_owned(), hint: install_hint(program) })
    }
}

fn is_executable(path: &Utf8Path) -> bool {
    path.is_file() && rustix::fs::access(path.as_std_path(), rustix::fs::Access::EXEC_OK).is_ok()
}

/// The command that installs a program, as a sentence.
pub fn install_hint(program: &str) -> String {
    let name = Utf8Path::new(program).file_name().unwrap_or(program);
    let packages = match name {
        "cargo" | "rustc" | "rustup" => return String::from("install Rust from https://rustup.rs"),
        "cc" | "gcc" | "ld" | "ar" | "as" => "gcc libc6-dev",
        "python3" => "python3 python3-pip python3-venv",
        "git" => "git",
        "ssh-keygen" => "openssh-client",
        "strace" => "strace",
        _ if name.starts_with("arm-none-eabi-") => {
            "gcc-arm-none-eabi libnewlib-arm-none-eabi libstdc++-arm-none-eabi-newlib"
        }
        _ if name.starts_with("qemu-system-") => "qemu-system-arm",
        _ => return String::from("install it, or put its folder on `PATH`; `deployctl doctor` lists what is needed"),
    };
    format!("run `apt-get install -y {packages}` or `deployctl doctor --install`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_executables_only_and_says_what_installs_the_rest() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("sh"), "not executable").unwrap();
        let path = SearchPath::new(&format!("relative:{}:/bin:/usr/bin", folder.path().display()));
        assert!(path.find("sh").unwrap().as_str().ends_with("bin/sh"));
        assert!(!path.as_str().contains("relative"));
        let error = path.find("arm-none-eabi-nothing").unwrap_err().to_string();
        assert!(error.contains("apt-get install -y gcc-arm-none-eabi"), "{error}");
        assert!(path.find("/no/such/program").is_err());
    }
}
