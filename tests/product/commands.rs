//! The commands around a build: `export`, `clean`, `fetch`, `doctor`, `completions`, and what each writes.

use std::path::Path;

use crate::product::space::{Space, has_board, has_sources, project};

#[test]
fn export_stands_alone_and_says_how_to_build_it() {
    if !has_board() {
        return;
    }
    let space = project("mps2-an386");
    let export = ["export", "manifests/sample.kdl", "--to", "alone"];
    space.run(&export).exits(2).says(&["there is no project in", "run `deployctl build manifests/sample.kdl` first"]);
    space.run(&["build"]).exits(0);
    space.run(&export).exits(0).says(&["alone stands alone", "cargo build --release --locked --offline"]);
    for name in ["Cargo.toml", "Cargo.lock", "README.md", "memory.x", "rustfmt.toml", "model/src/lib.rs", "sources"] {
        assert!(space.path("alone").join(name).exists(), "no `{name}`");
    }
    for name in ["README.md", ".cargo/config.toml", "cmsis-nn/cmsis-nn.sources"] {
        let text = space.text(&format!("alone/{name}"));
        assert!(!text.contains(".shared") && !text.contains(&space.root()), "`{name}` leads outside:\n{text}");
    }
    // Cargo agrees: everything that the lock file names is in the folder.
    std::fs::rename(space.path("out"), space.path("elsewhere")).unwrap();
    let metadata = std::process::Command::new("cargo")
        .args(["metadata", "--locked", "--offline", "--format-version=1"])
        .current_dir(space.path("alone"))
        .env("CARGO_HOME", space.path("cargo-home"))
        .output()
        .unwrap();
    assert!(metadata.status.success(), "{}", String::from_utf8_lossy(&metadata.stderr));
    assert!(!String::from_utf8_lossy(&metadata.stdout).contains("/elsewhere/"));
    std::fs::rename(space.path("elsewhere"), space.path("out")).unwrap();
    // A second time it would write over what a person may have changed.
    space.run(&export).exits(2).says(&["alone` is not empty", "name a new folder"]);
}

#[test]
fn clean_removes_out_and_the_store_brings_it_back() {
    if !has_sources() {
        return;
    }
    let space = project("host");
    space.run(&["build"]).exits(0);
    let report = space.text("out/sample/host/gate-report.md");
    space.run(&["clean"]).exits(0).says(&["removed out"]);
    assert!(!space.path("out").exists() && space.path("deploy.lock").exists());
    space.edit("manifests/sample.kdl", "runtime", "runtme").run(&["clean"]).exits(0).does_not_say(&["removed"]);
    space.edit("manifests/sample.kdl", "runtme", "runtime").run(&["build"]).exits(0).does_not_say(&["ran "]);
    assert_eq!(space.text("out/sample/host/gate-report.md"), report);
}

#[test]
fn a_sweep_takes_what_nothing_used_and_a_build_makes_it_again() {
    if !has_sources() {
        return;
    }
    let space = project("host");
    let own = space.path("store").to_str().unwrap().to_owned();
    let program = Path::new(crate::product::space::DEPLOYCTL);
    space.start(program, &["build"], &own).exits(0);
    space.start(program, &["clean", "--store-older-than", "1"], &own).exits(0).says(&["0 records and 0 artifacts"]);
    space.start(program, &["build"], &own).exits(0).does_not_say(&["ran "]);
    space.start(program, &["clean", "--store-older-than", "0"], &own).exits(0).does_not_say(&["0 records"]);
    space.start(program, &["build"], &own).exits(0).says(&["ran report", "sample on host: pass"]);
}

#[test]
fn what_is_fetched_is_not_fetched_again() {
    if !has_sources() {
        return;
    }
    let space = project("mps2-an386").env("PATH", "/nowhere").env("HTTPS_PROXY", "http://127.0.0.1:1");
    let first = space.run(&["fetch"]).exits(0).says(&["firmware-crates", "cmsis-nn"]);
    let lock = space.text("deploy.lock");
    assert!(lock.contains("cmsis-nn") && lock.contains("firmware-crates"), "{lock}");
    let second = space.run(&["fetch"]).exits(0);
    assert_eq!((second.out, space.text("deploy.lock")), (first.out, lock));
    // Recorded is another tree: it is obeyed, not replaced.
    space.edit("deploy.lock", &digest(&space.text("deploy.lock"), "cmsis-nn"), &"0".repeat(64));
    space.run(&["build"]).exits(5).says(&["cmsis-nn"]);
}

/// The digest in the line of `deploy.lock` that names a source.
fn digest(lock: &str, name: &str) -> String {
    let line = lock.lines().find(|line| line.contains(&format!(" {name} "))).unwrap_or_else(|| panic!("{lock}"));
    let is_digest = |word: &&str| word.len() == 64 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    line.split([' ', '"']).find(is_digest).unwrap_or_else(|| panic!("{line}")).to_owned()
}

#[test]
fn doctor_names_stage_and_command_for_what_is_missing() {
    if !has_sources() {
        return;
    }
    // Rust and a host compiler are there; the Arm compiler and the emulator are not.
    let tools = tempfile::tempdir().unwrap();
    for tool in ["cargo", "rustc", "rustup", "cc", "gcc", "as", "ld"] {
        let paths = std::env::var_os("PATH").unwrap();
        let found = std::env::split_paths(&paths).map(|folder| folder.join(tool)).find(|path| path.exists());
        if let Some(path) = found {
            std::os::unix::fs::symlink(path, tools.path().join(tool)).unwrap();
        }
    }
    let space = project("mps2-an386").env("PATH", tools.path().to_str().unwrap());
    space.run(&["doctor"]).exits(5).says(&[
        "found    cargo and rustc",
        "missing  Arm C compiler and newlib    for kernels: apt-get install -y gcc-arm-none-eabi",
        "missing  qemu-system-arm              for measure: apt-get install -y qemu-system-arm",
        "missing: Arm C compiler and newlib, qemu-system-arm",
        "`deployctl doctor --install` runs the commands above",
    ]);
    let events = space.run(&["--json", "doctor"]).exits(5).events();
    let emulator = events.iter().find(|event| event["item"] == "qemu-system-arm").unwrap();
    assert_eq!(emulator["stages"], serde_json::json!(["measure"]));
    assert_eq!(
        (&emulator["state"], &emulator["command"]),
        (&"missing".into(), &"apt-get install -y qemu-system-arm".into())
    );
    // A build says the same of the first of them, and does nothing by halves.
    space
        .run(&["build"])
        .exits(5)
        .says(&["`arm-none-eabi-gcc` is not installed", "apt-get install -y gcc-arm-none-eabi"]);
    assert!(!space.path("out").exists());
    // Rust is a person's business, and the help does not promise otherwise.
    let bare = project("host").env("PATH", "/nowhere");
    bare.run(&["doctor"]).exits(5).says(&[
        "missing  cargo and rustc",
        "https://rustup.rs",
        "which only a person can do",
    ]);
}

#[test]
fn completions_are_scripts_and_a_closed_pipe_is_no_failure() {
    let space = Space::new();
    for (shell, word) in [("bash", "complete -F"), ("zsh", "#compdef deployctl"), ("fish", "complete -c deployctl")] {
        let program =
            std::process::Command::new(crate::product::space::DEPLOYCTL).args(["completions", shell]).output().unwrap();
        assert!(program.status.success());
        assert!(String::from_utf8(program.stdout).unwrap().contains(word), "{shell}");
    }
    let script = format!("{} completions bash | true; echo ${{PIPESTATUS[0]}}", crate::product::space::DEPLOYCTL);
    let piped =
        std::process::Command::new("/bin/bash").args(["-c", &script]).current_dir(space.path("")).output().unwrap();
    assert_eq!((String::from_utf8(piped.stdout).unwrap().trim(), piped.stderr.as_slice()), ("0", &b""[..]));
}
