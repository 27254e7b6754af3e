//! What a build made, with all that it was made from, as the files of a bundle.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;

use super::about::{self, Elves, Named, Release, Target};
use super::archive::Files;
use super::checksums::{checksums, sha256};
use super::keys::Keys;
use super::licences::{self, Listing, Text};
use super::project::Project;
use super::provenance::Maker;
use super::{
    BUILT_IN, CHECKSUMS, CheckError, KEYS, LICENCES, LIMITS, LISTINGS, PROVENANCE, RELEASE, REPRODUCED, SBOM, SOURCES,
    TARGETS, image, json, provenance, sbom,
};
use crate::elf;
use crate::gate::evidence::{Footprint, Measurement};
use crate::gate::{Interface, Judgement, PortRecord};
use crate::lockfile::Group;
use crate::manifest::{self, Manifest, Port, Spanned};
use crate::stage::{self, artifact};

/// Reads a file of a source tree: the tree's name, the file's path. An error in words.
pub type Trees<'a> = dyn Fn(&str, &str) -> Result<Vec<u8>, String> + 'a;

/// Texts of licences by their path below `licences/`.
type Texts = BTreeMap<String, Text>;

/// Everything that goes into a bundle.
pub struct Draft<'a> {
    /// The manifest.
    pub manifest: &'a Manifest,
    /// Where it lies below `sources/`.
    pub manifest_at: String,
    /// The project's files, by their path below `sources/`.
    pub sources: Files,
    /// Built-in files that were used, by their path in the program.
    pub built_in: Files,
    /// The targets, in the manifest's order.
    pub targets: Vec<Made>,
    /// Files of the source trees that `deploy.lock` records, by the tree's name.
    pub listings: BTreeMap<String, Listing>,
    /// Reads a file of such a tree: name, path.
    pub trees: &'a Trees<'a>,
    /// Texts of licences that toolchains carry, by their path below `licences/`.
    pub toolchain: Files,
}

/// What a target's stages made.
#[derive(Debug)]
pub struct Made {
    /// The board.
    pub board: String,
    /// Results, by their path in the target's folder.
    pub files: Files,
    /// The records of its stages.
    pub keys: Keys,
    /// What is allowed.
    pub gate: stage::Gate,
}

/// A bundle's contents, as far as its papers follow from them.
pub(super) struct Parts<'a> {
    pub(super) release: &'a Release,
    pub(super) manifest: &'a Manifest,
    pub(super) project: &'a Project<'a>,
    pub(super) files: &'a Files,
    pub(super) lock: &'a Group,
    /// Records, in the order of the targets.
    pub(super) targets: &'a [Keys],
    pub(super) maker: &'a Maker,
}

impl<'a> Parts<'a> {
    /// A file of each target that has it, with its path.
    pub(super) fn of_targets(&self, name: &str) -> impl Iterator<Item = (String, &'a Vec<u8>)> {
        let (files, name) = (self.files, name.to_owned());
        self.release.targets.iter().filter_map(move |target| {
            let path = format!("{TARGETS}{}/{name}", target.board);
            files.get(&path).map(|bytes| (path, bytes))
        })
    }

    /// Crates of all targets.
    fn crates(&self) -> Result<Vec<crate::gate::evidence::FirmwareCrate>, CheckError> {
        let mut crates = Vec::new();
        for (path, bytes) in self.of_targets(artifact::FOOTPRINT) {
            crates.extend(parse::<Footprint>(&path, bytes)?.crates);
        }
        Ok(crates)
    }

    /// The source trees that licences are taken from.
    pub(super) fn trees(&self) -> Vec<&str> {
        let library = licences::links_library(self.targets).then_some(self.manifest.kernels.source.name.as_str());
        [licences::CRATES].into_iter().chain(library).collect()
    }

    /// Texts of licences that follow from these listings, with the tree that each is of.
    pub(super) fn licences(&self, listings: &BTreeMap<String, Listing>) -> Result<Vec<(&str, Texts)>, CheckError> {
        let none = Listing::new();
        let own = self.project.own(self.files);
        let texts = |tree: &str| -> Result<_, CheckError> {
            let listing = listings.get(tree).unwrap_or(&none);
            Ok(match tree {
                licences::CRATES => licences::of_crates(&self.crates()?, listing, &own),
                _ => licences::of_library(&self.manifest.kernels.source, listing),
            })
        };
        self.trees().into_iter().map(|tree| Ok((tree, texts(tree)?))).collect()
    }

    /// Parts of toolchains that are linked into firmware.
    pub(super) fn toolchain(&self) -> Vec<licences::Part> {
        licences::parts(self.manifest, self.lock, licences::links_library(self.targets))
    }

    /// What is made from all the rest: the bill and the provenance.
    pub(super) fn papers(&self) -> Result<Files, CheckError> {
        Ok(Files::from([
            (SBOM.to_owned(), json(&sbom::sbom(self)?)),
            (PROVENANCE.to_owned(), json(&provenance::statement(self))),
        ]))
    }
}

/// Makes the bundle. An error is a result that cannot be read.
pub fn make(draft: Draft<'_>) -> Result<(Release, Files), CheckError> {
    let mut files = Files::new();
    for made in &draft.targets {
        target(made, &mut files)?;
    }
    for (folder, found) in [(SOURCES, draft.sources), (BUILT_IN, draft.built_in)] {
        files.extend(found.into_iter().map(|(path, bytes)| (format!("{folder}{path}"), bytes)));
    }
    let boards = draft.targets.iter().map(|made| made.board.as_str());
    let release = about(draft.manifest, &draft.manifest_at, boards, &files)?;
    let project = Project::new(draft.manifest, &draft.manifest_at);
    let (lock, targets): (Group, Vec<Keys>) =
        (project.lock(&files)?, draft.targets.into_iter().map(|made| made.keys).collect());
    let (project, targets, maker) = (&project, targets.as_slice(), &Maker::this());
    let manifest = draft.manifest;
    let parts = Parts { release: &release, manifest, project, files: &files, lock: &lock, targets, maker };
    let mut texts = Files::new();
    for (tree, wanted) in parts.licences(&draft.listings)? {
        for (name, text) in wanted {
            let unreadable = |why| CheckError::Unreadable { path: format!("{LICENCES}{name}"), why };
            let bytes = match &text {
                Text::Of(path, _) => (draft.trees)(tree, path).map_err(unreadable)?,
                Text::Is(text) => text.clone().into_bytes(),
            };
            texts.insert(format!("{LICENCES}{name}"), bytes);
        }
    }
    for part in parts.toolchain() {
        let of_part = |(name, _): &(&String, &Vec<u8>)| name.split('/').next() == Some(part.name);
        let found: Files =
            draft.toolchain.iter().filter(of_part).map(|(name, bytes)| (name.clone(), bytes.clone())).collect();
        if found.is_empty() {
            let path = format!("{LICENCES}{}/{}", part.name, licences::NO_TEXT);
            texts.insert(path, licences::without_text(&part).into_bytes());
        }
        texts.extend(found.into_iter().map(|(name, bytes)| (format!("{LICENCES}{name}"), bytes)));
    }
    let known: Vec<String> = parts.trees().into_iter().map(str::to_owned).collect();
    for (name, listing) in draft.listings.iter().filter(|(name, _)| known.contains(name)) {
        texts.insert(format!("{LISTINGS}{name}.txt"), licences::listing_text(listing).into_bytes());
    }
    files.extend(texts);
    let parts = Parts { release: &release, manifest, project, files: &files, lock: &lock, targets, maker };
    let papers = parts.papers()?;
    files.extend(papers);
    files.insert(RELEASE.to_owned(), release.to_bytes());
    seal(&mut files);
    Ok((release, files))
}

/// What a release says of itself, from the manifest and the evidence.
pub(super) fn about<'b>(
    manifest: &Manifest,
    manifest_at: &str,
    boards: impl Iterator<Item = &'b str>,
    files: &Files,
) -> Result<Release, CheckError> {
    let targets = boards.map(|board| about_target(board, files)).collect::<Result<Vec<_>, _>>()?;
    let digest = files.get(&format!("{SOURCES}{manifest_at}")).map(|bytes| sha256(bytes)).unwrap_or_default();
    Ok(Release {
        schema: about::SCHEMA.to_owned(),
        deployment: manifest.name.value.clone(),
        version: manifest.version.clone(),
        manifest: Named { path: manifest_at.to_owned(), digest },
        evidence: about::origin(&targets),
        interface: Interface { inputs: ports(&manifest.model.inputs), outputs: ports(&manifest.model.outputs) },
        governed: manifest::governed(manifest).into_iter().map(|one| (one.param, one.value)).collect(),
        targets,
    })
}

/// Writes down that a second build gave the same ELF files.
pub fn reproduced(release: &Release, files: &mut Files) {
    files.insert(REPRODUCED.to_owned(), json(&reproduction(release)));
    seal(files);
}

/// What a second build gave, where it gave the same.
pub(super) fn reproduction(release: &Release) -> serde_json::Value {
    let elves: BTreeMap<&str, &Elves> =
        release.targets.iter().map(|target| (target.board.as_str(), &target.elf)).collect();
    serde_json::json!({ "schema": "deployctl/reproduced/1", "builds": 2, "elf": elves })
}

/// Writes the checksums of all files.
pub fn seal(files: &mut Files) {
    files.insert(CHECKSUMS.to_owned(), checksums(files).into_bytes());
}

fn ports(ports: &[Spanned<Port>]) -> Vec<PortRecord> {
    ports.iter().map(|port| (&port.value).into()).collect()
}

/// What a release says of a target, from the evidence alone.
pub(super) fn about_target(board: &str, files: &Files) -> Result<Target, CheckError> {
    let path = |name: &str| format!("{TARGETS}{board}/{name}");
    let find = |name: &str| files.get(&path(name)).ok_or_else(|| CheckError::Missing { path: path(name) });
    let judgement: Judgement = parse(&path(artifact::VERDICT), find(artifact::VERDICT)?)?;
    let measured: Measurement = parse(&path(artifact::MEASUREMENT), find(artifact::MEASUREMENT)?)?;
    let elf = Elves { app: sha256(find(artifact::APP)?), harness: sha256(find(artifact::HARNESS)?) };
    Ok(Target::new(board, &judgement, &measured, elf))
}

fn target(made: &Made, files: &mut Files) -> Result<(), CheckError> {
    let path = |name: &str| format!("{TARGETS}{}/{name}", made.board);
    files.extend(made.files.iter().map(|(name, bytes)| (path(name), bytes.clone())));
    for (name, bytes) in flashable(&path(""), &made.files)? {
        files.insert(path(&name), bytes);
    }
    files.insert(path(KEYS), made.keys.to_bytes());
    files.insert(path(LIMITS), json(&made.gate));
    Ok(())
}

/// `.hex` and `.bin` of both programs, where they are made for a board.
pub(super) fn flashable(folder: &str, files: &Files) -> Result<Files, CheckError> {
    let mut made = Files::new();
    for name in [artifact::APP, artifact::HARNESS] {
        let Some(bytes) = files.get(name) else { continue };
        let unreadable =
            |error: elf::ElfError| CheckError::Unreadable { path: format!("{folder}{name}"), why: error.to_string() };
        let Some(firmware) = elf::loadable(bytes).map_err(unreadable)? else { continue };
        let stem = name.trim_end_matches(".elf");
        made.insert(format!("{stem}.hex"), image::intel_hex(&firmware).into_bytes());
        made.extend(image::binary(&firmware).map(|bytes| (format!("{stem}.bin"), bytes)));
    }
    Ok(made)
}

pub(super) fn parse<T: DeserializeOwned>(path: &str, bytes: &[u8]) -> Result<T, CheckError> {
    serde_json::from_slice(bytes)
        .map_err(|error| CheckError::Unreadable { path: path.to_owned(), why: error.to_string() })
}
