//! Law 4: two builds at once share a store, and what a killed one left does no harm. See also `faults` and `kills`.

use std::sync::atomic::{AtomicU32, Ordering};

use deployctl_cache::{Event, Options, Status};

use crate::space::{Habit, Mix, Mixes, Space};

#[test]
fn law_4_crash_safe_two_builds_at_once_make_everything_once() {
    let space = Space::new();
    let (ran, waited) = (AtomicU32::new(0), AtomicU32::new(0));
    let build = |order| {
        let store = space.store();
        let mut mixes = Mixes::default();
        for at in 0..8 {
            let from = format!("{}", at - 1);
            let from: &[&str] = if at % 4 == 0 { &[] } else { &[from.as_str()] };
            mixes.add(&at.to_string(), Mix::new(&at.to_string()).habit(Habit::Sleeps(10)), from);
        }
        let engine = deployctl_cache::Engine::new(&store, Options { jobs: 2, order, ..Options::default() });
        let hear = |event: Event<'_>| match event {
            Event::Finished { status: Status::Ran, .. } => _ = ran.fetch_add(1, Ordering::SeqCst),
            Event::Waiting { .. } => _ = waited.fetch_add(1, Ordering::SeqCst),
            _ => {}
        };
        engine.build(&mixes.0, &hear).unwrap().keys().collect::<Vec<_>>()
    };
    let (one, two, three) = std::thread::scope(|scope| {
        let (one, two) = (scope.spawn(|| build(0)), scope.spawn(|| build(1)));
        (one.join().unwrap(), two.join().unwrap(), build(2))
    });
    assert_eq!(one, two);
    assert_eq!(one, three);
    assert_eq!(ran.load(Ordering::SeqCst), 8);
    assert!(waited.load(Ordering::SeqCst) > 0, "the builds did not meet");
}

#[test]
fn law_4_crash_safe_leftovers_of_the_dead_go_and_of_the_living_stay() {
    let space = Space::new();
    space.store();
    space.write("store/store-v1/work/1-0-dead/3/out/big", "x");
    space.write("store/store-v1/work/1-0-dead.lock", "");
    space.write("store/store-v1/work/2-0-orphan/0", "x");
    space.write("store/store-v1/work/3-0-alive/0", "x");
    let alive = std::fs::File::create(space.path("store/store-v1/work/3-0-alive.lock")).unwrap();
    alive.lock().unwrap();
    space.store();
    let mut left: Vec<_> =
        space.path("store/store-v1/work").read_dir_utf8().unwrap().map(|e| e.unwrap().file_name().to_owned()).collect();
    left.sort();
    assert_eq!(left, ["3-0-alive", "3-0-alive.lock"]);
}
