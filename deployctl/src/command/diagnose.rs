//! `diagnose`: a log from the field, the failure that it shows, and what is known about that.
//!
//! Reads the log as a stream, and what `out/` and `releases/` have of the build that the log names; starts nothing and writes nothing.

mod evidence;
mod known;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;

use camino::Utf8Path;
use serde_json::json;

use self::evidence::Evidence;
use self::known::known;
use super::{Done, Surroundings};
use crate::cli;
use crate::error::{Error, Kind};
use crate::runner::decode::Decoder;
use crate::runner::log::{Expected, Found};
use crate::runner::{Diagnosis, Injected, Log};
use crate::ui::Event;

/// Bytes that are read at a time.
const PIECE: usize = 1 << 16;

pub(super) fn run(args: &cli::Diagnose, around: &Surroundings) -> Result<Done, Error> {
    let known = known(args, around)?;
    let expected: BTreeMap<String, Expected> =
        known.iter().filter_map(|one| Some((one.digest.clone(), one.expected()?))).collect();
    let (seen, bytes) = read(&args.log, around, &expected)?;
    let name = if args.log == "-" { "standard input" } else { args.log.as_str() };
    let Some(found) = &seen.found else {
        let text = nothing(name, &seen, bytes);
        around.ui.show(&Event::Line { fields: json!({ "signature": null, "log": facts(&seen, bytes) }), text });
        return Ok(Done::Nothing);
    };
    let build = found.build.as_deref().or(seen.builds.first().map(String::as_str));
    // A log without its beginning is taken to be of the one build in `out/`, or the one of the release that was named.
    let assumed = || {
        let mut likely = known.iter().filter(|one| args.bundle.is_some() || one.release.is_none());
        likely.next().filter(|_| build.is_none() && likely.next().is_none())
    };
    let evidence = known.iter().find(|one| build == Some(one.digest.as_str())).or_else(assumed);
    let decoder = evidence.map(Evidence::decoder).unwrap_or_default();
    let alike = evidence.map(|one| alike(found, one.injected())).unwrap_or_default();
    let told = Told {
        found,
        seen: &seen,
        evidence,
        decoder: &decoder,
        alike: &alike,
        strange: strange(build, evidence, &known),
    };
    around.ui.show(&Event::Line { fields: told.fields(bytes), text: told.text(name) });
    Ok(Done::Ok)
}

/// Reads the log; gives what it shows and how many bytes it has.
fn read(log: &str, around: &Surroundings, expected: &BTreeMap<String, Expected>) -> Result<(Diagnosis, u64), Error> {
    let path = around.path(Utf8Path::new(log));
    let unreadable = |error: &std::io::Error| {
        let help = "name a file with what the target wrote, or `-` for standard input";
        Error::plain(Kind::Usage, format!("the log `{log}` cannot be read: {error}"), help)
    };
    let mut source: Box<dyn Read> = match log {
        "-" => Box::new(std::io::stdin().lock()),
        _ => Box::new(File::open(&path).map_err(|error| unreadable(&error))?),
    };
    let (mut reader, mut piece, mut bytes) = (Log::new(expected), vec![0; PIECE], 0);
    loop {
        match source.read(&mut piece) {
            Ok(0) => return Ok((reader.end(), bytes)),
            Ok(count) => {
                bytes += count as u64;
                reader.feed(&piece[..count]);
            }
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(unreadable(&error)),
        }
    }
}

/// What a log without a failure is.
fn nothing(name: &str, seen: &Diagnosis, bytes: u64) -> String {
    let skipped = skipped(seen).map_or_else(String::new, |skipped| format!("; {skipped}"));
    if bytes == 0 {
        return format!(
            "{name} is empty: nothing was recorded, so see that whatever records is connected to the harness's console"
        );
    }
    if seen.harness_lines == 0 {
        return format!(
            "{name} has no line of the harness's among {} lines{skipped}: record the console of `harness.elf`, not of the app",
            seen.lines
        );
    }
    let compared = match seen.compared {
        0 => "no tensor could be compared with an expectation".to_owned(),
        count => format!("{count} tensors are those of the host reference"),
    };
    let sessions = if seen.complete == 1 { "one session" } else { &format!("{} sessions", seen.complete) };
    format!("{name} shows no failure: {sessions} came to the end, and {compared}{skipped}")
}

/// What was left out of a log.
fn skipped(seen: &Diagnosis) -> Option<String> {
    let parts: Vec<String> = [
        (seen.lines - seen.harness_lines - seen.too_long, "lines of others"),
        (seen.too_long, "lines too long to be the harness's"),
        (seen.damaged, "damaged lines of the harness's"),
        (seen.binary_bytes, "bytes that are no text"),
    ]
    .into_iter()
    .filter(|(count, _)| *count > 0)
    .map(|(count, what)| format!("{count} {what}"))
    .collect();
    (!parts.is_empty()).then(|| format!("skipped: {}", parts.join(", ")))
}

/// What is to be said of a log's build, where its evidence is not here.
fn strange(build: Option<&str>, evidence: Option<&Evidence>, known: &[Evidence]) -> Option<String> {
    let advice = "addresses and tensors have no names, and digests were not compared";
    match (build, evidence) {
        (None, Some(one)) => {
            let taken = format!("it is taken to be that of {}", one.name());
            Some(format!("the log does not say which build it is of (`boot` is missing): {taken}"))
        }
        (Some(_), Some(_)) => None,
        (None, None) => Some(format!("the log does not say which build it is of (`boot` is missing): {advice}")),
        (Some(build), None) if known.is_empty() => Some(format!(
            "nothing is known here of build {build}: {advice}; name its manifest and build it, or name its release with `--bundle`"
        )),
        (Some(build), None) => {
            let here: Vec<String> = known.iter().map(|one| format!("{} ({})", one.digest, one.name())).collect();
            Some(format!("the log is of build {build}, and known here are {}: {advice}", here.join(", ")))
        }
    }
}

/// How much a known mistake's symptom is like this one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Likeness {
    Signature,
    Operator,
    Line,
}

/// Known mistakes that look like this, as much as any does.
fn alike(found: &Found, injected: Vec<Injected>) -> Vec<(Likeness, Injected)> {
    let likeness = |one: &Injected| {
        if one.code != found.signature.code() {
            return None;
        }
        let line = !found.line.is_empty() && said(&one.line) == said(&found.line);
        let operator = one.operator == found.signature.operator();
        Some(if line {
            Likeness::Line
        } else if operator {
            Likeness::Operator
        } else {
            Likeness::Signature
        })
    };
    let rated: Vec<_> = injected.into_iter().filter_map(|one| Some((likeness(&one)?, one))).collect();
    let most = rated.iter().map(|(likeness, _)| *likeness).max();
    rated.into_iter().filter(|(likeness, _)| Some(*likeness) == most).collect()
}

/// What of a line two runs have in common: of an operator's, not the ticks that it took.
fn said(line: &str) -> &str {
    let text = line.rsplit_once(" *").map_or(line, |(text, _)| text);
    if text.starts_with("op ") { text.rsplit_once(' ').map_or(text, |(text, _)| text) } else { text }
}

/// A failure with all that is known about it.
struct Told<'a> {
    found: &'a Found,
    seen: &'a Diagnosis,
    evidence: Option<&'a Evidence>,
    decoder: &'a Decoder,
    alike: &'a [(Likeness, Injected)],
    strange: Option<String>,
}

impl Told<'_> {
    fn text(&self, name: &str) -> String {
        let guide = self.found.signature.guide();
        let whole = self.found.signature.named(self.decoder).to_string();
        let facts = whole.strip_suffix(guide.fix).map_or(whole.as_str(), |facts| facts.trim_end_matches("; "));
        let mut lines = vec![facts.to_owned()];
        let mut line = |head: &str, text: &str| lines.push(format!("  {head:<9} {text}"));
        let place = format!("line {} of {name}", self.found.number);
        line("seen at", &if self.found.line.is_empty() { place } else { format!("{place}: {}", self.found.line) });
        if let Some(one) = self.evidence {
            line("build", &one.name());
        }
        if let Some(about) = self.operator() {
            line("operator", &about);
        }
        line("means", guide.meaning);
        line("check", guide.check);
        line("do", guide.fix);
        if let Some((likeness, _)) = self.alike.first() {
            let how = match likeness {
                Likeness::Line => "the same line",
                Likeness::Operator => "the same signature and operator",
                Likeness::Signature => "the same signature",
            };
            let kinds: Vec<String> = self.alike.iter().map(|(_, one)| format!("{} ({})", one.kind, one.what)).collect();
            line("seen with", &format!("{}: {how}", kinds.join("; ")));
        }
        for text in self.strange.iter().chain(&skipped(self.seen)) {
            line("note", text);
        }
        if self.seen.failures > 1 {
            line("note", &format!("{} failures in all; this is the first", self.seen.failures));
        }
        lines.join("\n")
    }

    /// The operator that was running, with the tensor that it writes.
    fn operator(&self) -> Option<String> {
        self.evidence?.operator(self.found.signature.operator()?)
    }

    fn fields(&self, bytes: u64) -> serde_json::Value {
        let guide = self.found.signature.guide();
        let kinds: Vec<&str> = self.alike.iter().map(|(_, one)| one.kind.as_str()).collect();
        json!({
            "signature": guide.code, "text": self.found.signature.named(self.decoder).to_string(),
            "line": self.found.number, "harness": self.found.line, "operator": self.found.signature.operator(),
            "tensor": self.operator(), "means": guide.meaning, "check": guide.check, "fix": guide.fix,
            "deployment": self.evidence.map(|one| &one.deployment),
            "release": self.evidence.and_then(|one| one.release.as_ref()), "board": self.evidence.map(|one| &one.board),
            "seen_with": kinds, "exact": self.alike.first().is_some_and(|(likeness, _)| *likeness == Likeness::Line),
            "note": self.strange, "log": facts(self.seen, bytes)
        })
    }
}

fn facts(seen: &Diagnosis, bytes: u64) -> serde_json::Value {
    json!({
        "bytes": bytes, "lines": seen.lines, "harness_lines": seen.harness_lines, "damaged": seen.damaged,
        "too_long": seen.too_long, "binary_bytes": seen.binary_bytes, "builds": seen.builds, "sessions": seen.sessions,
        "complete": seen.complete, "compared": seen.compared, "failures": seen.failures
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runner::Signature;

    fn injected(kind: &str, code: &str, operator: Option<usize>, line: &str) -> Injected {
        Injected {
            kind: kind.into(),
            code: code.into(),
            operator,
            line: line.into(),
            detected: true,
            ..Injected::default()
        }
    }

    fn kinds(line: &str, operator: Option<usize>) -> Vec<String> {
        let signature = Signature::Panic { operator, message: "x".into() };
        let found = Found { number: 1, line: line.into(), build: None, signature };
        let known = vec![
            injected("a", "panic", Some(1), "error panic 1"),
            injected("b", "panic", Some(2), "error panic 2"),
            injected("c", "panic", Some(2), ""),
            injected("d", "fault", Some(1), "error panic 1"),
        ];
        alike(&found, known).into_iter().map(|(_, one)| one.kind).collect()
    }

    #[test]
    fn known_mistakes_are_told_by_line_then_by_operator_then_by_signature() {
        assert_eq!(kinds("error panic 1", Some(1)), ["a"]);
        assert_eq!(kinds("error panic 3", Some(2)), ["b", "c"]);
        assert_eq!(kinds("", None), ["a", "b", "c"]);
        assert_eq!(said("op 1 aa 7 *00000001"), said("op 1 aa 8 *00000002"));
        assert_ne!(said("op 1 aa 7 *00000001"), said("op 1 ab 7 *00000003"));
    }

    #[test]
    fn each_kind_of_nothing_has_its_sentence() {
        let seen = Diagnosis::default();
        assert!(nothing("x.log", &seen, 0).contains("x.log is empty"));
        let seen = Diagnosis { lines: 3, binary_bytes: 7, ..seen };
        let text = nothing("x.log", &seen, 9);
        assert!(
            text.contains(
                "no line of the harness's among 3 lines; skipped: 3 lines of others, 7 bytes that are no text"
            ),
            "{text}"
        );
        let seen = Diagnosis { lines: 3, harness_lines: 3, complete: 1, compared: 8, ..Diagnosis::default() };
        assert!(
            nothing("x.log", &seen, 9).contains("shows no failure: one session came to the end, and 8 tensors are")
        );
    }
}
