//! The pages of a project, for people who have neither the project nor the command: every target that is built with its report
//! and its runbook, every release, and what has become of the figures between them.
//!
//! Pages are values: paths below the site's folder and bytes, the same for the same project. Links are relative, so that the
//! folder can be sent, opened from a disk, or put on any web server.

mod found;
mod history;

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::{Value, json};

use self::found::PAGES;
pub use self::found::{Amount, Deployment, Project, Release, Released, SiteError, Target};
use crate::frame::{Frame, Link, Sheet, within};
use crate::gate::metric::METRICS;
use crate::render::{self, RenderError};

/// Version of the list of a site's files.
pub const SCHEMA: &str = "deployctl/site/1";
/// The list of a site's files, in its folder: what is not in it is not ours.
pub const LIST: &str = "site.json";

/// Figures that tables have, and what they are called there with their unit; times are added where they are known.
const COLUMNS: [(&str, &str); 5] = [
    ("arena_bytes", "arena, bytes"),
    ("flash_bytes", "flash, bytes"),
    ("ram_bytes", "RAM, bytes"),
    ("stack_bytes", "stack, bytes"),
    ("instructions", "instructions"),
];
/// Where the script finds what it looks through besides the rows.
const WORDS: &str = "/* words */ []";

/// Texts of the templates.
#[derive(Clone, Debug)]
pub struct Templates {
    /// The frame of all pages.
    pub frame: Frame,
    /// The first page.
    pub index: String,
    /// A deployment's page.
    pub deployment: String,
    /// The search: a convenience.
    pub script: String,
}

/// A column of figures.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Column {
    name: String,
    title: String,
}

/// All files of a site, by their paths in it.
pub fn pages(project: &Project, templates: &Templates) -> Result<BTreeMap<String, Vec<u8>>, RenderError> {
    let mut pages = BTreeMap::new();
    pages.insert("index.html".to_owned(), index(project, templates)?.into_bytes());
    for deployment in &project.deployments {
        let folder = format!("deployments/{}", deployment.name);
        pages.insert(format!("{folder}/index.html"), overview(deployment, templates)?.into_bytes());
        for target in &deployment.targets {
            let trail = [Link::to("../../../index.html", "Deployments"), Link::to("../index.html", &deployment.name)];
            for (name, bytes) in &target.files {
                pages.insert(format!("{folder}/{}/{name}", target.board), placed(name, bytes, &trail));
            }
        }
        for (release, target) in
            deployment.releases.iter().flat_map(|one| one.targets.iter().map(move |target| (one, target)))
        {
            let here = format!("{} {}", deployment.name, release.version);
            let trail = [Link::to("../../../../../index.html", "Deployments"), Link::to("../../../index.html", &here)];
            for (name, bytes) in &target.pages {
                let place = format!("{folder}/{}/{name}", history::folder(&release.version, &target.board));
                pages.insert(place, placed(name, bytes, &trail));
            }
        }
    }
    let files: Vec<&String> = pages.keys().collect();
    let list = serde_json::to_string_pretty(&json!({ "schema": SCHEMA, "files": files })).unwrap_or_default();
    pages.insert(LIST.to_owned(), format!("{list}\n").into_bytes());
    Ok(pages)
}

/// A file of a target as the site has it: a page with the way back.
fn placed(name: &str, bytes: &[u8], trail: &[Link]) -> Vec<u8> {
    match std::str::from_utf8(bytes) {
        Ok(page) if PAGES.contains(&name) => within(page, trail).into_bytes(),
        _ => bytes.to_vec(),
    }
}

fn index(project: &Project, templates: &Templates) -> Result<String, RenderError> {
    let targets = || project.deployments.iter().flat_map(|deployment| &deployment.targets);
    let columns = columns(targets().map(|target| &target.figures));
    let row = |deployment: &Deployment, target: &Target| {
        json!({
            "deployment": deployment.name,
            "target": target,
            "figures": cells(&columns, &target.figures),
        })
    };
    let rows = |deployment| {
        let deployment: &Deployment = deployment;
        deployment.targets.iter().map(move |target| row(deployment, target))
    };
    let rows: Vec<Value> = project.deployments.iter().flat_map(rows).collect();
    let released: Vec<Value> = project.deployments.iter().filter_map(last_release).collect();
    let values = json!({
        "rows": rows,
        "columns": columns,
        "released": released,
        "deployments": project.deployments.len(),
        "releases": project.deployments.iter().map(|deployment| deployment.releases.len()).sum::<usize>(),
    });
    let words: Vec<&str> = targets().map(|target| target.words.as_str()).collect();
    // Within a script element nothing may look like its end.
    let words = serde_json::to_string(&words).unwrap_or_default().replace('<', "\\u003c");
    let script = templates.script.replacen(WORDS, &words, 1);
    templates.frame.page(&Sheet {
        markdown: &render::captioned("site.md", &templates.index, &values)?,
        script: (!rows.is_empty()).then_some(&script),
        ..Sheet::default()
    })
}

fn last_release(deployment: &Deployment) -> Option<Value> {
    let last = deployment.releases.last()?;
    Some(json!({ "deployment": deployment.name, "release": last, "count": deployment.releases.len() }))
}

fn overview(deployment: &Deployment, templates: &Templates) -> Result<String, RenderError> {
    let built = columns(deployment.targets.iter().map(|target| &target.figures));
    let targets = deployment
        .targets
        .iter()
        .map(|target| json!({ "target": target, "figures": cells(&built, &target.figures) }))
        .collect::<Vec<_>>();
    let mut pictures = BTreeMap::new();
    let mut histories = Vec::new();
    let boards = deployment.releases.iter().flat_map(|release| release.targets.iter().map(|target| &target.board));
    for (index, board) in boards.collect::<BTreeSet<_>>().into_iter().enumerate() {
        let points = history::points(deployment, board);
        let columns = columns(points.iter().map(|point| &point.figures));
        let name = format!("history-{index}.svg");
        let picture =
            history::picture(&format!("history-{index}"), &format!("{} on {board}", deployment.name), &points);
        let rows: Vec<Value> =
            points.iter().map(|point| json!({ "point": point, "figures": cells(&columns, &point.figures) })).collect();
        histories.push(
            json!({ "board": board, "columns": columns, "rows": rows, "picture": picture.is_some().then_some(&name) }),
        );
        pictures.extend(picture.map(|svg| (name, svg)));
    }
    let values = json!({ "deployment": deployment, "columns": built, "targets": targets, "histories": histories });
    templates.frame.page(&Sheet {
        markdown: &render::captioned("site-deployment.md", &templates.deployment, &values)?,
        pictures,
        trail: vec![Link::to("../../index.html", "Deployments")],
        pages: vec![Link { here: true, ..Link::to("index.html", &deployment.name) }],
        ..Sheet::default()
    })
}

/// The columns that some row has a figure for.
fn columns<'a>(rows: impl Iterator<Item = &'a BTreeMap<String, Amount>>) -> Vec<Column> {
    let mut known: BTreeMap<&String, &Amount> = BTreeMap::new();
    rows.for_each(|figures| known.extend(figures));
    let column = |name: &str, title: &str| Column { name: name.to_owned(), title: title.to_owned() };
    let is_time = |amount: &Amount| !["bytes", "count", "ratio", "instructions"].contains(&amount.unit.as_str());
    let mut columns: Vec<Column> = COLUMNS
        .iter()
        .filter(|(name, _)| known.keys().any(|known| known == name))
        .map(|(name, title)| column(name, title))
        .collect();
    for (name, amount) in known.into_iter().filter(|(_, amount)| is_time(amount)) {
        let title = METRICS.iter().find(|metric| metric.name == name).map_or(name.as_str(), |metric| metric.title);
        columns.push(column(name, &format!("{title}, {}", amount.unit)));
    }
    columns
}

fn cells(columns: &[Column], figures: &BTreeMap<String, Amount>) -> Vec<String> {
    let cell = |column: &Column| figures.get(&column.name).map_or_else(|| "–".to_owned(), Amount::number);
    columns.iter().map(cell).collect()
}

#[cfg(test)]
mod tests;
