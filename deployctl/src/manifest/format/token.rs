//! A KDL text as words, brackets and comments, each with its own text. White space lies between them and is not kept.
//!
//! Knows KDL 2's quotes and delimiters; does not know where which word may stand.

use std::ops::Range;

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A string in any notation, number or keyword, as it is written.
    Word,
    /// `{`.
    Open,
    /// `}`.
    Close,
    /// `(`.
    Left,
    /// `)`.
    Right,
    /// `=`.
    Equals,
    /// `;`.
    Semicolon,
    /// `/-`: what follows is commented out.
    Slashdash,
    /// `// …`, without the end of the line.
    LineComment,
    /// `/* … */`.
    BlockComment,
    /// `\`: the line goes on behind the next newline.
    Continuation,
    /// One end of a line.
    Newline,
}

/// A piece of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Token<'a> {
    pub(super) kind: Kind,
    pub(super) text: &'a str,
}

/// All tokens of a text that is KDL; the place of what is none.
pub(super) fn tokens(text: &str) -> Result<Vec<Token<'_>>, Range<usize>> {
    let mut tokens = Vec::new();
    let mut at = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    while let Some(first) = text[at..].chars().next() {
        let rest = &text[at..];
        if is_space(first) {
            at += first.len_utf8();
            continue;
        }
        let (kind, len) = next(rest, first).ok_or(at..at + first.len_utf8())?;
        tokens.push(Token { kind, text: &rest[..len] });
        at += len;
    }
    Ok(tokens)
}

/// The token at the start of `rest`, and its length in bytes.
fn next(rest: &str, first: char) -> Option<(Kind, usize)> {
    let token = match first {
        '{' => (Kind::Open, 1),
        '}' => (Kind::Close, 1),
        '(' => (Kind::Left, 1),
        ')' => (Kind::Right, 1),
        '=' => (Kind::Equals, 1),
        ';' => (Kind::Semicolon, 1),
        '\\' => (Kind::Continuation, 1),
        '\r' if rest.starts_with("\r\n") => (Kind::Newline, 2),
        _ if is_newline(first) => (Kind::Newline, first.len_utf8()),
        '/' => return comment(rest),
        '"' => (Kind::Word, string(rest, 0)?),
        '#' => {
            let hashes = rest.len() - rest.trim_start_matches('#').len();
            let raw = rest[hashes..].starts_with('"');
            (Kind::Word, if raw { string(rest, hashes)? } else { hashes + word(&rest[hashes..])? })
        }
        _ => (Kind::Word, word(rest)?),
    };
    Some(token)
}

fn comment(rest: &str) -> Option<(Kind, usize)> {
    if rest.starts_with("//") {
        return Some((Kind::LineComment, rest.find(is_newline).unwrap_or(rest.len())));
    }
    if rest.starts_with("/-") {
        return Some((Kind::Slashdash, 2));
    }
    let (mut depth, mut at) = (0_usize, 0);
    loop {
        if rest[at..].starts_with("/*") {
            (depth, at) = (depth + 1, at + 2);
        } else if rest[at..].starts_with("*/") {
            (depth, at) = (depth.checked_sub(1)?, at + 2);
        } else {
            at += rest[at..].chars().next()?.len_utf8();
        }
        if depth == 0 {
            return (at > 1).then_some((Kind::BlockComment, at));
        }
    }
}

/// Length of a string in quotes, with that many hashes around it; without any it has escapes.
fn string(rest: &str, hashes: usize) -> Option<usize> {
    let many = rest[hashes..].starts_with("\"\"\"");
    let closing = format!("{}{}", if many { "\"\"\"" } else { "\"" }, "#".repeat(hashes));
    let mut at = hashes + if many { 3 } else { 1 };
    loop {
        if rest[at..].starts_with(&closing) {
            return Some(at + closing.len());
        }
        let mut chars = rest[at..].chars();
        let one = chars.next()?;
        at += one.len_utf8();
        if one == '\\' && hashes == 0 {
            at += chars.next()?.len_utf8();
        }
    }
}

/// Length of a word without quotes.
fn word(rest: &str) -> Option<usize> {
    let ends = |c: char| is_space(c) || is_newline(c) || "\\/(){};[]\"#=".contains(c);
    let len = rest.find(ends).unwrap_or(rest.len());
    (len > 0).then_some(len)
}

fn is_newline(c: char) -> bool {
    matches!(c, '\n' | '\r' | '\u{85}' | '\u{b}' | '\u{c}' | '\u{2028}' | '\u{2029}')
}

fn is_space(c: char) -> bool {
    c.is_whitespace() && !is_newline(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<&str> {
        tokens(text).unwrap().iter().map(|token| token.text).collect()
    }

    #[test]
    fn every_notation_is_one_word() {
        let text = "a 1 -2.5 0x1F #true #-inf \"b c\" \"\\\"{\" #\"\\\"# ##\"a\"#b\"## \"\" #\"\"# \"\"\"\n x\n \"\"\"";
        let expected = [
            "a",
            "1",
            "-2.5",
            "0x1F",
            "#true",
            "#-inf",
            "\"b c\"",
            "\"\\\"{\"",
            "#\"\\\"#",
            "##\"a\"#b\"##",
            "\"\"",
            "#\"\"#",
            "\"\"\"\n x\n \"\"\"",
        ];
        assert_eq!(words(text), expected);
        assert_eq!(words("a(t)b=1{c;/-d}\\"), ["a", "(", "t", ")", "b", "=", "1", "{", "c", ";", "/-", "d", "}", "\\"]);
    }

    #[test]
    fn comments_nest_and_end() {
        assert_eq!(words("/* a /* b */ c */d// e\r\nf"), ["/* a /* b */ c */", "d", "// e", "\r\n", "f"]);
        for text in ["/* a", "/", "\"a", "#\"a\"", "a [", "\"\\"] {
            assert!(tokens(text).is_err(), "{text}");
        }
    }
}
