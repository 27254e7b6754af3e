//! The same bytes wherever, in whatever order, with however many jobs.

use crate::space::Space;

/// Another folder, deeper, another home, another `CARGO_HOME`, another number of jobs: every file of `out/` is the same.
fn same_everywhere(target: &str) {
    let (Some(here), Some(there)) = (Space::built(target), Space::new(target)) else { return };
    let there = there.moved("some/what/deeper/in/the/tree");
    there.env("CARGO_HOME", there.root().join("elsewhere/cargo").as_str());
    here.build("").succeeded();
    there.build("-j 1").succeeded();
    let (one, two) = (here.out(), there.out());
    assert!(one.keys().eq(two.keys()), "other files");
    for (path, bytes) in one {
        assert!(two[&path] == bytes, "`{path}` differs");
    }
    for image in ["app.elf", "harness.elf"] {
        let bytes = there.result(image);
        let rustup = std::env::var("HOME").unwrap() + "/";
        for place in [there.root().as_str(), rustup.as_str(), "/sources-v1", "/store-v1", "/.rustup", "/.cargo/"] {
            let found = bytes.windows(place.len()).any(|window| window == place.as_bytes());
            assert!(!found, "`{place}` is in {image} for {target}");
        }
    }
}

#[test]
fn law_3_reproducible_in_every_folder_on_the_host() {
    same_everywhere("host");
}

#[test]
#[ignore = "as on the host, and a release is built again for the board; `tests/all --full` has both"]
fn law_3_reproducible_in_every_folder_on_the_board() {
    same_everywhere("mps2-an386");
}

#[test]
fn law_3_reproducible_verify_names_the_stage_whose_bytes_differ() {
    let Some(space) = Space::built("host") else { return };
    // A linker that numbers what it links.
    let numbered = "case \"$*\" in *-print-*|*--version*) exec REAL \"$@\";; esac\n\
                    exec REAL \"$@\" -Wl,--build-id=0x$(printf %016x $$)";
    space.wrap("cc", numbered);
    space.build("--verify").failed(5, &["host/crates", "build-script-build"]);
}

#[test]
fn law_3_reproducible_verify_finds_nothing_in_an_honest_build() {
    let Some(space) = Space::built("host") else { return };
    space.build("--verify").succeeded();
}

/// Templates see maps in an order that changes from run to run.
#[test]
fn law_3_reproducible_no_template_walks_through_a_map() {
    let folder = camino::Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("../templates");
    for (path, bytes) in crate::space::files(&folder) {
        let text = String::from_utf8(bytes).unwrap();
        let loops = text.split("{% for ").skip(1).filter_map(|rest| rest.split(" in ").next());
        for names in loops {
            assert!(!names.contains(','), "{path} walks through a map as `{names}`");
        }
    }
}
