//! Artifacts copied out for people, as one folder that is swapped in by a rename. What a person added stays, what a
//! person changed is kept aside, what was ours and is no longer wanted goes. Knows nothing of stages.
//!
//! A list of what was written lies in the folder. The new folder is made beside it as `.NAME.deployctl-new`, renamed
//! to `.NAME.deployctl-swap`, and exchanged with the old one; then what is a person's is moved over from the old. A
//! kill before the exchange leaves a whole new folder at `-swap`, one after it the whole old one: both have their
//! list, so the next call moves what is not listed, and loses nothing.

use std::collections::{BTreeMap, BTreeSet};

use camino::{Utf8Component, Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

use crate::io::{Io, is_executable};
use crate::lock::Lock;
use crate::{Cancel, Digest, Error, Store};

/// The name of the list of what was written.
const LIST: &str = ".deployctl-outputs.json";

/// A file to be put in place.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Placement {
    /// Relative to the folder.
    pub path: Utf8PathBuf,
    /// Its content, in the store.
    pub digest: Digest,
    /// Whether it may be run.
    pub executable: bool,
}

/// A person's file that was in the way.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Kept {
    /// Where it was, relative to the folder.
    pub path: Utf8PathBuf,
    /// Where it is now.
    pub kept_as: Utf8PathBuf,
}

/// What was done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Delivered {
    /// Files that were not there, or not like this.
    pub written: Vec<Utf8PathBuf>,
    /// Files of ours that went.
    pub removed: Vec<Utf8PathBuf>,
    /// Files that a person changed, kept aside.
    pub kept: Vec<Kept>,
}

/// One materialization.
struct Delivery<'a> {
    store: &'a Store,
    dest: &'a Utf8Path,
    /// By path as text, which is quicker to compare.
    wanted: BTreeMap<&'a str, &'a Placement>,
    delivered: Delivered,
}

/// Makes `dest` hold these files, and all that a person put there. Nothing is written if it does already. The digests
/// of the files compared are remembered in the store's memo; a command ends with [`Store::save_memo`].
pub fn materialize(store: &Store, dest: &Utf8Path, placements: &[Placement]) -> Result<Delivered, Error> {
    let dest = camino::absolute_utf8(dest).map_err(Error::io("find", dest))?;
    let mut delivery = Delivery { store, dest: &dest, wanted: wanted(placements)?, delivered: Delivered::default() };
    if delivery.leftovers()?.is_empty() && delivery.is_in_place()? {
        return Ok(delivery.delivered);
    }
    let lock = store.lock_path(Digest::of(dest.as_str().as_bytes()));
    let _lock = match Lock::take(store.io(), &lock, &Cancel::default(), || ()) {
        Err(error) if error.is_read_only() => None,
        other => other?,
    };
    delivery.deliver()?;
    Ok(delivery.delivered)
}

/// The placements by path; two for one path must agree, and no path may leave the folder.
fn wanted(placements: &[Placement]) -> Result<BTreeMap<&str, &Placement>, Error> {
    let mut wanted = BTreeMap::new();
    for placement in placements {
        let path = placement.path.as_path();
        let below = path.components().all(|component| matches!(component, Utf8Component::Normal(_)));
        if !below || path.as_str().is_empty() || path == LIST {
            return Err(Error::BadPath(path.to_owned()));
        }
        if wanted.insert(path.as_str(), placement).is_some_and(|other| other != placement) {
            return Err(Error::Twice { node: "out".to_owned(), path: path.to_owned() });
        }
    }
    Ok(wanted)
}

impl Delivery<'_> {
    fn io(&self) -> &Io {
        self.store.io()
    }

    fn beside(&self, what: &str) -> Utf8PathBuf {
        let name = self.dest.file_name().unwrap_or("out");
        self.dest.with_file_name(format!(".{name}.deployctl-{what}"))
    }

    /// Folders that a killed call left, with what may be a person's in them. The second is there only where folders
    /// cannot be exchanged in one step.
    fn leftovers(&self) -> Result<Vec<Utf8PathBuf>, Error> {
        let mut leftovers = Vec::new();
        for folder in [self.beside("swap"), self.beside("swap-aside")] {
            if self.io().lstat(&folder)?.is_some() {
                leftovers.push(folder);
            }
        }
        Ok(leftovers)
    }

    /// What was written into a folder the last time; nothing if it is not ours.
    fn list(&self, folder: &Utf8Path) -> Result<BTreeMap<Utf8PathBuf, Placement>, Error> {
        let placements: Vec<Placement> = match self.io().read(&folder.join(LIST)) {
            Ok(bytes) => serde_json::from_slice(&bytes).unwrap_or_default(),
            Err(error) if is_absent(&error) => Vec::new(),
            Err(error) => return Err(error),
        };
        Ok(placements.into_iter().map(|placement| (placement.path.clone(), placement)).collect())
    }

    /// Whether the folder's file is what the placement says.
    fn is_like(&self, file: &Utf8Path, placement: &Placement) -> Result<bool, Error> {
        match self.io().lstat(file)? {
            Some(metadata) if metadata.is_file() && is_executable(&metadata) == placement.executable => {
                Ok(self.store.digest_seen(file, &metadata)? == placement.digest)
            }
            _ => Ok(false),
        }
    }

    fn is_in_place(&self) -> Result<bool, Error> {
        match self.io().read(&self.dest.join(LIST)) {
            Ok(list) if list == self.list_of_wanted()? => {}
            Ok(_) => return Ok(false),
            Err(error) if is_absent(&error) => return Ok(false),
            Err(error) => return Err(error),
        }
        for (path, placement) in &self.wanted {
            if !self.is_like(&self.dest.join(path), placement)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The text of the list of what is wanted.
    fn list_of_wanted(&self) -> Result<Vec<u8>, Error> {
        let placements: Vec<_> = self.wanted.values().copied().collect();
        serde_json::to_vec_pretty(&placements).map_err(|error| Error::io("write", self.dest)(error.into()))
    }

    fn deliver(&mut self) -> Result<(), Error> {
        let (new, swap) = (self.beside("new"), self.beside("swap"));
        if self.io().lstat(self.dest)?.is_some_and(|there| !there.is_dir()) {
            return Err(Error::io("list", self.dest)(std::io::ErrorKind::NotADirectory.into()));
        }
        for leftover in self.leftovers()? {
            self.move_over(&leftover)?;
        }
        self.io().remove_folder(&new)?;
        self.io().create_folder(&new)?;
        if let Err(error) = self.fill(&new) {
            let _removed_at_the_next_call_otherwise = self.io().remove_folder(&new);
            return Err(error);
        }
        if self.io().lstat(self.dest)?.is_none() {
            self.io().rename(&new, self.dest)?;
            return self.sync_parent();
        }
        self.io().rename(&new, &swap)?;
        self.io().exchange(&swap, self.dest)?;
        self.sync_parent()?;
        self.note_removed(&swap)?;
        self.move_over(&swap)
    }

    fn sync_parent(&self) -> Result<(), Error> {
        self.io().sync(self.dest.parent().unwrap_or(self.dest))
    }

    /// Makes the new folder: the list first, then files, shared with the old folder where they are the same.
    fn fill(&mut self, new: &Utf8Path) -> Result<(), Error> {
        let placements: Vec<_> = self.wanted.values().copied().collect();
        self.io().write(&new.join(LIST), &self.list_of_wanted()?, false)?;
        let mut folders = BTreeSet::from([new.to_owned()]);
        for placement in placements {
            let (old, to) = (self.dest.join(&placement.path), new.join(&placement.path));
            if let Some(parent) = to.parent().filter(|parent| !folders.contains(*parent)) {
                self.io().create_folder(parent)?;
                folders.insert(parent.to_owned());
            }
            if self.is_like(&old, placement)? && self.io().link(&old, &to)? {
                continue;
            }
            self.store.copy_object(placement.digest, placement.executable, &to)?;
            self.io().sync(&to)?;
            self.delivered.written.push(placement.path.clone());
        }
        folders.iter().try_for_each(|folder| self.io().sync(folder))
    }

    fn note_removed(&mut self, old: &Utf8Path) -> Result<(), Error> {
        for (path, placement) in self.list(old)? {
            if !self.wanted.contains_key(path.as_str()) && self.is_like(&old.join(&path), &placement)? {
                self.delivered.removed.push(path);
            }
        }
        Ok(())
    }

    /// Moves what is not ours from an old folder to `dest`, then removes the old folder.
    fn move_over(&mut self, old: &Utf8Path) -> Result<(), Error> {
        let list = self.list(old)?;
        self.io().create_folder(self.dest)?;
        self.move_folder(old, Utf8Path::new(""), &list)?;
        self.io().remove_folder(old)
    }

    fn move_folder(
        &mut self,
        old: &Utf8Path,
        folder: &Utf8Path,
        list: &BTreeMap<Utf8PathBuf, Placement>,
    ) -> Result<(), Error> {
        for entry in self.io().list(&old.join(folder))? {
            let path = folder.join(&entry.name);
            let (from, to) = (old.join(&path), self.dest.join(&path));
            let there = self.io().lstat(&to)?;
            let folder_there = there.as_ref().map(std::fs::Metadata::is_dir);
            let ours_inside = list.keys().any(|ours| ours.starts_with(&path));
            if entry.is_folder && (folder_there == Some(true) || folder_there.is_none() && ours_inside) {
                self.move_folder(old, &path, list)?;
            } else if !self.is_ours(&from, &path, list)? {
                let theirs_alone = there.is_none() && !list.contains_key(&path);
                if theirs_alone { self.move_one(&from, &path)? } else { self.keep_aside(old, path)? }
            }
        }
        Ok(())
    }

    fn move_one(&self, from: &Utf8Path, path: &Utf8Path) -> Result<(), Error> {
        self.make_room(path)?;
        self.io().rename(from, &self.dest.join(path))
    }

    /// The folder that a person's file was in, if it went with the last of ours.
    fn make_room(&self, path: &Utf8Path) -> Result<(), Error> {
        path.parent().map_or(Ok(()), |folder| self.io().create_folder(&self.dest.join(folder)))
    }

    fn is_ours(
        &self,
        file: &Utf8Path,
        path: &Utf8Path,
        list: &BTreeMap<Utf8PathBuf, Placement>,
    ) -> Result<bool, Error> {
        match list.get(path) {
            Some(placement) => self.is_like(file, placement),
            None => Ok(path == LIST),
        }
    }

    /// Under a number that is free here and among what is still to be moved.
    fn keep_aside(&mut self, old: &Utf8Path, path: Utf8PathBuf) -> Result<(), Error> {
        self.make_room(&path)?;
        for number in 1_u64.. {
            let kept_as = Utf8PathBuf::from(format!("{path}.kept-{number}"));
            let to = self.dest.join(&kept_as);
            if self.io().lstat(&to)?.is_none() && self.io().lstat(&old.join(&kept_as))?.is_none() {
                self.io().rename(&old.join(&path), &to)?;
                self.delivered.kept.push(Kept { path, kept_as });
                break;
            }
        }
        Ok(())
    }
}

/// Nothing is there, or a file where a folder would be.
fn is_absent(error: &Error) -> bool {
    matches!(error.io_kind(), Some(std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory))
}
