//! `plan` says what `build` does, for one change after another; `rerun` has more of them.

use crate::space::{NAME, Space};

#[test]
fn law_6_foretold_plan_says_what_build_does() {
    let Some(space) = Space::new("host") else { return };
    assert_eq!(space.build_as_foretold().len(), 14, "from nothing");
    assert!(space.build_as_foretold().is_empty(), "twice");
    let edits = [
        ("800 B", "900 B"),
        ("seed=1", "seed=2"),
        ("runs 2", "runs 3"),
        ("audio@", "sound@"),
        ("\"0.1.0\"", "\"0.2.0\""),
        ("scale=0.5 ", "scale=0.25 "),
        ("scale=0.25 ", "scale=0.5 "),
    ];
    for (from, to) in edits {
        space.edit(NAME, from, to);
        assert!(!space.build_as_foretold().is_empty() || from == "scale=0.25 ", "{from} to {to}");
    }
}

#[test]
fn law_6_foretold_why_shows_the_field_old_and_new() {
    let Some(space) = Space::built("host") else { return };
    space.build("").succeeded();
    space.edit(NAME, "800 B", "900 B");
    space.run(&format!("why gate {NAME}")).failed(0, &["limits.budget: 800 → 900"]);
}
