//! Law 5: scratch folders come and go; a damaged artifact is noticed when it is consumed or copied out.

use deployctl_cache::{Engine, Error, Failure, Fault, Io, Store};

use crate::space::{Mix, Space, diamond, flip_a_byte, stored};

#[test]
fn law_5_contained_nothing_is_left_of_a_run() {
    let space = Space::new();
    space.build(&diamond(Mix::new("2")));
    for folder in ["work", "locks"] {
        assert_eq!(std::fs::read_dir(space.path("store/store-v1").join(folder)).unwrap().count(), 0, "{folder}");
    }
}

#[test]
fn law_5_contained_a_damaged_artifact_is_made_again_when_it_is_consumed() {
    for remove in [false, true] {
        let space = Space::new();
        let object = space.object(&Mix::new("1").mixed(&[]));
        space.build(&diamond(Mix::new("2")));
        if remove {
            std::fs::remove_file(&object).unwrap();
        } else {
            flip_a_byte(&object);
        }
        assert!(space.ran(&diamond(Mix::new("2"))).is_empty(), "nobody looks at it");
        assert_eq!(space.ran(&diamond(Mix::new("new"))), ["one", "two", "four"]);
        assert!(space.heard("damaged one"));
        assert_eq!(std::fs::read(object).unwrap(), Mix::new("1").mixed(&[]));
        let clean = Space::new();
        clean.build(&diamond(Mix::new("2")));
        clean.build(&diamond(Mix::new("new")));
        assert_eq!(stored(&space.path("store")), stored(&clean.path("store")));
    }
}

#[test]
fn law_5_contained_check_rereads_everything() {
    let mut space = Space::new();
    space.build(&diamond(Mix::new("2")));
    flip_a_byte(&space.object(&Mix::new("1").mixed(&[])));
    space.options.check = true;
    assert_eq!(space.ran(&diamond(Mix::new("2"))), ["one"]);
    assert!(space.ran(&diamond(Mix::new("2"))).is_empty());
}

#[test]
fn law_5_contained_a_damaged_artifact_is_made_again_when_it_is_copied_out() {
    let space = Space::new();
    let (graph, object) = (diamond(Mix::new("2")), space.object(&Mix::new("1").mixed(&[])));
    let mut outcome = space.build(&graph);
    let (store, one) = (space.store(), graph.find("one").unwrap());
    let engine = Engine::new(&store, space.options.clone());
    flip_a_byte(&object);
    engine.materialize(&graph, &mut outcome, &space.path("out"), &[(one, "/", "a")], &|_| ()).unwrap();
    assert_eq!(std::fs::read(space.path("out/a/out.txt")).unwrap(), Mix::new("1").mixed(&[]));
    flip_a_byte(&object);
    let read = engine.artifact(&graph, &mut outcome, one, "out.txt", &|_| ()).unwrap();
    assert_eq!(read, Mix::new("1").mixed(&[]));
    flip_a_byte(&object);
    assert!(matches!(outcome.artifact(one, "out.txt"), Err(Error::Damaged { .. })));
    assert_eq!(space.ran(&graph), ["one"], "an error, and the next build mends it");
}

#[test]
fn law_5_contained_a_damaged_record_is_no_record() {
    let space = Space::new();
    let outcome = space.build(&diamond(Mix::new("2")));
    let key = outcome.keys().next().unwrap().to_hex();
    flip_a_byte(&space.path(&format!("store/store-v1/records/{}/{}.json", &key[..2], &key[2..])));
    std::fs::remove_dir_all(space.path("store/store-v1/index")).unwrap();
    assert_eq!(space.ran(&diamond(Mix::new("2"))), ["one"]);
}

#[test]
fn law_5_contained_a_read_only_store_serves_and_says_when_it_cannot() {
    let space = Space::new();
    space.build(&diamond(Mix::new("2")));
    let store = Store::open_with(&space.path("store"), Io::faulty(Fault::ReadOnly)).unwrap();
    let engine = Engine::new(&store, space.options.clone());
    let warned = |event: deployctl_cache::Event<'_>| assert!(!matches!(event, deployctl_cache::Event::Warning { .. }));
    assert!(engine.build(&diamond(Mix::new("2")), &warned).unwrap().ran().is_empty());
    let Err(Failure::Stages { failed, .. }) = engine.build(&diamond(Mix::new("new")), &|_| ()) else {
        panic!("it should fail")
    };
    let message = failed[0].error.to_string();
    assert!(message.starts_with("cannot lock `"), "{message}");
    assert!(
        message.ends_with(
            "read-only filesystem or storage medium; make the place writable and readable, or use another store"
        ),
        "{message}"
    );
    let absent = Store::open_with(&space.path("absent"), Io::faulty(Fault::ReadOnly)).unwrap_err();
    assert!(absent.is_read_only());
}
