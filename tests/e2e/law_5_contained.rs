//! A build writes what its help names; damage is noticed and mended.

use std::collections::BTreeSet;

use camino::Utf8PathBuf;

use crate::space::{NAME, Space, files};

/// Flips a byte of the stored object with this content.
fn damage(space: &Space, content: &[u8]) {
    let objects = space.root().join("home/store-v1");
    let stored = files(&objects);
    let (path, bytes) = stored.iter().find(|(_, bytes)| *bytes == content).expect("the object is in the store");
    let mut bytes = bytes.clone();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::remove_file(objects.join(path)).unwrap();
    std::fs::write(objects.join(path), bytes).unwrap();
}

#[test]
fn law_5_contained_a_damaged_artifact_is_noticed_when_it_is_copied_out() {
    let Some(space) = Space::built("host") else { return };
    space.build("").succeeded();
    let image = space.result("app.elf");
    damage(&space, &image);
    std::fs::remove_dir_all(space.path("out")).unwrap();
    let mended = space.build("").succeeded();
    assert_eq!(mended.ran().len(), 1, "{:?}", mended.ran());
    assert!(space.result("app.elf") == image);
}

#[test]
fn law_5_contained_check_rereads_everything() {
    let Some(space) = Space::built("host") else { return };
    space.build("").succeeded();
    damage(&space, &space.result("memory.json"));
    assert!(space.build("").succeeded().ran().is_empty(), "nothing read it");
    assert!(space.build("--check").succeeded().ran().contains("sample/host/memory"));
    assert!(space.build("--check").succeeded().ran().is_empty());
}

#[test]
fn law_5_contained_a_changed_result_is_kept_aside_and_made_right() {
    let Some(space) = Space::built("host") else { return };
    space.build("").succeeded();
    let image = space.result("app.elf");
    let mut changed = image.clone();
    changed[100] ^= 1;
    std::fs::write(space.path("out/sample/host/app.elf"), &changed).unwrap();
    std::fs::write(space.path("out/sample/host/notes.txt"), "mine").unwrap();
    let built = space.build("").succeeded();
    assert!(built.ran().is_empty() && built.text.contains("was changed by hand"), "{}", built.text);
    let out = space.out();
    assert!(out[&Utf8PathBuf::from("sample/host/app.elf")] == image);
    assert!(out.values().any(|bytes| *bytes == changed), "the changed file is gone");
    assert_eq!(out[&Utf8PathBuf::from("sample/host/notes.txt")], b"mine");
}

#[test]
fn law_5_contained_commands_that_look_write_nothing() {
    let Some(space) = Space::new("host") else { return };
    let looked = [
        "check",
        "plan",
        "why memory",
        "doctor",
        "boards",
        "boards show host",
        "clean",
        "audit models/sample.tflite --board host",
        "fmt --check",
    ];
    let leaves_all = |space: &Space| {
        let before = files(space.root());
        for arguments in looked {
            let ran = space.run(arguments);
            assert!(matches!(ran.code, Some(0 | 1)), "{arguments}: {:?} {}", ran.code, ran.text);
            let after = files(space.root());
            let same = after == before;
            assert!(
                same,
                "`{arguments}` wrote {:?}",
                after.keys().filter(|path| !before.contains_key(*path)).collect::<Vec<_>>()
            );
        }
    };
    leaves_all(&space);
    space.run("clean --store-older-than 1").succeeded();
    assert!(!space.root().join("home/store-v1").exists(), "a folder was made");
    // And beside a store that is there.
    let Some(space) = Space::built("host") else { return };
    space.build("").succeeded();
    std::fs::remove_dir_all(space.path("out")).unwrap();
    space.edit(NAME, "headroom=\"10%\"", "headroom=\"9%\"");
    leaves_all(&space);
}

#[test]
fn law_5_contained_a_build_writes_its_results_and_the_lock_file() {
    let Some(space) = Space::new("host") else { return };
    std::fs::create_dir_all(space.root().join("user")).unwrap();
    let names = |space: &Space| -> BTreeSet<Utf8PathBuf> {
        let all = files(space.root()).into_keys();
        all.filter(|path| !space.root().join(path).starts_with(space.sources())).collect()
    };
    let before = names(&space);
    space.build("").succeeded();
    let allowed = [
        "project/out",
        "project/deploy.lock",
        "home/store-v1",
        "home/tools-v1.json",
        "home/syntax-1",
        "home/CACHEDIR.TAG",
    ];
    for path in names(&space).difference(&before) {
        assert!(allowed.iter().any(|place| path.starts_with(place)), "`{path}` was written");
    }
}
