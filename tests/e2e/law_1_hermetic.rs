//! What lies around a project, and what the user's environment says, is in no stage.

use crate::space::Space;

const HOSTILE: &str = "[build]\nrustc-wrapper = \"/bin/false\"\nrustflags = [\"--cfg\", \"hostile\"]\ntarget-dir = \"/nowhere\"\n\
    [target.x86_64-unknown-linux-gnu]\nlinker = \"/bin/false\"\n[profile.release]\nopt-level = 0\n[env]\nHOSTILE = \"1\"\n";

fn hostile(space: &Space) {
    let root = space.root().to_owned();
    for folder in ["", "user", "home", "project", "cargo-home"] {
        let folder = root.join(folder);
        std::fs::create_dir_all(folder.join(".cargo")).unwrap();
        std::fs::write(folder.join(".cargo/config.toml"), HOSTILE).unwrap();
        std::fs::write(folder.join("config.toml"), HOSTILE).unwrap();
        std::fs::write(folder.join("Cargo.toml"), "[workspace]\nmembers = [\"nothing\"]\n").unwrap();
        std::fs::write(folder.join("rust-toolchain.toml"), "[toolchain]\nchannel = \"none\"\n").unwrap();
    }
    space.env("CARGO_HOME", root.join("cargo-home").as_str());
    let variables = [
        ("RUSTFLAGS", "--cfg hostile -C opt-level=0"),
        ("CARGO_ENCODED_RUSTFLAGS", "--cfg\u{1f}hostile"),
        ("RUSTC_WRAPPER", "/bin/false"),
        ("RUSTC_WORKSPACE_WRAPPER", "/bin/false"),
        ("RUSTC", "/bin/false"),
        ("CC", "/bin/false"),
        ("CFLAGS", "-DHOSTILE"),
        ("C_INCLUDE_PATH", "/nowhere"),
        ("LIBRARY_PATH", "/nowhere"),
        ("CARGO_BUILD_TARGET", "none"),
        ("CARGO_TARGET_DIR", "/nowhere"),
        ("CARGO_PROFILE_RELEASE_OPT_LEVEL", "0"),
        ("CARGO_NET_OFFLINE", "false"),
        ("MAKEFLAGS", "-n"),
        ("LANG", "de_DE.UTF-8"),
        ("SOURCE_DATE_EPOCH", "1"),
    ];
    for (name, value) in variables {
        space.env(name, value);
    }
}

#[test]
fn law_1_hermetic_nothing_from_around_gets_into_firmware() {
    let (Some(space), Some(clean)) = (Space::new("host"), Space::built("host")) else { return };
    hostile(&space);
    clean.build("").succeeded();
    space.build("").succeeded();
    for image in ["app.elf", "harness.elf"] {
        assert!(space.result(image) == clean.result(image), "{image} differs");
    }
}

#[test]
fn law_1_hermetic_nothing_from_around_is_in_a_key() {
    for target in ["host", "mps2-an386"] {
        let Some(space) = Space::built(target) else { continue };
        hostile(&space);
        let built = space.build("").succeeded();
        assert!(built.ran().is_empty(), "{target}: {:?}", built.ran());
    }
}
