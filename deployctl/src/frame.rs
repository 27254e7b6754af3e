//! The frame of a page: head, style, the way between pages, what is to be seen first. One for reports, runbooks and sites.
//!
//! Knows the layout; does not know what a page is about.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::page::{self, Body};
use crate::render::{self, RenderError};
use crate::svg::escape;

/// Between these a page says what it is part of: nothing where it lies alone, links where it is part of a site.
const TRAIL: [&str; 2] = ["<!-- trail -->", "<!-- trail ends -->"];

/// How pages look: texts of the layout's template and of the style sheet.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Frame {
    /// Tera, HTML.
    pub layout: String,
    /// CSS.
    pub style: String,
}

/// A link to a page.
#[derive(Clone, Debug, Serialize)]
pub struct Link {
    /// Relative.
    pub href: String,
    /// What people read.
    pub text: String,
    /// Whether it is the page that it stands on.
    pub here: bool,
}

impl Link {
    /// A link to another page.
    pub fn to(href: &str, text: &str) -> Self {
        Self { href: href.to_owned(), text: text.to_owned(), here: false }
    }

    /// Of these pages, which is which.
    pub fn pages(pages: &[(&str, &str)], here: &str) -> Vec<Self> {
        pages.iter().map(|(href, text)| Self { here: *href == here, ..Self::to(href, text) }).collect()
    }
}

/// Something that is to be seen before all else.
#[derive(Clone, Debug, Serialize)]
pub struct Fact {
    /// What it is.
    pub name: String,
    /// What it comes to.
    pub value: String,
    /// More about it, in smaller type.
    pub note: Option<String>,
    /// A verdict's class, where it is a verdict.
    pub verdict: Option<String>,
}

/// A page's content, as it is handed in.
#[derive(Debug, Default)]
pub struct Sheet<'a> {
    /// Markdown with captions; its first heading is the page's title.
    pub markdown: &'a str,
    /// SVG texts by the file names that the Markdown gives them.
    pub pictures: BTreeMap<String, String>,
    /// What is to be seen first.
    pub facts: Vec<Fact>,
    /// What the page is part of, from the outermost.
    pub trail: Vec<Link>,
    /// Pages beside this one, and this one.
    pub pages: Vec<Link>,
    /// What makes the page more convenient, and is not needed.
    pub script: Option<&'a str>,
}

impl Frame {
    /// A whole page.
    pub fn page(&self, sheet: &Sheet) -> Result<String, RenderError> {
        let Body { title, html, contents } = page::body(sheet.markdown, &sheet.pictures);
        let Sheet { facts, trail, pages, script, .. } = sheet;
        // Two headings are seen without a list of them.
        let contents = if contents.len() > 2 { contents } else { Vec::new() };
        let values = json!({
            "style": self.style, "title": title, "html": html, "contents": contents,
            "facts": facts, "trail": trail, "pages": pages, "script": script,
        });
        render::framed(&self.layout, &values)
    }
}

/// A page that lay alone as part of a site. A page that is none of ours stays as it is.
pub fn within(page: &str, trail: &[Link]) -> String {
    let [begin, end] = TRAIL;
    match page.split_once(begin).and_then(|(before, rest)| Some((before, rest.split_once(end)?.1))) {
        Some((before, after)) => {
            let steps = trail.iter().map(|to| format!("<a href=\"{}\">{}</a> › ", escape(&to.href), escape(&to.text)));
            format!("{before}{begin}{}{end}{after}", steps.collect::<String>())
        }
        None => page.to_owned(),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// The frame that is packed into the binary.
    pub(crate) fn frame() -> Frame {
        Frame {
            layout: include_str!("../../templates/page.html").to_owned(),
            style: include_str!("../../templates/page.css").to_owned(),
        }
    }

    /// What a page must have, whatever is on it.
    pub(crate) fn assert_well_formed(page: &str) {
        assert_eq!((page.matches("<h1>").count(), page.matches("<main ").count()), (1, 1));
        for tag in ["table", "div", "section", "details", "nav", "ul", "svg", "figure", "header", "main"] {
            let open = page.matches(&format!("<{tag}>")).count() + page.matches(&format!("<{tag} ")).count();
            assert_eq!(open, page.matches(&format!("</{tag}>")).count(), "{tag}");
        }
        let ids: Vec<&str> = page.split(" id=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        let mut unique = ids.clone();
        unique.sort_unstable();
        unique.dedup();
        assert_eq!(unique.len(), ids.len(), "{ids:?}");
        for place in page.split("href=\"#").skip(1).filter_map(|rest| rest.split('"').next()) {
            assert!(ids.contains(&place), "#{place} leads nowhere");
        }
        for outside in ["src=\"", "@import", "url(http", "http-equiv"] {
            assert!(!page.contains(outside), "the page is not self-contained: {outside}");
        }
    }

    #[test]
    fn a_page_alone_becomes_part_of_a_site() {
        let sheet = Sheet {
            markdown: "# A <b>\n\n## Part\n\nsee [part](#part)\n",
            facts: vec![Fact {
                name: "verdict".into(),
                value: "pass".into(),
                note: Some("<i>".into()),
                verdict: Some("pass".into()),
            }],
            pages: Link::pages(&[("a.html", "Report"), ("b.html", "Runbook")], "a.html"),
            ..Sheet::default()
        };
        let page = frame().page(&sheet).unwrap();
        assert_well_formed(&page);
        assert!(page.contains("<span aria-current=\"page\">Report</span> · <a href=\"b.html\">Runbook</a>"), "{page}");
        assert!(page.contains("<strong class=\"verdict pass\">pass</strong> <small>&lt;i&gt;</small>"), "{page}");
        assert!(!page.contains("<script"));
        let part = within(&page, &[Link::to("../index.html", "All <deployments>")]);
        assert!(part.contains("<a href=\"../index.html\">All &lt;deployments&gt;</a> › <!-- trail ends -->"), "{part}");
        assert_eq!(within(&part, &[]), page);
        assert_eq!(within("not ours", &[]), "not ours");
    }
}
