//! Waivers in a judgement, and where limits of a target's own are said to stand.

use super::*;
use crate::manifest::{Date, Waiver};

fn waived(gate: &str, expired: bool) -> Waived {
    let (owner, reason) = ("ml@example.com".to_owned(), "the new board comes in May".to_owned());
    let until = Date::parse("2027-05-31").unwrap();
    Waived { waiver: Waiver { gate: gate.to_owned(), owner, reason, until }, expired }
}

#[test]
fn a_waiver_holds_until_it_expires() {
    type Spoil = fn(&mut Case);
    let spoils: [(Verdict, Spoil); 3] = [
        (Verdict::Fail, |case| case.footprint.flash_bytes = Some(10_001)),
        (Verdict::Thin, |case| case.footprint.flash_bytes = Some(9_999)),
        (Verdict::Unknown, |case| case.footprint.blocked = Some("no firmware".into())),
    ];
    for (was, spoil) in spoils {
        let (check, _) = Case::spoilt("flash", |case| {
            spoil(case);
            case.limits.waivers = vec![waived("flash", false)];
        });
        assert_eq!(check.verdict, Verdict::Waived);
        let words = "waived by ml@example.com until 2027-05-31 (the new board comes in May). Without a waiver this is ";
        assert!(check.detail.starts_with(&format!("{words}{}: ", was.name())), "{}", check.detail);
        let (check, all) = Case::spoilt("flash", |case| {
            spoil(case);
            case.limits.waivers = vec![waived("flash", true)];
        });
        assert_eq!((check.verdict, all), (Verdict::Fail, Verdict::Fail));
        assert!(check.detail.starts_with("the waiver expired: ml@example.com waived this until"), "{}", check.detail);
        assert_eq!(check.manifest.as_deref(), Some("gates.waive.flash"));
    }
    let (check, all) = Case::spoilt("flash", |case| {
        case.footprint.flash_bytes = Some(10_001);
        case.limits.waivers = vec![waived("flash", false)];
    });
    assert_eq!((check.manifest.as_deref(), all, all.is_good()), (Some("gates.flash"), Verdict::Waived, true));
    for (expired, words) in [(false, "until 2027-05-31 is not needed"), (true, "expired after 2027-05-31: remove it")] {
        let (check, all) = Case::spoilt("flash", |case| case.limits.waivers = vec![waived("flash", expired)]);
        assert_eq!((check.verdict, all), (Verdict::Pass, Verdict::Pass));
        assert!(check.detail.ends_with(words), "{}", check.detail);
    }
}

#[test]
fn a_limit_of_the_targets_own_is_named_where_it_stands() {
    let own = |path: &str| (path.to_owned(), format!("target.mps2-an386.{path}"));
    let spoil = |case: &mut Case| {
        case.limits.own = [own("gates.flash"), own("gates.waive.stack"), own("arena.budget")].into();
        case.limits.waivers = vec![waived("stack", true)];
        case.measurement.stack_app_bytes = Some(2_001);
        let value = GovernedValue { param: "arena.budget".into(), value: Some("2".into()), approved: None };
        case.limits.governance = Some(Governance { values: vec![value] });
    };
    let place = |name: &str| Case::spoilt(name, spoil).0.manifest.unwrap();
    assert_eq!(place("flash"), "target.mps2-an386.gates.flash");
    assert_eq!(place("stack"), "target.mps2-an386.gates.waive.stack");
    assert_eq!(place("arena_headroom"), "target.mps2-an386.arena.budget");
    assert_eq!(place("ram"), "gates.ram");
    let limits = Limits { own: [own("gates.flash")].into(), ..limits() };
    assert_eq!(limits.place("gates.flash.growth"), "target.mps2-an386.gates.flash.growth");
    assert_eq!(limits.place("gates.flashy"), "gates.flashy");
    assert_eq!(place("governed"), "arena.budget");
}
