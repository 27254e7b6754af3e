//! A step's parameters as a Rust literal: whatever the `kernels` crate derives `Serialize` for, written as the source text
//! that makes the same value. Knows no operators.

use std::collections::BTreeSet;
use std::fmt;

use kernels::Op;
use serde::ser::{self, Impossible, Serialize};

use super::source::{Value, float};
use crate::model::lower::Call;

/// Parameters in source text.
pub(super) struct Literal {
    /// The parameters' type.
    pub(super) name: &'static str,
    /// The value.
    pub(super) value: Value,
    /// All types that the value names, for the `use` line.
    pub(super) types: BTreeSet<&'static str>,
}

/// The parameters of a step, `None` where it has none; or what in them has no literal.
pub(super) fn literal(call: &Call) -> Result<Option<Literal>, String> {
    let mut writer = Writer::default();
    let value = match call {
        Call::Conv2d(p) => p.serialize(&mut writer),
        Call::DepthwiseConv2d(p) => p.serialize(&mut writer),
        Call::FullyConnected(p) => p.serialize(&mut writer),
        Call::AveragePool2d(p) | Call::MaxPool2d(p) => p.serialize(&mut writer),
        Call::Add(p) => p.serialize(&mut writer),
        Call::Softmax(p) => p.serialize(&mut writer),
        // What a kernel of the deployment's own is told is in the graph.
        Call::Reshape | Call::If { .. } | Call::While { .. } | Call::Own(_) => return Ok(None),
        Call::Op(op) => Op::parameters(op, &mut writer),
        Call::Step(op) => preprocess::Op::parameters(op, &mut writer),
    };
    let types = writer.types;
    match value {
        Ok(value @ Value::Struct(name, _)) => Ok(Some(Literal { name, value, types })),
        Ok(value) => Err(format!("`{}` is no struct", value.flat())),
        Err(Unwritable(problem)) => Err(problem),
    }
}

/// Writes values, and remembers the types that it names.
#[derive(Default)]
struct Writer {
    types: BTreeSet<&'static str>,
}

/// A value that parameters may not have.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Unwritable(String);

impl ser::Error for Unwritable {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self(message.to_string())
    }
}

fn unwritable<T>(what: &str) -> Result<T, Unwritable> {
    Err(Unwritable(format!("a {what} has no literal here")))
}

/// Numbers and flags, whose text is their literal.
macro_rules! plain {
    ($($method:ident($type:ty)),*) => {
        $(fn $method(self, value: $type) -> Result<Value, Unwritable> {
            Ok(Value::plain(&value))
        })*
    };
}

impl<'a> ser::Serializer for &'a mut Writer {
    type Ok = Value;
    type Error = Unwritable;
    type SerializeSeq = Elements<'a>;
    type SerializeTuple = Elements<'a>;
    type SerializeTupleStruct = Impossible<Value, Unwritable>;
    type SerializeTupleVariant = Impossible<Value, Unwritable>;
    type SerializeMap = Impossible<Value, Unwritable>;
    type SerializeStruct = Members<'a>;
    type SerializeStructVariant = Impossible<Value, Unwritable>;

    plain!(serialize_bool(bool), serialize_i8(i8), serialize_i16(i16), serialize_i32(i32), serialize_i64(i64));
    plain!(serialize_u8(u8), serialize_u16(u16), serialize_u32(u32), serialize_u64(u64));

    fn serialize_f32(self, value: f32) -> Result<Value, Unwritable> {
        Ok(Value::Plain(float(value)))
    }

    fn serialize_none(self) -> Result<Value, Unwritable> {
        Ok(Value::plain("None"))
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<Value, Unwritable> {
        Ok(Value::Plain(format!("Some({})", value.serialize(self)?.flat())))
    }

    fn serialize_unit_variant(self, name: &'static str, _: u32, variant: &'static str) -> Result<Value, Unwritable> {
        self.types.insert(name);
        Ok(Value::Plain(format!("{name}::{variant}")))
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Elements<'a>, Unwritable> {
        Ok(Elements { writer: self, values: Vec::new() })
    }

    fn serialize_tuple(self, _: usize) -> Result<Elements<'a>, Unwritable> {
        Ok(Elements { writer: self, values: Vec::new() })
    }

    fn serialize_struct(self, name: &'static str, _: usize) -> Result<Members<'a>, Unwritable> {
        self.types.insert(name);
        Ok(Members { writer: self, name, fields: Vec::new() })
    }

    fn serialize_f64(self, _: f64) -> Result<Value, Unwritable> {
        unwritable("f64")
    }

    fn serialize_char(self, _: char) -> Result<Value, Unwritable> {
        unwritable("character")
    }

    fn serialize_str(self, _: &str) -> Result<Value, Unwritable> {
        unwritable("text")
    }

    fn serialize_bytes(self, _: &[u8]) -> Result<Value, Unwritable> {
        unwritable("byte string")
    }

    fn serialize_unit(self) -> Result<Value, Unwritable> {
        unwritable("unit")
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<Value, Unwritable> {
        unwritable("unit struct")
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, _: &T) -> Result<Value, Unwritable> {
        unwritable("newtype")
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<Value, Unwritable> {
        unwritable("variant with a value")
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Self::SerializeTupleStruct, Unwritable> {
        unwritable("tuple struct")
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant, Unwritable> {
        unwritable("variant with values")
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Self::SerializeMap, Unwritable> {
        unwritable("map")
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeStructVariant, Unwritable> {
        unwritable("variant with fields")
    }
}

/// An array on its way.
struct Elements<'a> {
    writer: &'a mut Writer,
    values: Vec<Value>,
}

impl Elements<'_> {
    fn push<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Unwritable> {
        self.values.push(value.serialize(&mut *self.writer)?);
        Ok(())
    }
}

impl ser::SerializeSeq for Elements<'_> {
    type Ok = Value;
    type Error = Unwritable;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Unwritable> {
        self.push(value)
    }

    fn end(self) -> Result<Value, Unwritable> {
        Ok(Value::Array(self.values))
    }
}

impl ser::SerializeTuple for Elements<'_> {
    type Ok = Value;
    type Error = Unwritable;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Unwritable> {
        self.push(value)
    }

    fn end(self) -> Result<Value, Unwritable> {
        Ok(Value::Array(self.values))
    }
}

/// A struct on its way.
struct Members<'a> {
    writer: &'a mut Writer,
    name: &'static str,
    fields: Vec<(&'static str, Value)>,
}

impl ser::SerializeStruct for Members<'_> {
    type Ok = Value;
    type Error = Unwritable;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), Unwritable> {
        let value = value.serialize(&mut *self.writer)?;
        self.fields.push((name, value));
        Ok(())
    }

    fn end(self) -> Result<Value, Unwritable> {
        Ok(Value::Struct(self.name, self.fields))
    }
}

#[cfg(test)]
mod tests {
    use serde::Serialize;

    use super::Writer;

    #[derive(Serialize)]
    enum Kind {
        One,
    }

    #[derive(Serialize)]
    struct Inner {
        at: [usize; 2],
    }

    #[derive(Serialize)]
    struct Outer {
        kind: Kind,
        inner: Inner,
        scale: f32,
        maybe: Option<i32>,
        none: Option<i32>,
        flag: bool,
    }

    #[test]
    fn values_are_written_as_they_are_spelt() {
        let outer =
            Outer { kind: Kind::One, inner: Inner { at: [1, 2] }, scale: 0.1, maybe: Some(-3), none: None, flag: true };
        let mut writer = Writer::default();
        let text = outer.serialize(&mut writer).map(|value| value.flat()).ok();
        let expected = "Outer { kind: Kind::One, inner: Inner { at: [1, 2] }, scale: 0.1, maybe: Some(-3), none: None, \
                        flag: true }";
        assert_eq!(text.as_deref(), Some(expected));
        assert_eq!(writer.types, ["Inner", "Kind", "Outer"].into());
    }

    #[test]
    fn what_cannot_be_a_constant_is_refused() {
        assert!("text".serialize(&mut Writer::default()).is_err());
        assert!(1.0_f64.serialize(&mut Writer::default()).is_err());
    }
}
