//! `features`: a manifest's preprocessing as Python, for the training side. Needs no tools and no store.

use serde_json::json;

use super::{Done, Surroundings};
use crate::cli::{self, Manifests};
use crate::error::{Error, Kind};
use crate::manifest::Manifest;
use crate::parity::python::{Input, script};
use crate::ui::Event;

pub(super) fn run(args: &cli::Features, around: &Surroundings) -> Result<Done, Error> {
    let manifests = around.manifests(&Manifests { manifests: vec![args.manifest.clone()] })?;
    for manifest in &manifests {
        let text = python(manifest)?;
        let fields = json!({ "deployment": manifest.name.value, "python": text });
        around.ui.show(&Event::Line { fields, text: text.trim_end().to_owned() });
    }
    Ok(Done::Ok)
}

/// The steps of a manifest.
fn python(manifest: &Manifest) -> Result<String, Error> {
    let Some(steps) = &manifest.preprocess else {
        let message = format!("`{}` declares no `preprocess`", manifest.path);
        return Err(Error::plain(
            Kind::Manifest,
            message,
            "declare the steps from raw inputs to the model's input first",
        ));
    };
    let named = |name: &String| manifest.model.inputs.iter().find(|input| input.value.name == *name);
    let port = steps.spec.input.as_ref().map_or_else(|| manifest.model.inputs.first(), named);
    let Some(port) = port.map(|port| &port.value) else {
        return Err(Error::plain(
            Kind::Manifest,
            "the model has no input that is fed",
            "name one in `preprocess`: `input=\"…\"`",
        ));
    };
    let quantization = port.quantization.map(|found| (found.scale, found.zero_point));
    let input = Input { name: port.name.clone(), dtype: port.dtype, quantization };
    script(&manifest.name.value, &steps.spec, &input).map_err(|error| {
        Error::caused(Kind::Manifest, &error, "`parity` reads arrays of any origin: reference/parity says which")
    })
}
