//! What the firmware is made of: `CycloneDX` 1.5 as JSON. Crates, kernel library and model are components, tools are tools.
//!
//! Without a time, and with a serial number that follows from the release: the same release has the same bill.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::about::Release;
use super::checksums::sha256;
use super::crates::locked;
use super::make::{Draft, Tool};
use super::{SBOM, TARGETS};
use crate::gate::evidence::{FirmwareCrate, Footprint};
use crate::stage::artifact;

/// What a bill is made from.
pub(super) struct Parts<'a> {
    pub(super) release: &'a Release,
    pub(super) draft: &'a Draft<'a>,
    /// Of all targets.
    pub(super) footprints: &'a [Footprint],
    /// Where the model comes from.
    pub(super) provenance: &'a [(String, String)],
}

/// The bill.
pub(super) fn sbom(parts: &Parts<'_>) -> Value {
    let Parts { release, draft, .. } = parts;
    let mut components: Vec<Value> = crates(parts);
    components.extend(draft.library.as_ref().map(|library| {
        let mut component = json!({
            "type": "library",
            "bom-ref": format!("kernel-library:{}", library.name),
            "name": library.name,
            "version": library.version,
            "licenses": [{ "expression": library.licence }],
            "properties": [property("source-tree", &library.digest)],
        });
        if let Some(purl) = &library.purl {
            component["purl"] = json!(purl);
        }
        component
    }));
    components.push(json!({
        "type": "machine-learning-model",
        "bom-ref": "model",
        "name": draft.model.0,
        "hashes": hashes(&sha256(&draft.model.1)),
        "properties": parts.provenance.iter().map(|(name, value)| property(name, value)).collect::<Vec<_>>(),
    }));
    components.extend(release.targets.iter().map(|target| {
        let name = format!("{TARGETS}{}/{}", target.board, artifact::APP);
        json!({ "type": "file", "bom-ref": name, "name": name, "hashes": hashes(&target.elf.app) })
    }));
    let references: Vec<Value> = components.iter().map(|component| component["bom-ref"].clone()).collect();
    json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "serialNumber": serial_number(&release.to_bytes()),
        "version": 1,
        "metadata": {
            "tools": { "components": tools(&draft.tools) },
            "component": {
                "type": "firmware",
                "bom-ref": "firmware",
                "name": release.deployment,
                "version": release.version,
                "author": draft.manifest.owner,
                "description": draft.manifest.summary.clone().unwrap_or_default(),
            },
        },
        "components": components,
        "dependencies": [{ "ref": "firmware", "dependsOn": references }],
    })
}

/// Crates of all targets, each once: those from elsewhere by their package URL, with the checksum that Cargo holds them against.
fn crates(parts: &Parts<'_>) -> Vec<Value> {
    let linked: BTreeMap<(&str, &str), &FirmwareCrate> = parts
        .footprints
        .iter()
        .flat_map(|footprint| &footprint.crates)
        .map(|one| ((one.name.as_str(), one.version.as_str()), one))
        .collect();
    let locked = locked(parts.draft.crates);
    let component = |one: &FirmwareCrate| {
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
    linked.into_values().map(component).collect()
}

/// Tools and sources that `deploy.lock` records, and this program.
fn tools(tools: &[Tool]) -> Vec<Value> {
    let own = json!({
        "type": "application",
        "name": "deployctl",
        "version": env!("CARGO_PKG_VERSION"),
        "properties": [property("built-in", crate::builtin::digest())],
    });
    let tool = |tool: &Tool| {
        let properties = [property("identity", &tool.digest)];
        json!({ "type": "application", "name": tool.name, "version": tool.version, "properties": properties })
    };
    std::iter::once(own).chain(tools.iter().map(tool)).collect()
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
