//! Prose: Tera templates and values to Markdown, and pages in their frame. A template that fails is a mistake of ours, and is
//! reported as one.
//!
//! Knows formats of numbers and Markdown's special characters; does not know what a report is about.

use serde::Serialize;
use tera::{Context, Kwargs, State, Tera, Value};

pub use crate::manifest::grouped;
use crate::model::short_name;

/// A template could not be loaded or filled in: a mistake in deployctl, not in anything a user wrote.
#[derive(Debug, thiserror::Error)]
#[error("template `{template}`: {message}")]
pub struct RenderError {
    template: String,
    message: String,
}

/// Fills in `template`, whose text is `source`, with the fields of `values`.
pub fn markdown(template: &str, source: &str, values: &impl Serialize) -> Result<String, RenderError> {
    filled(template, source, values, |_| String::new())
}

/// As [`markdown`], for [`crate::page`]: with the captions of tables, which Markdown has no place for.
pub fn captioned(template: &str, source: &str, values: &impl Serialize) -> Result<String, RenderError> {
    filled(template, source, values, |text| format!("<!-- caption: {text} -->\n"))
}

/// Fills in the frame of a page: what is not marked as `safe` there is text.
pub fn framed(source: &str, values: &impl Serialize) -> Result<String, RenderError> {
    filled("page.html", source, values, |_| String::new())
}

fn filled(
    template: &str,
    source: &str,
    values: &impl Serialize,
    caption: fn(&str) -> String,
) -> Result<String, RenderError> {
    let wrong = |error: &tera::Error| RenderError { template: template.to_owned(), message: explain(error) };
    let mut tera = Tera::new();
    tera.autoescape_on([".html"]);
    tera.register_function("caption", move |given: Kwargs, _: &State| -> tera::TeraResult<String> {
        Ok(caption(given.must_get::<&str>("text")?))
    });
    tera.register_filter("cell", |text: &str, _: Kwargs, _: &State| cell(text));
    tera.register_filter("code", |text: &str, _: Kwargs, _: &State| code(text));
    tera.register_filter("prose", |text: &str, _: Kwargs, _: &State| prose(text));
    tera.register_filter("short", |text: &str, _: Kwargs, _: &State| short_name(text));
    tera.register_filter("thousands", |value: &Value, _: Kwargs, _: &State| thousands(value));
    tera.register_filter("percent", |value: f64, _: Kwargs, _: &State| percent(value));
    tera.register_filter("quantity", |value: &Value, _: Kwargs, _: &State| quantity(value));
    tera.add_raw_template(template, source).map_err(|error| wrong(&error))?;
    let context = Context::from_serialize(values).map_err(|error| wrong(&error))?;
    tera.render(template, &context).map_err(|error| wrong(&error))
}

fn explain(error: &tera::Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}

/// Text that is only text, within one cell of a table or one line, whatever a model's author called their tensors.
pub fn cell(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    let mut before = None;
    let mut rest = text.chars().peekable();
    while let Some(character) = rest.next() {
        let within = |next: Option<&char>| {
            before.is_some_and(char::is_alphanumeric) && next.is_some_and(|c| c.is_alphanumeric())
        };
        match character {
            // Between letters an underscore is no emphasis, and names read better without a backslash.
            '_' if within(rest.peek()) => safe.push('_'),
            '|' | '\\' | '`' | '*' | '_' | '[' | ']' | '~' | '$' => safe.extend(['\\', character]),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '&' => safe.push_str("&amp;"),
            '\n' | '\r' | '\t' => safe.push(' '),
            control if control.is_control() => safe.push('\u{fffd}'),
            plain => safe.push(plain),
        }
        before = Some(character);
    }
    safe
}

/// Text as code, within one cell of a table or one line.
pub fn code(text: &str) -> String {
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let longest = line.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    // A table's parser takes `|` for a border even within code.
    let line = line.replace('|', "\\|");
    match longest {
        0 if line.trim().is_empty() => "` `".to_owned(),
        0 => format!("{fence}{line}{fence}"),
        _ => format!("{fence} {line} {fence}"),
    }
}

/// A sentence of our own with names of others in it, code spans kept: nothing in it ends its line, or becomes HTML or a link.
pub fn prose(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    // Fences of several backticks are never ours; as one quote they cannot change which backticks belong together.
    let mut pieces = single_fences(text).split('`').map(str::to_owned).collect::<Vec<_>>().into_iter().peekable();
    let mut in_code = false;
    while let Some(piece) = pieces.next() {
        if in_code && pieces.peek().is_some() {
            safe.push_str(&code(&piece));
        } else {
            // A backtick without its partner is text.
            safe.push_str(if in_code { "\\`" } else { "" });
            safe.push_str(&sentence(&piece));
        }
        in_code = !in_code;
    }
    safe
}

fn single_fences(text: &str) -> String {
    let mut single = String::with_capacity(text.len());
    let mut run = 0;
    for character in text.chars().chain(['\n']) {
        if character == '`' {
            run += 1;
            continue;
        }
        match run {
            0 => {}
            1 => single.push('`'),
            _ => single.push('\''),
        }
        run = 0;
        single.push(character);
    }
    single.pop();
    single
}

/// Like [`cell`], for words of ours: underscores and the like stay as they are.
fn sentence(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '|' | '\\' | '*' | '[' => safe.extend(['\\', character]),
            control if control.is_control() => safe.push(' '),
            plain => safe.push(plain),
        }
    }
    safe
}

fn thousands(value: &Value) -> String {
    value.as_u64().map_or_else(|| "–".to_owned(), grouped)
}

/// What [`crate::gate::Quantity`] is as JSON; a dash where there is none.
fn quantity(value: &Value) -> String {
    let field = |name: &str| value.as_map().and_then(|map| map.get(&tera::value::Key::from(name.to_owned())));
    match (field("value").and_then(Value::as_f64), field("unit").and_then(Value::as_str)) {
        (Some(number), Some(unit)) => counted(number, unit),
        _ => "–".to_owned(),
    }
}

/// A number with its unit, as `gate-report.json` has units.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "what is neither ratio nor time is whole")]
pub fn counted(number: f64, unit: &str) -> String {
    match unit {
        "ratio" => percent(number),
        "count" => grouped(number as u64),
        unit if number.fract() == 0.0 => format!("{} {unit}", grouped(number as u64)),
        unit => format!("{number:.3} {unit}"),
    }
}

/// A ratio as a percentage; what is there but would round to nothing says so.
pub fn percent(ratio: f64) -> String {
    if ratio != 0.0 && ratio.abs() < 0.0005 { "< 0.1 %".to_owned() } else { format!("{:.1} %", ratio * 100.0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_cannot_break_out_of_their_table() {
        assert_eq!(cell("a|b\n`c` <script>"), "a\\|b \\`c\\` &lt;script&gt;");
        assert_eq!(cell("CONV_2D _x_ \u{0}"), "CONV_2D \\_x\\_ \u{fffd}");
    }

    #[test]
    fn code_stays_code() {
        assert_eq!(code("plain_name"), "`plain_name`");
        assert_eq!(code("a`b\n|c"), "`` a`b \\|c ``");
        assert_eq!(code(""), "` `");
    }

    #[test]
    fn sentences_keep_their_code_and_lose_their_traps() {
        assert_eq!(prose("op:1 writes `a/<b>|c`, see `mismatch`"), "op:1 writes `a/<b>\\|c`, see `mismatch`");
        assert_eq!(prose("`evil`<img src=x>\n# title`"), "`evil`&lt;img src=x&gt; # title\\`");
        assert_eq!(prose("at [0, 1] ``` [x](y)"), "at \\[0, 1] ' \\[x](y)");
    }

    #[test]
    fn shares_never_round_to_nothing() {
        assert_eq!([0.0, 0.0004, 0.163, 1.0, -0.25].map(percent), ["0.0 %", "< 0.1 %", "16.3 %", "100.0 %", "-25.0 %"]);
    }

    #[test]
    fn quantities_carry_their_unit() {
        #[derive(Serialize)]
        struct Values {
            limit: crate::gate::Quantity,
            none: Option<crate::gate::Quantity>,
        }
        let values =
            Values { limit: crate::gate::Quantity { value: 24576.0, unit: crate::gate::Unit::Bytes }, none: None };
        let text = markdown("t", "{{ limit | quantity }} {{ none | quantity }}", &values).unwrap();
        assert_eq!(text, "24,576 bytes –");
    }

    #[test]
    fn captions_are_for_pages_and_pages_escape() {
        let template = "{{ caption(text=\"a b\") }}| x |";
        assert_eq!(markdown("t", template, &serde_json::json!({})).unwrap(), "| x |");
        assert_eq!(captioned("t", template, &serde_json::json!({})).unwrap(), "<!-- caption: a b -->\n| x |");
        let values = serde_json::json!({ "title": "<script>", "html": "<p>" });
        assert_eq!(framed("{{ title }}{{ html | safe }}", &values).unwrap(), "&lt;script&gt;<p>");
    }

    #[test]
    fn a_broken_template_is_named() {
        let error = markdown("report", "{{ nothing }}", &serde_json::json!({})).unwrap_err();
        assert!(error.to_string().contains("report"), "{error}");
    }
}
