//! A time-out is the machine's failure, not the product's: it has its own exit code and is not recorded.

use crate::space::Space;

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
