//! `deployctl fmt` on files: what it writes, what it leaves alone, and that the repository's own files are laid out.

use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::process::Command;

use camino::{Utf8Path, Utf8PathBuf};

const ODD: &str = "manifest  version=1 // one\n\n\n\ndeployment \"x\" { summary   \"y\" }";
const LAID_OUT: &str = "manifest version=1 // one\n\ndeployment \"x\" { summary \"y\" }\n";

/// Exit code, standard output, standard error.
fn fmt(folder: &Utf8Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_deployctl"));
    command.arg("fmt").args(arguments).current_dir(folder).env("DEPLOYCTL_HOME", folder.join("home"));
    let output = command.output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

fn project() -> (tempfile::TempDir, Utf8PathBuf) {
    let keep = tempfile::tempdir().unwrap();
    let root = Utf8PathBuf::try_from(keep.path().canonicalize().unwrap()).unwrap();
    for (path, text) in [
        ("manifests/x.kdl", ODD),
        ("manifests/boards/b.kdl", "board   version=1\n"),
        ("manifests/kernels/known-bad/k.kdl", LAID_OUT),
        ("manifests/notes.txt", "a   b"),
        ("manifests/.hidden.kdl", "a   b"),
        ("elsewhere/y.kdl", "a   b"),
    ] {
        std::fs::create_dir_all(root.join(path).parent().unwrap()).unwrap();
        std::fs::write(root.join(path), text).unwrap();
    }
    (keep, root)
}

#[test]
fn all_files_of_the_project_are_laid_out_and_no_others() {
    let (_keep, root) = project();
    let read = |path: &str| std::fs::read_to_string(root.join(path)).unwrap();
    let untouched = root.join("manifests/kernels/known-bad/k.kdl");
    let before = std::fs::metadata(&untouched).unwrap().ino();
    std::fs::set_permissions(root.join("manifests/x.kdl"), PermissionsExt::from_mode(0o640)).unwrap();

    let (code, out, _) = fmt(&root, &[]);
    assert_eq!((code, out.as_str()), (Some(0), "laid out manifests/boards/b.kdl\nlaid out manifests/x.kdl\n"));
    assert_eq!(
        (read("manifests/x.kdl").as_str(), read("manifests/boards/b.kdl").as_str()),
        (LAID_OUT, "board version=1\n")
    );
    assert_eq!(
        read("manifests/.hidden.kdl") + &read("elsewhere/y.kdl") + &read("manifests/notes.txt"),
        "a   ba   ba   b"
    );
    assert_eq!(std::fs::metadata(&untouched).unwrap().ino(), before, "written without need");
    assert_eq!(std::fs::metadata(root.join("manifests/x.kdl")).unwrap().mode() & 0o777, 0o640);
    assert!(!root.join("home").exists(), "`fmt` needs no store");
    assert_eq!(fmt(&root, &[]), (Some(0), String::new(), String::new()));
}

#[test]
fn check_says_what_would_change_and_changes_nothing() {
    let (_keep, root) = project();
    let (code, out, err) = fmt(&root, &["--check", "manifests/x.kdl"]);
    assert_eq!(code, Some(1), "{err}");
    for line in
        ["would change manifests/x.kdl", "     1 - manifest  version=1 // one", "     1 + manifest version=1 // one"]
    {
        assert!(out.lines().any(|shown| shown == line), "no `{line}` in {out}");
    }
    assert!(err.contains("1 file is not laid out") && err.contains("deployctl fmt"), "{err}");
    assert_eq!(std::fs::read_to_string(root.join("manifests/x.kdl")).unwrap(), ODD);
    assert_eq!(fmt(&root, &["--check", "manifests/kernels"]).0, Some(0));
}

#[test]
fn a_file_with_a_mistake_is_left_alone_and_the_others_are_not() {
    let (_keep, root) = project();
    std::fs::write(root.join("manifests/a.kdl"), "a   {\n  b true\n}").unwrap();
    let (code, out, err) = fmt(&root, &["manifests"]);
    assert_eq!(code, Some(3), "{err}");
    assert!(err.contains("manifests/a.kdl:2:5") && err.contains("`true` needs a hash"), "{err}");
    assert!(out.contains("laid out manifests/x.kdl"), "{out}");
    assert_eq!(std::fs::read_to_string(root.join("manifests/a.kdl")).unwrap(), "a   {\n  b true\n}");
    assert_eq!(fmt(&root, &["nowhere.kdl"]).0, Some(2));
    assert_eq!(fmt(&root.join("manifests/kernels/known-bad"), &["."]).0, Some(0));
}

#[test]
fn a_link_to_a_file_stays_one() {
    let (_keep, root) = project();
    symlink("../elsewhere/y.kdl", root.join("manifests/z.kdl")).unwrap();
    assert_eq!(fmt(&root, &["manifests/z.kdl"]).0, Some(0));
    assert!(std::fs::symlink_metadata(root.join("manifests/z.kdl")).unwrap().is_symlink());
    assert_eq!(std::fs::read_to_string(root.join("elsewhere/y.kdl")).unwrap(), "a b\n");
}

#[test]
fn the_manifests_of_this_repository_are_laid_out() {
    let repository = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    assert_eq!(fmt(&repository, &["--check", "manifests"]), (Some(0), String::new(), String::new()));
}

#[test]
fn what_init_writes_is_laid_out() {
    let (_keep, root) = project();
    std::fs::copy(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/golden/sample.tflite"), root.join("sample.tflite"))
        .unwrap();
    let mut init = Command::new(env!("CARGO_BIN_EXE_deployctl"));
    init.args(["init", "sample.tflite", "--board", "mps2-an386", "--owner", "a b"]).current_dir(&root);
    assert!(init.output().unwrap().status.success());
    let made = std::fs::read_to_string(root.join("manifests/sample.kdl")).unwrap();
    assert!(made.contains("owner=\"a b\""));
    assert_eq!(fmt(&root, &["--check", "manifests/sample.kdl"]).0, Some(0), "{made}");
}
