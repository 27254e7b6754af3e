//! No network, a declared environment, records without time and place.

use std::collections::BTreeSet;

use crate::space::{Space, files};

#[test]
fn law_8_nothing_hidden_a_build_needs_no_network() {
    let Some(space) = Space::new("host") else { return };
    for program in ["pip", "pip3", "git", "curl", "wget", "rustup"] {
        space.replace(program, "echo called >> \"$0.called\"; exit 1");
    }
    let built = space.run_offline("--json build manifests/sample.kdl").unwrap_or_else(|| space.build(""));
    assert_eq!(built.succeeded().verdict(), "pass");
    let called = files(&space.path("bin")).into_keys().find(|path| path.extension() == Some("called"));
    assert_eq!(called, None, "something that uses the network was started");
}

#[test]
fn law_8_nothing_hidden_tools_see_declared_variables_only() {
    let Some(space) = Space::built("host") else { return };
    let seen = space.path("seen");
    space.wrap("cc", &format!("env | sed 's/=.*//' >> {seen}\nexec REAL \"$@\""));
    space.env("SECRET", "1").env("LD_LIBRARY_PATH", "/nowhere").env("CARGO_PKG_HOSTILE", "1");
    space.build("").succeeded();
    let text = std::fs::read_to_string(&seen).unwrap();
    let seen: BTreeSet<&str> = text.lines().collect();
    // Cargo gives rustc, and that its linker, variables of its own about the package.
    for name in ["SECRET", "CARGO_PKG_HOSTILE", "HOME", "DEPLOYCTL_HOME", "RUSTUP_HOME", "USER"] {
        assert!(!seen.contains(name), "`{name}` reaches the linker");
    }
}

#[test]
fn law_8_nothing_hidden_records_have_no_time_and_no_place() {
    let Some(space) = Space::built("host") else { return };
    let mut records = 0;
    for (path, bytes) in files(&space.root().join("home/store-v1/records")) {
        if path.extension() == Some("journal") {
            continue;
        }
        records += 1;
        let text = String::from_utf8_lossy(&bytes);
        let host = std::fs::read_to_string("/etc/hostname").unwrap_or_default();
        for word in [space.built_in().as_str(), "/tmp/", "duration", "ended_ns", "/.rustup", "/usr/bin"] {
            assert!(!text.contains(word), "`{word}` in {path}: {text}");
        }
        assert!(host.trim().len() < 6 || !text.contains(host.trim()), "{path}");
    }
    assert_eq!(records, 14);
}
