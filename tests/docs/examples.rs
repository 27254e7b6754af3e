//! Manifests, boards and kernel libraries in the documentation are read by the code that reads people's.

use std::fs;

use camino::Utf8PathBuf;
use deployctl::manifest::{Board, Catalog, Library, load};

use crate::{page, repository};

/// A project with the example model in it.
fn project() -> (tempfile::TempDir, Utf8PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let root = Utf8PathBuf::from_path_buf(folder.path().to_owned()).unwrap();
    for name in ["boards", "kernels", "models"] {
        fs::create_dir_all(root.join("manifests").join(name)).unwrap();
    }
    for name in ["kws.tflite", "kws-labels.txt", "kws-vectors.npz"] {
        let from = repository().join("manifests/models").join(name);
        fs::copy(from, root.join("manifests/models").join(name)).unwrap();
    }
    (folder, root)
}

/// Every example is a whole file: its first node says of which kind.
#[test]
fn every_example_is_accepted() {
    let mut read = 0;
    for path in page::all() {
        for block in page::blocks(&page::read(&path)).into_iter().filter(|block| block.language == "kdl") {
            let place = format!("{path}, line {}", block.line);
            let (_keep, root) = project();
            let kind = block.text.lines().find(|line| !line.is_empty() && !line.starts_with("//")).unwrap_or_default();
            let kind = kind.split(' ').next().unwrap();
            let folder = match kind {
                "manifest" => "manifests",
                "board" => "manifests/boards",
                "kernel-library" => "manifests/kernels",
                other => panic!("{place}: begins with `{other}`; write ```text for a part of a file"),
            };
            let file = root.join(folder).join("example.kdl");
            fs::write(&file, &block.text).unwrap();
            let catalog = Catalog::open(&root).unwrap();
            let errors = match kind {
                "manifest" => load(&file, &catalog).err(),
                "board" => Board::load("example", &catalog).unwrap().err(),
                _ => Library::load("example", &catalog).unwrap().err(),
            };
            let text = errors.map(|errors| format!("{:?}", miette::Report::new(errors)));
            assert!(text.is_none(), "{place}: {}", text.unwrap_or_default());
            read += 1;
        }
    }
    assert!(read >= 3, "the reference has examples of all three kinds of file");
}
