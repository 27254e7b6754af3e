//! Three ways to the same loadable image: deployctl's own build, a person's `cargo build` in the project in `out/`, and one
//! in an exported copy. A person's Cargo compiles the kernel library itself, has no deployctl, no network and an empty home.
#![expect(clippy::print_stdout, reason = "a test that is skipped says so")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const MODEL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../manifests/models/kws.tflite");

/// An empty folder; sources are the user's, and the store is the tests'.
struct Space {
    folder: tempfile::TempDir,
}

impl Space {
    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn deployctl(&self, args: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_deployctl"));
        command.args(args).arg("--store").arg(crate::product::space::store()).current_dir(self.folder.path());
        command.output().expect("deployctl starts")
    }

    fn run(&self, args: &[&str]) {
        let output = self.deployctl(args);
        assert!(output.status.success(), "deployctl {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// What a person does. Gives the folder of the programs.
    fn cargo_build(&self, project: &Path, target: Option<&str>) -> PathBuf {
        let home = self.path("empty-home");
        fs::create_dir_all(&home).expect("a folder");
        let output = Command::new(env!("CARGO"))
            .args(["build", "--release", "--locked", "--offline"])
            .current_dir(project)
            .env("CARGO_HOME", home)
            .env_remove("CARGO_TARGET_DIR")
            .env_remove("RUSTFLAGS")
            .env_remove("RUSTC_BOOTSTRAP")
            .output()
            .expect("cargo starts");
        assert!(output.status.success(), "{}: {}", project.display(), String::from_utf8_lossy(&output.stderr));
        project.join("target").join(target.unwrap_or_default()).join("release")
    }
}

/// Digest of the loadable segments.
fn image(path: &Path) -> String {
    let bytes = fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    deployctl::elf::read(&bytes).expect("linked firmware").digest
}

fn same_image_by_all_ways(board: &str, target: Option<&str>) {
    let space = Space { folder: tempfile::tempdir().expect("a folder") };
    fs::copy(MODEL, space.path("kws.tflite")).expect("the project's model");
    space.run(&["init", "kws.tflite", "--board", board, "--owner", "team@example.com"]);
    let fetched = space.deployctl(&["fetch"]);
    if !fetched.status.success() {
        println!("SKIPPED: sources are not here: {}", String::from_utf8_lossy(&fetched.stderr));
        return;
    }
    let built = space.deployctl(&["build"]);
    let said = String::from_utf8_lossy(&built.stderr);
    if target.is_some() && said.contains("doctor") {
        println!("SKIPPED: no Arm compiler or emulator here: {said}");
        return;
    }
    assert!(built.status.success(), "{said}");
    let results = space.path("out/kws").join(board);
    let wanted = ["app.elf", "harness.elf"].map(|name| image(&results.join(name)));
    space.run(&["export", "manifests/kws.kdl", "--to", "deep/er/alone"]);
    let alone = tempfile::tempdir().expect("a folder");
    let exported = alone.path().join("project");
    Command::new("cp").arg("-a").arg(space.path("deep/er/alone")).arg(&exported).status().expect("cp starts");
    let here = space.cargo_build(&results.join("firmware"), target);
    assert_eq!(["app", "harness"].map(|name| image(&here.join(name))), wanted, "in `out/`");
    // What was exported needs nothing of where it came from.
    fs::rename(space.path("out"), space.path("gone")).expect("a folder moves");
    let there = space.cargo_build(&exported, target);
    assert_eq!(["app", "harness"].map(|name| image(&there.join(name))), wanted, "exported");
}

#[test]
fn firmware_is_the_same_image_by_all_ways() {
    same_image_by_all_ways("mps2-an386", Some("thumbv7em-none-eabihf"));
}

#[test]
#[ignore = "a board has the same in the plain run, with the kernel library; `tests/all --full` has both"]
fn a_host_build_is_the_same_image_by_all_ways() {
    same_image_by_all_ways("host", None);
}
