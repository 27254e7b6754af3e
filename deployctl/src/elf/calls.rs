//! Which functions a function calls, read from the Thumb code of linked firmware.
//!
//! Direct calls and tail calls, `BL` and `B` in all their encodings; a branch counts when it leads to the start of another
//! function. Words between the code, which a compiler marks with `$d`, are skipped. Calls through pointers are not seen:
//! generated operators and CMSIS-NN's kernels have none.

use std::collections::{BTreeMap, BTreeSet};

use object::{Object, ObjectSection, ObjectSymbol, SymbolKind};

/// Functions by name, each with those that it calls.
pub(super) type Calls = BTreeMap<String, BTreeSet<String>>;

/// The calls of every function of an Arm image; nothing for another architecture.
pub(super) fn calls(file: &object::File) -> Result<Calls, object::read::Error> {
    let mut found = Calls::new();
    if file.architecture() != object::Architecture::Arm {
        return Ok(found);
    }
    let mut starts: BTreeMap<u64, String> = BTreeMap::new();
    // Where code and data begin, by address: true for code.
    let mut kinds: BTreeMap<u64, bool> = BTreeMap::new();
    let mut functions = Vec::new();
    for symbol in file.symbols() {
        let name = symbol.name()?;
        match name.get(..2) {
            Some("$t") => drop(kinds.insert(symbol.address(), true)),
            Some("$d") => drop(kinds.insert(symbol.address(), false)),
            _ if symbol.kind() == SymbolKind::Text && symbol.size() > 0 => {
                let start = symbol.address() & !1;
                starts.insert(start, demangled(name));
                functions.push((start, symbol.size(), symbol.section_index()));
            }
            _ => {}
        }
    }
    for (start, size, section) in functions {
        let Some(section) = section else { continue };
        let Some(code) = file.section_by_index(section)?.data_range(start, size)? else { continue };
        let is_code = |address: u64| kinds.range(..=address).next_back().is_none_or(|(_, code)| *code);
        let targets = targets(code, start, is_code).into_iter().filter(|target| *target != start);
        let names = targets.filter_map(|target| starts.get(&target).cloned());
        found.entry(starts[&start].clone()).or_default().extend(names);
    }
    Ok(found)
}

/// Everything that `function` runs, itself excepted, unless it calls itself by way of others.
pub(super) fn reached<'a>(calls: &'a Calls, function: &str) -> BTreeSet<&'a str> {
    let mut reached = BTreeSet::new();
    let called = |name: &str| calls.get(name).into_iter().flatten().map(String::as_str);
    let mut open: Vec<&str> = called(function).collect();
    while let Some(name) = open.pop() {
        if reached.insert(name) {
            open.extend(called(name));
        }
    }
    reached
}

pub(super) fn demangled(name: &str) -> String {
    format!("{:#}", rustc_demangle::demangle(name))
}

/// Addresses that the branches in `code` lead to.
fn targets(code: &[u8], start: u64, is_code: impl Fn(u64) -> bool) -> Vec<u64> {
    let halfword = |at: usize| Some(u16::from_le_bytes(code.get(at..at + 2)?.try_into().ok()?));
    let mut targets = Vec::new();
    let mut at = 0;
    while let Some(first) = halfword(at) {
        let address = start + at as u64;
        // 0b11101, 0b11110 and 0b11111 begin an instruction of 32 bits.
        let wide = first >= 0xe800;
        let offset = match halfword(at + 2).filter(|_| wide) {
            _ if !is_code(address) => None,
            Some(second) => wide_branch(first, second),
            None => narrow_branch(first),
        };
        targets.extend(offset.map(|offset| address.wrapping_add(4).wrapping_add_signed(offset)));
        at += if wide && is_code(address) { 4 } else { 2 };
    }
    targets
}

/// Offset of `B` of 16 bits, encoding T2: Arm v6-M and v7-M reference manuals, A7.7.12.
fn narrow_branch(instruction: u16) -> Option<i64> {
    (instruction >> 11 == 0b11100).then(|| sign_extended(u32::from(instruction & 0x7ff) << 1, 12))
}

/// Offset of `BL` (T1) and `B` (T4) of 32 bits: Arm v7-M reference manual, A7.7.12 and A7.7.18.
fn wide_branch(first: u16, second: u16) -> Option<i64> {
    let bit = |word: u16, at: u16| u32::from(word >> at & 1);
    if first >> 11 != 0b11110 || second >> 15 != 1 || bit(second, 12) != 1 {
        return None;
    }
    let sign = bit(first, 10);
    let (high, low) = (bit(second, 13) ^ sign ^ 1, bit(second, 11) ^ sign ^ 1);
    let (above, below) = (u32::from(first & 0x3ff), u32::from(second & 0x7ff));
    Some(sign_extended(sign << 24 | high << 23 | low << 22 | above << 12 | below << 1, 25))
}

fn sign_extended(value: u32, bits: u32) -> i64 {
    i64::from((value << (32 - bits)).cast_signed() >> (32 - bits))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From what GNU as 2.40 assembles for `-mthumb -march=armv7-m`, at address 0x100.
    #[test]
    fn branches_of_all_encodings() {
        // bl . + 0x20; b.w . - 0x40; b.n . + 8; beq.w . + 4 (within a function: not taken for a call); nop
        let code = [0x00, 0xf0, 0x0e, 0xf8, 0xff, 0xf7, 0xde, 0xbf, 0x02, 0xe0, 0x00, 0xf0, 0x00, 0x80, 0x00, 0xbf];
        assert_eq!(targets(&code, 0x100, |_| true), [0x120, 0xc4, 0x110]);
        // The same bytes as data say nothing.
        assert!(targets(&code, 0x100, |_| false).is_empty());
        assert_eq!(targets(&code, 0x100, |address| address >= 0x104), [0xc4, 0x110]);
        assert!(targets(&code[..3], 0x100, |_| true).is_empty());
    }

    #[test]
    fn what_is_reached_through_others() {
        let calls = |pairs: &[(&str, &[&str])]| -> Calls {
            let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
            pairs.iter().map(|(name, called)| ((*name).to_owned(), owned(called))).collect()
        };
        let calls = calls(&[("op", &["shim"]), ("shim", &["arm", "memcpy"]), ("arm", &["arm"]), ("other", &["arm_2"])]);
        assert_eq!(Vec::from_iter(reached(&calls, "op")), ["arm", "memcpy", "shim"]);
        assert!(reached(&calls, "nothing").is_empty());
    }
}
