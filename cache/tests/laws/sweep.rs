//! The sweep removes what nobody needs and nothing else.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use deployctl_cache::gc::{Sweep, Swept, gc};
use deployctl_cache::{Digest, Engine, Error, Graph};

use crate::space::{Habit, Mix, Space, diamond, stored};

fn age(space: &Space, key: Digest, days: u64) {
    let key = key.to_hex();
    let path = space.path(&format!("store/store-v1/records/{}/{}.json", &key[..2], &key[2..]));
    let time = SystemTime::now() - Duration::from_secs(days * 86_400);
    std::fs::File::open(path).unwrap().set_modified(time).unwrap();
}

/// Sweeps. Other tests of this program start processes: until such a child has become another program it holds what the
/// program had open, a lock that was just let go too.
fn swept(space: &Space, sweep: &Sweep) -> Result<Swept, Error> {
    for _ in 0..200 {
        match gc(&space.store(), sweep) {
            Err(Error::Busy(_)) => std::thread::sleep(Duration::from_millis(10)),
            other => return other,
        }
    }
    gc(&space.store(), sweep)
}

fn days(days: u64) -> Duration {
    Duration::from_secs(days * 86_400)
}

#[test]
fn only_what_is_old_and_unneeded_goes() {
    let space = Space::new();
    let old = space.build(&diamond(Mix::new("old")));
    let new = space.build(&diamond(Mix::new("new")));
    assert_eq!(swept(&space, &Sweep { older_than: days(30), keep: BTreeSet::new() }).unwrap(), Swept::default());
    old.keys().for_each(|key| age(&space, key, 40));
    let keep: BTreeSet<_> = new.keys().collect();
    let swept = swept(&space, &Sweep { older_than: days(30), keep }).unwrap();
    assert_eq!((swept.records, swept.objects), (2, 3), "two and four, their outputs, and the text `old`");
    assert!(space.ran(&diamond(Mix::new("new"))).is_empty());
    let clean = Space::new();
    clean.build(&diamond(Mix::new("new")));
    assert_eq!(stored(&space.path("store")), stored(&clean.path("store")));
    assert_eq!(space.ran(&diamond(Mix::new("old"))), ["two", "four"]);
}

#[test]
fn what_a_failed_stage_said_stays_for_a_while() {
    let space = Space::new();
    let graph = diamond(Mix::new("2").habit(Habit::Fails));
    let said = |graph: &Graph, node: &str| {
        let (store, id) = (space.store(), graph.find(node).unwrap());
        Engine::new(&store, space.options.clone()).said(graph, id).unwrap()
    };
    assert!(said(&graph, "two").is_empty(), "it has not run");
    assert!(space.try_build(&graph).is_err());
    assert_eq!(said(&graph, "two"), ["what comes before"]);
    assert_eq!(said(&graph, "one"), ["mixing 0 inputs"]);
    assert!(said(&graph, "four").is_empty(), "it has not run");
    let young = Sweep { older_than: days(30), keep: BTreeSet::new() };
    assert_eq!(swept(&space, &young).unwrap(), Swept::default());
    assert_eq!(said(&graph, "two"), ["what comes before"]);
    // Mended, it says what it says now; changed, what it said when it last ran.
    space.build(&diamond(Mix::new("2")));
    assert_eq!(said(&diamond(Mix::new("2")), "two"), ["mixing 1 inputs"]);
    assert_eq!(said(&diamond(Mix::new("other")), "two"), ["mixing 1 inputs"]);
    assert!(space.try_build(&diamond(Mix::new("third").habit(Habit::Fails))).is_err());
    let third = diamond(Mix::new("third"));
    assert_eq!(said(&third, "two"), ["what comes before"]);
    std::thread::sleep(Duration::from_millis(20));
    swept(&space, &Sweep::default()).unwrap();
    assert!(said(&third, "two").is_empty());
}

#[test]
fn everything_may_go_and_comes_again() {
    let space = Space::new();
    let all = space.build(&diamond(Mix::new("2")));
    all.keys().for_each(|key| age(&space, key, 1));
    assert_eq!(swept(&space, &Sweep::default()).unwrap().records, 4);
    assert!(stored(&space.path("store")).is_empty());
    assert_eq!(space.ran(&diamond(Mix::new("2"))).len(), 4);
}

#[test]
fn not_while_a_build_is_on() {
    let space = Space::new();
    let store = space.store();
    let in_use = std::fs::File::create(space.path("store/store-v1/in-use")).unwrap();
    in_use.lock_shared().unwrap();
    assert!(matches!(gc(&store, &Sweep::default()), Err(Error::Busy(_))));
    drop(in_use);
    swept(&space, &Sweep::default()).unwrap();
}
