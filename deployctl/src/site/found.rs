//! What a project has: targets in `out/`, releases in `releases/`. Reads files, and knows of them what pages show.

use std::collections::BTreeMap;
use std::fs;

use camino::{Utf8Path, Utf8PathBuf};
use cargo_metadata::semver::Version;
use serde::{Deserialize, Serialize};

use crate::{gate, render};

/// The files of a target that a site shows, or links to.
const FILES: [&str; 5] = ["gate-report.html", "gate-report.json", "memory.svg", "parity.svg", "runbook.html"];
/// Of these, the pages.
pub(super) const PAGES: [&str; 2] = ["gate-report.html", "runbook.html"];
const REPORT_SCHEMA: &str = "deployctl/gate-report/1";

/// Why a project cannot be shown.
#[derive(Debug, thiserror::Error)]
pub enum SiteError {
    /// A file or folder that is there cannot be read.
    #[error("`{path}` cannot be read: {source}")]
    Unreadable {
        /// Which.
        path: Utf8PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file is not what its place says.
    #[error("`{path}` is damaged: {why}")]
    Damaged {
        /// Which.
        path: Utf8PathBuf,
        /// In which way.
        why: String,
    },
}

/// Everything that a site is made of.
#[derive(Debug, Default)]
pub struct Project {
    /// By name.
    pub deployments: Vec<Deployment>,
    /// Folders in `out/` that have no page, in sentences.
    pub remarks: Vec<String>,
}

/// A deployment: what is built of it, and its releases.
#[derive(Debug, Default, Serialize)]
pub struct Deployment {
    /// Its name.
    pub name: String,
    /// One line for people, as it is built.
    pub summary: Option<String>,
    /// Who answers for it, as it is built.
    pub owner: Option<String>,
    /// By board.
    pub targets: Vec<Target>,
    /// The oldest first.
    pub releases: Vec<Release>,
}

/// A number with its unit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Amount {
    /// The number.
    pub value: f64,
    /// Its unit.
    pub unit: String,
}

impl Amount {
    /// As people read it.
    pub fn text(&self) -> String {
        render::counted(self.value, &self.unit)
    }

    /// Without its unit, for a column that names it.
    pub(super) fn number(&self) -> String {
        self.text().trim_end_matches(&self.unit).trim_end().to_owned()
    }
}

/// A target as it is built.
#[derive(Debug, Serialize)]
pub struct Target {
    /// The board.
    pub board: String,
    /// The deployment's version.
    pub version: String,
    /// How it was run, in a word.
    pub evidence: String,
    /// The verdict, in words.
    pub verdict: String,
    /// Figures by name.
    pub figures: BTreeMap<String, Amount>,
    /// What a search finds it by, besides what the page shows.
    #[serde(skip)]
    pub words: String,
    /// Files by name.
    #[serde(skip)]
    pub files: BTreeMap<String, Vec<u8>>,
}

/// A release, of which its `release.json` tells.
#[derive(Debug, Serialize)]
pub struct Release {
    /// Its version.
    pub version: String,
    /// How it was run, in words.
    pub evidence: String,
    /// What was released for each board.
    pub targets: Vec<Released>,
}

/// A target of a release.
#[derive(Debug, Serialize)]
pub struct Released {
    /// The board.
    pub board: String,
    /// The verdict.
    pub verdict: String,
    /// How it was run, in words.
    pub evidence: String,
    /// Figures by name.
    pub figures: BTreeMap<String, Amount>,
    /// Pages and pictures by name, where the release has all pages for people to open.
    #[serde(skip)]
    pub pages: BTreeMap<String, Vec<u8>>,
}

impl Released {
    fn new(target: &gate::ReleasedTarget, pages: BTreeMap<String, Vec<u8>>) -> Self {
        let amount =
            |quantity: &gate::Quantity| Amount { value: quantity.value, unit: quantity.unit.name().to_owned() };
        Self {
            board: target.board.clone(),
            verdict: target.verdict.map_or("–", gate::Verdict::name).to_owned(),
            evidence: target.evidence.clone(),
            figures: target.figures.iter().map(|(name, quantity)| (name.clone(), amount(quantity))).collect(),
            pages,
        }
    }
}

/// What is read of `gate-report.json`.
#[derive(Deserialize)]
struct Report {
    schema: String,
    verdict_text: String,
    deployment: About,
    target: Place,
    model: Named,
    tools: Vec<Named>,
    operators: Operators,
    metrics: BTreeMap<String, Amount>,
}

#[derive(Deserialize)]
struct About {
    version: String,
    owner: String,
    summary: Option<String>,
}

#[derive(Deserialize)]
struct Place {
    summary: String,
    core: String,
    evidence: String,
}

#[derive(Deserialize)]
struct Named {
    name: String,
    value: String,
}

#[derive(Deserialize)]
struct Operators {
    rows: Vec<Row>,
}

#[derive(Deserialize)]
struct Row {
    name: String,
    symbol: Option<String>,
}

impl Project {
    /// Looks at the project in `root`.
    pub fn read(root: &Utf8Path) -> Result<Self, SiteError> {
        let mut deployments: BTreeMap<String, Deployment> = BTreeMap::new();
        let mut remarks = Vec::new();
        for name in folders(&root.join("out"))? {
            for board in folders(&root.join("out").join(&name))? {
                let folder = root.join("out").join(&name).join(&board);
                let Some((report, target)) = target(&folder, &board)? else {
                    remarks.push(format!("`out/{name}/{board}` has no whole result: build it again to have it shown"));
                    continue;
                };
                let deployment = deployments.entry(name.clone()).or_default();
                (deployment.summary, deployment.owner) = (report.deployment.summary, Some(report.deployment.owner));
                deployment.targets.push(target);
            }
        }
        for folder in folders(&root.join("releases"))? {
            let folder = root.join("releases").join(&folder);
            if folder.join("release.json").exists() {
                let (deployment, release) = release(&folder)?;
                deployments.entry(deployment).or_default().releases.push(release);
            }
        }
        let finish = |(name, mut deployment): (String, Deployment)| {
            deployment.releases.sort_by_cached_key(|release| order(&release.version));
            Deployment { name, ..deployment }
        };
        Ok(Self { deployments: deployments.into_iter().map(finish).collect(), remarks })
    }
}

/// Versions by their precedence; one that is none comes first.
fn order(version: &str) -> (Option<Version>, String) {
    (Version::parse(version).ok(), version.to_owned())
}

/// A target's folder; `None` where not all that a page is made of is there.
fn target(folder: &Utf8Path, board: &str) -> Result<Option<(Report, Target)>, SiteError> {
    let files = read_files(folder, &FILES)?;
    let has_pages = PAGES.iter().all(|name| files.contains_key(*name));
    let Some(bytes) = files.get("gate-report.json").filter(|_| has_pages) else { return Ok(None) };
    let report: Report = parse(&folder.join("gate-report.json"), bytes)?;
    if report.schema != REPORT_SCHEMA {
        return Ok(None);
    }
    let target = Target {
        board: board.to_owned(),
        version: report.deployment.version.clone(),
        evidence: kind(&report.target.evidence),
        verdict: report.verdict_text.clone(),
        figures: report.metrics.clone(),
        words: words(&report),
        files,
    };
    Ok(Some((report, target)))
}

/// `emulated (QEMU, mps2-an386)` in a word.
fn kind(evidence: &str) -> String {
    evidence.split([' ', ':', '(']).next().unwrap_or(evidence).to_owned()
}

/// Operators, kernels, model, tools, people: once each.
fn words(report: &Report) -> String {
    let about = &report.deployment;
    let mut words = vec![&report.target.core, &report.target.summary, &about.owner];
    words.extend(&about.summary);
    for named in report.tools.iter().chain([&report.model]) {
        words.extend([&named.name, &named.value]);
    }
    for row in &report.operators.rows {
        words.push(&row.name);
        words.extend(&row.symbol);
    }
    let mut seen = std::collections::BTreeSet::new();
    words.retain(|word| seen.insert(*word));
    words.into_iter().map(String::as_str).collect::<Vec<_>>().join(" ").to_lowercase()
}

/// The release of a deployment in a folder.
fn release(folder: &Utf8Path) -> Result<(String, Release), SiteError> {
    let path = folder.join("release.json");
    let bytes = fs::read(&path).map_err(|source| SiteError::Unreadable { path: path.clone(), source })?;
    let damaged = |why: String| SiteError::Damaged { path: path.clone(), why };
    let release = gate::Release::parse(&bytes).map_err(damaged)?;
    // They become folders' names.
    let version = release.version.replace('+', "-");
    let boards = release.targets.iter().map(|target| &target.board);
    if let Some(name) = [&release.deployment, &version].into_iter().chain(boards).find(|name| !is_name(name)) {
        return Err(damaged(format!("`{name}` is no name of a deployment, a version or a board")));
    }
    let targets = release.targets.iter().map(|target| Ok(Released::new(target, papers(&folder.join(&target.board))?)));
    let targets = targets.collect::<Result<Vec<_>, SiteError>>()?;
    Ok((release.deployment, Release { version: release.version, evidence: release.evidence, targets }))
}

/// The pages in a folder with what they link to, where all pages are there.
fn papers(folder: &Utf8Path) -> Result<BTreeMap<String, Vec<u8>>, SiteError> {
    let found = read_files(folder, &FILES)?;
    let has_pages = PAGES.iter().all(|name| found.contains_key(*name));
    Ok(if has_pages { found } else { BTreeMap::new() })
}

/// Those of these files that are in a folder.
fn read_files(folder: &Utf8Path, names: &[&str]) -> Result<BTreeMap<String, Vec<u8>>, SiteError> {
    let mut files = BTreeMap::new();
    for name in names {
        let path = folder.join(name);
        match fs::read(&path) {
            Ok(bytes) => drop(files.insert((*name).to_owned(), bytes)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(source) => return Err(SiteError::Unreadable { path, source }),
        }
    }
    Ok(files)
}

fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
}

fn parse<T: serde::de::DeserializeOwned>(path: &Utf8Path, bytes: &[u8]) -> Result<T, SiteError> {
    serde_json::from_slice(bytes).map_err(|error| SiteError::Damaged { path: path.to_owned(), why: error.to_string() })
}

/// Names of the folders in a folder that may be a deployment's or a board's, in order.
fn folders(folder: &Utf8Path) -> Result<Vec<String>, SiteError> {
    let unreadable = |source| SiteError::Unreadable { path: folder.to_owned(), source };
    let entries = match folder.read_dir_utf8() {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(unreadable(source)),
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(unreadable)?;
        if entry.path().is_dir() && is_name(entry.file_name()) {
            names.push(entry.file_name().to_owned());
        }
    }
    names.sort();
    Ok(names)
}
