//! `release.json`, schema `deployctl/release/1`: what a release is, for later builds and for programs.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::gate::evidence::Measurement;
use crate::gate::{Interface, Judgement, Quantity, Unit, Verdict};

/// Version of the schema.
pub const SCHEMA: &str = crate::gate::RELEASE_SCHEMA;

/// What a release is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Release {
    /// [`SCHEMA`].
    pub schema: String,
    /// Name of the deployment.
    pub deployment: String,
    /// Its version.
    pub version: String,
    /// The manifest.
    pub manifest: Named,
    /// What the evidence comes from.
    pub evidence: Origin,
    /// Inputs and outputs that both sides agreed on.
    pub interface: Interface,
    /// Governed values: path in the manifest, value as text.
    pub governed: BTreeMap<String, String>,
    /// In the manifest's order.
    pub targets: Vec<Target>,
}

/// A file of the bundle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Named {
    /// Path in the project.
    pub path: String,
    /// SHA-256.
    pub digest: String,
}

/// What a target's evidence comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// Firmware ran as a program of the machine that built it.
    Host,
    /// An emulator stood in for the board.
    Emulated,
    /// The board itself.
    Hardware,
}

impl Origin {
    /// As the measurement says.
    pub fn of(measured: &Measurement) -> Self {
        match (measured.runner.as_str(), measured.emulated) {
            ("host", _) => Self::Host,
            (_, true) => Self::Emulated,
            (_, false) => Self::Hardware,
        }
    }

    /// The word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::Emulated => "emulated",
            Self::Hardware => "hardware",
        }
    }
}

/// What a target came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Target {
    /// The board.
    pub board: String,
    /// What its evidence comes from.
    pub evidence: Origin,
    /// The verdict.
    pub verdict: Verdict,
    /// SHA-256 of the firmware.
    pub elf: Elves,
    /// What was measured, by name.
    pub figures: BTreeMap<String, Quantity>,
}

/// SHA-256 of both programs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the programs' names")]
pub struct Elves {
    pub app: String,
    pub harness: String,
}

impl Target {
    /// From the evidence.
    pub fn new(board: &str, judgement: &Judgement, measured: &Measurement, elf: Elves) -> Self {
        let figure = |figure: &crate::gate::metric::Figure| (figure.name.clone(), figure.quantity);
        Self {
            board: board.to_owned(),
            evidence: Origin::of(measured),
            verdict: judgement.verdict,
            elf,
            figures: judgement.figures.iter().map(figure).collect(),
        }
    }
}

impl Release {
    /// The folder's name below `releases/`.
    pub fn folder(&self) -> String {
        folder(&self.deployment, &self.version)
    }

    /// In what another build of this version would be another release to those who use it; empty where it is the same.
    pub fn unlike(&self, other: &Self) -> Vec<&'static str> {
        let firmware = |release: &Self| {
            release.targets.iter().map(|target| (target.board.clone(), target.elf.clone())).collect::<Vec<_>>()
        };
        let all = [
            ("is of another deployment or version", self.folder() != other.folder()),
            ("has other firmware", firmware(self) != firmware(other)),
            ("has another interface", self.interface != other.interface),
            ("has other governed values", self.governed != other.governed),
            ("has other evidence", self.evidence != other.evidence),
        ];
        all.into_iter().filter(|(_, differs)| *differs).map(|(what, _)| what).collect()
    }

    /// The file's bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        super::json(self)
    }
}

/// Name of a release's folder.
pub fn folder(deployment: &str, version: &str) -> String {
    format!("{deployment}-{version}")
}

/// The worst origin of all targets is the release's: what ran on a board is said only where all did.
pub fn origin(targets: &[Target]) -> Origin {
    targets.iter().map(|target| target.evidence).min().unwrap_or(Origin::Host)
}

/// A quantity with its unit, as people read it.
pub fn shown(quantity: Quantity) -> String {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "counts are whole and far below 2^52")]
    let whole = || crate::manifest::grouped(quantity.value as u64);
    match quantity.unit {
        Unit::Bytes => format!("{} bytes", whole()),
        Unit::Instructions => format!("{} instructions", whole()),
        Unit::Cycles => format!("{} cycles", whole()),
        Unit::Milliseconds => format!("{:.3} ms", quantity.value),
        Unit::Ratio => format!("{:.2} %", quantity.value * 100.0),
        _ if quantity.value.fract() == 0.0 && quantity.value >= 0.0 => whole(),
        Unit::Count => quantity.value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::PortRecord;
    use crate::manifest::PortQuantization;

    #[test]
    fn the_schema_is_the_documented_one() {
        let target = Target {
            board: "mps2-an386".into(),
            evidence: Origin::Emulated,
            verdict: Verdict::Pass,
            elf: Elves { app: "aa".into(), harness: "bb".into() },
            figures: [("flash_bytes".to_owned(), Quantity { value: 59_060.0, unit: Unit::Bytes })].into(),
        };
        let input = PortRecord {
            name: "input".into(),
            dtype: "int8".into(),
            shape: vec![1, 6],
            quantization: Some(PortQuantization { scale: 0.5, zero_point: -1 }),
            labels: None,
        };
        let release = Release {
            schema: SCHEMA.into(),
            deployment: "kws".into(),
            version: "1.2.0".into(),
            manifest: Named { path: "manifests/kws.kdl".into(), digest: "cc".into() },
            evidence: origin(std::slice::from_ref(&target)),
            interface: Interface { inputs: vec![input], outputs: vec![] },
            governed: BTreeMap::new(),
            targets: vec![target],
        };
        let value: serde_json::Value = serde_json::from_slice(&release.to_bytes()).unwrap();
        let expected = serde_json::json!({
            "schema": "deployctl/release/1",
            "deployment": "kws",
            "version": "1.2.0",
            "manifest": { "path": "manifests/kws.kdl", "digest": "cc" },
            "evidence": "emulated",
            "interface": {
                "inputs": [{ "name": "input", "type": "int8", "shape": [1, 6],
                    "quantization": { "scale": 0.5, "zero_point": -1 }, "labels": null }],
                "outputs": [],
            },
            "governed": {},
            "targets": [{ "board": "mps2-an386", "evidence": "emulated", "verdict": "pass",
                "elf": { "app": "aa", "harness": "bb" },
                "figures": { "flash_bytes": { "value": 59060.0, "unit": "bytes" } } }],
        });
        assert_eq!(value, expected);
        assert_eq!(serde_json::from_slice::<Release>(&release.to_bytes()).unwrap(), release);
        // Figures and the manifest's text are no other release; firmware and promises are.
        let mut other = release.clone();
        other.manifest.digest = "dd".into();
        other.targets[0].figures.clear();
        assert!(release.unlike(&other).is_empty());
        other.targets[0].elf.app = "ab".into();
        other.governed.insert("arena.budget".into(), "800 bytes".into());
        assert_eq!(release.unlike(&other), ["has other firmware", "has other governed values"]);
    }

    #[test]
    fn a_release_is_no_better_than_its_weakest_evidence() {
        assert!(Origin::Host < Origin::Emulated && Origin::Emulated < Origin::Hardware);
        let measured =
            |runner: &str, emulated| Measurement { runner: runner.into(), emulated, ..Measurement::default() };
        assert_eq!(Origin::of(&measured("host", false)), Origin::Host);
        assert_eq!(Origin::of(&measured("qemu mps2-an386", true)), Origin::Emulated);
        assert_eq!(Origin::of(&measured("probe STM32F446RETx", false)), Origin::Hardware);
    }
}
