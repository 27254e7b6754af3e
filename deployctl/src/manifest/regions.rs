//! The `memory` of a board file: its regions, and which of them firmware lies in.
//!
//! Knows addresses and the linker's names; does not know what firmware needs.

use std::ops::RangeInclusive;

use super::decode::{Grammar, Node, Times};
use super::hardware::{Memory, Region, RegionKind};
use super::types::Bytes;
use super::units;
use super::value::Value;

pub(super) const MEMORY: Grammar =
    Grammar { children: &[("flash", Times::Often), ("ram", Times::Often)], ..Grammar::NOTHING };
const REGION: Grammar = Grammar {
    arguments: 1,
    properties: &["address", "size", "kind", "use", "off-at-reset", "wait-states"],
    ..Grammar::NOTHING
};
const FLASH_EXAMPLE: &str = "flash \"FLASH\" address=0x0 size=\"256KiB\"";
const RAM_EXAMPLE: &str = "ram \"RAM\" address=0x20000000 size=\"64KiB\"";
const ADDRESSES: RangeInclusive<i128> = 0..=0xFFFF_FFFF;
/// Kinds of each kind, as files write them.
const FLASHES: [(&str, Memory); 2] = [("internal", Memory::Internal), ("qspi", Memory::Qspi)];
const RAMS: [(&str, Memory); 5] = [
    ("sram", Memory::Sram),
    ("axi-sram", Memory::AxiSram),
    ("dtcm", Memory::Dtcm),
    ("itcm", Memory::Itcm),
    ("backup", Memory::Backup),
];

/// The regions in the file's order, each apart from the others, one of each kind in use.
pub(super) fn read(memory: &Node<'_>) -> Option<Vec<Region>> {
    let mut found: Vec<(Node<'_>, Option<Region>)> = Vec::new();
    let kinds = [("flash", RegionKind::Flash, FLASH_EXAMPLE), ("ram", RegionKind::Ram, RAM_EXAMPLE)];
    for (name, kind, example) in kinds {
        let nodes = memory.children(name, &REGION);
        if nodes.is_empty() {
            memory.missing(name, example);
        }
        found.extend(in_use(&nodes, kind).into_iter().map(|(node, used)| (node, region(&node, kind, used))));
    }
    found.sort_by_key(|(node, _)| node.span().start);
    let checked: Vec<(Node<'_>, Region)> =
        found.iter().filter_map(|(node, region)| Some((*node, region.clone()?))).collect();
    for (index, (node, region)) in checked.iter().enumerate() {
        for (_, other) in &checked[..index] {
            check_apart(node, region, other);
        }
    }
    found.into_iter().map(|(_, region)| region).collect()
}

fn check_apart(node: &Node<'_>, region: &Region, other: &Region) {
    if region.name == other.name {
        let message = format!("two memory regions are called `{}`", region.name);
        node.refuse(message, "second one", "give each its own name");
    }
    let (end, other_end) = (region.address + region.size.0, other.address + other.size.0);
    if region.address < other_end && other.address < end {
        let message = format!("`{}` and `{}` overlap", region.name, other.name);
        let help = format!("`{}` lies at {:#x}..{:#x}", other.name, other.address, other_end);
        node.refuse(message, "overlaps", help);
    }
}

fn region(node: &Node<'_>, kind: RegionKind, used: bool) -> Option<Region> {
    let name = node.need_argument(0, "a name for the linker", RAM_EXAMPLE).and_then(|value| {
        let name = value.text()?;
        let plain = name.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_');
        if !plain || name.starts_with(|first: char| first.is_ascii_digit()) {
            let help = "use capital letters, digits and `_`, such as `RAM` or `SRAM1`";
            value.refuse(format!("`{name}` is no name for a memory region"), "here", help);
            return None;
        }
        Some(name)
    });
    let address = node.need_property("address", "address=0x20000000").and_then(|value| value.integer(ADDRESSES));
    let size = node.need_property("size", "size=\"64KiB\"");
    let bytes = size.and_then(|value| value.quantity(true, "64KiB", units::bytes));
    let (address, size, bytes) = (u64::try_from(address?).ok()?, size?, bytes?);
    if bytes.0 == 0 || bytes.0 > (1 << 32) - address {
        let help = "a region has at least one byte and ends at or below 4 GiB";
        size.refuse("a region of this size cannot lie there", "out of range", help);
        return None;
    }
    let memory = node.property("kind").map_or(Some(None), |value| match kind {
        RegionKind::Flash => value.choice(&FLASHES, &[]).map(Some),
        RegionKind::Ram => value.choice(&RAMS, &[]).map(Some),
    });
    let off_at_reset = off_at_reset(node, used);
    let wait_states = node.property("wait-states").map_or(Some(None), |value| value.integer(0..=255).map(Some));
    let wait_states = wait_states?.and_then(|states| u8::try_from(states).ok());
    let (name, size) = (name?, Bytes(bytes.0));
    check_alias(node, &name, kind, used);
    let (memory, off_at_reset) = (memory?, off_at_reset?);
    Some(Region { name, kind, address, size, memory, used, off_at_reset, wait_states })
}

/// What the linker script of the runtime calls the region that firmware lies in.
fn wanted(kind: RegionKind) -> &'static str {
    match kind {
        RegionKind::Flash => "FLASH",
        RegionKind::Ram => "RAM",
    }
}

/// The regions of a kind, each with whether firmware lies in it: the only one, or the one that says so.
fn in_use<'a>(nodes: &[Node<'a>], kind: RegionKind) -> Vec<(Node<'a>, bool)> {
    let what = match kind {
        RegionKind::Flash => "code",
        RegionKind::Ram => "data",
    };
    let mut chosen = 0;
    let mut found: Vec<(Node<'a>, bool)> = Vec::new();
    for node in nodes {
        let used = node.property("use").is_some_and(|value| value.choice(&[(what, ())], &[]).is_some());
        chosen += usize::from(used);
        if used && chosen > 1 {
            node.refuse(format!("two regions have `use=\"{what}\"`"), "second one", "firmware lies in one of them");
        }
        found.push((*node, used));
    }
    match found.as_mut_slice() {
        [(_, used)] => *used = true,
        [(first, _), ..] if chosen == 0 => {
            let help = format!("write `use=\"{what}\"` on the region that firmware's {what} shall lie in");
            first.refuse(format!("none of the `{}` regions is in use", first.name()), "one of them", help);
            // One mistake is enough: its name is not another one.
            for (node, used) in &mut found {
                *used = node.arguments().first().and_then(Value::name).as_deref() == Some(wanted(kind));
            }
        }
        _ => {}
    }
    found
}

fn off_at_reset(node: &Node<'_>, used: bool) -> Option<bool> {
    let Some(value) = node.property("off-at-reset") else { return Some(false) };
    let off = value.flag()?;
    if off && used {
        let help = "nothing in firmware switches it on before it is used: take another region";
        value.refuse("firmware cannot lie in memory that is off at reset", "off", help);
        return None;
    }
    Some(off)
}

/// The linker's own names are for the regions in use.
fn check_alias(node: &Node<'_>, name: &str, kind: RegionKind, used: bool) {
    for taken in [RegionKind::Flash, RegionKind::Ram] {
        if name == wanted(taken) && !(used && taken == kind) {
            let what = if taken == RegionKind::Flash { "code" } else { "data" };
            let help = format!("give it another name, such as `{name}2`");
            node.refuse(format!("the linker takes `{name}` for the region of firmware's {what}"), "not that", help);
        }
    }
}
