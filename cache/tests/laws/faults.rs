//! Every file-system call fails once, with every kind of error: the result is a clear error or success, and the next
//! build is correct.

use std::io::ErrorKind;

use camino::Utf8Path;
use deployctl_cache::{BoxError, Engine, Failure, Fault, Graph, Io, Options, Store};

use crate::space::{Mix, Mixes, Space, stored};

fn graph(store: &Store, source: &Utf8Path, text: &str) -> Result<Graph, BoxError> {
    let mut mixes = Mixes::default();
    mixes.add("one", Mix::new("1").file(store.file(source)?), &[]);
    mixes.add("two", Mix::new(text), &["one"]);
    Ok(mixes.0)
}

/// One whole use of the store: open, digest a file, build, put into a folder.
fn make(space: &Space, text: &str, io: Io) -> Result<(), BoxError> {
    let store = Store::open_with(&space.path("store"), io)?;
    let graph = graph(&store, &space.path("source"), text)?;
    let engine = Engine::new(&store, Options { jobs: 1, ..Options::default() });
    let mut outcome = engine.build(&graph, &|_| ())?;
    let (one, two) = (graph.find("one").unwrap_or(graph.ids().next().ok_or("no stage")?), graph.find("two"));
    let wanted = [(one, "out.txt", "one.txt"), (two.unwrap_or(one), "/", text)];
    engine.materialize(&graph, &mut outcome, &space.path("out"), &wanted, &|_| ())?;
    store.save_memo()?;
    Ok(())
}

/// Everything in a folder, relative.
fn tree(folder: &Utf8Path) -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(at) = folders.pop() {
        for entry in at.read_dir_utf8().unwrap() {
            let path = entry.unwrap().into_path();
            if path.is_dir() {
                folders.push(path);
            } else {
                files.push((path.strip_prefix(folder).unwrap().to_string(), std::fs::read(&path).unwrap()));
            }
        }
    }
    files.sort();
    files
}

/// A space with a source, with or without an earlier build that left a person's files in `out`.
fn prepared(warm: bool) -> Space {
    let space = Space::new();
    space.write("source", "content");
    if warm {
        make(&space, "before", Io::real()).unwrap();
        space.write("out/target/debug/app", "an ELF");
        space.write("out/notes.md", "mine");
        space.write("out/one.txt", "changed by hand");
    }
    space
}

fn every_call_fails_once(warm: bool) {
    let clean = prepared(warm);
    let counting = Io::real();
    make(&clean, "after", counting.clone()).unwrap();
    let expected = (tree(&clean.path("out")), stored(&clean.path("store")));
    let calls = counting.calls();
    assert!(calls > 60, "{calls}");
    let (mut errors, mut successes) = (0, 0);
    for call in 1..=calls {
        for kind in [ErrorKind::StorageFull, ErrorKind::ReadOnlyFilesystem, ErrorKind::InvalidData] {
            let space = prepared(warm);
            match make(&space, "after", Io::faulty(Fault::Once { call, kind })) {
                Ok(()) => successes += 1,
                Err(error) => {
                    errors += 1;
                    let text = match error.downcast_ref() {
                        Some(Failure::Stages { failed, .. }) => failed[0].error.to_string(),
                        _ => error.to_string(),
                    };
                    assert!(text.starts_with("cannot ") && text.contains('`'), "call {call}, {kind}: {text}");
                }
            }
            make(&space, "after", Io::real()).unwrap_or_else(|error| panic!("call {call}, {kind}: {error}"));
            assert_eq!(tree(&space.path("out")), expected.0, "call {call}, {kind}");
            assert_eq!(stored(&space.path("store")), expected.1, "call {call}, {kind}");
            let beside: Vec<_> = space.folder.path().read_dir().unwrap().map(|e| e.unwrap().file_name()).collect();
            assert_eq!(beside.len(), 3, "call {call}, {kind}: {beside:?}");
        }
    }
    assert!(errors > calls && successes > 0, "{errors} errors, {successes} successes");
}

#[test]
fn law_4_crash_safe_every_call_fails_once_in_a_first_build() {
    every_call_fails_once(false);
}

#[test]
fn law_4_crash_safe_every_call_fails_once_in_a_later_build() {
    every_call_fails_once(true);
}
