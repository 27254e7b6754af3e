//! Prose: Tera templates and values to Markdown. A template that fails is a mistake of ours, and is reported as one.
//!
//! Knows formats of numbers and Markdown's special characters; does not know what a report is about.

use serde::Serialize;
use tera::{Context, Kwargs, State, Tera, Value};

/// A template could not be loaded or filled in: a mistake in deployctl, not in anything a user wrote.
#[derive(Debug, thiserror::Error)]
#[error("template `{template}`: {message}")]
pub struct RenderError {
    template: String,
    message: String,
}

/// Fills in `template`, whose text is `source`, with the fields of `values`.
pub fn markdown(template: &str, source: &str, values: &impl Serialize) -> Result<String, RenderError> {
    let wrong = |error: &tera::Error| RenderError { template: template.to_owned(), message: explain(error) };
    let mut tera = Tera::new();
    tera.autoescape_on(Vec::<String>::new());
    tera.register_filter("cell", |text: &str, _: Kwargs, _: &State| cell(text));
    tera.register_filter("thousands", |value: &Value, _: Kwargs, _: &State| thousands(value));
    tera.register_filter("percent", |value: f64, _: Kwargs, _: &State| format!("{:.1} %", value * 100.0));
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

/// Text that stays within one cell of a Markdown table, whatever a model's author called their tensors.
pub fn cell(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '|' | '\\' | '`' | '*' | '_' | '<' | '>' | '[' | ']' => {
                safe.push('\\');
                safe.push(character);
            }
            '\n' | '\r' | '\t' => safe.push(' '),
            control if control.is_control() => safe.push('\u{fffd}'),
            plain => safe.push(plain),
        }
    }
    safe
}

/// An integer with a comma between groups of three digits.
pub fn grouped(number: u64) -> String {
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

fn thousands(value: &Value) -> String {
    value.as_u64().map_or_else(|| "–".to_owned(), grouped)
}

/// A [`crate::gate::Quantity`] with its unit; a dash where there is none.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "byte and instruction counts are whole")]
fn quantity(value: &Value) -> String {
    let field = |name: &str| value.as_map().and_then(|map| map.get(&tera::value::Key::from(name.to_owned())));
    let (Some(number), Some(unit)) = (field("value").and_then(Value::as_f64), field("unit").and_then(Value::as_str))
    else {
        return "–".to_owned();
    };
    match unit {
        "ratio" => format!("{:.1} %", number * 100.0),
        "bytes" => format!("{} bytes", grouped(number as u64)),
        "instructions" => format!("{} instructions", grouped(number as u64)),
        _ => grouped(number as u64),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_cannot_break_out_of_their_table() {
        assert_eq!(cell("a|b\n`c` <script>"), "a\\|b \\`c\\` \\<script\\>");
    }

    #[test]
    fn numbers_are_grouped() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(999), "999");
        assert_eq!(grouped(7_698_123), "7,698,123");
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
    fn a_broken_template_is_named() {
        let error = markdown("report", "{{ nothing }}", &serde_json::json!({})).unwrap_err();
        assert!(error.to_string().contains("report"), "{error}");
    }
}
