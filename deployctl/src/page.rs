//! Markdown to the body of a web page: one that needs no other file, no script, and no colours to be understood.
//!
//! Headings get the ids that links in Markdown mean, tables a box of their own to scroll in, a caption and header cells,
//! pictures their place in the text. Of HTML in the Markdown only what [`Piece`] names is kept; the rest is text.
//!
//! Knows `CommonMark` and HTML; does not know what a page is about.

use std::collections::BTreeMap;

use pulldown_cmark::{Alignment, CodeBlockKind, CowStr, Event, HeadingLevel, Options, Parser, Tag, TagEnd, html};
use serde::Serialize;

use crate::svg::escape;

/// Words that a page shows as verdicts where they stand alone in strong type.
const VERDICTS: [&str; 6] = ["pass", "waived", "thin", "unknown", "fail", "not applicable"];
/// Code of more characters than this is broken at its spaces, a word that long every so many characters.
const UNBROKEN: usize = 32;
const BROKEN: usize = 8;

/// A page without its frame.
#[derive(Debug, Serialize)]
pub struct Body {
    /// The text of the first heading, which is not in `html`.
    pub title: String,
    /// Everything below it.
    pub html: String,
    /// Headings of the second level, in order.
    pub contents: Vec<Heading>,
}

/// A heading that can be gone to.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Heading {
    /// Its id.
    pub id: String,
    /// Its text.
    pub text: String,
}

/// Makes a page's body; `pictures` are SVG texts by the file names that the Markdown gives them.
pub fn body(markdown: &str, pictures: &BTreeMap<String, String>) -> Body {
    let events: Vec<Event> = Parser::new_ext(markdown, Options::ENABLE_TABLES).collect();
    let mut writer = Writer::new(pictures);
    let mut at = 0;
    while at < events.len() {
        at += writer.take(&events[at..]);
    }
    let mut text = String::with_capacity(markdown.len() * 2);
    html::push_html(&mut text, writer.out.into_iter());
    Body { title: writer.title, html: text, contents: writer.contents }
}

/// HTML that is kept.
enum Piece<'a> {
    /// `<!-- caption: TEXT -->`: of the table that follows.
    Caption(&'a str),
    Fold(&'a str),
    FoldEnd,
}

impl<'a> Piece<'a> {
    fn of(html: &'a str) -> Option<Self> {
        let html = html.trim_end();
        let within = |start, end| html.strip_prefix(start).and_then(|rest: &str| rest.strip_suffix(end));
        if let Some(text) = within("<!-- caption: ", " -->") {
            return Some(Self::Caption(text));
        }
        if let Some(text) = within("<details><summary>", "</summary>").filter(|text| !text.contains('<')) {
            return Some(Self::Fold(text));
        }
        (html == "</details>").then_some(Self::FoldEnd)
    }
}

struct Writer<'a, 'e> {
    pictures: &'a BTreeMap<String, String>,
    out: Vec<Event<'e>>,
    title: String,
    contents: Vec<Heading>,
    ids: BTreeMap<String, usize>,
    /// The last heading: what a table without a caption is about.
    heading: String,
    caption: Option<String>,
    table: Table,
    /// Links whose target is not followed, so that their ends are left out, too.
    unlinked: bool,
}

#[derive(Default)]
struct Table {
    columns: Vec<Alignment>,
    column: usize,
    head: bool,
}

impl<'a, 'e> Writer<'a, 'e> {
    fn new(pictures: &'a BTreeMap<String, String>) -> Self {
        Self {
            pictures,
            out: Vec::new(),
            title: String::new(),
            contents: Vec::new(),
            ids: BTreeMap::new(),
            heading: String::new(),
            caption: None,
            table: Table::default(),
            unlinked: false,
        }
    }

    fn html(&mut self, text: impl Into<CowStr<'e>>) {
        self.out.push(Event::InlineHtml(text.into()));
    }

    /// Takes the first of the events, or the first few; gives how many.
    fn take(&mut self, events: &[Event<'e>]) -> usize {
        match (&events[0], events) {
            (Event::Start(Tag::Heading { level: HeadingLevel::H1, .. }), _) if self.title.is_empty() => {
                let length = through(events, |event| matches!(event, Event::End(TagEnd::Heading(_))));
                self.title = plain(&events[..length]);
                self.heading.clone_from(&self.title);
                return length;
            }
            (Event::Start(Tag::Heading { level, .. }), _) => self.open_heading(*level, events),
            (Event::Start(Tag::Paragraph), [_, Event::Start(Tag::Image { dest_url, .. }), rest @ ..]) => {
                let length = through(rest, |event| matches!(event, Event::End(TagEnd::Image)));
                let words = plain(&rest[..length]);
                if matches!(rest.get(length), Some(Event::End(TagEnd::Paragraph))) {
                    self.picture(dest_url, &words);
                    return length + 3;
                }
                self.out.push(events[0].clone());
            }
            (Event::Start(Tag::Image { dest_url, .. }), _) => {
                let length = through(events, |event| matches!(event, Event::End(TagEnd::Image)));
                let words = plain(&events[..length]);
                self.link_to_picture(dest_url, &words);
                return length;
            }
            (Event::Start(Tag::Strong), [_, Event::Text(word), Event::End(TagEnd::Strong), ..])
                if VERDICTS.contains(&&**word) =>
            {
                self.html(format!("<strong class=\"verdict {}\">{word}</strong>", word.replace(' ', "-")));
                return 3;
            }
            (Event::Start(Tag::Link { dest_url, .. }), _) => self.open_link(dest_url),
            (Event::End(TagEnd::Link), _) => {
                let tag = if std::mem::take(&mut self.unlinked) { "" } else { "</a>" };
                self.html(tag);
            }
            (Event::Html(text) | Event::InlineHtml(text), _) => self.raw(text),
            (Event::Code(text), _) => self.code(text),
            (Event::Start(Tag::CodeBlock(kind)), _) => {
                let language = match kind {
                    CodeBlockKind::Fenced(language) if !language.is_empty() => language.to_string(),
                    _ => "text".to_owned(),
                };
                self.html(format!("<pre class=\"{}\" tabindex=\"0\"><code>", escape(&language)));
            }
            (Event::End(TagEnd::CodeBlock), _) => self.html("</code></pre>\n"),
            (event, _) => {
                if !self.table(event) {
                    self.out.push(event.clone());
                }
            }
        }
        1
    }

    fn open_heading(&mut self, level: HeadingLevel, events: &[Event<'e>]) {
        let length = through(events, |event| matches!(event, Event::End(TagEnd::Heading(_))));
        let text = plain(&events[..length]);
        let id = self.id(&text);
        if level == HeadingLevel::H2 {
            self.contents.push(Heading { id: id.clone(), text: text.clone() });
        }
        self.heading = text;
        self.out.push(Event::Start(Tag::Heading { level, id: Some(id.into()), classes: vec![], attrs: vec![] }));
    }

    /// The id that a link within Markdown means: small letters and digits, hyphens for spaces.
    fn id(&mut self, text: &str) -> String {
        let letter = |c: char| match c {
            ' ' => Some('-'),
            c if c.is_alphanumeric() || matches!(c, '-' | '_') => Some(c),
            _ => None,
        };
        let id: String = text.to_lowercase().chars().filter_map(letter).collect();
        let earlier = self.ids.entry(id.clone()).or_insert(0);
        *earlier += 1;
        if *earlier == 1 { id } else { format!("{id}-{}", *earlier - 1) }
    }

    /// Pages lie beside each other as their Markdown does. What leads to a program's protocol is no link.
    fn open_link(&mut self, to: &str) {
        let web = to.starts_with("https://") || to.starts_with("http://");
        if to.split(['/', '#']).next().is_some_and(|first| first.contains(':')) && !web {
            self.unlinked = true;
            return;
        }
        let page = match to.split_once('#') {
            _ if web => to.to_owned(),
            Some((path, place)) => format!("{}#{place}", page_of(path)),
            None => page_of(to),
        };
        self.html(format!("<a href=\"{}\">", escape(&page)));
    }

    fn picture(&mut self, name: &str, words: &str) {
        if let Some(svg) = self.pictures.get(name) {
            let label = escape(words);
            return self.html(format!(
                "<figure class=\"scroll picture\" role=\"group\" aria-label=\"{label}\" tabindex=\"0\">\n{svg}</figure>\n"
            ));
        }
        self.html("<p>");
        self.link_to_picture(name, words);
        self.html("</p>\n");
    }

    fn link_to_picture(&mut self, name: &str, words: &str) {
        self.open_link(name);
        let unlinked = std::mem::take(&mut self.unlinked);
        self.html(format!("{}{}", escape(words), if unlinked { "" } else { "</a>" }));
    }

    fn raw(&mut self, text: &str) {
        match Piece::of(text) {
            Some(Piece::Caption(words)) => self.caption = Some(words.to_owned()),
            Some(Piece::Fold(words)) => {
                self.html(format!("<details><summary>{}</summary>\n", escape(words)));
            }
            Some(Piece::FoldEnd) => self.html("</details>\n"),
            None => self.html(escape(text)),
        }
    }

    /// Code; digests and the like may be broken, which a copy of them does not show.
    fn code(&mut self, text: &str) {
        if text.chars().count() <= UNBROKEN {
            return self.html(format!("<code>{}</code>", escape(text)));
        }
        let words: Vec<String> = text.split(' ').map(breakable).collect();
        self.html(format!("<code class=\"long\">{}</code>", words.join(" ")));
    }

    /// Writes what belongs to tables; whether it was such.
    fn table(&mut self, event: &Event) -> bool {
        match event {
            Event::Start(Tag::Table(columns)) => {
                self.table = Table { columns: columns.clone(), ..Table::default() };
                let (own, caption) = match self.caption.take() {
                    Some(words) => ("", escape(&words)),
                    None => (" class=\"unseen\"", escape(&self.heading)),
                };
                let width = columns.len();
                self.html(format!(
                    "<div class=\"scroll\" role=\"region\" aria-label=\"{caption}\" tabindex=\"0\">\n<table class=\"columns-{width}\">\n\
                     <caption{own}>{caption}</caption>\n"
                ));
            }
            Event::Start(Tag::TableHead) => {
                self.table.head = true;
                self.html("<thead>\n<tr>");
            }
            Event::End(TagEnd::TableHead) => {
                (self.table.head, self.table.column) = (false, 0);
                self.html("</tr>\n</thead>\n<tbody>\n");
            }
            Event::Start(Tag::TableRow) => self.html("<tr>"),
            Event::End(TagEnd::TableRow) => {
                self.table.column = 0;
                self.html("</tr>\n");
            }
            Event::Start(Tag::TableCell) => {
                let right = self.table.columns.get(self.table.column) == Some(&Alignment::Right);
                let class = if right { " class=\"number\"" } else { "" };
                let cell = match self.table {
                    Table { head: true, .. } => format!("<th scope=\"col\"{class}>"),
                    Table { column: 0, .. } => format!("<th scope=\"row\"{class}>"),
                    _ => format!("<td{class}>"),
                };
                self.html(cell);
            }
            Event::End(TagEnd::TableCell) => {
                let header = self.table.head || self.table.column == 0;
                self.html(if header { "</th>" } else { "</td>" });
                self.table.column += 1;
            }
            Event::End(TagEnd::Table) => self.html("</tbody>\n</table>\n</div>\n"),
            _ => return false,
        }
        true
    }
}

/// A word, which may be broken where it is long.
fn breakable(word: &str) -> String {
    let letters: Vec<char> = word.chars().collect();
    if letters.len() <= UNBROKEN {
        return escape(word);
    }
    let pieces = letters.chunks(BROKEN).map(|piece| escape(&piece.iter().collect::<String>()));
    pieces.collect::<Vec<_>>().join("<wbr>")
}

/// The page that a Markdown file becomes; other files are themselves.
fn page_of(path: &str) -> String {
    path.strip_suffix(".md").map_or_else(|| path.to_owned(), |stem| format!("{stem}.html"))
}

/// How many events there are up to and with the first that is wanted.
fn through(events: &[Event], wanted: impl Fn(&Event) -> bool) -> usize {
    events.iter().position(wanted).map_or(events.len(), |at| at + 1)
}

fn plain(events: &[Event]) -> String {
    let text = |event: &Event| match event {
        Event::Text(text) | Event::Code(text) => Some(text.to_string()),
        Event::SoftBreak | Event::HardBreak => Some(" ".to_owned()),
        _ => None,
    };
    events.iter().filter_map(text).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn html(markdown: &str) -> String {
        body(markdown, &BTreeMap::new()).html
    }

    #[test]
    fn headings_are_where_links_look_for_them() {
        let page = body("# A: `b`\n\n## 0. The files are whole\n\n### x_y\n\n## Same\n\n## Same\n", &BTreeMap::new());
        assert_eq!(page.title, "A: b");
        let contents: Vec<&str> = page.contents.iter().map(|heading| &*heading.id).collect();
        assert_eq!(contents, ["0-the-files-are-whole", "same", "same-1"]);
        assert!(page.html.contains("<h3 id=\"x_y\">x_y</h3>") && !page.html.contains("<h1"), "{}", page.html);
    }

    #[test]
    fn tables_have_caption_and_header_cells() {
        let table = "| gate | value |\n|---|---:|\n| a | **pass** |\n";
        let page = html(&format!("## Gates\n\n{table}\n{}{table}", "<!-- caption: What <was> checked -->\n"));
        assert!(page.contains("<caption class=\"unseen\">Gates</caption>"), "{page}");
        assert!(page.contains("<caption>What &lt;was&gt; checked</caption>"), "{page}");
        assert!(page.contains("<th scope=\"col\">gate</th><th scope=\"col\" class=\"number\">value</th>"), "{page}");
        let row = "<th scope=\"row\">a</th><td class=\"number\"><strong class=\"verdict pass\">pass</strong></td>";
        assert!(page.contains(row), "{page}");
        assert_eq!(page.matches("<table").count(), page.matches("</table>").count());
    }

    #[test]
    fn pictures_are_in_the_page_and_links_lead_to_pages() {
        let pictures = BTreeMap::from([("memory.svg".to_owned(), "<svg></svg>\n".to_owned())]);
        let page = body("![map](memory.svg)\n\nsee [x](a.md#b), [y](memory.svg), ![other](other.svg)", &pictures).html;
        assert!(page.contains("aria-label=\"map\" tabindex=\"0\">\n<svg></svg>\n</figure>"), "{page}");
        assert!(page.contains("<a href=\"a.html#b\">x</a>, <a href=\"memory.svg\">y</a>"), "{page}");
        assert!(page.contains("<a href=\"other.svg\">other</a>"), "{page}");
        assert_eq!(html("![map](memory.svg)"), "<p><a href=\"memory.svg\">map</a></p>\n");
    }

    #[test]
    fn html_is_text_but_for_what_folds() {
        let page = html("<details><summary>More</summary>\n\nx\n\n</details>\n\n<script>a</script>\n\nb <img src=x> c");
        assert!(page.starts_with("<details><summary>More</summary>\n<p>x</p>\n</details>"), "{page}");
        assert!(page.contains("&lt;script&gt;") && page.contains("&lt;img src=x&gt;"), "{page}");
        assert_eq!(html("[a](javascript:b) [c](data:d)"), "<p>a c</p>\n");
    }

    #[test]
    fn long_code_may_be_broken_and_stays_whole_when_copied() {
        let digest = "0123456789abcdef".repeat(4);
        let page = html(&format!("`{digest}` `short<` `error interrupt line=12 operator=none`"));
        assert!(page.contains("<code class=\"long\">01234567<wbr>89abcdef<wbr>"), "{page}");
        assert!(page.contains("<code class=\"long\">error interrupt line=12 operator=none</code>"), "{page}");
        assert!(page.replace("<wbr>", "").contains(&digest) && page.contains("<code>short&lt;</code>"), "{page}");
    }
}
