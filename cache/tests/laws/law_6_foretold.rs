//! Law 6: `plan` says what `build` does, over random graphs and edits.

use std::collections::BTreeSet;

use deployctl_cache::{Engine, Forecast, Graph, Options, Status, Store};
use proptest::prelude::*;

use crate::space::{Mix, Mixes, Space};

/// A stage: its text, how coarse its output is, and which earlier stages it reads.
#[derive(Debug, Clone)]
struct Plan {
    text: u8,
    coarse: Option<u8>,
    from: BTreeSet<usize>,
}

fn plans() -> impl Strategy<Value = Vec<Plan>> {
    let stage = (0..4_u8, proptest::option::of(1..3_u8), proptest::collection::vec(any::<usize>(), 0..4));
    proptest::collection::vec(stage, 1..12).prop_map(|stages| {
        let plan = |(at, (text, coarse, from)): (usize, (u8, Option<u8>, Vec<usize>))| Plan {
            text,
            coarse,
            from: from.into_iter().filter(|_| at > 0).map(|from| from % at.max(1)).collect(),
        };
        stages.into_iter().enumerate().map(plan).collect()
    })
}

fn mix(plan: &Plan) -> Mix {
    Mix { coarse: plan.coarse, ..Mix::new(&plan.text.to_string()) }
}

fn graph(plans: &[Plan]) -> Graph {
    let mut mixes = Mixes::default();
    for (at, plan) in plans.iter().enumerate() {
        let from: Vec<String> = plan.from.iter().map(usize::to_string).collect();
        mixes.add(&at.to_string(), mix(plan), &from.iter().map(String::as_str).collect::<Vec<_>>());
    }
    mixes.0
}

/// What the stages make, reckoned without the engine.
fn reckon(plans: &[Plan]) -> Vec<Vec<u8>> {
    let mut made: Vec<Vec<u8>> = Vec::new();
    for plan in plans {
        let inputs: Vec<_> = plan.from.iter().map(|from| made[*from].clone()).collect();
        made.push(mix(plan).mixed(&inputs));
    }
    made
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn law_6_foretold_build_does_what_plan_says(
        mut plans in plans(),
        edits in proptest::collection::vec((any::<usize>(), 0..4_u8, any::<bool>()), 1..4),
        order in 0..4_u64,
        jobs in 1..4_usize,
    ) {
        let space = Space::new();
        let store = Store::open(&space.path("store")).unwrap();
        let engine = Engine::new(&store, Options { jobs, order, ..Options::default() });
        let mut built = BTreeSet::new();
        for (at, text, append) in std::iter::once((0, plans[0].text, false)).chain(edits) {
            let at = at % plans.len();
            plans[at].text = text;
            if append {
                let last = plans.len() - 1;
                plans.push(Plan { text, coarse: None, from: BTreeSet::from([last]) });
            }
            let graph = graph(&plans);
            let forecasts = engine.plan(&graph).unwrap();
            let outcome = engine.build(&graph, &|_| ()).unwrap();
            for ((id, forecast), made) in graph.ids().zip(&forecasts).zip(reckon(&plans)) {
                let (status, key) = (outcome.status(id).unwrap(), outcome.key(id).unwrap());
                match forecast {
                    Forecast::Reuse => prop_assert_eq!(status, Status::Reused),
                    Forecast::Run { changed } => {
                        prop_assert_eq!(status, Status::Ran);
                        prop_assert!(!changed.is_empty());
                    }
                    Forecast::Maybe { because } => {
                        prop_assert!(*because < id);
                        prop_assert!(forecasts[graph.ids().position(|id| id == *because).unwrap()] != Forecast::Reuse);
                    }
                }
                prop_assert_eq!(outcome.artifact(id, "out.txt").unwrap(), made);
                // A stage runs only if its key is new, and a new key is run by exactly one stage.
                prop_assert!(status == Status::Reused || !built.contains(&key));
            }
            let ran: Vec<_> = outcome.ran().into_iter().filter_map(|id| outcome.key(id)).collect();
            let once: BTreeSet<_> = ran.iter().copied().collect();
            prop_assert_eq!(ran.len(), once.len());
            for key in outcome.keys() {
                prop_assert!(built.contains(&key) || once.contains(&key));
                built.insert(key);
            }
            prop_assert!(engine.plan(&graph).unwrap().iter().all(|forecast| *forecast == Forecast::Reuse));
        }
    }
}

#[test]
fn law_6_foretold_plan_writes_nothing() {
    let space = Space::new();
    let store = space.store();
    let before = std::fs::read_dir(store.root().join("work")).unwrap().count();
    Engine::new(&store, Options::default()).plan(&crate::space::diamond(Mix::new("2"))).unwrap();
    assert_eq!(std::fs::read_dir(store.root().join("work")).unwrap().count(), before);
    assert!(crate::space::stored(&space.path("store")).is_empty());
}

#[test]
fn law_6_foretold_the_first_of_two_with_one_key_runs_in_any_order() {
    for order in 0..16 {
        let space = Space { options: Options { jobs: 1, order, ..Options::default() }, ..Space::new() };
        let build = |text: &str, more: bool| {
            let mut mixes = Mixes::default();
            for name in ["x", "y"] {
                mixes.add(name, Mix::new(name).coarse(1), &[]);
            }
            mixes.add("first", Mix::new(text), &["x"]);
            if more {
                mixes.add("known twin", Mix::new(text), &["y"]);
                mixes.add("runs", Mix::new("z").coarse(1), &[]);
                mixes.add("twin in the end", Mix::new(text), &["runs"]);
            }
            space.ran(&mixes.0)
        };
        build("old", false);
        assert_eq!(build("new", true), ["first", "runs"], "order {order}");
    }
}
