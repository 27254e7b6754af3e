//! Law 2: what has not changed does not run.

use deployctl_cache::{Engine, Event};

use crate::space::{Habit, Mix, Mixes, Space, diamond};

#[test]
fn law_2_minimal_a_second_build_runs_nothing() {
    let space = Space::new();
    assert_eq!(space.ran(&diamond(Mix::new("2"))), ["one", "two", "three", "four"]);
    assert!(space.ran(&diamond(Mix::new("2"))).is_empty());
    std::fs::remove_dir_all(space.path("store/store-v1/index")).unwrap();
    assert!(space.ran(&diamond(Mix::new("2"))).is_empty(), "the records alone are enough");
}

#[test]
fn law_2_minimal_each_stage_ends_once() {
    let space = Space::new();
    let graph = diamond(Mix::new("2"));
    for _ in 0..2 {
        let ended = std::sync::Mutex::new(Vec::new());
        let hear = |event: Event<'_>| {
            if let Event::Finished { node, .. } = event {
                ended.lock().unwrap().push(node.to_owned());
            }
        };
        Engine::new(&space.store(), space.options.clone()).build(&graph, &hear).unwrap();
        let mut ended = ended.into_inner().unwrap();
        ended.sort();
        assert_eq!(ended, ["four", "one", "three", "two"]);
    }
}

#[test]
fn law_2_minimal_a_changed_field_reruns_those_that_read_it() {
    let space = Space::new();
    space.build(&diamond(Mix::new("2")));
    assert_eq!(space.ran(&diamond(Mix::new("2b"))), ["two", "four"]);
    assert!(space.ran(&diamond(Mix::new("2"))).is_empty(), "back again");
    let raised = Mix { version: 2, ..Mix::new("2") };
    assert_eq!(space.ran(&diamond(raised)), ["two"], "a version counts, but its bytes are the same");
}

#[test]
fn law_2_minimal_the_same_bytes_end_a_change() {
    let space = Space::new();
    space.build(&diamond(Mix::new("x").coarse(1)));
    assert_eq!(space.ran(&diamond(Mix::new("y").coarse(1))), ["two"]);
}

#[test]
fn law_2_minimal_two_nodes_with_one_key_run_once() {
    let mut space = Space::new();
    let mut mixes = Mixes::default();
    for name in ["kws/kernels", "vww/kernels", "ad/kernels"] {
        mixes.add(name, Mix::new("same").habit(Habit::Sleeps(5)), &[]);
    }
    assert_eq!(space.ran(&mixes.0), ["kws/kernels"]);
    space.options.force = true;
    assert_eq!(space.ran(&mixes.0), ["kws/kernels"]);
}

#[test]
fn law_2_minimal_a_failed_stage_stops_only_what_needs_it() {
    let space = Space::new();
    let failure = space.try_build(&diamond(Mix::new("2").habit(Habit::Fails))).unwrap_err();
    let deployctl_cache::Failure::Stages { failed, skipped, finished } = failure else { panic!("{failure}") };
    assert_eq!(failed.iter().map(|failed| failed.node.as_str()).collect::<Vec<_>>(), ["two"]);
    let graph = diamond(Mix::new("2"));
    assert_eq!(crate::space::names(&graph, &skipped), ["four"]);
    assert_eq!(crate::space::names(&graph, &finished.ran()), ["one", "three"]);
    assert_eq!(space.ran(&graph), ["two", "four"], "a failure is not recorded");
}

#[test]
fn law_2_minimal_a_stage_that_breaks_the_rules_fails() {
    let message = |habit| Space::new().try_build(&diamond(Mix::new("2").habit(habit))).unwrap_err().to_string();
    assert!(message(Habit::WritesNothing).contains("stage `two` wrote no output"));
    assert!(message(Habit::WritesTwice).contains("stage `two` writes `out.txt` twice"));
    assert!(message(Habit::Panics).contains("stage `two` panicked: as it should"));
}

#[test]
fn law_2_minimal_a_cancelled_build_ends_and_goes_on_later() {
    let space = Space::new();
    let graph = diamond(Mix::new("2").habit(Habit::WaitsForCancel));
    let cancel = space.options.cancel.clone();
    let built = std::thread::scope(|scope| {
        scope.spawn(move || {
            std::thread::sleep(std::time::Duration::from_millis(50));
            cancel.cancel();
        });
        space.try_build(&graph)
    });
    assert!(matches!(built, Err(deployctl_cache::Failure::Cancelled)));
    let later = Space { options: deployctl_cache::Options::default(), ..space };
    assert!(!later.ran(&diamond(Mix::new("2"))).contains(&"one".to_owned()));
}
