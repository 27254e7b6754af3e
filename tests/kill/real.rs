//! Kills of a real build, in the full run.

use std::process::{Command, Stdio};
use std::time::Instant;

use camino::{Utf8Path, Utf8PathBuf};

use super::{NO_WAIT, assert_gone, seeded};

const KILLS: u64 = 20;
const REPOSITORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

fn command(project: &Utf8Path, store: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_deployctl"));
    command.args(["--store", store, "build", "manifests/kws-host.kdl"]).current_dir(project);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// Processes whose command line names the project's folder.
fn left(project: &Utf8Path) -> Vec<String> {
    let processes = std::fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let ours = |pid: &String| {
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&line).contains(project.as_str())
    };
    processes.filter(ours).collect()
}

#[test]
#[ignore = "takes minutes: `tests/all --full` runs it"]
fn law_4_crash_safe_20_kills_of_a_real_build() {
    let folder = tempfile::tempdir().unwrap();
    let project = Utf8PathBuf::try_from(folder.path().canonicalize().unwrap()).unwrap();
    let copied = Command::new("cp").args(["-r", &format!("{REPOSITORY}/manifests")]).arg(&project).status().unwrap();
    assert!(copied.success());
    let begun = Instant::now();
    assert!(command(&project, "clean").status().unwrap().success(), "run `deployctl fetch` first");
    let whole = begun.elapsed();
    let report = "out/kws-host/host/gate-report.json";
    let results = [report, "out/kws-host/host/app.elf", "out/kws-host/host/runbook.md"];
    let read = |path: &&str| std::fs::read(project.join(path)).unwrap();
    let wanted: Vec<Vec<u8>> = results.iter().map(read).collect();
    for round in 0..KILLS {
        let store = format!("store-{}", round / 4);
        let _ = std::fs::remove_dir_all(project.join("out"));
        let mut child = command(&project, &store).spawn().unwrap();
        std::thread::sleep(seeded(&format!("real {round}"), whole));
        child.kill().unwrap();
        child.wait().unwrap();
        assert_gone(|| left(&project), &format!("round {round}"));
        if round % 4 == 3 {
            let begun = Instant::now();
            assert!(command(&project, &store).status().unwrap().success(), "round {round}");
            assert!(begun.elapsed() < whole * 3 + NO_WAIT, "round {round} waited");
            assert!(results.iter().map(read).eq(wanted.iter().cloned()), "round {round}");
        }
    }
}
