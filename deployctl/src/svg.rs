//! Pieces of hand-made SVG pictures. Coordinates are integers in tenths of a pixel, so that equal data give equal bytes.
//!
//! Knows XML; does not know what is drawn.

use std::fmt::Write as _;

/// Tenths of a pixel.
pub type Tenths = usize;

/// Begins a picture: its size, title and description, and its style. `name` is of its class and its ids, so that several
/// pictures and the page around them do not get into each other's way; selectors in `style` begin with `&` for the picture.
pub fn open(name: &str, (width, height): (Tenths, Tenths), [title, description]: [&str; 2], style: &str) -> String {
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"{name}\" viewBox=\"0 0 {0} {1}\" width=\"{0}\" height=\"{1}\" role=\"img\" \
         aria-labelledby=\"{name}-title {name}-desc\">\n<title id=\"{name}-title\">{2}</title>\n<desc id=\"{name}-desc\">{3}</desc>\n\
         <style>.{name}{{{style}}}</style>\n",
        px(width),
        px(height),
        escape(title),
        escape(description),
    )
}

/// A coordinate or length.
pub fn px(tenths: Tenths) -> String {
    if tenths.is_multiple_of(10) { (tenths / 10).to_string() } else { format!("{}.{}", tenths / 10, tenths % 10) }
}

/// A line of text whose baseline begins at a point.
pub fn text(svg: &mut String, class: &str, (x, y): (Tenths, Tenths), content: &str) {
    let _ = writeln!(svg, "<text class=\"{class}\" x=\"{}\" y=\"{}\">{}</text>", px(x), px(y), escape(content));
}

/// A straight line.
pub fn line(svg: &mut String, class: &str, from: (Tenths, Tenths), to: (Tenths, Tenths)) {
    let [x1, y1, x2, y2] = [from.0, from.1, to.0, to.1].map(px);
    let _ = writeln!(svg, "<line class=\"{class}\" x1=\"{x1}\" y1=\"{y1}\" x2=\"{x2}\" y2=\"{y2}\"/>");
}

/// Text as XML content; characters that XML has no place for become `\u{fffd}`.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\n' => escaped.push('\n'),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_leave_their_element() {
        assert_eq!(escape("</title><script>&\"\u{0}"), "&lt;/title&gt;&lt;script&gt;&amp;&quot;\u{fffd}");
    }

    #[test]
    fn tenths_are_pixels() {
        assert_eq!((px(120), px(125)), ("12".to_owned(), "12.5".to_owned()));
    }
}
