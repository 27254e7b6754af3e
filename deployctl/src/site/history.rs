//! What has become of a target's figures: a row a release, the present build last, and a line for each figure.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Serialize;

use super::COLUMNS;
use super::found::{Amount, Deployment};
use crate::svg::{Tenths, line, open, px, text};

/// A point in a target's history.
#[derive(Debug, Serialize)]
pub(super) struct Point {
    /// The version.
    pub(super) version: String,
    /// Whether it was released; the other one is what is built now.
    pub(super) released: bool,
    pub(super) verdict: String,
    pub(super) evidence: String,
    pub(super) figures: BTreeMap<String, Amount>,
    /// Folder of the release's pages, where it has any.
    pub(super) papers: Option<String>,
}

/// Panels beside each other.
const ACROSS: usize = 2;
/// Size of a panel with its margins.
const PANEL: (Tenths, Tenths) = (4_600, 1_900);
/// Room in a panel for the title above, the versions below, and at both sides.
const MARGIN: Tenths = 300;
const TOP: Tenths = 620;
const BOTTOM: Tenths = 400;
/// Room above all panels.
const HEADING: Tenths = 500;
/// More versions than this are labelled only at the ends.
const LABELLED: usize = 6;

const STYLE: &str = "\
--paper:#ffffff;--ink:#1d2430;--soft:#5b6576;--grid:#d5dbe5;--mark:#2c58c4;\
@media (prefers-color-scheme:dark){--paper:#12161d;--ink:#e8ecf3;--soft:#a3adbd;--grid:#323b4a;--mark:#8fb6ff}\
& text{font:12px system-ui,-apple-system,'Segoe UI',Roboto,'DejaVu Sans',sans-serif;fill:var(--ink)}\
& .name{font-size:15px;font-weight:600}& .soft{fill:var(--soft);font-size:11px}& .end{text-anchor:end}& .middle{text-anchor:middle}\
& .axis{stroke:var(--grid)}& .line{fill:none;stroke:var(--mark);stroke-width:2}& .dot{fill:var(--mark)}& .now{fill:var(--paper);stroke:var(--mark);stroke-width:2}";

/// The releases of a board, and the present build where there is one.
pub(super) fn points(deployment: &Deployment, board: &str) -> Vec<Point> {
    let released = deployment.releases.iter().flat_map(|release| {
        release.targets.iter().filter(|target| target.board == board).map(|target| Point {
            version: release.version.clone(),
            released: true,
            verdict: target.verdict.replace('_', " "),
            evidence: target.evidence.clone(),
            figures: target.figures.clone(),
            papers: (!target.pages.is_empty()).then(|| folder(&release.version, board)),
        })
    });
    let built = deployment.targets.iter().filter(|target| target.board == board).map(|target| Point {
        version: target.version.clone(),
        released: false,
        verdict: target.verdict.clone(),
        evidence: target.evidence.clone(),
        figures: target.figures.clone(),
        papers: None,
    });
    released.chain(built).collect()
}

/// Where a release's pages are, in the deployment's folder.
pub(super) fn folder(version: &str, board: &str) -> String {
    format!("releases/{version}/{board}")
}

/// A line for each figure that more than one point has; `None` where there is none.
pub(super) fn picture(name: &str, title: &str, points: &[Point]) -> Option<String> {
    let series: Vec<(&str, Vec<(usize, &Amount)>)> = COLUMNS
        .iter()
        .map(|(figure, title)| {
            let at =
                |(index, point): (usize, &'_ Point)| -> Option<usize> { point.figures.get(*figure).map(|_| index) };
            let known = points.iter().enumerate().filter_map(at);
            let title = title.split(',').next().unwrap_or(title);
            (title, known.filter_map(|index| Some((index, points[index].figures.get(*figure)?))).collect())
        })
        .filter(|(_, known): &(&str, Vec<_>)| known.len() > 1)
        .collect();
    if series.is_empty() {
        return None;
    }
    let rows = series.len().div_ceil(ACROSS);
    let size = (PANEL.0 * ACROSS.min(series.len()), HEADING + PANEL.1 * rows);
    let mut svg = open(name, size, [&format!("History of {title}"), &description(&series, points)], STYLE);
    svg += "<rect width=\"100%\" height=\"100%\" style=\"fill:var(--paper)\"/>\n";
    text(&mut svg, "name", (MARGIN, 320), title);
    for (index, (figure, known)) in series.iter().enumerate() {
        let corner = (PANEL.0 * (index % ACROSS), HEADING + PANEL.1 * (index / ACROSS));
        panel(&mut svg, corner, figure, known, points);
    }
    Some(svg + "</svg>\n")
}

fn description(series: &[(&str, Vec<(usize, &Amount)>)], points: &[Point]) -> String {
    let told = series.iter().filter_map(|(figure, known)| {
        let ((first, from), (last, to)) = (known.first()?, known.last()?);
        let version = |index: &usize| &points[*index].version;
        Some(format!("{figure} from {} in {} to {} in {}", from.text(), version(first), to.text(), version(last)))
    });
    told.collect::<Vec<_>>().join("; ")
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a place on a small picture"
)]
fn panel(svg: &mut String, (left, top): (Tenths, Tenths), figure: &str, known: &[(usize, &Amount)], points: &[Point]) {
    let (width, height) = (PANEL.0 - 2 * MARGIN, PANEL.1 - TOP - BOTTOM);
    let most = known.iter().map(|(_, amount)| amount.value).fold(0.0, f64::max).max(f64::MIN_POSITIVE);
    let x = |index: usize| left + MARGIN + width * index / (points.len() - 1).max(1);
    let y = |amount: &Amount| top + TOP + height - (height as f64 * (amount.value.max(0.0) / most)) as usize;
    let (floor, right) = (top + TOP + height, left + MARGIN + width);
    text(svg, "", (left + MARGIN, top + 300), figure);
    if let Some((_, last)) = known.last() {
        text(svg, "end", (right, top + 300), &last.text());
    }
    line(svg, "axis", (left + MARGIN, floor), (right, floor));
    let path: Vec<String> =
        known.iter().map(|(index, amount)| format!("{},{}", px(x(*index)), px(y(amount)))).collect();
    let _ = writeln!(svg, "<polyline class=\"line\" points=\"{}\"/>", path.join(" "));
    for (index, amount) in known {
        let point = &points[*index];
        let class = if point.released { "dot" } else { "now" };
        let told = crate::svg::escape(&format!("{}: {}", label(point), amount.text()));
        let (x, y) = (px(x(*index)), px(y(amount)));
        let _ = writeln!(svg, "<circle class=\"{class}\" cx=\"{x}\" cy=\"{y}\" r=\"4\"><title>{told}</title></circle>");
    }
    let last = points.len() - 1;
    for (index, point) in points.iter().enumerate() {
        if points.len() <= LABELLED || index == 0 || index == last {
            let class = match index {
                0 => "soft",
                index if index == last => "soft end",
                _ => "soft middle",
            };
            text(svg, class, (x(index), floor + 180), &label(point));
        }
    }
}

fn label(point: &Point) -> String {
    if point.released { point.version.clone() } else { "now".to_owned() }
}
