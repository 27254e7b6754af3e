//! Boards and kernel libraries by name: the built-in ones and those of the project, which add to them and come first. And
//! known-bad tables, which only add.
//!
//! Knows where the files are; does not know what is in them.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use camino::{Utf8Path, Utf8PathBuf};

use super::error::Errors;
use super::hardware::Board;
use super::parse;
use super::syntax::Syntax;
use super::types::Library;
use crate::builtin;
use crate::library::Defect;

/// Where known-bad tables are.
const KNOWN_BAD: &str = "manifests/kernels/known-bad";

/// A board or kernel library file, not yet read as such.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What people know it by: `manifests/boards/NAME.kdl`, relative to the project, or `built-in …`.
    pub shown: String,
    /// The project's file; absent for a built-in one.
    pub path: Option<Utf8PathBuf>,
    /// Contents.
    pub bytes: Vec<u8>,
}

/// All boards and kernel libraries that a manifest can name. Each file is checked at most once, when it is first asked for.
#[derive(Clone, Debug)]
pub struct Catalog {
    boards: BTreeMap<String, Slot<Board>>,
    kernels: BTreeMap<String, Slot<Library>>,
    /// Built-in tables and those of the project under names of their own: a project adds defects and cannot take any away.
    known_bad: BTreeMap<String, Slot<Vec<Defect>>>,
    syntax: Syntax,
}

#[derive(Clone, Debug)]
struct Slot<T> {
    entry: Entry,
    checked: OnceLock<Result<T, Errors>>,
}

impl<T: Clone> Slot<T> {
    fn new(entry: Entry) -> Self {
        Self { entry, checked: OnceLock::new() }
    }

    fn get(
        &self,
        name: &str,
        syntax: &Syntax,
        read: impl Fn(&str, &Entry, &Syntax) -> Result<T, Errors>,
    ) -> Result<T, Errors> {
        self.checked.get_or_init(|| read(name, &self.entry, syntax)).clone()
    }
}

impl Catalog {
    /// The built-in ones alone.
    pub fn builtin() -> Self {
        Self {
            boards: packed("manifests/boards"),
            kernels: packed("manifests/kernels"),
            known_bad: packed(KNOWN_BAD),
            syntax: Syntax::default(),
        }
    }

    /// The built-in ones and those of the project at `root`. Fails where a file of the project cannot be read.
    pub fn open(root: &Utf8Path) -> Result<Self, Errors> {
        let mut catalog = Self::builtin();
        add(&mut catalog.boards, root, "manifests/boards")?;
        add(&mut catalog.kernels, root, "manifests/kernels")?;
        let mut own = BTreeMap::new();
        add(&mut own, root, KNOWN_BAD)?;
        catalog.known_bad.extend(own.into_iter().map(|(name, slot)| (format!("project/{name}"), slot)));
        Ok(catalog)
    }

    /// With documents remembered between commands.
    #[must_use]
    pub fn remembering(mut self, syntax: Syntax) -> Self {
        self.syntax = syntax;
        self
    }

    pub(super) fn syntax(&self) -> &Syntax {
        &self.syntax
    }

    /// Names of all boards, sorted.
    pub fn boards(&self) -> impl Iterator<Item = &str> + Clone {
        self.boards.keys().map(String::as_str)
    }

    /// Names of all kernel libraries, sorted.
    pub fn libraries(&self) -> impl Iterator<Item = &str> + Clone {
        self.kernels.keys().map(String::as_str)
    }

    /// Published defects of all kernel libraries: those of the built-in tables, then those of the project's.
    pub fn defects(&self) -> Result<Vec<Defect>, Errors> {
        let tables = self.known_bad.iter().map(|(name, slot)| slot.get(name, &self.syntax, super::known_bad::read));
        Ok(tables.collect::<Result<Vec<_>, Errors>>()?.concat())
    }

    /// The file of a board.
    pub fn board_file(&self, name: &str) -> Option<&Entry> {
        self.boards.get(name).map(|slot| &slot.entry)
    }

    /// The file of a kernel library.
    pub fn library_file(&self, name: &str) -> Option<&Entry> {
        self.kernels.get(name).map(|slot| &slot.entry)
    }
}

impl Board {
    /// The board called `name`, checked; `None` where there is none of that name.
    pub fn load(name: &str, catalog: &Catalog) -> Option<Result<Self, Errors>> {
        catalog.boards.get(name).map(|slot| slot.get(name, &catalog.syntax, super::board::read))
    }

    /// All boards, sorted by name.
    pub fn all(catalog: &Catalog) -> Result<Vec<Self>, Errors> {
        catalog.boards.iter().map(|(name, slot)| slot.get(name, &catalog.syntax, super::board::read)).collect()
    }
}

impl Library {
    /// The kernel library called `name`, checked; `None` where there is none of that name.
    pub fn load(name: &str, catalog: &Catalog) -> Option<Result<Self, Errors>> {
        catalog.kernels.get(name).map(|slot| slot.get(name, &catalog.syntax, super::library::read))
    }

    /// All kernel libraries, sorted by name.
    pub fn all(catalog: &Catalog) -> Result<Vec<Self>, Errors> {
        catalog.kernels.iter().map(|(name, slot)| slot.get(name, &catalog.syntax, super::library::read)).collect()
    }
}

fn packed<T: Clone>(folder: &str) -> BTreeMap<String, Slot<T>> {
    builtin::under(folder)
        .filter_map(|file| {
            let name = file.path.strip_prefix(folder)?.strip_prefix('/')?.strip_suffix(".kdl")?;
            if name.contains('/') {
                return None;
            }
            let entry = Entry { shown: format!("built-in {}", file.path), path: None, bytes: file.bytes.to_vec() };
            Some((name.to_owned(), Slot::new(entry)))
        })
        .collect()
}

fn add<T: Clone>(slots: &mut BTreeMap<String, Slot<T>>, root: &Utf8Path, folder: &str) -> Result<(), Errors> {
    for path in super::resolve::kdl_files(&root.join(folder)) {
        let Some(name) = path.file_stem() else { continue };
        let shown = format!("{folder}/{name}.kdl");
        let bytes = parse::read(&path, &shown)?;
        slots.insert(name.to_owned(), Slot::new(Entry { shown, path: Some(path.clone()), bytes }));
    }
    Ok(())
}
