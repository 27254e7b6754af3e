//! What is made is not made again, and still answers.

use crate::space::{NAME, Space};

#[test]
fn law_2_minimal_a_second_build_runs_nothing_and_gives_the_verdict() {
    let Some(space) = Space::built("host") else { return };
    let second = space.build("").succeeded();
    assert!(second.ran().is_empty(), "{:?}", second.ran());
    assert_eq!(second.verdict(), "pass");
}

#[test]
fn law_2_minimal_a_failed_gate_is_a_result_and_fails_again_without_a_stage() {
    let Some(space) = Space::built("host") else { return };
    space.edit(NAME, "800 B", "64 B");
    let first = space.build("").failed(1, &["fail"]);
    assert_eq!(first.ran().len(), 3, "{:?}", first.ran());
    let second = space.build("").failed(1, &["fail"]);
    assert!(second.ran().is_empty() && second.verdict() == "fail", "{second:?}");
}

#[test]
fn law_2_minimal_deleted_results_come_back_without_a_stage() {
    let Some(space) = Space::built("host") else { return };
    space.build("").succeeded();
    let out = space.out();
    std::fs::remove_file(space.path("out/sample/host/app.elf")).unwrap();
    assert!(space.build("").succeeded().ran().is_empty() && space.out() == out);
    std::fs::remove_dir_all(space.path("out")).unwrap();
    assert!(space.build("").succeeded().ran().is_empty() && space.out() == out);
}

/// The firmware's crates are compiled once: a project that uses them finds them fresh. Where their sources have moved they
/// are compiled again, which is said, and gives the same bytes.
fn crates_are_compiled_once(target: &str) {
    let (Some(space), Some(moved)) = (Space::built(target), Space::built(target)) else { return };
    let bump = |space: &Space| space.edit(NAME, "version=\"0.1.0\"", "version=\"0.2.0\"").build("").succeeded();
    let ran = bump(&space);
    let names = ran.ran();
    assert!(names.iter().any(|node| node.ends_with("/compile")), "{names:?}");
    assert!(!names.iter().any(|node| node.ends_with("/crates")), "{names:?}");
    assert!(!ran.text.contains("compiled again"), "{}", ran.text);

    moved.own_sources();
    let again = bump(&moved);
    assert!(again.text.contains("compiled again, since its sources have moved: "), "{}", again.text);
    assert!(space.result("app.elf") == moved.result("app.elf"), "another image");
}

#[test]
fn law_2_minimal_crates_are_compiled_once_for_the_host() {
    crates_are_compiled_once("host");
}

#[test]
#[ignore = "the host has the same in the plain run; `tests/all --full` has both"]
fn law_2_minimal_crates_are_compiled_once_for_the_board() {
    crates_are_compiled_once("mps2-an386");
}
