//! A time-out is the machine's failure, not the product's: it has its own exit code and is not recorded. And a day that passes
//! is no change, until it is the last of a waiver.

use std::collections::BTreeSet;

use crate::space::{NAME, Space};

#[test]
fn law_7_honest_a_target_that_hangs_is_ended_and_not_recorded() {
    let Some(space) = Space::built("mps2-an386") else { return };
    space.build("").succeeded();
    let out = space.out();
    let pids = space.path("pids");
    let hangs = format!(
        "case \"$*\" in *--version*) exec REAL \"$@\";; esac\necho $$ >> {pids}\nsleep 300 & echo $! >> {pids}\nwait"
    );
    space.wrap("qemu-system-arm", &hangs);
    for _ in 0..2 {
        let failed = space.build("--time-limit 1").failed(7, &["time limit"]);
        assert!(failed.events.iter().any(|event| event["stage"] == "measure" && event["status"] == "failed"));
    }
    for pid in std::fs::read_to_string(&pids).unwrap().split_whitespace() {
        let alive = std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z"));
        assert!(!alive, "{pid} is left");
    }
    assert!(space.out() == out);
    space.env("PATH", &std::env::var("PATH").unwrap());
    assert!(space.build("").succeeded().ran().is_empty(), "the old record still holds");
}

#[test]
fn law_7_honest_a_date_that_passes_ends_a_waiver_and_reruns_the_gate_alone() {
    let Some(space) = Space::built("host") else { return };
    let waive =
        "waive \"arena_headroom\" owner=\"platform@example.com\" reason=\"rev B has more\" until=\"2027-03-01\"";
    space.edit(NAME, "800 B", "500 B").edit(NAME, "flash max", &format!("{waive}; flash max"));
    let build = format!("--json build {NAME}");
    let stages = |names: &[&str]| names.iter().map(|name| format!("sample/host/{name}")).collect::<BTreeSet<_>>();
    let first = space.run_on("2026-11-23", &build).succeeded();
    assert_eq!((first.verdict(), first.ran()), ("waived", stages(&["gate", "report", "runbook"])));
    let report = String::from_utf8(space.result("gate-report.md")).unwrap();
    assert!(report.contains("**waived**") && report.contains("waived by platform@example.com until 2027"), "{report}");
    // The last day is still one of the waiver's.
    for day in ["2026-11-24", "2027-03-01"] {
        let later = space.run_on(day, &build).succeeded();
        assert_eq!((later.verdict(), later.ran()), ("waived", stages(&[])), "{day}");
    }
    let expired = space.run_on("2027-03-02", &build).failed(1, &[]);
    assert_eq!((expired.verdict(), expired.ran()), ("fail", stages(&["gate", "report", "runbook"])));
    let report = String::from_utf8(space.result("gate-report.md")).unwrap();
    assert!(report.contains("the waiver expired: platform@example.com waived this until 2027"), "{report}");
    assert_eq!(space.run_on("2028-01-01", &build).failed(1, &[]).ran(), stages(&[]));
    // A clock that goes back finds the old result.
    assert_eq!(space.run_on("2026-11-23", &build).succeeded().verdict(), "waived");
}
