//! The manifest that `init` writes reads back as the values that it was made from.

use proptest::prelude::*;

use super::super::*;
use super::Project;
use crate::model::{Graph, Quantization, Tensor, TensorId, TensorType};

fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(String::new()),
        "[a-zA-Z_:/0-9]{1,20}",
        any::<String>(),
        Just("quote \" back \\ slash \n \u{7f} \u{202e} \u{feff} é 語".to_owned()),
    ]
}

fn tensor() -> impl Strategy<Value = Tensor> {
    let scale = (1..0x7F80_0000_u32).prop_map(f32::from_bits);
    (name(), prop::collection::vec(1_usize..40, 1..5), prop::option::of((scale, -128..=127_i64))).prop_map(
        |(name, shape, quantization)| Tensor {
            name,
            dtype: TensorType::Int8,
            shape,
            quantization: quantization.map(|(scale, zero_point)| Quantization {
                scales: vec![scale],
                zero_points: vec![zero_point],
                dimension: 0,
            }),
            constant: None,
            variable: false,
            unpacked_from: None,
            signature: vec![],
        },
    )
}

fn port_of(tensor: &Tensor) -> Port {
    Port {
        name: tensor.name.clone(),
        dtype: tensor.dtype,
        shape: tensor.shape.clone(),
        quantization: tensor.quantization.as_ref().map(|quantization| PortQuantization {
            scale: quantization.scales[0],
            zero_point: quantization.zero_points[0],
        }),
        labels: None,
    }
}

fn ports(ports: &[Spanned<Port>]) -> Vec<Port> {
    ports.iter().map(|port| port.value.clone()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 128,
        failure_persistence: None,
        rng_seed: proptest::test_runner::RngSeed::Fixed(1),
        ..ProptestConfig::default()
    })]

    #[test]
    fn init_then_load_gives_the_same_values(
        input in tensor(),
        output in tensor(),
        budget in 1..=u64::from(u32::MAX),
        share in 0..=100_u32,
        policy in prop_oneof![Just(Policy::Require), Just(Policy::Prefer), Just(Policy::Forbid)],
        owner in "[ -~]{0,20}[!-~]",
        uses in prop::collection::vec(".{0,20}", 0..3),
    ) {
        let project = Project::new();
        let graph = Graph {
            tensors: vec![input, output],
            operators: vec![],
            inputs: vec![TensorId(0)],
            outputs: vec![TensorId(1)], pipeline: None,
        };
        let options = Init {
            name: "kws",
            model: "models/kws.tflite",
            board: "mps2-an386",
            owner: &owner,
            budget: Bytes(budget),
            headroom: Ratio(0.1),
            library: "cmsis-nn",
            policy,
            max_mac_share: Ratio(f64::from(share) / 100.0),
            uses: &uses,
        };
        let text = init(&graph, &options);
        let manifest = project.load(&text).map_err(|errors| TestCaseError::fail(format!("{}\n{text}", super::rendered(&errors))))?;
        prop_assert_eq!(ports(&manifest.model.inputs), [port_of(&graph.tensors[0])]);
        prop_assert_eq!(ports(&manifest.model.outputs), [port_of(&graph.tensors[1])]);
        prop_assert_eq!(manifest.arena.budget.value, options.budget);
        prop_assert_eq!(manifest.arena.headroom, options.headroom);
        prop_assert_eq!(manifest.kernels.policy, policy);
        let share = if policy == Policy::Require { options.max_mac_share } else { Ratio(0.0) };
        prop_assert_eq!(manifest.kernels.max_mac_share, share);
        prop_assert_eq!(&manifest.owner, &owner);
        prop_assert_eq!(&manifest.arena.owner, &owner);
        prop_assert_eq!(manifest.targets[0].board.name.as_str(), "mps2-an386");
        prop_assert_eq!(manifest.regression.vectors.value, Vectors::Random { count: 16, seed: 1 });
    }

    #[test]
    fn the_budget_keeps_the_headroom_and_not_much_more(peak in 1_u64..100_000_000, percent in 0_u32..90) {
        let headroom = Ratio(f64::from(percent) / 100.0);
        let Bytes(budget) = budget_for(peak, headroom);
        #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
        let margin = |budget: u64| (budget as f64 - peak as f64) / budget as f64;
        prop_assert!(budget % 16 == 0 && margin(budget) >= headroom.0);
        prop_assert!(budget <= 32 || margin(budget - 32) < headroom.0);
    }
}

#[test]
fn a_new_manifest_reads_well() {
    let tensor = |name: &str, shape: &[usize], scale, zero_point| Tensor {
        name: name.to_owned(),
        dtype: TensorType::Int8,
        shape: shape.to_vec(),
        quantization: Some(Quantization { scales: vec![scale], zero_points: vec![zero_point], dimension: 0 }),
        constant: None,
        variable: false,
        unpacked_from: None,
        signature: vec![],
    };
    let graph = Graph {
        tensors: vec![
            tensor("input_1", &[1, 49, 10, 1], 0.584_702_9, 83),
            tensor("Identity", &[1, 12], 1.0 / 256.0, -128),
        ],
        operators: vec![],
        inputs: vec![TensorId(0)],
        outputs: vec![TensorId(1)],
        pipeline: None,
    };
    let options = Init {
        name: "kws",
        model: "models/kws.tflite",
        board: "mps2-an386",
        owner: "audio-team@example.com",
        budget: budget_for(16_000, Ratio(0.1)),
        headroom: Ratio(0.1),
        library: "cmsis-nn",
        policy: Policy::Require,
        max_mac_share: Ratio(0.05),
        uses: &["use \"MY_OP\" kernel=\"../own/my_op\" reason=\"…\"".to_owned()],
    };
    insta::with_settings!({ omit_expression => true }, { insta::assert_snapshot!(init(&graph, &options)) });
}
