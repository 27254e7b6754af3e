//! What of a signal operator is refused. What is computed is the conformance test's matter.

use std::collections::BTreeMap;

use crate::model::TensorType::{Bool, Float32, Int8, Int16, Int32, Uint32, Uint64};
use crate::model::lower::{lower, state_bytes};
use crate::model::{CustomOptions, CustomValue, Graph, Operator, Options, Tensor, TensorId, TensorType, builtin};

type Shaped<'a> = (TensorType, &'a [usize]);

/// One operator, with a place for its state where it keeps any.
struct Model {
    graph: Graph,
    weights: Vec<u8>,
    options: BTreeMap<String, CustomValue>,
}

impl Model {
    fn new(name: &str, inputs: &[Shaped], outputs: &[Shaped], options: &[(&str, i64)]) -> Self {
        let tensors: Vec<Tensor> = inputs.iter().chain(outputs).map(|&(dtype, shape)| tensor(dtype, shape)).collect();
        let operator = Operator {
            code: builtin::CUSTOM,
            name: name.to_owned(),
            version: 1,
            inputs: (0..inputs.len()).map(|id| Some(TensorId(id))).collect(),
            outputs: (inputs.len()..tensors.len()).map(TensorId).collect(),
            options: Options::Other,
        };
        let graph =
            Graph { tensors, operators: vec![operator], inputs: vec![TensorId(0)], outputs: vec![], pipeline: None };
        let options = options.iter().map(|&(name, value)| (name.to_owned(), CustomValue::Int(value))).collect();
        Self { graph, weights: Vec::new(), options }
    }

    /// With an option of another value.
    fn with(mut self, name: &str, value: CustomValue) -> Self {
        self.options.insert(name.to_owned(), value);
        self
    }

    fn without(mut self, name: &str) -> Self {
        self.options.remove(name);
        self
    }

    fn shaped(mut self, tensor: usize, shape: &[usize]) -> Self {
        self.graph.tensors[tensor].shape = shape.to_vec();
        self
    }

    fn typed(mut self, tensor: usize, dtype: TensorType) -> Self {
        self.graph.tensors[tensor].dtype = dtype;
        self
    }

    /// Why there is no kernel for it; empty where there is one.
    fn refusal(mut self) -> String {
        let options = |values: &BTreeMap<_, _>, own| Options::Custom {
            values: Some(CustomOptions::new(values.clone())),
            bytes: vec![],
            own,
        };
        self.graph.operators[0].options = options(&self.options, vec![]);
        if let Some(bytes) = state_bytes(&self.graph, &self.weights)[0] {
            let id = TensorId(self.graph.tensors.len());
            self.graph.tensors.push(Tensor { variable: true, ..tensor(Int8, &[bytes]) });
            self.graph.operators[0].options = options(&self.options, vec![id]);
        }
        lower(&self.graph, &self.weights).remove(0).map_or_else(|refusal| refusal.reason, |_| String::new())
    }
}

fn tensor(dtype: TensorType, shape: &[usize]) -> Tensor {
    Tensor {
        name: "x".to_owned(),
        dtype,
        shape: shape.to_vec(),
        signature: vec![],
        variable: false,
        unpacked_from: None,
        quantization: None,
        constant: None,
    }
}

fn window() -> Model {
    Model::new("SignalWindow", &[(Int16, &[2, 4]), (Int16, &[4])], &[(Int16, &[2, 4])], &[("shift", 12)])
}

fn rfft() -> Model {
    Model::new("SignalRfft", &[(Int16, &[2, 15])], &[(Int16, &[2, 18])], &[("T", 7), ("fft_length", 16)])
}

fn energy() -> Model {
    let options = [("end_index", 8), ("start_index", 2)];
    Model::new("SignalEnergy", &[(Int16, &[18])], &[(Uint32, &[9])], &options)
}

fn framer() -> Model {
    let options = [("frame_size", 6), ("frame_step", 4), ("prefill", 1)];
    Model::new("SignalFramer", &[(Int16, &[8])], &[(Int16, &[2, 6]), (Bool, &[])], &options)
}

fn stacker() -> Model {
    let options = [("num_channels", 2), ("stacker_left_context", 1), ("stacker_right_context", 1), ("stacker_step", 3)];
    Model::new("SignalStacker", &[(Int16, &[2])], &[(Int16, &[6]), (Bool, &[])], &options)
}

fn overlap_add() -> Model {
    let options = [("T", 0), ("frame_step", 4)];
    Model::new("SignalOverlapAdd", &[(Float32, &[3, 6])], &[(Float32, &[12])], &options)
}

fn pcan() -> Model {
    let inputs: [Shaped; 3] = [(Uint32, &[4]), (Uint32, &[4]), (Int16, &[125])];
    Model::new("SignalPCAN", &inputs, &[(Uint32, &[4])], &[("snr_shift", 6)])
}

/// A filter bank of two channels over nine energies, with these starts of energies, starts of weights and widths.
fn filter_bank(tables: [[i16; 3]; 3]) -> Model {
    let inputs: [Shaped; 6] =
        [(Uint32, &[9]), (Int16, &[6]), (Int16, &[6]), (Int16, &[3]), (Int16, &[3]), (Int16, &[3])];
    let mut model = Model::new("SignalFilterBank", &inputs, &[(Uint64, &[2])], &[("num_channels", 2)]);
    for (table, values) in tables.iter().enumerate() {
        let constant = crate::model::graph::Constant { offset: model.weights.len(), len: 6 };
        model.weights.extend(values.iter().flat_map(|value| value.to_le_bytes()));
        model.graph.tensors[3 + table].constant = Some(constant);
    }
    model
}

#[test]
fn each_has_a_kernel() {
    let models = [window(), rfft(), energy(), framer(), stacker(), overlap_add(), pcan()];
    for model in models {
        let name = model.graph.operators[0].name.clone();
        assert_eq!(model.refusal(), "", "{name}");
    }
    assert_eq!(filter_bank([[0, 2, 5], [0, 2, 4], [2, 2, 2]]).refusal(), "");
}

#[test]
fn options_are_those_that_litert_micro_reads() {
    assert_eq!(rfft().without("fft_length").refusal(), r#"has the options ["T"], not ["T", "fft_length"]"#);
    assert!(window().with("also", CustomValue::Int(1)).refusal().starts_with(r#"has the options ["also", "shift"]"#));
    assert_eq!(window().with("shift", CustomValue::Int(32)).refusal(), "has the option `shift` as Int(32)");
    assert_eq!(window().with("shift", CustomValue::Int(-1)).refusal(), "has the option `shift` as Int(-1)");
    assert_eq!(window().with("shift", CustomValue::Float(1.0)).refusal(), "has the option `shift` as Float(1.0)");
    assert_eq!(rfft().with("T", CustomValue::Int(2)).refusal(), "has the option `T` as Int(2)");
    assert_eq!(framer().with("prefill", CustomValue::Bool(false)).refusal(), "");
    let huge = framer().with("frame_step", CustomValue::Int(i64::MAX));
    assert!(huge.refusal().starts_with("has the option `frame_step` as Int("));
    assert!(framer().with("frame_step", CustomValue::Int(0)).refusal().ends_with("as Int(0)"));
    assert!(pcan().with("snr_shift", CustomValue::Int(64)).refusal().ends_with("as Int(64)"));
}

#[test]
fn tensors_are_as_large_as_what_is_read_and_written() {
    let cases = [
        (window().shaped(1, &[3]).refusal(), "has samples of shape [2, 4] for a window of 3"),
        (window().shaped(2, &[4, 2]).refusal(), "shapes [2, 4] and [4, 2]"),
        (rfft().shaped(0, &[2, 17]).refusal(), "has rows of 17 samples for an FFT of 16 points"),
        (rfft().shaped(1, &[2, 17]).refusal(), "[2, 17] where 2 rows of 18 elements are"),
        (rfft().shaped(0, &[]).refusal(), "shapes [] and [2, 18]"),
        (energy().with("end_index", CustomValue::Int(10)).refusal(), "has energies from 2 to 10 of 9"),
        (energy().with("end_index", CustomValue::Int(1)).refusal(), "has energies from 2 to 1 of 9"),
        (framer().shaped(0, &[9]).refusal(), "has rows of 9 samples for steps of 4"),
        (framer().shaped(1, &[2, 5]).refusal(), "where 12 elements are"),
        (framer().with("frame_size", CustomValue::Int(3)).refusal(), "is prefilled with the difference"),
        (stacker().with("stacker_step", CustomValue::Int(4)).refusal(), "moves on by 4 frames of a stack of 3"),
        (stacker().shaped(0, &[3]).refusal(), "[3] where 2 elements are"),
        (overlap_add().with("frame_step", CustomValue::Int(7)).refusal(), "frames of 6 samples and steps of 7"),
        (overlap_add().shaped(1, &[11]).refusal(), "[11] where 12 elements are"),
        (pcan().shaped(2, &[124]).refusal(), "has a table of 124 gains, not 125"),
        (pcan().shaped(1, &[3]).refusal(), "[3] where 4 elements are"),
    ];
    for (reason, part) in cases {
        assert!(reason.contains(part), "{reason}: {part}");
    }
}

#[test]
fn types_are_those_of_litert_micro() {
    assert_eq!(window().typed(0, Int32).refusal(), "has a tensor of type int32, not int16");
    assert_eq!(energy().typed(1, Int32).refusal(), "has a tensor of type int32, not uint32");
    assert_eq!(rfft().typed(0, Int8).refusal(), "has a tensor of type int8, not int16 or int32 or float32");
    assert_eq!(framer().typed(2, Int8).refusal(), "has a tensor of type int8, not bool");
}

#[test]
fn lengths_that_litert_micro_cannot_compute_are_refused() {
    for points in [2, 15, 14, 28, 131_072] {
        let reason = rfft().with("fft_length", CustomValue::Int(points)).refusal();
        assert!(reason.contains(&format!("is an FFT of {points} points")), "{reason}");
    }
}

#[test]
fn a_filter_bank_stays_within_its_energies_and_weights() {
    let bands = |tables| filter_bank(tables).refusal();
    assert_eq!(bands([[0, 7, 99], [0, 0, 99], [2, 2, 0]]), "", "nothing is read of a channel without a width");
    assert!(
        bands([[0, 2, 8], [0, 2, 4], [2, 2, 2]]).contains("takes 2 energies from 8 with weights from 4 for channel 2")
    );
    assert!(bands([[0, 2, 5], [0, 2, 5], [2, 2, 2]]).contains("with weights from 5"));
    assert!(bands([[-1, 2, 5], [0, 2, 4], [2, 2, 2]]).contains("from -1"));
    let mut computed = filter_bank([[0, 2, 5], [0, 2, 4], [2, 2, 2]]);
    computed.graph.tensors[4].constant = None;
    assert_eq!(computed.refusal(), "computes its channels at run time");
}
