//! The project as a whole: what is copied from the template, and what is written.

use camino::Utf8Path;

use super::board::{cargo_config, memory_map};
use super::data::Data;
use super::readme::readme;
use super::{EmitError, Files, Input, Model, model, own};

/// Files of the template that every project needs.
const NEEDED: [&str; 2] = ["Cargo.toml", "Cargo.lock"];

pub(super) fn project(input: &Input<'_>) -> Result<Files, EmitError> {
    for path in NEEDED {
        if !input.template.contains_key(Utf8Path::new(path)) {
            return Err(EmitError::Template { path: path.to_owned() });
        }
    }
    let mut files: Files = input
        .template
        .iter()
        .filter(|(path, _)| !replaced(path))
        .map(|(path, bytes)| (path.clone(), bytes.clone()))
        .collect();
    files.extend(model_crate(&input.model)?);
    let mut write = |path: &str, text: String| files.insert(path.into(), text.into_bytes());
    write(".cargo/config.toml", cargo_config(input)?);
    write("README.md", readme(input));
    if let Some(library) = input.library.as_ref().filter(|_| uses_cmsis_nn(&input.model)) {
        write("cmsis-nn/cmsis-nn.sources", library.description.to_owned());
    }
    if let Some(map) = memory_map(input.board)? {
        write("memory.x", map);
    }
    Ok(files)
}

/// True for what the project has of its own.
fn replaced(path: &Utf8Path) -> bool {
    path.starts_with("model") || path.starts_with(".cargo") || path == "memory.x" || path == "README.md"
}

pub(super) fn model_crate(input: &Model<'_>) -> Result<Files, EmitError> {
    let (steps, kernels, scratch) = (input.steps.len(), input.kernels.len(), input.scratch.len());
    if steps != kernels || steps != scratch {
        return Err(EmitError::Counts { steps, kernels, scratch });
    }
    let data = Data::of(input)?;
    let mut files = data.files.clone();
    files.insert("model/Cargo.toml".into(), manifest(input).into_bytes());
    files.insert("model/src/lib.rs".into(), model::library(input, &data)?.into_bytes());
    if let Some(module) = data.module(input) {
        files.insert("model/src/parameters.rs".into(), module.into_bytes());
    }
    Ok(files)
}

/// True where some operator calls CMSIS-NN.
pub(super) fn uses_cmsis_nn(model: &Model<'_>) -> bool {
    model.kernels.iter().any(|kernel| kernel.function.starts_with("cmsis_nn::"))
}

/// The same dependencies whatever the model uses, so that one lock file fits all; features choose.
fn manifest(model: &Model<'_>) -> String {
    let default = if uses_cmsis_nn(model) { "\"cmsis-nn\"" } else { "" };
    format!(
        r#"[package]
name = "model"
description = "The neural network: operators, parameters and weights"
version.workspace = true
edition.workspace = true
license.workspace = true
publish.workspace = true

[features]
default = [{default}]
# Some operators run on CMSIS-NN.
cmsis-nn = ["dep:cmsis-nn"]

[dependencies]
cmsis-nn = {{ path = "../cmsis-nn", optional = true }}
kernels = {{ path = "../kernels" }}
{}
[lints]
workspace = true
"#,
        own::dependencies(model)
    )
}
