//! A command line to words, without a shell: blanks separate, quotes and backslashes keep together.
//!
//! Knows what a shell would do with other signs, and refuses them: nothing here would do that.

/// Signs that mean something to a shell, and nothing here.
const SHELL: &[char] = &['|', '&', ';', '<', '>', '$', '`', '*', '?', '~', '#', '(', ')'];

/// The words, or what is wrong, as a sentence about the command.
pub(super) fn words(text: &str) -> Result<Vec<String>, String> {
    let (mut words, mut word, mut quote): (Vec<String>, Option<String>, Option<char>) = (Vec::new(), None, None);
    let mut signs = text.chars();
    while let Some(sign) = signs.next() {
        match (quote, sign) {
            (Some(open), sign) if sign == open => quote = None,
            (None, '"' | '\'') => {
                word.get_or_insert_default();
                quote = Some(sign);
            }
            // In single quotes a backslash is itself.
            (open, '\\') if open != Some('\'') => match signs.next() {
                Some(next) => word.get_or_insert_default().push(next),
                None => return Err("the command ends with a backslash".to_owned()),
            },
            (None, sign) if sign.is_whitespace() => words.extend(word.take()),
            (None, sign) if SHELL.contains(&sign) => {
                return Err(format!("`{sign}` would mean something to a shell, and there is none"));
            }
            (_, sign) => word.get_or_insert_default().push(sign),
        }
    }
    if let Some(open) = quote {
        return Err(format!("a quote `{open}` has no end"));
    }
    words.extend(word);
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_separate_and_quotes_keep_together() {
        let split = |text: &str| words(text).unwrap();
        assert_eq!(split(" python3  a.py --out {output} "), ["python3", "a.py", "--out", "{output}"]);
        assert_eq!(split(r#"sh -c 'a | b' "c d"e\ f"#), ["sh", "-c", "a | b", "c de f"]);
        assert_eq!(split(r#"x '' "a\"b\\" '\n'"#), ["x", "", "a\"b\\", "\\n"]);
        assert!(split("  ").is_empty());
    }

    #[test]
    fn what_only_a_shell_does_is_refused() {
        for text in ["a > b", "a | b", "a && b", "a $HOME", "a `b`", "a *.npy", "~/a", "a; b"] {
            assert!(words(text).unwrap_err().contains("shell"), "{text}");
        }
        assert!(words("a 'b").unwrap_err().contains("no end"));
        assert!(words("a \\").unwrap_err().contains("backslash"));
    }
}
