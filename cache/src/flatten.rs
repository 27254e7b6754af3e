//! Any `serde::Serialize` value, walked into named leaf fields: `policy`, `board.memory[0].size`. Different values of
//! one type give different lists. Knows nothing of keys.
//!
//! A map's entries are sorted, so that a `HashMap` does not make a key depend on its order. A variant that carries
//! something is part of the name (`runner:qemu.machine`). Names with other characters than letters, digits, `_` and
//! `-` are quoted.

use std::fmt::Write;

use serde::ser::{self, Serialize, Serializer};

use crate::key::Value;

/// Collects the leaves of one value.
#[derive(Debug, Default)]
pub(crate) struct Walker {
    /// The leaves, in the order of the value's fields.
    pub(crate) leaves: Vec<(String, Value)>,
    path: String,
    somes: u32,
}

/// Why a value cannot be walked.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct FlattenError(String);

impl ser::Error for FlattenError {
    fn custom<T: std::fmt::Display>(message: T) -> Self {
        Self(message.to_string())
    }
}

impl Walker {
    /// A walker whose leaves' names begin with `name`.
    pub(crate) fn below(name: &str) -> Self {
        Self { path: name.to_owned(), ..Self::default() }
    }

    fn leaf(&mut self, value: Value) {
        let name = if self.path.is_empty() { "value" } else { &self.path };
        self.leaves.push((name.to_owned(), value));
        self.somes = 0;
    }

    fn push_name(&mut self, separator: char, name: &str) {
        if !self.path.is_empty() || separator != '.' {
            self.path.push(separator);
        }
        if !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-') {
            self.path.push_str(name);
        } else {
            let _infallible = write!(self.path, "{name:?}");
        }
    }

    fn many(&mut self, empty: Value) -> Many<'_> {
        self.somes = 0;
        let (base, first) = (self.path.len(), self.leaves.len());
        Many { walker: self, base, restore: base, first, count: 0, empty, key: String::new() }
    }

    fn many_of_variant(&mut self, variant: &str, empty: Value) -> Many<'_> {
        let restore = self.path.len();
        self.push_name(':', variant);
        Many { restore, ..self.many(empty) }
    }
}

/// The inside of a sequence, a map or a struct.
pub(crate) struct Many<'a> {
    walker: &'a mut Walker,
    base: usize,
    restore: usize,
    first: usize,
    count: usize,
    empty: Value,
    key: String,
}

impl Many<'_> {
    fn element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), FlattenError> {
        self.walker.path.truncate(self.base);
        let _infallible = write!(self.walker.path, "[{}]", self.count);
        self.count += 1;
        value.serialize(&mut *self.walker)
    }

    fn field<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) -> Result<(), FlattenError> {
        self.walker.path.truncate(self.base);
        self.walker.push_name('.', name);
        self.count += 1;
        value.serialize(&mut *self.walker)
    }

    fn close(self) {
        self.walker.path.truncate(self.base);
        if self.count == 0 {
            self.walker.leaf(self.empty);
        }
        self.walker.path.truncate(self.restore);
    }
}

macro_rules! integers {
    ($($method:ident: $type:ty),*) => {
        $(fn $method(self, value: $type) -> Result<(), FlattenError> {
            self.leaf(Value::Integer(i128::from(value)));
            Ok(())
        })*
    };
}

impl<'a> Serializer for &'a mut Walker {
    type Ok = ();
    type Error = FlattenError;
    type SerializeSeq = Many<'a>;
    type SerializeTuple = Many<'a>;
    type SerializeTupleStruct = Many<'a>;
    type SerializeTupleVariant = Many<'a>;
    type SerializeMap = Many<'a>;
    type SerializeStruct = Many<'a>;
    type SerializeStructVariant = Many<'a>;

    integers!(serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64, serialize_i128: i128,
              serialize_u8: u8, serialize_u16: u16, serialize_u32: u32, serialize_u64: u64);

    fn serialize_bool(self, value: bool) -> Result<(), FlattenError> {
        self.leaf(Value::Bool(value));
        Ok(())
    }

    fn serialize_f32(self, value: f32) -> Result<(), FlattenError> {
        self.leaf(Value::Single(value));
        Ok(())
    }

    fn serialize_f64(self, value: f64) -> Result<(), FlattenError> {
        self.leaf(Value::Double(value));
        Ok(())
    }

    fn serialize_char(self, value: char) -> Result<(), FlattenError> {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, value: &str) -> Result<(), FlattenError> {
        self.leaf(Value::Text(value.to_owned()));
        Ok(())
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<(), FlattenError> {
        self.leaf(Value::Bytes(value.to_owned()));
        Ok(())
    }

    fn serialize_none(self) -> Result<(), FlattenError> {
        self.leaf(Value::None(self.somes));
        Ok(())
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), FlattenError> {
        self.somes += 1;
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), FlattenError> {
        self.leaf(Value::Unit);
        Ok(())
    }

    fn serialize_unit_struct(self, _name: &'static str) -> Result<(), FlattenError> {
        self.serialize_unit()
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<(), FlattenError> {
        self.leaf(Value::Variant(variant));
        Ok(())
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<(), FlattenError> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), FlattenError> {
        let restore = self.path.len();
        self.push_name(':', variant);
        self.somes = 0;
        value.serialize(&mut *self)?;
        self.path.truncate(restore);
        Ok(())
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Many<'a>, FlattenError> {
        Ok(self.many(Value::EmptyList))
    }

    fn serialize_tuple(self, _: usize) -> Result<Many<'a>, FlattenError> {
        Ok(self.many(Value::EmptyList))
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Many<'a>, FlattenError> {
        Ok(self.many(Value::EmptyList))
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Many<'a>, FlattenError> {
        Ok(self.many_of_variant(variant, Value::EmptyList))
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Many<'a>, FlattenError> {
        Ok(self.many(Value::EmptyMap))
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Many<'a>, FlattenError> {
        Ok(self.many(Value::EmptyMap))
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Many<'a>, FlattenError> {
        Ok(self.many_of_variant(variant, Value::EmptyMap))
    }
}

macro_rules! elements {
    ($($trait:ident::$method:ident),*) => {
        $(impl ser::$trait for Many<'_> {
            type Ok = ();
            type Error = FlattenError;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), FlattenError> {
                self.element(value)
            }

            fn end(self) -> Result<(), FlattenError> {
                self.close();
                Ok(())
            }
        })*
    };
}

elements!(
    SerializeSeq::serialize_element,
    SerializeTuple::serialize_element,
    SerializeTupleStruct::serialize_field,
    SerializeTupleVariant::serialize_field
);

macro_rules! fields {
    ($($trait:ident),*) => {
        $(impl ser::$trait for Many<'_> {
            type Ok = ();
            type Error = FlattenError;

            fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), FlattenError> {
                self.field(name, value)
            }

            fn end(self) -> Result<(), FlattenError> {
                self.close();
                Ok(())
            }
        })*
    };
}

fields!(SerializeStruct, SerializeStructVariant);

impl ser::SerializeMap for Many<'_> {
    type Ok = ();
    type Error = FlattenError;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), FlattenError> {
        self.key = match serde_json::to_value(key).map_err(ser::Error::custom)? {
            serde_json::Value::String(text) => text,
            serde_json::Value::Number(number) => number.to_string(),
            other => return Err(ser::Error::custom(format_args!("`{other}` cannot name a field"))),
        };
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), FlattenError> {
        let key = std::mem::take(&mut self.key);
        self.field(&key, value)
    }

    fn end(self) -> Result<(), FlattenError> {
        self.walker.leaves[self.first..].sort_by(|a, b| a.0.cmp(&b.0));
        self.close();
        Ok(())
    }
}
