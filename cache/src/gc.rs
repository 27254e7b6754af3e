//! The sweep: removes records that no build used for a while, then objects that no record names. Never while a build
//! is on. Knows nothing of graphs.

use std::collections::BTreeSet;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};

use crate::index::Index;
use crate::io::{Io, Stamp};
use crate::lock::Lock;
use crate::{Digest, Error, Record, Store};

/// What to sweep.
#[derive(Debug, Clone, Default)]
pub struct Sweep {
    /// Records used within this time stay.
    pub older_than: Duration,
    /// The keys whose records stay whatever their age: those of build plans and releases.
    pub keep: BTreeSet<Digest>,
}

/// What was swept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Swept {
    /// How many records went.
    pub records: u64,
    /// How many objects went.
    pub objects: u64,
    /// How many bytes those objects had.
    pub bytes: u64,
}

/// Sweeps the store. A kill at any moment leaves it usable: records go before the objects that they name.
pub fn gc(store: &Store, sweep: &Sweep) -> Result<Swept, Error> {
    let Some(_whole) = store.take_whole()? else { return Err(Error::Busy(store.root().to_owned())) };
    let age = i64::try_from(sweep.older_than.as_nanos()).unwrap_or(i64::MAX);
    let cutoff = Io::now().saturating_sub(age);
    let mut swept = Swept::default();
    let mut kept = BTreeSet::new();
    let mut named = BTreeSet::new();
    for (path, key) in entries(store, "records", ".json")? {
        if let Some(record) = keep_record(store, sweep, &path, key, cutoff)? {
            kept.insert(key);
            named.extend(record.outputs.iter().map(|output| output.digest));
        } else {
            store.remove_record(key)?;
            swept.records += 1;
        }
    }
    // Stages that failed have a journal and no record.
    for (path, key) in entries(store, "records", ".journal")? {
        let written = store.io().lstat(&path)?.map_or(0, |metadata| Stamp::from(&metadata).modified);
        if !kept.contains(&key) && !sweep.keep.contains(&key) && written < cutoff {
            store.io().remove(&path)?;
        }
    }
    trim_indexes(store, &kept)?;
    for (path, digest) in entries(store, "objects", "")? {
        if !named.contains(&digest) {
            swept.objects += 1;
            swept.bytes += store.io().lstat(&path)?.map_or(0, |metadata| metadata.len());
            store.io().remove(&path)?;
        }
    }
    for entry in store.io().list(&store.root().join("locks"))? {
        // What a killed build left is removed as it is let go.
        drop(Lock::try_take(store.io(), &store.root().join("locks").join(&entry.name))?);
    }
    trim_memo(store)?;
    Ok(swept)
}

/// The record if it is to stay. A damaged one goes.
fn keep_record(
    store: &Store,
    sweep: &Sweep,
    path: &Utf8Path,
    key: Digest,
    cutoff: i64,
) -> Result<Option<Record>, Error> {
    let used = store.io().lstat(path)?.map_or(0, |metadata| Stamp::from(&metadata).modified);
    if used >= cutoff || sweep.keep.contains(&key) { store.read_record(key) } else { Ok(None) }
}

/// All files of a sharded folder whose names are digests.
fn entries(store: &Store, kind: &str, suffix: &str) -> Result<Vec<(Utf8PathBuf, Digest)>, Error> {
    let folder = store.root().join(kind);
    let mut entries = Vec::new();
    for shard in store.io().list(&folder)?.into_iter().filter(|entry| entry.is_folder) {
        let shard_path = folder.join(&shard.name);
        for entry in store.io().list(&shard_path)? {
            let rest = entry.name.strip_suffix(suffix);
            if let Some(Ok(digest)) = rest.map(|rest| format!("{}{rest}", shard.name).parse()) {
                entries.push((shard_path.join(&entry.name), digest));
            }
        }
    }
    Ok(entries)
}

fn trim_indexes(store: &Store, kept: &BTreeSet<Digest>) -> Result<(), Error> {
    for entry in store.io().list(&store.root().join("index"))? {
        let name = format!("index/{}", entry.name);
        let mut index = store.read_packed(&name)?.map_or_else(Index::default, |bytes| Index::from_bytes(&bytes));
        if index.retain(|key| kept.contains(&key)) {
            store.write_packed(&name, &index.to_bytes())?;
        }
    }
    Ok(())
}

fn trim_memo(store: &Store) -> Result<(), Error> {
    store.memo(|memo| memo.retain(|path| store.io().lstat(path).is_ok_and(|there| there.is_some())))?;
    store.save_memo_alone()
}
