//! What is looked at before the KDL parser sees a text: that braces, strings and comments are closed, and that nothing nests
//! so deeply that a recursive parser would run out of stack or, with `/-`, out of time.
//!
//! Knows KDL's brackets and quotes; does not know nodes.

use std::ops::Range;

use super::error::Problem;

/// Manifests nest three levels; this leaves room and bounds the parser's work, which doubles with each `/-` level.
const DEPTH: usize = 8;
/// Nested `/* /* */ */`.
const COMMENT_DEPTH: usize = 12;
/// Bounds the parser's recursion even where it sees other brackets than this scan does, after an error inside a string.
const BRACES: usize = 4096;
/// Bounds its backtracking in the same way.
const SLASHDASHES: usize = 16;

/// What stops the parser from being started.
pub(super) fn check(text: &str) -> Vec<Problem> {
    let mut scan = Scan { text: text.as_bytes(), at: 0, open: Vec::new(), problems: Vec::new() };
    scan.run();
    for open in std::mem::take(&mut scan.open) {
        scan.refuse(open..open + 1, "this `{` is never closed", "opened here", "put a `}` where its block ends");
    }
    let mut problems = scan.problems;
    for (word, most, help) in [
        ("{", BRACES, "split the deployment into several manifests"),
        ("}", BRACES, "split the deployment into several manifests"),
        ("/*", BRACES, "use `//` for comments"),
        ("/-", SLASHDASHES, "comment nodes out with `//`"),
    ] {
        if let (Some((at, _)), true) = (text.match_indices(word).nth(most), problems.is_empty()) {
            let message = format!("more than {most} times `{word}` in one file");
            problems.push(Problem::at(at..at + word.len(), message).label("one too many").help(help));
        }
    }
    problems
}

/// All `{`, `}` and `/*`, wherever they stand: a bound on the parser's recursion.
pub(super) fn braces(text: &str) -> usize {
    text.bytes().filter(|byte| matches!(byte, b'{' | b'}')).count() + text.matches("/*").count()
}

struct Scan<'a> {
    text: &'a [u8],
    at: usize,
    open: Vec<usize>,
    problems: Vec<Problem>,
}

impl Scan<'_> {
    fn run(&mut self) {
        while let Some(&byte) = self.text.get(self.at) {
            let start = self.at;
            let rest = &self.text[start..];
            match byte {
                b'/' if rest.starts_with(b"//") => self.at += to_line_end(rest),
                b'/' if rest.starts_with(b"/*") => self.block_comment(),
                b'"' => self.string(0),
                b'#' => self.hashes(),
                b'{' => {
                    self.open.push(start);
                    self.at += 1;
                    if self.open.len() > DEPTH {
                        let message = format!("nodes nest more than {DEPTH} deep");
                        self.refuse(start..start + 1, &message, "too deep", "a manifest needs three levels");
                        self.open.clear();
                        return;
                    }
                }
                b'}' => {
                    self.at += 1;
                    if self.open.pop().is_none() {
                        let help = "remove it, or put the `{` that it should close";
                        self.refuse(start..start + 1, "this `}` closes nothing", "no `{` before it", help);
                    }
                }
                _ => self.at += 1,
            }
        }
    }

    fn refuse(&mut self, span: Range<usize>, message: &str, label: &str, help: &str) {
        if self.problems.len() < 20 {
            self.problems.push(Problem::at(span, message).label(label).help(help));
        }
    }

    /// Hashes start a raw string or a keyword such as `#true`.
    fn hashes(&mut self) {
        let count = self.text[self.at..].iter().take_while(|&&byte| byte == b'#').count();
        self.at += count;
        if self.text.get(self.at) == Some(&b'"') {
            self.string(count);
        }
    }

    /// A string whose opening quote is next; `hashes` is 0 for one with escapes, else the number before a raw one.
    fn string(&mut self, hashes: usize) {
        let start = self.at - hashes;
        let many = self.text[self.at..].starts_with(b"\"\"\"") && !self.is_empty_string(hashes);
        let mut close = if many { b"\"\"\"".to_vec() } else { b"\"".to_vec() };
        self.at += close.len();
        let opening = start..self.at;
        close.resize(close.len() + hashes, b'#');
        while let Some(&byte) = self.text.get(self.at) {
            if self.text[self.at..].starts_with(&close) {
                self.at += close.len();
                return;
            }
            if byte == b'\n' && !many {
                break;
            }
            let escape = byte == b'\\' && hashes == 0;
            // A backslash at a line's end continues the string on the next line.
            self.at += if escape { 1 + self.escaped() } else { 1 };
        }
        let help = if many {
            "close it with `\"\"\"` on a line of its own"
        } else {
            "a `\"` is missing, here or earlier on this line; a text of several lines stands between `\"\"\"` lines"
        };
        self.refuse(opening, "this string is never closed", "opened here", help);
    }

    /// `""` followed by a quote is an error of KDL's own, but `#""#` is an empty raw string.
    fn is_empty_string(&self, hashes: usize) -> bool {
        hashes > 0 && self.text.get(self.at + 2) == Some(&b'#')
    }

    /// Length of what a backslash escapes: white space up to the next text, or one character.
    fn escaped(&self) -> usize {
        let rest = self.text.get(self.at + 1..).unwrap_or_default();
        rest.iter().take_while(|byte| byte.is_ascii_whitespace()).count().max(1)
    }

    fn block_comment(&mut self) {
        let start = self.at;
        let mut depth = 0;
        while self.at < self.text.len() {
            let rest = &self.text[self.at..];
            if rest.starts_with(b"/*") {
                depth += 1;
                self.at += 2;
                if depth > COMMENT_DEPTH {
                    let message = format!("comments nest more than {COMMENT_DEPTH} deep");
                    self.refuse(self.at - 2..self.at, &message, "too deep", "use `//` for comments");
                    self.at = self.text.len();
                    return;
                }
            } else if rest.starts_with(b"*/") {
                depth -= 1;
                self.at += 2;
                if depth == 0 {
                    return;
                }
            } else {
                self.at += 1;
            }
        }
        self.refuse(start..start + 2, "this comment is never closed", "opened here", "put `*/` where it ends");
    }
}

fn to_line_end(rest: &[u8]) -> usize {
    rest.iter().position(|&byte| byte == b'\n').unwrap_or(rest.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(text: &str) -> Vec<String> {
        check(text).iter().map(|problem| problem.message().to_owned()).collect()
    }

    #[test]
    fn brackets_in_strings_and_comments_do_not_count() {
        for text in [
            "a \"{{{\" { b }",
            "a // {{{\n",
            "/* { /* { */ \" */ a",
            "a #\"{ \" {\"#",
            "a ##\"\"\"\n\"#{\"\"\n\"\"\"##",
            "a \"\\\"{\" \"\\\\\" { b }",
            "a \"\"\"\n { \"quoted\" \n\"\"\"",
            "a #true #false; b \"\" { }",
            "a \"one \\\n   two\" b",
            "a #\"\"# {}",
        ] {
            assert_eq!(messages(text), [""; 0], "{text}");
        }
    }

    #[test]
    fn what_is_open_at_the_end_is_named() {
        assert_eq!(messages("a { b {"), ["this `{` is never closed", "this `{` is never closed"]);
        assert_eq!(messages("a } b"), ["this `}` closes nothing"]);
        assert_eq!(messages("a \"x\nb"), ["this string is never closed"]);
        assert_eq!(messages("a \"\"\"\nb"), ["this string is never closed"]);
        assert_eq!(messages("a /* b"), ["this comment is never closed"]);
        assert_eq!(messages("a \"x\\"), ["this string is never closed"]);
    }

    #[test]
    fn depth_is_capped() {
        assert_eq!(messages(&"a {".repeat(1500)), ["nodes nest more than 8 deep"]);
        assert_eq!(messages(&"/*".repeat(1500)), ["comments nest more than 12 deep"]);
        assert_eq!(messages(&"/- a\n".repeat(17)), ["more than 16 times `/-` in one file"]);
        assert!(messages(&"}".repeat(9000)).len() <= 20);
    }
}
