//! The one layout of KDL files: [`format()`] gives a file's text as `deployctl fmt` writes it.
//!
//! Works on the source's own words ([`token`]), between which only white space is decided anew ([`layout`]), because a KDL
//! document does not keep all that people write. Nothing is taken on trust: the result is parsed again, and given out only if
//! values, comments and what is commented out are the same ([`same`]).
//!
//! Knows KDL; does not know what nodes mean, nor files.

mod layout;
mod same;
mod token;

use super::error::{Errors, Problem};
use super::parse;
use super::syntax::Syntax;

/// The text of the file that people know as `shown`, laid out; the same text where it is already.
///
/// Fails with every syntax error of the file, or with the reason why it is better left as it is.
pub fn format(bytes: &[u8], shown: &str) -> Result<String, Errors> {
    let before = parse::parse(bytes, shown, &Syntax::default())?;
    let left_alone = |problem: Problem| Errors::new(shown, vec![problem.in_text(&before.text)]);
    let text = before.text.inner();
    let tokens = token::tokens(text).map_err(|span| {
        let problem = Problem::at(span, "the formatter cannot read this").label("left as it is");
        left_alone(problem.help("write it in another way"))
    })?;
    let formatted = layout::layout(&tokens);
    let why_not = match parse::parse(formatted.as_bytes(), shown, &Syntax::default()) {
        Ok(after) => same::difference(&before.document, &after.document)
            .or_else(|| same::lost_word(&tokens, &token::tokens(&formatted).unwrap_or_default())),
        Err(errors) => {
            let first = errors.problems().first().map(ToString::to_string);
            Some(format!("it could not be read afterwards: {}", first.unwrap_or_default()))
        }
    };
    match why_not {
        None => Ok(formatted),
        Some(reason) => {
            let problem =
                Problem::new(format!("`{shown}` is left as it is, because formatting would change it: {reason}"));
            Err(left_alone(problem.help("lay this file out by hand, and report it as a mistake in deployctl")))
        }
    }
}

#[cfg(test)]
mod tests;
