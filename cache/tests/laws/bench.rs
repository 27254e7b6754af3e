//! A build that does nothing over 2,400 stages. Run with `cargo test --release -p deployctl-cache --test laws bench --
//! --ignored --nocapture`.

use std::time::Instant;

use deployctl_cache::{Engine, Graph, Input, Store};

use crate::space::{Mix, NAMES, Space};

fn graph(store: &Store, space: &Space) -> Graph {
    let mut graph = Graph::new();
    for deployment in 0..200 {
        let file = store.file(&space.path(&format!("in/{deployment}"))).unwrap();
        let mut before = None;
        for at in 0..12 {
            let from: Vec<_> = before.into_iter().collect();
            let mut mix = Mix::new(&format!("{deployment} {at}")).file(file.clone());
            mix.inputs = NAMES[..from.len()].to_vec();
            let inputs = from.into_iter().map(|from| Input { name: "a", from, path: "out.txt".into() }).collect();
            before = Some(graph.add(format!("d{deployment}/host/s{at}"), Box::new(mix), inputs));
        }
    }
    graph
}

#[test]
#[ignore = "a measurement, not a test"]
fn no_op_of_2400_stages() {
    let space = Space::new();
    for deployment in 0..200 {
        space.write(&format!("in/{deployment}"), format!("{deployment}"));
    }
    std::thread::sleep(std::time::Duration::from_millis(2100));
    for round in 0..4 {
        let clock = Instant::now();
        let store = space.store();
        let graph = graph(&store, &space);
        let (planned, clock) = (clock.elapsed(), Instant::now());
        let outcome = Engine::new(&store, space.options.clone()).build(&graph, &|_| ()).unwrap();
        let (built, ran) = (clock.elapsed(), outcome.ran().len());
        println!("round {round}: open, digest files, make graph {planned:?}; build {built:?}; {ran} ran");
        if round == 2 {
            std::fs::remove_dir_all(space.path("store/store-v1/index")).unwrap();
            std::fs::create_dir(space.path("store/store-v1/index")).unwrap();
        }
    }
}
