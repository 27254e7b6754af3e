//! A log from the field, read as it comes: the harness's lines among others', and the first failure that they show.
//!
//! A log is no transcript: other lines stand between, words such as times stand before, terminals put colours and carriage returns in,
//! the beginning may be missing. So nothing must be in its place; a line counts if its check word agrees. Memory is bounded whatever comes.

use std::collections::BTreeMap;

use super::Signature;
use super::session::check_word;
use crate::model::hex;

/// Longest line that is looked at; harness lines are at most 1,024 bytes, and something may stand before them.
const LINE_BYTES: usize = 4096;
/// Most operators of a run that are compared, and most bytes of an output.
const MOST: usize = 1 << 16;
/// Most builds that are remembered.
const BUILDS: usize = 4;
/// First words of what a harness says.
const VERBS: [&str; 18] = [
    "boot",
    "ready",
    "startup",
    "op",
    "output",
    "arena",
    "done",
    "step",
    "invoke",
    "hop",
    "dump",
    "tensor",
    "ticks",
    "stack",
    "interrupts",
    "stack-total",
    "bye",
    "error",
];

/// What a build's harness is expected to say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expected {
    /// For each vector, digest of every operator's tensor by its index, in hex.
    pub operators: Vec<BTreeMap<usize, String>>,
    /// For each vector, bytes of every output.
    pub outputs: Vec<Vec<Vec<u8>>>,
}

/// What a log shows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diagnosis {
    /// Lines of the log.
    pub lines: u64,
    /// Of these, the harness's.
    pub harness_lines: u64,
    /// Lines that end like the harness's, and whose check word is wrong.
    pub damaged: u64,
    /// Lines that are too long to be the harness's.
    pub too_long: u64,
    /// Bytes that are no text.
    pub binary_bytes: u64,
    /// Builds that were named by `boot`, in their order.
    pub builds: Vec<String>,
    /// Sessions: times that a harness said `boot`, and what comes before the first one.
    pub sessions: u64,
    /// Sessions that came to `bye`.
    pub complete: u64,
    /// Operators' tensors that were compared.
    pub compared: u64,
    /// The first failure.
    pub found: Option<Found>,
    /// Failures in all.
    pub failures: u64,
    /// The harness's last line.
    pub last: String,
}

/// A failure in a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Line of the log, from 1.
    pub number: u64,
    /// The harness's line, with its check word; empty where it is the end that shows it.
    pub line: String,
    /// The build whose session it is.
    pub build: Option<String>,
    /// What it is.
    pub signature: Signature,
}

/// Reads a log.
pub struct Log<'a> {
    /// What is expected, by build.
    expected: &'a BTreeMap<String, Expected>,
    line: Vec<u8>,
    /// Whether the line's beginning is gone, since it is too long.
    long: bool,
    /// A damaged line, should nothing else be found.
    damaged: Option<Found>,
    session: Session,
    seen: Diagnosis,
}

/// What is known of the session that a line belongs to.
#[derive(Default)]
struct Session {
    /// Whether there is one.
    open: bool,
    build: Option<String>,
    run: Run,
}

/// What a run has said so far.
#[derive(Default)]
enum Run {
    #[default]
    None,
    /// The vector where it was named; operators with digest and line.
    Step(Option<usize>, Vec<(usize, String, u64, String)>),
    /// The vector where it was named; outputs.
    Invoke(Option<usize>, BTreeMap<usize, Vec<u8>>),
}

impl<'a> Log<'a> {
    /// Nothing read yet; what builds should say is `expected`, by their digest.
    pub fn new(expected: &'a BTreeMap<String, Expected>) -> Self {
        Self {
            expected,
            line: Vec::new(),
            long: false,
            damaged: None,
            session: Session::default(),
            seen: Diagnosis::default(),
        }
    }

    /// Reads the next bytes.
    pub fn feed(&mut self, bytes: &[u8]) {
        for (index, part) in bytes.split(|&byte| byte == b'\n').enumerate() {
            if index > 0 {
                self.end_line();
            }
            let room = LINE_BYTES.saturating_sub(self.line.len());
            self.long |= part.len() > room;
            self.line.extend_from_slice(&part[..part.len().min(room)]);
        }
    }

    /// The log has ended.
    pub fn end(mut self) -> Diagnosis {
        if !self.line.is_empty() || self.long {
            self.end_line();
        }
        if self.session.open {
            self.close_run();
        }
        if self.session.open && self.seen.found.is_none() {
            let after = self.seen.last.clone();
            self.fail(String::new(), Signature::Died { code: None, after, diagnostics: String::new() });
        }
        if self.seen.found.is_none() && self.seen.complete == 0 {
            self.seen.found = self.damaged;
        }
        self.seen
    }

    fn end_line(&mut self) {
        self.seen.lines += 1;
        let line = std::mem::take(&mut self.line);
        if std::mem::take(&mut self.long) {
            self.seen.too_long += 1;
            return;
        }
        let binary = line.iter().filter(|byte| !matches!(byte, b' '..=b'~' | b'\t' | b'\r' | 0x1b | 0x80..)).count();
        self.seen.binary_bytes += binary as u64;
        match harness_line(&line) {
            Heard::Line(text) => self.harness(&text),
            Heard::Damaged(text) => {
                self.seen.damaged += 1;
                let number = self.seen.lines;
                let line = usize::try_from(number).unwrap_or(usize::MAX);
                let text = text.chars().take(60).collect();
                let build = self.session.build.clone();
                let found = Found { number, line: String::new(), build, signature: Signature::Garbage { line, text } };
                self.damaged.get_or_insert(found);
            }
            Heard::Other => {}
        }
    }

    fn harness(&mut self, text: &str) {
        self.seen.harness_lines += 1;
        let words: Vec<&str> = text.split(' ').collect();
        if words[0] != "boot" && !self.session.open {
            // The beginning is missing, or something follows the end.
            self.session = Session { open: true, build: self.session.build.take(), run: Run::None };
            self.seen.sessions += u64::from(self.seen.sessions == 0);
        }
        match words[..] {
            ["boot", _, digest, ..] => self.boot(digest, text),
            ["error", ..] => self.error(text),
            ["bye"] => {
                self.close_run();
                self.seen.complete += 1;
                self.session.open = false;
            }
            ["step", _, ref rest @ ..] => {
                self.close_run();
                self.session.run = Run::Step(vector(rest), Vec::new());
            }
            ["invoke", _, ref rest @ ..] => {
                self.close_run();
                self.session.run = Run::Invoke(vector(rest), BTreeMap::new());
            }
            ["op", index, digest, ..] => {
                let number = self.seen.lines;
                if let (Run::Step(_, seen), Ok(index)) = (&mut self.session.run, index.parse())
                    && seen.len() < MOST
                {
                    seen.push((index, digest.to_owned(), number, with_check_word(text)));
                }
            }
            ["output", index, _, hex] => {
                if let (Run::Invoke(_, seen), Ok(index)) = (&mut self.session.run, index.parse::<usize>())
                    && seen.values().map(Vec::len).sum::<usize>() < MOST
                {
                    seen.entry(index).or_default().extend(bytes(hex));
                }
            }
            ["done"] => self.close_run(),
            _ => {}
        }
        text.clone_into(&mut self.seen.last);
    }

    fn boot(&mut self, digest: &str, text: &str) {
        if self.session.open && self.seen.harness_lines > 1 {
            let line = usize::try_from(self.seen.lines).unwrap_or(usize::MAX);
            let after = self.seen.last.clone();
            self.fail(with_check_word(text), Signature::Reset { line, after });
        }
        self.seen.sessions += 1;
        if !self.seen.builds.iter().any(|known| known == digest) && self.seen.builds.len() < BUILDS {
            self.seen.builds.push(digest.to_owned());
        }
        self.session = Session { open: true, build: Some(digest.to_owned()), run: Run::None };
    }

    fn error(&mut self, text: &str) {
        let known = text.strip_prefix("error ").and_then(Signature::from_error_line);
        let line = usize::try_from(self.seen.lines).unwrap_or(usize::MAX);
        let unknown =
            || Signature::OutOfOrder { line, text: text.to_owned(), expected: "a known error code".to_owned() };
        // What a run has said before its error may be wrong already.
        self.close_run();
        self.fail(with_check_word(text), known.unwrap_or_else(unknown));
        self.session.open = false;
    }

    /// Compares what a run has said with what some vector gives.
    fn close_run(&mut self) {
        let run = std::mem::take(&mut self.session.run);
        let Some(expected) = self.session.build.as_ref().and_then(|build| self.expected.get(build)) else { return };
        match run {
            Run::None => {}
            Run::Step(vector, seen) => {
                self.seen.compared += seen.len() as u64;
                if let Some((at, wanted)) = differs(&seen, meant(&expected.operators, vector)) {
                    let (index, found, number, line) = seen[at].clone();
                    self.fail_at(number, line, Signature::Mismatch { operator: Some(index), found, wanted });
                }
            }
            Run::Invoke(vector, seen) => {
                let seen: Vec<Vec<u8>> = seen.into_values().collect();
                let outputs = meant(&expected.outputs, vector);
                let Some(first) = outputs.first() else { return };
                let whole = first.iter().map(Vec::len).eq(seen.iter().map(Vec::len));
                if whole && !outputs.contains(&seen) {
                    let hex = |bytes: &[u8]| hex(&bytes[..bytes.len().min(16)]);
                    let index = seen.iter().zip(first).position(|(a, b)| a != b).unwrap_or(0);
                    let (found, wanted) = (hex(&seen[index]), hex(&first[index]));
                    self.fail(String::new(), Signature::Mismatch { operator: None, found, wanted });
                }
            }
        }
    }

    fn fail(&mut self, line: String, signature: Signature) {
        self.fail_at(self.seen.lines, line, signature);
    }

    fn fail_at(&mut self, number: u64, line: String, signature: Signature) {
        self.seen.failures += 1;
        let build = self.session.build.clone();
        self.seen.found.get_or_insert(Found { number, line, build, signature });
    }
}

/// The vector that a run was of, by its last word.
fn vector(rest: &[&str]) -> Option<usize> {
    rest.first()?.parse().ok()
}

/// What is expected of the vector that was named; of all, where none was.
fn meant<T>(all: &[T], vector: Option<usize>) -> &[T] {
    vector.and_then(|vector| all.get(vector..=vector)).unwrap_or(all)
}

/// The first operator that no vector explains, and what it should have given for the vector that explains most. Operators of a hop come
/// first, as they do in time.
fn differs(seen: &[(usize, String, u64, String)], vectors: &[BTreeMap<usize, String>]) -> Option<(usize, String)> {
    let agree = |vector: &BTreeMap<usize, String>| {
        seen.iter().take_while(|(index, digest, ..)| vector.get(index).is_none_or(|wanted| wanted == digest)).count()
    };
    let mut best: Option<(usize, &BTreeMap<usize, String>)> = None;
    for vector in vectors {
        let count = agree(vector);
        if best.is_none_or(|(most, _)| count > most) {
            best = Some((count, vector));
        }
    }
    let (count, vector) = best?;
    let (index, ..) = seen.get(count)?;
    Some((count, vector.get(index)?.clone()))
}

/// What a line of a log is.
enum Heard {
    /// The harness's, without its check word.
    Line(String),
    /// Perhaps the harness's, once.
    Damaged(String),
    Other,
}

/// The harness's part of a line: behind whatever stands before it, without colours and what ends a line.
fn harness_line(line: &[u8]) -> Heard {
    let text = plain(line);
    let text = text.trim_end();
    let Some((body, check)) = text.rsplit_once(" *") else { return Heard::Other };
    let check = check.get(..8).filter(|_| check.len() == 8).and_then(|check| u32::from_str_radix(check, 16).ok());
    let mut damaged = None;
    for (start, verb) in starts(body) {
        let candidate = &body[start..];
        match check {
            Some(check) if check_word(candidate.as_bytes()) == check => return Heard::Line(candidate.to_owned()),
            Some(_) if damaged.is_none() && start + verb.len() < body.len() => damaged = Some(candidate.to_owned()),
            _ => {}
        }
    }
    damaged.map_or(Heard::Other, Heard::Damaged)
}

/// Where in a line the harness's part may begin.
fn starts(body: &str) -> impl Iterator<Item = (usize, &'static str)> {
    let bytes = body.as_bytes();
    let begins =
        move |at: &usize| *at == 0 || !(bytes[at - 1].is_ascii_alphanumeric() || matches!(bytes[at - 1], b'-' | b'='));
    (0..bytes.len()).filter(begins).filter_map(move |at| {
        let is = |verb: &&'static str| {
            bytes[at..].starts_with(verb.as_bytes()) && bytes.get(at + verb.len()).is_none_or(|&next| next == b' ')
        };
        VERBS.iter().copied().find(is).map(|verb| (at, verb))
    })
}

/// A line's printable text: no escape sequences, nothing that is no ASCII.
fn plain(line: &[u8]) -> String {
    let mut text = String::with_capacity(line.len());
    let mut rest = line.iter();
    while let Some(&byte) = rest.next() {
        match byte {
            0x1b => {
                // A control sequence ends with a letter or `~`; another escape is one character.
                if rest.as_slice().first() == Some(&b'[') {
                    let _ = rest.find(|byte| matches!(byte, b'A'..=b'Z' | b'a'..=b'z' | b'~'));
                } else {
                    let _ = rest.next();
                }
            }
            b' '..=b'~' => text.push(char::from(byte)),
            b'\t' => text.push(' '),
            b'\r' => {}
            _ => text.push('?'),
        }
    }
    text
}

fn with_check_word(text: &str) -> String {
    format!("{text} *{:08x}", check_word(text.as_bytes()))
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits = hex.as_bytes().chunks_exact(2);
    digits.map_while(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
}

#[cfg(test)]
mod tests;
