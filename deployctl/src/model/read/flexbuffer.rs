//! `FlexBuffers`, in which custom operators have their options: a map of numbers, texts and lists of these.
//!
//! The bytes are hostile: every offset is checked, maps within maps are refused, and what is copied is bounded. Knows the
//! format; does not know any operator. (The crate `flexbuffers` would do it; it comes with derive macros that parse TOML, for
//! the writing that is not needed here.)

use std::collections::BTreeMap;

use crate::model::custom::{CustomOptions, CustomValue};

/// Elements and text bytes that are copied, for each byte of the buffer: lists and texts may be shared.
const SHARED: usize = 16;

/// The map in `bytes`; `None` where there is no such map, or one of other things than numbers, texts and lists of these.
/// No bytes are an empty map.
pub(super) fn map(bytes: &[u8]) -> Option<CustomOptions> {
    if bytes.is_empty() {
        return Some(CustomOptions::default());
    }
    let (&width, rest) = bytes.split_last()?;
    let (&packed, rest) = rest.split_last()?;
    let root = Reference { at: rest.len().checked_sub(usize::from(width))?, width: checked(width.into())?, packed };
    let mut buffer = Buffer { bytes, left: bytes.len() * SHARED };
    buffer.map(root)
}

/// A value's place: where it, or the offset to it, lies, with the width of its container's elements and the byte of its type.
#[derive(Clone, Copy)]
struct Reference {
    at: usize,
    width: usize,
    packed: u8,
}

impl Reference {
    /// Width of what is behind an offset.
    fn child(self) -> usize {
        1 << (self.packed & 3)
    }

    fn kind(self) -> u8 {
        self.packed >> 2
    }
}

/// What a list's elements are.
enum Elements {
    /// Each has its own type, in bytes behind the elements.
    Mixed,
    /// All have this type.
    Of(u8),
}

const NULL: u8 = 0;
const INT: u8 = 1;
const UINT: u8 = 2;
const FLOAT: u8 = 3;
const KEY: u8 = 4;
const STRING: u8 = 5;
const MAP: u8 = 9;
const BOOL: u8 = 26;

struct Buffer<'a> {
    bytes: &'a [u8],
    /// Elements and text bytes that may still be copied.
    left: usize,
}

impl Buffer<'_> {
    fn map(&mut self, root: Reference) -> Option<CustomOptions> {
        if root.kind() != MAP {
            return None;
        }
        let (values, width) = (self.target(root)?, root.child());
        // Before the values: offset of the keys, width of the keys' elements, number of elements.
        let before = |words: usize| values.checked_sub(words * width);
        let len = self.size(before(1)?, width)?;
        let keys_at = before(3)?;
        let keys_width = checked(self.size(before(2)?, width)?)?;
        let keys = keys_at.checked_sub(self.size(keys_at, width)?)?;
        if self.size(keys.checked_sub(keys_width)?, keys_width)? != len {
            return None;
        }
        self.spend(len)?;
        let mut found = BTreeMap::new();
        let mut last = None;
        for index in 0..len {
            let place = keys.checked_add(index.checked_mul(keys_width)?)?;
            let name = self.text_to_zero(place.checked_sub(self.size(place, keys_width)?)?)?;
            // LiteRT searches by halves: keys in another order are not found.
            if last.is_some_and(|last| last >= name) {
                return None;
            }
            let value = self.element(values, width, len, index, &Elements::Mixed)?;
            last = Some(name.clone());
            if value.kind() != NULL {
                found.insert(name, self.value(value)?);
            }
        }
        Some(CustomOptions::new(found))
    }

    /// A number, a text, or a list of them.
    fn value(&mut self, value: Reference) -> Option<CustomValue> {
        let (elements, len, at) = match value.kind() {
            10 => (Elements::Mixed, None, self.target(value)?),
            kind @ 11..=15 => (Elements::Of(kind - 11 + INT), None, self.target(value)?),
            kind @ 16..=24 => (Elements::Of((kind - 16) % 3 + INT), Some((kind - 16) / 3 + 2), self.target(value)?),
            36 => (Elements::Of(BOOL), None, self.target(value)?),
            _ => return self.scalar(value),
        };
        let width = value.child();
        let len = match len {
            Some(len) => usize::from(len),
            None => self.size(at.checked_sub(width)?, width)?,
        };
        self.spend(len)?;
        let list = (0..len).map(|index| self.element(at, width, len, index, &elements).and_then(|it| self.scalar(it)));
        list.collect::<Option<_>>().map(CustomValue::List)
    }

    fn element(&self, at: usize, width: usize, len: usize, index: usize, elements: &Elements) -> Option<Reference> {
        let place = at.checked_add(index.checked_mul(width)?)?;
        let packed = match elements {
            Elements::Mixed => *self.bytes.get(at.checked_add(len.checked_mul(width)?)?.checked_add(index)?)?,
            Elements::Of(kind) => kind << 2,
        };
        Some(Reference { at: place, width, packed })
    }

    fn scalar(&mut self, value: Reference) -> Option<CustomValue> {
        let Reference { at, width, .. } = value;
        let indirect = |buffer: &Self| Some((buffer.target(value)?, value.child()));
        match value.kind() {
            INT => self.signed(at, width).map(CustomValue::Int),
            6 => indirect(self).and_then(|(at, width)| self.signed(at, width)).map(CustomValue::Int),
            UINT => self.unsigned(at, width).map(CustomValue::Uint),
            7 => indirect(self).and_then(|(at, width)| self.unsigned(at, width)).map(CustomValue::Uint),
            FLOAT => self.float(at, width).map(CustomValue::Float),
            8 => indirect(self).and_then(|(at, width)| self.float(at, width)).map(CustomValue::Float),
            BOOL => self.unsigned(at, width).map(|value| CustomValue::Bool(value != 0)),
            KEY => self.text_to_zero(self.target(value)?).map(CustomValue::Text),
            STRING => {
                let (at, width) = (self.target(value)?, value.child());
                let len = self.size(at.checked_sub(width)?, width)?;
                let text = self.bytes.get(at..at.checked_add(len)?)?;
                self.text(text).map(CustomValue::Text)
            }
            _ => None,
        }
    }

    /// Where an offset leads: it is the distance back from itself.
    fn target(&self, value: Reference) -> Option<usize> {
        value.at.checked_sub(self.size(value.at, value.width)?)
    }

    fn text_to_zero(&mut self, at: usize) -> Option<String> {
        let rest = self.bytes.get(at..)?;
        let len = rest.iter().position(|&byte| byte == 0)?;
        self.text(&rest[..len])
    }

    fn text(&mut self, bytes: &[u8]) -> Option<String> {
        self.spend(bytes.len())?;
        std::str::from_utf8(bytes).ok().map(str::to_owned)
    }

    fn spend(&mut self, count: usize) -> Option<()> {
        self.left = self.left.checked_sub(count)?;
        Some(())
    }

    fn size(&self, at: usize, width: usize) -> Option<usize> {
        usize::try_from(self.unsigned(at, width)?).ok()
    }

    fn unsigned(&self, at: usize, width: usize) -> Option<u64> {
        let mut word = [0; 8];
        word.get_mut(..width)?.copy_from_slice(self.bytes.get(at..at.checked_add(width)?)?);
        Some(u64::from_le_bytes(word))
    }

    fn signed(&self, at: usize, width: usize) -> Option<i64> {
        let unused = 64 - 8 * u32::try_from(width).ok()?;
        Some(self.unsigned(at, width)?.cast_signed().wrapping_shl(unused).wrapping_shr(unused))
    }

    /// Floats of one and two bytes do not occur.
    fn float(&self, at: usize, width: usize) -> Option<f64> {
        let bits = self.unsigned(at, width)?;
        let value = match width {
            4 => f64::from(f32::from_bits(u32::try_from(bits).ok()?)),
            8 => f64::from_bits(bits),
            _ => return None,
        };
        value.is_finite().then_some(value)
    }
}

/// A width in bytes.
fn checked(width: usize) -> Option<usize> {
    [1, 2, 4, 8].contains(&width).then_some(width)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the package `flatbuffers` of Python writes for the values of `everything_is_read`.
    const ALL: &[u8] = b"\
        byte\0word\0long\0uint\0real\0yes\0text\0\x07gr\xc3\xbc\xc3\x9fe\0nothing\0key\0name\0mixed\0\0\0\
        \x03\0\0\0\x07\0\0\0\0\0\0\xbf\0\0\0\0\x06\x0ejints\0\x03\0\x01\0\x02\0\xd4\xfereals\0\0\0\x02\0\0\0\
        \0\0\0?\0\0\x80>pair\0\x04\x05triple\0\0\0\0\0\0?\0\0\xc0?\0\0 @bools\0\x02\x01\0far\0\0\0\0@\xe2\
        \x01\0away\0\0\0\0\0\0\xa0?\x11\x0d\"\xb7\x1bb\x87\xb1\x80\x92F\xab\\\xa4C\xb4\xbf\xac\0\0\x13\0\0\0\
        \0\0\0\0\x01\0\0\0\0\0\0\0\x11\0\0\0\0\0\0\x000\0\0\0\0\0\0\0M\0\0\0\0\0\0\0\xfb\xff\xff\xff\xff\xff\
        \xff\xffT\0\0\0\0\0\0\0\xa2\0\0\0\0\0\0\0\xd1\0\0\0\0\0\0\0\0\0\0\0\0\xff\xff\xff\xd0\0\0\0\0\0\0\0\
        \0\0\0\0\0\0\0\0\xab\0\0\0\0\0\0\0\0\0\0\0\0\0\xe8?\xc8\0\0\0\0\0\0\0\x1d\x01\0\0\0\0\0\0\xc0\0\0\0\
        \0\0\0\0,\x01\0\0\0\0\0\0\x90\xee\xfe\xff\xff\xff\xff\xff\x01\0\0\0\0\0\0\0\"\x90\x07\x1a-\x10\x07*\
        \x03@\x0f6\x14V\x0b\x07k\x99'\x01";

    fn list<T>(values: impl IntoIterator<Item = T>, of: impl Fn(T) -> CustomValue) -> CustomValue {
        CustomValue::List(values.into_iter().map(of).collect())
    }

    #[test]
    fn everything_is_read() {
        let expected = [
            ("away", CustomValue::Float(1.25)),
            ("bools", list([true, false], CustomValue::Bool)),
            ("byte", CustomValue::Int(-5)),
            ("far", CustomValue::Int(123_456)),
            ("ints", list([1, 2, -300], CustomValue::Int)),
            ("key", CustomValue::Text("name".to_owned())),
            ("long", CustomValue::Int(-(1 << 40))),
            ("mixed", CustomValue::List(vec![CustomValue::Int(7), CustomValue::Float(-0.5), CustomValue::Bool(false)])),
            ("pair", list([4, 5], CustomValue::Int)),
            ("real", CustomValue::Float(0.75)),
            ("reals", list([0.5, 0.25], CustomValue::Float)),
            ("text", CustomValue::Text("grüße".to_owned())),
            ("triple", list([0.5, 1.5, 2.5], CustomValue::Float)),
            ("uint", CustomValue::Uint(300)),
            ("word", CustomValue::Int(-70_000)),
            ("yes", CustomValue::Bool(true)),
        ];
        let expected = expected.map(|(name, value)| (name.to_owned(), value));
        assert_eq!(map(ALL).unwrap(), CustomOptions::new(expected.into_iter().collect()));
    }

    #[test]
    fn what_is_no_map_is_told() {
        assert_eq!(map(b""), Some(CustomOptions::default()));
        // A number, a list and a map in a map.
        for other in [&b"\x05\x04\x01"[..], b"\x02\x01\x02\x04\x04\x04\x28\x01", b"\x07", b"not a buffer at all"] {
            assert_eq!(map(other), None);
        }
        let nested = b"a\0b\0\x01\x03\x01\x01\x01\x05\x04\x01\x0c\x01\x01\x01\x07\x24\x02\x24\x01";
        assert_eq!(map(nested), None);
        assert_eq!(map(b"\0\0\x01\0\0\x24\x01"), Some(CustomOptions::default()));
    }

    /// Two keys, of which the second comes before the first.
    #[test]
    fn keys_in_another_order_are_refused() {
        let buffer = |first: u8, second: u8| {
            let names = [first, 0, second, 0];
            [&names[..], b"\x02\x05\x04\x02\x01\x02\x07\x08\x04\x04\x04\x24\x01"].concat()
        };
        assert_eq!(map(&buffer(b'a', b'b')).unwrap().integer("b"), Some(8));
        assert_eq!(map(&buffer(b'b', b'a')), None);
        assert_eq!(map(&buffer(b'a', b'a')), None);
    }

    /// No change of any byte, and no change of several, makes it panic or copy much.
    #[test]
    fn damage_is_an_answer() {
        let mut read = 0;
        for at in 0..ALL.len() {
            for byte in 0..=255 {
                let mut bytes = ALL.to_vec();
                bytes[at] = byte;
                read += usize::from(map(&bytes).is_some());
            }
            let _ = map(&ALL[at..]);
            let _ = map(&ALL[..at]);
        }
        assert!(read > 1000, "{read}");
        let mut random = 1_u64;
        let mut next = |below: usize| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(random >> 33).unwrap() % below
        };
        for _ in 0..200_000 {
            let mut bytes = ALL.to_vec();
            for _ in 0..=next(6) {
                bytes[next(ALL.len())] = u8::try_from([next(256), 0, 1, 255, 2][next(5)]).unwrap();
            }
            let _ = map(&bytes);
        }
    }
}
