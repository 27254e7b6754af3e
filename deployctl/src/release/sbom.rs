//! What the firmware is made of: `CycloneDX` 1.5 as JSON. Crates, kernel library and model are components, tools are tools.
//!
//! Without a time, and with a serial number that follows from the release: the same release has the same bill.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::archive::Files;
use super::checksums::sha256;
use super::crates::{Locked, locked};
use super::make::{Parts, parse};
use super::provenance::{Maker, Tool, tools};
use super::{CheckError, LICENCES, SBOM, TARGETS, licences};
use crate::gate::evidence::{FirmwareCrate, Footprint};
use crate::lockfile::{Group, Kind};
use crate::manifest::{Library, Source};
use crate::stage::artifact;

/// The bill.
pub(super) fn sbom(parts: &Parts<'_>) -> Result<Value, CheckError> {
    let Parts { release, manifest, files, lock, maker, .. } = parts;
    let mut components: Vec<Value> = crates(parts)?;
    if licences::links_library(parts.targets) {
        components.push(library(&manifest.kernels.source, lock));
    }
    components.extend(parts.toolchain().iter().map(|part| toolchain(part, files)));
    let (path, model) = parts.project.model(files)?;
    components.push(json!({
        "type": "machine-learning-model",
        "bom-ref": "model",
        "name": path.rsplit('/').next().unwrap_or_default(),
        "hashes": hashes(&sha256(model)),
        "properties": origin(parts)?,
    }));
    components.extend(release.targets.iter().map(|target| {
        let name = format!("{TARGETS}{}/{}", target.board, artifact::APP);
        json!({ "type": "file", "bom-ref": name, "name": name, "hashes": hashes(&target.elf.app) })
    }));
    for component in &mut components {
        texts(component, files);
    }
    let references: Vec<Value> = components.iter().map(|component| component["bom-ref"].clone()).collect();
    Ok(json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "serialNumber": serial_number(&release.to_bytes()),
        "version": 1,
        "metadata": {
            "tools": { "components": applications(lock, maker) },
            "component": {
                "type": "firmware",
                "bom-ref": "firmware",
                "name": release.deployment,
                "version": release.version,
                "author": manifest.owner,
                "description": manifest.summary.clone().unwrap_or_default(),
            },
        },
        "components": components,
        "dependencies": [{ "ref": "firmware", "dependsOn": references }],
    }))
}

/// A kernel library.
fn library(about: &Library, lock: &Group) -> Value {
    let digest = lock.get(Kind::Source, &about.name).map_or("", |pin| pin.digest.as_str());
    let mut component = json!({
        "type": "library",
        "bom-ref": format!("kernel-library:{}", about.name),
        "name": about.name,
        "version": about.versions,
        "licenses": [{ "expression": about.licence }],
        "properties": [property("source-tree", digest)],
    });
    match &about.source {
        Source::Pypi { package, version, .. } => component["purl"] = json!(format!("pkg:pypi/{package}@{version}")),
        Source::Crate { package, version, .. } => component["purl"] = json!(format!("pkg:cargo/{package}@{version}")),
        _ => {}
    }
    component
}

/// What a toolchain adds to firmware; that its licence's text is not there is said.
fn toolchain(part: &licences::Part, files: &Files) -> Value {
    let licence = if part.licence.starts_with("LicenseRef") {
        json!([{ "license": { "name": "newlib: a collection of permissive licences" } }])
    } else {
        json!([{ "expression": part.licence }])
    };
    let missing = files.contains_key(&format!("{LICENCES}{}/{}", part.name, licences::NO_TEXT));
    let properties = missing.then(|| property("licence-text-missing", "the toolchain is installed without it"));
    json!({
        "type": "library",
        "bom-ref": format!("toolchain:{}", part.name),
        "name": part.name,
        "version": part.version,
        "description": part.what,
        "licenses": licence,
        "properties": properties.into_iter().collect::<Vec<_>>(),
    })
}

/// Adds the texts of a component's licences, which the bundle holds in a folder of the component's name.
fn texts(component: &mut Value, files: &Files) {
    let text = |name: &str| component[name].as_str().unwrap_or_default().to_owned();
    let is_crate = ["pkg:cargo/", "crate:"].iter().any(|begin| text("bom-ref").starts_with(begin));
    let folder = if is_crate { format!("{}-{}", text("name"), text("version")) } else { text("name") };
    let folder = format!("{LICENCES}{folder}/");
    let found = files.iter().filter(|(path, _)| path.starts_with(&folder));
    let found: Vec<Value> =
        found.map(|(path, bytes)| property("licence-text", &format!("{path} sha256:{}", sha256(bytes)))).collect();
    if component["type"] == "library" && !found.is_empty() {
        match component["properties"].as_array_mut() {
            Some(properties) => properties.extend(found),
            None => component["properties"] = json!(found),
        }
    }
}

/// Where the model comes from, as the first gate report has it.
fn origin(parts: &Parts<'_>) -> Result<Vec<Value>, CheckError> {
    #[derive(serde::Deserialize)]
    struct Row {
        name: String,
        value: String,
    }
    #[derive(serde::Deserialize)]
    struct Report {
        #[serde(default)]
        provenance: Vec<Row>,
    }
    let Some((path, bytes)) = parts.of_targets(artifact::REPORT_JSON).next() else { return Ok(Vec::new()) };
    let report: Report = parse(&path, bytes)?;
    Ok(report.provenance.iter().map(|row| property(&row.name, &row.value)).collect())
}

/// Crates of all targets, each once: those from elsewhere by their package URL, with the checksum that Cargo holds them against.
fn crates(parts: &Parts<'_>) -> Result<Vec<Value>, CheckError> {
    let mut linked: BTreeMap<(String, String), FirmwareCrate> = BTreeMap::new();
    for (path, bytes) in parts.of_targets(artifact::FOOTPRINT) {
        let footprint: Footprint = parse(&path, bytes)?;
        linked.extend(footprint.crates.into_iter().map(|one| ((one.name.clone(), one.version.clone()), one)));
    }
    let locks: Vec<String> = parts
        .of_targets(&format!("{}Cargo.lock", artifact::PROJECT))
        .map(|(_, bytes)| String::from_utf8_lossy(bytes).into_owned())
        .collect();
    let locked: Vec<Locked<'_>> = locks.iter().flat_map(|lock| locked(lock)).collect();
    let component = |one: FirmwareCrate| {
        let pinned = locked.iter().find(|known| known.name == one.name && known.version == one.version);
        let foreign = pinned.filter(|pinned| pinned.source.is_some());
        let purl = format!("pkg:cargo/{}@{}", one.name, one.version);
        let reference = if foreign.is_some() { purl.clone() } else { format!("crate:{}@{}", one.name, one.version) };
        let mut component =
            json!({ "type": "library", "bom-ref": reference, "name": one.name, "version": one.version });
        if foreign.is_some() {
            component["purl"] = json!(purl);
        }
        if let Some(checksum) = foreign.and_then(|pinned| pinned.checksum) {
            component["hashes"] = hashes(checksum);
        }
        if let Some(licence) = &one.licence {
            // Crates from before SPDX expressions write `MIT/Apache-2.0`.
            component["licenses"] = json!([{ "expression": licence.replace('/', " OR ") }]);
        }
        component
    };
    Ok(linked.into_values().map(component).collect())
}

/// Tools and sources that `deploy.lock` records, and the program that made the bundle.
fn applications(lock: &Group, maker: &Maker) -> Vec<Value> {
    let own = json!({
        "type": "application",
        "name": "deployctl",
        "version": maker.version,
        "properties": [property("built-in", &maker.built_in)],
    });
    let tool = |tool: &Tool| {
        let properties = [property("identity", &tool.digest)];
        json!({ "type": "application", "name": tool.name, "version": tool.version, "properties": properties })
    };
    std::iter::once(own).chain(tools(lock).iter().map(tool)).collect()
}

fn property(name: &str, value: &str) -> Value {
    json!({ "name": format!("deployctl:{name}"), "value": value })
}

fn hashes(sha256: &str) -> Value {
    json!([{ "alg": "SHA-256", "content": sha256 }])
}

/// A UUID of version 8 (RFC 9562: its bits are the maker's) from a digest.
fn serial_number(release: &[u8]) -> String {
    let mut digits: Vec<char> = sha256(&[SBOM.as_bytes(), release].concat()).chars().take(32).collect();
    digits[12] = '8';
    digits[16] = '8';
    let groups = [0..8, 8..12, 12..16, 16..20, 20..32].map(|range| digits[range].iter().collect::<String>());
    format!("urn:uuid:{}", groups.join("-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serial_numbers_are_uuids_of_the_release() {
        let number = serial_number(b"{}");
        assert_eq!(number, serial_number(b"{}"));
        assert_ne!(number, serial_number(b"{ }"));
        let parts: Vec<usize> = number.trim_start_matches("urn:uuid:").split('-').map(str::len).collect();
        assert_eq!(parts, [8, 4, 4, 4, 12]);
        assert!(number[9..].chars().all(|digit| digit == '-' || matches!(digit, '0'..='9' | 'a'..='f')), "{number}");
        assert_eq!(&number[23..24], "8");
    }
}
