//! What a running stage sees: its declared inputs, a folder for outputs, a folder for anything else, and nothing more.
//! Knows nothing of keys and records.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use camino::{Utf8Component, Utf8Path, Utf8PathBuf};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::graph::{Selection, select};
use crate::outcome::Events;
use crate::{Cancel, Digest, Error, Event, Output, StageId, Store};

/// An input with the files that it stands for.
pub(crate) struct Resolved {
    pub(crate) name: &'static str,
    pub(crate) from: StageId,
    pub(crate) is_folder: bool,
    pub(crate) files: Vec<Output>,
}

impl Resolved {
    /// The artifacts of an input, paths relative to its folder.
    pub(crate) fn new(input: &crate::Input, outputs: &[Output]) -> Option<Self> {
        let (is_folder, files) = match select(&input.path, outputs)? {
            Selection::File(output) => (false, vec![output.clone()]),
            Selection::Folder(files) => {
                let relative = |(path, output): (Utf8PathBuf, &Output)| Output { path, ..output.clone() };
                (true, files.into_iter().map(relative).collect())
            }
        };
        Some(Self { name: input.name, from: input.from, is_folder, files })
    }
}

/// One run of one stage.
pub struct Job<'a> {
    pub(crate) node: &'a str,
    pub(crate) store: &'a Store,
    pub(crate) inputs: &'a [Resolved],
    pub(crate) cancel: &'a Cancel,
    pub(crate) events: Events<'a>,
    pub(crate) scratch: Utf8PathBuf,
    pub(crate) out: Utf8PathBuf,
    pub(crate) work: Utf8PathBuf,
    pub(crate) notes: Mutex<Notes>,
}

/// What the engine wants to know of a run afterwards.
#[derive(Default)]
pub(crate) struct Notes {
    pub(crate) written: BTreeSet<Utf8PathBuf>,
    pub(crate) damaged: BTreeSet<StageId>,
    pub(crate) lines: Vec<String>,
}

impl Job<'_> {
    /// The name of the node.
    pub fn node(&self) -> &str {
        self.node
    }

    /// The content of a file input.
    pub fn read(&self, input: &str) -> Result<Vec<u8>, Error> {
        let (resolved, file) = self.file(input)?;
        self.noticing(resolved, self.store.read_object(file.digest))
    }

    /// A file input that is JSON.
    pub fn read_json<T: DeserializeOwned>(&self, input: &str) -> Result<T, Error> {
        self.parse(input, &self.read(input)?)
    }

    /// The paths of a folder input, relative and sorted.
    pub fn files(&self, input: &str) -> Result<Vec<&Utf8Path>, Error> {
        Ok(self.input(input)?.files.iter().map(|file| file.path.as_path()).collect())
    }

    /// The content of one file of a folder input.
    pub fn read_at(&self, input: &str, path: &str) -> Result<Vec<u8>, Error> {
        let resolved = self.input(input)?;
        let Some(file) = resolved.files.iter().find(|file| resolved.is_folder && file.path == path) else {
            return Err(Error::NoInput { node: self.node.to_owned(), input: format!("{input}{path}") });
        };
        self.noticing(resolved, self.store.read_object(file.digest))
    }

    /// One JSON file of a folder input.
    pub fn read_json_at<T: DeserializeOwned>(&self, input: &str, path: &str) -> Result<T, Error> {
        self.parse(input, &self.read_at(input, path)?)
    }

    /// The digest of a file input's content.
    pub fn digest(&self, input: &str) -> Result<Digest, Error> {
        Ok(self.file(input)?.1.digest)
    }

    /// Copies a file input to a new file; a relative path is below the output folder.
    pub fn copy(&self, input: &str, to: &Utf8Path) -> Result<(), Error> {
        let (resolved, file) = self.file(input)?;
        self.copy_to(resolved, file, &self.out.join(to))
    }

    /// Copies all files of an input into a folder; a relative path is below the output folder.
    pub fn copy_tree(&self, input: &str, into: &Utf8Path) -> Result<(), Error> {
        let resolved = self.input(input)?;
        let into = self.out.join(into);
        resolved.files.iter().try_for_each(|file| self.copy_to(resolved, file, &into.join(&file.path)))
    }

    /// Writes an output.
    pub fn write(&self, path: &str, bytes: &[u8]) -> Result<(), Error> {
        let path = Utf8Path::new(path);
        let below = path.components().all(|component| matches!(component, Utf8Component::Normal(_)));
        if !below || path.as_str().is_empty() {
            return Err(Error::BadPath(path.to_owned()));
        }
        if !self.note(|notes| notes.written.insert(path.to_owned())) {
            return Err(Error::Twice { node: self.node.to_owned(), path: path.to_owned() });
        }
        let to = self.out.join(path);
        if let Some(parent) = path.parent().filter(|parent| !parent.as_str().is_empty()) {
            self.store.io().create_folder(&self.out.join(parent))?;
        }
        self.store.io().write(&to, bytes, false)
    }

    /// Writes an output as indented JSON with a newline at its end.
    pub fn write_json<T: Serialize + ?Sized>(&self, path: &str, value: &T) -> Result<(), Error> {
        let json = serde_json::to_vec_pretty(value);
        let mut bytes = json.map_err(|source| Error::io("write", Utf8Path::new(path))(source.into()))?;
        bytes.push(b'\n');
        self.write(path, &bytes)
    }

    /// The folder of this run, in which nothing but the output folder is kept.
    pub fn scratch(&self) -> &Utf8Path {
        &self.scratch
    }

    /// Every file below this folder becomes an output.
    pub fn out_dir(&self) -> &Utf8Path {
        &self.out
    }

    /// A folder for temporary files, empty at first, removed afterwards.
    pub fn work_dir(&self) -> &Utf8Path {
        &self.work
    }

    /// Says something to whoever watches, and to the journal.
    pub fn log(&self, line: impl Into<String>) {
        let line = line.into();
        (self.events)(Event::Log { node: self.node, line: &line });
        self.note(|notes| notes.lines.push(line));
    }

    /// Says something to the journal alone.
    pub fn journal(&self, line: impl Into<String>) {
        self.note(|notes| notes.lines.push(line.into()));
    }

    /// Whether the build is to end; a long stage asks now and then.
    pub fn cancelled(&self) -> bool {
        self.cancel.is_cancelled()
    }

    /// The switch behind [`Job::cancelled`], for whoever waits elsewhere.
    pub fn cancel(&self) -> &Cancel {
        self.cancel
    }

    fn parse<T: DeserializeOwned>(&self, input: &str, bytes: &[u8]) -> Result<T, Error> {
        let parsed = serde_json::from_slice(bytes);
        parsed.map_err(|source| Error::Json { node: self.node.to_owned(), input: input.to_owned(), source })
    }

    fn input(&self, name: &str) -> Result<&Resolved, Error> {
        let found = self.inputs.iter().find(|input| input.name == name);
        found.ok_or_else(|| Error::NoInput { node: self.node.to_owned(), input: name.to_owned() })
    }

    fn file(&self, name: &str) -> Result<(&Resolved, &Output), Error> {
        let resolved = self.input(name)?;
        match &resolved.files[..] {
            [file] if !resolved.is_folder => Ok((resolved, file)),
            _ => Err(Error::IsFolder { node: self.node.to_owned(), input: name.to_owned() }),
        }
    }

    fn copy_to(&self, resolved: &Resolved, file: &Output, to: &Utf8Path) -> Result<(), Error> {
        if let Some(parent) = to.parent() {
            self.store.io().create_folder(parent)?;
        }
        self.noticing(resolved, self.store.copy_object(file.digest, file.executable, to))
    }

    /// Remembers who made an artifact that turns out to be damaged.
    fn noticing<T>(&self, resolved: &Resolved, result: Result<T, Error>) -> Result<T, Error> {
        if matches!(result, Err(Error::Damaged { .. })) {
            self.note(|notes| notes.damaged.insert(resolved.from));
        }
        result
    }

    fn note<T>(&self, act: impl FnOnce(&mut Notes) -> T) -> T {
        act(&mut self.notes.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
