//! Where features differ, as a picture: a row of cells for each recorded step, frames from left to right, the value's elements
//! from bottom to top; the darker, the further apart.
//!
//! Hand-made SVG without scripts; colours follow the reader's light or dark mode.

use std::fmt::Write as _;

use super::compare::{Column, gap, spread};
use super::{Report, StepError};
use crate::svg::{Tenths, open, px, text};

/// Most cells from left to right, and from bottom to top.
const COLUMNS: usize = 64;
const ROWS: usize = 20;
/// Edge of a cell.
const CELL: Tenths = 100;
/// Left of the cells: the step's name.
const LEFT: Tenths = 1_500;
/// Right of them: its error.
const RIGHT: Tenths = 2_300;
/// Above them: title and legend.
const TOP: Tenths = 1_000;
/// Between two steps.
const GAP: Tenths = 260;
/// Relative errors at which the next darker colour begins.
const LEVELS: [f64; 5] = [1e-5, 1e-4, 1e-3, 1e-2, 1e-1];

/// Class of the picture, and beginning of its ids.
const NAME: &str = "parity-map";

const STYLE: &str = "\
--paper:#ffffff;--ink:#1d2430;--soft:#5b6576;--peak:#c0263c;--l0:#eef1f6;--l1:#d5dff5;--l2:#f4d9a0;--l3:#ec9a4c;--l4:#d9542f;--l5:#8f1530;\
@media (prefers-color-scheme:dark){--paper:#12161d;--ink:#e8ecf3;--soft:#a3adbd;--peak:#ff6b7d;--l0:#1a202a;--l1:#27364f;--l2:#6b5a2c;--l3:#a5662a;--l4:#d9542f;--l5:#ff8a8a}\
& text{font:12px system-ui,-apple-system,'Segoe UI',Roboto,'DejaVu Sans',sans-serif;fill:var(--ink)}\
& .name{font-size:18px;font-weight:600}& .soft{fill:var(--soft)}& .end{text-anchor:end}& .high{fill:var(--peak);font-weight:600}\
& .l0{fill:var(--l0)}& .l1{fill:var(--l1)}& .l2{fill:var(--l2)}& .l3{fill:var(--l3)}& .l4{fill:var(--l4)}& .l5{fill:var(--l5)}";

/// The largest relative errors of one step, over all vectors.
#[derive(Clone, Debug, PartialEq)]
pub struct Map {
    step: String,
    columns: usize,
    rows: usize,
    /// Row by row.
    cells: Vec<f64>,
    caption: String,
    drifts: bool,
}

impl Map {
    /// Where `column` differs from theirs.
    pub(super) fn of(column: &Column, theirs: &[f64], error: &StepError) -> Self {
        let shape = column.shape();
        // From left to right what comes first within a vector: frames of a stream, rows of a picture.
        let (across, along) = match shape[1..] {
            [] => (1, 1),
            [only] => (only, 1),
            [first, ref rest @ ..] => (first, rest.iter().product()),
        };
        let (columns, rows) = (across.clamp(1, COLUMNS), along.clamp(1, ROWS));
        let mut cells = vec![0.0_f64; columns * rows];
        // Whole numbers are apart where they are more than allowed, whatever they spread.
        let scale = error.allowed.map_or_else(|| spread(theirs), |allowed| allowed / LEVELS[1]);
        for (at, (ours, theirs)) in column.ours().iter().zip(theirs).enumerate() {
            let within = at % (across * along).max(1);
            let (x, y) = (within / along.max(1) * columns / across.max(1), within % along.max(1) * rows / along.max(1));
            let cell = &mut cells[y * columns + x];
            *cell = cell.max(gap(*ours, *theirs) / scale);
        }
        let caption = format!("max {:.3e}, mean {:.3e}", error.max, error.mean);
        Self { step: column.name().to_owned(), columns, rows, cells, caption, drifts: error.drifts }
    }
}

/// Draws all recorded steps, in order.
pub fn picture(report: &Report, maps: &[Map]) -> String {
    let width = LEFT + CELL * maps.iter().map(|map| map.columns).max().unwrap_or(1) + RIGHT;
    let height = TOP + maps.iter().map(|map| CELL * map.rows.max(4) + GAP).sum::<Tenths>();
    let words = verdict(report);
    let title = "Features against the training side's";
    let mut svg = open(NAME, (width.max(7_200), height), [title, &words], STYLE);
    svg += "<rect width=\"100%\" height=\"100%\" style=\"fill:var(--paper)\"/>\n";
    text(&mut svg, "name", (200, 320), title);
    text(&mut svg, if report.drift.is_some() { "high" } else { "soft" }, (200, 540), &words);
    legend(&mut svg);
    let mut y = TOP;
    for map in maps {
        panel(&mut svg, map, y);
        y += CELL * map.rows.max(4) + GAP;
    }
    svg + "</svg>\n"
}

fn verdict(report: &Report) -> String {
    match &report.drift {
        Some(drift) => format!("first step that drifts: {}", drift.step),
        None => format!("no recorded step drifts, over {} vectors", report.vectors),
    }
}

fn legend(svg: &mut String) {
    let mut x = 200;
    for level in 0..=LEVELS.len() {
        let _ = writeln!(svg, "<rect class=\"l{level}\" x=\"{}\" y=\"70\" width=\"12\" height=\"12\"/>", px(x));
        let label = match level {
            0 => format!("below {:e}", LEVELS[0]),
            level => format!("from {:e}", LEVELS[level - 1]),
        };
        text(svg, "soft", (x + 180, 800), &label);
        x += 1_000;
    }
    text(svg, "soft", (x, 800), "of the step's deviation");
}

fn panel(svg: &mut String, map: &Map, top: Tenths) {
    let class = if map.drifts { "end high" } else { "end" };
    text(svg, class, (LEFT - 120, top + 120), &map.step);
    let right = LEFT + CELL * map.columns + 120;
    text(svg, if map.drifts { "high" } else { "soft" }, (right, top + 120), &map.caption);
    for row in 0..map.rows {
        // Cells of one colour beside each other are one rectangle.
        let line = &map.cells[row * map.columns..][..map.columns];
        let mut x = 0;
        for run in line.chunk_by(|one, next| level(*one) == level(*next)) {
            let _ = writeln!(
                svg,
                "<rect class=\"l{}\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"/>",
                level(run[0]),
                px(LEFT + CELL * x),
                px(top + CELL * (map.rows - 1 - row)),
                px(CELL * run.len()),
                px(CELL),
            );
            x += run.len();
        }
    }
}

fn level(error: f64) -> usize {
    LEVELS.iter().take_while(|level| error >= **level).count()
}
