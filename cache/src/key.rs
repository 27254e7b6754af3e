//! The key of a stage: named, ordered, typed, length-prefixed fields, hashed. The same list is printed by `why`, so
//! that the key and its explanation cannot disagree. Knows nothing of the store.

use std::borrow::Cow;

use serde::Serialize;

use crate::flatten::Walker;
use crate::record::{PrintedField, Section};
use crate::{Digest, Error};

/// The value of one leaf field.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// `true` or `false`.
    Bool(bool),
    /// Any integer.
    Integer(i128),
    /// An `f32`, compared by its bits.
    Single(f32),
    /// An `f64`, compared by its bits.
    Double(f64),
    /// Text.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
    /// A variant that carries nothing.
    Variant(&'static str),
    /// `()`.
    Unit,
    /// `None`, inside so many `Some`.
    None(u32),
    /// A list without elements.
    EmptyList,
    /// A map or struct without fields.
    EmptyMap,
    /// The content of an input.
    Content(Digest),
}

impl Value {
    /// The type's name in a record, its tag in a key, and the bytes that are hashed.
    fn encode(&self) -> (&'static str, u8, Cow<'_, [u8]>) {
        let number = |bytes: &[u8]| Cow::Owned(bytes.to_vec());
        match self {
            Self::Bool(value) => ("bool", 1, number(&[u8::from(*value)])),
            Self::Integer(value) => ("integer", 2, number(&value.to_le_bytes())),
            Self::Single(value) => ("single", 3, number(&value.to_bits().to_le_bytes())),
            Self::Double(value) => ("double", 4, number(&value.to_bits().to_le_bytes())),
            Self::Text(value) => ("text", 5, Cow::Borrowed(value.as_bytes())),
            Self::Bytes(value) => ("bytes", 6, Cow::Borrowed(value)),
            Self::Variant(name) => ("variant", 7, Cow::Borrowed(name.as_bytes())),
            Self::Unit => ("unit", 8, Cow::Borrowed(&[])),
            Self::None(depth) => ("none", 9, number(&depth.to_le_bytes())),
            Self::EmptyList => ("list", 10, Cow::Borrowed(&[])),
            Self::EmptyMap => ("map", 11, Cow::Borrowed(&[])),
            Self::Content(digest) => ("content", 12, Cow::Borrowed(digest.as_bytes())),
        }
    }

    /// One line for people; long values are cut and carry their digest.
    fn print(&self) -> String {
        match self {
            Self::Bool(value) => value.to_string(),
            Self::Integer(value) => value.to_string(),
            Self::Single(value) => format!("{value:?}"),
            Self::Double(value) => format!("{value:?}"),
            Self::Text(value) if value.len() <= LONGEST_PRINTED => value.clone(),
            Self::Text(value) => {
                let shown: String = value.chars().take(60).collect();
                format!("{shown}… ({} bytes, digest {})", value.len(), Digest::of(value.as_bytes()))
            }
            Self::Bytes(value) => format!("{} bytes, digest {}", value.len(), Digest::of(value)),
            Self::Variant(name) => (*name).to_owned(),
            Self::Unit => "()".to_owned(),
            Self::None(depth) => format!("{}none{}", "some(".repeat(*depth as usize), ")".repeat(*depth as usize)),
            Self::EmptyList => "[]".to_owned(),
            Self::EmptyMap => "{}".to_owned(),
            Self::Content(digest) => digest.to_hex(),
        }
    }
}

const LONGEST_PRINTED: usize = 200;

/// The own fields of a stage, in order.
#[derive(Debug, Clone, Default)]
pub struct Fields {
    pub(crate) leaves: Vec<(String, Value)>,
    pub(crate) error: Option<String>,
}

impl Fields {
    /// No fields.
    pub fn new() -> Self {
        Self::default()
    }

    /// Every leaf of a value, named by its path in it: `board.memory[0].size`. What cannot be serialized becomes an
    /// error when the key is made.
    pub fn of<T: Serialize + ?Sized>(value: &T) -> Self {
        Self::walk(Walker::default(), value)
    }

    /// These fields and every leaf of `value` below `name`.
    #[must_use]
    pub fn with<T: Serialize + ?Sized>(mut self, name: &str, value: &T) -> Self {
        let more = Self::walk(Walker::below(name), value);
        self.leaves.extend(more.leaves);
        self.error = self.error.or(more.error);
        self
    }

    /// Names and values, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.leaves.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// The same as records have them.
    pub fn printed(&self) -> Vec<PrintedField> {
        self.leaves.iter().map(|(name, value)| print(Section::Own, name, value)).collect()
    }

    fn walk<T: Serialize + ?Sized>(mut walker: Walker, value: &T) -> Self {
        let error = value.serialize(&mut walker).err().map(|error| error.to_string());
        Self { leaves: walker.leaves, error }
    }
}

/// Everything that a key is made of.
#[derive(Debug, Clone, Default)]
pub(crate) struct KeyFields {
    fields: Vec<(Section, String, Value)>,
}

impl KeyFields {
    /// The stage and its own fields; its inputs are added with [`KeyFields::input`].
    pub(crate) fn of(node: &str, stage: &str, version: u32, own: Fields) -> Result<Self, Error> {
        if let Some(message) = own.error {
            return Err(Error::Fields { node: node.to_owned(), message });
        }
        let mut fields = vec![
            (Section::Stage, "stage".to_owned(), Value::Text(stage.to_owned())),
            (Section::Stage, "stage-version".to_owned(), Value::Integer(version.into())),
        ];
        fields.extend(own.leaves.into_iter().map(|(name, value)| (Section::Own, name, value)));
        Ok(Self { fields })
    }

    /// Adds the content of an input.
    pub(crate) fn input(&mut self, name: &str, content: Digest) {
        self.fields.push((Section::Input, name.to_owned(), Value::Content(content)));
    }

    /// The key.
    pub(crate) fn digest(&self) -> Digest {
        let mut hasher = blake3::Hasher::new_derive_key("deployctl stage key, version 1");
        hasher.update(&(self.fields.len() as u64).to_le_bytes());
        let mut bytes = Vec::new();
        for (section, name, value) in &self.fields {
            let (_, tag, content) = value.encode();
            bytes.clear();
            bytes.push(section.tag());
            bytes.extend((name.len() as u64).to_le_bytes());
            bytes.extend(name.as_bytes());
            bytes.push(tag);
            bytes.extend((content.len() as u64).to_le_bytes());
            bytes.extend_from_slice(&content);
            hasher.update(&bytes);
        }
        hasher.into()
    }

    /// The same, for people and for records.
    pub(crate) fn print(&self) -> Vec<PrintedField> {
        self.fields.iter().map(|(section, name, value)| print(*section, name, value)).collect()
    }
}

fn print(section: Section, name: &str, value: &Value) -> PrintedField {
    PrintedField { section, name: name.to_owned(), kind: value.encode().0.to_owned(), value: value.print() }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, HashMap};

    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, Clone, PartialEq, Serialize)]
    enum Shape {
        Unit,
        Empty {},
        One(Option<Maybe>),

        Two(u8, String),
        Named { a: Vec<Shape>, b: BTreeMap<String, Shape> },
    }

    /// Written as nothing but the option inside.
    #[derive(Debug, Clone, PartialEq, Serialize)]
    struct Maybe(Option<i32>);

    fn key(value: &impl Serialize) -> Digest {
        KeyFields::of("n", "s", 1, Fields::of(value)).unwrap().digest()
    }

    fn names(value: &impl Serialize) -> Vec<String> {
        Fields::of(value).iter().map(|(name, _)| name.to_owned()).collect()
    }

    fn shapes() -> impl Strategy<Value = Shape> {
        let leaf = prop_oneof![
            Just(Shape::Unit),
            Just(Shape::Empty {}),
            any::<Option<Option<i32>>>().prop_map(|some| Shape::One(some.map(Maybe))),
            (0..3_u8, "[a.\\[\\]\":0-1]{0,3}").prop_map(|(a, b)| Shape::Two(a, b)),
        ];
        leaf.prop_recursive(3, 12, 3, |inner| {
            let map = proptest::collection::btree_map("[a.\\[\\]\":0-1]{0,3}", inner.clone(), 0..3);
            (proptest::collection::vec(inner, 0..3), map).prop_map(|(a, b)| Shape::Named { a, b })
        })
    }

    proptest! {
        #[test]
        fn different_values_have_different_keys(a in shapes(), b in shapes()) {
            prop_assert_eq!(a == b, key(&a) == key(&b));
            prop_assert_eq!(a == b, Fields::of(&a).leaves == Fields::of(&b).leaves);
        }

        #[test]
        fn bytes_do_not_slide_between_fields(a in "[ab]{0,4}", b in "[ab]{0,4}", c in "[ab]{0,4}", d in "[ab]{0,4}") {
            let one = Fields::new().with(&a, &b).with("x", &c);
            let two = Fields::new().with(&a, &c).with("x", &d);
            let key = |fields: &Fields| KeyFields::of("n", "s", 1, fields.clone()).unwrap().digest();
            prop_assert_eq!(one.leaves == two.leaves, key(&one) == key(&two));
        }
    }

    #[test]
    fn fields_are_named_by_their_path() {
        #[derive(Serialize)]
        struct Board {
            memory: Vec<BTreeMap<&'static str, u64>>,
            clock: Option<f32>,
            odd: BTreeMap<&'static str, bool>,
            shape: Shape,
        }
        let board = Board {
            memory: vec![BTreeMap::from([("size", 4096), ("origin", 0)])],
            clock: Some(0.5),
            odd: BTreeMap::from([("a.b", true)]),
            shape: Shape::Two(1, "x".into()),
        };
        let expected = ["memory[0].origin", "memory[0].size", "clock", "odd.\"a.b\"", "shape:Two[0]", "shape:Two[1]"];
        assert_eq!(names(&board), expected);
        assert_eq!(names(&5), ["value"]);
    }

    #[test]
    fn a_hash_map_is_in_order() {
        let map: HashMap<String, u32> = (0..50).map(|i| (format!("k{i}"), i)).collect();
        let sorted: BTreeMap<_, _> = map.iter().collect();
        assert_eq!(key(&map), key(&sorted));
    }

    #[test]
    fn sections_and_versions_count() {
        let of = |stage, version| KeyFields::of("n", stage, version, Fields::new().with("a", &1)).unwrap();
        assert_ne!(of("s", 1).digest(), of("s", 2).digest());
        assert_ne!(of("s", 1).digest(), of("t", 1).digest());
        let content = Digest::of(b"");
        let mut input = KeyFields::of("n", "s", 1, Fields::new()).unwrap();
        input.input("a", content);
        assert_ne!(input.digest(), KeyFields::of("n", "s", 1, Fields::new().with("a", &content)).unwrap().digest());
    }

    #[test]
    fn golden_key() {
        let mut key = KeyFields::of("kws/host/audit", "audit", 3, Fields::new().with("policy", "require")).unwrap();
        key.input("graph.json", Digest::of(b"{}"));
        assert_eq!(key.digest().to_hex(), "45a93b45ebb5ec1a045a404b27f1d8f93c35e3996f4094bb2609b5aa0e4bd2ea");
    }

    #[test]
    fn what_cannot_be_serialized_is_an_error() {
        let map = BTreeMap::from([(vec![1], 2)]);
        let error = KeyFields::of("kws/audit", "audit", 1, Fields::of(&map)).unwrap_err();
        assert!(error.to_string().contains("`kws/audit` cannot make a key: `[1]` cannot name a field"), "{error}");
    }
}
