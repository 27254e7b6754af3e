//! Law 1: a stage sees its declared inputs and nothing else, and its key is their content.

use deployctl_cache::{Engine, Error, Failure, Forecast, Graph, Input};

use crate::space::{Habit, Mix, Mixes, Space, diamond};

#[test]
fn law_1_hermetic_an_undeclared_input_is_refused() {
    let space = Space::new();
    let mut mixes = Mixes::default();
    mixes.add("one", Mix::new("1").habit(Habit::ReadsUndeclared), &[]);
    let failure = space.try_build(&mixes.0).unwrap_err();
    let expected = "stage `one` failed: stage `one` has no input `undeclared`; declare it in the graph";
    assert_eq!(failure.to_string(), expected);
}

#[test]
fn law_1_hermetic_a_key_sees_contents_and_not_upstream_keys() {
    let space = Space::new();
    let (one, two) = (diamond(Mix::new("x").coarse(1)), diamond(Mix::new("y").coarse(1)));
    let (one, two) = (space.build(&one), space.build(&two));
    let key = |outcome: &deployctl_cache::Outcome, at| outcome.keys().nth(at);
    assert_ne!(key(&one, 1), key(&two, 1), "the changed stage");
    assert_eq!(key(&one, 3), key(&two, 3), "the one after it, which gets the same bytes");
}

#[test]
fn law_1_hermetic_a_file_counts_by_its_content_wherever_it_lies() {
    let space = Space::new();
    let build = |path: &str, content: &str| {
        let file = space.store().file(&space.write(path, content)).unwrap();
        let mut mixes = Mixes::default();
        mixes.add("one", Mix::new("1").file(file), &[]);
        space.ran(&mixes.0)
    };
    assert_eq!(build("here/a", "content"), ["one"]);
    assert!(build("there/deeper/b", "content").is_empty());
    assert_eq!(build("here/a", "other"), ["one"]);
}

#[test]
fn law_1_hermetic_a_file_that_changes_while_building_is_an_error() {
    let space = Space::new();
    let path = space.write("a", "content");
    let file = space.store().file(&path).unwrap();
    space.write("a", "altered");
    let mut mixes = Mixes::default();
    mixes.add("one", Mix::new("1").file(file), &[]);
    let Err(Failure::Stages { failed, .. }) = space.try_build(&mixes.0) else { panic!("it should fail") };
    assert!(matches!(failed[0].error.downcast_ref(), Some(Error::Changed(changed)) if *changed == path));
}

#[test]
fn law_1_hermetic_a_tree_counts_by_relative_paths_and_contents() {
    let space = Space::new();
    for root in ["x", "y/z"] {
        space.write(&format!("{root}/src/a.c"), "a");
        space.write(&format!("{root}/src/b.c"), "b");
        space.write(&format!("{root}/.git/HEAD"), root);
    }
    let store = space.store();
    let tree = |root: &str| store.tree(&space.path(root), |path| !path.starts_with(".git")).unwrap();
    let (x, y) = (tree("x"), tree("y/z"));
    assert_eq!(x.digest(), y.digest());
    assert_eq!(x.files().iter().map(|(path, _)| path.as_str()).collect::<Vec<_>>(), ["src/a.c", "src/b.c"]);
    assert_eq!(x.bytes("src/b.c".into()).unwrap(), b"b");
    std::fs::rename(space.path("x/src/b.c"), space.path("x/src/c.c")).unwrap();
    assert_ne!(tree("x").digest(), y.digest());
    assert!(matches!(x.bytes("src/b.c".into()), Err(Error::Changed(_))));
}

#[test]
fn law_1_hermetic_why_shows_the_field_that_changed() {
    let space = Space::new();
    space.build(&diamond(Mix::new("old").coarse(2)));
    let graph = diamond(Mix::new("new").coarse(2));
    let (store, id) = (space.store(), graph.find("two").unwrap());
    let engine = Engine::new(&store, space.options.clone());
    let why = engine.why(&graph, id).unwrap();
    let shown: Vec<_> = why.fields.iter().map(|f| (f.name.as_str(), f.old.as_deref(), f.is_changed())).collect();
    let one = space.build(&graph).outputs(graph.find("one").unwrap())[1].digest.to_hex();
    let expected = [
        ("stage", Some("mix"), false),
        ("stage-version", Some("1"), false),
        ("text", Some("old"), true),
        ("coarse", Some("2"), false),
        ("file", Some("none"), false),
        ("a", Some(one.as_str()), false),
    ];
    assert_eq!(shown, expected);
    let Forecast::Run { changed } = why.forecast else { panic!("{:?}", why.forecast) };
    assert_eq!((changed.len(), changed[0].new.as_deref()), (1, Some("new")));
    assert_eq!(engine.why(&graph, id).unwrap().forecast, Forecast::Reuse);
}

#[test]
fn law_1_hermetic_an_input_that_nobody_makes_is_named() {
    let space = Space::new();
    let mut graph = Graph::new();
    let from = graph.add("one", Box::new(Mix::new("1")), vec![]);
    let input = Input { name: "a", from, path: "absent.json".into() };
    graph.add("two", Box::new(Mix::new("2")), vec![input]);
    let failure = space.try_build(&graph).unwrap_err().to_string();
    let expected = "input `a` of stage `two` wants `absent.json`, which `one` did not make; \
                    it made `more/text.txt`, `out.txt`";
    assert!(failure.contains(expected), "{failure}");
}
