//! Every check: within its limit, on it, too near, outside, unknown, and not applicable.

mod runs;
mod waivers;

use super::*;
use crate::advice::{Finding as Advice, Standing};
use crate::gate::evidence::{AuditRow, ExpectedVector, Finding, HopInstructions, Recorded, Spread};
use crate::gate::{Approved, Governance, GovernedValue};
use crate::library::{InstructionPath, Kernel};
use crate::manifest::{Accuracy, GATE_NAMES, Percentile};
use crate::model::{OperatorId, TensorType};

/// Evidence of a target on which all is well; tests spoil what they are about.
struct Case {
    conversion: Option<Conversion>,
    committed: Option<Committed>,
    limits: Limits,
    interface: Interface,
    audit: Audit,
    arena: Result<u64, &'static str>,
    expectation: Expectation,
    parity: Parity,
    footprint: Footprint,
    measurement: Measurement,
    load: Option<Load>,
}

fn row(operator: usize, library: &str, macs: u64) -> AuditRow {
    AuditRow {
        operator: OperatorId(operator),
        label: operator.to_string(),
        name: "CONV_2D".into(),
        output: "model/act/Relu;model/conv".into(),
        shape: vec![1, 4],
        macs,
        kernel: Some(Kernel {
            library: library.into(),
            symbol: "k".into(),
            entry: String::new(),
            path: InstructionPath::Scalar,
        }),
        reason: None,
        advice: None,
        finding: None,
    }
}

fn labelled(label: i64) -> ExpectedVector {
    let outputs = vec![vec![1, 9, 2]];
    ExpectedVector { label: Some(label), operators: vec![], hops: vec![], due: vec![], outputs }
}

fn difference() -> Difference {
    Difference {
        vector: 2,
        hop: None,
        operator: Some(OperatorId(3)),
        called: "op:3".into(),
        operator_name: "CONV_2D".into(),
        tensor: "model/act/Relu;model/conv".into(),
        coordinate: vec![0, 1],
        expected: "5".to_owned(),
        found: "-7".to_owned(),
    }
}

/// A bit of everything that manifests and boards can limit.
pub(in crate::gate) fn limits() -> Limits {
    let limit = |max| Some(Limit { max: Bytes(max), margin: Ratio(0.1), growth: None, percentile: None });
    Limits {
        own: BTreeMap::new(),
        services: Services::Interrupt,
        budget: Bytes(1_000),
        headroom: Ratio(0.1),
        policy: Some(Policy::Require),
        max_mac_share: Ratio(0.05),
        flash: limit(10_000),
        ram: limit(3_000),
        stack: limit(2_000),
        latency: Some(Limit { max: Latency::Instructions(5_000), margin: Ratio(0.2), growth: None, percentile: None }),
        hop: Some(Limit { max: Latency::Instructions(500), margin: Ratio(0.2), growth: None, percentile: None }),
        startup: Some(Limit { max: Latency::Instructions(700), margin: Ratio(0.2), growth: None, percentile: None }),
        accuracy: Some(Scores {
            asked: Accuracy { top: 1, min: Ratio(0.8), margin: Ratio(0.25), output: None },
            position: 0,
            dtype: TensorType::Int8,
        }),
        conversion: None,
        max_lsb: Some(1),
        runner: "qemu mps2-an386".to_owned(),
        waivers: vec![],
        governance: None,
    }
}

impl Case {
    fn good() -> Self {
        let agrees = Finding {
            manifest: "model.input.x.type".into(),
            declared: "int8".into(),
            actual: "int8".into(),
            agrees: true,
        };
        Self {
            limits: limits(),
            conversion: None,
            committed: None,
            interface: Interface { findings: vec![agrees] },
            audit: Audit { library: "cmsis-nn".into(), rows: vec![row(0, "cmsis-nn", 100)] },
            arena: Ok(900),
            parity: Parity { vectors: 2, off: Some(1), elements_off: 3, elements: 980, ..Parity::default() },
            expectation: Expectation {
                blocked: None,
                source: "4 vectors of `a.npz`".into(),
                seeded: false,
                steps: 1,
                remarks: vec![],
                vectors: vec![labelled(1)],
                recorded: Some(Recorded { compared: 4, equal: 4, first_difference: None }),
                distinct_outputs: 4,
            },
            footprint: Footprint {
                flash_bytes: Some(9_000),
                weights_bytes: 4_000,
                ram_bytes: Some(2_700),
                operator_kernels: [("0".to_owned(), ["k".to_owned()].into())].into(),
                kernel_code: [("k".to_owned(), 800)].into(),
                ..Footprint::default()
            },
            measurement: Measurement {
                tensors_compared: 12,
                runs: 3,
                arena_bytes: 900,
                stack_app_bytes: Some(1_800),
                stack_harness_bytes: Some(1_700),
                instructions: Some(4_000),
                spread: Spread::of([3_600, 3_700, 3_800, 4_000]),
                startup_instructions: Some(560),
                startup_model_instructions: Some(20),
                hop_instructions: Some(HopInstructions { max: 400, mean: 300 }),
                runner: "qemu mps2-an386".to_owned(),
                emulated: true,
                ..Measurement::default()
            },
            load: Some(Load {
                declared: 0.2,
                taken: 0.21,
                inferences: 20,
                interrupts: 700,
                instructions: Spread::of([3_800, 3_900, 4_000]),
                alone: Some(3_200),
                ..Load::default()
            }),
        }
    }

    fn judge(&self) -> Judgement {
        judge(
            &self.limits,
            Evidence {
                conversion: self.conversion.as_ref(),
                committed: self.committed.as_ref(),
                interface: &self.interface,
                audit: &self.audit,
                arena_peak: self.arena,
                expectation: &self.expectation,
                parity: &self.parity,
                footprint: &self.footprint,
                measurement: &self.measurement,
                load: self.load.as_ref(),
                past: None,
                reissued: None,
                reproduced: false,
            },
        )
    }

    /// Spoils a good case; gives the check and the verdict of all.
    fn spoilt(name: &str, spoil: impl FnOnce(&mut Self)) -> (Check, Verdict) {
        let mut case = Self::good();
        spoil(&mut case);
        let judgement = case.judge();
        let check = judgement.checks.into_iter().find(|check| check.name == name).unwrap();
        (check, judgement.verdict)
    }
}

#[test]
fn firmware_that_does_not_fit_fails_and_what_it_would_have_done_is_unknown() {
    let spoil = |case: &mut Case| {
        case.footprint =
            Footprint { blocked: Some("`RAM` lacks 4".into()), does_not_fit: true, ..Footprint::default() };
        case.measurement = Measurement { blocked: Some("no firmware".into()), ..Measurement::default() };
    };
    let (flash, all) = Case::spoilt("flash", spoil);
    assert_eq!((flash.verdict, all, flash.detail.as_str()), (Verdict::Fail, Verdict::Fail, "`RAM` lacks 4"));
    assert_eq!(Case::spoilt("bit_exactness", spoil).0.verdict, Verdict::Unknown);
}

/// A margin that is met exactly is met.
#[test]
fn a_target_on_its_margins_passes() {
    let judgement = Case::good().judge();
    assert_eq!(judgement.verdict, Verdict::Pass);
    let absent: Vec<&str> = judgement
        .checks
        .iter()
        .filter(|check| check.verdict != Verdict::Pass)
        .map(|check| {
            assert_eq!(check.verdict, Verdict::NotApplicable, "{check:#?}");
            assert!(!check.detail.is_empty());
            check.name.as_str()
        })
        .collect();
    assert_eq!(absent, ["conversion", "reproducible", "trend", "version", "governed"]);
}

/// A build alone cannot know that it comes out again; a release is made of two.
#[test]
fn firmware_is_reproducible_where_it_was_built_twice() {
    let (once, twice) = (super::reproducible(false), super::reproducible(true));
    assert_eq!((once.verdict, twice.verdict), (Verdict::NotApplicable, Verdict::Pass));
    assert!(once.detail.contains("`promote`") && twice.detail.contains("two builds"), "{}", twice.detail);
}

/// Waivers name gates by this list: it must be the one that is judged, and none is left out silently.
#[test]
fn every_gate_is_judged_in_its_place() {
    let names: Vec<String> = Case::good().judge().checks.into_iter().map(|check| check.name).collect();
    assert_eq!(names, GATE_NAMES);
}

/// For each check with a maximum: the value that is one too near, exactly at the limit, and one above.
#[test]
fn maxima_are_thin_up_to_the_limit_and_fail_above() {
    type Set = fn(&mut Case, u64);
    let checks: [(&str, u64, Set); 7] = [
        ("arena_headroom", 1_000, |case, value| case.arena = Ok(value)),
        ("flash", 10_000, |case, value| case.footprint.flash_bytes = Some(value)),
        ("stack", 2_000, |case, value| case.measurement.stack_harness_bytes = Some(value)),
        ("ram", 3_000, |case, value| case.footprint.ram_bytes = Some(value)),
        ("latency", 5_000, |case, value| case.measurement.instructions = Some(value)),
        ("startup", 700, |case, value| case.measurement.startup_instructions = Some(value)),
        ("hop", 500, |case, value| {
            case.measurement.hop_instructions = Some(HopInstructions { max: value, mean: 1 });
        }),
    ];
    for (name, limit, set) in checks {
        for (value, verdict) in [(limit - 1, Verdict::Thin), (limit, Verdict::Thin), (limit + 1, Verdict::Fail)] {
            let (check, all) = Case::spoilt(name, |case| set(case, value));
            assert_eq!((check.verdict, all), (verdict, verdict), "{name} {value}");
            assert!(check.detail.contains("; "), "`{}` has no next step", check.detail);
            assert!(check.manifest.is_some(), "{name} names no place in the manifest");
        }
        let (check, _) = Case::spoilt(name, |case| set(case, limit));
        assert_eq!(check.margin, Some(0.0), "{name}");
    }
}

#[test]
fn a_limit_of_zero_allows_nothing_and_divides_nothing() {
    let zero = Limit { max: Bytes(0), margin: Ratio(0.0), growth: None, percentile: None };
    let (check, _) = Case::spoilt("flash", |case| case.limits.flash = Some(zero));
    assert_eq!((check.verdict, check.margin), (Verdict::Fail, Some(0.0)));
    let (check, _) = Case::spoilt("flash", |case| {
        case.limits.flash = Some(zero);
        case.footprint.flash_bytes = Some(0);
    });
    assert_eq!((check.verdict, check.margin), (Verdict::Pass, Some(0.0)));
}

#[test]
fn what_a_target_cannot_measure_or_nobody_limits_is_not_applicable() {
    type Spoil = fn(&mut Case);
    let nothing: [(&str, Spoil); 12] = [
        ("flash", |case| case.footprint.flash_bytes = None),
        ("flash", |case| case.limits.flash = None),
        ("stack", |case| (case.measurement.stack_app_bytes, case.measurement.stack_harness_bytes) = (None, None)),
        ("kernels", |case| case.limits.policy = None),
        ("reference", |case| case.expectation.recorded = None),
        ("latency", |case| case.limits.latency = None),
        ("latency", |case| {
            on_host(case, Limit { max: Latency::Instructions(1), margin: Ratio(0.0), growth: None, percentile: None });
        }),
        ("latency", |case| {
            on_host(case, Limit { max: Latency::Nanoseconds(1), margin: Ratio(0.0), growth: None, percentile: None });
        }),
        ("hop", |case| (case.limits.hop, case.measurement.hop_instructions) = (None, None)),
        ("startup", |case| case.limits.startup = None),
        ("ram", |case| case.footprint.ram_bytes = None),
        ("accuracy", |case| case.limits.accuracy = None),
    ];
    for (name, spoil) in nothing {
        let (check, all) = Case::spoilt(name, spoil);
        assert_eq!((check.verdict, all), (Verdict::NotApplicable, Verdict::Pass), "{name}");
        assert!(!check.detail.is_empty());
    }
}

fn on_host(case: &mut Case, limit: Limit<Latency>) {
    (case.measurement.runner, case.measurement.emulated) = ("host".to_owned(), false);
    case.limits.runner.clone_from(&case.measurement.runner);
    case.limits.services = Services::NotInterrupted;
    case.measurement.startup_instructions = None;
    (case.measurement.instructions, case.limits.latency) = (None, Some(limit));
}

/// A unit that the target does not have is no pass: nobody measured what was limited.
#[test]
fn a_limit_in_the_unit_of_another_kind_of_target_is_unknown() {
    let time = Limit { max: Latency::Nanoseconds(12_000_000), margin: Ratio(0.0), growth: None, percentile: None };
    for name in ["latency", "hop", "startup"] {
        let spoil = |case: &mut Case| {
            (case.limits.latency, case.limits.hop, case.limits.startup) = (Some(time), Some(time), Some(time));
        };
        let (check, all) = Case::spoilt(name, spoil);
        assert_eq!((check.verdict, all), (Verdict::Unknown, Verdict::Unknown), "{name}");
        assert!(
            check.detail.starts_with("the limit is 12 ms, and milliseconds come only from hardware"),
            "{}",
            check.detail
        );
        assert!(
            check.detail.contains("counted by the emulator") && check.detail.contains("; write"),
            "{}",
            check.detail
        );
    }
    let (check, _) = Case::spoilt("startup", |case| case.measurement.startup_instructions = None);
    assert!(check.verdict == Verdict::Unknown && check.detail.contains("ran over"), "{}", check.detail);
    let (check, _) = Case::spoilt("hop", |case| case.measurement.hop_instructions = None);
    assert!(check.verdict == Verdict::Unknown && check.detail.contains("has a stream"), "{}", check.detail);
    let (check, _) = Case::spoilt("latency", |case| {
        (case.measurement.instructions, case.measurement.emulated) = (None, false);
    });
    assert!(check.verdict == Verdict::Unknown && check.detail.contains("write the limit in ms"), "{}", check.detail);
}

#[test]
fn evidence_is_from_the_declared_target() {
    let check = Case::spoilt("evidence", |_| {}).0;
    assert!(check.detail.starts_with("emulated: from `qemu mps2-an386`"), "{}", check.detail);
    let (check, all) = Case::spoilt("evidence", |case| case.measurement.runner = "host".to_owned());
    assert_eq!((check.verdict, all), (Verdict::Fail, Verdict::Fail));
    let (check, _) = Case::spoilt("evidence", |case| case.measurement.blocked = Some("not measured: no probe".into()));
    assert_eq!((check.verdict, &check.detail[..]), (Verdict::Unknown, "not measured: no probe"));
}

#[test]
fn governed_values_and_accuracy_are_among_the_checks() {
    let approved = Approved {
        value: Some("1".into()),
        by: "x".into(),
        date: "2026-11-23".into(),
        line: 4,
        fault: None,
        instead_of: None,
    };
    let standing = GovernedValue { param: "arena.budget".into(), value: Some("2".into()), approved: Some(approved) };
    let (check, all) =
        Case::spoilt("governed", |case| case.limits.governance = Some(Governance { values: vec![standing] }));
    assert_eq!((check.verdict, all, check.manifest.as_deref()), (Verdict::Fail, Verdict::Fail, Some("arena.budget")));
    let (check, all) = Case::spoilt("accuracy", |case| case.expectation.vectors = vec![labelled(0)]);
    assert_eq!((check.verdict, all), (Verdict::Fail, Verdict::Fail));
    let (check, _) = Case::spoilt("accuracy", |case| case.measurement.first_difference = Some(difference()));
    assert_eq!(check.verdict, Verdict::Unknown);
}

#[test]
fn offences_fail_and_name_their_place() {
    let (check, all) = Case::spoilt("interface", |case| {
        case.interface.findings[0].agrees = false;
        case.interface.findings[0].actual = "uint8".into();
    });
    assert_eq!((check.verdict, all), (Verdict::Fail, Verdict::Fail));
    assert!(check.detail.contains("`model.input.x.type`") && check.detail.contains("uint8"), "{}", check.detail);

    let (check, _) = Case::spoilt("operators", |case| {
        case.audit.rows[0].kernel = None;
        case.audit.rows[0].reason = Some("no kernel for float32".into());
    });
    assert_eq!((check.verdict, check.value.unwrap().value), (Verdict::Fail, 1.0));
    assert!(check.detail.contains("op:0 CONV_2D (`act/Relu`)"), "{}", check.detail);

    let (check, all) = Case::spoilt("operators", |case| {
        let why =
            "`k` has the published defect `d` (wrong results): rows are lost; see https://example.com/1".to_owned();
        case.audit.rows[0].finding = Some(Advice { standing: Standing::KnownBad, why, ways: vec![] });
    });
    assert_eq!((check.verdict, all, check.value.unwrap().value), (Verdict::Fail, Verdict::Fail, 1.0));
    assert!(check.detail.contains("op:0 CONV_2D (`act/Relu`) is known bad: `k` has"), "{}", check.detail);

    let (check, all) = Case::spoilt("kernels", |case| case.footprint.operator_kernels.clear());
    assert_eq!((check.verdict, all), (Verdict::Fail, Verdict::Fail));
    assert!(check.detail.contains("promised `k` for op:0 CONV_2D, which does not call it"), "{}", check.detail);

    let (check, _) = Case::spoilt("reference", |case| {
        case.expectation.recorded = Some(Recorded { compared: 4, equal: 1, first_difference: Some(difference()) });
    });
    assert_eq!((check.verdict, check.value.unwrap().value), (Verdict::Fail, 3.0));

    let (check, _) = Case::spoilt("bit_exactness", |case| case.measurement.first_difference = Some(difference()));
    assert_eq!(check.verdict, Verdict::Fail);
    assert!(
        check.detail.starts_with("vector 2: op:3 CONV_2D writes `act/Relu`, which at [0, 1] is -7"),
        "{}",
        check.detail
    );

    let (check, _) = Case::spoilt("bit_exactness", |case| {
        case.measurement.first_difference = Some(Difference { found: "5".to_owned(), ..difference() });
    });
    assert!(check.detail.contains("wrong in one run"), "{}", check.detail);

    let (check, _) = Case::spoilt("determinism", |case| case.measurement.nondeterminism = Some("vector 0".into()));
    assert_eq!(check.verdict, Verdict::Fail);
}

#[test]
fn without_firmware_nothing_is_known_and_that_is_no_pass() {
    let reason = "op:0 LSTM has no kernel";
    let judgement = {
        let mut case = Case::good();
        case.arena = Err(reason);
        case.expectation.blocked = Some(reason.into());
        case.footprint.blocked = Some(reason.into());
        case.measurement.blocked = Some(reason.into());
        case.judge()
    };
    assert_eq!(judgement.verdict, Verdict::Unknown);
    for name in [
        "arena_headroom",
        "flash",
        "ram",
        "stack",
        "reference",
        "bit_exactness",
        "determinism",
        "latency",
        "hop",
        "startup",
        "accuracy",
        "evidence",
    ] {
        let check = judgement.checks.iter().find(|check| check.name == name).unwrap();
        assert_eq!((check.verdict, check.detail.as_str()), (Verdict::Unknown, reason), "{name}");
    }
}

#[test]
fn a_target_that_broke_down_fails_what_it_should_have_shown() {
    for name in ["stack", "bit_exactness", "determinism", "latency", "hop", "startup"] {
        let (check, all) = Case::spoilt(name, |case| {
            case.measurement.blocked = Some("fault: …".into());
            case.measurement.target_failed = true;
        });
        assert_eq!((check.verdict, all), (Verdict::Fail, Verdict::Fail), "{name}");
    }
}

#[test]
fn policies_judge_the_share_of_macs() {
    let rows = |off: u64| vec![row(0, "cmsis-nn", 100 - off), row(1, "reference", off)];
    let verdict = |policy, off| {
        let (check, _) = Case::spoilt("kernels", |case| {
            case.limits.policy = Some(policy);
            case.audit.rows = rows(off);
        });
        check.verdict
    };
    assert_eq!(verdict(Policy::Require, 5), Verdict::Pass);
    assert_eq!(verdict(Policy::Require, 6), Verdict::Fail);
    assert_eq!(verdict(Policy::Prefer, 99), Verdict::Pass);
    assert_eq!(verdict(Policy::Forbid, 99), Verdict::Fail);
    let (check, _) = Case::spoilt("kernels", |case| {
        case.limits.policy = Some(Policy::Forbid);
        case.audit.rows = vec![row(0, "reference", 9)];
    });
    assert_eq!(check.verdict, Verdict::Pass);
}

#[test]
fn a_model_is_what_its_command_makes() {
    let made = Conversion { runs: 2, watched: true, ..Conversion::default() };
    let committed = |same| Committed {
        file: "models/x.tflite".into(),
        digest: "50b2".into(),
        same,
        differences: if same {
            vec![]
        } else {
            vec!["tensor 3 `w`: constant".into(), "they do not compute the same".into()]
        },
    };
    let case = |conversion: &Conversion, file: Option<Committed>| {
        let spoil = |case: &mut Case| {
            case.limits.conversion = Some(Making::Made);
            (case.conversion, case.committed) = (Some(conversion.clone()), file);
        };
        Case::spoilt("conversion", spoil)
    };
    let (check, all) = case(&made, Some(committed(true)));
    assert_eq!((check.verdict, all, check.manifest.as_deref()), (Verdict::Pass, Verdict::Pass, Some("convert")));
    assert!(check.detail.contains("two runs") && check.detail.contains("nothing else"), "{}", check.detail);
    let (check, all) = case(&made, Some(committed(false)));
    assert_eq!((check.verdict, all), (Verdict::Fail, Verdict::Fail));
    assert!(check.detail.contains("tensor 3 `w`") && check.detail.contains("copy `model.tflite`"), "{}", check.detail);
    let unwatched = Conversion { runs: 1, watched: false, ..made.clone() };
    assert!(case(&unwatched, None).0.detail.contains("were not looked for"));
    let unread = Conversion { unread: vec!["old.npz".into()], ..made };
    assert!(case(&unread, None).0.detail.contains("never read `old.npz`"));
    let (check, all) = Case::spoilt("conversion", |case| case.limits.conversion = Some(Making::Forbidden));
    assert_eq!((check.verdict, all), (Verdict::NotApplicable, Verdict::Pass));
    let (check, _) = Case::spoilt("conversion", |case| case.limits.conversion = Some(Making::Made));
    assert_eq!(check.verdict, Verdict::Unknown);
}

#[test]
fn features_may_be_off_by_so_many_quantized_steps() {
    let judged = |change: fn(&mut Case)| {
        let mut case = Case::good();
        change(&mut case);
        let judgement = case.judge();
        judgement.checks.into_iter().find(|check| check.name == "parity").unwrap()
    };
    let good = judged(|_| {});
    assert_eq!((good.verdict, good.manifest.as_deref()), (Verdict::Pass, Some("preprocess.parity")));
    assert_eq!(good.detail, "2 vectors: 3 of 980 elements of the model's input are off, by at most 1 quantized steps");
    let off = judged(|case| case.parity.off = Some(2));
    assert!(off.verdict == Verdict::Fail && off.detail.ends_with("or a step that is not recorded"), "{}", off.detail);
    let drift = judged(|case| {
        case.parity.off = Some(40);
        case.parity.drift = Some("step `mel` drifts".to_owned());
    });
    assert!(drift.verdict == Verdict::Fail && drift.detail.ends_with("; step `mel` drifts"), "{}", drift.detail);
    let float = judged(|case| case.parity.off = None);
    assert_eq!((float.verdict, float.value), (Verdict::Pass, None));
    let float = judged(|case| {
        case.parity.off = None;
        case.parity.drift = Some("step `mel` drifts".to_owned());
    });
    assert_eq!(float.verdict, Verdict::Fail);
    let none = judged(|case| case.limits.max_lsb = None);
    assert_eq!((none.verdict, &none.detail[..]), (Verdict::NotApplicable, "no `parity` is declared"));
    let absent = judged(|case| case.parity = Parity { absent: Some("no `preprocess`".into()), ..Parity::default() });
    assert_eq!((absent.verdict, &absent.detail[..]), (Verdict::NotApplicable, "no `preprocess`"));
}
