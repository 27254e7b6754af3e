//! Answers as a table for people and as objects for programs.

use serde_json::{Value, json};

use super::Answer;
use super::fit::{Fits, RegionFit};
use crate::advice::Standing;
use crate::gate::evidence::share;
use crate::library::InstructionPath;
use crate::manifest::{RegionKind, grouped};
use crate::ui;

/// Columns that a line of words may take.
const WIDTH: usize = 110;

const HEADINGS: [&str; 13] = [
    "model",
    "board",
    "fits",
    "arena",
    "of RAM",
    "weights",
    "code",
    "of flash",
    "MACs",
    "% MVE / DSP / scalar / ref",
    "no kernel",
    "slow",
    "bad",
];

/// A line an answer: its fields, and its text with the headings above the first.
pub(super) fn lines(answers: &[Answer]) -> Vec<(Value, String)> {
    let rows: Vec<[String; 13]> = answers.iter().map(cells).collect();
    let width = |column: usize| {
        let longest = rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
        longest.max(HEADINGS[column].len())
    };
    let widths: Vec<usize> = (0..HEADINGS.len()).map(width).collect();
    let line = |cells: [&str; 13]| {
        let padded = cells.iter().zip(&widths).enumerate().map(|(column, (cell, width))| match column {
            0..3 => format!("{cell:<width$}"),
            _ => format!("{cell:>width$}"),
        });
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    let texts = rows.iter().map(|row| line(std::array::from_fn(|column| row[column].as_str())));
    let mut lines: Vec<(Value, String)> = answers.iter().map(fields).zip(texts).collect();
    if let Some((_, first)) = lines.first_mut() {
        *first = format!("{}\n{first}", line(HEADINGS));
    }
    if let Some((_, last)) = lines.last_mut() {
        let doubts = answers.iter().filter(|answer| answer.fit.fits > Fits::Yes).map(doubt);
        last.extend(doubts.map(|doubt| format!("\n{doubt}")));
    }
    lines
}

fn cells(answer: &Answer) -> [String; 13] {
    let survey = &answer.survey;
    let count = |standing| match answer.standing(standing).len() {
        0 => "–".to_owned(),
        count => count.to_string(),
    };
    let total = survey.audit.macs();
    let on = [
        answer.on_library(InstructionPath::Mve),
        answer.on_library(InstructionPath::Dsp),
        answer.on_library(InstructionPath::Scalar),
        answer.on_reference(),
    ];
    let shares: Vec<String> = on.iter().map(|part| percent_of(*part, total)).collect();
    [
        answer.label.clone(),
        answer.board.clone(),
        answer.fit.fits.name().to_owned(),
        survey.peak.map_or_else(|| "?".to_owned(), grouped),
        taken(answer.fit.region(RegionKind::Ram), |region| region.least),
        grouped(answer.constants),
        format!("{}–{}", grouped(survey.code.least), grouped(survey.code.most)),
        taken(answer.fit.region(RegionKind::Flash), |region| region.most),
        grouped(total),
        shares.join(" / "),
        count(Standing::Unsupported),
        count(Standing::Slow),
        count(Standing::KnownBad),
    ]
}

/// Why an answer is not a plain yes, with the numbers.
fn doubt(answer: &Answer) -> String {
    let mut text = format!("\n{} on {}: ", answer.label, answer.board);
    let tight = answer.fit.regions.iter().filter(|region| region.fits > Fits::Yes);
    let reasons: Vec<String> = tight
        .map(|region| {
            let (name, size) = (&region.name, grouped(region.size));
            match (region.least.map(grouped), region.most.map(grouped)) {
                (Some(least), Some(most)) if region.kind == RegionKind::Ram => format!(
                    "{name} has {size} bytes, the arena takes {least}, and with stack and static data it may be {most}"
                ),
                (Some(least), Some(most)) => {
                    format!("{name} has {size} bytes, constants and code take {least} to {most}")
                }
                _ => format!("what {name} has to take is not known"),
            }
        })
        .collect();
    text += match answer.fit.fits {
        Fits::No => "does not fit: ",
        Fits::Close => "is close, build it to know: ",
        _ => "is not known: ",
    };
    text += &reasons.join("; ");
    if answer.fit.fits == Fits::Unknown {
        text += if answer.survey.audit.unsupported().next().is_some() {
            "; operators without a kernel are below"
        } else {
            "; the library's scratch sizes are not known"
        };
    }
    wrapped("", &text)
}

fn percent_of(part: u64, total: u64) -> String {
    match share(part, total) * 100.0 {
        none if none <= 0.0 => "–".to_owned(),
        little if little < 1.0 => "<1".to_owned(),
        // What is not all is not shown as all.
        most if part < total => format!("{:.0}", most.floor()),
        _ => "100".to_owned(),
    }
}

fn taken(region: Option<&RegionFit>, bytes: impl Fn(&RegionFit) -> Option<u64>) -> String {
    let share = region.and_then(|region| Some(share(bytes(region)?, region.size)));
    share.map_or_else(|| "–".to_owned(), |share| format!("{:.0} %", (share * 100.0).ceil()))
}

fn fields(answer: &Answer) -> Value {
    let survey = &answer.survey;
    json!({
        "row": "answer",
        "model": answer.model,
        "board": answer.board,
        "core": answer.core,
        "kernels": answer.kernels,
        "fits": answer.fit.fits,
        "regions": answer.fit.regions,
        "arena_bytes": survey.peak,
        "fullest_operator": survey.fullest,
        "weights_bytes": answer.constants,
        "code_bytes": survey.code,
        "operators": answer.operators,
        "unsupported": answer.standing(Standing::Unsupported),
        "slow": answer.standing(Standing::Slow),
        "known_bad": answer.standing(Standing::KnownBad),
        "macs": {
            "total": survey.audit.macs(),
            "mve": answer.on_library(InstructionPath::Mve),
            "dsp": answer.on_library(InstructionPath::Dsp),
            "scalar": answer.on_library(InstructionPath::Scalar),
            "reference": answer.on_reference(),
        },
    })
}

/// Words behind a head, broken into lines that begin below the first word.
pub(super) fn wrapped(head: &str, text: &str) -> String {
    let (gap, text) = text.strip_prefix('\n').map_or(("", text), |rest| ("\n", rest));
    gap.to_owned() + &ui::wrapped(head, head.chars().count(), text, WIDTH)
}

#[cfg(test)]
mod tests {
    use super::percent_of;

    #[test]
    fn shares_never_round_to_all_or_nothing() {
        let shown = [(0, 10), (1, 1_000), (999, 1_000), (1_000, 1_000), (0, 0), (163, 1_000)];
        assert_eq!(shown.map(|(part, total)| percent_of(part, total)), ["–", "<1", "99", "100", "–", "16"]);
    }
}
