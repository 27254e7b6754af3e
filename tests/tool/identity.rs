//! Tool identities: the same for the same tools, without paths, different for different tools, and fast when warm.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use deployctl::tool::{Gcc, HostLinker, Memo, Qemu, Rustc, SearchPath, Supervisor, ToolError, Toolbox};

struct Bench {
    path: SearchPath,
    supervisor: Supervisor,
    memo: Memo,
    env: BTreeMap<String, String>,
}

impl Bench {
    fn new(path: &str) -> Self {
        let env = std::env::vars().collect();
        Self { path: SearchPath::new(path), supervisor: super::supervisor(), memo: Memo::in_memory(), env }
    }

    fn of_this_machine() -> Self {
        Self::new(&std::env::var("PATH").unwrap())
    }

    fn tools(&self) -> Toolbox<'_> {
        Toolbox {
            path: &self.path,
            supervisor: &self.supervisor,
            memo: &self.memo,
            digest: &stamp_digest,
            env: &self.env,
        }
    }
}

/// Stands for the store's memoised digest: as fast, and different for different contents.
fn stamp_digest(path: &Utf8Path) -> std::io::Result<String> {
    let data = std::fs::metadata(path)?;
    if data.len() > 1 << 20 {
        return Ok(format!("{} bytes", data.len()));
    }
    Ok(blake3::hash(&std::fs::read(path)?).to_hex().to_string())
}

#[test]
fn rustc_is_the_real_one_and_its_key_has_no_path() {
    let bench = Bench::of_this_machine();
    let rustc = Rustc::find(&bench.tools(), None).unwrap();
    assert!(rustc.rustc.starts_with(&rustc.sysroot));
    assert!(rustc.field("host").is_some_and(|host| host == rustc.target));
    assert!(rustc.files.contains_key("rustlib"));
    let key = serde_json::to_string(&rustc).unwrap();
    assert!(!key.contains(rustc.sysroot.as_str()) && !key.contains("\"/"), "{key}");
    let begin = Instant::now();
    assert_eq!(Rustc::find(&bench.tools(), None).unwrap(), rustc);
    assert!(begin.elapsed() < Duration::from_millis(200), "warm: {:?}", begin.elapsed());
    let error = Rustc::find(&bench.tools(), Some("thumbv0-none-eabi")).unwrap_err().to_string();
    assert!(error.contains("rustup target add thumbv0-none-eabi"), "{error}");
}

#[test]
fn host_linker_names_the_files_that_end_up_in_a_program() {
    let bench = Bench::of_this_machine();
    let linker = HostLinker::find(&bench.tools()).unwrap();
    assert!(linker.files.contains_key("driver"));
    assert!(linker.files.len() > 2, "{:?}", linker.files);
    let host = Gcc::find(&bench.tools(), "", &[]).unwrap();
    assert!(host.files.contains_key("as"), "{:?}", host.files);
}

#[test]
fn cross_tools_depend_on_flags() {
    let bench = Bench::of_this_machine();
    if bench.path.find("arm-none-eabi-gcc").is_err() || bench.path.find("qemu-system-arm").is_err() {
        println!("SKIPPED: no arm-none-eabi-gcc or qemu-system-arm on this machine");
        return;
    }
    let flags = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
    let m4 = Gcc::find(&bench.tools(), "arm-none-eabi-", &flags("-mcpu=cortex-m4 -mthumb")).unwrap();
    let m4f = flags("-mcpu=cortex-m4 -mthumb -mfloat-abi=hard -mfpu=fpv4-sp-d16");
    let m4f = Gcc::find(&bench.tools(), "arm-none-eabi-", &m4f).unwrap();
    assert_ne!(m4.files["libgcc"], m4f.files["libgcc"]);
    assert_eq!(m4.files["cc1"], m4f.files["cc1"]);
    assert!(m4.files.contains_key("libc") && m4.files.contains_key("headers"));
    assert!(!serde_json::to_string(&m4).unwrap().contains("/usr"));
    let qemu = Qemu::find(&bench.tools()).unwrap();
    assert!(qemu.version.contains("QEMU"), "{}", qemu.version);
}

#[test]
fn another_compiler_under_the_same_name_is_another_identity() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| Utf8PathBuf::try_from(folder.path().join(name)).unwrap();
    let install = |name: &str, text: &str| {
        std::fs::write(at(name), format!("#!/bin/sh\n{text}\n")).unwrap();
        std::fs::set_permissions(at(name), std::fs::Permissions::from_mode(0o755)).unwrap();
    };
    install("qemu-system-arm", "echo emulator 1");
    let bench = Bench::new(folder.path().to_str().unwrap());
    let first = Qemu::find(&bench.tools()).unwrap();
    assert_eq!(first.version, "emulator 1");
    install("qemu-system-arm", "echo emulator two");
    let second = Qemu::find(&bench.tools()).unwrap();
    assert_eq!(second.version, "emulator two");
    assert_ne!(first.digest, second.digest);
    // A driver that finds no C library is not a cross compiler that can link.
    install("arm-none-eabi-gcc", "case $1 in --version) echo gcc 1;; -print-*) echo ${1#*=};; esac");
    install("arm-none-eabi-ar", "");
    let error = Gcc::find(&bench.tools(), "arm-none-eabi-", &[]).unwrap_err();
    assert!(matches!(&error, ToolError::Missing { program, .. } if program.contains("newlib")), "{error}");
}
