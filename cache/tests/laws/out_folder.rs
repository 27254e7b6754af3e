//! The folder that artifacts are copied out to: what a person did there survives.

use deployctl_cache::{Delivered, Engine, Graph, Placement};

use crate::space::{Mix, Mixes, Space, flip_a_byte};

fn two() -> Graph {
    let mut mixes = Mixes::default();
    mixes.add("one", Mix::new("1"), &[]);
    mixes.add("two", Mix::new("2"), &["one"]);
    mixes.0
}

fn deliver(space: &Space, wanted: &[(&str, &str, &str)]) -> Delivered {
    let (graph, store) = (two(), space.store());
    let engine = Engine::new(&store, space.options.clone());
    let mut outcome = engine.build(&graph, &|_| ()).unwrap();
    let wanted: Vec<_> = wanted.iter().map(|(node, path, to)| (graph.find(node).unwrap(), *path, *to)).collect();
    let delivered = engine.materialize(&graph, &mut outcome, &space.path("out/kws/host"), &wanted, &|_| ()).unwrap();
    store.save_memo().unwrap();
    delivered
}

const WANTED: &[(&str, &str, &str)] = &[("one", "/", "firmware"), ("two", "out.txt", "report.md")];

fn read(space: &Space, path: &str) -> String {
    std::fs::read_to_string(space.path("out/kws/host").join(path)).unwrap()
}

fn paths(paths: &[camino::Utf8PathBuf]) -> Vec<&str> {
    paths.iter().map(|path| path.as_str()).collect()
}

#[test]
fn the_second_time_nothing_is_written() {
    let space = Space::new();
    let delivered = deliver(&space, WANTED);
    assert_eq!(paths(&delivered.written), ["firmware/more/text.txt", "firmware/out.txt", "report.md"]);
    assert_eq!(read(&space, "firmware/more/text.txt"), "1");
    assert_eq!(deliver(&space, WANTED), Delivered::default());
}

#[test]
fn a_deleted_file_comes_back_without_running_a_stage() {
    let space = Space::new();
    deliver(&space, WANTED);
    std::fs::remove_file(space.path("out/kws/host/report.md")).unwrap();
    assert_eq!(paths(&deliver(&space, WANTED).written), ["report.md"]);
    std::fs::remove_dir_all(space.path("out")).unwrap();
    assert_eq!(deliver(&space, WANTED).written.len(), 3);
    assert!(space.ran(&two()).is_empty());
}

#[test]
fn what_a_person_added_stays() {
    let space = Space::new();
    deliver(&space, WANTED);
    space.write("out/kws/host/target/debug/app", "an ELF");
    space.write("out/kws/host/firmware/more/notes.md", "mine");
    std::fs::create_dir(space.path("out/kws/host/empty")).unwrap();
    std::os::unix::fs::symlink("nowhere", space.path("out/kws/host/link")).unwrap();
    let delivered = deliver(&space, &[("two", "/", "firmware")]);
    assert_eq!(paths(&delivered.removed), ["report.md"]);
    assert!(delivered.kept.is_empty());
    assert_eq!(read(&space, "target/debug/app"), "an ELF");
    assert_eq!(read(&space, "firmware/more/notes.md"), "mine");
    assert!(space.path("out/kws/host/empty").is_dir());
    assert!(space.path("out/kws/host/link").is_symlink());
    assert!(!space.path("out/kws/host/report.md").exists());
    assert_eq!(read(&space, "firmware/more/text.txt"), "2");
}

#[test]
fn what_a_person_changed_is_kept_aside_and_reported() {
    let space = Space::new();
    deliver(&space, WANTED);
    flip_a_byte(&space.path("out/kws/host/firmware/more/text.txt"));
    let kept = deliver(&space, WANTED).kept;
    assert_eq!(
        (kept[0].path.as_str(), kept[0].kept_as.as_str()),
        ("firmware/more/text.txt", "firmware/more/text.txt.kept-1")
    );
    assert_eq!(
        (read(&space, "firmware/more/text.txt"), read(&space, "firmware/more/text.txt.kept-1")),
        ("1".into(), "0".into())
    );
    space.write("out/kws/host/firmware/more/text.txt", "again");
    assert_eq!(deliver(&space, WANTED).kept[0].kept_as, "firmware/more/text.txt.kept-2");
    space.write("out/kws/host/report.md", "unwanted but mine");
    assert_eq!(deliver(&space, &WANTED[..1]).kept[0].kept_as, "report.md.kept-1");
    assert_eq!(deliver(&space, &WANTED[..1]), Delivered::default());
}

#[test]
fn a_folder_that_was_there_before_is_taken_over_gently() {
    let space = Space::new();
    space.write("out/kws/host/report.md", "mine");
    space.write("out/kws/host/firmware", "a file where a folder is to be");
    let kept: Vec<_> = deliver(&space, WANTED).kept.into_iter().map(|kept| kept.kept_as).collect();
    assert_eq!(paths(&kept), ["firmware.kept-1", "report.md.kept-1"]);
    assert_eq!(read(&space, "report.md.kept-1"), "mine");
}

#[test]
fn a_kill_between_the_renames_loses_nothing() {
    for (name, dest_is_there) in [("swap", false), ("swap", true), ("swap-aside", false), ("swap-aside", true)] {
        let space = Space::new();
        deliver(&space, WANTED);
        space.write("out/kws/host/notes.md", "mine");
        let (dest, left) = (space.path("out/kws/host"), space.path(&format!("out/kws/.host.deployctl-{name}")));
        std::fs::rename(&dest, &left).unwrap();
        if dest_is_there {
            let other = Space::new();
            deliver(&other, WANTED);
            let copied = std::process::Command::new("cp").arg("-r").arg(other.path("out/kws/host")).arg(&dest).status();
            assert!(copied.unwrap().success());
        }
        deliver(&space, WANTED);
        assert_eq!(read(&space, "notes.md"), "mine");
        assert!(!left.exists());
        assert_eq!(deliver(&space, WANTED), Delivered::default());
    }
}

#[test]
fn a_folder_that_becomes_a_file_is_kept_aside_with_what_is_in_it() {
    let space = Space::new();
    deliver(&space, WANTED);
    space.write("out/kws/host/firmware/notes.md", "mine");
    deliver(&space, &[("two", "out.txt", "firmware")]);
    assert_eq!(read(&space, "firmware.kept-1/notes.md"), "mine");
    assert_eq!(read(&space, "firmware").len(), 64);
}

#[test]
fn the_store_shares_no_file_with_the_folder() {
    use std::os::unix::fs::MetadataExt;
    let space = Space::new();
    deliver(&space, WANTED);
    let metadata = std::fs::metadata(space.path("out/kws/host/report.md")).unwrap();
    assert_eq!((metadata.nlink(), metadata.mode() & 0o777), (1, 0o644));
    space.write("out/kws/host/report.md", "changed");
    assert_eq!(deliver(&space, WANTED).kept.len(), 1);
    assert!(read(&space, "report.md") != "changed");
}

#[test]
fn a_path_that_leaves_the_folder_is_refused() {
    let space = Space::new();
    for path in ["../x", "/x", "", "a/../../x", ".deployctl-outputs.json"] {
        let digest = deployctl_cache::Digest::of(b"");
        let placement = Placement { path: path.into(), digest, executable: false };
        let error = deployctl_cache::materialize(&space.store(), &space.path("out"), &[placement]).unwrap_err();
        assert!(matches!(error, deployctl_cache::Error::BadPath(_)), "{path}: {error}");
    }
}
