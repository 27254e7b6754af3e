//! Two builds at once share one store, failures are never recorded. Kills are in `tests/kill`.

use crate::space::{NAME, Ran, Space};

#[test]
fn law_4_crash_safe_two_builds_at_once_share_one_store() {
    let Some(space) = Space::new("host") else { return };
    let children = [1, 2].map(|jobs| space.start(&format!("--json build {NAME} -j {jobs}")));
    let both = children.map(|child| Ran::from(child.wait_with_output().unwrap()).succeeded());
    assert!(both[0].ran().is_disjoint(&both[1].ran()), "a stage ran twice");
    assert_eq!(both[0].ran().len() + both[1].ran().len(), 14);
    assert!(space.build("--check").succeeded().ran().is_empty());
}

#[test]
fn law_4_crash_safe_a_failure_is_not_recorded_and_leaves_old_results() {
    let Some(space) = Space::built("host") else { return };
    space.build("").succeeded();
    let out = space.out();
    space.wrap("cc", "case \"$*\" in *-print-*|*--version*) exec REAL \"$@\";; esac\nexit 1");
    space.build("").failed(5, &["cc"]);
    space.build("").failed(5, &["cc"]);
    assert!(space.out() == out, "a failed build changed `out/`");
    space.env("PATH", &std::env::var("PATH").unwrap());
    assert!(space.build("").succeeded().ran().is_empty());
}
