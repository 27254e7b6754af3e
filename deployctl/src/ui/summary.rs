//! A target's verdict in a few lines: what a person wants to see first. Pure layout; does not know where the figures are from.

use crate::gate::Verdict;
use crate::manifest::grouped;

/// What a target came to, for people.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// What was measured, against what is allowed.
    pub figures: Vec<Figure>,
    /// What did not pass.
    pub findings: Vec<Finding>,
    /// Files to read, as title and path.
    pub files: Vec<(&'static str, String)>,
}

/// A figure.
#[derive(Clone, Debug)]
pub struct Figure {
    /// What it is.
    pub title: &'static str,
    /// The number.
    pub value: u64,
    /// Most that is allowed.
    pub limit: Option<u64>,
    /// The unit of both; empty where the title says it.
    pub unit: &'static str,
    /// (limit − value) / limit.
    pub margin: Option<f64>,
    /// How it came out.
    pub verdict: Verdict,
}

/// A check that did not pass.
#[derive(Clone, Debug)]
pub struct Finding {
    /// How it came out.
    pub verdict: Verdict,
    /// The check.
    pub title: String,
    /// Why, and what to do next.
    pub detail: String,
}

/// Text in the colour of a verdict.
type Paint<'a> = &'a dyn Fn(&str, Verdict) -> String;

impl Summary {
    /// The lines, at most `width` columns wide where words allow it.
    pub(super) fn lines(&self, title: &str, verdict: Verdict, width: usize, paint: Paint) -> Vec<String> {
        let mut lines = vec![format!("{title}: {}", paint(verdict.name(), verdict))];
        lines.extend(self.figures(paint));
        for (verdict, titles, detail) in self.grouped_findings() {
            let word = verdict.name();
            let indent = 2 + word.len() + 1;
            let text = format!("{}: {detail}", titles.join(", "));
            lines.push(wrapped(&format!("  {} ", paint(word, verdict)), indent, &text, width));
        }
        let longest = self.files.iter().map(|(title, _)| title.len()).max().unwrap_or(0);
        lines.extend(self.files.iter().map(|(title, path)| format!("  {title:<longest$}  {path}")));
        lines
    }

    fn figures(&self, paint: Paint) -> Vec<String> {
        let limit = |figure: &Figure| figure.limit.map_or_else(String::new, grouped);
        let widest = |text: &dyn Fn(&Figure) -> usize| self.figures.iter().map(text).max().unwrap_or(0);
        let (titles, limits) = (widest(&|figure| figure.title.len()), widest(&|figure| limit(figure).len()));
        let values = widest(&|figure| grouped(figure.value).len());
        let line = |figure: &Figure| {
            let title = format!("  {:<titles$}  {:>values$}", figure.title, grouped(figure.value));
            let of = figure.limit.map_or_else(String::new, |_| format!(" of {:>limits$}", limit(figure)));
            let space = if figure.unit.is_empty() { "" } else { " " };
            let left = figure.margin.map_or_else(String::new, |margin| {
                let side = if margin < 0.0 { "over" } else { "left" };
                format!("  {}", paint(&format!("{:>6.1} % {side}", margin.abs() * 100.0), figure.verdict))
            });
            format!("{title}{of}{space}{}{left}", figure.unit)
        };
        self.figures.iter().map(line).collect()
    }

    /// Checks that failed for one reason share a line.
    fn grouped_findings(&self) -> Vec<(Verdict, Vec<&str>, &str)> {
        let mut groups: Vec<(Verdict, Vec<&str>, &str)> = Vec::new();
        for finding in &self.findings {
            match groups.iter_mut().find(|group| (group.0, group.2) == (finding.verdict, &finding.detail)) {
                Some(group) => group.1.push(&finding.title),
                None => groups.push((finding.verdict, vec![&finding.title], &finding.detail)),
            }
        }
        groups
    }
}

/// `text` after `head`, broken between words, with following lines indented by `indent` columns.
pub(crate) fn wrapped(head: &str, indent: usize, text: &str, width: usize) -> String {
    let mut lines = head.to_owned();
    let mut column = indent;
    for (index, word) in text.split(' ').enumerate() {
        let length = word.chars().count();
        if index > 0 && column + 1 + length > width {
            lines.push('\n');
            lines.extend(std::iter::repeat_n(' ', indent));
            column = indent;
        } else if index > 0 {
            lines.push(' ');
            column += 1;
        }
        // Names of others must not move the cursor.
        lines.extend(word.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }));
        column += length;
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figure(title: &'static str, value: u64, limit: Option<u64>, verdict: Verdict) -> Figure {
        #[expect(clippy::cast_precision_loss, reason = "small numbers")]
        let margin = limit.map(|limit| (limit as f64 - value as f64) / limit as f64);
        let unit = if title == "instructions" { "" } else { "bytes" };
        Figure { title, value, limit, unit, margin, verdict }
    }

    fn summary() -> Summary {
        let broken = "fault: undefined instruction during op:3, at pc 0x00000412; look at the core of the board";
        let finding = |title: &str, detail: &str| Finding {
            verdict: Verdict::Fail,
            title: title.to_owned(),
            detail: detail.to_owned(),
        };
        Summary {
            figures: vec![
                figure("arena", 12_000, Some(14_336), Verdict::Pass),
                figure("flash", 36_048, Some(36_864), Verdict::Thin),
                figure("stack", 5_000, Some(4_096), Verdict::Fail),
                figure("ram", 892, None, Verdict::NotApplicable),
                figure("instructions", 5_345_400, None, Verdict::NotApplicable),
            ],
            findings: vec![
                finding("interface", "scale is 0.1 and should be 0.2"),
                finding("bit-exactness", broken),
                finding("determinism", broken),
            ],
            files: vec![("report", "out/a/gate-report.md".to_owned()), ("runbook", "out/a/runbook.md".to_owned())],
        }
    }

    #[test]
    fn a_summary_is_aligned_and_wrapped() {
        let plain = |text: &str, _: Verdict| text.to_owned();
        insta::assert_snapshot!(summary().lines("kws on mps2-an386", Verdict::Fail, 60, &plain).join("\n"));
    }

    #[test]
    fn colours_do_not_count_as_columns() {
        let plain = |text: &str, _: Verdict| text.to_owned();
        let red = |text: &str, _: Verdict| format!("\u{1b}[31m{text}\u{1b}[0m");
        let plain = summary().lines("a", Verdict::Fail, 50, &plain).join("\n");
        let red = summary().lines("a", Verdict::Fail, 50, &red).join("\n");
        assert_eq!(red.replace("\u{1b}[31m", "").replace("\u{1b}[0m", ""), plain);
    }

    #[test]
    fn names_cannot_move_the_cursor() {
        assert_eq!(wrapped("", 0, "a\u{1b}[2Jb c", 80), "a\u{fffd}[2Jb c");
    }
}
