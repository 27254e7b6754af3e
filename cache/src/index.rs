//! The packed index of one project: for every node its latest key and that record's outputs, in one file, so that a
//! build that does nothing reads one file instead of thousands. It only saves time, and says which record a node had
//! last: without it the records themselves are read. Knows nothing of keys' fields.

use std::collections::HashMap;
use std::sync::Arc;

use crate::packed::{Reader, Writer};
use crate::{Digest, Output};

const MAGIC: &str = "deployctl record index 1\n";
const DAY_NS: i64 = 86_400 * 1_000_000_000;
/// A node that no build named for so long is dropped.
const DAYS_KEPT: i64 = 180;

/// What the index holds of a node.
#[derive(Debug, Clone)]
struct Latest {
    key: Digest,
    /// When the node was last part of a build, in days since 1970.
    day: i64,
    outputs: Arc<[Output]>,
}

/// Nodes and their latest records.
#[derive(Debug, Default)]
pub(crate) struct Index {
    nodes: HashMap<String, Latest>,
    by_key: HashMap<Digest, Arc<[Output]>>,
    fresh: HashMap<String, Latest>,
}

impl Index {
    /// The index in a packed file; nothing if it is damaged.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Self {
        let mut index = Self::default();
        let Some(mut reader) = Reader::open(bytes, MAGIC) else { return index };
        while !reader.is_empty() {
            let Some((node, latest)) = read_node(&mut reader) else { return Self::default() };
            index.by_key.insert(latest.key, Arc::clone(&latest.outputs));
            index.nodes.insert(node, latest);
        }
        index
    }

    /// The packed file.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut sorted: Vec<_> = self.nodes.iter().collect();
        sorted.sort_by_key(|(node, _)| *node);
        let mut writer = Writer::new();
        for (node, latest) in sorted {
            writer.text(node);
            writer.digest(latest.key);
            writer.signed(latest.day);
            writer.number(latest.outputs.len() as u64);
            for output in latest.outputs.iter() {
                writer.text(output.path.as_str());
                writer.digest(output.digest);
                writer.number(output.size << 1 | u64::from(output.executable));
            }
        }
        writer.finish(MAGIC)
    }

    /// The outputs recorded under a key.
    pub(crate) fn outputs(&self, key: Digest) -> Option<Arc<[Output]>> {
        self.by_key.get(&key).cloned()
    }

    /// The key that a node had last.
    pub(crate) fn latest(&self, node: &str) -> Option<Digest> {
        self.nodes.get(node).map(|latest| latest.key)
    }

    /// Notes that a node has this key; `true` if its record was not yet used today.
    pub(crate) fn put(&mut self, node: &str, key: Digest, outputs: &Arc<[Output]>, now: i64) -> bool {
        let day = now / DAY_NS;
        if self.nodes.get(node).is_some_and(|latest| latest.key == key && latest.day >= day) {
            return false;
        }
        let latest = Latest { key, day, outputs: Arc::clone(outputs) };
        self.by_key.insert(key, Arc::clone(outputs));
        self.nodes.insert(node.to_owned(), latest.clone());
        self.fresh.insert(node.to_owned(), latest);
        true
    }

    /// Forgets a record.
    pub(crate) fn forget(&mut self, key: Digest) {
        self.by_key.remove(&key);
    }

    /// Whether something was put since it was read or saved.
    pub(crate) fn is_changed(&self) -> bool {
        !self.fresh.is_empty()
    }

    /// What `disk` has now, with what was put since laid over it.
    pub(crate) fn over(&mut self, mut disk: Self, now: i64) -> Self {
        disk.nodes.extend(std::mem::take(&mut self.fresh));
        disk.nodes.retain(|_, latest| latest.day + DAYS_KEPT >= now / DAY_NS);
        disk
    }

    /// Drops the nodes whose record is gone; `true` if there were any.
    pub(crate) fn retain(&mut self, mut is_there: impl FnMut(Digest) -> bool) -> bool {
        let before = self.nodes.len();
        self.nodes.retain(|_, latest| is_there(latest.key));
        before != self.nodes.len()
    }
}

fn read_node(reader: &mut Reader<'_>) -> Option<(String, Latest)> {
    let node = reader.text()?.to_owned();
    let (key, day) = (reader.digest()?, reader.signed()?);
    let outputs = (0..reader.number()?).map(|_| {
        let (path, digest, packed) = (reader.text()?, reader.digest()?, reader.number()?);
        Some(Output { path: path.into(), digest, size: packed >> 1, executable: packed & 1 == 1 })
    });
    let outputs = outputs.collect::<Option<Vec<_>>>()?.into();
    Some((node, Latest { key, day, outputs }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn goes_there_and_back_and_notices_damage() {
        let output = Output { path: "a/b".into(), digest: Digest::of(b"b"), size: 7, executable: true };
        let outputs: Arc<[Output]> = vec![output].into();
        let (key, day) = (Digest::of(b"key"), DAY_NS);
        let mut index = Index::default();
        assert!(index.put("kws/audit", key, &outputs, day));
        assert!(!index.put("kws/audit", key, &outputs, day + 1));
        assert!(index.put("kws/audit", key, &outputs, 2 * day));
        let bytes = index.to_bytes();
        let read = Index::from_bytes(&bytes);
        assert_eq!(read.latest("kws/audit"), Some(key));
        assert_eq!(read.outputs(key), Some(outputs));
        assert!(!read.is_changed());
        for at in 0..bytes.len() {
            let mut flipped = bytes.clone();
            flipped[at] ^= 2;
            assert!(Index::from_bytes(&flipped).nodes.is_empty());
        }
    }

    #[test]
    fn two_builds_do_not_lose_each_others_nodes() {
        let outputs: Arc<[Output]> = Vec::new().into();
        let (mut one, mut two) = (Index::default(), Index::default());
        one.put("a", Digest::of(b"a"), &outputs, 0);
        two.put("b", Digest::of(b"b"), &outputs, 0);
        let both = two.over(Index::from_bytes(&one.over(Index::default(), 0).to_bytes()), 0);
        assert_eq!(both.nodes.len(), 2);
        assert!(!one.is_changed());
    }
}
