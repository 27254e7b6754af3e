//! The binary away from its checkout, a full disk, two builds at once.

use std::path::Path;
use std::process::Command;

use crate::product::space::{DEPLOYCTL, Space, golden, has_sources, project, repository};

/// `unshare` gives a process its own mounts, where this test may use it.
fn can_unshare() -> bool {
    let can = Command::new("unshare").args(["--mount", "true"]).status().is_ok_and(|status| status.success());
    if !can {
        println!("SKIPPED: `unshare --mount` is not permitted here (it takes root)");
    }
    can
}

#[test]
fn the_binary_works_alone_with_its_checkout_hidden() {
    if !has_sources() || !can_unshare() {
        return;
    }
    let space = Space::new().file("sample.tflite", golden("sample.tflite"));
    std::fs::copy(DEPLOYCTL, space.path("deployctl")).unwrap();
    // An empty file system over the checkout: in this process's view it is gone. The build folder may lie elsewhere.
    let script = "mount -t tmpfs none \"$1\" && [ -z \"$(ls -A \"$1\")\" ] && cd \"$2\" && \
                  ./deployctl init sample.tflite --board host --owner me --store store && ./deployctl build --store store";
    let output = Command::new("unshare")
        .args(["--mount", "sh", "-c", script, "sh"])
        .args([repository().as_path(), &space.path("")])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && said.contains("sample on host: pass"),
        "{said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn a_full_disk_is_said_and_the_next_build_is_right() {
    if !has_sources() || !can_unshare() {
        return;
    }
    let space = project("host");
    std::fs::create_dir(space.path("small")).unwrap();
    let script = "mount -t tmpfs -o size=256k none small && \"$1\" build --store small/store; echo code $?; \
                  mount -o remount,size=1g small && \"$1\" build --store small/store; echo code $?";
    let output = Command::new("unshare")
        .args(["--mount", "sh", "-c", script, "sh", DEPLOYCTL])
        .current_dir(space.path(""))
        .output()
        .unwrap();
    let (said, complaint) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let codes: Vec<&str> = said.lines().filter_map(|line| line.strip_prefix("code ")).collect();
    assert_eq!(codes, ["6", "0"], "{said}{complaint}");
    assert!(complaint.contains("No space left on device"), "{complaint}");
    assert!(said.contains("sample on host: pass"), "{said}");
}

#[test]
#[ignore = "law 4 in `tests/e2e` has the same with more; `tests/all --full` has both"]
fn two_builds_at_once_share_one_store() {
    if !has_sources() {
        return;
    }
    let space = project("host");
    let own = space.path("store").to_str().unwrap().to_owned();
    let build = || space.start(Path::new(DEPLOYCTL), &["build"], &own).exits(0).says(&["sample on host: pass"]);
    std::thread::scope(|scope| {
        let other = scope.spawn(build);
        build();
        other.join().unwrap();
    });
    space.start(Path::new(DEPLOYCTL), &["build"], &own).exits(0).does_not_say(&["ran "]);
}
