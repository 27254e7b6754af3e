//! Fetching: into the home folder once, by digest, read-only; the second time nothing is started.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use camino::{Utf8Path, Utf8PathBuf};
use deployctl::fetch::{FetchError, Fetcher, Home, Tree, Want, source_replacement};
use deployctl::manifest::Source;
use deployctl::tool::{SearchPath, Supervisor};

/// A home folder and a `PATH` of its own, with this machine's tools where a test asks for them.
struct Bench {
    _folder: tempfile::TempDir,
    root: Utf8PathBuf,
    home: Home,
    path: SearchPath,
    supervisor: Supervisor,
    env: BTreeMap<String, String>,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = Utf8PathBuf::try_from(folder.path().canonicalize().unwrap()).unwrap();
        std::fs::create_dir(root.join("bin")).unwrap();
        let path = SearchPath::new(&format!("{root}/bin:/usr/bin:/bin"));
        let home = Home::new(root.join("home"));
        let env = std::env::vars().collect();
        Self { _folder: folder, root, home, path, supervisor: super::supervisor(), env }
    }

    fn with_tools_of_this_machine() -> Self {
        Self { path: SearchPath::new(&std::env::var("PATH").unwrap()), ..Self::new() }
    }

    fn fetcher(&self) -> Fetcher<'_> {
        let Self { home, path, supervisor, env, .. } = self;
        Fetcher { home, path, supervisor, env, digest: &digest, progress: &|_| {} }
    }

    /// A program of the test's own, first on the path.
    fn install(&self, name: &str, script: &str) {
        let path = self.root.join("bin").join(name);
        std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn write(&self, path: &str, text: &str) -> Utf8PathBuf {
        let path = self.root.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }

    /// An archive `name` with one library of one file in it.
    fn archive(&self, name: &str, text: &str) -> Utf8PathBuf {
        self.write("packed/lib-1/Source/add.c", text);
        let done = Command::new("tar").args(["-czf", name, "-C", "packed", "lib-1"]).current_dir(&self.root).status();
        assert!(done.unwrap().success());
        self.root.join(name)
    }

    /// What is in the folder of sources, without the turn and the notes.
    fn stored(&self) -> Vec<String> {
        let entries = self.home.sources().read_dir_utf8().unwrap();
        let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().to_owned()).collect();
        names.retain(|name| name != "turn" && name != "notes");
        names.sort();
        names
    }
}

fn digest(path: &Utf8Path) -> std::io::Result<String> {
    Ok(blake3::hash(&std::fs::read(path)?).to_hex().to_string())
}

fn archive(path: &Utf8Path, folder: &str) -> Source {
    Source::Archive { path: path.to_owned(), folder: folder.to_owned() }
}

fn text(tree: &Tree, path: &str) -> String {
    std::fs::read_to_string(tree.root.join(path)).unwrap()
}

#[test]
fn an_archive_is_stored_once_read_only_and_found_again() {
    let bench = Bench::new();
    let source = archive(&bench.archive("lib.tar.gz", "int add;"), "lib-1/Source");
    assert_eq!(bench.fetcher().locate("lib", &source, Want::Any).unwrap(), None);
    let tree = bench.fetcher().fetch("lib", &source, Want::Any).unwrap();
    assert_eq!(text(&tree, "add.c"), "int add;");
    assert_eq!(bench.stored(), std::slice::from_ref(&tree.digest));
    assert_eq!(std::fs::metadata(tree.root.join("add.c")).unwrap().permissions().mode() & 0o777, 0o444);
    assert!(bench.home.root().join("CACHEDIR.TAG").is_file());
    assert_eq!(bench.fetcher().locate("lib", &source, Want::Any).unwrap().as_ref(), Some(&tree));
    let recorded = Want::Recorded(&tree.digest);
    assert_eq!(bench.fetcher().locate("lib", &source, recorded).unwrap().as_ref(), Some(&tree));
    assert_eq!(bench.fetcher().fetch("lib", &source, Want::Newest).unwrap(), tree);
}

#[test]
fn what_differs_from_the_lock_file_is_refused_with_both_digests() {
    let bench = Bench::new();
    let first = bench.fetcher().fetch("lib", &archive(&bench.archive("a.tar.gz", "1"), "lib-1"), Want::Any).unwrap();
    let other = archive(&bench.archive("b.tar.gz", "2"), "lib-1");
    let wrong = "00".repeat(32);
    let error = bench.fetcher().fetch("lib", &other, Want::Recorded(&wrong)).unwrap_err();
    let FetchError::Digest { recorded, found, .. } = &error else { panic!("{error}") };
    assert_eq!(recorded, &wrong);
    assert_ne!(found, &first.digest);
    assert!(error.to_string().contains("fetch --update"), "{error}");
    assert_eq!(bench.stored(), [first.digest], "nothing of the refused one is kept");

    let folder = bench.write("tree/a.c", "1").parent().unwrap().to_owned();
    let source = Source::Path { path: folder };
    let tree = bench.fetcher().fetch("lib", &source, Want::Any).unwrap();
    assert!(bench.fetcher().locate("lib", &source, Want::Recorded(&tree.digest)).unwrap().is_some());
    bench.write("tree/a.c", "2");
    let error = bench.fetcher().locate("lib", &source, Want::Recorded(&tree.digest)).unwrap_err();
    assert!(matches!(error, FetchError::Digest { .. }), "{error}");
}

#[test]
fn a_folder_outside_or_missing_is_refused() {
    let bench = Bench::new();
    let path = bench.archive("lib.tar.gz", "1");
    for folder in ["..", "lib-1/../..", "/etc"] {
        let error = bench.fetcher().fetch("lib", &archive(&path, folder), Want::Any).unwrap_err();
        assert!(matches!(error, FetchError::Description { .. }), "{folder}: {error}");
    }
    let error = bench.fetcher().fetch("lib", &archive(&path, "nowhere"), Want::Any).unwrap_err().to_string();
    assert!(error.contains("`nowhere`") && error.contains("`lib-1`"), "{error}");
    assert_eq!(bench.stored(), Vec::<String>::new());
}

#[test]
fn a_wheel_comes_through_pip_once() {
    let bench = Bench::new();
    let wheel = bench.archive("wheel.whl", "int add;");
    // Stands for `python3 -m pip download … --dest DIR PACKAGE==VERSION`.
    let log = bench.root.join("log");
    bench.install("python3", &format!("echo \"$@\" >> {log}; mkdir -p \"$9\" && cp {wheel} \"$9\""));
    let source = Source::Pypi { package: "lib".into(), version: "1.0".into(), folder: "lib-1".into() };
    let tree = bench.fetcher().fetch("lib", &source, Want::Any).unwrap();
    assert_eq!(text(&tree, "Source/add.c"), "int add;");
    assert_eq!(bench.fetcher().fetch("lib", &source, Want::Any).unwrap(), tree);
    let asked = std::fs::read_to_string(&log).unwrap();
    assert_eq!(asked.lines().count(), 1, "{asked}");
    assert!(asked.contains("--no-deps") && asked.trim_end().ends_with("lib==1.0"), "{asked}");
    let hostile = Source::Pypi { package: "--index-url=x".into(), version: "1".into(), folder: String::new() };
    let error = bench.fetcher().fetch("lib", &hostile, Want::Any).unwrap_err();
    assert!(matches!(error, FetchError::Description { .. }), "{error}");
}

#[test]
fn a_failing_tool_is_named_and_leaves_nothing() {
    let bench = Bench::new();
    bench.install("python3", "echo 'no matching distribution' >&2; exit 1");
    let source = Source::Pypi { package: "lib".into(), version: "9".into(), folder: String::new() };
    let error = bench.fetcher().fetch("lib", &source, Want::Any).unwrap_err();
    assert!(error.to_string().contains("no matching distribution"), "{error}");
    assert_eq!(bench.stored(), Vec::<String>::new());
    // What a killed fetch left is swept by the next.
    std::fs::create_dir(bench.home.sources().join(".scratch-old")).unwrap();
    bench.fetcher().fetch("lib", &archive(&bench.archive("a.tar.gz", "1"), "lib-1"), Want::Any).unwrap();
    assert_eq!(bench.stored().len(), 1, "{:?}", bench.stored());
}

#[test]
fn a_git_revision_is_checked_out_without_its_history() {
    let bench = Bench::with_tools_of_this_machine();
    if bench.path.find("git").is_err() {
        println!("SKIPPED: no git on this machine");
        return;
    }
    let repository = bench.root.join("repository");
    let git = |args: &str| {
        let mut git = Command::new("git");
        git.args(["-C", repository.as_str(), "-c", "user.name=n", "-c", "user.email=e"]).args(args.split(' '));
        assert!(git.output().unwrap().status.success(), "git {args}");
    };
    bench.write("repository/src/a.c", "1");
    git("init");
    git("add .");
    git("commit -m one");
    git("tag v1");
    bench.write("repository/src/a.c", "2");
    git("commit -a -m two");
    let source = |revision: &str| Source::Git {
        url: format!("file://{repository}"),
        revision: revision.into(),
        folder: "src".into(),
    };
    let tree = bench.fetcher().fetch("lib", &source("v1"), Want::Any).unwrap();
    assert_eq!(text(&tree, "a.c"), "1");
    assert!(bench.fetcher().fetch("lib", &source("--upload-pack=x"), Want::Any).is_err());
    assert!(bench.fetcher().fetch("lib", &source("nothing"), Want::Any).is_err());
}

#[test]
#[ignore = "uses the network"]
fn network_crates_are_vendored_and_build_offline() {
    let bench = Bench::with_tools_of_this_machine();
    bench.write("fw/Cargo.toml", "[package]\nname = \"fw\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[workspace]\n\n[dependencies]\nfnv = \"=1.0.7\"\n");
    bench.write("fw/src/lib.rs", "pub use fnv::FnvHasher;\n");
    let project = bench.root.join("fw");
    let cargo = |args: &[&str], home: &str| {
        let mut cargo = Command::new("cargo");
        cargo.args(args).current_dir(&project);
        if !home.is_empty() {
            cargo.env("CARGO_HOME", bench.root.join(home));
        }
        cargo.output().unwrap()
    };
    assert!(cargo(&["generate-lockfile"], "").status.success());
    let files =
        ["Cargo.toml", "Cargo.lock", "src/lib.rs"].map(|path| (path, std::fs::read(project.join(path)).unwrap()));
    let files: Vec<(&str, &[u8])> = files.iter().map(|(path, bytes)| (*path, bytes.as_slice())).collect();
    let tree = bench.fetcher().fetch_firmware(&files, Want::Any).unwrap();
    assert!(tree.root.join("fnv-1.0.7/Cargo.toml").is_file());
    assert!(!tree.root.join("fnv-1.0.7/.cargo_vcs_info.json").exists());
    let lock = std::fs::read_to_string(project.join("Cargo.lock")).unwrap();
    assert_eq!(bench.fetcher().locate_firmware(&lock, Want::Any).unwrap(), Some(tree.clone()));
    assert_eq!(bench.fetcher().locate_firmware("other", Want::Any).unwrap(), None);
    // What another version's lock file gave is said to be that, although it is there.
    let other = "0".repeat(64);
    let error = bench.fetcher().locate_firmware(&lock, Want::Recorded(&other)).unwrap_err();
    assert!(error.to_string().contains("deployctl fetch --update"), "{error}");

    bench.write("fw/.cargo/config.toml", &source_replacement(&tree.root));
    let built = cargo(&["build", "--locked", "--offline"], "empty-cargo-home");
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));

    let source = Source::Crate { package: "fnv".into(), version: "1.0.7".into(), folder: String::new() };
    let fnv = bench.fetcher().fetch("fnv", &source, Want::Any).unwrap();
    assert!(fnv.root.join("lib.rs").is_file());
}

#[test]
#[ignore = "uses the network"]
fn network_packed_firmware_crates_are_vendored() {
    let bench = Bench::with_tools_of_this_machine();
    let packed = deployctl::builtin::under("firmware-template");
    let files: Vec<_> =
        packed.filter_map(|file| Some((file.path.strip_prefix("firmware-template/")?, file.bytes))).collect();
    let tree = bench.fetcher().fetch_firmware(&files, Want::Any).unwrap();
    println!("firmware-crates {}", tree.digest);
    let lock = std::str::from_utf8(files.iter().find(|(path, _)| *path == "Cargo.lock").unwrap().1).unwrap();
    let external = lock.matches("source = \"registry").count();
    assert_eq!(tree.root.read_dir_utf8().unwrap().count(), external);
}

#[test]
#[ignore = "uses the network"]
fn network_pypi_gives_the_kernel_library() {
    let bench = Bench::with_tools_of_this_machine();
    let source = Source::Pypi {
        package: "aidge-export-arm-cortexm".into(),
        version: "0.2.1".into(),
        folder: "aidge_export_arm_cortexm/_CMSIS-NN/CMSIS-NN".into(),
    };
    let tree = bench.fetcher().fetch("cmsis-nn", &source, Want::Any).unwrap();
    println!("cmsis-nn {}", tree.digest);
    assert!(tree.root.join("Include/arm_nnfunctions.h").is_file());
}
