//! The module map of `docs/concepts/architecture.md` holds: each `crate::` path leads to a lower layer, and the environment,
//! processes and the engine are reached only from where the page says.
//!
//! Reads the page's tables, so that page and code cannot disagree. Test code may use what it likes and is not read.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The rows of the page's table whose first heading is `heading`: the words in backticks of each cell.
fn table(heading: &str) -> Vec<Vec<Vec<String>>> {
    let page = fs::read_to_string(repository().join("docs/concepts/architecture.md")).unwrap();
    let rows = page.lines().skip_while(|line| !line.starts_with(&format!("| {heading} |"))).skip(2);
    let ticked = |cell: &str| cell.split('`').skip(1).step_by(2).map(str::to_owned).collect();
    let rows = rows.take_while(|line| line.starts_with('|')).map(|line| line.split('|').map(ticked).collect());
    let rows: Vec<_> = rows.collect();
    assert!(!rows.is_empty(), "docs/concepts/architecture.md has no table `{heading}`");
    rows
}

/// Each module's layer, from 0 at the top.
fn layers() -> BTreeMap<String, usize> {
    let rows = table("layer").into_iter().enumerate();
    rows.flat_map(|(layer, cells)| cells[2].clone().into_iter().map(move |module| (module, layer))).collect()
}

fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with("tests") {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|kind| kind == "rs") && !path.ends_with("tests.rs") {
            found.push(path);
        }
    }
}

/// Each file of the command with its module and its code, without comments and unit tests.
fn sources() -> Vec<(PathBuf, String, String)> {
    let root = repository().join("deployctl/src");
    let mut files = Vec::new();
    rust_files(&root, &mut files);
    files.sort();
    assert!(files.len() > 50, "deployctl/src was not found");
    let read = |path: PathBuf| {
        let below = path.strip_prefix(&root).unwrap().to_owned();
        let module = below.iter().next().unwrap().to_str().unwrap().trim_end_matches(".rs").to_owned();
        let text = fs::read_to_string(&path).unwrap();
        let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap().lines();
        let code = code.filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
        (below, module, code)
    };
    files.into_iter().map(read).collect()
}

/// The modules that code names behind `crate::`.
fn named(code: &str) -> BTreeSet<String> {
    let mut modules = BTreeSet::new();
    for (at, _) in code.match_indices("crate::") {
        let before = code[..at].chars().next_back();
        if before.is_some_and(|letter| letter.is_alphanumeric() || matches!(letter, '_' | '$')) {
            continue; // Part of a longer word, or of another crate's macro.
        }
        let rest = &code[at + "crate::".len()..];
        let braced = rest.strip_prefix('{').map(|list| list.split('}').next().unwrap_or_default());
        let names =
            braced.unwrap_or(rest.split(|letter: char| !letter.is_alphanumeric() && letter != '_').next().unwrap());
        modules.extend(names.split(',').map(|name| name.trim().split("::").next().unwrap().to_owned()));
    }
    modules.remove("");
    modules
}

#[test]
fn every_module_has_a_layer() {
    let layers = layers();
    let modules: BTreeSet<String> = sources().into_iter().map(|(_, module, _)| module).collect();
    for module in modules {
        assert!(layers.contains_key(&module), "`{module}` has no layer in docs/concepts/architecture.md");
    }
}

#[test]
fn modules_import_lower_layers_only() {
    let layers = layers();
    let mut wrong = Vec::new();
    for (file, module, code) in sources().into_iter().filter(|(_, module, _)| module != "lib") {
        for other in named(&code).into_iter().filter(|other| *other != module) {
            match layers.get(&other) {
                Some(lower) if *lower > layers[&module] => {}
                _ => wrong.push(format!("{}: `{module}` uses `{other}`", file.display())),
            }
        }
    }
    assert!(wrong.is_empty(), "not downwards:\n{}", wrong.join("\n"));
}

/// Whether the text is there, and not as the end of a longer name: `preprocess::` is not `process::`.
fn has_word(code: &str, needle: &str) -> bool {
    let in_name = |letter: char| letter.is_alphanumeric() || letter == '_';
    let begins = needle.starts_with(in_name);
    code.match_indices(needle).any(|(at, _)| !(begins && code[..at].ends_with(in_name)))
}

#[test]
fn what_is_reserved_is_used_only_where_the_page_says() {
    let mut wrong = Vec::new();
    for cells in table("reserved") {
        let (needles, allowed) = (&cells[1], &cells[2]);
        for (file, module, code) in sources() {
            if let Some(needle) = needles.iter().find(|needle| has_word(&code, needle))
                && !allowed.contains(&module)
            {
                wrong.push(format!("{}: `{needle}` belongs to {allowed:?}", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "used elsewhere:\n{}", wrong.join("\n"));
}

#[test]
fn imports_are_found_in_every_form() {
    let code = "use crate::gate::{Check};\nuse crate::{model, tool::Gcc};\nlet a = crate::vectors::read(); deployctl_crate::no();";
    let found: Vec<String> = named(code).into_iter().collect();
    assert_eq!(found, ["gate", "model", "tool", "vectors"]);
}
