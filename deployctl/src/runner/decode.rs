//! What numbers in a failure stand for: operators, functions, memory, and what lies in the arena while an operator runs.
//!
//! Knows addresses and who has them; where they were found, in an ELF file, a board's file or a memory plan, it does not know.

use std::ops::{Range, RangeInclusive};

/// What a failure's numbers are called.
pub trait Names {
    /// An operator, by its index in the firmware's tables.
    fn operator(&self, index: usize) -> String;

    /// The place of an instruction, where it is known.
    fn code(&self, address: u32) -> Option<String> {
        let _ = address;
        None
    }

    /// What lies at an address while `operator` runs, where that is known.
    fn data(&self, address: u32, operator: Option<usize>) -> Option<String> {
        let _ = (address, operator);
        None
    }
}

impl<F: Fn(usize) -> String> Names for F {
    fn operator(&self, index: usize) -> String {
        self(index)
    }
}

/// All that is known of a target's firmware.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decoder {
    /// Operators by index.
    pub operators: Vec<OperatorName>,
    /// Functions and objects of the image, in the order of their addresses.
    pub symbols: Vec<Symbol>,
    /// The board's memory.
    pub regions: Vec<(String, Range<u64>)>,
    /// First address of the arena.
    pub arena: Option<u64>,
    /// What lies in the arena.
    pub buffers: Vec<Buffer>,
    /// Memory that the stack must not reach.
    pub stack_guard: Option<Range<u64>>,
}

/// What people call an operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperatorName {
    /// `op:3`.
    pub called: String,
    /// `CONV_2D`.
    pub name: String,
    /// When it runs, as buffers count time; none where it has no time of its own.
    pub time: Option<usize>,
}

/// A function or object of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Symbol {
    /// Demangled, without hash.
    pub name: String,
    /// Its addresses.
    pub place: Range<u64>,
}

/// A part of the arena.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Buffer {
    /// A tensor's name, or `scratch of op:3`.
    pub name: String,
    /// Bytes of the arena.
    pub place: Range<u64>,
    /// When it holds what it is named after.
    pub live: RangeInclusive<usize>,
}

/// Bytes on each side of the arena that the harness looks after.
const GUARD_BYTES: u64 = 16;

impl Names for &Decoder {
    fn operator(&self, index: usize) -> String {
        match self.operators.get(index) {
            Some(known) if known.name.is_empty() => known.called.clone(),
            Some(known) => format!("{} {}", known.called, known.name),
            None => format!("op:{index}"),
        }
    }

    fn code(&self, address: u32) -> Option<String> {
        // Bit 0 says that the code is Thumb's.
        let address = u64::from(address & !1);
        self.symbol(address).map(|symbol| format!("`{}`+{:#x}", symbol.name, address - symbol.place.start))
    }

    fn data(&self, address: u32, operator: Option<usize>) -> Option<String> {
        let address = u64::from(address);
        if self.stack_guard.as_ref().is_some_and(|guard| guard.contains(&address)) {
            return Some("the stack's guard".to_owned());
        }
        if let Some(place) = self.in_arena(address, operator) {
            return Some(place);
        }
        if let Some(symbol) = self.symbol(address) {
            return Some(format!("`{}`+{:#x}", symbol.name, address - symbol.place.start));
        }
        match self.regions.iter().find(|(_, place)| place.contains(&address)) {
            Some((name, _)) => Some(format!("in {name}")),
            None if self.regions.is_empty() => None,
            None => Some("in no memory of the board's file".to_owned()),
        }
    }
}

impl Decoder {
    fn symbol(&self, address: u64) -> Option<&Symbol> {
        let behind = self.symbols.partition_point(|symbol| symbol.place.start <= address);
        // Symbols may overlap: the nearest one that reaches so far.
        self.symbols[..behind].iter().rev().take(8).find(|symbol| symbol.place.contains(&address))
    }

    fn in_arena(&self, address: u64, operator: Option<usize>) -> Option<String> {
        let start = self.arena?;
        let end = start + self.buffers.iter().map(|buffer| buffer.place.end).max()?;
        if (start - GUARD_BYTES.min(start)..start).contains(&address) {
            return Some("the guard before the arena".to_owned());
        }
        if (end..end + GUARD_BYTES).contains(&address) {
            return Some("the guard behind the arena".to_owned());
        }
        let offset = address.checked_sub(start).filter(|_| address < end)?;
        let time = operator.and_then(|index| self.operators.get(index)?.time);
        let there = |buffer: &&Buffer| buffer.place.contains(&offset);
        let live = |buffer: &&Buffer| time.is_none_or(|time| buffer.live.contains(&time));
        let names: Vec<String> =
            self.buffers.iter().filter(there).filter(live).map(|buffer| format!("`{}`", buffer.name)).collect();
        Some(match names.as_slice() {
            [] => format!("byte {offset} of the arena, which holds nothing then"),
            names => format!("byte {offset} of the arena: {}", names.join(" or ")),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoder() -> Decoder {
        let operator = |called: &str, name: &str, time: usize| OperatorName {
            called: called.into(),
            name: name.into(),
            time: Some(time),
        };
        let symbol = |name: &str, place: Range<u64>| Symbol { name: name.into(), place };
        let buffer =
            |name: &str, place: Range<u64>, live: RangeInclusive<usize>| Buffer { name: name.into(), place, live };
        Decoder {
            operators: vec![operator("hop.0", "", 0), operator("op:1", "ADD", 1)],
            symbols: vec![symbol("arm_add", 0x400..0x440), symbol("model::op_1_add", 0x440..0x460)],
            regions: vec![("FLASH".into(), 0..0x1000), ("RAM".into(), 0x2000_0000..0x2000_1000)],
            arena: Some(0x2000_0110),
            buffers: vec![buffer("a", 0..32, 0..=0), buffer("b", 0..16, 1..=1), buffer("c", 16..64, 1..=1)],
            stack_guard: Some(0x2000_0200..0x2000_0300),
        }
    }

    #[test]
    fn code_is_a_function_and_an_offset() {
        let decoder = &decoder();
        assert_eq!(decoder.code(0x41f).as_deref(), Some("`arm_add`+0x1e"));
        assert_eq!(decoder.code(0x440).as_deref(), Some("`model::op_1_add`+0x0"));
        assert_eq!(decoder.code(0x460), None);
        assert_eq!(decoder.operator(0), "hop.0");
        assert_eq!(decoder.operator(1), "op:1 ADD");
        assert_eq!(decoder.operator(9), "op:9");
    }

    #[test]
    fn data_is_named_by_whoever_has_it_then() {
        let decoder = &decoder();
        let data = |address, operator| decoder.data(address, operator).unwrap();
        assert_eq!(data(0x2000_0114, Some(0)), "byte 4 of the arena: `a`");
        assert_eq!(data(0x2000_0114, Some(1)), "byte 4 of the arena: `b`");
        assert_eq!(data(0x2000_0114, None), "byte 4 of the arena: `a` or `b`");
        assert_eq!(data(0x2000_0110 + 40, Some(0)), "byte 40 of the arena, which holds nothing then");
        assert_eq!(data(0x2000_010f, None), "the guard before the arena");
        assert_eq!(data(0x2000_0150, None), "the guard behind the arena");
        assert_eq!(data(0x2000_0204, None), "the stack's guard");
        assert_eq!(data(0x404, None), "`arm_add`+0x4");
        assert_eq!(data(0x2000_0800, None), "in RAM");
        assert_eq!(data(0x4000_0000, None), "in no memory of the board's file");
        assert_eq!((&Decoder::default()).data(0x4000_0000, None), None);
    }
}
