//! The `model` crate in the firmware template is what `emit` makes of `tests/golden/sample.tflite`, byte for byte.
//!
//! `DEPLOYCTL_UPDATE=1 cargo test --test e2e product::sample` writes it anew.

use std::path::{Path, PathBuf};
use std::process::Command;

use deployctl::emit::{Entry, Files, Model, model_crate};
use deployctl::library::{Features, Kernel, reference, scratch_bytes};
use deployctl::memory::plan;
use deployctl::model::{Read, Step, lower, read};

use crate::product::space::{golden, repository};

/// The crate that `emit` makes of the sample, on reference kernels.
fn generated() -> Files {
    let Read { graph, weights } = read(&golden("sample.tflite")).unwrap();
    let steps: Vec<Step> = lower(&graph, &weights).into_iter().map(Result::unwrap).collect();
    let kernels: Vec<Kernel> = steps.iter().map(reference).collect();
    let core = Features { dsp: true, mve: false };
    let scratch: Vec<usize> =
        steps.iter().zip(&kernels).map(|(step, kernel)| scratch_bytes(kernel, step, core)).collect();
    let plan = plan(&graph, &steps, &scratch).unwrap();
    let kernels: Vec<Entry<'_>> = kernels
        .iter()
        .map(|kernel| Entry { function: &kernel.entry, symbol: &kernel.symbol, scratch: kernel.takes_scratch() })
        .collect();
    let model = Model {
        deployment: "sample",
        version: "0.1.0",
        digest: &"0".repeat(64),
        graph: &graph,
        weights: &weights,
        steps: &steps,
        kernels: &kernels,
        arena: plan.peak,
        tensors: &plan.tensors,
        scratch: &plan.scratch,
    };
    model_crate(&model).unwrap()
}

/// All files of a folder, by their path from `root`.
fn present(folder: &Path, root: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            present(&path, root, files);
        } else {
            files.push(path.strip_prefix(root).unwrap().to_owned());
        }
    }
}

#[test]
fn the_templates_sample_is_generated() {
    let root = repository().join("firmware-template");
    let files = generated();
    let stale = |path: &Path| !files.keys().any(|known| known.as_std_path() == path);
    let mut there = Vec::new();
    present(&root.join("model"), &root, &mut there);
    if std::env::var_os("DEPLOYCTL_UPDATE").is_some() {
        there.iter().filter(|path| stale(path)).for_each(|path| std::fs::remove_file(root.join(path)).unwrap());
        for (path, bytes) in &files {
            std::fs::create_dir_all(root.join(path).parent().unwrap()).unwrap();
            std::fs::write(root.join(path), bytes).unwrap();
        }
        return;
    }
    let advice = "run `DEPLOYCTL_UPDATE=1 cargo test --test e2e product::sample`, and commit what it writes";
    for (path, bytes) in &files {
        assert!(std::fs::read(root.join(path)).ok().as_ref() == Some(bytes), "`{path}` is not as generated: {advice}");
    }
    let left: Vec<_> = there.iter().filter(|path| stale(path)).collect();
    assert!(left.is_empty(), "{left:?} are not generated: {advice}");
}

#[test]
fn the_template_is_formatted_by_its_own_rules() {
    let root = repository().join("firmware-template");
    let files: Vec<PathBuf> =
        generated().into_keys().filter(|path| path.extension() == Some("rs")).map(|path| root.join(path)).collect();
    let output = Command::new("rustfmt").args(["--edition", "2024", "--check"]).args(files).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    let rules = |folder: PathBuf| std::fs::read_to_string(folder.join("rustfmt.toml")).unwrap();
    assert_eq!(rules(root), rules(repository()));
}
