//! What runs under load and their percentiles come to, and what determinism is over.

use super::*;

#[test]
fn under_load_outputs_and_latency_count() {
    let spoilt = |spoil: fn(&mut Load)| {
        let (check, _) = Case::spoilt("load", |case| spoil(case.load.as_mut().unwrap()));
        (check.verdict, check.detail)
    };
    let (verdict, detail) = spoilt(|_| {});
    assert_eq!(verdict, Verdict::Pass);
    let said = "20 inferences in a row, all outputs right, 700 interrupts that took 21.0 % of the processor (20 % declared): \
                instructions 3,900 (median), 4,000 (90 of 100), 4,000 (99 of 100), 4,000 at most, 3,200 alone";
    assert_eq!(detail, said);
    assert_eq!(spoilt(|load| load.instructions = Spread::of([4_500])).0, Verdict::Thin);
    assert_eq!(spoilt(|load| load.instructions = Spread::of([5_500])).0, Verdict::Fail);
    assert_eq!(spoilt(|load| load.drift = 0.05).0, Verdict::Fail);
    assert_eq!(spoilt(|load| (load.drift, load.drift_error) = (0.05, 0.02)).0, Verdict::Pass);
    assert_eq!(spoilt(|load| load.taken = 0.0).0, Verdict::Unknown);
    assert_eq!(spoilt(|load| load.first_difference = Some("inference 3 …".into())).0, Verdict::Fail);
    assert_eq!(spoilt(|load| load.blocked = Some("no timer".into())).0, Verdict::Unknown);
    let faulted = |load: &mut Load| (load.blocked, load.target_failed) = (Some("fault".into()), true);
    assert_eq!(spoilt(faulted).0, Verdict::Fail);
    let (check, verdict) = Case::spoilt("load", |case| case.limits.services = Services::Undeclared);
    assert_eq!((check.verdict, verdict), (Verdict::NotApplicable, Verdict::Pass));
}

/// A limit on latency of so many of 100 inferences.
fn limited(percentile: Percentile, max: u64) -> Limit<Latency> {
    let (max, percentile) = (Latency::Instructions(max), Some(percentile));
    Limit { max, margin: Ratio(0.0), growth: None, percentile }
}

/// What is judged is the percentile under load where there is one, else of the undisturbed runs.
#[test]
fn a_percentile_is_of_the_run_under_load_where_there_is_one() {
    for (percentile, loaded) in [(Percentile::P50, 3_900), (Percentile::P90, 4_000), (Percentile::P99, 4_000)] {
        for (max, verdict) in [(loaded, Verdict::Pass), (loaded - 1, Verdict::Fail)] {
            let spoil = |case: &mut Case| case.limits.latency = Some(limited(percentile, max));
            for name in ["latency", "load"] {
                let (check, all) = Case::spoilt(name, spoil);
                assert_eq!((check.verdict, all), (verdict, verdict), "{name} {percentile:?} {max}: {}", check.detail);
            }
        }
    }
    let (check, _) = Case::spoilt("latency", |case| {
        case.limits.services = Services::Undeclared;
        case.limits.latency = Some(limited(Percentile::P50, 3_700));
    });
    assert_eq!((check.verdict, check.value.unwrap().value), (Verdict::Pass, 3_700.0), "{}", check.detail);
    assert!(check.detail.contains("which 50 of 100 inferences keep; the slowest takes 400 more"), "{}", check.detail);
}

/// What was not run under load has no percentile, though undisturbed runs have one.
#[test]
fn a_percentile_without_its_run_is_no_pass() {
    let (check, _) = Case::spoilt("latency", |case| {
        (case.load, case.limits.latency) = (None, Some(limited(Percentile::P99, 5_000)));
    });
    assert_eq!(check.verdict, Verdict::Unknown, "{}", check.detail);
    let (check, all) = Case::spoilt("latency", |case| {
        case.limits.latency = Some(limited(Percentile::P99, 5_000));
        case.load = Some(Load { blocked: Some("fault: …".into()), target_failed: true, ..Load::default() });
    });
    assert_eq!((check.verdict, all), (Verdict::Fail, Verdict::Fail));
}

#[test]
fn determinism_says_what_it_is_over() {
    let (check, _) = Case::spoilt("determinism", |case| {
        use Condition::{ColdAndWarm, Noise, Ones, OtherInputs, Zeros};
        case.measurement.conditions = vec![Zeros, Ones, Noise, OtherInputs, ColdAndWarm];
    });
    let expected =
        "3 runs of each vector give the same outputs over 0x00, 0xFF, noise, other inputs in between, cold and warm";
    assert_eq!(check.detail, expected);
}

#[test]
fn the_stack_is_that_of_the_whole_firmware() {
    let (check, _) = Case::spoilt("stack", |case| {
        let load = case.load.get_or_insert_default();
        load.stack_bytes = Some(2_001);
    });
    assert_eq!((check.verdict, check.value.unwrap().value), (Verdict::Fail, 2_001.0));
    assert!(check.detail.contains("; under load 2,001 bytes, with the services'"), "{}", check.detail);
}
