//! Properties of the planner: sound, aligned, at or above the bound, never above greedy, and minimal where that can be known.

use proptest::prelude::*;

use super::*;
use crate::model::lower::{Call, Step};

fn buffer(size: usize, first: usize, last: usize) -> Buffer {
    Buffer { name: format!("{size}@{first}..{last}"), size, first, last }
}

/// LiteRT Micro's greedy plan, written from its description: largest first, lowest gap between those it meets.
fn greedy(buffers: &[Buffer], alignment: usize) -> usize {
    let mut order: Vec<&Buffer> = buffers.iter().collect();
    order.sort_by_key(|buffer| std::cmp::Reverse(buffer.size.next_multiple_of(alignment)));
    let mut placed: Vec<(usize, usize, &Buffer)> = Vec::new();
    for buffer in order {
        let size = buffer.size.next_multiple_of(alignment);
        let free = |start: usize| {
            placed.iter().all(|&(low, high, other)| !other.meets(buffer) || start + size <= low || high <= start)
        };
        let mut starts: Vec<usize> = placed.iter().map(|&(_, high, _)| high).chain([0]).collect();
        starts.sort_unstable();
        let start = starts.into_iter().find(|&start| free(start)).expect("the top is free");
        placed.push((start, start + size, buffer));
    }
    placed.iter().map(|&(_, high, _)| high).max().unwrap_or(0)
}

/// The least peak, by trying every offset below the best so far.
fn brute_force(buffers: &[Buffer], alignment: usize) -> usize {
    fn descend(buffers: &[Buffer], offsets: &mut Vec<usize>, alignment: usize, limit: usize) -> bool {
        let Some(buffer) = buffers.get(offsets.len()) else { return true };
        let size = buffer.size.next_multiple_of(alignment);
        for start in (0..=limit.saturating_sub(size)).step_by(alignment) {
            let free = offsets.iter().zip(buffers).all(|(&other, placed)| {
                let end = other + placed.size.next_multiple_of(alignment);
                !placed.meets(buffer) || start + size <= other || end <= start
            });
            if start + size <= limit && free {
                offsets.push(start);
                if descend(buffers, offsets, alignment, limit) {
                    return true;
                }
                offsets.pop();
            }
        }
        false
    }
    (0..).step_by(alignment).find(|&limit| descend(buffers, &mut Vec::new(), alignment, limit)).expect("unbounded")
}

fn some_buffers(most: usize, size: usize) -> impl Strategy<Value = Vec<Buffer>> {
    let one = (0..size, 0..12usize, 0..4usize).prop_map(|(size, first, more)| buffer(size, first, first + more));
    proptest::collection::vec(one, 0..most)
}

proptest! {
    #[test]
    fn a_layout_is_sound_aligned_and_between_bound_and_greedy(buffers in some_buffers(24, 2_000)) {
        let layout = layout(&buffers, 16);
        prop_assert_eq!(verify(&buffers, &layout), Ok(()));
        prop_assert!(layout.offsets.iter().all(|offset| offset % 16 == 0));
        prop_assert_eq!(layout.peak % 16, 0);
        prop_assert!(layout.peak >= layout.lower_bound);
        prop_assert!(layout.peak <= greedy(&buffers, 16));
        prop_assert!(layout.optimal || layout.peak > layout.lower_bound);
        let load = |operator| -> usize {
            let live = buffers.iter().filter(|buffer| (buffer.first..=buffer.last).contains(&operator));
            live.map(|buffer| buffer.size.next_multiple_of(16)).sum()
        };
        prop_assert_eq!(load(layout.peak_operator), layout.lower_bound);
        prop_assert!((0..16).all(|operator| load(operator) <= layout.lower_bound));
    }

    #[test]
    fn on_tiny_problems_nothing_is_lower(buffers in some_buffers(7, 9)) {
        let layout = layout(&buffers, 1);
        prop_assert!(layout.optimal);
        prop_assert_eq!(layout.peak, brute_force(&buffers, 1));
    }
}

#[test]
fn one_size_after_the_other_needs_search() {
    // A chain whose greedy plan leaves a hole: 3 under 5 under 4 wastes what 4, 3, 5 does not.
    let buffers = [buffer(48, 0, 1), buffer(80, 1, 2), buffer(64, 2, 3), buffer(80, 3, 4), buffer(48, 0, 0)];
    let layout = layout(&buffers, 16);
    assert_eq!((layout.peak, layout.lower_bound, layout.optimal), (144, 144, true));
}

#[test]
fn nothing_needs_nothing() {
    let layout = layout(&[], 16);
    assert_eq!((layout.peak, layout.lower_bound, layout.peak_operator), (0, 0, 0));
    assert_eq!(layout.offsets, Vec::<usize>::new());
}

#[test]
fn the_proof_finds_an_overlap_and_names_it() {
    let buffers = [buffer(32, 0, 2), buffer(16, 2, 3), buffer(16, 3, 3)];
    let sound = layout(&buffers, 16);
    assert_eq!(verify(&buffers, &sound), Ok(()));
    let broken = Layout { offsets: vec![0, 16, 0], ..sound.clone() };
    let Err(Overlap::Shared { a, b, operator, byte }) = verify(&buffers, &broken) else { panic!("overlap not found") };
    assert_eq!((a.as_str(), b.as_str(), operator, byte), ("32@0..2", "16@2..3", 2, 16));
    let high = Layout { peak: 32, ..sound.clone() };
    assert!(matches!(verify(&buffers, &high), Err(Overlap::Outside { .. })));
    let short = Layout { offsets: vec![0], ..sound };
    assert!(matches!(verify(&buffers, &short), Err(Overlap::Incomplete { .. })));
}

/// Steps as the planner sees them: RESHAPE or not, activations in and out. Scratch is what CMSIS-NN asks for on a core with
/// the DSP extension.
fn steps(graph: &crate::model::Graph) -> (Vec<Step>, Vec<usize>) {
    let softmax = Call::Softmax(kernels::Softmax {
        rows: 1,
        depth: 1,
        requant: kernels::Requant { multiplier: 0, shift: 0 },
        diff_min: 0,
    });
    let mut scratch = Vec::new();
    let steps = graph.operators().map(|(operator, node)| {
        let shape = |index: usize| node.inputs[index].map(|id| graph.tensor(id).shape.clone()).unwrap_or_default();
        scratch.push(match (node.name.as_str(), shape(0).last().copied().unwrap_or(0)) {
            ("CONV_2D", depth) => match shape(1)[..] {
                [_, 1, 1, _] => 0,
                [_, height, width, _] => 4 * (height * width * depth).next_multiple_of(4),
                _ => 0,
            },
            ("DEPTHWISE_CONV_2D", depth) if shape(1)[1..3] != [3, 3] => 2 * depth * shape(1)[1] * shape(1)[2],
            ("AVERAGE_POOL_2D", depth) => 4 * depth,
            _ => 0,
        });
        let inputs = node.inputs.iter().flatten().copied().filter(|&id| graph.tensor(id).constant.is_none()).collect();
        let call = if node.name == "RESHAPE" { Call::Reshape } else { softmax.clone() };
        Step { operator, call, inputs, tables: vec![], outputs: node.outputs.clone(), weights: None }
    });
    (steps.collect(), scratch)
}

#[test]
fn real_models_reach_their_lower_bounds() {
    let shared = std::env::var("DEPLOYCTL_SHARED").unwrap_or_else(|_| "../../shared".to_owned());
    let models = std::path::Path::new(&shared).join("models");
    let expected = [
        ("kws_ref_model", 17_000),
        ("vww_96_int8", 56_500),
        ("pretrainedResnet_quant", 50_500),
        ("ad01_int8", 900),
        ("hello_world_int8", 64),
        ("micro_speech_quantized", 7_000),
    ];
    if !models.is_dir() {
        eprintln!("SKIPPED: no models in {}: set DEPLOYCTL_SHARED", models.display());
        return;
    }
    for (name, most) in expected {
        let bytes = std::fs::read(models.join(name).with_extension("tflite")).expect("a model");
        let graph = crate::model::read::read(&bytes).expect("a graph").graph;
        let (steps, scratch) = steps(&graph);
        let plan = plan(&graph, &steps, &scratch).expect("a plan");
        assert_eq!(plan.gap, 0, "{name}: {} over {}", plan.peak, plan.lower_bound);
        assert!(plan.peak <= most, "{name}: {} bytes", plan.peak);
        assert_eq!(plan.live_at_peak.iter().map(|live| live.size).sum::<usize>(), plan.lower_bound);
        assert_eq!(plan.fullest().first(), Some(&plan.label(plan.peak_operator)), "{name}");
        if let Ok(folder) = std::env::var("DEPLOYCTL_PICTURES") {
            let names: Vec<&str> = graph.operators.iter().map(|operator| operator.name.as_str()).collect();
            std::fs::write(
                std::path::Path::new(&folder).join(name).with_extension("svg"),
                picture(&plan, name, &names),
            )
            .expect("a picture");
        }
        eprintln!("{name}: {} bytes, greedy {}", plan.peak, greedy(&buffers(&graph, &steps, &scratch).buffers, 16));
    }
}

/// The golden model with loops and branches: a graph, its steps, and where each operator stands.
fn control() -> (crate::model::Graph, Vec<Step>, impl Fn(&str) -> usize) {
    let read = crate::model::read(include_bytes!("../../../tests/golden/control.tflite")).expect("a model");
    let steps = crate::model::lower(&read.graph, &read.weights).into_iter().map(|step| step.expect("a step")).collect();
    let labels: Vec<String> = read.graph.operators().map(|(id, _)| read.graph.label(id)).collect();
    let find = move |label: &str| labels.iter().position(|known| known == label).expect("an operator");
    (read.graph, steps, find)
}

#[test]
fn what_a_loop_needs_lives_as_long_as_the_loop() {
    let (graph, steps, find) = control();
    let scratch: Vec<usize> = (0..steps.len()).map(|step| if step == find("3.body.1") { 144 } else { 0 }).collect();
    let found = buffers(&graph, &steps, &scratch);
    let order = graph.order();
    let time = |label: &str| order.iter().position(|id| id.0 == find(label)).expect("a time");
    let buffer = |label: &str| &found.buffers[found.tensors[&steps[find(label)].outputs[0]]];
    let (first, end) = (time("3"), time("4") - 1);
    // The bound is read by the condition, and is the same in each round; the count is written by each.
    assert_eq!((buffer("2").first, buffer("2").last), (time("2"), end));
    assert_eq!((buffer("3").first, buffer("3").last), (first + 1, time("7") - 1));
    // What one round makes is its own.
    assert_eq!(buffer("3.body.1").first, time("3.body.1"));
    assert!(buffer("3.body.1").last < end);
    let own = found.scratch[find("3.body.1")].map(|index| found.buffers[index].clone());
    let now = time("3.body.1");
    assert_eq!(own, Some(Buffer { name: "scratch of op:3.body.1".to_owned(), size: 144, first: now, last: now }));
    // Branches do not meet.
    assert!(!buffer("3.body.3.then.0").meets(buffer("3.body.3.else.0")));
}

#[test]
fn contents_that_a_round_overwrites_are_missed() {
    let (graph, steps, find) = control();
    let plan = plan(&graph, &steps, &[]).expect("a plan");
    assert_eq!(plan.operators[4], "3.start.0");
    let found = buffers(&graph, &steps, &[]);
    // Every buffer at a place of its own, but for one tensor that is moved to another's.
    let follow = |moved: Option<(&str, &str)>| {
        let output = |label: &str| steps[find(label)].outputs[0];
        let places = |id: &crate::model::TensorId| {
            let id = match moved {
                Some((from, to)) if *id == output(from) => output(to),
                _ => *id,
            };
            found.tensors.get(&id).map(|&index| (4_096 * index, found.buffers[index].size))
        };
        contents::run(&graph, &steps, &places, &|_| None)
    };
    assert_eq!(follow(None), Ok(()));
    let lost = |from, to| follow(Some((from, to))).expect_err("something is lost").operator;
    // Only the second round reads what the first has overwritten, and the first operator that reads it is the condition's.
    assert_eq!(lost("2", "3.body.1"), "3.cond.0");
    // What a branch in the loop copies to is where it copies from.
    assert_eq!(lost("3.body.3", "3.body.3.then.0"), "3.body.3.then.1");
    assert_eq!(lost("6.then.2", "6.then.0"), "6.then.3");
}

/// The sample model behind a stream of samples.
fn stream() -> (crate::model::Graph, Vec<Step>) {
    use crate::model::pipeline::{Source, Spec, StepSpec, WindowShape, join};
    let read = crate::model::read(include_bytes!("../../../tests/golden/sample.tflite")).expect("a model");
    let window = StepSpec::Window { shape: WindowShape::Hann, symmetric: false, size: 5, stride: 3 };
    let steps = vec![window, StepSpec::Frames { count: 6, advance: 1 }];
    let spec = Spec { input: None, source: Source::Audio { rate: 16_000 }, steps };
    let read = join(&spec, &read).expect("steps that fit");
    let steps = crate::model::lower(&read.graph, &read.weights).into_iter().map(|step| step.expect("a step")).collect();
    (read.graph, steps)
}

#[test]
fn what_a_hop_works_in_shares_its_place_and_what_it_keeps_does_not() {
    let (graph, steps) = stream();
    let plan = plan(&graph, &steps, &[]).expect("a plan");
    assert_eq!(plan.operators[..5], ["hop.0", "hop.1", "hop.2", "hop.3", "0"]);
    let find = |name: &str| plan.buffers.iter().find(|buffer| buffer.name == name).expect("a buffer");
    let last = steps.len() - 1;
    for kept in ["input", "preprocess/stream", "preprocess/rows"] {
        let buffer = find(kept);
        assert_eq!((buffer.first, buffer.last, buffer.kind), (0, last, Kind::State), "{kept}");
    }
    assert_eq!((find("samples").kind, find("samples").first), (Kind::Input, 0));
    // The model's largest operator decides, with the state beside it: the hop's own tensors cost nothing.
    let state: usize = plan.buffers.iter().filter(|b| b.kind == Kind::State).map(|b| b.size.next_multiple_of(16)).sum();
    assert_eq!((plan.peak, plan.gap), (720 + state, 0));
}

#[test]
fn what_a_hop_overwrites_is_missed() {
    let (graph, steps) = stream();
    let found = buffers(&graph, &steps, &[]);
    let tensor = |name: &str| {
        let position = graph.tensors.iter().position(|tensor| tensor.name == name).expect("a tensor");
        crate::model::TensorId(position)
    };
    let follow = |from: &str, to: &str| {
        let places = |id: &crate::model::TensorId| {
            let id = if *id == tensor(from) { tensor(to) } else { *id };
            found.tensors.get(&id).map(|&index| (4_096 * index, found.buffers[index].size))
        };
        contents::run(&graph, &steps, &places, &|_| None).map_err(|lost| lost.tensor)
    };
    assert_eq!(follow("samples", "samples"), Ok(()));
    assert_eq!(follow("preprocess/window", "preprocess/stream"), Err("preprocess/stream".to_owned()));
    assert_eq!(follow("conv", "preprocess/rows"), Err("preprocess/rows".to_owned()));
}

#[test]
fn a_picture_shows_every_buffer_and_escapes_names() {
    let placed =
        |name: &str, kind, offset, first, last| Placed { name: name.into(), kind, offset, size: 512, first, last };
    let plan = MemoryPlan {
        operators: vec!["0".to_owned(), "1".to_owned()],
        buffers: vec![
            placed("input<1>", Kind::Input, 0, 0, 0),
            placed("a/Relu;b", Kind::Activation, 512, 0, 1),
            placed("scratch of op:1", Kind::Scratch, 0, 1, 1),
            placed("out & more", Kind::Output, 1_024, 1, 1),
        ],
        tensors: std::collections::BTreeMap::new(),
        scratch: vec![None, Some(0..512)],
        peak: 1_536,
        lower_bound: 1_520,
        gap: 16,
        optimal: false,
        peak_operator: 1,
        live_at_peak: vec![Live { name: "a/Relu;b".into(), kind: Kind::Activation, size: 512 }],
    };
    insta::assert_snapshot!(picture(&plan, "kws <1>", &["CONV_2D", "SOFTMAX"]));
}
