//! Rust text as rustfmt would leave it: literals, struct literals and number tables, broken over lines where they must be.
//!
//! Follows the project's `rustfmt.toml` (`max_width = 120`, `use_small_heuristics = "Max"`). Knows no models.

use std::fmt::Write as _;

/// Columns of a line.
const WIDTH: usize = 120;
/// Rustfmt's `short_array_element_width_threshold`: elements up to this wide share lines.
const SHORT: usize = 10;

/// An expression.
#[derive(Clone, Debug)]
pub(super) enum Value {
    /// Text that is never broken.
    Plain(String),
    /// `Name { field: value, … }`.
    Struct(&'static str, Vec<(&'static str, Value)>),
    /// `[value, …]`.
    Array(Vec<Value>),
    /// `&value`.
    Reference(Box<Value>),
    /// `Some(value)`.
    Some(Box<Value>),
}

impl Value {
    pub(super) fn plain(text: &(impl ToString + ?Sized)) -> Self {
        Self::Plain(text.to_string())
    }

    /// An array of integers.
    pub(super) fn numbers(numbers: &[i32]) -> Self {
        Self::Array(numbers.iter().map(Self::plain).collect())
    }

    /// On one line, whatever its width.
    pub(super) fn flat(&self) -> String {
        let list = |values: Vec<String>| values.join(", ");
        match self {
            Self::Plain(text) => text.clone(),
            Self::Struct(name, fields) => {
                let fields = fields.iter().map(|(field, value)| format!("{field}: {}", value.flat())).collect();
                format!("{name} {{ {} }}", list(fields))
            }
            Self::Array(values) => format!("[{}]", list(values.iter().map(Self::flat).collect())),
            Self::Reference(value) => format!("&{}", value.flat()),
            Self::Some(value) => format!("Some({})", value.flat()),
        }
    }

    /// After `before` columns of a line that is indented by `indent`, with one column to follow.
    fn render(&self, indent: usize, before: usize) -> String {
        let flat = self.flat();
        if before + flat.len() < WIDTH {
            return flat;
        }
        let inner = " ".repeat(indent + 4);
        let close = " ".repeat(indent);
        match self {
            Self::Plain(text) => text.clone(),
            Self::Struct(name, fields) => {
                let mut text = format!("{name} {{\n");
                for (field, value) in fields {
                    let value = value.render(indent + 4, indent + 4 + field.len() + 2);
                    let _ = writeln!(text, "{inner}{field}: {value},");
                }
                text + &close + "}"
            }
            Self::Array(values) if matches!(values.as_slice(), [Self::Struct(..)]) => {
                format!("[{}]", values[0].render(indent, WIDTH))
            }
            Self::Array(values) => {
                let short = values.iter().all(|value| value.flat().len() <= SHORT);
                let lines = if short {
                    fill(values, indent + 4)
                } else {
                    values.iter().map(|value| value.render(indent + 4, indent + 4) + ",").collect()
                };
                let lines: Vec<String> = lines.iter().map(|line| format!("{inner}{line}")).collect();
                format!("[\n{}\n{close}]", lines.join("\n"))
            }
            Self::Reference(value) => format!("&{}", value.render(indent, before + 1)),
            Self::Some(value) => format!("Some({})", value.render(indent, before + 6)),
        }
    }
}

/// Packs short elements into lines, of one column less than others may have: so does rustfmt.
fn fill(values: &[Value], indent: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for value in values {
        let item = value.flat() + ",";
        match lines.last_mut() {
            Some(line) if indent + line.len() + 1 + item.len() < WIDTH => {
                line.push(' ');
                line.push_str(&item);
            }
            _ => lines.push(item),
        }
    }
    lines
}

/// `head = value;` at the given indentation: on one line, else with the value on the next, else with the value broken.
pub(super) fn item(indent: usize, head: &str, value: &Value) -> String {
    let margin = " ".repeat(indent);
    let flat = value.flat();
    let same = indent + head.len() + 3;
    if same + flat.len() < WIDTH {
        return format!("{margin}{head} = {flat};\n");
    }
    if indent + 4 + flat.len() < WIDTH {
        return format!("{margin}{head} =\n{margin}    {flat};\n");
    }
    format!("{margin}{head} = {};\n", value.render(indent, same))
}

/// A string literal in ASCII.
pub(super) fn string(text: &str) -> String {
    let mut literal = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => literal.extend(['\\', character]),
            ' '..='~' => literal.push(character),
            _ => {
                let _ = write!(literal, "\\u{{{:x}}}", u32::from(character));
            }
        }
    }
    literal + "\""
}

/// A name inside backticks of a comment, in ASCII, on one line.
pub(super) fn comment(text: &str) -> String {
    let quoted = string(text).replace('`', "'");
    format!("`{}`", &quoted[1..quoted.len() - 1])
}

/// A name as part of an identifier: lower case letters, digits and underscores.
pub(super) fn identifier(text: &str) -> String {
    text.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' }).collect()
}

/// An `f32` literal that reads back as the same value.
pub(super) fn float(value: f32) -> String {
    if value.is_finite() { format!("{value:?}") } else { format!("f32::from_bits({:#x})", value.to_bits()) }
}

/// A byte range.
pub(super) fn range(range: &std::ops::Range<usize>) -> String {
    format!("{}..{}", range.start, range.end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_leave_their_quotes() {
        assert_eq!(string("a\"b\\c\nd\u{202e}é"), r#""a\"b\\c\u{a}d\u{202e}\u{e9}""#);
        assert_eq!(comment("x`\n//! y"), r"`x'\u{a}//! y`");
        assert_eq!(identifier("CONV-2D; fn x"), "conv_2d__fn_x");
    }

    #[test]
    fn floats_read_back() {
        for value in [0.003_906_25, 0.584_702_9, 1e-30, f32::MAX, 1.0] {
            assert_eq!(float(value).parse::<f32>().map(f32::to_bits), Ok(value.to_bits()));
        }
        assert_eq!(float(f32::NAN), "f32::from_bits(0x7fc00000)");
    }
}
