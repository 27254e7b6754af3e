//! The memory map as a picture: operators from left to right, the arena's bytes from bottom to top, a rectangle a buffer.
//!
//! Hand-made SVG without scripts or fonts of its own; colours follow the reader's light or dark mode. Coordinates are
//! integers in tenths of a pixel, so that equal plans give equal bytes.

use std::fmt::Write as _;

use super::{Kind, MemoryPlan, Placed};
use crate::svg::{Tenths, escape, line, open, px, text};

/// Height of the plot.
const HEIGHT: Tenths = 4_200;
/// Room above the plot: title, subtitle and legend.
const TOP: Tenths = 1_080;
/// Room below for operator labels.
const BOTTOM: Tenths = 1_500;
/// Room left of the plot for byte labels.
const LEFT: Tenths = 900;
/// Room right of the plot for the label of the peak.
const RIGHT: Tenths = 300;
/// Columns share this width, within bounds.
const PLOT: Tenths = 8_800;
/// Narrowest and widest column.
const COLUMN: (Tenths, Tenths) = (220, 1_400);
/// Width of a character of a label.
const CHARACTER: Tenths = 64;
/// Height of a line of a label.
const LINE: Tenths = 150;
/// Least height of a buffer.
const THIN: Tenths = 25;

/// Class of the picture, and beginning of its ids.
const NAME: &str = "memory-map";

const STYLE: &str = "\
--paper:#ffffff;--ink:#1d2430;--soft:#5b6576;--grid:#e6e9ef;--band:#f2f4f8;--edge:#ffffff;\
--input:#12805c;--output:#b4540a;--activation:#2c58c4;--alternate:#4271dc;--scratch:#8a94a6;--state:#7a3fb0;--peak:#c0263c;\
@media (prefers-color-scheme:dark){--paper:#12161d;--ink:#e8ecf3;--soft:#a3adbd;--grid:#262d39;--band:#1a202a;--edge:#12161d;\
--input:#22805e;--output:#b8611f;--activation:#3b60bd;--alternate:#4a72d0;--scratch:#7b8698;--state:#8d5bbd;--peak:#ff6b7d}\
& text{font:12px system-ui,-apple-system,'Segoe UI',Roboto,'DejaVu Sans',sans-serif;fill:var(--ink)}\
& .name{font-size:18px;font-weight:600}& .soft,& .tick{fill:var(--soft)}& .tick{font-size:11px}& .end{text-anchor:end}& .middle{text-anchor:middle}\
& .grid{stroke:var(--grid)}& .band{fill:var(--band)}& .axis{stroke:var(--soft)}\
& .peak{stroke:var(--peak);stroke-width:1.5;stroke-dasharray:6 4}& .bound{stroke:var(--soft);stroke-dasharray:2 3}& text.high{fill:var(--peak);font-weight:600}\
& .box{stroke:var(--edge);stroke-width:1.5}& .box:hover{stroke:var(--ink)}& .thin{stroke:none}\
& .input{fill:var(--input)}& .output{fill:var(--output)}& .activation{fill:var(--activation)}& .alternate{fill:var(--alternate)}& .scratch{fill:url(#memory-map-hatch)}& .state{fill:var(--state)}\
& .on{fill:#ffffff;font-size:11px;pointer-events:none}";

const HATCH: &str = "<defs><pattern id=\"memory-map-hatch\" width=\"6\" height=\"6\" patternUnits=\"userSpaceOnUse\" patternTransform=\"rotate(45)\">\
<rect width=\"6\" height=\"6\" style=\"fill:var(--band)\"/><rect width=\"3\" height=\"6\" style=\"fill:var(--scratch)\"/></pattern></defs>\n";

/// Draws a plan; `operators` are the names of the steps in the order of time.
pub fn picture(plan: &MemoryPlan, title: &str, operators: &[&str]) -> String {
    let columns = plan.scratch.len().max(1);
    let column = (PLOT / columns).clamp(COLUMN.0, COLUMN.1);
    let canvas = Canvas { plan, column, right: LEFT + column * columns, scale: plan.peak.max(1) };
    let (width, height) = ((canvas.right + RIGHT).max(7_200), TOP + HEIGHT + BOTTOM);
    let words = [&*format!("Memory map of {title}"), &canvas.description(operators)];
    let mut svg = open(NAME, (width, height), words, STYLE);
    svg += HATCH;
    svg += "<rect width=\"100%\" height=\"100%\" style=\"fill:var(--paper)\"/>\n";
    canvas.heading(&mut svg, title, operators);
    canvas.axes(&mut svg, operators);
    for (index, buffer) in plan.buffers.iter().enumerate() {
        canvas.buffer(&mut svg, buffer, index);
    }
    canvas.lines(&mut svg);
    svg + "</svg>\n"
}

struct Canvas<'a> {
    plan: &'a MemoryPlan,
    column: Tenths,
    /// Right end of the plot.
    right: Tenths,
    /// Bytes that the plot is high.
    scale: usize,
}

impl Canvas<'_> {
    fn x(&self, operator: usize) -> Tenths {
        LEFT + self.column * operator
    }

    fn y(&self, byte: usize) -> Tenths {
        TOP + HEIGHT - HEIGHT * byte / self.scale
    }

    fn description(&self, operators: &[&str]) -> String {
        let plan = self.plan;
        let shares: Vec<String> =
            plan.live_at_peak.iter().map(|live| format!("{} {} bytes", live.name, grouped(live.size))).collect();
        format!(
            "{} buffers over {} operators. The arena has {} bytes, the lower bound is {}. Most is needed by {}: {}.",
            plan.buffers.len(),
            plan.scratch.len(),
            grouped(plan.peak),
            grouped(plan.lower_bound),
            self.peak_operator(operators),
            shares.join(", "),
        )
    }

    fn peak_operator(&self, operators: &[&str]) -> String {
        let at = self.plan.peak_operator;
        format!("op:{} {}", self.plan.label(at), operators.get(at).unwrap_or(&"")).trim_end().to_owned()
    }

    fn heading(&self, svg: &mut String, title: &str, operators: &[&str]) {
        let plan = self.plan;
        let gap = match (plan.gap, plan.optimal) {
            (0, _) => "no plan can be smaller".to_owned(),
            (gap, true) => format!("{} bytes above the lower bound, no plan is smaller", grouped(gap)),
            (gap, false) => format!("{} bytes above the lower bound", grouped(gap)),
        };
        let subtitle = format!("{} bytes at {}; {gap}", grouped(plan.peak), self.peak_operator(operators));
        text(svg, "name", (LEFT, 320), title);
        text(svg, "soft", (LEFT, 540), &subtitle);
        let mut x = LEFT;
        let legend = [
            ("input", "model input"),
            ("activation", "activation"),
            ("output", "model output"),
            ("scratch", "scratch"),
        ];
        let state = plan.buffers.iter().any(|buffer| buffer.kind == Kind::State).then_some(("state", "state"));
        for (class, label) in legend.into_iter().chain(state) {
            let _ = writeln!(
                svg,
                "<rect class=\"{class}\" x=\"{}\" y=\"{}\" width=\"12\" height=\"12\" rx=\"2\"/>",
                px(x),
                px(700)
            );
            text(svg, "soft", (x + 180, 800), label);
            x += 180 + (label.len() + 3) * CHARACTER;
        }
    }

    fn axes(&self, svg: &mut String, operators: &[&str]) {
        let at = self.x(self.plan.peak_operator);
        let _ = writeln!(
            svg,
            "<rect class=\"band\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"/>",
            px(at),
            px(TOP),
            px(self.column),
            px(HEIGHT)
        );
        let step = tick(self.plan.peak);
        for byte in (0..=self.plan.peak).step_by(step) {
            let y = self.y(byte);
            line(svg, if byte == 0 { "axis" } else { "grid" }, (LEFT, y), (self.right, y));
            // The peak has its own label.
            if byte == 0 || self.plan.peak - byte > step / 4 {
                text(svg, "tick end", (LEFT - 80, y + 40), &grouped(byte));
            }
        }
        for operator in 0..self.plan.scratch.len() {
            let (x, y) = (self.x(operator) + self.column / 2 + 40, TOP + HEIGHT + 160);
            let name = operators.get(operator).unwrap_or(&"").to_lowercase();
            let class = if operator == self.plan.peak_operator { "tick end high" } else { "tick end" };
            let _ = writeln!(
                svg,
                "<text class=\"{class}\" transform=\"translate({} {}) rotate(-50)\">{} {}</text>",
                px(x),
                px(y),
                escape(&shorten(&name, 20)),
                self.plan.label(operator),
            );
        }
        let middle = TOP + HEIGHT / 2;
        let _ = writeln!(
            svg,
            "<text class=\"soft middle\" transform=\"translate(18 {}) rotate(-90)\">arena, bytes</text>",
            px(middle)
        );
    }

    fn buffer(&self, svg: &mut String, buffer: &Placed, index: usize) {
        let (x, end) = (self.x(buffer.first), self.x(buffer.last + 1));
        let (low, high) = (self.y(buffer.offset), self.y(buffer.offset + buffer.size));
        let class = match buffer.kind {
            Kind::Input => "input",
            Kind::Output => "output",
            Kind::Scratch => "scratch",
            Kind::State => "state",
            Kind::Activation if index.is_multiple_of(2) => "activation",
            Kind::Activation => "alternate",
        };
        let lives = match (buffer.first, buffer.last) {
            (first, last) if first == last => format!("op:{}", self.plan.label(first)),
            (first, last) => format!("op:{} to op:{}", self.plan.label(first), self.plan.label(last)),
        };
        let bytes = grouped(buffer.size);
        // What is thinner than a few pixels is drawn so high and without an edge, or nobody would see it.
        let tall = (low - high).max(THIN);
        let thin = if tall == THIN { " thin" } else { "" };
        let _ = writeln!(
            svg,
            "<rect class=\"box {class}{thin}\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" rx=\"3\"><title>{}\n{bytes} bytes at {}, {lives}</title></rect>",
            px(x),
            px(low - tall),
            px(end - x),
            px(tall),
            escape(&buffer.name),
            grouped(buffer.offset),
        );
        if buffer.kind != Kind::Scratch {
            label(svg, buffer, (end - x, tall), (x.midpoint(end), low - tall / 2));
        }
    }

    fn lines(&self, svg: &mut String) {
        let plan = self.plan;
        if plan.gap > 0 {
            let y = self.y(plan.lower_bound);
            line(svg, "bound", (LEFT, y), (self.right, y));
            text(svg, "tick end", (self.right, y - 40), &format!("lower bound {}", grouped(plan.lower_bound)));
        }
        let y = self.y(plan.peak);
        line(svg, "peak", (LEFT, y), (self.right, y));
        text(svg, "tick end high", (LEFT - 80, y + 40), &grouped(plan.peak));
    }
}

/// Writes a buffer's name and bytes into its rectangle, as far as there is room.
fn label(svg: &mut String, buffer: &Placed, (width, height): (Tenths, Tenths), (x, y): (Tenths, Tenths)) {
    let bytes = grouped(buffer.size);
    let fits = |length: Tenths| length.saturating_sub(120) / CHARACTER;
    let (room, baseline) = (fits(width), y + 40);
    if bytes.len() <= room && height >= 2 * LINE + 60 && room >= 9 {
        text(svg, "on middle", (x, baseline - LINE / 2), &shorten(own_name(&buffer.name), room));
        text(svg, "on middle", (x, baseline + LINE / 2), &bytes);
    } else if bytes.len() <= room && height >= LINE + 20 {
        text(svg, "on middle", (x, baseline), &bytes);
    } else if bytes.len() <= fits(height) && width >= LINE + 20 {
        let place = format!("translate({} {}) rotate(-90)", px(x + 40), px(y));
        let _ = writeln!(svg, "<text class=\"on middle\" transform=\"{place}\">{bytes}</text>");
    }
}

/// The telling part of a converter's name: the last component of the first of the names that were fused.
fn own_name(name: &str) -> &str {
    let first = name.split(';').next().unwrap_or(name);
    first.rsplit('/').find(|part| !part.is_empty()).unwrap_or(first)
}

fn shorten(name: &str, room: usize) -> String {
    if name.chars().count() <= room {
        return name.to_owned();
    }
    name.chars().take(room.saturating_sub(1)).chain(['…']).collect()
}

/// Distance of byte labels: a round number that gives four to nine of them.
fn tick(peak: usize) -> usize {
    let mut step = 1;
    for factor in [2, 5, 10].into_iter().cycle().scan(1, |power: &mut usize, factor| {
        let value = power.saturating_mul(factor);
        if factor == 10 {
            *power = value;
        }
        Some(value)
    }) {
        if peak / step <= 8 {
            break;
        }
        step = factor;
    }
    step
}

/// A number with its thousands apart.
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_few() {
        assert_eq!([0, 32, 768, 16_000, 55_296, 1_000_000].map(tick), [1, 5, 100, 2_000, 10_000, 200_000]);
    }

    #[test]
    fn numbers_and_names_are_short() {
        assert_eq!(
            ["0", "999", "1,000", "1,234,567"],
            [0, 999, 1_000, 1_234_567].map(grouped).each_ref().map(|s| &**s)
        );
        assert_eq!(own_name("model/act/Relu;model/bn;model/conv"), "Relu");
        assert_eq!(shorten("activation", 5), "acti…");
    }
}
