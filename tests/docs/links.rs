//! Links between pages, and pages in the book's table of contents.

use crate::{page, repository};

/// Targets of `[text](target)`, outside code.
fn targets(text: &str) -> Vec<String> {
    let plain: String = text.split("```").step_by(2).collect();
    let plain: String = plain.split('`').step_by(2).collect();
    plain.split("](").skip(1).filter_map(|rest| rest.split(')').next()).map(str::to_owned).collect()
}

#[test]
fn links_lead_somewhere() {
    for path in page::all() {
        let folder = repository().join(&path).parent().unwrap().to_owned();
        for target in targets(&page::read(&path)) {
            let file = target.split('#').next().unwrap();
            let outside = target.starts_with("https://") || file.is_empty();
            assert!(outside || folder.join(file).exists(), "{path}: `{target}` is not there");
        }
    }
}

#[test]
fn every_page_is_in_the_table_of_contents() {
    let listed = targets(&page::read("docs/SUMMARY.md"));
    for path in page::all() {
        let Some(inside) = path.strip_prefix("docs/").filter(|inside| *inside != "SUMMARY.md") else { continue };
        assert!(listed.iter().any(|target| target == inside), "docs/SUMMARY.md does not list {inside}");
    }
}

#[test]
fn decisions_are_short_and_say_what_they_cost() {
    let decisions = page::all().into_iter().filter(|path| path.starts_with("docs/decisions/0"));
    for path in decisions {
        let text = page::read(&path);
        assert!(text.lines().count() <= 40, "{path} is longer than 40 lines");
        for heading in ["## Context", "## Decision", "## Cost"] {
            assert!(text.contains(heading), "{path} has no `{heading}`");
        }
    }
}
