//! A kernel library file to a checked [`Library`].
//!
//! Knows sources, patterns and flags; does not know kernels, and does not fetch.

use std::collections::BTreeMap;

use camino::{Utf8Component, Utf8Path};

use super::board::{one_text, texts};
use super::catalog::Entry;
use super::decode::{Grammar, Node, Report, Times, check_children};
use super::error::Errors;
use super::header;
use super::parse;
use super::syntax::Syntax;
use super::types::{Library, Source};
use super::value::Value;

const FILE: Grammar = Grammar {
    arguments: 0,
    properties: &[],
    children: &[
        ("kernel-library", Times::Once),
        ("summary", Times::Once),
        ("licence", Times::Once),
        ("versions", Times::Once),
        ("source", Times::Once),
        ("include", Times::Often),
        ("exclude", Times::Often),
        ("include-dirs", Times::Often),
        ("define", Times::Often),
        ("flags", Times::Often),
        ("libc", Times::Often),
    ],
    later: &[],
};
const TEXT: Grammar = Grammar { arguments: 1, ..Grammar::NOTHING };
const TEXTS: Grammar = Grammar { arguments: 256, ..Grammar::NOTHING };
const DEFINE: Grammar = Grammar { arguments: 2, ..Grammar::NOTHING };
const SOURCE: Grammar = Grammar {
    arguments: 1,
    properties: &["path", "folder", "url", "revision", "package", "version"],
    ..Grammar::NOTHING
};
const SOURCE_EXAMPLE: &str = "source \"pypi\" package=\"…\" version=\"…\" folder=\"…\"";

/// Reads the kernel library called `name` from its file.
pub(super) fn read(name: &str, entry: &Entry, syntax: &Syntax) -> Result<Library, Errors> {
    let parsed = parse::parse(&entry.bytes, &entry.shown, syntax)?;
    let report = Report::new(parsed.text);
    let nodes = parsed.document.nodes();
    if !header::check(nodes, "kernel-library", &report) {
        return report.finish(&entry.shown, None);
    }
    check_children(nodes, "a kernel library", &FILE, &report);
    let folder = entry.path.as_deref().and_then(Utf8Path::parent);
    let library = File { nodes, report: &report }.library(name, folder);
    report.finish(&entry.shown, library)
}

struct File<'a> {
    nodes: &'a [kdl::KdlNode],
    report: &'a Report,
}

impl<'a> File<'a> {
    fn library(&self, name: &str, folder: Option<&Utf8Path>) -> Option<Library> {
        let summary = self.need("summary", "summary \"…\"").and_then(one_text);
        let licence = self.need("licence", "licence \"Apache-2.0\"").and_then(one_text);
        let versions = self.need("versions", "versions \"…\"").and_then(one_text);
        let source = Node::find(self.nodes, "source", &SOURCE, self.report);
        if source.is_none() {
            header::missing(self.nodes, "this kernel library", "source", SOURCE_EXAMPLE, self.report);
        }
        let source = source.and_then(|node| source_of(&node, folder));
        let include = self.list("include", check_glob);
        if !self.nodes.iter().any(|node| node.name().value() == "include") {
            header::missing(self.nodes, "this kernel library", "include", "include \"Source/**/*.c\"", self.report);
        }
        let exclude = self.list("exclude", check_glob);
        let include_dirs = self.list("include-dirs", check_inside);
        let flags = self.list("flags", |_| true);
        let libc = self.list("libc", check_function);
        let defines = self.defines();
        Some(Library {
            name: name.to_owned(),
            summary: summary?,
            source: source?,
            include: include?,
            exclude: exclude?,
            include_dirs: include_dirs?,
            defines: defines?,
            flags: flags?,
            libc: libc?,
            versions: versions?,
            licence: licence?,
        })
    }

    fn need(&self, name: &str, example: &str) -> Option<Node<'a>> {
        let node = Node::find(self.nodes, name, &TEXT, self.report);
        if node.is_none() {
            header::missing(self.nodes, "this kernel library", name, example, self.report);
        }
        node
    }

    /// All texts of all nodes of that name, in order.
    fn list(&self, name: &str, check: impl Fn(&Value<'_>) -> bool) -> Option<Vec<String>> {
        let mut all = Some(Vec::new());
        for node in Node::find_all(self.nodes, name, &TEXTS, self.report) {
            let good = texts(node).filter(|_| node.arguments().iter().filter(|value| !check(value)).count() == 0);
            all = all.zip(good).map(|(mut all, texts)| {
                all.extend(texts);
                all
            });
        }
        all
    }

    fn defines(&self) -> Option<BTreeMap<String, Option<String>>> {
        let mut defines = Some(BTreeMap::new());
        for node in Node::find_all(self.nodes, "define", &DEFINE, self.report) {
            let value = match node.arguments().get(1) {
                Some(value) => value.text().map(Some),
                None => Some(None),
            };
            let define = one_text(node).zip(value);
            if let (Some(defines), Some((name, _))) = (&defines, &define)
                && defines.contains_key(name)
            {
                node.refuse(format!("`{name}` is defined twice"), "second one", "keep one of them");
            }
            defines = defines.zip(define).map(|(mut defines, (name, value))| {
                defines.insert(name, value);
                defines
            });
        }
        defines
    }
}

fn check_glob(value: &Value<'_>) -> bool {
    let Some(text) = value.text() else { return false };
    match globset::Glob::new(&text) {
        Ok(_) => check_inside(value),
        Err(error) => {
            let help = "`*` stands for part of a name, `**` for folders, `{a,b}` for either";
            value.refuse(format!("`{text}` is not a pattern: {}", error.kind()), "here", help);
            false
        }
    }
}

/// A name of a C function.
fn check_function(value: &Value<'_>) -> bool {
    let Some(text) = value.text() else { return false };
    let named = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if !named {
        value.refuse(format!("`{text}` is not a function"), "here", "write the C name, such as `memcpy`");
    }
    named
}

/// A path that stays inside the source's folder.
fn check_inside(value: &Value<'_>) -> bool {
    let Some(text) = value.text() else { return false };
    let inside =
        Utf8Path::new(&text).components().all(|part| matches!(part, Utf8Component::Normal(_) | Utf8Component::CurDir));
    if !inside {
        let help = "write it relative to the source's folder, without `..`";
        value.refuse(format!("`{text}` leaves the source's folder"), "here", help);
    }
    inside
}

fn source_of(node: &Node<'_>, folder: Option<&Utf8Path>) -> Option<Source> {
    const KINDS: [(&str, (&str, &[&str])); 5] = [
        ("path", ("path", &["path"])),
        ("archive", ("archive", &["path", "folder"])),
        ("git", ("git", &["url", "revision", "folder"])),
        ("pypi", ("pypi", &["package", "version", "folder"])),
        ("crate", ("crate", &["package", "version", "folder"])),
    ];
    let (kind, keys) = node.need_argument(0, "a kind", SOURCE_EXAMPLE)?.choice(&KINDS, &[])?;
    for key in SOURCE.properties {
        if let (Some(value), false) = (node.property(key), keys.contains(key)) {
            let help = format!("a source of kind `{kind}` has `{}`", keys.join("`, `"));
            value.refuse(format!("a source of kind `{kind}` has no `{key}`"), "here", help);
        }
    }
    let text = |key| node.need_property(key, &format!("{key}=\"…\"")).and_then(|value| value.text());
    // Without a folder the sources lie at the top of what was fetched.
    let inner = || match node.property("folder") {
        Some(value) => value.text().filter(|_| check_inside(&value)),
        None => Some(String::new()),
    };
    let local = || {
        let value = node.need_property("path", "path=\"…\"")?;
        let text = value.text()?;
        match folder {
            Some(folder) => Some(folder.join(text)),
            None if Utf8Path::new(&text).is_absolute() => Some(text.into()),
            None => {
                value.refuse(
                    "a built-in file has no folder that a path could start from",
                    "here",
                    "use another source",
                );
                None
            }
        }
    };
    match kind {
        "path" => Some(Source::Path { path: local()? }),
        "archive" => local().zip(inner()).map(|(path, folder)| Source::Archive { path, folder }),
        "git" => {
            let (url, revision, folder) = (text("url"), text("revision"), inner());
            Some(Source::Git { url: url?, revision: revision?, folder: folder? })
        }
        _ => {
            let (package, version, folder) = (text("package"), text("version"), inner());
            let (package, version, folder) = (package?, version?, folder?);
            Some(match kind {
                "pypi" => Source::Pypi { package, version, folder },
                _ => Source::Crate { package, version, folder },
            })
        }
    }
}
