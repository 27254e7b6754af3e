//! Law 3: same inputs, same bytes, in any folder and order.

use std::sync::Arc;
use std::sync::atomic::AtomicU32;

use deployctl_cache::{Error, Failure, Options};

use crate::space::{Habit, Mix, Mixes, Space, diamond, stored};

#[test]
fn law_3_reproducible_in_another_folder_order_and_job_count() {
    let build = |jobs, order| {
        let space = Space { options: Options { jobs, order, ..Options::default() }, ..Space::new() };
        let mut mixes = Mixes::default();
        for at in 0..12_u32 {
            let from: Vec<String> = (0..at).filter(|i| at % (i + 2) == 0).take(3).map(|i| i.to_string()).collect();
            let from: Vec<&str> = from.iter().map(String::as_str).collect();
            let file = space.store().file(&space.write(&format!("in/{at}"), format!("{at}"))).unwrap();
            mixes.add(&at.to_string(), Mix::new(&format!("t{}", at % 5)).file(file), &from);
        }
        space.build(&mixes.0);
        stored(&space.path("store"))
    };
    let first = build(1, 0);
    assert!(first.len() > 20);
    for (jobs, order) in [(1, 7), (2, 0), (4, 1), (8, 2)] {
        assert_eq!(build(jobs, order), first, "{jobs} jobs, order {order}");
    }
}

#[test]
fn law_3_reproducible_verify_names_stage_and_file() {
    let mut space = Space::new();
    let count = Arc::new(AtomicU32::new(0));
    let graph = diamond(Mix::new("2").habit(Habit::Counts(Arc::clone(&count))));
    space.build(&graph);
    space.options.verify = true;
    let Err(Failure::Stages { failed, finished, .. }) = space.try_build(&graph) else { panic!("it should fail") };
    let Some(Error::NotReproducible { node, path, between }) = failed[0].error.downcast_ref() else {
        panic!("{}", failed[0].error)
    };
    assert_eq!((node.as_str(), path.as_str(), *between), ("two", "out.txt", "two runs"));
    assert_eq!(finished.ran().len(), 2);
}

#[test]
fn law_3_reproducible_verify_passes_what_is() {
    let mut space = Space::new();
    space.build(&diamond(Mix::new("2")));
    let before = stored(&space.path("store"));
    space.options.verify = true;
    assert_eq!(space.ran(&diamond(Mix::new("2"))).len(), 4);
    assert_eq!(stored(&space.path("store")), before);
}
