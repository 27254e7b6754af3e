//! Arm's unit-test data: C headers with definitions and arrays of integers, a folder a case.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// A case: numbers and arrays by their names without the case's own.
pub(crate) struct Case {
    pub(crate) name: String,
    numbers: BTreeMap<String, i64>,
    arrays: BTreeMap<String, Vec<i64>>,
}

/// Values where elements of any type may start.
pub(crate) struct Packed {
    words: Vec<u64>,
    len: usize,
}

impl Packed {
    /// Elements of `size` bytes.
    pub(crate) fn of(values: &[i64], size: usize) -> Self {
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()[..size].to_vec()).collect();
        let word = |chunk: &[u8]| chunk.iter().rev().fold(0, |word, &byte| word << 8 | u64::from(byte));
        Self { words: bytes.chunks(8).map(word).collect(), len: bytes.len() }
    }

    pub(crate) fn bytes(&self) -> &[i8] {
        &kernels::words_as_i8(&self.words)[..self.len]
    }

    pub(crate) fn bytes_mut(&mut self) -> &mut [i8] {
        &mut kernels::words_as_i8_mut(&mut self.words)[..self.len]
    }
}

impl Case {
    /// Reads the headers in `folder`.
    pub(crate) fn read(folder: &Path, name: &str) -> Self {
        let mut case = Self { name: name.to_owned(), numbers: BTreeMap::new(), arrays: BTreeMap::new() };
        for entry in fs::read_dir(folder).expect("a folder of headers") {
            let text = fs::read_to_string(entry.expect("an entry").path()).expect("a header");
            case.take(&text);
        }
        case
    }

    fn take(&mut self, text: &str) {
        let (prefix, capitals) = (format!("{}_", self.name), format!("{}_", self.name.to_uppercase()));
        for line in text.lines() {
            let words: Vec<&str> = line.split_whitespace().collect();
            if let ["#define", name, value] = words[..]
                && let Ok(value) = value.parse()
            {
                self.numbers.insert(name.strip_prefix(&capitals).unwrap_or(name).to_owned(), value);
            }
        }
        for statement in text.split(';') {
            if let Some((name, values)) = array(statement) {
                self.arrays.insert(name.strip_prefix(&prefix).unwrap_or(name).to_owned(), values);
            }
        }
    }

    /// A definition, which must be there.
    pub(crate) fn number(&self, name: &str) -> i64 {
        *self.numbers.get(name).unwrap_or_else(|| panic!("{} defines no {name}", self.name))
    }

    pub(crate) fn int(&self, name: &str) -> i32 {
        i32::try_from(self.number(name)).expect("32 bits")
    }

    pub(crate) fn size(&self, name: &str) -> usize {
        usize::try_from(self.number(name)).expect("a size")
    }

    /// A size that is one where it is not defined.
    pub(crate) fn size_or_one(&self, name: &str) -> usize {
        if self.numbers.contains_key(name) { self.size(name) } else { 1 }
    }

    /// An array, which must be there.
    pub(crate) fn array(&self, name: &str) -> &[i64] {
        self.try_array(name).unwrap_or_else(|| panic!("{} has no {name}", self.name))
    }

    pub(crate) fn try_array(&self, name: &str) -> Option<&[i64]> {
        self.arrays.get(name).map(Vec::as_slice)
    }

    pub(crate) fn bytes(&self, name: &str) -> Vec<i8> {
        self.array(name).iter().map(|&value| i8::try_from(value).expect("8 bits")).collect()
    }

    pub(crate) fn ints(&self, name: &str) -> Vec<i32> {
        self.array(name).iter().map(|&value| i32::try_from(value).expect("32 bits")).collect()
    }
}

/// Name and values of `const TYPE NAME[SIZE] = {VALUES}`.
pub(crate) fn array(statement: &str) -> Option<(&str, Vec<i64>)> {
    let (head, values) = statement.split_once('=')?;
    let name = head.split_once('[')?.0.split_whitespace().last()?;
    let values = values.split_once('{')?.1.split_once('}')?.0;
    let values = values.split(',').map(str::trim).filter(|value| !value.is_empty());
    Some((name, values.map(|value| value.parse().expect("an integer")).collect()))
}
