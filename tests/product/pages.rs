//! Pages as browsers see them: reports, runbooks and a site in headless Chromium, where there is one.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use crate::product::space::{Space, has_sources, project};

/// Widths of a phone and of a desk, in pixels.
const WIDTHS: [u32; 2] = [390, 1280];

/// A browser, or `None` (said aloud) where this machine has none.
fn chromium() -> Option<&'static str> {
    let names = ["chromium", "chromium-browser", "google-chrome"];
    let runs = |name: &&&str| Command::new(name).arg("--version").output().is_ok_and(|output| output.status.success());
    let found = names.iter().find(runs).copied();
    if found.is_none() {
        println!("SKIPPED: no Chromium on this machine (`apt-get install chromium`), so no page was looked at");
    }
    found
}

/// What a reader prefers, as the browser's own setting has it.
#[derive(Clone, Copy, PartialEq)]
enum Scheme {
    Dark,
    Light,
}

/// Loads a page, and gives what its document has become and what it said to the console.
fn load(browser: &str, page: &Path, scheme: Scheme) -> (String, String) {
    let profile = tempfile::tempdir().unwrap();
    let output = Command::new(browser)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-quic", "--disable-sync"])
        .args(["--disable-background-networking", "--disable-component-update", "--allow-file-access-from-files"])
        .args(["--enable-logging=stderr", "--virtual-time-budget=20000", "--dump-dom"])
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .arg(format!("--blink-settings=preferredColorScheme={}", scheme as u8))
        .arg(format!("file://{}#{}", page.display(), if scheme == Scheme::Dark { "dark" } else { "light" }))
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let said = text(&output.stderr);
    let console = said.lines().filter(|line| line.contains("CONSOLE")).collect::<Vec<_>>().join("\n");
    (text(&output.stdout), console)
}

/// A page that opens others in frames of some width and writes down what is wrong with each.
fn inspector(pages: &[String]) -> String {
    let mut frames = String::new();
    for page in pages {
        for width in WIDTHS {
            let _ = writeln!(frames, "<iframe src=\"{page}\" width=\"{width}\" height=\"900\"></iframe>");
        }
    }
    let script = include_str!("inspect.js");
    format!(
        "<!DOCTYPE html><html><head><meta charset=\"utf-8\"><script>{script}</script></head><body>{frames}</body></html>"
    )
}

/// What is wrong with these pages of a folder; nothing, it is hoped.
fn wrong(browser: &str, space: &Space, pages: &[String]) -> String {
    space.write("inspect.html", inspector(pages));
    let mut all = String::new();
    for scheme in [Scheme::Light, Scheme::Dark] {
        all += &inspected(browser, space, scheme);
    }
    all
}

fn inspected(browser: &str, space: &Space, scheme: Scheme) -> String {
    let (document, console) = load(browser, &space.path("inspect.html"), scheme);
    let found = document.split_once("<pre id=\"found\">FOUND[").and_then(|(_, rest)| rest.split_once("]</pre>"));
    let found = found.unwrap_or_else(|| panic!("the pages were not looked at: {document}\n{console}")).0;
    format!("{found}{console}")
}

#[test]
fn pages_fit_a_phone_and_say_nothing_to_the_console() {
    if !has_sources() {
        return;
    }
    let Some(browser) = chromium() else { return };
    let space = project("host");
    space.run(&["build"]).exits(0);
    space.run(&["site"]).exits(0).says(&["site/index.html: deployments 1, targets 1, releases 0"]);
    let pages = ["out/sample/host/gate-report.html", "out/sample/host/runbook.html", "site/index.html"]
        .into_iter()
        .chain(["site/deployments/sample/index.html", "site/deployments/sample/host/runbook.html"])
        .map(str::to_owned)
        .collect::<Vec<_>>();
    assert_eq!(wrong(browser, &space, &pages), "");
    // A page that is wrong is seen to be.
    let page = space.text("out/sample/host/gate-report.html");
    let page =
        page.replace("<main ", "<p style=\"width:900px;color:#999\">x</p><script>console.error('no')</script><main ");
    space.write("wrong.html", page);
    let found = wrong(browser, &space, &["wrong.html".to_owned()]);
    for words in ["wrong.html at 390: is 9", "at 1280: contrast 2.85: P x", "at 390, dark: is 9", "CONSOLE"] {
        assert!(found.contains(words), "`{words}` is not in\n{found}");
    }
}

#[test]
fn the_search_finds_what_the_rows_do_not_show() {
    if !has_sources() {
        return;
    }
    let Some(browser) = chromium() else { return };
    let space = project("host");
    space.run(&["build"]).exits(0);
    space.run(&["site"]).exits(0);
    let page = space.text("site/index.html");
    for (wanted, shown) in [("conv_2d pass", "1 of 1"), ("lstm", "0 of 1")] {
        let script = format!(
            "<script>const field = document.querySelector('input');field.value = '{wanted}';\
             field.dispatchEvent(new Event('input'));</script></body>"
        );
        space.write("site/search.html", page.replace("</body>", &script));
        let (document, console) = load(browser, &space.path("site/search.html"), Scheme::Light);
        assert!(document.contains(&format!("role=\"status\">{shown}<")) && console.is_empty(), "{document}{console}");
    }
}
