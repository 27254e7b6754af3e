//! What concerns several manifests of a project at once, and the body of the manifest fuzzers.

use std::sync::{Arc, LazyLock};

use camino::{Utf8Path, Utf8PathBuf};
use miette::NamedSource;

use super::approvals::Approvals;
use super::catalog::{Catalog, Entry};
use super::error::{Errors, Problem};
use super::resolve;
use super::types::Manifest;
use super::{board, deployment, known_bad, library};

/// Fails where two manifests would file their outputs in one place: equal deployment names on one board.
pub fn clashes(manifests: &[Manifest]) -> Result<(), Errors> {
    let mut problems = Vec::new();
    let mut path = String::new();
    for (index, manifest) in manifests.iter().enumerate() {
        let clash = |other: &&Manifest| other.root == manifest.root && shares_target(other, manifest);
        let Some(other) = manifests[..index].iter().find(clash) else { continue };
        path = resolve::shown(&manifest.path, &manifest.root);
        let text = Arc::new(NamedSource::new(&path, manifest.text.clone()));
        let other = resolve::shown(&other.path, &other.root);
        let message =
            format!("deployment `{}` is in `{other}` too, with a target of the same name", manifest.name.value);
        let problem = Problem::at(manifest.name.span.clone(), message).label("second one");
        problems.push(problem.help("give one of them another name: outputs are filed by it").in_text(&text));
    }
    if problems.is_empty() { Ok(()) } else { Err(Errors::new(path, problems)) }
}

fn shares_target(a: &Manifest, b: &Manifest) -> bool {
    let has = |name: &str| b.targets.iter().any(|target| target.name.value == name);
    a.name.value == b.name.value && a.targets.iter().any(|target| has(&target.name.value))
}

/// Reads `bytes` as a manifest, a board, a kernel library and a known-bad table and writes out the mistakes found.
///
/// # Panics
///
/// Only where the reader has a fault: a refusal without a reason, or one whose place lies outside the text.
pub fn fuzz_body(bytes: &[u8]) {
    static BUILTIN: LazyLock<Catalog> = LazyLock::new(Catalog::builtin);
    let root = Utf8PathBuf::from("fuzz");
    let manifest = deployment::from_bytes(bytes, Utf8Path::new("fuzz/input.kdl"), root, &BUILTIN).err();
    let entry = Entry { shown: "input.kdl".to_owned(), path: None, bytes: bytes.to_vec() };
    let others = [
        board::read("input", &entry, BUILTIN.syntax()).err(),
        library::read("input", &entry, BUILTIN.syntax()).err(),
        known_bad::read("input", &entry, BUILTIN.syntax()).err(),
        Approvals::from_bytes(bytes, Utf8Path::new("fuzz/approvals.kdl"), BUILTIN.syntax()).err(),
    ];
    for errors in others.into_iter().flatten().chain(manifest) {
        assert!(!errors.problems().is_empty(), "an error without a problem");
        let mut out = String::new();
        let rendered =
            miette::GraphicalReportHandler::new_themed(miette::GraphicalTheme::none()).render_report(&mut out, &errors);
        assert!(rendered.is_ok(), "a problem's place lies outside the text");
    }
}
