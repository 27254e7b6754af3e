//! KDL documents of texts that were parsed before: parsing takes most of the time of a build that does nothing.
//!
//! What is remembered is a function of the text alone: which nodes there are and where. What they mean is decided anew every
//! time. One small file a text, under the text's digest; a damaged or foreign one counts as absent. Only texts without a
//! syntax error are remembered. Does not know what nodes mean.

use std::io::Write as _;

use camino::{Utf8Path, Utf8PathBuf};
use kdl::{KdlDocument, KdlEntry, KdlEntryFormat, KdlIdentifier, KdlNode, KdlValue};
use miette::SourceSpan;
use serde::{Deserialize, Serialize};

/// Names the format, and what parsed the text. Change it with either.
const FORMAT: &str = "deployctl kdl 1, kdl 6.7\n";

/// Where documents are remembered; nowhere by default.
#[derive(Clone, Debug, Default)]
pub struct Syntax {
    folder: Option<Utf8PathBuf>,
    writes: bool,
}

impl Syntax {
    /// Documents remembered in a folder, which is made when it is needed; or only recalled from it.
    pub fn in_folder(folder: Utf8PathBuf, writes: bool) -> Self {
        Self { folder: Some(folder), writes }
    }

    /// The document of a text, if it is remembered.
    pub(super) fn recall(&self, text: &str) -> Option<KdlDocument> {
        let bytes = std::fs::read(self.file(text)?).ok()?;
        let (seal, body) = bytes.split_first_chunk::<32>()?;
        if *seal != seal_of(text, body) {
            return None;
        }
        let nodes: Vec<Node> = serde_json::from_slice(body).ok()?;
        let mut document = KdlDocument::new();
        *document.nodes_mut() = nodes.into_iter().map(Node::into_kdl).collect();
        Some(document)
    }

    /// Remembers a document. One that has what is not remembered, and a folder that cannot be written, cost time only.
    pub(super) fn remember(&self, text: &str, document: &KdlDocument) {
        if !self.writes {
            return;
        }
        let Some(nodes) = document.nodes().iter().map(Node::of).collect::<Option<Vec<Node>>>() else { return };
        let (Some(file), Ok(body)) = (self.file(text), serde_json::to_vec(&nodes)) else { return };
        drop(write(&file, &seal_of(text, &body), &body));
    }

    fn file(&self, text: &str) -> Option<Utf8PathBuf> {
        Some(self.folder.as_ref()?.join(blake3::hash(text.as_bytes()).to_hex().as_str()))
    }
}

fn seal_of(text: &str, body: &[u8]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(FORMAT.as_bytes()).update(&(text.len() as u64).to_le_bytes()).update(text.as_bytes()).update(body);
    *hasher.finalize().as_bytes()
}

fn write(file: &Utf8Path, seal: &[u8], body: &[u8]) -> std::io::Result<()> {
    let folder = file.parent().unwrap_or(file);
    std::fs::create_dir_all(folder)?;
    let mut scratch = tempfile::NamedTempFile::new_in(folder)?;
    scratch.write_all(seal)?;
    scratch.write_all(body)?;
    scratch.persist(file)?;
    Ok(())
}

/// Start and length, in bytes.
type Place = (usize, usize);

fn place(span: SourceSpan) -> Place {
    (span.offset(), span.len())
}

/// A node without its comments and white space.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Node {
    name: String,
    at: Place,
    name_at: Place,
    entries: Vec<Entry>,
    children: Option<Vec<Node>>,
}

/// An argument, or a property with its name.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Entry {
    name: Option<String>,
    value: Value,
    at: Place,
    written: Option<String>,
}

/// A value. Numbers with decimals go by their bits.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum Value {
    Text(String),
    Integer(String),
    Float(u64),
    Bool(bool),
    Null,
}

impl Node {
    /// `None` for nodes with type annotations, which only lead to an error.
    fn of(node: &KdlNode) -> Option<Self> {
        let children = |document: &KdlDocument| document.nodes().iter().map(Self::of).collect::<Option<Vec<_>>>();
        if node.ty().is_some() {
            return None;
        }
        Some(Self {
            name: node.name().value().to_owned(),
            at: place(node.span()),
            name_at: place(node.name().span()),
            entries: node.entries().iter().map(Entry::of).collect::<Option<_>>()?,
            children: match node.children() {
                Some(document) => Some(children(document)?),
                None => None,
            },
        })
    }

    fn into_kdl(self) -> KdlNode {
        let mut name = KdlIdentifier::from(self.name);
        name.set_span(self.name_at);
        let mut node = KdlNode::new(name);
        node.set_span(self.at);
        *node.entries_mut() = self.entries.into_iter().map(Entry::into_kdl).collect();
        if let Some(children) = self.children {
            let mut document = KdlDocument::new();
            *document.nodes_mut() = children.into_iter().map(Self::into_kdl).collect();
            node.set_children(document);
        }
        node
    }
}

impl Entry {
    fn of(entry: &KdlEntry) -> Option<Self> {
        let value = match entry.value() {
            KdlValue::String(text) => Value::Text(text.clone()),
            KdlValue::Integer(number) => Value::Integer(number.to_string()),
            KdlValue::Float(number) => Value::Float(number.to_bits()),
            KdlValue::Bool(flag) => Value::Bool(*flag),
            KdlValue::Null => Value::Null,
        };
        entry.ty().is_none().then(|| Self {
            name: entry.name().map(|name| name.value().to_owned()),
            value,
            at: place(entry.span()),
            written: entry.format().map(|format| format.value_repr.clone()),
        })
    }

    fn into_kdl(self) -> KdlEntry {
        let value = match self.value {
            Value::Text(text) => KdlValue::String(text),
            Value::Integer(number) => number.parse().map_or(KdlValue::Null, KdlValue::Integer),
            Value::Float(bits) => KdlValue::Float(f64::from_bits(bits)),
            Value::Bool(flag) => KdlValue::Bool(flag),
            Value::Null => KdlValue::Null,
        };
        let mut entry = match self.name {
            Some(name) => KdlEntry::new_prop(name, value),
            None => KdlEntry::new(value),
        };
        entry.set_span(self.at);
        if let Some(value_repr) = self.written {
            entry.set_format(KdlEntryFormat { value_repr, ..KdlEntryFormat::default() });
        }
        entry
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> (tempfile::TempDir, Syntax) {
        let folder = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::from_path_buf(folder.path().join("syntax")).unwrap();
        (folder, Syntax::in_folder(path, true))
    }

    fn nodes(document: &KdlDocument) -> Vec<Node> {
        document.nodes().iter().map(|node| Node::of(node).unwrap()).collect()
    }

    #[test]
    fn every_packed_file_comes_back_as_it_was() {
        let (_keep, syntax) = folder();
        let texts = crate::builtin::files().iter().filter(|file| file.path.strip_suffix(".kdl").is_some());
        let texts = texts.map(|file| std::str::from_utf8(file.bytes).unwrap());
        for text in texts.chain(["a 1 -2.5 x=#true y=#null z=\"é\\n\" { b \"#\" { c }; d 0x10 }\ne {}\n"]) {
            let parsed = KdlDocument::parse(text).unwrap();
            assert!(syntax.recall(text).is_none());
            syntax.remember(text, &parsed);
            assert_eq!(nodes(&syntax.recall(text).unwrap()), nodes(&parsed));
        }
    }

    #[test]
    fn a_damaged_file_is_absent() {
        let (_keep, syntax) = folder();
        let text = "a 1 { b x=\"y\" }\n";
        syntax.remember(text, &KdlDocument::parse(text).unwrap());
        let file = syntax.file(text).unwrap();
        let bytes = std::fs::read(&file).unwrap();
        for at in 0..bytes.len() {
            let mut flipped = bytes.clone();
            flipped[at] ^= 4;
            std::fs::write(&file, &flipped).unwrap();
            assert!(syntax.recall(text).is_none());
        }
    }

    #[test]
    fn annotated_values_are_not_remembered() {
        let (_keep, syntax) = folder();
        for text in ["a (u8)1\n", "(t)a\n", "a { (t)b }\n"] {
            syntax.remember(text, &KdlDocument::parse(text).unwrap());
            assert!(syntax.recall(text).is_none());
        }
    }
}
