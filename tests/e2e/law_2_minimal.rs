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
